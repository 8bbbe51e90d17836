#include "core/figure/jacobian_figure.h"

#include <fmt/format.h>

#include <array>
#include <string>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"
#include "core/figure/ranges.h"

namespace rheo {

namespace {

Curve meanOf(const MatrixD& values, double offset, const Color& color, const std::string& name) {
    Curve curve;
    curve.name = name;
    curve.color = color;
    curve.style.width = 1.5;
    for (Eigen::Index s = 0; s < values.cols(); ++s) {
        curve.x.push_back(static_cast<double>(s) + offset);
        curve.y.push_back(values.col(s).mean());
    }
    if (values.rows() > 1) {
        const Band band = quantileBand(values);
        curve.low = band.low;
        curve.high = band.high;
    }
    return curve;
}

struct Measure {
    const char* title;
    const MatrixD JacobianResult::*values;
    const VectorD JacobianResult::*untrained;
    double offset;  ///< of a step half a point; of all steps so far the point they end at
};
constexpr std::array measures{
    Measure{"Departure from normality", &JacobianResult::henrici, &JacobianResult::untrainedHenrici, 0.5},
    Measure{"Symmetric share", &JacobianResult::symmetricShare, &JacobianResult::untrainedSymmetricShare,
            0.5},
    Measure{"Share of complex eigenvalues", &JacobianResult::complexShare,
            &JacobianResult::untrainedComplexShare, 0.5},
    Measure{"Effective rank of all steps so far", &JacobianResult::cumulativeEffectiveRank,
            &JacobianResult::untrainedCumulativeEffectiveRank, 1}};

CurvePlot plotOf(const Measure& measure, const JacobianResult& result,
                 const std::vector<ResidualPoint>& points, bool named, const Theme& theme) {
    CurvePlot plot;
    plot.x = depthAxis(points);
    const VectorD& untrained = result.*measure.untrained;
    if (untrained.size() > 0) {
        plot.curves.push_back(meanOf(untrained.transpose(), measure.offset, nullColor(theme, "untrained"),
                                     named ? "untrained network" : ""));
        plot.curves.back().style.dash = Dash::Dashed;
    }
    plot.curves.push_back(
        meanOf(result.*measure.values, measure.offset, theme.series[0], named ? "this network" : ""));
    setRange(plot.y, plot.curves);
    plot.y.title = measure.title;
    return plot;
}

CurvePlot exponents(const JacobianResult& result, const Theme& theme) {
    CurvePlot plot;
    plot.curves.push_back(meanOf(result.lyapunov, 1, theme.series[0], ""));
    plot.x.title = "Exponent, from the largest";
    plot.x.low = 1;
    plot.x.high = std::max(2.0, static_cast<double>(result.lyapunov.cols()));
    plot.x.ticks = niceTicks(plot.x.low, plot.x.high);
    setRange(plot.y, plot.curves, 0.0);
    addZeroLine(plot, theme);
    plot.y.title = "Lyapunov exponent (nats per step)";
    return plot;
}

}  // namespace

Figure jacobianFigure(const JacobianResult& result, const std::vector<ResidualPoint>& points,
                      const Theme& theme) {
    if (result.steps() < 1 || static_cast<std::size_t>(result.steps()) + 1 != points.size())
        throw Error(ErrorCode::Mismatch,
                    fmt::format("the derivatives are of {} steps, and {} points are named", result.steps(),
                                points.size()));
    Figure figure;
    figure.theme = theme;
    figure.columns = 2;
    for (const Measure& measure : measures)
        if (!(result.*measure.values).array().isNaN().all())
            figure.panels.push_back({"", plotOf(measure, result, points, figure.panels.empty(), theme)});
    figure.panels.push_back({"", exponents(result, theme)});
    figure.note =
        joinNotes({fmt::format("Derivatives of each step at {} rows, {}.", result.rows.size(),
                               result.alone != 0 ? "each as a lone token" : "earlier tokens held fixed"),
                   result.rows.size() > 1 ? "Bands hold 95 % of the rows." : "", depthNote(points)});
    return figure;
}

}  // namespace rheo
