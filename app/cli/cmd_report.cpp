// rheo report: every analysis of a trace, or of a model and prompts, on one page, and the findings put to the
// test.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "app/cli/commands.h"
#include "core/analysis/near_copies.h"
#include "core/analysis/sampling_units.h"
#include "core/base/error.h"
#include "core/capture/capture.h"
#include "core/dynamics/early_attractor.h"
#include "core/dynamics/lens.h"
#include "core/findings/final_verdicts.h"
#include "core/results/curves_file.h"
#include "core/results/results_file.h"
#include "core/session/analysis_view.h"
#include "core/session/attach_model.h"
#include "core/session/recipe_figure.h"
#include "core/session/report.h"
#include "core/session/verdict_text.h"
#include "core/statistics/analyze.h"
#include "core/statistics/autoencoder.h"
#include "core/trace/normed_trace.h"
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
    std::string points = "all", scaling = "raw", maskUnits;
    SelectOption select;
    std::string memory = "1G";
    std::optional<int> repeats;
    VerdictOptions verdicts;
};

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

/// What a report looks at.
struct Looked {
    AnalysisView rows;
    TraceView raw;             ///< the same rows and points, neither scaled nor masked: what a model computes
    std::int64_t samples = 0;  ///< distinct ones, a group counting as one
    std::string untestable;    ///< why no finding can be tested; empty if some can
};

Looked lookAt(const Options& options, const fs::path& path, Common& common, Progress& progress) {
    const auto trace = TraceReader::open(path);
    ViewRequest request;
    const auto points = parsePoints(trace->info().points, options.points);
    if (static_cast<std::int64_t>(points.size()) < trace->points()) request.points = points;
    if (options.scaling == "rms") request.scaling = Scaling::Rms;
    request.mask = parseUnitMask(options.maskUnits);
    request.selection = options.select.parse();
    request.leaveOutFirstTokens = true;
    request.threads = common.threads;
    const bool normed = options.scaling == "final_norm";
    if (normed && options.model.name.empty())
        throw Error(ErrorCode::InvalidArgument,
                    "--scaling final_norm needs the model of the trace; name it with --model");
    std::optional<OpenModel> open;
    if (normed || (request.selection.usesTokens() && !options.model.name.empty()))
        open = openModel(options.model, common, progress);
    Looked looked;
    looked.rows =
        makeAnalysisView(trace, request, open ? tokenTexts(open->tokenizer) : TokenText{}, progress);
    TraceView& view = looked.rows.view;
    looked.raw = view;
    looked.raw.scaling = Scaling::Raw;
    looked.raw.maskedUnits.clear();
    if (normed) {
        view.trace = std::make_shared<const NormedTrace>(view.trace, open->model->finalNorm());
        view.scaling = Scaling::FinalNorm;
    }
    looked.samples = samplingUnits(withNearCopiesGrouped(view, progress)).count();
    const auto tooFew = [](std::int64_t there, const char* what, std::int64_t needed) {
        return fmt::format("there {} {} {}{}, and {} are needed", there == 1 ? "is" : "are", there, what,
                           there == 1 ? "" : "s", needed);
    };
    if (looked.samples < leastSamples)
        looked.untestable = tooFew(looked.samples, "distinct sample", leastSamples);
    else if (view.pointCount() < leastPoints)
        looked.untestable = tooFew(view.pointCount(), "point", leastPoints);
    return looked;
}

/// What needs the network itself, where it is not there yet.
void runModel(const Options& options, const TraceView& raw, Common& common, EarlyAttractor& pushes,
              std::optional<LensResult>& lensed, Progress& progress) {
    if (options.model.name.empty()) {
        pushes.reason = "it needs a model; name it with --model";
        return;
    }
    if (lensed && pushes.differences.rows() > 0) return;
    Progress loading = progress.part(0, 0.1), fitting = progress.part(0.1, 0.3),
             pushing = progress.part(0.3, 0.6), looking = progress.part(0.6, 1);
    const OpenModel open = openModel(options.model, common, loading);
    const std::string remark =
        checkAttachment(raw.trace->info(), open.model->identity(), open.model->points(), options.model.name);
    if (!remark.empty()) common.console.warn(remark);
    if (pushes.differences.rows() == 0) {
        const PcaResult basis = pca(raw, {3, false, common.threads, parseBytes(options.memory)}, fitting);
        EarlyAttractorOptions how;
        how.seed = common.seed;
        pushes = measureEarlyAttractor(*open.model, raw, basis.basis, how, pushing);
    }
    if (!lensed) lensed = lens(*open.model, raw, lensOptions(options, common), looking);
}

