#include "core/figure/linear_step_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"
#include "core/figure/ranges.h"

namespace rheo {

namespace {

constexpr double lowestShown = -1;

/// Values of the steps of one kind.
struct StepsOfKind {
    std::vector<double> x;  ///< in points
    std::vector<Eigen::Index> steps;

    StepsOfKind(const std::vector<StepKind>& kinds, StepKind kind) {
        for (std::size_t p = 0; p < kinds.size(); ++p) {
            if (kinds[p] != kind) continue;
            x.push_back(static_cast<double>(p) + 0.5);
            steps.push_back(static_cast<Eigen::Index>(p));
        }
    }
    std::vector<double> of(const VectorD& values) const {
        std::vector<double> chosen;
        for (const auto p : steps) chosen.push_back(values[p]);
        return chosen;
    }
    Curve line(const VectorD& values, std::string name, Color color) const {
        Curve curve;
        curve.name = std::move(name);
        curve.x = x;
        curve.y = of(values);
        curve.color = color;
        curve.style.width = 1.4;
        curve.markers = x.size() < 3;  // a line of one point would not be seen
        return curve;
    }
};

Curve nullLine(const StepsOfKind& steps, const CurveNull& null, const std::string& name, const Theme& theme) {
    Curve curve = steps.line(null.summary.mean, name, nullColor(theme, null.null));
    curve.style.width = 0.9;
    curve.style.dash = Dash::Dashed;
    if (hasBand(null)) {
        curve.low = steps.of(null.summary.low);
        curve.high = steps.of(null.summary.high);
    }
    return curve;
}

/// From the lowest value shown to 1, which is perfect.
void setRangeOfShares(CurvePlot& plot) {
    std::vector<Curve> within = plot.curves;
    for (auto& curve : within)
        for (auto* values : {&curve.y, &curve.low, &curve.high})
            for (double& y : *values)
                if (y < lowestShown) y = std::numeric_limits<double>::quiet_NaN();
    setRange(plot.y, within, {}, 1.0);
}

/// The sentence on what is below the axis; empty where nothing is.
std::string noteOnLow(const LinearStepResult& result) {
    std::ptrdiff_t below = 0;
    double lowest = lowestShown;
    for (const auto* values : {&result.r2, &result.r2Identity, &result.r2OneMap})
        for (const double y : *values) {
            if (!(y < lowestShown)) continue;
            ++below;
            lowest = std::min(lowest, y);
        }
    return below == 0 ? ""
                      : fmt::format("{} {} below the axis, the lowest at {:.3g}.", below,
                                    below == 1 ? "value lies" : "values lie", lowest);
}

void checkLengths(const LinearStepResult& result, const std::vector<CurveNull>& nulls, std::size_t points) {
    const auto steps = static_cast<Eigen::Index>(points) - 1;
    const auto check = [&](const VectorD& values, std::string_view what) {
        if (values.size() != steps)
            throw Error(ErrorCode::Mismatch,
                        fmt::format("linear_step: {} has {} values, but {} points are named.", what,
                                    values.size(), points));
    };
    check(result.r2, "r2");
    check(result.r2Identity, "r2_identity");
    check(result.r2OneMap, "r2_one_map");
    for (const auto& null : nulls)
        for (const auto* values : {&null.summary.mean, &null.summary.low, &null.summary.high})
            if (null.dataset == "r2") check(*values, null.null);
}

}  // namespace

Figure linearStepFigure(const LinearStepResult& result, const std::vector<CurveNull>& nulls,
                        const std::vector<ResidualPoint>& points, const Theme& theme) {
    checkLengths(result, nulls, points.size());
    constexpr std::array panels{std::pair{StepKind::Whole, "All steps"},
                                std::pair{StepKind::Attention, "Attention steps"},
                                std::pair{StepKind::Mlp, "MLP steps"}};
    Figure figure;
    figure.theme = theme;
    for (const auto& [kind, title] : panels) {
        const StepsOfKind steps(stepKinds(points), kind);
        if (steps.x.empty()) continue;
        // One legend for all of them.
        const bool named = figure.panels.empty();
        const auto name = [&](const char* text) { return std::string(named ? text : ""); };
        CurvePlot plot;
        plot.x = depthAxis(points);
        for (const auto& null : nulls)
            if (null.dataset == "r2")
                plot.curves.push_back(nullLine(steps, null, named ? nullLabel(null.null) : "", theme));
        plot.curves.push_back(steps.line(result.r2Identity, name("the state before"), theme.series[1]));
        plot.curves.push_back(steps.line(result.r2OneMap, name("one map for all steps"), theme.series[0]));
        plot.curves.push_back(steps.line(result.r2, name("a map for each step"), theme.foreground));
        setRangeOfShares(plot);
        addZeroLine(plot, theme);
        plot.y.title = "Variance predicted (r2, held out)";
        figure.panels.push_back({title, std::move(plot)});
    }
    figure.columns = std::max<int>(1, static_cast<int>(figure.panels.size()));
    figure.note = joinNotes({nullNote(nulls), nulls.empty() ? "" : "Nulls are of a map for each step.",
                             depthNote(points), noteOnLow(result)});
    return figure;
}

}  // namespace rheo
