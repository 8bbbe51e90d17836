#pragma once

#include <QPointer>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/figure/figure.h"
#include "widgets/paint/figure_layout.h"
#include "widgets/scene/pick3.h"
#include "widgets/views/vtk_viewport.h"

class QRubberBand;

namespace rheo {

/// A 3D figure on screen: lines by VTK, everything around and above them (labels, colour bar, markers, the
/// handle) painted as the exporter paints it. Turns, moves and zooms with the mouse; answers what is under
/// it; lets a handle be dragged.
///
/// Left drag turns (on the handle: drags it), middle or Shift+left drag moves, the wheel zooms about the
/// mouse. While the handle is held: X, Y or Z keep it on that axis; the arrow keys move it in the plane of
/// the screen (Shift: further, Ctrl: finer, Page Up and Down: toward the eye and away), Enter lets go, Esc
/// takes it back.
class TrajectoryCanvas : public VtkViewport {
    Q_OBJECT
public:
    explicit TrajectoryCanvas(QWidget* parent = nullptr);
    ~TrajectoryCanvas() override;

    /// The first 3D panel of `figure` is shown. The camera stays as the user has it, unless nothing was shown
    /// yet.
    void setFigure(std::shared_ptr<const Figure> figure);
    std::shared_ptr<const Figure> figure() const { return m_figure; }
    /// Lines and markers over the others: the ghost, the teleported path. Cheap: may change with every mouse
    /// move.
    void setOverlay(std::shared_ptr<const Plot3D> overlay);

    const Camera& camera() const { return m_camera; }
    void setCamera(const Camera& camera);
    /// The same direction, with all of the data in view.
    void fitToData();

    void setHandle(std::optional<Eigen::Vector3d> place);
    std::optional<Eigen::Vector3d> handle() const { return m_handle; }
    bool isDragging() const { return m_drag == Drag::Handle; }
    /// Where a point of the data is on the widget, in its own coordinates.
    QPointF placeOf(const Eigen::Vector3d& point) const;

    void setBoxSelecting(bool on);
    /// What to say of a row and point under the mouse.
    void setDescriber(std::function<QString(std::int64_t row, std::int32_t point)> describe) {
        m_describe = std::move(describe);
    }

Q_SIGNALS:
    void cameraChanged();
    void hovered(qint64 row, int point);  ///< row -1: nothing is under the mouse
    void rowClicked(qint64 row, int point, Qt::KeyboardModifiers modifiers);
    void rowsBoxed(const QList<qint64>& rows);
    void handleGrabbed();
    void handleMoved(double x, double y, double z);
    void handleReleased();
    void handleCancelled();

protected:
    void prepareFrame() override;
    void resizeEvent(QResizeEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void keyReleaseEvent(QKeyEvent* event) override;
    void leaveEvent(QEvent* event) override;
    bool event(QEvent* event) override;

private:
    enum class Drag { None, Pressed, Turn, Move, Handle, Box };
    class Overlay;

    const Plot3D* plot() const;
    void layOut();
    void changed(bool camera);
    void paintOverlay(QPainter& painter);
    double pixelsPerUnit() const;  ///< of the layout, in widget coordinates
    PixelRect toPixels(const QRectF& layoutRect) const;
    const Projected3& projected() const;
    bool isOnHandle(const QPointF& at) const;
    void grabHandle();
    void moveHandle(const Eigen::Vector3d& place);
    void dragHandleTo(const QPointF& at);
    void hover(const QPointF& at);
    void zoom(double factor, const QPointF& about);

    std::shared_ptr<const Figure> m_figure;
    Figure m_frame;  ///< the figure without its lines: what is painted around them
    int m_panel = 0;
    std::shared_ptr<const Plot3D> m_overlay;
    FigureLayout m_layout;
    Camera m_camera;
    mutable std::optional<Projected3> m_projected;
    bool m_sceneStale = true;

    std::optional<Eigen::Vector3d> m_handle, m_handleBefore;
    bool m_handleHovered = false;
    int m_axis = -1;  ///< the handle is kept on; -1: the plane of the screen
    bool m_keyDrag = false;
    Drag m_drag = Drag::None;
    QPointF m_pressed, m_last, m_grabOffset;
    bool m_boxSelecting = false;
    std::int64_t m_hoveredRow = -1;
    QRubberBand* m_band = nullptr;
    Overlay* m_painted = nullptr;
    std::function<QString(std::int64_t, std::int32_t)> m_describe;
};

}  // namespace rheo