/// How everything is computed.
struct Methods {
    VerdictOptions verdicts;
    AutoencoderOptions autoencoder;
};

Methods methodsOf(const Options& options, const Common& common) {
    Methods how{options.verdicts, {}};
    if (options.repeats) how.verdicts.repeats = how.verdicts.mostRepeats = *options.repeats;
    how.verdicts.refits = std::min(how.verdicts.refits, how.verdicts.repeats);
    how.verdicts.seed = how.autoencoder.seed = common.seed;
    how.verdicts.threads = how.autoencoder.threads = common.threads;
    how.verdicts.memoryBytes = how.autoencoder.memoryBytes = parseBytes(options.memory);
    how.verdicts.keepFinished = true;
    return how;
}

/// A results file that is gone on with, where it is there and that was asked for.
class StoredResults {
public:
    StoredResults(const Options& options, const TraceView& view, const fs::path& trace, fs::path path,
                  Records records)
        : m_path(std::move(path)), m_records(std::move(records)), m_replace(options.force) {
        ResultsSource source = makeResultsSource(view, trace.string());
        source.selection = options.select.conditions;
        const bool goesOn = options.resume && fs::exists(m_path);
        if (goesOn) there = readMatching(m_path, source, m_records);
        const IfExists ifExists = options.force || options.resume ? IfExists::Replace : IfExists::Refuse;
        m_writer.emplace(goesOn ? ResultsWriter::add(m_path, source)
                                : ResultsWriter::create(m_path, source, ifExists));
        if (!options.force) m_writer->throwIfRecordsDiffer(m_records);
    }

    const fs::path& path() const { return m_path; }
    Evidence takeEvidence() {
        Evidence known = std::move(there.evidence).value_or(Evidence{});
        known.analysis = {std::move(there.statistics), std::move(there.nulls)};
        return known;
    }
    /// Can be called once.
    void write(const Statistics& observed, const Evidence& evidence, bool withEvidence,
               const std::optional<LensResult>& lens) {
        m_writer->write(observed, evidence.analysis.nulls, m_records, m_replace);
        if (withEvidence) m_writer->write(evidence, m_records.at("verdicts"));
        if (lens) m_writer->write(*lens, m_records.at("lens"), m_replace);
        m_writer->commit();
    }

    Results there;

private:
    fs::path m_path;
    Records m_records;
    bool m_replace;
    std::optional<ResultsWriter> m_writer;
};

/// What came of the findings.
struct Judged {
    FinalVerdicts verdicts;
    bool stopped = false;
    std::vector<Undefined> undefined;  ///< statistics that cannot be computed
};

/// The statistics, the autoencoder, the lens and the verdicts. Evidence without outliers is kept in a file of
/// its own, which `withoutOutliers` opens for their view.
Judged judgeAll(const Options& options, const Looked& looked, const Methods& how, Common& common,
                StoredResults& stored,
                const std::function<std::unique_ptr<StoredResults>(const TraceView&)>& withoutOutliers,
                Progress& progress) {
    Progress pushing = progress.part(0, 0.05), fitting = progress.part(0.05, 0.1),
             judging = progress.part(0.1, 1);
    const TraceView& view = looked.rows.view;
    Evidence known = stored.takeEvidence();
    const EarlyAttractor& attractor = known.attractor;
    std::optional<AutoencoderResult> autoencoder = std::move(known.analysis.observed.get<AutoencoderFit>());
    std::optional<LensResult> lensed = std::move(stored.there.lens);
    bool saved = false;
    std::unique_ptr<StoredResults> without;
    const auto save = [&](const Evidence& evidence) {
        Statistics observed = evidence.analysis.observed;
        observed.get<AutoencoderFit>() = std::move(autoencoder);
        stored.write(observed, evidence, true, lensed);
        saved = true;
    };
    EvidenceStore store;
    store.load = [&](const TraceView& asked) {
        if (!saved) return known;
        without = withoutOutliers(asked);
        return without->takeEvidence();
    };
    store.save = [&](const TraceView&, const Evidence& evidence) {
        if (saved)
            without->write(evidence.analysis.observed, evidence, evidence.resamples.size() > 0, {});
        else
            save(evidence);
    };
    Judged judged;
    try {
        runModel(options, looked.raw, common, known.attractor, lensed, pushing);
        if (!autoencoder) autoencoder = fitAutoencoder(view, how.autoencoder, fitting);
        if (autoencoder->stopped) throw Cancelled{};
        judged.verdicts = finalVerdicts(view, how.verdicts, attractor, judging, store);
        judged.stopped = judged.verdicts.stopped;
    } catch (const Cancelled&) {
        judged.stopped = true;
        if (!saved) save(known);
    }
    return judged;
}

