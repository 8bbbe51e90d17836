#include "core/statistics/pointwise.h"

namespace rheo {

PointwiseAccumulator::PointwiseAccumulator(const Computation& all)
    : m_all(all),
      m_passes(PointStates::passes(all.source, all.memoryBytes / 8)),
      m_states(all.source, all.memoryBytes / 8) {}

void PointwiseAccumulator::forEachPoint(const Again& again, Progress& progress,
                                        const std::function<void(std::int64_t, MatrixD&)>& use) {
    const auto measure = [&](std::int64_t point, MatrixD& states) {
        use(point, states);
        progress.report(point + 1, pointCount());
    };
    while (m_states.finishPass(measure, progress)) again.feedRows(m_states, progress);
}

}  // namespace rheo
