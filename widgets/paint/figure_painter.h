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
#include "core/figure/ranges.h"
#include "widgets/paint/draw_figure.h"
#include "widgets/paint/figure_layout.h"

class QPainter;

namespace rheo {

/// Paints `figure` into `rect` of a painter, once. `unitsPerPoint`: how long a point (1/72 inch) is in
/// the painter's coordinates, which is 96 / 72 on most screens. Needs a QGuiApplication.
void paintFigure(QPainter& painter, const QRectF& rect, const Figure& figure, double unitsPerPoint = 1,
                 Background background = Background::Filled);

/// A figure as it was laid out at one time: drawn in any thread, while the painter it came from goes on.
/// Drawings of one painter share the images of its heatmaps: one at a time.
struct FigureDrawing {
    std::shared_ptr<const Figure> figure;
    FigureLayout layout;
    std::shared_ptr<HeatmapImages> images;
    QRectF rect;
    double unit = 1;  ///< the layout's, in the coordinates of the rectangle

    void draw(QPainter& painter) const;
};

/// A figure on the screen: painted again and again, zoomed and moved, asked what is under the mouse.
/// Keeps the layout and the images of heatmaps between paints. All places are in the coordinates of
/// the last layout; before it there is nothing under any place.
class FigurePainter {
public:
    FigurePainter() = default;

    /// Shows another figure. `keepRanges`: panels whose axes have the same whole range as before stay
    /// zoomed as they are.
    void setFigure(std::shared_ptr<const Figure> figure, bool keepRanges = false);
    const Figure* figure() const { return m_figure.get(); }
    /// The figure with its axes as they are zoomed: what an export of the view shows.
    const Figure& shown() const { return *m_shown; }

    /// Places everything, so that places are answered as they will be painted.
    void layOut(const QRectF& rect, double unitsPerPoint);
    /// As it was last laid out.
    FigureDrawing drawing() const { return {m_shown, m_layout, m_images, m_rect, unit()}; }
    /// Both at once.
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
    /// Where data coordinates of a 2D panel are painted; empty before the first layout.
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
    void show(const std::vector<AxisRange>& ranges);

    std::shared_ptr<const Figure> m_figure;
    std::shared_ptr<const Figure> m_shown = std::make_shared<const Figure>();  ///< as it is zoomed
    FigureLayout m_layout;
    QRectF m_rect;
    double m_unitsPerPoint = 1;
    bool m_laidOut = false;
    std::shared_ptr<HeatmapImages> m_images = std::make_shared<HeatmapImages>();
};

}  // namespace rheo
