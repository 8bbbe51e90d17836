#pragma once

#include <cstdint>
#include <vector>

#include "core/base/array.h"

namespace rheo {

struct JacobianOptions {
    int rows = 4;  ///< of the view, evenly spaced
    bool alone =
        false;        ///< each row as a lone token; else after the earlier tokens of its sample, held fixed
    int values = 64;  ///< singular values and eigenvalues found where a state has more than `mostWhole` units
    std::int64_t mostWhole = 1024;  ///< units up to which derivatives are formed, and all values found
};

/// Derivatives of the steps of a network about rows. N rows, S steps of the whole model, k values. A value
/// that is not defined, or was not found, is NaN.
struct JacobianResult {
    std::vector<std::int64_t> rows;                                ///< [N] of the view
    Array3<double> singularValues;                                 ///< [N, S, k] of each step
    Array3<double> eigenvalueReal, eigenvalueImaginary;            ///< [N, S, k]
    MatrixD effectiveRank, henrici, complexShare, symmetricShare;  ///< [N, S]
    /// [N, S, k] of all steps from that one to the end together, and their effective rank [N, S]: how many
    /// directions of a state still matter at the end.
    Array3<double> remainingSingularValues;
    MatrixD remainingEffectiveRank;
    /// [N, S] effective rank of all steps up to and with that one together.
    MatrixD cumulativeEffectiveRank;
    MatrixD lyapunov;  ///< [N, k] finite-depth exponents, nats a step, largest first
    /// [S] means over the same rows in an untrained network of the same shape; empty: it was not asked for.
    VectorD untrainedHenrici, untrainedSymmetricShare, untrainedComplexShare, untrainedEffectiveRank,
        untrainedCumulativeEffectiveRank;
    MatrixD untrainedHenriciRows, untrainedCumulativeRankRows;  ///< [N, S] the same of each row
    std::int64_t alone = 0;                                     ///< 1: of lone tokens
    std::int64_t excludedRows = 0;                              ///< none: a row that is not finite is refused

    Eigen::Index steps() const { return henrici.cols(); }
};

}  // namespace rheo
