#include "core/session/recipe_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/figure/dimension_figure.h"
#include "core/figure/divergence_figure.h"
#include "core/figure/flow_figure.h"
#include "core/figure/jacobian_figure.h"
#include "core/figure/linear_step_figure.h"
#include "core/figure/motion_figure.h"
#include "core/figure/mutual_information_figure.h"
#include "core/figure/orbit3_figure.h"
#include "core/figure/orbit_figure.h"
#include "core/figure/response_figure.h"
#include "core/figure/rotation_figure.h"
#include "core/figure/routing_figure.h"
#include "core/figure/row_colors.h"
#include "core/figure/unit_share_figure.h"
#include "core/figure/verdicts_figure.h"
#include "core/figure/writing_figure.h"
#include "core/session/analysis_view.h"
#include "core/session/comparison_views.h"
#include "core/session/direction_sources.h"
#include "core/session/recipe_options.h"
#include "core/session/training_view.h"
#include "core/session/verdict_text.h"
#include "core/statistics/axes.h"
#include "core/trace/trace_reader.h"

namespace rheo {

namespace {

using Json = nlohmann::ordered_json;

ColorMap mapNamed(const std::string& name) {
    if (const auto map = parseColorMap(name)) return *map;
    throw Error(ErrorCode::InvalidArgument,
                fmt::format("'{}' is no colour map; there are viridis, cividis and vik", name));
}

/// What an option calls a value.
template <class Value>
struct Named {
    std::string_view name;
    Value value;
};
constexpr std::array groupMeanNames{Named{"none", GroupMeans::None}, Named{"mean", GroupMeans::Mean},
                                    Named{"spread", GroupMeans::Spread}};
constexpr std::array limitNames{Named{"all", AxisLimits::All}, Named{"robust", AxisLimits::Robust}};
constexpr std::array orbitPathNames{Named{"mean", OrbitPaths::Mean}, Named{"rows", OrbitPaths::Rows}};

template <class Names, class Value>
std::string_view nameOf(const Names& names, Value value) {
    for (const auto& entry : names)
        if (entry.value == value) return entry.name;
    return {};
}
/// The value that `options[key]` names; the first where it names none.
template <class Names>
auto valueNamed(const Json& options, const char* key, const Names& names) {
    const auto name = recipeOption(options, key, std::string(names.front().name));
    for (const auto& entry : names)
        if (entry.name == name) return entry.value;
    std::string known;
    for (const auto& entry : names) known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.name);
    throw Error(ErrorCode::InvalidArgument,
                fmt::format("option {} of the figure is '{}'; there are {}", key, name, known), key);
}

Json parseTrajectoryOptions(const Recipe& recipe) {
    return parseRecipeOptions(
        recipe, {"components",   "rows",           "selected",  "highlighted", "mean",        "color_by",
                 "token_texts",  "color_by_depth", "map",       "strong",      "strong_mean", "only_strong",
                 "followed",     "teleport",       "teleports", "group_means", "limits",      "points",
                 "first_tokens", "named_rows",     "surprise",  "most_rows",   "column",      "hidden",
                 "more",         "component",      "direction", "arrows",      "axes"});
}

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

/// The statistic, or what to do about its not being there.
template <class Result>
const Result& require(const std::optional<Result>& result, const char* name, const Results& results) {
    if (result) return *result;
    if (std::string_view(name) == "pca" && results.perPointPca)
        throw Error(
            ErrorCode::NotFound,
            "the PCA of these results has a basis at each point, and this view needs one for all; compute it "
            "with rheo analyze --stat pca",
            results.source.path);
    const auto there = viewsOf(results);
    throw Error(ErrorCode::NotFound,
                fmt::format("these results hold no {0}; compute it with rheo analyze --stat {0}{1}", name,
                            there.empty() ? "" : ". What they hold can be seen as " + namesOf(there)),
                results.source.path);
}

std::vector<CurveNull> nullsOf(const Results& results, std::string_view statistic) {
    std::vector<CurveNull> nulls;
    for (const auto& null : results.nulls)
        if (null.statistic == statistic) nulls.push_back(null);
    return nulls;
}

/// The trace that results were made from: as the recipe names it, or else as they do.
std::string traceOf(const Results& results, const Recipe& recipe) {
    for (const RecipeSource& source : recipe.sources)
        if (source.role == "trace") return source.path;
    if (results.source.path.empty())
        throw Error(ErrorCode::NotFound,
                    "scores along a direction are read from the trace, and these results do not name theirs; "
                    "give it with --trace");
    return results.source.path;
}

/// The PCA of results; or the same rows on the axes that the options name.
PcaResult basisShown(const Results& results, const Recipe& recipe) {
    const PcaResult& pca = require(results.statistics.get<Pca>(), "pca", results);
    const Json options = parseTrajectoryOptions(recipe);
    const auto axes = options.find("axes");
    if (axes == options.end() || axes->is_null()) return pca;
    if (!axes->is_object() || !axes->contains("directions") || !(*axes)["directions"].is_array())
        throw Error(ErrorCode::Format, "option axes of the figure should hold a list of directions", "axes");
    std::vector<NamedDirection> directions;
    for (const Json& one : (*axes)["directions"]) {
        const auto values = recipeOption(one, "values", std::vector<float>{});
        directions.push_back(
            {recipeOption(one, "name", std::string()),
             Eigen::Map<const VectorF>(values.data(), static_cast<Eigen::Index>(values.size()))});
    }
    Progress progress;
    return axesOfResults(results.source, TraceReader::open(traceOf(results, recipe)), directions,
                         recipeOption(*axes, "skew", false) ? AxesFrame::Skew : AxesFrame::Orthonormal,
                         pca.basis, progress);
}

Figure trajectoriesOf(const Results& results, const Recipe& recipe) {
    const PcaResult pca = basisShown(results, recipe);
    TrajectoryOptions options = trajectoryOptions(recipe);
    const TraceInfo& info = results.source.info;
    TrajectoryInput input{pca.scores, pca.basis.explained, info.points, rowNames(info)};
    input.axisNames = pca.basis.names;
    for (Eigen::Index i = 0; i < pca.basis.components.rows() && !pca.basis.toward.empty(); ++i)
        input.axisMeanings.push_back(axisMeaning(pca.basis, i));
    if (options.colorBy == RowColor::Direction) {
        Progress progress;
        input.stateNumbers = scoresOfResults(results.source, TraceReader::open(traceOf(results, recipe)),
                                             options.direction, pca.basis.mean, pca.basis.scaling, progress);
        input.numberTitle = "Score along " + options.directionName;
    }
    if (options.tokenTexts.empty() && results.lens) options.tokenTexts = results.lens->texts;
    colorRows(input, info, options);
    options.rows = rowsShown(info, options);
    Figure figure = trajectoryFigure(input, options);
    for (const auto& teleport : teleportOverlays(recipe)) addTeleport(figure, teleport, options);
    return figure;
}

Figure explainedOf(const Results& results, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    const PcaResult& pca = require(results.statistics.get<Pca>(), "pca", results);
    ExplainedInput input{pca.basis.explained, {}, pca.perPointExplained, results.source.info.points};
    for (const auto& null : nullsOf(results, "pca"))
        if (null.dataset == "explained") input.nulls.push_back(explainedNull(null.null, null.summary));
    return explainedFigure(input, themeNamed(recipe.theme));
}

Figure densityOf(const Results& results, const Recipe& recipe) {
    const DensityResult& density = require(results.statistics.get<Density>(), "density", results);
    DensityOptions options = densityOptions(recipe);
    options.scaling = scalingOf(results, "density");
    return densityFigure(density, results.source.info.points, options);
}

Figure sparsityOf(const Results& results, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    return densityCurvesFigure(require(results.statistics.get<Density>(), "density", results),
                               nullsOf(results, "density"), results.source.info.points,
                               themeNamed(recipe.theme));
}

Figure unitSharesOf(const Results& results, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    return unitShareFigure(require(results.statistics.get<Density>(), "density", results),
                           results.source.info.points, themeNamed(recipe.theme));
}

Figure correlationOf(const Results& results, const Recipe& recipe) {
    return correlationFigure(require(results.statistics.get<Correlation>(), "correlation", results),
                             nullsOf(results, "correlation"), results.source.info.points,
                             correlationOptions(recipe));
}

Figure motionOf(const Results& results, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    const MotionResult& motion = require(results.statistics.get<Motion>(), "motion", results);
    return motionFigure(motion, nullsOf(results, "motion"), results.source.info.points,
                        scalingOf(results, "motion"), themeNamed(recipe.theme));
}

Figure divergenceOf(const Results& results, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    return divergenceFigure(require(results.statistics.get<Divergence>(), "divergence", results),
                            nullsOf(results, "divergence"), results.source.info.points,
                            scalingOf(results, "divergence"), themeNamed(recipe.theme));
}

Figure dimensionOf(const Results& results, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    return dimensionFigure(require(results.statistics.get<Dimension>(), "dimension", results),
                           nullsOf(results, "dimension"), results.source.info.points,
                           themeNamed(recipe.theme));
}

Figure linearStepOf(const Results& results, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    return linearStepFigure(require(results.statistics.get<LinearStep>(), "linear_step", results),
                            nullsOf(results, "linear_step"), results.source.info.points,
                            themeNamed(recipe.theme));
}

Figure mutualInformationOf(const Results& results, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"map"});
    return mutualInformationFigure(
        require(results.statistics.get<MutualInformation>(), "mutual_information", results),
        nullsOf(results, "mutual_information"), results.source.info.points,
        {themeNamed(recipe.theme), mapNamed(recipeOption<std::string>(options, "map", "viridis"))});
}

