#include <algorithm>
#include <cmath>
#include <cstdint>

#include "widgets/paint/axes3.h"
#include "widgets/paint/draw_figure.h"

namespace rheo {
namespace {

// Colours along a line change in this many steps over the whole scale, so that pieces of equal colour join.
constexpr int colorSteps = 64;
// Up to this many pieces are sorted one by one; more, into this many slices of equal depth, in which pieces
// of equal look join whatever line they belong to. A slice is thinner than anyone can see.
constexpr std::size_t mostSorted = 5000;
constexpr int slices = 256;
constexpr std::size_t mostPiecesInPath = 4000;

/// A piece of a line, or a marker, with what it takes to sort and join it.
struct Piece {
    float depth = 0;        ///< toward the eye
    std::int32_t look = 0;  ///< index into the looks
    QPointF from, to;       ///< of a marker, both its place
};

struct Look {
    QColor color;
    double width = 1;  ///< of a marker, its diameter
    bool isMarker = false;
    MarkerShape shape = MarkerShape::Disc;
};

class Scene3 {
public:
    Scene3(const Plot3D& plot, const SpaceMap& map, const Theme& theme)
        : m_plot(plot), m_map(map), m_theme(theme) {
        m_seen = map.view.adjusted(-20, -20, 20, 20);
        m_eye = map.camera.perspective ? eyeDistance(map.camera) : 0;
    }

    void draw(Canvas& canvas) {
        std::vector<int> layers;
        for (const auto& set : m_plot.lines) layers.push_back(set.layer);
        for (const auto& set : m_plot.markers) layers.push_back(set.layer);
        std::sort(layers.begin(), layers.end());
        layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
        for (const int layer : layers) {
            m_pieces.clear();
            m_looks.clear();
            for (const auto& set : m_plot.lines)
                if (set.layer == layer) addLines(set);
            for (const auto& set : m_plot.markers)
                if (set.layer == layer) addMarkers(set);
            sortPieces();
            paintPieces(canvas);
        }
    }

private:
    struct Vertex {
        QPointF place;
        double depth = 0;
        bool seen = false;  ///< before the eye, and finite
    };

    Vertex vertex(const std::vector<float>& xyz, std::size_t i) const {
        const Eigen::Vector3d point(xyz[3 * i], xyz[3 * i + 1], xyz[3 * i + 2]);
        Vertex result;
        if (!point.allFinite()) return result;
        const auto screen = projectToScreen(m_map.camera, point);
        result.place = m_map.view.center() + QPointF(screen.x(), -screen.y()) * (m_map.view.height() / 2);
        result.depth = screen.z();
        result.seen = !m_map.camera.perspective || screen.z() < 0.98 * m_eye;
        return result;
    }

    std::int32_t newLook(Look look) {
        m_looks.push_back(std::move(look));
        return static_cast<std::int32_t>(m_looks.size()) - 1;
    }

    /// One look for each step of the colour scale and one for what is missing; the first of them.
    std::int32_t newLooks(const Look& model, double opacity) {
        const auto first = static_cast<std::int32_t>(m_looks.size());
        for (int step = 0; step <= colorSteps; ++step) {
            Look look = model;
            look.color = toQColor(m_theme.missing, opacity);
            if (step < colorSteps && m_plot.colorScale)
                look.color = toQColor(colorAt(*m_plot.colorScale, step / (colorSteps - 1.0)), opacity);
            m_looks.push_back(look);
        }
        return first;
    }

    Color colorAt(const ColorScale& scale, double share) const {
        return scaleColor(scale, scale.low + share * (scale.high - scale.low), m_theme.missing);
    }

    std::int32_t colorStep(double value) const {
        if (!m_plot.colorScale || std::isnan(value)) return colorSteps;
        const auto& scale = *m_plot.colorScale;
        const double t = (value - scale.low) / (scale.high - scale.low);
        return static_cast<std::int32_t>(std::lround(std::clamp(t, 0.0, 1.0) * (colorSteps - 1)));
    }

