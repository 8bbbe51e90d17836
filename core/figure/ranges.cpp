#include "core/figure/ranges.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rheo {
namespace {

constexpr double room = 0.05;  // of the range, beyond the data

/// Quantile `q` of sorted values, linear between neighbours.
double quantile(const std::vector<double>& sorted, double q) {
    const double at = q * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const auto above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

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

void showRange(const Figure& whole, Figure& shown, const AxisRange& range) {
    const auto i = static_cast<std::size_t>(range.panel);
    const auto limits = axesOf<const Axis>(whole, i);
    const auto axes = axesOf<Axis>(shown, i);
    const Axis* limit = range.vertical ? limits.y : limits.x;
    Axis* axis = range.vertical ? axes.y : axes.x;
    if (limit == nullptr || axis == nullptr || !std::isfinite(range.low) || !std::isfinite(range.high))
        return;
    // Logarithmic axes are moved and zoomed in their logarithm.
    const auto to = [&](double value) { return limit->logarithmic ? std::log(value) : value; };
    const auto from = [&](double value) { return limit->logarithmic ? std::exp(value) : value; };
    const bool cells = std::holds_alternative<HeatmapPlot>(whole.panels[i].plot);
    const double least = to(limit->low);
    const double most = to(limit->high);
    const double nearest = cells ? 2.0 : 1e-6 * (limit->high - limit->low);
    const double low = to(range.low);
    const double high = to(range.high);
    if (!std::isfinite(low) || !std::isfinite(high)) return;
    const double span = std::clamp(high - low, std::min(nearest, most - least), most - least);
    if (span >= most - least) {
        *axis = *limit;
        return;
    }
    // What is inside and no nearer than allowed stays as it is, to the last bit.
    const bool kept = span == high - low && low >= least && high <= most;
    const double start = std::clamp((low + high - span) / 2, least, most - span);
    axis->low = kept ? range.low : from(start);
    axis->high = kept ? range.high : from(start + span);
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

void setRange(Axis& axis, const std::vector<Curve>& curves, std::optional<double> low,
              std::optional<double> high) {
    double least = std::numeric_limits<double>::infinity();
    double most = -least;
    const auto take = [&](double y) {
        if (!std::isfinite(y) || (axis.logarithmic && !(y > 0))) return;
        least = std::min(least, y);
        most = std::max(most, y);
    };
    for (const auto& curve : curves)
        for (const auto* values : {&curve.y, &curve.low, &curve.high})
            for (const double y : *values) take(y);
    if (low) take(*low);
    if (high) take(*high);
    if (!(least <= most)) {
        least = axis.logarithmic ? 1 : 0;
        most = axis.logarithmic ? 10 : 1;
    }
    if (axis.logarithmic) {
        const double factor = std::pow(std::max(most / least, 2.0), room);
        axis.low = low && *low <= least ? least : least / factor;
        axis.high = high && *high >= most ? most : most * factor;
        axis.ticks = logTicks(axis.low, axis.high);
        return;
    }
    double span = most - least;
    if (!(span > 0)) span = most != 0 ? std::abs(most) : 1;
    axis.low = low && *low <= least ? least : least - room * span;
    axis.high = high && *high >= most ? most : most + room * span;
    axis.ticks = niceTicks(axis.low, axis.high, 5);
}

Band quantileBand(const MatrixD& values, double share) {
    Band band;
    std::vector<double> column;
    for (Eigen::Index j = 0; j < values.cols(); ++j) {
        column.clear();
        for (Eigen::Index i = 0; i < values.rows(); ++i)
            if (!std::isnan(values(i, j))) column.push_back(values(i, j));
        if (column.empty()) {
            band.low.push_back(std::numeric_limits<double>::quiet_NaN());
            band.high.push_back(std::numeric_limits<double>::quiet_NaN());
            continue;
        }
        std::sort(column.begin(), column.end());
        band.low.push_back(quantile(column, (1 - share) / 2));
        band.high.push_back(quantile(column, (1 + share) / 2));
    }
    return band;
}

}  // namespace rheo
