#include "core/statistics/analyze.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "core/analysis/point_spectra.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

namespace rheo {

namespace {

/// Surrogates in one sweep over rows that are held: what a stop may lose.
constexpr std::int64_t mostHeldAtOnce = 32;

/// Mutual information holds all rows of a unit: so many bytes of them are held whatever the bound.
constexpr double leastForUnit = 1 << 26;

/// Points and rows that a statistic or a null needs.
struct Needs {
    std::string_view name;
    std::int64_t points, rows;
};
constexpr std::array<Needs, 6> needsOfStatistics{{{"correlation", 2, 1},
                                                  {"motion", 2, 1},
                                                  {"rotation", 3, 1},
                                                  {"density", 1, 1},
                                                  {"pca", 1, 1},
                                                  {"mutual_information", 2, 1}}};

Needs needsOfNull(NullKind null) {
    const bool mixesRows =
        null == NullKind::GaussianWalk || null == NullKind::RowShuffle || null == NullKind::PersistentWalk;
    return {nullName(null), null == NullKind::RandomBasis ? 1 : 2, mixesRows ? 2 : 1};
}

void requireEnough(const TraceView& view, const AnalysisOptions& options) {
    if (!options.nulls.empty() && options.repeats < 1)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("nulls need 1 or more repeats, and {} are asked for", options.repeats));
    const auto undefined = undefinedOf(view, options);
    if (!undefined.empty())
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{} is not defined: {}", undefined.front().name, undefined.front().reason));
}

/// The statistics of one feed.
class Bundle {
public:
    Bundle(const RowSource& source, const AnalysisOptions& options, bool observed)
        : m_source(source), m_options(options), m_observed(observed) {
        if (options.density) m_density.emplace(source, *options.density);
        if (options.density && observed) m_density->makeMaps();
        if (options.correlation) {
            CorrelationParameters parameters = *options.correlation;
            parameters.matrix = parameters.matrix && observed;
            m_matrixApart = parameters.matrix && CorrelationStatistic::matrixBytes(source, options.threads) >
                                                     options.memoryBytes / 4;
            parameters.matrix = parameters.matrix && !m_matrixApart;
            m_correlation.emplace(source, parameters);
        }
        if (options.motion) m_motion.emplace(source, observed, options.memoryBytes / 8);
        if (options.rotation) m_rotation.emplace(source, *options.rotation, observed);
        if (options.mutualInformation) {
            MutualInformationOptions information = *options.mutualInformation;
            information.threads = options.threads;
            m_information.emplace(source, information);
        }
        if (options.pca)
            m_spectrum.emplace(statesOf(source), source.view().unitCount(), options.memoryBytes / 4,
                               source.view().maskedUnits);
    }

    Feed feed(PathMaker& maker, std::int64_t repeat) {
        m_maker = &maker;
        m_repeat = repeat;
        Feed feed{&maker, repeat};
        if (m_density) feed.rows.push_back(&*m_density);
        if (m_density && m_observed) feed.units.push_back(&*m_density);
        if (m_correlation) feed.units.push_back(&*m_correlation);
        if (m_motion) feed.rows.push_back(&*m_motion);
        if (m_rotation) feed.units.push_back(&*m_rotation);
        if (m_information) feed.units.push_back(&*m_information);
        if (m_spectrum) feed.states = &*m_spectrum;
        return feed;
    }

    /// Whether finish() goes over the source again, and so cannot run beside others.
    bool readsAgain() const { return m_spectrum && m_spectrum->form() == StateSpectrum::Form::Streamed; }

