#include "core/analysis/verdicts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <set>

#include "core/analysis/autoencoder.h"
#include "core/analysis/covariance.h"
#include "core/analysis/resample.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t leastSamples = 20, leastPoints = 8;
/// Components within which resamples look for their own (resample.h).
constexpr int resampledComponents = 64;
/// What the autoencoder sees (late_easier_to_reconstruct).
constexpr int reconstructedComponents = 50;
constexpr std::size_t reconstructedSamples = 200;

enum Key {
    DensityRises,
    CorrelationHigh,
    InsideExceedsAcross,
    CosineRises,
    Accelerates,
    MiDropsThenClimbs,
    NonlinearEarly,
    Rotation,
    RotationCoherent,
    LateEasierToReconstruct,
    PathLowDimensional,
    EarlyAttractorKey,
    keyCount
};

/// What is published, and how it is put. `up` and `down` say what is seen where the number is above or below
/// zero.
struct Finding {
    const char* key;
    const char* finding;
    const char* statistic;
    std::optional<NullKind> null;
    int direction;  ///< 0: the statistic has no sign
    const char* up;
    const char* down;
};

constexpr const char* fewer = "";

const std::array<Finding, keyCount> findings{{
    {"density_rises", "Activity becomes denser with depth.",
     "mean Treves-Rolls density over the last quarter of points, less that over the first",
     NullKind::GaussianWalk, 1, "Activity becomes denser with depth", "Activity becomes sparser with depth"},
    {"correlation_high", "Each unit is highly correlated from one point to the next.",
     "mean over steps of the correlation of a unit with itself at the next point, over rows",
     NullKind::GaussianWalk, 1, "Units are correlated from point to point",
     "Units are anticorrelated from point to point"},
    {"inside_exceeds_across", "Correlation is higher inside a block than from one block to the next.",
     "mean correlation from attention to MLP of a block, less that from the MLP to the next block",
     NullKind::GaussianWalk, 1, "Correlation is higher inside a block than across",
     "Correlation is lower inside a block than across"},
    {"cosine_rises", "Successive states point more and more the same way with depth.",
     "mean cosine of successive states over the last quarter of steps, less that over the first",
     NullKind::GaussianWalk, 1, "The cosine of successive states rises with depth",
     "The cosine of successive states falls with depth"},
    {"accelerates", "The state moves faster with depth.",
     "least-squares slope of mean speed on the number of the step (attention and MLP each with its own "
     "intercept), times the number of steps, over mean speed",
     std::nullopt, 1, "The state moves faster with depth", "The state moves slower with depth"},
    {"mi_drops_then_climbs", "The information a unit carries to the next point drops, then climbs.",
     "least of what mutual information falls from the first step to its lowest, and climbs from there to the "
     "last (nats)",
     NullKind::GaussianWalk, 1, "Mutual information drops, then climbs again", fewer},
    {"nonlinear_early", "Early layers hold the most of the nonlinear information.",
     "mean information beyond that of a Gaussian over the first quarter of steps, less that over the rest "
     "(nats)",
     NullKind::GaussianWalk, 1, "Information beyond the linear is higher in early steps",
     "Information beyond the linear is lower in early steps"},
    {"rotation", "Units rotate in the plane of their value and its gradient.",
     "mean over units of the absolute number of turns of a row's path, averaged over rows",
     NullKind::SignFlip, 0, "The paths of units turn", fewer},
    {"rotation_coherent", "The mean paths of units wind about a centre.",
     "mean over units of the absolute number of turns of the mean path about its centre", NullKind::SignFlip,
     1, "The mean paths of units wind about their centres", fewer},
    {"late_easier_to_reconstruct", "Late points are easier to reconstruct from two numbers.",
     "mean r2 of the autoencoder over the last quarter of points, less that over the first (first 50 "
     "components of at most 200 samples)",
     NullKind::SignFlip, 1, "Late points are easier to reconstruct from two numbers",
     "Late points are harder to reconstruct from two numbers"},
    {"path_low_dimensional", "A few components hold the path.",
     "share of the variance in three components, pooled over rows and points", NullKind::SignFlip, 1,
     "Three components hold much of the variance", fewer},
    {"early_attractor", "Pushed early, the state comes back to its path.",
     "mean logarithm of what is left after a step of pushes along PC1 to PC3 in block 1, less that of random "
     "pushes, over the first quarter of steps (states scaled to unit RMS)",
     std::nullopt, -1, "Pushes along the first components die out more slowly than random ones",
     "Pushes along the first components die out faster than random ones"},
}};

using Values = std::array<double, keyCount>;

std::int64_t quarter(std::int64_t count) {
    return std::max<std::int64_t>(1, count / 4);
}

