#pragma once

#include <cstdint>

#include "core/analysis/sweep.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

/// Sum of outer products of states about a fixed shift, fed in blocks: what a covariance is made of.
/// Float64; the products run in the BLAS library.
class CovarianceSum final : public StateStatistic {
public:
    explicit CovarianceSum(std::int64_t units);
    void open(int threads) override;

    /// Adds `states` [state, unit], which are changed. More than about 2e9 / D^2 a thread of BLAS take longer
    /// than 50 ms. The sum does not depend on `threads`.
    void add(Eigen::Ref<MatrixD> states, int threads = 1) override;

    std::int64_t count() const { return m_count; }
    VectorD mean() const;
    /// Covariance [unit, unit] (N - 1), symmetric. Checks for a stop between bands of it.
    MatrixD covariance(const Progress& progress = {}) const;
    /// Its trace, without making it.
    double trace() const;

private:
    std::int64_t m_count = 0;
    VectorD m_shift;  ///< near the mean: keeps the sums small, so that little is lost when it is taken off
    VectorD m_sum;    ///< of states less the shift
    Eigen::MatrixXd m_products;  ///< lower triangle; empty until it is opened
};

/// States of one point, centred over rows, into `states` [row, unit], and their `mean` [unit]. Scaled as the
/// view says; masked units are 0. Checks for a stop between slices of work.
void centrePoint(const TraceView& view, std::int64_t point, MatrixD& states, VectorD& mean,
                 const Progress& progress);

/// The smaller of the two symmetric matrices that carry the spectrum of a point's covariance over rows: X^T X
/// or X X^T, over N - 1, for X = `centred` [row, unit]. Checks for a stop between slices of work.
void smallerGram(const MatrixD& centred, MatrixD& gram, const Progress& progress);

/// The `k` largest eigenvalues of a symmetric matrix, largest first, and the vectors to them as rows if
/// `vectors` is not null. All of them up to 1,024 columns or for more than 128 wanted (symmetric_eigen.h);
/// else by Lanczos (residual at most 1e-10 of the largest eigenvalue). Both check for a stop between slices
/// of work. Throws Error(Internal) should it not converge.
VectorD largestEigenvalues(const MatrixD& symmetric, int k, MatrixD* vectors, const Progress& progress);

/// Runs BLAS calls on one thread while it lives, for loops that are parallel outside of them.
class SerialBlas {
public:
    SerialBlas();
    ~SerialBlas();
    SerialBlas(const SerialBlas&) = delete;
    SerialBlas& operator=(const SerialBlas&) = delete;
};

}  // namespace rheo
