// rheo analyze: statistics of a trace, each beside its nulls.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/output_file.h"
#include "core/capture/capture.h"
#include "core/dynamics/lens.h"
#include "core/results/curves_file.h"
#include "core/results/results_file.h"
#include "core/session/analysis_view.h"
#include "core/session/attach_model.h"
#include "core/statistics/analyze.h"
#include "core/statistics/other_traces.h"
#include "core/trace/normed_trace.h"
#include "core/trace/trace_reader.h"

namespace rheo::cli {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
    std::string trace;
    OutOption out;
    bool add = false;
    std::vector<std::string> curves;
    std::string statistics;
    std::string nulls;
    int repeats = 200;
    std::string scaling = "raw";
    std::string points = "all";
    std::string maskUnits;
    SelectOption select;
    std::string memory = "1G";
    double epsilon = 0.1;
    int components = 10;
    std::string estimator = "ksg";
    bool perRow = false;
    int epochs = AutoencoderOptions{}.epochs;
    std::string autoencoder;
    std::string pca = "pooled", basis, fitRows;
    ModelOption model;
    int top = LensOptions{}.top;
};

constexpr const char* untrained = "untrained";

/// The words of a comma list, each once.
std::vector<std::string> words(const std::string& list) {
    std::vector<std::string> found;
    std::stringstream in(list);
    for (std::string word; std::getline(in, word, ',');)
        if (!word.empty() && std::find(found.begin(), found.end(), word) == found.end())
            found.push_back(word);
    return found;
}

/// What the command line asks for.
struct Plan {
    AnalysisOptions analysis;
    bool sweeps = false;  ///< it names a statistic
    std::optional<AutoencoderOptions> autoencoder;
    std::optional<Autoencoder> trained;  ///< to be put to the trace in place of training one
    bool untrained = false;              ///< also beside networks that were not trained
    std::optional<PcaOptions> perPointPca;
    std::optional<PcaOptions> otherPca;  ///< fitted on some rows, or with a basis from elsewhere
    std::optional<PcaBasis> basis;       ///< that one
    std::optional<LensOptions> lens;
};

Plan makePlan(const Options& options, const Common& common) {
    Plan plan;
    AnalysisOptions& analysis = plan.analysis;
    analysis.repeats = options.repeats;
    analysis.keepFinished = true;
    analysis.seed = common.seed;
    analysis.threads = common.threads;
    analysis.memoryBytes = parseBytes(options.memory);
    const auto statistics = words(options.statistics);
    if (statistics.empty()) throw UsageError("--stat names no statistic");
    for (const auto& name : statistics) {
        const bool swept =
            name != "pca" || (options.pca == "pooled" && options.basis.empty() && options.fitRows.empty());
        plan.sweeps |= swept && name != "autoencoder" && name != "lens";
        if (name == "density") {
            analysis.density.emplace().epsilon = options.epsilon;
        } else if (name == "correlation") {
            analysis.correlation.emplace();
        } else if (name == "motion") {
            analysis.motion.emplace();
        } else if (name == "mutual_information") {
            auto& information = analysis.mutualInformation.emplace();
            information.seed = common.seed;
            information.estimator = options.estimator == "bins" ? MutualInformationEstimator::Bins
                                                                : MutualInformationEstimator::Ksg;
        } else if (name == "rotation") {
            analysis.rotation.emplace().perRow = options.perRow;
        } else if (name == "pca") {
            const bool other = !options.basis.empty() || !options.fitRows.empty();
            if (other && (options.pca == "per-point" || (!options.basis.empty() && !options.fitRows.empty())))
                throw UsageError(
                    "--basis, --fit-rows and --pca per-point are three ways to a basis; choose one");
            auto& components = other                        ? plan.otherPca
                               : options.pca == "per-point" ? plan.perPointPca
                                                            : analysis.pca;
            components.emplace().components = options.components;
            components->threads = common.threads;
            components->memoryBytes = analysis.memoryBytes;
            if (!options.basis.empty()) plan.basis = readPcaBasis(options.basis);
        } else if (name == "autoencoder") {
            auto& autoencoder = plan.autoencoder.emplace();
            autoencoder.epochs = options.epochs;
            autoencoder.seed = common.seed;
            autoencoder.threads = common.threads;
            autoencoder.memoryBytes = analysis.memoryBytes;
            if (!options.autoencoder.empty()) plan.trained = readAutoencoder(options.autoencoder);
        } else if (name == "lens") {
            auto& lens = plan.lens.emplace();
            lens.top = options.top;
            lens.threads = common.threads;
            lens.memoryBytes = analysis.memoryBytes;
            if (options.model.name.empty())
                throw UsageError("the lens needs the model of the trace; name it with --model");
        } else {
            throw unknownName("statistic", name,
                              {"density", "correlation", "motion", "mutual_information", "rotation", "pca",
                               "autoencoder", "lens"});
        }
    }
    for (const auto& name : words(options.nulls)) {
        if (name == untrained) {
            plan.untrained = true;
            continue;
        }
        const auto null = parseNull(name);
        if (!null) {
            const auto known = nullNames();
            std::vector<std::string> names(known.begin(), known.end());
            names.emplace_back(untrained);
            throw unknownName("null", name, names);
        }
        analysis.nulls.push_back(*null);
    }
    if (plan.untrained && options.model.name.empty())
        throw UsageError(
            "--null untrained runs the prompts again through networks of the same shape; name the model "
            "with --model");
    if (options.scaling == "final_norm" && options.model.name.empty())
        throw UsageError("--scaling final_norm needs the model of the trace; name it with --model");
    if ((plan.untrained || !analysis.nulls.empty()) && !plan.sweeps)
        throw UsageError("--null names surrogates, and --stat no statistic that is computed on them");
    return plan;
}

