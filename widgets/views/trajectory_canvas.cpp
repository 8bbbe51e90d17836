#include "widgets/views/trajectory_canvas.h"

#include <QApplication>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QNativeGestureEvent>
#include <QPainter>
#include <QRubberBand>
#include <QTimer>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>
#include <utility>

#include "widgets/views/handle_painter.h"
#include "widgets/views/hover_card.h"

namespace rheo {

namespace {

constexpr double pickTolerance = 6;  // pixels of the widget
constexpr double keyStep = 10;       // pixels of the widget that an arrow key moves the handle
constexpr double degreesPerKey = 5;
constexpr double zoomPerNotch = 1.15;
constexpr int handlePause = 8;    // milliseconds that a dragged handle waits for its path
constexpr int cameraPause = 500;  // milliseconds that it rests before its place is remembered

Eigen::Vector2d toVector(const QPointF& at) {
    return {at.x(), at.y()};
}

bool sameBox(const Plot3D& a, const Plot3D& b) {
    return boxOf(a).min() == boxOf(b).min() && boxOf(a).max() == boxOf(b).max();
}

/// 0 to 2 for the keys of the axes.
std::optional<int> axisOfKey(int key) {
    if (key < Qt::Key_X || key > Qt::Key_Z) return std::nullopt;
    return key - Qt::Key_X;
}

PixelRect times(const PixelRect& rect, double ratio) {
    return {rect.x * ratio, rect.y * ratio, rect.width * ratio, rect.height * ratio};
}

}  // namespace

/// Lies over the picture and lets the mouse through.
class TrajectoryCanvas::Overlay : public QWidget {
public:
    explicit Overlay(TrajectoryCanvas* canvas) : QWidget(canvas), m_canvas(canvas) {
        setAttribute(Qt::WA_TransparentForMouseEvents);
        setAttribute(Qt::WA_NoSystemBackground);
    }
    /// What stays while the handle and the mouse move is to be painted again.
    void renew() {
        m_still = QPixmap();
        renewOverlay();
    }
    /// What follows the handle is.
    void renewOverlay() {
        m_following = QPixmap();
        update();
    }

protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        if (!m_canvas->trouble().isEmpty()) return paintTrouble(painter);
        const TrajectoryFrame& frame = m_canvas->m_frame;
        // Labels without the lines that they are of would be half a picture.
        if (frame.plot() == nullptr || m_canvas->frames() == 0) return;
        keep(m_still, [&](QPainter& still) { frame.paint(still); });
        keep(m_following, [&](QPainter& following) { frame.paintOverlay(following); });
        painter.drawPixmap(0, 0, m_still);
        painter.drawPixmap(0, 0, m_following);
        painter.setRenderHint(QPainter::Antialiasing);
        if (const auto& row = m_canvas->m_hovered; row && !m_canvas->mouseHolds())
            frame.paintLine(painter, row->tag, row->vertex);
        if (m_canvas->m_lasso.size() > 1) paintLasso(painter);
        HandleLook look{
            frame.figure()->theme, {}, m_canvas->m_handleNotes, frame.plotArea(), m_canvas->hasFocus()};
        for (std::size_t i = 0; i < 3; ++i) look.axisNames[i] = shortTitle(frame.plot()->axes[i]);
        paintHandle(painter, m_canvas->m_handle, m_canvas->camera(), frame.viewArea(), look);
    }

private:
    /// Paints `picture` where it is not there yet, or of another size.
    template <class Paint>
    void keep(QPixmap& picture, Paint paint) {
        const QSize pixels = (QSizeF(size()) * devicePixelRatioF()).toSize();
        if (picture.size() == pixels) return;
        picture = QPixmap(pixels);
        picture.setDevicePixelRatio(devicePixelRatioF());
        picture.fill(Qt::transparent);
        QPainter painter(&picture);
        paint(painter);
    }

