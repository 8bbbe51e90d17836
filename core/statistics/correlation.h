#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/analysis/sweep.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/statistics/statistic.h"

namespace rheo {

struct CorrelationParameters {
    bool matrix = true;  ///< also between points that are no neighbours: P / 2 times the work and memory
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
};

/// How well the rows keep their order from point to point (ANALYSES: correlation): Pearson r over rows of
/// one unit at two points. NaN where either is constant over rows, and for fewer than 3 rows; means over
/// units leave NaN out. P points, L blocks, D units.
struct CorrelationResult {
    MatrixD r;             ///< [P - 1, D], points p and p + 1
    VectorD mean;          ///< [P - 1], of r over units
    VectorD unitsCounted;  ///< [P - 1], units whose r is defined
    VectorD
        blockInside;  ///< [L], mean of the step from attn_in to mlp_in of a block; empty without such points
    VectorD blockAcross;  ///< [L - 1], of the step from mlp_in to the next attn_in
    MatrixD matrix;       ///< [P, P], mean over units of r between two points; empty if not asked for
    std::int64_t excludedRows = 0;
};

/// Streams over rows once; sums in float64 about the first row, so that nothing cancels. Costs P / 2 (with
/// the matrix P^2 / 2) multiplications a unit and row, at a share of peak that bench_analysis reports. Throws
/// as RowSource.
CorrelationResult correlation(const TraceView& view, const CorrelationParameters& parameters,
                              Progress& progress);

/// The matrix alone, for more points than the products of all of them can be held of at once: states are
/// standardised with means and spreads from a first pass, and their products summed over units in a second
/// one. Equal to that of CorrelationStatistic within rounding. Holds 3 P D + 2 P^2 numbers.
MatrixD correlationMatrix(const TraceView& view, const FeedStates& feed, Progress& progress);

/// What a sweep feeds.
class CorrelationStatistic final : public UnitStatistic {
public:
    CorrelationStatistic(const RowSource& source, const CorrelationParameters& parameters);
    ~CorrelationStatistic() override;
    void open(std::int64_t tile) override;
    void add(const TileBatch& batch) override;
    void close(std::int64_t tile, const Progress& progress) override;
    std::size_t tileBytes() const override;
    /// Bytes that the matrix takes while it is summed, on so many threads.
    static std::size_t matrixBytes(const RowSource& source, int threads);
    CorrelationResult result() const;

private:
    struct Tile;
    std::int64_t mostRows() const;
    void addPacked(Tile& tile) const;

    const RowSource& m_source;
    bool m_matrix;
    std::int64_t m_points, m_units;
    std::vector<std::unique_ptr<Tile>> m_tiles;
    MatrixD m_r;                            ///< [P - 1, D]
    std::vector<MatrixD> m_sums, m_counts;  ///< a tile: [P, P], of r over its units
};

/// The row of the table of statistics.
struct Correlation {
    static constexpr StatisticInfo info{.name = "correlation",
                                        .title = "Correlation",
                                        .shows = "How well the rows keep their order from point to point",
                                        .leastPoints = 2};
    using Options = CorrelationParameters;
    using Result = CorrelationResult;

    static double nanoseconds(const CorrelationParameters& options, const Sizes& sizes, bool observed) {
        return sizes.values() * (1.2 + (observed && options.matrix ? 0.025 * sizes.pointCount() : 0));
    }
    static void visitOptions(auto&, auto&) {}
    static void curvesOnly(CorrelationParameters& options) { options.matrix = false; }
    static void visit(auto& io, auto& r) {
        io.matrix("r", r.r, io.sizes.points - 1, io.sizes.units);
        io.curve("mean", r.mean, Along::Steps);
        io.vector("units_counted", r.unitsCounted, io.sizes.points - 1);
        io.curve("block_inside", r.blockInside, Along::Blocks);
        io.curve("block_across", r.blockAcross, Along::Blocks);
        io.optional("matrix", r.matrix, io.sizes.points, io.sizes.points);
        io.attribute("excluded_rows", r.excludedRows);
    }

    class Accumulator {
    public:
        Accumulator(const CorrelationParameters& options, const Computation& all);
        void addTo(Feed& feed) { feed.units.push_back(&m_sums); }
        CorrelationResult finish(const Again& again, Progress& progress);
        static std::size_t bytes(const CorrelationParameters&, const Computation& all);
        static std::int64_t extraPasses(const CorrelationParameters& options, const Computation& all) {
            return matrixApart(options, all) ? 2 : 0;
        }

    private:
        /// Whether the matrix takes too much memory to be summed beside the rest.
        static bool matrixApart(const CorrelationParameters& options, const Computation& all);

        Computation m_all;
        bool m_matrixApart;
        CorrelationStatistic m_sums;
    };
};

}  // namespace rheo
