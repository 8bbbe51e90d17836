#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/analysis/nulls.h"
#include "core/base/array.h"

namespace rheo {

/// The result of testing a finding (ANALYSES: Verdicts).
enum class VerdictKind {
    Supported,  ///< the interval excludes zero in the published direction, and no null reaches the value
    ExplainedByNull,  ///< the interval excludes zero in that direction, and a null reaches the value
    MostlyNull,       ///< beyond the nulls, but one of them gives at least 90 % of the value
    Opposite,         ///< as Supported, in the other direction
    RestsOnOutliers,  ///< without outlying units and rows the verdict is another one
    NotSeen,          ///< all else
    NotTested,        ///< the reason says why
};
/// "supported", "explained_by_null", "mostly_null", "opposite", "rests_on_outliers", "not_seen",
/// "not_tested".
std::string_view verdictName(VerdictKind kind);

struct Interval {
    double low, high;
};

/// The number of a finding compared with one null.
struct NullComparison {
    std::string null;        ///< "gaussian_walk"
    double mean, low, high;  ///< of the null: mean, 2.5 and 97.5 %
    TailP upper, lower;      ///< one-sided
    double share;            ///< mean over the observed value
    int repeats = 0;
};

/// p of a number beside one null: in the published direction (+1 or -1), or two-sided (0).
TailP towards(int direction, const NullComparison& null);
/// p of a number compared with all its nulls (at least one): the largest of their p. Without a direction (0)
/// the number must lie beyond all nulls on the same side. But if each null gives nearly all of the number
/// (mostlyNull), nothing can be supported, and either side counts: a number between two nulls may differ
/// from both.
TailP towardsAll(int direction, std::span<const NullComparison> nulls);

/// The rule. `direction` is +1 or -1 as published, and `towards` and `away` are the p of that side and of the
/// other (adjusted where there are several tests); for direction 0 `towards` is two-sided, and the interval
/// and `away` do not matter. `nullShare`: the null's mean over the observed value, NaN without a null.
VerdictKind judge(int direction, const Interval& interval, double towards, double away, double nullShare);

/// Whether a null gives nearly all of the value: the lesser of both is at least 90 % of the greater, and they
/// have the same sign.
bool mostlyNull(double nullShare);

/// Holm's adjustment of p for the number of tests (Holm 1979): the i-th least of m is multiplied by m - i +
/// 1, made ascending and cut at 1. NaN stay NaN and do not count.
std::vector<double> holmAdjusted(std::span<const double> p);

/// 95 % interval of a number measured on all samples, from its values on random halves of them, drawn without
/// replacement: observed -+ t SD sqrt(m / (n - m)), m = floor(n / 2) of n samples, t with one degree of
/// freedom less than there are samples or halves, whichever are fewer. For m of n samples the variance over
/// halves, given the data, is (1 - m/n) / m times that of one sample, so for halves it equals the variance of
/// the whole (Politis, Romano and Wolf 1999, subsampling; delete-d jackknife). Resampling with replacement
/// would repeat rows, which inflates explained variance and breaks nearest neighbours; halves have no
/// repeated rows. The interval always contains the value. NaN with fewer than two halves or samples; NaN
/// halves are left out.
Interval halvesInterval(double observed, std::span<const double> halves, std::int64_t samples);

/// 95 % interval of a number that a model fitted to `trainShare` of the samples gives on the other samples,
/// from its values for other random splits and initial weights (`splits`): observed -+ t SD /
/// sqrt(trainShare), t with one degree of freedom less than there are splits. Splits share most of their
/// training samples, so the variance is 1 + (1 - trainShare) / trainShare = 1 / trainShare times that over
/// splits (Nadeau and Bengio 2003, for one split). Every fit has as many samples as the observed one: fits on
/// half of them would be worse, and would vary less if they fail. The interval always contains the value. NaN
/// with fewer than two splits; NaN are left out.
Interval splitsInterval(double observed, std::span<const double> splits, double trainShare);

/// Share of sign flips of `differences` (10,000 by seed) whose mean is at least or at most the observed one:
/// (1 + count) / 10,001.
struct SignFlipTest {
    double mean, low, high;  ///< of the flipped means: mean, 2.5 and 97.5 %
    double pUpper, pLower;
};
constexpr int signFlips = 10000;
SignFlipTest flipSignsOfDifferences(const VectorD& differences, std::uint64_t seed);

}  // namespace rheo
