#pragma once

#include <QColor>
#include <QImage>
#include <QPointF>
#include <QPolygonF>
#include <QRectF>
#include <QString>
#include <vector>

#include "core/figure/figure.h"

namespace rheo {

/// `opacity`: 0 to 1.
QColor toQColor(const Color& color, double opacity = 1);

struct Stroke {
    QColor color;
    double width = 1;
    Dash dash = Dash::Solid;
    bool roundCaps = false;
};

/// Lengths of the dashes and gaps of a line `width` wide, on and off in turn; empty for a solid one.
std::vector<double> dashLengths(Dash dash, double width);

enum class Anchor { Start, Middle, End };

struct TextStyle {
    double size = 7;  ///< of the font
    bool bold = false;
    QColor color;
    Anchor anchor = Anchor::Start;
    double angle = 0;  ///< degrees, counter-clockwise
};

using Polylines = std::vector<QPolygonF>;

struct Disc {
    QPointF centre;
    QColor color;
};

/// What a figure is drawn on: few shapes, all lengths in points (1/72 inch), y down. There is one for
/// QPainter (screen, PDF, PNG) and one that writes SVG, so that both hold the same picture.
class Canvas {
public:
    virtual ~Canvas() = default;

    /// What follows belongs together: a named group where the format has such.
    virtual void beginGroup(const QString& name) = 0;
    virtual void endGroup() = 0;
    /// What follows is seen inside `rect` only.
    virtual void beginClip(const QRectF& rect) = 0;
    virtual void endClip() = 0;

    /// Open curves with one stroke, as one path.
    virtual void lines(const Polylines& lines, const Stroke& stroke) = 0;
    /// Filled polygons, as one path.
    virtual void polygons(const Polylines& polygons, const QColor& fill) = 0;
    virtual void rectangle(const QRectF& rect, const QColor& fill) = 0;
    virtual void marker(MarkerShape shape, const QPointF& centre, double diameter, const QColor& color) = 0;
    /// Many discs, later ones over earlier ones.
    virtual void discs(const std::vector<Disc>& discs, double diameter) {
        for (const Disc& disc : discs) marker(MarkerShape::Disc, disc.centre, diameter, disc.color);
    }
    /// `at` is on the baseline, at the start, middle or end of the text.
    virtual void text(const QPointF& at, const QString& text, const TextStyle& style) = 0;
    /// The image stretched over `rect`, a pixel a cell, never smoothed.
    virtual void image(const QRectF& rect, const QImage& image) = 0;

    /// Device pixels in a point; 0 where there are none, because the format is a vector one.
    virtual double pixelsPerPoint() const = 0;
};

}  // namespace rheo
