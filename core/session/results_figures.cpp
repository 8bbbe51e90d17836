#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "core/base/error.h"
#include "core/figure/dimension_figure.h"
#include "core/figure/divergence_figure.h"
#include "core/figure/jacobian_figure.h"
#include "core/figure/linear_step_figure.h"
#include "core/figure/motion_figure.h"
#include "core/figure/mutual_information_figure.h"
#include "core/figure/orbit3_figure.h"
#include "core/figure/orbit_figure.h"
#include "core/figure/rotation_figure.h"
#include "core/figure/row_colors.h"
#include "core/figure/unit_share_figure.h"
#include "core/figure/verdicts_figure.h"
#include "core/session/direction_sources.h"
#include "core/session/figure_tables.h"
#include "core/session/recipe_options.h"
#include "core/session/verdict_text.h"
#include "core/statistics/axes.h"
#include "core/trace/trace_reader.h"

// The views of results: what each is made from, its options, and the table of them.
namespace rheo {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array orbitPathNames{Named{"mean", OrbitPaths::Mean}, Named{"rows", OrbitPaths::Rows}};

/// The statistic, or what to do about its not being there.
template <class Result>
const Result& require(const std::optional<Result>& result, const char* name, const Results& results) {
    if (result) return *result;
    if (std::string_view(name) == "pca" && results.perPointPca)
        throw Error(ErrorCode::NotFound,
                    "the PCA of these results has one basis per point, but this view needs one basis for all "
                    "points; compute it with rheo analyze --stat pca",
                    results.source.path);
    const auto there = viewsOf(results);
    throw Error(ErrorCode::NotFound,
                fmt::format("these results have no {0}; compute it with rheo analyze --stat {0}{1}", name,
                            there.empty() ? "" : ". Views that they have: " + namesOf(there)),
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
                    "scores along a direction are read from the trace, but these results do not name their "
                    "trace; give it with --trace");
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
            fmt::format("the training of this autoencoder was stopped before it was applied to the states; "
                        "apply it with rheo analyze {} --stat autoencoder --autoencoder and these results",
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
            fmt::format("'{}' is not a colour of a lens map; choose probability, entropy, divergence or rank",
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
        throw Error(ErrorCode::NotFound, "these results have no verdicts; test the findings with rheo report",
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

constexpr std::array densityChoices{
    FigureOption{"measure", "Measure", "The measure of each unit that is shown, over all rows", measures},
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
                 "The probability of the likeliest next token; the entropy over all tokens; the divergence "
                 "from the final prediction; or the rank of a token among all",
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
    FigureOption{"group_means", "Means",
                 "The mean path of each group of rows with one colour, and one standard deviation to each "
                 "side along each axis",
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

}  // namespace

std::span<const ResultsView> resultsViewTable() {
    return resultsViews;
}

Scaling scalingOf(const Results& results, const std::string& statistic) {
    const auto found = results.scalings.find(statistic);
    return found == results.scalings.end() ? Scaling::Raw : found->second;
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

}  // namespace rheo
