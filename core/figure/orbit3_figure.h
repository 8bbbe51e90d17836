#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/index.h"
#include "core/base/residual_point.h"
#include "core/figure/figure.h"
#include "core/statistics/analyze.h"

namespace rheo {

/// Which paths of a unit are drawn: the mean path over rows, or the single rows that the result keeps.
enum class OrbitPaths { Mean, Rows };

struct Orbit3Options {
    Theme theme = lightTheme();
    std::vector<UnitIndex> units;  ///< empty: the one that turns least like a null
    OrbitPaths paths = OrbitPaths::Mean;
    bool center = true;  ///< a line through depth at the fixed point (centroid) of the mean path
    ColorMap map = ColorMap::Viridis;
    std::optional<Camera> camera;  ///< none: the default direction, the whole box in view
};

/// A value and its gradient at each point, as the figure shows them: what a line under the mouse says.
struct OrbitPath {
    std::vector<double> activation, gradient;  ///< [point]
};
/// The mean path of a unit.
OrbitPath meanOrbit(const RotationResult& result, UnitIndex unit);

/// Units in space: depth, activation and gradient along depth. One unit is coloured by depth, several have a
/// colour each; lines are tagged by unit, and their vertices are points. The axes have their own scales, so
/// that the box is as wide as high: the ticks say what they hold. `scaling`: of the states. Throws as
/// orbitFigure.
Figure orbit3Figure(const RotationResult& result, const std::vector<CurveNull>& nulls,
                    const std::vector<ResidualPoint>& points, Scaling scaling, const Orbit3Options& options);

}  // namespace rheo
