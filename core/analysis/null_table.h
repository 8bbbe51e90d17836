#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/analysis/null.h"

namespace rheo {

/// All nulls, in the order in which they are listed: a new one has its row here, and nothing else names it.
/// `null_specs::NAME` is its NullSpec (ANALYSES: Nulls says what each keeps and breaks).
// clang-format off
#define RHEO_NULLS(row)     \
    row(DepthShuffle)       \
    row(IncrementShuffle)   \
    row(SignFlip)           \
    row(GaussianWalk)       \
    row(RowShuffle)         \
    row(RandomBasis)        \
    row(StepSignFlip)       \
    row(PersistentFlip)     \
    row(PersistentUnitFlip) \
    row(PersistentWalk)     \
    row(PhaseShuffle)
// clang-format on

#define RHEO_NULL_KIND(name) name,
enum class NullKind { RHEO_NULLS(RHEO_NULL_KIND) };
#undef RHEO_NULL_KIND

namespace null_specs {
#define RHEO_NULL_SPEC(name) extern const NullSpec name;
RHEO_NULLS(RHEO_NULL_SPEC)
#undef RHEO_NULL_SPEC
}  // namespace null_specs

/// The row of a null.
const NullSpec& nullSpec(NullKind kind);
/// In the order of the table.
std::span<const NullSpec* const> allNulls();
/// nullptr where there is none of this name.
const NullSpec* findNull(std::string_view name);

/// "sign_flip", and back: nothing where there is none of this name.
std::string_view nullName(NullKind kind);
std::optional<NullKind> parseNull(std::string_view name);
/// Names of all of them, for messages.
std::vector<std::string_view> nullNames();

}  // namespace rheo
