#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/array.h"

namespace rheo {

/// How an observed statistic of n values lies among R repeats of it on surrogates. Each vector is [n].
struct NullSummary {
    VectorD mean;
    VectorD low, high;  ///< 2.5 and 97.5 %, linear-interpolated
    VectorD z;          ///< (observed - mean) / SD (N - 1); NaN where the SD is 0
    VectorD pUpper;     ///< (1 + #{null >= observed}) / (R + 1)
    VectorD pLower;     ///< (1 + #{null <= observed}) / (R + 1)
    VectorD p;          ///< min(1, 2 min(pUpper, pLower))
    int repeats = 0;
    std::uint64_t seed = 0;
};

/// `samples` is [repeat, n]. Where the observed value is NaN, or a sample is, all is NaN. Values that differ
/// by rounding alone (1e-11 of the largest) count as equal: a null that keeps a statistic has p = 1 and no z.
NullSummary summarizeNull(const VectorD& observed, const MatrixD& samples, std::uint64_t seed);

/// How a p was found.
enum class PMethod {
    None,
    Empirical,          ///< (1 + #{null >= observed}) / (R + 1)
    GeneralizedPareto,  ///< a fit of the null's tail, beyond what R repeats reach
    StudentT,           ///< of a normal null with few repeats, or of a mean with its standard error
    SignFlips,          ///< signs of paired differences flipped
};
/// "empirical", "generalized_pareto", "student_t", "sign_flips"; empty for None.
std::string_view pMethodName(PMethod method);

struct TailP {
    double p;
    PMethod method;
};

/// P(null >= observed) from R repeats. With ten or more at or above the observed value, or fewer than 40 in
/// all, the empirical (1 + count) / (R + 1). Else a generalised Pareto distribution is fitted to the greatest
/// fifth of the repeats (at least 20), as Knijnenburg et al. (2009) do, by probability-weighted moments
/// (Hosking and Wallis 1987). So that p errs upwards, its shape is not below 0 (a tail lighter than
/// exponential counts as exponential) and raised by one standard error: with 200 repeats, values of the null
/// itself get a p below 0.0042 (0.05 over twelve tests) in 0.07 % of draws of a normal null, 0.31 % of
/// Student's t with 5 and 0.4 % of one with 3 degrees of freedom. Not below 1e-6: further out no fit to a few
/// repeats can tell. Values within rounding of each other (1e-11 of the greatest) count as equal; repeats
/// that are all equal have no tail to fit, and p is empirical. NaN where there are no repeats or a value is
/// NaN.
TailP upperTail(double observed, std::span<const double> repeats);
/// P(null <= observed), likewise.
TailP lowerTail(double observed, std::span<const double> repeats);
/// P(null >= observed) where the null is normal and there are few repeats: Student's t of
/// (observed - mean) / (SD sqrt(1 + 1/R)) with R - 1 degrees of freedom. For nulls that cost minutes.
TailP upperTailOfNormal(double observed, std::span<const double> repeats);
TailP lowerTailOfNormal(double observed, std::span<const double> repeats);

}  // namespace rheo
