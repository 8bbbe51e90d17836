#include "widgets/views/trajectory_canvas.h"

#include <QApplication>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QRubberBand>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "widgets/paint/axes3.h"
#include "widgets/paint/draw_figure.h"
#include "widgets/paint/painter_canvas.h"

namespace rheo {

namespace {

constexpr double pointsPerPixel = 72.0 / 96.0;
constexpr double pickTolerance = 6;  // pixels of the widget
constexpr double handleRadius = 9;   // pixels of the widget
constexpr double degreesPerPixel = 0.4;
constexpr double keyStep = 10;  // pixels an arrow key moves the handle

/// Splits what the exporter would paint: the box behind the data goes into shapes for the scene, the data's
/// own lines were taken out before, and all else is painted over the picture.
class SplitCanvas final : public Canvas {
public:
    /// `over` may be null: only the shapes are wanted. `toWindow` turns layout places into pixels of the
    /// window, y up.
    SplitCanvas(Canvas* over, std::function<std::array<double, 2>(const QPointF&)> toWindow,
                double pixelsPerPoint)
        : m_over(over), m_toWindow(std::move(toWindow)), m_pixelsPerPoint(pixelsPerPoint) {}
    std::vector<BackdropShape> shapes;

    void beginGroup(const QString& name) override { m_inAxes = name == "axes"; }
    void endGroup() override { m_inAxes = false; }
    void beginClip(const QRectF& rect) override {
        if (m_over) m_over->beginClip(rect);
    }
    void endClip() override {
        if (m_over) m_over->endClip();
    }
    void lines(const Polylines& lines, const Stroke& stroke) override {
        if (!m_inAxes) {
            if (m_over) m_over->lines(lines, stroke);
            return;
        }
        for (const auto& line : lines)
            add(line, stroke.color, std::max(1.0, stroke.width * m_pixelsPerPoint));
    }
    void polygons(const Polylines& polygons, const QColor& fill) override {
        if (!m_inAxes) {
            if (m_over) m_over->polygons(polygons, fill);
            return;
        }
        for (const auto& polygon : polygons) add(polygon, fill, 0);
    }
    void rectangle(const QRectF& rect, const QColor& fill) override {
        // The first rectangle is the page itself: the scene has its own background.
        if (m_over && m_painted) m_over->rectangle(rect, fill);
        m_painted = true;
    }
    void marker(MarkerShape shape, const QPointF& centre, double diameter, const QColor& color) override {
        if (m_over) m_over->marker(shape, centre, diameter, color);
    }
    void text(const QPointF& at, const QString& text, const TextStyle& style) override {
        if (m_over) m_over->text(at, text, style);
    }
    void image(const QRectF& rect, const QImage& image) override {
        if (m_over) m_over->image(rect, image);
    }
    double pixelsPerPoint() const override { return m_pixelsPerPoint; }

private:
    void add(const QPolygonF& outline, const QColor& color, double width) {
        BackdropShape shape;
        shape.color = {static_cast<float>(color.redF()), static_cast<float>(color.greenF()),
                       static_cast<float>(color.blueF())};
        shape.opacity = color.alphaF();
        shape.width = width;
        for (const auto& at : outline) shape.outline.push_back(m_toWindow(at));
        shapes.push_back(std::move(shape));
    }
    Canvas* m_over;
    std::function<std::array<double, 2>(const QPointF&)> m_toWindow;
    double m_pixelsPerPoint;
    bool m_inAxes = false;
    bool m_painted = false;
};

/// Lets through what a 3D plot draws of its data, without the box around it.
class DataOnly final : public Canvas {
public:
    explicit DataOnly(Canvas& to) : m_to(to) {}
    void beginGroup(const QString& name) override { m_data = name == "data"; }
    void endGroup() override { m_data = false; }
    void beginClip(const QRectF& r) override { m_to.beginClip(r); }
    void endClip() override { m_to.endClip(); }
    void lines(const Polylines& l, const Stroke& s) override {
        if (m_data) m_to.lines(l, s);
    }
    void polygons(const Polylines& p, const QColor& c) override {
        if (m_data) m_to.polygons(p, c);
    }
    void rectangle(const QRectF&, const QColor&) override {}
    void marker(MarkerShape s, const QPointF& c, double d, const QColor& color) override {
        if (m_data) m_to.marker(s, c, d, color);
    }
    void text(const QPointF&, const QString&, const TextStyle&) override {}
    void image(const QRectF&, const QImage&) override {}
    double pixelsPerPoint() const override { return m_to.pixelsPerPoint(); }

private:
    Canvas& m_to;
    bool m_data = false;
};

bool keepsOnAxis(int key, int& axis) {
    if (key == Qt::Key_X)
        axis = 0;
    else if (key == Qt::Key_Y)
        axis = 1;
    else if (key == Qt::Key_Z)
        axis = 2;
    else
        return false;
    return true;
}

}  // namespace

/// Lies over the picture and lets the mouse through.
class TrajectoryCanvas::Overlay : public QWidget {
public:
    explicit Overlay(TrajectoryCanvas* canvas) : QWidget(canvas), m_canvas(canvas) {
        setAttribute(Qt::WA_TransparentForMouseEvents);
        setAttribute(Qt::WA_NoSystemBackground);
    }

protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        m_canvas->paintOverlay(painter);
    }

private:
    TrajectoryCanvas* m_canvas;
};

