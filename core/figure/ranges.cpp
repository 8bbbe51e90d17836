#include "core/figure/ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/quantile.h"

namespace rheo {
namespace {

constexpr double margin = 0.05;  // of the range, beyond the data

struct Interval {
    double least = std::numeric_limits<double>::infinity();
    double most = -std::numeric_limits<double>::infinity();
    bool empty() const { return !(least <= most); }
    void include(double value) {
        least = std::min(least, value);
        most = std::max(most, value);
    }
};

template <class AxisType>
struct Axes2 {
    AxisType* x = nullptr;
    AxisType* y = nullptr;
};

/// The axes of a panel that can be zoomed; null where there are none.
template <class AxisType, class FigureType>
Axes2<AxisType> axesOf(FigureType& figure, std::size_t panel) {
    if (panel >= figure.panels.size()) return {};
    auto& plot = figure.panels[panel].plot;
    if (auto* heatmap = std::get_if<HeatmapPlot>(&plot)) return {&heatmap->x, &heatmap->y};
    if (auto* curves = std::get_if<CurvePlot>(&plot)) return {&curves->x, &curves->y};
    return {};
}

}  // namespace

namespace {

/// `range` moved and widened so that it lies within `limit` and is at least `nearest` wide; the range as it
/// is, to the last bit, where it already does; none where it would be all of `limit`. A logarithmic axis is
/// moved and widened in its logarithm.
std::optional<Interval> withinLimit(const Axis& limit, const AxisRange& range, double nearest) {
    const auto to = [&](double value) { return limit.logarithmic ? std::log(value) : value; };
    const auto from = [&](double value) { return limit.logarithmic ? std::exp(value) : value; };
    const double least = to(limit.low), most = to(limit.high);
    const double low = to(range.low), high = to(range.high);
    const double span = std::clamp(high - low, std::min(nearest, most - least), most - least);
    if (span >= most - least) return std::nullopt;
    if (span == high - low && low >= least && high <= most) return Interval{range.low, range.high};
    const double start = std::clamp((low + high - span) / 2, least, most - span);
    return Interval{from(start), from(start + span)};
}

bool isShowable(const Axis& limit, const AxisRange& range) {
    const auto finite = [&](double value) {
        return std::isfinite(value) && (!limit.logarithmic || std::isfinite(std::log(value)));
    };
    return finite(range.low) && finite(range.high);
}

}  // namespace

void showRange(const Figure& whole, Figure& shown, const AxisRange& range) {
    const auto i = static_cast<std::size_t>(range.panel);
    const auto limits = axesOf<const Axis>(whole, i);
    const auto axes = axesOf<Axis>(shown, i);
    const Axis* limit = range.vertical ? limits.y : limits.x;
    Axis* axis = range.vertical ? axes.y : axes.x;
    if (limit == nullptr || axis == nullptr || !isShowable(*limit, range)) return;
    const bool cells = std::holds_alternative<HeatmapPlot>(whole.panels[i].plot);
    const auto interval = withinLimit(*limit, range, cells ? 2.0 : 1e-6 * (limit->high - limit->low));
    if (!interval) {
        *axis = *limit;
        return;
    }
    axis->low = interval->least;
    axis->high = interval->most;
    if (!limit->named)
        axis->ticks =
            limit->logarithmic ? logTicks(axis->low, axis->high, 5) : niceTicks(axis->low, axis->high, 5);
    // Cells are counted: there is no tick between two of them.
    if (cells)
        std::erase_if(axis->ticks, [](const Tick& tick) { return tick.value != std::round(tick.value); });
}

std::vector<AxisRange> rangesShown(const Figure& whole, const Figure& shown) {
    std::vector<AxisRange> ranges;
    for (std::size_t i = 0; i < std::min(whole.panels.size(), shown.panels.size()); ++i) {
        const auto limits = axesOf<const Axis>(whole, i);
        const auto axes = axesOf<const Axis>(shown, i);
        if (limits.x == nullptr || axes.x == nullptr) continue;
        for (const bool vertical : {false, true}) {
            const Axis& limit = vertical ? *limits.y : *limits.x;
            const Axis& axis = vertical ? *axes.y : *axes.x;
            if (limit.low != axis.low || limit.high != axis.high)
                ranges.push_back({static_cast<int>(i), vertical, axis.low, axis.high});
        }
    }
    return ranges;
}

void showColors(Figure& figure, const ColorRange& range) {
    if (!(range.low < range.high) || !std::isfinite(range.low) || !std::isfinite(range.high) ||
        !(range.blankBelow >= 0) || !std::isfinite(range.blankBelow))
        throw Error(ErrorCode::InvalidArgument, fmt::format("colours cannot go from {} to {}, blank below {}",
                                                            range.low, range.high, range.blankBelow));
    bool any = false;
    for (Panel& panel : figure.panels) {
        auto* heatmap = std::get_if<HeatmapPlot>(&panel.plot);
        if (heatmap == nullptr) continue;
        any = true;
        ColorScale& scale = heatmap->colorScale;
        const double end = std::max(std::abs(range.low), std::abs(range.high));
        const bool isSymmetric = scale.low == -scale.high;
        scale.low = isSymmetric ? -end : range.low;
        scale.high = isSymmetric ? end : range.high;
        scale.blankBelow = range.blankBelow;
        scale.ticks = niceTicks(scale.low, scale.high, 5);
        scale.clipsLow = (heatmap->values.array() < static_cast<float>(scale.low)).any();
        scale.clipsHigh = (heatmap->values.array() > static_cast<float>(scale.high)).any();
    }
    if (!any)
        throw Error(ErrorCode::InvalidArgument, "this figure has no heatmap whose colours could be set");
}

std::optional<ColorRange> colorsOf(const Figure& figure) {
    for (const Panel& panel : figure.panels)
        if (const auto* heatmap = std::get_if<HeatmapPlot>(&panel.plot))
            return ColorRange{heatmap->colorScale.low, heatmap->colorScale.high,
                              heatmap->colorScale.blankBelow};
    return std::nullopt;
}

namespace {

/// What the axis can show of the curves and of the given ends.
Interval shownBy(const Axis& axis, const std::vector<Curve>& curves, std::optional<double> low,
                 std::optional<double> high) {
    Interval interval;
    const auto include = [&](double y) {
        if (std::isfinite(y) && (!axis.logarithmic || y > 0)) interval.include(y);
    };
    for (const auto& curve : curves)
        for (const auto* values : {&curve.y, &curve.low, &curve.high})
            for (const double y : *values) include(y);
    if (low) include(*low);
    if (high) include(*high);
    if (!interval.empty()) return interval;
    return axis.logarithmic ? Interval{1, 10} : Interval{0, 1};
}

/// The interval with a margin on both sides.
Interval widened(const Interval& interval, bool logarithmic) {
    if (logarithmic) {
        const double factor = std::pow(std::max(interval.most / interval.least, 2.0), margin);
        return {interval.least / factor, interval.most * factor};
    }
    double span = interval.most - interval.least;
    if (!(span > 0)) span = interval.most != 0 ? std::abs(interval.most) : 1;
    return {interval.least - margin * span, interval.most + margin * span};
}

}  // namespace

void setRange(Axis& axis, const std::vector<Curve>& curves, std::optional<double> low,
              std::optional<double> high) {
    const Interval shown = shownBy(axis, curves, low, high);
    const Interval wide = widened(shown, axis.logarithmic);
    axis.low = low && *low <= shown.least ? shown.least : wide.least;
    axis.high = high && *high >= shown.most ? shown.most : wide.most;
    axis.ticks = axis.logarithmic ? logTicks(axis.low, axis.high) : niceTicks(axis.low, axis.high, 5);
}

Band quantileBand(const MatrixD& values, double share) {
    Band band;
    std::vector<double> column;
    for (Eigen::Index j = 0; j < values.cols(); ++j) {
        column.clear();
        for (Eigen::Index i = 0; i < values.rows(); ++i)
            if (!std::isnan(values(i, j))) column.push_back(values(i, j));
        std::sort(column.begin(), column.end());
        band.low.push_back(quantile(column, (1 - share) / 2));
        band.high.push_back(quantile(column, (1 + share) / 2));
    }
    return band;
}

}  // namespace rheo
