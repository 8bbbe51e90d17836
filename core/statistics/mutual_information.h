#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/analysis/lanes.h"
#include "core/analysis/sweep.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/statistics/statistic.h"

namespace rheo {

class GaussianReference;

enum class MutualInformationEstimator {
    Ksg,   ///< nearest neighbours: estimator 1 of Kraskov, Stoegbauer and Grassberger (2004)
    Bins,  ///< equal-mass bins, plug-in, with the correction of Miller and Madow
};

struct MutualInformationOptions {
    MutualInformationEstimator estimator = MutualInformationEstimator::Ksg;
    int neighbours = 3;                    ///< k of KSG, 1 to 32
    std::uint64_t seed = 0;                ///< of the jitter that breaks ties
    std::vector<std::int64_t> units = {};  ///< ascending; empty: all
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
};

/// How much a unit's value at a point tells of its value at the next (ANALYSES: mutual_information), in nats
/// and not clipped at 0. P points of the view, D units; NaN for units that are masked, not asked for, or
/// constant at either point, and everywhere with no more than `neighbours` (KSG) or 2 rows.
struct MutualInformationResult {
    MatrixD mi;  ///< [point - 1, unit]
    MatrixD
        gaussian;  ///< [point - 1, unit], -0.5 ln(1 - r^2); NaN where one is a linear function of the other
    /// [point - 1, unit], mi minus what the same estimator gives on average for Gaussian pairs of the same
    /// number and correlation (gaussian_reference.h): predictable, and not linearly.
    MatrixD excess;
    VectorD excessError;                     ///< [1], standard error of that average, in nats
    VectorD mean, meanGaussian, meanExcess;  ///< [point - 1], over units, NaN left out
    std::vector<std::int64_t> units;         ///< [point - 1], how many are in `mean`
    std::int64_t excludedRows = 0;
};

/// Streams over rows, holding the paths of 64 units at a time for each thread (rows * points * 512 bytes);
/// where the memory ends, of fewer, in more passes. KSG costs about N^1.5 for each unit and step, N^2 at
/// worst; parallel over units. Bound by computing: measured on one thread at 4 GHz, 32 us for 1,000 rows in
/// registers of 64 bytes, 39 in those of 32, 57 in those of 16; a fifth of it standardises and sorts. Ties
/// are broken by a jitter of 1e-10 of the SD, named by seed, unit and point, in columns that have some.
/// The first estimate for a number of rows also simulates its
/// Gaussian reference. Throws Error(InvalidArgument) for neighbours or units out of range, and as RowSource.
MutualInformationResult mutualInformation(const TraceView& view, const MutualInformationOptions& options,
                                          Progress& progress);

/// What a sweep feeds.
class MutualInformationStatistic final : public UnitStatistic {
public:
    MutualInformationStatistic(const RowSource& source, const MutualInformationOptions& options);
    void open(std::int64_t tile) override;
    void add(const TileBatch& batch) override;
    void close(std::int64_t tile, const Progress& progress) override;
    std::size_t tileBytes() const override;
    std::int64_t unitsWithin(std::size_t bytes) const override;
    void takeUnits(std::int64_t first, std::int64_t count) override;
    MutualInformationResult result() const;

private:
    /// Of those of a tile that are estimated, the ones that are taken now.
    std::span<const std::int64_t> unitsOf(std::int64_t tile) const;
    void estimate(std::int64_t unit, const double* paths, const Progress& progress);

    const RowSource& m_source;
    MutualInformationOptions m_options;
    std::int64_t m_rows, m_points, m_units;
    std::vector<std::vector<std::int64_t>> m_unitsOf;  ///< a tile: those that are estimated
    std::vector<std::unique_ptr<double[]>> m_paths;    ///< an open tile: [one of its units, point, row]
    std::int64_t m_firstUnit = 0, m_unitCount = tileUnits;
    std::size_t m_mostUnits = 0;                     ///< of one tile
    const GaussianReference* m_reference = nullptr;  ///< from the first estimate on
    std::once_flag m_referenceMade;
    MutualInformationResult m_result;
};

/// A variable made ready for estimates: standardised over its N samples (population SD) and ranked. Prepare
/// it once and use it with every other variable.
class RankedVariable {
public:
    /// Ties get a jitter from stream `stream` of `seed`. N, or N log N where most values crowd in one place.
    RankedVariable(std::span<const float> values, std::uint64_t seed, std::uint64_t stream);
    RankedVariable(std::span<const double> values, std::uint64_t seed, std::uint64_t stream);

