#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/base/error.h"
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

}  // namespace rheo
