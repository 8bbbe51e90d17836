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

/// The range that `share` of the values of each column lie in, NaN left out, by linear interpolation:
/// for 0.95 the quantiles at 2.5 and 97.5 %. [column] each; NaN for a column without values.
struct Band {
    std::vector<double> low, high;
};
Band quantileBand(const MatrixD& values, double share = 0.95);

}  // namespace rheo
