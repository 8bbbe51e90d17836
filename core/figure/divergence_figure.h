#pragma once

#include <vector>

#include "core/base/residual_point.h"
#include "core/figure/figure.h"
#include "core/statistics/analyze.h"

namespace rheo {

/// How far the rows are apart at each point, on a logarithmic axis, and how fast they part at each step,
/// attention and MLP steps apart; a panel each, with the nulls. `scaling`: of the states, for the unit on the
/// axis. Throws Error(Mismatch) for lengths that do not fit.
Figure divergenceFigure(const DivergenceResult& result, const std::vector<CurveNull>& nulls,
                        const std::vector<ResidualPoint>& points, Scaling scaling, const Theme& theme);

}  // namespace rheo
