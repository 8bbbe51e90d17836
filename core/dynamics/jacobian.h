#pragma once

#include <functional>

#include "core/analysis/trace_view.h"
#include "core/base/progress.h"
#include "core/dynamics/jacobian_result.h"
#include "core/model/model.h"

namespace rheo {

/// Singular values, eigenvalues and what follows from them of a square matrix. Up to 1,024 rows all values:
/// 20 n^3 operations. Above, the `values` largest of each, by Lanczos on A'A and Arnoldi on A; what needs all
/// of them (effective rank, Henrici's departure, the complex share) is NaN. Throws Error(InvalidArgument) for
/// a matrix that is not square, or not finite, and Error(Internal) where an iteration does not converge.
/// Cancellable between the two.
MatrixSpectrum matrixSpectrum(const MatrixD& matrix, int values, const Progress& progress);

/// The exponents of a product of matrices, first factor first: the mean over factors of ln |R_ii| of
/// successive QR decompositions (Benettin et al. 1980), largest first, nats a factor. [count]
VectorD lyapunovExponents(const std::vector<MatrixD>& factors, Eigen::Index count, const Progress& progress);

/// The derivatives of all steps for one token, from `first` to the final point: Model::stepJacobian of each.
std::vector<MatrixD> stepJacobians(const Model& model, const PromptContext& context, PointIndex first,
                                   int token, bool alone, Progress& progress);

/// The directions of a state that the remaining steps carry farthest: the leading right singular vectors of
/// the product of `factors`, first factor first. Each row of `vectors` [count, unit] has length 1, its
/// largest entry positive; `gains` [count] are the singular values.
struct LeadingDirections {
    MatrixD vectors;
    VectorD gains;
};
LeadingDirections leadingDirections(const std::vector<MatrixD>& factors, int count, const Progress& progress);

/// Of rows of a view, with the model that made its trace. Rows are evenly spaced; each is run after the
/// earlier tokens of its sample. `untrained`, where it is not null, gives the means over the same rows in
/// another network. Throws Error(Unsupported) for a trace that does not say its tokens,
/// Error(InvalidArgument) for options out of range. Cost a row and step: three times the step for D rows, and
/// 60 D^3 operations.
JacobianResult jacobians(const Model& model, const TraceView& view, const JacobianOptions& options,
                         const Model* untrained, Progress& progress);

}  // namespace rheo
