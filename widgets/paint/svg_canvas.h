#pragma once

#include <QByteArray>
#include <QSet>
#include <QSizeF>

#include "widgets/paint/canvas.h"

namespace rheo {

/// Writes SVG 1.1: curves as <path>, text as <text> with a generic fallback font, images as embedded
/// PNG. Written here rather than by QSvgGenerator because that has no clipping, anchors, groups,
/// metadata or unsmoothed images (Qt 6.4). The same calls give the same bytes.
class SvgCanvas final : public Canvas {
public:
    /// `size` in points, `unit` the points in a unit of what is drawn; `metadata` is any text, kept in
    /// <metadata>.
    SvgCanvas(const QSizeF& size, double unit, const QString& title, const QString& metadata);

    void beginGroup(const QString& name) override;
    void endGroup() override;
    void beginClip(const QRectF& rect) override;
    void endClip() override;
    void lines(const Polylines& lines, const Stroke& stroke) override;
    void polygons(const Polylines& polygons, const QColor& fill) override;
    void rectangle(const QRectF& rect, const QColor& fill) override;
    void marker(MarkerShape shape, const QPointF& centre, double diameter, const QColor& color) override;
    void text(const QPointF& at, const QString& text, const TextStyle& style) override;
    void image(const QRectF& rect, const QImage& image) override;
    double pixelsPerPoint() const override { return 0; }

    /// The document. Nothing may be drawn after.
    QByteArray finish();

private:
    void paint(const char* attribute, const QColor& color);

    QByteArray m_out;
    QSet<QByteArray> m_clips;
};

/// `text` for XML: markup escaped, what XML cannot hold (control characters) replaced by U+FFFD.
QByteArray escapeXml(const QString& text);

}  // namespace rheo
