#pragma once

#include <memory>
#include <optional>

#include "core/base/progress.h"
#include "core/dynamics/teleport_result.h"
#include "core/model/model.h"
#include "core/results/results_file.h"
#include "core/trace/row_selection.h"
#include "core/trace/trace.h"

namespace rheo {

/// The logit lens of one prompt, as the view "lens_map" draws it.
struct PromptLens {
    /// All tokens of the prompt at all points of the model: sample 0. After a teleport sample 1 is the same
    /// prompt with the states that came of it.
    std::shared_ptr<const MemoryTrace> trace;
    Results results;  ///< the lens of `trace`, and nothing else
};

/// Runs the prompt, and puts every state of it to the unembedding. `textOf` names tokens; or none. `rankOf`:
/// the token whose rank is kept; none: the one that follows each. Throws
/// what the model throws, and as lens(). Cost: a forward pass, and 2 D V operations for each token and point.
PromptLens lensOfPrompt(const Model& model, const Sample& prompt, const TokenText& textOf, Progress& progress,
                        std::optional<std::int32_t> rankOf = {});

/// `natural` with the states of `teleport`, one of the same prompt, as sample 1. Tokens before the one that
/// was moved are not computed again. Throws Error(Mismatch) where the teleport is of another number of
/// tokens, points or units. Cost: as lensOfPrompt for the tokens from the moved one on, and a copy of the
/// states.
PromptLens withTeleport(const Model& model, const PromptLens& natural, const TeleportResult& teleport,
                        const TokenText& textOf, Progress& progress);

}  // namespace rheo
