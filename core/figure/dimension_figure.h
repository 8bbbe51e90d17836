#pragma once

#include <vector>

#include "core/base/residual_point.h"
#include "core/figure/figure.h"
#include "core/statistics/analyze.h"

namespace rheo {

/// How many dimensions the rows fill at each point: the intrinsic dimension by TwoNN and, beside it, the
/// participation ratio, which is linear; a panel each, with the nulls. Throws Error(Mismatch) for lengths
/// that do not fit.
Figure dimensionFigure(const DimensionResult& result, const std::vector<CurveNull>& nulls,
                       const std::vector<ResidualPoint>& points, const Theme& theme);

}  // namespace rheo
