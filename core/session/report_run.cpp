#include "core/session/report_run.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "core/analysis/near_copies.h"
#include "core/analysis/sampling_units.h"
#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/base/ranks.h"
#include "core/dynamics/early_attractor.h"
#include "core/findings/final_verdicts.h"
#include "core/model/model.h"
#include "core/results/curves_file.h"
#include "core/results/jacobian_group.h"
#include "core/session/analysis_choice.h"
#include "core/session/analysis_run.h"
#include "core/session/attach_model.h"
#include "core/session/capture_ranks.h"
#include "core/session/forecast.h"
#include "core/session/recipe_figure.h"
#include "core/session/report.h"
#include "core/session/verdict_text.h"
#include "core/trace/normed_trace.h"
#include "core/trace/trace_reader.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array outputs{
    "results.h5", "results-without-outliers.h5", "verdicts.json", "curves.csv", "curves.json", "index.html"};

/// Shares of the whole that the stages take, by what they take on a model of 135 million parameters.
constexpr double loadingShare = 0.01, capturingShare = 0.1, lookingShare = 0.02, foreseeingShare = 0.01,
                 pushingShare = 0.12, fittingShare = 0.15, drawingShare = 0.02;

/// What a report looks at.
struct Looked {
    AnalysisView rows;
    TraceView raw;             ///< the same rows and points, neither scaled nor masked: what a model computes
    std::int64_t samples = 0;  ///< distinct ones, a group counting as one
    std::string untestable;    ///< why no finding can be tested; empty if some can
};

/// A results file that is gone on with, where it is there and that was asked for.
class StoredResults {
public:
    StoredResults(const ReportRequest& request, const fs::path& trace, const TraceView& view, fs::path path,
                  Records records)
        : m_path(std::move(path)), m_records(std::move(records)), m_replace(request.replace) {
        m_source = makeResultsSource(view, trace.string());
        m_source.selection = request.select;
        const bool goesOn = request.resume && fs::exists(m_path);
        if (goesOn) there = readMatching(m_path, m_source, m_records);
        barrier(currentRanks());  // all have read what the first will replace
        if (!currentRanks().first()) return;
        const IfExists ifExists = request.replace || request.resume ? IfExists::Replace : IfExists::Refuse;
        m_writer.emplace(goesOn ? ResultsWriter::add(m_path, m_source)
                                : ResultsWriter::create(m_path, m_source, ifExists));
        if (!request.replace) m_writer->throwIfRecordsDiffer(m_records);
    }

    const ResultsSource& source() const { return m_source; }
    Evidence takeEvidence() {
        Evidence known = std::move(there.evidence).value_or(Evidence{});
        known.analysis = {std::move(there.statistics), std::move(there.nulls)};
        return known;
    }
    /// Can be called once.
    void write(const Statistics& observed, const Evidence& evidence, bool withEvidence,
               const std::optional<LensResult>& lens, const std::optional<JacobianResult>& derivatives) {
        if (!m_writer) return;  // the first rank writes
        m_writer->write(observed, evidence.analysis.nulls, m_records, m_replace);
        if (withEvidence) m_writer->write(evidence, m_records.at("verdicts"));
        if (lens) m_writer->write(*lens, m_records.at("lens"), m_replace);
        if (derivatives) m_writer->write(*derivatives, m_records.at(jacobianName), m_replace);
        m_writer->commit();
    }

    Results there;

private:
    fs::path m_path;
    Records m_records;
    bool m_replace;
    ResultsSource m_source;
    std::optional<ResultsWriter> m_writer;
};

/// What came of the findings.
struct Judged {
    FinalVerdicts verdicts;
    bool stopped = false;
    std::vector<Undefined> undefined;  ///< statistics that cannot be computed
};

/// "200 of each null, up to 1000 where they take about a second".
std::string surrogatesOf(const VerdictOptions& how) {
    std::string text = fmt::format("{} of each null", how.repeats);
    if (how.mostRepeats > how.repeats)
        text += fmt::format(", up to {} if they take about a second", how.mostRepeats);
    return text;
}

