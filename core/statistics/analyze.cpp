#include "core/statistics/analyze.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "core/analysis/sweep_ranks.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/ranks.h"

namespace rheo {

namespace {

/// Surrogates in one sweep over rows that are held: what a stop may lose.
constexpr std::int64_t mostHeldAtOnce = 32;

void requireEnough(const TraceView& view, const AnalysisOptions& options) {
    if (!options.nulls.empty() && options.repeats < 1)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("nulls need 1 or more repeats, and {} are asked for", options.repeats));
    const auto undefined = undefinedOf(view, options);
    if (!undefined.empty())
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{} is not defined: {}", undefined.front().name, undefined.front().reason));
}

/// How many statistics a sweep is to compute.
double countOf(const AnalysisOptions& options) {
    double count = 0;
    forEachSwept([&]<class S>() { count += options.get<S>() ? 1 : 0; });
    return count;
}

bool asksForNone(const AnalysisOptions& options) {
    return countOf(options) == 0;
}

/// Drops those of which `drop(info)` is true.
template <class Drop>
void dropWhere(AnalysisOptions& options, Drop drop) {
    forEachStatistic([&]<class S>() {
        if (drop(S::info)) options.get<S>().reset();
    });
}

/// What a sweep computes the statistic with, if one does.
struct NoAccumulator {};
template <class S>
struct AccumulatorType {
    using Type = NoAccumulator;
};
template <Swept S>
struct AccumulatorType<S> {
    using Type = typename S::Accumulator;
};
template <class S>
using AccumulatorOf = typename AccumulatorType<S>::Type;

/// The statistics of one feed.
class Bundle {
public:
    Bundle(const RowSource& source, const AnalysisOptions& options, bool observed)
        : m_options(options),
          m_spectra(source.view(), options.threads, options.memoryBytes / 4),
          m_all(computation(source, options, observed)) {
        m_all.pointSpectra = &m_spectra;
        forEachSwept([&]<class S>() {
            if (options.get<S>())
                m_accumulators.get<S>().emplace(withSharedSettings(*options.get<S>()), m_all);
        });
    }
    Bundle(const Bundle&) = delete;

    Feed feed(PathMaker& maker, std::int64_t repeat) {
        m_maker = &maker;
        m_repeat = repeat;
        Feed feed{&maker, repeat};
        forEachSwept([&]<class S>() {
            if (auto& accumulator = m_accumulators.get<S>()) accumulator->addTo(feed);
        });
        return feed;
    }

    /// Whether finish() goes over the source again, and so cannot run beside others.
    bool readsAgain() const {
        bool reads = false;
        forEachSwept([&]<class S>() {
            if constexpr (requires(const AccumulatorOf<S>& a) { a.readsAgain(); })
                reads = reads || (m_accumulators.get<S>() && m_accumulators.get<S>()->readsAgain());
        });
        return reads;
    }

    Statistics finish(Progress& progress) {
        Statistics statistics;
        const Again again(m_all.source, *m_maker, m_repeat, {m_options.threads, m_options.memoryBytes / 4});
        const double count = countOf(m_options);
        double done = 0;
        forEachSwept([&]<class S>() {
            auto& accumulator = m_accumulators.get<S>();
            if (!accumulator) return;
            Progress part = progress.part(done / count, (done + 1) / count);
            statistics.get<S>() = accumulator->finish(again, part);
            ++done;
        });
        return statistics;
    }

    /// About what one of a surrogate holds, results included.
    static std::size_t bytes(const RowSource& source, const AnalysisOptions& options) {
        const Computation all = computation(source, options, false);
        std::size_t bytes = source.view().scaling != Scaling::Rms
                                ? 0
                                : static_cast<std::size_t>(all.states()) * sizeof(double);
        forEachSwept([&]<class S>() {
            if constexpr (requires(const OptionsOf<S>& o) { AccumulatorOf<S>::bytes(o, all); })
                if (options.get<S>()) bytes += AccumulatorOf<S>::bytes(*options.get<S>(), all);
        });
        return bytes;
    }