Figure rotationOf(const Results& results, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    return rotationFigure(require(results.statistics.get<Rotation>(), "rotation", results),
                          nullsOf(results, "rotation"), themeNamed(recipe.theme));
}

Figure orbitsOf(const Results& results, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"units", "rows", "map"});
    OrbitOptions o;
    o.theme = themeNamed(recipe.theme);
    for (const auto unit : recipeOption(options, "units", std::vector<std::int64_t>{}))
        o.units.emplace_back(unit);
    for (const auto row : recipeOption(options, "rows", std::vector<std::int64_t>{}))
        o.rows.emplace_back(row);
    o.map = mapNamed(recipeOption<std::string>(options, "map", "viridis"));
    const RotationResult& rotation = require(results.statistics.get<Rotation>(), "rotation", results);
    return orbitFigure(rotation, nullsOf(results, "rotation"), results.source.info.points,
                       scalingOf(results, "rotation"), o);
}

Figure orbitsInSpaceOf(const Results& results, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"units", "paths", "center", "map"});
    Orbit3Options o;
    o.theme = themeNamed(recipe.theme);
    o.camera = recipe.camera;
    for (const auto unit : recipeOption(options, "units", std::vector<std::int64_t>{}))
        o.units.emplace_back(unit);
    o.paths = valueNamed(options, "paths", orbitPathNames);
    o.center = recipeOption(options, "center", o.center);
    o.map = mapNamed(recipeOption<std::string>(options, "map", "viridis"));
    const RotationResult& rotation = require(results.statistics.get<Rotation>(), "rotation", results);
    return orbit3Figure(rotation, nullsOf(results, "rotation"), results.source.info.points,
                        scalingOf(results, "rotation"), o);
}