template <class Values>
void feed(Sha256& hash, const Values& values) {
    hash.update(std::as_bytes(std::span(values.data(), static_cast<std::size_t>(values.size()))));
}

std::string digestOf(const PcaBasis& basis) {
    Sha256 hash;
    feed(hash, basis.mean);
    feed(hash, basis.components);
    return hash.hex();
}

std::string digestOf(const Autoencoder& trained) {
    Sha256 hash;
    feed(hash, trained.mean);
    feed(hash, trained.sd);
    for (const auto& weight : trained.weights) feed(hash, weight);
    for (const auto& bias : trained.biases) feed(hash, bias);
    return hash.hex();
}

/// How each statistic of the plan is made.
Records makeRecords(const Options& options, const Plan& plan, const TraceView& view) {
    Records records = recordsOf(view, plan.analysis);
    const auto add = [&](const char* name, const Json& how) {
        records[name] = {how.dump(), plan.analysis.seed, view.scaling, view.maskedUnits};
    };
    if (plan.perPointPca || plan.otherPca) {
        Json how{{"components", options.components}, {"pca", options.pca}};
        if (plan.basis) how.update({{"basis", options.basis}, {"basis_sha256", digestOf(*plan.basis)}});
        if (!options.fitRows.empty()) how["fit_rows"] = options.fitRows;
        add("pca", how);
    }
    if (plan.autoencoder) records["autoencoder"] = recordOf(view, *plan.autoencoder);
    if (plan.trained) {
        add("autoencoder",
            {{"autoencoder", options.autoencoder}, {"weights_sha256", digestOf(*plan.trained)}});
        records["autoencoder"].scaling = plan.trained->scaling;
        records["autoencoder"].maskedUnits = plan.trained->maskedUnits;
    }
    if (plan.lens) records["lens"] = recordOf(*plan.lens, options.model.name);
    return records;
}

