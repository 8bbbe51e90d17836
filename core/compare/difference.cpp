#include "core/compare/difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/analysis/sampling_units.h"
#include "core/analysis/student_t.h"
#include "core/statistics/table.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

bool isCompared(Along axis) {
    return axis == Along::Points || axis == Along::Steps || axis == Along::Bends ||
           axis == Along::Components || axis == Along::One;
}

bool isAlongDepth(Along axis) {
    return axis == Along::Points || axis == Along::Steps || axis == Along::Bends;
}

/// The rows of one source by the units that halves are drawn of.
struct Side {
    const TraceView& view;
    std::vector<std::vector<std::int64_t>> rows;  ///< [unit]
    std::int64_t units() const { return static_cast<std::int64_t>(rows.size()); }
    std::int64_t rowCount() const {
        std::int64_t count = 0;
        for (const auto& one : rows) count += static_cast<std::int64_t>(one.size());
        return count;
    }
};

/// The view of the units that are drawn; all where `drawn` is null.
TraceView viewOf(const Side& side, const std::vector<std::uint8_t>* drawn) {
    std::vector<std::int64_t> rows;
    for (std::size_t u = 0; u < side.rows.size(); ++u)
        if (drawn == nullptr || (*drawn)[u] != 0)
            rows.insert(rows.end(), side.rows[u].begin(), side.rows[u].end());
    std::sort(rows.begin(), rows.end());
    return withRows(side.view, rows);
}

Side matchedSide(const TraceView& view, const std::vector<std::int64_t>& rows, const MatchedRows& matched) {
    Side side{view, std::vector<std::vector<std::int64_t>>(static_cast<std::size_t>(matched.units))};
    for (std::size_t i = 0; i < rows.size(); ++i)
        side.rows[static_cast<std::size_t>(matched.unit[i])].push_back(rows[i]);
    return side;
}

AnalysisOptions analysisOf(const DifferenceOptions& options) {
    AnalysisOptions analysis;
    static_cast<StatisticOptions&>(analysis) = options.statistics;
    analysis.threads = options.threads;
    analysis.memoryBytes = options.memoryBytes;
    forEachStatistic([&]<class S>() {
        auto& chosen = analysis.get<S>();
        if constexpr (requires { S::curvesOnly(*chosen); })
            if (chosen) S::curvesOnly(*chosen);
    });
    return analysis;
}

/// Leaves out what cannot be computed of either, or of a half of either, and says why.
void leaveOutUndefined(const Side& side, AnalysisOptions& analysis, std::vector<std::string>& left) {
    std::vector<std::uint8_t> half = drawHalf(side.units(), 0, 0);
    if (std::count(half.begin(), half.end(), 1) == 0) std::fill(half.begin(), half.end(), 1);
    const auto undefined = undefinedOf(viewOf(side, &half), analysis);
    for (const auto& [name, reason] : undefined)
        left.push_back(fmt::format("{} was not compared: of half of the samples, {}.", name, reason));
    analysis = withoutUndefined(std::move(analysis), undefined);
}

std::vector<StatisticCurve> comparedCurves(const TraceView& view, const AnalysisOptions& analysis,
                                           Progress& progress) {
    auto curves = curvesOf(analyze(view, analysis, progress).observed);
    std::erase_if(curves, [](const auto& curve) { return !isCompared(curve.axis); });
    return curves;
}

const StatisticCurve* findCurve(const std::vector<StatisticCurve>& curves, const DifferenceCurve& like) {
    for (const auto& curve : curves)
        if (curve.statistic == like.statistic && curve.dataset == like.dataset) return &curve;
    return nullptr;
}

/// The values of a curve at the places of A's; NaN where it is not there, or ends before.
VectorD valuesFor(const std::vector<StatisticCurve>& curves, const DifferenceCurve& like,
                  const DepthMatch* depth) {
    VectorD result = VectorD::Constant(like.a.size(), nan);
    const StatisticCurve* curve = findCurve(curves, like);
    if (curve == nullptr) return result;
    const VectorD values = depth != nullptr && isAlongDepth(curve->axis)
                               ? depth->atDepthsOfA(curve->values, curve->axis)
                               : curve->values;
    const Eigen::Index count = std::min(result.size(), values.size());
    result.head(count) = values.head(count);
    return result;
}

std::vector<std::string> noSuchAnalyses(bool any) {
    if (any) return {};
    return {"No curve was compared: none of the statistics that were asked for can be computed."};
}

/// The curves of halves, [half], of one source.
struct Halves {
    std::vector<std::vector<StatisticCurve>> a, b;
};

Halves drawHalves(const Side& a, const Side& b, bool paired, const AnalysisOptions& analysis,
                  const DifferenceOptions& options, Progress& progress) {
    Halves halves;
    for (int h = 0; h < options.resamples; ++h) {
        // Each a stream of its own: unpaired halves of A and B have nothing in common.
        const auto half = static_cast<std::uint64_t>(h) * 2;
        const auto ofA = drawHalf(a.units(), options.seed, half);
        const auto ofB = paired ? ofA : drawHalf(b.units(), options.seed, half + 1);
        Progress quiet(progress.stopToken());
        halves.a.push_back(comparedCurves(viewOf(a, &ofA), analysis, quiet));
        halves.b.push_back(comparedCurves(viewOf(b, &ofB), analysis, quiet));
        progress.report(h + 1, options.resamples);
    }
    return halves;
}