/// Of a training that was stopped there are weights and losses, and no state was put through them.
bool holdsEncoded(const Results& results) {
    const auto& autoencoder = results.statistics.get<AutoencoderFit>();
    return autoencoder && !(autoencoder->stopped && autoencoder->r2.array().isNaN().all());
}

const AutoencoderResult& requireEncoded(const Results& results) {
    const AutoencoderResult& result =
        require(results.statistics.get<AutoencoderFit>(), "autoencoder", results);
    if (!holdsEncoded(results))
        throw Error(
            ErrorCode::NotFound,
            fmt::format("the training of this autoencoder was stopped, and no state was put through it; do "
                        "that with rheo analyze {} --stat autoencoder --autoencoder and these results",
                        results.source.path),
            results.source.path);
    return result;
}

Figure latentOf(const Results& results, const Recipe& recipe) {
    return latentFigure(requireEncoded(results).latent, results.source.info.points, latentOptions(recipe));
}

Figure reconstructionOf(const Results& results, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    const AutoencoderResult& a = requireEncoded(results);
    return reconstructionFigure({a.r2, a.pcaR2, a.loss, results.source.info.points},
                                themeNamed(recipe.theme));
}

Figure jacobianOf(const Results& results, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    const JacobianResult& jacobian = require(results.jacobian, "jacobian", results);
    // Of all steps of the model, whichever points were chosen.
    const auto& points = results.source.info.points;
    const bool parallel =
        jacobian.steps() % 2 == 1 ||
        std::any_of(points.begin(), points.end(), [](const auto& p) { return p.site == Site::BlockIn; });
    return jacobianFigure(jacobian,
                          residualPoints(static_cast<int>(jacobian.steps()) / (parallel ? 1 : 2), parallel),
                          themeNamed(recipe.theme));
}

Figure lensOf(const Results& results, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    const LensResult& l = require(results.lens, "lens", results);
    return lensFigure({l.entropy, l.klToFinal, l.meanEntropy, l.meanKlToFinal, results.source.info.points},
                      themeNamed(recipe.theme));
}

/// Of single tokens there is nothing to be seen in a map.
bool holdsLensOfText(const Results& results) {
    const auto& rows = results.source.info.rows;
    std::set<std::int32_t> samples;
    return results.lens && std::any_of(rows.begin(), rows.end(), [&](const TraceRow& row) {
               return !samples.insert(row.sample).second;
           });
}

Figure lensMapOf(const Results& results, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"sample", "minus", "color", "depth", "map"});
    LensMapOptions o;
    o.theme = themeNamed(recipe.theme);
    if (options.contains("sample")) o.sample = recipeOption<std::int32_t>(options, "sample", 0);
    if (options.contains("minus")) o.minus = recipeOption<std::int32_t>(options, "minus", 0);
    const auto name = recipeOption<std::string>(options, "color", "probability");
    const auto color = parseLensColor(name);
    if (!color)
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("'{}' is no colour of a lens map; there are probability, entropy, divergence and "
                        "rank",
                        name));
    o.color = *color;
    const auto depth = parseLensDepth(recipeOption<std::string>(options, "depth", "points"));
    if (!depth)
        throw Error(ErrorCode::InvalidArgument, "the depth of a lens map is points, blocks or fourth_blocks");
    o.depth = *depth;
    o.map = mapNamed(recipeOption<std::string>(options, "map", "viridis"));
    return lensMapFigure(require(results.lens, "lens", results), results.source.info, o);
}

Figure verdictFigureOf(const Results& results, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    const std::vector<Verdict> verdicts = verdictsOf(results);
    if (verdicts.empty())
        throw Error(ErrorCode::NotFound, "these results hold no verdicts; test the findings with rheo report",
                    results.source.path);
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    std::vector<VerdictMark> marks;
    for (const Verdict& v : verdicts) {
        VerdictMark mark{nameInWords(v.key),
                         verdictInWords(v.verdict),
                         v.observed,
                         v.interval.low,
                         v.interval.high,
                         nan,
                         nan,
                         nan};
        if (!v.nulls.empty()) {
            mark.nullMean = v.nulls.front().mean;
            mark.nullLow = v.nulls.front().low;
            mark.nullHigh = v.nulls.front().high;
        }
        marks.push_back(std::move(mark));
    }
    return verdictsFigure(marks, themeNamed(recipe.theme));
}

constexpr std::array measures{
    FigureChoice{R"("mean")", "Mean"}, FigureChoice{R"("mean_abs")", "Mean magnitude"},
    FigureChoice{R"("rms")", "RMS"}, FigureChoice{R"("active_fraction")", "Active fraction"}};
constexpr std::array orders{FigureChoice{"true", "Sorted by the last depth"},
                            FigureChoice{"false", "In order of number"}};
