// rheo report: every analysis of a trace, or of a model and prompts, on one page, and the findings put to the
// test.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/analysis/autoencoder.h"
#include "core/analysis/verdicts.h"
#include "core/base/error.h"
#include "core/dynamics/early_attractor.h"
#include "core/dynamics/lens.h"
#include "core/session/attach_model.h"
#include "core/session/curves_file.h"
#include "core/session/recipe_figure.h"
#include "core/session/report.h"
#include "core/session/results_file.h"
#include "core/session/verdict_text.h"
#include "core/trace/trace_reader.h"
#include "widgets/paint/export_figure.h"

namespace rheo::cli {

namespace fs = std::filesystem;

namespace {

struct Options {
    std::string trace;
    ModelOption model;
    std::string prompts, rows = "last";
    std::int64_t limit = 0;
    std::string out;
    bool force = false, resume = false;
    std::string points = "all";
    std::string memory = "1G";
    VerdictOptions verdicts;
};

/// What a reader should know of a view, beside what its axes and its note say.
std::string captionOf(std::string_view view) {
    static const std::map<std::string_view, const char*> captions{
        {"trajectories",
         "Each row a curve through depth in the first three components, coloured by depth; the heavy curve "
         "is the mean."},
        {"pca",
         "A random walk is low-dimensional too: only what lies beyond the nulls says something of the "
         "network."},
        {"density", "Mean activation of each unit over depth, units sorted by the last point."},
        {"sparsity", "How evenly activity is spread over units, beside the nulls."},
        {"correlation", "Of each unit with itself at other points, over rows."},
        {"motion", "How far, and in which direction, the state moves from point to point."},
        {"mutual_information",
         "What a unit's value tells of its value at the next point, and how much of that is not linear."},
        {"rotation", "Turns of units in the plane of their value and its gradient along depth."},
        {"orbits", "Single units in the plane of their value and its gradient along depth."},
        {"lens", "What the final norm and the unembedding make of the state at each point."},
        {"latent", "The two numbers an autoencoder leaves of each state."},
        {"reconstruction",
         "How well states come back from two numbers, on samples that were not trained on."},
    };
    const auto found = captions.find(view);
    return found == captions.end() ? "" : found->second;
}

LensOptions lensOptions(const Options& options, const Common& common) {
    LensOptions whole;
    whole.threads = common.threads;
    whole.memoryBytes = parseBytes(options.memory);
    return whole;
}

/// The trace to analyse: the one that was given, or one captured now.
fs::path traceOf(const Options& options, const fs::path& out, Common& common,
                 std::vector<std::string>& commands) {
    if (!options.trace.empty()) return options.trace;
    const fs::path trace = out / "trace.rheo.h5";
    std::vector<std::string> arguments{"capture",    "--model",       options.model.name,
                                       "--prompts",  options.prompts, "--rows",
                                       options.rows, "--out",         trace.string()};
    if (options.limit > 0) arguments.insert(arguments.end(), {"--limit", std::to_string(options.limit)});
    if (options.model.untrained)
        arguments.insert(arguments.end(), {"--untrained", std::to_string(*options.model.untrained)});
    if (!options.model.acceptedKeys.empty())
        arguments.insert(arguments.end(), {"--accept-unknown-config",
                                           fmt::format("{}", fmt::join(options.model.acceptedKeys, ","))});
    if (options.model.literal) arguments.emplace_back("--literal");
    if (options.force) arguments.emplace_back("--force");
    if (options.resume && fs::exists(trace)) arguments.emplace_back("--resume");
    commands.push_back(commandLine(arguments));
    common.console.say(commands.back());
    Common inner = common;
    inner.console.silent = true;
    const int status = dispatch(arguments, inner);
    if (status == 130) throw Cancelled{};
    if (status != 0)
        throw Error(ErrorCode::Internal, fmt::format("rheo capture ended with status {}", status));
    return trace;
}

/// What needs the network itself, where it is not there yet.
void runModel(const Options& options, const TraceView& view, Common& common, EarlyAttractor& pushes,
              std::optional<LensResult>& looked, Progress& progress) {
    if (options.model.name.empty()) {
        pushes.reason = "it needs a model; name it with --model";
        return;
    }
    if (looked && pushes.differences.size() > 0) return;
    Progress loading = progress.part(0, 0.1), fitting = progress.part(0.1, 0.3),
             pushing = progress.part(0.3, 0.6), looking = progress.part(0.6, 1);
    const OpenModel open = openModel(options.model, common, loading);
    const std::string remark =
        checkAttachment(view.trace->info(), open.model->identity(), open.model->points(), options.model.name);
    if (!remark.empty()) common.console.warn(remark);
    if (pushes.differences.size() == 0) {
        const PcaResult basis = pca(view, {3, false, common.threads, parseBytes(options.memory)}, fitting);
        EarlyAttractorOptions how;
        how.seed = common.seed;
        pushes = measureEarlyAttractor(*open.model, view, basis.basis, how, pushing);
    }
    if (!looked) looked = lens(*open.model, view, lensOptions(options, common), looking);
}

std::vector<ReportFigure> drawAll(const Results& all, const fs::path& results) {
    startPainting();
    std::vector<ReportFigure> figures;
    for (const FigureView& view : viewsOf(all)) {
        Recipe recipe;
        recipe.view = view.name;
        recipe.sources = {{"results", results.string(), ""}};
        recipe.widthMm = view.widthMm;
        recipe.heightMm = view.heightMm;
        recipe.versions = {{"rheograph", RHEO_VERSION}, {"qt", qVersion()}};
        const QByteArray svg = encodeFigure(figureOfResults(all, recipe), ExportFormat::Svg,
                                            {"", view.widthMm, view.heightMm, 300, recipeToJson(recipe)});
        figures.push_back({std::string(view.title), captionOf(view.name), svg.toStdString(),
                           commandLine({"figure", results.string(), "--view", std::string(view.name),
                                        "--size", fmt::format("{}x{}mm", view.widthMm, view.heightMm),
                                        "--out", fmt::format("{}.svg", view.name)})});
    }
    return figures;
}

int run(const Options& options, const CLI::App& command, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    const fs::path out = fs::absolute(options.out);
    std::error_code failed;
    fs::create_directories(out, failed);
    if (failed)
        throw Error(ErrorCode::Io,
                    fmt::format("cannot make the folder {}: {}", out.string(), failed.message()),
                    out.string());
    for (const char* name :
         {"trace.rheo.h5", "results.h5", "verdicts.json", "curves.csv", "curves.json", "index.html"}) {
        requireOutput(out / name, IfExists::Replace, {options.trace, options.model.name, options.prompts});
        if (!options.force && !options.resume && fs::exists(out / name))
            throw Error(
                ErrorCode::AlreadyExists,
                fmt::format(
                    "{} is already there; choose another folder, or say --force, or --resume to go on",
                    (out / name).string()),
                (out / name).string());
    }
    if (options.trace.empty() == options.prompts.empty())
        throw Error(ErrorCode::InvalidArgument, "a report is of a trace, or of --model with --prompts");
    if (options.trace.empty() && options.model.name.empty())
        throw Error(ErrorCode::InvalidArgument, "--prompts needs the model that reads them: --model");

    Report report;
    const fs::path trace = traceOf(options, out, common, report.commands);
    TraceView view;
    view.trace = TraceReader::open(trace);
    const auto points = parsePoints(view.trace->info().points, options.points);
    if (static_cast<std::int64_t>(points.size()) < view.trace->points()) view.points = points;
    checkView(view);

    Progress progress = common.console.progress();
    Progress pushing = progress.part(0, 0.05), judging = progress.part(0.05, 0.9),
             fitting = progress.part(0.9, 0.98);
    VerdictOptions how = options.verdicts;
    how.refits = std::min(how.refits, how.repeats);
    how.seed = common.seed;
    how.threads = common.threads;
    how.memoryBytes = parseBytes(options.memory);
    how.keepFinished = true;
    AutoencoderOptions compressing;
    compressing.seed = common.seed;
    compressing.threads = common.threads;
    compressing.memoryBytes = how.memoryBytes;

    const fs::path results = out / "results.h5";
    const ResultsSource source = makeResultsSource(view, trace.string());
    Records records = recordsOf(view, statisticsOf(view, how));
    records["autoencoder"] = recordOf(view, compressing);
    records["lens"] = recordOf(lensOptions(options, common), options.model.name);
    records["verdicts"] = {
        nlohmann::ordered_json{
            {"definition", 2}, {"mutual_units", how.mutualUnits}, {"model", options.model.name}}
            .dump(),
        how.seed};
    const bool goesOn = options.resume && fs::exists(results);
    Results there;
    if (goesOn) there = readAlike(results, source, records);
    const IfExists ifExists = options.force || options.resume ? IfExists::Replace : IfExists::Refuse;
    ResultsWriter writer =
        goesOn ? ResultsWriter::add(results, source) : ResultsWriter::create(results, source, ifExists);
    if (!options.force) writer.refuseUnlike(records);

    Evidence known = std::move(there.evidence).value_or(Evidence{});
    known.analysis = {std::move(there.statistics), std::move(there.nulls)};
    std::optional<AutoencoderResult> autoencoder = std::move(known.analysis.observed.autoencoder);
    std::optional<LensResult> looked = std::move(there.lens);
    Verdicts verdicts;
    verdicts.evidence = known;
    bool stopped = false;
    try {
        runModel(options, view, common, known.attractor, looked, pushing);
        verdicts = rheo::verdicts(view, how, known.attractor, judging, known);
        stopped = verdicts.evidence.stopped;
        if (!stopped && !autoencoder) autoencoder = fitAutoencoder(view, compressing, fitting);
        stopped = stopped || autoencoder->stopped;
    } catch (const Cancelled&) {
        verdicts.evidence.attractor = known.attractor;
        stopped = true;
    }
    const Evidence& evidence = verdicts.evidence;
    Statistics observed = evidence.analysis.observed;
    observed.autoencoder = autoencoder;
    writer.write(observed, evidence.analysis.nulls, records, options.force);
    writer.write(evidence, records.at("verdicts"));
    if (looked) writer.write(*looked, records.at("lens"), options.force);
    writer.commit();
    if (stopped) {
        common.console.warn(
            fmt::format("interrupted: {} holds what is finished; the same call with --resume "
                        "goes on",
                        results.string()));
        return 130;
    }
    writeFile(out / "verdicts.json", verdictsJson(verdicts.list), ifExists);
    const Results stored = readResults(results);
    writeFile(out / "curves.csv", curvesCsv(stored), ifExists);
    writeFile(out / "curves.json", curvesJson(stored), ifExists);

    progress.setStage("drawing");
    report.figures = drawAll(stored, results);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    const std::string time = fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)));
    const TraceInfo& info = view.trace->info();
    const std::string what =
        info.model
            ? fmt::format("{} of {} blocks and {} units{}", info.model->architecture, info.model->layers,
                          info.model->dModel, info.model->untrainedSeed ? ", untrained" : "")
            : "a trace from elsewhere";
    report.title = "A residual stream over depth, beside its nulls";
    report.facts = {
        {"Model", options.model.name.empty() ? what : fmt::format("{} ({})", options.model.name, what)},
        {"Trace", trace.string()},
        {"Rows", fmt::format("{} of {} samples", view.rowCount(), info.samples.size())},
        {"Points",
         fmt::format(
             "{}, {} to {}", view.pointCount(),
             pointName(info.points[static_cast<std::size_t>(view.tracePoint(0))]),
             pointName(info.points[static_cast<std::size_t>(view.tracePoint(view.pointCount() - 1))]))},
        {"Surrogates", fmt::format("{} of each null, seed {}", how.repeats, common.seed)},
        {"Made", fmt::format("{}, Rheograph {}, in {:.0f} s", time, RHEO_VERSION, seconds)}};
    if (!info.origin.empty()) report.notes.push_back(info.origin);
    const std::int64_t excluded = observed.density->excludedRows;
    if (excluded > 0)
        report.notes.push_back(fmt::format(
            "{} of {} rows were left out: they hold values that are not finite", excluded, view.rowCount()));
    if (how.repeats < 40)
        report.notes.push_back(
            fmt::format("{} surrogates of each null are too few: a two-sided p cannot fall below {:.2f}, a "
                        "one-sided one not "
                        "below {:.2f}",
                        how.repeats, 2.0 / (how.repeats + 1), 1.0 / (how.repeats + 1)));
    report.verdicts = verdicts.list;
    std::vector<std::string> again{"report"};
    for (const auto* option : command.get_options())
        for (const auto& value : option->results()) {
            if (option->get_positional()) {
                again.push_back(value);
                continue;
            }
            again.push_back(option->get_name());
            if (option->get_items_expected_max() > 0) again.push_back(value);
        }
    report.commands = {commandLine(again)};
    nlohmann::ordered_json recipe;
    recipe["trace"] = {{"path", trace.string()}, {"hash", view.trace->sourceHash()}};
    if (info.model)
        recipe["model"] = {{"architecture", info.model->architecture},
                           {"weights_sha256", info.model->weightsSha256},
                           {"notes", info.model->notes},
                           {"accepted_config_keys", info.model->acceptedKeys}};
    recipe["options"] = {{"repeats", how.repeats},          {"refits", how.refits},
                         {"resamples", how.resamples},      {"halves", how.halves},
                         {"mutual_units", how.mutualUnits}, {"points", options.points}};
    recipe["seed"] = common.seed;
    recipe["versions"] = {{"rheograph", RHEO_VERSION}, {"qt", qVersion()}};
    recipe["time"] = time;
    report.recipe = recipe.dump(2);
    writeFile(out / "index.html", reportPage(report), ifExists);

    for (const auto& verdict : verdicts.list)
        common.console.say(
            fmt::format("{:<26} {:<18} {}", verdict.key, verdictName(verdict.verdict), sentenceOf(verdict)));
    common.console.say(fmt::format("done in {:.0f} s: {}", seconds, (out / "index.html").string()));
    common.console.result({{"out", out.string()}, {"rows", view.rowCount()}, {"seconds", seconds}});
    return 0;
}

}  // namespace

