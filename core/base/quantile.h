#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace rheo {

/// The quantile of `ascending` (n values) at `level`, linear between order statistics: with
/// at = level (n - 1) and k = floor(at), that is x_k + (at - k) (x_{k+1} - x_k), counted from 0. This is what
/// NumPy and R give unless asked for another ("linear", type 7), but for rounding. NaN for no values. Values
/// that are NaN have no place in an order: the caller leaves them out. Throws Error(InvalidArgument) for a
/// level outside [0, 1]. O(1).
double quantile(std::span<const double> ascending, double level);

/// The value that stands at `rank` (counted from 0, below the number of values) in ascending order, in a
/// sample without NaN. Changes the order of `values`. O(n).
template <class Number>
Number orderStatistic(std::vector<Number>& values, std::size_t rank) {
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

/// A median that is one of the values, of which there is at least one, without NaN: of an even number of
/// them the upper of the two in the middle. O(n).
template <class Number>
Number upperMedian(std::vector<Number> values) {
    return orderStatistic(values, values.size() / 2);
}

}  // namespace rheo