constexpr std::array maps{FigureChoice{R"("viridis")", "Viridis"}, FigureChoice{R"("cividis")", "Cividis"},
                          FigureChoice{R"("vik")", "Vik"}};
constexpr FigureOption mapOption{
    "map", "Colours",
    "Colours of values that are never negative. Those of both signs are blue below zero "
    "and red above.",
    maps};
constexpr std::array densityChoices{
    FigureOption{"measure", "Measure", "What of each unit is shown, over all rows", measures},
    FigureOption{"sorted", "Units", "The order of the units from below", orders}, mapOption};
constexpr std::array mapChoices{mapOption};
constexpr std::array lensColors{
    FigureChoice{R"("probability")", "Probability"}, FigureChoice{R"("entropy")", "Entropy"},
    FigureChoice{R"("divergence")", "Divergence from the end"}, FigureChoice{R"("rank")", "Rank of a token"}};
constexpr std::array lensDepths{FigureChoice{R"("points")", "Every point"},
                                FigureChoice{R"("blocks")", "Every block"},
                                FigureChoice{R"("fourth_blocks")", "Every fourth block"}};
constexpr std::array lensMapChoices{
    FigureOption{"depth", "Depth", "Fewer columns have room for words", lensDepths},
    FigureOption{"color", "Colour",
                 "Of the likeliest next token its probability; of all tokens the entropy; or how "
                 "far this is from what is said at last; or the place of a token among all",
                 lensColors},
    mapOption};

constexpr std::array groupMeanChoices{FigureChoice{R"("none")", "None"}, FigureChoice{R"("mean")", "Mean"},
                                      FigureChoice{R"("spread")", "Mean and spread"}};
constexpr std::array limitChoices{FigureChoice{R"("all")", "All states"},
                                  FigureChoice{R"("robust")", "Middle 98 %"}};
constexpr std::array otherChoices{FigureChoice{"false", "Faint"}, FigureChoice{"true", "Hidden"}};
constexpr std::array mostRowChoices{FigureChoice{"5000", "At most 5,000"}, FigureChoice{"500", "At most 500"},
                                    FigureChoice{"20000", "At most 20,000"}, FigureChoice{"0", "All"}};
constexpr std::array firstTokenChoices{FigureChoice{"true", "Shown"}, FigureChoice{"false", "Hidden"}};
constexpr std::array trajectoryChoices{
    FigureOption{
        "group_means", "Means",
        "The mean path of each kind of row that has a colour, and one standard deviation to each side "
        "along each axis",
        groupMeanChoices},
    FigureOption{
        "limits", "Axes hold",
        "All states, or along each axis the 1st to the 99th percentile; what lies outside is counted",
        limitChoices},
    FigureOption{"only_strong", "Other rows", "What becomes of the rest while several rows are selected",
                 otherChoices},
    FigureOption{
        "first_tokens", "First tokens",
        "The first token of a sample is an attention sink in many models, and lies far from the rest",
        firstTokenChoices},
    FigureOption{"most_rows", "Rows drawn",
                 "Of more rows than this, as many are drawn, evenly spaced; the note below says how many",
                 mostRowChoices},
    mapOption};
constexpr std::array orbitPathChoices{FigureChoice{R"("mean")", "Mean path"},
                                      FigureChoice{R"("rows")", "Single rows"}};
constexpr std::array centerChoices{FigureChoice{"true", "Shown"}, FigureChoice{"false", "Hidden"}};
constexpr std::array orbitChoices{
    FigureOption{"paths", "Paths", "The mean path over rows, or the single rows that the results keep",
                 orbitPathChoices},
    FigureOption{"center", "Fixed point", "The middle of the mean path, as a line through depth",
                 centerChoices},
    mapOption};

bool hasOrbits(const Results& r) {
    return r.statistics.get<Rotation>() && r.statistics.get<Rotation>()->meanPath.size() > 0;
}

/// A view, where it comes from and whether it is there.
struct ResultsView {
    FigureView view;
    bool (*isIn)(const Results&);
    Figure (*make)(const Results&, const Recipe&);
};

