#include "core/figure/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace rheo {

namespace {

constexpr double sameTick = 1e-6;
constexpr int digits = 4;

/// Where a value lies between the ends of an axis, 0 to 1.
double shareOf(const Axis& axis, double value) {
    if (!axis.logarithmic) return (value - axis.low) / (axis.high - axis.low);
    return std::log(value / axis.low) / std::log(axis.high / axis.low);
}

/// A tick that names the second half of a block ("mlp") is named with its block.
std::string tickName(const Axis& axis, std::size_t tick) {
    const Tick& at = axis.ticks[tick];
    if (at.rank == 0) return at.label;
    for (std::size_t before = tick; before-- > 0;)
        if (axis.ticks[before].rank == 0) return axis.ticks[before].label + " " + at.label;
    return at.label;
}

std::string nameOfPlace(const Axis& axis, double value) {
    const auto after = std::find_if(axis.ticks.begin(), axis.ticks.end(),
                                    [&](const Tick& tick) { return tick.value > value - sameTick; });
    const auto i = static_cast<std::size_t>(after - axis.ticks.begin());
    if (after != axis.ticks.end() && std::abs(after->value - value) <= sameTick) return tickName(axis, i);
    if (after == axis.ticks.end() || i == 0) return formatNumber(value, digits);
    return tickName(axis, i - 1) + " to " + tickName(axis, i);
}

std::string withTitle(const Axis& axis, double value) {
    const std::string name = nameOnAxis(axis, value);
    return axis.title.empty() || axis.kind == AxisKind::Units ? name : axis.title + ": " + name;
}

/// The curve's own name, or the one that the legend gives such a line in another panel.
std::string nameOf(const Figure& figure, const Curve& curve) {
    if (!curve.name.empty()) return curve.name;
    for (const auto& panel : figure.panels)
        if (const auto* plot = std::get_if<CurvePlot>(&panel.plot))
            for (const Curve& other : plot->curves)
                if (!other.name.empty() && other.color == curve.color && other.style.dash == curve.style.dash)
                    return other.name;
    return "";
}

struct Vertex {
    const Curve* curve = nullptr;
    std::size_t index = 0;
};

Vertex nearest(const CurvePlot& shown, const FigurePlace& place) {
    Vertex found;
    double best = place.reach * place.reach;
    const double x = shareOf(shown.x, place.x), y = shareOf(shown.y, place.y);
    for (const Curve& curve : shown.curves)
        for (std::size_t i = 0; i < std::min(curve.x.size(), curve.y.size()); ++i) {
            const double dx = (shareOf(shown.x, curve.x[i]) - x) * place.width;
            const double dy = (shareOf(shown.y, curve.y[i]) - y) * place.height;
            const double distance = dx * dx + dy * dy;
            if (!(distance <= best)) continue;  // NaN breaks a line
            best = distance;
            found = {&curve, i};
        }
    return found;
}

std::string describeCurves(const Figure& whole, const CurvePlot& axes, const CurvePlot& shown,
                           const FigurePlace& place) {
    const Vertex vertex = nearest(shown, place);
    if (vertex.curve == nullptr) return "";
    const Curve& curve = *vertex.curve;
    const std::size_t i = vertex.index;
    std::string text = nameOf(whole, curve);
    if (!text.empty()) text += ". ";
    text += withTitle(axes.x, curve.x[i]) + "; " + withTitle(axes.y, curve.y[i]);
    if (i < curve.low.size() && std::isfinite(curve.low[i]) && std::isfinite(curve.high[i]))
        text += fmt::format(" (band {} to {})", nameOnAxis(axes.y, curve.low[i]),
                            nameOnAxis(axes.y, curve.high[i]));
    if (i < curve.rows.size()) text += fmt::format("; row {}", curve.rows[i]);
    if (whole.colorScale && i < curve.values.size())
        text += fmt::format("; {} {}", whole.colorScale->title, formatNumber(curve.values[i], digits));
    return text;
}

std::string valueText(const ColorScale& scale, double value) {
    if (!std::isfinite(value)) return "not defined";
    return formatNumber(scale.decades ? std::pow(10, value) : value, digits);
}

std::string describeCell(const HeatmapPlot& plot, const FigurePlace& place) {
    const auto column = std::lround(place.x), row = std::lround(place.y);
    if (column < 0 || row < 0 || column >= plot.values.cols() || row >= plot.values.rows()) return "";
    const auto value = static_cast<double>(plot.values(row, column));
    const auto cell = [](const Axis& axis, long at) { return withTitle(axis, static_cast<double>(at)); };
    const auto at = static_cast<std::size_t>(row * plot.values.cols() + column);
    const std::string label =
        at < plot.labels.size() ? fmt::format("; {} \u201c{}\u201d", plot.labelTitle, plot.labels[at]) : "";
    return fmt::format("{}; {}{}; {}: {}", cell(plot.x, column), cell(plot.y, row), label,
                       plot.colorScale.title, valueText(plot.colorScale, value));
}

}  // namespace