    void paintLasso(QPainter& painter) {
        const QColor color = palette().color(QPalette::Highlight);
        QColor inside = color;
        inside.setAlphaF(0.12F);
        painter.setPen(QPen(color, 1, Qt::DashLine));
        painter.setBrush(inside);
        painter.drawPolygon(m_canvas->m_lasso);
    }

    void paintTrouble(QPainter& painter) {
        painter.fillRect(rect(), palette().window());
        painter.setPen(palette().color(QPalette::WindowText));
        painter.drawText(rect().adjusted(40, 40, -40, -40), Qt::AlignCenter | Qt::TextWordWrap,
                         m_canvas->trouble());
    }

    TrajectoryCanvas* m_canvas;
    QPixmap m_still, m_following;
};

TrajectoryCanvas::TrajectoryCanvas(QWidget* parent)
    : VtkViewport(parent), m_card(nullptr), m_painted(new Overlay(this)) {
    m_card = new HoverCard(this);
    m_clock.start();
    m_cameraRests.setSingleShot(true);
    m_cameraRests.setInterval(cameraPause);
    connect(&m_cameraRests, &QTimer::timeout, this, [this] { rememberCamera(m_cameras, m_view.camera); });
    m_handleFrame.setSingleShot(true);
    m_handleFrame.setTimerType(Qt::PreciseTimer);
    m_handleFrame.setInterval(handlePause);
    connect(&m_handleFrame, &QTimer::timeout, m_painted, qOverload<>(&QWidget::update));
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    setMinimumSize(240, 180);
    setAccessibleName(tr("Trajectories in three principal components"));
    connect(this, &VtkViewport::troubleChanged, m_painted, qOverload<>(&QWidget::update));
    connect(this, &VtkViewport::firstPictureShown, m_painted, qOverload<>(&QWidget::update));
}

TrajectoryCanvas::~TrajectoryCanvas() = default;

// ---- what is shown --------------------------------------------------------------------------------------

void TrajectoryCanvas::setFigure(std::shared_ptr<const Figure> figure) {
    const auto before = m_frame.figure();  // keeps `old` alive
    const Plot3D* old = plot();
    m_frame.setFigure(std::move(figure));
    m_sceneStale = true;
    m_hovered.reset();
    m_card->hide();
    if (const Plot3D* now = plot()) {
        if (old == nullptr) {
            m_view.camera = now->camera;
            m_view.showsWhole = true;
        }
        m_frame.layOut(size(), m_view.camera);
        if (m_view.showsWhole && (old == nullptr || !sameBox(*old, *now))) fitToData();
    } else {
        setHandle(std::nullopt);
    }
    changed();
}

void TrajectoryCanvas::setOverlay(std::shared_ptr<const Plot3D> overlay) {
    if (overlay == nullptr && !m_frame.hasOverlay()) return;
    m_frame.setOverlay(std::move(overlay));
    m_handleFrame.stop();
    if (plot() != nullptr) m_painted->renewOverlay();
}

void TrajectoryCanvas::changed() {
    m_projected.reset();
    requestRender();
    m_painted->renew();
}

QPointF TrajectoryCanvas::placeOf(const Eigen::Vector3d& point) const {
    if (plot() == nullptr) return {};
    const Eigen::Vector2d at = toPlace(m_frame.viewArea(), projectToScreen(m_view.camera, point).head<2>());
    return {at.x(), at.y()};
}

bool TrajectoryCanvas::isMoving() const {
    return m_view.gesture == CameraControl::Gesture::Turn || m_view.gesture == CameraControl::Gesture::Move;
}

void TrajectoryCanvas::prepareFrame() {
    const double ratio = devicePixelRatioF(), unit = m_frame.pixelsPerUnit() * ratio;
    if (m_sceneStale || unit != m_scenePixelsPerPoint) {
        scene().setPlot(m_frame.sceneLines(), m_frame.figure()->theme, unit);
        m_sceneStale = false;
        m_scenePixelsPerPoint = unit;
    }
    scene().setView(m_view.camera, times(m_frame.viewRect(), ratio), times(m_frame.plotRect(), ratio),
                    width() * ratio, height() * ratio);
    scene().setBackdrop(m_frame.backdrop(ratio));
}

