#pragma once

#include <QPointF>
#include <QRectF>
#include <QSizeF>
#include <QString>
#include <memory>
#include <optional>
#include <vector>

#include "core/figure/figure.h"
#include "widgets/paint/figure_layout.h"
#include "widgets/scene/camera_control.h"
#include "widgets/scene/scene3.h"

class QPainter;

namespace rheo {

/// "PC1" of "PC1 (41.2 % of variance)".
QString shortTitle(const Axis& axis);

/// A figure with a 3D panel as it is shown on a widget: which of it the scene draws, what is painted over the
/// scene, and where the parts lie. Rectangles are in pixels of the widget, y down.
class TrajectoryFrame {
public:
    /// The first 3D panel of `figure` is shown; null, or a figure without one: nothing. layOut() must follow.
    void setFigure(std::shared_ptr<const Figure> figure);
    const std::shared_ptr<const Figure>& figure() const { return m_figure; }
    /// The panel that is shown, null: none. All functions below need one.
    const Plot3D* plot() const;

    /// Lines and markers over the others. They do not change where the parts lie.
    void setOverlay(std::shared_ptr<const Plot3D> overlay);
    bool hasOverlay() const { return m_overlay != nullptr; }
    void layOut(const QSizeF& size, const Camera& camera);
    void setCamera(const Camera& camera) { panel().camera = camera; }

    double pixelsPerUnit() const;  ///< of the layout
    QRectF plotArea() const;       ///< the data are drawn in
    ViewArea viewArea() const;
    PixelRect viewRect() const;  ///< what the camera sees, y up from the lower edge of the widget
    PixelRect plotRect() const;  ///< plotArea(), y up
    /// See fittedToLabels().
    std::optional<Camera> fittedCamera(const Camera& camera) const;

    /// The legend's entry at a place of the widget that shows and hides something; null: none.
    const LegendEntry* legendEntryAt(const QPointF& at) const;
    /// Of the legend's entry with a key, pixels of the widget; empty: there is none.
    QRectF legendRect(const std::string& key) const;

    /// The lines that are the scene's.
    Plot3D sceneLines() const;
    /// The box behind the data, in device pixels, y up; `ratio` of them a pixel of the widget.
    std::vector<BackdropLine> backdrop(double ratio) const;
    /// All but the scene's lines, the box behind the data, the overlay and the legend.
    void paint(QPainter& painter) const;
    /// The overlay, and the legend with it: what changes while something is dragged.
    void paintOverlay(QPainter& painter) const;
    /// The pickable line of a row with a mark at a vertex; nothing where there is no such line.
    void paintLine(QPainter& painter, std::int64_t tag, std::int32_t vertex) const;

private:
    void beginPaint(QPainter& painter) const;
    PanelLayout& panel() { return m_layout.panels[m_panel]; }
    const PanelLayout& panel() const { return m_layout.panels[m_panel]; }
    void compose();
    void placeLegend();
    QPointF placeOf(const Eigen::Vector3d& point) const;
    void outline(QPainter& painter, const QPolygonF& path, std::int32_t vertex) const;

    std::shared_ptr<const Figure> m_figure;
    std::size_t m_panel = 0;
    std::shared_ptr<const Plot3D> m_overlay;
    /// The figure without the lines that the scene draws.
    Figure m_painted;
    FigureLayout m_layout;
    QSizeF m_size;
    QPointF m_legendPlace;
};

}  // namespace rheo