    Statistics finish(Progress& progress) {
        Statistics s;
        if (m_density) s.density = m_density->result();
        if (m_correlation) s.correlation = m_correlation->result();
        if (m_matrixApart) {
            Progress silent(progress.stopToken());
            s.correlation->matrix = correlationMatrix(m_source.view(), again(), silent);
        }
        if (m_motion) {
            const Feed feed{m_maker, m_repeat, {}, {&*m_motion}};
            Progress silent(progress.stopToken());
            while (m_motion->finishPass(progress)) sweep(m_source, {&feed, 1}, sweepOptions(), silent);
            s.motion = m_motion->result();
        }
        if (m_rotation) s.rotation = m_rotation->result();
        if (m_information) s.mutualInformation = m_information->result();
        if (!m_observed) {
            if (m_spectrum) s.pca.emplace().basis.explained = explained(progress);
            return s;
        }
        Progress components = progress.part(0, 0.5), spectra = progress.part(m_spectrum ? 0.5 : 0, 1);
        if (m_spectrum) {
            PcaOptions options = *m_options.pca;
            options.perPointExplained = false;  // below, from what the participation ratio reads as well
            options.memoryBytes = m_options.memoryBytes;
            s.pca = pcaOf(m_source, *m_spectrum, again(), options, components);
        }
        const bool explained = m_spectrum && m_options.pca->perPointExplained;
        if (m_density || explained) {
            progress.setStage("spectra of single points");
            PointSpectra found = pointSpectra(m_source.view(), explained, m_options.threads,
                                              m_options.memoryBytes / 4, spectra);
            if (m_density) s.density->participationRatio = std::move(found.participationRatio);
            if (explained) s.pca->perPointExplained = std::move(found.explained);
        }
        return s;
    }

    /// About what one of a surrogate holds, results included.
    static std::size_t bytes(const RowSource& source, const AnalysisOptions& options) {
        const TraceView& view = source.view();
        const auto units = static_cast<std::size_t>(view.unitCount()),
                   points = static_cast<std::size_t>(view.pointCount()),
                   rows = static_cast<std::size_t>(view.rowCount());
        std::size_t values = view.scaling != Scaling::Rms ? 0 : rows * points;
        if (options.correlation) values += 2 * points * units;
        if (options.rotation) values += 20 * units;
        if (options.mutualInformation) values += 6 * points * units;
        if (options.pca)
            values += StateSpectrum::bytes(statesOf(source), view.unitCount(), options.memoryBytes / 4) /
                      sizeof(double);
        return values * sizeof(double) + (options.density ? DensityStatistic::bytes(source) : 0) +
               (options.motion ? MotionStatistic::bytes(source) : 0);
    }

private:
    static std::int64_t statesOf(const RowSource& source) {
        return source.view().rowCount() * source.view().pointCount();
    }

    SweepOptions sweepOptions() const { return {m_options.threads, m_options.memoryBytes / 4}; }

    FeedStates again() const { return feedStatesOf(m_source, *m_maker, m_repeat, sweepOptions()); }

    VectorD explained(Progress& progress) {
        const auto k = std::min<std::int64_t>(
            {m_options.pca->components, m_source.view().usedUnits(), m_spectrum->count() - 1});
        const Spectrum found = m_spectrum->solve({static_cast<int>(k), false, false}, again(), progress);
        return found.variance / found.trace;
    }

