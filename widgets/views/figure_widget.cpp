#include "widgets/views/figure_widget.h"

#include <QAction>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QGuiApplication>
#include <QKeyEvent>
#include <QMenu>
#include <QMouseEvent>
#include <QPainter>
#include <QRubberBand>
#include <QStyleHints>
#include <QStyleOptionFocusRect>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "widgets/views/icons.h"

namespace rheo {

namespace {

constexpr double unitsPerPoint = 96.0 / 72.0;

QColor toQColor(const Color& color, double alpha = 1) {
    return QColor::fromRgbF(color.r, color.g, color.b, static_cast<float>(alpha));
}

/// The vertex of a curve that is nearest across; -1 if it has none.
Eigen::Index nearest(const Curve& curve, double x) {
    Eigen::Index best = -1;
    for (std::size_t i = 0; i < curve.x.size(); ++i)
        if (best < 0 || std::abs(curve.x[i] - x) < std::abs(curve.x[static_cast<std::size_t>(best)] - x))
            best = static_cast<Eigen::Index>(i);
    return best;
}

}  // namespace

FigureWidget::FigureWidget(QWidget* parent) : QWidget(parent) {
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    setMinimumSize(160, 110);
}

FigureWidget::~FigureWidget() = default;

void FigureWidget::setFigure(std::shared_ptr<const Figure> figure, bool keepRanges) {
    m_painter.setFigure(std::move(figure), keepRanges);
    m_readout.reset();
    changed();
}

void FigureWidget::setEmptyText(const QString& text) {
    m_emptyText = text;
    setAccessibleDescription(text);
    update();
}

void FigureWidget::setTypeScale(double scale) {
    m_typeScale = scale;
    changed();
}

void FigureWidget::setMarked(std::optional<double> x, std::optional<double> y) {
    if (m_markedX == x && m_markedY == y) return;
    m_markedX = x;
    m_markedY = y;
    update();
}

void FigureWidget::changed() {
    m_cache = QPixmap();
    update();
}

const QPixmap& FigureWidget::cached() {
    const QSize pixels = (QSizeF(size()) * devicePixelRatioF()).toSize();
    if (m_cache.size() != pixels) {
        m_cache = QPixmap(pixels);
        m_cache.setDevicePixelRatio(devicePixelRatioF());
        m_cache.fill(toQColor(m_painter.shown().theme.background));
        QPainter painter(&m_cache);
        painter.setRenderHint(QPainter::Antialiasing);
        m_painter.paint(painter, QRectF(rect()), unitsPerPoint * m_typeScale);
    }
    return m_cache;
}

QPixmap FigureWidget::picture() {
    return m_painter.figure() != nullptr ? cached() : grab();
}

void FigureWidget::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    if (m_painter.figure() == nullptr) {
        painter.setPen(palette().color(QPalette::PlaceholderText));
        painter.drawText(rect().adjusted(16, 16, -16, -16), Qt::AlignCenter | Qt::TextWordWrap, m_emptyText);
    } else {
        painter.drawPixmap(0, 0, cached());
        paintMarks(painter);
    }
    if (m_keyboardFocus && hasFocus()) {
        painter.setPen(QPen(palette().color(QPalette::Highlight), 1.5));
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(QRectF(rect()).adjusted(0.75, 0.75, -0.75, -0.75));
    }
}

