#pragma once

#include "core/analysis/row_source.h"
#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

/// Which moments over rows of the steps a surrogate is made from.
enum class StepMomentKind {
    None,                  ///< and nothing is read
    Spread,                ///< SD about the mean step
    Persistence,           ///< SD about the mean step, and how steps depend on the steps before
    PersistenceAboutZero,  ///< the same about 0: RMS in place of the SD
};

/// Moments of the steps over rows. Unit columns are filled up to whole tiles with 0.
struct StepMoments {
    MatrixD mean;         ///< [step, unit]
    MatrixD spread;       ///< [step, unit]: SD over rows about the mean (N - 1), or RMS
    VectorD persistence;  ///< [unit], phi in -1, -0.99, ..., 1: the process z[p] = phi z[p-1] + w[p] whose
                          ///< correlations phi^k are closest, in the sum of squares, to those of z = step /
                          ///< spread at lags 1 to 4 (at most a quarter of the steps); 0 without lags
};

/// Reads all rows once. Costs rows * steps * units * 5 multiplications.
StepMoments stepMoments(const RowSource& rows, StepMomentKind kind, int threads, Progress& progress);

}  // namespace rheo
