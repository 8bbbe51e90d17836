#pragma once

#include <QImage>
#include <QRect>

#include "core/figure/figure.h"

namespace rheo {

/// The cells of `plot` that its axes show, at least in part: columns left() to right(), rows top() (the
/// lowest row) to bottom() of the matrix. Empty if there are none.
QRect visibleCells(const HeatmapPlot& plot);

/// Cells as colours, a pixel a cell; the highest row of the matrix is the image's first. NaN is in the
/// theme's colour for what is missing. `cells` as visibleCells gives them.
QImage heatmapImage(const HeatmapPlot& plot, const Theme& theme, const QRect& cells);

/// As heatmapImage, for a device on which all cells together are `width` by `height` pixels: where many cells
/// share a pixel it has the colour of their mean (NaN left out), instead of that of one of them.
QImage heatmapImage(const HeatmapPlot& plot, const Theme& theme, const QRect& cells, int width, int height);

}  // namespace rheo
