#pragma once

#include <cstddef>
#include <cstdint>

#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/statistics/pointwise.h"

namespace rheo {

struct DimensionOptions {
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
};

/// How many dimensions the rows fill at each point (ANALYSES: dimension). P points.
struct DimensionResult {
    /// [P], intrinsic dimension by TwoNN (Facco et al. 2017, doi:10.1038/s41598-017-11873-y), from the
    /// distances of each row to its nearest two. Rows that are the same at a point count once; NaN for fewer
    /// than 3 others.
    VectorD twoNn;
    /// [P], (sum of the eigenvalues of the covariance)^2 / sum of their squares: 1 to min(D, N - 1); a linear
    /// measure. NaN for fewer than 3 rows, or where nothing varies.
    VectorD participationRatio;
    std::int64_t excludedRows = 0;
};

/// Costs N^2 D multiplications a point for N rows of D units. Throws as RowSource, and Error(InvalidArgument)
/// for fewer than 3 rows.
DimensionResult dimension(const TraceView& view, const DimensionOptions& options, Progress& progress);

/// The row of the table of statistics.
struct Dimension {
    static constexpr StatisticInfo info{.name = "dimension",
                                        .title = "Intrinsic dimension",
                                        .shows = "How many dimensions the rows fill at each point",
                                        .cost = CostClass::Spectra,
                                        .leastRows = 3};
    using Options = DimensionOptions;
    using Result = DimensionResult;

    static double nanoseconds(const DimensionOptions&, const Sizes& sizes, bool) {
        return sizes.values() * 4 + nanosecondsOfAllPairs(sizes);
    }
    static void visitOptions(auto&, auto&) {}
    static void visit(auto& io, auto& r) {
        io.curve("two_nn", r.twoNn, Along::Points);
        io.curve("participation_ratio", r.participationRatio, Along::Points);
        io.attribute("excluded_rows", r.excludedRows);
    }

    class Accumulator : public PointwiseAccumulator {
    public:
        Accumulator(const DimensionOptions&, const Computation& all) : PointwiseAccumulator(all) {}
        DimensionResult finish(const Again& again, Progress& progress);
    };
};

}  // namespace rheo
