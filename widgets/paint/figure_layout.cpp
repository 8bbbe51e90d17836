#include "widgets/paint/figure_layout.h"

#include <algorithm>
#include <cmath>

#include "widgets/paint/axes3.h"
#include "widgets/paint/readable_text.h"

namespace rheo {
namespace {

using namespace spacing;

/// What a panel needs around its plot.
struct Margins {
    double left = 0, top = 0, right = 0, bottom = 0;
};

/// In as many lines as it takes to be no wider than `room`, smaller before it is cut.
TitleLayout fitTitle(const std::string& text, double room, const TextMetrics& metrics,
                     double size = type::axisTitle, double smallSize = type::smallTitle, int mostLines = 2,
                     bool bold = false) {
    TitleLayout title;
    if (text.empty()) return title;
    const QString whole = readable(text);
    for (const double trial : {size, smallSize}) {
        for (int lines = 1; lines <= mostLines; ++lines) {
            title.size = trial;
            title.lines = metrics.wrapped(whole, trial, bold, room, lines);
            if (title.lines.join(' ') == whole.simplified()) return title;
        }
    }
    return title;
}

double widestLabel(const Axis& axis, const TextMetrics& metrics) {
    double widest = 0;
    for (const auto& tick : axis.ticks)
        if (tick.rank == 0 && isVisible(axis, tick.value))
            widest = std::max(widest, metrics.width(typeset(tick.label), type::tick));
    return widest;
}

Axis barAxis(const ColorScale& scale) {
    Axis axis;
    axis.low = scale.low;
    axis.high = scale.high;
    axis.ticks = scale.ticks;
    return axis;
}

const ColorScale* colorScaleOf(const Panel& panel) {
    if (const auto* plot = std::get_if<HeatmapPlot>(&panel.plot)) return &plot->colorScale;
    if (const auto* plot = std::get_if<Plot3D>(&panel.plot))
        return plot->colorScale ? &*plot->colorScale : nullptr;
    return nullptr;
}

/// The width that a colour bar takes right of a plot. `height`: of all that it may fill.
double measureBar(const ColorScale& scale, ColorBarLayout& bar, double height, const TextMetrics& metrics) {
    bar.title = fitTitle(scale.title, 0.9 * height, metrics);
    double width = barGap + barWidth + tickLength + labelGap + widestLabel(barAxis(scale), metrics);
    if (!bar.title.lines.isEmpty()) width += labelGap + bar.title.height(metrics);
    return width;
}

/// Beside `plot`, `height` long.
void placeBar(const ColorScale& scale, ColorBarLayout& bar, const QRectF& plot, double height,
              const QRectF& outer, const TextMetrics& metrics) {
    const QRectF whole(plot.right() + barGap, plot.center().y() - height / 2, barWidth, height);
    // The pointed ends are part of the bar's length.
    bar.rect = whole.adjusted(0, scale.clipsHigh ? barWidth : 0, 0, scale.clipsLow ? -barWidth : 0);
    bar.scale = {scale.low, scale.high, bar.rect.bottom(), bar.rect.top(), false};
    bar.ticks = placeTicks(barAxis(scale), bar.scale, true, metrics);
    bar.outer = outer;
}

/// Titles that fit a panel of `size`, and the room that everything around its plot takes, `strip` for a
/// legend above it included.
Margins measurePanel(const Panel& panel, PanelLayout& layout, double strip, const QSizeF& size,
                     const TextMetrics& metrics) {
    Margins m;
    const double labelHeight = metrics.capHeight(type::tick);
    if (!panel.title.empty()) {
        layout.title = fitTitle(panel.title, size.width(), metrics, type::panelTitle, type::legend, 2, true);
        m.top = layout.title.height(metrics) + 2;
    }
    m.top += strip;
    layout.clearance = 0;
    if (const auto* scale = colorScaleOf(panel)) {
        layout.colorBar.emplace();
        m.right = measureBar(*scale, *layout.colorBar, size.height(), metrics);
    }
    const auto addBelow = [&](const Axis& axis) {
        layout.xTitle = fitTitle(axis.title, size.width(), metrics);
        m.bottom = tickLength + labelGap + labelHeight + titleGap + layout.xTitle.height(metrics);
        // The last label reaches beyond the plot by half its width.
        double overhang = 0;
        for (const auto& tick : axis.ticks)
            if (tick.rank == 0 && isVisible(axis, tick.value) &&
                tick.value > axis.high - 0.1 * (axis.high - axis.low))
                overhang = std::max(overhang, metrics.width(typeset(tick.label), type::tick) / 2);
        m.right = std::max(m.right, overhang);
    };
    const auto addLeft = [&](const Axis& axis) {
        layout.yTitle = fitTitle(axis.title, size.height() - m.top - m.bottom, metrics);
        m.left = tickLength + labelGap + widestLabel(axis, metrics);
        if (!layout.yTitle.lines.isEmpty()) m.left += titleGap + layout.yTitle.height(metrics);
        layout.clearance = labelHeight / 2;
        m.top += layout.clearance;
    };
    if (const auto* heatmap = std::get_if<HeatmapPlot>(&panel.plot)) {
        addBelow(heatmap->x);
        addLeft(heatmap->y);
    } else if (const auto* curves = std::get_if<CurvePlot>(&panel.plot)) {
        addBelow(curves->x);
        addLeft(curves->y);
    } else if (const auto* bars = std::get_if<BarPlot>(&panel.plot)) {
        addBelow(bars->x);
        double widest = 0;
        for (const auto& bar : bars->bars)
            widest = std::max(widest, metrics.width(readable(bar.label), type::tick));
        m.left = std::min(widest, 0.4 * size.width()) + 2 * labelGap;
    }
    return m;
}

AxisScale scaleOf(const Axis& axis, double from, double to) {
    return {axis.low, axis.high, from, to, axis.logarithmic};
}

void placeAxes(const Panel& panel, PanelLayout& layout, const TextMetrics& metrics) {
    const QRectF& plot = layout.plot;
    const auto set = [&](const Axis& x, const Axis& y) {
        layout.x = scaleOf(x, plot.left(), plot.right());
        layout.y = scaleOf(y, plot.bottom(), plot.top());
        layout.xTicks = placeTicks(x, layout.x, false, metrics);
        layout.yTicks = placeTicks(y, layout.y, true, metrics);
    };
    if (const auto* heatmap = std::get_if<HeatmapPlot>(&panel.plot)) set(heatmap->x, heatmap->y);
    if (const auto* curves = std::get_if<CurvePlot>(&panel.plot)) set(curves->x, curves->y);
    if (const auto* bars = std::get_if<BarPlot>(&panel.plot)) {
        Axis rows;
        rows.low = static_cast<double>(bars->bars.size()) - 0.5;
        rows.high = -0.5;
        layout.x = scaleOf(bars->x, plot.left(), plot.right());
        layout.y = scaleOf(rows, plot.bottom(), plot.top());
        layout.xTicks = placeTicks(bars->x, layout.x, false, metrics);
    }
    if (const auto* scale = colorScaleOf(panel)) {
        double height = plot.height();
        if (std::holds_alternative<Plot3D>(panel.plot)) height = std::min(0.8 * height, 170.0);
        placeBar(*scale, *layout.colorBar, plot, height, layout.outer, metrics);
    }
}

/// The cells of a figure's panels, row by row.
class Grid {
public:
    Grid(const Figure& figure, const QRectF& area) : m_area(area) {
        const int count = static_cast<int>(figure.panels.size());
        m_columns = std::clamp(figure.columns, 1, count);
        m_rows = (count + m_columns - 1) / m_columns;
        m_size = {(area.width() - panelGap * (m_columns - 1)) / m_columns,
                  (area.height() - panelGap * (m_rows - 1)) / m_rows};
    }
    int column(std::size_t i) const { return static_cast<int>(i) % m_columns; }
    int row(std::size_t i) const { return static_cast<int>(i) / m_columns; }
    QRectF cell(std::size_t i) const {
        return {QPointF(m_area.left() + column(i) * (m_size.width() + panelGap),
                        m_area.top() + row(i) * (m_size.height() + panelGap)),
                m_size};
    }

private:
    QRectF m_area;
    QSizeF m_size;
    int m_columns = 1, m_rows = 1;
};

/// Plots of one column start and end at the same x, those of one row at the same y. `strips`: room
/// above each plot for its legend.
void placePlots(const Figure& figure, FigureLayout& layout, const Grid& grid,
                const std::vector<double>& strips, const TextMetrics& metrics) {
    std::vector<Margins> needs;
    for (std::size_t i = 0; i < figure.panels.size(); ++i)
        needs.push_back(
            measurePanel(figure.panels[i], layout.panels[i], strips[i], grid.cell(i).size(), metrics));
    for (std::size_t i = 0; i < figure.panels.size(); ++i) {
        Margins m;
        for (std::size_t k = 0; k < needs.size(); ++k) {
            if (grid.column(k) == grid.column(i)) {
                m.left = std::max(m.left, needs[k].left);
                m.right = std::max(m.right, needs[k].right);
            }
            if (grid.row(k) == grid.row(i)) {
                m.top = std::max(m.top, needs[k].top);
                m.bottom = std::max(m.bottom, needs[k].bottom);
            }
        }
        auto& panel = layout.panels[i];
        panel.plot = panel.outer.adjusted(m.left, m.top, -m.right, -m.bottom);
        if (panel.plot.width() < smallestPlot) panel.plot.setWidth(smallestPlot);
        if (panel.plot.height() < smallestPlot) panel.plot.setHeight(smallestPlot);
        placeAxes(figure.panels[i], panel, metrics);
    }
}

/// Where panels are smaller than their kind needs at the usual size of type, everything is drawn
/// smaller, type and lines alike, down to what can still be read in print.
double typeScale(const Figure& figure, const QSizeF& size) {
    constexpr double smallest = 0.7;
    if (figure.panels.empty()) return 1;
    const QSizeF cell = Grid(figure, QRectF(QPointF(0, 0), size)).cell(0).size();
    double scale = 1;
    for (const auto& panel : figure.panels) {
        QSizeF wanted(160, 115);
        if (std::holds_alternative<Plot3D>(panel.plot)) wanted = {270, 200};
        if (std::holds_alternative<HeatmapPlot>(panel.plot)) wanted = {220, 160};
        // A line of type for each bar, up to as many as anyone compares.
        if (const auto* bars = std::get_if<BarPlot>(&panel.plot))
            wanted.setHeight(60 + 8.5 * std::min<double>(static_cast<double>(bars->bars.size()), 12));
        scale = std::min({scale, cell.width() / wanted.width(), cell.height() / wanted.height()});
    }
    return std::max(scale, smallest);
}

/// Puts the title above, the note below and the colour bar of all panels beside; returns what is left.
QRectF placeSurroundings(const Figure& figure, FigureLayout& layout, const TextMetrics& metrics) {
    QRectF area = QRectF(QPointF(0, 0), layout.size).adjusted(margin, margin, -margin, -margin);
    if (!figure.title.empty()) {
        layout.title =
            fitTitle(figure.title, area.width(), metrics, type::figureTitle, type::panelTitle, 2, true);
        area.setTop(area.top() + layout.title.height(metrics) + 4);
    }
    if (!figure.note.empty()) {
        layout.note = fitTitle(figure.note, area.width(), metrics, type::note, type::note, 3);
        area.setBottom(area.bottom() - layout.note.height(metrics) - 4);
    }
    if (figure.colorScale && !figure.panels.empty()) {
        auto& bar = layout.colorBar.emplace();
        const QRectF outer = area;
        area.setRight(area.right() - measureBar(*figure.colorScale, bar, area.height(), metrics));
        placeBar(*figure.colorScale, bar, area, std::min(0.6 * area.height(), 170.0), outer, metrics);
    }
    return area;
}

bool isBars(const Panel& panel) {
    return std::holds_alternative<BarPlot>(panel.plot);
}

/// The legends of a figure's panels while it is not settled where they are.
struct Legends {
    std::vector<std::vector<LegendEntry>> entries;  ///< [panel]
    std::vector<bool> above;                        ///< [panel] above its plot, else inside
    bool shared = false;  ///< one panel of curves alone has names: they are those of all
};

Legends legendsOf(const Figure& figure) {
    Legends legends;
    int explainingCurves = 0;
    for (const auto& panel : figure.panels) {
        legends.entries.push_back(legendOf(panel));
        if (!legends.entries.back().empty() && !isBars(panel)) ++explainingCurves;
    }
    legends.above.assign(figure.panels.size(), false);
    legends.shared = figure.panels.size() > 1 && explainingCurves == 1;
    return legends;
}

/// Puts a legend of all panels at the top of `area`, if there is one; returns what is left.
QRectF placeSharedLegend(const Figure& figure, const Legends& legends, const QRectF& area,
                         FigureLayout& layout, const TextMetrics& metrics) {
    QRectF rest = area;
    layout.legend = {};
    for (std::size_t i = 0; i < figure.panels.size(); ++i) {
        if (!legends.above[i] || !legends.shared || isBars(figure.panels[i])) continue;
        layout.legend = stripLegend(legends.entries[i], area.width(), metrics);
        rest.setTop(area.top() + layout.legend.rect.height() + 5);
        moveLegend(layout.legend, area.topLeft());
    }
    return rest;
}

/// Gives the panels their cells, and the strips above their plots where their legends go: [panel] heights.
std::vector<double> placeStrips(const Figure& figure, const Legends& legends, const Grid& grid,
                                FigureLayout& layout, const TextMetrics& metrics) {
    std::vector<double> strips(figure.panels.size(), 0.0);
    for (std::size_t i = 0; i < figure.panels.size(); ++i) {
        PanelLayout& panel = layout.panels[i];
        panel.outer = grid.cell(i);
        if (!legends.above[i] || !(layout.legend.entries.empty() || isBars(figure.panels[i]))) continue;
        panel.legend = stripLegend(legends.entries[i], panel.outer.width(), metrics);
        strips[i] = panel.legend.rect.height() + 4;
    }
    return strips;
}

/// Puts each legend into its strip, or into its plot where that is free. Those that find no place there go
/// above from now on; returns whether there are such.
bool placeLegends(const Figure& figure, const std::vector<double>& strips, FigureLayout& layout,
                  Legends& legends, const TextMetrics& metrics) {
    bool anyMoved = false;
    for (std::size_t i = 0; i < figure.panels.size(); ++i) {
        auto& panel = layout.panels[i];
        if (legends.entries[i].empty()) continue;
        if (legends.above[i]) {
            moveLegend(panel.legend, {panel.outer.left(), panel.plot.top() - panel.clearance - strips[i]});
            continue;
        }
        panel.legend =
            insideLegend(legends.entries[i], figure.panels[i], {panel.plot, panel.x, panel.y}, metrics);
        if (panel.legend.inside) continue;
        legends.above[i] = true;
        anyMoved = true;
    }
    return anyMoved;
}

/// Where titles begin, and what cameras see.
void finishPanel(const Panel& panel, PanelLayout& layout, const TextMetrics& metrics) {
    layout.titlePlace = {layout.outer.left(), layout.outer.top() + metrics.capHeight(layout.title.size) + 1};
    if (const auto* plot = std::get_if<Plot3D>(&panel.plot)) {
        const auto map = placeView(*plot, layout.plot, metrics);
        layout.view = map.view;
        layout.camera = map.camera;
    }
}

}  // namespace

FigureLayout layoutFigure(const Figure& figure, const QSizeF& size, const TextMetrics& metrics) {
    FigureLayout layout;
    layout.scale = typeScale(figure, size);
    layout.size = size / layout.scale;
    const QRectF area = placeSurroundings(figure, layout, metrics);
    if (figure.panels.empty()) return layout;
    // A legend that goes above makes plots smaller, so that the others have to look for a place again.
    Legends legends = legendsOf(figure);
    for (bool moved = true; moved;) {
        layout.panels.assign(figure.panels.size(), {});
        const Grid grid(figure, placeSharedLegend(figure, legends, area, layout, metrics));
        const std::vector<double> strips = placeStrips(figure, legends, grid, layout, metrics);
        placePlots(figure, layout, grid, strips, metrics);
        moved = placeLegends(figure, strips, layout, legends, metrics);
    }
    for (std::size_t i = 0; i < figure.panels.size(); ++i)
        finishPanel(figure.panels[i], layout.panels[i], metrics);
    return layout;
}

std::optional<FigurePosition> positionAt(const Figure& figure, const FigureLayout& layout, QPointF point) {
    for (std::size_t i = 0; i < layout.panels.size() && i < figure.panels.size(); ++i) {
        const auto& panel = layout.panels[i];
        if (std::holds_alternative<Plot3D>(figure.panels[i].plot) || !panel.plot.contains(point)) continue;
        return FigurePosition{static_cast<int>(i), panel.x.value(point.x()), panel.y.value(point.y())};
    }
    return std::nullopt;
}

}  // namespace rheo
