#pragma once

#include "core/figure/figure.h"
#include "core/results/comparison_file.h"
#include "core/session/recipe.h"

namespace rheo {

/// The view of a comparison that takes its sources for a series, as recipes name it.
constexpr const char* trainingView = "compare_training";

/// Curves and verdicts of all sources against their training step, which their names tell (trainingStep);
/// without steps in the order they were given. Option `statistic`: "verdicts" or a statistic whose curves
/// were compared; left out: verdicts where there are any. Throws Error(NotFound) where the comparison does
/// not hold it, and as figureOfResults.
Figure figureOfTraining(const ComparisonFile& file, const Recipe& recipe);

}  // namespace rheo
