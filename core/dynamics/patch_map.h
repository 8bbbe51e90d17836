#pragma once

#include <functional>

#include "core/base/progress.h"
#include "core/dynamics/patch_map_result.h"
#include "core/model/model.h"

namespace rheo {

/// The clean token for each of `corrupted` tokens, counted from the end of both prompts; -1 where the clean
/// prompt is shorter.
std::vector<std::int32_t> alignedFromEnd(std::int64_t clean, std::int64_t corrupted);

/// The state [unit] that a cell of the map puts at `point` of the corrupted `token`: that of the clean run at
/// request.cleanToken[token]; with request.along (orthonormal) that of the corrupted run, with its part in
/// their span from the clean one. `token` has a clean token. Cost: that of Model::naturalState.
VectorF patchedState(const Model& model, const PromptContext& clean, const PromptContext& corrupted,
                     const PatchRequest& request, std::int32_t token, PointIndex point);

/// The map of causal tracing (Meng et al. 2022, arXiv:2202.05262, on residual states): for each token and
/// point the corrupted run with the state of the clean run put there. Cells without a clean token are NaN. In
/// the prefix that both prompts share (token for token in the same places) the states are the same, so that
/// these cells are those of the corrupted run exactly, and not computed.
///
/// The states of several tokens, and of neighbouring points where few tokens are left, run as one batch. All
/// reuse the keys and values of the tokens before, and start at their point. `forecast` is told once, after
/// the first batch, the seconds that are left. Throws Error(InvalidArgument) for empty prompts, ids outside
/// the vocabulary, an outcome whose tokens are not given, an alignment that does not fit, or directions of
/// another width. Cancellable between blocks. Cost: two forward passes; at most T' (T' + 1) / 2 rows, T' the
/// tokens from the first different one on, through half of the blocks on average, for each point; and for
/// probability and KL an unembedding a cell.
PatchMap patchMap(const Model& model, const PatchRequest& request, Progress& progress,
                  const std::function<void(double secondsLeft)>& forecast = {});

}  // namespace rheo
