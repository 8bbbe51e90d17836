#pragma once

#include <optional>
#include <vector>

#include "core/base/array.h"
#include "core/figure/figure.h"

namespace rheo {

/// Sets low, high and ticks of `axis` so that all finite y of `curves`, bands included, are inside with
/// some room. `low` and `high`, where given, are included as well and get no room beyond them. A
/// logarithmic axis leaves out what is not above 0.
void setRange(Axis& axis, const std::vector<Curve>& curves, std::optional<double> low = {},
              std::optional<double> high = {});

/// The part of a heatmap's or curve panel's axis that is shown.
struct AxisRange {
    int panel = 0;
    bool vertical = false;
    double low = 0, high = 0;  ///< data coordinates
};
/// Lets `shown`, a copy of `whole`, show that part, with ticks of its own. Never out of the whole, never less
/// than two cells or 1e-6 of it. Nothing happens where there is no such axis.
void showRange(const Figure& whole, Figure& shown, const AxisRange& range);
/// The parts by which `shown` differs from `whole`; showRange() of each makes it again.
std::vector<AxisRange> rangesShown(const Figure& whole, const Figure& shown);

/// How the values of heatmaps become colours, where a person chose it.
struct ColorRange {
    double low = 0, high = 1;  ///< low < high
    double blankBelow = 0;     ///< values nearer to 0 are left blank
    friend bool operator==(const ColorRange&, const ColorRange&) = default;
};
/// Gives all heatmaps of `figure` this range. A scale that is symmetric about 0 stays so: it reaches to the
/// end that is farther from 0. Throws Error(InvalidArgument) for a range that is empty or not finite, and for
/// a figure without heatmaps.
void showColors(Figure& figure, const ColorRange& range);
/// That of the first heatmap; none where there is none.
std::optional<ColorRange> colorsOf(const Figure& figure);

/// The range that `share` of the values of each column lie in, NaN left out, by linear interpolation:
/// for 0.95 the quantiles at 2.5 and 97.5 %. [column] each; NaN for a column without values.
struct Band {
    std::vector<double> low, high;
};
Band quantileBand(const MatrixD& values, double share = 0.95);

}  // namespace rheo
