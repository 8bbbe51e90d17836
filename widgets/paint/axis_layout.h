#pragma once

#include <QString>
#include <vector>

#include "core/figure/figure.h"
#include "widgets/paint/text_metrics.h"

namespace rheo {

/// Sizes of type in points.
namespace type {
// Nothing is smaller than 9 pixels of a screen with 96 to the inch.
inline constexpr double tick = 7;
inline constexpr double axisTitle = 7.5;
inline constexpr double smallTitle = 7;  ///< of an axis where there is little room
inline constexpr double legend = 7;
inline constexpr double panelTitle = 8;
inline constexpr double figureTitle = 9.5;
inline constexpr double note = 7;
}  // namespace type

/// Lengths between the parts of a figure, in points.
namespace spacing {
inline constexpr double margin = 6;     ///< around the figure
inline constexpr double panelGap = 12;  ///< between panels
inline constexpr double tickLength = 3.5;
inline constexpr double barTickLength = 2.5;
inline constexpr double labelGap = 2;  ///< from a tick to its label
inline constexpr double titleGap = 4;  ///< from labels to a title
inline constexpr double barGap = 9;    ///< from the plot to its colour bar
inline constexpr double barWidth = 7;
inline constexpr double sampleWidth = 15;  ///< of a legend's line
inline constexpr double sampleGap = 4;     ///< from it to its text
inline constexpr double legendPadding = 3;
inline constexpr double legendGap = 9;  ///< between entries side by side
inline constexpr double smallestPlot = 12;
}  // namespace spacing

/// Values of an axis to places and back, linear or logarithmic.
struct AxisScale {
    double low = 0, high = 1;  ///< values
    double from = 0, to = 1;   ///< places of `low` and `high`
    bool logarithmic = false;

    double place(double value) const;
    double value(double place) const;
};

struct PlacedTick {
    double place = 0;
    double length = 0;
    QString label;  ///< empty: none, or no room for it
};

/// Whether a place of an axis is between its ends, rounding forgiven.
bool isVisible(const Axis& axis, double value);

/// The ticks of `axis` that `scale` shows, each with its label where all labels have room. `vertical`:
/// labels are stacked, else side by side.
std::vector<PlacedTick> placeTicks(const Axis& axis, const AxisScale& scale, bool vertical,
                                   const TextMetrics& metrics);

}  // namespace rheo
