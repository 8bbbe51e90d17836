#pragma once

#include <functional>

#include "core/base/progress.h"
#include "core/dynamics/response_result.h"
#include "core/model/model.h"
#include "core/statistics/pca.h"

namespace rheo {

/// The standard deviation of the states of a prompt's tokens along `direction` at `point`, the first token
/// left out (rmsNormAt says why). Throws Error(InvalidArgument) for a prompt of fewer than 4 tokens, or
/// states that do not vary along it.
double deviationAlong(const Model& model, const PromptContext& context, PointIndex point,
                      const VectorF& direction);

/// Pushes of one state of growing size along a direction in both signs, or along the line to another state,
/// and the same along random directions: distance at the final point, KL, and the plateaus between which the
/// output changes (stable regions, arXiv:2409.17113). A push of size 0 gives 0 exactly. `forecast` is told
/// once the seconds that are left. Throws Error(InvalidArgument) for what does not fit, as a direction or
/// line of length 0. Cancellable between blocks. Cost: (1 + controls) continuations a size.
Response response(const Model& model, const PromptContext& context, const ResponseRequest& request,
                  Progress& progress, const std::function<void(double secondsLeft)>& forecast = {});

}  // namespace rheo
