#include "widgets/paint/painter_canvas.h"

#include <QPaintEngine>
#include <QPainter>
#include <QPainterPath>
#include <cmath>
#include <map>
#include <utility>

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
    // Round joints are curves, which take most of the time of a line; at this width nobody sees them.
    constexpr double thin = 2;  // points
    pen.setJoinStyle(stroke.width <= thin ? Qt::BevelJoin : Qt::RoundJoin);
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

namespace {

constexpr std::size_t fewDiscs = 200;  // are drawn one by one
constexpr int phases = 4;              // places of a centre in its pixel, along each axis

/// Discs of one size on an image, of each colour and place in a pixel once.
class DiscStamps {
public:
    explicit DiscStamps(double diameter)
        : m_radius(diameter / 2), m_margin(static_cast<int>(std::ceil(m_radius)) + 1) {}

    /// `centre` and the painter are in pixels.
    void draw(QPainter& painter, const QPointF& centre, const QColor& color) {
        const auto x = static_cast<int>(std::floor(centre.x() * phases)),
                   y = static_cast<int>(std::floor(centre.y() * phases));
        const int left = floorDivide(x), top = floorDivide(y);
        const QImage& stamp = stampOf(color, x - phases * left, y - phases * top);
        painter.drawImage(left - m_margin, top - m_margin, stamp);
    }

private:
    static int floorDivide(int place) {
        return place >= 0 ? place / phases : -((phases - 1 - place) / phases);
    }
    const QImage& stampOf(const QColor& color, int x, int y) {
        QImage& stamp = m_stamps[{color.rgba(), phases * y + x}];
        if (!stamp.isNull()) return stamp;
        const int size = 2 * m_margin + 1;
        stamp = QImage(size, size, QImage::Format_ARGB32_Premultiplied);
        stamp.fill(Qt::transparent);
        QPainter painter(&stamp);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(Qt::NoPen);
        painter.setBrush(color);
        painter.drawEllipse(QPointF(m_margin + (x + 0.5) / phases, m_margin + (y + 0.5) / phases), m_radius,
                            m_radius);
        return stamp;
    }

    double m_radius;
    int m_margin;
    std::map<std::pair<QRgb, int>, QImage> m_stamps;
};

}  // namespace

void PainterCanvas::discs(const std::vector<Disc>& discs, double diameter) {
    const auto* engine = m_painter.paintEngine();
    const QTransform transform = m_painter.transform();
    if (discs.size() < fewDiscs || engine == nullptr || engine->type() != QPaintEngine::Raster ||
        transform.type() > QTransform::TxScale || m_painter.deviceTransform().type() > QTransform::TxScale)
        return Canvas::discs(discs, diameter);
    // In pixels of the image, whose own scale the painter hides.
    const double ratio = m_painter.device()->devicePixelRatioF();
    DiscStamps stamps(diameter * m_pixelsPerPoint);
    m_painter.save();
    m_painter.setTransform(QTransform::fromScale(1 / ratio, 1 / ratio));
    for (const Disc& disc : discs) stamps.draw(m_painter, transform.map(disc.centre) * ratio, disc.color);
    m_painter.restore();
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
