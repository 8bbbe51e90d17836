#include "core/figure/orbit_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/error.h"
#include "core/base/quantile.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"
#include "core/figure/ranges.h"

namespace rheo {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t usualUnits = 4, usualRows = 1;

double medianOf(const VectorD& values) {
    std::vector<double> finite;
    for (const double value : values)
        if (std::isfinite(value)) finite.push_back(value);
    return finite.empty() ? nan : upperMedian(std::move(finite));
}

/// "-9.6", with a minus sign; what does not move does not turn.
std::string turns(double value) {
    if (std::isnan(value)) return "at rest";
    return value < 0 ? fmt::format("\u2212{:.1f}", -value) : fmt::format("{:.1f}", value);
}

/// A path in the plane of its value and gradient, added to a curve behind what is there already.
void append(Curve& curve, const std::vector<double>& path) {
    if (!curve.x.empty()) {
        curve.x.push_back(nan);
        curve.y.push_back(nan);
        curve.values.push_back(nan);
    }
    const auto gradient = depthGradient(path);
    curve.x.insert(curve.x.end(), path.begin(), path.end());
    curve.y.insert(curve.y.end(), gradient.begin(), gradient.end());
    for (std::size_t p = 0; p < path.size(); ++p) curve.values.push_back(static_cast<double>(p));
}

/// Which of the examples are shown. Throws Error(InvalidArgument) for a row that is none.
std::vector<std::size_t> examplesOf(const RotationResult& result, const std::vector<RowIndex>& rows) {
    std::vector<std::size_t> shown;
    for (const auto row : rows) {
        const auto at = std::find(result.exampleRows.begin(), result.exampleRows.end(), row.value());
        if (at == result.exampleRows.end())
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("row {} was asked for, but the results keep the paths of rows {} only",
                                    row.value(), fmt::join(result.exampleRows, ", ")));
        shown.push_back(static_cast<std::size_t>(at - result.exampleRows.begin()));
    }
    if (rows.empty())
        for (std::size_t k = 0; k < std::min(usualRows, result.exampleRows.size()); ++k) shown.push_back(k);
    return shown;
}

CurvePlot plotOf(Curve path, Scaling scaling) {
    CurvePlot plot;
    std::vector<Curve> across(1);
    across[0].y = path.x;
    setRange(plot.x, across);
    // Few labels side by side: the panels are small.
    plot.x.ticks = niceTicks(plot.x.low, plot.x.high, 4);
    plot.x.title = fmt::format("Activation ({})", unitName(scaling));
    plot.y.title = "Gradient (per point)";
    plot.curves.push_back(std::move(path));
    setRange(plot.y, plot.curves);
    return plot;
}

Panel meanPanel(const RotationResult& result, Eigen::Index unit, const CurveNull* null, Scaling scaling,
                const Theme& theme) {
    Curve mean;
    append(mean, {result.meanPath.col(unit).begin(), result.meanPath.col(unit).end()});
    mean.color = theme.foreground;
    mean.style.width = 1.3;
    Curve fixed;  // kept from where the path begins
    fixed.x = {result.meanPathFixedPoint(unit, 0) + mean.x.front()};
    fixed.y = {result.meanPathFixedPoint(unit, 1) + mean.y.front()};
    fixed.color = theme.selected;
    fixed.markers = true;
    CurvePlot plot = plotOf(std::move(mean), scaling);
    plot.curves.push_back(std::move(fixed));
    std::string title = fmt::format("Unit {}: {}", unit, turns(result.meanPathTurning[unit]));
    if (null != nullptr) title += fmt::format(" (null {})", turns(null->summary.mean[unit]));
    return {std::move(title), std::move(plot)};
}

Panel rowsPanel(const RotationResult& result, Eigen::Index unit, const std::vector<std::size_t>& examples,
                Scaling scaling, const Theme& theme) {
    Curve rows;
    std::vector<double> path(static_cast<std::size_t>(result.meanPath.rows()));
    for (const auto k : examples) {
        for (std::size_t p = 0; p < path.size(); ++p)
            path[p] =
                result.examplePaths.at(static_cast<std::int64_t>(k), static_cast<std::int64_t>(p))[unit];
        append(rows, path);
    }
    rows.color = theme.foreground;
    rows.style.width = 0.8;
    // `path` is now that of the last row, which is the only one or goes unnumbered.
    std::string title = examples.size() == 1
                            ? fmt::format("Unit {}, row {}: {}", unit, result.exampleRows[examples[0]],
                                          turns(pathRotation(path).turning))
                            : fmt::format("Unit {}, {} rows", unit, examples.size());
    return {std::move(title), plotOf(std::move(rows), scaling)};
}

}  // namespace

const CurveNull* nullOfTurning(const std::vector<CurveNull>& nulls, Eigen::Index units) {
    const CurveNull* chosen = nullptr;
    for (const auto& null : nulls) {
        if (null.statistic != "rotation" || null.dataset != "mean_path_turning" ||
            null.summary.mean.size() != units)
            continue;
        if (chosen == nullptr || null.null == "sign_flip") chosen = &null;
    }
    return chosen;
}

