#include "core/figure/rotation_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/error.h"
#include "core/figure/depth_curves.h"
#include "core/figure/ranges.h"

namespace rheo {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Of what is finite; NaN if nothing is.
double meanOf(const VectorD& values) {
    double sum = 0;
    Eigen::Index count = 0;
    for (const double value : values) {
        if (!std::isfinite(value)) continue;
        sum += value;
        ++count;
    }
    return count > 0 ? sum / static_cast<double>(count) : nan;
}

Curve upright(double x, double height, const Color& color, Dash dash) {
    Curve curve;
    if (std::isfinite(x)) {
        curve.x = {x, x};
        curve.y = {0, height};
    }
    curve.color = color;
    curve.style.width = 1.4;
    curve.style.dash = dash;
    return curve;
}

/// The bins as one stepped outline, filled down to 0.
Curve outline(const Histogram& histogram, const Color& color) {
    Curve curve;
    curve.color = color;
    curve.style.width = 0.8;
    const double total = histogram.counts.sum();
    const auto bins = histogram.counts.size();
    if (!(total > 0)) return curve;
    Eigen::Index first = 0, last = bins - 1;
    while (histogram.counts[first] == 0) ++first;
    while (histogram.counts[last] == 0) --last;
    const double width = 2 * histogram.halfWidth / static_cast<double>(bins);
    const auto corner = [&](Eigen::Index edge, double height) {
        curve.x.push_back(-histogram.halfWidth + static_cast<double>(edge) * width);
        curve.y.push_back(height);
    };
    corner(first, 0);
    for (Eigen::Index bin = first; bin <= last; ++bin) {
        const double share = 100 * histogram.counts[bin] / total;
        corner(bin, share);
        corner(bin + 1, share);
    }
    corner(last + 1, 0);
    curve.low.assign(curve.x.size(), 0.0);
    curve.high = curve.y;
    return curve;
}

/// Each of `values` with the mean of those about it: bands of single units are ragged with few repeats.
std::vector<double> smoothed(const std::vector<double>& values) {
    const std::size_t reach = values.size() / 32;
    std::vector<double> result;
    for (std::size_t i = 0; i < values.size(); ++i) {
        double sum = 0;
        int count = 0;
        for (std::size_t k = i - std::min(i, reach); k < std::min(values.size(), i + reach + 1); ++k) {
            if (!std::isfinite(values[k])) continue;
            sum += values[k];
            ++count;
        }
        result.push_back(count > 0 ? sum / count : nan);
    }
    return result;
}

/// The nulls of one dataset. Throws Error(Mismatch) if one has another number of units.
std::vector<const CurveNull*> nullsOf(const std::vector<CurveNull>& nulls, const char* dataset,
                                      Eigen::Index units) {
    std::vector<const CurveNull*> found;
    for (const auto& null : nulls) {
        if (null.statistic != "rotation" || null.dataset != dataset) continue;
        for (const auto* values : {&null.summary.mean, &null.summary.low, &null.summary.high})
            if (values->size() != units)
                throw Error(ErrorCode::Mismatch,
                            fmt::format("rotation/{}: the null {} has {} units, but {} are observed.",
                                        dataset, null.null, values->size(), units));
        found.push_back(&null);
    }
    return found;
}

/// What one panel shows.
struct Measure {
    const char* dataset;
    const VectorD& values;  ///< [unit]
    const char* title;
    const char* axis;
};

CurvePlot histogramPlot(const Measure& measure, const Histogram& histogram,
                        const std::vector<const CurveNull*>& nulls, const Theme& theme) {
    CurvePlot plot;
    plot.curves.push_back(outline(histogram, theme.series[0]));
    setRange(plot.y, plot.curves, 0.0);
    const double top = plot.y.high;
    for (const auto* null : nulls) {
        const Color color = nullColor(theme, null->null);
        if (hasBand(*null)) {
            Curve band;
            band.x = {meanOf(null->summary.low), meanOf(null->summary.high)};
            band.y = {nan, nan};
            band.low = {0, 0};
            band.high = {top, top};
            band.color = color;
            plot.curves.push_back(std::move(band));
        }
        plot.curves.push_back(upright(meanOf(null->summary.mean), top, color, Dash::Dashed));
    }
    plot.curves.push_back(upright(meanOf(measure.values), top, theme.series[0], Dash::Solid));
    plot.y.title = "Paths (%)";
    // Along x all that is drawn is shown.
    std::vector<Curve> extent(1);
    for (const auto& curve : plot.curves)
        extent[0].y.insert(extent[0].y.end(), curve.x.begin(), curve.x.end());
    setRange(plot.x, extent);
    plot.x.title = measure.axis;
    return plot;
}

CurvePlot sortedPlot(const Measure& measure, const std::vector<const CurveNull*>& nulls, bool named,
                     const Theme& theme) {
    std::vector<Eigen::Index> order;
    for (Eigen::Index u = 0; u < measure.values.size(); ++u)
        if (std::isfinite(measure.values[u])) order.push_back(u);
    std::stable_sort(order.begin(), order.end(),
                     [&](Eigen::Index a, Eigen::Index b) { return measure.values[a] < measure.values[b]; });
    const auto inOrder = [&](const VectorD& values) {
        std::vector<double> ordered;
        for (const auto u : order) ordered.push_back(values[u]);
        return ordered;
    };
    CurvePlot plot;
    Curve observed;
    observed.x.resize(order.size());
    std::iota(observed.x.begin(), observed.x.end(), 0.0);
    observed.y = inOrder(measure.values);
    if (named) observed.name = "observed";
    observed.color = theme.series[0];
    observed.style.width = 1.6;
    observed.markers = order.size() < 2;
    for (const auto* null : nulls) {
        Curve curve;
        if (named) curve.name = nullLabel(null->null);
        curve.x = observed.x;
        curve.y = smoothed(inOrder(null->summary.mean));
        if (hasBand(*null)) {
            curve.low = smoothed(inOrder(null->summary.low));
            curve.high = smoothed(inOrder(null->summary.high));
        }
        curve.color = nullColor(theme, null->null);
        curve.style.width = 1;
        curve.style.dash = Dash::Dashed;
        plot.curves.push_back(std::move(curve));
    }
    plot.curves.push_back(std::move(observed));
    setRange(plot.y, plot.curves);
    plot.y.title = measure.axis;
    plot.x.title = "Unit (sorted)";
    plot.x.low = -0.5;
    plot.x.high = std::max<double>(1, static_cast<double>(order.size())) - 0.5;
    plot.x.ticks = niceTicks(0, plot.x.high, 4);
    return plot;
}

}  // namespace

