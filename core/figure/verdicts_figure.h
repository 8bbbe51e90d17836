#pragma once

#include <string>
#include <vector>

#include "core/figure/figure.h"

namespace rheo {

/// A finding that was tested, beside the null that comes closest; all numbers in the finding's own unit, NaN
/// where there are none.
struct VerdictMark {
    std::string finding;                 ///< "density rises"
    std::string verdict;                 ///< "supported"; marks of one verdict share a colour
    double observed, low, high;          ///< value and 95 % interval
    double nullMean, nullLow, nullHigh;  ///< of the null: mean, 2.5 and 97.5 %
};

/// All findings on one axis: how far each value and its interval lie from the mean of the null, where 1 is
/// half of the null's 95 % range, so that the band from -1 to 1 is every null. The axis is linear near 0 and
/// logarithmic further out (asinh). A finding without numbers or with a null of no width has a line and no
/// mark. The first one is at the top.
Figure verdictsFigure(const std::vector<VerdictMark>& marks, const Theme& theme);

}  // namespace rheo
