#pragma once

#include <vector>

#include "core/base/residual_point.h"
#include "core/figure/figure.h"
#include "core/statistics/analyze.h"

namespace rheo {

/// How the state moves, by depth: cosine of successive states, speed, relative speed, acceleration, turning
/// angle and norm, a panel each: the mean over rows, the band of 95 % of them, and the nulls of the mean.
/// Attention and MLP steps apart; a turn and an acceleration belong to the step before them.
/// `scaling`: of the states, for the units on the axes. With 2 points there is no turn and no acceleration.
/// Throws Error(Mismatch) for lengths that do not fit.
Figure motionFigure(const MotionResult& result, const std::vector<CurveNull>& nulls,
                    const std::vector<ResidualPoint>& points, Scaling scaling, const Theme& theme);

}  // namespace rheo
