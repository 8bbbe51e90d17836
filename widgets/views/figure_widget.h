#pragma once

#include <QPixmap>
#include <QWidget>
#include <functional>
#include <memory>
#include <optional>

#include "core/figure/figure.h"
#include "widgets/paint/figure_painter.h"

class QMenu;
class QRubberBand;

namespace rheo {

/// A 2D figure on screen, painted by the exporter's own painter, once, until something of it changes.
///
/// The wheel zooms about the mouse (Shift: across only, Ctrl: up and down only), a drag moves, Shift and a
/// drag zooms to a frame, a double click shows the whole again. From the keyboard: plus and minus, the arrow
/// keys (Shift: moves a zoomed heatmap, where they alone move the marked cell), Home. A menu under the right
/// button copies the picture or asks for an export.
class FigureWidget : public QWidget {
    Q_OBJECT
public:
    explicit FigureWidget(QWidget* parent = nullptr);
    ~FigureWidget() override;

    /// Null shows the empty text instead. `keepRanges`: as FigurePainter.
    void setFigure(std::shared_ptr<const Figure> figure, bool keepRanges = true);
    const Figure* figure() const { return m_painter.figure(); }
    /// As it is zoomed: what an export shows.
    const Figure& shown() const { return m_painter.shown(); }
    void setEmptyText(const QString& text);
    const FigurePainter& painter() const { return m_painter; }

    /// Type is this many times as large as in an export of the same figure (1: as on paper).
    void setTypeScale(double scale);

    /// What to say of a heatmap's cell under the mouse (row and column of its values).
    using Describe = std::function<QString(qint64 row, qint64 column, float value)>;
    void setCellDescriber(Describe describe) { m_describe = std::move(describe); }
    /// What to call a place on the x axis of curves; by default its number.
    using NamePlace = std::function<QString(double x)>;
    void setPlaceNamer(NamePlace name) { m_namePlace = std::move(name); }

    /// Marks a place of the data in every 2D plot: a column of a heatmap or a depth of curves (x), a row of a
    /// heatmap (y).
    void setMarked(std::optional<double> x, std::optional<double> y = std::nullopt);

    /// The figure as it stands, at the resolution of the screen.
    QPixmap picture();
    /// The entries of the menu under the right button.
    void fillMenu(QMenu& menu);
    void showWhole();
    QSize sizeHint() const override { return {360, 260}; }

Q_SIGNALS:
    void cellHovered(const QString& description);
    void cellClicked(qint64 row, qint64 column);
    /// The arrow keys: one cell further across and up.
    void cellStepped(int columns, int rows);
    void exportRequested();
    void zoomChanged();

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    void focusInEvent(QFocusEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;

private:
    enum class Drag { None, Pressed, Pan, Frame };
    struct Readout {
        int panel = 0;
        double x = 0;
        QString text;
    };

    const QPixmap& cached();
    void changed();
    void paintMarks(QPainter& painter) const;
    void hover(const QPointF& at, const QPoint& global);
    std::optional<Readout> curvesAt(const QPointF& at) const;

    FigurePainter m_painter;
    QPixmap m_cache;
    QString m_emptyText;
    double m_typeScale = 1;
    QPointF m_pressed, m_last;
    Drag m_drag = Drag::None;
    bool m_keyboardFocus = false;
    std::optional<double> m_markedX, m_markedY;
    std::optional<Readout> m_readout;
    QRubberBand* m_band = nullptr;
    Describe m_describe;
    NamePlace m_namePlace;
};

}  // namespace rheo
