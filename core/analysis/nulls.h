#pragma once

#include <cstdint>

#include "core/base/array.h"

namespace rheo {

/// How an observed statistic of n values lies among R repeats of it on surrogates. Each vector is [n].
struct NullSummary {
    VectorD mean;
    VectorD low, high;  ///< 2.5 and 97.5 %, linear-interpolated
    VectorD z;          ///< (observed - mean) / SD (N - 1); NaN where the SD is 0
    VectorD pUpper;     ///< (1 + #{null >= observed}) / (R + 1)
    VectorD pLower;     ///< (1 + #{null <= observed}) / (R + 1)
    VectorD p;          ///< min(1, 2 min(pUpper, pLower))
    int repeats = 0;
    std::uint64_t seed = 0;
};

/// `samples` is [repeat, n]. Where the observed value is NaN, or a sample is, all is NaN. Values that differ
/// by rounding alone (1e-11 of the largest) count as equal: a null that keeps a statistic has p = 1 and no z.
NullSummary summarizeNull(const VectorD& observed, const MatrixD& samples, std::uint64_t seed);

}  // namespace rheo
