// rheo figure: a figure as the window would export it.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <QGuiApplication>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/base/hash.h"
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
    std::string camera;
    std::string rows;
    std::string units;
    std::string components;
    std::string selected;
    std::string measure;
    std::string map;
    bool unsorted = false;
    bool rms = false;
};

/// "160x120mm". Throws Error(InvalidArgument).
void parseSize(const std::string& text, Recipe& recipe) {
    std::string numbers = text;
    if (numbers.ends_with("mm")) numbers.resize(numbers.size() - 2);
    const auto cross = numbers.find('x');
    const auto number = [&](std::string_view digits, double& value) {
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return failed == std::errc{} && end == digits.data() + digits.size() && value > 0;
    };
    if (cross == std::string::npos || !number(std::string_view(numbers).substr(0, cross), recipe.widthMm) ||
        !number(std::string_view(numbers).substr(cross + 1), recipe.heightMm))
        throw Error(ErrorCode::InvalidArgument, fmt::format("--size {} is not like 160x120mm", text));
}

/// "front", "side", "top" or "AZ,EL,ROLL" in degrees; what it looks at is fitted to the data.
std::array<double, 3> parseAngles(const std::string& text) {
    if (text == "front") return {0, 0, 0};
    if (text == "side") return {90, 0, 0};
    if (text == "top") return {0, 90, 0};
    const auto angles = parseNumbers(text);
    if (angles.size() != 3)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("--camera {} is none of front, side, top, AZ,EL,ROLL", text));
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
    throw Error(ErrorCode::InvalidArgument, "--camera is for views in space (trajectories)");
}

Recipe recipeOfOptions(const Options& options) {
    Recipe recipe;
    recipe.view = options.view;
    recipe.sources = {{options.view == "teleport" ? "teleport" : "results", options.source,
                       "sha256:" + sha256OfFile(options.source)}};
    for (const auto& view : figureViews()) {
        if (view.name != options.view) continue;
        recipe.widthMm = view.widthMm;
        recipe.heightMm = view.heightMm;
    }
    if (!options.size.empty()) parseSize(options.size, recipe);
    recipe.dpi = options.dpi;
    recipe.theme = options.theme;
    nlohmann::ordered_json view = nlohmann::ordered_json::object();
    if (!options.rows.empty()) view["rows"] = parseIds(options.rows);
    if (!options.units.empty()) view["units"] = parseIds(options.units);
    if (!options.selected.empty()) view["selected"] = parseIds(options.selected).front();
    if (!options.components.empty()) {
        auto components = parseIds(options.components);
        if (components.size() != 3)
            throw Error(ErrorCode::InvalidArgument, "--components takes three numbers, as 1,2,3");
        for (auto& c : components) --c;
        view["components"] = components;
    }
    if (!options.measure.empty()) view["measure"] = options.measure;
    if (!options.map.empty()) view["map"] = options.map;
    if (options.unsorted) view["sorted"] = false;
    if (options.rms) view["rms"] = true;
    recipe.options = view.dump();
    return recipe;
}

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    options.out.refuseEarly({options.source, options.recipe});
    exportFormat(options.out.path);
    Recipe recipe;
    if (!options.recipe.empty()) {
        const auto json = readRecipe(options.recipe);
        if (!json)
            throw Error(ErrorCode::NotFound, fmt::format("{} holds no recipe", options.recipe),
                        options.recipe);
        recipe = recipeFromJson(*json);
        for (const auto& source : recipe.sources) options.out.refuseEarly({source.path});
        for (const auto& source : recipe.sources)
            if (!source.hash.empty() && source.hash != "sha256:" + sha256OfFile(source.path))
                common.console.warn(
                    fmt::format("{} is not what it was when the figure was made", source.path));
    } else {
        recipe = recipeOfOptions(options);
    }
    Figure figure = figureOfRecipe(recipe);
    if (options.recipe.empty() && !options.camera.empty()) {
        recipe.camera = cameraFor(figure, parseAngles(options.camera), recipe.widthMm / recipe.heightMm);
        figure = figureOfRecipe(recipe);
    }
    recipe.versions = {{"rheograph", RHEO_VERSION}, {"qt", qVersion()}};
    recipe.time = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
    startPainting();
    exportFigure(figure, {options.out.path, recipe.widthMm, recipe.heightMm, recipe.dpi, recipeToJson(recipe),
                          options.out.ifExists()});
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
        if (type == QtCriticalMsg || type == QtFatalMsg) std::fprintf(stderr, "%s\n", qPrintable(text));
    });
    static int argc = 1;
    static char name[] = "rheo";
    static char* argv[] = {name, nullptr};
    new QGuiApplication(argc, argv);  // lives as long as the process
}

void addFigure(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand("figure", "draw results as SVG, PDF or PNG");
    auto options = std::make_shared<Options>();
    auto* source = command->add_option("results", options->source, "results of rheo analyze, or a teleport")
                       ->type_name("R.h5");
    options->out.addTo(*command, "fig.svg, fig.pdf or fig.png");
    auto* view = command->add_option("--view", options->view, namesOf(figureViews()));
    auto* recipe = command->add_option("--recipe", options->recipe, "make the figure in this file again")
                       ->type_name("FILE.svg");
    recipe->excludes(view)->excludes(source);
    command->add_option("--size", options->size, "physical size; left out: what suits the view")
        ->type_name("160x120mm");
    command->add_option("--dpi", options->dpi, "of a PNG");
    command->add_option("--theme", options->theme, "light or dark");
    command->add_option("--camera", options->camera, "front, side, top or AZ,EL,ROLL in degrees");
    command->add_option("--rows", options->rows, "trajectories, orbits, latent: only these")
        ->type_name("0,5,7");
    command->add_option("--units", options->units, "orbits: these, a panel each")->type_name("3,17");
    command->add_option("--selected", options->selected, "trajectories: this row with its points");
    command->add_option("--components", options->components, "trajectories: which three")->type_name("1,2,3");
    command->add_option("--measure", options->measure, "density: mean, mean_abs, rms or active_fraction");
    command->add_option("--map", options->map, "viridis or cividis");
    command->add_flag("--unsorted", options->unsorted, "density: units as they are");
    command->add_flag("--rms", options->rms, "teleport: distances of states scaled by their RMS");
    command->callback([options, source, view, recipe, &chosen] {
        if (recipe->count() == 0 && (source->count() == 0 || view->count() == 0))
            throw CLI::ValidationError("figure", "results and --view are needed, or --recipe");
        chosen = [options](Common& common) { return run(*options, common); };
    });
}

}  // namespace rheo::cli