void TrajectoryCanvas::resizeEvent(QResizeEvent* event) {
    VtkViewport::resizeEvent(event);
    m_painted->resize(size());
    if (plot() == nullptr) return;
    m_frame.layOut(size(), m_view.camera);
    if (m_view.showsWhole)
        fitToData();
    else
        changed();
}

// ---- effects --------------------------------------------------------------------------------------------

void TrajectoryCanvas::apply(CameraEffect effect) {
    if (effect == CameraEffect::Settled) requestRender();
    if (effect != CameraEffect::Changed) return;
    if (plot() != nullptr) m_frame.setCamera(m_view.camera);
    m_cameraRests.start();
    changed();
    Q_EMIT cameraChanged();
}

bool TrajectoryCanvas::stepBack(int by) {
    if (m_cameraRests.isActive()) {  // it was moved just now: from here
        m_cameraRests.stop();
        rememberCamera(m_cameras, m_view.camera);
    }
    const Camera* place = stepCamera(m_cameras, by);
    if (place == nullptr) return false;
    setCamera(*place);
    m_cameraRests.stop();
    return true;
}

void TrajectoryCanvas::apply(const HandleEffects& effects) {
    updateCursor();
    if (!isDragging())
        m_painted->update();
    else if (!m_handleFrame.isActive())  // its path may come at once (setOverlay)
        m_handleFrame.start();
    const Eigen::Vector3d place = m_handle.place.value_or(Eigen::Vector3d::Zero());
    for (const HandleEffect effect : effects) switch (effect) {
            case HandleEffect::Grabbed: Q_EMIT handleGrabbed(); break;
            case HandleEffect::Moved: Q_EMIT handleMoved(place.x(), place.y(), place.z()); break;
            case HandleEffect::Released: Q_EMIT handleReleased(); break;
            case HandleEffect::Cancelled: Q_EMIT handleCancelled(); break;
        }
}

void TrajectoryCanvas::setCamera(const Camera& camera) {
    apply(rheo::setCamera(m_view, camera, false));
}

void TrajectoryCanvas::fitToData() {
    if (plot() == nullptr) return;
    if (const auto camera = m_frame.fittedCamera(m_view.camera))
        apply(rheo::setCamera(m_view, *camera, true));
}

void TrajectoryCanvas::frameBox(const Eigen::Vector3d& low, const Eigen::Vector3d& high) {
    if (plot() == nullptr) return;
    // What hardly moves is not blown up without end.
    const double least = 1e-3 * boxOf(*plot()).diagonal().norm();
    const Eigen::Vector3d grow = ((least - (high - low).array()) / 2).max(0).matrix();
    const QRectF area = m_frame.plotArea();
    const double aspect = area.width() / std::max(area.height(), 1.0);
    apply(rheo::setCamera(m_view, fitted(m_view.camera, low - grow, high + grow, aspect), false));
}

void TrajectoryCanvas::zoom(double factor, const QPointF& about) {
    if (plot() == nullptr) return;
    const double size = boxOf(*plot()).diagonal().norm();
    apply(zoomCamera(m_view, factor, toVector(about), m_frame.viewArea(), size));
}

void TrajectoryCanvas::setHandleNotes(const QStringList& notes) {
    if (notes == m_handleNotes) return;
    m_handleNotes = notes;
    m_painted->update();
}

void TrajectoryCanvas::setHandle(std::optional<Eigen::Vector3d> place) {
    apply(placeHandle(m_handle, place));
}

// ---- the mouse ------------------------------------------------------------------------------------------

const Projected3& TrajectoryCanvas::projected() const {
    if (!m_projected) m_projected = Projected3(*plot(), m_view.camera, m_frame.viewRect());
    return *m_projected;
}