/// The sentence of the page on outliers.
std::string noteOfOutliers(const TraceView& view, const Outliers& outliers) {
    return outliers.none()
               ? std::string("There are no outlying units or rows")
               : fmt::format(
                     "Outliers: {}. Each verdict was computed with and without them. A unit or row is an "
                     "outlier if the logarithm of its RMS has a robust z above {:g} among the others at any "
                     "point. Of 5,200 random walks with Gaussian steps none had outliers",
                     describeOutliers(view, outliers), OutlierOptions{}.unitZ);
}

/// Why nothing can be tested, if that is so.
std::string whyUntestable(const TraceView& view, std::int64_t samples) {
    const auto tooFew = [](std::int64_t there, const char* what, std::int64_t needed) {
        return fmt::format("there {} {} {}{}, and {} are needed", there == 1 ? "is" : "are", there, what,
                           there == 1 ? "" : "s", needed);
    };
    if (samples < leastSamples) return tooFew(samples, "distinct sample", leastSamples);
    if (view.pointCount() < leastPoints) return tooFew(view.pointCount(), "point", leastPoints);
    return "";
}

/// One report: its stages, one after the other.
class ReportRun {
public:
    ReportRun(const ReportRequest& request, const ReportTools& tools, Progress& progress)
        : m_request(request), m_tools(tools), m_progress(progress) {
        m_trace = request.trace.empty() ? request.folder / "trace.rheo.h5" : request.trace;
        m_autoencoder.seed = request.verdicts.seed;
        m_autoencoder.threads = request.verdicts.threads;
        m_autoencoder.memoryBytes = request.verdicts.memoryBytes;
    }

    ReportOutcome run() {
        const auto started = std::chrono::steady_clock::now();
        prepareFolder();
        barrier(m_ranks);  // before any of them writes
        if (!capture()) {
            m_outcome.stopped = true;
            return m_outcome;
        }
        look();
        const TraceView& view = m_looked.rows.view;
        m_outcome.rows = view.rowCount();
        m_outcome.repeatedRows = m_looked.rows.repeated;
        m_outcome.samples = m_looked.samples;
        if (m_ranks.first()) foresee();
        StoredResults stored(m_request, m_trace, view, m_request.folder / "results.h5", recordsFor(view));
        const Judged judged = m_looked.untestable.empty() ? judge(stored) : describeOnly(stored);
        noteWhatCame(judged);
        m_outcome.stopped = judged.stopped;
        if (judged.stopped || !m_ranks.first()) return m_outcome;
        m_outcome.verdicts = judged.verdicts.list;
        if (m_looked.untestable.empty()) keepVerdicts(stored.source());
        const Results all = writeResults();
        m_report.figures = drawAll(all);
        const auto elapsed = std::chrono::steady_clock::now() - started;
        m_outcome.seconds = std::chrono::duration<double>(elapsed).count();
        writePage(all);
        return m_outcome;
    }

private:
    IfExists ifExists() const {
        return m_request.replace || m_request.resume ? IfExists::Replace : IfExists::Refuse;
    }
    /// The next part of the progress.
    Progress next(double share) {
        const double from = m_done;
        m_done += share;
        return m_progress.part(from, m_done);
    }
    void note(const std::string& sentence) {
        m_report.notes.push_back(sentence);
        m_tools.messages.warn(sentence);
    }
    const PromptModel& model(Progress& progress) {
        if (!m_model) m_model = m_tools.openModel(progress);
        return *m_model;
    }

    /// Makes the folder, and checks that nothing in it would be lost.
    void prepareFolder() const {
        const fs::path& folder = m_request.folder;
        std::error_code failed;
        fs::create_directories(folder, failed);
        if (failed)
            throw Error(ErrorCode::Io,
                        fmt::format("cannot make the folder {}: {}", folder.string(), failed.message()),
                        folder.string());
        if (m_request.trace.empty()) checkOutput(m_trace);  // one that is given is only read
        for (const char* name : outputs) checkOutput(folder / name);
    }

    void checkOutput(const fs::path& path) const {
        requireOutput(path, IfExists::Replace, m_request.inputs);
        if (ifExists() == IfExists::Replace || !fs::exists(path)) return;
        throw Error(
            ErrorCode::AlreadyExists,
            fmt::format("{} is already there; choose another folder, or use --force, or --resume to go on",
                        path.string()),
            path.string());
    }

