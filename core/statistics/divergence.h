#pragma once

#include <cstdint>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/statistics/pointwise.h"

namespace rheo {

struct DivergenceOptions {
    std::uint64_t seed = 0;  ///< of the pairs, where there are too many rows for all of them
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
};

/// How far the rows are apart at each point, and how fast they part (ANALYSES: divergence), in units of the
/// scaled state. P points.
struct DivergenceResult {
    VectorD meanDistance;  ///< [P], mean over pairs of rows of the norm of their difference
    VectorD rate;  ///< [P - 1], ln(meanDistance[p + 1] / meanDistance[p]): above 0 the rows part, below
                   ///< 0 they come together; NaN where all rows are the same
    std::int64_t excludedRows = 0;
};

/// All pairs up to this many rows; above, `drawnPairs` pairs of two rows each, drawn by seed.
constexpr std::int64_t mostRowsInAllPairs = 2000, drawnPairs = 1000000;

/// Holds the states of as many points as an eighth of the memory does, and goes over the rows again for the
/// others. Costs N^2 D / 2 multiplications a point for N rows of D units, or 10^6 D above 2,000 rows. Throws
/// as RowSource, and Error(InvalidArgument) for fewer than 2 rows.
DivergenceResult divergence(const TraceView& view, const DivergenceOptions& options, Progress& progress);

/// The row of the table of statistics.
struct Divergence {
    static constexpr StatisticInfo info{
        .name = "divergence",
        .title = "Divergence",
        .shows = "How far the rows are apart at each point, and how fast they part",
        .cost = CostClass::Spectra,
        .leastRows = 2};
    using Options = DivergenceOptions;
    using Result = DivergenceResult;

    static double nanoseconds(const DivergenceOptions&, const Sizes& sizes, bool) {
        const bool all = sizes.rows <= mostRowsInAllPairs;
        const double ofDrawn = static_cast<double>(drawnPairs) * sizes.pointCount() * sizes.unitCount();
        return sizes.values() * 4 + (all ? nanosecondsOfAllPairs(sizes) : ofDrawn);
    }
    static void visitOptions(auto&, auto&) {}
    static void visit(auto& io, auto& r) {
        io.curve("mean_distance", r.meanDistance, Along::Points);
        io.curve("rate", r.rate, Along::Steps);
        io.attribute("excluded_rows", r.excludedRows);
    }

    class Accumulator : public PointwiseAccumulator {
    public:
        Accumulator(const DivergenceOptions& options, const Computation& all);
        DivergenceResult finish(const Again& again, Progress& progress);

    private:
        double meanDistance(MatrixD& states) const;

        std::vector<std::pair<std::int64_t, std::int64_t>> m_pairs;  ///< empty: all
    };
};

}  // namespace rheo
