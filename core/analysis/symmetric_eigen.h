#pragma once

#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

/// The `k` largest eigenvalues of a symmetric matrix [n, n], largest first, and the unit vectors to them as
/// the rows of `vectors`, [k, n], if that is not null; k at most n. All eigenvalues are found: to tridiagonal
/// form by Householder reflections, and from there by implicit QR steps with Wilkinson's shift (Golub and Van
/// Loan, Matrix Computations, 4th ed., algorithms 8.3.1 to 8.3.3). Errors are of the rounding of the largest
/// eigenvalue. Costs 4/3 n^3 multiplications, half of them bound by memory, and with vectors about 5 n^3
/// more; holds one copy of the matrix, with vectors two.
///
/// Asks for a stop every few milliseconds, which the solvers of Eigen and LAPACK cannot. Throws Cancelled,
/// and Error(Internal) for a matrix with values that are not finite.
VectorD symmetricEigen(const MatrixD& symmetric, int k, MatrixD* vectors, const Progress& progress);

}  // namespace rheo