    /// The trace, where none was given. False if it was stopped.
    bool capture() {
        if (!m_request.trace.empty()) return true;
        CaptureRequest request = m_request.capture;
        request.modelName = m_request.modelName;
        request.out = m_trace;
        request.ifExists = m_request.replace ? IfExists::Replace : IfExists::Refuse;
        request.resume = m_request.resume && (fs::exists(m_trace) || !partsOf(m_trace).empty());
        checkCapture(request, m_tools.messages.warn);
        Progress loading = next(loadingShare), capturing = next(capturingShare);
        return !runCapture(request, model(loading), m_tools.messages, capturing).stopped;
    }

    void look() {
        Progress progress = next(lookingShare);
        progress.setStage("reading the trace");
        const auto trace = TraceReader::open(m_trace);
        if (m_request.finalNorm && m_request.modelName.empty())
            throw Error(ErrorCode::InvalidArgument,
                        "--scaling final_norm needs the model of the trace; name it with --model");
        if (m_request.derivativeRows > 0 && m_request.modelName.empty())
            throw Error(ErrorCode::InvalidArgument,
                        "derivatives need the model of the trace; name it with --model");
        TokenText textOf;
        if (m_request.view.selection.usesTokens() && !m_request.modelName.empty())
            textOf = tokenTexts(model(progress).tokenizer);
        ViewRequest asked = m_request.view;
        const auto points = parsePoints(trace->info().points, m_request.points);
        if (static_cast<std::int64_t>(points.size()) < trace->points()) asked.points = points;
        m_looked.rows = makeAnalysisView(trace, asked, textOf, progress);
        TraceView& view = m_looked.rows.view;
        m_looked.raw = view;
        m_looked.raw.scaling = Scaling::Raw;
        m_looked.raw.maskedUnits.clear();
        if (m_request.finalNorm) {
            view.trace = std::make_shared<const NormedTrace>(view.trace, model(progress).model->finalNorm());
            view.scaling = Scaling::FinalNorm;
        }
        m_looked.samples = samplingUnits(withNearCopiesGrouped(view, progress)).count();
        m_looked.untestable = whyUntestable(view, m_looked.samples);
        for (const auto& sentence : m_looked.rows.notes) note(sentence);
        if (m_looked.untestable.empty()) return;
        m_report.notes.insert(
            m_report.notes.begin(),
            fmt::format("No finding can be tested: {}. Statistics are shown without surrogates",
                        m_looked.untestable));
        m_tools.messages.warn(m_report.notes.front());
    }

    /// Says what each part will take, from the beginning.
    void foresee() {
        if (!m_looked.untestable.empty()) return;
        const RanksScope alone{Ranks()};
        Progress progress = next(foreseeingShare);
        const TraceView& view = m_looked.rows.view;
        const ModelOfTrace network = models();
        const bool outliers = !findOutliers(view, {}, progress).none();
        m_tools.messages.say(partsText(reportParts(view, m_request.verdicts,
                                                   m_request.modelName.empty() ? ModelOfTrace{} : network,
                                                   outliers, m_request.derivativeRows, progress)));
    }

    LensOptions lensOptions() const {
        LensOptions options;
        options.threads = m_request.verdicts.threads;
        options.memoryBytes = m_request.verdicts.memoryBytes;
        return options;
    }

    JacobianOptions derivativeOptions() const {
        JacobianOptions options;
        options.rows = m_request.derivativeRows;
        return options;
    }

    Records recordsFor(const TraceView& view) const {
        const VerdictOptions& how = m_request.verdicts;
        Records records = recordsOf(view, statisticsOf(view, how));
        records["autoencoder"] = recordOf(view, m_autoencoder);
        records["lens"] = recordOf(lensOptions(), m_request.modelName);
        if (m_request.derivativeRows > 0)
            records[jacobianName] = recordOf(derivativeOptions(), m_request.modelName, how.seed);
        records["verdicts"] = {
            Json{{"definition", 5}, {"mutual_units", how.mutualUnits}, {"model", m_request.modelName}}.dump(),
            how.seed, view.scaling, view.maskedUnits};
        return records;
    }

