#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/figure/figure.h"

namespace rheo {

/// A figure of every kind, of made-up results with the shapes of real ones.
struct ExampleFigure {
    std::string name;
    Figure figure;
};
std::vector<ExampleFigure> exampleFigures(const Theme& theme);

Figure exampleTrajectories(const Theme& theme, int rows);
Figure exampleTeleportInSpace(const Theme& theme);
/// [units, 65] cells of which `missing` are NaN.
Figure exampleHeatmap(const Theme& theme, int units, int missing = 0);
Figure exampleTeleport(const Theme& theme);

}  // namespace rheo