TrajectoryCanvas::TrajectoryCanvas(QWidget* parent) : VtkViewport(parent), m_painted(new Overlay(this)) {
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    setMinimumSize(240, 180);
    setAccessibleName(tr("Trajectories in three principal components"));
}

TrajectoryCanvas::~TrajectoryCanvas() = default;

const Plot3D* TrajectoryCanvas::plot() const {
    return m_figure ? std::get_if<Plot3D>(&m_figure->panels[static_cast<std::size_t>(m_panel)].plot)
                    : nullptr;
}

void TrajectoryCanvas::setFigure(std::shared_ptr<const Figure> figure) {
    const bool first = plot() == nullptr;
    m_figure = nullptr;
    for (std::size_t i = 0; figure && i < figure->panels.size(); ++i)
        if (std::holds_alternative<Plot3D>(figure->panels[i].plot)) {
            m_figure = figure;
            m_panel = static_cast<int>(i);
            break;
        }
    if (const Plot3D* p = plot()) {
        m_frame = *m_figure;
        if (first) m_camera = p->camera;
    }
    m_sceneStale = true;
    m_projected.reset();
    if (first && plot() != nullptr) fitToData();
    changed(true);
}

void TrajectoryCanvas::setOverlay(std::shared_ptr<const Plot3D> overlay) {
    m_overlay = std::move(overlay);
    m_painted->update();
}

void TrajectoryCanvas::setCamera(const Camera& camera) {
    m_camera = camera;
    changed(true);
    Q_EMIT cameraChanged();
}

void TrajectoryCanvas::fitToData() {
    const Plot3D* p = plot();
    if (p == nullptr) return;
    layOut();
    const auto& panel = m_layout.panels[static_cast<std::size_t>(m_panel)];
    const double aspect = panel.plot.height() > 0 ? panel.plot.width() / panel.plot.height() : 1;
    // A little further away than the data alone: the labels of the axes lie outside of the box.
    Camera camera = fitted(m_camera, {p->axes[0].low, p->axes[1].low, p->axes[2].low},
                           {p->axes[0].high, p->axes[1].high, p->axes[2].high}, aspect);
    camera.halfHeight *= 1.16;
    setCamera(camera);
}

void TrajectoryCanvas::changed(bool camera) {
    if (camera) m_projected.reset();
    requestRender();
    m_painted->update();
}

double TrajectoryCanvas::pixelsPerUnit() const {
    return m_layout.scale / pointsPerPixel;
}

void TrajectoryCanvas::layOut() {
    if (!m_figure) return;
    static const TextMetrics metrics;
    // The layout is of the whole figure, legend included; what is painted is the same less the lines.
    m_layout = layoutFigure(*m_figure, QSizeF(size()) * pointsPerPixel, metrics);
    auto& panel = m_layout.panels[static_cast<std::size_t>(m_panel)];
    panel.camera = m_camera;
    panel.view = panel.plot;
    auto& frame = std::get<Plot3D>(m_frame.panels[static_cast<std::size_t>(m_panel)].plot);
    frame = *plot();
    frame.camera = m_camera;
    // What lies above all others (the mean, the selected row) is painted; the many are the scene's.
    for (auto& set : frame.lines) {
        if (set.layer > 0) continue;
        set.xyz.clear();
        set.values.clear();
        set.offsets.clear();
        set.tags.clear();
    }
}

