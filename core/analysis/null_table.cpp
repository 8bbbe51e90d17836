#include "core/analysis/null_table.h"

#include <algorithm>
#include <array>

namespace rheo {

namespace {

#define RHEO_NULL_ROW(name) &null_specs::name,
constexpr std::array table{RHEO_NULLS(RHEO_NULL_ROW)};
#undef RHEO_NULL_ROW

auto rowNamed(std::string_view name) {
    return std::find_if(table.begin(), table.end(), [&](const NullSpec* spec) { return spec->name == name; });
}

}  // namespace

const NullSpec& nullSpec(NullKind kind) {
    return *table[static_cast<std::size_t>(kind)];
}

std::span<const NullSpec* const> allNulls() {
    return table;
}

const NullSpec* findNull(std::string_view name) {
    const auto found = rowNamed(name);
    return found == table.end() ? nullptr : *found;
}

std::string_view nullName(NullKind kind) {
    return nullSpec(kind).name;
}

std::optional<NullKind> parseNull(std::string_view name) {
    const auto found = rowNamed(name);
    if (found == table.end()) return std::nullopt;
    return static_cast<NullKind>(found - table.begin());
}

std::vector<std::string_view> nullNames() {
    std::vector<std::string_view> names;
    for (const auto* spec : table) names.push_back(spec->name);
    return names;
}

}  // namespace rheo
