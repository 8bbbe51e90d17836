#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include "core/base/error.h"
#include "core/figure/row_colors.h"
#include "core/session/recipe_figure.h"
#include "core/session/recipe_options.h"

// The options of trajectories as a recipe keeps them, and back.
namespace rheo {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array groupMeanNames{Named{"none", GroupMeans::None}, Named{"mean", GroupMeans::Mean},
                                    Named{"spread", GroupMeans::Spread}};
constexpr std::array limitNames{Named{"all", AxisLimits::All}, Named{"robust", AxisLimits::Robust}};

Json jsonOf(const std::vector<RowIndex>& rows) {
    Json numbers = Json::array();
    for (const auto row : rows) numbers.push_back(row.value());
    return numbers;
}

Json jsonOf(const MatrixD& matrix) {
    Json rows = Json::array();
    for (Eigen::Index i = 0; i < matrix.rows(); ++i)
        rows.push_back(std::vector<double>(matrix.row(i).begin(), matrix.row(i).end()));
    return rows;
}

MatrixD matrixOf(const Json& options, const char* key) {
    const auto rows = recipeOption(options, key, std::vector<std::vector<double>>{});
    MatrixD matrix(static_cast<Eigen::Index>(rows.size()),
                   static_cast<Eigen::Index>(rows.empty() ? 0 : rows.front().size()));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].size() != rows.front().size())
            throw Error(ErrorCode::Format,
                        fmt::format("option {} of the figure has rows of different lengths", key), key);
        for (std::size_t j = 0; j < rows[i].size(); ++j)
            matrix(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = rows[i][j];
    }
    return matrix;
}

Json jsonOf(const TeleportOverlay& teleport) {
    Json json{{"point", teleport.point.value()},
              {"natural", jsonOf(teleport.natural)},
              {"teleported", jsonOf(teleport.teleported)},
              {"extend_axes", teleport.extendAxes}};
    if (!teleport.name.empty()) json["name"] = teleport.name;
    if (teleport.compared) json["compared"] = *teleport.compared;
    return json;
}

TeleportOverlay overlayOf(const Json& json) {
    if (!json.is_object())
        throw Error(ErrorCode::Format, "a teleport of the figure should be an object", "teleport");
    TeleportOverlay overlay;
    overlay.point = PointIndex{recipeOption<std::int64_t>(json, "point", 0)};
    overlay.natural = matrixOf(json, "natural");
    overlay.teleported = matrixOf(json, "teleported");
    overlay.extendAxes = recipeOption(json, "extend_axes", true);
    overlay.name = recipeOption(json, "name", std::string());
    if (json.contains("compared")) overlay.compared = std::max(0, recipeOption(json, "compared", 0));
    return overlay;
}

std::vector<std::pair<std::string, std::vector<RowIndex>>> namedRowsOf(const Json& options) {
    std::vector<std::pair<std::string, std::vector<RowIndex>>> named;
    const auto list = options.find("named_rows");
    if (list == options.end() || list->is_null()) return named;
    if (!list->is_array())
        throw Error(ErrorCode::Format, "option named_rows of the figure should be a list", "named_rows");
    for (const Json& one : *list) {
        if (!one.is_object())
            throw Error(ErrorCode::Format, "named rows of the figure should be objects", "named_rows");
        auto& [name, rows] =
            named.emplace_back(recipeOption(one, "name", std::string()), std::vector<RowIndex>{});
        for (const auto row : recipeOption(one, "rows", std::vector<std::int64_t>{})) rows.emplace_back(row);
    }
    return named;
}

/// The direction that colours the states.
void setDirection(const Json& options, TrajectoryOptions& o) {
    const auto direction = options.find("direction");
    if (direction == options.end() || !direction->is_object()) return;
    o.directionName = recipeOption(*direction, "name", std::string());
    const auto values = recipeOption(*direction, "values", std::vector<float>{});
    o.direction = Eigen::Map<const VectorF>(values.data(), static_cast<Eigen::Index>(values.size()));
}

