#pragma once

#include <vector>

#include "core/figure/figure.h"
#include "core/statistics/analyze.h"

namespace rheo {

/// How the paths of single units turn. Above: histograms over all rows and units of turning number, winding
/// about the fixed point and slope of ln(radius), with the observed mean, and the mean and band of the nulls.
/// Below: turning of the rows' paths, turning and winding of the mean path, each unit in order of it, beside
/// the nulls. Throws Error(Mismatch) for nulls of another length.
Figure rotationFigure(const RotationResult& result, const std::vector<CurveNull>& nulls, const Theme& theme);

}  // namespace rheo
