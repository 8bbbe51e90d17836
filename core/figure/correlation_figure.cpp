#include "core/figure/correlation_figure.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"

namespace rheo {
namespace {

constexpr double clearlyNegative = -0.1;  // below it, zero is the middle of the scale

HeatmapPlot matrixPlot(const MatrixD& matrix, const std::vector<ResidualPoint>& points, ColorMap map) {
    HeatmapPlot plot;
    plot.values = matrix.cast<float>();
    plot.x = depthAxis(points);
    plot.y = plot.x;
    double least = 1;
    for (Eigen::Index i = 0; i < matrix.size(); ++i)
        if (std::isfinite(matrix.data()[i])) least = std::min(least, matrix.data()[i]);
    auto& scale = plot.colorScale;
    scale.map = least < clearlyNegative ? ColorMap::Vik : map;
    scale.low = least < clearlyNegative ? -1 : 0;
    scale.high = 1;
    scale.clipsLow = least < scale.low;
    scale.title = "Mean r over units";
    scale.ticks = niceTicks(scale.low, scale.high, 5);
    return plot;
}

/// "name: mean 0.981", over blocks; the name alone where no block has one.
std::string withMean(const std::string& name, const VectorD& values) {
    double sum = 0;
    int count = 0;
    for (const double value : values) {
        if (!std::isfinite(value)) continue;
        sum += value;
        ++count;
    }
    return count == 0 ? name : fmt::format("{}: mean {:.3f}", name, sum / count);
}

}  // namespace

Figure correlationFigure(const CorrelationResult& result, const std::vector<CurveNull>& nulls,
                         const std::vector<ResidualPoint>& points, const CorrelationOptions& options) {
    const auto count = static_cast<Eigen::Index>(points.size());
    if (result.mean.size() != count - 1 ||
        (result.matrix.size() > 0 && (result.matrix.rows() != count || result.matrix.cols() != count)))
        throw Error(ErrorCode::Mismatch,
                    fmt::format("The correlation has {} steps and a matrix of shape [{}, {}], but {} points "
                                "are named.",
                                result.mean.size(), result.matrix.rows(), result.matrix.cols(), count));
    Figure figure;
    figure.theme = options.theme;
    if (result.matrix.size() > 0)
        figure.panels.push_back({"Between any two points", matrixPlot(result.matrix, points, options.map)});

    DepthCurve curve{result.mean, nullptr, "correlation", "mean"};
    curve.markers = true;
    const DepthNames names{withMean("observed", result.mean),
                           withMean("inside blocks (attention)", result.blockInside),
                           withMean("across blocks (MLP)", result.blockAcross),
                           {},
                           true};
    CurvePlot steps = depthPlot(curve, nulls, points, options.theme, names);
    useFisherScale(steps);
    steps.y.title = "Mean r over units";
    figure.panels.push_back({"From point to point", std::move(steps)});
    figure.columns = static_cast<int>(figure.panels.size());
    figure.note = joinNotes({nullNote(nulls), depthNote(points)});
    return figure;
}

}  // namespace rheo