/// Rejects options whose statistic was not requested.
void rejectUnusedOptions(const CLI::App& command, const Options& options, const Plan& plan) {
    const AnalysisOptions& analysis = plan.analysis;
    const auto refuse = [&](const char* option, bool used, const char* statistic) {
        if (command.count(option) > 0 && !used)
            throw UsageError(fmt::format("{} is about {}, which was not requested", option, statistic));
    };
    refuse("--eps", analysis.density.has_value(), "density");
    refuse("--mi", analysis.mutualInformation.has_value(), "mutual_information");
    refuse("--per-row", analysis.rotation.has_value(), "rotation");
    const bool pca = analysis.pca || plan.otherPca || plan.perPointPca;
    for (const char* option : {"--components", "--pca", "--basis", "--fit-rows"}) refuse(option, pca, "pca");
    refuse("--epochs", plan.autoencoder.has_value(), "autoencoder");
    refuse("--top", plan.lens.has_value(), "lens");
    refuse("--autoencoder", plan.autoencoder.has_value(), "autoencoder");
    refuse(
        "--model",
        plan.untrained || plan.lens || options.scaling == "final_norm" || options.select.parse().usesTokens(),
        "lens, the null untrained, the scaling final_norm or --select token=");
    if (command.count("--repeats") > 0 && analysis.nulls.empty() && !plan.untrained)
        throw UsageError("--repeats is about surrogates, and --null names none");
}

/// The model that --model names, if it made the trace.
OpenModel openModelOf(const Options& options, const TraceInfo& info, Common& common, Progress& progress) {
    OpenModel open = openModel(options.model, common, progress);
    const std::string remark =
        checkAttachment(info, open.model->identity(), open.model->points(), options.model.name);
    if (!remark.empty()) common.console.warn(remark);
    return open;
}

AnalysisView makeView(const Options& options, Common& common, Progress& progress) {
    const auto trace = TraceReader::open(options.trace, 0);  // what is kept of it counts as --memory
    if (trace->rows() == 0)
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("{} has no complete row yet; go on with rheo capture --resume", options.trace),
            options.trace);
    ViewRequest request;
    const auto points = parsePoints(trace->info().points, options.points);
    if (static_cast<std::int64_t>(points.size()) < trace->points()) request.points = points;
    if (options.scaling == "rms") request.scaling = Scaling::Rms;
    request.mask = parseUnitMask(options.maskUnits);
    request.selection = options.select.parse();
    request.threads = common.threads;
    Progress loading = progress.part(0, 0.3), reading = progress.part(0.3, 1);
    std::optional<OpenModel> open;
    if (options.scaling == "final_norm" || (request.selection.usesTokens() && !options.model.name.empty()))
        open = openModelOf(options, trace->info(), common, loading);
    AnalysisView made =
        makeAnalysisView(trace, request, open ? tokenTexts(open->tokenizer) : TokenText{}, reading);
    if (options.scaling == "final_norm") {
        made.view.trace = std::make_shared<const NormedTrace>(made.view.trace, open->model->finalNorm());
        made.view.scaling = Scaling::FinalNorm;
    }
    return made;
}

/// What a person wants to see at once: curves along depth by their ends, those of units by their mean.
void summarize(const Analysis& analysis, const Console& console) {
    for (const auto& curve : curvesOf(analysis.observed)) {
        const auto inShort = [&](const VectorD& values) {
            const double first = values[0], last = values[values.size() - 1];
            if (values.size() == 1) return fmt::format("{:.4g}", first);
            if (curve.statistic != "rotation") return fmt::format("{:.4g} to {:.4g}", first, last);
            const auto defined = values.array() == values.array();
            return fmt::format("mean {:.4g}",
                               defined.select(values, 0).sum() / static_cast<double>(defined.count()));
        };
        console.say(fmt::format("{}/{}: {}", curve.statistic, curve.dataset, inShort(curve.values)));
        for (const auto& null : analysis.nulls)
            if (null.statistic == curve.statistic && null.dataset == curve.dataset)
                console.say(fmt::format("  {:<18} {}, p < 0.05 at {} of {}", null.null,
                                        inShort(null.summary.mean), (null.summary.p.array() < 0.05).count(),
                                        null.summary.p.size()));
    }
}

