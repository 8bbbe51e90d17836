#pragma once

#include <vector>

#include "core/base/array.h"
#include "core/base/residual_point.h"
#include "core/figure/figure.h"

namespace rheo {

/// What a logit lens says by depth; refers to the result, which must outlive the call.
struct LensInput {
    const MatrixD& entropy;        ///< [row, point] nats; a row that is NaN is left out
    const MatrixD& klToFinal;      ///< [row, point] nats, or empty: no such panel
    const VectorD& meanEntropy;    ///< [point]
    const VectorD& meanKlToFinal;  ///< [point], or empty
    std::vector<ResidualPoint> points;
};

/// Mean entropy and mean divergence from what is said at last, against depth, each with the band that 95 % of
/// the rows lie in. Throws Error(Mismatch) for lengths that do not fit.
Figure lensFigure(const LensInput& input, const Theme& theme);

}  // namespace rheo
