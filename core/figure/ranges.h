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

/// The range that `share` of the values of each column lie in, NaN left out, by linear interpolation:
/// for 0.95 the quantiles at 2.5 and 97.5 %. [column] each; NaN for a column without values.
struct Band {
    std::vector<double> low, high;
};
Band quantileBand(const MatrixD& values, double share = 0.95);

}  // namespace rheo