    /// Pushes in block 1, unless they are there.
    void push(EarlyAttractor& pushes) {
        Progress progress = next(pushingShare);
        if (m_request.modelName.empty()) {
            pushes.reason = "it needs a model; name it with --model";
            return;
        }
        if (pushes.differences.rows() > 0) return;
        Progress loading = progress.part(0, 0.2), fitting = progress.part(0.2, 0.4),
                 pushing = progress.part(0.4, 1);
        const VerdictOptions& how = m_request.verdicts;
        const Model& network = *checkedModel(loading);
        const PcaResult basis = pca(m_looked.raw, {3, false, how.threads, how.memoryBytes}, fitting);
        EarlyAttractorOptions options;
        options.seed = how.seed;
        options.threads = how.threads;
        options.memoryBytes = how.memoryBytes;
        pushes = measureEarlyAttractor(network, m_looked.raw, basis.basis, options, pushing);
    }

    /// The model, if it made the trace.
    std::shared_ptr<const Model> checkedModel(Progress& progress) {
        const auto network = model(progress).model;
        const std::string remark = checkAttachment(m_looked.raw.trace->info(), network->identity(),
                                                   network->points(), m_request.modelName);
        if (!remark.empty() && !m_warnedOfModel) m_tools.messages.warn(remark);
        m_warnedOfModel = true;
        return network;
    }

    ModelOfTrace models() {
        return [this](std::optional<std::uint64_t> untrained, Progress& loading) {
            return untrained ? m_tools.openUntrained(*untrained, loading) : checkedModel(loading);
        };
    }

    /// With a model the lens, and derivatives where they are asked for; and the autoencoder: as an analysis
    /// makes them.
    AnalysisOutcome fit(const StoredResults& stored, Results known) {
        Progress progress = next(fittingShare);
        AnalysisRequest request;
        request.options.get<AutoencoderFit>() = m_autoencoder;
        request.options.seed = m_request.verdicts.seed;
        request.options.threads = m_request.verdicts.threads;
        request.options.memoryBytes = m_request.verdicts.memoryBytes;
        request.modelName = m_request.modelName;
        request.traceName = m_trace.string();
        if (!m_request.modelName.empty()) {
            request.lens = lensOptions();
            request.textOf = [&](std::int32_t id) {  // asked for once the lens has opened the model
                return m_model && m_model->tokenizer ? tokenTexts(m_model->tokenizer)(id) : std::string();
            };
        }
        if (m_request.derivativeRows > 0) {
            request.jacobian = derivativeOptions();
            request.untrained = true;  // nothing that is swept is asked for: of derivatives alone
            request.untrainedSeed = m_request.verdicts.seed;
        }
        return runAnalysis(m_looked.rows.view, request, models(), stored.source(), std::move(known),
                           progress);
    }

    /// The pushes, the lens, the autoencoder and the verdicts. Evidence without outliers is kept in a file of
    /// its own, which is opened for its view.
    Judged judge(StoredResults& stored) {
        Evidence known = stored.takeEvidence();
        Results made;  // the lens and the autoencoder
        made.statistics.get<AutoencoderFit>() = std::move(known.analysis.observed.get<AutoencoderFit>());
        made.lens = std::move(stored.there.lens);
        made.jacobian = std::move(stored.there.jacobian);
        bool saved = false;
        std::unique_ptr<StoredResults> without;
        const auto save = [&](const Evidence& evidence) {
            Statistics observed = evidence.analysis.observed;
            observed.get<AutoencoderFit>() = std::move(made.statistics.get<AutoencoderFit>());
            stored.write(observed, evidence, true, made.lens, made.jacobian);
            saved = true;
        };
        EvidenceStore store;
        store.load = [&](const TraceView& asked) {
            if (!saved) return known;
            without = std::make_unique<StoredResults>(m_request, m_trace, asked,
                                                      m_request.folder / "results-without-outliers.h5",
                                                      recordsFor(asked));
            return without->takeEvidence();
        };
        store.save = [&](const TraceView&, const Evidence& evidence) {
            if (saved)
                without->write(evidence.analysis.observed, evidence, evidence.resamples.size() > 0, {}, {});
            else
                save(evidence);
        };
        Judged judged;
        try {
            // What is not shared by ranks the first makes; the others wait for it where they share again.
            if (m_ranks.first()) {
                const RanksScope alone{Ranks()};
                push(known.attractor);
                AnalysisOutcome fitted = fit(stored, made);
                made = std::move(fitted.results);
                judged.undefined = std::move(fitted.undefined);
                if (fitted.stopped) throw Cancelled{};
            }
            m_model.reset();  // nothing else needs it
            Progress judging = next(1 - drawingShare - m_done);
            std::vector<Verdict> ofDerivatives;
            if (made.jacobian) ofDerivatives = measuredVerdictsOf(*made.jacobian, stored.source().info);
            judged.verdicts = finalVerdicts(m_looked.rows.view, m_request.verdicts, known.attractor, judging,
                                            store, ofDerivatives);
            judged.stopped = judged.verdicts.stopped;
        } catch (const Cancelled&) {
            judged.stopped = true;
            if (!saved) save(known);
        }
        return judged;
    }

