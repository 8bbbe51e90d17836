#include "widgets/views/handle_painter.h"

#include <QFontMetricsF>
#include <QObject>
#include <QPainter>
#include <algorithm>
#include <cmath>
#include <limits>

#include "widgets/paint/painter_canvas.h"
#include "widgets/paint/text_metrics.h"

namespace rheo {

namespace {

// Pixels of the widget.
constexpr double arrowHead = 7;
constexpr double nameHeight = 11;
constexpr double notesGap = 12, notesMargin = 4;

QPointF toPoint(const Eigen::Vector2d& place) {
    return {place.x(), place.y()};
}

/// The handle of one frame, with what its parts share.
class HandlePainter {
public:
    HandlePainter(QPainter& painter, const HandleControl& handle, const Camera& camera, const ViewArea& area,
                  const HandleLook& look)
        : m_painter(painter),
          m_handle(handle),
          m_camera(camera),
          m_area(area),
          m_look(look),
          m_accent(toQColor(look.theme.teleported)),
          m_ground(toQColor(look.theme.background, 0.85)) {}

    void paint() {
        const auto arrows = handleArrows(m_camera, m_area, *m_handle.place);
        if (axis() != screenPlane) paintAxis();
        if (!m_look.notes.isEmpty()) paintNotes(arrows);
        for (const HandleArrow& arrow : arrows) paintArrow(arrow);
        paintRing();
        if (m_handle.lock != screenPlane) paintLock();
    }

private:
    /// That the handle is kept on.
    int axis() const { return m_handle.isHeld() ? m_handle.axis : m_handle.lock; }
    bool isHot() const { return m_handle.isHeld() || m_handle.hovered == screenPlane; }
    QColor inkOf(int axis) const { return toQColor(m_look.theme.axes[static_cast<std::size_t>(axis)]); }
    QPointF placeOf(const Eigen::Vector3d& point) const {
        return toPoint(toPlace(m_area, projectToScreen(m_camera, point).head<2>()));
    }

    void paintAxis() {
        const Eigen::Vector3d along = Eigen::Vector3d::Unit(axis()) * m_camera.halfHeight * 4;
        m_painter.setPen(QPen(inkOf(axis()), 1, Qt::DashLine));
        m_painter.drawLine(placeOf(*m_handle.place - along), placeOf(*m_handle.place + along));
    }

