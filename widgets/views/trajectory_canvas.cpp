#include "widgets/views/trajectory_canvas.h"

#include <QApplication>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QNativeGestureEvent>
#include <QPainter>
#include <QRubberBand>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "widgets/paint/axes3.h"
#include "widgets/paint/draw_figure.h"
#include "widgets/paint/legend_layout.h"
#include "widgets/paint/painter_canvas.h"
#include "widgets/scene/drag3.h"
#include "widgets/views/split_canvas.h"

namespace rheo {

namespace {

constexpr double pointsPerPixel = 72.0 / 96.0;
// Lengths in pixels of the widget.
constexpr double pickTolerance = 6;
constexpr double handleRadius = 9;
constexpr double arrowGap = 3;      // from the handle's ring to its arrows
constexpr double arrowLength = 30;  // of an axis that lies in the screen
constexpr double shortestArrow = 9;
constexpr double arrowHead = 7;
constexpr double keyStep = 10;  // an arrow key moves the handle
constexpr double degreesPerPixel = 0.4;
constexpr double degreesPerKey = 5;
constexpr double zoomPerNotch = 1.15;
// Larger sets above the others are the scene's as well: painting them would take too long.
constexpr std::size_t mostPainted = 3 * 20000;

const TextMetrics& metrics() {
    static const TextMetrics instance;
    return instance;
}

bool isPainted(const LineSet3& set) {
    return set.layer > 0 && set.xyz.size() <= mostPainted;
}

bool sameBox(const Plot3D& a, const Plot3D& b) {
    for (std::size_t i = 0; i < 3; ++i)
        if (a.axes[i].low != b.axes[i].low || a.axes[i].high != b.axes[i].high) return false;
    return true;
}

Eigen::Vector3d lowCorner(const Plot3D& plot) {
    return {plot.axes[0].low, plot.axes[1].low, plot.axes[2].low};
}

Eigen::Vector3d highCorner(const Plot3D& plot) {
    return {plot.axes[0].high, plot.axes[1].high, plot.axes[2].high};
}

bool keepsOnAxis(int key, int& axis) {
    switch (key) {
        case Qt::Key_X: axis = 0; return true;
        case Qt::Key_Y: axis = 1; return true;
        case Qt::Key_Z: axis = 2; return true;
        default: return false;
    }
}

/// How far `at` is from the straight line between two places.
double distanceTo(const QPointF& at, const QPointF& from, const QPointF& to) {
    const QPointF along = to - from, there = at - from;
    const double t = QPointF::dotProduct(there, along) / std::max(QPointF::dotProduct(along, along), 1e-12);
    const QPointF off = there - along * std::clamp(t, 0.0, 1.0);
    return std::hypot(off.x(), off.y());
}

/// "PC1" of "PC1 (41.2 % of variance)".
QString shortTitle(const Axis& axis) {
    return QString::fromStdString(axis.title.substr(0, axis.title.find(" (")));
}

}  // namespace

/// Lies over the picture and lets the mouse through.
class TrajectoryCanvas::Overlay : public QWidget {
public:
    explicit Overlay(TrajectoryCanvas* canvas) : QWidget(canvas), m_canvas(canvas) {
        setAttribute(Qt::WA_TransparentForMouseEvents);
        setAttribute(Qt::WA_NoSystemBackground);
    }
    /// What lies still while the handle and the mouse move is to be painted anew.
    void renew() {
        m_still = QPixmap();
        update();
    }

protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        if (!m_canvas->trouble().isEmpty()) return paintTrouble(painter);
        if (m_canvas->plot() == nullptr) return;
        const QSize pixels = (QSizeF(size()) * devicePixelRatioF()).toSize();
        if (m_still.size() != pixels) {
            m_still = QPixmap(pixels);
            m_still.setDevicePixelRatio(devicePixelRatioF());
            m_still.fill(Qt::transparent);
            QPainter still(&m_still);
            m_canvas->paintFrame(still);
        }
        painter.drawPixmap(0, 0, m_still);
        painter.setRenderHint(QPainter::Antialiasing);
        m_canvas->paintHovered(painter);
        m_canvas->paintHandle(painter);
    }

private:
    void paintTrouble(QPainter& painter) {
        painter.fillRect(rect(), palette().window());
        painter.setPen(palette().color(QPalette::WindowText));
        painter.drawText(rect().adjusted(40, 40, -40, -40), Qt::AlignCenter | Qt::TextWordWrap,
                         m_canvas->trouble());
    }