    /// What finish() of the observed ones reads after the sweep: passes over all rows, and whether each point
    /// is read for its spectrum.
    struct Rereads {
        std::int64_t passes = 0;
        bool pointSpectra = false;
    };
    static Rereads rereads(const RowSource& source, const AnalysisOptions& options) {
        const Computation all = computation(source, options, true);
        Rereads reads;
        forEachSwept([&]<class S>() {
            const auto& asked = options.get<S>();
            if (!asked) return;
            if constexpr (requires { AccumulatorOf<S>::extraPasses(*asked, all); })
                reads.passes += AccumulatorOf<S>::extraPasses(*asked, all);
            if constexpr (requires { AccumulatorOf<S>::usesPointSpectra(*asked); })
                reads.pointSpectra = reads.pointSpectra || AccumulatorOf<S>::usesPointSpectra(*asked);
        });
        return reads;
    }

    /// How often finish() goes over the rows again, of a surrogate. (Most statistics do that for what only
    /// the observed have.)
    std::int64_t passesAgain() const {
        std::int64_t passes = 0;
        forEachSwept([&]<class S>() {
            if constexpr (requires(const AccumulatorOf<S>& a) { a.readsAgain(); }) {
                const auto& accumulator = m_accumulators.get<S>();
                if (accumulator && accumulator->readsAgain())
                    passes += AccumulatorOf<S>::extraPasses(*m_options.get<S>(), m_all);
            }
        });
        return passes;
    }

private:
    static Computation computation(const RowSource& source, const AnalysisOptions& options, bool observed) {
        return {source, observed, options.threads, options.memoryBytes};
    }

    /// Threads and memory are those of the whole.
    template <class O>
    O withSharedSettings(O options) const {
        if constexpr (requires { options.threads; }) options.threads = m_options.threads;
        if constexpr (requires { options.memoryBytes; }) options.memoryBytes = m_options.memoryBytes;
        return options;
    }

    AnalysisOptions m_options;
    SharedPointSpectra m_spectra;
    Computation m_all;
    PerStatistic<AccumulatorOf> m_accumulators;
    PathMaker* m_maker = nullptr;
    std::int64_t m_repeat = 0;
};

/// Repeats of a null that are known of a statistic.
std::int64_t knownRepeats(const Analysis& known, const AnalysisOptions& options, NullKind null,
                          std::string_view statistic) {
    std::int64_t repeats = 0;
    for (const auto& curve : known.nulls)
        if (curve.null == nullName(null) && curve.statistic == statistic &&
            curve.summary.seed == options.seed)
            repeats = std::max<std::int64_t>(repeats, curve.samples.rows());
    return std::min<std::int64_t>(repeats, options.repeats);
}

struct Surrogate {
    std::size_t null = 0;  ///< its place among those asked for
    std::int64_t repeat = 0;
    AnalysisOptions options;  ///< what is to be computed of it
};

/// What one sweep is fed.
struct Batch {
    AnalysisOptions observed;  ///< to be computed of the paths as they are; may ask for none
    std::vector<Surrogate> surrogates;
};

/// What is asked for and not known, in the order in which it is computed. Over rows that are held one sweep
/// more costs little: the observed come first, those that take long last, then null by null in batches that
/// do not take long. Else each sweep serves as many as the memory holds.
std::vector<Batch> batchesOf(const RowSource& source, const AnalysisOptions& options, const Analysis& known) {
    AnalysisOptions observed = options;
    forEachSwept([&]<class S>() {
        if (known.observed.get<S>()) observed.get<S>().reset();
    });
    std::vector<Batch> batches;
    if (source.held()) {
        for (const CostClass cost : {CostClass::Quick, CostClass::Spectra, CostClass::Slow}) {
            AnalysisOptions some = observed;
            dropWhere(some, [&](const StatisticInfo& info) { return info.cost != cost; });
            if (!asksForNone(some)) batches.push_back({some, {}});
        }
    } else if (!asksForNone(observed)) {
        batches.push_back({observed, {}});
    }
    bool slow = false;
    forEachSwept([&]<class S>() { slow = slow || (options.get<S>() && S::info.cost == CostClass::Slow); });

    auto atOnce = std::max<std::int64_t>(
        1, static_cast<std::int64_t>(options.memoryBytes / 4 /
                                     std::max<std::size_t>(1, Bundle::bytes(source, options))));
    if (source.held()) {
        // Enough to keep the threads busy, and to share what is read of the trace.
        const std::int64_t tiles = tileCount(source.view().unitCount());
        atOnce =
            std::min(atOnce, slow ? std::max<std::int64_t>(1, 4 * resolveThreads(options.threads) / tiles)
                                  : mostHeldAtOnce);
    }
    bool goesOn = !source.held() && !batches.empty();  // the last batch takes more
    for (std::size_t n = 0; n < options.nulls.size(); ++n) {
        for (std::int64_t repeat = 0; repeat < options.repeats; ++repeat) {
            Surrogate surrogate{n, repeat, options};
            dropWhere(surrogate.options, [&](const StatisticInfo& info) {
                return repeat < knownRepeats(known, options, options.nulls[n], info.name);
            });
            if (asksForNone(surrogate.options)) continue;
            if (!goesOn || static_cast<std::int64_t>(batches.back().surrogates.size()) == atOnce)
                batches.emplace_back();
            goesOn = true;
            batches.back().surrogates.push_back(std::move(surrogate));
        }
        if (source.held()) goesOn = false;
    }
    return batches;
}

/// Samples of every curve beside each null, as they come.
class NullSamples {
public:
    NullSamples(const AnalysisOptions& options, const Analysis& known, const Statistics& observed)
        : m_options(options), m_curves(curvesOf(observed)) {
        for (const auto null : options.nulls)
            for (const auto& curve : m_curves) {
                Samples& samples = m_samples.emplace_back();
                samples.values.resize(options.repeats, curve.values.size());
                samples.made = knownRepeats(known, options, null, curve.statistic);
                if (samples.made > 0)
                    samples.values.topRows(samples.made) = find(known, null, curve, samples.made);
            }
    }