std::optional<PlaneArrows> arrowsOf(const Json& options) {
    const auto found = options.find("arrows");
    if (found == options.end() || !found->is_object()) return std::nullopt;
    PlaneArrows arrows;
    arrows.name = recipeOption(*found, "name", std::string());
    arrows.axes = recipeOption(*found, "axes", arrows.axes);
    const auto through = recipeOption(*found, "through", std::vector<double>{});
    arrows.through = Eigen::Map<const VectorD>(through.data(), static_cast<Eigen::Index>(through.size()));
    arrows.segments = matrixOf(*found, "segments");
    return arrows;
}

std::vector<MorePaths> morePathsOf(const Json& options) {
    std::vector<MorePaths> all;
    const auto list = options.find("more");
    if (list == options.end() || list->is_null()) return all;
    if (!list->is_array())
        throw Error(ErrorCode::Format, "option more of the figure should be a list", "more");
    for (const Json& one : *list) {
        if (!one.is_object() || !one.contains("paths") || !one["paths"].is_array())
            throw Error(ErrorCode::Format, "more paths of the figure should be objects with paths", "more");
        MorePaths& more = all.emplace_back();
        more.name = recipeOption(one, "name", std::string());
        more.changed = recipeOption(one, "changed", false);
        for (const Json& path : one["paths"]) more.scores.push_back(matrixOf(Json{{"path", path}}, "path"));
    }
    return all;
}

}  // namespace

nlohmann::ordered_json parseTrajectoryOptions(const Recipe& recipe) {
    return parseRecipeOptions(
        recipe, {"components",   "rows",           "selected",  "highlighted", "mean",        "color_by",
                 "token_texts",  "color_by_depth", "map",       "strong",      "strong_mean", "only_strong",
                 "followed",     "teleport",       "teleports", "group_means", "limits",      "points",
                 "first_tokens", "named_rows",     "surprise",  "most_rows",   "column",      "hidden",
                 "more",         "component",      "direction", "arrows",      "axes"});
}

std::string recipeOptions(const TrajectoryOptions& o, const std::vector<TeleportOverlay>& teleports) {
    Json options;
    options["components"] = o.components;
    if (!o.rows.empty()) options["rows"] = jsonOf(o.rows);
    if (o.selected) options["selected"] = o.selected->value();
    if (!o.strong.empty()) {
        options["strong"] = jsonOf(o.strong);
        options["strong_mean"] = o.strongMean;
        options["only_strong"] = o.onlyStrong;
    }
    if (o.followed.size() > 0) options["followed"] = {{"name", o.followedName}, {"path", jsonOf(o.followed)}};
    if (o.highlighted) options["highlighted"] = o.highlighted->value();
    options["mean"] = o.mean;
    options["group_means"] = nameOf(groupMeanNames, o.groupMeans);
    options["limits"] = nameOf(limitNames, o.limits);
    if (o.lastPoint || o.firstPoint.value() > 0) {
        options["points"] = {o.firstPoint.value()};
        if (o.lastPoint) options["points"].push_back(o.lastPoint->value());
    }
    options["first_tokens"] = o.firstTokens;
    options["most_rows"] = o.mostRows;
    options["color_by"] = rowColorName(o.colorBy);
    if (!o.hidden.empty()) options["hidden"] = o.hidden;
    for (const MorePaths& more : o.more) {
        Json paths = Json::array();
        for (const MatrixD& path : more.scores) paths.push_back(jsonOf(path));
        options["more"].push_back({{"name", more.name}, {"changed", more.changed}, {"paths", paths}});
    }
    if (o.arrows)
        options["arrows"] = {
            {"name", o.arrows->name},
            {"axes", o.arrows->axes},
            {"through", std::vector<double>(o.arrows->through.begin(), o.arrows->through.end())},
            {"segments", jsonOf(o.arrows->segments)}};
    if (!o.column.empty()) options["column"] = o.column;
    if (o.colorBy == RowColor::Component) options["component"] = o.colorComponent;
    if (o.colorBy == RowColor::Direction)
        options["direction"] = {{"name", o.directionName},
                                {"values", std::vector<float>(o.direction.begin(), o.direction.end())}};
    for (const auto& [id, text] : o.tokenTexts) options["token_texts"][std::to_string(id)] = text;
    for (const auto& [name, rows] : o.namedRows)
        options["named_rows"].push_back({{"name", name}, {"rows", jsonOf(rows)}});
    if (!o.surprise.empty()) options["surprise"] = o.surprise;  // NaN becomes null
    options["map"] = colorMapName(o.map);
    for (const auto& teleport : teleports) options["teleports"].push_back(jsonOf(teleport));
    return options.dump();
}