void addReport(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand(
        "report", "all analyses and figures on one page, and the published findings put to the test");
    auto options = std::make_shared<Options>();
    command->add_option("trace", options->trace, "a trace file; or --model and --prompts")
        ->type_name("T.rheo.h5");
    options->model.addTo(*command, false);
    options->model.addLiteralTo(*command);
    command
        ->add_option("--prompts", options->prompts, "prompts as rheo capture takes them; - is standard input")
        ->type_name("F");
    command->add_option("--rows", options->rows,
                        "which tokens of the prompts become rows: last, all or stride:K");
    command->add_option("--limit", options->limit, "only the first N prompts")->check(CLI::PositiveNumber);
    command->add_option("--out", options->out, "folder for results, verdicts.json and index.html")
        ->required()
        ->type_name("DIR");
    auto* force = command->add_flag("--force", options->force, "replace what is there");
    command->add_flag("--resume", options->resume, "go on with an interrupted report")->excludes(force);
    command->add_option("--points", options->points, "all, paper, or a range L00.attn_in:L07.mlp_in");
    command->add_option("--repeats", options->verdicts.repeats, "surrogates of each null")
        ->check(CLI::Range(1, 1000000));
    command->add_option("--memory", options->memory, "what may be held beside the results")->type_name("2G");
    command->callback([options, command, &chosen] {
        chosen = [options, command](Common& common) { return run(*options, *command, common); };
    });
}

}  // namespace rheo::cli
