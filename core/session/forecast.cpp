#include "core/session/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/analysis/lanes.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/printable.h"
#include "core/capture/capture.h"
#include "core/dynamics/early_attractor.h"
#include "core/findings/reconstruction.h"

namespace rheo {

namespace {

constexpr int mostPlanned = 1000;       ///< repeats of a null in a forecast of reads
constexpr double worthMeasuring = 0.2;  ///< [s] of the whole
constexpr double leastShare = 0.02;     ///< of the whole that a part must take to be measured
constexpr double shareOfProbe = 0.02, leastProbe = 0.005, mostProbe = 0.2;  ///< [s], of a part, twice
constexpr std::int64_t leastProbeRows = 8;
constexpr double nanosecondsOfByte = 1.5;      ///< to read a trace, and to check it
constexpr double nanosecondsOfProduct = 0.05;  ///< a multiplication in a product of matrices of float32

Sizes sizesOf(const TraceView& view) {
    return {view.rowCount(), view.pointCount(), view.unitCount()};
}

/// What a part takes on one core of the table's machine, and how often.
struct Part {
    std::string name;
    double nanoseconds = 0;
    double times = 1;
    double all() const { return nanoseconds * times; }
};

double rateOf(const Rates& rates, const std::string& name, int threads) {
    const auto rate = rates.find(name);
    return rate != rates.end() ? rate->second : 1.0 / resolveThreads(threads);
}

/// Repeats of a null that are known of a statistic.
std::int64_t repeatsThere(const std::vector<CurveNull>& nulls, std::string_view null,
                          std::string_view statistic) {
    std::int64_t repeats = 0;
    for (const auto& curve : nulls)
        if (curve.statistic == statistic && curve.null == null)
            repeats = std::max<std::int64_t>(repeats, curve.samples.rows());
    return repeats;
}

/// What takes the surrogates of one null that are not known, on average.
Part partOfNull(std::string_view null, double nanosecondsOfValue, std::int64_t repeats,
                const AnalysisOptions& options, const Sizes& sizes, const std::vector<CurveNull>& known) {
    Part part{std::string(null)};
    double statistics = 0;
    part.times = 0;
    forEachSwept([&]<class S>() {
        const auto& asked = options.get<S>();
        if (!asked) return;
        const auto left =
            static_cast<double>(std::max<std::int64_t>(0, repeats - repeatsThere(known, null, S::info.name)));
        statistics += left * S::nanoseconds(*asked, sizes, false);
        part.times = std::max(part.times, left);
    });
    if (part.times > 0) part.nanoseconds = sizes.values() * nanosecondsOfValue + statistics / part.times;
    return part;
}

/// The units of a lens or a network that a trace tells of.
double vocabularyOf(const TraceInfo& info) {
    return info.model && info.model->vocabulary > 0 ? static_cast<double>(info.model->vocabulary) : 50000;
}

/// A forward pass of the prompts through a network of the same shape, and drawing its weights: 12 d^2 weights
/// a block, as most have about.
double nanosecondsOfCapture(const TraceInfo& info, bool drawn) {
    double tokens = 0;
    for (const auto& sample : info.samples) tokens += static_cast<double>(sample.tokenIds.size());
    const double layers = info.model ? static_cast<double>(info.model->layers) : 12,
                 units = static_cast<double>(info.units), weights = 12 * layers * units * units,
                 embedding = vocabularyOf(info) * units;
    return tokens * weights * nanosecondsOfProduct + (drawn ? 10 * (weights + embedding) : 0);
}

/// What is left to compute, statistics first.
std::vector<Part> partsOf(const Sizes& sizes, const TraceInfo& info, const AnalysisRequest& request,
                          const AnalysisOptions& defined, const Results& known) {
    std::vector<Part> parts;
    AnalysisOptions ofSurrogates = defined;
    if (request.otherBasis) ofSurrogates.get<Pca>().reset();
    forEachStatistic([&]<class S>() {
        auto asked = defined.get<S>();
        if (!asked || known.statistics.get<S>()) return;
        if constexpr (requires { asked->epochs; })
            if (request.trained) asked->epochs = 1;
        parts.push_back({std::string(S::info.name), S::nanoseconds(*asked, sizes, true)});
    });
    if (request.lens && !known.lens)
        parts.push_back({"lens", sizes.values() * vocabularyOf(info) * nanosecondsOfProduct});
    if (request.jacobian && !known.jacobian) {
        // Of all steps of the model, whatever points are looked at.
        const double units = sizes.unitCount(),
                     steps = info.model && info.model->layers > 0
                                 ? 2.0 * static_cast<double>(info.model->layers)
                                 : sizes.pointCount(),
                     rows = request.jacobian->rows * (request.untrained ? 2 : 1);
        // Decompositions of a step and of two products; the derivative itself is that of 40 D^2 weights.
        // Above mostWhole some 5,000 products with single vectors take its place, which read all weights.
        const bool whole = units <= static_cast<double>(request.jacobian->mostWhole);
        const double nanoseconds = whole ? 1000 + 20 * units : 14000 + 1.5 * units;
        parts.push_back({"jacobian", rows * steps * units * units * nanoseconds});
    }
    for (const NullKind null : defined.nulls)
        parts.push_back(partOfNull(nullName(null), nullSpec(null).nanoseconds, defined.repeats, ofSurrogates,
                                   sizes, known.nulls));
    if (request.untrained) {
        Part part = partOfNull(untrainedNull, 0, request.untrainedRepeats, ofSurrogates, sizes, known.nulls);
        part.nanoseconds += nanosecondsOfCapture(info, true);
        parts.push_back(part);
    }
    std::erase_if(parts, [](const Part& part) { return part.all() == 0; });
    return parts;
}

bool sweepsAny(const AnalysisOptions& options) {
    bool any = false;
    forEachSwept([&]<class S>() { any = any || options.get<S>(); });
    return any;
}

/// Some rows of a view, evenly spread, in memory.
TraceView someRows(const TraceView& view, std::int64_t count) {
    std::vector<std::int64_t> rows;
    for (std::int64_t i = 0; i < count; ++i) rows.push_back(i * view.rowCount() / count);
    const TraceView some = withRows(view, rows);
    TraceInfo info = view.trace->info();
    const TraceInfo& whole = view.trace->info();
    info.rows.clear();
    info.points.clear();
    for (std::int64_t n = 0; n < count; ++n)
        info.rows.push_back(whole.rows[static_cast<std::size_t>(some.traceRow(n))]);
    for (std::int64_t p = 0; p < view.pointCount(); ++p)
        info.points.push_back(whole.points[static_cast<std::size_t>(view.tracePoint(p))]);
    Array3F states(count, view.pointCount(), view.unitCount());
    readView(some, 0, count, states.data.data());
    TraceView held;
    held.trace = std::make_shared<MemoryTrace>(std::move(info), std::move(states));
    held.scaling = view.scaling;
    held.maskedUnits = view.maskedUnits;
    return held;
}

/// "1.2 s", "80 s", "10 min", "2.5 h".
std::string durationText(double seconds) {
    if (seconds < 10) return fmt::format("{:.1f} s", seconds);
    if (seconds < 90) return fmt::format("{:.0f} s", seconds);
    if (seconds < 5400) return fmt::format("{:.0f} min", seconds / 60);
    return fmt::format("{:.1f} h", seconds / 3600);
}

double secondsOf(const std::function<void()>& compute) {
    const auto started = std::chrono::steady_clock::now();
    compute();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

/// How many seconds the prompts of a trace take for what nanosecondsOfCapture calls a second: of a few of
/// them, run twice as a capture does, or once where that takes long. Nothing where it cannot be measured.
std::optional<double> rateOfCapture(const Model& model, const TraceInfo& info, Progress& progress) {
    constexpr std::size_t most = 8;
    constexpr double enough = 0.3;  ///< [s], by the table
    TraceInfo some;
    some.model = info.model;
    some.units = info.units;
    const std::size_t count = std::min(most, info.samples.size());
    for (std::size_t i = 0; i < count && 1e-9 * nanosecondsOfCapture(some, false) < enough; ++i) {
        const Sample& sample = info.samples[i * info.samples.size() / count];
        if (!sample.tokenIds.empty()) some.samples.push_back(sample);
    }
    if (some.samples.empty()) return std::nullopt;
    const PointIndex last{static_cast<std::int64_t>(model.points().size()) - 1};
    try {
        const CapturePlan plan =
            planCapture(model, some.samples, {RowChoice::Kind::Last, 1}, PointIndex{0}, last, {}, false);
        const auto run = [&] { return secondsOf([&] { captureToMemory(model, plan, {}, progress); }); };
        double seconds = run();
        progress.check();
        if (seconds < 2 * enough) seconds = std::min(seconds, run());
        return seconds / (1e-9 * nanosecondsOfCapture(some, false));
    } catch (const Error&) {
        return std::nullopt;
    }
}

/// Measures parts of one request on a few rows.
class Probe {
public:
    Probe(const TraceView& view, const AnalysisRequest& request, const AnalysisOptions& defined,
          const ModelOfTrace& model, double seconds, Progress& progress)
        : m_nanoseconds(1e9 * std::clamp(shareOfProbe * seconds, leastProbe, mostProbe)),
          m_view(view),
          m_request(request),
          m_defined(defined),
          m_model(model),
          m_silent(progress.stopToken()) {}

    /// The rate of a part; none where it cannot be measured.
    std::optional<double> rateOf(const Part& part) {
        try {
            if (part.name == "jacobian") return std::nullopt;
            return part.name == "lens"          ? rateOfLens()
                   : part.name == untrainedNull ? rateOfCapture(*m_model({}, m_silent), info(), m_silent)
                   : parseNull(part.name)       ? rateOfNull(part.name)
                                                : rateOfStatistic(part.name);
        } catch (const Error&) {
            return std::nullopt;
        }
    }

private:
    const TraceInfo& info() const { return m_view.trace->info(); }

    /// As few rows as take long enough to be measured, by the table; in a quarter of what may be held, as
    /// half is for the analysis of them.
    template <class Cost>
    std::int64_t rowsFor(Cost nanoseconds) const {
        Sizes sizes = sizesOf(m_view);
        const double row = sizes.values() / static_cast<double>(sizes.rows) * sizeof(float);
        const double fit = static_cast<double>(m_defined.memoryBytes) / 4 / row;
        const auto all = std::clamp<std::int64_t>(static_cast<std::int64_t>(fit), 1, sizes.rows);
        for (sizes.rows = std::min(all, leastProbeRows); sizes.rows < all; sizes.rows *= 2)
            if (nanoseconds(sizes) > m_nanoseconds) break;
        return std::min(all, sizes.rows);
    }

    /// The faster of two.
    double measure(const std::function<void()>& compute, double nanoseconds) const {
        const double first = secondsOf(compute);
        m_silent.check();
        return std::min(first, secondsOf(compute)) / (1e-9 * nanoseconds);
    }

    std::optional<double> rateOfStatistic(const std::string& name) {
        std::optional<double> rate;
        forEachStatistic([&]<class S>() {
            if (name != S::info.name) return;
            auto asked = *m_defined.get<S>();
            if constexpr (requires { asked.epochs; }) asked.epochs = std::min(asked.epochs, 2);
            const auto cost = [&](const Sizes& sizes) { return S::nanoseconds(asked, sizes, true); };
            const TraceView some = someRows(m_view, rowsFor(cost));
            AnalysisOptions alone;
            alone.threads = m_defined.threads;
            alone.memoryBytes = m_defined.memoryBytes / 2;
            alone.get<S>() = asked;
            rate = measure(
                [&] {
                    if constexpr (Swept<S>) {
                        analyze(some, alone, m_silent);
                    } else {
                        asked.threads = m_defined.threads;
                        asked.memoryBytes = m_defined.memoryBytes / 2;
                        S::compute(some, asked, m_silent);
                    }
                },
                cost(sizesOf(some)));
        });
        return rate;
    }

    std::optional<double> rateOfNull(const std::string& name) {
        AnalysisOptions options = m_defined;
        options.memoryBytes /= 2;
        // As many as keep the threads busy: of more rows each, as those of few stay in the caches.
        const std::int64_t atOnce = std::clamp<std::int64_t>(
            2 * resolveThreads(options.threads) / tileCount(m_view.unitCount()), 2, 16);
        options.repeats = static_cast<int>(std::min<std::int64_t>(options.repeats, atOnce));
        options.nulls = {*parseNull(name)};
        const auto cost = [&](const Sizes& sizes) {
            return partOfNull(name, nullSpec(options.nulls.front()).nanoseconds, options.repeats, options,
                              sizes, {})
                .all();
        };
        const std::int64_t rows = rowsFor(cost);
        if (!m_some || m_some->rowCount() != rows) {
            m_some.reset();
            m_observed = {};
            m_some = someRows(m_view, rows);
            AnalysisOptions observed = options;
            observed.nulls.clear();
            m_observed = analyze(*m_some, observed, m_silent);
        }
        return measure([&] { analyze(*m_some, options, m_silent, m_observed); }, cost(sizesOf(*m_some)));
    }

    std::optional<double> rateOfLens() {
        AnalysisRequest alone;
        alone.lens = m_request.lens;
        alone.lens->memoryBytes /= 2;
        alone.modelName = m_request.modelName;
        const double vocabulary = vocabularyOf(m_view.trace->info());
        const auto cost = [&](const Sizes& sizes) {
            return sizes.values() * vocabulary * nanosecondsOfProduct;
        };
        const TraceView some = someRows(m_view, rowsFor(cost));
        const auto model = m_model({}, m_silent);  // not counted
        const ModelOfTrace opened = [&](std::optional<std::uint64_t>, Progress&) { return model; };
        return measure([&] { runAnalysis(some, alone, opened, {}, {}, m_silent); }, cost(sizesOf(some)));
    }

    double m_nanoseconds;  ///< of a part
    const TraceView& m_view;
    const AnalysisRequest& m_request;
    const AnalysisOptions& m_defined;
    const ModelOfTrace& m_model;
    Progress m_silent;
    std::optional<TraceView> m_some;  ///< of the last null, and what was observed there
    Analysis m_observed;
};

/// The rates of parts that take much of `nanoseconds`, added to `rates`.
void measureParts(Probe& probe, const std::vector<Part>& parts, double nanoseconds, Rates& rates) {
    for (const Part& part : parts) {
        if (part.all() < leastShare * nanoseconds || rates.contains(part.name)) continue;
        if (const auto rate = probe.rateOf(part)) rates[part.name] = *rate;
    }
}

double sumOf(const std::vector<Part>& parts) {
    double nanoseconds = 0;
    for (const Part& part : parts) nanoseconds += part.all();
    return nanoseconds;
}

std::vector<Part> partsOf(const TraceView& view, const AnalysisRequest& request, const Results& known,
                          const AnalysisOptions& defined) {
    return partsOf(sizesOf(view), view.trace->info(), request, defined, known);
}

}  // namespace

AnalysisCost costOf(const TraceView& view, const AnalysisRequest& request, const Results& known,
                    const Rates& rates) {
    AnalysisCost cost;
    const Results there = resultsMatching(known, recordsOf(view, request));
    cost.rows = view.rowCount();
    cost.undefined = undefinedOf(view, request.options);
    AnalysisOptions defined = withoutUndefined(request.options, cost.undefined);
    const int threads = request.options.threads;
    const auto parts = partsOf(view, request, there, defined);
    for (const Part& part : parts) {
        cost.seconds += 1e-9 * part.all() * rateOf(rates, part.name, threads);
        const bool small = part.all() < leastShare * sumOf(parts);
        cost.measured = cost.measured && (small || rates.contains(part.name));
        cost.endsByItself = cost.endsByItself || part.name == AutoencoderFit::info.name;
        // What no sweep computes reads the trace once and keeps it, within what may be held.
        if (part.name != AutoencoderFit::info.name && part.name != "lens") continue;
        const auto whole = static_cast<std::int64_t>(sizesOf(view).values() * sizeof(float));
        cost.readBytes += whole;
        cost.memoryBytes =
            std::max(cost.memoryBytes,
                     std::min<std::int64_t>(whole, static_cast<std::int64_t>(request.options.memoryBytes)));
    }
    if (sweepsAny(defined)) {
        // Of very many repeats a part is planned, and the rest read in proportion.
        const double more = std::max(1.0, static_cast<double>(defined.repeats) / mostPlanned);
        defined.repeats = std::min(defined.repeats, mostPlanned);
        const ReadForecast reads = forecastReads(view, defined, {there.statistics, there.nulls});
        const double whole = reads.passes > 0 ? static_cast<double>(reads.bytes) / reads.passes : 0;
        const double rest = std::max(0.0, static_cast<double>(reads.bytes) - whole);
        cost.readBytes += reads.bytes + static_cast<std::int64_t>(rest * (more - 1));
        cost.memoryBytes = std::max(cost.memoryBytes, reads.memoryBytes);
    }
    cost.seconds += 1e-9 * nanosecondsOfByte * static_cast<double>(cost.readBytes);
    return cost;
}

Rates measureRates(const TraceView& view, const AnalysisRequest& request, const Results& known,
                   const ModelOfTrace& model, const Rates& rates, Progress& progress) {
    progress.setStage("measuring how fast this machine is");
    Rates all = rates;
    const Results there = resultsMatching(known, recordsOf(view, request));
    const AnalysisOptions defined = withoutUndefined(request.options, undefinedOf(view, request.options));
    const auto parts = partsOf(view, request, there, defined);
    const double nanoseconds = sumOf(parts);
    const double seconds = 1e-9 * nanoseconds / resolveThreads(defined.threads);
    if (seconds < worthMeasuring) return all;
    Probe probe(view, request, defined, model, seconds, progress);
    measureParts(probe, parts, nanoseconds, all);
    return all;
}

void learnRates(Rates& rates, const AnalysisRequest& request, const AnalysisCost& cost, double seconds) {
    if (!(cost.seconds > 0) || !(seconds > 0)) return;
    const double factor = seconds / cost.seconds;
    const auto learn = [&](std::string_view name) {
        const std::string key(name);
        rates[key] = std::clamp(rateOf(rates, key, request.options.threads) * factor, 1e-4, 1e4);
    };
    forEachStatistic([&]<class S>() {
        if (request.options.get<S>()) learn(S::info.name);
    });
    if (request.lens) learn("lens");
    if (request.jacobian) learn("jacobian");
    for (const NullKind null : request.options.nulls) learn(nullName(null));
    if (request.untrained) learn(untrainedNull);
}

std::string timeText(double seconds) {
    return seconds < 0.1 ? "less than 0.1 s" : "about " + durationText(seconds);
}

std::string costText(const AnalysisCost& cost) {
    if (cost.seconds == 0 && cost.readBytes == 0) return "everything is already computed";
    return fmt::format(
        "{}, {} read, {} of memory{}", timeText(cost.seconds),
        formatBytes(static_cast<double>(cost.readBytes)), formatBytes(static_cast<double>(cost.memoryBytes)),
        cost.endsByItself
            ? fmt::format("; the autoencoder counted with {} epochs (it stops by itself, after 11 to 200)",
                          expectedEpochs)
            : "");
}

namespace {

/// Reads, and what is measured on the way, of one of the analyses that verdicts rest on.
double secondsOfSweep(const TraceView& view, const AnalysisOptions& options, Rates& rates,
                      Progress& progress) {
    AnalysisRequest request;
    request.options = withoutUndefined(options, undefinedOf(view, options));
    for (const NullKind null : options.nulls)
        rates.erase(std::string(nullName(null)));  // of other statistics
    rates = measureRates(view, request, {}, {}, rates, progress);
    return costOf(view, request, {}, rates).seconds;
}

/// Mutual information of halves of the samples, each estimated anew.
double nanosecondsOfHalves(const Sizes& sizes, const AnalysisOptions& sweep, int halves) {
    Sizes half = sizes;
    half.rows /= 2;
    return halves * MutualInformation::nanoseconds(*sweep.get<MutualInformation>(), half, true);
}

/// The fits of reconstructLateAndEarly: each of a surrogate, its components, and an autoencoder on them.
double nanosecondsOfRefits(const TraceView& view, const VerdictOptions& options) {
    Sizes sizes = sizesOf(view);
    sizes.rows =
        std::min<std::int64_t>(sizes.rows, reconstructedSamples * sizes.rows /
                                               std::max<std::int64_t>(1, samplingUnits(view).count()));
    Sizes narrow = sizes;
    narrow.units = std::min<std::int64_t>(sizes.units, reconstructedComponents);
    const double fits = 1 + options.splits + options.refits * static_cast<double>(reconstructionNulls.size());
    return fits * (Pca::nanoseconds({}, sizes, false) + AutoencoderFit::nanoseconds({}, narrow, true));
}

/// The halves of the samples that intervals come from (resample.h).
double nanosecondsOfResampling(const Sizes& sizes, int resamples) {
    return 3 * resamples * sizes.values() * nanosecondsOfProduct + Pca::nanoseconds({}, sizes, true);
}

/// Pushes: the prompts, and the last token of each again and again.
double nanosecondsOfPushes(const TraceInfo& info) {
    const EarlyAttractorOptions how;
    const double samples = std::min<double>(how.samples, static_cast<double>(info.samples.size())),
                 prompts = std::max<double>(1, static_cast<double>(info.samples.size())),
                 kinds = static_cast<double>(how.sizes.size()) +
                         static_cast<double>(how.halves * how.shiftSamples) / std::max(1.0, samples),
                 continuations = kinds * (6 + how.controls),
                 token = 12 * static_cast<double>(info.model ? info.model->layers : 12) *
                         static_cast<double>(info.units) * static_cast<double>(info.units) *
                         nanosecondsOfProduct;
    return samples * (nanosecondsOfCapture(info, false) / prompts + continuations * token);
}

}  // namespace

std::vector<ReportPart> reportParts(const TraceView& view, const VerdictOptions& options,
                                    const ModelOfTrace& model, bool outliers, int derivativeRows,
                                    Progress& progress) {
    const Sizes sizes = sizesOf(view);
    const double unmeasured = 1e-9 / resolveThreads(options.threads);
    std::vector<ReportPart> parts;
    if (model) {
        const TraceInfo& info = view.trace->info();
        const double rate = rateOfCapture(*model({}, progress), info, progress).value_or(unmeasured * 1e9);
        const double fits = EarlyAttractorOptions{}.halves / 2.0 * Pca::nanoseconds({}, sizes, true);
        parts.push_back({"pushes", 1e-9 * rate * nanosecondsOfPushes(info) + unmeasured * fits});
    }
    Rates rates;
    const auto add = [&](const char* name, const AnalysisRequest& request) {
        rates = measureRates(view, request, {}, model, rates, progress);
        parts.push_back({name, costOf(view, request, {}, rates).seconds});
    };
    AnalysisRequest request;
    request.options.threads = options.threads;
    request.options.memoryBytes = options.memoryBytes;
    if (model) {
        AnalysisRequest lens = request;
        lens.lens = LensOptions{};
        add("lens", lens);
    }
    if (model && derivativeRows > 0) {
        AnalysisRequest derivatives = request;
        derivatives.jacobian = JacobianOptions{};
        derivatives.jacobian->rows =
            static_cast<int>(std::min<std::int64_t>(derivativeRows, view.rowCount()));
        derivatives.untrained = true;
        add("derivatives", derivatives);
    }
    request.options.get<AutoencoderFit>().emplace();
    add("autoencoder", request);

    const double times = outliers ? 2 : 1;
    double swept = 0;
    for (const auto& sweep : sweepsOf(view, options, FindingSource::Sweep))
        swept += secondsOfSweep(view, sweep, rates, progress);
    parts.push_back({"statistics beside surrogates", times * swept});
    for (const auto& sweep : sweepsOf(view, options, FindingSource::Information)) {
        const double seconds = secondsOfSweep(view, sweep, rates, progress);
        const double halves = nanosecondsOfHalves(sizes, sweep, options.halves) * 1e-9 *
                              rateOf(rates, std::string(MutualInformation::info.name), options.threads);
        parts.push_back({"mutual information beside surrogates", times * (seconds + halves)});
    }
    if (options.refits > 0)
        parts.push_back(
            {"autoencoder on surrogates", times * unmeasured * nanosecondsOfRefits(view, options)});
    parts.push_back({"intervals", times * unmeasured * nanosecondsOfResampling(sizes, options.resamples)});
    return parts;
}

std::string partsText(const std::vector<ReportPart>& parts) {
    double seconds = 0;
    std::vector<std::string> words;
    for (const auto& part : parts) {
        seconds += part.seconds;
        words.push_back(fmt::format("{} {}", part.name, durationText(part.seconds)));
    }
    return fmt::format("{}: {}", timeText(seconds), fmt::join(words, ", "));
}

}  // namespace rheo
