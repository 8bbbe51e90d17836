#pragma once

#include <vector>

#include "core/base/residual_point.h"
#include "core/figure/figure.h"
#include "core/statistics/analyze.h"

namespace rheo {

struct CorrelationOptions {
    Theme theme = lightTheme();
    ColorMap map = ColorMap::Viridis;  ///< of the matrix, unless it has negative values
};

/// Mean r between any two points as a heatmap, if the result has the matrix, and mean r of each step by depth
/// beside its nulls, with what is inside a block (attention) and across blocks (MLP) apart and the mean of
/// each over blocks in the legend. The colour scale of the matrix ends at 0 and 1; where r is below -0.1
/// somewhere, a diverging map from -1 to 1 is used. Throws Error(Mismatch) for shapes that do not fit.
Figure correlationFigure(const CorrelationResult& result, const std::vector<CurveNull>& nulls,
                         const std::vector<ResidualPoint>& points, const CorrelationOptions& options);

}  // namespace rheo
