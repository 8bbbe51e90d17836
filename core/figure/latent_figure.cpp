#include "core/figure/latent_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"
#include "core/figure/ranges.h"

namespace rheo {
namespace {

/// Worse than this is no better than any other failure, and would flatten all the rest.
constexpr double lowestR2 = -1;

Curve byIndex(std::string name, const Eigen::Ref<const VectorD>& values, double first, const Color& color) {
    Curve curve;
    curve.name = std::move(name);
    for (Eigen::Index i = 0; i < values.size(); ++i) {
        curve.x.push_back(first + static_cast<double>(i));
        curve.y.push_back(values[i]);
    }
    curve.color = color;
    curve.style.width = 1.4;
    return curve;
}

}  // namespace

namespace {

/// Every state of the rows that are finite, and the mean path over them.
struct LatentStates {
    Curve states, mean;
    std::int64_t rows = 0;
};

LatentStates statesOf(const Array3F& latent, const std::vector<RowIndex>& rows, const Theme& theme) {
    LatentStates drawn;
    const auto points = static_cast<std::size_t>(latent.n1);
    std::vector<double> x(points, 0), y(points, 0);
    for (const RowIndex row : rows) {
        const float* first = latent.at(row.value(), 0);
        if (!std::all_of(first, first + 2 * points, [](float value) { return std::isfinite(value); }))
            continue;
        ++drawn.rows;
        for (std::size_t p = 0; p < points; ++p) {
            drawn.states.x.push_back(first[2 * p]);
            drawn.states.y.push_back(first[2 * p + 1]);
            drawn.states.values.push_back(static_cast<double>(p));
            drawn.states.rows.push_back(row.value());
            x[p] += first[2 * p];
            y[p] += first[2 * p + 1];
        }
    }
    drawn.states.color = theme.muted;
    drawn.states.line = false;
    drawn.states.markers = true;
    drawn.states.markerSize = drawn.states.x.size() > 2000 ? 1.6 : 2.6;
    if (drawn.rows < 2) return drawn;
    for (std::size_t p = 0; p < points; ++p) {
        drawn.mean.x.push_back(x[p] / static_cast<double>(drawn.rows));
        drawn.mean.y.push_back(y[p] / static_cast<double>(drawn.rows));
    }
    drawn.mean.name = fmt::format("mean of {} rows", formatNumber(static_cast<double>(drawn.rows)));
    drawn.mean.color = theme.mean;
    drawn.mean.style.width = 2.2;
    return drawn;
}

ColorScale depthScale(const std::vector<ResidualPoint>& points, const LatentOptions& options) {
    const bool dark = options.theme.dark;
    ColorScale scale;
    scale.map = options.map;
    scale.high = std::max(1.0, static_cast<double>(points.size()) - 1);
    // As of trajectories: viridis ends in a yellow that is lost on white, begins in a violet lost on black.
    if (options.map != ColorMap::Vik) (dark ? scale.mapFrom : scale.mapTo) = dark ? 0.15 : 0.9;
    scale.title = "Depth";
    scale.ticks = depthTicks(points);
    return scale;
}

}  // namespace

Figure latentFigure(const Array3F& latent, const std::vector<ResidualPoint>& points,
                    const LatentOptions& options) {
    if (latent.n2 != 2)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("The latent states have {} coordinates, where 2 were expected.", latent.n2));
    if (latent.n1 < 1 || latent.n1 != static_cast<std::int64_t>(points.size()))
        throw Error(ErrorCode::Mismatch, fmt::format("The latent states have {} points, but {} are named.",
                                                     latent.n1, points.size()));
    std::vector<RowIndex> rows = options.rows;
    if (rows.empty())
        for (std::int64_t n = 0; n < latent.n0; ++n) rows.emplace_back(n);
    for (const RowIndex row : rows)
        if (row.value() < 0 || row.value() >= latent.n0)
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("Row {} was asked for, but there are {} (0 to {}).", row.value(),
                                    latent.n0, latent.n0 - 1));
    const std::int64_t states = static_cast<std::int64_t>(rows.size()) * latent.n1;
    const auto step = static_cast<std::size_t>(std::max<std::int64_t>(
        1, (states + options.mostMarkers - 1) / std::max<std::int64_t>(1, options.mostMarkers)));
    std::vector<RowIndex> shown;
    for (std::size_t i = 0; i < rows.size(); i += step) shown.push_back(rows[i]);
    LatentStates drawn = statesOf(latent, shown, options.theme);

    CurvePlot plot;
    std::vector<Curve> across(1);
    across[0].y = drawn.states.x;
    setRange(plot.x, across);
    plot.curves.push_back(std::move(drawn.states));
    setRange(plot.y, plot.curves);
    if (!drawn.mean.x.empty()) plot.curves.push_back(std::move(drawn.mean));
    plot.x.title = "Latent 1";
    plot.y.title = "Latent 2";
    Figure figure;
    figure.theme = options.theme;
    figure.colorScale = depthScale(points, options);
    const auto number = [](auto count) { return formatNumber(static_cast<double>(count)); };
    const auto left = static_cast<std::int64_t>(shown.size()) - drawn.rows;
    figure.note = joinNotes(
        {left > 0 ? fmt::format("{} of {} rows are left out: their states are not finite.", number(left),
                                number(shown.size()))
                  : "",
         step > 1 ? fmt::format("{} of {} rows are shown.", number(shown.size()), number(rows.size())) : ""});
    figure.panels.push_back({"", std::move(plot)});
    return figure;
}