    /// Where no finding can be tested: the verdicts that say so, and statistics without surrogates.
    Judged describeOnly(StoredResults& stored) {
        const TraceView& view = m_looked.rows.view;
        Progress progress = next(1 - drawingShare - m_done);
        Judged judged;
        AnalysisOptions asked = statisticsOf(view, m_request.verdicts);
        judged.undefined = undefinedOf(view, asked);
        asked = withoutUndefined(asked, judged.undefined);
        Evidence known = stored.takeEvidence();
        try {
            known.analysis = analyze(view, asked, progress, known.analysis);
            judged.stopped = known.analysis.stopped;
        } catch (const Cancelled&) {
            judged.stopped = true;
        }
        known.attractor.reason = m_looked.untestable;
        Progress silent;
        judged.verdicts = finalVerdicts(view, m_request.verdicts, known.attractor, silent);
        stored.write(known.analysis.observed, known, false, {}, {});
        return judged;
    }

    void noteWhatCame(const Judged& judged) {
        if (m_looked.untestable.empty() && !judged.stopped) {
            const std::string sentence = noteOfOutliers(judged.verdicts.view, judged.verdicts.outliers);
            if (judged.verdicts.outliers.none())
                m_report.notes.push_back(sentence);
            else
                note(sentence);
        }
        for (const auto& [name, reason] : judged.undefined)
            note(fmt::format("{} was not computed: {}", name, reason));
    }

    /// Beside their evidence in the results, where the window and rheo figure find them.
    void keepVerdicts(const ResultsSource& source) const {
        ResultsWriter writer = ResultsWriter::add(m_request.folder / "results.h5", source);
        writer.write(m_outcome.verdicts);
        writer.commit();
    }

    Results writeResults() const {
        writeFile(m_request.folder / "verdicts.json", verdictsJson(m_outcome.verdicts), ifExists());
        Results all = readResults(m_request.folder / "results.h5");
        writeFile(m_request.folder / "curves.csv", curvesCsv(all), ifExists());
        writeFile(m_request.folder / "curves.json", curvesJson(all), ifExists());
        return all;
    }

    /// Those that cannot be drawn are named in the notes.
    std::vector<ReportFigure> drawAll(const Results& all) {
        Progress progress = m_progress.part(1 - drawingShare, 1);
        progress.setStage("drawing");
        const std::string results = (m_request.folder / "results.h5").string();
        const auto views = viewsOf(all);
        std::vector<ReportFigure> figures;
        double drawn = 0;
        for (const FigureView& view : views) {
            progress.check();
            Recipe recipe;
            recipe.view = view.name;
            recipe.sources = {{"results", results, ""}};
            recipe.widthMm = view.widthMm;
            recipe.heightMm = view.heightMm;
            recipe.versions = m_tools.versions;
            try {
                figures.push_back(
                    {std::string(view.title), std::string(view.shows),
                     m_tools.draw(figureOfResults(all, recipe), recipe),
                     m_tools.commandLine({"figure", results, "--view", std::string(view.name), "--size",
                                          fmt::format("{}x{}mm", view.widthMm, view.heightMm), "--out",
                                          fmt::format("{}.svg", view.name)})});
            } catch (const Error& error) {
                m_report.notes.push_back(fmt::format("{} cannot be drawn: {}", view.title, error.what()));
            }
            progress.report(++drawn, static_cast<double>(views.size()));
        }
        return figures;
    }