    /// The curves of a surrogate as numbers: of each its place among all, and its values.
    std::vector<double> pack(const Statistics& statistics) const {
        std::vector<double> packed;
        const auto made = curvesOf(statistics);
        auto next = made.begin();
        for (std::size_t c = 0; c < m_curves.size() && next != made.end(); ++c) {
            if (next->statistic != m_curves[c].statistic || next->dataset != m_curves[c].dataset) continue;
            packed.push_back(static_cast<double>(c));
            packed.insert(packed.end(), next->values.begin(), next->values.end());
            ++next;
        }
        return packed;
    }

    void take(const Surrogate& surrogate, std::span<const double> packed) {
        while (!packed.empty()) {
            const auto c = static_cast<std::size_t>(packed.front());
            Samples& samples = m_samples[surrogate.null * m_curves.size() + c];
            const auto values = packed.subspan(1, static_cast<std::size_t>(samples.values.cols()));
            std::copy(values.begin(), values.end(), samples.values.row(surrogate.repeat).begin());
            samples.made = surrogate.repeat + 1;
            packed = packed.subspan(1 + values.size());
        }
    }

    /// Of nulls with a repeat or more.
    std::vector<CurveNull> summarize() const {
        std::vector<CurveNull> nulls;
        for (std::size_t i = 0; i < m_samples.size(); ++i) {
            const auto& [values, made] = m_samples[i];
            if (made == 0) continue;
            const StatisticCurve& curve = m_curves[i % m_curves.size()];
            const NullKind null = m_options.nulls[i / m_curves.size()];
            const MatrixD samples = values.topRows(made);
            nulls.push_back({std::string(nullName(null)), curve.statistic, curve.dataset,
                             summarizeNull(curve.values, samples, m_options.seed), samples});
        }
        return nulls;
    }

private:
    struct Samples {
        MatrixD values;         ///< [repeat, value]
        std::int64_t made = 0;  ///< from the first on
    };

    MatrixD find(const Analysis& known, NullKind null, const StatisticCurve& curve,
                 std::int64_t repeats) const {
        for (const auto& there : known.nulls)
            if (there.null == nullName(null) && there.statistic == curve.statistic &&
                there.dataset == curve.dataset && there.samples.rows() >= repeats &&
                there.samples.cols() == curve.values.size())
                return there.samples.topRows(repeats);
        throw Error(ErrorCode::Mismatch, fmt::format("the samples of {} that are known are not of {}/{}",
                                                     nullName(null), curve.statistic, curve.dataset));
    }