std::optional<Picked> TrajectoryCanvas::pick(const QPointF& at) const {
    // Nothing is seen beside the plot.
    if (plot() == nullptr || !m_frame.plotArea().contains(at)) return std::nullopt;
    return projected().pick(at.x(), height() - at.y(), pickTolerance);
}

std::optional<int> TrajectoryCanvas::handlePart(const QPointF& at) const {
    if (plot() == nullptr) return std::nullopt;
    return handlePartAt(m_handle, m_view.camera, m_frame.viewArea(), toVector(at));
}

QString TrajectoryCanvas::legendKey(const QPointF& at) const {
    const LegendEntry* entry = plot() == nullptr ? nullptr : m_frame.legendEntryAt(at);
    return entry == nullptr ? QString() : QString::fromStdString(entry->key);
}

bool TrajectoryCanvas::mouseHolds() const {
    return isDragging() || m_boxing || m_view.gesture != CameraControl::Gesture::None;
}

void TrajectoryCanvas::updateCursor() {
    if (isDragging() || m_view.gesture == CameraControl::Gesture::Move)
        return setCursor(Qt::ClosedHandCursor);
    if (m_boxing) return setCursor(Qt::CrossCursor);
    if (mouseHolds()) return unsetCursor();
    if (m_handle.hovered) return setCursor(Qt::OpenHandCursor);
    if (m_selectBy != SelectBy::None) return setCursor(Qt::CrossCursor);
    if (m_hovered || !legendKey(m_mouse).isEmpty()) return setCursor(Qt::PointingHandCursor);
    unsetCursor();
}

void TrajectoryCanvas::mousePressEvent(QMouseEvent* event) {
    if (plot() == nullptr || mouseHolds()) return;
    const QPointF at = event->position();
    const bool left = event->button() == Qt::LeftButton;
    if (!left && event->button() != Qt::MiddleButton) return VtkViewport::mousePressEvent(event);
    if (left) letGo();
    if (const QString key = legendKey(at); left && !key.isEmpty()) return Q_EMIT legendClicked(key);
    m_button = event->button();
    m_pressed = at;
    m_card->hide();
    if (const auto part = handlePart(at); left && part)
        apply(grabHandle(m_handle, *part, toVector(at), m_view.camera, m_frame.viewArea()));
    else if (const bool adds = event->modifiers() & Qt::ControlModifier;
             left && (m_selectBy != SelectBy::None || adds))
        beginBox(at, adds);
    else
        pressCamera(m_view, toVector(at), !left || event->modifiers() & Qt::ShiftModifier);
    updateCursor();
    m_painted->update();
}

void TrajectoryCanvas::mouseMoveEvent(QMouseEvent* event) {
    if (plot() == nullptr) return;
    const QPointF at = event->position();
    if (!mouseHolds()) return hover(at);
    if (isDragging()) return apply(dragHandle(m_handle, toVector(at), m_view.camera, m_frame.viewArea()));
    if (m_boxing && m_selectBy == SelectBy::Lasso) {
        m_lasso << at;
        return m_painted->update();
    }
    if (m_boxing) return m_band->setGeometry(QRect(m_pressed.toPoint(), at.toPoint()).normalized());
    const auto before = m_view.gesture;
    const CameraEffect effect =
        dragCamera(m_view, toVector(at), m_frame.viewArea(), QApplication::startDragDistance() / 2);
    if (m_view.gesture != before) updateCursor();
    apply(effect);
}

void TrajectoryCanvas::mouseReleaseEvent(QMouseEvent* event) {
    if (event->button() != m_button) return;
    m_button = Qt::NoButton;
    const QRectF box =
        m_lasso.isEmpty() ? QRectF(m_pressed, event->position()).normalized() : m_lasso.boundingRect();
    const bool hasSize = box.width() + box.height() >= QApplication::startDragDistance();
    const bool boxed = m_boxing;
    const QList<qint64> rows = boxed && hasSize ? boxedRows(event->position()) : QList<qint64>();
    endBox();
    const CameraEffect effect = releaseCamera(m_view);
    apply(effect);
    apply(releaseHandle(m_handle, HandleControl::Hold::Mouse));
    if (boxed && hasSize) {
        Q_EMIT rowsBoxed(rows, m_boxAdds);
    } else if (boxed || effect == CameraEffect::Clicked) {
        click(event->position(), event->modifiers());
    }
    if (plot() != nullptr) hover(event->position());
    updateCursor();
    m_painted->update();
}

