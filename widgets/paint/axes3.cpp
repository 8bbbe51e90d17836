#include "widgets/paint/axes3.h"

#include <QMarginsF>
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "widgets/paint/figure_layout.h"
#include "widgets/paint/readable_text.h"

namespace rheo {
namespace {

constexpr double tickLength = 3;
constexpr double labelGap = 2;
constexpr double titleGap = 3;
constexpr double shortestAxis = 16;  // points on the page; a shorter one is seen end on and says nothing

double dot(const QPointF& a, const QPointF& b) {
    return a.x() * b.x() + a.y() * b.y();
}
double norm(const QPointF& a) {
    return std::hypot(a.x(), a.y());
}

/// How far a box w wide and h high, turned by `angle`, reaches from its centre along the unit vector n.
double reach(double w, double h, double angle, const QPointF& n) {
    const double turn = angle * std::numbers::pi / 180;
    const QPointF along(std::cos(turn), -std::sin(turn));
    const QPointF across(std::sin(turn), std::cos(turn));
    return std::abs(dot(along, n)) * w / 2 + std::abs(dot(across, n)) * h / 2;
}

QPolygonF turnedBox(const QPointF& centre, double w, double h, double angle) {
    const double turn = angle * std::numbers::pi / 180;
    const QPointF along = QPointF(std::cos(turn), -std::sin(turn)) * (w / 2);
    const QPointF across = QPointF(std::sin(turn), std::cos(turn)) * (h / 2);
    return {
        {centre - along - across, centre + along - across, centre + along + across, centre - along + across}};
}

/// Whether two convex polygons share a point: no line along an edge of either parts them.
bool overlap(const QPolygonF& a, const QPolygonF& b) {
    for (const auto* polygon : {&a, &b}) {
        for (qsizetype i = 0; i < polygon->size(); ++i) {
            const QPointF edge = (*polygon)[(i + 1) % polygon->size()] - (*polygon)[i];
            const QPointF normal(-edge.y(), edge.x());
            double lowA = 1e300, highA = -1e300, lowB = 1e300, highB = -1e300;
            for (const auto& p : a) {
                lowA = std::min(lowA, dot(p, normal));
                highA = std::max(highA, dot(p, normal));
            }
            for (const auto& p : b) {
                lowB = std::min(lowB, dot(p, normal));
                highB = std::max(highB, dot(p, normal));
            }
            if (highA < lowB || highB < lowA) return false;
        }
    }
    return true;
}

/// An edge of the box: along `axis`, at the low or high side of the other two.
struct Edge {
    int axis = 0;
    std::array<int, 3> side{};  // of the own axis not read
};

class Box {
public:
    Box(const Plot3D& plot, const SpaceMap& map)
        : m_map(map), m_low(boxOf(plot).min()), m_high(boxOf(plot).max()) {
        const auto frame = cameraFrame(map.camera);
        const Eigen::Vector3d eye = map.camera.focal + eyeDistance(map.camera) * frame.toEye;
        for (int i = 0; i < 3; ++i)
            for (int side = 0; side < 2; ++side) {
                Eigen::Vector3d centre = (m_low + m_high) / 2;
                centre[i] = side == 0 ? m_low[i] : m_high[i];
                const Eigen::Vector3d sight =
                    map.camera.perspective ? (eye - centre).normalized() : frame.toEye;
                m_front[static_cast<std::size_t>(i)][static_cast<std::size_t>(side)] =
                    (side == 0 ? -sight[i] : sight[i]) > 1e-6;
            }
    }

