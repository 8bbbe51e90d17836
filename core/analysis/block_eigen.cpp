#define EIGEN_USE_BLAS
#include "core/analysis/block_eigen.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/analysis/symmetric_eigen.h"
#include "core/base/error.h"
#include "core/base/random.h"

namespace rheo {

namespace {

/// Vectors of a product beyond those that are wanted: the gap to them decides how fast the rest converges.
constexpr Eigen::Index spareVectors = 8;
constexpr int mostProducts = 1000;
constexpr double residualBound = 1e-10;
/// What is left of a vector of length 1 that depends on others, after it is made orthogonal to them.
constexpr double dependent = 1e-10;
/// Blocks of vectors in the space, at most.
constexpr Eigen::Index mostBlocks = 6;

/// Removes from each column of `block` its part along the columns of `space` and the columns before it,
/// scales it to length 1, and drops columns that depend on those.
void orthonormalizeAgainst(const MatrixD& space, MatrixD& block) {
    Eigen::Index kept = 0;
    for (Eigen::Index i = 0; i < block.cols(); ++i) {
        VectorD v = block.col(i);
        double norm = v.norm();
        bool independent = norm > 0;
        if (independent) v /= norm;
        for (int round = 0; independent && round < 2; ++round) {
            if (space.cols() > 0) v -= space * (space.transpose() * v);
            const auto before = block.leftCols(kept);
            if (kept > 0) v -= before * (before.transpose() * v);
            norm = v.norm();
            independent = norm > dependent;
            if (independent) v /= norm;
        }
        if (independent) block.col(kept++) = v;
    }
    block.conservativeResize(Eigen::NoChange, kept);
}

void append(MatrixD& matrix, const MatrixD& columns) {
    matrix.conservativeResize(columns.rows(), matrix.cols() + columns.cols());
    matrix.rightCols(columns.cols()) = columns;
}

}  // namespace

VectorD largestEigenvalues(const BlockProduct& product, Eigen::Index n, int k, std::size_t memoryBytes,
                           MatrixD* vectors, const Progress& progress) {
    const Eigen::Index block = std::min<Eigen::Index>(n, k + spareVectors);
    const auto fits = static_cast<Eigen::Index>(memoryBytes / (2 * sizeof(double)) /
                                                static_cast<std::size_t>(n));  // the space and its product
    const Eigen::Index most = std::min(n, std::clamp(fits, 2 * block, mostBlocks * block));

    RandomStream random(0, 0);
    MatrixD next(n, block);
    for (double& x : next.reshaped()) x = random.sign();
    next = product(next);  // within the range of the matrix
    MatrixD space(n, 0), products(n, 0);
    orthonormalizeAgainst(space, next);
    if (next.cols() == 0) {
        if (vectors != nullptr) vectors->resize(0, n);
        return {};
    }
    for (int made = 1; made < mostProducts; ++made) {
        progress.check();
        append(products, product(next));
        append(space, next);
        MatrixD small = space.transpose() * products;
        small = (small + small.transpose()).eval() / 2;
        MatrixD ritz;  // as rows
        const VectorD values = symmetricEigen(small, static_cast<int>(block), &ritz, progress);
        const Eigen::Index wanted = std::min<Eigen::Index>(k, values.size());
        MatrixD best = space * ritz.transpose();
        MatrixD bestProducts = products * ritz.transpose();
        MatrixD residuals = bestProducts - best * values.asDiagonal();
        bool converged = true;
        for (Eigen::Index i = 0; i < wanted; ++i)
            converged = converged && residuals.col(i).norm() <= residualBound * std::abs(values[0]);
        if (!converged) {
            orthonormalizeAgainst(space, residuals);
            converged = residuals.cols() == 0;  // the space is all that the matrix has
        }
        if (converged) {
            if (vectors != nullptr) *vectors = best.leftCols(wanted).transpose();
            return values.head(wanted);
        }
        if (space.cols() + residuals.cols() > most) {
            space = std::move(best);
            products = std::move(bestProducts);
            orthonormalizeAgainst(space, residuals);
        }
        next = std::move(residuals);
    }
    throw Error(
        ErrorCode::Internal,
        fmt::format("the largest eigenvalues of a covariance did not converge in {} products", mostProducts));
}

void orthonormalizeRows(MatrixD& vectors, const std::vector<Eigen::Index>& usable) {
    for (Eigen::Index i = 0; i < vectors.rows(); ++i) {
        const auto before = vectors.topRows(i);
        const auto project = [&](VectorD& v) {
            for (int round = 0; round < 2; ++round) v -= before.transpose() * (before * v);
        };
        VectorD v = vectors.row(i).transpose();
        const double length = v.norm();
        if (length > 0) {
            v /= length;
            project(v);
        }
        if (!(v.norm() > 0.5)) {
            // What a unit vector has outside of the rows before is 1 less the squares of its entries there.
            const VectorD outside =
                VectorD::Ones(vectors.cols()) - before.colwise().squaredNorm().transpose();
            Eigen::Index farthest = usable.front();
            for (const auto u : usable)
                if (outside[u] > outside[farthest] + 1e-12) farthest = u;
            v = VectorD::Unit(vectors.cols(), farthest);
            project(v);
        }
        vectors.row(i) = v.normalized().transpose();
    }
}

}  // namespace rheo
