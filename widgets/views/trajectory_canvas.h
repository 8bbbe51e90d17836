#pragma once

#include <QElapsedTimer>
#include <QPolygonF>
#include <QTimer>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/figure/figure.h"
#include "widgets/scene/camera_control.h"
#include "widgets/scene/camera_history.h"
#include "widgets/scene/handle_control.h"
#include "widgets/scene/pick3.h"
#include "widgets/views/trajectory_frame.h"
#include "widgets/views/vtk_viewport.h"

class QRubberBand;

namespace rheo {

class HoverCard;

/// A 3D figure on screen: the many lines by VTK, everything around and above them (labels, colour bar, the
/// mean, the selection, markers, the handle) painted as the exporter paints it. Turns, moves and zooms with
/// the mouse and the keys; answers what is under the mouse; lets a handle be dragged. Translates the events
/// of Qt into those of CameraControl and HandleControl, and their effects into signals.
///
/// Left drag turns (on the handle: drags it), middle or Shift+left drag moves, Ctrl+left drag selects by a
/// box, the wheel or a pinch zooms about the mouse, a double click shows the whole. The handle is dragged in
/// the plane of the screen through it, or by one of its arrows along that axis. X, Y and Z lock that axis
/// until the key is pressed again; S puts it on the nearest row. The arrow keys move the handle in the plane
/// of the screen (Shift: further, Ctrl: finer, Page Up and Down: toward the eye and away), Enter lets go, Esc
/// takes it back. Where there is no handle, and with Alt, the arrow keys turn the view. Comma and period go
/// back and forward through the places from which it was seen.
class TrajectoryCanvas : public VtkViewport {
    Q_OBJECT
public:
    explicit TrajectoryCanvas(QWidget* parent = nullptr);
    ~TrajectoryCanvas() override;

    /// The first 3D panel of `figure` is shown; null: nothing. The camera stays as the user has it; one that
    /// shows the whole goes on showing the whole.
    void setFigure(std::shared_ptr<const Figure> figure);
    std::shared_ptr<const Figure> figure() const { return m_frame.figure(); }
    /// Lines and markers over the others: the ghost, the teleported path. Cheap: may change with every mouse
    /// move.
    void setOverlay(std::shared_ptr<const Plot3D> overlay);

    const Camera& camera() const { return m_view.camera; }
    void setCamera(const Camera& camera);
    bool showsWhole() const { return m_view.showsWhole; }
    /// To where the camera rested before (-1), or after that (1). False: there is no such place.
    bool stepBack(int by);
    /// The same direction, with the whole box and its labels in view, and kept so when the size or the data
    /// change until somebody moves or zooms.
    void fitToData();
    /// The same direction, with the part of the data from `low` to `high` as large as it fits.
    void frameBox(const Eigen::Vector3d& low, const Eigen::Vector3d& high);

    /// Where the handle is, data units; none: there is nothing to take hold of. While it is held the hand
    /// decides where it is, and none takes it out of the hand (handleCancelled).
    void setHandle(std::optional<Eigen::Vector3d> place);
    std::optional<Eigen::Vector3d> handle() const { return m_handle.place; }
    /// 0 to 2: the handle is kept on this axis; screenPlane: on none.
    int lockedAxis() const { return m_handle.lock; }
    bool isDragging() const { return m_handle.hold == HandleControl::Hold::Mouse; }
    /// Where a point of the data is on the widget, in its own coordinates.
    QPointF placeOf(const Eigen::Vector3d& point) const;

    /// Where the legend names what has this key; empty: nowhere.
    QRectF legendRect(const QString& key) const {
        return plot() == nullptr ? QRectF() : m_frame.legendRect(key.toStdString());
    }

