#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/figure/color.h"
#include "core/session/recipe.h"

namespace rheo {

/// The options of a recipe. Throws Error(Format) where they are no JSON object, and Error(Unsupported) naming
/// an option that is not among `known`.
nlohmann::ordered_json parseRecipeOptions(const Recipe& recipe,
                                          std::initializer_list<std::string_view> known);

/// `options[key]` as T, or `otherwise` where it is absent or null. Throws Error(Format) naming the option
/// where it cannot be a T.
template <class T>
T recipeOption(const nlohmann::ordered_json& options, const char* key, T otherwise) {
    const auto found = options.find(key);
    if (found == options.end() || found->is_null()) return otherwise;
    try {
        return found->template get<T>();
    } catch (const nlohmann::ordered_json::exception&) {
        throw Error(ErrorCode::Format,
                    fmt::format("option {} of the figure cannot be {}", key, found->dump()), key);
    }
}

/// What an option calls a value.
template <class Value>
struct Named {
    std::string_view name;
    Value value;
};

/// The name of a value; empty for one that has none.
template <class Names, class Value>
std::string_view nameOf(const Names& names, Value value) {
    for (const auto& entry : names)
        if (entry.value == value) return entry.name;
    return {};
}
/// The value that `options[key]` names; the first where it names none.
template <class Names>
auto valueNamed(const nlohmann::ordered_json& options, const char* key, const Names& names) {
    const auto name = recipeOption(options, key, std::string(names.front().name));
    for (const auto& entry : names)
        if (entry.name == name) return entry.value;
    std::string known;
    for (const auto& entry : names) known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.name);
    throw Error(ErrorCode::InvalidArgument,
                fmt::format("option {} of the figure is '{}'; there are {}", key, name, known), key);
}

/// Throws Error(InvalidArgument) naming the colour maps there are.
ColorMap mapNamed(const std::string& name);

/// The options of trajectories, unread. Throws as parseRecipeOptions.
nlohmann::ordered_json parseTrajectoryOptions(const Recipe& recipe);

}  // namespace rheo