PixelRect TrajectoryCanvas::toPixels(const QRectF& r) const {
    const double unit = pixelsPerUnit() * devicePixelRatioF();
    return {r.left() * unit, (height() * devicePixelRatioF()) - r.bottom() * unit, r.width() * unit,
            r.height() * unit};
}

void TrajectoryCanvas::prepareFrame() {
    const Plot3D* p = plot();
    if (p == nullptr) {
        scene().setPlot({}, lightTheme(), 1);
        return;
    }
    layOut();
    const double ratio = devicePixelRatioF();
    if (m_sceneStale) {
        Plot3D below = *p;
        std::erase_if(below.lines, [](const LineSet3& set) { return set.layer > 0; });
        scene().setPlot(below, m_figure->theme, pixelsPerUnit() * ratio);
        m_sceneStale = false;
    }
    const auto& panel = m_layout.panels[static_cast<std::size_t>(m_panel)];
    scene().setView(m_camera, toPixels(panel.view), toPixels(panel.plot), width() * ratio, height() * ratio);
    static const TextMetrics metrics;
    const double unit = pixelsPerUnit() * ratio;
    SplitCanvas canvas(
        nullptr,
        [&](const QPointF& at) {
            return std::array{at.x() * unit, height() * ratio - at.y() * unit};
        },
        unit);
    drawPlot3(canvas, std::get<Plot3D>(m_frame.panels[static_cast<std::size_t>(m_panel)].plot), panel,
              m_figure->theme, metrics);
    scene().setBackdrop(canvas.shapes);
}

void TrajectoryCanvas::paintOverlay(QPainter& painter) {
    if (!trouble().isEmpty()) {
        painter.drawText(rect().adjusted(40, 40, -40, -40), Qt::AlignCenter | Qt::TextWordWrap, trouble());
        return;
    }
    if (plot() == nullptr) return;
    layOut();
    static const TextMetrics metrics;
    painter.setRenderHint(QPainter::Antialiasing);
    painter.save();
    painter.scale(pixelsPerUnit(), pixelsPerUnit());
    PainterCanvas over(painter);
    SplitCanvas canvas(
        &over,
        [](const QPointF&) {
            return std::array{0.0, 0.0};
        },
        over.pixelsPerPoint());
    static HeatmapImages images;
    drawFigure(canvas, m_frame, m_layout, metrics, images);
    if (m_overlay) {
        DataOnly dataOnly(over);
        Plot3D whole = *this->plot();
        whole.lines = m_overlay->lines;
        whole.markers = m_overlay->markers;
        whole.camera = m_camera;
        drawPlot3(dataOnly, whole, m_layout.panels[static_cast<std::size_t>(m_panel)], m_figure->theme,
                  metrics);
    }
    painter.restore();

    if (!m_handle) return;
    const QPointF at = placeOf(*m_handle);
    const Theme& theme = m_figure->theme;
    const QColor ring = toQColor(theme.teleported);
    const bool held = m_drag == Drag::Handle || m_keyDrag;
    if (held && m_axis >= 0) {
        Eigen::Vector3d along = Eigen::Vector3d::Unit(m_axis) * m_camera.halfHeight * 4;
        painter.setPen(QPen(toQColor(theme.muted), 1, Qt::DashLine));
        painter.drawLine(placeOf(*m_handle - along), placeOf(*m_handle + along));
    }
    painter.setPen(QPen(toQColor(theme.background, 0.9), 5));
    painter.setBrush(Qt::NoBrush);
    painter.drawEllipse(at, handleRadius, handleRadius);
    painter.setPen(QPen(ring, m_handleHovered || held ? 3.5 : 2.2));
    painter.setBrush(toQColor(theme.background, m_handleHovered || held ? 0.85 : 0.55));
    painter.drawEllipse(at, handleRadius, handleRadius);
    painter.setPen(Qt::NoPen);
    painter.setBrush(ring);
    painter.drawEllipse(at, 3, 3);
    if (hasFocus() && !held) {
        painter.setPen(QPen(ring, 1, Qt::DotLine));
        painter.setBrush(Qt::NoBrush);
        painter.drawEllipse(at, handleRadius + 4, handleRadius + 4);
    }
}

QPointF TrajectoryCanvas::placeOf(const Eigen::Vector3d& point) const {
    if (m_layout.panels.empty()) return {};
    const QRectF view = m_layout.panels[static_cast<std::size_t>(m_panel)].view;
    const auto screen = projectToScreen(m_camera, point);
    return (view.center() + QPointF(screen.x(), -screen.y()) * (view.height() / 2)) * pixelsPerUnit();
}

