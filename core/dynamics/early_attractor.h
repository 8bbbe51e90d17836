#pragma once

#include <cstdint>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/progress.h"
#include "core/model/model.h"
#include "core/statistics/early_attractor.h"
#include "core/statistics/pca.h"

namespace rheo {

struct EarlyAttractorOptions {
    int samples = 50;  ///< at most, drawn by seed among those whose tokens are known
    int controls = 6;  ///< random directions a sample
    std::vector<double> sizes = {0.25, 0.5, 1, 2, 4};  ///< of the pushes, in units of s
    int halves = 8;         ///< of the samples, on each of which the components are fitted anew
    int shiftSamples = 10;  ///< that are pushed along those
    std::uint64_t seed = 0;
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;  ///< of a fit
};

/// Whether pushes along the first components shrink faster than random pushes of the same norm (ANALYSES:
/// Verdicts, early_attractor); that is all that "attractor" means here, as a feed-forward network has no
/// fixed point. Pushes at the first point of block 1, at the last token of samples of `view`: along plus and
/// minus the first three components of `basis` (pooled, raw), and in random directions of R^D, of norm size *
/// s, s being the RMS over rows of norm(h - mean h) there. `differences` [sample, size]: mean
/// `contraction_rms` over the first quarter of steps of the former, minus that of the latter. `basisShifts`:
/// the same at size 1 with components and s of random halves of the sampling units (drawHalf), less what it
/// is with all, on average over some of the samples. `model` is the one the trace was captured from. Where it
/// cannot be measured there are no differences, and `reason` says why: fewer than two blocks, the point is
/// not in the view, no tokens, fewer than three components. Cost a sample: one prompt and 1 + (6 + controls)
/// * sizes continuations of its last token; and of the halves one PCA each, and (6 + controls) * shiftSamples
/// continuations.
EarlyAttractor measureEarlyAttractor(const Model& model, const TraceView& view, const PcaBasis& basis,
                                     const EarlyAttractorOptions& options, Progress& progress);

}  // namespace rheo