void TrajectoryCanvas::click(const QPointF& at, Qt::KeyboardModifiers modifiers) {
    if (const auto picked = pick(at)) Q_EMIT rowClicked(picked->tag, picked->vertex, modifiers);
}

void TrajectoryCanvas::mouseDoubleClickEvent(QMouseEvent* event) {
    if (event->button() != Qt::LeftButton) return;
    if (const QString key = legendKey(event->position()); !key.isEmpty())
        return Q_EMIT legendDoubleClicked(key);
    if (!handlePart(event->position())) fitToData();
}

void TrajectoryCanvas::beginBox(const QPointF& at, bool adds) {
    m_boxing = true;
    m_boxAdds = adds;
    if (m_selectBy == SelectBy::Lasso) {
        m_lasso = QPolygonF{at};
        return;
    }
    if (m_band == nullptr) m_band = new QRubberBand(QRubberBand::Rectangle, this);
    m_band->setGeometry(QRect(at.toPoint(), QSize()));
    m_band->show();
}

void TrajectoryCanvas::endBox() {
    m_boxing = false;
    m_lasso.clear();
    if (m_band != nullptr) m_band->hide();
}

QList<qint64> TrajectoryCanvas::boxedRows(const QPointF& end) const {
    std::vector<std::int64_t> rows;
    if (m_lasso.isEmpty()) {
        const QRectF box = QRectF(m_pressed, end).normalized();
        rows = projected().inside(PixelRect{box.left(), height() - box.bottom(), box.width(), box.height()});
    } else {
        std::vector<Eigen::Vector2d> outline;
        for (const QPointF& corner : m_lasso) outline.emplace_back(corner.x(), height() - corner.y());
        rows = projected().insideOutline(outline);
    }
    return {rows.begin(), rows.end()};
}

void TrajectoryCanvas::setSelectBy(SelectBy shape) {
    m_selectBy = shape;
    updateCursor();
}

void TrajectoryCanvas::wheelEvent(QWheelEvent* event) {
    // A notch of a wheel is 120. A trackpad sends pixels, with phases; without phases they are not to be
    // trusted (X11) unless there is nothing else.
    const QPoint pixels = event->pixelDelta(), angle = event->angleDelta();
    const bool trackpad = !pixels.isNull() && (event->phase() != Qt::NoScrollPhase || angle.isNull());
    const double steps = trackpad ? pixels.y() / 60.0 : angle.y() / 120.0;
    if (steps != 0) zoom(std::pow(zoomPerNotch, steps), event->position());
    event->accept();
}

void TrajectoryCanvas::hover(const QPointF& at) {
    m_mouse = at;
    const auto part = handlePart(at);
    const auto picked = part ? std::nullopt : pick(at);
    const bool sameRow = picked.has_value() == m_hovered.has_value() &&
                         (!picked || (picked->tag == m_hovered->tag && picked->vertex == m_hovered->vertex));
    if (sameRow && picked && m_card->isVisible()) m_card->moveBeside(at.toPoint());
    if (part == m_handle.hovered && sameRow) return updateCursor();
    m_handle.hovered = part;
    m_hovered = picked;
    updateCursor();
    m_painted->update();
    if (!sameRow) Q_EMIT hovered(picked ? picked->tag : -1, picked ? picked->vertex : 0);
    refreshCard();
}