    const RowSource& m_source;
    AnalysisOptions m_options;
    bool m_observed;
    std::optional<DensityStatistic> m_density;
    std::optional<CorrelationStatistic> m_correlation;
    std::optional<MotionStatistic> m_motion;
    std::optional<RotationStatistic> m_rotation;
    std::optional<MutualInformationStatistic> m_information;
    std::optional<StateSpectrum> m_spectrum;
    bool m_matrixApart = false;
    PathMaker* m_maker = nullptr;
    std::int64_t m_repeat = 0;
};

/// Calls `use(name, member...)` for each statistic that a sweep computes, with the members of all of `of`:
/// options and results name them alike.
template <class Use, class... T>
void forEachSwept(Use use, T&... of) {
    use("correlation", of.correlation...);
    use("motion", of.motion...);
    use("rotation", of.rotation...);
    use("density", of.density...);
    use("pca", of.pca...);
    use("mutual_information", of.mutualInformation...);
}

bool asksForNone(const AnalysisOptions& options) {
    bool none = true;
    forEachSwept([&](std::string_view, const auto& asked) { none = none && !asked; }, options);
    return none;
}

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
    forEachSwept(
        [](std::string_view, auto& asked, const auto& there) {
            if (there) asked.reset();
        },
        observed, known.observed);
    std::vector<Batch> batches;
    const auto add = [&](std::initializer_list<std::string_view> names) {
        AnalysisOptions some = observed;
        forEachSwept(
            [&](std::string_view name, auto& asked) {
                if (std::find(names.begin(), names.end(), name) == names.end()) asked.reset();
            },
            some);
        if (!asksForNone(some)) batches.push_back({some, {}});
    };
    if (source.held()) {
        add({"correlation", "motion", "rotation"});
        add({"density", "pca"});  // the spectra of single points serve both
        add({"mutual_information"});
    } else if (!asksForNone(observed)) {
        batches.push_back({observed, {}});
    }