constexpr std::array resultsViews{
    ResultsView{
        {"trajectories", "Trajectories", "Trajectories in PCA space", "pca",
         "The path of each row through the first three principal components, from the first point to the "
         "last.",
         160, 120, false, trajectoryChoices},
        [](const Results& r) {
            return r.statistics.get<Pca>() && r.statistics.get<Pca>()->basis.components.rows() >= 3;
        },
        trajectoriesOf},
    ResultsView{{"pca", "Variance", "Variance explained", "pca",
                 "The share of the variance that each principal component holds, and at each point alone. A "
                 "random walk is low-dimensional too: what counts is what lies beyond the nulls."},
                [](const Results& r) { return r.statistics.get<Pca>().has_value(); },
                explainedOf},
    ResultsView{
        {"density", "Density", "Density of units by depth", "density",
         "The activation of each unit at each point, over all rows.", 160, 120, false, densityChoices},
        [](const Results& r) { return r.statistics.get<Density>().has_value(); },
        densityOf},
    ResultsView{
        {"sparsity", "Sparsity", "Density and sparsity by depth", "density",
         "How many units carry the activation at each point, by several measures, beside their nulls."},
        [](const Results& r) { return r.statistics.get<Density>().has_value(); },
        sparsityOf},
    ResultsView{
        {"units", "Units", "Massive units by depth", "density",
         "The share of the squared norm that the greatest units hold at each point; in most language models "
         "a few hold much of it."},
        [](const Results& r) { return r.statistics.get<Density>().has_value(); },
        unitSharesOf},
    ResultsView{
        {"correlation", "Correlation", "Correlation between points", "correlation",
         "The correlation over rows of a unit at one point and at another, and from each point to the next.",
         190, 90, false, mapChoices},
        [](const Results& r) { return r.statistics.get<Correlation>().has_value(); },
        correlationOf},
    ResultsView{{"motion", "Motion", "Motion by depth", "motion",
                 "Cosine, speed, acceleration and turning angle of the state from point to point, beside "
                 "their nulls.",
                 190, 120},
                [](const Results& r) { return r.statistics.get<Motion>().has_value(); },
                motionOf},
    ResultsView{
        {"divergence", "Divergence", "Divergence of rows by depth", "divergence",
         "How far rows are apart at each point, and how fast they part at each step, beside their nulls.",
         190, 90},
        [](const Results& r) { return r.statistics.get<Divergence>().has_value(); },
        divergenceOf},
    ResultsView{{"dimension", "Dimension", "Dimension of the rows by depth", "dimension",
                 "How many dimensions the rows fill at each point: the intrinsic dimension, which follows a "
                 "curved surface, and the participation ratio, which does not, beside their nulls.",
                 190, 90},
                [](const Results& r) { return r.statistics.get<Dimension>().has_value(); },
                dimensionOf},
    ResultsView{
        {"linear_step", "Linear step", "Linear prediction of each step", "linear_step",
         "How well a linear map, fitted to other samples, gives the state after each step, beside its nulls; "
         "and how well one map for all steps, or the state before the step, does.",
         190, 90},
        [](const Results& r) { return r.statistics.get<LinearStep>().has_value(); },
        linearStepOf},
    ResultsView{{"mutual_information", "Information", "Mutual information by depth", "mutual_information",
                 "What a unit at one point says about itself at the next, in nats, and how much of it is not "
                 "linear.",
                 160, 120, false, mapChoices},
                [](const Results& r) { return r.statistics.get<MutualInformation>().has_value(); },
                mutualInformationOf},
    ResultsView{
        {"rotation", "Rotation", "Rotation of units", "rotation",
         "How often the path of a unit turns in the plane of its activation and gradient, beside its nulls.",
         190, 120},
        [](const Results& r) { return r.statistics.get<Rotation>().has_value(); },
        rotationOf},
    ResultsView{{"orbits_3d", "Orbits", "Orbits of units in space", "rotation",
                 "The path of single units through their activation, its gradient and depth.", 160, 120,
                 false, orbitChoices},
                hasOrbits,
                orbitsInSpaceOf},
    ResultsView{
        {"orbits", "Orbit planes", "Orbits of units", "rotation",
         "The paths of single units in the plane of activation and gradient, those least like the null "
         "first.",
         190, 110, false, mapChoices},
        hasOrbits,
        orbitsOf},
    ResultsView{{"latent", "Latent", "Latent map of the autoencoder", "autoencoder",
                 "Every state in the two numbers of the autoencoder, coloured by depth.", 160, 120, false,
                 mapChoices},
                holdsEncoded,
                latentOf},
    ResultsView{{"reconstruction", "Reconstruction", "Reconstruction from two numbers", "autoencoder",
                 "How well the autoencoder gives states back at each point, beside a PCA of two components."},
                holdsEncoded,
                reconstructionOf},
    ResultsView{{"lens", "Lens", "Logit lens", "lens",
                 "What each point would predict: the entropy of the next token, and its distance from the "
                 "final prediction.",
                 160, 120, true},
                [](const Results& r) { return r.lens.has_value(); },
                lensOf},
    ResultsView{{"lens_map", "Lens map", "Logit lens of a text", "lens",
                 "The likeliest next token after each token of a text, at each depth.", 190, 130, true,
                 lensMapChoices},
                holdsLensOfText,
                lensMapOf},
    ResultsView{
        {"jacobian", "Derivatives", "Derivatives of the steps", "jacobian",
         "How far each step is from normal and from symmetric, how many directions of a state survive so "
         "far, and how fast small changes grow.",
         190, 190, true},
        [](const Results& r) { return r.jacobian.has_value(); },
        jacobianOf},
    ResultsView{
        {"verdicts", "Verdicts", "The published findings, tested", verdictsGroup,
         "Each published finding beside the null that comes closest to it: what lies outside the band "
         "is more than the null explains.",
         190, 110},
        [](const Results& r) { return !verdictsOf(r).empty(); },
        verdictFigureOf},
};
constexpr std::array patchValues{FigureChoice{R"("normalized")", "Share of the clean outcome"},
                                 FigureChoice{R"("effect")", "Change of the outcome"}};
constexpr std::array patchChoices{
    FigureOption{"value", "Value", "0 is the corrupted run; the clean run is 1, or what it is", patchValues}};

constexpr std::array attributionRuns{FigureChoice{R"("intervened")", "With the intervention"},
                                     FigureChoice{R"("natural")", "Natural"},
                                     FigureChoice{R"("difference")", "Difference"}};
constexpr std::array attributionChoices{
    FigureOption{"run", "Run", "Without an intervention there is only the natural run", attributionRuns}};

