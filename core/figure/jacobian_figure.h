#pragma once

#include <vector>

#include "core/base/residual_point.h"
#include "core/dynamics/jacobian_result.h"
#include "core/figure/figure.h"

namespace rheo {

/// By depth, means over rows with the range that 95 % of them lie in, and dashed those of an untrained
/// network: Henrici's departure from normality, the symmetric share, the share of complex eigenvalues, and
/// the effective rank of all steps so far; and the Lyapunov exponents in their order. `points` are all of the
/// model. Throws Error(Mismatch) where the steps do not fit them.
Figure jacobianFigure(const JacobianResult& result, const std::vector<ResidualPoint>& points,
                      const Theme& theme);

}  // namespace rheo
