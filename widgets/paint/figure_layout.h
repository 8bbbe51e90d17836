#pragma once

#include <QPointF>
#include <QRectF>
#include <QSizeF>
#include <QString>
#include <QStringList>
#include <optional>
#include <vector>

#include "core/figure/figure.h"
#include "widgets/paint/axis_layout.h"
#include "widgets/paint/legend_layout.h"
#include "widgets/paint/text_metrics.h"

namespace rheo {

/// A title in one or more lines that fit.
struct TitleLayout {
    QStringList lines;
    double size = type::axisTitle;
    double height(const TextMetrics& metrics) const {
        return static_cast<double>(lines.size()) * metrics.lineHeight(size);
    }
};

/// A colour bar and what is written beside it.
struct ColorBarLayout {
    QRectF rect;  ///< of the colours, pointed ends apart
    AxisScale scale;
    std::vector<PlacedTick> ticks;
    TitleLayout title;
    QRectF outer;  ///< the title keeps inside
};

/// Where the parts of a panel lie, from the upper left corner of the figure.
struct PanelLayout {
    QRectF outer;
    TitleLayout title;
    QPointF titlePlace;  ///< left end of the first baseline
    QRectF plot;         ///< the data; of a 3D plot, all it may be drawn in
    AxisScale x, y;      ///< of 2D plots
    std::vector<PlacedTick> xTicks, yTicks;
    TitleLayout xTitle, yTitle;
    std::optional<ColorBarLayout> colorBar;
    double clearance = 0;  ///< above the plot, for the half of a tick's label
    LegendLayout legend;
    QRectF view;    ///< of a 3D plot: what the camera sees, from edge to edge
    Camera camera;  ///< of a 3D plot: fitted, if the plot asks for it
};

/// All lengths are in units of `scale` points.
struct FigureLayout {
    double scale = 1;  ///< below 1 where the figure is small for what it holds
    QSizeF size;       ///< of the whole, in these units
    TitleLayout title, note;
    LegendLayout legend;  ///< of all panels
    std::optional<ColorBarLayout> colorBar;
    std::vector<PanelLayout> panels;
};

/// Places everything of `figure` on an area of `size` points. Cost: a few text measurements a tick; for
/// legends, one pass over the curves.
FigureLayout layoutFigure(const Figure& figure, const QSizeF& size, const TextMetrics& metrics);

/// What lies at a place of a figure.
struct FigurePosition {
    int panel = 0;
    double x = 0;  ///< data coordinates of the panel's axes
    double y = 0;
};
/// The 2D plot at `point` (in the layout's units) and the coordinates there; empty outside of plots.
std::optional<FigurePosition> positionAt(const Figure& figure, const FigureLayout& layout, QPointF point);

}  // namespace rheo
