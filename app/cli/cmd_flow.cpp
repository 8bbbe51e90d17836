// rheo flow: a grid of teleports over two axes, and where the network carries them.
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <iterator>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/dynamics/flow.h"
#include "core/results/flow_file.h"

namespace rheo::cli {

namespace {

struct Options {
    ModelOption model;
    TextOption text;
    OutOption out;
    BasisOption basis;
    std::string point, points, components = "1,2", grid = "11x11", extent;
    int every = 1;
    int token = -1;
    int controls = 8;
};

/// "11x11" as columns and rows. Throws UsageError.
std::array<int, 2> parseGrid(const std::string& text) {
    std::array<int, 2> grid{};
    const auto cross = text.find('x');
    const auto read = [&](std::string_view digits, int& value) {
        const auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return wrong == std::errc{} && end == digits.data() + digits.size() && value >= 2 && value <= 201;
    };
    const std::string_view whole(text);
    if (cross == std::string::npos || !read(whole.substr(0, cross), grid[0]) ||
        !read(whole.substr(cross + 1), grid[1]))
        throw UsageError(fmt::format("'{}' is not like 11x11, with 2 to 201 cells per side", text));
    return grid;
}

/// "1,3" as two different axes from 0. Throws UsageError.
std::array<int, 2> parseAxes(const std::string& text) {
    const auto axes = parseIds(text);
    if (axes.size() != 2 || axes[0] < 1 || axes[1] < 1 || axes[0] == axes[1])
        throw UsageError(fmt::format("'{}' is not two different axes, such as 1,2", text));
    return {axes[0] - 1, axes[1] - 1};
}

/// "4" or "4,2" as half the width along either axis. Throws UsageError.
std::array<double, 2> parseExtent(const std::string& text) {
    const auto numbers = parseNumbers(text);
    if (numbers.size() > 2 || !(numbers.front() > 0) || !(numbers.back() > 0))
        throw UsageError(fmt::format("'{}' is not one or two numbers above 0", text));
    return {numbers.front(), numbers.back()};
}

FlowRequest requestOf(const Options& options, std::uint64_t seed) {
    FlowRequest request;
    request.token = options.token;
    request.axes = parseAxes(options.components);
    const auto grid = parseGrid(options.grid);
    request.columns = grid[0];
    request.rows = grid[1];
    if (!options.extent.empty()) request.extent = parseExtent(options.extent);
    request.controls = options.controls;
    request.seed = seed;
    return request;
}

/// Where grids are put in, ascending.
std::vector<PointIndex> pointsOf(const Options& options, const std::vector<ResidualPoint>& points) {
    if (!options.point.empty()) return {PointIndex{findPoint(points, options.point)}};
    std::vector<PointIndex> chosen;
    std::int64_t place = 0;
    for (const std::int64_t point : parsePoints(points, options.points)) {
        const bool isLast = point + 1 == static_cast<std::int64_t>(points.size());  // nothing follows it
        if (!isLast && place++ % options.every == 0) chosen.emplace_back(point);
    }
    if (chosen.empty())
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("--points {} must name a point before the last, because arrows need a next step",
                        options.points));
    return chosen;
}

nlohmann::ordered_json basinsOf(const FlowFile& record) {
    std::map<std::int32_t, int> cells;
    for (const std::int32_t token : record.flow.likeliest) ++cells[token];
    nlohmann::ordered_json basins = nlohmann::ordered_json::array();
    for (const auto& [token, count] : cells)
        basins.push_back({{"id", token}, {"piece", record.tokenTexts.at(token)}, {"cells", count}});
    return basins;
}

void show(const Console& console, const FlowFile& record) {
    const Flow& flow = record.flow;
    console.say(fmt::format("{} by {} states over {} ({:.4g} to {:.4g}) and {} ({:.4g} to {:.4g})",
                            flow.x.size(), flow.y.size(), flow.axisNames[0], flow.x[0],
                            flow.x[flow.x.size() - 1], flow.axisNames[1], flow.y[0],
                            flow.y[flow.y.size() - 1]));
    std::map<std::int32_t, int> cells;
    for (const std::int32_t token : flow.likeliest) ++cells[token];
    std::string basins;
    for (const auto& [token, count] : cells)
        basins += fmt::format("  '{}' {}", record.tokenTexts.at(token), count);
    console.say("cells by their likeliest next token:" + basins);
    if (flow.contraction.size() == 0) return;
    const auto sums = flow.controlContraction.rowwise().sum();
    console.say(fmt::format("contraction to the end: {:+.3f}{}", flow.contraction.sum(),
                            sums.size() == 0 ? ""
                                             : fmt::format(", random directions {:+.3f} to {:+.3f}",
                                                           sums.minCoeff(), sums.maxCoeff())));
}

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    options.out.refuseEarly({options.model.name, options.basis.results, options.text.file});
    std::optional<PcaBasis> basis;
    if (!options.basis.results.empty()) basis = options.basis.read(nullptr);
    Progress progress = common.console.progress();
    Progress loading = progress.part(0, 0.2), running = progress.part(0.2, 1);
    const OpenModel open = openModel(options.model, common, loading);
    if (!basis) basis = options.basis.read(&open.model->identity());
    FlowFile record;
    record.ids = options.text.readIds(open, common.console);
    record.text = options.text.text;
    record.points = open.model->points();
    record.model = open.model->identity();
    const auto context = open.model->prepare(record.ids, running);
    const auto flowing = std::chrono::steady_clock::now();
    std::vector<Flow> flows = flowsAt(
        *open.model, *context, *basis, requestOf(options, common.seed),
        pointsOf(options, open.model->points()), running,
        [&](double seconds) { common.console.say(fmt::format("about {} in all", formatDuration(seconds))); });
    record.flow = std::move(flows.front());
    record.deeper.assign(std::make_move_iterator(flows.begin() + 1), std::make_move_iterator(flows.end()));
    const double ofFlow = std::chrono::duration<double>(std::chrono::steady_clock::now() - flowing).count();
    const auto text = [&](std::int32_t id) {
        record.tokenTexts[id] = open.tokenizer ? open.tokenizer->pieceText(id) : fmt::format("#{}", id);
    };
    for (const Flow* one : record.flows()) {
        for (const std::int32_t id : one->likeliest) text(id);
        text(one->naturalToken);
    }
    writeFlowFile(options.out.path, record, options.out.ifExists());
    if (!basis->names.empty()) common.console.say("axes: " + axesText(*basis));
    show(common.console, record);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    common.console.result({{"out", options.out.path},
                           {"rows", record.flow.cells()},
                           {"seconds", seconds},
                           {"flow_seconds", ofFlow},
                           {"axes", record.flow.axisNames},
                           {"extent", record.flow.request.extent},
                           {"basins", basinsOf(record)}});
    return 0;
}

}  // namespace

