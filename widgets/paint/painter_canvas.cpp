#include "widgets/paint/painter_canvas.h"

#include <QPaintEngine>
#include <QPainter>
#include <QPainterPath>
#include <cmath>

#include "widgets/paint/text_metrics.h"

namespace rheo {

QColor toQColor(const Color& color, double opacity) {
    QColor result;
    result.setRgbF(color.r, color.g, color.b, static_cast<float>(opacity));
    return result;
}

std::vector<double> dashLengths(Dash dash, double width) {
    const double unit = std::max(width, 0.8);
    if (dash == Dash::Dashed) return {4 * unit, 2.4 * unit};
    if (dash == Dash::Dotted) return {1.2 * unit, 1.8 * unit};
    return {};
}

PainterCanvas::PainterCanvas(QPainter& painter) : m_painter(painter) {
    const auto* engine = painter.paintEngine();
    if (engine == nullptr || engine->type() != QPaintEngine::Pdf) {
        const auto transform = painter.deviceTransform();
        m_pixelsPerPoint = std::hypot(transform.m11(), transform.m12());
    }
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setRenderHint(QPainter::TextAntialiasing);
    painter.setRenderHint(QPainter::SmoothPixmapTransform, false);
    painter.setRenderHint(QPainter::LosslessImageRendering);
}

void PainterCanvas::beginClip(const QRectF& rect) {
    m_painter.save();
    m_painter.setClipRect(rect, Qt::IntersectClip);
}

void PainterCanvas::endClip() {
    m_painter.restore();
}

void PainterCanvas::lines(const Polylines& lines, const Stroke& stroke) {
    QPen pen(stroke.color, stroke.width);
    pen.setJoinStyle(Qt::RoundJoin);
    pen.setCapStyle(stroke.roundCaps ? Qt::RoundCap : Qt::FlatCap);
    if (const auto lengths = dashLengths(stroke.dash, stroke.width); !lengths.empty()) {
        QList<qreal> pattern;
        for (const double length : lengths) pattern << length / stroke.width;
        pen.setDashPattern(pattern);
    }
    m_painter.setPen(pen);
    m_painter.setBrush(Qt::NoBrush);
    QPainterPath path;
    for (const auto& line : lines) path.addPolygon(line);
    m_painter.drawPath(path);
}

void PainterCanvas::polygons(const Polylines& polygons, const QColor& fill) {
    QPainterPath path;
    for (const auto& polygon : polygons) {
        path.addPolygon(polygon);
        path.closeSubpath();
    }
    m_painter.setPen(Qt::NoPen);
    m_painter.setBrush(fill);
    m_painter.drawPath(path);
}

void PainterCanvas::rectangle(const QRectF& rect, const QColor& fill) {
    m_painter.fillRect(rect, fill);
}

void PainterCanvas::marker(MarkerShape shape, const QPointF& centre, double diameter, const QColor& color) {
    const double r = diameter / 2;
    m_painter.setPen(Qt::NoPen);
    m_painter.setBrush(color);
    switch (shape) {
        case MarkerShape::Disc: m_painter.drawEllipse(centre, r, r); break;
        case MarkerShape::Ring:
            m_painter.setBrush(Qt::NoBrush);
            m_painter.setPen(QPen(color, diameter / 6));
            m_painter.drawEllipse(centre, r, r);
            break;
        case MarkerShape::Diamond: {
            const QPolygonF diamond{{centre + QPointF(0, -r), centre + QPointF(r, 0), centre + QPointF(0, r),
                                     centre + QPointF(-r, 0)}};
            m_painter.drawPolygon(diamond);
            break;
        }
        case MarkerShape::Square:
            m_painter.drawRect(QRectF(centre.x() - r, centre.y() - r, diameter, diameter));
            break;
    }
}

void PainterCanvas::text(const QPointF& at, const QString& text, const TextStyle& style) {
    const QFont font = figureFont(style.bold);
    m_painter.save();
    m_painter.translate(at);
    m_painter.rotate(-style.angle);
    m_painter.scale(style.size / fontUnits, style.size / fontUnits);
    m_painter.setFont(font);
    m_painter.setPen(style.color);
    double x = 0;
    if (style.anchor != Anchor::Start) {
        const double width = QFontMetricsF(font).horizontalAdvance(text);
        x = style.anchor == Anchor::Middle ? -width / 2 : -width;
    }
    m_painter.drawText(QPointF(x, 0), text);
    m_painter.restore();
}

void PainterCanvas::image(const QRectF& rect, const QImage& image) {
    m_painter.drawImage(rect, image);
}

}  // namespace rheo