    void addPiece(const Vertex& a, const Vertex& b, std::int32_t look) {
        const QRectF box(QPointF(std::min(a.place.x(), b.place.x()), std::min(a.place.y(), b.place.y())),
                         QPointF(std::max(a.place.x(), b.place.x()), std::max(a.place.y(), b.place.y())));
        // A line straight across has an empty box, which intersects() would not find.
        if (box.right() < m_seen.left() || box.left() > m_seen.right() || box.bottom() < m_seen.top() ||
            box.top() > m_seen.bottom())
            return;
        m_pieces.push_back({static_cast<float>((a.depth + b.depth) / 2), look, a.place, b.place});
    }

    static Vertex between(const Vertex& a, const Vertex& b, double t) {
        return {a.place + (b.place - a.place) * t, a.depth + (b.depth - a.depth) * t, true};
    }

    void addLines(const LineSet3& set) {
        Look model;
        model.width = set.style.width;
        const bool single = set.style.color.has_value() || set.values.empty();
        if (single) model.color = toQColor(set.style.color.value_or(m_theme.foreground), set.style.opacity);
        const std::int32_t look = single ? newLook(model) : newLooks(model, set.style.opacity);
        const auto dashes = dashLengths(set.style.dash, set.style.width);
        for (std::size_t line = 0; line + 1 < set.offsets.size(); ++line) {
            const auto begin = static_cast<std::size_t>(set.offsets[line]);
            const auto end = static_cast<std::size_t>(set.offsets[line + 1]);
            double along = 0;  // length so far, for the dashes
            for (std::size_t i = begin; i + 1 < end; ++i) {
                const Vertex a = vertex(set.xyz, i);
                const Vertex b = vertex(set.xyz, i + 1);
                if (!a.seen || !b.seen) continue;
                if (!dashes.empty()) {
                    addDashes(a, b, look, dashes, along);
                } else if (single) {
                    addPiece(a, b, look);
                } else {
                    addShaded(a, b, set.values[i], set.values[i + 1], look);
                }
            }
        }
    }

    /// A segment in as many pieces as its colour has steps.
    void addShaded(const Vertex& a, const Vertex& b, double from, double to, std::int32_t look) {
        if (std::isnan(from) || std::isnan(to)) return addPiece(a, b, look + colorSteps);
        const int pieces = std::max(1, std::abs(colorStep(to) - colorStep(from)));
        for (int k = 0; k < pieces; ++k) {
            const double middle = from + (to - from) * (k + 0.5) / pieces;
            addPiece(between(a, b, static_cast<double>(k) / pieces), between(a, b, (k + 1.0) / pieces),
                     look + colorStep(middle));
        }
    }

    /// Dashes by hand: the pieces are drawn one by one, and each would begin the pattern anew.
    void addDashes(const Vertex& a, const Vertex& b, std::int32_t look, const std::vector<double>& dashes,
                   double& along) {
        const double length = std::hypot(b.place.x() - a.place.x(), b.place.y() - a.place.y());
        const double period = dashes[0] + dashes[1];
        if (!(length > 0) || length > 1e5) return;
        double at = 0;
        while (at < length) {
            const double phase = std::fmod(along, period);
            const bool on = phase < dashes[0];
            const double step = std::min((on ? dashes[0] : period) - phase, length - at);
            // A rest too short to see would never end.
            const double advance = std::max(step, 1e-3);
            if (on)
                addPiece(between(a, b, at / length), between(a, b, std::min(1.0, (at + advance) / length)),
                         look);
            at += advance;
            along += advance;
        }
    }

    void addMarkers(const MarkerSet3& set) {
        Look model;
        model.isMarker = true;
        model.width = set.size;
        model.shape = set.shape;
        const bool single = set.color.has_value() || set.values.empty();
        if (single) model.color = toQColor(set.color.value_or(m_theme.foreground));
        const std::int32_t look = single ? newLook(model) : newLooks(model, 1);
        for (std::size_t i = 0; i < set.xyz.size() / 3; ++i) {
            Vertex at = vertex(set.xyz, i);
            if (!at.seen) continue;
            // Nearer by half its size than the line it sits on.
            at.depth += set.size / 2 * m_map.camera.halfHeight / (m_map.view.height() / 2);
            addPiece(at, at, single ? look : look + colorStep(set.values[i]));
        }
    }