/// "sign_flip 200, gaussian_walk 32 of 200": repeats of each null that are there.
std::string repeatsInWords(const Analysis& analysis, const AnalysisOptions& asked) {
    std::vector<std::string> words;
    for (const auto null : asked.nulls) {
        int made = asked.repeats;
        bool any = false;
        for (const auto& curve : analysis.nulls)
            if (curve.null == nullName(null)) {
                made = std::min(made, curve.summary.repeats);
                any = true;
            }
        words.push_back(fmt::format("{} {} of {}", nullName(null), any ? made : 0, asked.repeats));
    }
    return fmt::format("{}", fmt::join(words, ", "));
}

/// Rows of a view: "0,5,7", "0:99" (both ends) or "stride:K".
std::vector<std::int64_t> parseRows(const std::string& spec, std::int64_t rows) {
    const auto refuse = [&](const std::string& why) {
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("--fit-rows {}: {}; write 0,5,7 or 0:99 or stride:10", spec, why));
    };
    std::vector<std::int64_t> chosen;
    if (spec.starts_with("stride:")) {
        const auto stride = parseIds(spec.substr(7));
        if (stride.size() != 1 || stride[0] < 1) refuse("the stride is not a number above 0");
        for (std::int64_t n = 0; n < rows; n += stride[0]) chosen.push_back(n);
        return chosen;
    }
    for (const auto& word : words(spec)) {
        const auto colon = word.find(':');
        const std::int64_t first = parseIds(word.substr(0, colon)).front(),
                           last =
                               colon == std::string::npos ? first : parseIds(word.substr(colon + 1)).front();
        if (first < 0 || last < first || last >= rows)
            refuse(fmt::format("{} is not within rows 0 to {}", word, rows - 1));
        for (std::int64_t n = first; n <= last; ++n) chosen.push_back(n);
    }
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    if (chosen.empty()) refuse("it names no row");
    return chosen;
}

/// The statistics beside those of networks of the same shape whose weights were drawn from seeds S, S + 1,
/// ...: the same tokens, captured anew into memory.
std::vector<CurveNull> besideUntrained(const Options& options, const CLI::App& command, const Common& common,
                                       const TraceView& view, const Plan& plan, const Analysis& observed,
                                       Progress& progress) {
    const TraceInfo info = makeResultsSource(view, "").info;
    const int repeats = command.count("--repeats") > 0 ? options.repeats : 1;
    const std::uint64_t first = options.model.untrained.value_or(common.seed);
    const auto capture = [&](int repeat, Progress& making) {
        ModelOption drawn = options.model;
        drawn.untrained = first + static_cast<std::uint64_t>(repeat);
        Progress loading = making.part(0, 0.2), running = making.part(0.2, 1);
        const OpenModel open = openModel(drawn, common, loading);
        if (info.model && info.model->configSha256 != open.model->identity().configSha256)
            throw Error(
                ErrorCode::Mismatch,
                fmt::format("{} is not of the shape of the model that made {}: their config.json differ",
                            options.model.name, options.trace),
                options.trace);
        const CapturePlan states = planAgain(*open.model, info);
        const auto bytes = static_cast<std::size_t>(states.bytes());
        if (bytes > plan.analysis.memoryBytes / 2)
            throw Error(
                ErrorCode::OutOfMemory,
                fmt::format("the states of an untrained network take {}, half of what may be held; give "
                            "--memory {} or more, or fewer rows",
                            formatBytes(static_cast<double>(bytes)),
                            formatBytes(2.0 * static_cast<double>(bytes))));
        TraceView again;
        again.trace = captureToMemory(*open.model, states, {}, running);
        if (view.scaling == Scaling::FinalNorm)
            again.trace = std::make_shared<const NormedTrace>(again.trace, open.model->finalNorm());
        again.maskedUnits = view.maskedUnits;
        again.scaling = view.scaling;
        return again;
    };
    // Whose states they were is known only of a trace that says what model made it.
    const std::vector<CurveNull> known = info.model ? observed.nulls : std::vector<CurveNull>{};
    return compareWithTraces(untrained, observed.observed, plan.analysis, repeats, first, capture, known,
                             progress);
}

void writeCurves(const std::filesystem::path& path, const Results& results, IfExists ifExists) {
    writeFile(path, path.extension() == ".json" ? curvesJson(results) : curvesCsv(results), ifExists);
}

