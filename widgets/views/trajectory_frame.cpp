#include "widgets/views/trajectory_frame.h"

#include <QPainter>
#include <algorithm>
#include <array>

#include "widgets/paint/axes3.h"
#include "widgets/paint/draw_figure.h"
#include "widgets/paint/legend_layout.h"
#include "widgets/paint/painter_canvas.h"
#include "widgets/views/split_canvas.h"

namespace rheo {

namespace {

constexpr double pointsPerPixel = 72.0 / 96.0;
// Larger sets above the others are the scene's as well: painting them would take too long.
constexpr std::size_t mostPainted = 3 * 20000;

const TextMetrics& metrics() {
    static const TextMetrics instance;
    return instance;
}

/// Lines whose colour changes along them are the scene's: the painter takes a stroke for each segment.
bool isPainted(const LineSet3& set) {
    return set.layer > 0 && set.style.color && set.xyz.size() <= mostPainted;
}

/// What the legend needs of a set whose lines the scene draws.
LineSet3 nameAndLookOf(const LineSet3& set) {
    LineSet3 named;
    named.name = set.name;
    named.style = set.style;
    named.layer = set.layer;
    named.legendKey = set.legendKey;
    named.hidden = set.hidden;
    return named;
}

QRectF scaled(const QRectF& rect, double by) {
    return {rect.topLeft() * by, rect.size() * by};
}

PixelRect upward(const QRectF& rect, double height) {
    return {rect.left(), height - rect.bottom(), rect.width(), rect.height()};
}

}  // namespace

QString shortTitle(const Axis& axis) {
    return QString::fromStdString(axis.title.substr(0, axis.title.find(" (")));
}

const Plot3D* TrajectoryFrame::plot() const {
    return m_figure ? std::get_if<Plot3D>(&m_figure->panels[m_panel].plot) : nullptr;
}

void TrajectoryFrame::setFigure(std::shared_ptr<const Figure> figure) {
    m_figure = nullptr;
    for (std::size_t i = 0; figure && i < figure->panels.size(); ++i)
        if (std::holds_alternative<Plot3D>(figure->panels[i].plot)) {
            m_figure = std::move(figure);
            m_panel = i;
            break;
        }
    if (m_figure) compose();
}

void TrajectoryFrame::setOverlay(std::shared_ptr<const Plot3D> overlay) {
    m_overlay = std::move(overlay);
    if (plot() != nullptr) placeLegend();
}

void TrajectoryFrame::compose() {
    m_painted.title = m_figure->title;
    m_painted.theme = m_figure->theme;
    m_painted.columns = m_figure->columns;
    m_painted.note = m_figure->note;
    m_painted.panels.resize(m_figure->panels.size());
    for (std::size_t i = 0; i < m_painted.panels.size(); ++i)
        if (i != m_panel) m_painted.panels[i] = m_figure->panels[i];
    const Plot3D& all = *plot();
    Plot3D painted;
    painted.axes = all.axes;
    painted.markers = all.markers;
    painted.colorScale = all.colorScale;
    for (const auto& set : all.lines) painted.lines.push_back(isPainted(set) ? set : nameAndLookOf(set));
    m_painted.panels[m_panel].title = m_figure->panels[m_panel].title;
    m_painted.panels[m_panel].plot = std::move(painted);
}

void TrajectoryFrame::layOut(const QSizeF& size, const Camera& camera) {
    // Without the overlay: what is dragged must not move the view.
    m_size = size;
    m_layout = layoutFigure(m_painted, size * pointsPerPixel, metrics());
    m_legendPlace = panel().legend.entries.empty() ? panel().outer.topLeft() : panel().legend.rect.topLeft();
    panel().view = panel().plot;
    panel().camera = camera;
    placeLegend();
}

/// The legend of the figure and of the overlay, where that of the figure alone was placed.
void TrajectoryFrame::placeLegend() {
    auto entries = legendOf(m_painted.panels[m_panel]);
    if (m_overlay)
        for (LegendEntry& entry : legendOf({"", *m_overlay})) entries.push_back(std::move(entry));
    auto& legend = panel().legend;
    legend = stripLegend(std::move(entries), panel().outer.width(), metrics());
    moveLegend(legend, m_legendPlace);
    // Where it is higher than the space it was given, it lies over the plot, on a ground of its own.
    legend.inside = legend.rect.bottom() > panel().plot.top();
}

const LegendEntry* TrajectoryFrame::legendEntryAt(const QPointF& at) const {
    const LegendEntry* entry = entryAt(panel().legend, at / pixelsPerUnit());
    return entry != nullptr && !entry->key.empty() ? entry : nullptr;
}

QRectF TrajectoryFrame::legendRect(const std::string& key) const {
    const LegendLayout& legend = panel().legend;
    for (const LegendEntry& entry : legend.entries)
        if (entry.key == key)
            return scaled(
                {entry.place.x(), entry.place.y() - legend.lineHeight / 2, entry.width, legend.lineHeight},
                pixelsPerUnit());
    return {};
}

double TrajectoryFrame::pixelsPerUnit() const {
    return m_layout.scale / pointsPerPixel;
}

QRectF TrajectoryFrame::plotArea() const {
    return scaled(panel().plot, pixelsPerUnit());
}

ViewArea TrajectoryFrame::viewArea() const {
    const QRectF view = scaled(panel().view, pixelsPerUnit());
    return {{view.center().x(), view.center().y()}, view.height() / 2};
}

PixelRect TrajectoryFrame::viewRect() const {
    return upward(scaled(panel().view, pixelsPerUnit()), m_size.height());
}

PixelRect TrajectoryFrame::plotRect() const {
    return upward(plotArea(), m_size.height());
}

std::optional<Camera> TrajectoryFrame::fittedCamera(const Camera& camera) const {
    Plot3D box;
    box.axes = plot()->axes;
    return fittedToLabels(camera, box, panel().plot, metrics());
}

QPointF TrajectoryFrame::placeOf(const Eigen::Vector3d& point) const {
    const Eigen::Vector2d at = toPlace(viewArea(), projectToScreen(panel().camera, point).head<2>());
    return {at.x(), at.y()};
}

Plot3D TrajectoryFrame::sceneLines() const {
    Plot3D below;
    below.colorScale = plot()->colorScale;
    for (const auto& set : plot()->lines)
        if (!isPainted(set)) below.lines.push_back(set);
    return below;
}

std::vector<BackdropLine> TrajectoryFrame::backdrop(double ratio) const {
    const double unit = pixelsPerUnit() * ratio, height = m_size.height() * ratio;
    Plot3D box;
    box.axes = plot()->axes;
    SplitCanvas canvas(
        nullptr,
        [&](const QPointF& at) {
            return std::array{at.x() * unit, height - at.y() * unit};
        },
        unit);
    drawPlot3(canvas, box, panel(), m_figure->theme, metrics());
    return canvas.backdrop();
}

void TrajectoryFrame::beginPaint(QPainter& painter) const {
    painter.setRenderHint(QPainter::Antialiasing);
    painter.scale(pixelsPerUnit(), pixelsPerUnit());
}

void TrajectoryFrame::paintOverlay(QPainter& painter) const {
    beginPaint(painter);
    PainterCanvas canvas(painter);
    if (m_overlay) drawData3(canvas, *m_overlay, panel(), m_figure->theme);
    drawLegend(canvas, panel().legend, m_figure->theme, metrics());
}

void TrajectoryFrame::paint(QPainter& painter) const {
    beginPaint(painter);
    PainterCanvas over(painter);
    SplitCanvas canvas(
        &over,
        [](const QPointF&) {
            return std::array{0.0, 0.0};
        },
        over.pixelsPerPoint());
    HeatmapImages images;
    FigureLayout layout = m_layout;
    layout.panels[m_panel].legend = {};
    drawFigure(canvas, m_painted, layout, metrics(), images);
}

void TrajectoryFrame::paintLine(QPainter& painter, std::int64_t tag, std::int32_t vertex) const {
    for (const auto& set : plot()->lines) {
        if (!set.pickable) continue;
        const auto found = std::find(set.tags.begin(), set.tags.end(), tag);
        if (found == set.tags.end()) continue;
        const auto line = static_cast<std::size_t>(found - set.tags.begin());
        QPolygonF path;
        for (auto i = set.offsets[line]; i < set.offsets[line + 1]; ++i) {
            const float* xyz = set.xyz.data() + std::size_t{3} * static_cast<std::size_t>(i);
            path << placeOf({xyz[0], xyz[1], xyz[2]});
        }
        return outline(painter, path, vertex);
    }
}

void TrajectoryFrame::outline(QPainter& painter, const QPolygonF& path, std::int32_t vertex) const {
    const Theme& theme = m_figure->theme;
    painter.save();
    painter.setClipRect(plotArea());
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(toQColor(theme.background, 0.8), 4.5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.drawPolyline(path);
    painter.setPen(QPen(toQColor(theme.foreground), 1.5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.drawPolyline(path);
    if (vertex < path.size()) {
        painter.setPen(QPen(toQColor(theme.background), 1.5));
        painter.setBrush(toQColor(theme.foreground));
        painter.drawEllipse(path[vertex], 4, 4);
    }
    painter.restore();
}

}  // namespace rheo
