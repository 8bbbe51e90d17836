// Products of matrices run in BLAS (OpenBLAS on Debian), which chooses its kernels for the processor at run
// time.
#define EIGEN_USE_BLAS
#include "core/analysis/covariance.h"

#include <Spectra/MatOp/DenseSymMatProd.h>
#include <Spectra/SymEigsSolver.h>
#include <fmt/format.h>
#include <Eigen/Dense>
#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/base/error.h"

// Only OpenBLAS has these; with another BLAS its own settings hold.
extern "C" {
void openblas_set_num_threads(int threads) __attribute__((weak));
int openblas_get_num_threads() __attribute__((weak));
}

namespace rheo {

namespace {

constexpr Eigen::Index denseLimit = 1024;
/// Multiplications of one slice: some tens of milliseconds.
constexpr double sliceWork = 1e9;
/// Values of the states that are added at once: they are there three times.
constexpr double batchValues = 1 << 18;

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

CovarianceSum::CovarianceSum(std::int64_t units)
    : m_sum(VectorD::Zero(units)), m_products(Eigen::MatrixXd::Zero(units, units)) {}

void CovarianceSum::add(const Eigen::Ref<const MatrixD>& states) {
    if (states.rows() == 0) return;
    if (m_count == 0) m_shift = states.colwise().mean().transpose();
    // Column-major, so that the rank update is one call of dsyrk.
    const Eigen::MatrixXd centred = (states.rowwise() - m_shift.transpose()).transpose();
    m_sum += centred.rowwise().sum();
    m_products.selfadjointView<Eigen::Lower>().rankUpdate(centred);
    m_count += states.rows();
}

VectorD CovarianceSum::mean() const {
    return m_shift + m_sum / static_cast<double>(m_count);
}

MatrixD CovarianceSum::covariance() const {
    const auto n = static_cast<double>(m_count);
    MatrixD covariance = m_products.selfadjointView<Eigen::Lower>();
    covariance.noalias() -= m_sum * (m_sum / n).transpose();
    return covariance / (n - 1);
}

double CovarianceSum::trace() const {
    const auto n = static_cast<double>(m_count);
    return (m_products.trace() - m_sum.squaredNorm() / n) / (n - 1);
}

MatrixD centredPoint(const TraceView& view, std::int64_t point) {
    MatrixD states = readViewPoint(view, point).cast<double>();
    scaleStates(view, states);
    const Eigen::RowVectorXd mean = states.colwise().mean();
    states.rowwise() -= mean;
    for (const auto unit : view.maskedUnits) states.col(unit).setZero();
    return states;
}

MatrixD smallerGram(const MatrixD& centred, const Progress& progress) {
    const Eigen::Index rows = centred.rows(), units = centred.cols();
    const bool byRows = rows < units;
    const Eigen::Index side = byRows ? rows : units, inner = byRows ? units : rows;
    const auto slice = std::max<Eigen::Index>(
        16, static_cast<Eigen::Index>(sliceWork / (static_cast<double>(side) * static_cast<double>(side))));
    Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(side, side);
    for (Eigen::Index at = 0; at < inner; at += slice) {
        progress.check();
        const Eigen::Index count = std::min(slice, inner - at);
        const Eigen::MatrixXd part = byRows ? Eigen::MatrixXd(centred.middleCols(at, count))
                                            : Eigen::MatrixXd(centred.middleRows(at, count).transpose());
        gram.selfadjointView<Eigen::Lower>().rankUpdate(part);
    }
    return MatrixD(gram.selfadjointView<Eigen::Lower>()) / static_cast<double>(rows - 1);
}

MatrixD pointGram(const TraceView& view, std::int64_t point, const Progress& progress) {
    const std::int64_t rows = view.rowCount(), units = view.unitCount();
    if (rows < units) return smallerGram(centredPoint(view, point), progress);
    const double square = static_cast<double>(units) * static_cast<double>(units);
    const auto atOnce = static_cast<std::int64_t>(
        std::clamp(std::min(sliceWork / square, batchValues / static_cast<double>(units)), 16.0, 2048.0));
    CovarianceSum sum(units);
    for (std::int64_t first = 0; first < rows; first += atOnce) {
        progress.check();
        MatrixD states = readViewPoint(view, point, first, std::min(atOnce, rows - first)).cast<double>();
        scaleStates(view, states);
        sum.add(states);
    }
    return sum.covariance();
}

PointSpectra pointSpectra(const TraceView& view, bool explained, Progress& progress) {
    constexpr int shares = 3;
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    const std::int64_t points = view.pointCount();
    PointSpectra spectra;
    spectra.participationRatio = VectorD::Constant(points, nan);
    if (explained) spectra.explained = MatrixD::Constant(points, shares, nan);
    for (std::int64_t p = 0; p < points && view.rowCount() >= 3; ++p) {
        const MatrixD gram = pointGram(view, p, progress);
        const double trace = gram.trace(), squares = gram.squaredNorm();
        if (squares > 0) spectra.participationRatio[p] = trace * trace / squares;
        if (explained && trace > 0) {
            const VectorD values = largestEigenvalues(gram, shares, nullptr, progress);
            for (Eigen::Index i = 0; i < values.size(); ++i)
                spectra.explained(p, i) = std::max(0.0, values[i]) / trace;
        }
        progress.report(static_cast<double>(p + 1), static_cast<double>(points));
    }
    return spectra;
}

VectorD largestEigenvalues(const MatrixD& symmetric, int k, MatrixD* vectors, const Progress& progress) {
    const Eigen::Index n = symmetric.rows();
    progress.check();
    if (n <= denseLimit || 2 * k + 1 >= n) {
        const auto how = vectors != nullptr ? Eigen::ComputeEigenvectors : Eigen::EigenvaluesOnly;
        const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(symmetric, how);
        if (solver.info() != Eigen::Success)
            throw Error(ErrorCode::Internal, "the eigenvalues of a covariance did not converge");
        const Eigen::Index kept = std::min<Eigen::Index>(k, n);
        if (vectors != nullptr)
            *vectors = solver.eigenvectors().rightCols(kept).rowwise().reverse().transpose();
        return solver.eigenvalues().tail(kept).reverse();
    }
    CheckedProduct product(symmetric, progress);
    const Eigen::Index space = std::min<Eigen::Index>(n, std::max<Eigen::Index>(2 * k + 1, 40));
    Spectra::SymEigsSolver<CheckedProduct> solver(product, k, space);
    solver.init();
    solver.compute(Spectra::SortRule::LargestAlge, 1000, 1e-12, Spectra::SortRule::LargestAlge);
    if (solver.info() != Spectra::CompInfo::Successful)
        throw Error(ErrorCode::Internal, "Lanczos did not find the largest eigenvalues of a covariance");
    const VectorD values = solver.eigenvalues();
    const Eigen::MatrixXd found = solver.eigenvectors();
    const double worst = (symmetric * found - found * values.asDiagonal()).colwise().norm().maxCoeff();
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
