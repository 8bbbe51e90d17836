#include "widgets/views/figure_widget.h"

#include <QApplication>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>
#include <QWheelEvent>
#include <cmath>

namespace rheo {

namespace {
constexpr double unitsPerPoint = 96.0 / 72.0;
/// Pixels from the mouse to a vertex that is meant.
constexpr double hoverReach = 14;
}  // namespace

FigureWidget::FigureWidget(JobRunner& jobs, QWidget* parent)
    : QWidget(parent),
      m_drawings(
          jobs, {Lane::Picture, tr("Drawing a figure")},
          [](const Asked& asked, Progress&) {
              QImage picture(asked.pixels, QImage::Format_ARGB32_Premultiplied);
              picture.setDevicePixelRatio(asked.ratio);
              picture.fill(Qt::transparent);
              QPainter painter(&picture);
              asked.drawing.draw(painter);
              return picture;
          },
          [this](quint64, const Asked&, Outcome<QImage> picture) {
              if (QImage* drawn = picture.result()) m_picture = std::move(*drawn);
              m_failure = picture.failure() ? picture.failure()->message : QString();
              update();
          }) {
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    setMinimumSize(160, 110);
}

void FigureWidget::setFigure(std::shared_ptr<const Figure> figure, bool keepRanges) {
    m_painter.setFigure(std::move(figure), keepRanges);
    if (m_painter.figure() == nullptr) {
        m_drawings.drop();
        m_picture = {};
    }
    changed();
}

void FigureWidget::setEmptyText(const QString& text) {
    m_emptyText = text;
    update();
}

void FigureWidget::changed() {
    m_pixels = {};
    m_failure.clear();
    update();
}

void FigureWidget::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    const QString& text = m_painter.figure() == nullptr ? m_emptyText : m_failure;
    if (m_painter.figure() == nullptr || !text.isEmpty()) {
        painter.setPen(palette().color(QPalette::PlaceholderText));
        painter.drawText(rect().adjusted(16, 16, -16, -16), Qt::AlignCenter | Qt::TextWordWrap, text);
        return;
    }
    const QSize pixels = (QSizeF(size()) * devicePixelRatioF()).toSize();
    if (m_pixels != pixels) {
        m_pixels = pixels;
        m_painter.layOut(rect(), unitsPerPoint);
        m_drawings.post({m_painter.drawing(), pixels, devicePixelRatioF()});
    }
    if (m_picture.isNull()) {
        const Color& page = m_painter.figure()->theme.background;
        painter.fillRect(rect(), QColor::fromRgbF(page.r, page.g, page.b));
        return;
    }
    if (m_picture.size() == pixels)
        painter.drawImage(0, 0, m_picture);
    else
        painter.drawImage(rect(), m_picture);
    drawMarks(painter);
}

void FigureWidget::setMarks(std::map<AxisKind, std::int64_t> marks) {
    if (std::exchange(m_marks, std::move(marks)) != m_marks) update();
}

void FigureWidget::setMarkedRow(std::optional<std::int64_t> row) {
    if (std::exchange(m_markedRow, row) != row) update();
}

/// Bright on dark and dark on bright: over a heatmap there is no colour that is always seen.
void FigureWidget::drawMarks(QPainter& painter) const {
    QList<QLineF> lines;
    for (const auto& [kind, id] : m_marks) lines << m_painter.linesAt(kind, id);
    painter.setRenderHint(QPainter::Antialiasing);
    for (const auto& [color, width] :
         {std::pair(QColor(0, 0, 0, 90), 3.0), std::pair(QColor(255, 255, 255, 200), 1.0)}) {
        painter.setPen(QPen(color, width));
        painter.drawLines(lines);
    }
    if (!m_markedRow) return;
    const Theme& theme = m_painter.figure()->theme;
    const Color& color = theme.selected;
    painter.setPen(QPen(QColor::fromRgbF(color.r, color.g, color.b), 1.6));
    painter.setClipRect(m_painter.plotRect(0));
    for (const QPolygonF& path : m_painter.pathsOf(*m_markedRow)) painter.drawPolyline(path);
}

void FigureWidget::mousePressEvent(QMouseEvent* event) {
    if (event->button() == Qt::LeftButton) m_pressed = m_last = event->position();
}

void FigureWidget::mouseMoveEvent(QMouseEvent* event) {
    const QPointF at = event->position();
    if (event->buttons() & Qt::LeftButton) {
        if (!m_panning && (at - m_pressed).manhattanLength() < QApplication::startDragDistance()) return;
        m_panning = true;
        setCursor(Qt::ClosedHandCursor);
        if (m_painter.pan(m_last, at)) changed();
        m_last = at;
        return;
    }
    const QPoint place = event->globalPosition().toPoint();
    say(place, QString::fromStdString(m_painter.describe(at, hoverReach)));
}

void FigureWidget::say(const QPoint& place, const QString& text) {
    if (text.isEmpty())
        QToolTip::hideText();
    else
        QToolTip::showText(place, text, this);
    Q_EMIT hovered(text);
}

void FigureWidget::mouseReleaseEvent(QMouseEvent* event) {
    unsetCursor();
    if (std::exchange(m_panning, false) || event->button() != Qt::LeftButton) return;
    if (const auto state = m_painter.stateAt(event->position(), hoverReach))
        return Q_EMIT stateClicked(state->row, static_cast<int>(state->value));
    for (const AxisKind kind : {AxisKind::Points, AxisKind::Units, AxisKind::Tokens})
        if (const auto id = m_painter.idAt(event->position(), kind)) Q_EMIT idClicked(kind, *id);
}

void FigureWidget::mouseDoubleClickEvent(QMouseEvent*) {
    m_painter.resetRanges();
    changed();
}

void FigureWidget::wheelEvent(QWheelEvent* event) {
    const double steps =
        event->pixelDelta().isNull() ? event->angleDelta().y() / 120.0 : event->pixelDelta().y() / 60.0;
    if (steps != 0 && m_painter.zoom(event->position(), std::pow(1.2, steps))) {
        changed();
        event->accept();
    } else {
        event->ignore();
    }
}

void FigureWidget::keyPressEvent(QKeyEvent* event) {
    const QPointF centre = m_painter.figure() != nullptr ? m_painter.plotRect(0).center() : QPointF();
    const double step = 40;
    bool done = true;
    switch (event->key()) {
        case Qt::Key_Plus:
        case Qt::Key_Equal: done = m_painter.zoom(centre, 1.2); break;
        case Qt::Key_Minus: done = m_painter.zoom(centre, 1 / 1.2); break;
        case Qt::Key_Left: done = m_painter.pan(centre, centre + QPointF(step, 0)); break;
        case Qt::Key_Right: done = m_painter.pan(centre, centre - QPointF(step, 0)); break;
        case Qt::Key_Up: done = m_painter.pan(centre, centre + QPointF(0, step)); break;
        case Qt::Key_Down: done = m_painter.pan(centre, centre - QPointF(0, step)); break;
        case Qt::Key_Home: m_painter.resetRanges(); break;
        default: return QWidget::keyPressEvent(event);
    }
    if (done) changed();
}

}  // namespace rheo
