#include "core/figure/latent_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/ranges.h"
#include "core/figure/trajectory_figure.h"

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

Figure latentFigure(const Array3F& latent, const std::vector<ResidualPoint>& points,
                    const LatentOptions& options) {
    if (latent.n2 != 2)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("The latent states have {} coordinates, where 2 were expected.", latent.n2));
    // Trajectories in a space whose second axis is flat, of which the points are kept and the lines are not.
    Array3F space(latent.n0, latent.n1, 3);
    for (std::int64_t n = 0; n < latent.n0; ++n)
        for (std::int64_t p = 0; p < latent.n1; ++p) {
            space.at(n, p)[0] = latent.at(n, p)[0];
            space.at(n, p)[2] = latent.at(n, p)[1];
        }
    TrajectoryOptions paths;
    paths.theme = options.theme;
    paths.map = options.map;
    std::vector<RowIndex> rows = options.rows;
    if (rows.empty())
        for (std::int64_t n = 0; n < latent.n0; ++n) rows.emplace_back(n);
    const std::int64_t states = static_cast<std::int64_t>(rows.size()) * latent.n1;
    const std::int64_t step =
        (states + options.mostMarkers - 1) / std::max<std::int64_t>(1, options.mostMarkers);
    for (std::size_t i = 0; i < rows.size(); i += static_cast<std::size_t>(std::max<std::int64_t>(1, step)))
        paths.rows.push_back(rows[i]);

    Figure figure = trajectoryFigure({space, {}, points, {}}, paths);
    auto& plot = std::get<Plot3D>(figure.panels.front().plot);
    plot.axes[0].title = "Latent 1";
    plot.axes[1].title.clear();
    plot.axes[1].ticks.clear();
    plot.axes[2].title = "Latent 2";
    MarkerSet3 markers;
    markers.xyz = std::move(plot.lines.front().xyz);
    markers.values = std::move(plot.lines.front().values);
    for (std::size_t i = 0; i < markers.values.size(); ++i)
        markers.tags.push_back(static_cast<std::int64_t>(i) % latent.n1);
    markers.size = markers.values.size() > 2000 ? 1.6 : 2.6;
    plot.lines.erase(plot.lines.begin());
    plot.markers.push_back(std::move(markers));
    plot.camera.azimuth = plot.camera.elevation = 0;
    const Eigen::AlignedBox3d box = boxOf(plot);
    plot.camera = fitted(plot.camera, box.min(), box.max(), 4.0 / 3.0);
    if (step > 1)
        figure.note += fmt::format("{}{} of {} rows are shown.", figure.note.empty() ? "" : " ",
                                   formatNumber(static_cast<double>(paths.rows.size())),
                                   formatNumber(static_cast<double>(rows.size())));
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
