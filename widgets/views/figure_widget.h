#pragma once

#include <QImage>
#include <QWidget>
#include <map>
#include <memory>
#include <optional>

#include "core/figure/figure.h"
#include "widgets/jobs/latest_wins.h"
#include "widgets/paint/figure_painter.h"

namespace rheo {

/// A 2D figure on screen, drawn by the exporter's own painter in a thread of its own: what was drawn last
/// stays until the new picture is there, and places are answered for the new one at once. Wheel zooms about
/// the mouse, drag moves, double click (or Home) shows the whole; plus and minus zoom from the keyboard.
class FigureWidget : public QWidget {
    Q_OBJECT
public:
    explicit FigureWidget(JobRunner& jobs, QWidget* parent = nullptr);

    /// Null shows `emptyText` instead.
    void setFigure(std::shared_ptr<const Figure> figure, bool keepRanges = true);
    const Figure* figure() const { return m_painter.figure(); }
    /// As it is zoomed: what an export shows.
    const Figure& shown() const { return m_painter.shown(); }
    void setEmptyText(const QString& text);
    /// What is selected elsewhere: a line marks it in every plot that shows it. On screen only; an export has
    /// no such lines.
    void setMarks(std::map<AxisKind, std::int64_t> marks);
    /// A row whose states are joined where they are shown; none: no row.
    void setMarkedRow(std::optional<std::int64_t> row);
    const FigurePainter& painter() const { return m_painter; }
    QSize sizeHint() const override { return {360, 260}; }

Q_SIGNALS:
    /// What is under the mouse; empty: nothing.
    void hovered(const QString& description);
    /// A click on a plot with an axis of depth, of units, or of tokens: for each of them.
    void idClicked(rheo::AxisKind kind, qint64 id);
    /// A click on a state.
    void stateClicked(qint64 row, int point);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    void say(const QPoint& place, const QString& text);
    void changed();
    void drawMarks(QPainter& painter) const;

    struct Asked {
        FigureDrawing drawing;
        QSize pixels;
        double ratio = 1;  ///< pixels in a unit of the window
    };
    FigurePainter m_painter;
    LatestWins<Asked, QImage> m_drawings;
    QSize m_pixels;    ///< of the picture that is there or on its way; empty: there is to be another
    QImage m_picture;  ///< as it was last drawn; null: nothing of this figure yet
    QString m_emptyText, m_failure;
    QPointF m_pressed, m_last;
    bool m_panning = false;
    std::map<AxisKind, std::int64_t> m_marks;
    std::optional<std::int64_t> m_markedRow;
};

}  // namespace rheo
