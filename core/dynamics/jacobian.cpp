// Products and decompositions of matrices run in BLAS.
#define EIGEN_USE_BLAS
#include "core/dynamics/jacobian.h"

#include <Spectra/GenEigsSolver.h>
#include <Spectra/MatOp/DenseGenMatProd.h>
#include <Spectra/SymEigsSolver.h>
#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numeric>

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

double effectiveRankOf(const VectorD& singular) {
    const double sum = singular.sum();
    if (!(sum > 0)) return nan;
    const Eigen::ArrayXd p = singular.array() / sum;
    return std::exp(-(p > 0).select(p * p.max(1e-300).log(), 0.0).sum());
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
    found.effectiveRank = effectiveRankOf(found.singularValues);
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

/// The product of all factors, first factor first: the last times ... times the first.
Eigen::MatrixXd productOf(const std::vector<MatrixD>& factors, const Progress& progress) {
    Eigen::MatrixXd product = factors.front();
    for (std::size_t i = 1; i < factors.size(); ++i) {
        progress.check();
        product = (factors[i] * product).eval();
    }
    return product;
}

VectorD singularValuesOf(const Eigen::MatrixXd& a, Eigen::Index count, const Progress& progress) {
    progress.check();
    if (a.rows() <= mostWhole) return Eigen::BDCSVD<Eigen::MatrixXd>(a).singularValues();
    return largestOfSpectrum(a, static_cast<int>(count), progress).singularValues;
}

/// One row's numbers into a result.
void measureRow(const std::vector<MatrixD>& factors, Eigen::Index row, Eigen::Index values,
                JacobianResult& result, const Progress& progress) {
    const auto steps = static_cast<Eigen::Index>(factors.size());
    const auto put = [&](const VectorD& from, double* to) { std::copy_n(from.data(), values, to); };
    for (Eigen::Index s = 0; s < steps; ++s) {
        const MatrixSpectrum found =
            matrixSpectrum(factors[static_cast<std::size_t>(s)], static_cast<int>(values), progress);
        put(found.singularValues, result.singularValues.at(row, s));
        const VectorD real = found.eigenvalues.col(0), imaginary = found.eigenvalues.col(1);
        put(real, result.eigenvalueReal.at(row, s));
        put(imaginary, result.eigenvalueImaginary.at(row, s));
        result.effectiveRank(row, s) = found.effectiveRank;
        result.henrici(row, s) = found.henrici;
        result.complexShare(row, s) = found.complexShare;
        result.symmetricShare(row, s) = found.symmetricShare;
    }
    const bool whole = factors.front().rows() <= mostWhole;
    Eigen::MatrixXd product;
    for (Eigen::Index s = steps - 1; s >= 0; --s) {  // from the end back
        const MatrixD& factor = factors[static_cast<std::size_t>(s)];
        product = s == steps - 1 ? Eigen::MatrixXd(factor) : Eigen::MatrixXd(product * factor);
        const VectorD singular = singularValuesOf(product, values, progress);
        put(singular, result.remainingSingularValues.at(row, s));
        result.remainingEffectiveRank(row, s) = whole ? effectiveRankOf(singular) : nan;
    }
    for (Eigen::Index s = 0; s < steps && whole; ++s) {
        const MatrixD& factor = factors[static_cast<std::size_t>(s)];
        product = s == 0 ? Eigen::MatrixXd(factor) : Eigen::MatrixXd(factor * product);
        result.cumulativeEffectiveRank(row, s) = effectiveRankOf(singularValuesOf(product, values, progress));
    }
    result.lyapunov.row(row) = lyapunovExponents(factors, values, progress).transpose();
}

JacobianResult emptyResult(Eigen::Index rows, Eigen::Index steps, Eigen::Index values) {
    JacobianResult result;
    for (auto* array : {&result.singularValues, &result.eigenvalueReal, &result.eigenvalueImaginary,
                        &result.remainingSingularValues})
        *array = Array3<double>(rows, steps, values);
    for (MatrixD* matrix :
         {&result.effectiveRank, &result.henrici, &result.complexShare, &result.symmetricShare,
          &result.remainingEffectiveRank, &result.cumulativeEffectiveRank})
        *matrix = MatrixD::Constant(rows, steps, nan);
    result.lyapunov.resize(rows, values);
    return result;
}

/// Of all chosen rows in one network.
JacobianResult measured(const Model& model, const TraceView& view, const std::vector<std::int64_t>& rows,
                        const JacobianOptions& options, Progress& progress) {
    const TraceInfo& info = view.trace->info();
    const auto units = static_cast<Eigen::Index>(model.config().dModel);
    const Eigen::Index values =
        units <= mostWhole ? units : std::min<Eigen::Index>(options.values, units - 3);
    JacobianResult result = emptyResult(static_cast<Eigen::Index>(rows.size()),
                                        static_cast<Eigen::Index>(model.points().size()) - 1, values);
    result.rows = rows;
    result.alone = options.alone ? 1 : 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const TraceRow& at = info.rows[static_cast<std::size_t>(view.traceRow(rows[i]))];
        const auto& ids = info.samples.at(static_cast<std::size_t>(at.sample)).tokenIds;
        requireThat(at.position >= 0 && static_cast<std::size_t>(at.position) < ids.size(),
                    ErrorCode::Unsupported,
                    "the trace does not say the tokens of its samples, and derivatives need them; capture it "
                    "again");
        Progress one = progress.part(static_cast<double>(i) / static_cast<double>(rows.size()),
                                     static_cast<double>(i + 1) / static_cast<double>(rows.size()));
        Progress deriving = one.part(0, 0.5), measuring = one.part(0.5, 1);
        one.setStage(fmt::format("derivatives of row {} of {}", i + 1, rows.size()));
        const auto context = model.prepare({ids.data(), static_cast<std::size_t>(at.position) + 1}, deriving);
        const auto factors =
            stepJacobians(model, *context, PointIndex{0}, at.position, options.alone, deriving);
        measureRow(factors, static_cast<Eigen::Index>(i), values, result, measuring);
        one.report(1, 1);
    }
    return result;
}