void TrajectoryCanvas::refreshCard() {
    const bool shown = m_hovered && m_describe && !mouseHolds();
    m_card->showText(shown ? m_describe(m_hovered->tag, m_hovered->vertex) : QString(), m_mouse.toPoint());
}

void TrajectoryCanvas::leaveEvent(QEvent* event) {
    const bool row = m_hovered.has_value();
    m_handle.hovered.reset();
    m_hovered.reset();
    m_card->hide();
    m_painted->update();
    if (row) Q_EMIT hovered(-1, 0);
    VtkViewport::leaveEvent(event);
}

bool TrajectoryCanvas::event(QEvent* event) {
    if (event->type() == QEvent::NativeGesture) {
        const auto* gesture = static_cast<QNativeGestureEvent*>(event);
        if (gesture->gestureType() == Qt::ZoomNativeGesture) {
            zoom(std::max(0.1, 1 + gesture->value()), gesture->position());
            return true;
        }
    }
    if (event->type() == QEvent::ToolTip && plot() != nullptr) {
        const auto* help = static_cast<QHelpEvent*>(event);
        showToolTip(help->pos(), help->globalPos());
        return true;
    }
    return VtkViewport::event(event);
}

void TrajectoryCanvas::showToolTip(const QPoint& at, const QPoint& global) {
    QString text;
    if (const auto part = handlePart(at); part == screenPlane)
        text = tr(
            "Drag to move this state in the plane of the screen. Press X, Y or Z to keep it on one axis, and "
            "again to free it. The arrow keys move it as well (Shift: faster, Ctrl: finer, Page Up and Down: "
            "toward you and away). S puts it on the nearest row. Enter keeps the new state, Esc restores the "
            "old one.");
    else if (part)
        text = tr("Drag along %1 alone").arg(shortTitle(plot()->axes[static_cast<std::size_t>(*part)]));
    else if (!legendKey(at).isEmpty())
        text = tr("Click to hide or show, double-click to show this alone");
    QToolTip::showText(global, text, this);
}

// ---- the keys -------------------------------------------------------------------------------------------

/// What a key does; false: nothing here, so that it means what it means elsewhere.
struct TrajectoryCanvas::KeyRow {
    Qt::Key key;
    std::function<bool(TrajectoryCanvas&, const QKeyEvent&)> act;
};

const std::vector<TrajectoryCanvas::KeyRow>& TrajectoryCanvas::keys() {
    using Canvas = TrajectoryCanvas;
    const auto axis = [](int i) {
        return [i](Canvas& canvas, const QKeyEvent& event) { return canvas.lockAxis(event, i); };
    };
    const auto step = [](double right, double up, double toEye) {
        return [=](Canvas& canvas, const QKeyEvent& event) { return canvas.step(event, {right, up, toEye}); };
    };
    const auto zoom = [](double factor) {
        return [factor](Canvas& canvas, const QKeyEvent&) { return canvas.zoomAboutMiddle(factor); };
    };
    const auto letGo = [](Canvas& canvas, const QKeyEvent&) { return canvas.letGo(); };
    static const std::vector<KeyRow> rows = {
        {Qt::Key_X, axis(0)},
        {Qt::Key_Y, axis(1)},
        {Qt::Key_Z, axis(2)},
        {Qt::Key_S,
         [](Canvas& canvas, const QKeyEvent& event) { return !event.modifiers() && canvas.snap(); }},
        {Qt::Key_Escape, [](Canvas& canvas, const QKeyEvent&) { return canvas.takeBack(); }},
        {Qt::Key_Return, letGo},
        {Qt::Key_Enter, letGo},
        {Qt::Key_Left, step(-1, 0, 0)},
        {Qt::Key_Right, step(1, 0, 0)},
        {Qt::Key_Up, step(0, 1, 0)},
        {Qt::Key_Down, step(0, -1, 0)},
        {Qt::Key_PageUp, step(0, 0, 1)},
        {Qt::Key_PageDown, step(0, 0, -1)},
        {Qt::Key_Plus, zoom(zoomPerNotch)},
        {Qt::Key_Equal, zoom(zoomPerNotch)},
        {Qt::Key_Minus, zoom(1 / zoomPerNotch)},
        {Qt::Key_Home, [](Canvas& canvas, const QKeyEvent&) { return canvas.showWhole(); }},
        {Qt::Key_Comma, [](Canvas& canvas, const QKeyEvent&) { return canvas.stepBack(-1); }},
        {Qt::Key_Period, [](Canvas& canvas, const QKeyEvent&) { return canvas.stepBack(1); }},
    };
    return rows;
}

