#include "core/figure/density_figure.h"

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
#include "core/figure/ranges.h"

namespace rheo {
namespace {

struct MeasureText {
    DensityMeasure measure;
    std::string_view name;
    std::string_view title;
};
constexpr std::array measures{
    MeasureText{DensityMeasure::Mean, "mean", "Mean activation"},
    MeasureText{DensityMeasure::MeanAbs, "mean_abs", "Mean absolute activation"},
    MeasureText{DensityMeasure::Rms, "rms", "RMS activation"},
    MeasureText{DensityMeasure::ActiveFraction, "active_fraction", "Active rows (share)"},
};

const MeasureText& text(DensityMeasure measure) {
    for (const auto& entry : measures)
        if (entry.measure == measure) return entry;
    return measures.front();
}

constexpr double shareInside = 0.99;  // of the cells, within the limits of the colour scale

void setLimits(ColorScale& scale, const MatrixF& values, DensityMeasure measure,
               std::optional<double> limit) {
    if (measure == DensityMeasure::ActiveFraction) {
        scale.low = 0;
        scale.high = limit && *limit > 0 ? *limit : 1;
        scale.ticks = niceTicks(scale.low, scale.high, 5);
        return;
    }
    std::vector<double> sizes;
    sizes.reserve(static_cast<std::size_t>(values.size()));
    double largest = 0;
    for (Eigen::Index i = 0; i < values.size(); ++i) {
        const double size = std::abs(values.data()[i]);
        if (!std::isfinite(size)) continue;
        sizes.push_back(size);
        largest = std::max(largest, size);
    }
    double bound = largest;
    if (limit && *limit > 0) {
        bound = *limit;
    } else if (!sizes.empty()) {
        const double inside = orderStatistic(
            sizes, static_cast<std::size_t>(shareInside * static_cast<double>(sizes.size() - 1)));
        // Where the largest are not far off, nothing need be cut.
        if (largest > 1.5 * inside && inside > 0) bound = inside;
    }
    if (!(bound > 0)) bound = 1;
    const bool isSigned = measure == DensityMeasure::Mean;
    scale.high = bound;
    scale.low = isSigned ? -bound : 0;
    for (Eigen::Index i = 0; i < values.size(); ++i) {
        scale.clipsHigh |= values.data()[i] > scale.high;
        scale.clipsLow |= values.data()[i] < scale.low;
    }
    scale.ticks = niceTicks(scale.low, scale.high, 5);
}

Axis unitAxis(Eigen::Index units, bool sorted) {
    Axis axis;
    axis.title = sorted ? "Unit (sorted by mean at the last point)" : "Unit";
    axis.kind = AxisKind::Units;
    axis.low = -0.5;
    axis.high = static_cast<double>(units) - 0.5;
    if (units == 1) {
        axis.ticks = {{0, "0"}};
        return axis;
    }
    for (auto& tick : niceTicks(0, static_cast<double>(units - 1), 5))
        if (tick.value == std::floor(tick.value)) axis.ticks.push_back(std::move(tick));
    return axis;
}

}  // namespace

std::string_view densityMeasureName(DensityMeasure measure) {
    return text(measure).name;
}

std::optional<DensityMeasure> parseDensityMeasure(std::string_view name) {
    for (const auto& entry : measures)
        if (entry.name == name) return entry.measure;
    return std::nullopt;
}

Figure densityFigure(const MatrixD& values, const MatrixD& mean, const std::vector<ResidualPoint>& points,
                     const DensityOptions& options) {
    const auto units = values.cols();
    if (values.rows() != static_cast<Eigen::Index>(points.size()) || points.empty() || units == 0)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("The density has shape [{}, {}], but {} points are named.", values.rows(),
                                units, points.size()));
    if (options.sorted && (mean.rows() != values.rows() || mean.cols() != units))
        throw Error(ErrorCode::Mismatch,
                    fmt::format("The density has shape [{}, {}], but the mean that sorts it [{}, {}].",
                                values.rows(), units, mean.rows(), mean.cols()));

