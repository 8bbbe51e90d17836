#include "widgets/paint/figure_painter.h"

#include <QPainter>
#include <algorithm>
#include <cmath>

#include "widgets/paint/painter_canvas.h"

namespace rheo {
namespace {

template <class AxisType>
struct Axes2 {
    AxisType* x = nullptr;
    AxisType* y = nullptr;
};

/// The axes of a panel that can be zoomed; null where there are none.
template <class AxisType, class PanelType>
Axes2<AxisType> zoomable(PanelType& panel) {
    if (auto* heatmap = std::get_if<HeatmapPlot>(&panel.plot)) return {&heatmap->x, &heatmap->y};
    if (auto* curves = std::get_if<CurvePlot>(&panel.plot)) return {&curves->x, &curves->y};
    return {};
}
Axes2<Axis> axesOf(Panel& panel) {
    return zoomable<Axis>(panel);
}
Axes2<const Axis> axesOf(const Panel& panel) {
    return zoomable<const Axis>(panel);
}

/// The least range an axis may be zoomed to.
double leastSpan(const Panel& panel, const Axis& whole) {
    return std::holds_alternative<HeatmapPlot>(panel.plot) ? 2.0 : 1e-6 * (whole.high - whole.low);
}

}  // namespace

void paintFigure(QPainter& painter, const QRectF& rect, const Figure& figure, double unitsPerPoint) {
    const TextMetrics metrics;
    HeatmapImages images;
    const auto layout = layoutFigure(figure, rect.size() / unitsPerPoint, metrics);
    painter.save();
    painter.translate(rect.topLeft());
    painter.scale(unitsPerPoint * layout.scale, unitsPerPoint * layout.scale);
    PainterCanvas canvas(painter);
    drawFigure(canvas, figure, layout, metrics, images);
    painter.restore();
}

void FigurePainter::setFigure(std::shared_ptr<const Figure> figure, bool keepRanges) {
    const Figure before = keepRanges ? std::move(m_shown) : Figure();
    const auto whole = std::exchange(m_figure, std::move(figure));
    m_shown = m_figure ? *m_figure : Figure();
    m_images = {};
    m_laidOut = false;
    if (!keepRanges || !whole) return;
    const auto keep = [&](int panel, bool vertical, const Axis* old, const Axis* shown, const Axis* now) {
        if (old == nullptr || now == nullptr || old->low != now->low || old->high != now->high) return;
        if (shown->low != old->low || shown->high != old->high)
            setRange(panel, vertical, shown->low, shown->high);
    };
    for (std::size_t i = 0; i < std::min(m_shown.panels.size(), whole->panels.size()); ++i) {
        const auto old = axesOf(whole->panels[i]);
        const auto shown = axesOf(before.panels[i]);
        const auto now = axesOf(m_figure->panels[i]);
        keep(static_cast<int>(i), false, old.x, shown.x, now.x);
        keep(static_cast<int>(i), true, old.y, shown.y, now.y);
    }
}

void FigurePainter::paint(QPainter& painter, const QRectF& rect, double unitsPerPoint) {
    if (!m_figure || !(unitsPerPoint > 0)) return;
    const TextMetrics metrics;
    if (!m_laidOut || rect.size() != m_rect.size() || unitsPerPoint != m_unitsPerPoint) {
        m_layout = layoutFigure(m_shown, rect.size() / unitsPerPoint, metrics);
        m_laidOut = true;
    }
    m_rect = rect;
    m_unitsPerPoint = unitsPerPoint;
    painter.save();
    painter.translate(rect.topLeft());
    painter.scale(unit(), unit());
    PainterCanvas canvas(painter);
    drawFigure(canvas, m_shown, m_layout, metrics, m_images);
    painter.restore();
}

std::optional<FigurePosition> FigurePainter::positionAt(const QPointF& place) const {
    return rheo::positionAt(m_shown, m_layout, toLayout(place));
}

std::optional<FigurePainter::Cell> FigurePainter::cellAt(const QPointF& place) const {
    const auto position = positionAt(place);
    if (!position) return std::nullopt;
    const auto* plot =
        std::get_if<HeatmapPlot>(&m_shown.panels[static_cast<std::size_t>(position->panel)].plot);
    if (plot == nullptr || plot->values.size() == 0) return std::nullopt;
    const auto column = static_cast<Eigen::Index>(std::lround(position->x));
    const auto row = static_cast<Eigen::Index>(std::lround(position->y));
    if (column < 0 || row < 0 || column >= plot->values.cols() || row >= plot->values.rows())
        return std::nullopt;
    return Cell{position->panel, row, column, plot->values(row, column)};
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

void FigurePainter::setRange(int panel, bool vertical, double low, double high) {
    const auto i = static_cast<std::size_t>(panel);
    const auto whole = axesOf(m_figure->panels[i]);
    const auto shown = axesOf(m_shown.panels[i]);
    const Axis* limit = vertical ? whole.y : whole.x;
    Axis* axis = vertical ? shown.y : shown.x;
    if (limit == nullptr || axis == nullptr || !std::isfinite(low) || !std::isfinite(high)) return;
    // Logarithmic axes are moved and zoomed in their logarithm.
    const auto to = [&](double value) { return limit->logarithmic ? std::log(value) : value; };
    const auto from = [&](double value) { return limit->logarithmic ? std::exp(value) : value; };
    const double least = to(limit->low);
    const double most = to(limit->high);
    const double span = std::clamp(
        to(high) - to(low), std::min(leastSpan(m_figure->panels[i], *limit), most - least), most - least);
    const double start = std::clamp((to(low) + to(high) - span) / 2, least, most - span);
    if (span >= most - least) {
        axis->low = limit->low;
        axis->high = limit->high;
        axis->ticks = limit->ticks;
    } else {
        axis->low = from(start);
        axis->high = from(start + span);
        if (!limit->named)
            axis->ticks =
                limit->logarithmic ? logTicks(axis->low, axis->high, 5) : niceTicks(axis->low, axis->high, 5);
        // Cells are counted: there is no tick between two of them.
        if (std::holds_alternative<HeatmapPlot>(m_figure->panels[i].plot))
            std::erase_if(axis->ticks, [](const Tick& tick) { return tick.value != std::round(tick.value); });
    }
    // What is asked before the next paint is answered as the axes are from now on.
    if (i < m_layout.panels.size()) {
        auto& scale = vertical ? m_layout.panels[i].y : m_layout.panels[i].x;
        scale.low = axis->low;
        scale.high = axis->high;
    }
    m_laidOut = false;
}

bool FigurePainter::zoom(const QPointF& place, double factor, Qt::Orientations directions) {
    const auto position = positionAt(place);
    if (!position || !(factor > 0)) return false;
    const auto i = static_cast<std::size_t>(position->panel);
    const auto& panel = m_layout.panels[i];
    if (axesOf(m_shown.panels[i]).x == nullptr) return false;
    const QPointF at = toLayout(place);
    const auto apply = [&](bool vertical, const AxisScale& scale, double where) {
        const double low = where + (scale.from - where) / factor;
        const double high = where + (scale.to - where) / factor;
        setRange(position->panel, vertical, scale.value(low), scale.value(high));
    };
    const AxisScale x = panel.x;
    const AxisScale y = panel.y;
    if (directions.testFlag(Qt::Horizontal)) apply(false, x, at.x());
    if (directions.testFlag(Qt::Vertical)) apply(true, y, at.y());
    return true;
}

bool FigurePainter::pan(const QPointF& from, const QPointF& to) {
    const auto position = positionAt(from);
    if (!position) return false;
    const auto i = static_cast<std::size_t>(position->panel);
    const auto& panel = m_layout.panels[i];
    if (axesOf(m_shown.panels[i]).x == nullptr) return false;
    const QPointF by = (to - from) / unit();
    const AxisScale x = panel.x;
    const AxisScale y = panel.y;
    setRange(position->panel, false, x.value(x.from - by.x()), x.value(x.to - by.x()));
    setRange(position->panel, true, y.value(y.from - by.y()), y.value(y.to - by.y()));
    return true;
}

bool FigurePainter::zoomTo(const QPointF& corner, const QPointF& opposite) {
    const auto position = positionAt(corner);
    if (!position) return false;
    const auto i = static_cast<std::size_t>(position->panel);
    const auto& panel = m_layout.panels[i];
    if (axesOf(m_shown.panels[i]).x == nullptr) return false;
    const QRectF frame = QRectF(toLayout(corner), toLayout(opposite)).normalized() & panel.plot;
    if (frame.width() < 2 || frame.height() < 2) return false;
    const AxisScale x = panel.x;
    const AxisScale y = panel.y;
    setRange(position->panel, false, x.value(frame.left()), x.value(frame.right()));
    setRange(position->panel, true, y.value(frame.bottom()), y.value(frame.top()));
    return true;
}

void FigurePainter::resetRanges() {
    for (std::size_t i = 0; m_figure && i < m_figure->panels.size(); ++i) {
        const auto whole = axesOf(m_figure->panels[i]);
        if (whole.x != nullptr) setRange(static_cast<int>(i), false, whole.x->low, whole.x->high);
        if (whole.y != nullptr) setRange(static_cast<int>(i), true, whole.y->low, whole.y->high);
    }
    m_laidOut = false;
}

bool FigurePainter::isZoomed() const {
    if (!m_figure) return false;
    for (std::size_t i = 0; i < m_figure->panels.size(); ++i) {
        const auto whole = axesOf(m_figure->panels[i]);
        const auto shown = axesOf(m_shown.panels[i]);
        for (const auto& [a, b] : {std::pair{whole.x, shown.x}, {whole.y, shown.y}})
            if (a != nullptr && (a->low != b->low || a->high != b->high)) return true;
    }
    return false;
}

}  // namespace rheo