    const AnalysisOptions& m_options;
    std::vector<StatisticCurve> m_curves;
    std::vector<Samples> m_samples;  ///< [null, curve]
};

}  // namespace

std::vector<Undefined> undefinedOf(const TraceView& view, const AnalysisOptions& options) {
    std::vector<Undefined> undefined;
    const auto tooFew = [](std::int64_t needed, std::int64_t there, const char* of) {
        return there >= needed ? std::string()
                               : fmt::format("it needs at least {} {}s, and there {} {}", needed, of,
                                             there == 1 ? "is" : "are", there);
    };
    const auto add = [&](std::string_view name, std::initializer_list<std::string> reasons) {
        for (const auto& reason : reasons)
            if (!reason.empty()) return undefined.push_back({std::string(name), reason});
    };
    const std::int64_t points = view.pointCount(), rows = view.rowCount();
    forEachSwept([&]<class S>() {
        const auto& asked = options.get<S>();
        if (!asked) return;
        std::string other;
        if constexpr (requires { S::whyUndefined(view, *asked, options.memoryBytes); })
            other = S::whyUndefined(view, *asked, options.memoryBytes);
        add(S::info.name,
            {tooFew(S::info.leastPoints, points, "point"), tooFew(S::info.leastRows, rows, "row"),
             tooFew(S::info.leastStates, points * rows, "state"), other});
    });
    for (const auto null : options.nulls) {
        const NullSpec& spec = nullSpec(null);
        add(spec.name, {tooFew(spec.leastPoints, points, "point"), tooFew(spec.leastRows, rows, "row")});
    }
    return undefined;
}

AnalysisOptions withoutUndefined(AnalysisOptions options, const std::vector<Undefined>& undefined) {
    const auto isUndefined = [&](std::string_view name) {
        return std::any_of(undefined.begin(), undefined.end(),
                           [&](const auto& it) { return it.name == name; });
    };
    dropWhere(options, [&](const StatisticInfo& info) { return isUndefined(info.name); });
    std::erase_if(options.nulls, [&](NullKind null) { return isUndefined(nullName(null)); });
    return options;
}

/// What is held at once: the rows where they fit, what reads them else, and the sums of one batch.
static std::int64_t memoryOf(const RowSource& source, const AnalysisOptions& options,
                             const std::vector<Batch>& batches) {
    std::size_t atOnce = 1;
    for (const auto& batch : batches) atOnce = std::max(atOnce, batch.surrogates.size() + 1);
    const auto rows = source.held()
                          ? static_cast<std::size_t>(source.view().rowCount() * source.view().pointCount() *
                                                     source.view().unitCount()) *
                                sizeof(float)
                          : options.memoryBytes / 4;
    return static_cast<std::int64_t>(rows + atOnce * Bundle::bytes(source, options));
}

