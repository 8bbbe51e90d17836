#pragma once

#include <cstdint>

#include "core/analysis/sweep.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/statistics/statistic.h"

namespace rheo {

struct DensityParameters {
    double epsilon = 0.1;  ///< a unit is active where abs(x) > epsilon * RMS of the row at the point
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
};

/// How active the units are at each point (ANALYSES: density). Means are over rows; P points of the view,
/// D units, masked ones 0 here and left out of what is summed over units.
struct DensityResult {
    MatrixD mean;                ///< [point, unit]
    MatrixD meanAbs;             ///< [point, unit]
    MatrixD rms;                 ///< [point, unit]
    MatrixD activeFraction;      ///< [point, unit], 0 to 1
    VectorD trevesRolls;         ///< [point], (mean abs)^2 / mean square; 1 dense, toward 0 sparse
    VectorD hoyer;               ///< [point], (sqrt(D) - L1 / L2) / (sqrt(D) - 1); 0 dense, 1 sparse
    VectorD kurtosis;            ///< [point], excess, over units; NaN rows (no variance) left out
    VectorD participationRatio;  ///< [point], of the covariance over rows: 1 to min(D, N - 1); NaN for N < 3
    std::int64_t excludedRows = 0;
};

/// Streams over rows once for the means and once by point for the participation ratio, which costs
/// N D min(N, D) per point; sums in float64. Throws as RowSource.
DensityResult density(const TraceView& view, const DensityParameters& parameters, Progress& progress);

/// What a sweep feeds: rows for the measures along depth, and units for the maps if those are wanted.
class DensityStatistic final : public RowStatistic, public UnitStatistic {
public:
    /// `keepRows`: what single rows have stays, for trevesRollsRows; else only its sums do.
    DensityStatistic(const RowSource& source, const DensityParameters& parameters, bool keepRows = false);
    /// Makes room for the maps of units. Call it before it is fed units.
    void makeMaps();
    void open(std::int64_t firstRow, std::int64_t rows) override;
    void add(std::int64_t row, const MatrixD& path) override;
    void close() override;
    void open(std::int64_t) override {}
    void add(const TileBatch& batch) override;
    void close(std::int64_t, const Progress&) override {}
    bool needsRms() const override { return true; }
    std::size_t tileBytes() const override { return 0; }
    /// Bytes that one holds, maps apart.
    static std::size_t bytes(const RowSource& source);
    /// All but the participation ratio; no maps unless it was fed units.
    DensityResult result() const;
    /// [row, point], if kept; NaN for a state of zero norm.
    const MatrixD& trevesRollsRows() const { return m_trevesRolls; }

private:
    const RowSource& m_source;
    double m_epsilon;
    bool m_keepRows;
    std::int64_t m_firstRow = 0;                     ///< of what is held of single rows
    MatrixD m_trevesRolls, m_hoyer, m_kurtosis;      ///< [row, point], of a band or of all
    MatrixD m_sums, m_counts;                        ///< [the three above, point], of what is defined
    MatrixD m_mean, m_meanAbs, m_squares, m_active;  ///< [point, unit], sums
};

/// The row of the table of statistics.
struct Density {
    static constexpr StatisticInfo info{
        .name = "density",
        .title = "Density",
        .shows = "How strongly, and how evenly, the units are active at each point",
        .cost = CostClass::Spectra};
    using Options = DensityParameters;
    using Result = DensityResult;

    static double nanoseconds(const DensityParameters&, const Sizes& sizes, bool observed) {
        return sizes.values() * (observed ? 9 + 0.025 * std::min(sizes.rowCount(), sizes.unitCount()) : 1.5);
    }
    static void visitOptions(auto& visitor, auto& options) {
        visitor.real("eps", options.epsilon, 0, 1e9, "a unit is active above this share of the row's RMS");
    }
    static void visit(auto& io, auto& r) {
        io.matrix("mean", r.mean, io.sizes.points, io.sizes.units);
        io.matrix("mean_abs", r.meanAbs, io.sizes.points, io.sizes.units);
        io.matrix("rms", r.rms, io.sizes.points, io.sizes.units);
        io.matrix("active_fraction", r.activeFraction, io.sizes.points, io.sizes.units);
        io.curve("treves_rolls", r.trevesRolls, Along::Points);
        io.curve("hoyer", r.hoyer, Along::Points);
        io.curve("kurtosis", r.kurtosis, Along::Points);
        io.curveWithoutNull("participation_ratio", r.participationRatio, Along::Points);
        io.attribute("excluded_rows", r.excludedRows);
    }

    class Accumulator {
    public:
        Accumulator(const DensityParameters& options, const Computation& all);
        void addTo(Feed& feed);
        DensityResult finish(const Again& again, Progress& progress);
        static std::size_t bytes(const DensityParameters&, const Computation& all) {
            return DensityStatistic::bytes(all.source);
        }
        static bool usesPointSpectra(const DensityParameters&) { return true; }

    private:
        Computation m_all;
        DensityStatistic m_sums;
    };
};

}  // namespace rheo