    auto atOnce = std::max<std::int64_t>(
        1, static_cast<std::int64_t>(options.memoryBytes / 4 /
                                     std::max<std::size_t>(1, Bundle::bytes(source, options))));
    if (source.held()) {
        // Enough to keep the threads busy, and to share what is read of the trace.
        const std::int64_t tiles = tileCount(source.view().unitCount());
        atOnce = std::min(atOnce, options.mutualInformation
                                      ? std::max<std::int64_t>(1, 4 * resolveThreads(options.threads) / tiles)
                                      : mostHeldAtOnce);
    }
    bool goesOn = !source.held() && !batches.empty();  // the last batch takes more
    for (std::size_t n = 0; n < options.nulls.size(); ++n) {
        for (std::int64_t repeat = 0; repeat < options.repeats; ++repeat) {
            Surrogate surrogate{n, repeat, options};
            forEachSwept(
                [&](std::string_view name, auto& asked) {
                    if (asked && repeat < knownRepeats(known, options, options.nulls[n], name)) asked.reset();
                },
                surrogate.options);
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

    void take(const Surrogate& surrogate, const Statistics& statistics) {
        const auto made = curvesOf(statistics);
        auto next = made.begin();
        for (std::size_t c = 0; c < m_curves.size() && next != made.end(); ++c) {
            if (next->statistic != m_curves[c].statistic || next->dataset != m_curves[c].dataset) continue;
            Samples& samples = m_samples[surrogate.null * m_curves.size() + c];
            samples.values.row(surrogate.repeat) = next->values.transpose();
            samples.made = surrogate.repeat + 1;
            ++next;
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
    const auto check = [&](const Needs& needs) {
        const auto atLeast = [&](std::int64_t needed, std::int64_t there, const char* of) {
            if (there < needed)
                undefined.push_back(
                    {std::string(needs.name), fmt::format("it needs at least {} {}s, and there {} {}", needed,
                                                          of, there == 1 ? "is" : "are", there)});
            return there >= needed;
        };
        return atLeast(needs.points, view.pointCount(), "point") &&
               atLeast(needs.rows, view.rowCount(), "row");
    };
    for (const Needs& needs : needsOfStatistics)
        forEachSwept(
            [&](std::string_view name, const auto& asked) {
                if (asked && name == needs.name) check(needs);
            },
            options);
    if (options.pca && view.rowCount() * view.pointCount() < 2)
        undefined.push_back({"pca", "it needs at least 2 states, and there is 1"});
    const double ofUnit =
        static_cast<double>(view.rowCount()) * static_cast<double>(view.pointCount()) * sizeof(double);
    if (options.mutualInformation &&
        ofUnit > std::max(leastForUnit, static_cast<double>(options.memoryBytes) / 2))
        undefined.push_back(
            {"mutual_information",
             fmt::format("all rows of one unit take {:.0f} MiB, more than half of what may be "
                         "held; allow more memory, or choose fewer rows or points",
                         ofUnit / (1 << 20))});
    for (const auto null : options.nulls) check(needsOfNull(null));
    return undefined;
}

AnalysisOptions withoutUndefined(AnalysisOptions options, const std::vector<Undefined>& undefined) {
    const auto isUndefined = [&](std::string_view name) {
        return std::any_of(undefined.begin(), undefined.end(),
                           [&](const auto& it) { return it.name == name; });
    };
    forEachSwept(
        [&](std::string_view name, auto& asked) {
            if (isUndefined(name)) asked.reset();
        },
        options);
    std::erase_if(options.nulls, [&](NullKind null) { return isUndefined(nullName(null)); });
    return options;
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
    if (!source.held()) {
        PathMaker asItIs(source);
        std::vector<std::unique_ptr<PathMaker>> makers;
        for (const auto null : options.nulls) {
            if (PathMaker::needsMoments(null)) forecast.bytes += rows * row;
            makers.push_back(std::make_unique<PathMaker>(PathMaker::unread(source, null)));
        }
        for (const auto& batch : batches) {
            std::vector<std::unique_ptr<Bundle>> bundles;
            std::vector<Feed> feeds;
            if (!asksForNone(batch.observed)) {
                bundles.push_back(std::make_unique<Bundle>(source, batch.observed, true));
                feeds.push_back(bundles.back()->feed(asItIs, 0));
                if (batch.observed.pca) forecast.bytes += rows * row;  // scores
                if (batch.observed.motion)
                    forecast.bytes +=
                        (MotionStatistic::passes(source, options.memoryBytes / 8) - 1) * rows * row;
                if (batch.observed.correlation && batch.observed.correlation->matrix &&
                    CorrelationStatistic::matrixBytes(source, options.threads) > options.memoryBytes / 4)
                    forecast.bytes += 2 * rows * row;
                const bool spectra =
                    batch.observed.density || (batch.observed.pca && batch.observed.pca->perPointExplained);
                if (spectra && rows >= 3) forecast.bytes += rows * view.pointCount() * state;
            }
            for (const auto& surrogate : batch.surrogates) {
                bundles.push_back(std::make_unique<Bundle>(source, surrogate.options, false));
                feeds.push_back(bundles.back()->feed(*makers[surrogate.null], 0));
            }
            const SweepReads reads = sweepReads(source, feeds, {options.threads, options.memoryBytes / 4});
            forecast.bytes += reads.rows * row + reads.states * state;
        }
    }
    forecast.passes = static_cast<double>(forecast.bytes) / static_cast<double>(view.trace->rows() * row);
    return forecast;
}

std::vector<StatisticCurve> curvesOf(const Statistics& statistics) {
    std::vector<StatisticCurve> curves;
    const auto add = [&](const char* statistic, const char* dataset, const VectorD& values) {
        curves.push_back({statistic, dataset, values});
    };
    if (const auto& r = statistics.density) {
        add("density", "treves_rolls", r->trevesRolls);
        add("density", "hoyer", r->hoyer);
        add("density", "kurtosis", r->kurtosis);
    }
    if (const auto& r = statistics.correlation) {
        add("correlation", "mean", r->mean);
        add("correlation", "block_inside", r->blockInside);
        add("correlation", "block_across", r->blockAcross);
    }
    if (const auto& r = statistics.motion) {
        add("motion", "cosine", r->cosine.mean);
        add("motion", "speed", r->speed.mean);
        add("motion", "relative_speed", r->relativeSpeed.mean);
        add("motion", "acceleration", r->acceleration.mean);
        add("motion", "turning_angle", r->turningAngle.mean);
        add("motion", "norm", r->norm.mean);
        add("motion", "path_length", VectorD::Constant(1, r->pathLength));
        add("motion", "straightness", VectorD::Constant(1, r->straightness));
    }
    if (const auto& r = statistics.rotation) {
        add("rotation", "mean_path_turning", r->meanPathTurning);
        add("rotation", "mean_path_winding", r->meanPathWinding);
        add("rotation", "mean_path_log_radius_slope", r->meanPathLogRadiusSlope);
        add("rotation", "turning", r->turning);
        add("rotation", "winding", r->winding);
        add("rotation", "log_radius_slope", r->logRadiusSlope);
    }
    if (const auto& r = statistics.mutualInformation) {
        add("mutual_information", "mean", r->mean);
        add("mutual_information", "mean_gaussian", r->meanGaussian);
        add("mutual_information", "mean_excess", r->meanExcess);
    }
    if (const auto& r = statistics.pca) add("pca", "explained", r->basis.explained);
    if (const auto& r = statistics.autoencoder) {
        add("autoencoder", "r2", r->r2);
        add("autoencoder", "pca_r2", r->pcaR2);
        add("autoencoder", "mse", r->mse);
    }
    std::erase_if(curves, [](const StatisticCurve& curve) { return curve.values.size() == 0; });
    return curves;
}

void merge(Analysis from, Analysis& into) {
    forEachSwept(
        [](std::string_view, auto& made, auto& there) {
            if (made) there = std::move(made);
        },
        from.observed, into.observed);
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
    forEachSwept(
        [](std::string_view, const auto& asked, const auto& there, auto& here) {
            if (asked) here = there;
        },
        options, known.observed, analysis.observed);
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
        PathMaker asItIs(source);
        std::vector<std::unique_ptr<PathMaker>> makers;
        for (const auto null : options.nulls)
            makers.push_back(std::make_unique<PathMaker>(source, null, options.seed, options.threads, scan));

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
        for (const auto& batch : batches) {
            const std::size_t count = batch.surrogates.size();
            progress.setStage(
                count == 0 ? std::string("statistics")
                           : fmt::format("surrogates {} to {} of {}", first, first + count - 1, surrogates));
            first += count;
            Bundle observed(source, batch.observed, true);
            const bool withObserved = !asksForNone(batch.observed);
            std::vector<std::unique_ptr<Bundle>> bundles;
            std::vector<Feed> feeds;
            if (withObserved) feeds.push_back(observed.feed(asItIs, 0));
            for (const auto& surrogate : batch.surrogates) {
                bundles.push_back(std::make_unique<Bundle>(source, surrogate.options, false));
                feeds.push_back(bundles.back()->feed(*makers[surrogate.null], surrogate.repeat));
            }
            Progress part = next(static_cast<double>(feeds.size()));
            sweep(source, feeds, {options.threads, options.memoryBytes / 4}, part);
            if (withObserved) {
                Progress finishing = next(1);
                merge({observed.finish(finishing)}, analysis);
            }
            if (count == 0) continue;
            std::vector<Statistics> finished(count);
            const auto finishOne = [&](std::int64_t i) {
                Progress silent(progress.stopToken());
                auto& bundle = bundles[static_cast<std::size_t>(i)];
                finished[static_cast<std::size_t>(i)] = bundle->finish(silent);
                bundle.reset();
            };
            if (std::any_of(bundles.begin(), bundles.end(),
                            [](const auto& bundle) { return bundle->readsAgain(); })) {
                for (std::size_t i = 0; i < count; ++i) finishOne(static_cast<std::int64_t>(i));
            } else {
                const SerialBlas serial;
                parallelFor(static_cast<std::int64_t>(count), 1, options.threads, progress,
                            [&](std::int64_t i, std::int64_t) { finishOne(i); });
            }
            if (!samples) samples.emplace(options, known, analysis.observed);
            for (std::size_t i = 0; i < count; ++i) samples->take(batch.surrogates[i], finished[i]);
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