ReadForecast forecastReads(const TraceView& view, const AnalysisOptions& options, const Analysis& known) {
    checkView(view);
    requireEnough(view, options);
    const TraceInfo& info = view.trace->info();
    const std::int64_t rows = view.rowCount(), state = view.unitCount() * (info.bfloat16 ? 2 : 4),
                       row = view.trace->points() * state;
    const RowSource source = RowSource::unread(view, options.memoryBytes / 2);
    const std::vector<Batch> batches = batchesOf(source, options, known);
    ReadForecast forecast;
    if (batches.empty()) return forecast;
    forecast.bytes = rows * row;
    forecast.memoryBytes = memoryOf(source, options, batches);
    if (!source.held()) {
        PathMaker observedPaths(source);
        std::vector<std::unique_ptr<PathMaker>> makers;
        for (const auto null : options.nulls) {
            if (nullSpec(null).moments != StepMomentKind::None) forecast.bytes += rows * row;
            makers.push_back(std::make_unique<PathMaker>(PathMaker::unread(source, null)));
        }
        for (const auto& batch : batches) {
            std::vector<std::unique_ptr<Bundle>> bundles;
            std::vector<Feed> feeds;
            if (!asksForNone(batch.observed)) {
                bundles.push_back(std::make_unique<Bundle>(source, batch.observed, true));
                feeds.push_back(bundles.back()->feed(observedPaths, 0));
                const Bundle::Rereads again = Bundle::rereads(source, batch.observed);
                forecast.bytes += again.passes * rows * row;
                if (again.pointSpectra && rows >= 3) forecast.bytes += rows * view.pointCount() * state;
            }
            for (const auto& surrogate : batch.surrogates) {
                bundles.push_back(std::make_unique<Bundle>(source, surrogate.options, false));
                feeds.push_back(bundles.back()->feed(*makers[surrogate.null], 0));
                const std::int64_t states = makers[surrogate.null]->statesPerRow();
                forecast.bytes += bundles.back()->passesAgain() * rows * (states > 0 ? states * state : row);
            }
            const SweepReads reads = sweepReads(source, feeds, {options.threads, options.memoryBytes / 4});
            forecast.bytes += reads.rows * row + reads.states * state;
        }
    }
    forecast.passes = static_cast<double>(forecast.bytes) / static_cast<double>(view.trace->rows() * row);
    return forecast;
}

namespace {

/// Collects the curves among the datasets of a statistic.
struct CurveCollector : DatasetVisitor {
    std::string_view statistic;
    std::vector<StatisticCurve>& curves;

    void curve(const char* name, const VectorD& values, Along axis, std::int64_t = asLongAsAxis) {
        if (values.size() > 0) curves.push_back({std::string(statistic), name, values, axis, true});
    }
    void curveOfOne(const char* name, double value) { curve(name, VectorD::Constant(1, value), Along::One); }
    void curveWithoutNull(const char* name, const VectorD& values, Along axis) {
        if (values.size() > 0) curves.push_back({std::string(statistic), name, values, axis, false});
    }
};

/// Batches that ranks work on at the same time, and who makes each of their surrogates. How a batch is laid
/// out does not depend on the ranks: so surrogates have the same bits for any number of them.
struct Round {
    std::span<const Batch> batches;
    std::vector<const Surrogate*> surrogates = {};  ///< of all of them
    std::vector<int> madeBy = {};                   ///< [surrogate], its rank

