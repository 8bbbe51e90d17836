// rheo response: pushes of growing size, and how far the output moves.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/dynamics/response.h"
#include "core/figure/response_figure.h"
#include "core/results/response_file.h"
#include "core/results/results_file.h"
#include "core/results/vector_file.h"
#include "core/statistics/axes.h"
#include "core/trace/trace_reader.h"

namespace rheo::cli {

namespace {

struct Options {
    ModelOption model;
    TextOption text;
    OutOption out;
    std::string point, basis, axes, trace, toText, toIds;
    int token = -1, component = 1;
    std::optional<double> unit;
    ResponseRequest request;
};

/// The standard deviation of the states of a trace along `direction` at a point.
double deviationIn(const std::string& file, const std::string& point, const VectorF& direction) {
    TraceView view;
    view.trace = TraceReader::open(file);
    view.points = {findPoint(view.trace->info().points, point)};
    Progress progress;
    return std::sqrt(varianceAlong(view, direction.cast<double>().transpose(), progress).variance[0]);
}

void setDirection(const Options& options, const OpenModel& open, const PromptContext& context,
                  ResponseRequest& request, ResponseFile& record) {
    std::optional<double> known;
    if (!options.basis.empty()) {
        const PcaBasis basis = readPcaBasis(options.basis);
        if (options.component > basis.components.rows())
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("component {} was requested, but {} has {}", options.component,
                                    options.basis, basis.components.rows()),
                        options.basis);
        if (basis.scaling != Scaling::Raw)
            throw Error(
                ErrorCode::Unsupported,
                fmt::format("the components of {} are of states with {} scaling; fit them on raw states",
                            options.basis, scalingName(basis.scaling)),
                options.basis);
        request.direction = basis.components.row(options.component - 1).transpose().cast<float>();
        known = std::sqrt(basis.variance[options.component - 1]);
        record.along = fmt::format("component {} of {}", options.component, options.basis);
        record.unitName = "SD";
    } else {
        const auto vectors = readAxisVectors(options.axes);
        if (vectors.size() != 1)
            throw UsageError(
                fmt::format("--axes {} names {} vectors, but a push is along one: name it as FILE:NAME",
                            options.axes, vectors.size()));
        requireVectorOf(vectors[0], open.model->identity(), options.axes);
        request.direction = vectors[0].values;
        record.along = vectors[0].name;
        record.unitName = options.trace.empty() ? "SD of the prompt" : "SD";
    }
    if (options.unit) {
        request.unit = *options.unit;
        record.unitName = fmt::format("{:g} residual units", *options.unit);
    } else if (!options.trace.empty()) {
        request.unit = deviationIn(options.trace, options.point, request.direction);
    } else {
        request.unit =
            known ? *known : deviationAlong(*open.model, context, request.point, request.direction);
    }
}

void setTarget(const Options& options, const OpenModel& open, ResponseRequest& request, ResponseFile& record,
               Common& common, Progress& progress) {
    std::vector<std::int32_t> ids;
    if (!options.toIds.empty()) {
        ids = parseIds(options.toIds);
    } else {
        Sample sample;
        sample.tokenIds = requireTokenizer(open, "give token ids with --to-ids").encode(options.toText);
        warnOfPrompts({sample}, open, common.console);
        ids = sample.tokenIds;
    }
    const auto context = open.model->prepare(ids, progress);
    request.target = open.model->naturalState(*context, request.point, static_cast<int>(ids.size()) - 1);
    record.along = options.toText.empty() ? "the state of the other prompt" : "to '" + options.toText + "'";
}

nlohmann::ordered_json numberOrNull(double value) {
    return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
}

nlohmann::ordered_json sidesOf(const Response& response) {
    nlohmann::ordered_json sides = nlohmann::ordered_json::array();
    const auto numbers = [](const Plateau& p) {
        return nlohmann::ordered_json{{"width", numberOrNull(p.width)},
                                      {"flatness", numberOrNull(p.flatness)},
                                      {"steepest", numberOrNull(p.steepest)},
                                      {"slope", numberOrNull(p.slope)}};
    };
    for (const ResponseSide& side : response.sides) {
        nlohmann::ordered_json one{{"side", side.name}};
        one.update(numbers(side.plateau));
        for (const Plateau& control : side.controls) one["controls"].push_back(numbers(control));
        sides.push_back(one);
    }
    return sides;
}

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    options.out.refuseEarly({options.model.name, options.basis, options.trace, options.text.file});
    Progress progress = common.console.progress();
    Progress loading = progress.part(0, 0.2), running = progress.part(0.2, 1);
    const OpenModel open = openModel(options.model, common, loading);
    ResponseFile record;
    record.ids = options.text.readIds(open, common.console);
    record.text = options.text.text;
    record.points = open.model->points();
    record.model = open.model->identity();
    const auto context = open.model->prepare(record.ids, running);
    ResponseRequest request = options.request;
    request.point = PointIndex{findPoint(open.model->points(), options.point)};
    request.token = options.token;
    request.seed = common.seed;
    if (options.basis.empty() && options.axes.empty())
        setTarget(options, open, request, record, common, running);
    else
        setDirection(options, open, *context, request, record);
    record.response = response(*open.model, *context, request, running, [&](double seconds) {
        common.console.say(fmt::format("about {} in all", formatDuration(seconds)));
    });
    const Response& found = record.response;
    for (const std::int32_t id : found.likeliest)
        record.tokenTexts[id] = open.tokenizer ? open.tokenizer->pieceText(id) : fmt::format("#{}", id);
    writeResponseFile(options.out.path, record, options.out.ifExists());
    common.console.say(fmt::format("{}: size 1 is {:.4g} residual units", record.along, found.length));
    const bool line = request.target.size() > 0;
    for (const ResponseSide& side : found.sides)
        common.console.say(plateauText(side, line ? "" : " " + record.unitName));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    common.console.result({{"out", options.out.path},
                           {"rows", found.sizes.size()},
                           {"seconds", seconds},
                           {"length", found.length},
                           {"sides", sidesOf(found)}});
    return 0;
}

}  // namespace