double lateLessEarly(const VectorD& curve) {
    if (curve.size() == 0) return nan;
    const std::int64_t some = quarter(curve.size());
    return curve.tail(some).mean() - curve.head(some).mean();
}

double earlyLessRest(const VectorD& curve) {
    if (curve.size() < 2) return nan;
    const std::int64_t some = quarter(curve.size());
    return curve.head(some).mean() - curve.tail(curve.size() - some).mean();
}

double dropsThenClimbs(const VectorD& curve) {
    if (curve.size() == 0 || curve.array().isNaN().any()) return nan;
    Eigen::Index lowest = 0;
    const double least = curve.minCoeff(&lowest);
    return std::min(curve[0] - least, curve[curve.size() - 1] - least);  // 0 where it is at an end
}

/// Mean of the absolute value of what is defined.
double meanAbs(const VectorD& values) {
    double sum = 0, count = 0;
    for (const double x : values)
        if (!std::isnan(x)) {
            sum += std::abs(x);
            ++count;
        }
    return sum / count;
}

/// Steps of a view by what is between their two points.
struct Steps {
    std::vector<Eigen::Index> inside, across;  ///< attn_in to mlp_in of a block, mlp_in to the next attn_in
    std::vector<int> kind;                     ///< of each step: 1 from mlp_in, else 0

    explicit Steps(const TraceView& view) {
        const auto& points = view.trace->info().points;
        for (std::int64_t p = 0; p + 1 < view.pointCount(); ++p) {
            const auto& from = points[static_cast<std::size_t>(view.tracePoint(p))];
            const auto& to = points[static_cast<std::size_t>(view.tracePoint(p + 1))];
            kind.push_back(from.site == Site::MlpIn ? 1 : 0);
            if (from.site == Site::AttnIn && to.site == Site::MlpIn && from.block == to.block)
                inside.push_back(p);
            if (from.site == Site::MlpIn && to.site == Site::AttnIn && from.block + 1 == to.block)
                across.push_back(p);
        }
    }
    bool blocksNamed() const { return !inside.empty() && !across.empty(); }
};

double meanOf(const VectorD& curve, const std::vector<Eigen::Index>& at) {
    double sum = 0;
    for (const auto p : at) sum += curve[p];
    return sum / static_cast<double>(at.size());
}

/// Slope of speed on step, with an intercept for each kind of step: both are taken about the mean of their
/// kind.
double relativeSlope(const VectorD& speed, const std::vector<int>& kind) {
    double mean[2] = {}, meanStep[2] = {}, count[2] = {};
    for (Eigen::Index p = 0; p < speed.size(); ++p) {
        const int k = kind[static_cast<std::size_t>(p)];
        mean[k] += speed[p];
        meanStep[k] += static_cast<double>(p);
        ++count[k];
    }
    double products = 0, squares = 0;
    for (Eigen::Index p = 0; p < speed.size(); ++p) {
        const int k = kind[static_cast<std::size_t>(p)];
        const double step = static_cast<double>(p) - meanStep[k] / count[k];
        products += step * (speed[p] - mean[k] / count[k]);
        squares += step * step;
    }
    return products / squares * static_cast<double>(speed.size()) / speed.mean();
}

void valuesOfCorrelation(const VectorD& mean, const Steps& steps, Values& values) {
    values[CorrelationHigh] = mean.mean();
    if (steps.blocksNamed())
        values[InsideExceedsAcross] = meanOf(mean, steps.inside) - meanOf(mean, steps.across);
}

/// Curves by "statistic/dataset".
using Curves = std::map<std::string, VectorD>;

Curves curvesByName(const Statistics& statistics) {
    Curves curves;
    for (auto& curve : curvesOf(statistics))
        curves[curve.statistic + "/" + curve.dataset] = std::move(curve.values);
    return curves;
}

/// What the findings are about in these curves; NaN where they do not tell.
Values valuesOf(const Curves& curves, const Steps& steps) {
    Values values;
    values.fill(nan);
    const auto of = [&](Key key, const char* name, auto number) {
        if (const auto found = curves.find(name); found != curves.end()) values[key] = number(found->second);
    };
    of(DensityRises, "density/treves_rolls", lateLessEarly);
    if (const auto found = curves.find("correlation/mean"); found != curves.end())
        valuesOfCorrelation(found->second, steps, values);
    of(CosineRises, "motion/cosine", lateLessEarly);
    of(Accelerates, "motion/speed", [&](const VectorD& speed) { return relativeSlope(speed, steps.kind); });
    of(MiDropsThenClimbs, "mutual_information/mean", dropsThenClimbs);
    of(NonlinearEarly, "mutual_information/mean_excess", earlyLessRest);
    of(Rotation, "rotation/turning", meanAbs);
    of(RotationCoherent, "rotation/mean_path_winding", meanAbs);
    of(PathLowDimensional, "pca/explained", [](const VectorD& explained) {
        return explained.head(std::min<Eigen::Index>(3, explained.size())).sum();
    });
    return values;
}