    bool madeHere(std::size_t i) const { return madeBy[i] == currentRanks().rank; }
    /// The one that this rank has a part in; nullptr if there is none.
    const Batch* own() const {
        const auto rank = static_cast<std::size_t>(currentRanks().rank);
        return batches.size() == 1 ? &batches.front() : rank < batches.size() ? &batches[rank] : nullptr;
    }
};

/// Ranks share the surrogates of a large batch; of small ones each takes one whole.
std::vector<Round> roundsOf(std::span<const Batch> batches) {
    const auto ranks = static_cast<std::size_t>(currentRanks().size);
    const auto isSmall = [&](const Batch& batch) {
        return asksForNone(batch.observed) && batch.surrogates.size() < 4 * ranks;
    };
    std::vector<Round> rounds;
    while (!batches.empty()) {
        std::size_t count = 1;
        while (isSmall(batches.front()) && count < std::min(ranks, batches.size()) && isSmall(batches[count]))
            ++count;
        Round& round = rounds.emplace_back(Round{batches.first(count)});
        for (std::size_t b = 0; b < count; ++b)
            for (const Surrogate& surrogate : batches[b].surrogates) {
                round.madeBy.push_back(static_cast<int>(count > 1 ? b : round.surrogates.size() % ranks));
                round.surrogates.push_back(&surrogate);
            }
        batches = batches.subspan(count);
    }
    return rounds;
}

/// Numbers of the surrogates of a round, where each rank has those that it made, and all get all.
void exchange(const Round& round, std::vector<std::vector<double>>& packed) {
    const Ranks& ranks = currentRanks();
    if (ranks.alone()) return;
    std::vector<double> own;
    for (std::size_t i = 0; i < packed.size(); ++i) {
        if (!round.madeHere(i)) continue;
        own.push_back(static_cast<double>(packed[i].size()));
        own.insert(own.end(), packed[i].begin(), packed[i].end());
    }
    const auto bytes = std::as_bytes(std::span(own));
    const std::vector<Bytes> all = gather(ranks, {bytes.begin(), bytes.end()});
    std::vector<std::size_t> at(all.size(), 0);
    for (std::size_t i = 0; i < packed.size(); ++i) {
        const auto rank = static_cast<std::size_t>(round.madeBy[i]);
        const auto next = [&](std::size_t count) {
            std::vector<double> values(count);
            if (count > 0) std::memcpy(values.data(), all[rank].data() + at[rank], count * sizeof(double));
            at[rank] += count * sizeof(double);
            return values;
        };
        packed[i] = next(static_cast<std::size_t>(next(1).front()));
    }
}

/// Paths as they are, and of each null that is asked for.
struct Makers {
    PathMaker observed;
    std::vector<std::unique_ptr<PathMaker>> nulls = {};
};

/// The statistics that one sweep fed.
struct SweptBatch {
    std::unique_ptr<Bundle> observed = {};              ///< may be null
    std::vector<std::unique_ptr<Bundle>> bundles = {};  ///< [surrogate of the round], null for other batches
};

/// Feeds what this rank makes of a round.
SweptBatch sweepRound(const RowSource& source, const AnalysisOptions& options, const Round& round,
                      Makers& makers, Progress& progress) {
    SweptBatch swept;
    swept.bundles.resize(round.surrogates.size());
    const Batch* const batch = round.own();
    if (batch == nullptr) return swept;
    std::vector<Feed> feeds;
    std::vector<FedBy> fedBy;
    if (!asksForNone(batch->observed)) {
        swept.observed = std::make_unique<Bundle>(source, batch->observed, true);
        feeds.push_back(swept.observed->feed(makers.observed, 0));
        fedBy.push_back(FedBy::Shared);
    }
    for (std::size_t i = 0; i < round.surrogates.size(); ++i) {
        if (round.batches.size() > 1 && !round.madeHere(i)) continue;  // of another batch
        const Surrogate& surrogate = *round.surrogates[i];
        swept.bundles[i] = std::make_unique<Bundle>(source, surrogate.options, false);
        feeds.push_back(swept.bundles[i]->feed(*makers.nulls[surrogate.null], surrogate.repeat));
        fedBy.push_back(round.madeHere(i) ? FedBy::This : FedBy::Elsewhere);
    }
    sweepOfRanks(source, feeds, fedBy, {options.threads, options.memoryBytes / 4}, progress);
    return swept;
}

/// Finishes the surrogates that this rank made, and gives the numbers of all.
std::vector<std::vector<double>> finishRound(const Round& round, std::vector<std::unique_ptr<Bundle>> bundles,
                                             const NullSamples& samples, int threads,
                                             const Progress& progress) {
    std::vector<std::vector<double>> finished(bundles.size());
    std::vector<std::size_t> own;
    bool readAgain = false;
    for (std::size_t i = 0; i < bundles.size(); ++i) {
        if (!round.madeHere(i)) continue;
        own.push_back(i);
        readAgain = readAgain || bundles[i]->readsAgain();
    }
    const auto finishOne = [&](std::size_t i) {
        const RanksScope alone{Ranks()};  // other ranks finish others
        Progress silent(progress.stopToken());
        finished[i] = samples.pack(bundles[i]->finish(silent));
        bundles[i].reset();
    };
    if (readAgain) {
        for (const std::size_t i : own) finishOne(i);
    } else {
        const SerialBlas serial;
        parallelFor(std::ssize(own), 1, threads, progress,
                    [&](std::int64_t n, std::int64_t) { finishOne(own[static_cast<std::size_t>(n)]); });
    }
    exchange(round, finished);
    return finished;
}

/// What is being computed: `count` surrogates from number `first` (from 1) of all, or none.
std::string stageOf(std::size_t first, std::size_t count, std::size_t surrogates) {
    if (count == 0) return "statistics";
    if (count == 1) return fmt::format("surrogate {} of {}", first, surrogates);
    return fmt::format("surrogates {} to {} of {}", first, first + count - 1, surrogates);
}

}  // namespace

