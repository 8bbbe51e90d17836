#pragma once

#include <span>

#include "core/base/progress.h"
#include "core/dynamics/attribution_result.h"
#include "core/model/model.h"

namespace rheo {

/// The contribution of every write to the logit of `answer` (less that of `foil`, unless that is -1), for the
/// tokens `positions` of a prompt, with `edits` applied. The final norm is frozen at the scale it has: a
/// write w contributes u . (gamma * (w - its mean, where the norm centres)) * scale, u the difference of the
/// rows of the unembedding and gamma the weight of the norm (Elhage et al. 2021, "A Mathematical Framework
/// for Transformer Circuits"). Sums are in float64. A write counts as it was added, rounded with the state,
/// so that the parts add up to `logit`, which is read off the final state, to float64 rounding in any dtype.
/// Throws Error(InvalidArgument) for ids or positions out of range. Cost: one forward pass, and 2 D
/// operations a write.
Attribution attribute(const Model& model, std::span<const std::int32_t> ids,
                      const std::vector<std::int32_t>& positions, std::int32_t answer, std::int32_t foil,
                      const std::vector<StateEdit>& edits, Progress& progress);

}  // namespace rheo