    TrajectoryCanvas* m_canvas;
    QPixmap m_still;
};

TrajectoryCanvas::TrajectoryCanvas(QWidget* parent) : VtkViewport(parent), m_painted(new Overlay(this)) {
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    setMinimumSize(240, 180);
    setAccessibleName(tr("Trajectories in three principal components"));
    connect(this, &VtkViewport::troubleChanged, m_painted, qOverload<>(&QWidget::update));
}

TrajectoryCanvas::~TrajectoryCanvas() = default;

const Plot3D* TrajectoryCanvas::plot() const {
    return m_figure ? std::get_if<Plot3D>(&m_figure->panels[static_cast<std::size_t>(m_panel)].plot)
                    : nullptr;
}

// ---- what is shown --------------------------------------------------------------------------------------

void TrajectoryCanvas::setFigure(std::shared_ptr<const Figure> figure) {
    const auto before = m_figure;
    const Plot3D* old = plot();
    m_figure = nullptr;
    for (std::size_t i = 0; figure && i < figure->panels.size(); ++i)
        if (std::holds_alternative<Plot3D>(figure->panels[i].plot)) {
            m_figure = std::move(figure);
            m_panel = static_cast<int>(i);
            break;
        }
    m_sceneStale = true;
    m_projected.reset();
    m_hovered.reset();
    if (const Plot3D* now = plot()) {
        if (old == nullptr) {
            m_camera = now->camera;
            m_whole = true;
        }
        composeFrame();
        layOut();
        if (m_whole && (old == nullptr || !sameBox(*old, *now))) fitToData();
    } else {
        setHandle(std::nullopt);
    }
    changed();
}

void TrajectoryCanvas::setOverlay(std::shared_ptr<const Plot3D> overlay) {
    if (overlay == nullptr && m_overlay == nullptr) return;
    m_overlay = std::move(overlay);
    if (plot() == nullptr) return;
    composeFrame();
    placeLegend();
    m_painted->renew();
}

/// What is painted over the scene: the figure without the lines that the scene draws, with the overlay.
void TrajectoryCanvas::composeFrame() {
    m_frame.title = m_figure->title;
    m_frame.theme = m_figure->theme;
    m_frame.columns = m_figure->columns;
    m_frame.note = m_figure->note;
    m_frame.panels.resize(m_figure->panels.size());
    for (std::size_t i = 0; i < m_frame.panels.size(); ++i)
        if (static_cast<int>(i) != m_panel) m_frame.panels[i] = m_figure->panels[i];
    const Plot3D& all = *plot();
    Panel& shown = m_frame.panels[static_cast<std::size_t>(m_panel)];
    shown.title = m_figure->panels[static_cast<std::size_t>(m_panel)].title;
    Plot3D frame;
    frame.axes = all.axes;
    frame.markers = all.markers;
    frame.colorScale = all.colorScale;
    for (const auto& set : all.lines) {
        if (isPainted(set)) {
            frame.lines.push_back(set);
        } else {
            // Its name and look are for the legend.
            LineSet3 named;
            named.name = set.name;
            named.style = set.style;
            named.layer = set.layer;
            frame.lines.push_back(std::move(named));
        }
    }
    if (m_overlay) {
        frame.lines.insert(frame.lines.end(), m_overlay->lines.begin(), m_overlay->lines.end());
        frame.markers.insert(frame.markers.end(), m_overlay->markers.begin(), m_overlay->markers.end());
    }
    shown.plot = std::move(frame);
}

/// Places the parts of the figure. The overlay has no part in it: what is dragged must not move the view.
void TrajectoryCanvas::layOut() {
    Figure still = m_frame;
    Plot3D& frame = std::get<Plot3D>(still.panels[static_cast<std::size_t>(m_panel)].plot);
    frame.lines.resize(plot()->lines.size());
    frame.markers.resize(plot()->markers.size());
    m_layout = layoutFigure(still, QSizeF(size()) * pointsPerPixel, metrics());
    m_legendPlace = panel().legend.entries.empty() ? panel().outer.topLeft() : panel().legend.rect.topLeft();
    panel().view = panel().plot;
    panel().camera = m_camera;
    placeLegend();
}