void FigureWidget::paintMarks(QPainter& painter) const {
    const Figure& figure = m_painter.shown();
    painter.setRenderHint(QPainter::Antialiasing);
    const QColor ink = toQColor(figure.theme.selected);
    for (std::size_t i = 0; i < figure.panels.size(); ++i) {
        const int panel = static_cast<int>(i);
        const auto& plot = figure.panels[i].plot;
        const QRectF area = m_painter.plotRect(panel);
        const auto* heatmap = std::get_if<HeatmapPlot>(&plot);
        const auto* curves = std::get_if<CurvePlot>(&plot);
        if ((heatmap == nullptr && curves == nullptr) || area.isEmpty()) continue;
        painter.save();
        painter.setClipRect(area.adjusted(-7, -7, 7, 7));
        const double baseX = heatmap != nullptr ? heatmap->x.low : curves->x.low;
        const double baseY = heatmap != nullptr ? heatmap->y.low : curves->y.low;
        const auto place = [&](double x, double y) {
            return m_painter.placeOf({panel, x, y}).value_or(QPointF(-99, -99));
        };
        if (heatmap != nullptr) {
            // A frame around the column and the row, and their crossing stronger.
            painter.setBrush(Qt::NoBrush);
            const double x = m_markedX.value_or(baseX), y = m_markedY.value_or(baseY);
            const QRectF cell = QRectF(place(x - 0.5, y - 0.5), place(x + 0.5, y + 0.5)).normalized();
            painter.setPen(QPen(ink, 1));
            if (m_markedX && cell.right() > area.left() && cell.left() < area.right()) {
                const double middle = cell.center().x();
                painter.setBrush(ink);
                painter.drawPolygon(QPolygonF{QPointF(middle, area.top()),
                                              QPointF(middle - 4, area.top() - 6),
                                              QPointF(middle + 4, area.top() - 6)});
                painter.setBrush(Qt::NoBrush);
                painter.setPen(QPen(toQColor(figure.theme.selected, 0.8), 1));
                painter.drawLine(QPointF(middle, area.top()), QPointF(middle, area.bottom()));
            }
            if (m_markedY && cell.bottom() > area.top() && cell.top() < area.bottom()) {
                const double middle = cell.center().y();
                painter.setPen(QPen(ink, 1));
                painter.setBrush(ink);
                painter.drawPolygon(QPolygonF{QPointF(area.left(), middle),
                                              QPointF(area.left() - 6, middle - 4),
                                              QPointF(area.left() - 6, middle + 4)});
                painter.setPen(QPen(toQColor(figure.theme.selected, 0.8), 1));
                painter.drawLine(QPointF(area.left(), middle), QPointF(area.right(), middle));
            }
        } else {
            if (m_markedX && *m_markedX >= curves->x.low && *m_markedX <= curves->x.high) {
                const double at = place(*m_markedX, baseY).x();
                painter.setPen(QPen(toQColor(figure.theme.selected, 0.85), 1, Qt::DashLine));
                painter.drawLine(QPointF(at, area.top()), QPointF(at, area.bottom()));
            }
            if (m_readout && m_readout->panel == panel) {
                const double at = place(m_readout->x, baseY).x();
                painter.setPen(QPen(toQColor(figure.theme.foreground, 0.5), 1));
                painter.drawLine(QPointF(at, area.top()), QPointF(at, area.bottom()));
                for (const Curve& curve : curves->curves) {
                    const auto v = nearest(curve, m_readout->x);
                    if (v < 0 || static_cast<std::size_t>(v) >= curve.y.size()) continue;
                    const double y = curve.y[static_cast<std::size_t>(v)];
                    if (!std::isfinite(y) || curve.x[static_cast<std::size_t>(v)] != m_readout->x) continue;
                    const QPointF dot = place(m_readout->x, y);
                    if (!area.adjusted(-1, -1, 1, 1).contains(dot)) continue;
                    painter.setPen(QPen(toQColor(figure.theme.background), 1));
                    painter.setBrush(toQColor(curve.color));
                    painter.drawEllipse(dot, 3.5, 3.5);
                }
            }
        }
        painter.restore();
    }
}