Figure reconstructionFigure(const ReconstructionInput& input, const Theme& theme) {
    const auto points = static_cast<Eigen::Index>(input.points.size());
    if (points == 0 || input.r2.size() != points || (input.pcaR2.size() != 0 && input.pcaR2.size() != points))
        throw Error(ErrorCode::Mismatch,
                    fmt::format("The reconstruction is given for {} and {} (PCA) points, but {} are named.",
                                input.r2.size(), input.pcaR2.size(), points));
    if (input.loss.size() > 0 && input.loss.cols() != 2)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("The loss has {} columns, where training and validation were expected.",
                                input.loss.cols()));
    Figure figure;
    figure.theme = theme;
    figure.note = depthNote(input.points);
    CurvePlot byDepth;
    byDepth.x = depthAxis(input.points);
    if (input.pcaR2.size() > 0) {
        byDepth.curves.push_back(byIndex("PCA, 2 components", input.pcaR2, 0, theme.muted));
        byDepth.curves.back().style.dash = Dash::Dashed;
    }
    byDepth.curves.push_back(byIndex("autoencoder, 2 units", input.r2, 0, theme.series.front()));
    setRange(byDepth.y, byDepth.curves, {}, 1.0);
    if (byDepth.y.low < lowestR2) {
        byDepth.y.low = lowestR2;
        byDepth.y.ticks = niceTicks(lowestR2, 1, 5);
        figure.note +=
            fmt::format("{}R\xc2\xb2 below {} is not shown.", figure.note.empty() ? "" : " ", lowestR2);
    }
    byDepth.y.title = input.loss.rows() > 0 ? "R\xc2\xb2 of samples held out" : "R\xc2\xb2";
    figure.panels.push_back({"Reconstruction", std::move(byDepth)});
    if (input.loss.rows() > 0) {
        CurvePlot byEpoch;
        byEpoch.curves.push_back(byIndex("training", input.loss.col(0), 1, theme.series.front()));
        byEpoch.curves.push_back(byIndex("validation", input.loss.col(1), 1, theme.series[1]));
        byEpoch.x.title = "Epoch";
        byEpoch.x.low = 1;
        byEpoch.x.high = std::max<double>(2, static_cast<double>(input.loss.rows()));
        for (const auto& tick : niceTicks(1, byEpoch.x.high, 6))
            if (tick.value == std::floor(tick.value))
                byEpoch.x.ticks.push_back({tick.value, fmt::format("{:.0f}", tick.value)});
        setRange(byEpoch.y, byEpoch.curves, 0.0);
        byEpoch.y.title = "Mean squared error (standardised)";
        figure.panels.push_back({"Training", std::move(byEpoch)});
    }
    figure.columns = static_cast<int>(figure.panels.size());
    if (figure.panels.size() == 1) figure.panels.front().title.clear();
    return figure;
}

}  // namespace rheo
