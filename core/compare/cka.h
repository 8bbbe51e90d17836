#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/compare/matched_rows.h"

namespace rheo {

/// Linear CKA (Kornblith et al. 2019) of the same n samples in two representations, with the unbiased
/// estimate of HSIC in place of the biased one (Song et al. 2012; Nguyen, Raghu and Kornblith 2021): the
/// biased one goes to 1 where units outnumber samples, as they mostly do here. `x` [n, Dx] and `y` [n, Dy];
/// they need not be centred. 1 for the same up to rotation and scale, about 0 for independent ones, below 0
/// by chance. NaN for fewer than 4 samples, and where one does not vary. Cost: n Dx Dy, or n^2 (Dx + Dy)
/// where that is less; what it holds is as small.
double debiasedCka(const MatrixD& x, const MatrixD& y);

struct CkaOptions {
    int repeats = 200;  ///< shuffles of the samples
    std::uint64_t seed = 0;
    std::int64_t mostRows = 1000;  ///< that are used (thinned)
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
};

/// CKA of every depth of A with every depth of B, beside its null. PA and PB points.
struct CkaResult {
    MatrixD cka;                          ///< [PA, PB]
    MatrixD nullMean, nullLow, nullHigh;  ///< [PA, PB] of the shuffles: mean, 2.5 and 97.5 %
    MatrixD p;                            ///< [PA, PB] (1 + #{null >= CKA}) / (repeats + 1)
    double largestByChance = 0;           ///< that 95 % of shuffles do not reach at any pair of depths
    std::int64_t rows = 0, samples = 0;   ///< that were used
    int repeats = 0;
    std::uint64_t seed = 0;
};

/// The states of the pairs, scaled as the views say. The null shuffles samples (shuffledPairs). Works on the
/// products of rows [n, n] of each point, once each, and then n^2 / 2 a pair of depths and shuffle; or on
/// products of units, n D^2 a pair and shuffle, where that is less or the former does not fit into the
/// memory. Throws Error(InvalidArgument) for fewer than 4 pairs or 2 samples, and what reading throws.
CkaResult ckaByDepth(const TraceView& a, const TraceView& b, const MatchedRows& matched,
                     const CkaOptions& options, Progress& progress);

/// States of point `p` of the rows `rows` of a view, in that order, scaled and not centred. [row, unit]
MatrixD statesOfRows(const TraceView& view, std::int64_t p, const std::vector<std::int64_t>& rows);

}  // namespace rheo
