#include "core/analysis/analyze.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "core/base/error.h"
#include "core/base/parallel.h"

namespace rheo {

namespace {

void requireEnough(const TraceView& view, const AnalysisOptions& options) {
    const auto atLeast = [&](bool asked, std::string_view what, std::int64_t there, std::int64_t needed,
                             const char* of) {
        if (asked && there < needed)
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("{} needs at least {} {}, and there {} {}", what, needed, of,
                                    there == 1 ? "is" : "are", there));
    };
    const std::int64_t points = view.pointCount();
    atLeast(options.correlation.has_value(), "correlation", points, 2, "points");
    atLeast(options.motion.has_value(), "motion", points, 2, "points");
    atLeast(options.mutualInformation.has_value(), "mutual_information", points, 2, "points");
    atLeast(options.rotation.has_value(), "rotation", points, 3, "points");
    atLeast(!options.nulls.empty(), "a null", options.repeats, 1, "repeats");
    for (const auto null : options.nulls) {
        const bool mixesRows = null == NullKind::GaussianWalk || null == NullKind::RowShuffle;
        atLeast(null != NullKind::RandomBasis, nullName(null), points, 2, "points");
        atLeast(mixesRows, nullName(null), view.rowCount(), 2, "rows");
    }
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
            m_correlation.emplace(source, parameters);
        }
        if (options.motion) m_motion.emplace(source, observed);
        if (options.rotation) m_rotation.emplace(source, *options.rotation, observed);
        if (options.mutualInformation) {
            MutualInformationOptions information = *options.mutualInformation;
            information.threads = options.threads;
            m_information.emplace(source, information);
        }
        if (options.pca) m_covariance.emplace(source.view().unitCount());
    }

    Feed feed(PathMaker& maker, std::int64_t repeat) {
        Feed feed{&maker, repeat};
        if (m_density) feed.rows.push_back(&*m_density);
        if (m_density && m_observed) feed.units.push_back(&*m_density);
        if (m_correlation) feed.units.push_back(&*m_correlation);
        if (m_motion) feed.rows.push_back(&*m_motion);
        if (m_rotation) feed.units.push_back(&*m_rotation);
        if (m_information) feed.units.push_back(&*m_information);
        if (m_covariance) feed.states.push_back(&*m_covariance);
        return feed;
    }

    Statistics finish(Progress& progress) const {
        Statistics s;
        if (m_density) s.density = m_density->result();
        if (m_correlation) s.correlation = m_correlation->result();
        if (m_motion) s.motion = m_motion->result(progress);
        if (m_rotation) s.rotation = m_rotation->result();
        if (m_information) s.mutualInformation = m_information->result();
        if (!m_observed) {
            if (m_covariance) s.pca.emplace().basis.explained = explained(progress);
            return s;
        }
        Progress components = progress.part(0, 0.5), spectra = progress.part(m_covariance ? 0.5 : 0, 1);
        if (m_covariance) {
            PcaOptions options = *m_options.pca;
            options.perPointExplained = false;  // below, from what the participation ratio reads as well
            options.memoryBytes = m_options.memoryBytes;
            s.pca = pcaOf(m_source, *m_covariance, options, components);
        }
        const bool explained = m_covariance && m_options.pca->perPointExplained;
        if (m_density || explained) {
            progress.setStage("spectra of single points");
            PointSpectra found = pointSpectra(m_source.view(), explained, spectra);
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
        std::size_t values = view.scaling == Scaling::Raw ? 0 : rows * points;
        if (options.correlation) values += 2 * points * units;
        if (options.rotation) values += 20 * units;
        if (options.mutualInformation) values += 6 * points * units;
        if (options.pca) values += 3 * units * units;
        return values * sizeof(double) + (options.density ? DensityStatistic::bytes(source) : 0) +
               (options.motion ? MotionStatistic::bytes(source, false) : 0);
    }

private:
    VectorD explained(const Progress& progress) const {
        const auto k = std::min<std::int64_t>(
            {m_options.pca->components, m_source.view().usedUnits(), m_covariance->count() - 1});
        const MatrixD covariance = m_covariance->covariance();
        return largestEigenvalues(covariance, static_cast<int>(k), nullptr, progress).cwiseMax(0.0) /
               covariance.trace();
    }

    const RowSource& m_source;
    const AnalysisOptions& m_options;
    bool m_observed;
    std::optional<DensityStatistic> m_density;
    std::optional<CorrelationStatistic> m_correlation;
    std::optional<MotionStatistic> m_motion;
    std::optional<RotationStatistic> m_rotation;
    std::optional<MutualInformationStatistic> m_information;
    std::optional<CovarianceSum> m_covariance;
};