void TrajectoryCanvas::keyPressEvent(QKeyEvent* event) {
    for (const KeyRow& row : keys())
        if (row.key == event->key() && row.act(*this, *event)) return;
    VtkViewport::keyPressEvent(event);
}

void TrajectoryCanvas::keyReleaseEvent(QKeyEvent* event) {
    if (const auto axis = axisOfKey(event->key())) {
        if (!event->isAutoRepeat()) releaseAxisKey(m_axisKeys, *axis, static_cast<double>(m_clock.elapsed()));
        return;
    }
    VtkViewport::keyReleaseEvent(event);
}

bool TrajectoryCanvas::lockAxis(const QKeyEvent& event, int axis) {
    if (!m_handle.place || event.modifiers() & ~Qt::ShiftModifier) return false;
    if (event.isAutoRepeat() || !pressAxisKey(m_axisKeys, axis, static_cast<double>(m_clock.elapsed())))
        return true;
    apply(toggleAxisLock(m_handle, axis, m_view.camera, m_frame.viewArea()));
    return true;
}

bool TrajectoryCanvas::takeBack() {
    if (m_handle.isHeld()) {
        apply(cancelHandle(m_handle));
        return true;
    }
    if (!m_boxing) return false;
    endBox();
    updateCursor();
    return true;
}

bool TrajectoryCanvas::letGo() {
    const HandleEffects effects = releaseHandle(m_handle, HandleControl::Hold::Keys);
    if (effects.empty()) return false;
    apply(effects);
    return true;
}

/// The hand lets go without an end of the drag: what snaps ends it.
bool TrajectoryCanvas::snap() {
    if (!m_handle.place) return false;
    m_handle.hold = HandleControl::Hold::Free;
    m_button = Qt::NoButton;
    updateCursor();
    Q_EMIT snapRequested();
    return true;
}

bool TrajectoryCanvas::step(const QKeyEvent& event, const Eigen::Vector3d& direction) {
    if (plot() == nullptr) return false;
    if (mouseHolds()) return true;
    if (!m_handle.place || event.modifiers() & Qt::AltModifier) {
        apply(turnCamera(m_view, degreesPerKey * direction.x(), degreesPerKey * direction.y()));
        return true;
    }
    double size = keyStep * unitsPerPixel(m_view.camera, m_frame.viewArea());
    if (event.modifiers() & Qt::ShiftModifier) size *= 5;
    if (event.modifiers() & Qt::ControlModifier) size /= 10;
    apply(nudgeHandle(m_handle, direction, size, m_view.camera));
    return true;
}

bool TrajectoryCanvas::zoomAboutMiddle(double factor) {
    if (plot() == nullptr) return false;
    zoom(factor, rect().center());
    return true;
}

bool TrajectoryCanvas::showWhole() {
    if (plot() == nullptr) return false;
    fitToData();
    return true;
}

void TrajectoryCanvas::focusInEvent(QFocusEvent* event) {
    VtkViewport::focusInEvent(event);
    m_painted->update();
}

void TrajectoryCanvas::focusOutEvent(QFocusEvent* event) {
    VtkViewport::focusOutEvent(event);
    m_axisKeys.down = {};
    // The keys go elsewhere: nobody could let go any more.
    if (event->reason() != Qt::ActiveWindowFocusReason && event->reason() != Qt::PopupFocusReason) letGo();
    m_painted->update();
}

}  // namespace rheo
