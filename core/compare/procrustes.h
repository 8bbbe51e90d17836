#pragma once

#include <cstdint>

#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/compare/depth_match.h"
#include "core/compare/matched_rows.h"

namespace rheo {

/// The map (y - fromMean) rotation * scale + toMean that brings states y of one space nearest to states x of
/// another, in the least squares (orthogonal Procrustes; Schönemann 1966). k coordinates each.
struct ProcrustesMap {
    MatrixD rotation;  ///< [k, k] orthogonal: a rotation, or one with a reflection
    double scale = 0;
    VectorD toMean, fromMean;  ///< [k]
    double residual = 0;  ///< share of the variance of x that is left, 0 to 1; NaN where x or y is constant
};
/// `x` and `y` [state, k]: the same states. Throws Error(Mismatch) for different shapes and
/// Error(InvalidArgument) for fewer than 2 states. Cost: n k^2 + k^3.
ProcrustesMap procrustes(const MatrixD& x, const MatrixD& y);
/// `y` [state, k] in the space of x.
MatrixD mapped(const ProcrustesMap& map, const MatrixD& y);

struct ProcrustesOptions {
    int repeats = 200;  ///< shuffles of the samples
    std::uint64_t seed = 0;
};

/// How the scores of B are brought into the space of A. P points of A.
struct ProcrustesResult {
    ProcrustesMap map;  ///< one for all depths: what paths are drawn by
    /// Of the shuffles (shuffledPairs): mean, 2.5 and 97.5 %, and (1 + #{null <= residual}) / (repeats + 1).
    double nullMean = 0, nullLow = 0, nullHigh = 0, p = 0;
    VectorD residual;                                            ///< [P] with a map of its own at each depth
    VectorD depthNullMean, depthNullLow, depthNullHigh, depthP;  ///< [P]
    int repeats = 0;
    std::uint64_t seed = 0;
    std::int64_t rows = 0, samples = 0;
};

/// Fits maps on the pairs, from scores [row, point, k] of each (places of `matched` are their rows), point by
/// point as `depth` pairs them. Scores with other k are cut at the lesser; rows that are not finite are left
/// out. Cost: `repeats` fits. Throws as procrustes.
ProcrustesResult alignScores(const Array3F& a, const Array3F& b, const MatchedRows& matched,
                             const DepthMatch& depth, const ProcrustesOptions& options, Progress& progress);

/// All scores of B, [row, point, k], in the space of A.
Array3F mapped(const ProcrustesMap& map, const Array3F& scores);

}  // namespace rheo