LensResult makeLens(const Options& options, const LensOptions& how, const TraceView& view, Common& common,
                    Progress& progress) {
    Progress loading = progress.part(0, 0.1), running = progress.part(0.1, 1);
    const OpenModel open = openModelOf(options, view.trace->info(), common, loading);
    // The lens puts states through the final norm itself.
    TraceView asTheyAre = view;
    if (const auto* normed = dynamic_cast<const NormedTrace*>(view.trace.get()))
        asTheyAre.trace = normed->source();
    return lens(*open.model, asTheyAre, how, running);
}

/// Whether what failed concerns one statistic alone, so that others can be computed all the same.
bool isOfOneStatistic(const Error& error) {
    switch (error.code()) {
        case ErrorCode::InvalidArgument:
        case ErrorCode::Unsupported:
        case ErrorCode::OutOfMemory:
        case ErrorCode::Internal: return true;
        default: return false;
    }
}

/// What a call computes, one after the other; a stop leaves what is written by then.
class Work {
public:
    Work(const Options& options, const CLI::App& command, const Plan& plan, const TraceView& view,
         const Records& records, Results there, ResultsWriter& writer, Common& common)
        : m_options(options),
          m_command(command),
          m_plan(plan),
          m_view(view),
          m_records(records),
          m_there(std::move(there)),
          m_writer(writer),
          m_common(common) {}

    /// Throws Cancelled where the stop left nothing.
    void run(Progress& progress) {
        // Of equal length, for want of anything better.
        const double parts = (m_plan.sweeps ? 1 : 0) + (m_plan.untrained ? 1 : 0) + (m_plan.lens ? 1 : 0) +
                             (m_plan.otherPca || m_plan.perPointPca ? 1 : 0) + (m_plan.autoencoder ? 1 : 0);
        double before = 0;
        const auto next = [&] {
            const double from = before;
            before = std::min(1.0, from + 1 / parts);
            return progress.part(from, before);
        };
        try {
            if (m_plan.sweeps) attempt("statistics", next(), &Work::sweep);
            if (m_plan.untrained) attempt(untrained, next(), &Work::compare);
            if (m_plan.perPointPca) attempt("pca", next(), &Work::fitEachPoint);
            if (m_plan.otherPca) attempt("pca", next(), &Work::fitOtherwise);
            if (m_plan.lens) attempt("lens", next(), &Work::look);
            if (m_plan.autoencoder) attempt("autoencoder", next(), &Work::train);
        } catch (const Cancelled&) {
            if (finished.empty()) throw;
            stopped = true;
        }
        if (finished.empty() && m_firstFailure) std::rethrow_exception(m_firstFailure);
        if (finished.empty() && !undefined.empty())
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("nothing can be computed of {}: {}", m_options.trace, undefinedInWords()),
                        m_options.trace);
    }

    /// "rotation: it needs at least 3 points, and there is 1; ..."
    std::string undefinedInWords() const {
        std::vector<std::string> words;
        for (const auto& [name, reason] : undefined) words.push_back(fmt::format("{}: {}", name, reason));
        return fmt::format("{}", fmt::join(words, "; "));
    }

    Analysis analysis;
    std::vector<std::string> finished;  ///< statistics that are in the file
    std::vector<Undefined> undefined;   ///< what was asked for and cannot be computed, and why
    bool stopped = false;
    std::int64_t leftOut = 0;  ///< rows