VectorD columnMeans(const MatrixD& values) {
    return values.colwise().mean().transpose();
}

}  // namespace

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

std::vector<MatrixD> stepJacobians(const Model& model, const PromptContext& context, PointIndex first,
                                   int token, bool alone, Progress& progress) {
    const auto last = static_cast<std::int64_t>(model.points().size()) - 1;
    std::vector<MatrixD> factors;
    for (std::int64_t point = first.value(); point < last; ++point) {
        factors.push_back(model.stepJacobian(context, PointIndex{point}, token, alone, progress));
        progress.report(static_cast<double>(point + 1 - first.value()),
                        static_cast<double>(last - first.value()));
    }
    return factors;
}

LeadingDirections leadingDirections(const std::vector<MatrixD>& factors, int count,
                                    const Progress& progress) {
    requireThat(!factors.empty(), ErrorCode::InvalidArgument, "no step follows the point");
    const Eigen::MatrixXd product = productOf(factors, progress);
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
    LeadingDirections leading{lanczos.eigenvectors().transpose(),
                              lanczos.eigenvalues().cwiseMax(0).cwiseSqrt()};
    for (Eigen::Index i = 0; i < count; ++i) {
        Eigen::Index largest = 0;
        leading.vectors.row(i).cwiseAbs().maxCoeff(&largest);
        if (leading.vectors(i, largest) < 0) leading.vectors.row(i) *= -1;
    }
    return leading;
}

JacobianResult jacobians(const Model& model, const TraceView& view, const JacobianOptions& options,
                         const Model* untrained, Progress& progress) {
    requireThat(options.rows >= 1 && options.values >= 1, ErrorCode::InvalidArgument,
                "derivatives are of at least 1 row, with at least 1 value kept");
    const std::int64_t available = view.rowCount(), count = std::min<std::int64_t>(options.rows, available);
    requireThat(count >= 1, ErrorCode::InvalidArgument, "there is no row to take derivatives about");
    std::vector<std::int64_t> rows;
    for (std::int64_t i = 0; i < count; ++i) rows.push_back((2 * i + 1) * available / (2 * count));
    Progress own = progress.part(0, untrained != nullptr ? 0.5 : 1), other = progress.part(0.5, 1);
    JacobianResult result = measured(model, view, rows, options, own);
    if (untrained != nullptr) {
        const JacobianResult beside = measured(*untrained, view, rows, options, other);
        result.untrainedHenriciRows = beside.henrici;
        result.untrainedCumulativeRankRows = beside.cumulativeEffectiveRank;
        result.untrainedHenrici = columnMeans(beside.henrici);
        result.untrainedSymmetricShare = columnMeans(beside.symmetricShare);
        result.untrainedComplexShare = columnMeans(beside.complexShare);
        result.untrainedEffectiveRank = columnMeans(beside.effectiveRank);
        result.untrainedCumulativeEffectiveRank = columnMeans(beside.cumulativeEffectiveRank);
    }
    progress.report(1, 1);
    return result;
}

}  // namespace rheo