Figure rotationFigure(const RotationResult& result, const std::vector<CurveNull>& nulls, const Theme& theme) {
    const Measure turning{"turning", result.turning, "Turning of rows", "Turns of direction"};
    const Measure winding{"winding", result.winding, "Winding of rows", "Turns about the fixed point"};
    const Measure slope{"log_radius_slope", result.logRadiusSlope, "Spiralling of rows",
                        "Slope of ln(radius) (per point)"};
    const Measure meanTurning{"mean_path_turning", result.meanPathTurning, "Turning of the mean path",
                              "Turns of direction"};
    const Measure meanWinding{"mean_path_winding", result.meanPathWinding, "Winding of the mean path",
                              "Turns about the fixed point"};
    Figure figure;
    figure.theme = theme;
    figure.columns = 3;
    const auto its = [&](const Measure& measure) {
        return nullsOf(nulls, measure.dataset, measure.values.size());
    };
    const auto addHistogram = [&](const Measure& measure, const Histogram& histogram) {
        figure.panels.push_back({measure.title, histogramPlot(measure, histogram, its(measure), theme)});
    };
    addHistogram(turning, result.turningHistogram);
    addHistogram(winding, result.windingHistogram);
    addHistogram(slope, result.logRadiusSlopeHistogram);
    // One legend for all of them.
    figure.panels.push_back({"Turning of each unit", sortedPlot(turning, its(turning), true, theme)});
    for (const auto& measure : {meanTurning, meanWinding})
        figure.panels.push_back({measure.title, sortedPlot(measure, its(measure), false, theme)});
    figure.note = joinNotes(
        {"Above: the paths of all rows and units, and means over units. Below: each unit. Turns are positive "
         "counterclockwise: activation to the right, its gradient along depth up.",
         nullNote(nulls),
         nulls.empty() ? "" : "Bands are of single units, averaged (below, over neighbours)."});
    return figure;
}

}  // namespace rheo