/// The same of each surrogate of a null, [key][repeat]; NaN left out.
std::array<std::vector<double>, keyCount> repeatsOf(const Analysis& analysis, NullKind null, int repeats,
                                                    const Steps& steps) {
    std::array<std::vector<double>, keyCount> found;
    for (int repeat = 0; repeat < repeats; ++repeat) {
        Curves curves;
        for (const auto& curve : analysis.nulls)
            if (curve.null == nullName(null) && repeat < curve.samples.rows())
                curves[curve.statistic + "/" + curve.dataset] = curve.samples.row(repeat).transpose();
        const Values values = valuesOf(curves, steps);
        for (std::size_t key = 0; key < keyCount; ++key)
            if (!std::isnan(values[key])) found[key].push_back(values[key]);
    }
    return found;
}

/// Linear-interpolated quantile of values that are not NaN; NaN if there are none.
double quantile(std::vector<double> values, double level) {
    std::erase_if(values, [](double x) { return std::isnan(x); });
    if (values.empty()) return nan;
    std::sort(values.begin(), values.end());
    const double at = level * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const auto above = std::min(below + 1, values.size() - 1);
    return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

struct Interval {
    double low = nan, high = nan;
};

Interval percentiles(const std::vector<double>& values) {
    return {quantile(values, 0.025), quantile(values, 0.975)};
}

/// Units that stand for all, by seed, ascending; masked ones are left out.
std::vector<std::int64_t> drawUnits(const TraceView& view, std::int64_t count, std::uint64_t seed) {
    std::vector<std::int64_t> units;
    for (std::int64_t u = 0; u < view.unitCount(); ++u)
        if (!std::binary_search(view.maskedUnits.begin(), view.maskedUnits.end(), u)) units.push_back(u);
    RandomStream random(seed, 0);
    const auto kept = std::min(static_cast<std::size_t>(count), units.size());
    for (std::size_t i = 0; i < kept; ++i) std::swap(units[i], units[i + random.below(units.size() - i)]);
    units.resize(kept);
    std::sort(units.begin(), units.end());
    return units;
}

/// Runs one sweep, and puts what it gives in the place of what there was.
void runPart(const TraceView& view, const AnalysisOptions& part, Analysis& all, Progress progress) {
    Analysis made = analyze(view, part, progress, all);
    const bool stopped = made.stopped;
    merge(std::move(made), all);
    if (stopped) throw Cancelled{};
}

/// Numbers of mutual information on random halves of the samples: never with replacement, as duplicates are
/// nearest neighbours of each other. Goes on behind the rows that `halves` has.
void measureHalves(const TraceView& view, const MutualInformationOptions& information,
                   const VerdictOptions& options, MatrixD& halves, Progress progress) {
    std::map<std::int32_t, std::vector<std::int64_t>> rowsOf;
    for (std::int64_t n = 0; n < view.rowCount(); ++n)
        rowsOf[view.trace->info().rows[static_cast<std::size_t>(view.traceRow(n))].sample].push_back(n);
    std::vector<const std::vector<std::int64_t>*> samples;
    for (const auto& [sample, rows] : rowsOf) samples.push_back(&rows);
    for (Eigen::Index half = halves.rows(); half < options.halves; ++half) {
        progress.setStage(fmt::format("mutual information of half {} of {}", half + 1, options.halves));
        RandomStream random(options.seed, static_cast<std::uint64_t>(half) + 1);
        const auto order = random.permutation(static_cast<std::int32_t>(samples.size()));
        std::vector<std::int64_t> rows;
        for (std::size_t i = 0; i < samples.size() / 2; ++i) {
            const auto& some = *samples[static_cast<std::size_t>(order[i])];
            rows.insert(rows.end(), some.begin(), some.end());
        }
        std::sort(rows.begin(), rows.end());
        Progress silent(progress.stopToken());
        const auto result = mutualInformation(withRows(view, rows), information, silent);
        halves.conservativeResize(half + 1, 2);
        halves.row(half) << dropsThenClimbs(result.mean), earlyLessRest(result.meanExcess);
        progress.report(static_cast<double>(half + 1), options.halves);
    }
}

/// Rows of at most so many samples, by seed.
TraceView someSamples(const TraceView& view, std::size_t most, std::uint64_t seed) {
    std::set<std::int32_t> all;
    const auto sampleOf = [&](std::int64_t n) {
        return view.trace->info().rows[static_cast<std::size_t>(view.traceRow(n))].sample;
    };
    for (std::int64_t n = 0; n < view.rowCount(); ++n) all.insert(sampleOf(n));
    std::vector<std::int32_t> samples(all.begin(), all.end());
    RandomStream random(seed, 1);
    for (std::size_t i = 0; i < std::min(most, samples.size()); ++i)
        std::swap(samples[i], samples[i + random.below(samples.size() - i)]);
    samples.resize(std::min(most, samples.size()));
    std::sort(samples.begin(), samples.end());
    std::vector<std::int64_t> rows;
    for (std::int64_t n = 0; n < view.rowCount(); ++n)
        if (std::binary_search(samples.begin(), samples.end(), sampleOf(n))) rows.push_back(n);
    return withRows(view, rows);
}

/// How well paths are reconstructed from two numbers: the autoencoder on their own first components.
struct Reconstruction {
    TraceView scores;  ///< [row, point, component]
    AutoencoderResult fit;
};
Reconstruction reconstruct(const RowSource& source, const PathMaker& maker, std::int64_t repeat,
                           const VerdictOptions& options, const Progress& progress) {
    const TraceView& view = source.view();
    TraceInfo info = view.trace->info();
    info.rows.clear();
    for (std::int64_t n = 0; n < view.rowCount(); ++n)
        info.rows.push_back(view.trace->info().rows[static_cast<std::size_t>(view.traceRow(n))]);
    info.points.clear();
    for (std::int64_t p = 0; p < view.pointCount(); ++p)
        info.points.push_back(view.trace->info().points[static_cast<std::size_t>(view.tracePoint(p))]);
    Array3F states(view.rowCount(), view.pointCount(), view.unitCount());
    std::vector<float> buffer;
    MatrixD path(view.pointCount(), view.unitCount());
    for (std::int64_t n = 0; n < view.rowCount(); ++n) {
        progress.check();
        maker.makeRow(source.read(n, 1, buffer, progress), repeat, n, path);
        Eigen::Map<MatrixF>(states.at(n, 0), path.rows(), path.cols()) = path.cast<float>();
    }
    TraceView made;
    made.trace = std::make_shared<MemoryTrace>(info, std::move(states));
    Progress silent(progress.stopToken());
    PcaResult components = pca(made, {reconstructedComponents, false, 1, options.memoryBytes}, silent);
    info.units = components.scores.n2;
    Reconstruction result;
    result.scores.trace = std::make_shared<MemoryTrace>(std::move(info), std::move(components.scores));
    AutoencoderOptions how;
    how.seed = options.seed;
    how.threads = 1;
    result.fit = fitAutoencoder(result.scores, how, silent);
    if (result.fit.stopped) progress.check();
    return result;
}

/// Percentiles of the difference where the samples it was measured on are drawn anew; the autoencoder stays.
Interval intervalOf(const Reconstruction& reconstruction, const VerdictOptions& options) {
    const AutoencoderResult& fit = reconstruction.fit;
    const TraceView& scores = reconstruction.scores;
    const std::int64_t points = scores.pointCount(), units = scores.unitCount();
    const VectorD factor = (fit.model.sd.array() > 0).select(fit.model.sd.array().inverse(), 0.0);
    struct Sums {
        VectorD errors, squares;  ///< [point]
        MatrixD states;           ///< [point, unit]
        double rows = 0;
    };
    std::map<std::int32_t, Sums> ofSample;
    MatrixF states(points, units);
    for (const auto n : fit.validationRows) {
        readView(scores, n, 1, states.data());
        const MatrixF back = decode(fit.model, encode(fit.model, states));
        MatrixD x = states.cast<double>();
        x.rowwise() -= fit.model.mean.transpose();
        x = x * factor.asDiagonal();
        const MatrixD error = (states - back).cast<double>() * factor.asDiagonal();
        Sums& sums = ofSample[scores.trace->info().rows[static_cast<std::size_t>(n)].sample];
        if (sums.rows == 0)
            sums = {VectorD::Zero(points), VectorD::Zero(points), MatrixD::Zero(points, units)};
        sums.errors += error.rowwise().squaredNorm();
        sums.squares += x.rowwise().squaredNorm();
        sums.states += x;
        ++sums.rows;
    }
    std::vector<const Sums*> samples;
    for (const auto& [sample, sums] : ofSample) samples.push_back(&sums);
    std::vector<double> draws;
    for (int b = 0; b < options.resamples; ++b) {
        RandomStream random(options.seed, static_cast<std::uint64_t>(b));
        Sums all{VectorD::Zero(points), VectorD::Zero(points), MatrixD::Zero(points, units)};
        for (std::size_t i = 0; i < samples.size(); ++i) {
            const Sums& drawn = *samples[random.below(samples.size())];
            all.errors += drawn.errors;
            all.squares += drawn.squares;
            all.states += drawn.states;
            all.rows += drawn.rows;
        }
        const VectorD spread = all.squares - all.states.rowwise().squaredNorm() / all.rows;
        draws.push_back(lateLessEarly(1 - all.errors.array() / spread.array()));
    }
    return percentiles(draws);
}

/// The difference of r2 as it is, in each repeat of both nulls, and its interval: what `evidence` lacks of
/// it.
void reconstructAll(const TraceView& view, const VerdictOptions& options, Evidence& evidence,
                    Progress progress) {
    progress.setStage("autoencoder and its refits");
    VectorD& values = evidence.refits;
    const auto refits = std::int64_t{options.refits}, before = (values.size() - 1) / 2;
    if (values.size() != 1 + 2 * refits) {
        VectorD more = VectorD::Constant(1 + 2 * refits, nan);
        const std::int64_t both = std::min(refits, before);
        if (values.size() > 0) more[0] = values[0];
        if (both > 0) {
            more.segment(1, both) = values.segment(1, both);
            more.segment(1 + refits, both) = values.segment(1 + before, both);
        }
        values = std::move(more);
    }
    std::vector<std::int64_t> missing;
    for (Eigen::Index i = 0; i < values.size(); ++i)
        if (std::isnan(values[i])) missing.push_back(i);
    if (missing.empty()) return;
    Progress scan = progress.part(0, 0.02), work = progress.part(0.02, 1);
    const RowSource source(someSamples(view, reconstructedSamples, options.seed), options.memoryBytes / 4,
                           scan);
    const PathMaker asItIs(source), flipped(source, NullKind::SignFlip, options.seed, options.threads, scan),
        shuffled(source, NullKind::DepthShuffle, options.seed, options.threads, scan);
    const auto fits = static_cast<std::int64_t>(missing.size());
    std::int64_t done = 0;
    std::mutex reporting;
    const SerialBlas serial;
    parallelFor(fits, 1, options.threads, progress, [&](std::int64_t fit, std::int64_t) {
        const std::int64_t i = missing[static_cast<std::size_t>(fit)];
        const PathMaker& maker = i == 0 ? asItIs : i <= refits ? flipped : shuffled;
        const Reconstruction made =
            reconstruct(source, maker, i == 0 ? 0 : (i - 1) % refits, options, progress);
        if (i == 0) {
            const Interval interval = intervalOf(made, options);
            evidence.refitInterval.resize(2);
            evidence.refitInterval << interval.low, interval.high;
        }
        values[i] = lateLessEarly(made.fit.r2);
        const std::lock_guard lock(reporting);
        work.report(static_cast<double>(++done), static_cast<double>(fits));
    });
}

/// Numbers of data drawn anew from the samples, [resample, key].
void resampleAll(const TraceView& view, const VerdictOptions& options, const Steps& steps, Evidence& evidence,
                 Progress progress) {
    Progress wide = progress.part(0, 0.3), last = progress.part(0.3, 1);
    const PcaResult components =
        pca(view, {resampledComponents, false, options.threads, options.memoryBytes}, wide);
    const RowSource source(view, options.memoryBytes / 2, last);
    const Resampled resampled =
        resample(source, components,
                 {options.resamples, options.seed, options.threads, options.memoryBytes / 2}, last);
    evidence.samples = resampled.samples;
    evidence.rows = source.view().rowCount();
    evidence.resamples = MatrixD::Constant(options.resamples, keyCount, nan);
    for (Eigen::Index b = 0; b < options.resamples; ++b) {
        Values values;
        values.fill(nan);
        values[DensityRises] = lateLessEarly(resampled.trevesRolls.row(b).transpose());
        valuesOfCorrelation(resampled.correlation.row(b).transpose(), steps, values);
        values[CosineRises] = lateLessEarly(resampled.cosine.row(b).transpose());
        values[Accelerates] = relativeSlope(resampled.speed.row(b).transpose(), steps.kind);
        values[Rotation] = resampled.turning[b];
        values[RotationCoherent] = resampled.meanPathWinding[b];
        values[PathLowDimensional] = resampled.explained[b];
        evidence.resamples.row(b) = Eigen::Map<const VectorD>(values.data(), keyCount).transpose();
    }
}

/// All that the verdicts need and `evidence` lacks.
void gather(const TraceView& view, const VerdictOptions& options, const Steps& steps, Evidence& evidence,
            Progress& progress) {
    const AnalysisOptions all = statisticsOf(view, options);
    AnalysisOptions walks = all;
    walks.rotation.reset();
    walks.pca.reset();
    walks.mutualInformation.reset();
    walks.nulls = {NullKind::GaussianWalk, NullKind::DepthShuffle};
    runPart(view, walks, evidence.analysis, progress.part(0, 0.15));

    AnalysisOptions signs = all;
    signs.density.reset();
    signs.correlation.reset();
    signs.motion.reset();
    signs.mutualInformation.reset();
    signs.nulls = {NullKind::SignFlip, NullKind::DepthShuffle};
    runPart(view, signs, evidence.analysis, progress.part(0.15, 0.3));

    if (all.mutualInformation) {
        AnalysisOptions information = walks;
        information.density.reset();
        information.correlation.reset();
        information.motion.reset();
        information.mutualInformation = all.mutualInformation;
        runPart(view, information, evidence.analysis, progress.part(0.3, 0.7));
        MutualInformationOptions ofHalf = *all.mutualInformation;
        ofHalf.threads = options.threads;
        ofHalf.memoryBytes = options.memoryBytes;
        if (options.halves > 1)
            measureHalves(view, ofHalf, options, evidence.halves, progress.part(0.7, 0.75));
    }
    if (options.refits > 0) reconstructAll(view, options, evidence, progress.part(0.75, 0.93));
    if (evidence.resamples.rows() != options.resamples)
        resampleAll(view, options, steps, evidence, progress.part(0.93, 1));
}

const char* nullInWords(NullKind null) {
    return null == NullKind::GaussianWalk ? "a random walk of the same step sizes"
                                          : "a walk of the same steps with random signs";
}

std::string number(double x) {
    return std::isnan(x) ? std::string("undefined") : fmt::format("{:.4g}", x);
}

std::string pValue(double p) {
    return p < 0.001 ? fmt::format("{:.1e}", p) : fmt::format("{:.3f}", p);
}

/// What came out, for a person.
std::string sentenceOf(const Finding& finding, const Verdict& v) {
    const std::string value = fmt::format("{} (95 % interval {} to {})", number(v.observed),
                                          number(v.intervalLow), number(v.intervalHigh));
    const std::string null = v.null == "differences with random signs" ? v.null
                             : finding.null                            ? nullInWords(*finding.null)
                                                                       : "";
    const std::string beside =
        fmt::format("{} to {}, mean {}", number(v.nullLow), number(v.nullHigh), number(v.nullMean));
    std::string sentence;
    const bool above = finding.direction > 0;
    const char* published = above ? finding.up : finding.down;
    const char* other = above ? finding.down : finding.up;
    switch (v.verdict) {
        case VerdictKind::NotTested: return fmt::format("Not tested: {}.", v.reason);
        case VerdictKind::Supported:
            if (finding.direction == 0)
                sentence = fmt::format("{} {} than {}: {}, where that has {}; p = {}. Their motion is {}.",
                                       finding.up, v.observed < v.nullMean ? "less" : "more", null, value,
                                       beside, pValue(v.p), v.observed < v.nullMean ? "smoother" : "rougher");
            else if (v.null.empty())
                sentence = fmt::format("{}: {}.", published, value);
            else
                sentence = fmt::format("{}, beyond {}: {}, where that has {}; p = {}.", published, null,
                                       value, beside, pValue(v.p));
            break;
        case VerdictKind::ExplainedByNull:
            if (finding.direction == 0)
                sentence = fmt::format("{}, but no less and no more than {}: {}, where that has {}; p = {}.",
                                       finding.up, null, value, beside, pValue(v.p));
            else
                sentence = fmt::format("{}, but not beyond {}: {}, where that has {}; p = {}.", published,
                                       null, value, beside, pValue(v.p));
            break;
        case VerdictKind::Opposite:
            sentence = v.null.empty()
                           ? fmt::format("{}: {}.", other, value)
                           : fmt::format("{}, beyond {}: {}, where that has {}.", other, null, value, beside);
            break;
        case VerdictKind::NotSeen: {
            const bool reached = v.intervalLow > 0 || v.intervalHigh < 0;
            sentence =
                reached && !v.null.empty()
                    ? fmt::format("Not distinguishable from {}: {}, where that has {}.", null, value, beside)
                    : fmt::format("Not seen: {} does not exclude zero.", value);
            break;
        }
    }
    if (v.verdict != VerdictKind::Supported && v.depthShuffleP < 0.05)
        sentence += fmt::format(
            " Shuffled depth, the control of the paper, has {} and would call it a finding (p = {}).",
            number(v.depthShuffleMean), pValue(v.depthShuffleP));
    return sentence;
}

struct OneSided {
    double mean = nan, low = nan, high = nan, pUpper = nan, pLower = nan, p = nan;
    int repeats = 0;
};

OneSided besideNull(double observed, const std::vector<double>& repeats, std::uint64_t seed) {
    if (repeats.empty() || std::isnan(observed)) return {};
    const MatrixD samples =
        Eigen::Map<const MatrixD>(repeats.data(), static_cast<Eigen::Index>(repeats.size()), 1);
    const NullSummary s = summarizeNull(VectorD::Constant(1, observed), samples, seed);
    return {s.mean[0], s.low[0], s.high[0], s.pUpper[0], s.pLower[0], s.p[0], s.repeats};
}

}  // namespace

