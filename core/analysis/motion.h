#pragma once

#include <cstdint>
#include <vector>

#include "core/analysis/sweep.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"

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

/// Streams over rows once, holding 5 P numbers a row for the quantiles. Throws as RowSource.
MotionResult motion(const TraceView& view, const MotionParameters& parameters, Progress& progress);

/// What a sweep feeds.
class MotionStatistic final : public RowStatistic {
public:
    /// `observed`: also quantiles, for which what single rows have is kept; else only its sums are.
    MotionStatistic(const RowSource& source, bool observed);
    void open(std::int64_t firstRow, std::int64_t rows) override;
    void add(std::int64_t row, const MatrixD& path) override;
    void close() override;
    /// Bytes that one holds, with what result() makes beside it.
    static std::size_t bytes(const RowSource& source, bool observed);
    MotionResult result(const Progress& progress) const;
    /// [row, P - 1], where observed; NaN for a state of zero norm.
    const MatrixD& cosineRows() const { return m_cosine; }
    const MatrixD& speedRows() const { return m_speed; }  ///< [row, P - 1], where observed

private:
    /// Sums over rows of what is defined.
    struct Sum {
        VectorD total, counted;
        void add(const MatrixD& values);
        MotionCurve curve() const;
    };
    MatrixD relativeSpeed() const;
    MatrixD acceleration() const;
    VectorD straightness() const;

    const RowSource& m_source;
    bool m_observed;
    std::int64_t m_firstRow = 0;  ///< of what is held of single rows: all, or a band
    MatrixD m_norm;               ///< [row, P]
    MatrixD m_speed;              ///< [row, P - 1]
    MatrixD m_cosine;             ///< [row, P - 1]
    MatrixD m_angle;              ///< [row, P - 2]
    VectorD m_distance;           ///< [row], from the first state to the last
    Sum m_cosines, m_speeds, m_relatives, m_accelerations, m_angles, m_norms, m_lengths, m_straights;
};

}  // namespace rheo
