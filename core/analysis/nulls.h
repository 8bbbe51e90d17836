#pragma once

#include <cstdint>

#include "core/analysis/surrogates.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"

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

/// `samples` is [repeat, n]. Where the observed value is NaN all is NaN.
NullSummary summarizeNull(const VectorD& observed, const MatrixD& samples, std::uint64_t seed);

struct NullOptions {
    int repeats = 200;
    std::uint64_t seed = 0;
    int threads = 0;
    std::size_t memoryBytes = std::size_t{512}
                              << 20;  ///< a trace up to this size is held, else read in every repeat
};

/// Explained variance of the first components of a pooled PCA of surrogates of `view`: [repeat, k].
/// Parallel over repeats; each costs one surrogate of the trace and its covariance. Rows that cannot be
/// used are left out, as pca() does. Throws as pca().
MatrixD pcaExplainedOnSurrogates(const TraceView& view, NullKind kind, int components,
                                 const NullOptions& options, Progress& progress);

}  // namespace rheo