private:
    /// One part of the work; where it fails on its own account, the others go on.
    void attempt(const char* name, Progress progress, void (Work::*part)(Progress)) {
        try {
            (this->*part)(progress);
        } catch (const Error& error) {
            if (!isOfOneStatistic(error)) throw;
            if (!m_firstFailure) m_firstFailure = std::current_exception();
            undefined.push_back({name, error.what()});
        }
    }

    bool force() const { return m_options.out.force; }
    void say(const std::string& words) const { m_common.console.say(words); }
    void done(const char* statistic, std::int64_t excludedRows) {
        finished.emplace_back(statistic);
        leftOut = std::max(leftOut, excludedRows);
    }
    /// Whether it was computed before.
    bool isThere(const char* statistic, bool there) {
        if (there) say(fmt::format("{}: there already, made in the same way", statistic));
        return there;
    }

    void sweep(Progress progress) {
        const Analysis known{m_there.statistics, m_there.nulls};
        undefined = undefinedOf(m_view, m_plan.analysis);
        const AnalysisOptions defined = withoutUndefined(m_plan.analysis, undefined);
        if (undefined.size() > 0 && recordsOf(m_view, defined).empty()) return;
        const ReadForecast reads = forecastReads(m_view, defined, known);
        say(reads.bytes == 0
                ? std::string("all of it is there already, made in the same way")
                : fmt::format("reads {} of {}, {:.3g} times the whole",
                              formatBytes(static_cast<double>(reads.bytes)), m_options.trace, reads.passes));
        analysis = analyze(m_view, defined, progress, known);
        m_writer.write(analysis.observed, analysis.nulls, m_records, force());
        const Statistics& s = analysis.observed;
        if (s.density) done("density", s.density->excludedRows);
        if (s.correlation) done("correlation", s.correlation->excludedRows);
        if (s.motion) done("motion", s.motion->excludedRows);
        if (s.rotation) done("rotation", s.rotation->excludedRows);
        if (s.mutualInformation) done("mutual_information", s.mutualInformation->excludedRows);
        if (s.pca) done("pca", s.pca->excludedRows);
        if (analysis.stopped) throw Cancelled{};
    }

    void compare(Progress progress) {
        Analysis known = analysis;
        known.nulls = m_there.nulls;
        Analysis made;
        made.nulls = besideUntrained(m_options, m_command, m_common, m_view, m_plan, known, progress);
        merge(std::move(made), analysis);
        m_writer.write(analysis.observed, analysis.nulls, m_records, force());
        progress.check();
    }

    void fitEachPoint(Progress progress) {
        if (isThere("pca", m_there.perPointPca.has_value()))
            return done("pca", m_there.perPointPca->excludedRows);
        const PerPointPca pca = pcaPerPoint(m_view, *m_plan.perPointPca, progress);
        m_writer.write(pca, m_records.at("pca"), force());
        done("pca", pca.excludedRows);
        say(fmt::format("pca/explained of each point: first component {:.3g} to {:.3g}", pca.explained(0, 0),
                        pca.explained(pca.explained.rows() - 1, 0)));
    }

    void fitOtherwise(Progress progress) {
        if (isThere("pca", m_there.statistics.pca.has_value()))
            return done("pca", m_there.statistics.pca->excludedRows);
        Statistics made;
        made.pca = m_plan.basis ? pcaWithBasis(*m_plan.basis, m_view, progress)
                                : pcaFittedOn(m_view, parseRows(m_options.fitRows, m_view.rowCount()),
                                              *m_plan.otherPca, progress);
        if (!analysis.nulls.empty())
            m_common.console.warn("nulls of the PCA are of one that is fitted on all rows; it has none here");
        m_writer.write(made, {}, m_records, force());
        done("pca", made.pca->excludedRows);
    }

    void look(Progress progress) {
        if (isThere("lens", m_there.lens.has_value())) return done("lens", m_there.lens->excludedRows);
        const LensResult lens = makeLens(m_options, *m_plan.lens, m_view, m_common, progress);
        m_writer.write(lens, m_records.at("lens"), force());
        done("lens", lens.excludedRows);
        const auto ends = [](const VectorD& v) {
            return fmt::format("{:.4g} to {:.4g}", v[0], v[v.size() - 1]);
        };
        say("lens/mean_entropy: " + ends(lens.meanEntropy));
        if (lens.meanKlToFinal.size() > 0) say("lens/mean_kl_to_final: " + ends(lens.meanKlToFinal));
    }

    void train(Progress progress) {
        if (isThere("autoencoder", m_there.statistics.autoencoder.has_value()))
            return done("autoencoder", m_there.statistics.autoencoder->excludedRows);
        const AutoencoderOptions& how = *m_plan.autoencoder;
        Statistics made;
        const AutoencoderResult& fit =
            made.autoencoder.emplace(m_plan.trained ? applyAutoencoder(*m_plan.trained, m_view, how, progress)
                                                    : fitAutoencoder(m_view, how, progress));
        m_writer.write(made, {}, m_records, force());
        done("autoencoder", fit.excludedRows);
        if (fit.bestEpoch > 0)
            say(fmt::format("autoencoder: best epoch {} of {}, validation loss {:.4g}", fit.bestEpoch,
                            fit.loss.rows(), fit.loss(fit.bestEpoch - 1, 1)));
        if (!fit.stopped) return;
        finished.back() = fmt::format(
            "the best autoencoder so far, of {} epochs (put it to the trace with --autoencoder {})",
            fit.loss.rows(), m_options.out.path);
        throw Cancelled{};
    }

    const Options& m_options;
    const CLI::App& m_command;
    const Plan& m_plan;
    const TraceView& m_view;
    const Records& m_records;
    Results m_there;  ///< what need not be computed again
    ResultsWriter& m_writer;
    Common& m_common;
    std::exception_ptr m_firstFailure;
};

