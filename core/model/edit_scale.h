#pragma once

#include "core/model/state_edit.h"

namespace rheo {

/// The formula below, on the state of one token [unit], in place. `vector` [unit].
void applyScale(std::span<double> state, std::span<const float> vector, double strength);

/// h' = strength h without a vector; with one only the component along it is scaled: h' = h + (strength - 1)
/// (h . u) u, u = v / norm of v.
inline constexpr EditOperation editScale{
    .name = "scale",
    .summary = "strength h, or with a vector h + (strength - 1) (h . u) u with u = v / norm of v",
    .vector = VectorUse::Optional,
    .needsLength = true,
    .neutral = 1,
    .high = 3,
    .apply = applyScale};

}  // namespace rheo
