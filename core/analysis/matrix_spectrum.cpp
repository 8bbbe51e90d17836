// Products and decompositions run in BLAS.
#define EIGEN_USE_BLAS
#include "core/analysis/matrix_spectrum.h"

#include <Spectra/GenEigsSolver.h>
#include <Spectra/SymEigsSolver.h>
#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <complex>
#include <functional>
#include <limits>
#include <span>
#include <string>

#include "core/base/error.h"
#include "core/base/random.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr Eigen::Index mostWhole = 1024;  ///< units up to which all values are found

void requireThat(bool holds, ErrorCode code, const std::string& otherwise) {
    if (!holds) throw Error(code, otherwise);
}

/// A matrix that is there.
class DenseMap : public LinearMap {
public:
    explicit DenseMap(const MatrixD& matrix) : m_matrix(matrix) {}
    Eigen::Index size() const override { return m_matrix.cols(); }
    MatrixD times(const MatrixD& vectors) const override { return vectors * m_matrix.transpose(); }
    MatrixD transposedTimes(const MatrixD& vectors) const override { return vectors * m_matrix; }

private:
    const MatrixD& m_matrix;
};

/// A map, or A'A of it, as Spectra multiplies by it. Stops where that is asked for.
class Product {
public:
    using Scalar = double;
    Product(const LinearMap& map, bool gram, const Progress& progress)
        : m_map(map), m_gram(gram), m_progress(progress) {}
    Eigen::Index rows() const { return m_map.size(); }
    Eigen::Index cols() const { return m_map.size(); }
    void perform_op(const double* in, double* out) const {
        m_progress.check();
        const MatrixD once = m_map.times(Eigen::Map<const MatrixD>(in, 1, cols()));
        Eigen::Map<MatrixD>(out, 1, cols()) = m_gram ? m_map.transposedTimes(once) : once;
    }

private:
    const LinearMap& m_map;
    bool m_gram;
    const Progress& m_progress;
};

constexpr double residual = 1e-10;   ///< of a value, at which it is found
constexpr int mostRestarts = 300;    ///< of an iteration
constexpr Eigen::Index probes = 64;  ///< of an estimated trace

Eigen::Index krylovSpace(Eigen::Index n, Eigen::Index k) {
    return std::min(n, std::max<Eigen::Index>(2 * k + 10, 20));
}

/// Of A, [k] largest first; NaN for those not found.
VectorD lanczosSingularValues(const LinearMap& map, Eigen::Index k, const Progress& progress) {
    Product gram(map, true, progress);
    Spectra::SymEigsSolver<Product> lanczos(gram, k, krylovSpace(map.size(), k));
    lanczos.init();
    lanczos.compute(Spectra::SortRule::LargestMagn, mostRestarts, residual);
    VectorD values = VectorD::Constant(k, nan);
    const VectorD found = lanczos.eigenvalues();
    values.head(found.size()) = found.cwiseMax(0).cwiseSqrt();
    return values;
}

/// |A + A'|^2 / (4 |A|^2) from products with random signs v: the mean of |A v|^2 is |A|^2, and that of
/// (A v).(A' v) the trace of A A.
double estimatedSymmetricShare(const LinearMap& map) {
    RandomStream random(0);
    MatrixD signs(probes, map.size());
    for (double& sign : std::span(signs.data(), static_cast<std::size_t>(signs.size()))) sign = random.sign();
    const MatrixD forward = map.times(signs), backward = map.transposedTimes(signs);
    const double squares = forward.squaredNorm() + backward.squaredNorm();
    return squares > 0 ? (forward + backward).squaredNorm() / (2 * squares) : nan;
}

MatrixD byMagnitude(const Eigen::VectorXcd& values) {
    std::vector<std::complex<double>> sorted(values.begin(), values.end());
    // Conjugate pairs stand together, the one with a positive imaginary part first.
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
        const double x = std::abs(a), y = std::abs(b);
        return x != y ? x > y : a.imag() > b.imag();
    });
    MatrixD parts(static_cast<Eigen::Index>(sorted.size()), 2);
    for (Eigen::Index i = 0; i < parts.rows(); ++i)
        parts.row(i) << sorted[static_cast<std::size_t>(i)].real(),
            sorted[static_cast<std::size_t>(i)].imag();
    return parts;
}

MatrixSpectrum wholeSpectrum(const Eigen::MatrixXd& a, const Progress& progress) {
    MatrixSpectrum found;
    found.singularValues = Eigen::BDCSVD<Eigen::MatrixXd>(a).singularValues();
    progress.check();
    const Eigen::EigenSolver<Eigen::MatrixXd> solver(a, false);
    requireThat(solver.info() == Eigen::Success, ErrorCode::Internal, "the eigenvalues did not converge");
    found.eigenvalues = byMagnitude(solver.eigenvalues());
    found.effectiveRank = effectiveRank(found.singularValues);
    const double square = a.squaredNorm(), ofEigenvalues = found.eigenvalues.squaredNorm();
    found.henrici = square > 0 ? std::sqrt(std::max(0.0, square - ofEigenvalues) / square) : nan;
    found.complexShare = static_cast<double>((found.eigenvalues.col(1).array() != 0).count()) /
                         static_cast<double>(found.eigenvalues.rows());
    return found;
}

}  // namespace

