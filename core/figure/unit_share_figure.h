#pragma once

#include <vector>

#include "core/base/residual_point.h"
#include "core/figure/figure.h"
#include "core/statistics/density.h"

namespace rheo {

/// Massive units by depth: the share of the squared norm, over all rows, that a unit holds at each point, in
/// [0, 1], on a logarithmic axis. A curve for each of the `shown` units with the greatest share at any point,
/// that with the greatest first; one for the greatest of all others; and what each would hold if all held the
/// same. Masked units hold nothing. Throws Error(Mismatch) where `density` is of other points. Cost: D P.
Figure unitShareFigure(const DensityResult& density, const std::vector<ResidualPoint>& points,
                       const Theme& theme, int shown = 6);

}  // namespace rheo