const Projected3& TrajectoryCanvas::projected() const {
    if (!m_projected) {
        const auto& panel = m_layout.panels[static_cast<std::size_t>(m_panel)];
        const double unit = pixelsPerUnit();
        // In the widget's coordinates turned upside down: y up from its lower edge.
        m_projected = Projected3(*plot(), m_camera,
                                 {panel.view.left() * unit, height() - panel.view.bottom() * unit,
                                  panel.view.width() * unit, panel.view.height() * unit});
    }
    return *m_projected;
}

bool TrajectoryCanvas::isOnHandle(const QPointF& at) const {
    if (!m_handle || plot() == nullptr) return false;
    const QPointF d = at - placeOf(*m_handle);
    return std::hypot(d.x(), d.y()) <= handleRadius + 4;
}

void TrajectoryCanvas::setHandle(std::optional<Eigen::Vector3d> place) {
    // While it is held, the hand decides where it is.
    if (m_drag == Drag::Handle || m_keyDrag) return;
    m_handle = place;
    m_painted->update();
}

void TrajectoryCanvas::grabHandle() {
    m_handleBefore = m_handle;
    m_axis = -1;
    Q_EMIT handleGrabbed();
}

void TrajectoryCanvas::moveHandle(const Eigen::Vector3d& place) {
    m_handle = place;
    m_painted->update();
    Q_EMIT handleMoved(place.x(), place.y(), place.z());
}

void TrajectoryCanvas::dragHandleTo(const QPointF& mouse) {
    const QRectF view = m_layout.panels[static_cast<std::size_t>(m_panel)].view;
    const QPointF at = (mouse + m_grabOffset) / pixelsPerUnit() - view.center();
    const double x = at.x() / (view.height() / 2), y = -at.y() / (view.height() / 2);
    Eigen::Vector3d place = unprojectToPlane(m_camera, x, y, *m_handleBefore);
    if (m_axis >= 0) {
        // The point of the axis nearest to the ray from the eye through the mouse.
        const Eigen::Vector3d axis = Eigen::Vector3d::Unit(m_axis);
        const CameraFrame frame = cameraFrame(m_camera);
        const Eigen::Vector3d ray =
            m_camera.perspective
                ? Eigen::Vector3d(
                      (place - (m_camera.focal + eyeDistance(m_camera) * frame.toEye)).normalized())
                : Eigen::Vector3d(-frame.toEye);
        const Eigen::Vector3d between = place - *m_handleBefore;
        const double b = axis.dot(ray), denominator = 1 - b * b;
        // An axis that points at the eye cannot be followed.
        const double t = denominator > 1e-3 ? (between.dot(axis) - b * between.dot(ray)) / denominator : 0;
        place = *m_handleBefore + t * axis;
    }
    moveHandle(place);
}

void TrajectoryCanvas::resizeEvent(QResizeEvent* event) {
    VtkViewport::resizeEvent(event);
    m_painted->resize(size());
    m_sceneStale = true;
    changed(true);
}

void TrajectoryCanvas::mousePressEvent(QMouseEvent* event) {
    if (plot() == nullptr || m_drag != Drag::None) return;
    m_pressed = m_last = event->position();
    if (event->button() == Qt::LeftButton && isOnHandle(event->position())) {
        m_drag = Drag::Handle;
        m_grabOffset = placeOf(*m_handle) - event->position();
        grabHandle();
    } else if (event->button() == Qt::LeftButton && m_boxSelecting) {
        m_drag = Drag::Box;
        if (m_band == nullptr) m_band = new QRubberBand(QRubberBand::Rectangle, this);
        m_band->setGeometry(QRect(m_pressed.toPoint(), QSize()));
        m_band->show();
    } else if (event->button() == Qt::MiddleButton ||
               (event->button() == Qt::LeftButton && event->modifiers() & Qt::ShiftModifier)) {
        m_drag = Drag::Move;
        setCursor(Qt::ClosedHandCursor);
    } else if (event->button() == Qt::LeftButton) {
        m_drag = Drag::Pressed;
    }
}

