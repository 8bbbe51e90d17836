#pragma once

#include <cstdint>
#include <vector>

#include "core/analysis/pca.h"
#include "core/analysis/row_source.h"
#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

struct ResampleOptions {
    int resamples = 1000;  ///< B
    std::uint64_t seed = 0;
    int threads = 0;
    std::size_t memoryBytes = std::size_t{512} << 20;
};

/// Curves along depth, and single numbers, of data sets drawn from the samples of a trace with replacement
/// (all rows of a sample come together): the bootstrap of Efron (1979). NaN where a statistic is not defined.
/// B resamples, P points.
struct Resampled {
    MatrixD trevesRolls;       ///< [B, P], density/treves_rolls
    MatrixD cosine;            ///< [B, P - 1], motion/cosine
    MatrixD speed;             ///< [B, P - 1], motion/speed
    MatrixD correlation;       ///< [B, P - 1], correlation/mean
    VectorD turning;           ///< [B], mean over units of abs(rotation/turning)
    VectorD meanPathWinding;   ///< [B], mean over units of abs(rotation/mean_path_winding)
    VectorD explained;         ///< [B], of the first three components, pooled
    std::int64_t samples = 0;  ///< that the rows come from
};

/// How often each resample holds each row: rows of one sample alike. 2 B bytes a sample.
class ResampleWeights {
public:
    ResampleWeights(const RowSource& source, int resamples, std::uint64_t seed, const Progress& progress);
    /// Of rows first .. first + count - 1 of the source, [B, row].
    MatrixD of(std::int64_t first, std::int64_t count) const;
    const VectorD& totals() const { return m_totals; }  ///< [B], rows of each resample
    std::int64_t samples() const { return m_samples; }

private:
    std::int64_t m_samples = 0;
    std::vector<std::int32_t> m_sampleOf;  ///< of each row, numbered from 0 without gaps
    std::vector<std::uint16_t> m_counts;   ///< [sample, B]
    VectorD m_totals;
};

/// Computes them from sums over rows, weighted by how often a resample holds each: products of matrices, of
/// about 3 B rows points units multiplications. What the first three components explain is taken within the
/// span of `scores` [row, point, k] of all data (`basis` being its PCA): exact where k is the number of
/// units, and for k = 64 short of it by the square of the sine of the angle by which a resample's components
/// leave that span. Throws what reading the trace throws.
Resampled resample(const RowSource& source, const PcaResult& pca, const ResampleOptions& options,
                   Progress& progress);

}  // namespace rheo
