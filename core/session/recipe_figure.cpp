#include "core/session/recipe_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace rheo {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 7> views{"trajectories", "density",        "sparsity", "pca",
                                                "latent",       "reconstruction", "teleport"};

Json parseOptions(const Recipe& recipe, std::initializer_list<std::string_view> known) {
    const Json options = Json::parse(recipe.options, nullptr, false);
    if (!options.is_object())
        throw Error(ErrorCode::Format,
                    "the options of a figure should be a JSON object, and are " + recipe.options);
    for (const auto& [key, value] : options.items())
        if (std::find(known.begin(), known.end(), key) == known.end())
            throw Error(
                ErrorCode::Unsupported,
                fmt::format("view {} has no option {}; it has {}", recipe.view, key, fmt::join(known, ", ")),
                key);
    return options;
}

/// `options[key]` as T, or `otherwise` where it is absent or null.
template <class T>
T option(const Json& options, const char* key, T otherwise) {
    const auto found = options.find(key);
    if (found == options.end() || found->is_null()) return otherwise;
    try {
        return found->get<T>();
    } catch (const Json::exception&) {
        throw Error(ErrorCode::Format,
                    fmt::format("option {} of the figure cannot be {}", key, found->dump()), key);
    }
}

ColorMap mapNamed(const std::string& name) {
    if (const auto map = parseColorMap(name)) return *map;
    throw Error(ErrorCode::InvalidArgument,
                fmt::format("'{}' is no colour map; there are viridis, cividis and vik", name));
}

Json parseTrajectoryOptions(const Recipe& recipe) {
    return parseOptions(recipe, {"components", "rows", "selected", "highlighted", "mean", "color_by_depth",
                                 "map", "teleport"});
}

Json jsonOf(const MatrixD& matrix) {
    Json rows = Json::array();
    for (Eigen::Index i = 0; i < matrix.rows(); ++i)
        rows.push_back(std::vector<double>(matrix.row(i).begin(), matrix.row(i).end()));
    return rows;
}

MatrixD matrixOf(const Json& options, const char* key) {
    const auto rows = option(options, key, std::vector<std::vector<double>>{});
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

const PcaResult& requirePca(const Results& results) {
    if (!results.statistics.pca)
        throw Error(ErrorCode::NotFound, "these results hold no PCA; make one with rheo analyze --stat pca",
                    results.source.path);
    return *results.statistics.pca;
}

const DensityResult& requireDensity(const Results& results) {
    if (!results.statistics.density)
        throw Error(ErrorCode::NotFound,
                    "these results hold no density; compute it with rheo analyze --stat density",
                    results.source.path);
    return *results.statistics.density;
}

const AutoencoderResult& requireAutoencoder(const Results& results) {
    if (!results.statistics.autoencoder)
        throw Error(ErrorCode::NotFound,
                    "these results hold no autoencoder; train one with rheo analyze --stat autoencoder",
                    results.source.path);
    return *results.statistics.autoencoder;
}

}  // namespace

std::vector<std::string_view> figureViews() {
    return {views.begin(), views.end()};
}

Theme themeNamed(const std::string& name) {
    if (name == "light") return lightTheme();
    if (name == "dark") return darkTheme();
    throw Error(ErrorCode::InvalidArgument, fmt::format("theme '{}' is neither light nor dark", name));
}

std::string recipeOptions(const TrajectoryOptions& o, const std::optional<TeleportOverlay>& teleport) {
    Json options;
    options["components"] = o.components;
    if (!o.rows.empty()) {
        auto& rows = options["rows"] = Json::array();
        for (const auto row : o.rows) rows.push_back(row.value());
    }
    if (o.selected) options["selected"] = o.selected->value();
    if (o.highlighted) options["highlighted"] = o.highlighted->value();
    options["mean"] = o.mean;
    options["color_by_depth"] = o.colorByDepth;
    options["map"] = colorMapName(o.map);
    if (teleport)
        options["teleport"] = {{"point", teleport->point.value()},
                               {"natural", jsonOf(teleport->natural)},
                               {"teleported", jsonOf(teleport->teleported)},
                               {"extend_axes", teleport->extendAxes}};
    return options.dump();
}

TrajectoryOptions trajectoryOptions(const Recipe& recipe) {
    const Json options = parseTrajectoryOptions(recipe);
    TrajectoryOptions o;
    o.theme = themeNamed(recipe.theme);
    o.camera = recipe.camera;
    o.components = option(options, "components", o.components);
    for (const auto row : option(options, "rows", std::vector<std::int64_t>{})) o.rows.emplace_back(row);
    if (options.contains("selected")) o.selected = RowIndex{option<std::int64_t>(options, "selected", 0)};
    if (options.contains("highlighted"))
        o.highlighted = PointIndex{option<std::int64_t>(options, "highlighted", 0)};
    o.mean = option(options, "mean", o.mean);
    o.colorByDepth = option(options, "color_by_depth", o.colorByDepth);
    o.map = mapNamed(option<std::string>(options, "map", "viridis"));
    return o;
}

