#pragma once

#include <string>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/statistics/pca.h"

namespace rheo {

/// A direction of the residual stream.
struct NamedDirection {
    std::string name;
    VectorF values;  ///< [unit], of any length but zero
};

/// How directions become axes.
enum class AxesFrame {
    Orthonormal,  ///< Gram-Schmidt in their order: the first is kept, the others lose what they share with
                  ///< those before
    Skew,         ///< as they are, of length 1: coordinates are dual ones, so that a change of coordinate i
                  ///< moves a state along direction i alone
};

/// Axes for whatever takes a basis of a PCA: projections, teleports, flows, the trajectories. The mean is 0;
/// variances and shares are empty until measureAxes. Throws Error(InvalidArgument) naming a direction that is
/// zero, not finite, or within 1e-6 of the span of those before it, and Error(Mismatch) for different widths.
PcaBasis axesOf(const std::vector<NamedDirection>& directions, AxesFrame frame);

/// `axes` and, until there are `count`, the first principal components of `pca` as far as they are orthogonal
/// to all axes before them ("PC1 rest"). Throws Error(Mismatch) for different widths.
PcaBasis completedAxes(const PcaBasis& axes, const PcaBasis& pca, int count = 3);

/// Orthonormal rows [k, unit] that span the rows of `frame`, which are independent.
MatrixD orthonormalSpan(const MatrixD& frame);

/// Degrees between each two rows of `directions` [k, unit], 0 to 180, [k, k]; NaN for a zero row.
MatrixD anglesBetween(const MatrixD& directions);

/// How much states vary along directions: over all usable rows and points of a view together.
struct DirectionVariance {
    VectorD mean;                                       ///< [unit] of the states
    VectorD variance;                                   ///< [k] along each direction, at length 1 (N - 1)
    double total = 0;                                   ///< the sum over units of the variance
    VectorD share() const { return variance / total; }  ///< [k], 0 to 1
};
/// `directions` [k, unit]. Cost: one pass over the view. Throws Error(Mismatch) for another width, and
/// Error(InvalidArgument) for fewer than 2 states.
DirectionVariance varianceAlong(const TraceView& view, const MatrixD& directions, Progress& progress);

/// Sets mean, variance and share of `axes` from the states of a view.
void measureAxes(PcaBasis& axes, const TraceView& view, Progress& progress);

/// "PC2", or the name of an axis.
std::string axisName(const PcaBasis& basis, Eigen::Index axis);
/// "toward ' Paris', ' Rome'; against ' the'": what an axis means by the unembedding; empty: not known.
std::string axisMeaning(const PcaBasis& basis, Eigen::Index axis);

/// Scores of every row and point of `view` along a direction, at length 1, about `mean` [unit] in residual
/// units, [row, point]. Throws as project, and Error(InvalidArgument) for a direction that is zero or not
/// finite.
MatrixF scoresAlong(const TraceView& view, const VectorF& direction, const VectorD& mean, Progress& progress);

}  // namespace rheo