/// The legend of the figure and the overlay, where that of the figure alone was placed.
void TrajectoryCanvas::placeLegend() {
    auto& legend = panel().legend;
    legend = stripLegend(legendOf(m_frame.panels[static_cast<std::size_t>(m_panel)]), panel().outer.width(),
                         metrics());
    moveLegend(legend, m_legendPlace);
    // Where it needs more room than it was given it lies over the plot, on a ground of its own.
    legend.inside = legend.rect.bottom() > panel().plot.top();
}

void TrajectoryCanvas::changed() {
    m_projected.reset();
    requestRender();
    m_painted->renew();
}

double TrajectoryCanvas::pixelsPerUnit() const {
    return m_layout.scale / pointsPerPixel;
}

double TrajectoryCanvas::unitsPerPixel() const {
    return m_camera.halfHeight / (panel().view.height() / 2 * pixelsPerUnit());
}

PixelRect TrajectoryCanvas::toPixels(const QRectF& r, double ratio) const {
    const double unit = pixelsPerUnit() * ratio;
    return {r.left() * unit, height() * ratio - r.bottom() * unit, r.width() * unit, r.height() * unit};
}

/// From the widget's coordinates to those of projectToScreen().
QPointF TrajectoryCanvas::onScreen(const QPointF& at) const {
    const QPointF off = at / pixelsPerUnit() - panel().view.center();
    return QPointF(off.x(), -off.y()) / (panel().view.height() / 2);
}

QPointF TrajectoryCanvas::placeOf(const Eigen::Vector3d& point) const {
    if (plot() == nullptr) return {};
    const auto screen = projectToScreen(m_camera, point);
    return (panel().view.center() + QPointF(screen.x(), -screen.y()) * (panel().view.height() / 2)) *
           pixelsPerUnit();
}

void TrajectoryCanvas::prepareFrame() {
    const Plot3D* p = plot();
    if (p == nullptr) {
        const QColor base = palette().color(QPalette::Base);
        Theme theme = base.lightness() < 128 ? darkTheme() : lightTheme();
        theme.background = {static_cast<float>(base.redF()), static_cast<float>(base.greenF()),
                            static_cast<float>(base.blueF())};
        scene().setPlot({}, theme, 1);
        scene().setBackdrop({});
        return;
    }
    const double ratio = devicePixelRatioF(), unit = pixelsPerUnit() * ratio;
    if (m_sceneStale || unit != m_scenePixelsPerPoint) {
        Plot3D below;
        below.colorScale = p->colorScale;
        std::copy_if(p->lines.begin(), p->lines.end(), std::back_inserter(below.lines),
                     [](const LineSet3& set) { return !isPainted(set); });
        scene().setPlot(below, m_figure->theme, unit);
        m_sceneStale = false;
        m_scenePixelsPerPoint = unit;
    }
    scene().setView(m_camera, toPixels(panel().view, ratio), toPixels(panel().plot, ratio), width() * ratio,
                    height() * ratio);
    // Of the box alone: what is above it is painted over the picture.
    Plot3D box;
    box.axes = p->axes;
    SplitCanvas canvas(
        nullptr,
        [&](const QPointF& at) {
            return std::array{at.x() * unit, height() * ratio - at.y() * unit};
        },
        unit);
    drawPlot3(canvas, box, panel(), m_figure->theme, metrics());
    scene().setBackdrop(canvas.backdrop());
}

void TrajectoryCanvas::paintFrame(QPainter& painter) const {
    painter.setRenderHint(QPainter::Antialiasing);
    painter.scale(pixelsPerUnit(), pixelsPerUnit());
    PainterCanvas over(painter);
    SplitCanvas canvas(
        &over,
        [](const QPointF&) {
            return std::array{0.0, 0.0};
        },
        over.pixelsPerPoint());
    HeatmapImages images;
    drawFigure(canvas, m_frame, m_layout, metrics(), images);
}

