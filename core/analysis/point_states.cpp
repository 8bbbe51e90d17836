#define EIGEN_USE_BLAS
#include "core/analysis/point_states.h"

#include <algorithm>

namespace rheo {

namespace {

std::size_t bytesOfPoint(const RowSource& source) {
    return static_cast<std::size_t>(source.view().rowCount() * source.view().unitCount()) * sizeof(double);
}

}  // namespace

std::int64_t PointStates::pointsAtOnce(const RowSource& source, std::size_t memoryBytes) {
    const auto fitting =
        static_cast<std::int64_t>(memoryBytes / std::max<std::size_t>(1, bytesOfPoint(source)));
    return std::clamp<std::int64_t>(fitting, 1, std::max<std::int64_t>(1, source.view().pointCount()));
}

PointStates::PointStates(const RowSource& source, std::size_t memoryBytes)
    : m_points(source.view().pointCount()) {
    m_states.resize(static_cast<std::size_t>(pointsAtOnce(source, memoryBytes)));
    for (auto& states : m_states) states.resize(source.view().rowCount(), source.view().unitCount());
}

void PointStates::add(std::int64_t row, const MatrixD& path) {
    for (std::size_t i = 0; i < m_states.size(); ++i)
        m_states[i].row(row) = path.row(m_first + static_cast<std::int64_t>(i));
}

std::int64_t PointStates::passes(const RowSource& source, std::size_t memoryBytes) {
    const std::int64_t atOnce = pointsAtOnce(source, memoryBytes);
    return (source.view().pointCount() + atOnce - 1) / atOnce;
}

std::size_t PointStates::bytes(const RowSource& source, std::size_t memoryBytes) {
    return static_cast<std::size_t>(pointsAtOnce(source, memoryBytes)) * bytesOfPoint(source);
}

bool PointStates::finishPass(const std::function<void(std::int64_t, MatrixD&)>& use,
                             const Progress& progress) {
    for (std::size_t i = 0; i < m_states.size(); ++i) {
        progress.check();
        use(m_first + static_cast<std::int64_t>(i), m_states[i]);
    }
    m_first += static_cast<std::int64_t>(m_states.size());
    const std::int64_t left = m_points - m_first;
    if (left < static_cast<std::int64_t>(m_states.size()))
        m_states.resize(static_cast<std::size_t>(std::max<std::int64_t>(0, left)));
    return left > 0;
}

void compareRows(MatrixD& states, const std::function<void(const RowBlock&)>& use) {
    constexpr Eigen::Index atOnce = 128;
    constexpr double digitsKept = 1e-6;  // of the sum of squares that a squared distance must exceed
    const Eigen::RowVectorXd mean = states.colwise().mean();
    states.rowwise() -= mean;
    const VectorD norms = states.rowwise().squaredNorm();
    RowBlock block;
    for (block.first = 0; block.first < states.rows(); block.first += atOnce) {
        const Eigen::Index count = std::min(atOnce, states.rows() - block.first);
        block.products.noalias() = states.middleRows(block.first, count) * states.transpose();
        block.squares.resize(count, states.rows());
        for (Eigen::Index i = 0; i < count; ++i)
            for (Eigen::Index m = 0; m < states.rows(); ++m) {
                const Eigen::Index n = block.first + i;
                const double both = norms[n] + norms[m];
                double square = both - 2 * block.products(i, m);
                if (square < digitsKept * both) square = (states.row(n) - states.row(m)).squaredNorm();
                block.squares(i, m) = square;
            }
        use(block);
    }
}

}  // namespace rheo