    bool front(int axis, int side) const {
        return m_front[static_cast<std::size_t>(axis)][static_cast<std::size_t>(side)];
    }
    /// The side of `axis` that lies behind the data; -1 where the box is seen edge on.
    int back(int axis) const {
        if (front(axis, 1) && !front(axis, 0)) return 0;
        if (front(axis, 0) && !front(axis, 1)) return 1;
        return -1;
    }
    Eigen::Vector3d corner(std::array<int, 3> side) const {
        Eigen::Vector3d result;
        for (int i = 0; i < 3; ++i) result[i] = side[static_cast<std::size_t>(i)] == 0 ? m_low[i] : m_high[i];
        return result;
    }
    /// The point of `edge` at `value` of its axis.
    Eigen::Vector3d at(const Edge& edge, double value) const {
        Eigen::Vector3d result = corner(edge.side);
        result[edge.axis] = value;
        return result;
    }
    QPolygonF line(const Edge& edge) const {
        return {{m_map.place(at(edge, m_low[edge.axis])), m_map.place(at(edge, m_high[edge.axis]))}};
    }
    QPointF centre() const { return m_map.place((m_low + m_high) / 2); }
    double low(int axis) const { return m_low[axis]; }
    double high(int axis) const { return m_high[axis]; }

private:
    const SpaceMap& m_map;
    Eigen::Vector3d m_low, m_high;
    std::array<std::array<bool, 2>, 3> m_front{};
};

std::vector<Edge> edgesOf(int axis) {
    std::vector<Edge> edges;
    const auto j = static_cast<std::size_t>((axis + 1) % 3);
    const auto k = static_cast<std::size_t>((axis + 2) % 3);
    for (int a = 0; a < 2; ++a)
        for (int b = 0; b < 2; ++b) {
            Edge edge{axis, {}};
            edge.side[j] = a;
            edge.side[k] = b;
            edges.push_back(edge);
        }
    return edges;
}

/// Whether the edge is on the outline of the box: one of its faces is turned to the eye, the other is not.
bool onOutline(const Box& box, const Edge& edge) {
    const int j = (edge.axis + 1) % 3;
    const int k = (edge.axis + 2) % 3;
    return box.front(j, edge.side[static_cast<std::size_t>(j)]) !=
           box.front(k, edge.side[static_cast<std::size_t>(k)]);
}

/// The edge that carries the ticks: of those on the outline the lower one, or, for an axis that stands,
/// the left one.
std::optional<Edge> labelledEdge(const Box& box, int axis) {
    std::optional<Edge> best;
    double bestScore = -1e300;
    for (const auto& edge : edgesOf(axis)) {
        if (!onOutline(box, edge)) continue;
        const auto line = box.line(edge);
        const QPointF along = line[1] - line[0];
        const QPointF middle = (line[0] + line[1]) / 2;
        const bool stands = std::abs(along.y()) > 1.5 * std::abs(along.x());
        const double score = stands ? -middle.x() : middle.y();
        if (!best || score > bestScore + 1e-6) {
            best = edge;
            bestScore = score;
        }
    }
    return best;
}

class Labeller {
public:
    Labeller(Axes3Layout& layout, const TextMetrics& metrics) : m_layout(layout), m_metrics(metrics) {}

