#pragma once

#include <string>
#include <vector>

namespace rheo {

/// A number beside what nulls give, all in its unit; NaN where there is none.
struct IntervalDrawing {
    struct Range {
        double low, high;
    };
    double observed;
    Range interval;            ///< 95 % of it
    std::vector<Range> nulls;  ///< 95 % of each
    std::string label;         ///< for who cannot see it
};

/// One line of SVG, 150 by 22 pixels: the observed value as a dot on its interval, over grey bands of the
/// nulls and a dashed line at zero. Empty where all numbers are zero.
std::string intervalSvg(const IntervalDrawing& drawing);

}  // namespace rheo
