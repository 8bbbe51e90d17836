#include "core/figure/divergence_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"
#include "core/figure/ranges.h"

namespace rheo {

namespace {

/// The embedding's first steps can part the rows a hundred times faster than any other. Leaves out of the
/// axis what is more than five times as large as nineteen of twenty rates; gives the sentence that says so.
std::string limitToMostRates(CurvePlot& plot, const VectorD& rate) {
    std::vector<double> sizes;
    for (const double x : rate)
        if (std::isfinite(x)) sizes.push_back(std::abs(x));
    if (sizes.size() < 20) return "";
    std::sort(sizes.begin(), sizes.end());
    const double limit = 5 * sizes[sizes.size() * 19 / 20];
    const auto beyond = sizes.end() - std::upper_bound(sizes.begin(), sizes.end(), limit);
    if (beyond == 0) return "";
    std::vector<Curve> within = plot.curves;
    for (auto& curve : within)
        for (auto* values : {&curve.y, &curve.low, &curve.high})
            for (double& y : *values)
                if (std::abs(y) > limit) y = std::numeric_limits<double>::quiet_NaN();
    setRange(plot.y, within, {}, {});
    return fmt::format("{} of {} rates {} beyond the axis, the largest at {:.2f}.", beyond, sizes.size(),
                       beyond == 1 ? "lies" : "lie", sizes.back());
}

}  // namespace

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
    std::string beyond;
    if (result.rate.size() > 0) {
        CurvePlot rate = depthPlot({result.rate, nullptr, "divergence", "rate"}, nulls, points, theme,
                                   {"", "attention steps", "MLP steps", "", false});
        beyond = limitToMostRates(rate, result.rate);
        addZeroLine(rate, theme);
        rate.y.title = "ln(distance after / before)";
        figure.panels.push_back({"Rate of divergence", std::move(rate)});
    }
    figure.columns = static_cast<int>(figure.panels.size());
    figure.note = joinNotes({nullNote(nulls), depthNote(points), beyond});
    return figure;
}

}  // namespace rheo