std::string_view verdictName(VerdictKind kind) {
    switch (kind) {
        case VerdictKind::Supported: return "supported";
        case VerdictKind::ExplainedByNull: return "explained_by_null";
        case VerdictKind::Opposite: return "opposite";
        case VerdictKind::NotSeen: return "not_seen";
        case VerdictKind::NotTested: break;
    }
    return "not_tested";
}

VerdictKind judge(int direction, double low, double high, double pUpper, double pLower) {
    const bool above = low > 0, below = high < 0;
    const bool published = direction > 0 ? above : below, other = direction > 0 ? below : above;
    const double towards = direction > 0 ? pUpper : pLower, away = direction > 0 ? pLower : pUpper;
    if (published) return towards < 0.05 ? VerdictKind::Supported : VerdictKind::ExplainedByNull;
    return other && away < 0.05 ? VerdictKind::Opposite : VerdictKind::NotSeen;
}

SignFlipTest flipSignsOfDifferences(const VectorD& differences, std::uint64_t seed) {
    constexpr int flips = 10000;
    const double observed = differences.mean();
    std::vector<double> means;
    means.reserve(flips);
    RandomStream random(seed, 7);
    for (int i = 0; i < flips; ++i) {
        double sum = 0;
        for (const double x : differences) sum += random.sign() * x;
        means.push_back(sum / static_cast<double>(differences.size()));
    }
    const double slack = 1e-12 * differences.cwiseAbs().maxCoeff();
    const auto share = [&](auto reaches) {
        return static_cast<double>(1 + std::count_if(means.begin(), means.end(), reaches)) / (flips + 1);
    };
    SignFlipTest test{};
    for (const double mean : means) test.mean += mean / flips;
    test.low = quantile(means, 0.025);
    test.high = quantile(means, 0.975);
    test.pUpper = share([&](double x) { return x >= observed - slack; });
    test.pLower = share([&](double x) { return x <= observed + slack; });
    return test;
}

