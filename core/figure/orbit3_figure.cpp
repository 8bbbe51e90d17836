#include "core/figure/orbit3_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"
#include "core/figure/orbit_figure.h"
#include "core/figure/row_paths.h"

namespace rheo {

namespace {

constexpr double lengths[] = {1.6, 1, 1};  // of the box: depth, activation, gradient
constexpr double padding = 0.04;           // beyond the data at each end, of the length

/// Data to the box.
struct BoxAxis {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    double length = 1;

    void include(double value) {
        low = std::min(low, value);
        high = std::max(high, value);
    }
    double operator()(double value) const { return length * (value - low) / (high - low); }
    /// An axis along which nothing happens still has some length.
    void open() {
        if (high > low) return;
        const double half = std::max(std::abs(low), 1.0) * 0.5;
        low -= half;
        high += half;
    }
};

struct UnitPaths {
    UnitIndex unit;
    std::vector<OrbitPath> paths;
    OrbitPath mean;
    double fixed[2];  ///< activation and gradient of the fixed point of the mean path
};

OrbitPath orbitOf(std::vector<double> path) {
    auto gradient = depthGradient(path);
    return {std::move(path), std::move(gradient)};
}

UnitPaths pathsOf(const RotationResult& result, UnitIndex unit, OrbitPaths which) {
    UnitPaths drawn{unit, {}, meanOrbit(result, unit), {}};
    drawn.fixed[0] = result.meanPathFixedPoint(unit.value(), 0) + drawn.mean.activation.front();
    drawn.fixed[1] = result.meanPathFixedPoint(unit.value(), 1) + drawn.mean.gradient.front();
    if (which == OrbitPaths::Mean) {
        drawn.paths.push_back(drawn.mean);
        return drawn;
    }
    for (std::int64_t k = 0; k < result.examplePaths.n0; ++k) {
        std::vector<double> path(static_cast<std::size_t>(result.examplePaths.n1));
        for (std::size_t p = 0; p < path.size(); ++p)
            path[p] = result.examplePaths.at(k, static_cast<std::int64_t>(p))[unit.value()];
        drawn.paths.push_back(orbitOf(std::move(path)));
    }
    return drawn;
}

void nameAxis(Axis& axis, const BoxAxis& box, const std::string& title) {
    axis.title = title;
    axis.low = -padding * box.length;
    axis.high = (1 + padding) * box.length;
    axis.ticks = niceTicks(box.low, box.high, 5);
    for (Tick& tick : axis.ticks) tick.value = box(tick.value);
    axis.named = true;  // the numbers on the ticks are not those of the box
}

std::string turns(double value) {
    return value < 0 ? fmt::format("\u2212{:.1f}", -value) : fmt::format("{:.1f}", value);
}

std::string nameOf(UnitIndex unit, const RotationResult& result) {
    const double turning = result.meanPathTurning[unit.value()];
    return std::isnan(turning) ? fmt::format("unit {} (at rest)", unit.value())
                               : fmt::format("unit {} ({} turns)", unit.value(), turns(turning));
}

void append(LineSet3& set, const OrbitPath& path, const std::array<BoxAxis, 3>& box, std::int64_t tag) {
    for (std::size_t p = 0; p < path.activation.size(); ++p)
        for (const double value :
             {box[0](static_cast<double>(p)), box[1](path.activation[p]), box[2](path.gradient[p])})
            set.xyz.push_back(static_cast<float>(value));
    closeLine(set, tag);
}

LineSet3 centerOf(const UnitPaths& unit, const std::array<BoxAxis, 3>& box, const Color& color,
                  std::string name) {
    LineSet3 line = emptyLines(std::move(name));
    for (const double x : {0.0, box[0].length})
        for (const double value : {x, box[1](unit.fixed[0]), box[2](unit.fixed[1])})
            line.xyz.push_back(static_cast<float>(value));
    closeLine(line, -1);
    line.style.color = color;
    line.style.width = 1;
    line.style.dash = Dash::Dashed;
    line.pickable = false;
    line.layer = 1;
    return line;
}

ColorScale depthScale(const std::vector<ResidualPoint>& points, const Orbit3Options& options) {
    const bool dark = options.theme.dark;
    ColorScale scale;
    scale.map = options.map;
    scale.low = 0;
    scale.high = std::max(1.0, static_cast<double>(points.size() - 1));
    // As of trajectories: viridis ends in a yellow that is lost on white, begins in a violet lost on black.
    if (options.map != ColorMap::Vik) (dark ? scale.mapFrom : scale.mapTo) = dark ? 0.15 : 0.9;
    scale.title = "Depth";
    scale.ticks = depthTicks(points);
    return scale;
}

std::array<BoxAxis, 3> boxAround(const std::vector<UnitPaths>& units, std::size_t points) {
    std::array<BoxAxis, 3> box;
    for (std::size_t i = 0; i < 3; ++i) box[i].length = lengths[i];
    box[0].include(0);
    box[0].include(static_cast<double>(points - 1));
    for (const UnitPaths& unit : units) {
        for (const OrbitPath& path : unit.paths)
            for (std::size_t p = 0; p < path.activation.size(); ++p) {
                box[1].include(path.activation[p]);
                box[2].include(path.gradient[p]);
            }
        box[1].include(unit.fixed[0]);
        box[2].include(unit.fixed[1]);
    }
    for (BoxAxis& axis : box) axis.open();
    return box;
}

/// The paths of a unit; those that are coloured by depth have no colour of their own.
LineSet3 linesOf(const UnitPaths& unit, const std::array<BoxAxis, 3>& box, std::optional<Color> color,
                 std::string name) {
    LineSet3 set = emptyLines(std::move(name));
    for (const OrbitPath& path : unit.paths) append(set, path, box, unit.unit.value());
    set.style.color = color;
    set.style.width = unit.paths.size() > 1 ? 1 : 2.2;
    set.style.opacity = unit.paths.size() > 1 ? 0.8 : 1;
    if (!color)
        for (const OrbitPath& path : unit.paths)
            for (std::size_t p = 0; p < path.activation.size(); ++p)
                set.values.push_back(static_cast<float>(p));
    return set;
}

}  // namespace

OrbitPath meanOrbit(const RotationResult& result, UnitIndex unit) {
    const auto path = result.meanPath.col(unit.value());
    return orbitOf({path.begin(), path.end()});
}

Figure orbit3Figure(const RotationResult& result, const std::vector<CurveNull>& nulls,
                    const std::vector<ResidualPoint>& points, Scaling scaling, const Orbit3Options& options) {
    checkOrbits(result, points, options.units);
    const auto shown = options.units.empty() ? mostUnlikeNull(result, nulls, 1) : options.units;
    if (shown.empty())
        throw Error(ErrorCode::NotFound, "no unit moves along depth: there is no path to show");
    std::vector<UnitPaths> units;
    for (const UnitIndex unit : shown) units.push_back(pathsOf(result, unit, options.paths));
    const auto box = boxAround(units, points.size());

    Plot3D plot;
    nameAxis(plot.axes[0], box[0], "Depth");
    plot.axes[0].ticks = depthTicks(points);
    for (Tick& tick : plot.axes[0].ticks) tick.value = box[0](tick.value);
    nameAxis(plot.axes[1], box[1], fmt::format("Activation ({})", unitName(scaling)));
    nameAxis(plot.axes[2], box[2], "Gradient (per point)");
    const bool alone = units.size() == 1;
    for (std::size_t i = 0; i < units.size(); ++i) {
        const Color color = options.theme.series[i % options.theme.series.size()];
        plot.lines.push_back(linesOf(units[i], box, alone ? std::nullopt : std::optional(color),
                                     alone ? std::string() : nameOf(units[i].unit, result)));
        if (options.center)
            plot.lines.push_back(centerOf(units[i], box, alone ? options.theme.selected : color,
                                          alone ? "fixed point of the mean path" : ""));
    }
    if (alone) plot.colorScale = depthScale(points, options);
    plot.fitCamera = !options.camera;
    plot.camera = options.camera ? *options.camera
                                 : fitted(plot.camera, boxOf(plot).min(), boxOf(plot).max(), 4.0 / 3.0);

    Figure figure;
    figure.theme = options.theme;
    if (alone) figure.title = nameOf(shown.front(), result);
    const bool hasRows = options.paths == OrbitPaths::Rows;
    figure.note = joinNotes(
        {hasRows ? fmt::format("Rows {}.", fmt::join(result.exampleRows, ", ")) : "Mean paths over rows.",
         options.center && !alone ? "Dashed: the fixed point of each mean path." : "",
         "Turns are those of the mean path, positive counterclockwise."});
    figure.panels.push_back({{}, std::move(plot)});
    return figure;
}

}  // namespace rheo
