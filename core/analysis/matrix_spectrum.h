#pragma once

#include <vector>

#include "core/base/array.h"
#include "core/base/linear_map.h"
#include "core/base/progress.h"

namespace rheo {

/// What one matrix does to vectors. n rows and columns.
struct MatrixSpectrum {
    /// [k] largest first; all n of them up to 1,024. NaN, like an eigenvalue, for one that the iteration did
    /// not find.
    VectorD singularValues;
    MatrixD eigenvalues;  ///< [k, 2] real and imaginary parts, of largest magnitude first
    double effectiveRank =
        0;  ///< exp of the entropy of the singular values over their sum (Roy and Vetterli 2007), 1 to n
    /// Departure from normality (Henrici 1962), 0 normal to 1: sqrt(|A|^2 - sum |eigenvalue|^2) / |A|,
    /// Frobenius.
    double henrici = 0;
    double complexShare = 0;    ///< of the eigenvalues, those that are not real, 0 to 1
    double symmetricShare = 0;  ///< |A + A'|^2 / (4 |A|^2): 1 symmetric, 0 antisymmetric, Frobenius
};

/// Singular values, eigenvalues and what follows from them of a square matrix. Up to 1,024 rows all values:
/// 20 n^3 operations. Above, the `values` largest of each, as largestOfSpectrum. Throws
/// Error(InvalidArgument) for a matrix that is not square, or not finite. Cancellable.
MatrixSpectrum matrixSpectrum(const MatrixD& matrix, int values, const Progress& progress);

/// The `values` largest singular values (Lanczos on A'A) and eigenvalues (Arnoldi on A) of a matrix that is
/// known by its products: implicit restarts, residuals within 1e-10 of the value (Lehoucq et al. 1998). What
/// needs all of them (effective rank, Henrici's departure, the complex share) is NaN. symmetricShare is an
/// estimate from 64 random sign vectors (Hutchinson 1990). Throws Error(InvalidArgument) for fewer than 4
/// rows. Cost: about 4 k to 10 k products for k values, more where many lie close together. Cancellable.
MatrixSpectrum largestOfSpectrum(const LinearMap& map, int values, const Progress& progress);

/// Adds the logarithms of |R_ii| of the QR decomposition of a factor times `frame` [count, n], whose rows are
/// orthonormal, to `sum` [count], and puts the rows of Q into the frame: one factor of lyapunovExponents.
/// `carried` [count, n]: the factor times each row of the frame.
void addLyapunovFactor(const MatrixD& carried, MatrixD& frame, VectorD& sum);

/// The exponents of a product of matrices, first factor first: the mean over factors of ln |R_ii| of
/// successive QR decompositions (Benettin et al. 1980), largest first, nats a factor. [count]
VectorD lyapunovExponents(const std::vector<MatrixD>& factors, Eigen::Index count, const Progress& progress);

/// exp of the entropy of singular values over their sum, 1 to n; NaN where all are 0.
double effectiveRank(const VectorD& singularValues);

/// Up to 1,024 rows all singular values, largest first; above, the `count` largest, by Lanczos. Throws as
/// matrixSpectrum.
VectorD singularValues(const MatrixD& matrix, Eigen::Index count, const Progress& progress);

/// The `count` largest singular values by Lanczos, whatever the size; NaN for one that was not found. Throws
/// Error(InvalidArgument) unless `count` is below the number of rows.
VectorD largestSingularValues(const MatrixD& matrix, Eigen::Index count, const Progress& progress);

/// a b, in BLAS.
MatrixD product(const MatrixD& a, const MatrixD& b);

/// The leading right singular vectors of a matrix, by Lanczos on A'A: each row of `vectors` [count, column]
/// has length 1, its largest entry positive; `gains` [count] are the singular values.
struct SingularVectors {
    MatrixD vectors;
    VectorD gains;
};
/// Throws Error(InvalidArgument) unless `count` is from 1 to one less than the columns, and Error(Internal)
/// where the iteration does not converge.
SingularVectors leadingSingularVectors(const MatrixD& matrix, int count, const Progress& progress);

}  // namespace rheo
