#pragma once

#include <functional>
#include <vector>

#include "core/base/progress.h"
#include "core/dynamics/flow_result.h"
#include "core/model/model.h"
#include "core/statistics/pca.h"

namespace rheo {

/// Half the width of a grid along component `axis`: twice the standard deviation of states along it; where
/// the basis does not know that, the RMS norm of the prompt's states at the point (rmsNormAt).
double flowExtent(const Model& model, const PromptContext& context, const PcaBasis& basis, PointIndex point,
                  int axis);

/// Teleports of one token over a grid of coordinates about its own, by shift along the two axes (of a skew
/// frame along the axes as they are drawn). All runs reuse the keys and values of earlier tokens. `forecast`
/// is told once, after the first batch, the seconds that are left. Throws Error(InvalidArgument) for axes, a
/// grid, a point or a token that do not fit, Error(Unsupported) for a basis of scaled states, Error(Mismatch)
/// for one of another width. Cancellable between blocks. Cost: (1 + controls) continuations a cell.
Flow flow(const Model& model, const PromptContext& context, const PcaBasis& basis, const FlowRequest& request,
          Progress& progress, const std::function<void(double secondsLeft)>& forecast = {});
/// The same at several points, ascending, each in place of `request.point`; `forecast` is told what all of
/// them take. Throws Error(InvalidArgument) without a point.
std::vector<Flow> flowsAt(const Model& model, const PromptContext& context, const PcaBasis& basis,
                          const FlowRequest& request, const std::vector<PointIndex>& points,
                          Progress& progress, const std::function<void(double secondsLeft)>& forecast = {});

}  // namespace rheo
