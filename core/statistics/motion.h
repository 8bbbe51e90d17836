#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/analysis/sweep.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/statistics/statistic.h"

namespace rheo {

struct MotionParameters {
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
};

/// A quantity of each row along depth: its mean over rows and its quantiles at 2.5, 25, 50, 75 and 97.5 %
/// (linear-interpolated). Rows where it is not defined are left out; NaN where no row is left.
struct MotionCurve {
    VectorD mean;       ///< [point or step]
    MatrixD quantiles;  ///< [5, point or step]
    VectorD counted;    ///< [point or step], rows
};

/// How the state moves from point to point (ANALYSES: motion), in units of the scaled state. P points, N
/// rows.
struct MotionResult {
    MotionCurve cosine;         ///< [P - 1], of h_p and h_{p+1}; -1 to 1
    MotionCurve speed;          ///< [P - 1], norm of d_p
    MotionCurve relativeSpeed;  ///< [P - 1], speed over the norm of h_p
    MotionCurve acceleration;   ///< [P - 2], speed[p+1] - speed[p]
    MotionCurve turningAngle;   ///< [P - 2], between d_p and d_{p+1}, degrees; undefined where a step is zero
    MotionCurve norm;           ///< [P], of h_p
    double pathLength = 0;      ///< mean over rows of the sum of speeds
    double straightness = 0;    ///< mean over rows of norm(h_last - h_0) / path length, 0 to 1
    VectorD pathLengthRows, straightnessRows;  ///< [N] of the view asked for; NaN for an excluded row
    std::int64_t excludedRows = 0;
};

/// Streams over rows, holding six numbers a row and point for the quantiles: those of as many points as half
/// the memory holds, so that several passes are made where that is not all. Throws as RowSource.
MotionResult motion(const TraceView& view, const MotionParameters& parameters, Progress& progress);

/// What a sweep feeds.
class MotionStatistic final : public RowStatistic {
public:
    /// `observed`: also quantiles, for which what single rows have is kept, of as many points as fit into
    /// `memoryBytes`; else only its sums are.
    MotionStatistic(const RowSource& source, bool observed,
                    std::size_t memoryBytes = std::numeric_limits<std::size_t>::max());
    void open(std::int64_t firstRow, std::int64_t rows) override;
    void add(std::int64_t row, const MatrixD& path) override;
    void close() override;
    /// Bytes that one of a surrogate holds.
    static std::size_t bytes(const RowSource& source);
    /// How often an observed one must be fed all rows.
    static std::int64_t passes(const RowSource& source, std::size_t memoryBytes);
    /// All rows came. Whether they must come once more, for the quantiles of further points.
    bool finishPass(const Progress& progress);
    /// After the last pass.
    MotionResult result() const;
    /// [row, P - 1], where observed and all points fit into the memory; NaN for a state of zero norm.
    const MatrixD& cosineRows() const { return m_kept[Cosine]; }
    const MatrixD& speedRows() const { return m_kept[Speed]; }

private:
    enum Curve { Norm, Speed, Cosine, Angle, Relative, Acceleration, curveCount };
    /// Points or steps of a curve.
    std::int64_t lengthOf(int curve) const;
    /// Sums over rows of what is defined.
    struct Sum {
        VectorD total, counted;
        void add(const MatrixD& values);
        MotionCurve curve() const;
    };

    const RowSource& m_source;
    bool m_observed;
    std::int64_t m_points, m_firstPoint = 0, m_width;  ///< points that are kept now
    std::int64_t m_firstRow = 0;                       ///< of what is held of single rows: all, or a band
    std::array<MatrixD, curveCount> m_kept;            ///< [row, point kept]
    VectorD m_length, m_straight;                      ///< [row]
    std::array<Sum, curveCount> m_sums;
    Sum m_lengths, m_straights;
    std::array<MotionCurve, curveCount> m_curves;  ///< of the points that had their pass
};

/// The row of the table of statistics.
struct Motion {
    static constexpr StatisticInfo info{
        .name = "motion",
        .title = "Motion",
        .shows = "How far, and in which direction, the state moves at each step",
        .leastPoints = 2};
    using Options = MotionParameters;
    using Result = MotionResult;

    static double nanoseconds(const MotionParameters&, const Sizes& sizes, bool observed) {
        return sizes.values() * 2 + (observed ? 200 * sizes.states() : 0);
    }
    static void visitOptions(auto&, auto&) {}
    static void visit(auto& io, auto& r) {
        const auto curve = [&](const std::string& name, auto& values, Along axis) {
            io.curve(name.c_str(), values.mean, axis);
            io.matrix((name + "_quantiles").c_str(), values.quantiles, 5, lengthAlong(axis, io.sizes));
            io.vector((name + "_rows_counted").c_str(), values.counted, lengthAlong(axis, io.sizes));
        };
        curve("cosine", r.cosine, Along::Steps);
        curve("speed", r.speed, Along::Steps);
        curve("relative_speed", r.relativeSpeed, Along::Steps);
        curve("acceleration", r.acceleration, Along::Bends);
        curve("turning_angle", r.turningAngle, Along::Bends);
        curve("norm", r.norm, Along::Points);
        io.curveOfOne("path_length", r.pathLength);
        io.curveOfOne("straightness", r.straightness);
        io.vector("path_length_rows", r.pathLengthRows, io.sizes.rows);
        io.vector("straightness_rows", r.straightnessRows, io.sizes.rows);
        io.attribute("excluded_rows", r.excludedRows);
    }

    class Accumulator {
    public:
        Accumulator(const MotionParameters&, const Computation& all)
            : m_sums(all.source, all.observed, all.memoryBytes / 8) {}
        void addTo(Feed& feed) { feed.rows.push_back(&m_sums); }
        MotionResult finish(const Again& again, Progress& progress);
        static std::size_t bytes(const MotionParameters&, const Computation& all) {
            return MotionStatistic::bytes(all.source);
        }
        static std::int64_t extraPasses(const MotionParameters&, const Computation& all) {
            return MotionStatistic::passes(all.source, all.memoryBytes / 8) - 1;
        }

    private:
        MotionStatistic m_sums;
    };
};

}  // namespace rheo