/// Where no finding can be tested: the verdicts that say so, and statistics without surrogates.
Judged describeOnly(const Looked& looked, const Methods& how, StoredResults& stored, Progress& progress) {
    const TraceView& view = looked.rows.view;
    Judged judged;
    AnalysisOptions asked = statisticsOf(view, how.verdicts);
    judged.undefined = undefinedOf(view, asked);
    asked = withoutUndefined(asked, judged.undefined);
    Evidence known = stored.takeEvidence();
    try {
        known.analysis = analyze(view, asked, progress, known.analysis);
        judged.stopped = known.analysis.stopped;
    } catch (const Cancelled&) {
        judged.stopped = true;
    }
    known.attractor.reason = looked.untestable;
    Progress silent;
    judged.verdicts = finalVerdicts(view, how.verdicts, known.attractor, silent);
    stored.write(known.analysis.observed, known, false, {});
    return judged;
}

Records recordsFor(const Options& options, const Common& common, const TraceView& view, const Methods& how) {
    Records records = recordsOf(view, statisticsOf(view, how.verdicts));
    records["autoencoder"] = recordOf(view, how.autoencoder);
    records["lens"] = recordOf(lensOptions(options, common), options.model.name);
    records["verdicts"] = {
        nlohmann::ordered_json{
            {"definition", 3}, {"mutual_units", how.verdicts.mutualUnits}, {"model", options.model.name}}
            .dump(),
        how.verdicts.seed, view.scaling, view.maskedUnits};
    return records;
}

/// "200 of each null, up to 1000 where they take about a second".
std::string surrogatesOf(const VerdictOptions& how) {
    std::string text = fmt::format("{} of each null", how.repeats);
    if (how.mostRepeats > how.repeats)
        text += fmt::format(", up to {} where they take about a second", how.mostRepeats);
    return text;
}

/// The sentence of the page on outliers.
std::string noteOfOutliers(const TraceView& view, const Outliers& outliers) {
    return outliers.none()
               ? std::string("No unit and no row stands out by its size")
               : fmt::format(
                     "Outliers: {}. Each verdict was computed with and without them. A unit or row counts "
                     "as one if the logarithm of its RMS has a robust z above {:g} among the others at any "
                     "point: of 5,200 random walks with Gaussian steps 1 had any",
                     describeOutliers(view, outliers), OutlierOptions{}.unitZ);
}

/// Those that cannot be drawn are named in `notes`.
std::vector<ReportFigure> drawAll(const Results& all, const fs::path& results,
                                  std::vector<std::string>& notes) {
    startPainting();
    std::vector<ReportFigure> figures;
    for (const FigureView& view : viewsOf(all)) try {
            Recipe recipe;
            recipe.view = view.name;
            recipe.sources = {{"results", results.string(), ""}};
            recipe.widthMm = view.widthMm;
            recipe.heightMm = view.heightMm;
            recipe.versions = {{"rheograph", RHEO_VERSION}, {"qt", qVersion()}};
            const QByteArray svg = encodeFigure(figureOfResults(all, recipe), ExportFormat::Svg,
                                                {"", view.widthMm, view.heightMm, 300, recipeToJson(recipe)});
            figures.push_back({std::string(view.title), std::string(view.shows), svg.toStdString(),
                               commandLine({"figure", results.string(), "--view", std::string(view.name),
                                            "--size", fmt::format("{}x{}mm", view.widthMm, view.heightMm),
                                            "--out", fmt::format("{}.svg", view.name)})});
        } catch (const Error& error) {
            notes.push_back(fmt::format("{} cannot be drawn: {}", view.title, error.what()));
        }
    return figures;
}