TrajectoryOptions trajectoryOptions(const Recipe& recipe) {
    const Json options = parseTrajectoryOptions(recipe);
    TrajectoryOptions o;
    o.theme = themeNamed(recipe.theme);
    o.camera = recipe.camera;
    o.components = recipeOption(options, "components", o.components);
    for (const auto row : recipeOption(options, "rows", std::vector<std::int64_t>{}))
        o.rows.emplace_back(row);
    for (const auto row : recipeOption(options, "strong", std::vector<std::int64_t>{}))
        o.strong.emplace_back(row);
    o.strongMean = recipeOption(options, "strong_mean", o.strongMean);
    o.onlyStrong = recipeOption(options, "only_strong", o.onlyStrong);
    o.groupMeans = valueNamed(options, "group_means", groupMeanNames);
    o.limits = valueNamed(options, "limits", limitNames);
    o.firstTokens = recipeOption(options, "first_tokens", o.firstTokens);
    o.mostRows = recipeOption(options, "most_rows", o.mostRows);
    const auto points = recipeOption(options, "points", std::vector<std::int64_t>{});
    if (!points.empty()) o.firstPoint = PointIndex{points[0]};
    if (points.size() > 1) o.lastPoint = PointIndex{points[1]};
    if (const auto followed = options.find("followed"); followed != options.end() && followed->is_object()) {
        o.followed = matrixOf(*followed, "path");
        o.followedName = recipeOption(*followed, "name", std::string());
    }
    if (options.contains("selected"))
        o.selected = RowIndex{recipeOption<std::int64_t>(options, "selected", 0)};
    if (options.contains("highlighted"))
        o.highlighted = PointIndex{recipeOption<std::int64_t>(options, "highlighted", 0)};
    o.mean = recipeOption(options, "mean", o.mean);
    const auto by =
        recipeOption<std::string>(options, "color_by",
                                  // as recipes before there were kinds and numbers
                                  recipeOption(options, "color_by_depth", true) ? "depth" : "nothing");
    const auto color = parseRowColor(by);
    if (!color) throw Error(ErrorCode::InvalidArgument, fmt::format("rows cannot be coloured by '{}'", by));
    o.colorBy = *color;
    for (const auto& [id, text] : recipeOption(options, "token_texts", std::map<std::string, std::string>{}))
        if (const int number = std::atoi(id.c_str()); number >= 0) o.tokenTexts[number] = text;
    o.column = recipeOption(options, "column", std::string());
    o.colorComponent = recipeOption(options, "component", 0);
    setDirection(options, o);
    o.namedRows = namedRowsOf(options);
    o.hidden = recipeOption(options, "hidden", std::vector<std::string>{});
    o.more = morePathsOf(options);
    o.arrows = arrowsOf(options);
    if (const auto surprise = options.find("surprise"); surprise != options.end() && surprise->is_array())
        for (const Json& value : *surprise)
            o.surprise.push_back(value.is_number() ? value.get<double>()
                                                   : std::numeric_limits<double>::quiet_NaN());
    o.map = mapNamed(recipeOption<std::string>(options, "map", "viridis"));
    return o;
}

std::vector<TeleportOverlay> teleportOverlays(const Recipe& recipe) {
    const Json options = parseTrajectoryOptions(recipe);
    std::vector<TeleportOverlay> overlays;
    // Alone under an older name, or in a list.
    if (const auto one = options.find("teleport"); one != options.end() && !one->is_null())
        overlays.push_back(overlayOf(*one));
    if (const auto list = options.find("teleports"); list != options.end() && !list->is_null()) {
        if (!list->is_array())
            throw Error(ErrorCode::Format, "option teleports of the figure should be a list", "teleports");
        for (const Json& one : *list) overlays.push_back(overlayOf(one));
    }
    return overlays;
}

}  // namespace rheo
