#include "core/session/recipe_options.h"

#include <algorithm>

namespace rheo {

nlohmann::ordered_json parseRecipeOptions(const Recipe& recipe,
                                          std::initializer_list<std::string_view> known) {
    auto options = nlohmann::ordered_json::parse(recipe.options, nullptr, false);
    if (!options.is_object())
        throw Error(ErrorCode::Format,
                    "the options of a figure should be a JSON object, and are " + recipe.options);
    for (const auto& [key, value] : options.items())
        if (std::find(known.begin(), known.end(), key) == known.end())
            throw Error(ErrorCode::Unsupported,
                        fmt::format("view {} has no option {}; it has {}", recipe.view, key,
                                    known.size() == 0 ? "none" : fmt::format("{}", fmt::join(known, ", "))),
                        key);
    return options;
}

ColorMap mapNamed(const std::string& name) {
    if (const auto map = parseColorMap(name)) return *map;
    throw Error(ErrorCode::InvalidArgument,
                fmt::format("'{}' is not a colour map; choose viridis, cividis or vik", name));
}

}  // namespace rheo
