#define EIGEN_USE_BLAS
#include "core/analysis/state_spectrum.h"

#include <algorithm>
#include <cmath>

#include "core/analysis/block_eigen.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

namespace rheo {

namespace {

/// Unit vectors whose products are made at once for the sum of squared eigenvalues, at most.
constexpr std::int64_t columnsAtOnce = 512;
constexpr std::int64_t statesAtOnce = 64;

/// Sum over states of (x - mean) ((x - mean) . v) for each of some vectors v.
class ProductSum final : public StateStatistic {
public:
    ProductSum(const VectorD& mean, const MatrixD& vectors)
        : m_mean(mean), m_vectors(vectors), m_sum(MatrixD::Zero(vectors.rows(), vectors.cols())) {}
    void open(int) override {}
    void add(Eigen::Ref<MatrixD> states, int threads) override {
        parallelFor(states.rows(), statesAtOnce, threads, Progress(),
                    [&](std::int64_t begin, std::int64_t end) {
                        states.middleRows(begin, end - begin).rowwise() -= m_mean.transpose();
                    });
        const MatrixD along = states * m_vectors;
        m_sum.noalias() += states.transpose() * along;
    }
    const MatrixD& sum() const { return m_sum; }

private:
    const VectorD& m_mean;
    const MatrixD& m_vectors;
    MatrixD m_sum;
};

void fixSigns(MatrixD& components) {
    for (Eigen::Index i = 0; i < components.rows(); ++i) {
        Eigen::Index largest = 0;
        components.row(i).cwiseAbs().maxCoeff(&largest);
        if (components(i, largest) < 0) components.row(i) *= -1;
    }
}

std::vector<Eigen::Index> unmasked(Eigen::Index units, const std::vector<std::int64_t>& masked) {
    std::vector<Eigen::Index> usable;
    for (Eigen::Index u = 0; u < units; ++u)
        if (!std::binary_search(masked.begin(), masked.end(), u)) usable.push_back(u);
    return usable;
}

}  // namespace

StateSpectrum::StateSpectrum(std::int64_t states, std::int64_t units, std::size_t memoryBytes,
                             std::vector<std::int64_t> masked)
    : m_form(formOf(states, units, memoryBytes)),
      m_memoryBytes(memoryBytes),
      m_masked(std::move(masked)),
      m_covariance(units),
      m_states(m_form == Form::Gram ? states : 0, units),
      m_sum(VectorD::Zero(units)) {}

StateSpectrum::Form StateSpectrum::formOf(std::int64_t states, std::int64_t units, std::size_t memoryBytes) {
    const auto n = static_cast<double>(states), d = static_cast<double>(units);
    const double most = static_cast<double>(memoryBytes) / sizeof(double);
    // The states, their Gram matrix, and what its eigensolver holds; or products, covariance and the latter.
    if (n < d) return n * d + 3 * n * n <= most ? Form::Gram : Form::Streamed;
    return 3 * d * d <= most ? Form::Covariance : Form::Streamed;
}

std::size_t StateSpectrum::bytes(std::int64_t states, std::int64_t units, std::size_t memoryBytes) {
    const auto n = static_cast<std::size_t>(states), d = static_cast<std::size_t>(units);
    switch (formOf(states, units, memoryBytes)) {
        case Form::Covariance: return 3 * d * d * sizeof(double);
        case Form::Gram: return (n * d + 3 * n * n) * sizeof(double);
        case Form::Streamed: break;
    }
    return 4 * d * sizeof(double);  // what solve() holds is held once, not for each of many
}

void StateSpectrum::open(int threads) {
    if (m_form == Form::Covariance) m_covariance.open(threads);
}

void StateSpectrum::add(Eigen::Ref<MatrixD> states, int threads) {
    if (states.rows() == 0) return;
    switch (m_form) {
        case Form::Covariance: m_covariance.add(states, threads); break;
        case Form::Gram:
            m_states.middleRows(m_count, states.rows()) = states;
            for (Eigen::Index i = 0; i < states.rows(); ++i) m_sum += states.row(i).transpose();
            break;
        case Form::Streamed:
            if (m_count == 0) m_shift = states.colwise().mean().transpose();
            for (Eigen::Index i = 0; i < states.rows(); ++i) {
                auto state = states.row(i);
                state -= m_shift.transpose();
                m_sum += state.transpose();
                m_squares += state.squaredNorm();
            }
            break;
    }
    m_count += states.rows();
}

std::int64_t StateSpectrum::count() const {
    return m_count;
}

VectorD StateSpectrum::mean() const {
    if (m_form == Form::Covariance) return m_covariance.mean();
    const VectorD mean = m_sum / static_cast<double>(m_count);
    return m_form == Form::Gram ? mean : VectorD(m_shift + mean);
}

Spectrum StateSpectrum::solve(const SpectrumRequest& request, const FeedStates& again, Progress& progress) {
    if (m_count < 2) throw Error(ErrorCode::InvalidArgument, "a PCA needs at least two states");
    Spectrum found = m_form == Form::Gram         ? solveGram(request, progress)
                     : m_form == Form::Covariance ? solveCovariance(request, progress)
                                                  : solveStreamed(request, again, progress);
    found.variance = found.variance.cwiseMax(0.0);
    // Eigenvalues beyond the rank are 0, in any direction.
    const Eigen::Index there = found.variance.size(), k = request.components;
    if (there < k) {
        found.variance.conservativeResize(k);
        found.variance.tail(k - there).setZero();
    }
    if (request.vectors && k > 0) {
        found.components.conservativeResize(k, m_sum.size());
        if (there < k) found.components.bottomRows(k - there).setZero();
        if (m_form != Form::Covariance)
            orthonormalizeRows(found.components, unmasked(m_sum.size(), m_masked));
        fixSigns(found.components);
    }
    return found;
}

Spectrum StateSpectrum::solveCovariance(const SpectrumRequest& request, const Progress& progress) const {
    const MatrixD covariance = m_covariance.covariance(progress);
    Spectrum found;
    found.trace = covariance.trace();
    if (request.squares) found.squares = covariance.squaredNorm();
    if (request.components > 0)
        found.variance = largestEigenvalues(covariance, request.components,
                                            request.vectors ? &found.components : nullptr, progress);
    return found;
}

Spectrum StateSpectrum::solveGram(const SpectrumRequest& request, const Progress& progress) {
    const VectorD centre = mean();
    for (Eigen::Index i = 0; i < m_states.rows(); ++i) {
        if (i % 64 == 0) progress.check();
        m_states.row(i) -= centre.transpose();
    }
    MatrixD gram, vectors;
    smallerGram(m_states, gram, progress);
    Spectrum found;
    found.trace = gram.trace();
    if (request.squares) found.squares = gram.squaredNorm();
    if (request.components == 0) return found;
    found.variance =
        largestEigenvalues(gram, request.components, request.vectors ? &vectors : nullptr, progress);
    if (!request.vectors) return found;
    // The eigenvectors w of X X^T give those of X^T X: X^T w, of length sqrt((N - 1) eigenvalue). What has
    // only the length that rounding leaves has no direction.
    found.components = vectors * m_states;
    const double rounding = 1e-7 * found.components.row(0).norm();
    for (Eigen::Index i = 0; i < found.components.rows(); ++i)
        if (!(found.components.row(i).norm() > rounding)) found.components.row(i).setZero();
    return found;
}

Spectrum StateSpectrum::solveStreamed(const SpectrumRequest& request, const FeedStates& again,
                                      Progress& progress) const {
    const auto n = static_cast<double>(m_count);
    const Eigen::Index units = m_sum.size();
    const VectorD centre = mean();
    Spectrum found;
    found.trace = (m_squares - m_sum.squaredNorm() / n) / (n - 1);
    const BlockProduct product = [&](const MatrixD& vectors) {
        ProductSum sum(centre, vectors);
        Progress silent(progress.stopToken());
        again(sum, silent);
        return MatrixD(sum.sum() / (n - 1));
    };
    if (request.components > 0 && found.trace > 0)
        found.variance = largestEigenvalues(product, units, request.components, m_memoryBytes / 2,
                                            request.vectors ? &found.components : nullptr, progress);
    if (!request.squares) return found;
    // The squared lengths of the columns, some at a time.
    const auto fits =
        static_cast<std::int64_t>(m_memoryBytes / (3 * sizeof(double)) / static_cast<std::size_t>(units));
    const std::int64_t some =
        std::clamp<std::int64_t>(fits, std::min<std::int64_t>(64, units), columnsAtOnce);
    for (std::int64_t first = 0; first < units; first += some) {
        const std::int64_t count = std::min(some, units - first);
        MatrixD columns = MatrixD::Zero(units, count);
        columns.middleRows(first, count).setIdentity();
        found.squares += product(columns).squaredNorm();
        progress.report(static_cast<double>(first + count), static_cast<double>(units));
    }
    return found;
}

}  // namespace rheo
