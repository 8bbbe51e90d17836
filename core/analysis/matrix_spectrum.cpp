// Products and decompositions run in BLAS.
#define EIGEN_USE_BLAS
#include "core/analysis/matrix_spectrum.h"

#include <Spectra/GenEigsSolver.h>
#include <Spectra/MatOp/DenseGenMatProd.h>
#include <Spectra/SymEigsSolver.h>
#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <complex>
#include <functional>
#include <limits>
#include <string>

#include "core/base/error.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr Eigen::Index mostWhole = 1024;  ///< units up to which all values are found

void requireThat(bool holds, ErrorCode code, const std::string& otherwise) {
    if (!holds) throw Error(code, otherwise);
}

/// A'A as Spectra multiplies by it.
class GramProduct {
public:
    using Scalar = double;
    explicit GramProduct(const Eigen::MatrixXd& matrix) : m_matrix(matrix) {}
    Eigen::Index rows() const { return m_matrix.cols(); }
    Eigen::Index cols() const { return m_matrix.cols(); }
    void perform_op(const double* in, double* out) const {
        Eigen::Map<Eigen::VectorXd>(out, cols()) =
            m_matrix.transpose() * (m_matrix * Eigen::Map<const Eigen::VectorXd>(in, cols()));
    }

private:
    const Eigen::MatrixXd& m_matrix;
};

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

MatrixSpectrum largestOfSpectrum(const Eigen::MatrixXd& a, int values, const Progress& progress) {
    const Eigen::Index k = std::clamp<Eigen::Index>(values, 1, a.rows() - 3),
                       space = std::min<Eigen::Index>(a.rows(), std::max<Eigen::Index>(2 * k + 10, 20));
    GramProduct gram(a);
    Spectra::SymEigsSolver<GramProduct> lanczos(gram, k, space);
    lanczos.init();
    lanczos.compute(Spectra::SortRule::LargestMagn, 1000, 1e-12);
    requireThat(lanczos.info() == Spectra::CompInfo::Successful, ErrorCode::Internal,
                "the singular values did not converge");
    progress.check();
    Spectra::DenseGenMatProd<double> product(a);
    Spectra::GenEigsSolver<Spectra::DenseGenMatProd<double>> arnoldi(product, k, space);
    arnoldi.init();
    arnoldi.compute(Spectra::SortRule::LargestMagn, 1000, 1e-10);
    requireThat(arnoldi.info() == Spectra::CompInfo::Successful, ErrorCode::Internal,
                "the eigenvalues did not converge");
    MatrixSpectrum found;
    found.singularValues = lanczos.eigenvalues().cwiseMax(0).cwiseSqrt();
    found.eigenvalues = byMagnitude(arnoldi.eigenvalues());
    found.effectiveRank = found.henrici = found.complexShare = nan;
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
    const Eigen::MatrixXd a = matrix;
    if (a.rows() <= mostWhole) return Eigen::BDCSVD<Eigen::MatrixXd>(a).singularValues();
    return largestOfSpectrum(a, static_cast<int>(count), progress).singularValues;
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
    MatrixSpectrum found =
        a.rows() <= mostWhole ? wholeSpectrum(a, progress) : largestOfSpectrum(a, values, progress);
    const double square = a.squaredNorm();
    found.symmetricShare = square > 0 ? (a + a.transpose()).squaredNorm() / (4 * square) : nan;
    return found;
}

VectorD lyapunovExponents(const std::vector<MatrixD>& factors, Eigen::Index count, const Progress& progress) {
    requireThat(!factors.empty() && count >= 1 && count <= factors.front().cols(), ErrorCode::InvalidArgument,
                "exponents are of at least one factor, as many as it has columns at most");
    const Eigen::Index n = factors.front().cols();
    Eigen::MatrixXd q = Eigen::MatrixXd::Identity(n, count);
    VectorD sum = VectorD::Zero(count);
    for (const MatrixD& factor : factors) {
        progress.check();
        const Eigen::HouseholderQR<Eigen::MatrixXd> qr(factor * q);
        sum.array() += qr.matrixQR().diagonal().head(count).array().abs().log();
        q = qr.householderQ() * Eigen::MatrixXd::Identity(n, count);
    }
    sum /= static_cast<double>(factors.size());
    std::sort(sum.begin(), sum.end(), std::greater<>());
    return sum;
}

SingularVectors leadingSingularVectors(const MatrixD& matrix, int count, const Progress& progress) {
    progress.check();
    const Eigen::MatrixXd product = matrix;
    requireThat(
        count >= 1 && count < product.cols(), ErrorCode::InvalidArgument,
        fmt::format("{} directions are asked for, and there can be 1 to {}", count, product.cols() - 1));
    GramProduct gram(product);
    const Eigen::Index space = std::min<Eigen::Index>(product.cols(), std::max(2 * count + 10, 20));
    Spectra::SymEigsSolver<GramProduct> lanczos(gram, count, space);
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
