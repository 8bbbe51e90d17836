#include "widgets/paint/figure_painter.h"

#include <QPainter>
#include <algorithm>
#include <cmath>

#include "core/figure/describe.h"
#include "widgets/paint/painter_canvas.h"

namespace rheo {
namespace {

struct Axes2 {
    const Axis* x = nullptr;
    const Axis* y = nullptr;
};

/// The axes of a panel that can be zoomed; null where there are none.
Axes2 axesOf(const Panel& panel) {
    if (const auto* heatmap = std::get_if<HeatmapPlot>(&panel.plot)) return {&heatmap->x, &heatmap->y};
    if (const auto* curves = std::get_if<CurvePlot>(&panel.plot)) return {&curves->x, &curves->y};
    return {};
}

}  // namespace

void paintFigure(QPainter& painter, const QRectF& rect, const Figure& figure, double unitsPerPoint,
                 Background background) {
    const TextMetrics metrics;
    HeatmapImages images;
    const auto layout = layoutFigure(figure, rect.size() / unitsPerPoint, metrics);
    painter.save();
    painter.translate(rect.topLeft());
    painter.scale(unitsPerPoint * layout.scale, unitsPerPoint * layout.scale);
    PainterCanvas canvas(painter);
    drawFigure(canvas, figure, layout, metrics, images, background);
    painter.restore();
}

void FigureDrawing::draw(QPainter& painter) const {
    painter.save();
    painter.translate(rect.topLeft());
    painter.scale(unit, unit);
    PainterCanvas canvas(painter);
    drawFigure(canvas, *figure, layout, TextMetrics(), *images);
    painter.restore();
}

void FigurePainter::setFigure(std::shared_ptr<const Figure> figure, bool keepRanges) {
    const auto whole = std::exchange(m_figure, std::move(figure));
    const auto before = std::exchange(m_shown, m_figure ? m_figure : std::make_shared<const Figure>());
    m_images = std::make_shared<HeatmapImages>();
    m_laidOut = false;
    if (!keepRanges || !whole || !m_figure) return;
    std::vector<AxisRange> kept;
    for (const auto& range : rangesShown(*whole, *before)) {
        const auto i = static_cast<std::size_t>(range.panel);
        if (i >= m_figure->panels.size()) continue;
        const auto old = axesOf(whole->panels[i]);
        const auto now = axesOf(m_figure->panels[i]);
        const Axis* a = range.vertical ? old.y : old.x;
        const Axis* b = range.vertical ? now.y : now.x;
        if (b != nullptr && a->low == b->low && a->high == b->high) kept.push_back(range);
    }
    if (!kept.empty()) show(kept);
}

void FigurePainter::layOut(const QRectF& rect, double unitsPerPoint) {
    if (!m_figure || !(unitsPerPoint > 0)) return;
    if (!m_laidOut || rect.size() != m_rect.size() || unitsPerPoint != m_unitsPerPoint) {
        m_layout = layoutFigure(*m_shown, rect.size() / unitsPerPoint, TextMetrics());
        m_laidOut = true;
    }
    m_rect = rect;
    m_unitsPerPoint = unitsPerPoint;
}

void FigurePainter::paint(QPainter& painter, const QRectF& rect, double unitsPerPoint) {
    layOut(rect, unitsPerPoint);
    if (m_laidOut) drawing().draw(painter);
}

std::optional<FigurePosition> FigurePainter::positionAt(const QPointF& place) const {
    return rheo::positionAt(*m_shown, m_layout, toLayout(place));
}

std::optional<std::int64_t> FigurePainter::idAt(const QPointF& place, AxisKind kind) const {
    const auto position = positionAt(place);
    if (!position) return std::nullopt;
    const Axes2 axes = axesOf(m_shown->panels[static_cast<std::size_t>(position->panel)]);
    if (axes.x != nullptr && axes.x->kind == kind) return rheo::idAt(*axes.x, position->x);
    if (axes.y != nullptr && axes.y->kind == kind) return rheo::idAt(*axes.y, position->y);
    return std::nullopt;
}

QList<QLineF> FigurePainter::linesAt(AxisKind kind, std::int64_t id) const {
    QList<QLineF> lines;
    for (std::size_t i = 0; i < std::min(m_shown->panels.size(), m_layout.panels.size()); ++i) {
        const Axes2 axes = axesOf(m_shown->panels[i]);
        if (axes.x == nullptr) continue;
        const QRectF plot = plotRect(static_cast<int>(i));
        if (const auto x = valueOf(*axes.x, kind, id)) {
            const double at = m_rect.left() + m_layout.panels[i].x.place(*x) * unit();
            lines << QLineF(at, plot.top(), at, plot.bottom());
        }
        if (const auto y = valueOf(*axes.y, kind, id)) {
            const double at = m_rect.top() + m_layout.panels[i].y.place(*y) * unit();
            lines << QLineF(plot.left(), at, plot.right(), at);
        }
    }
    return lines;
}

std::string FigurePainter::describe(const QPointF& place, double reach) const {
    const auto at = positionAt(place);
    if (!at) return "";
    const QRectF plot = plotRect(at->panel);
    return describeAt(*m_figure, *m_shown, {at->panel, at->x, at->y, plot.width(), plot.height(), reach});
}

std::optional<FigureState> FigurePainter::stateAt(const QPointF& place, double reach) const {
    const auto at = positionAt(place);
    if (!at) return std::nullopt;
    const QRectF plot = plotRect(at->panel);
    return rheo::stateAt(*m_shown, {at->panel, at->x, at->y, plot.width(), plot.height(), reach});
}

QList<QPolygonF> FigurePainter::pathsOf(std::int64_t row) const {
    QList<QPolygonF> paths;
    for (std::size_t i = 0; i < std::min(m_shown->panels.size(), m_layout.panels.size()); ++i) {
        const auto* plot = std::get_if<CurvePlot>(&m_shown->panels[i].plot);
        if (plot == nullptr) continue;
        for (const Curve& curve : plot->curves) {
            QPolygonF path;
            for (std::size_t k = 0; k < curve.rows.size(); ++k)
                if (curve.rows[k] == row)
                    if (const auto at = placeOf({static_cast<int>(i), curve.x[k], curve.y[k]})) path << *at;
            if (!path.isEmpty()) paths << path;
        }
    }
    return paths;
}

std::optional<QPointF> FigurePainter::placeOf(const FigurePosition& position) const {
    const auto i = static_cast<std::size_t>(position.panel);
    if (position.panel < 0 || i >= m_layout.panels.size()) return std::nullopt;
    const auto& panel = m_layout.panels[i];
    return m_rect.topLeft() + QPointF(panel.x.place(position.x), panel.y.place(position.y)) * unit();
}

QRectF FigurePainter::plotRect(int panel) const {
    const auto i = static_cast<std::size_t>(panel);
    if (panel < 0 || i >= m_layout.panels.size()) return {};
    const auto& plot = m_layout.panels[i].plot;
    return {m_rect.topLeft() + plot.topLeft() * unit(), plot.size() * unit()};
}

/// A figure that may just be drawn is not changed: another takes its place.
void FigurePainter::show(const std::vector<AxisRange>& ranges) {
    const auto shown = std::make_shared<Figure>(*m_shown);
    for (const AxisRange& range : ranges) {
        showRange(*m_figure, *shown, range);
        // What is asked before the next paint is answered as the axes are from now on.
        const auto i = static_cast<std::size_t>(range.panel);
        const auto axes = axesOf(shown->panels[i]);
        const Axis* axis = range.vertical ? axes.y : axes.x;
        if (axis == nullptr || i >= m_layout.panels.size()) continue;
        auto& scale = range.vertical ? m_layout.panels[i].y : m_layout.panels[i].x;
        scale.low = axis->low;
        scale.high = axis->high;
    }
    m_shown = shown;
    m_laidOut = false;
}

bool FigurePainter::zoom(const QPointF& place, double factor, Qt::Orientations directions) {
    const auto position = positionAt(place);
    if (!position || !(factor > 0)) return false;
    const auto i = static_cast<std::size_t>(position->panel);
    if (axesOf(m_shown->panels[i]).x == nullptr) return false;
    const PanelLayout& panel = m_layout.panels[i];
    const QPointF at = toLayout(place);
    const auto nearer = [&](bool vertical, const AxisScale& scale, double where) {
        return AxisRange{position->panel, vertical, scale.value(where + (scale.from - where) / factor),
                         scale.value(where + (scale.to - where) / factor)};
    };
    std::vector<AxisRange> ranges;
    if (directions.testFlag(Qt::Horizontal)) ranges.push_back(nearer(false, panel.x, at.x()));
    if (directions.testFlag(Qt::Vertical)) ranges.push_back(nearer(true, panel.y, at.y()));
    show(ranges);
    return true;
}

bool FigurePainter::pan(const QPointF& from, const QPointF& to) {
    const auto position = positionAt(from);
    if (!position) return false;
    const auto i = static_cast<std::size_t>(position->panel);
    if (axesOf(m_shown->panels[i]).x == nullptr) return false;
    const AxisScale &x = m_layout.panels[i].x, &y = m_layout.panels[i].y;
    const QPointF by = (to - from) / unit();
    show({{position->panel, false, x.value(x.from - by.x()), x.value(x.to - by.x())},
          {position->panel, true, y.value(y.from - by.y()), y.value(y.to - by.y())}});
    return true;
}

bool FigurePainter::zoomTo(const QPointF& corner, const QPointF& opposite) {
    const auto position = positionAt(corner);
    if (!position) return false;
    const auto i = static_cast<std::size_t>(position->panel);
    const auto& panel = m_layout.panels[i];
    if (axesOf(m_shown->panels[i]).x == nullptr) return false;
    const QRectF frame = QRectF(toLayout(corner), toLayout(opposite)).normalized() & panel.plot;
    if (frame.width() < 2 || frame.height() < 2) return false;
    show({{position->panel, false, panel.x.value(frame.left()), panel.x.value(frame.right())},
          {position->panel, true, panel.y.value(frame.bottom()), panel.y.value(frame.top())}});
    return true;
}

void FigurePainter::resetRanges() {
    std::vector<AxisRange> whole;
    for (std::size_t i = 0; m_figure && i < m_figure->panels.size(); ++i) {
        const auto axes = axesOf(m_figure->panels[i]);
        if (axes.x != nullptr) whole.push_back({static_cast<int>(i), false, axes.x->low, axes.x->high});
        if (axes.y != nullptr) whole.push_back({static_cast<int>(i), true, axes.y->low, axes.y->high});
    }
    show(whole);
}

bool FigurePainter::isZoomed() const {
    return m_figure && !rangesShown(*m_figure, *m_shown).empty();
}

}  // namespace rheo
