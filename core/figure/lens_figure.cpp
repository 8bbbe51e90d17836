#include "core/figure/lens_figure.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/ranges.h"

namespace rheo {
namespace {

CurvePlot byDepth(const MatrixD& rows, const VectorD& mean, const std::vector<ResidualPoint>& points,
                  const Color& color, const char* axis) {
    const auto count = static_cast<Eigen::Index>(points.size());
    if (count == 0 || rows.cols() != count || mean.size() != count)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("The lens is given for {} points and has means of {}, but {} "
                                "are named.",
                                rows.cols(), mean.size(), count));
    CurvePlot plot;
    plot.x = depthAxis(points);
    Curve curve;
    curve.name = "mean";
    for (Eigen::Index p = 0; p < count; ++p) {
        curve.x.push_back(static_cast<double>(p));
        curve.y.push_back(mean[p]);
    }
    Band band = quantileBand(rows);
    curve.low = std::move(band.low);
    curve.high = std::move(band.high);
    curve.bandName = "rows, 95 %";
    curve.color = color;
    curve.style.width = 1.4;
    plot.curves.push_back(std::move(curve));
    setRange(plot.y, plot.curves, 0.0);
    plot.y.title = axis;
    return plot;
}

}  // namespace

Figure lensFigure(const LensInput& input, const Theme& theme) {
    Figure figure;
    figure.theme = theme;
    figure.panels.push_back(
        {"Entropy of the next token",
         byDepth(input.entropy, input.meanEntropy, input.points, theme.series[0], "Entropy (nats)")});
    if (input.klToFinal.size() > 0)
        figure.panels.push_back(
            {"Divergence from the final answer", byDepth(input.klToFinal, input.meanKlToFinal, input.points,
                                                         theme.series[1], "KL(final || lens) (nats)")});
    figure.columns = static_cast<int>(figure.panels.size());
    figure.note = depthNote(input.points);
    return figure;
}

}  // namespace rheo