void setIntervals(const Halves& halves, const Side& a, const Side& b, bool paired, const DepthMatch& depth,
                  DifferenceCurve& curve) {
    std::vector<VectorD> ofA, ofB;
    for (std::size_t h = 0; h < halves.a.size(); ++h) {
        ofA.push_back(valuesFor(halves.a[h], curve, nullptr));
        ofB.push_back(valuesFor(halves.b[h], curve, &depth));
    }
    for (Eigen::Index i = 0; i < curve.difference.size(); ++i) {
        std::vector<double> x, y, differences;
        for (std::size_t h = 0; h < ofA.size(); ++h) {
            x.push_back(ofA[h][i]);
            y.push_back(ofB[h][i]);
            differences.push_back(ofB[h][i] - ofA[h][i]);
        }
        const Interval interval = paired
                                      ? halvesInterval(curve.difference[i], differences, a.units())
                                      : independentInterval(curve.difference[i], x, a.units(), y, b.units());
        curve.low[i] = interval.low;
        curve.high[i] = interval.high;
    }
}

/// The variance of a number on all samples, from what it is on halves; NaN with fewer than two.
double varianceOf(std::vector<double> halves, std::int64_t samples, std::int64_t& count) {
    std::erase_if(halves, [](double x) { return std::isnan(x); });
    count = static_cast<std::int64_t>(halves.size());
    if (count < 2 || samples < 2) return nan;
    double mean = 0, squares = 0;
    for (const double x : halves) mean += x / static_cast<double>(count);
    for (const double x : halves) squares += (x - mean) * (x - mean);
    const std::int64_t drawn = samples / 2;
    return squares / static_cast<double>(count - 1) * static_cast<double>(drawn) /
           static_cast<double>(samples - drawn);
}

}  // namespace

Interval independentInterval(double difference, const std::vector<double>& halvesA, std::int64_t samplesA,
                             const std::vector<double>& halvesB, std::int64_t samplesB) {
    std::int64_t countA = 0, countB = 0;
    const double variance = varianceOf(halvesA, samplesA, countA) + varianceOf(halvesB, samplesB, countB);
    if (std::isnan(variance) || std::isnan(difference)) return {nan, nan};
    const auto degrees = static_cast<double>(std::min({countA, countB, samplesA, samplesB}) - 1);
    const double reach = studentQuantile(0.025, degrees) * std::sqrt(variance);
    return {difference - reach, difference + reach};
}

DifferenceResult differenceCurves(const RowSource& sourceA, const RowSource& sourceB,
                                  const MatchedRows& matched, const DifferenceOptions& options,
                                  Progress& progress) {
    DifferenceResult result;
    const TraceView &viewA = sourceA.view(), &viewB = sourceB.view();
    result.paired = matched.by != MatchedBy::Nothing;
    const Side a =
        result.paired ? matchedSide(viewA, matched.a, matched) : Side{viewA, samplingUnits(viewA).rows};
    const Side b =
        result.paired ? matchedSide(viewB, matched.b, matched) : Side{viewB, samplingUnits(viewB).rows};
    result.samplesA = a.units();
    result.samplesB = b.units();
    result.rowsA = a.rowCount();
    result.rowsB = b.rowCount();
    result.resamples = options.resamples;
    result.seed = options.seed;
    AnalysisOptions analysis = analysisOf(options);
    leaveOutUndefined(a, analysis, result.left);
    leaveOutUndefined(b, analysis, result.left);
    std::sort(result.left.begin(), result.left.end());
    result.left.erase(std::unique(result.left.begin(), result.left.end()), result.left.end());
    bool any = false;
    forEachSwept([&]<class S>() { any = any || analysis.get<S>(); });
    for (auto& sentence : noSuchAnalyses(any)) result.left.push_back(std::move(sentence));
    if (!any) return result;

    const auto pointsOf = [](const TraceView& view) {
        std::vector<ResidualPoint> points;
        for (std::int64_t p = 0; p < view.pointCount(); ++p)
            points.push_back(view.trace->info().points[static_cast<std::size_t>(view.tracePoint(p))]);
        return points;
    };
    const DepthMatch depth(pointsOf(viewA), pointsOf(viewB));
    result.relativeDepth = !depth.samePoints();
    progress.setStage("differences: curves of both");
    const double share = 2.0 / (2 + options.resamples);
    Progress ofA = progress.part(0, share / 2), ofB = progress.part(share / 2, share),
             resampling = progress.part(share, 1);
    const auto curvesA = comparedCurves(viewOf(a, nullptr), analysis, ofA);
    const auto curvesB = comparedCurves(viewOf(b, nullptr), analysis, ofB);
    progress.setStage("differences: halves of the samples");
    const Halves halves = drawHalves(a, b, result.paired, analysis, options, resampling);
    for (const StatisticCurve& ofCurve : curvesA) {
        DifferenceCurve curve{
            ofCurve.statistic, ofCurve.dataset, ofCurve.axis, ofCurve.values, {}, {}, {}, {}};
        if (findCurve(curvesB, curve) == nullptr) continue;
        curve.b = valuesFor(curvesB, curve, &depth);
        curve.difference = curve.b - curve.a;
        curve.low = curve.high = curve.difference;
        setIntervals(halves, a, b, result.paired, depth, curve);
        result.curves.push_back(std::move(curve));
    }
    return result;
}

}  // namespace rheo
