#pragma once

#include <cstdint>
#include <vector>

#include "core/analysis/row_source.h"
#include "core/analysis/sampling_units.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/statistics/pca.h"

namespace rheo {

struct ResampleOptions {
    int resamples = 400;  ///< B
    std::uint64_t seed = 0;
    int threads = 0;
    std::size_t memoryBytes = std::size_t{512} << 20;
};

/// Curves along depth, and single numbers, for random halves of the samples of a trace, drawn without
/// replacement (all rows of a sampling unit are in the same half). halvesInterval of judge.h makes intervals
/// from them. NaN where a statistic is not defined. B halves, P points.
struct Resampled {
    MatrixD trevesRolls;       ///< [B, P], density/treves_rolls
    MatrixD cosine;            ///< [B, P - 1], motion/cosine
    MatrixD speed;             ///< [B, P - 1], motion/speed
    MatrixD correlation;       ///< [B, P - 1], correlation/mean
    VectorD turning;           ///< [B], mean over units of abs(rotation/turning)
    VectorD meanPathWinding;   ///< [B], mean over units of abs(rotation/mean_path_winding)
    VectorD explained;         ///< [B], of the first three components, pooled
    std::int64_t samples = 0;  ///< sampling units that halves are drawn from
};

/// Which rows are in each half: all rows of a sampling unit, or none. Memory: B bytes per sampling unit.
class HalfWeights {
public:
    HalfWeights(const RowSource& source, int halves, std::uint64_t seed, const Progress& progress);
    /// 1 or 0 for rows first .. first + count - 1 of the source, [B, row].
    MatrixD of(std::int64_t first, std::int64_t count) const;
    const VectorD& totals() const { return m_totals; }  ///< [B], rows of each half
    std::int64_t units() const { return m_units.count(); }

private:
    SamplingUnits m_units;
    std::vector<std::vector<std::uint8_t>> m_drawn;  ///< [half][unit]
    VectorD m_totals;
};

/// Computes them from sums over rows, each with weight 1 or 0 for each half: products of matrices, of
/// about 3 B rows points units multiplications. The variance explained by the first three components is
/// computed within the span of the scores [row, point, k] of all data (`pca`). It is exact if k is the number
/// of units; for k = 64 it is too small by the square of the sine of the angle between a half's components
/// and that span. Throws what reading the trace throws.
Resampled resample(const RowSource& source, const PcaResult& pca, const ResampleOptions& options,
                   Progress& progress);

}  // namespace rheo
