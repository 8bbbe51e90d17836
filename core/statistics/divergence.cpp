#include "core/statistics/divergence.h"

#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/random.h"

namespace rheo {

Divergence::Accumulator::Accumulator(const DivergenceOptions& options, const Computation& all)
    : m_all(all),
      m_passes(PointStates::passes(all.source, all.memoryBytes / 8)),
      m_states(all.source, all.memoryBytes / 8) {
    const std::int64_t rows = all.source.view().rowCount();
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
    const MatrixD squares = squaredRowDistances(states);
    for (Eigen::Index n = 1; n < squares.rows(); ++n) sum += squares.row(n).head(n).cwiseSqrt().sum();
    return sum / (0.5 * static_cast<double>(squares.rows()) * static_cast<double>(squares.rows() - 1));
}

DivergenceResult Divergence::Accumulator::finish(const Again& again, Progress& progress) {
    DivergenceResult result;
    result.excludedRows = m_all.source.excludedRows();
    const std::int64_t points = m_all.source.view().pointCount();
    result.meanDistance.resize(points);
    const auto measure = [&](std::int64_t point, MatrixD& states) {
        result.meanDistance[point] = meanDistance(states);
        progress.report(point + 1, points);
    };
    while (m_states.finishPass(measure, progress)) again.feedRows(m_states, progress);
    result.rate.resize(points - 1);
    for (std::int64_t p = 0; p + 1 < points; ++p) {
        const double from = result.meanDistance[p], to = result.meanDistance[p + 1];
        result.rate[p] = from > 0 && to > 0 ? std::log(to / from) : std::numeric_limits<double>::quiet_NaN();
    }
    return result;
}

std::size_t Divergence::Accumulator::bytes(const DivergenceOptions&, const Computation& all) {
    const auto rows = static_cast<std::size_t>(std::min(all.source.view().rowCount(), mostRowsInAllPairs));
    return PointStates::bytes(all.source, all.memoryBytes / 8) + 2 * rows * rows * sizeof(double);
}

DivergenceResult divergence(const TraceView& view, const DivergenceOptions& options, Progress& progress) {
    progress.setStage("divergence");
    Progress scan = progress.part(0, 0.1), work = progress.part(0.1, 0.7), last = progress.part(0.7, 1);
    const RowSource source(view, options.memoryBytes / 2, scan);
    if (source.view().rowCount() < 2)
        throw Error(ErrorCode::InvalidArgument,
                    "divergence compares rows with each other, and needs 2 or more");
    PathMaker maker(source);
    Divergence::Accumulator sums(options, {source, true, options.threads, options.memoryBytes});
    Feed feed{&maker, 0};
    sums.addTo(feed);
    const SweepOptions how{options.threads, options.memoryBytes / 4};
    sweep(source, {&feed, 1}, how, work);
    return sums.finish(Again(source, maker, 0, how), last);
}

}  // namespace rheo
