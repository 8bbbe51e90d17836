#include "core/figure/mutual_information_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/error.h"
#include "core/base/quantile.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"

namespace rheo {
namespace {

constexpr double shareInside = 0.99;  // of the cells, within the colour scale

/// Units by step, those that tell most on top.
HeatmapPlot mapPlot(const MatrixD& mi, const std::vector<ResidualPoint>& points, ColorMap map) {
    const auto units = mi.cols();
    std::vector<double> means(static_cast<std::size_t>(units));
    for (Eigen::Index u = 0; u < units; ++u) {
        const auto column = mi.col(u).array();
        const auto defined = column.isFinite();
        means[static_cast<std::size_t>(u)] =
            defined.any() ? defined.select(column, 0).sum() / static_cast<double>(defined.count())
                          : -std::numeric_limits<double>::infinity();
    }
    std::vector<std::int64_t> order(static_cast<std::size_t>(units));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        return means[static_cast<std::size_t>(a)] < means[static_cast<std::size_t>(b)];
    });

    HeatmapPlot plot;
    plot.values.resize(units, mi.rows());
    std::vector<double> shown;
    for (Eigen::Index row = 0; row < units; ++row)
        for (Eigen::Index p = 0; p < mi.rows(); ++p) {
            const double value = mi(p, order[static_cast<std::size_t>(row)]);
            plot.values(row, p) = static_cast<float>(value);
            if (std::isfinite(value)) shown.push_back(value);
        }
    plot.x = stepAxis(points);
    plot.y.title = "Unit (sorted by mean)";
    plot.y.kind = AxisKind::Units;
    plot.y.low = -0.5;
    plot.y.high = static_cast<double>(units) - 0.5;
    plot.y.ticks = niceTicks(0, static_cast<double>(std::max<Eigen::Index>(units - 1, 1)), 5);
    plot.y.ids = std::move(order);
    auto& scale = plot.colorScale;
    scale.map = map;
    scale.title = "Mutual information (nats)";
    if (!shown.empty()) {
        const double inside = orderStatistic(
            shown, static_cast<std::size_t>(shareInside * static_cast<double>(shown.size() - 1)));
        if (inside > 0) scale.high = inside;
        // An estimate may fall a little below 0, which is its noise.
        scale.clipsLow = *std::min_element(shown.begin(), shown.end()) < -0.05 * scale.high;
        scale.clipsHigh = *std::max_element(shown.begin(), shown.end()) > scale.high;
    }
    scale.ticks = niceTicks(scale.low, scale.high, 5);
    return plot;
}

}  // namespace

Figure mutualInformationFigure(const MutualInformationResult& result, const std::vector<CurveNull>& nulls,
                               const std::vector<ResidualPoint>& points,
                               const MutualInformationFigureOptions& options) {
    struct Entry {
        const VectorD& values;
        const char* dataset;
        const char* title;
    };
    const std::array entries{
        Entry{result.mean, "mean", "Mutual information"},
        Entry{result.meanGaussian, "mean_gaussian", "Gaussian of the same correlation"},
        Entry{result.meanExcess, "mean_excess", "Excess over the Gaussian"},
    };
    Figure figure;
    figure.theme = options.theme;
    figure.columns = 2;
    for (const auto& entry : entries) {
        if (entry.values.size() + 1 != static_cast<Eigen::Index>(points.size()))
            throw Error(ErrorCode::Mismatch,
                        fmt::format("mutual_information/{} has {} steps, but {} points are named.",
                                    entry.dataset, entry.values.size(), points.size()));
        // One legend for all of them.
        const DepthNames names = figure.panels.empty()
                                     ? DepthNames{"observed", "attention steps", "MLP steps", {}, true}
                                     : DepthNames{};
        CurvePlot plot = depthPlot({entry.values, nullptr, "mutual_information", entry.dataset}, nulls,
                                   points, options.theme, names);
        addZeroLine(plot, options.theme);
        plot.y.title = "Mean over units (nats)";
        figure.panels.push_back({entry.title, std::move(plot)});
    }
    if (result.mi.rows() + 1 == static_cast<Eigen::Index>(points.size()))
        figure.panels.push_back({"Each unit", mapPlot(result.mi, points, options.map)});
    figure.note = joinNotes(
        {"What a unit's value tells of its value at the next point.", nullNote(nulls), depthNote(points)});
    return figure;
}

}  // namespace rheo