    void paintArrow(const HandleArrow& arrow) {
        const bool lit = axis() == arrow.axis || (!m_handle.isHeld() && m_handle.hovered == arrow.axis);
        const QColor ink = inkOf(arrow.axis);
        const QPointF from = toPoint(arrow.from), to = toPoint(arrow.to);
        const QPointF span = to - from;
        const QPointF along = span / std::hypot(span.x(), span.y()), across(-along.y(), along.x());
        const QPointF neck = to - along * arrowHead;
        const QPolygonF head{{to, neck + across * (arrowHead * 0.5), neck - across * (arrowHead * 0.5)}};
        m_painter.setPen(QPen(m_ground, lit ? 6 : 4.5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
        m_painter.setBrush(m_ground);
        m_painter.drawLine(from, neck);
        m_painter.drawPolygon(head);
        m_painter.setPen(QPen(ink, lit ? 2.4 : 1.5));
        m_painter.drawLine(from, neck);
        m_painter.setPen(Qt::NoPen);
        m_painter.setBrush(ink);
        m_painter.drawPolygon(head);
        paintName(m_look.axisNames[static_cast<std::size_t>(arrow.axis)], to, along, ink, lit);
    }

    /// Beyond the tip of an arrow that points `along`.
    void paintName(const QString& name, const QPointF& tip, const QPointF& along, const QColor& ink,
                   bool bold) {
        QFont font = figureFont(bold);
        font.setPixelSize(static_cast<int>(nameHeight));
        m_painter.setFont(font);
        const QFontMetricsF size(font);
        const double half = size.horizontalAdvance(name) / 2, height = size.capHeight();
        const QPointF middle =
            tip + along * (4 + std::abs(along.x()) * half + std::abs(along.y()) * height / 2);
        m_painter.setBrush(m_ground);
        m_painter.drawRoundedRect(
            QRectF(middle.x() - half - 2, middle.y() - height / 2 - 3, 2 * half + 4, height + 6), 3, 3);
        m_painter.setPen(ink);
        m_painter.drawText(QPointF(middle.x() - half, middle.y() + height / 2), name);
    }

    /// Below the ring: which axis is locked, and the key that frees it.
    void paintLock() {
        const QString name = QObject::tr("%1 only (%2)")
                                 .arg(m_look.axisNames[static_cast<std::size_t>(m_handle.lock)])
                                 .arg(QChar('X' + m_handle.lock));
        paintName(name, placeOf(*m_handle.place) + QPointF(0, handleRadius + 26), {0, 1}, m_accent, true);
    }

    void paintNotes(const std::vector<HandleArrow>& arrows) {
        QFont font = figureFont(false);
        font.setPixelSize(static_cast<int>(nameHeight));
        const QFontMetricsF size(font);
        QSizeF box(0, size.height() * static_cast<double>(m_look.notes.size()));
        for (const QString& line : m_look.notes)
            box.setWidth(std::max(box.width(), size.horizontalAdvance(line)));
        const QSizeF around(2 * notesMargin, 2 * notesMargin);
        const QRectF rect = placeOfNotes(box + around, placeOf(*m_handle.place), arrows, m_look.space);
        m_painter.setPen(QPen(toQColor(m_look.theme.grid), 1));
        m_painter.setBrush(m_ground);
        m_painter.drawRoundedRect(rect, 3, 3);
        m_painter.setFont(font);
        QPointF line = rect.topLeft() + QPointF(notesMargin, notesMargin + size.ascent());
        for (const QString& text : m_look.notes) {
            m_painter.setPen(
                toQColor(&text == &m_look.notes.front() ? m_look.theme.muted : m_look.theme.foreground));
            m_painter.drawText(line, text);
            line.ry() += size.height();
        }
    }

    void paintRing() {
        const QPointF at = placeOf(*m_handle.place);
        m_painter.setPen(QPen(m_ground, 5.5));
        m_painter.setBrush(Qt::NoBrush);
        m_painter.drawEllipse(at, handleRadius, handleRadius);
        m_painter.setPen(QPen(m_accent, isHot() ? 3.5 : 2.2));
        m_painter.setBrush(toQColor(m_look.theme.background, isHot() ? 0.85 : 0.55));
        m_painter.drawEllipse(at, handleRadius, handleRadius);
        m_painter.setPen(Qt::NoPen);
        m_painter.setBrush(m_accent);
        m_painter.drawEllipse(at, 3, 3);
        if (!m_look.hasFocus || m_handle.isHeld()) return;
        m_painter.setPen(QPen(m_accent, 1, Qt::DotLine));
        m_painter.setBrush(Qt::NoBrush);
        m_painter.drawEllipse(at, handleRadius + 4, handleRadius + 4);
    }

    QPainter& m_painter;
    const HandleControl& m_handle;
    const Camera& m_camera;
    const ViewArea& m_area;
    const HandleLook& m_look;
    QColor m_accent, m_ground;
};

}  // namespace

QRectF placeOfNotes(const QSizeF& size, const QPointF& place, const std::vector<HandleArrow>& arrows,
                    const QRectF& space) {
    QRectF best;
    double bestCost = std::numeric_limits<double>::infinity();
    const double away = handleRadius + notesGap;
    for (const int right : {1, -1})
        for (const int down : {0, 1, -1}) {
            const QPointF middle =
                place + QPointF(right * (away + size.width() / 2), down * (away + size.height() / 2));
            QRectF rect(QPointF(), size);
            rect.moveCenter(middle);
            const QRectF seen = rect.intersected(space);
            double cost = 10 * (1 - seen.width() * seen.height() / (size.width() * size.height()));
            for (const HandleArrow& arrow : arrows) {
                // With the name beyond the tip.
                const Eigen::Vector2d along = arrow.to - arrow.from;
                for (const double t : {0.3, 0.6, 1.0, 1.4})
                    cost += rect.contains(toPoint(arrow.from + t * along)) ? 1 : 0;
            }
            if (cost >= bestCost) continue;
            bestCost = cost;
            best = rect;
        }
    return best;
}

void paintHandle(QPainter& painter, const HandleControl& handle, const Camera& camera, const ViewArea& area,
                 const HandleLook& look) {
    if (handle.place) HandlePainter(painter, handle, camera, area, look).paint();
}

}  // namespace rheo