void addFlow(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand(
        "flow", "move one state to each cell of a grid, and see where the network moves each");
    auto options = std::make_shared<Options>();
    options->model.addTo(*command);
    options->model.addLiteralTo(*command);
    options->text.addTo(*command, true);
    options->out.addTo(*command, "paths, contraction with controls, and next tokens of the cells (HDF5)");
    options->basis.addTo(*command);
    auto* point = command->add_option("--point", options->point, "the residual point of the grid")
                      ->type_name("L05.attn_in");
    auto* points =
        command
            ->add_option("--points", options->points,
                         "several points with one grid each: all, or a range L00.attn_in:L07.mlp_in")
            ->excludes(point)
            ->type_name("POINTS");
    command->add_option("--every", options->every, "use only every N-th of --points, from the first")
        ->check(wholeNumber(1, 100000))
        ->needs(points)
        ->type_name("N");
    command->add_option("--token", options->token, "position in the prompt, from 0; default: the last")
        ->check(wholeNumber(0, std::numeric_limits<std::int32_t>::max()))
        ->default_str("")
        ->type_name("T");
    command->add_option("--components", options->components, "which two components or axes span the grid")
        ->check(readBy(parseAxes))
        ->type_name("1,2");
    command
        ->add_option(
            "--grid", options->grid,
            "number of cells along both axes; with odd numbers, the natural state is one of the cells")
        ->check(readBy(parseGrid))
        ->type_name("11x11");
    command
        ->add_option(
            "--extent", options->extent,
            "half the width of the grid, one number or one for each axis, in residual units; default: 2 "
            "standard deviations of the component, or with --axes the RMS norm of the prompt's states")
        ->check(readBy(parseExtent))
        ->type_name("X[,Y]");
    command
        ->add_option("--controls", options->controls,
                     "number of random directions of the same norm, for each cell")
        ->check(wholeNumber(0, 1024))
        ->type_name("K");
    command->callback([options, &chosen] {
        if (options->point.empty() == options->points.empty())
            throw CLI::ValidationError("flow",
                                       "--point or --points is needed: the residual points of the grids");
        if (!options->basis.given())
            throw CLI::ValidationError("flow",
                                       "the axes of the grid are needed: --basis R.h5 or --axes FILE");
        chosen = [options](Common& common) { return run(*options, common); };
    });
}

}  // namespace rheo::cli
