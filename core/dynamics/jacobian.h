#pragma once

#include <vector>

#include "core/analysis/matrix_spectrum.h"
#include "core/analysis/trace_view.h"
#include "core/base/progress.h"
#include "core/dynamics/jacobian_result.h"
#include "core/model/model.h"

namespace rheo {

/// The derivatives of all steps for one token, from `first` to the final point: Model::stepJacobian of each.
std::vector<MatrixD> stepJacobians(const Model& model, const PromptContext& context, PointIndex first,
                                   int token, bool alone, Progress& progress);

/// The directions of a state that the remaining steps carry farthest: the leading right singular vectors of
/// the product of `factors`, first factor first. Throws Error(InvalidArgument) without a factor, and as
/// leadingSingularVectors.
SingularVectors leadingDirections(const std::vector<MatrixD>& factors, int count, const Progress& progress);

/// Of rows of a view, with the model that made its trace. Rows are evenly spaced; each is run after the
/// earlier tokens of its sample. `untrained`, where it is not null, gives the means over the same rows in
/// another network. Throws Error(Unsupported) for a trace that does not say its tokens,
/// Error(InvalidArgument) for options out of range. Cost a row and step: three times the step for D rows, and
/// 60 D^3 operations.
JacobianResult jacobians(const Model& model, const TraceView& view, const JacobianOptions& options,
                         const Model* untrained, Progress& progress);

}  // namespace rheo