constexpr std::array routingValues{FigureChoice{R"("probability")", "Probability of the likeliest expert"},
                                   FigureChoice{R"("entropy")", "How undecided the router is"}};
constexpr std::array routingChoices{
    FigureOption{"value", "Value", "What colours the tokens of the prompt", routingValues}};

constexpr std::array flowArrowsOf{FigureChoice{"false", "Displacement"},
                                  FigureChoice{"true", "Less the natural step"}};
constexpr std::array flowScalings{FigureChoice{"false", "States as they are"},
                                  FigureChoice{"true", "Over their RMS"}};
constexpr std::array flowChoices{
    FigureOption{"relative", "Arrows", "What each state does, or what it does other than the natural one",
                 flowArrowsOf},
    FigureOption{"rms", "Contraction", "Growth of the norm alone cannot look like divergence over the RMS",
                 flowScalings}};

/// A view of files of its own.
struct FileView {
    FigureView view;
    Figure (*make)(const Recipe&);
};

Figure figureOfTeleportFiles(const Recipe& recipe);
Figure figureOfPatchMapFile(const Recipe& recipe);
Figure figureOfAttributionFile(const Recipe& recipe);
Figure figureOfRoutingFile(const Recipe& recipe);
Figure figureOfWritingFile(const Recipe& recipe);
Figure figureOfFlowFile(const Recipe& recipe);
Figure figureOfResponseFile(const Recipe& recipe);
template <Figure (*make)(const ComparisonFile&, const Recipe&)>
Figure figureOfComparison(const Recipe& recipe) {
    return make(readComparisonFile(recipe.sources.front().path), recipe);
}

constexpr std::array ckaValues{FigureChoice{R"("cka")", "CKA"},
                               FigureChoice{R"("beyond")", "Beyond shuffled samples"},
                               FigureChoice{R"("null")", "Shuffled samples, 97.5 %"}};
constexpr std::array ckaChoices{
    FigureOption{"value", "Value", "All values; those above what shuffled samples give; or what these give",
                 ckaValues},
    mapOption};

constexpr std::array fileViews{
    FileView{{"teleport", "Teleport", "Teleport", "",
              "How far a moved state stays from its natural path, and the next tokens before and after."},
             figureOfTeleportFiles},
    FileView{
        {"patch_map", "Patch map", "Patch map", "",
         "How much of the outcome of a clean prompt comes back in a corrupted one when one state is taken "
         "from the clean run, by token and depth.",
         190, 90, true, patchChoices},
        figureOfPatchMapFile},
    FileView{
        {"attribution", "Attribution", "Direct logit attribution", "",
         "What attention and the MLP of each block wrote to the logit of a token, or to the difference of "
         "two.",
         160, 200, true, attributionChoices},
        figureOfAttributionFile},
    FileView{{"routing", "Routing", "Experts by block", "",
              "Which experts of each block see the tokens, how undecided the routers are, and what their "
              "choice says "
              "of the token and of the next block's choice, beside chance.",
              190, 220, true, routingChoices},
             figureOfRoutingFile},
    FileView{
        {"writing", "Writing", "What the edits write", "",
         "The text that the model writes with the edits beside its natural text, and where the text breaks "
         "as the edits grow stronger.",
         190, 120, true},
        figureOfWritingFile},
    FileView{
        {"flow", "Flow", "Flow over two axes", "",
         "Where the network carries the states of a grid, which next token each ends in, and whether they "
         "draw together more than random pushes do.",
         190, 160, true, flowChoices},
        figureOfFlowFile},
    FileView{
        {"response", "Response", "Response against size", "",
         "How far the output moves when one state is pushed further and further, beside random directions.",
         160, 150, true},
        figureOfResponseFile},
    FileView{{pathsView, "Compare", "Paths side by side", "",
              "The paths of two or more sources, in one basis, or each in its own, turned onto the first.",
              190, 90},
             figureOfComparison<figureOfPaths>},
    FileView{{ckaView, "CKA", "Similarity of depths (CKA)", "",
              "How similar the rows of two sources lie to each other at every two depths, beside shuffled "
              "samples.",
              240, 80, false, ckaChoices},
             figureOfComparison<figureOfCka>},
    FileView{
        {differenceView, "Difference", "Differences by depth", "",
         "The curves of one source less those of another, with intervals from resampled samples.", 190, 120},
        figureOfComparison<figureOfDifference>},
    FileView{{comparedVerdictsView, "Compared verdicts", "Verdicts of several sources", "",
              "The published findings of each source beside their nulls, in the same order.", 240, 110},
             figureOfComparison<figureOfComparedVerdicts>},
    FileView{{trainingView, "Training", "Against the training step", "",
              "Curves and findings of training checkpoints, by the steps that their names tell.", 190, 160},
             figureOfComparison<figureOfTraining>},
};

}  // namespace

std::vector<FigureView> figureViewsOfResults() {
    std::vector<FigureView> all;
    for (const auto& entry : resultsViews) all.push_back(entry.view);
    return all;
}

std::vector<FigureView> figureViewsOfFiles() {
    std::vector<FigureView> all;
    for (const auto& entry : fileViews) all.push_back(entry.view);
    return all;
}

std::vector<FigureView> figureViews() {
    auto all = figureViewsOfResults();
    for (const auto& view : figureViewsOfFiles()) all.push_back(view);
    return all;
}

std::string_view sourceRole(std::string_view view) {
    for (const auto& entry : fileViews)
        if (entry.view.name == view) return entry.view.name;
    return "results";
}