double effectiveRank(const VectorD& singularValues) {
    const double sum = singularValues.sum();
    if (!(sum > 0)) return nan;
    const Eigen::ArrayXd p = singularValues.array() / sum;
    return std::exp(-(p > 0).select(p * p.max(1e-300).log(), 0.0).sum());
}

VectorD singularValues(const MatrixD& matrix, Eigen::Index count, const Progress& progress) {
    progress.check();
    if (matrix.rows() <= mostWhole)
        return Eigen::BDCSVD<Eigen::MatrixXd>(Eigen::MatrixXd(matrix)).singularValues();
    return largestSingularValues(matrix, count, progress);
}

VectorD largestSingularValues(const MatrixD& matrix, Eigen::Index count, const Progress& progress) {
    requireThat(
        count >= 1 && count < matrix.rows(), ErrorCode::InvalidArgument,
        fmt::format("{} singular values are asked for, and there can be 1 to {}", count, matrix.rows() - 1));
    return lanczosSingularValues(DenseMap(matrix), count, progress);
}

MatrixD product(const MatrixD& a, const MatrixD& b) {
    return a * b;
}

MatrixSpectrum matrixSpectrum(const MatrixD& matrix, int values, const Progress& progress) {
    requireThat(matrix.rows() == matrix.cols() && matrix.rows() > 0, ErrorCode::InvalidArgument,
                fmt::format("a spectrum is of a square matrix, and this one is {} by {}", matrix.rows(),
                            matrix.cols()));
    requireThat(matrix.allFinite(), ErrorCode::InvalidArgument,
                "the matrix holds a value that is not finite");
    const Eigen::MatrixXd a = matrix;
    MatrixSpectrum found = a.rows() <= mostWhole ? wholeSpectrum(a, progress)
                                                 : largestOfSpectrum(DenseMap(matrix), values, progress);
    const double square = a.squaredNorm();
    found.symmetricShare = square > 0 ? (a + a.transpose()).squaredNorm() / (4 * square) : nan;
    return found;
}

MatrixSpectrum largestOfSpectrum(const LinearMap& map, int values, const Progress& progress) {
    const Eigen::Index n = map.size();
    requireThat(n >= 4, ErrorCode::InvalidArgument,
                fmt::format("an iteration finds values of at least 4 rows, and there are {}", n));
    const Eigen::Index k = std::clamp<Eigen::Index>(values, 1, n - 3);
    MatrixSpectrum found;
    found.singularValues = lanczosSingularValues(map, k, progress);
    Product product(map, false, progress);
    Spectra::GenEigsSolver<Product> arnoldi(product, k, krylovSpace(n, k));
    arnoldi.init();
    arnoldi.compute(Spectra::SortRule::LargestMagn, mostRestarts, residual);
    found.eigenvalues = MatrixD::Constant(k, 2, nan);
    const MatrixD converged = byMagnitude(arnoldi.eigenvalues());
    found.eigenvalues.topRows(converged.rows()) = converged;
    found.effectiveRank = found.henrici = found.complexShare = nan;
    found.symmetricShare = estimatedSymmetricShare(map);
    return found;
}

void addLyapunovFactor(const MatrixD& carried, MatrixD& frame, VectorD& sum) {
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(carried.transpose());
    const Eigen::Index count = carried.rows(), n = carried.cols();
    sum.array() += qr.matrixQR().diagonal().head(count).array().abs().log();
    frame = (qr.householderQ() * Eigen::MatrixXd::Identity(n, count)).transpose();
}

VectorD lyapunovExponents(const std::vector<MatrixD>& factors, Eigen::Index count, const Progress& progress) {
    requireThat(!factors.empty() && count >= 1 && count <= factors.front().cols(), ErrorCode::InvalidArgument,
                "exponents are of at least one factor, as many as it has columns at most");
    MatrixD frame = MatrixD::Identity(count, factors.front().cols());
    VectorD sum = VectorD::Zero(count);
    for (const MatrixD& factor : factors) {
        progress.check();
        addLyapunovFactor(frame * factor.transpose(), frame, sum);
    }
    sum /= static_cast<double>(factors.size());
    std::sort(sum.begin(), sum.end(), std::greater<>());
    return sum;
}

SingularVectors leadingSingularVectors(const MatrixD& matrix, int count, const Progress& progress) {
    progress.check();
    requireThat(
        count >= 1 && count < matrix.cols(), ErrorCode::InvalidArgument,
        fmt::format("{} directions are asked for, and there can be 1 to {}", count, matrix.cols() - 1));
    const DenseMap map(matrix);
    Product gram(map, true, progress);
    Spectra::SymEigsSolver<Product> lanczos(gram, count, krylovSpace(matrix.cols(), count));
    lanczos.init();
    lanczos.compute(Spectra::SortRule::LargestMagn, 1000, 1e-12);
    requireThat(lanczos.info() == Spectra::CompInfo::Successful, ErrorCode::Internal,
                "the singular vectors did not converge");
    SingularVectors leading{lanczos.eigenvectors().transpose(),
                            lanczos.eigenvalues().cwiseMax(0).cwiseSqrt()};
    for (Eigen::Index i = 0; i < count; ++i) {
        Eigen::Index largest = 0;
        leading.vectors.row(i).cwiseAbs().maxCoeff(&largest);
        if (leading.vectors(i, largest) < 0) leading.vectors.row(i) *= -1;
    }
    return leading;
}

}  // namespace rheo