AnalysisOptions statisticsOf(const TraceView& view, const VerdictOptions& options) {
    AnalysisOptions all;
    all.density.emplace();
    all.correlation.emplace();
    all.motion.emplace();
    all.rotation.emplace();
    all.pca.emplace().components = options.components;
    if (options.mutualUnits > 0) {
        auto& information = all.mutualInformation.emplace();
        information.seed = options.seed;
        information.units = drawUnits(view, options.mutualUnits, options.seed);
    }
    all.repeats = options.repeats;
    all.seed = options.seed;
    all.threads = options.threads;
    all.memoryBytes = options.memoryBytes;
    all.keepFinished = options.keepFinished;
    return all;
}

Verdicts verdicts(const TraceView& view, const VerdictOptions& options, const EarlyAttractor& earlyAttractor,
                  Progress& progress, Evidence known) {
    if (view.scaling != Scaling::Raw)
        throw Error(ErrorCode::InvalidArgument,
                    "findings are put to the test on raw states, not scaled ones");
    if (view.rowCount() < 3 || view.pointCount() < 3)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{} rows at {} points are too few for any finding; 3 of each are needed",
                                view.rowCount(), view.pointCount()));
    const Steps steps(view);
    Verdicts result;
    result.evidence = std::move(known);
    Evidence& evidence = result.evidence;
    evidence.attractor = earlyAttractor;
    evidence.stopped = false;
    try {
        gather(view, options, steps, evidence, progress);
    } catch (const Cancelled&) {
        if (!options.keepFinished) throw;
        evidence.stopped = true;
        return result;
    }

    Values observed = valuesOf(curvesByName(evidence.analysis.observed), steps);
    std::map<NullKind, std::array<std::vector<double>, keyCount>> repeats;
    for (const auto null : {NullKind::GaussianWalk, NullKind::SignFlip, NullKind::DepthShuffle})
        repeats[null] = repeatsOf(evidence.analysis, null, options.repeats, steps);
    std::array<Interval, keyCount> intervals;
    for (std::size_t key = 0; key < keyCount; ++key) {
        const auto column = evidence.resamples.col(static_cast<Eigen::Index>(key));
        intervals[key] = percentiles({column.begin(), column.end()});
    }
    if (evidence.halves.rows() > 1)
        for (const auto& [key, column] : {std::pair{MiDropsThenClimbs, 0}, {NonlinearEarly, 1}}) {
            const VectorD x = evidence.halves.col(column);
            const double sd =
                std::sqrt((x.array() - x.mean()).square().sum() / static_cast<double>(x.size() - 1));
            intervals[key] = {observed[key] - 1.96 * sd, observed[key] + 1.96 * sd};
        }
    if (options.refits > 0) {
        const VectorD& refits = evidence.refits;
        observed[LateEasierToReconstruct] = refits[0];
        intervals[LateEasierToReconstruct] = {evidence.refitInterval[0], evidence.refitInterval[1]};
        const auto flipped = refits.segment(1, options.refits), shuffled = refits.tail(options.refits);
        repeats[NullKind::SignFlip][LateEasierToReconstruct].assign(flipped.begin(), flipped.end());
        repeats[NullKind::DepthShuffle][LateEasierToReconstruct].assign(shuffled.begin(), shuffled.end());
    }
    SignFlipTest flipped{};
    if (earlyAttractor.differences.size() > 0) {
        const VectorD& differences = earlyAttractor.differences;
        observed[EarlyAttractorKey] = differences.mean();
        flipped = flipSignsOfDifferences(differences, options.seed);
        std::vector<double> draws;
        const auto count = static_cast<std::uint64_t>(differences.size());
        for (int b = 0; b < options.resamples; ++b) {
            RandomStream random(options.seed, static_cast<std::uint64_t>(b));
            double sum = 0;
            for (std::uint64_t i = 0; i < count; ++i)
                sum += differences[static_cast<Eigen::Index>(random.below(count))];
            draws.push_back(sum / static_cast<double>(count));
        }
        intervals[EarlyAttractorKey] = percentiles(draws);
    }

    for (std::size_t key = 0; key < findings.size(); ++key) {
        const Finding& finding = findings[key];
        Verdict v{};
        v.key = finding.key;
        v.finding = finding.finding;
        v.statistic = finding.statistic;
        v.observed = observed[key];
        v.intervalLow = intervals[key].low;
        v.intervalHigh = intervals[key].high;
        v.samples = key == EarlyAttractorKey ? earlyAttractor.differences.size() : evidence.samples;
        v.rows = key == EarlyAttractorKey ? v.samples : evidence.rows;
        v.nullMean = v.nullLow = v.nullHigh = v.p = v.depthShuffleMean = v.depthShuffleP = nan;
        double pUpper = 0, pLower = 0;  // without a null the interval alone decides
        const auto sided = [&](const OneSided& s) {
            return finding.direction == 0 ? s.p : finding.direction > 0 ? s.pUpper : s.pLower;
        };
        if (finding.null) {
            const OneSided null = besideNull(observed[key], repeats[*finding.null][key], options.seed);
            v.null = std::string(nullName(*finding.null));
            v.nullMean = null.mean;
            v.nullLow = null.low;
            v.nullHigh = null.high;
            v.repeats = null.repeats;
            v.p = sided(null);
            pUpper = null.pUpper;
            pLower = null.pLower;
            const OneSided shuffled =
                besideNull(observed[key], repeats[NullKind::DepthShuffle][key], options.seed);
            v.depthShuffleMean = shuffled.mean;
            v.depthShuffleP = sided(shuffled);
        }
        if (key == EarlyAttractorKey && earlyAttractor.differences.size() > 0) {
            v.null = "differences with random signs";
            v.nullMean = flipped.mean;
            v.nullLow = flipped.low;
            v.nullHigh = flipped.high;
            v.repeats = 10000;
            v.p = pLower = flipped.pLower;
            pUpper = flipped.pUpper;
        }
        if (evidence.samples < leastSamples)
            v.reason = fmt::format("there are {} samples, and {} are needed", evidence.samples, leastSamples);
        else if (view.pointCount() < leastPoints)
            v.reason = fmt::format("there are {} points, and {} are needed", view.pointCount(), leastPoints);
        else if (key == InsideExceedsAcross && !steps.blocksNamed())
            v.reason = "these points do not tell attention from the MLP of a block";
        else if (key == EarlyAttractorKey && earlyAttractor.differences.size() == 0)
            v.reason = earlyAttractor.reason.empty() ? "it needs a model" : earlyAttractor.reason;
        else if (std::isnan(v.observed))
            v.reason =
                (key == LateEasierToReconstruct && options.refits == 0) ||
                        ((key == MiDropsThenClimbs || key == NonlinearEarly) && options.mutualUnits == 0)
                    ? "it was left out"
                    : "the statistic is not defined here";
        if (!v.reason.empty())
            v.verdict = VerdictKind::NotTested;
        else if (finding.direction == 0)
            v.verdict = v.p < 0.05 ? VerdictKind::Supported : VerdictKind::ExplainedByNull;
        else
            v.verdict = judge(finding.direction, v.intervalLow, v.intervalHigh, pUpper, pLower);
        v.sentence = sentenceOf(finding, v);
        result.list.push_back(std::move(v));
    }
    progress.report(1, 1);
    return result;
}

}  // namespace rheo