std::vector<FigureView> viewsOf(const Results& results) {
    std::vector<FigureView> there;
    for (const auto& entry : resultsViews)
        if (entry.isIn(results)) there.push_back(entry.view);
    return there;
}

bool hasView(const Results& results, std::string_view view) {
    return std::any_of(resultsViews.begin(), resultsViews.end(),
                       [&](const auto& entry) { return entry.view.name == view && entry.isIn(results); });
}

std::string namesOf(const std::vector<FigureView>& views) {
    std::string names;
    for (const auto& view : views) {
        if (!names.empty()) names += ", ";
        names += view.name;
    }
    return names;
}

Scaling scalingOf(const Results& results, const std::string& statistic) {
    const auto found = results.scalings.find(statistic);
    return found == results.scalings.end() ? Scaling::Raw : found->second;
}

Theme themeNamed(const std::string& name) {
    if (name == "light") return lightTheme();
    if (name == "dark") return darkTheme();
    throw Error(ErrorCode::InvalidArgument, fmt::format("theme '{}' is neither light nor dark", name));
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

DensityOptions densityOptions(const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"measure", "sorted", "map", "limit"});
    DensityOptions o;
    o.theme = themeNamed(recipe.theme);
    const auto name = recipeOption<std::string>(options, "measure", "mean");
    const auto measure = parseDensityMeasure(name);
    if (!measure)
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("'{}' is no measure of density; there are mean, mean_abs, rms and active_fraction",
                        name));
    o.measure = *measure;
    o.sorted = recipeOption(options, "sorted", o.sorted);
    o.map = mapNamed(recipeOption<std::string>(options, "map", "viridis"));
    if (options.contains("limit")) o.limit = recipeOption<double>(options, "limit", 0);
    return o;
}

CorrelationOptions correlationOptions(const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"map"});
    CorrelationOptions o;
    o.theme = themeNamed(recipe.theme);
    o.map = mapNamed(recipeOption<std::string>(options, "map", "viridis"));
    return o;
}

LatentOptions latentOptions(const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"rows", "map"});
    LatentOptions o;
    o.theme = themeNamed(recipe.theme);
    for (const auto row : recipeOption(options, "rows", std::vector<std::int64_t>{}))
        o.rows.emplace_back(row);
    o.map = mapNamed(recipeOption<std::string>(options, "map", "viridis"));
    return o;
}

std::function<std::string(RowIndex)> rowNames(const TraceInfo& info) {
    return [&info](RowIndex row) {
        const TraceRow& at = info.rows[static_cast<std::size_t>(row.value())];
        return fmt::format("sample {}, token {}", at.sample, at.position);
    };
}

Figure figureOfResults(const Results& results, const Recipe& recipe) {
    for (const auto& entry : resultsViews)
        if (entry.view.name == recipe.view) return entry.make(results, recipe);
    throw Error(ErrorCode::Unsupported, fmt::format("results have no view '{}'; these have {}", recipe.view,
                                                    namesOf(viewsOf(results))));
}

Figure makeFigure(const Results& results, std::string_view view, const Theme& theme) {
    Recipe recipe;
    recipe.view = view;
    recipe.theme = theme.dark ? "dark" : "light";
    return figureOfResults(results, recipe);
}

Figure figureOfTeleport(const TeleportFile& teleport, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"rms", "names"});
    const TeleportResult& result = teleport.result;
    TeleportCurves curves = teleportCurves(result, teleport.points, recipeOption(options, "rms", false));
    const VectorD before = softmax(result.natural.logits), after = softmax(result.teleported.logits);
    for (std::size_t i = 0; i < teleport.shownIds.size(); ++i)
        curves.tokens.push_back(
            {teleport.shownTexts[i], before[teleport.shownIds[i]], after[teleport.shownIds[i]]});
    return teleportFigure(curves, themeNamed(recipe.theme));
}

Figure figureOfTeleports(const std::vector<TeleportFile>& teleports, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"rms", "names"});
    const auto names = recipeOption(options, "names", std::vector<std::string>{});
    if (!names.empty() && names.size() != teleports.size())
        throw Error(ErrorCode::Mismatch,
                    fmt::format("the figure has {} names for {} teleports", names.size(), teleports.size()),
                    "names");
    std::vector<ComparedTeleport> compared;
    for (std::size_t i = 0; i < teleports.size(); ++i)
        compared.push_back(
            {names.empty() ? fmt::format("teleport {}", i + 1) : names[i],
             teleportCurves(teleports[i].result, teleports[i].points, recipeOption(options, "rms", false))});
    return compareTeleportsFigure(compared, themeNamed(recipe.theme));
}

Figure figureOfPatchMap(const PatchMapFile& file, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"value"});
    const auto value = recipeOption<std::string>(options, "value", "normalized");
    if (value != "normalized" && value != "effect")
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("'{}' is no value of a patch map; there are normalized and effect", value));
    return patchMapFigure({file.map, file.points, file.cleanPieces, file.corruptedPieces, file.answerText,
                           file.foilText, file.axisNames},
                          {themeNamed(recipe.theme), value == "normalized"});
}

