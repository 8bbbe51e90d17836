// rheo figure: a figure as the window would export it.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <QGuiApplication>
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/results/vector_file.h"
#include "core/session/recipe_figure.h"
#include "widgets/paint/export_figure.h"
#include "widgets/paint/recipe_file.h"

namespace rheo::cli {

namespace {

struct Options {
    std::string source;
    OutOption out;
    std::string view;
    std::string recipe;
    std::string size;  ///< empty: what suits the view
    double dpi = 300;
    std::string theme = "light";
    bool transparent = false;
    std::string camera;
    std::string rows;
    std::string units;
    std::string components;
    std::optional<std::int64_t> selected;
    std::string measure;
    std::string map;
    std::optional<std::int64_t> sample, minus;
    std::string color, trace, axes;
    bool skew = false;
    std::string depth;
    std::string colorBy;
    std::string means, limits, points, paths;
    bool noFirstTokens = false;
    std::optional<std::int64_t> mostRows;
    std::string colorRange;
    double blankBelow = 0;
    std::string value;
    std::string run;
    bool unsorted = false;
    bool rms = false;
    std::optional<std::int64_t> steps;
    std::string at;
    bool relative = false;
    std::optional<std::int64_t> other, prompt;
    std::string statistic;
};

constexpr std::string_view columnPrefix = "column:";
constexpr std::array rowColors{"depth", "group", "token", "position", "sample", "nothing"};

constexpr std::array lensColors{"probability", "entropy", "divergence", "rank"};

/// The component that "PC4" names, from 0.
std::optional<int> componentNamed(const std::string& name) {
    int number = 0;
    const auto [end, failed] = std::from_chars(name.data() + std::min<std::size_t>(2, name.size()),
                                               name.data() + name.size(), number);
    const bool valid = name.starts_with("PC") && failed == std::errc{} && end == name.data() + name.size();
    return valid && number >= 1 ? std::optional(number - 1) : std::nullopt;
}

/// "FILE", "FILE:NAME" or "FILE#NAME".
NamedVector vectorNamed(const std::string& reference) {
    if (reference.find('#') != std::string::npos) return readVector(reference);
    const auto vectors = readAxisVectors(reference);
    if (vectors.size() != 1)
        throw UsageError(
            fmt::format("'{}' names {} vectors, but only one can colour the states; write FILE:NAME",
                        reference, vectors.size()),
            "--color");
    return vectors.front();
}

/// --color of trajectories: a component or axis of the results, or a direction of a file.
void colorByDirection(const Options& options, const Results& results, const ModelIdentity& model,
                      nlohmann::ordered_json& view) {
    const auto& pca = results.statistics.get<Pca>();
    auto component = componentNamed(options.color);
    if (pca) {
        const auto& names = pca->basis.names;
        const auto named = std::find(names.begin(), names.end(), options.color);
        if (named != names.end()) component = static_cast<int>(named - names.begin());
    }
    if (component) {
        view["color_by"] = "component";
        view["component"] = *component;
        return;
    }
    const NamedVector vector = vectorNamed(options.color);
    requireVectorOf(vector, model, options.color);
    view["color_by"] = "direction";
    view["direction"] = {{"name", vector.name},
                         {"values", std::vector<float>(vector.values.begin(), vector.values.end())}};
}

/// --axes of trajectories.
void drawOnAxes(const Options& options, const ModelIdentity& model, nlohmann::ordered_json& view) {
    nlohmann::ordered_json directions = nlohmann::ordered_json::array();
    for (const NamedVector& vector : readAxisVectors(options.axes)) {
        requireVectorOf(vector, model, options.axes + ", " + vector.name);
        directions.push_back({{"name", vector.name},
                              {"values", std::vector<float>(vector.values.begin(), vector.values.end())}});
    }
    view["axes"] = {{"skew", options.skew}, {"directions", directions}};
}

/// What reads the trace of the results: --axes, and --color of a vector.
void addDirections(const Options& options, Recipe& recipe, nlohmann::ordered_json& view) {
    const Results results = readResults(options.source);
    ModelIdentity model = results.source.info.model.value_or(ModelIdentity());
    model.dModel = results.source.info.units;
    if (!options.axes.empty()) drawOnAxes(options, model, view);
    if (!options.color.empty()) colorByDirection(options, results, model, view);
    if (!options.trace.empty()) recipe.sources.push_back({"trace", options.trace, ""});
}

std::string isRowColor(const std::string& name) {
    if (name.starts_with(columnPrefix) && name.size() > columnPrefix.size()) return {};
    if (std::find(rowColors.begin(), rowColors.end(), name) != rowColors.end()) return {};
    return fmt::format("'{}' is none of {}, column:NAME", name, fmt::join(rowColors, ", "));
}

/// "160x120mm". Throws UsageError.
void parseSize(const std::string& text, Recipe& recipe) {
    std::string numbers = text;
    if (numbers.ends_with("mm")) numbers.resize(numbers.size() - 2);
    const auto cross = numbers.find('x');
    const auto number = [&](std::string_view digits, double& value) {
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return failed == std::errc{} && end == digits.data() + digits.size() && value >= 5 && value <= 5000;
    };
    if (cross == std::string::npos || !number(std::string_view(numbers).substr(0, cross), recipe.widthMm) ||
        !number(std::string_view(numbers).substr(cross + 1), recipe.heightMm))
        throw UsageError(
            fmt::format("'{}' is not like 160x120mm, width and height each from 5 to 5000 mm", text));
}

/// "front", "side", "top" or "AZ,EL,ROLL" in degrees; what it looks at is fitted to the data.
std::array<double, 3> parseAngles(const std::string& text) {
    if (text == "front") return {0, 0, 0};
    if (text == "side") return {90, 0, 0};
    if (text == "top") return {0, 90, 0};
    const auto angles = parseNumbers(text);
    if (angles.size() != 3)
        throw UsageError(fmt::format("'{}' is none of front, side, top, AZ,EL,ROLL (degrees)", text));
    return {angles[0], angles[1], angles[2]};
}

/// The camera that shows the whole of a figure's first 3D plot from `angles`.
Camera cameraFor(const Figure& figure, const std::array<double, 3>& angles, double aspect) {
    for (const auto& panel : figure.panels)
        if (const auto* plot = std::get_if<Plot3D>(&panel.plot)) {
            Camera camera = plot->camera;
            camera.azimuth = angles[0];
            camera.elevation = angles[1];
            camera.roll = angles[2];
            const auto& a = plot->axes;
            return fitted(camera, {a[0].low, a[1].low, a[2].low}, {a[0].high, a[1].high, a[2].high}, aspect);
        }
    throw Error(ErrorCode::InvalidArgument,
                "--camera is for 3D views (trajectories, orbits_3d, compare_paths)");
}

/// Those of the trajectories, and of orbits.
void addTrajectoryOptions(const Options& options, nlohmann::ordered_json& view) {
    if (!options.components.empty()) {
        auto components = parseIds(options.components);
        if (components.size() != 3) throw UsageError("--components takes three numbers, as 1,2,3");
        for (auto& c : components) --c;
        view["components"] = components;
    }
    if (options.colorBy.starts_with(columnPrefix)) {
        view["color_by"] = "column";
        view["column"] = options.colorBy.substr(columnPrefix.size());
    } else if (!options.colorBy.empty()) {
        view["color_by"] = options.colorBy;
    }
    if (!options.means.empty()) view["group_means"] = options.means;
    if (!options.limits.empty()) view["limits"] = options.limits;
    if (!options.points.empty()) {
        const auto points = parseIds(options.points);
        if (points.size() != 2) throw UsageError("--points takes two numbers, as 0,24", "--points");
        view["points"] = points;
    }
    if (!options.paths.empty()) view["paths"] = options.paths;
    if (options.mostRows) view["most_rows"] = *options.mostRows;
    if (options.noFirstTokens) view["first_tokens"] = false;
}

/// Those of files of their own: teleports, patch maps, attributions, routing, flows.
void addFileOptions(const Options& options, nlohmann::ordered_json& view) {
    if (options.rms) view["rms"] = true;
    if (options.steps) view["steps"] = *options.steps;
    if (!options.at.empty()) view["point"] = options.at;
    if (options.relative) view["relative"] = true;
    if (!options.value.empty()) view["value"] = options.value;
    if (!options.run.empty()) view["run"] = options.run;
    if (options.prompt) view["prompt"] = *options.prompt;
    if (options.other) view["other"] = *options.other;
    if (!options.statistic.empty()) view["statistic"] = options.statistic;
}

Recipe recipeOfOptions(const Options& options) {
    Recipe recipe;
    recipe.view = options.view;
    recipe.sources = {
        {std::string(sourceRole(options.view)), options.source, "sha256:" + sha256OfFile(options.source)}};
    for (const auto& view : figureViews()) {
        if (view.name != options.view) continue;
        recipe.widthMm = view.widthMm;
        recipe.heightMm = view.heightMm;
    }
    if (!options.size.empty()) parseSize(options.size, recipe);
    recipe.dpi = options.dpi;
    recipe.theme = options.theme;
    recipe.transparent = options.transparent;
    nlohmann::ordered_json view = nlohmann::ordered_json::object();
    if (!options.rows.empty()) view["rows"] = parseIds(options.rows);
    if (!options.units.empty()) view["units"] = parseIds(options.units);
    if (options.selected) view["selected"] = *options.selected;
    if (!options.measure.empty()) view["measure"] = options.measure;
    if (!options.map.empty()) view["map"] = options.map;
    if (options.unsorted) view["sorted"] = false;
    if (options.sample) view["sample"] = *options.sample;
    if (options.minus) view["minus"] = *options.minus;
    if (options.view == "trajectories" && !(options.color.empty() && options.axes.empty()))
        addDirections(options, recipe, view);
    else if (!options.color.empty())
        view["color"] = options.color;
    if (!options.depth.empty()) view["depth"] = options.depth;
    addTrajectoryOptions(options, view);
    addFileOptions(options, view);
    recipe.options = view.dump();
    return recipe;
}

/// The views that an option says something of; empty: all.
const std::map<std::string, std::set<std::string>>& viewsOfOptions() {
    static const std::map<std::string, std::set<std::string>> table{
        {"--camera", {"trajectories", "orbits_3d", "compare_paths"}},
        {"--rows", {"trajectories", "orbits", "latent", "compare_paths"}},
        {"--units", {"orbits", "orbits_3d"}},
        {"--paths", {"orbits_3d"}},
        {"--selected", {"trajectories"}},
        {"--components", {"trajectories", "compare_paths"}},
        {"--measure", {"density"}},
        {"--map",
         {"trajectories", "density", "correlation", "mutual_information", "orbits", "orbits_3d", "latent",
          "lens_map", "compare_cka"}},
        {"--sample", {"lens_map"}},
        {"--minus", {"lens_map"}},
        {"--color", {"lens_map", "trajectories"}},
        {"--trace", {"trajectories"}},
        {"--axes", {"trajectories"}},
        {"--skew", {"trajectories"}},
        {"--depth", {"lens_map"}},
        {"--color-by", {"trajectories"}},
        {"--color-range", {"density", "correlation", "mutual_information", "lens_map", "compare_cka"}},
        {"--blank-below", {"density", "correlation", "mutual_information", "lens_map", "compare_cka"}},
        {"--means", {"trajectories"}},
        {"--limits", {"trajectories"}},
        {"--points", {"trajectories"}},
        {"--no-first-tokens", {"trajectories"}},
        {"--most-rows", {"trajectories"}},
        {"--unsorted", {"density"}},
        {"--rms", {"teleport", "flow"}},
        {"--steps", {"flow"}},
        {"--at", {"flow"}},
        {"--relative", {"flow"}},
        {"--value", {"patch_map", "compare_cka", "routing"}},
        {"--prompt", {"routing"}},
        {"--other", {"compare_cka", "compare_difference"}},
        {"--statistic", {"compare_difference", "compare_training"}},
        {"--run", {"attribution"}},
        {"--size", {}},
        {"--dpi", {}},
        {"--theme", {}},
        {"--transparent", {}},
    };
    return table;
}

/// Throws UsageError for an option that the figure would not heed.
void rejectUnused(const CLI::App& command, const Options& options) {
    for (const auto& [option, views] : viewsOfOptions()) {
        if (command.count(option) == 0) continue;
        if (!options.recipe.empty())
            throw UsageError(
                fmt::format("{} cannot be used with --recipe, because the recipe sets it", option), option);
        if (!views.empty() && !views.contains(options.view))
            throw UsageError(fmt::format("{} is for the view {}, and not for {}", option,
                                         fmt::join(views, ", "), options.view),
                             option);
    }
    if (options.view == "lens_map" && !options.color.empty() &&
        std::find(lensColors.begin(), lensColors.end(), options.color) == lensColors.end())
        throw UsageError(fmt::format("--color of lens_map is one of {}, not '{}'",
                                     fmt::join(lensColors, ", "), options.color),
                         "--color");
    if (command.count("--color") > 0 && command.count("--color-by") > 0)
        throw UsageError("--color and --color-by both colour trajectories; choose one", "--color");
    if (command.count("--dpi") > 0 && exportFormat(options.out.path) != ExportFormat::Png)
        throw UsageError("--dpi is for a PNG; the size of an SVG or PDF is set by --size", "--dpi");
}

std::string isView(const std::string& name) {
    std::vector<std::string> names;
    for (const auto& view : figureViews()) names.emplace_back(view.name);
    if (std::find(names.begin(), names.end(), name) != names.end()) return {};
    return unknownName("view", name, names).what();
}

int run(const Options& options, const CLI::App& command, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    rejectUnused(command, options);
    options.out.refuseEarly({options.source, options.recipe});
    exportFormat(options.out.path);
    Recipe recipe;
    if (!options.recipe.empty()) {
        const auto json = readRecipe(options.recipe);
        if (!json)
            throw Error(ErrorCode::NotFound, fmt::format("{} contains no recipe", options.recipe),
                        options.recipe);
        recipe = recipeFromJson(*json);
        for (const auto& source : recipe.sources) options.out.refuseEarly({source.path});
        for (const auto& source : recipe.sources)
            if (!source.hash.empty() && source.hash != "sha256:" + sha256OfFile(source.path))
                common.console.warn(fmt::format("{} has changed since the figure was made", source.path));
    } else {
        recipe = recipeOfOptions(options);
    }
    Figure figure = figureOfRecipe(recipe);
    if (!options.colorRange.empty() || options.blankBelow > 0) {
        recipe.colors = colorsOf(figure);
        if (recipe.colors && !options.colorRange.empty()) {
            const auto ends = parseNumbers(options.colorRange);
            if (ends.size() != 2)
                throw UsageError("--color-range takes two numbers, as 0,2.5", "--color-range");
            recipe.colors->low = ends[0];
            recipe.colors->high = ends[1];
        }
        if (recipe.colors) recipe.colors->blankBelow = options.blankBelow;
        figure = figureOfRecipe(recipe);
    }
    if (options.recipe.empty() && !options.camera.empty()) {
        recipe.camera = cameraFor(figure, parseAngles(options.camera), recipe.widthMm / recipe.heightMm);
        figure = figureOfRecipe(recipe);
    }
    recipe.versions = {{"rheograph", RHEO_VERSION}, {"qt", qVersion()}};
    recipe.time = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
    startPainting();
    exportFigure(figure,
                 {options.out.path, recipe.widthMm, recipe.heightMm, recipe.dpi, recipeToJson(recipe),
                  options.out.ifExists(), recipe.transparent ? Background::None : Background::Filled});
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    common.console.say(options.out.path);
    common.console.result({{"out", options.out.path}, {"rows", 0}, {"seconds", seconds}});
    return 0;
}

}  // namespace

/// Qt paints text only with a QGuiApplication; there is no display behind this one.
void startPainting() {
    if (QCoreApplication::instance() != nullptr) return;
    qputenv("QT_QPA_PLATFORM", "offscreen");
    // What Qt says about sessions and folders of a desktop is nobody's concern here.
    qInstallMessageHandler([](QtMsgType type, const QMessageLogContext&, const QString& text) {
        if (type == QtCriticalMsg || type == QtFatalMsg) complain(text.toStdString());
    });
    static int argc = 1;
    static char name[] = "rheo";
    static char* argv[] = {name, nullptr};
    new QGuiApplication(argc, argv);  // lives as long as the process
}

void addFigure(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand("figure", "draw results as SVG, PDF or PNG");
    auto options = std::make_shared<Options>();
    auto* source = command
                       ->add_option("results", options->source,
                                    "results of rheo analyze, a teleport, a patch map, an attribution, a "
                                    "routing file, a flow, a response or a comparison")
                       ->type_name("R.h5");
    options->out.addTo(*command, "fig.svg, fig.pdf or fig.png");
    auto* view = command->add_option("--view", options->view, namesOf(figureViews()))
                     ->check(isView)
                     ->type_name("VIEW");
    auto* recipe = command->add_option("--recipe", options->recipe, "make the figure in this file again")
                       ->type_name("FILE.svg");
    recipe->excludes(view)->excludes(source);
    command->add_option("--size", options->size, "physical size; default: a size that suits the view")
        ->check(readBy([](const std::string& text) {
            Recipe ignored;
            parseSize(text, ignored);
        }))
        ->type_name("160x120mm");
    command->add_option("--dpi", options->dpi, "pixels per inch, for a PNG")
        ->check(realNumber(10, 2400))
        ->type_name("DPI");
    command->add_option("--theme", options->theme, "colours of the figure")
        ->check(CLI::IsMember({"light", "dark"}));
    command->add_flag("--transparent", options->transparent, "transparent background");
    command
        ->add_option("--camera", options->camera,
                     "trajectories, orbits_3d, compare_paths: front, side, top or AZ,EL,ROLL in degrees; "
                     "default: as the window opens")
        ->check(readBy(parseAngles))
        ->type_name("CAMERA");
    command
        ->add_option("--rows", options->rows,
                     "trajectories, orbits, latent: draw only these rows; compare_paths: draw these rows of "
                     "the first source, and their pairs, in front")
        ->check(readBy(parseIds))
        ->type_name("0,5,7");
    command
        ->add_option("--units", options->units,
                     "orbits: these units, one panel each; orbits_3d: these units together")
        ->check(readBy(parseIds))
        ->type_name("3,17");
    command
        ->add_option("--paths", options->paths, "orbits_3d: the mean path, or paths of rows; default: mean")
        ->check(CLI::IsMember({"mean", "rows"}));
    command->add_option("--selected", options->selected, "trajectories: highlight this row, with its points")
        ->check(wholeNumber(0))
        ->type_name("ROW");
    command
        ->add_option("--components", options->components,
                     "trajectories, compare_paths: which three components; default: 1,2,3")
        ->check(readBy(parseIds))
        ->type_name("1,2,3");
    command
        ->add_option("--measure", options->measure, "density: the measure shown for each unit; default: mean")
        ->check(CLI::IsMember({"mean", "mean_abs", "rms", "active_fraction"}));
    command
        ->add_option("--map", options->map,
                     "trajectories, density, correlation, mutual_information, orbits, orbits_3d, latent, "
                     "lens_map, compare_cka: the "
                     "colour map")
        ->check(CLI::IsMember({"viridis", "cividis", "vik"}));
    command
        ->add_option("--sample", options->sample,
                     "lens_map: the sample to show; default: the first with several rows")
        ->check(wholeNumber(0))
        ->type_name("S");
    command->add_option("--minus", options->minus, "lens_map: a sample whose values are subtracted")
        ->check(wholeNumber(0))
        ->type_name("S");
    command
        ->add_option(
            "--color", options->color,
            "lens_map: the measure that colours a cell (probability, entropy, divergence or rank; default: "
            "probability); trajectories: a direction whose scores colour the states by depth, a component "
            "(PC4), an axis of the results by its name, or a vector of a file, along which the trace is read")
        ->type_name("COLOUR");
    auto* axes = command
                     ->add_option("--axes", options->axes,
                                  "trajectories: directions as axes instead of the components: one to three "
                                  "vectors of a file, orthonormalised in their order")
                     ->type_name("FILE[:NAME,...]");
    command
        ->add_flag("--skew", options->skew,
                   "trajectories: do not orthogonalise the directions, only scale them to length 1")
        ->needs(axes);
    command
        ->add_option(
            "--trace", options->trace,
            "trajectories on axes, or coloured by a vector: the trace of the results, where it is not "
            "where they say")
        ->type_name("T.rheo.h5");
    command
        ->add_option("--color-range", options->colorRange,
                     "density, correlation, mutual_information, lens_map, compare_cka: range of values of "
                     "the colour map; default: a range that suits the values")
        ->check(readBy(parseNumbers))
        ->type_name("LOW,HIGH");
    command
        ->add_option("--blank-below", options->blankBelow,
                     "density, correlation, mutual_information, lens_map, compare_cka: values nearer to 0 "
                     "are left blank")
        ->check(realNumber(0, 1e30))
        ->type_name("X");
    command
        ->add_option("--color-by", options->colorBy,
                     "trajectories: the property that colours a row; default: depth")
        ->check(isRowColor)
        ->type_name("depth|group|token|position|sample|column:NAME|nothing");
    command
        ->add_option("--means", options->means,
                     "trajectories: mean path of each group of rows (groups as coloured), and its spread; "
                     "default: none")
        ->check(CLI::IsMember({"none", "mean", "spread"}));
    command
        ->add_option("--limits", options->limits,
                     "trajectories: the axes show all states, or the middle 98 %; default: all")
        ->check(CLI::IsMember({"all", "robust"}));
    command->add_option("--points", options->points, "trajectories: the first and the last point drawn")
        ->check(readBy(parseIds))
        ->type_name("0,24");
    command
        ->add_option("--most-rows", options->mostRows,
                     "trajectories: largest number of rows drawn; if there are more, evenly spaced ones are "
                     "drawn; 0: all; default: 5000")
        ->check(wholeNumber(0))
        ->type_name("N");
    command->add_flag("--no-first-tokens", options->noFirstTokens,
                      "trajectories: without the first token of each sample");
    command->add_option("--depth", options->depth, "lens_map: which points are columns; default: points")
        ->check(CLI::IsMember({"points", "blocks", "fourth_blocks"}));
    command->add_flag("--unsorted", options->unsorted, "density: units in order of number");
    command->add_flag("--rms", options->rms, "teleport, flow: distances of states scaled by their RMS");
    command
        ->add_option("--steps", options->steps,
                     "flow: number of steps that the arrows span; default: up to the final point")
        ->check(wholeNumber(0))
        ->type_name("N");
    command
        ->add_option("--at", options->at,
                     "flow at several points: draw the field at this point, or the last one before it; "
                     "default: the first")
        ->type_name("L05.attn_in");
    command->add_flag("--relative", options->relative, "flow: arrows minus the natural step");
    command
        ->add_option(
            "--value", options->value,
            "patch_map: normalized (the share of the clean outcome) or effect (the change of the outcome); "
            "default: normalized. compare_cka: cka, beyond (the part above shuffled samples) or null (the "
            "value for shuffled samples); default: cka. routing: probability (of the likeliest expert) or "
            "entropy (how undecided the router is); default: probability")
        ->check(CLI::IsMember({"normalized", "effect", "cka", "beyond", "null", "probability", "entropy"}));
    command
        ->add_option(
            "--other", options->other,
            "compare_cka, compare_difference: the source that is compared with the first; default: 1")
        ->check(wholeNumber(1, 64))
        ->type_name("I");
    command
        ->add_option("--statistic", options->statistic,
                     "compare_difference, compare_training: whose curves, or (compare_training) verdicts; "
                     "default: the first that the comparison holds")
        ->type_name("NAME");
    command->add_option("--prompt", options->prompt, "routing: the prompt whose tokens are drawn; default: 0")
        ->check(wholeNumber(0, std::numeric_limits<std::int32_t>::max()))
        ->type_name("P");
    command
        ->add_option(
            "--run", options->run,
            "attribution of an intervention: with it, without it, or their difference; default: intervened")
        ->check(CLI::IsMember({"intervened", "natural", "difference"}));
    command->callback([options, command, source, view, recipe, &chosen] {
        if (recipe->count() == 0 && (source->count() == 0 || view->count() == 0))
            throw CLI::ValidationError("figure", "results and --view are needed, or --recipe");
        chosen = [options, command](Common& common) { return run(*options, *command, common); };
    });
}

}  // namespace rheo::cli