    void sortPieces() {
        const auto byDepth = [](const Piece& a, const Piece& b) { return a.depth < b.depth; };
        if (m_pieces.size() <= mostSorted) {
            std::stable_sort(m_pieces.begin(), m_pieces.end(), byDepth);
            return;
        }
        const auto [least, most] = std::minmax_element(m_pieces.begin(), m_pieces.end(), byDepth);
        const float low = least->depth;
        const float thickness = std::max((most->depth - low) / slices, 1e-30f);
        const auto slice = [&](const Piece& piece) {
            return std::min(slices - 1, static_cast<int>((piece.depth - low) / thickness));
        };
        std::stable_sort(m_pieces.begin(), m_pieces.end(), [&](const Piece& a, const Piece& b) {
            const int sa = slice(a);
            const int sb = slice(b);
            return sa != sb ? sa < sb : a.look < b.look;
        });
    }

    void paintPieces(Canvas& canvas) const {
        Polylines path;
        std::size_t pieces = 0;
        std::int32_t look = -1;
        const auto flush = [&] {
            if (!path.empty()) {
                const Look& l = m_looks[static_cast<std::size_t>(look)];
                // Round ends close the joints of opaque lines; where lines are translucent, they would add
                // up.
                canvas.lines(path, {l.color, l.width, Dash::Solid, l.color.alpha() == 255});
            }
            path.clear();
            pieces = 0;
        };
        for (const auto& piece : m_pieces) {
            const Look& l = m_looks[static_cast<std::size_t>(piece.look)];
            if (piece.look != look || l.isMarker || pieces == mostPiecesInPath) flush();
            look = piece.look;
            if (l.isMarker) {
                canvas.marker(l.shape, piece.from, l.width, l.color);
                continue;
            }
            if (!path.empty() && path.back().back() == piece.from)
                path.back() << piece.to;
            else
                path.push_back(QPolygonF{{piece.from, piece.to}});
            ++pieces;
        }
        flush();
    }

    const Plot3D& m_plot;
    const SpaceMap& m_map;
    const Theme& m_theme;
    QRectF m_seen;
    double m_eye = 0;
    std::vector<Piece> m_pieces;
    std::vector<Look> m_looks;
};

QRectF clipOf(const PanelLayout& layout) {
    return layout.plot.adjusted(-1, -1, 1, 1);
}

void drawData(Canvas& canvas, const Plot3D& plot, const PanelLayout& layout, const Theme& theme) {
    canvas.beginGroup("data");
    Scene3(plot, {layout.camera, layout.view}, theme).draw(canvas);
    canvas.endGroup();
}

}  // namespace

void drawPlot3(Canvas& canvas, const Plot3D& plot, const PanelLayout& layout, const Theme& theme,
               const TextMetrics& metrics) {
    const SpaceMap map{layout.camera, layout.view};
    const auto axes = layoutAxes3(axesInView(plot, map, layout.plot, metrics), map, metrics);
    const QColor ink = toQColor(theme.foreground);
    canvas.beginClip(clipOf(layout));
    canvas.beginGroup("axes");
    if (!axes.grid.empty()) canvas.lines(axes.grid, {toQColor(theme.grid), 0.5});
    if (!axes.edges.empty()) canvas.lines(axes.edges, {toQColor(theme.muted, 0.6), 0.5});
    for (std::size_t i = 0; i < 3; ++i)
        if (!axes.axes[i].empty()) canvas.lines(axes.axes[i], {toQColor(theme.axes[i]), 0.9});
    if (!axes.ticks.empty()) canvas.lines(axes.ticks, {ink, 0.6});
    for (const auto& label : axes.labels) {
        // The centre of the text is at half the height of its capitals.
        const double turn = label.angle * 3.14159265358979323846 / 180;
        const double half = metrics.capHeight(label.size) / 2;
        const QPointF baseline = label.centre + QPointF(std::sin(turn), std::cos(turn)) * half;
        const QColor color = label.isTitle ? toQColor(theme.axes[static_cast<std::size_t>(label.axis)]) : ink;
        canvas.text(baseline, label.text, {label.size, false, color, Anchor::Middle, label.angle});
    }
    canvas.endGroup();
    drawData(canvas, plot, layout, theme);
    canvas.endClip();
}

void drawData3(Canvas& canvas, const Plot3D& plot, const PanelLayout& layout, const Theme& theme) {
    canvas.beginClip(clipOf(layout));
    drawData(canvas, plot, layout, theme);
    canvas.endClip();
}

}  // namespace rheo