std::vector<StatisticCurve> allCurvesOf(const Statistics& statistics) {
    std::vector<StatisticCurve> curves;
    forEachStatistic([&]<class S>() {
        CurveCollector collector{{}, S::info.name, curves};
        if (const auto& result = statistics.get<S>()) S::visit(collector, *result);
    });
    return curves;
}

std::vector<StatisticCurve> curvesOf(const Statistics& statistics) {
    std::vector<StatisticCurve> curves = allCurvesOf(statistics);
    std::erase_if(curves, [](const StatisticCurve& curve) { return !curve.hasNull; });
    return curves;
}

void merge(Analysis from, Analysis& into) {
    forEachSwept([&]<class S>() {
        if (from.observed.get<S>()) into.observed.get<S>() = std::move(from.observed.get<S>());
    });
    for (auto& null : from.nulls) {
        const auto there = std::find_if(into.nulls.begin(), into.nulls.end(), [&](const CurveNull& other) {
            return other.null == null.null && other.statistic == null.statistic &&
                   other.dataset == null.dataset;
        });
        if (there == into.nulls.end())
            into.nulls.push_back(std::move(null));
        else
            *there = std::move(null);
    }
}

Analysis analyze(const TraceView& view, const AnalysisOptions& options, Progress& progress,
                 const Analysis& known) {
    checkView(view);
    requireEnough(view, options);
    Analysis analysis;
    forEachSwept([&]<class S>() {
        if (options.get<S>()) analysis.observed.get<S>() = known.observed.get<S>();
    });
    const auto finish = [&](const std::optional<NullSamples>& samples) {
        analysis.nulls = (samples ? *samples : NullSamples(options, known, analysis.observed)).summarize();
        return std::move(analysis);
    };
    if (batchesOf(RowSource::unread(view, options.memoryBytes / 2), options, known).empty())
        return finish({});

    std::optional<NullSamples> samples;  // from when the observed are finished
    try {
        progress.setStage("looking for values that are not finite");
        Progress scan = progress.part(0, 0.05), work = progress.part(0.05, 1);
        const RowSource source(view, options.memoryBytes / 2, scan);
        Makers makers{PathMaker(source)};
        for (const auto null : options.nulls)
            makers.nulls.push_back(
                std::make_unique<PathMaker>(source, null, options.seed, options.threads, scan));

        const std::vector<Batch> batches = batchesOf(source, options, known);
        // In parts of a surrogate's work: the observed are swept like one, and finished in as long.
        double whole = 0, before = 0;
        std::size_t surrogates = 0, first = 1;
        for (const auto& batch : batches) {
            surrogates += batch.surrogates.size();
            whole += static_cast<double>(batch.surrogates.size()) + (asksForNone(batch.observed) ? 0 : 2);
        }
        const auto next = [&](double parts) {
            Progress part = work.part(before / whole, (before + parts) / whole);
            before += parts;
            return part;
        };
        for (const Round& round : roundsOf(batches)) {
            const std::size_t count = round.surrogates.size();
            progress.setStage(stageOf(first, count, surrogates));
            first += count;
            const bool withObserved = !asksForNone(round.batches.front().observed);
            Progress part = next(static_cast<double>(count) + (withObserved ? 1 : 0));
            SweptBatch swept = sweepRound(source, options, round, makers, part);
            if (withObserved) {
                Progress finishing = next(1);
                merge({swept.observed->finish(finishing)}, analysis);
            }
            if (count == 0) continue;
            if (!samples) samples.emplace(options, known, analysis.observed);
            const auto finished =
                finishRound(round, std::move(swept.bundles), *samples, options.threads, progress);
            for (std::size_t i = 0; i < count; ++i) samples->take(*round.surrogates[i], finished[i]);
        }
        progress.report(1, 1);
    } catch (const Cancelled&) {
        const bool nothing = curvesOf(analysis.observed).empty();
        if (!options.keepFinished || nothing) throw;
        analysis.stopped = true;
    }
    return finish(samples);
}

}  // namespace rheo