    std::int64_t count() const { return static_cast<std::int64_t>(m_rank.size()); }
    bool constant() const { return m_constant; }  ///< or not finite, or its SD: no estimate is defined
    std::span<const double> standardized() const { return m_standardized; }  ///< [N], before the jitter
    double sorted(std::int64_t i) const { return sortedData()[i]; }
    std::int32_t rank(std::int64_t n) const { return m_rank[static_cast<std::size_t>(n)]; }
    std::int32_t order(std::int64_t i) const { return m_order[static_cast<std::size_t>(i)]; }

    /// With infinities before and behind, as nearestNeighbours reads them.
    const double* sortedData() const { return m_sorted.data() + sampleMargin; }

private:
    void prepare(std::uint64_t seed, std::uint64_t stream);

    bool m_constant = false;
    std::vector<double> m_standardized;
    std::vector<double> m_sorted;
    std::vector<std::int32_t> m_rank;   ///< of each sample, among the sorted
    std::vector<std::int32_t> m_order;  ///< the sample at each rank
};

/// Estimates for two variables of the same N samples, in nats. NaN where either is constant, or N is not
/// above k (KSG) or 2. `progress` is asked for a stop within long ones.
double ksgInformation(const RankedVariable& x, const RankedVariable& y, int k, const Progress& progress = {});
/// B = max(2, floor(sqrt(N / 5))) bins a variable; the plug-in estimate minus (K_xy - K_x - K_y + 1) / (2 N),
/// K the cells that are occupied.
double binnedInformation(const RankedVariable& x, const RankedVariable& y);
/// What a Gaussian of the same correlation r has: -0.5 ln(1 - r^2). NaN where 1 - r^2 is lost in rounding.
double gaussianInformation(const RankedVariable& x, const RankedVariable& y);

/// The row of the table of statistics.
struct MutualInformation {
    static constexpr StatisticInfo info{
        .name = "mutual_information",
        .title = "Mutual information",
        .shows = "How much a unit's value tells of its value at the next point, beyond a linear relation",
        .cost = CostClass::Slow,
        .leastPoints = 2};
    using Options = MutualInformationOptions;
    using Result = MutualInformationResult;

    static double nanoseconds(const MutualInformationOptions& options, const Sizes& sizes, bool observed);
    static void visitOptions(auto& visitor, auto& options) {
        visitor.choice("mi", options.estimator,
                       {{"ksg", MutualInformationEstimator::Ksg}, {"bins", MutualInformationEstimator::Bins}},
                       "estimator of mutual information");
        visitor.defined("excess", "beyond the estimate for Gaussian pairs");
        if (options.estimator == MutualInformationEstimator::Ksg)
            visitor.recorded("neighbours", options.neighbours);
        if (!options.units.empty()) visitor.recorded("units", options.units);
    }
    static void visit(auto& io, auto& r) {
        io.matrix("mi", r.mi, io.sizes.points - 1, io.sizes.units);
        io.matrix("gaussian", r.gaussian, io.sizes.points - 1, io.sizes.units);
        io.matrix("excess", r.excess, io.sizes.points - 1, io.sizes.units);
        io.curve("mean", r.mean, Along::Steps);
        io.curve("mean_gaussian", r.meanGaussian, Along::Steps);
        io.curve("mean_excess", r.meanExcess, Along::Steps);
        io.vector("excess_standard_error", r.excessError, anySize);
        io.counts("units_counted", r.units, io.sizes.points - 1);
        io.attribute("excluded_rows", r.excludedRows);
    }
    /// It holds all rows of a unit.
    static std::string whyUndefined(const TraceView& view, const MutualInformationOptions&,
                                    std::size_t memoryBytes);

    class Accumulator {
    public:
        Accumulator(const MutualInformationOptions& options, const Computation& all)
            : m_sums(all.source, options) {}
        void addTo(Feed& feed) { feed.units.push_back(&m_sums); }
        MutualInformationResult finish(const Again&, Progress&) { return m_sums.result(); }
        static std::size_t bytes(const MutualInformationOptions&, const Computation& all) {
            const TraceView& view = all.source.view();
            return 6 * sizeof(double) * static_cast<std::size_t>(view.pointCount() * view.unitCount());
        }

    private:
        MutualInformationStatistic m_sums;
    };
};

}  // namespace rheo
