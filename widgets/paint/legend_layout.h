#pragma once

#include <QPointF>
#include <QRectF>
#include <QString>
#include <optional>
#include <vector>

#include "core/figure/figure.h"
#include "widgets/paint/axis_layout.h"
#include "widgets/paint/text_metrics.h"

namespace rheo {

/// One line of the legend and the sample left of it.
struct LegendEntry {
    QString text;
    std::optional<LineStyle> line;  ///< its colour always set
    std::optional<Color> band;
    std::optional<Color> square;
    std::optional<MarkerShape> marker;
    Color markerColor;
    std::string key;      ///< see LineSet3::legendKey
    bool hidden = false;  ///< what it names is not drawn
    QPointF place;        ///< left end of the sample, half way up
    double width = 0;     ///< with the sample
};

struct LegendLayout {
    QRectF rect;          ///< empty: no legend
    bool inside = false;  ///< in the plot, where no data are; else above it
    std::vector<LegendEntry> entries;
    double lineHeight = 0;
};

/// The entry at a place; null: none is there.
const LegendEntry* entryAt(const LegendLayout& legend, const QPointF& at);

/// Everything in a panel that has a name, without places.
std::vector<LegendEntry> legendOf(const Panel& panel);

/// Entries side by side in rows of at most `width`, from (0, 0) on; names that are longer are elided.
LegendLayout stripLegend(std::vector<LegendEntry> entries, double width, const TextMetrics& metrics);
void moveLegend(LegendLayout& legend, const QPointF& by);

/// A 2D plot that a legend may find room in.
struct LegendPlace {
    QRectF plot;
    AxisScale x, y;
};
/// A legend in a corner of the plot, where no data are; one that is not `inside` if there is no such place.
LegendLayout insideLegend(std::vector<LegendEntry> entries, const Panel& panel, const LegendPlace& place,
                          const TextMetrics& metrics);

}  // namespace rheo