void checkOrbits(const RotationResult& result, const std::vector<ResidualPoint>& points,
                 const std::vector<UnitIndex>& units) {
    if (result.meanPath.size() == 0)
        throw Error(
            ErrorCode::NotFound,
            "these results keep no paths of units; make them again with rheo analyze --stat rotation");
    if (result.meanPath.rows() != static_cast<Eigen::Index>(points.size()))
        throw Error(ErrorCode::Mismatch, fmt::format("The paths of units have {} points, but {} are named.",
                                                     result.meanPath.rows(), points.size()));
    const auto count = result.meanPathTurning.size();
    for (const auto unit : units)
        if (unit.value() < 0 || unit.value() >= count)
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("unit {} was asked for, but there are {} (0 to {})", unit.value(), count,
                                    count - 1));
}

std::vector<UnitIndex> mostUnlikeNull(const RotationResult& result, const std::vector<CurveNull>& nulls,
                                      std::size_t count) {
    const VectorD& observed = result.meanPathTurning;
    const CurveNull* null = nullOfTurning(nulls, observed.size());
    const VectorD expected = null != nullptr
                                 ? null->summary.mean
                                 : VectorD(VectorD::Constant(observed.size(), medianOf(observed)));
    const VectorD distance = (observed - expected).cwiseAbs();
    std::vector<UnitIndex> units;
    for (Eigen::Index u = 0; u < distance.size(); ++u)
        if (std::isfinite(distance[u])) units.emplace_back(u);
    std::stable_sort(units.begin(), units.end(),
                     [&](UnitIndex a, UnitIndex b) { return distance[a.value()] > distance[b.value()]; });
    if (units.size() > count) units.resize(count);
    return units;
}
namespace {

ColorScale depthScale(const std::vector<ResidualPoint>& points, const OrbitOptions& options) {
    const bool dark = options.theme.dark;
    ColorScale scale;
    scale.map = options.map;
    scale.low = 0;
    scale.high = static_cast<double>(points.size() - 1);
    // As of trajectories: viridis ends in a yellow that is lost on white, begins in a violet lost on black.
    (dark ? scale.mapFrom : scale.mapTo) = dark ? 0.15 : 0.9;
    scale.title = "Depth";
    scale.ticks = depthTicks(points);
    return scale;
}

/// The two panels of a unit stay side by side.
int columnsFor(std::size_t units, std::size_t panels) {
    if (units == 3) return panels == units ? 3 : 2;
    return static_cast<int>(std::min<std::size_t>(panels, 4));
}

std::string noteOf(const RotationResult& result, const std::vector<std::size_t>& examples,
                   const CurveNull* null, bool unitsAreChosen) {
    std::vector<std::int64_t> rows;
    for (const auto k : examples) rows.push_back(result.exampleRows[k]);
    const std::string ofRows = rows.size() > 1 ? fmt::format("Right: rows {}.", fmt::join(rows, ", ")) : "";
    const std::string ofNull = null == nullptr
                                   ? ""
                                   : fmt::format("Null: mean of {} repeats of {}.",
                                                 formatNumber(null->summary.repeats), nullLabel(null->null));
    const std::string ofUnits =
        unitsAreChosen
            ? ""
            : fmt::format("Units: those of {} whose mean path turns least like the {}.",
                          formatNumber(result.meanPathTurning.size()), null != nullptr ? "null" : "median");
    return joinNotes(
        {"Numbers are turns. Left of each pair: the mean path over rows and its fixed point (centroid).",
         ofRows, ofNull, ofUnits});
}

}  // namespace

Figure orbitFigure(const RotationResult& result, const std::vector<CurveNull>& nulls,
                   const std::vector<ResidualPoint>& points, Scaling scaling, const OrbitOptions& options) {
    checkOrbits(result, points, options.units);
    const auto shown = options.units.empty() ? mostUnlikeNull(result, nulls, usualUnits) : options.units;
    if (shown.empty())
        throw Error(ErrorCode::NotFound, "no unit moves along depth: there is no path to show");
    const auto examples = examplesOf(result, options.rows);
    const CurveNull* null = nullOfTurning(nulls, result.meanPathTurning.size());

    Figure figure;
    figure.theme = options.theme;
    for (const auto unit : shown) {
        figure.panels.push_back(meanPanel(result, unit.value(), null, scaling, options.theme));
        if (!examples.empty())
            figure.panels.push_back(rowsPanel(result, unit.value(), examples, scaling, options.theme));
    }
    figure.columns = columnsFor(shown.size(), figure.panels.size());
    figure.colorScale = depthScale(points, options);
    figure.note = noteOf(result, examples, null, !options.units.empty());
    return figure;
}

}  // namespace rheo
