#pragma once

#include <QLineF>
#include <QList>
#include <QPointF>
#include <QPolygonF>
#include <QRectF>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/figure/describe.h"
#include "core/figure/figure.h"
#include "widgets/paint/draw_figure.h"
#include "widgets/paint/figure_layout.h"

class QPainter;

namespace rheo {

/// Paints `figure` into `rect` of a painter, once. `unitsPerPoint`: how long a point (1/72 inch) is in
/// the painter's coordinates, which is 96 / 72 on most screens. Needs a QGuiApplication.
void paintFigure(QPainter& painter, const QRectF& rect, const Figure& figure, double unitsPerPoint = 1,
                 Background background = Background::Filled);

/// A figure on the screen: painted again and again, zoomed and moved, asked what is under the mouse.
/// Keeps the layout and the images of heatmaps between paints. All places are in the coordinates of
/// the last paint; before it there is nothing under any place.
class FigurePainter {
public:
    FigurePainter() = default;

    /// Shows another figure. `keepRanges`: panels whose axes have the same whole range as before stay
    /// zoomed as they are.
    void setFigure(std::shared_ptr<const Figure> figure, bool keepRanges = false);
    const Figure* figure() const { return m_figure.get(); }
    /// The figure with its axes as they are zoomed: what an export of the view shows.
    const Figure& shown() const { return m_shown; }

    void paint(QPainter& painter, const QRectF& rect, double unitsPerPoint);

    /// The 2D plot under `place` and the data coordinates there.
    std::optional<FigurePosition> positionAt(const QPointF& place) const;
    /// What an axis of this kind has at `place`; none where the plot there has no such axis.
    std::optional<std::int64_t> idAt(const QPointF& place, AxisKind kind) const;
    /// Where a point, unit or token lies in all plots that show it: lines across them.
    QList<QLineF> linesAt(AxisKind kind, std::int64_t id) const;
    /// What the figure says under `place` (describeAt of core/figure/describe.h), of a curve within `reach`,
    /// in the painter's coordinates; empty: nothing.
    std::string describe(const QPointF& place, double reach) const;
    /// The state nearest to `place`, within `reach` in the painter's coordinates; none where there is none.
    std::optional<FigureState> stateAt(const QPointF& place, double reach) const;
    /// The states of a row, in order, in each plot that has them.
    QList<QPolygonF> pathsOf(std::int64_t row) const;
    /// Where data coordinates of a 2D panel are painted; empty before the first paint.
    std::optional<QPointF> placeOf(const FigurePosition& position) const;
    /// The area of a panel's data.
    QRectF plotRect(int panel) const;

    /// Zooms the plot under `place` by `factor` (above 1: nearer), what is there staying under the mouse, in
    /// the directions chosen. Never out of the whole, never nearer than two cells or 1e-6 of it.
    /// False if there is no 2D plot.
    bool zoom(const QPointF& place, double factor,
              Qt::Orientations directions = Qt::Horizontal | Qt::Vertical);
    /// Moves the plot that was under `from` so that what was there comes under `to`.
    bool pan(const QPointF& from, const QPointF& to);
    /// Shows the data between two places, as after drawing a frame with the mouse.
    bool zoomTo(const QPointF& corner, const QPointF& opposite);
    /// Every plot shows the whole again.
    void resetRanges();
    bool isZoomed() const;

private:
    /// The layout's unit in the painter's coordinates.
    double unit() const { return m_unitsPerPoint * m_layout.scale; }
    QPointF toLayout(const QPointF& place) const { return (place - m_rect.topLeft()) / unit(); }
    void setRange(int panel, bool vertical, double low, double high);

    std::shared_ptr<const Figure> m_figure;
    Figure m_shown;  ///< with the axes as they are zoomed
    FigureLayout m_layout;
    QRectF m_rect;
    double m_unitsPerPoint = 1;
    bool m_laidOut = false;
    HeatmapImages m_images;
};

}  // namespace rheo
