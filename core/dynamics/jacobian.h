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

/// The derivative of all steps from `first` to the end together, [unit, unit]: its rows are pulled back step
/// by step, and no step's own derivative is formed. Cost a step: reverse mode for as many rows as units.
MatrixD remainingDerivative(const Model& model, const PromptContext& context, PointIndex first, int token,
                            bool alone, Progress& progress);

/// The directions of a state that the remaining steps carry farthest: the leading right singular vectors of
/// the product of `factors`, first factor first. Throws Error(InvalidArgument) without a factor, and as
/// leadingSingularVectors.
SingularVectors leadingDirections(const std::vector<MatrixD>& factors, int count, const Progress& progress);

/// Of rows of a view, with the model that made its trace. Rows are evenly spaced; each is run after the
/// earlier tokens of its sample. `untrained`, where it is not null, gives the means over the same rows in
/// another network. Throws Error(Unsupported) for a trace that does not say its tokens,
/// Error(InvalidArgument) for options out of range. Up to `options.mostWhole` units derivatives are formed;
/// cost a row and step: three times the step for D rows, and 60 D^3 operations. Above, the `options.values`
/// largest values of each step come from its products with vectors (largestOfSpectrum), those of all
/// remaining steps from the rows that were pulled back (remainingDerivative: D^2 numbers are held in place of
/// D^2 a step), and the exponents from the products; cost a row and step: three times the step for D rows,
/// and for about 20 to 50 single rows a value.
/// Spectra of steps are found side by side on `threads` threads (0: one per core).
JacobianResult jacobians(const Model& model, const TraceView& view, const JacobianOptions& options,
                         const Model* untrained, Progress& progress, int threads = 0);

}  // namespace rheo
