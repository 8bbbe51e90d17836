#include "core/figure/dimension_figure.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"

namespace rheo {

Figure dimensionFigure(const DimensionResult& result, const std::vector<CurveNull>& nulls,
                       const std::vector<ResidualPoint>& points, const Theme& theme) {
    const auto count = static_cast<Eigen::Index>(points.size());
    if (result.twoNn.size() != count || result.participationRatio.size() != count)
        throw Error(ErrorCode::Mismatch, fmt::format("dimension has {} values, but {} points are named.",
                                                     result.twoNn.size(), count));
    Figure figure;
    figure.theme = theme;
    CurvePlot intrinsic = depthPlot({result.twoNn, nullptr, "dimension", "two_nn", 0.0, false}, nulls, points,
                                    theme, {"observed", "", "", "", true});
    intrinsic.y.title = "Intrinsic dimension (TwoNN)";
    CurvePlot linear =
        depthPlot({result.participationRatio, nullptr, "dimension", "participation_ratio", 0.0, false}, nulls,
                  points, theme, {});
    linear.y.title = "Participation ratio";
    figure.panels.push_back({"Intrinsic dimension", std::move(intrinsic)});
    figure.panels.push_back({"Participation ratio", std::move(linear)});
    figure.columns = 2;
    figure.note = joinNotes({nullNote(nulls), depthNote(points)});
    return figure;
}

}  // namespace rheo
