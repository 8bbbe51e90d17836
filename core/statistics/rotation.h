#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/analysis/sweep.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/statistics/statistic.h"

namespace rheo {

struct RotationParameters {
    bool perRow = false;  ///< also keep the turning number of each row and unit: rows * units * 8 bytes
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
};

/// Counts in 64 bins of equal width over [-w, w), w the least power of two above all values that came (at
/// least 2^-20).
struct Histogram {
    VectorD counts = VectorD::Zero(64);
    double halfWidth = 0;    ///< w; 0 while nothing came
    void add(double value);  ///< NaN and infinity are left out
    void add(const Histogram& other);
    VectorD edges() const;  ///< [65]

private:
    void widen(double size);  ///< until `size` is inside
};

/// How the path of each unit turns in the plane of its value and its gradient along depth (ANALYSES:
/// rotation). Numbers of turns are positive counterclockwise; everything is NaN for a constant path and for
/// fewer than 3 points, and means over rows leave NaN out. D units.
struct RotationResult {
    /// Of the mean path over rows.
    VectorD meanPathTurning;         ///< [unit], turns of the direction of motion
    VectorD meanPathWinding;         ///< [unit], turns about the fixed point
    VectorD meanPathLogRadiusSlope;  ///< [unit], of ln(radius about it) per point; above 0 spirals out
    MatrixD meanPathFixedPoint;      ///< [unit, 2], centroid of (value, gradient), both from their first
    /// Of each row's own path, averaged over rows.
    VectorD turning;         ///< [unit]
    VectorD winding;         ///< [unit]
    VectorD logRadiusSlope;  ///< [unit]; also NaN where a path goes through its fixed point
    VectorD rowsCounted;     ///< [unit], rows whose path is not constant
    /// What was turned, to be drawn; of surrogates neither.
    MatrixD meanPath;                       ///< [point, unit], over rows
    std::vector<std::int64_t> exampleRows;  ///< of the view asked for: at most 8, evenly spread
    Array3F examplePaths;                   ///< [one of them, point, unit]
    MatrixD rowTurning;  ///< [row, unit] of the view asked for, if asked for; NaN for an excluded row
    Histogram turningHistogram, windingHistogram, logRadiusSlopeHistogram;  ///< of rows and units
    std::int64_t undefinedSteps = 0;  ///< steps of rows and units that change neither value nor gradient
    std::int64_t excludedRows = 0;
};

/// Rotation measures of one path, as defined, step by step with the arctangent of each: what the vectorised
/// code is held against, and what a plot of one path needs.
struct PathRotation {
    double turning, winding, logRadiusSlope;
    double fixedPoint[2];
    std::int64_t undefinedSteps = 0;
};
PathRotation pathRotation(std::span<const double> path);
/// Central differences of a path along depth, one-sided at its ends; needs 2 points.
std::vector<double> depthGradient(std::span<const double> path);

/// Streams over rows once. About 5 ns a value on one core with AVX-512. The sum of wrapped differences of
/// angles is the difference of the last and the first angle, plus a whole turn for each step that crosses the
/// cut of the arctangent, so that only those two angles are computed; the slope of ln(radius) comes from
/// running products, so that one logarithm does for a path. Both are exact but for rounding (1e-12).
/// Throws as RowSource.
RotationResult rotation(const TraceView& view, const RotationParameters& parameters, Progress& progress);

/// What a sweep feeds.
class RotationStatistic final : public UnitStatistic {
public:
    /// `observed`: also histograms and, as the parameters say, rows.
    RotationStatistic(const RowSource& source, const RotationParameters& parameters, bool observed);
    ~RotationStatistic() override;
    void open(std::int64_t tile) override;
    void add(const TileBatch& batch) override;
    void close(std::int64_t tile, const Progress& progress) override;
    std::size_t tileBytes() const override;
    RotationResult result() const;

private:
    struct Tile;
    const RowSource& m_source;
    bool m_observed;
    std::vector<std::int64_t> m_examples;  ///< ascending, of the rows used
    std::vector<std::unique_ptr<Tile>> m_tiles;
    RotationResult m_result;
};

/// The row of the table of statistics.
struct Rotation {
    static constexpr StatisticInfo info{
        .name = "rotation",
        .title = "Rotation",
        .shows = "How each unit turns in the plane of its value and its gradient along depth",
        .leastPoints = 3};
    using Options = RotationParameters;
    using Result = RotationResult;

    static double nanoseconds(const RotationParameters&, const Sizes& sizes, bool observed) {
        return sizes.values() * (observed ? 4 : 2.6);
    }
    static void visitOptions(auto& visitor, auto& options) {
        visitor.flag("per_row", options.perRow, "also keep the turning of each row and unit");
    }
    static void curvesOnly(RotationParameters& options) { options.perRow = false; }
    static void visit(auto& io, auto& r) {
        io.curve("mean_path_turning", r.meanPathTurning, Along::Units);
        io.curve("mean_path_winding", r.meanPathWinding, Along::Units);
        io.curve("mean_path_log_radius_slope", r.meanPathLogRadiusSlope, Along::Units);
        io.matrix("mean_path_fixed_point", r.meanPathFixedPoint, io.sizes.units, 2);
        io.curve("turning", r.turning, Along::Units);
        io.curve("winding", r.winding, Along::Units);
        io.curve("log_radius_slope", r.logRadiusSlope, Along::Units);
        io.vector("rows_counted", r.rowsCounted, io.sizes.units);
        io.optional("row_turning", r.rowTurning, io.sizes.rows, io.sizes.units);
        io.optional("mean_path", r.meanPath, io.sizes.points, io.sizes.units);
        io.examples(r.exampleRows, r.examplePaths);
        io.histogram("turning", r.turningHistogram);
        io.histogram("winding", r.windingHistogram);
        io.histogram("log_radius_slope", r.logRadiusSlopeHistogram);
        io.attribute("undefined_steps", r.undefinedSteps);
        io.attribute("excluded_rows", r.excludedRows);
    }

    class Accumulator {
    public:
        Accumulator(const RotationParameters& options, const Computation& all)
            : m_sums(all.source, options, all.observed) {}
        void addTo(Feed& feed) { feed.units.push_back(&m_sums); }
        RotationResult finish(const Again&, Progress&) { return m_sums.result(); }
        static std::size_t bytes(const RotationParameters&, const Computation& all) {
            return 20 * sizeof(double) * static_cast<std::size_t>(all.source.view().unitCount());
        }

    private:
        RotationStatistic m_sums;
    };
};

}  // namespace rheo
