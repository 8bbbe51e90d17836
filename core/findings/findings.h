#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/analysis/surrogates.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/statistics/analyze.h"

namespace rheo {

/// Steps of a view by what lies between their two points.
struct StepKinds {
    std::vector<Eigen::Index> inside, across;  ///< attn_in to mlp_in of a block; mlp_in to the next attn_in
    std::vector<int> kind;                     ///< of each step: 1 from mlp_in, else 0

    explicit StepKinds(const TraceView& view);
    bool blocksNamed() const { return !inside.empty() && !across.empty(); }
};

/// Where the numbers of a finding come from, and with them its interval.
enum class FindingSource {
    Sweep,        ///< a curve of analyze(); interval from halves of the samples (resample.h)
    Information,  ///< the same, estimated anew on each half
    Refits,       ///< an autoencoder fitted anew
    Pushes,       ///< pushes in the model (core/dynamics/early_attractor)
};

/// A published finding as a test: the curve it is about, the one number of that curve which stands for it,
/// and the nulls that the number must lie beyond. What it says in words: core/session/verdict_text.h.
struct Finding {
    std::string_view key;  ///< "density_rises"
    FindingSource source;
    std::string_view statistic, dataset;  ///< of the curve, as curvesOf names it; empty for pushes
    /// The number; NaN where the curve does not define it, 0 for a difference within rounding.
    double (*reduce)(const VectorD& curve, const StepKinds& steps);
    int direction;  ///< +1 or -1 as published; 0: the number has no sign, and is tested on both sides
    std::vector<NullKind> nulls;
    /// What the number can be; intervals end there.
    double least = -std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::infinity();
};

/// All twelve, in the order of ANALYSES (Verdicts).
std::span<const Finding> findings();

/// Curves by "statistic/dataset".
using Curves = std::map<std::string, VectorD, std::less<>>;
Curves curvesByName(const Statistics& statistics);

/// The number of each finding in these curves; NaN where they do not hold its curve. [finding]
VectorD reduceAll(const Curves& curves, const StepKinds& steps);

/// one - other, or 0 where that is within the rounding of float32 states: at most 2^-23 of the magnitudes
/// of both.
double differenceOf(double one, double other);

// The reductions, for curves along points or steps; NaN for an empty curve or one that holds NaN.

/// Mean over the last quarter (at least one) less that over the first.
double lateLessEarly(const VectorD& curve);
/// The same of a share that was reconstructed (r2): a value below 0, worse than the mean of the states,
/// counts as 0. Else what is said of a point would depend on how badly it is reconstructed, which has no
/// bound.
double lateLessEarlyShare(const VectorD& r2);
/// Mean over the first quarter less that over the rest.
double earlyLessRest(const VectorD& curve);
/// The lesser of the fall from the first value to the lowest between the ends and the climb from there to the
/// last: below zero where an end is the lowest. NaN with fewer than three values.
double dropsThenClimbs(const VectorD& curve);
/// Slope of the curve on the number of the step, attention and MLP steps each with an intercept of their
/// own, times the number of steps, over the mean.
double relativeSlope(const VectorD& curve, const StepKinds& steps);

}  // namespace rheo
