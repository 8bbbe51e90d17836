#include "core/session/recipe.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace rheo {
namespace {

using Json = nlohmann::ordered_json;

constexpr int formatVersion = 1;
constexpr std::size_t largestRecipe = std::size_t{16} << 20;
constexpr int deepestRecipe = 64;
constexpr const char* versionKey = "rheograph_recipe";

/// Parses within bounds. Throws Error with `code`; `what` names the text in the message.
Json parseBounded(std::string_view text, const std::string& what, ErrorCode code) {
    if (text.size() > largestRecipe)
        throw Error(code, fmt::format("{} has {} bytes, more than the {} MiB that one may have.", what,
                                      text.size(), largestRecipe >> 20));
    try {
        return Json::parse(text, [&](int depth, Json::parse_event_t, Json&) {
            if (depth > deepestRecipe)
                throw Error(code, fmt::format("{} is nested deeper than {} levels.", what, deepestRecipe));
            return true;
        });
    } catch (const Json::exception& e) {
        throw Error(code, fmt::format("{} is not valid JSON: {}", what, e.what()));
    }
}

[[noreturn]] void refuse(const std::string& field, const char* expected, const Json& found) {
    std::string text = found.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (text.size() > 60) text = text.substr(0, 60) + "...";
    throw Error(ErrorCode::Format,
                fmt::format("The recipe's \"{}\" should be {}, but is {}.", field, expected, text), field);
}

/// `object[key]`, or null if it is not there.
const Json* member(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string readText(const Json& object, const char* key, const std::string& field, bool required) {
    const Json* value = member(object, key);
    if (value == nullptr) {
        if (required) throw Error(ErrorCode::Format, fmt::format("The recipe has no \"{}\".", field), field);
        return {};
    }
    if (!value->is_string()) refuse(field, "a text", *value);
    return value->get<std::string>();
}

double readNumber(const Json& value, const std::string& field) {
    if (!value.is_number()) refuse(field, "a number", value);
    const auto number = value.get<double>();
    if (!std::isfinite(number)) refuse(field, "a finite number", value);
    return number;
}

double readPositive(const Json& value, const std::string& field) {
    const double number = readNumber(value, field);
    if (!(number > 0)) refuse(field, "above 0", value);
    return number;
}

Camera readCamera(const Json& value) {
    if (!value.is_object()) refuse("camera", "an object", value);
    Camera camera;
    const auto number = [&](const char* key, double& target) {
        if (const Json* found = member(value, key))
            target = readNumber(*found, fmt::format("camera.{}", key));
    };
    number("azimuth", camera.azimuth);
    number("elevation", camera.elevation);
    number("roll", camera.roll);
    if (const Json* focal = member(value, "focal")) {
        if (!focal->is_array() || focal->size() != 3) refuse("camera.focal", "three numbers", *focal);
        for (std::size_t i = 0; i < 3; ++i)
            camera.focal[static_cast<Eigen::Index>(i)] = readNumber((*focal)[i], "camera.focal");
    }
    if (const Json* half = member(value, "half_height"))
        camera.halfHeight = readPositive(*half, "camera.half_height");
    if (const Json* perspective = member(value, "perspective")) {
        if (!perspective->is_boolean()) refuse("camera.perspective", "true or false", *perspective);
        camera.perspective = perspective->get<bool>();
    }
    return camera;
}

std::vector<AxisRange> readRanges(const Json& value) {
    if (!value.is_array()) refuse("ranges", "a list", value);
    std::vector<AxisRange> ranges;
    for (std::size_t i = 0; i < value.size(); ++i) {
        const auto field = fmt::format("ranges[{}]", i);
        if (!value[i].is_object()) refuse(field, "an object", value[i]);
        AxisRange range;
        const auto number = [&](const char* key) {
            const Json* found = member(value[i], key);
            if (found == nullptr)
                throw Error(ErrorCode::Format, fmt::format("The recipe has no \"{}.{}\".", field, key),
                            field);
            return readNumber(*found, field + "." + key);
        };
        const double panel = number("panel");
        if (!(panel >= 0 && panel < 1000)) refuse(field + ".panel", "the number of a panel", value[i]);
        range.panel = static_cast<int>(panel);
        const auto axis = readText(value[i], "axis", field + ".axis", true);
        if (axis != "x" && axis != "y") refuse(field + ".axis", "\"x\" or \"y\"", value[i]);
        range.vertical = axis == "y";
        range.low = number("low");
        range.high = number("high");
        ranges.push_back(range);
    }
    return ranges;
}

ColorRange readColors(const Json& value) {
    if (!value.is_object()) refuse("colors", "an object", value);
    ColorRange range;
    const auto number = [&](const char* key, double& to) {
        if (const Json* found = member(value, key)) to = readNumber(*found, std::string("colors.") + key);
    };
    number("low", range.low);
    number("high", range.high);
    number("blank_below", range.blankBelow);
    return range;
}

double checked(double number, const char* field) {
    if (!std::isfinite(number))
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("The recipe's \"{}\" is not a finite number.", field), field);
    return number;
}

}  // namespace

