#include "widgets/views/split_canvas.h"

namespace rheo {

SplitCanvas::SplitCanvas(Canvas* over, std::function<std::array<double, 2>(const QPointF&)> toWindow,
                         double pixelsPerPoint)
    : m_over(over), m_toWindow(std::move(toWindow)), m_pixelsPerPoint(pixelsPerPoint) {}

void SplitCanvas::beginGroup(const QString& name) {
    m_inAxes = name == "axes";
}

void SplitCanvas::endGroup() {
    m_inAxes = false;
}

void SplitCanvas::beginClip(const QRectF& rect) {
    if (m_over != nullptr) m_over->beginClip(rect);
}

void SplitCanvas::endClip() {
    if (m_over != nullptr) m_over->endClip();
}

void SplitCanvas::lines(const Polylines& lines, const Stroke& stroke) {
    if (!m_inAxes) {
        if (m_over != nullptr) m_over->lines(lines, stroke);
        return;
    }
    for (const auto& line : lines) {
        BackdropLine& added = m_backdrop.emplace_back();
        added.color = {static_cast<float>(stroke.color.redF()), static_cast<float>(stroke.color.greenF()),
                       static_cast<float>(stroke.color.blueF())};
        added.opacity = stroke.color.alphaF();
        added.width = stroke.width * m_pixelsPerPoint;
        for (const auto& at : line) added.places.push_back(m_toWindow(at));
    }
}

void SplitCanvas::polygons(const Polylines& polygons, const QColor& fill) {
    if (m_over != nullptr) m_over->polygons(polygons, fill);
}

void SplitCanvas::rectangle(const QRectF& rect, const QColor& fill) {
    // The first rectangle is the page itself: the scene has its own background.
    if (m_over != nullptr && m_painted) m_over->rectangle(rect, fill);
    m_painted = true;
}

void SplitCanvas::marker(MarkerShape shape, const QPointF& centre, double diameter, const QColor& color) {
    if (m_over != nullptr) m_over->marker(shape, centre, diameter, color);
}

void SplitCanvas::text(const QPointF& at, const QString& text, const TextStyle& style) {
    if (m_over != nullptr) m_over->text(at, text, style);
}

void SplitCanvas::image(const QRectF& rect, const QImage& image) {
    if (m_over != nullptr) m_over->image(rect, image);
}

}  // namespace rheo