/// Surrogates that are made together: first .. first + count - 1 of all, and the observed with them.
struct Batch {
    std::int64_t first = 0, count = 0;
    bool observed = false;
};

/// Over rows that are held one goes for nothing: the observed first, then null by null, so that a stop leaves
/// much. Else each pass serves as many as the memory holds.
std::vector<Batch> batchesOf(const RowSource& source, const AnalysisOptions& options) {
    const std::size_t perBundle = std::max<std::size_t>(1, Bundle::bytes(source, options));
    const auto atOnce =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(options.memoryBytes / 4 / perBundle));
    const std::int64_t repeats = options.repeats,
                       all = static_cast<std::int64_t>(options.nulls.size()) * repeats;
    std::vector<Batch> batches;
    if (source.held() || all == 0) batches.push_back({0, 0, true});
    for (std::int64_t first = 0; first < all; first += batches.back().count) {
        const std::int64_t end = source.held() ? (first / repeats + 1) * repeats : all;
        batches.push_back({first, std::min(atOnce, end - first), batches.empty()});
    }
    return batches;
}

}  // namespace

ReadForecast forecastReads(const TraceView& view, const AnalysisOptions& options) {
    checkView(view);
    requireEnough(view, options);
    const TraceInfo& info = view.trace->info();
    const std::int64_t rows = view.rowCount(), state = view.unitCount() * (info.bfloat16 ? 2 : 4),
                       row = view.trace->points() * state;
    const RowSource source = RowSource::unread(view, options.memoryBytes / 2);
    ReadForecast forecast;
    forecast.bytes = rows * row;
    if (!source.held()) {
        PathMaker asItIs(source);
        Progress silent;
        std::vector<std::unique_ptr<PathMaker>> makers;
        for (const auto null : options.nulls) {
            // The Gaussian walk reads once for its variances; what comes then is as for the observed.
            if (null == NullKind::GaussianWalk) forecast.bytes += rows * row;
            makers.push_back(null == NullKind::GaussianWalk
                                 ? std::make_unique<PathMaker>(source)
                                 : std::make_unique<PathMaker>(source, null, options.seed, 1, silent));
        }
        for (const auto& batch : batchesOf(source, options)) {
            std::vector<std::unique_ptr<Bundle>> bundles;
            std::vector<Feed> feeds;
            if (batch.observed) {
                bundles.push_back(std::make_unique<Bundle>(source, options, true));
                feeds.push_back(bundles.back()->feed(asItIs, 0));
            }
            for (std::int64_t i = batch.first; i < batch.first + batch.count; ++i) {
                bundles.push_back(std::make_unique<Bundle>(source, options, false));
                feeds.push_back(
                    bundles.back()->feed(*makers[static_cast<std::size_t>(i / options.repeats)], 0));
            }
            const SweepReads reads = sweepReads(source, feeds, {options.threads, options.memoryBytes / 4});
            forecast.bytes += reads.rows * row + reads.states * state;
        }
        if (options.pca) forecast.bytes += rows * row;  // scores
        if ((options.density || (options.pca && options.pca->perPointExplained)) && rows >= 3)
            forecast.bytes += rows * view.pointCount() * state;
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

Analysis analyze(const TraceView& view, const AnalysisOptions& options, Progress& progress,
                 const EachSurrogate& each) {
    checkView(view);
    requireEnough(view, options);
    progress.setStage("looking for values that are not finite");
    Progress scan = progress.part(0, 0.05), work = progress.part(0.05, 1);
    const RowSource source(view, options.memoryBytes / 2, scan);
    PathMaker asItIs(source);
    std::vector<std::unique_ptr<PathMaker>> makers;
    for (const auto null : options.nulls)
        makers.push_back(std::make_unique<PathMaker>(source, null, options.seed, options.threads, scan));

    const std::int64_t surrogates = static_cast<std::int64_t>(makers.size()) * options.repeats;
    Bundle observed(source, options, true);
    Analysis analysis;
    std::vector<StatisticCurve> curves;  // of one surrogate
    std::vector<MatrixD> samples;        // [null, curve]: [repeat, value]
    std::int64_t complete = 0;           // surrogates
    bool observedFinished = false;
    // In parts of a surrogate's work: the observed are swept like one, and finished in as long.
    const double whole = static_cast<double>(surrogates) + 2;
    double before = 0;
    const auto next = [&](double parts) {
        Progress part = work.part(before / whole, (before + parts) / whole);
        before += parts;
        return part;
    };
    try {
        for (const auto& [first, count, withObserved] : batchesOf(source, options)) {
            if (count == 0)
                progress.setStage("statistics");
            else
                progress.setStage(
                    fmt::format("surrogates {} to {} of {}", first + 1, first + count, surrogates));
            std::vector<std::unique_ptr<Bundle>> bundles;
            std::vector<Feed> feeds;
            if (withObserved) feeds.push_back(observed.feed(asItIs, 0));
            for (std::int64_t i = first; i < first + count; ++i) {
                bundles.push_back(std::make_unique<Bundle>(source, options, false));
                feeds.push_back(bundles.back()->feed(*makers[static_cast<std::size_t>(i / options.repeats)],
                                                     i % options.repeats));
            }
            Progress part = next(static_cast<double>(feeds.size()));
            sweep(source, feeds, {options.threads, options.memoryBytes / 4}, part);
            if (withObserved) {
                Progress finishing = next(1);
                analysis.observed = observed.finish(finishing);
                observedFinished = true;
            }

            std::vector<Statistics> finished(bundles.size());
            {
                const SerialBlas serial;
                parallelFor(count, 1, options.threads, progress, [&](std::int64_t i, std::int64_t) {
                    Progress silent(progress.stopToken());
                    auto& bundle = bundles[static_cast<std::size_t>(i)];
                    finished[static_cast<std::size_t>(i)] = bundle->finish(silent);
                    bundle.reset();
                });
            }
            for (std::int64_t i = 0; i < count; ++i) {
                const std::int64_t null = (first + i) / options.repeats,
                                   repeat = (first + i) % options.repeats;
                const Statistics& statistics = finished[static_cast<std::size_t>(i)];
                if (each)
                    each(options.nulls[static_cast<std::size_t>(null)], static_cast<int>(repeat), statistics);
                curves = curvesOf(statistics);
                if (samples.empty())
                    for (std::size_t n = 0; n < makers.size(); ++n)
                        for (const auto& curve : curves)
                            samples.emplace_back(options.repeats, curve.values.size());
                for (std::size_t c = 0; c < curves.size(); ++c)
                    samples[static_cast<std::size_t>(null) * curves.size() + c].row(repeat) =
                        curves[c].values.transpose();
            }
            complete = first + count;
        }
    } catch (const Cancelled&) {
        if (!options.keepFinished || !observedFinished) throw;
        analysis.stopped = true;
    }
    const std::vector<StatisticCurve> seen = curvesOf(analysis.observed);
    for (std::size_t n = 0; n < makers.size(); ++n) {
        if (complete < static_cast<std::int64_t>(n + 1) * options.repeats) break;
        for (std::size_t c = 0; c < seen.size(); ++c)
            analysis.nulls.push_back(
                {std::string(nullName(options.nulls[n])), seen[c].statistic, seen[c].dataset,
                 summarizeNull(seen[c].values, samples[n * seen.size() + c], options.seed)});
    }
    if (!analysis.stopped) progress.report(1, 1);
    return analysis;
}

}  // namespace rheo