Figure figureOfAttribution(const AttributionFile& file, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"run", "token"});
    const auto run = recipeOption<std::string>(options, "run", "intervened");
    if (run != "intervened" && run != "natural" && run != "difference")
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("'{}' is no run of an attribution; there are intervened, natural and difference",
                        run));
    if (run == "difference" && !file.natural)
        throw Error(ErrorCode::NotFound,
                    "this attribution is of a natural run: there is nothing to take it from; make one with "
                    "rheo attribute --edits");
    Attribution shown = run == "natural" && file.natural ? *file.natural : file.attribution;
    if (run == "difference") shown = difference(file.attribution, *file.natural);
    return attributionFigure({shown, file.points, file.pieces, recipeOption(options, "token", file.token),
                              file.answerText, file.foilText},
                             themeNamed(recipe.theme));
}

Figure figureOfRouting(const RoutingFile& file, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"prompt", "value"});
    const auto value = recipeOption<std::string>(options, "value", "probability");
    if (value != "probability" && value != "entropy")
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("'{}' is no value of routing; there are probability and entropy", value));
    return routingFigure({file.routing, file.ids, file.prompts, file.tokenTexts,
                          recipeOption<std::int32_t>(options, "prompt", 0),
                          value == "entropy" ? RoutingShown::Entropy : RoutingShown::Probability},
                         themeNamed(recipe.theme));
}

namespace {

/// As a person reads it in a note: without line breaks.
std::string inOneLine(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return printable(text);
}

}  // namespace

Figure figureOfWriting(const IntervenedFile& file, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"followed"});
    const InterveneResult& result = file.result;
    WritingInput input;
    input.naturalSurprise = result.naturalSurprise;
    input.intervenedSurprise = result.intervenedSurprise;
    for (const SweepStep& step : file.sweep) {
        input.strength.push_back(step.factor);
        input.probability.push_back(step.probability);
        input.entropy.push_back(step.entropy);
        input.perplexity.push_back(step.perplexity);
    }
    input.followed = recipeOption(options, "followed", std::string());
    if (!file.naturalText.empty())
        input.note = fmt::format("Natural: {} - With the edits: {}", inOneLine(file.naturalText),
                                 inOneLine(file.intervenedText));
    return writingFigure(input, themeNamed(recipe.theme));
}

Figure figureOfFlow(const FlowFile& file, const Recipe& recipe) {
    const Json options = parseRecipeOptions(recipe, {"steps", "relative", "rms", "point"});
    FlowOptions o;
    const auto point = recipeOption(options, "point", std::string());
    const Flow& shown = point.empty() ? file.flow : file.at(PointIndex{findPoint(file.points, point)});
    o.theme = themeNamed(recipe.theme);
    if (options.contains("steps")) o.steps = recipeOption<std::int64_t>(options, "steps", 0);
    o.relative = recipeOption(options, "relative", false);
    o.rms = recipeOption(options, "rms", false);
    return flowFigure({shown, file.points, file.tokenTexts, file.flows()}, o);
}

Figure figureOfResponse(const ResponseFile& file, const Recipe& recipe) {
    parseRecipeOptions(recipe, {});
    return responseFigure({file.response, file.points, file.along, file.unitName, file.tokenTexts},
                          themeNamed(recipe.theme));
}

std::string teleportNames(const std::vector<std::string>& names) {
    return Json{{"names", names}}.dump();
}

namespace {

Figure figureOfTeleportFiles(const Recipe& recipe) {
    std::vector<TeleportFile> files;
    for (const auto& source : recipe.sources) files.push_back(readTeleportFile(source.path));
    return files.size() == 1 ? figureOfTeleport(files.front(), recipe) : figureOfTeleports(files, recipe);
}

Figure figureOfAttributionFile(const Recipe& recipe) {
    return figureOfAttribution(readAttributionFile(recipe.sources.front().path), recipe);
}

Figure figureOfRoutingFile(const Recipe& recipe) {
    return figureOfRouting(readRoutingFile(recipe.sources.front().path), recipe);
}

Figure figureOfWritingFile(const Recipe& recipe) {
    return figureOfWriting(readIntervenedText(recipe.sources.front().path).record, recipe);
}

Figure figureOfFlowFile(const Recipe& recipe) {
    return figureOfFlow(readFlowFile(recipe.sources.front().path), recipe);
}

Figure figureOfResponseFile(const Recipe& recipe) {
    return figureOfResponse(readResponseFile(recipe.sources.front().path), recipe);
}

Figure figureOfPatchMapFile(const Recipe& recipe) {
    return figureOfPatchMap(readPatchMapFile(recipe.sources.front().path), recipe);
}

}  // namespace

Figure figureOfRecipe(const Recipe& recipe) {
    const auto views = figureViews();
    if (std::none_of(views.begin(), views.end(), [&](const auto& v) { return v.name == recipe.view; }))
        throw Error(ErrorCode::Unsupported,
                    fmt::format("there is no view '{}'; there are {}", recipe.view, namesOf(views)));
    if (recipe.sources.empty()) throw Error(ErrorCode::Format, "the recipe names no source");
    const auto ofFile = std::find_if(fileViews.begin(), fileViews.end(),
                                     [&](const FileView& entry) { return entry.view.name == recipe.view; });
    const Figure whole = ofFile != fileViews.end()
                             ? ofFile->make(recipe)
                             : figureOfResults(readResults(recipe.sources.front().path), recipe);
    Figure shown = whole;
    if (recipe.colors) showColors(shown, *recipe.colors);
    for (const auto& range : recipe.ranges) showRange(whole, shown, range);
    return shown;
}

}  // namespace rheo