    std::vector<std::pair<std::string, std::string>> facts(const std::string& time) const {
        const TraceView& view = m_looked.rows.view;
        const TraceInfo& info = view.trace->info();
        const std::string what =
            info.model
                ? fmt::format("{} of {} blocks and {} units{}", info.model->architecture, info.model->layers,
                              info.model->dModel, info.model->untrainedSeed ? ", untrained" : "")
                : "a trace from elsewhere";
        const auto point = [&](std::int64_t p) {
            return pointName(info.points[static_cast<std::size_t>(view.tracePoint(p))]);
        };
        const VerdictOptions& how = m_request.verdicts;
        return {
            {"Model", m_request.modelName.empty() ? what : fmt::format("{} ({})", m_request.modelName, what)},
            {"Trace", m_trace.string()},
            {"Rows", fmt::format("{} of {} distinct samples; the trace has {} of {}", view.rowCount(),
                                 m_looked.samples, view.trace->rows(), info.samples.size())},
            {"Points",
             fmt::format("{}, {} to {}", view.pointCount(), point(0), point(view.pointCount() - 1))},
            {"Surrogates",
             m_looked.untestable.empty() ? fmt::format("{}, seed {}", surrogatesOf(how), how.seed) : "none"},
            {"Made", fmt::format("{}, Rheograph {}, in {:.0f} s", time, m_tools.versions.at("rheograph"),
                                 m_outcome.seconds)}};
    }

    void addLastNotes(const Results& all) {
        const TraceInfo& info = m_looked.rows.view.trace->info();
        if (!info.origin.empty()) m_report.notes.push_back(info.origin);
        const auto& density = all.statistics.get<Density>();
        if (density && density->excludedRows > 0)
            m_report.notes.push_back(
                fmt::format("{} of {} rows were left out: they have values that are not finite",
                            density->excludedRows, m_looked.rows.view.rowCount()));
        const int repeats = m_request.verdicts.repeats;
        if (m_looked.untestable.empty() && repeats < 40)
            m_report.notes.push_back(fmt::format(
                "{} surrogates of each null are too few: a two-sided p cannot fall below {:.2f}, a one-sided "
                "one not below {:.2f}",
                repeats, 2.0 / (repeats + 1), 1.0 / (repeats + 1)));
    }

    std::string recipeOf(const std::string& time) const {
        const TraceView& view = m_looked.rows.view;
        const TraceInfo& info = view.trace->info();
        const VerdictOptions& how = m_request.verdicts;
        Json recipe;
        recipe["trace"] = {{"path", m_trace.string()}, {"hash", view.trace->sourceHash()}};
        if (info.model)
            recipe["model"] = {{"architecture", info.model->architecture},
                               {"weights_sha256", info.model->weightsSha256},
                               {"notes", info.model->notes},
                               {"accepted_config_keys", info.model->acceptedKeys}};
        recipe["options"] = {{"derivative_rows", m_request.derivativeRows},
                             {"repeats", how.repeats},
                             {"most_repeats", how.mostRepeats},
                             {"refits", how.refits},
                             {"resamples", how.resamples},
                             {"halves", how.halves},
                             {"splits", how.splits},
                             {"mutual_units", how.mutualUnits},
                             {"points", m_request.points},
                             {"scaling", m_request.scaling},
                             {"mask_units", m_request.maskUnits},
                             {"select", m_request.select}};
        recipe["seed"] = how.seed;
        recipe["versions"] = m_tools.versions;
        recipe["time"] = time;
        return recipe.dump(2);
    }

    void writePage(const Results& all) {
        const std::string time = fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)));
        m_report.title = "A residual stream over depth, beside its nulls";
        m_report.facts = facts(time);
        addLastNotes(all);
        m_report.verdicts = m_outcome.verdicts;
        m_report.commands = {m_request.command};
        m_report.recipe = recipeOf(time);
        m_outcome.page = m_request.folder / "index.html";
        writeFile(m_outcome.page, reportPage(m_report), ifExists());
    }

    const ReportRequest& m_request;
    const ReportTools& m_tools;
    const Ranks m_ranks = currentRanks();
    fs::path m_trace;  ///< given, or captured
    Progress& m_progress;
    double m_done = 0;  ///< of the progress that was handed out
    AutoencoderOptions m_autoencoder;
    std::optional<PromptModel> m_model;
    bool m_warnedOfModel = false;
    Looked m_looked;
    Report m_report;
    ReportOutcome m_outcome;
};

}  // namespace

ReportOutcome runReport(const ReportRequest& request, const ReportTools& tools, Progress& progress) {
    return ReportRun(request, tools, progress).run();
}

}  // namespace rheo
