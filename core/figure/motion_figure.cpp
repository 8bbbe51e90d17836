#include "core/figure/motion_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"

namespace rheo {

Figure motionFigure(const MotionResult& result, const std::vector<CurveNull>& nulls,
                    const std::vector<ResidualPoint>& points, Scaling scaling, const Theme& theme) {
    struct Entry {
        const MotionCurve& curve;
        const char* dataset;
        const char* title;
        std::string axis;
        Eigen::Index fewer;  // than points
        double first;
        void (*scale)(CurvePlot&, const Theme&);
    };
    const auto asItIs = [](CurvePlot&, const Theme&) {};
    const auto fisher = [](CurvePlot& plot, const Theme&) { useFisherScale(plot); };
    const auto logarithmic = [](CurvePlot& plot, const Theme&) { useLogScale(plot); };
    const std::string_view unit = unitName(scaling);
    const std::array entries{
        Entry{result.cosine, "cosine", "Cosine", "Cosine with the next state", 1, 0.5, fisher},
        Entry{result.speed, "speed", "Speed", fmt::format("Step ({})", unit), 1, 0.5, asItIs},
        Entry{result.relativeSpeed, "relative_speed", "Relative speed", "Step / norm before it", 1, 0.5,
              logarithmic},
        Entry{result.acceleration, "acceleration", "Acceleration", fmt::format("Change ({})", unit), 2, 1.0,
              addZeroLine},
        Entry{result.turningAngle, "turning_angle", "Turning angle", "Between steps (degrees)", 2, 1.0,
              asItIs},
        Entry{result.norm, "norm", "Norm", fmt::format("Norm ({})", unit), 0, 0.0, asItIs},
    };
    Figure figure;
    figure.theme = theme;
    const auto kinds = stepKinds(points);
    const bool split = std::count(kinds.begin(), kinds.end(), StepKind::Attention) > 0;
    const auto count = static_cast<Eigen::Index>(points.size());
    for (const auto& entry : entries) {
        const auto n = entry.curve.mean.size();
        if (n != count - entry.fewer)
            throw Error(ErrorCode::Mismatch,
                        fmt::format("{} has {} values, but {} points are named.", entry.title, n, count));
        if (n == 0) continue;
        const DepthCurve curve{
            entry.curve.mean, entry.curve.quantiles.size() > 0 ? &entry.curve.quantiles : nullptr,
            "motion",         entry.dataset,
            entry.first,      entry.fewer > 0};
        // One legend for all of them.
        const DepthNames names =
            figure.panels.empty() ? DepthNames{"mean", "attention steps", "MLP steps", "95 % of rows", true}
                                  : DepthNames{};
        CurvePlot plot = depthPlot(curve, nulls, points, theme, names);
        entry.scale(plot, theme);
        plot.y.title = entry.axis;
        figure.panels.push_back({entry.title, std::move(plot)});
    }
    figure.columns = std::min<int>(3, static_cast<int>(figure.panels.size()));
    figure.note = joinNotes({nullNote(nulls), depthNote(points),
                             split ? "A turn and an acceleration have the colour of the step before them; "
                                     "the norm is that of each point."
                                   : ""});
    return figure;
}

}  // namespace rheo
