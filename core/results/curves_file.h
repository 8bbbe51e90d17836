#pragma once

#include <string>

#include "core/results/results_file.h"

namespace rheo {

/// Every curve of results (what is defined along depth, for each unit or component, and single numbers)
/// beside its nulls, for other programs.
///
/// CSV (RFC 4180), a line for each value and null: statistic, dataset, index, point (its name, where the
/// curve goes along depth: of a step the point it leaves), observed, null, mean, low, high, z, p_upper,
/// p_lower, p. A curve without nulls has one line a value, the last fields empty. What is not a number is
/// empty.
std::string curvesCsv(const Results& results);

/// The same as one JSON object: source, points, and a list of curves {statistic, dataset, values, nulls
/// {name: {repeats, seed, mean, low, high, z, p_upper, p_lower, p}}}. What is not a number is null.
std::string curvesJson(const Results& results);

}  // namespace rheo
