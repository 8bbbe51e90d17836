#include "core/figure/interval_drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rheo {

std::string intervalSvg(const IntervalDrawing& drawing) {
    double low = 0, high = 0;
    const auto include = [&](double x) {
        if (std::isnan(x)) return;
        low = std::min(low, x);
        high = std::max(high, x);
    };
    for (const double x : {drawing.observed, drawing.interval.low, drawing.interval.high}) include(x);
    for (const auto& null : drawing.nulls) {
        include(null.low);
        include(null.high);
    }
    if (!(high > low)) return "";
    constexpr double width = 150, margin = 6;
    const auto at = [&](double x) { return margin + (x - low) / (high - low) * (width - 2 * margin); };
    std::string svg = fmt::format(
        "<svg width=\"{0:.0f}\" height=\"22\" viewBox=\"0 0 {0:.0f} 22\" role=\"img\" aria-label=\"{1}\">",
        width, drawing.label);
    for (const auto& null : drawing.nulls)
        svg += fmt::format(
            "<rect x=\"{:.1f}\" y=\"5\" width=\"{:.1f}\" height=\"12\" fill=\"#9aa0a6\" "
            "fill-opacity=\".55\"/>",
            at(null.low), std::max(1.5, at(null.high) - at(null.low)));
    svg += fmt::format("<path d=\"M{0:.1f} 2V20\" stroke=\"#7d848c\" stroke-dasharray=\"2 2\"/>", at(0));
    if (!std::isnan(drawing.interval.low))
        svg += fmt::format("<path d=\"M{:.1f} 11H{:.1f}\" stroke=\"#0b5cad\" stroke-width=\"2\"/>",
                           at(drawing.interval.low), at(drawing.interval.high));
    return svg + fmt::format("<circle cx=\"{:.1f}\" cy=\"11\" r=\"3.5\" fill=\"#0b5cad\"/></svg>",
                             at(drawing.observed));
}

}  // namespace rheo
