#pragma once

#include <cstdint>

#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

struct DensityParameters {
    double epsilon = 0.1;  ///< a unit is active where abs(x) > epsilon * RMS of the row at the point
    int threads = 0;
};

/// How active the units are at each point (ANALYSES: density). Means are over rows; P points of the view,
/// D units, masked ones 0 here and left out of what is summed over units.
struct DensityResult {
    MatrixD mean;                ///< [point, unit]
    MatrixD meanAbs;             ///< [point, unit]
    MatrixD rms;                 ///< [point, unit]
    MatrixD activeFraction;      ///< [point, unit], 0 to 1
    VectorD trevesRolls;         ///< [point], (mean abs)^2 / mean square; 1 dense, toward 0 sparse
    VectorD hoyer;               ///< [point], (sqrt(D) - L1 / L2) / (sqrt(D) - 1); 0 dense, 1 sparse
    VectorD kurtosis;            ///< [point], excess, over units; NaN rows (no variance) left out
    VectorD participationRatio;  ///< [point], of the covariance over rows: 1 to min(D, N - 1); NaN for N < 3
    std::int64_t excludedRows = 0;
};

/// Streams over rows once for the means and once by point for the participation ratio, which costs
/// N D min(N, D) per point; sums in float64. Throws as checkView and usableRows do.
DensityResult density(const TraceView& view, const DensityParameters& parameters, Progress& progress);

}  // namespace rheo
