#include "core/figure/flow_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/figure/depth_axis.h"
#include "core/figure/depth_curves.h"
#include "core/figure/ranges.h"
#include "core/figure/teleport_figure.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t mostTokens = 7;  ///< with a colour of their own

double spacing(const VectorD& line) {
    return line[1] - line[0];
}

/// An axis over a side of the grid, with half a cell of room.
Axis sideAxis(const VectorD& line, const std::string& name) {
    Axis axis;
    axis.title = name + " (residual units)";
    axis.low = line[0] - spacing(line) / 2;
    axis.high = line[line.size() - 1] + spacing(line) / 2;
    axis.ticks = niceTicks(axis.low, axis.high, 5);
    return axis;
}

CurvePlot emptyGrid(const Flow& flow) {
    CurvePlot plot;
    plot.x = sideAxis(flow.x, flow.axisNames[0]);
    plot.y = sideAxis(flow.y, flow.axisNames[1]);
    return plot;
}

Eigen::Index stepsOf(const FlowInput& input, const FlowOptions& options) {
    const Eigen::Index most = input.flow.points() - 1, steps = options.steps.value_or(most);
    return input.all.size() > 1 ? std::min(steps, most) : steps;
}

/// A ring where the natural state is.
Curve naturalRing(const Flow& flow, const Theme& theme) {
    Curve ring;
    ring.name = "natural";
    ring.x = {flow.natural(0, 0)};
    ring.y = {flow.natural(0, 1)};
    ring.color = theme.foreground;
    ring.markers = true;
    ring.line = false;
    ring.markerSize = 4;
    return ring;
}

/// The factor by which arrows are drawn: the longest just fits between two cells.
double arrowFactor(const Flow& flow, const FlowField& field) {
    const double across = field.across.cwiseAbs().maxCoeff() / (0.9 * spacing(flow.x)),
                 up = field.up.cwiseAbs().maxCoeff() / (0.9 * spacing(flow.y));
    const double most = std::max(across, up);
    return most > 0 ? 1 / most : 1;
}

/// Shaft and head of an arrow from (x, y) by (dx, dy), a break behind it. The head is drawn in cells, so that
/// it looks the same whatever the units of both axes.
void addArrow(Curve& arrows, double x, double y, double dx, double dy, double cellX, double cellY,
              double value) {
    const double u = dx / cellX, v = dy / cellY, length = std::hypot(u, v);
    const auto add = [&](double px, double py) {
        arrows.x.push_back(px);
        arrows.y.push_back(py);
        arrows.values.push_back(value);
    };
    add(x, y);
    add(x + dx, y + dy);
    if (length > 0.02) {
        const double head = std::min(0.22, 0.4 * length) / length;
        for (const double side : {1.0, -1.0}) {
            add(x + dx - head * (u - side * 0.5 * v) * cellX, y + dy - head * (v + side * 0.5 * u) * cellY);
            add(x + dx, y + dy);
        }
    }
    add(x, nan);
}

/// Tokens by how many cells they have, most first; ties by id.
std::vector<std::pair<std::int32_t, int>> byCells(const Flow& flow) {
    std::map<std::int32_t, int> counts;
    for (const std::int32_t token : flow.likeliest) ++counts[token];
    std::vector<std::pair<std::int32_t, int>> sorted(counts.begin(), counts.end());
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    return sorted;
}

void checkParts(const FlowInput& input) {
    const Flow& flow = input.flow;
    const auto cells = static_cast<std::size_t>(flow.cells());
    const bool fits =
        flow.x.size() >= 2 && flow.y.size() >= 2 && flow.x.size() * flow.y.size() == flow.cells() &&
        flow.likeliest.size() == cells && flow.scores.n0 == flow.cells() && flow.scores.n1 == flow.points() &&
        flow.points() + flow.request.point.value() == static_cast<Eigen::Index>(input.points.size());
    if (!fits)
        throw Error(
            ErrorCode::Mismatch,
            fmt::format("the flow has {} cells at {} points, which does not fit its grid or the {} points "
                        "that are named",
                        flow.cells(), flow.points(), input.points.size()));
}

std::string tokenText(const FlowInput& input, std::int32_t token) {
    const auto found = input.tokenTexts.find(token);
    return found == input.tokenTexts.end() ? fmt::format("token {}", token)
                                           : "'" + visibleToken(found->second) + "'";
}

}  // namespace