    AxisLabel3 label(const QString& text, double size, const QPointF& from, const QPointF& outward,
                     double distance, double angle) const {
        const double w = m_metrics.width(text, size);
        const double h = m_metrics.capHeight(size);
        AxisLabel3 result{{}, text, size, angle, {}, m_axis, false};
        result.centre = from + outward * (distance + reach(w, h, angle, outward));
        result.outline = turnedBox(result.centre, w + 3, h + 2.5, angle);
        return result;
    }
    bool free(const AxisLabel3& label) const {
        return std::none_of(m_layout.labels.begin(), m_layout.labels.end(),
                            [&](const auto& other) { return overlap(label.outline, other.outline); });
    }
    void add(AxisLabel3 label) { m_layout.labels.push_back(std::move(label)); }
    /// The axis of the labels to come.
    void setAxis(int axis) { m_axis = axis; }

private:
    Axes3Layout& m_layout;
    int m_axis = 0;
    const TextMetrics& m_metrics;
};

struct TickedAxis {
    Edge edge;
    QPolygonF line;
    QPointF outward;
    double reached = 0;  // from the edge to the far side of the tick labels
};

void addTicks(Axes3Layout& layout, Labeller& labeller, TickedAxis& ticked, const Axis& axis, const Box& box,
              const SpaceMap& map) {
    std::vector<const Tick*> shown;
    for (const auto& tick : axis.ticks)
        if (tick.value >= box.low(ticked.edge.axis) && tick.value <= box.high(ticked.edge.axis))
            shown.push_back(&tick);
    const auto from = [&](const Tick& tick) { return map.place(box.at(ticked.edge, tick.value)); };
    const auto labelOf = [&](const Tick& tick) {
        return labeller.label(typeset(tick.label), type::tick, from(tick), ticked.outward,
                              tickLength + labelGap, 0);
    };
    // Every label, or every second, and so on, so that none touches the next.
    std::size_t stride = 1;
    for (; stride < shown.size(); stride *= 2) {
        bool fits = true;
        for (std::size_t i = stride; i < shown.size() && fits; i += stride)
            fits = !overlap(labelOf(*shown[i - stride]).outline, labelOf(*shown[i]).outline);
        if (fits) break;
    }
    for (std::size_t i = 0; i < shown.size(); ++i) {
        const QPointF start = from(*shown[i]);
        bool labelled = i % stride == 0 && !shown[i]->label.empty();
        if (labelled) {
            auto label = labelOf(*shown[i]);
            labelled = labeller.free(label);
            if (labelled) {
                const auto bounds = label.outline;
                for (const auto& corner : bounds)
                    ticked.reached = std::max(ticked.reached, dot(corner - start, ticked.outward));
                labeller.add(std::move(label));
            }
        }
        const double length = labelled ? tickLength : tickLength / 2;
        layout.ticks.push_back(QPolygonF{{start, start + ticked.outward * length}});
        ticked.reached = std::max(ticked.reached, tickLength);
    }
}

void addTitle(Labeller& labeller, const TickedAxis& ticked, const Axis& axis, const TextMetrics& metrics) {
    if (axis.title.empty()) return;
    const QPointF along = ticked.line[1] - ticked.line[0];
    const double length = norm(along);
    double angle = std::atan2(-along.y(), along.x()) * 180 / std::numbers::pi;
    // Text is read from the left, and from below where it stands.
    if (angle > 120) angle -= 180;
    if (angle <= -60) angle += 180;
    QString whole = readable(axis.title);
    QStringList lines{whole};
    if (const auto cut = whole.indexOf(" ("); cut > 0 && metrics.width(whole, type::axisTitle) > 1.1 * length)
        lines = {whole.left(cut), whole.mid(cut + 1)};
    // The first line is the nearer to the box where the text is below it, the farther where above.
    const double turn = angle * std::numbers::pi / 180;
    const QPointF down(std::sin(turn), std::cos(turn));
    if (dot(down, ticked.outward) < 0) std::reverse(lines.begin(), lines.end());
    const QPointF middle = (ticked.line[0] + ticked.line[1]) / 2;
    const auto place = [&](const QPointF& from, double distance) {
        std::vector<AxisLabel3> labels;
        for (const auto& line : lines) {
            labels.push_back(labeller.label(line, type::axisTitle, from, ticked.outward, distance, angle));
            distance += metrics.lineHeight(type::axisTitle);
        }
        return labels;
    };
    // Outward, or along the axis, until it touches nothing.
    const double nearest = ticked.reached + titleGap;
    std::vector<AxisLabel3> best = place(middle, nearest);
    bool found = false;
    for (double extra = 0; extra <= 24 && !found; extra += 2)
        for (const double shift : {0.0, -0.12, 0.12, -0.25, 0.25}) {
            auto labels = place(middle + along * shift, nearest + extra);
            if (!std::all_of(labels.begin(), labels.end(), [&](const auto& l) { return labeller.free(l); }))
                continue;
            best = std::move(labels);
            found = true;
            break;
        }
    for (auto& label : best) {
        label.isTitle = true;
        labeller.add(std::move(label));
    }
}

void addWalls(Axes3Layout& layout, const Plot3D& plot, const Box& box, const SpaceMap& map) {
    for (int i = 0; i < 3; ++i) {
        const int side = box.back(i);
        if (side < 0) continue;
        const int j = (i + 1) % 3;
        const int k = (i + 2) % 3;
        const auto corner = [&](int a, int b) {
            std::array<int, 3> sides{};
            sides[static_cast<std::size_t>(i)] = side;
            sides[static_cast<std::size_t>(j)] = a;
            sides[static_cast<std::size_t>(k)] = b;
            return box.corner(sides);
        };
        QPolygonF wall;
        for (const auto& [a, b] : {std::pair{0, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 0}})
            wall << map.place(corner(a, b));
        layout.edges.push_back(wall);
        for (const int along : {j, k}) {
            for (const auto& tick : plot.axes[static_cast<std::size_t>(along)].ticks) {
                if (!(tick.value > box.low(along)) || !(tick.value < box.high(along))) continue;
                Eigen::Vector3d from = corner(0, 0);
                Eigen::Vector3d to = corner(1, 1);
                from[along] = to[along] = tick.value;
                layout.grid.push_back(QPolygonF{{map.place(from), map.place(to)}});
            }
        }
    }
}

/// Where the camera shows the whole box, its labels are to be seen as well: the view is drawn smaller about
/// its centre until they are inside `area`. A camera that is nearer shows what it shows.
void shrinkToLabels(const Plot3D& plot, SpaceMap& map, const QRectF& area, const TextMetrics& metrics) {
    const Box box(plot, map);
    for (int corner = 0; corner < 8; ++corner) {
        const auto screen =
            projectToScreen(map.camera, box.corner({corner & 1, corner >> 1 & 1, corner >> 2 & 1}));
        if (!(std::abs(screen.y()) <= 1.02)) return;
    }
    const QPointF centre = area.center();
    for (int step = 0; step < 12; ++step) {
        const QRectF bounds = layoutAxes3(plot, map, metrics).bounds;
        const double x = std::max(centre.x() - bounds.left(), bounds.right() - centre.x());
        const double y = std::max(centre.y() - bounds.top(), bounds.bottom() - centre.y());
        const double factor = std::min(area.width() / 2 / x, area.height() / 2 / y);
        if (!(factor < 0.999) || map.view.height() * factor < 20) return;
        const QSizeF size = map.view.size() * factor;
        map.view = QRectF(centre - QPointF(size.width(), size.height()) / 2, size);
    }
}

}  // namespace

QPointF SpaceMap::place(const Eigen::Vector3d& point) const {
    const auto screen = projectToScreen(camera, point);
    return view.center() + QPointF(screen.x(), -screen.y()) * (view.height() / 2);
}

double SpaceMap::depth(const Eigen::Vector3d& point) const {
    return (point - camera.focal).dot(cameraFrame(camera).toEye);
}

Axes3Layout layoutAxes3(const Plot3D& plot, const SpaceMap& map, const TextMetrics& metrics) {
    Axes3Layout layout;
    const Box box(plot, map);
    addWalls(layout, plot, box, map);

    Labeller labeller(layout, metrics);
    std::vector<std::pair<TickedAxis, const Axis*>> axes;
    for (int i = 0; i < 3; ++i) {
        const auto edge = labelledEdge(box, i);
        if (!edge) continue;
        TickedAxis ticked{*edge, box.line(*edge), {}, 0};
        const QPointF along = ticked.line[1] - ticked.line[0];
        layout.axes[static_cast<std::size_t>(i)] = {ticked.line};
        if (norm(along) < shortestAxis) continue;
        QPointF outward(-along.y(), along.x());
        outward /= norm(outward);
        if (dot((ticked.line[0] + ticked.line[1]) / 2 - box.centre(), outward) < 0) outward = -outward;
        ticked.outward = outward;
        axes.emplace_back(ticked, &plot.axes[static_cast<std::size_t>(i)]);
    }
    for (auto& [ticked, axis] : axes) {
        labeller.setAxis(ticked.edge.axis);
        addTicks(layout, labeller, ticked, *axis, box, map);
    }
    for (auto& [ticked, axis] : axes) {
        labeller.setAxis(ticked.edge.axis);
        addTitle(labeller, ticked, *axis, metrics);
    }

    const auto unite = [&](const QRectF& rect) {
        layout.bounds = layout.bounds.isNull() ? rect : layout.bounds.united(rect);
    };
    for (const auto& line : layout.edges) unite(line.boundingRect());
    for (const auto& axis : layout.axes)
        for (const auto& line : axis) unite(line.boundingRect());
    for (const auto& label : layout.labels) unite(label.outline.boundingRect());
    return layout;
}

Plot3D axesInView(const Plot3D& plot, const SpaceMap& map, const QRectF& area, const TextMetrics& metrics) {
    Plot3D whole;
    whole.axes = plot.axes;
    const QRectF space = area.adjusted(-2, -2, 2, 2);
    if (space.contains(layoutAxes3(whole, map, metrics).bounds)) return whole;
    const Eigen::AlignedBox3d box = boxOf(plot);
    const Eigen::Vector3d middle = map.camera.focal.cwiseMax(box.min()).cwiseMin(box.max());
    if (!area.contains(map.place(middle))) return whole;
    const auto within = [&](double radius) {
        Plot3D part;
        part.axes = plot.axes;
        for (int i = 0; i < 3; ++i) {
            Axis& axis = part.axes[static_cast<std::size_t>(i)];
            axis.low = std::max(axis.low, middle[i] - radius);
            axis.high = std::min(axis.high, middle[i] + radius);
            axis.ticks = niceTicks(axis.low, axis.high, 5);
        }
        return part;
    };
    // The largest radius is found by halving its ratio to one that fits.
    double fits = 0.1 * map.camera.halfHeight, tooLarge = box.sizes().maxCoeff();
    if (!(fits < tooLarge)) return whole;
    for (int step = 0; step < 10; ++step) {
        const double radius = std::sqrt(fits * tooLarge);
        (space.contains(layoutAxes3(within(radius), map, metrics).bounds) ? fits : tooLarge) = radius;
    }
    return within(fits);
}

SpaceMap placeView(const Plot3D& plot, const QRectF& area, const TextMetrics& metrics) {
    SpaceMap map{plot.camera, area};
    const Eigen::AlignedBox3d box = boxOf(plot);
    if (!plot.fitCamera) {
        shrinkToLabels(plot, map, area, metrics);
        return map;
    }
    // The labels keep their size while the box shrinks, so a few steps settle it. Which labels there are can
    // change from step to step: after some, the view only shrinks, until all of them are inside.
    for (int step = 0; step < 24; ++step) {
        map.camera = fitted(plot.camera, box.min(), box.max(), map.view.width() / map.view.height());
        const QRectF bounds = layoutAxes3(plot, map, metrics).bounds;
        if (bounds.isNull()) return map;
        QMarginsF room(bounds.left() - area.left(), bounds.top() - area.top(), area.right() - bounds.right(),
                       area.bottom() - bounds.bottom());
        if (step >= 6) {
            if (area.adjusted(-0.5, -0.5, 0.5, 0.5).contains(bounds)) break;
            room = {std::min(room.left(), 0.0), std::min(room.top(), 0.0), std::min(room.right(), 0.0),
                    std::min(room.bottom(), 0.0)};
        }
        const QRectF next = map.view.marginsAdded(room);
        if (next.width() < 20 || next.height() < 20) break;
        map.view = next;
    }
    map.camera = fitted(plot.camera, box.min(), box.max(), map.view.width() / map.view.height());
    return map;
}

std::optional<Camera> fittedToLabels(const Camera& camera, const Plot3D& plot, const QRectF& view,
                                     const TextMetrics& metrics) {
    const QRectF area = view.adjusted(1, 1, -1, -1);
    if (area.width() < 40 || area.height() < 40) return std::nullopt;
    const Eigen::AlignedBox3d box = boxOf(plot);
    Camera fit = fitted(camera, box.min(), box.max(), area.width() / area.height());
    const CameraFrame frame = cameraFrame(fit);
    // Labels keep their size while the box grows into what they leave, so a few steps settle it. Which labels
    // there are can change from step to step: after some, the box only shrinks.
    for (int step = 0; step < 16; ++step) {
        const QRectF bounds = layoutAxes3(plot, {fit, view}, metrics).bounds;
        if (bounds.isNull()) break;
        const double unit = fit.halfHeight / (view.height() / 2);
        const QPointF off = bounds.center() - area.center();
        fit.focal += (off.x() * frame.right - off.y() * frame.up) * unit;
        double factor = std::max(bounds.width() / area.width(), bounds.height() / area.height());
        if (step >= 10) factor = std::max(factor, 1.0);
        if (std::abs(factor - 1) < 1e-3 && std::hypot(off.x(), off.y()) < 0.1) break;
        fit.halfHeight *= factor;
    }
    return fit;
}

}  // namespace rheo
