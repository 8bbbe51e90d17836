#pragma once

#include <cstdint>

#include "core/analysis/pca.h"
#include "core/analysis/trace_view.h"
#include "core/analysis/verdicts.h"
#include "core/base/progress.h"
#include "core/model/model.h"

namespace rheo {

struct EarlyAttractorOptions {
    int samples = 50;  ///< at most, drawn by seed among those whose tokens are known
    int controls = 6;  ///< random directions a sample
    std::uint64_t seed = 0;
};

/// What is left of pushes at the first point of block 1, at the last token of samples of `view` (ANALYSES:
/// Verdicts, early_attractor): along plus and minus the first three components of `basis` (pooled, raw), and
/// in random directions of R^D, all of norm s, the RMS over rows of norm(h - mean h) there. `model` is the
/// one the trace was captured from. Where it cannot be measured there are no differences, and `reason` says
/// why: fewer than two blocks, the point is not in the view, no tokens, fewer than three components. Cost:
/// one prompt and 7 + controls continuations of its last token a sample.
EarlyAttractor measureEarlyAttractor(const Model& model, const TraceView& view, const PcaBasis& basis,
                                     const EarlyAttractorOptions& options, Progress& progress);

}  // namespace rheo