    /// What a drag with the left button selects by; None: it turns the view.
    enum class SelectBy { None, Box, Lasso };
    void setSelectBy(SelectBy shape);
    SelectBy selectBy() const { return m_selectBy; }
    /// What the card beside the mouse says of a row and point, in HTML.
    void setDescriber(std::function<QString(std::int64_t row, std::int32_t point)> describe) {
        m_describe = std::move(describe);
    }
    /// Asks the describer again: more is known of what is under the mouse.
    void refreshCard();
    const HoverCard* card() const { return m_card; }
    /// Lines beside the handle, the first a heading; empty: none.
    void setHandleNotes(const QStringList& notes);
    const QStringList& handleNotes() const { return m_handleNotes; }

Q_SIGNALS:
    void cameraChanged();
    void hovered(qint64 row, int point);  ///< row -1: nothing is under the mouse
    void rowClicked(qint64 row, int point, Qt::KeyboardModifiers modifiers);
    /// `add`: to those that are selected, instead of them.
    void rowsBoxed(const QList<qint64>& rows, bool add);
    /// On what the legend shows and hides (LineSet3::legendKey). A double click is a click before.
    void legendClicked(const QString& key);
    void legendDoubleClicked(const QString& key);
    void handleGrabbed();
    void handleMoved(double x, double y, double z);
    void handleReleased();
    void handleCancelled();
    /// The handle is to take the place of the nearest row (key S); it is not held any more.
    void snapRequested();

protected:
    void prepareFrame() override;
    bool isMoving() const override;
    bool isEmpty() const override { return plot() == nullptr; }
    void resizeEvent(QResizeEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void keyReleaseEvent(QKeyEvent* event) override;
    void focusInEvent(QFocusEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;
    void leaveEvent(QEvent* event) override;
    bool event(QEvent* event) override;

private:
    class Overlay;
    struct KeyRow;
    static const std::vector<KeyRow>& keys();

    const Plot3D* plot() const { return m_frame.plot(); }
    void apply(CameraEffect effect);
    void apply(const HandleEffects& effects);
    void changed();

    const Projected3& projected() const;
    std::optional<Picked> pick(const QPointF& at) const;
    std::optional<int> handlePart(const QPointF& at) const;
    /// The key of the legend's entry there; empty: none that shows and hides something.
    QString legendKey(const QPointF& at) const;
    void hover(const QPointF& at);
    void showToolTip(const QPoint& at, const QPoint& global);
    void updateCursor();

    bool mouseHolds() const;  ///< a button that went down here decides what the mouse does
    void beginBox(const QPointF& at, bool adds);
    void endBox();
    QList<qint64> boxedRows(const QPointF& end) const;
    void click(const QPointF& at, Qt::KeyboardModifiers modifiers);

    void zoom(double factor, const QPointF& about);
    bool lockAxis(const QKeyEvent& event, int axis);
    bool takeBack();
    bool letGo();
    bool snap();
    bool step(const QKeyEvent& event, const Eigen::Vector3d& direction);
    bool zoomAboutMiddle(double factor);
    bool showWhole();

    TrajectoryFrame m_frame;
    CameraControl m_view;
    CameraHistory m_cameras;
    QTimer m_cameraRests;
    HandleControl m_handle;
    AxisKeys m_axisKeys;
    QElapsedTimer m_clock;
    QTimer m_handleFrame;  ///< the handle that is dragged is to be painted
    mutable std::optional<Projected3> m_projected;
    bool m_sceneStale = true;
    double m_scenePixelsPerPoint = 0;

    Qt::MouseButton m_button = Qt::NoButton;  ///< that the drag began with
    QPointF m_pressed;
    SelectBy m_selectBy = SelectBy::None;
    QPolygonF m_lasso;  ///< while it is drawn
    bool m_boxing = false;
    bool m_boxAdds = false;
    std::optional<Picked> m_hovered;
    QPointF m_mouse;  ///< where it hovered last
    HoverCard* m_card;
    QStringList m_handleNotes;
    QRubberBand* m_band = nullptr;
    Overlay* m_painted = nullptr;
    std::function<QString(std::int64_t, std::int32_t)> m_describe;
};

}  // namespace rheo
