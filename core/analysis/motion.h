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

/// Streams over rows once, holding 3 P numbers a row. Throws as RowSource.
MotionResult motion(const TraceView& view, const MotionParameters& parameters, Progress& progress);

/// What a sweep feeds.
class MotionStatistic final : public RowStatistic {
public:
    /// `observed`: also quantiles.
    MotionStatistic(const RowSource& source, bool observed);
    void add(std::int64_t row, const MatrixD& path) override;
    /// Bytes that one holds from the start.
    static std::size_t bytes(const RowSource& source);
    MotionResult result(const Progress& progress) const;
    const MatrixD& cosineRows() const { return m_cosine; }  ///< [row, P - 1]; NaN for a state of zero norm
    const MatrixD& speedRows() const { return m_speed; }    ///< [row, P - 1]

private:
    const RowSource& m_source;
    bool m_observed;
    MatrixD m_norm;      ///< [row, P]
    MatrixD m_speed;     ///< [row, P - 1]
    MatrixD m_cosine;    ///< [row, P - 1]
    MatrixD m_angle;     ///< [row, P - 2]
    VectorD m_distance;  ///< [row], from the first state to the last
};

}  // namespace rheo
