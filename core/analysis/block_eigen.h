#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

/// A symmetric positive semidefinite matrix times `vectors` [n, vector]: [n, vector].
using BlockProduct = std::function<MatrixD(const MatrixD& vectors)>;

/// The `k` largest eigenvalues of a matrix of n rows that is known only by its products, largest first, and
/// the vectors to them as rows if `vectors` is not null. Fewer than `k` if the rank is lower. Each product is
/// of about k + 8 vectors: a block Krylov space, restarted from the best vectors in it when it fills
/// `memoryBytes` (the block Lanczos method with thick restarts; Golub and Van Loan, Matrix Computations, 4th
/// ed., 10.3.6; Wu and Simon 2000). The residual is at most 1e-10 of the largest eigenvalue. Holds at least
/// 4 (k + 8) n numbers. Throws what `product` throws, Cancelled, and Error(Internal) if it does not converge
/// in 1,000 products.
VectorD largestEigenvalues(const BlockProduct& product, Eigen::Index n, int k, std::size_t memoryBytes,
                           MatrixD* vectors, const Progress& progress);

/// Makes the rows of `vectors` orthonormal, each to those before it. A row that depends on them (or is 0) is
/// replaced by the unit vector that is farthest from them all, among the columns that `usable` names.
void orthonormalizeRows(MatrixD& vectors, const std::vector<Eigen::Index>& usable);

}  // namespace rheo
