#include "core/statistics/divergence.h"

#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/random.h"

namespace rheo {

Divergence::Accumulator::Accumulator(const DivergenceOptions& options, const Computation& all)
    : PointwiseAccumulator(all) {
    const std::int64_t rows = rowCount();
    if (rows <= mostRowsInAllPairs) return;
    RandomStream random(options.seed);
    m_pairs.reserve(drawnPairs);
    for (std::int64_t i = 0; i < drawnPairs; ++i) {
        const auto one = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(rows)));
        const auto other = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(rows - 1)));
        m_pairs.emplace_back(one, other < one ? other : other + 1);
    }
}

double Divergence::Accumulator::meanDistance(MatrixD& states) const {
    double sum = 0;
    for (const auto& [one, other] : m_pairs) sum += (states.row(one) - states.row(other)).norm();
    if (!m_pairs.empty()) return sum / static_cast<double>(m_pairs.size());
    compareRows(states, [&](const RowBlock& block) {
        for (Eigen::Index i = 0; i < block.squares.rows(); ++i)
            sum += block.squares.row(i).head(block.first + i).cwiseSqrt().sum();
    });
    const auto rows = static_cast<double>(states.rows());
    return sum / (0.5 * rows * (rows - 1));
}

DivergenceResult Divergence::Accumulator::finish(const Again& again, Progress& progress) {
    DivergenceResult result;
    result.excludedRows = excludedRows();
    const std::int64_t points = pointCount();
    result.meanDistance.resize(points);
    forEachPoint(again, progress, [&](std::int64_t point, MatrixD& states) {
        result.meanDistance[point] = meanDistance(states);
    });
    result.rate.resize(points - 1);
    for (std::int64_t p = 0; p + 1 < points; ++p) {
        const double from = result.meanDistance[p], to = result.meanDistance[p + 1];
        result.rate[p] = from > 0 && to > 0 ? std::log(to / from) : std::numeric_limits<double>::quiet_NaN();
    }
    return result;
}

DivergenceResult divergence(const TraceView& view, const DivergenceOptions& options, Progress& progress) {
    if (view.rowCount() < 2)
        throw Error(ErrorCode::InvalidArgument,
                    "divergence compares rows with each other, and needs 2 or more");
    return computePointwise<Divergence>(view, options, progress);
}

}  // namespace rheo
