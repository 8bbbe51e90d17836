#pragma once

#include <cstdint>
#include <functional>

#include "core/analysis/point_states.h"
#include "core/statistics/statistic.h"

namespace rheo {

/// About what a core takes to compare all rows of each point, two by two (see statistic.h).
inline double nanosecondsOfAllPairs(const Sizes& sizes) {
    return sizes.values() * sizes.rowCount() * (0.05 + 1.6 / sizes.unitCount());
}

/// What accumulators share that look at one point at a time, all rows together. They hold the states of as
/// many points as an eighth of the memory does, and go over the rows again for the others.
class PointwiseAccumulator {
public:
    explicit PointwiseAccumulator(const Computation& all);
    void addTo(Feed& feed) { feed.rows.push_back(&m_states); }
    bool readsAgain() const { return m_passes > 1; }

    static std::size_t bytes(const auto&, const Computation& all) {
        return PointStates::bytes(all.source, all.memoryBytes / 8);
    }
    static std::int64_t extraPasses(const auto&, const Computation& all) {
        return PointStates::passes(all.source, all.memoryBytes / 8) - 1;
    }

protected:
    std::int64_t pointCount() const { return m_all.source.view().pointCount(); }
    std::int64_t rowCount() const { return m_all.source.view().rowCount(); }
    std::int64_t excludedRows() const { return m_all.source.excludedRows(); }
    /// Calls `use` for each point with its states [row, unit], which may be changed.
    void forEachPoint(const Again& again, Progress& progress,
                      const std::function<void(std::int64_t point, MatrixD& states)>& use);

private:
    Computation m_all;
    std::int64_t m_passes;
    PointStates m_states;
};

/// The result of one pointwise statistic alone, S::Accumulator fed in a sweep of its own. Throws as
/// RowSource.
template <class S>
typename S::Result computePointwise(const TraceView& view, const typename S::Options& options,
                                    Progress& progress) {
    progress.setStage(std::string(S::info.name));
    Progress scan = progress.part(0, 0.1), work = progress.part(0.1, 0.7), last = progress.part(0.7, 1);
    const RowSource source(view, options.memoryBytes / 2, scan);
    PathMaker maker(source);
    typename S::Accumulator accumulator(options,
                                        Computation{source, true, options.threads, options.memoryBytes});
    Feed feed{&maker, 0};
    accumulator.addTo(feed);
    const SweepOptions how{options.threads, options.memoryBytes / 4};
    sweep(source, {&feed, 1}, how, work);
    return accumulator.finish(Again(source, maker, 0, how), last);
}

}  // namespace rheo