CurvePlot flowArrows(const FlowInput& input, const FlowOptions& options, ColorScale& scale, double& factor) {
    const Flow& flow = input.flow;
    const FlowField field = flowField(flow, stepsOf(input, options), options.relative);
    CurvePlot plot = emptyGrid(flow);
    factor = arrowFactor(flow, field);
    Curve arrows;
    arrows.color = options.theme.foreground;
    arrows.style.width = 1.1;
    for (Eigen::Index i = 0; i < flow.y.size(); ++i)
        for (Eigen::Index j = 0; j < flow.x.size(); ++j)
            addArrow(arrows, flow.x[j], flow.y[i], factor * field.across(i, j), factor * field.up(i, j),
                     spacing(flow.x), spacing(flow.y), field.divergence(i, j));
    // The middle of the map is pale: a line beneath keeps such arrows in sight.
    Curve beneath = arrows;
    beneath.values.clear();
    beneath.color = options.theme.muted;
    beneath.style.width = 1.9;
    plot.curves = {std::move(beneath), std::move(arrows), naturalRing(flow, options.theme)};
    const double most = field.divergence.cwiseAbs().maxCoeff();
    scale.map = ColorMap::Vik;
    scale.high = most > 0 ? most : 1;
    scale.low = -scale.high;
    scale.title = "Divergence";
    scale.ticks = niceTicks(scale.low, scale.high, 5);
    return plot;
}

CurvePlot flowBasins(const FlowInput& input, const Theme& theme) {
    const Flow& flow = input.flow;
    CurvePlot plot = emptyGrid(flow);
    const auto tokens = byCells(flow);
    const std::size_t named = std::min({tokens.size(), mostTokens, theme.series.size()});
    const double size =
        std::clamp(150.0 / static_cast<double>(std::max(flow.x.size(), flow.y.size())), 2.5, 12.0);
    for (std::size_t t = 0; t < tokens.size(); ++t) {
        const bool own = t < named;
        if (own || t == named) {
            plot.curves.emplace_back();
            Curve& cells = plot.curves.back();
            cells.name = own ? tokenText(input, tokens[t].first)
                             : fmt::format("{} other tokens", tokens.size() - named);
            cells.color = own ? theme.series[t] : theme.muted;
            cells.markers = true;
            cells.line = false;
            cells.markerSize = size;
        }
        Curve& cells = plot.curves.back();
        for (Eigen::Index cell = 0; cell < flow.cells(); ++cell) {
            if (flow.likeliest[static_cast<std::size_t>(cell)] != tokens[t].first) continue;
            cells.x.push_back(flow.x[cell % flow.x.size()]);
            cells.y.push_back(flow.y[cell / flow.x.size()]);
        }
    }
    plot.curves.push_back(naturalRing(flow, theme));
    return plot;
}

CurvePlot flowContraction(const FlowInput& input, const FlowOptions& options) {
    const Flow& flow = input.flow;
    const VectorD& mean = options.rms ? flow.contractionRms : flow.contraction;
    const MatrixD& controls = options.rms ? flow.controlContractionRms : flow.controlContraction;
    CurvePlot plot;
    const auto first = static_cast<int>(flow.request.point.value());
    plot.x = depthAxisFrom(input.points, first);
    Curve grid;
    grid.name = "grid";
    grid.color = options.theme.teleported;
    grid.style.width = 1.6;
    for (Eigen::Index q = 0; q < mean.size(); ++q) {
        grid.x.push_back(static_cast<double>(first + q) + 0.5);
        grid.y.push_back(mean[q]);
    }
    if (controls.rows() > 0) {
        Curve random;
        random.name = "random directions";
        random.color = options.theme.null;
        random.style.dash = Dash::Dashed;
        random.x = grid.x;
        for (Eigen::Index q = 0; q < controls.cols(); ++q) random.y.push_back(controls.col(q).mean());
        if (controls.rows() > 1) {
            const Band band = quantileBand(controls);
            random.low = band.low;
            random.high = band.high;
            random.bandName = fmt::format("{} sets of them, 95 %", controls.rows());
        }
        plot.curves.push_back(std::move(random));
    }
    plot.curves.push_back(std::move(grid));
    setRange(plot.y, plot.curves, 0.0);
    addZeroLine(plot, options.theme);
    plot.y.title = options.rms ? "Contraction, RMS-scaled" : "Contraction";
    return plot;
}

