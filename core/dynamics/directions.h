#pragma once

#include <cstdint>
#include <vector>

#include "core/base/progress.h"
#include "core/model/model.h"

namespace rheo {

/// The mean over prompts of the state of the last token at `point`, [unit], in float64. Throws
/// Error(InvalidArgument) without a prompt, and as Model::forward. Cost: a forward pass up to the point.
VectorD meanLastState(const Model& model, const std::vector<std::vector<std::int32_t>>& prompts,
                      PointIndex point, Progress& progress);

/// The direction in which the logit of a token grows: its row of the unembedding times the weight of the
/// final norm (less its mean where the norm centres states). [unit]
VectorF logitDirection(const Model& model, std::int32_t token);

}  // namespace rheo
