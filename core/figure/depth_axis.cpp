#include "core/figure/depth_axis.h"

#include <fmt/format.h>

#include <algorithm>

namespace rheo {
namespace {

bool startsBlock(Site site) {
    return site != Site::MlpIn;
}

std::string blockLabel(const ResidualPoint& point) {
    if (point.site == Site::Final || point.site == Site::Unnamed) return pointName(point);
    return fmt::format("L{:02}", point.block);
}

bool any(const std::vector<ResidualPoint>& points, Site site) {
    return std::any_of(points.begin(), points.end(), [&](const auto& p) { return p.site == site; });
}

std::string depthTitle(const std::vector<ResidualPoint>& points) {
    return any(points, Site::Unnamed) ? "Depth (point)" : "Depth (block)";
}

}  // namespace

std::string depthNote(const std::vector<ResidualPoint>& points) {
    if (!any(points, Site::AttnIn) || !any(points, Site::MlpIn)) return {};
    return "Depth: long ticks are attn_in (before attention), short ticks mlp_in (before the MLP).";
}

Axis depthAxisFrom(const std::vector<ResidualPoint>& points, int first) {
    Axis axis;
    axis.title = depthTitle(points);
    axis.named = true;
    axis.kind = AxisKind::Points;
    axis.low = first - 0.5;
    axis.high = static_cast<double>(points.size()) - 0.5;
    for (std::size_t i = static_cast<std::size_t>(std::max(first, 0)); i < points.size(); ++i) {
        const bool major = startsBlock(points[i].site);
        axis.ticks.push_back({static_cast<double>(i), major ? blockLabel(points[i]) : "mlp", major ? 0 : 1});
    }
    return axis;
}

Axis depthAxis(const std::vector<ResidualPoint>& points) {
    return depthAxisFrom(points, 0);
}

Axis stepAxis(const std::vector<ResidualPoint>& points) {
    Axis axis = depthAxis(points);
    axis.low = -0.5;
    axis.high = static_cast<double>(points.size()) - 1.5;
    axis.origin = -0.5;
    for (auto& tick : axis.ticks) tick.value -= 0.5;
    return axis;
}

std::vector<Tick> depthTicks(const std::vector<ResidualPoint>& points, int count) {
    std::vector<Tick> starts;
    for (std::size_t i = 0; i < points.size(); ++i)
        if (startsBlock(points[i].site)) starts.push_back({static_cast<double>(i), blockLabel(points[i])});
    // Steps that a person counts in; the smallest that gives no more than asked for.
    std::size_t step = 1;
    for (const std::size_t candidate : {1, 2, 4, 5, 8, 10, 16, 20, 25, 32, 40, 50, 64, 100, 128, 256, 512}) {
        step = candidate;
        if ((starts.size() + step - 1) / step <= static_cast<std::size_t>(std::max(count, 2))) break;
    }
    std::vector<Tick> ticks;
    for (std::size_t i = 0; i < starts.size(); i += step) ticks.push_back(starts[i]);
    // The end is always named; a neighbour closer than half a step would run into it.
    if (!starts.empty() && ticks.back().value != starts.back().value) {
        const double room = (ticks.size() > 1 ? ticks[1].value - ticks[0].value : 1.0) / 2;
        if (starts.back().value - ticks.back().value < room && ticks.size() > 1) ticks.pop_back();
        ticks.push_back(starts.back());
    }
    return ticks;
}

}  // namespace rheo