    std::vector<bool> masked(static_cast<std::size_t>(units), false);
    for (const auto unit : options.maskedUnits)
        if (unit >= 0 && unit < units) masked[static_cast<std::size_t>(unit)] = true;
    std::vector<std::int64_t> order(static_cast<std::size_t>(units));  // the unit of each row, from below
    std::iota(order.begin(), order.end(), 0);
    if (options.sorted) {
        const auto last = mean.row(mean.rows() - 1);
        // A masked unit, or one whose mean is undefined, sorts below all others.
        const auto key = [&](std::int64_t unit) {
            return masked[static_cast<std::size_t>(unit)] || std::isnan(last[unit])
                       ? -std::numeric_limits<double>::infinity()
                       : last[unit];
        };
        std::stable_sort(order.begin(), order.end(),
                         [&](std::int64_t a, std::int64_t b) { return key(a) < key(b); });
    }

    HeatmapPlot plot;
    plot.values.resize(units, values.rows());
    for (Eigen::Index row = 0; row < units; ++row) {
        const auto unit = order[static_cast<std::size_t>(row)];
        if (masked[static_cast<std::size_t>(unit)])
            plot.values.row(row).setConstant(std::numeric_limits<float>::quiet_NaN());
        else
            plot.values.row(row) = values.col(unit).transpose().cast<float>();
    }
    plot.x = depthAxis(points);
    plot.y = unitAxis(units, options.sorted);
    plot.y.ids = std::move(order);
    plot.colorScale.map = options.measure == DensityMeasure::Mean ? ColorMap::Vik : options.map;
    plot.colorScale.title = text(options.measure).title;
    if (options.measure != DensityMeasure::ActiveFraction)
        plot.colorScale.title += fmt::format(" ({})", unitName(options.scaling));
    setLimits(plot.colorScale, plot.values, options.measure, options.limit);

    Figure figure;
    figure.theme = options.theme;
    figure.note = depthNote(points);
    figure.panels.push_back({{}, std::move(plot)});
    return figure;
}

Figure densityFigure(const DensityResult& result, const std::vector<ResidualPoint>& points,
                     const DensityOptions& options) {
    switch (options.measure) {
        case DensityMeasure::MeanAbs: return densityFigure(result.meanAbs, result.mean, points, options);
        case DensityMeasure::Rms: return densityFigure(result.rms, result.mean, points, options);
        case DensityMeasure::ActiveFraction:
            return densityFigure(result.activeFraction, result.mean, points, options);
        case DensityMeasure::Mean: break;
    }
    return densityFigure(result.mean, result.mean, points, options);
}

Figure densityCurvesFigure(const DensityResult& result, const std::vector<CurveNull>& nulls,
                           const std::vector<ResidualPoint>& points, const Theme& theme) {
    struct Entry {
        const VectorD& values;
        const char* dataset;
        const char* title;
        const char* axis;
    };
    const std::array entries{
        Entry{result.trevesRolls, "treves_rolls", "Treves-Rolls", "Density (1: all units alike)"},
        Entry{result.hoyer, "hoyer", "Hoyer", "Sparsity (1: one unit alone)"},
        Entry{result.kurtosis, "kurtosis", "Kurtosis", "Excess kurtosis over units"},
        Entry{result.participationRatio, "participation_ratio", "Participation ratio",
              "Effective dimensions"},
    };
    Figure figure;
    figure.theme = theme;
    for (const auto& entry : entries) {
        if (entry.values.size() == 0) continue;
        if (entry.values.size() != static_cast<Eigen::Index>(points.size()))
            throw Error(ErrorCode::Mismatch, fmt::format("{} has {} values, but {} points are named.",
                                                         entry.title, entry.values.size(), points.size()));
        // One legend for all of them.
        const DepthNames names =
            figure.panels.empty() && !nulls.empty() ? DepthNames{"observed", {}, {}, {}, true} : DepthNames{};
        const DepthCurve curve{entry.values, nullptr, "density", entry.dataset, 0.0, false};
        CurvePlot plot = depthPlot(curve, nulls, points, theme, names);
        plot.y.title = entry.axis;
        figure.panels.push_back({entry.title, std::move(plot)});
    }
    figure.columns = figure.panels.size() > 1 ? 2 : 1;
    figure.note = joinNotes({nullNote(nulls), depthNote(points)});
    return figure;
}

}  // namespace rheo