int run(const Options& options, const CLI::App& command, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    const bool adds = options.add && std::filesystem::exists(options.out.path);
    // Results that are added to may be those that a basis is taken of.
    std::vector<std::filesystem::path> inputs{options.trace, options.model.name};
    if (!adds) inputs.insert(inputs.end(), {options.basis, options.autoencoder});
    requireOutput(options.out.path, adds ? IfExists::Replace : options.out.ifExists(), inputs);
    inputs.insert(inputs.end(), {options.basis, options.autoencoder, options.out.path});
    for (const auto& path : options.curves) requireOutput(path, options.out.ifExists(), inputs);
    const Plan plan = makePlan(options, common);
    rejectUnusedOptions(command, options, plan);
    Progress progress = common.console.progress();
    Progress sizing = progress.part(0, 0.02), working = progress.part(0.02, 1);
    const AnalysisView made = makeView(options, common, sizing);
    const TraceView& view = made.view;
    for (const auto& note : made.notes) common.console.warn(note);
    if (options.maskUnits.starts_with("z:"))
        common.console.say(view.maskedUnits.empty()
                               ? fmt::format("no unit stands out at {}", options.maskUnits)
                               : fmt::format("masked units: {}", fmt::join(view.maskedUnits, ", ")));
    if ((plan.analysis.pca || plan.otherPca) && options.basis.empty() && options.components < 3)
        common.console.warn("fewer than 3 components cannot be drawn as trajectories");

    ResultsSource source = makeResultsSource(view, options.trace);
    source.selection = options.select.conditions;
    const Records records = makeRecords(options, plan, view);
    Results there;
    if (adds) there = readAlike(options.out.path, source, records);
    ResultsWriter writer = adds ? ResultsWriter::add(options.out.path, source)
                                : ResultsWriter::create(options.out.path, source, options.out.ifExists());
    if (!options.out.force) writer.refuseUnlike(records);
    Work work(options, command, plan, view, records, std::move(there), writer, common);
    work.run(working);
    progress.setStage("writing " + options.out.path);
    writer.commit();
    for (const auto& path : options.curves)
        writeCurves(path, readResults(options.out.path), options.out.ifExists());

    summarize(work.analysis, common.console);
    for (const auto& [name, reason] : work.undefined)
        common.console.warn(fmt::format("{} was not computed: {}", name, reason));
    if (work.stopped)
        common.console.warn(fmt::format(
            "interrupted: {} holds {}{}; the same call with --add goes on", options.out.path,
            fmt::join(work.finished, ", "),
            plan.analysis.nulls.empty()
                ? ""
                : fmt::format(", and surrogates: {}", repeatsInWords(work.analysis, plan.analysis))));
    if (work.leftOut > 0)
        common.console.warn(fmt::format("{} of {} rows were left out: they hold values that are not finite",
                                        work.leftOut, view.rowCount()));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    common.console.say(fmt::format("{}: {} in {:.1f} s", options.out.path, options.statistics, seconds));
    common.console.result({{"out", options.out.path},
                           {"rows", view.rowCount() - work.leftOut},
                           {"repeated_rows", made.repeated},
                           {"seconds", seconds}});
    return work.stopped ? 130 : 0;
}

}  // namespace