std::optional<FigureWidget::Readout> FigureWidget::curvesAt(const QPointF& at) const {
    const auto position = m_painter.positionAt(at);
    if (!position) return std::nullopt;
    const auto& panel = m_painter.shown().panels[static_cast<std::size_t>(position->panel)];
    const auto* plot = std::get_if<CurvePlot>(&panel.plot);
    if (plot == nullptr || plot->curves.empty()) return std::nullopt;
    std::optional<double> x;
    for (const Curve& curve : plot->curves)
        if (const auto v = nearest(curve, position->x); v >= 0) {
            const double candidate = curve.x[static_cast<std::size_t>(v)];
            if (!x || std::abs(candidate - position->x) < std::abs(*x - position->x)) x = candidate;
        }
    if (!x || *x < plot->x.low || *x > plot->x.high) return std::nullopt;
    QStringList lines{m_namePlace ? m_namePlace(*x)
                                  : QString::fromStdString(plot->x.title + " " + formatNumber(*x, 4))};
    for (const Curve& curve : plot->curves) {
        const auto v = static_cast<std::size_t>(std::max<Eigen::Index>(0, nearest(curve, *x)));
        if (v >= curve.x.size() || curve.x[v] != *x) continue;
        const auto number = [](double value) { return QString::fromStdString(formatNumber(value, 3)); };
        if (!curve.name.empty() && v < curve.y.size())
            lines << QStringLiteral("%1: %2").arg(
                QString::fromStdString(curve.name),
                std::isfinite(curve.y[v]) ? number(curve.y[v]) : tr("undefined"));
        if (!curve.bandName.empty() && v < curve.low.size() && v < curve.high.size())
            lines << tr("%1: %2 to %3")
                         .arg(QString::fromStdString(curve.bandName), number(curve.low[v]),
                              number(curve.high[v]));
        if (curve.name.empty() && curve.bandName.empty() && v < curve.y.size())
            lines << QStringLiteral("%1: %2").arg(QString::fromStdString(plot->y.title), number(curve.y[v]));
    }
    return Readout{position->panel, *x, lines.join('\n')};
}

void FigureWidget::hover(const QPointF& at, const QPoint& global) {
    if (m_describe)
        if (const auto cell = m_painter.cellAt(at)) {
            const QString text = m_describe(cell->row, cell->column, cell->value);
            QToolTip::showText(global, text, this);
            Q_EMIT cellHovered(text);
            return;
        }
    auto readout = curvesAt(at);
    if (readout.has_value() != m_readout.has_value() ||
        (readout && (readout->x != m_readout->x || readout->panel != m_readout->panel))) {
        m_readout = std::move(readout);
        update();
    }
    if (m_readout) {
        QToolTip::showText(global, m_readout->text, this);
    } else {
        QToolTip::hideText();
        if (m_describe) Q_EMIT cellHovered({});
    }
}

void FigureWidget::leaveEvent(QEvent*) {
    m_readout.reset();
    if (m_describe) Q_EMIT cellHovered({});
    update();
}

void FigureWidget::mousePressEvent(QMouseEvent* event) {
    if (event->button() != Qt::LeftButton) return QWidget::mousePressEvent(event);
    m_pressed = m_last = event->position();
    m_drag = Drag::Pressed;
}

void FigureWidget::mouseMoveEvent(QMouseEvent* event) {
    const QPointF at = event->position();
    if (m_drag == Drag::None) return hover(at, event->globalPosition().toPoint());
    if (m_drag == Drag::Pressed) {
        if ((at - m_pressed).manhattanLength() < QGuiApplication::styleHints()->startDragDistance()) return;
        QToolTip::hideText();
        if (event->modifiers() & Qt::ShiftModifier) {
            m_drag = Drag::Frame;
            if (m_band == nullptr) m_band = new QRubberBand(QRubberBand::Rectangle, this);
            m_band->show();
        } else {
            m_drag = Drag::Pan;
            setCursor(Qt::ClosedHandCursor);
        }
    }
    if (m_drag == Drag::Frame) {
        m_band->setGeometry(QRectF(m_pressed, at).normalized().toRect());
    } else {
        if (m_painter.pan(m_last, at)) changed();
        m_last = at;
    }
}

void FigureWidget::mouseReleaseEvent(QMouseEvent* event) {
    if (event->button() != Qt::LeftButton) return;
    const Drag drag = std::exchange(m_drag, Drag::None);
    unsetCursor();
    if (drag == Drag::Frame) {
        m_band->hide();
        if (m_painter.zoomTo(m_pressed, event->position())) {
            changed();
            Q_EMIT zoomChanged();
        }
    } else if (drag == Drag::Pressed) {
        if (const auto cell = m_painter.cellAt(event->position()))
            Q_EMIT cellClicked(cell->row, cell->column);
    }
}