std::string recipeToJson(const Recipe& recipe) {
    Json json;
    json[versionKey] = formatVersion;
    json["view"] = recipe.view;
    json["sources"] = Json::array();
    for (const auto& source : recipe.sources) {
        Json entry{{"role", source.role}, {"path", source.path}};
        if (!source.hash.empty()) entry["hash"] = source.hash;
        json["sources"].push_back(std::move(entry));
    }
    const std::string options = recipe.options.empty() ? "{}" : recipe.options;
    json["options"] = parseBounded(options, "The options of the recipe", ErrorCode::InvalidArgument);
    if (!json["options"].is_object())
        throw Error(ErrorCode::InvalidArgument, "The options of the recipe are not a JSON object.",
                    "options");
    if (recipe.camera) {
        const Camera& camera = *recipe.camera;
        json["camera"] = {
            {"azimuth", checked(camera.azimuth, "camera.azimuth")},
            {"elevation", checked(camera.elevation, "camera.elevation")},
            {"roll", checked(camera.roll, "camera.roll")},
            {"focal",
             {checked(camera.focal.x(), "camera.focal"), checked(camera.focal.y(), "camera.focal"),
              checked(camera.focal.z(), "camera.focal")}},
            {"half_height", checked(camera.halfHeight, "camera.half_height")},
            {"perspective", camera.perspective},
        };
    }
    for (const auto& range : recipe.ranges)
        json["ranges"].push_back({{"panel", range.panel},
                                  {"axis", range.vertical ? "y" : "x"},
                                  {"low", checked(range.low, "ranges.low")},
                                  {"high", checked(range.high, "ranges.high")}});
    if (const auto& colors = recipe.colors)
        json["colors"] = {{"low", checked(colors->low, "colors.low")},
                          {"high", checked(colors->high, "colors.high")},
                          {"blank_below", checked(colors->blankBelow, "colors.blank_below")}};
    json["size_mm"] = {checked(recipe.widthMm, "size_mm"), checked(recipe.heightMm, "size_mm")};
    json["dpi"] = checked(recipe.dpi, "dpi");
    json["theme"] = recipe.theme;
    if (recipe.transparent) json["transparent"] = true;
    json["versions"] = Json::object();
    for (const auto& [name, version] : recipe.versions) json["versions"][name] = version;
    json["time"] = recipe.time;
    try {
        return json.dump(2);
    } catch (const Json::exception& e) {
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("A text of the recipe is not UTF-8: {}", e.what()));
    }
}

namespace {

/// Throws unless `json` is a recipe that this version can read.
void checkFormat(const Json& json) {
    if (!json.is_object())
        throw Error(ErrorCode::Format,
                    fmt::format("The recipe should be a JSON object, but is a {}.", json.type_name()));
    const Json* version = member(json, versionKey);
    if (version == nullptr)
        throw Error(ErrorCode::Format,
                    fmt::format("This JSON is not a recipe of Rheograph: it has no \"{}\".", versionKey),
                    versionKey);
    if (!version->is_number_integer()) refuse(versionKey, "a whole number", *version);
    if (version->get<std::int64_t>() > formatVersion)
        throw Error(ErrorCode::Unsupported,
                    fmt::format("The recipe has format {}, and this program knows formats up to {}: make the "
                                "figure with a newer Rheograph.",
                                version->dump(), formatVersion),
                    versionKey);
}

void readSources(const Json& value, Recipe& recipe) {
    if (!value.is_array()) refuse("sources", "a list", value);
    for (std::size_t i = 0; i < value.size(); ++i) {
        const Json& entry = value[i];
        const auto field = fmt::format("sources[{}]", i);
        if (!entry.is_object()) refuse(field, "an object", entry);
        recipe.sources.push_back({readText(entry, "role", field + ".role", true),
                                  readText(entry, "path", field + ".path", true),
                                  readText(entry, "hash", field + ".hash", false)});
    }
}

void readOptions(const Json& value, Recipe& recipe) {
    if (!value.is_object()) refuse("options", "an object", value);
    recipe.options = value.dump();
}

void readSize(const Json& value, Recipe& recipe) {
    if (!value.is_array() || value.size() != 2) refuse("size_mm", "two numbers", value);
    recipe.widthMm = readPositive(value[0], "size_mm");
    recipe.heightMm = readPositive(value[1], "size_mm");
}

void readTheme(const Json& value, Recipe& recipe) {
    if (!value.is_string()) refuse("theme", "a text", value);
    if (value != "light" && value != "dark") refuse("theme", "\"light\" or \"dark\"", value);
    recipe.theme = value.get<std::string>();
}

void readVersions(const Json& value, Recipe& recipe) {
    if (!value.is_object()) refuse("versions", "an object", value);
    for (const auto& [name, version] : value.items()) {
        if (!version.is_string()) refuse("versions." + name, "a text", version);
        recipe.versions[name] = version.get<std::string>();
    }
}

struct Field {
    const char* key;
    void (*read)(const Json& value, Recipe& recipe);
};

/// Fields that a recipe may have besides its view.
constexpr Field optionalFields[] = {
    {"sources", readSources},
    {"options", readOptions},
    {"camera", [](const Json& value, Recipe& recipe) { recipe.camera = readCamera(value); }},
    {"ranges", [](const Json& value, Recipe& recipe) { recipe.ranges = readRanges(value); }},
    {"colors", [](const Json& value, Recipe& recipe) { recipe.colors = readColors(value); }},
    {"size_mm", readSize},
    {"dpi", [](const Json& value, Recipe& recipe) { recipe.dpi = readPositive(value, "dpi"); }},
    {"theme", readTheme},
    {"transparent",
     [](const Json& value, Recipe& recipe) {
         if (!value.is_boolean()) refuse("transparent", "true or false", value);
         recipe.transparent = value.get<bool>();
     }},
    {"versions", readVersions},
};

}  // namespace

Recipe recipeFromJson(std::string_view text) {
    const Json json = parseBounded(text, "The recipe", ErrorCode::Format);
    checkFormat(json);
    Recipe recipe;
    recipe.view = readText(json, "view", "view", true);
    for (const Field& field : optionalFields)
        if (const Json* value = member(json, field.key)) field.read(*value, recipe);
    recipe.time = readText(json, "time", "time", false);
    return recipe;
}

}  // namespace rheo
