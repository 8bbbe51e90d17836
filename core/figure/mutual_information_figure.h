#pragma once

#include <vector>

#include "core/base/residual_point.h"
#include "core/figure/figure.h"
#include "core/statistics/analyze.h"

namespace rheo {

struct MutualInformationFigureOptions {
    Theme theme = lightTheme();
    ColorMap map = ColorMap::Viridis;  ///< of the heatmap
};

/// Mutual information of a unit's value at successive points by depth, what a Gaussian of the same
/// correlation has, and the excess over it: means over units, in nats, each beside its nulls, attention and
/// MLP steps apart; and every unit by step as a heatmap, if the result has it. Throws Error(Mismatch) for
/// lengths that do not fit.
Figure mutualInformationFigure(const MutualInformationResult& result, const std::vector<CurveNull>& nulls,
                               const std::vector<ResidualPoint>& points,
                               const MutualInformationFigureOptions& options);

}  // namespace rheo