std::optional<FigureState> stateAt(const Figure& shown, const FigurePlace& place) {
    const auto panel = static_cast<std::size_t>(place.panel);
    if (place.panel < 0 || panel >= shown.panels.size()) return std::nullopt;
    const auto* plot = std::get_if<CurvePlot>(&shown.panels[panel].plot);
    const Vertex vertex = plot != nullptr ? nearest(*plot, place) : Vertex{};
    if (vertex.curve == nullptr || vertex.index >= vertex.curve->rows.size()) return std::nullopt;
    const auto& values = vertex.curve->values;
    return FigureState{vertex.curve->rows[vertex.index],
                       vertex.index < values.size() ? values[vertex.index] : 0};
}

std::optional<std::int64_t> idAt(const Axis& axis, double value) {
    const double place = std::round(value - axis.origin);
    if (axis.kind == AxisKind::Values || !(place >= 0) || value < axis.low || value > axis.high)
        return std::nullopt;
    if (axis.ids.empty()) return static_cast<std::int64_t>(place);
    if (place >= static_cast<double>(axis.ids.size())) return std::nullopt;
    return axis.ids[static_cast<std::size_t>(place)];
}

std::optional<double> valueOf(const Axis& axis, AxisKind kind, std::int64_t id) {
    if (axis.kind != kind || kind == AxisKind::Values) return std::nullopt;
    auto place = static_cast<double>(id);
    if (!axis.ids.empty()) {
        const auto found = std::find(axis.ids.begin(), axis.ids.end(), id);
        if (found == axis.ids.end()) return std::nullopt;
        place = static_cast<double>(found - axis.ids.begin());
    }
    const double value = axis.origin + place;
    return value >= axis.low && value <= axis.high ? std::optional(value) : std::nullopt;
}

std::string nameOnAxis(const Axis& axis, double value) {
    if (axis.kind == AxisKind::Units)
        if (const auto unit = idAt(axis, value)) return fmt::format("unit {}", *unit);
    if (axis.fisher) return formatNumber(std::tanh(value), digits);
    return axis.named ? nameOfPlace(axis, value) : formatNumber(value, digits);
}

std::string describeAt(const Figure& whole, const Figure& shown, const FigurePlace& place) {
    const auto i = static_cast<std::size_t>(place.panel);
    if (place.panel < 0 || i >= whole.panels.size() || i >= shown.panels.size()) return "";
    if (const auto* plot = std::get_if<HeatmapPlot>(&whole.panels[i].plot)) return describeCell(*plot, place);
    const auto* axes = std::get_if<CurvePlot>(&whole.panels[i].plot);
    const auto* curves = std::get_if<CurvePlot>(&shown.panels[i].plot);
    return axes != nullptr && curves != nullptr ? describeCurves(whole, *axes, *curves, place) : "";
}

}  // namespace rheo
