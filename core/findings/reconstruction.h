#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/analysis/surrogates.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

/// Nulls of the reconstruction, in the order of its refits; the last is the control of the paper.
constexpr std::array<NullKind, 3> reconstructionNulls{NullKind::SignFlip, NullKind::PersistentFlip,
                                                      NullKind::DepthShuffle};

/// The autoencoder reconstructs this many pooled components, of at most this many samples.
constexpr int reconstructedComponents = 50;
constexpr std::int64_t reconstructedSamples = 200;

struct ReconstructionOptions {
    int refits = 20;  ///< of each null
    int splits = 20;  ///< into training and validation samples, each with a fit of its own, for the interval
    std::uint64_t seed = 0;
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
};

/// How much better late points are reconstructed from two numbers than early ones (finding
/// late_easier_to_reconstruct): r2 of the autoencoder (below 0 counts as 0), fitted on the first 50 pooled
/// components of the rows of at most 200 samples.
struct Reconstruction {
    /// [1 + nulls * refits]: the observed value, then one for each surrogate of each null. NaN where a fit
    /// was not made yet.
    VectorD differences;
    VectorD interval;  ///< [2], of the observed value, from fits on other splits of the samples
};

/// Computes what `reconstruction` lacks: 1 + nulls * refits fits, and `splits` for the interval
/// (splitsInterval), in parallel. Finished values are kept, also when it throws Cancelled.
void reconstructLateAndEarly(const TraceView& view, const ReconstructionOptions& options,
                             Reconstruction& reconstruction, Progress progress);

}  // namespace rheo