std::optional<TeleportOverlay> teleportOverlay(const Recipe& recipe) {
    const Json options = parseTrajectoryOptions(recipe);
    const auto found = options.find("teleport");
    if (found == options.end() || found->is_null()) return std::nullopt;
    if (!found->is_object())
        throw Error(ErrorCode::Format, "option teleport of the figure should be an object", "teleport");
    TeleportOverlay overlay;
    overlay.point = PointIndex{option<std::int64_t>(*found, "point", 0)};
    overlay.natural = matrixOf(*found, "natural");
    overlay.teleported = matrixOf(*found, "teleported");
    overlay.extendAxes = option(*found, "extend_axes", true);
    return overlay;
}

std::string recipeOptions(const DensityOptions& o) {
    Json options;
    options["measure"] = densityMeasureName(o.measure);
    options["sorted"] = o.sorted;
    options["map"] = colorMapName(o.map);
    if (o.limit) options["limit"] = *o.limit;
    return options.dump();
}

DensityOptions densityOptions(const Recipe& recipe) {
    const Json options = parseOptions(recipe, {"measure", "sorted", "map", "limit"});
    DensityOptions o;
    o.theme = themeNamed(recipe.theme);
    const auto name = option<std::string>(options, "measure", "mean");
    const auto measure = parseDensityMeasure(name);
    if (!measure)
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("'{}' is no measure of density; there are mean, mean_abs, rms and active_fraction",
                        name));
    o.measure = *measure;
    o.sorted = option(options, "sorted", o.sorted);
    o.map = mapNamed(option<std::string>(options, "map", "viridis"));
    if (options.contains("limit")) o.limit = option<double>(options, "limit", 0);
    return o;
}

LatentOptions latentOptions(const Recipe& recipe) {
    const Json options = parseOptions(recipe, {"rows", "map"});
    LatentOptions o;
    o.theme = themeNamed(recipe.theme);
    for (const auto row : option(options, "rows", std::vector<std::int64_t>{})) o.rows.emplace_back(row);
    o.map = mapNamed(option<std::string>(options, "map", "viridis"));
    return o;
}

std::vector<std::string> rowLabels(const TraceInfo& info) {
    std::vector<std::string> labels;
    for (const auto& row : info.rows)
        labels.push_back(fmt::format("sample {}, token {}", row.sample, row.position));
    return labels;
}

Figure figureOfResults(const Results& results, const Recipe& recipe) {
    const auto& points = results.source.info.points;
    if (recipe.view == "trajectories") {
        const PcaResult& pca = requirePca(results);
        const TrajectoryOptions options = trajectoryOptions(recipe);
        Figure figure = trajectoryFigure(
            {pca.scores, pca.basis.explained, points, rowLabels(results.source.info)}, options);
        if (const auto teleport = teleportOverlay(recipe)) addTeleport(figure, *teleport, options);
        return figure;
    }
    if (recipe.view == "pca") {
        parseOptions(recipe, {});
        const PcaResult& pca = requirePca(results);
        ExplainedInput input{pca.basis.explained, {}, pca.perPointExplained, points};
        for (const auto& [null, statistic, dataset, summary] : results.nulls)
            if (statistic == "pca" && dataset == "explained")
                input.nulls.push_back({null, summary.mean, summary.low, summary.high, summary.repeats});
        return explainedFigure(input, themeNamed(recipe.theme));
    }
    if (recipe.view == "density") {
        return densityFigure(requireDensity(results), points, densityOptions(recipe)).figure;
    }
    if (recipe.view == "sparsity") {
        parseOptions(recipe, {});
        const DensityResult& d = requireDensity(results);
        return densityCurvesFigure(d, points, themeNamed(recipe.theme));
    }
    if (recipe.view == "latent")
        return latentFigure(requireAutoencoder(results).latent, points, latentOptions(recipe));
    if (recipe.view == "reconstruction") {
        parseOptions(recipe, {});
        const AutoencoderResult& a = requireAutoencoder(results);
        return reconstructionFigure({a.r2, a.pcaR2, a.loss, points}, themeNamed(recipe.theme));
    }
    throw Error(ErrorCode::Unsupported,
                fmt::format("results have no view '{}'; there are {} (teleport from a teleport's file)",
                            recipe.view, fmt::join(views, ", ")));
}

Figure figureOfTeleport(const TeleportFile& teleport, const Recipe& recipe) {
    const Json options = parseOptions(recipe, {"rms"});
    const TeleportResult& result = teleport.result;
    TeleportCurves curves = teleportCurves(result, teleport.points, option(options, "rms", false));
    const VectorD before = softmax(result.natural.logits), after = softmax(result.teleported.logits);
    for (std::size_t i = 0; i < teleport.shownIds.size(); ++i)
        curves.tokens.push_back(
            {teleport.shownTexts[i], before[teleport.shownIds[i]], after[teleport.shownIds[i]]});
    return teleportFigure(curves, themeNamed(recipe.theme));
}

Figure figureOfRecipe(const Recipe& recipe) {
    if (std::find(views.begin(), views.end(), recipe.view) == views.end())
        throw Error(ErrorCode::Unsupported,
                    fmt::format("there is no view '{}'; there are {}", recipe.view, fmt::join(views, ", ")));
    if (recipe.sources.empty()) throw Error(ErrorCode::Format, "the recipe names no source");
    const RecipeSource& source = recipe.sources.front();
    const Figure whole = recipe.view == "teleport" ? figureOfTeleport(readTeleportFile(source.path), recipe)
                                                   : figureOfResults(readResults(source.path), recipe);
    Figure shown = whole;
    for (const auto& range : recipe.ranges) showRange(whole, shown, range);
    return shown;
}

}  // namespace rheo
