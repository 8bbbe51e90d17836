#include "core/session/analysis_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <nlohmann/json.hpp>
#include <span>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/printable.h"
#include "core/base/ranks.h"
#include "core/capture/capture.h"
#include "core/dynamics/jacobian.h"
#include "core/dynamics/lens.h"
#include "core/model/model.h"
#include "core/results/jacobian_group.h"
#include "core/session/direction_sources.h"
#include "core/session/verdict_text.h"
#include "core/statistics/axes.h"
#include "core/statistics/other_traces.h"
#include "core/trace/normed_trace.h"

namespace rheo {

namespace {

using Json = nlohmann::ordered_json;

template <class Values>
void feed(Sha256& hash, const Values& values) {
    hash.update(std::as_bytes(std::span(values.data(), static_cast<std::size_t>(values.size()))));
}

std::string digestOf(const PcaBasis& basis) {
    Sha256 hash;
    feed(hash, basis.mean);
    feed(hash, basis.components);
    feed(hash, basis.dual);  // adds nothing where there is none
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

/// Options for what one sweep computes: the PCA is among it only with the pooled basis.
AnalysisOptions sweptOptions(const AnalysisRequest& request) {
    AnalysisOptions options = request.options;
    if (request.otherBasis) options.get<Pca>().reset();
    return options;
}

bool sweepsAny(const AnalysisOptions& options) {
    bool any = false;
    forEachSwept([&]<class S>() { any = any || options.get<S>(); });
    return any;
}

/// One run: its parts, one after the other. Of several ranks (currentRanks) all run it; they share statistics
/// and surrogates, and the first makes the rest and has the whole outcome.
class Run {
public:
    Run(const TraceView& view, const AnalysisRequest& request, const ModelOfTrace& model, Results known,
        const std::function<void(const std::string&)>& say, AnalysisOutcome& outcome)
        : m_view(view),
          m_request(request),
          m_model(model),
          m_known(std::move(known)),
          m_say(say),
          m_out(outcome) {}

    void run(Progress& progress) {
        struct Part {
            const char* name;
            bool wanted;
            bool shared;  ///< by ranks; else the first makes it
            void (Run::*make)(Progress);
        };
        const auto& other = m_request.otherBasis;
        const bool pca = m_request.options.get<Pca>().has_value();
        const std::array parts{
            Part{"statistics", sweepsAny(sweptOptions(m_request)), true, &Run::sweep},
            Part{untrainedNull, m_request.untrained && sweepsAny(sweptOptions(m_request)), true,
                 &Run::compareWithUntrained},
            Part{"pca", pca && other && other->perPoint, false, &Run::fitEachPoint},
            Part{"pca", pca && other && !other->perPoint, false, &Run::fitOtherwise},
            Part{"lens", m_request.lens.has_value(), false, &Run::look},
            Part{"jacobian", m_request.jacobian.has_value(), false, &Run::derive},
            Part{"autoencoder", m_request.options.get<AutoencoderFit>().has_value(), false, &Run::train}};
        const auto wanted = std::count_if(parts.begin(), parts.end(), [](const Part& p) { return p.wanted; });
        double done = 0;  // parts count as equally long, for want of anything better
        const Ranks ranks = currentRanks();
        try {
            for (const Part& part : parts) {
                if (!part.wanted) continue;
                if (!part.shared && !ranks.first()) continue;
                const RanksScope scope(part.shared ? ranks : Ranks());
                attempt(part.name, part.make,
                        progress.part(done / static_cast<double>(wanted),
                                      (done + 1) / static_cast<double>(wanted)));
                ++done;
            }
        } catch (const Cancelled&) {
            if (m_out.finished.empty()) throw;
            m_out.stopped = true;
        }
        if (!m_out.finished.empty() || !ranks.first()) return;
        if (m_firstFailure) std::rethrow_exception(m_firstFailure);
        if (m_out.undefined.empty()) return;
        std::vector<std::string> reasons;
        for (const auto& [name, reason] : m_out.undefined)
            reasons.push_back(fmt::format("{}: {}", name, reason));
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("nothing can be computed of {}: {}", m_request.traceName, fmt::join(reasons, "; ")),
            m_request.traceName);
    }

private:
    /// One part; where it fails on its own account, the others go on.
    void attempt(const char* name, void (Run::*part)(Progress), Progress progress) {
        try {
            (this->*part)(progress);
        } catch (const Error& error) {
            if (!isOfOneStatistic(error)) throw;
            if (!m_firstFailure) m_firstFailure = std::current_exception();
            m_out.undefined.push_back({name, error.what()});
        }
    }

    void say(const std::string& words) {
        m_out.remarks.push_back(words);
        if (m_say) m_say(words);
    }
    void done(std::string_view name, std::int64_t excludedRows) {
        m_out.finished.emplace_back(name);
        m_out.excludedRows = std::max(m_out.excludedRows, excludedRows);
    }
    /// Keeps a result that is known. False where it is not.
    template <class T>
    bool keepKnown(const char* name, const std::optional<T>& known, std::optional<T>& result) {
        if (!known) return false;
        say(fmt::format("{}: there already, with the same options", name));
        result = known;
        done(name, known->excludedRows);
        return true;
    }

    void sweep(Progress progress) {
        const AnalysisOptions asked = sweptOptions(m_request);
        const Analysis known{m_known.statistics, m_known.nulls};
        m_out.undefined = undefinedOf(m_view, asked);
        const AnalysisOptions defined = withoutUndefined(asked, m_out.undefined);
        if (!sweepsAny(defined)) return;
        const ReadForecast reads = forecastReads(m_view, defined, known);
        say(reads.bytes == 0 ? std::string("all of it is there already, with the same options")
                             : fmt::format("reads {} of {}, {:.3g} times the whole",
                                           formatBytes(static_cast<double>(reads.bytes)), m_request.traceName,
                                           reads.passes));
        Analysis made = analyze(m_view, defined, progress, known);
        forEachSwept([&]<class S>() {
            auto& result = made.observed.get<S>();
            if (!result) return;
            done(S::info.name, result->excludedRows);
            m_out.results.statistics.get<S>() = std::move(result);
        });
        m_out.results.nulls = std::move(made.nulls);
        if (made.stopped) throw Cancelled{};
    }

    /// Beside networks of the same shape whose weights were drawn from seeds S, S + 1, ...: the same tokens,
    /// captured anew into memory.
    void compareWithUntrained(Progress progress) {
        const TraceInfo info = makeResultsSource(m_view, "").info;
        const TraceOfRepeat capture = [&](int repeat, Progress& making) {
            Progress loading = making.part(0, 0.2), running = making.part(0.2, 1);
            const auto model = m_model(m_request.untrainedSeed + static_cast<std::uint64_t>(repeat), loading);
            return captureLike(*model, info, running);
        };
        // Whose states they were is known only of a trace that says what model made it.
        const std::vector<CurveNull> known = info.model ? m_known.nulls : std::vector<CurveNull>{};
        Analysis all{m_out.results.statistics, std::move(m_out.results.nulls)};
        Analysis made;
        // Neither what the trace does not define, nor a PCA that is fitted otherwise.
        const AnalysisOptions compared = withoutUndefined(sweptOptions(m_request), m_out.undefined);
        made.nulls = compareWithTraces(untrainedNull, all.observed, compared, m_request.untrainedRepeats,
                                       m_request.untrainedSeed, capture, known, progress);
        merge(std::move(made), all);
        m_out.results.nulls = std::move(all.nulls);
        progress.check();
    }

    TraceView captureLike(const Model& model, const TraceInfo& info, Progress& progress) const {
        if (info.model && info.model->configSha256 != model.identity().configSha256)
            throw Error(
                ErrorCode::Mismatch,
                fmt::format("{} is not of the shape of the model that made {}: their config.json differ",
                            m_request.modelName, m_request.traceName),
                m_request.traceName);
        const CapturePlan states = planRecapture(model, info);
        const auto bytes = static_cast<std::size_t>(states.bytes());
        if (bytes > m_request.options.memoryBytes / 2)
            throw Error(ErrorCode::OutOfMemory,
                        fmt::format("the states of an untrained network take {}, half of the memory limit; "
                                    "give --memory {} or more, or fewer rows",
                                    formatBytes(static_cast<double>(bytes)),
                                    formatBytes(2.0 * static_cast<double>(bytes))));
        TraceView again;
        progress.setStage("capturing");
        again.trace = captureToMemory(model, states, {}, progress);
        if (m_view.scaling == Scaling::FinalNorm)
            again.trace = std::make_shared<const NormedTrace>(again.trace, model.finalNorm());
        again.maskedUnits = m_view.maskedUnits;
        again.scaling = m_view.scaling;
        return again;
    }

    PcaOptions pcaOptions() const {
        PcaOptions options = *m_request.options.get<Pca>();
        options.threads = m_request.options.threads;
        options.memoryBytes = m_request.options.memoryBytes;
        return options;
    }

    void fitEachPoint(Progress progress) {
        auto& result = m_out.results.perPointPca;
        if (keepKnown("pca", m_known.perPointPca, result)) return;
        result = pcaPerPoint(m_view, pcaOptions(), progress);
        done("pca", result->excludedRows);
        say(fmt::format("pca/explained of each point: first component {:.3g} to {:.3g}",
                        result->explained(0, 0), result->explained(result->explained.rows() - 1, 0)));
    }

    void fitOtherwise(Progress progress) {
        auto& result = m_out.results.statistics.get<Pca>();
        if (keepKnown("pca", m_known.statistics.get<Pca>(), result)) return;
        const OtherBasis& other = *m_request.otherBasis;
        Progress measuring = progress.part(0, 0.5), scoring = progress.part(0.5, 1);
        result = other.given ? pcaWithBasis(measured(*other.given, measuring), m_view, scoring)
                             : pcaFittedOn(m_view, other.fitRows, pcaOptions(), progress);
        if (!result->basis.names.empty()) sayAxes(result->basis);
        if (!m_out.results.nulls.empty())
            m_out.warnings.emplace_back(
                "nulls of the PCA exist only for a PCA fitted on all rows; here it has none");
        done("pca", result->excludedRows);
    }

    /// Axes about the mean of these states, with their shares of the variance, and three of them: the figure
    /// in space needs as many. A basis that was fitted stays as it is.
    PcaBasis measured(const PcaBasis& given, Progress& progress) {
        if (given.explained.size() > 0) return given;
        PcaBasis axes = given;
        Progress fitting = progress.part(0, 0.5), summing = progress.part(0.5, 1);
        if (axes.components.rows() < 3) {
            PcaOptions options = pcaOptions();
            options.perPointExplained = false;
            options.components = 6;
            axes = completedAxes(axes, pca(m_view, options, fitting).basis);
        }
        measureAxes(axes, m_view, summing);
        if (!m_request.modelName.empty())
            nameTokensOf(axes, *m_model({}, summing), m_request.textOf, summing);
        return axes;
    }

    void sayAxes(const PcaBasis& axes) {
        for (Eigen::Index i = 0; i < axes.components.rows(); ++i)
            say(fmt::format("axis {}: {:.3g} % of the variance{}{}", axisName(axes, i),
                            100 * axes.explained[i], axisMeaning(axes, i).empty() ? "" : "; ",
                            axisMeaning(axes, i)));
        const MatrixD angles = anglesBetween(axes.components);
        for (Eigen::Index i = 0; axes.dual.size() > 0 && i < angles.rows(); ++i)
            for (Eigen::Index j = i + 1; j < angles.cols(); ++j)
                say(fmt::format("angle of {} and {}: {:.1f} degrees", axes.names[static_cast<std::size_t>(i)],
                                axes.names[static_cast<std::size_t>(j)], angles(i, j)));
    }

    void look(Progress progress) {
        auto& result = m_out.results.lens;
        if (keepKnown("lens", m_known.lens, result)) return;
        Progress loading = progress.part(0, 0.1), running = progress.part(0.1, 1);
        const auto model = m_model({}, loading);
        TraceView raw = m_view;  // the lens applies the final norm itself
        if (const auto* normed = dynamic_cast<const NormedTrace*>(m_view.trace.get()))
            raw.trace = normed->source();
        result = lens(*model, raw, *m_request.lens, running);
        if (m_request.textOf) nameTokens(*result, raw, m_request.textOf);
        done("lens", result->excludedRows);
        const auto ends = [](const VectorD& v) {
            return fmt::format("{:.4g} to {:.4g}", v[0], v[v.size() - 1]);
        };
        say("lens/mean_entropy: " + ends(result->meanEntropy));
        if (result->meanKlToFinal.size() > 0) say("lens/mean_kl_to_final: " + ends(result->meanKlToFinal));
    }

    void derive(Progress progress) {
        auto& result = m_out.results.jacobian;
        if (keepKnown("jacobian", m_known.jacobian, result)) return;
        Progress loading = progress.part(0, 0.1), running = progress.part(0.1, 1);
        const auto model = m_model({}, loading);
        std::shared_ptr<const Model> untrained;
        if (m_request.untrained) untrained = m_model(m_request.untrainedSeed, loading);
        result = jacobians(*model, m_view, *m_request.jacobian, untrained.get(), running,
                           m_request.options.threads);
        done("jacobian", 0);
        const auto ends = [](const MatrixD& values) {
            return fmt::format("{:.3g} to {:.3g}", values.col(0).mean(),
                               values.col(values.cols() - 1).mean());
        };
        say("jacobian/henrici: " + ends(result->henrici));
        for (const Verdict& verdict : verdictsOf(*result, m_out.results.source.info))
            say(fmt::format("{}: {}", verdict.key, sentenceOf(verdict)));
        say("jacobian/cumulative_effective_rank: " + ends(result->cumulativeEffectiveRank));
        say(fmt::format("jacobian/lyapunov: {:.3g} to {:.3g} nats per step", result->lyapunov.col(0).mean(),
                        result->lyapunov.col(result->lyapunov.cols() - 1).mean()));
    }

    void train(Progress progress) {
        auto& result = m_out.results.statistics.get<AutoencoderFit>();
        if (keepKnown("autoencoder", m_known.statistics.get<AutoencoderFit>(), result)) return;
        AutoencoderOptions how = *m_request.options.get<AutoencoderFit>();
        how.seed = m_request.options.seed;
        how.threads = m_request.options.threads;
        how.memoryBytes = m_request.options.memoryBytes;
        result = m_request.trained ? applyAutoencoder(*m_request.trained, m_view, how, progress)
                                   : fitAutoencoder(m_view, how, progress);
        if (result->bestEpoch > 0)
            say(fmt::format("autoencoder: best epoch {} of {}, validation loss {:.4g}", result->bestEpoch,
                            result->loss.rows(), result->loss(result->bestEpoch - 1, 1)));
        if (!result->stopped) return done("autoencoder", result->excludedRows);
        done(fmt::format("the best autoencoder so far, of {} epochs", result->loss.rows()),
             result->excludedRows);
        throw Cancelled{};
    }

    const TraceView& m_view;
    const AnalysisRequest& m_request;
    const ModelOfTrace& m_model;
    const Results m_known;
    const std::function<void(const std::string&)>& m_say;
    AnalysisOutcome& m_out;
    std::exception_ptr m_firstFailure;
};

}  // namespace

Records recordsOf(const TraceView& view, const AnalysisRequest& request) {
    Records records = recordsOf(view, request.options);
    if (const auto& other = request.otherBasis; other && request.options.get<Pca>()) {
        Json how{{"components", request.options.get<Pca>()->components},
                 {"pca", other->perPoint ? "per-point" : "pooled"}};
        if (other->given)
            how.update({{"basis", other->givenName}, {"basis_sha256", digestOf(*other->given)}});
        if (!other->fitRowsText.empty()) how["fit_rows"] = other->fitRowsText;
        records["pca"].options = how.dump();
    }
    if (request.trained && request.options.get<AutoencoderFit>())
        records["autoencoder"] = {
            Json{{"autoencoder", request.trainedName}, {"weights_sha256", digestOf(*request.trained)}}.dump(),
            request.options.seed, request.trained->scaling, request.trained->maskedUnits};
    if (request.lens) records["lens"] = recordOf(*request.lens, request.modelName);
    if (request.jacobian)
        records["jacobian"] =
            recordOf(*request.jacobian, request.modelName,
                     request.untrained ? std::optional(request.untrainedSeed) : std::nullopt);
    return records;
}

AnalysisOutcome runAnalysis(const TraceView& view, const AnalysisRequest& request, const ModelOfTrace& model,
                            const ResultsSource& source, Results known, Progress& progress,
                            const std::function<void(const std::string&)>& say) {
    AnalysisOutcome outcome;
    outcome.results.source = source;
    outcome.results.records = recordsOf(view, request);
    for (const auto& [name, record] : outcome.results.records)
        outcome.results.scalings[name] = record.scaling;
    Run(view, request, model, std::move(known), say, outcome).run(progress);
    return outcome;
}

}  // namespace rheo