void addResponse(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand(
        "response",
        "push one state further and further, and see where the output changes and where it does not");
    auto options = std::make_shared<Options>();
    options->model.addTo(*command);
    options->model.addLiteralTo(*command);
    options->text.addTo(*command, true);
    options->out.addTo(*command, "distances, divergences and next tokens by size, with controls (HDF5)");
    command->add_option("--point", options->point, "the residual point of the push")
        ->required()
        ->type_name("L05.attn_in");
    command->add_option("--token", options->token, "position in the prompt, from 0; default: the last")
        ->check(wholeNumber(0, std::numeric_limits<std::int32_t>::max()))
        ->default_str("")
        ->type_name("T");
    auto* basis = command->add_option("--basis", options->basis, "push along a component of these results")
                      ->type_name("R.h5");
    command->add_option("--component", options->component, "which one")
        ->check(wholeNumber(1, 65536))
        ->needs(basis)
        ->type_name("K");
    auto* axes =
        command->add_option("--axes", options->axes, "push along this direction")->type_name("FILE[:NAME]");
    auto* toText =
        command
            ->add_option("--to-text", options->toText, "instead: the line to the last state of this prompt")
            ->type_name("S");
    auto* toIds =
        command->add_option("--to-ids", options->toIds, "the same prompt as token ids; none is added")
            ->check(readBy(parseIds))
            ->type_name("1,2,3");
    auto* trace =
        command
            ->add_option("--trace", options->trace,
                         "size 1 is the standard deviation of the states of this trace at the point")
            ->type_name("T.rheo.h5");
    auto* unit = command
                     ->add_option("--unit", options->unit,
                                  "size 1 in residual units; default: the standard deviation along the "
                                  "direction, from --trace, else from --basis, else from the prompt's tokens")
                     ->check(realNumber(1e-30, 1e30))
                     ->type_name("X");
    auto* largest =
        command->add_option("--largest", options->request.largest, "largest size of a push, in both signs")
            ->check(realNumber(1e-6, 1e6))
            ->type_name("X");
    command
        ->add_option("--steps", options->request.steps,
                     "number of sizes up to the largest, or along the line")
        ->check(wholeNumber(2, 1000))
        ->type_name("N");
    command
        ->add_option("--controls", options->request.controls,
                     "number of random directions, at the same sizes")
        ->check(wholeNumber(0, 1024))
        ->type_name("K");
    unit->excludes(trace);
    for (auto* line : {toText, toIds})
        for (auto* other : {basis, axes, trace, unit, largest}) line->excludes(other);
    toText->excludes(toIds);
    basis->excludes(axes);
    command->callback([options, basis, axes, toText, toIds, &chosen] {
        if (basis->count() + axes->count() + toText->count() + toIds->count() != 1)
            throw CLI::ValidationError("response",
                                       "one of --basis, --axes, --to-text and --to-ids is needed");
        chosen = [options](Common& common) { return run(*options, common); };
    });
}

}  // namespace rheo::cli
