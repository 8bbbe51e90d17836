#pragma once

#include <cstddef>
#include <cstdint>

#include "core/analysis/state_spectrum.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

/// Feeds the states of one point of all rows of a view to `statistic`, scaled as the view says, in blocks of
/// some megabytes. Checks for a stop between them.
void feedPoint(const TraceView& view, std::int64_t point, StateStatistic& statistic, int threads,
               const Progress& progress);

/// What the spectra of single points have.
struct PointSpectra {
    VectorD participationRatio;  ///< [point], (sum of eigenvalues)^2 / sum of their squares; NaN for N < 3
    MatrixD explained;           ///< [point, 3], shares of the largest in their sum; NaN for N < 3
};
/// Covariances over rows, point by point: reads each point once for both, and again where neither its
/// covariance nor its Gram matrix fits into `memoryBytes` (state_spectrum.h). The ratio needs no eigensolve;
/// the shares are left out unless `explained`. Works on as many points at a time as there are `threads` and
/// memory; how many changes results by rounding alone.
PointSpectra pointSpectra(const TraceView& view, bool explained, int threads, std::size_t memoryBytes,
                          Progress& progress);

}  // namespace rheo