void TrajectoryCanvas::mouseMoveEvent(QMouseEvent* event) {
    if (plot() == nullptr) return;
    const QPointF at = event->position(), by = at - m_last;
    if (m_drag == Drag::Pressed &&
        (at - m_pressed).manhattanLength() >= QApplication::startDragDistance() / 2)
        m_drag = Drag::Turn;
    switch (m_drag) {
        case Drag::None: hover(at); break;
        case Drag::Pressed: return;
        case Drag::Handle: dragHandleTo(at); break;
        case Drag::Box: m_band->setGeometry(QRect(m_pressed.toPoint(), at.toPoint()).normalized()); break;
        case Drag::Turn: {
            Camera camera = m_camera;
            camera.azimuth = std::remainder(camera.azimuth - by.x() * degreesPerPixel, 360.0);
            camera.elevation = std::clamp(camera.elevation + by.y() * degreesPerPixel, -90.0, 90.0);
            setCamera(camera);
            break;
        }
        case Drag::Move: {
            const double unit =
                m_camera.halfHeight /
                (m_layout.panels[static_cast<std::size_t>(m_panel)].view.height() / 2 * pixelsPerUnit());
            const CameraFrame frame = cameraFrame(m_camera);
            Camera camera = m_camera;
            camera.focal += (-by.x() * frame.right + by.y() * frame.up) * unit;
            setCamera(camera);
            break;
        }
    }
    m_last = at;
}

void TrajectoryCanvas::mouseReleaseEvent(QMouseEvent* event) {
    const Drag was = std::exchange(m_drag, Drag::None);
    unsetCursor();
    if (was == Drag::Handle) {
        m_painted->update();
        Q_EMIT handleReleased();
    } else if (was == Drag::Box) {
        m_band->hide();
        const QRectF box = QRectF(m_pressed, event->position()).normalized();
        QList<qint64> rows;
        for (const auto row :
             projected().inside({box.left(), height() - box.bottom(), box.width(), box.height()}))
            rows << row;
        Q_EMIT rowsBoxed(rows);
    } else if (was == Drag::Pressed) {
        const auto picked =
            projected().pick(event->position().x(), height() - event->position().y(), pickTolerance);
        if (picked) Q_EMIT rowClicked(picked->tag, picked->vertex, event->modifiers());
    }
}

void TrajectoryCanvas::mouseDoubleClickEvent(QMouseEvent* event) {
    if (event->button() == Qt::LeftButton && !isOnHandle(event->position())) fitToData();
}

void TrajectoryCanvas::zoom(double factor, const QPointF& about) {
    const QRectF view = m_layout.panels[static_cast<std::size_t>(m_panel)].view;
    const QPointF at = about / pixelsPerUnit() - view.center();
    const double x = at.x() / (view.height() / 2), y = -at.y() / (view.height() / 2);
    Camera camera = m_camera;
    const Eigen::Vector3d under = unprojectToPlane(m_camera, x, y, m_camera.focal);
    camera.halfHeight = m_camera.halfHeight / factor;
    if (!(camera.halfHeight > 1e-9) || !std::isfinite(camera.halfHeight)) return;
    camera.focal += (under - m_camera.focal) * (1 - 1 / factor);
    setCamera(camera);
}

void TrajectoryCanvas::wheelEvent(QWheelEvent* event) {
    if (plot() == nullptr) return;
    // A notch of a wheel is 120; a trackpad sends pixels.
    const double steps =
        event->pixelDelta().isNull() ? event->angleDelta().y() / 120.0 : event->pixelDelta().y() / 60.0;
    if (steps != 0) zoom(std::pow(1.15, steps), event->position());
    event->accept();
}

