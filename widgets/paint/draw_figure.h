#pragma once

#include "core/figure/figure.h"
#include "widgets/paint/canvas.h"
#include "widgets/paint/figure_layout.h"

namespace rheo {

/// What is behind a figure.
enum class Background {
    Filled,  ///< the colour of its theme
    None,    ///< whatever is there
};

/// Heatmaps as images, kept from one paint to the next.
class HeatmapImages {
public:
    /// The image of panel `index`, made anew only if what it shows or its size changed.
    const QImage& image(int index, const HeatmapPlot& plot, const Theme& theme, const QRect& cells, int width,
                        int height);

private:
    struct Entry {
        QRect cells;
        int width = 0, height = 0;
        QImage image;
    };
    std::vector<Entry> m_entries;
};

/// Draws all of `figure` as `layout` places it. The same calls for the same figure, whatever the canvas.
void drawFigure(Canvas& canvas, const Figure& figure, const FigureLayout& layout, const TextMetrics& metrics,
                HeatmapImages& images, Background background = Background::Filled);

/// The inside of a 3D plot: its box behind, the data over it back to front, the labels around.
void drawPlot3(Canvas& canvas, const Plot3D& plot, const PanelLayout& layout, const Theme& theme,
               const TextMetrics& metrics);
/// The data alone.
void drawData3(Canvas& canvas, const Plot3D& plot, const PanelLayout& layout, const Theme& theme);

/// The legend alone, where its layout places it.
void drawLegend(Canvas& canvas, const LegendLayout& legend, const Theme& theme, const TextMetrics& metrics);

}  // namespace rheo