void FigureWidget::showWhole() {
    m_painter.resetRanges();
    changed();
    Q_EMIT zoomChanged();
}

void FigureWidget::mouseDoubleClickEvent(QMouseEvent* event) {
    if (event->button() == Qt::LeftButton) showWhole();
}

void FigureWidget::wheelEvent(QWheelEvent* event) {
    const QPoint angle = event->angleDelta(), pixels = event->pixelDelta();
    // With Alt or Shift some platforms turn the wheel sideways.
    const double steps = pixels.isNull() ? (angle.y() != 0 ? angle.y() : angle.x()) / 120.0
                                         : (pixels.y() != 0 ? pixels.y() : pixels.x()) / 60.0;
    const Qt::Orientations along = event->modifiers() & Qt::ShiftModifier ? Qt::Orientations(Qt::Horizontal)
                                   : event->modifiers() & Qt::ControlModifier ? Qt::Orientations(Qt::Vertical)
                                                                              : Qt::Horizontal | Qt::Vertical;
    if (steps != 0 && m_painter.zoom(event->position(), std::pow(1.2, steps), along)) {
        changed();
        Q_EMIT zoomChanged();
        event->accept();
    } else {
        event->ignore();
    }
}

void FigureWidget::keyPressEvent(QKeyEvent* event) {
    if (m_painter.figure() == nullptr || m_painter.figure()->panels.empty())
        return QWidget::keyPressEvent(event);
    const bool heatmap = std::holds_alternative<HeatmapPlot>(m_painter.figure()->panels[0].plot);
    const bool cells = heatmap && !(event->modifiers() & Qt::ShiftModifier);
    QPointF centre = m_painter.plotRect(0).center();
    const double step = 40;
    const auto arrow = [&](int columns, int rows) {
        if (cells) {
            Q_EMIT cellStepped(columns, rows);
            return false;
        }
        return m_painter.pan(centre, centre - QPointF(columns, -rows) * step);
    };
    bool done = true;
    switch (event->key()) {
        case Qt::Key_Plus:
        case Qt::Key_Equal: done = m_painter.zoom(centre, 1.2); break;
        case Qt::Key_Minus: done = m_painter.zoom(centre, 1 / 1.2); break;
        case Qt::Key_Left: done = arrow(-1, 0); break;
        case Qt::Key_Right: done = arrow(1, 0); break;
        case Qt::Key_Up: done = arrow(0, 1); break;
        case Qt::Key_Down: done = arrow(0, -1); break;
        case Qt::Key_Home: m_painter.resetRanges(); break;
        default: return QWidget::keyPressEvent(event);
    }
    if (done) {
        changed();
        Q_EMIT zoomChanged();
    }
}

void FigureWidget::focusInEvent(QFocusEvent* event) {
    m_keyboardFocus = event->reason() == Qt::TabFocusReason || event->reason() == Qt::BacktabFocusReason ||
                      event->reason() == Qt::ShortcutFocusReason;
    update();
}

void FigureWidget::focusOutEvent(QFocusEvent*) {
    update();
}

void FigureWidget::fillMenu(QMenu& menu) {
    auto* copy = menu.addAction(icon(Icon::Copy), tr("&Copy picture"));
    connect(copy, &QAction::triggered, this, [this] { QGuiApplication::clipboard()->setPixmap(picture()); });
    auto* save = menu.addAction(icon(Icon::Export), tr("&Export…"));
    connect(save, &QAction::triggered, this, &FigureWidget::exportRequested);
    menu.addSeparator();
    auto* whole = menu.addAction(tr("Show the &whole"));
    whole->setEnabled(m_painter.isZoomed());
    connect(whole, &QAction::triggered, this, &FigureWidget::showWhole);
}

void FigureWidget::contextMenuEvent(QContextMenuEvent* event) {
    if (m_painter.figure() == nullptr) return;
    QMenu menu(this);
    fillMenu(menu);
    menu.exec(event->reason() == QContextMenuEvent::Keyboard ? mapToGlobal(rect().center())
                                                             : event->globalPos());
}

}  // namespace rheo