int run(const Options& options, const CLI::App& command, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    if (options.trace.empty() == options.prompts.empty())
        throw UsageError("a report is of a trace, or of --model with --prompts");
    if (options.model.name.empty() && !options.prompts.empty())
        throw UsageError("--prompts needs the model that reads them: --model");
    if (options.model.name.empty() && options.model.untrained)
        throw UsageError("--untrained needs the model whose weights it replaces: --model");
    const fs::path out = fs::absolute(options.out);
    std::error_code failed;
    fs::create_directories(out, failed);
    if (failed)
        throw Error(ErrorCode::Io,
                    fmt::format("cannot make the folder {}: {}", out.string(), failed.message()),
                    out.string());
    for (const std::string_view name : {"trace.rheo.h5", "results.h5", "results-without-outliers.h5",
                                        "verdicts.json", "curves.csv", "curves.json", "index.html"}) {
        if (name == "trace.rheo.h5" && !options.trace.empty())
            continue;  // a trace that is given is only read
        requireOutput(out / name, IfExists::Replace, {options.trace, options.model.name, options.prompts});
        if (!options.force && !options.resume && fs::exists(out / name))
            throw Error(
                ErrorCode::AlreadyExists,
                fmt::format(
                    "{} is already there; choose another folder, or say --force, or --resume to go on",
                    (out / name).string()),
                (out / name).string());
    }

    Report report;
    const fs::path trace = traceOf(options, out, common, report.commands);
    Progress progress = common.console.progress();
    Progress reading = progress.part(0, 0.03), judging = progress.part(0.03, 0.98);
    const Looked looked = lookAt(options, trace, common, reading);
    const TraceView& view = looked.rows.view;
    report.notes = looked.rows.notes;
    for (const auto& note : report.notes) common.console.warn(note);
    const Methods methods = methodsOf(options, common);
    const VerdictOptions& how = methods.verdicts;
    const bool testable = looked.untestable.empty();
    if (!testable) {
        report.notes.insert(
            report.notes.begin(),
            fmt::format("No finding can be tested: {}. Statistics are shown without surrogates",
                        looked.untestable));
        common.console.warn(report.notes.front());
    }

    const fs::path results = out / "results.h5";
    const IfExists ifExists = options.force || options.resume ? IfExists::Replace : IfExists::Refuse;
    StoredResults stored(options, view, trace, results, recordsFor(options, common, view, methods));
    const auto withoutOutliers = [&](const TraceView& rest) {
        return std::make_unique<StoredResults>(options, rest, trace, out / "results-without-outliers.h5",
                                               recordsFor(options, common, rest, methods));
    };
    Judged judged = testable ? judgeAll(options, looked, methods, common, stored, withoutOutliers, judging)
                             : describeOnly(looked, methods, stored, judging);
    const std::vector<Verdict>& list = judged.verdicts.list;
    if (testable && !judged.stopped) {
        report.notes.push_back(noteOfOutliers(judged.verdicts.view, judged.verdicts.outliers));
        if (!judged.verdicts.outliers.none()) common.console.warn(report.notes.back());
    }
    for (const auto& [name, reason] : judged.undefined) {
        report.notes.push_back(fmt::format("{} was not computed: {}", name, reason));
        common.console.warn(report.notes.back());
    }
    if (judged.stopped) {
        common.console.warn(
            fmt::format("interrupted: {} holds what is finished; the same call with --resume "
                        "goes on",
                        results.string()));
        return 130;
    }
    writeFile(out / "verdicts.json", verdictsJson(list), ifExists);
    const Results all = readResults(results);
    writeFile(out / "curves.csv", curvesCsv(all), ifExists);
    writeFile(out / "curves.json", curvesJson(all), ifExists);

    progress.setStage("drawing");
    report.figures = drawAll(all, results, report.notes);
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
        {"Rows", fmt::format("{} of {} distinct samples; the trace has {} of {}", view.rowCount(),
                             looked.samples, view.trace->rows(), info.samples.size())},
        {"Points",
         fmt::format(
             "{}, {} to {}", view.pointCount(),
             pointName(info.points[static_cast<std::size_t>(view.tracePoint(0))]),
             pointName(info.points[static_cast<std::size_t>(view.tracePoint(view.pointCount() - 1))]))},
        {"Surrogates", testable ? fmt::format("{}, seed {}", surrogatesOf(how), common.seed) : "none"},
        {"Made", fmt::format("{}, Rheograph {}, in {:.0f} s", time, RHEO_VERSION, seconds)}};
    if (!info.origin.empty()) report.notes.push_back(info.origin);
    const std::int64_t excluded =
        all.statistics.get<Density>() ? all.statistics.get<Density>()->excludedRows : 0;
    if (excluded > 0)
        report.notes.push_back(fmt::format(
            "{} of {} rows were left out: they hold values that are not finite", excluded, view.rowCount()));
    if (testable && how.repeats < 40)
        report.notes.push_back(
            fmt::format("{} surrogates of each null are too few: a two-sided p cannot fall below {:.2f}, a "
                        "one-sided one not "
                        "below {:.2f}",
                        how.repeats, 2.0 / (how.repeats + 1), 1.0 / (how.repeats + 1)));
    report.verdicts = list;
    std::vector<std::string> call{"report"};
    for (const auto* option : command.get_options())
        for (const auto& value : option->results()) {
            if (option->get_positional()) {
                call.push_back(value);
                continue;
            }
            call.push_back(option->get_name());
            if (option->get_items_expected_max() > 0) call.push_back(value);
        }
    report.commands = {commandLine(call)};
    nlohmann::ordered_json recipe;
    recipe["trace"] = {{"path", trace.string()}, {"hash", view.trace->sourceHash()}};
    if (info.model)
        recipe["model"] = {{"architecture", info.model->architecture},
                           {"weights_sha256", info.model->weightsSha256},
                           {"notes", info.model->notes},
                           {"accepted_config_keys", info.model->acceptedKeys}};
    recipe["options"] = {{"repeats", how.repeats},
                         {"most_repeats", how.mostRepeats},
                         {"refits", how.refits},
                         {"resamples", how.resamples},
                         {"halves", how.halves},
                         {"mutual_units", how.mutualUnits},
                         {"points", options.points},
                         {"scaling", options.scaling},
                         {"mask_units", options.maskUnits},
                         {"select", options.select.conditions}};
    recipe["seed"] = common.seed;
    recipe["versions"] = {{"rheograph", RHEO_VERSION}, {"qt", qVersion()}};
    recipe["time"] = time;
    report.recipe = recipe.dump(2);
    writeFile(out / "index.html", reportPage(report), ifExists);

    for (const auto& verdict : list)
        common.console.say(
            fmt::format("{:<26} {:<18} {}", verdict.key, verdictName(verdict.verdict), sentenceOf(verdict)));
    common.console.say(fmt::format("done in {:.0f} s: {}", seconds, (out / "index.html").string()));
    common.console.result({{"out", out.string()},
                           {"rows", view.rowCount()},
                           {"repeated_rows", looked.rows.repeated},
                           {"samples", looked.samples},
                           {"seconds", seconds}});
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
    auto* prompts = command
                        ->add_option("--prompts", options->prompts,
                                     "prompts as rheo capture takes them; - is standard input")
                        ->type_name("F");
    command
        ->add_option("--rows", options->rows,
                     "which tokens of the prompts become rows: last, all or stride:K")
        ->check(readBy(parseRowChoice))
        ->needs(prompts)
        ->type_name("ROWS");
    command->add_option("--limit", options->limit, "only the first N prompts")
        ->check(wholeNumber(1))
        ->default_str("")
        ->needs(prompts)
        ->type_name("N");
    command->add_option("--out", options->out, "folder for results, verdicts.json and index.html")
        ->required()
        ->type_name("DIR");
    auto* force = command->add_flag("--force", options->force, "replace what is there");
    command->add_flag("--resume", options->resume, "go on with an interrupted report")->excludes(force);
    command
        ->add_option("--points", options->points,
                     "all, paper (without the final one), or a range L00.attn_in:L07.mlp_in")
        ->type_name("POINTS");
    options->select.addTo(*command);
    command
        ->add_option(
            "--scaling", options->scaling,
            "raw, rms (a state over its own RMS), or final_norm (with --model); early_attractor is of raw "
            "states")
        ->check(CLI::IsMember({"raw", "rms", "final_norm"}));
    command
        ->add_option("--mask-units", options->maskUnits,
                     "units to leave out, or z:Z: those whose size stands out by a robust z above Z")
        ->type_name("3,17|z:Z");
    command
        ->add_option(
            "--repeats", options->repeats,
            fmt::format("surrogates of each null; without it {}, and up to {} where they take about a "
                        "second",
                        options->verdicts.repeats, options->verdicts.mostRepeats))
        ->check(wholeNumber(1, 1000000))
        ->type_name("R");
    command->add_option("--memory", options->memory, "what may be held in memory beside the results")
        ->check(readBy(parseBytes))
        ->type_name("BYTES");
    command->callback([options, command, &chosen] {
        chosen = [options, command](Common& common) { return run(*options, *command, common); };
    });
}

}  // namespace rheo::cli
