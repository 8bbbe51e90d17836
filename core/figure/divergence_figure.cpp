#include "core/figure/divergence_figure.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"

namespace rheo {

Figure divergenceFigure(const DivergenceResult& result, const std::vector<CurveNull>& nulls,
                        const std::vector<ResidualPoint>& points, Scaling scaling, const Theme& theme) {
    const auto count = static_cast<Eigen::Index>(points.size());
    if (result.meanDistance.size() != count || result.rate.size() != count - 1)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("divergence has {} distances and {} rates, but {} points are named.",
                                result.meanDistance.size(), result.rate.size(), count));
    Figure figure;
    figure.theme = theme;
    CurvePlot distance =
        depthPlot({result.meanDistance, nullptr, "divergence", "mean_distance", 0.0, false}, nulls, points,
                  theme, {"mean over pairs of rows", "attention steps", "MLP steps", "", true});
    useLogScale(distance);
    distance.y.title = fmt::format("Distance between rows ({})", unitName(scaling));
    figure.panels.push_back({"Distance between rows", std::move(distance)});
    if (result.rate.size() > 0) {
        CurvePlot rate = depthPlot({result.rate, nullptr, "divergence", "rate"}, nulls, points, theme,
                                   {"", "attention steps", "MLP steps", "", false});
        addZeroLine(rate, theme);
        rate.y.title = "ln(distance after / before)";
        figure.panels.push_back({"Rate of divergence", std::move(rate)});
    }
    figure.columns = static_cast<int>(figure.panels.size());
    figure.note = joinNotes({nullNote(nulls), depthNote(points)});
    return figure;
}

}  // namespace rheo
