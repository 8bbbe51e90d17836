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

}  // namespace

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