void TrajectoryCanvas::keyPressEvent(QKeyEvent* event) {
    const bool held = m_drag == Drag::Handle || m_keyDrag;
    int axis = -1;
    if (held && keepsOnAxis(event->key(), axis)) {
        m_axis = m_axis == axis && !event->isAutoRepeat() && m_keyDrag ? -1 : axis;
        if (m_drag == Drag::Handle) dragHandleTo(m_last);
        m_painted->update();
        return;
    }
    if (held && event->key() == Qt::Key_Escape) {
        m_drag = Drag::None;
        m_keyDrag = false;
        m_handle = m_handleBefore;
        m_painted->update();
        Q_EMIT handleCancelled();
        return;
    }
    if (m_keyDrag && (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter)) {
        m_keyDrag = false;
        m_painted->update();
        Q_EMIT handleReleased();
        return;
    }
    Eigen::Vector3d screen(0, 0, 0);
    switch (event->key()) {
        case Qt::Key_Left: screen.x() = -1; break;
        case Qt::Key_Right: screen.x() = 1; break;
        case Qt::Key_Up: screen.y() = 1; break;
        case Qt::Key_Down: screen.y() = -1; break;
        case Qt::Key_PageUp: screen.z() = 1; break;
        case Qt::Key_PageDown: screen.z() = -1; break;
        case Qt::Key_Plus:
        case Qt::Key_Equal: return zoom(1.15, rect().center());
        case Qt::Key_Minus: return zoom(1 / 1.15, rect().center());
        default: return VtkViewport::keyPressEvent(event);
    }
    if (plot() == nullptr || m_drag == Drag::Handle) return;
    if (!m_handle) {
        Camera camera = m_camera;
        camera.azimuth = std::remainder(camera.azimuth + 5 * screen.x(), 360.0);
        camera.elevation = std::clamp(camera.elevation + 5 * screen.y(), -90.0, 90.0);
        return setCamera(camera);
    }
    if (!m_keyDrag) {
        grabHandle();
        m_keyDrag = true;
    }
    double step = keyStep;
    if (event->modifiers() & Qt::ShiftModifier) step *= 5;
    if (event->modifiers() & Qt::ControlModifier) step /= 10;
    step *= m_camera.halfHeight /
            (m_layout.panels[static_cast<std::size_t>(m_panel)].view.height() / 2 * pixelsPerUnit());
    const CameraFrame frame = cameraFrame(m_camera);
    Eigen::Vector3d by = step * (screen.x() * frame.right + screen.y() * frame.up + screen.z() * frame.toEye);
    if (m_axis >= 0)
        by = Eigen::Vector3d::Unit(m_axis) *
             (by.dot(Eigen::Vector3d::Unit(m_axis)) >= 0 ? by.norm() : -by.norm());
    moveHandle(*m_handle + by);
}

void TrajectoryCanvas::keyReleaseEvent(QKeyEvent* event) {
    int axis = -1;
    if (m_drag == Drag::Handle && !event->isAutoRepeat() && keepsOnAxis(event->key(), axis) &&
        axis == m_axis) {
        m_axis = -1;
        dragHandleTo(m_last);
        return;
    }
    VtkViewport::keyReleaseEvent(event);
}

void TrajectoryCanvas::hover(const QPointF& at) {
    const bool onHandle = isOnHandle(at);
    if (onHandle != m_handleHovered) {
        m_handleHovered = onHandle;
        setCursor(onHandle ? Qt::OpenHandCursor : Qt::ArrowCursor);
        m_painted->update();
    }
    const auto picked = onHandle ? std::nullopt : projected().pick(at.x(), height() - at.y(), pickTolerance);
    const std::int64_t row = picked ? picked->tag : -1;
    if (row < 0 && m_hoveredRow < 0) return;
    m_hoveredRow = row;
    Q_EMIT hovered(row, picked ? picked->vertex : 0);
}

void TrajectoryCanvas::leaveEvent(QEvent* event) {
    m_handleHovered = false;
    if (m_hoveredRow >= 0) Q_EMIT hovered(-1, 0);
    m_hoveredRow = -1;
    VtkViewport::leaveEvent(event);
}

bool TrajectoryCanvas::event(QEvent* event) {
    if (event->type() == QEvent::ToolTip && plot() != nullptr) {
        auto* help = static_cast<QHelpEvent*>(event);
        if (isOnHandle(help->pos())) {
            QToolTip::showText(help->globalPos(),
                               tr("Drag to put this state elsewhere. Hold X, Y or Z to stay on that axis. "
                                  "Arrow keys move it "
                                  "(Shift: further, Ctrl: finer, Page Up/Down: nearer and further), Enter "
                                  "lets go, Esc takes it back."),
                               this);
            return true;
        }
        const auto picked = projected().pick(help->pos().x(), height() - help->pos().y(), pickTolerance);
        if (picked && m_describe)
            QToolTip::showText(help->globalPos(), m_describe(picked->tag, picked->vertex), this);
        else
            QToolTip::hideText();
        return true;
    }
    return VtkViewport::event(event);
}

void TrajectoryCanvas::setBoxSelecting(bool on) {
    m_boxSelecting = on;
    setCursor(on ? Qt::CrossCursor : Qt::ArrowCursor);
}

}  // namespace rheo
