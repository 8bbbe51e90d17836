#pragma once

#include <vector>

#include "core/figure/figure.h"
#include "core/results/comparison_file.h"
#include "core/session/recipe.h"

namespace rheo {

/// The views of a comparison, as recipes name them.
constexpr const char* pathsView = "compare_paths";
constexpr const char* ckaView = "compare_cka";
constexpr const char* differenceView = "compare_difference";
constexpr const char* comparedVerdictsView = "compare_verdicts";

/// Paths of all sources side by side. Options: `components` (three), `rows` (of the first source: drawn
/// heavier, and their pairs in the others), `points` (one a source: marked on every path; -1: none).
Figure figureOfPaths(const ComparisonFile& file, const Recipe& recipe);
/// Option `other`: the source that is compared with the first, from 1. `value` ("cka", "null", "beyond"),
/// `map`.
Figure figureOfCka(const ComparisonFile& file, const Recipe& recipe);
/// Options `other` and `statistic`.
Figure figureOfDifference(const ComparisonFile& file, const Recipe& recipe);
/// A panel a source, the findings in the same order.
Figure figureOfComparedVerdicts(const ComparisonFile& file, const Recipe& recipe);
/// All throw Error(NotFound) where the comparison does not hold it, and as figureOfResults.

/// For rows of the first source, those of source `other` that they are paired with.
std::vector<std::int64_t> pairedRows(const ComparisonFile& file, std::int64_t other,
                                     const std::vector<std::int64_t>& rows);

}  // namespace rheo
