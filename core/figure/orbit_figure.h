#pragma once

#include <cstdint>
#include <vector>

#include "core/base/index.h"
#include "core/base/residual_point.h"
#include "core/figure/figure.h"
#include "core/statistics/analyze.h"

namespace rheo {

struct OrbitOptions {
    Theme theme = lightTheme();
    std::vector<UnitIndex> units;  ///< in this order; empty: the four that turn least like a null
    std::vector<RowIndex> rows;    ///< among the result's examples; empty: the first of them
    ColorMap map = ColorMap::Viridis;
};

/// The units whose turning on the mean path is farthest from the mean of a null (sign_flip if there, else the
/// first one; without any, from the median over units), farthest first, at most `count`. Units that do not
/// move are left out.
std::vector<UnitIndex> mostUnlikeNull(const RotationResult& result, const std::vector<CurveNull>& nulls,
                                      std::size_t count);

/// The null that the turning of single units is held against: sign_flip if there, else the first; null: none.
const CurveNull* nullOfTurning(const std::vector<CurveNull>& nulls, Eigen::Index units);

/// Throws what orbitFigure throws of paths that are not there, of points and of units.
void checkOrbits(const RotationResult& result, const std::vector<ResidualPoint>& points,
                 const std::vector<UnitIndex>& units);

/// Single units in the plane of their activation and its gradient along depth, coloured by depth, two panels
/// each: the mean path with its fixed point (centroid), and beside it single rows, which mostly go much
/// farther; turning numbers in the titles. `scaling`: of the states, for the units on the axes. Throws
/// Error(NotFound) if the result has no paths, Error(InvalidArgument) for units or rows it does not have,
/// Error(Mismatch) for another number of points.
Figure orbitFigure(const RotationResult& result, const std::vector<CurveNull>& nulls,
                   const std::vector<ResidualPoint>& points, Scaling scaling, const OrbitOptions& options);

}  // namespace rheo