void TrajectoryCanvas::paintHovered(QPainter& painter) const {
    if (!m_hovered || m_drag != Drag::None) return;
    for (const auto& set : plot()->lines) {
        if (!set.pickable) continue;
        const auto found = std::find(set.tags.begin(), set.tags.end(), m_hovered->tag);
        if (found == set.tags.end()) continue;
        const auto line = static_cast<std::size_t>(found - set.tags.begin());
        QPolygonF path;
        for (auto i = set.offsets[line]; i < set.offsets[line + 1]; ++i) {
            const float* xyz = set.xyz.data() + std::size_t{3} * static_cast<std::size_t>(i);
            path << placeOf({xyz[0], xyz[1], xyz[2]});
        }
        painter.save();
        const double unit = pixelsPerUnit();
        const QRectF& area = panel().plot;
        painter.setClipRect(QRectF(area.topLeft() * unit, area.size() * unit));
        painter.setBrush(Qt::NoBrush);
        painter.setPen(
            QPen(toQColor(m_figure->theme.background, 0.8), 4.5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
        painter.drawPolyline(path);
        painter.setPen(
            QPen(toQColor(m_figure->theme.foreground), 1.5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
        painter.drawPolyline(path);
        if (m_hovered->vertex < path.size()) {
            painter.setPen(QPen(toQColor(m_figure->theme.background), 1.5));
            painter.setBrush(toQColor(m_figure->theme.foreground));
            painter.drawEllipse(path[m_hovered->vertex], 4, 4);
        }
        painter.restore();
        return;
    }
}

void TrajectoryCanvas::paintHandle(QPainter& painter) const {
    if (!m_handle) return;
    const QPointF at = placeOf(*m_handle);
    const Theme& theme = m_figure->theme;
    const QColor accent = toQColor(theme.teleported), ground = toQColor(theme.background, 0.85);
    const bool held = isHeld(), hot = held || m_handleHovered;
    if (held && m_axis >= 0) {
        const Eigen::Vector3d along = Eigen::Vector3d::Unit(m_axis) * m_camera.halfHeight * 4;
        painter.setPen(QPen(toQColor(theme.foreground, 0.6), 1, Qt::DashLine));
        painter.drawLine(placeOf(*m_handle - along), placeOf(*m_handle + along));
    }
    for (const Arrow& arrow : arrows()) {
        const bool lit = held ? m_axis == arrow.axis : m_arrowHovered == arrow.axis;
        const QPointF span = arrow.to - arrow.from;
        const QPointF along = span / std::hypot(span.x(), span.y()), across(-along.y(), along.x());
        const QPointF neck = arrow.to - along * arrowHead;
        const QPolygonF head{
            {arrow.to, neck + across * (arrowHead * 0.5), neck - across * (arrowHead * 0.5)}};
        const QColor ink = lit ? accent : toQColor(theme.foreground, hot || m_arrowHovered ? 0.9 : 0.55);
        painter.setPen(QPen(ground, lit ? 6 : 4.5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
        painter.setBrush(ground);
        painter.drawLine(arrow.from, neck);
        painter.drawPolygon(head);
        painter.setPen(QPen(ink, lit ? 2.4 : 1.5));
        painter.drawLine(arrow.from, neck);
        painter.setPen(Qt::NoPen);
        painter.setBrush(ink);
        painter.drawPolygon(head);
        if (!hot && !m_arrowHovered) continue;
        QFont font = figureFont(lit);
        font.setPixelSize(11);
        painter.setFont(font);
        const QString name = shortTitle(plot()->axes[static_cast<std::size_t>(arrow.axis)]);
        const QFontMetricsF size(font);
        const double half = size.horizontalAdvance(name) / 2;
        const QPointF middle =
            arrow.to + along * (4 + std::abs(along.x()) * half + std::abs(along.y()) * size.capHeight() / 2);
        const QRectF box(middle.x() - half - 2, middle.y() - size.capHeight() / 2 - 3, 2 * half + 4,
                         size.capHeight() + 6);
        painter.setBrush(ground);
        painter.drawRoundedRect(box, 3, 3);
        painter.setPen(ink);
        painter.drawText(QPointF(middle.x() - half, middle.y() + size.capHeight() / 2), name);
    }
    painter.setPen(QPen(ground, 5.5));
    painter.setBrush(Qt::NoBrush);
    painter.drawEllipse(at, handleRadius, handleRadius);
    painter.setPen(QPen(accent, hot ? 3.5 : 2.2));
    painter.setBrush(toQColor(theme.background, hot ? 0.85 : 0.55));
    painter.drawEllipse(at, handleRadius, handleRadius);
    painter.setPen(Qt::NoPen);
    painter.setBrush(accent);
    painter.drawEllipse(at, 3, 3);
    if (hasFocus() && !held) {
        painter.setPen(QPen(accent, 1, Qt::DotLine));
        painter.setBrush(Qt::NoBrush);
        painter.drawEllipse(at, handleRadius + 4, handleRadius + 4);
    }
}

// ---- the camera -----------------------------------------------------------------------------------------

void TrajectoryCanvas::useCamera(const Camera& camera, bool whole) {
    m_camera = camera;
    m_whole = whole;
    if (plot() != nullptr) panel().camera = camera;
    changed();
    Q_EMIT cameraChanged();
}

void TrajectoryCanvas::setCamera(const Camera& camera) {
    useCamera(camera, false);
}

void TrajectoryCanvas::fitToData() {
    const Plot3D* p = plot();
    if (p == nullptr) return;
    const QRectF area = panel().plot.adjusted(1, 1, -1, -1);
    if (area.width() < 40 || area.height() < 40) return;
    Camera camera = fitted(m_camera, lowCorner(*p), highCorner(*p), area.width() / area.height());
    const CameraFrame frame = cameraFrame(camera);
    Plot3D box;
    box.axes = p->axes;
    // Labels keep their size while the box grows into what they leave, so a few steps settle it. Which labels
    // there are can change from step to step: after some, the box only shrinks.
    for (int step = 0; step < 16; ++step) {
        const QRectF bounds = layoutAxes3(box, {camera, panel().plot}, metrics()).bounds;
        if (bounds.isNull()) break;
        const double unit = camera.halfHeight / (panel().plot.height() / 2);
        const QPointF off = bounds.center() - area.center();
        camera.focal += (off.x() * frame.right - off.y() * frame.up) * unit;
        double factor = std::max(bounds.width() / area.width(), bounds.height() / area.height());
        if (step >= 10) factor = std::max(factor, 1.0);
        if (std::abs(factor - 1) < 1e-3 && std::hypot(off.x(), off.y()) < 0.1) break;
        camera.halfHeight *= factor;
    }
    useCamera(camera, true);
}

void TrajectoryCanvas::turn(double azimuth, double elevation) {
    Camera camera = m_camera;
    camera.azimuth = std::remainder(camera.azimuth + azimuth, 360.0);
    camera.elevation = std::clamp(camera.elevation + elevation, -90.0, 90.0);
    useCamera(camera, m_whole);
}

void TrajectoryCanvas::zoom(double factor, const QPointF& about) {
    const Plot3D* p = plot();
    if (p == nullptr) return;
    const double size = (highCorner(*p) - lowCorner(*p)).norm();
    Camera camera = m_camera;
    camera.halfHeight = std::clamp(m_camera.halfHeight / factor, 1e-5 * size, 20 * size);
    if (!std::isfinite(camera.halfHeight) || camera.halfHeight == m_camera.halfHeight) return;
    const QPointF at = onScreen(about);
    const Eigen::Vector3d under = unprojectToPlane(m_camera, at.x(), at.y(), m_camera.focal);
    camera.focal += (under - m_camera.focal) * (1 - camera.halfHeight / m_camera.halfHeight);
    setCamera(camera);
}

// ---- the handle -----------------------------------------------------------------------------------------

std::vector<TrajectoryCanvas::Arrow> TrajectoryCanvas::arrows() const {
    std::vector<Arrow> result;
    const QPointF at = placeOf(*m_handle);
    for (int axis = 0; axis < 3; ++axis) {
        const Eigen::Vector2d seen = axisOnScreen(m_camera, *m_handle, axis);
        const double length = seen.norm() * arrowLength;
        if (length < shortestArrow) continue;  // it points at the eye, or away
        const QPointF along = QPointF(seen.x(), -seen.y()) / seen.norm();
        const QPointF from = at + along * (handleRadius + arrowGap);
        result.push_back({axis, from, from + along * length});
    }
    return result;
}

bool TrajectoryCanvas::isOnHandle(const QPointF& at) const {
    if (!m_handle || plot() == nullptr) return false;
    const QPointF off = at - placeOf(*m_handle);
    return std::hypot(off.x(), off.y()) <= handleRadius + arrowGap;
}

std::optional<int> TrajectoryCanvas::arrowAt(const QPointF& at) const {
    if (!m_handle || plot() == nullptr || isOnHandle(at)) return std::nullopt;
    for (const Arrow& arrow : arrows())
        if (distanceTo(at, arrow.from, arrow.to) <= 5) return arrow.axis;
    return std::nullopt;
}

void TrajectoryCanvas::setHandle(std::optional<Eigen::Vector3d> place) {
    if (isHeld() && place) return;
    const bool taken = isHeld();
    m_drag = taken ? Drag::None : m_drag;
    m_keyDrag = false;
    m_handle = place;
    if (!place) {
        m_handleHovered = false;
        m_arrowHovered.reset();
    }
    updateCursor();
    m_painted->update();
    if (taken) Q_EMIT handleCancelled();
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
    const QPointF at = onScreen(mouse + m_grabOffset);
    moveHandle(m_axis < 0 ? unprojectToPlane(m_camera, at.x(), at.y(), *m_handleBefore)
                          : unprojectToAxis(m_camera, at.x(), at.y(), *m_handleBefore, m_axis));
}

void TrajectoryCanvas::nudgeHandle(const Eigen::Vector3d& screen, Qt::KeyboardModifiers modifiers) {
    if (!m_keyDrag) {
        grabHandle();
        m_keyDrag = true;
    }
    double step = keyStep * unitsPerPixel();
    if (modifiers & Qt::ShiftModifier) step *= 5;
    if (modifiers & Qt::ControlModifier) step /= 10;
    const CameraFrame frame = cameraFrame(m_camera);
    Eigen::Vector3d by = step * (screen.x() * frame.right + screen.y() * frame.up + screen.z() * frame.toEye);
    if (m_axis >= 0) {
        const Eigen::Vector3d along = Eigen::Vector3d::Unit(m_axis);
        by = along * (by.dot(along) >= 0 ? step : -step);
    }
    moveHandle(*m_handle + by);
}

void TrajectoryCanvas::cancelHandle() {
    m_drag = Drag::None;
    m_keyDrag = false;
    m_handle = m_handleBefore;
    updateCursor();
    m_painted->update();
    Q_EMIT handleCancelled();
}

// ---- the mouse ------------------------------------------------------------------------------------------

const Projected3& TrajectoryCanvas::projected() const {
    // In the widget's coordinates turned upside down: y up from its lower edge.
    if (!m_projected) m_projected = Projected3(*plot(), m_camera, toPixels(panel().view, 1));
    return *m_projected;
}

std::optional<Picked> TrajectoryCanvas::pick(const QPointF& at) const {
    // Nothing is seen beside the plot.
    if (plot() == nullptr || !panel().plot.contains(at / pixelsPerUnit())) return std::nullopt;
    return projected().pick(at.x(), height() - at.y(), pickTolerance);
}

void TrajectoryCanvas::updateCursor() {
    switch (m_drag) {
        case Drag::Handle:
        case Drag::Move: return setCursor(Qt::ClosedHandCursor);
        case Drag::Box: return setCursor(Qt::CrossCursor);
        case Drag::Pressed:
        case Drag::Turn: return unsetCursor();
        case Drag::None: break;
    }
    if (m_handleHovered || m_arrowHovered)
        setCursor(Qt::OpenHandCursor);
    else if (m_boxSelecting)
        setCursor(Qt::CrossCursor);
    else if (m_hovered)
        setCursor(Qt::PointingHandCursor);
    else
        unsetCursor();
}

void TrajectoryCanvas::resizeEvent(QResizeEvent* event) {
    VtkViewport::resizeEvent(event);
    m_painted->resize(size());
    if (plot() == nullptr) return;
    layOut();
    if (m_whole)
        fitToData();
    else
        changed();
}

void TrajectoryCanvas::mousePressEvent(QMouseEvent* event) {
    if (plot() == nullptr || m_drag != Drag::None) return;
    const QPointF at = event->position();
    const bool left = event->button() == Qt::LeftButton;
    if (!left && event->button() != Qt::MiddleButton) return VtkViewport::mousePressEvent(event);
    if (m_keyDrag && left) releaseKeys();
    m_button = event->button();
    m_pressed = m_last = at;
    const auto arrow = arrowAt(at);
    if (left && (arrow || isOnHandle(at))) {
        m_drag = Drag::Handle;
        m_grabOffset = placeOf(*m_handle) - at;
        grabHandle();
        m_axis = arrow.value_or(-1);
    } else if (left && m_boxSelecting) {
        m_drag = Drag::Box;
        if (m_band == nullptr) m_band = new QRubberBand(QRubberBand::Rectangle, this);
        m_band->setGeometry(QRect(m_pressed.toPoint(), QSize()));
        m_band->show();
    } else if (!left || event->modifiers() & Qt::ShiftModifier) {
        m_drag = Drag::Move;
    } else {
        m_drag = Drag::Pressed;
    }
    updateCursor();
    m_painted->update();
}

void TrajectoryCanvas::mouseMoveEvent(QMouseEvent* event) {
    if (plot() == nullptr) return;
    const QPointF at = event->position(), by = at - m_last;
    if (m_drag == Drag::Pressed) {
        if ((at - m_pressed).manhattanLength() < QApplication::startDragDistance() / 2) return;
        m_drag = Drag::Turn;
        updateCursor();
    }
    switch (m_drag) {
        case Drag::None: hover(at); break;
        case Drag::Pressed: break;
        case Drag::Handle: dragHandleTo(at); break;
        case Drag::Box: m_band->setGeometry(QRect(m_pressed.toPoint(), at.toPoint()).normalized()); break;
        case Drag::Turn: turn(-by.x() * degreesPerPixel, by.y() * degreesPerPixel); break;
        case Drag::Move: {
            const CameraFrame frame = cameraFrame(m_camera);
            Camera camera = m_camera;
            camera.focal += (-by.x() * frame.right + by.y() * frame.up) * unitsPerPixel();
            setCamera(camera);
            break;
        }
    }
    m_last = at;
}

void TrajectoryCanvas::mouseReleaseEvent(QMouseEvent* event) {
    if (event->button() != m_button) return;
    m_button = Qt::NoButton;
    Drag was = std::exchange(m_drag, Drag::None);
    if (m_band != nullptr) m_band->hide();
    const QRectF box = QRectF(m_pressed, event->position()).normalized();
    // A box without a size is a click.
    if (was == Drag::Box && box.width() + box.height() < QApplication::startDragDistance())
        was = Drag::Pressed;
    if (was == Drag::Handle) {
        m_axis = -1;
        Q_EMIT handleReleased();
    } else if (was == Drag::Box) {
        QList<qint64> rows;
        for (const auto row :
             projected().inside({box.left(), height() - box.bottom(), box.width(), box.height()}))
            rows << row;
        Q_EMIT rowsBoxed(rows);
    } else if (was == Drag::Turn || was == Drag::Move) {
        requestRender();
    } else if (was == Drag::Pressed) {
        if (const auto picked = pick(event->position()))
            Q_EMIT rowClicked(picked->tag, picked->vertex, event->modifiers());
    }
    if (plot() != nullptr) hover(event->position());
    updateCursor();
    m_painted->update();
}

void TrajectoryCanvas::mouseDoubleClickEvent(QMouseEvent* event) {
    if (event->button() == Qt::LeftButton && !isOnHandle(event->position()) && !arrowAt(event->position()))
        fitToData();
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
    const bool onHandle = isOnHandle(at);
    const auto arrow = arrowAt(at);
    const auto picked = onHandle || arrow ? std::nullopt : pick(at);
    const bool sameHandle = onHandle == m_handleHovered && arrow == m_arrowHovered;
    const bool sameRow = picked.has_value() == m_hovered.has_value() &&
                         (!picked || (picked->tag == m_hovered->tag && picked->vertex == m_hovered->vertex));
    if (sameHandle && sameRow) return;
    m_handleHovered = onHandle;
    m_arrowHovered = arrow;
    m_hovered = picked;
    updateCursor();
    m_painted->update();
    if (!sameRow) Q_EMIT hovered(picked ? picked->tag : -1, picked ? picked->vertex : 0);
}

void TrajectoryCanvas::leaveEvent(QEvent* event) {
    const bool row = m_hovered.has_value();
    m_handleHovered = false;
    m_arrowHovered.reset();
    m_hovered.reset();
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
        const auto picked = pick(help->pos());
        if (isOnHandle(help->pos()))
            QToolTip::showText(
                help->globalPos(),
                tr("Drag to put this state elsewhere, in the plane of the screen. Hold X, Y or Z to "
                   "stay on that axis. Arrow keys move it too (Shift: further, Ctrl: finer, Page "
                   "Up and Down: nearer and farther); Enter lets go, Esc takes it back."),
                this);
        else if (const auto axis = arrowAt(help->pos()))
            QToolTip::showText(
                help->globalPos(),
                tr("Drag along %1 alone").arg(shortTitle(plot()->axes[static_cast<std::size_t>(*axis)])),
                this);
        else if (picked && m_describe)
            QToolTip::showText(help->globalPos(), m_describe(picked->tag, picked->vertex), this);
        else
            QToolTip::hideText();
        return true;
    }
    return VtkViewport::event(event);
}

void TrajectoryCanvas::setBoxSelecting(bool on) {
    m_boxSelecting = on;
    updateCursor();
}

// ---- the keys -------------------------------------------------------------------------------------------

void TrajectoryCanvas::releaseKeys() {
    m_keyDrag = false;
    m_axis = -1;
    m_painted->update();
    Q_EMIT handleReleased();
}

void TrajectoryCanvas::keyPressEvent(QKeyEvent* event) {
    int axis = -1;
    if (isHeld() && keepsOnAxis(event->key(), axis)) {
        if (event->isAutoRepeat()) return;
        // While the mouse holds it, a key does as long as it is down; with keys alone, until it comes again.
        m_axis = m_keyDrag && m_axis == axis ? -1 : axis;
        if (m_drag == Drag::Handle) dragHandleTo(m_last);
        m_painted->update();
        return;
    }
    if (event->key() == Qt::Key_Escape && isHeld()) return cancelHandle();
    if (event->key() == Qt::Key_Escape && m_drag == Drag::Box) {
        m_drag = Drag::None;
        m_band->hide();
        return updateCursor();
    }
    if (m_keyDrag && (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter)) return releaseKeys();
    if (plot() == nullptr) return VtkViewport::keyPressEvent(event);

    Eigen::Vector3d screen(0, 0, 0);
    switch (event->key()) {
        case Qt::Key_Left: screen.x() = -1; break;
        case Qt::Key_Right: screen.x() = 1; break;
        case Qt::Key_Up: screen.y() = 1; break;
        case Qt::Key_Down: screen.y() = -1; break;
        case Qt::Key_PageUp: screen.z() = 1; break;
        case Qt::Key_PageDown: screen.z() = -1; break;
        case Qt::Key_Plus:
        case Qt::Key_Equal: return zoom(zoomPerNotch, rect().center());
        case Qt::Key_Minus: return zoom(1 / zoomPerNotch, rect().center());
        case Qt::Key_Home: return fitToData();
        default: return VtkViewport::keyPressEvent(event);
    }
    if (m_drag != Drag::None) return;
    if (m_handle && !(event->modifiers() & Qt::AltModifier))
        nudgeHandle(screen, event->modifiers());
    else
        turn(degreesPerKey * screen.x(), degreesPerKey * screen.y());
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

void TrajectoryCanvas::focusInEvent(QFocusEvent* event) {
    VtkViewport::focusInEvent(event);
    m_painted->update();
}

void TrajectoryCanvas::focusOutEvent(QFocusEvent* event) {
    VtkViewport::focusOutEvent(event);
    // The keys go elsewhere: nobody could let go any more.
    if (m_keyDrag && event->reason() != Qt::ActiveWindowFocusReason &&
        event->reason() != Qt::PopupFocusReason)
        releaseKeys();
    m_painted->update();
}

}  // namespace rheo
