#pragma once

#include <vector>

#include "core/base/residual_point.h"
#include "core/figure/figure.h"
#include "core/statistics/analyze.h"

namespace rheo {

/// How well the state after each step is predicted by a linear map of this step, by one map for all steps and
/// by the state before it; attention and MLP steps in a panel each, with the nulls of the first. Values below
/// -1 are left out of the axis, and the note says so. Throws Error(Mismatch) for lengths that do not fit.
Figure linearStepFigure(const LinearStepResult& result, const std::vector<CurveNull>& nulls,
                        const std::vector<ResidualPoint>& points, const Theme& theme);

}  // namespace rheo