CurvePlot flowContractionByDepth(const FlowInput& input, const FlowOptions& options) {
    CurvePlot plot;
    plot.x = depthAxisFrom(input.points, static_cast<int>(input.all.front()->request.point.value()));
    Curve grid, random, here;
    grid.name = "grid";
    grid.color = options.theme.teleported;
    grid.style.width = 1.6;
    grid.markers = true;
    random.name = "random directions";
    random.color = options.theme.null;
    random.style.dash = Dash::Dashed;
    here.color = options.theme.foreground;
    here.markers = true;
    here.line = false;
    here.markerSize = 5;
    int sets = 0;
    for (const Flow* flow : input.all) {
        const FlowInput one{*flow, input.points, input.tokenTexts, input.all};
        const Eigen::Index steps = stepsOf(one, options);
        if (steps < 1) continue;
        const VectorD& mean = options.rms ? flow->contractionRms : flow->contraction;
        const MatrixD& controls = options.rms ? flow->controlContractionRms : flow->controlContraction;
        const double depth = static_cast<double>(flow->request.point.value()), sum = mean.head(steps).sum();
        grid.x.push_back(depth);
        grid.y.push_back(sum);
        if (flow == &input.flow) {
            here.x = {depth};
            here.y = {sum};
        }
        if (controls.rows() == 0) continue;
        const MatrixD sums = controls.leftCols(steps).rowwise().sum();
        random.x.push_back(depth);
        random.y.push_back(sums.mean());
        if (sums.rows() < 2) continue;
        const Band band = quantileBand(sums);
        random.low.push_back(band.low[0]);
        random.high.push_back(band.high[0]);
        sets = static_cast<int>(sums.rows());
    }
    if (sets > 0) random.bandName = fmt::format("{} sets of them, 95 %", sets);
    if (!random.x.empty()) plot.curves.push_back(std::move(random));
    plot.curves.push_back(std::move(grid));
    plot.curves.push_back(std::move(here));
    setRange(plot.y, plot.curves, 0.0);
    addZeroLine(plot, options.theme);
    plot.y.title = options.rms ? "Contraction, RMS-scaled" : "Contraction";
    return plot;
}

MatrixD flowSegments(const FlowInput& input, const FlowOptions& options) {
    const Flow& flow = input.flow;
    const FlowField field = flowField(flow, stepsOf(input, options), options.relative);
    const double factor = arrowFactor(flow, field);
    MatrixD segments(flow.cells(), 4);
    for (Eigen::Index cell = 0; cell < flow.cells(); ++cell) {
        const Eigen::Index row = cell / flow.x.size(), column = cell % flow.x.size();
        segments.row(cell) << flow.x[column], flow.y[row],
            flow.x[column] + factor * field.across(row, column), flow.y[row] + factor * field.up(row, column);
    }
    return segments;
}

Figure flowFigure(const FlowInput& input, const FlowOptions& options) {
    checkParts(input);
    const Flow& flow = input.flow;
    Figure figure;
    figure.theme = options.theme;
    figure.columns = 2;
    ColorScale scale;
    double factor = 1;
    const auto at = static_cast<std::size_t>(flow.request.point.value() + stepsOf(input, options));
    CurvePlot arrows = flowArrows(input, options, scale, factor);
    const std::string from = pointName(input.points[static_cast<std::size_t>(flow.request.point.value())]);
    figure.panels.push_back(
        {fmt::format("{} from {} to {}", options.relative ? "Flow minus the natural step" : "Flow", from,
                     pointName(input.points[at])),
         std::move(arrows)});
    figure.panels.push_back({"Likeliest next token", flowBasins(input, options.theme)});
    if (flow.contraction.size() > 0)
        figure.panels.push_back({"Mean contraction", flowContraction(input, options)});
    if (input.all.size() > 1)
        figure.panels.push_back({options.steps
                                     ? fmt::format("Contraction over {} steps, by depth", *options.steps)
                                     : "Contraction to the end, by depth",
                                 flowContractionByDepth(input, options)});
    figure.colorScale = scale;
    figure.note = joinNotes(
        {fmt::format("Teleports of token {} at {}: {} by {} states.", flow.request.token, from, flow.x.size(),
                     flow.y.size()),
         fmt::format("Arrows are drawn at {} times their length.", formatNumber(factor, 2)),
         fmt::format("Natural next token {} ({}).", tokenText(input, flow.naturalToken),
                     formatNumber(flow.naturalProbability, 2)),
         flow.contraction.size() > 0 ? "Contraction: ln of the ratio of distances, below 0 where they "
                                       "shrink."
                                     : ""});
    return figure;
}

}  // namespace rheo
