// Products of matrices run in BLAS (OpenBLAS on Debian), which chooses its kernels for the processor at run
// time.
#define EIGEN_USE_BLAS
#include "core/analysis/covariance.h"

#include <Spectra/MatOp/DenseSymMatProd.h>
#include <Spectra/SymEigsSolver.h>
#include <fmt/format.h>
#include <Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <optional>

#include "core/analysis/symmetric_eigen.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

// Only OpenBLAS has these; with another BLAS its own settings hold.
extern "C" {
void openblas_set_num_threads(int threads) __attribute__((weak));
int openblas_get_num_threads() __attribute__((weak));
}

namespace rheo {

namespace {

constexpr Eigen::Index denseLimit = 1024;
/// Of Lanczos: what it does between two products grows with the square of it.
constexpr int mostByLanczos = 128;
/// Rows of a matrix that are worked on between two looks for a stop: megabytes.
constexpr Eigen::Index bandRows = 128;
/// Multiplications of one slice: some tens of milliseconds.
constexpr double sliceWork = 1e9;
/// Units that one thread centres: their shifts and sums stay in the first-level cache.
constexpr std::int64_t unitsAtOnce = 512;

std::mutex serialMutex;
int serialScopes = 0;
int threadsBefore = 0;

/// A symmetric matrix times a vector, with a check for a stop.
class CheckedProduct {
public:
    using Scalar = double;
    CheckedProduct(const MatrixD& matrix, const Progress& progress)
        : m_matrix(matrix), m_progress(progress) {}
    Eigen::Index rows() const { return m_matrix.rows(); }
    Eigen::Index cols() const { return m_matrix.cols(); }
    void perform_op(const double* in, double* out) const {
        m_progress.check();
        Eigen::Map<Eigen::VectorXd>(out, rows()).noalias() =
            m_matrix * Eigen::Map<const Eigen::VectorXd>(in, cols());
    }

private:
    const MatrixD& m_matrix;
    const Progress& m_progress;
};

}  // namespace

CovarianceSum::CovarianceSum(std::int64_t units) : m_sum(VectorD::Zero(units)) {}

void CovarianceSum::open(int threads) {
    if (m_products.size() > 0) return;
    // Written, not only promised to be 0: each page would be a fault within dsyrk.
    m_products.resize(m_sum.size(), m_sum.size());
    parallelFor(m_products.cols(), bandRows, threads, Progress(), [&](std::int64_t begin, std::int64_t end) {
        m_products.middleCols(begin, end - begin).setZero();
    });
}

void CovarianceSum::add(Eigen::Ref<MatrixD> states, int threads) {
    if (states.rows() == 0) return;
    open(threads);
    if (m_count == 0) m_shift = states.colwise().mean().transpose();
    parallelFor(m_sum.size(), unitsAtOnce, threads, Progress(), [&](std::int64_t begin, std::int64_t end) {
        const auto shift = m_shift.segment(begin, end - begin).transpose();
        auto sum = m_sum.segment(begin, end - begin).transpose();
        for (Eigen::Index i = 0; i < states.rows(); ++i) {
            auto state = states.row(i).segment(begin, end - begin);
            state -= shift;
            sum += state;
        }
    });
    // Their transpose is column-major: the rank update is one call of dsyrk.
    m_products.selfadjointView<Eigen::Lower>().rankUpdate(states.transpose());
    m_count += states.rows();
}

VectorD CovarianceSum::mean() const {
    return m_shift + m_sum / static_cast<double>(m_count);
}

MatrixD CovarianceSum::covariance(const Progress& progress) const {
    const auto n = static_cast<double>(m_count);
    const Eigen::Index units = m_sum.size();
    MatrixD covariance(units, units);
    for (Eigen::Index i = 0; i < units; i += bandRows) {
        progress.check();
        const Eigen::Index rows = std::min(bandRows, units - i);
        for (Eigen::Index j = 0; j <= i; j += bandRows) {
            const Eigen::Index columns = std::min(bandRows, units - j);
            Eigen::MatrixXd block = m_products.block(i, j, rows, columns);
            if (i == j) block = Eigen::MatrixXd(block.selfadjointView<Eigen::Lower>());
            block -= m_sum.segment(i, rows) * (m_sum.segment(j, columns) / n).transpose();
            covariance.block(i, j, rows, columns) = block / (n - 1);
            covariance.block(j, i, columns, rows) = block.transpose() / (n - 1);
        }
    }
    return covariance;
}

double CovarianceSum::trace() const {
    const auto n = static_cast<double>(m_count);
    return (m_products.trace() - m_sum.squaredNorm() / n) / (n - 1);
}

void centrePoint(const TraceView& view, std::int64_t point, MatrixD& states, VectorD& mean,
                 const Progress& progress) {
    states.resize(view.rowCount(), view.unitCount());
    mean.setZero(states.cols());
    const auto forEachBand = [&](auto use) {
        for (Eigen::Index first = 0; first < states.rows(); first += bandRows) {
            progress.check();
            use(first, states.middleRows(first, std::min(bandRows, states.rows() - first)));
        }
    };
    forEachBand([&](Eigen::Index first, auto band) {
        band = readViewPoint(view, point, first, band.rows()).template cast<double>();
        scaleStates(view, band);
        for (Eigen::Index i = 0; i < band.rows(); ++i) mean += band.row(i).transpose();
    });
    mean /= static_cast<double>(states.rows());
    forEachBand([&](Eigen::Index, auto band) {
        band.rowwise() -= mean.transpose();
        for (const auto unit : view.maskedUnits) band.col(unit).setZero();
    });
}

void smallerGram(const MatrixD& centred, MatrixD& gram, const Progress& progress) {
    const Eigen::Index rows = centred.rows(), units = centred.cols();
    const bool byRows = rows < units;
    const Eigen::Index side = byRows ? rows : units, inner = byRows ? units : rows;
    const auto slice = std::max<Eigen::Index>(
        16, static_cast<Eigen::Index>(sliceWork / (static_cast<double>(side) * static_cast<double>(side))));
    gram.resize(side, side);
    for (Eigen::Index i = 0; i < side; i += bandRows) {
        progress.check();
        gram.middleRows(i, std::min(bandRows, side - i)).setZero();
    }
    for (Eigen::Index at = 0; at < inner; at += slice) {
        progress.check();
        const Eigen::Index count = std::min(slice, inner - at);
        if (byRows)
            gram.selfadjointView<Eigen::Lower>().rankUpdate(centred.middleCols(at, count));
        else
            gram.selfadjointView<Eigen::Lower>().rankUpdate(centred.middleRows(at, count).transpose());
    }
    for (Eigen::Index i = 0; i < side; i += bandRows) {
        progress.check();
        const Eigen::Index count = std::min(bandRows, side - i);
        gram.block(i, 0, count, i + count) /= static_cast<double>(rows - 1);
        gram.block(0, i, i, count) = gram.block(i, 0, count, i).transpose();
        gram.block(i, i, count, count).triangularView<Eigen::StrictlyUpper>() =
            gram.block(i, i, count, count).transpose();
    }
}

VectorD largestEigenvalues(const MatrixD& symmetric, int k, MatrixD* vectors, const Progress& progress) {
    const Eigen::Index n = symmetric.rows();
    progress.check();
    if (n <= denseLimit || k > mostByLanczos) return symmetricEigen(symmetric, k, vectors, progress);
    CheckedProduct product(symmetric, progress);
    const Eigen::Index space = std::min<Eigen::Index>(n, std::max<Eigen::Index>(2 * k + 1, 40));
    Spectra::SymEigsSolver<CheckedProduct> solver(product, k, space);
    solver.init();
    solver.compute(Spectra::SortRule::LargestAlge, 1000, 1e-12, Spectra::SortRule::LargestAlge);
    if (solver.info() != Spectra::CompInfo::Successful)
        throw Error(ErrorCode::Internal, "Lanczos did not find the largest eigenvalues of a covariance");
    const VectorD values = solver.eigenvalues();
    const Eigen::MatrixXd found = solver.eigenvectors();
    double worst = 0;
    for (Eigen::Index i = 0; i < found.cols(); ++i) {
        progress.check();
        worst = std::max(worst, (symmetric * found.col(i) - values[i] * found.col(i)).norm());
    }
    if (worst > 1e-10 * std::abs(values[0]))
        throw Error(ErrorCode::Internal,
                    fmt::format("Lanczos left a residual of {:.1e} of the largest eigenvalue",
                                worst / std::abs(values[0])));
    if (vectors != nullptr) *vectors = found.transpose();
    return values;
}

SerialBlas::SerialBlas() {
    if (openblas_set_num_threads == nullptr || openblas_get_num_threads == nullptr) return;
    const std::lock_guard lock(serialMutex);
    if (serialScopes++ > 0) return;
    threadsBefore = openblas_get_num_threads();
    openblas_set_num_threads(1);
}

SerialBlas::~SerialBlas() {
    if (openblas_set_num_threads == nullptr || openblas_get_num_threads == nullptr) return;
    const std::lock_guard lock(serialMutex);
    if (--serialScopes == 0) openblas_set_num_threads(threadsBefore);
}

}  // namespace rheo