void addAnalyze(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand("analyze", "statistics of a trace, each beside its nulls");
    auto options = std::make_shared<Options>();
    command->add_option("trace", options->trace, "a trace file")->required()->type_name("T.rheo.h5");
    command
        ->add_option(
            "--stat", options->statistics,
            "comma list: density, correlation, motion, mutual_information, rotation, pca, autoencoder, lens")
        ->required()
        ->type_name("LIST");
    options->out.addTo(*command, "the results (HDF5)");
    command->add_flag("--add", options->add,
                      "add to results of the same trace; what is there already, made in the same way, is not "
                      "computed again");
    command->add_option("--curves", options->curves, "also write every curve and its nulls as CSV or JSON")
        ->type_name("F.csv|F.json")
        ->check([](const std::string& path) {
            return path.ends_with(".csv") || path.ends_with(".json") ? ""
                                                                     : path + " is neither .csv nor .json";
        })
        ->default_str("");
    command
        ->add_option("--null", options->nulls,
                     fmt::format("comma list: {}, {} (with --model); left out: none",
                                 fmt::join(nullNames(), ", "), untrained))
        ->type_name("LIST");
    options->model.addTo(*command, false);
    command->add_option("--repeats", options->repeats, "surrogates of each null")
        ->check(wholeNumber(1, 1000000))
        ->type_name("R");
    command
        ->add_option(
            "--scaling", options->scaling,
            "raw, rms (a state over its own RMS), or final_norm (as the unembedding would see it; with "
            "--model)")
        ->check(CLI::IsMember({"raw", "rms", "final_norm"}));
    command
        ->add_option("--points", options->points,
                     "all, paper (without the final one), one point, or a range L00.attn_in:L07.mlp_in")
        ->type_name("POINTS");
    options->select.addTo(*command);
    command
        ->add_option("--mask-units", options->maskUnits,
                     "units to leave out, or z:Z: those whose size stands out by a robust z above Z")
        ->type_name("3,17|z:Z");
    command
        ->add_option("--eps", options->epsilon,
                     "a unit is active above this share of the row's RMS (density)")
        ->check(realNumber(0, 1e9))
        ->type_name("E");
    command->add_option("--components", options->components, "of the PCA")
        ->check(wholeNumber(1, 65536))
        ->type_name("K");
    command
        ->add_option("--pca", options->pca, "one basis for all points, or one for each: pooled or per-point")
        ->check(CLI::IsMember({"pooled", "per-point"}));
    command->add_option("--fit-rows", options->fitRows, "fit the PCA on these rows, and score all")
        ->type_name("0,5,7|0:99|stride:K");
    command->add_option("--basis", options->basis, "score with the basis of other results, and fit none")
        ->type_name("R.h5");
    command->add_option("--mi", options->estimator, "estimator of mutual information: ksg or bins")
        ->check(CLI::IsMember({"ksg", "bins"}));
    command->add_flag("--per-row", options->perRow,
                      "keep the turning number of each row and unit (rotation)");
    command->add_option("--top", options->top, "likeliest tokens kept (lens)")
        ->check(wholeNumber(1, 1000))
        ->type_name("K");
    command->add_option("--epochs", options->epochs, "at most, of training (autoencoder)")
        ->check(wholeNumber(1, 1000000))
        ->type_name("N");
    command
        ->add_option("--autoencoder", options->autoencoder,
                     "results that hold a trained one, to be put to this trace instead of training")
        ->type_name("R.h5");
    command->add_option("--memory", options->memory, "what may be held in memory beside the results")
        ->check(readBy(parseBytes))
        ->type_name("BYTES");
    command->callback([options, command, &chosen] {
        chosen = [options, command](Common& common) { return run(*options, *command, common); };
    });
}

}  // namespace rheo::cli
