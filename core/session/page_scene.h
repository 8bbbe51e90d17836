#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/figure/figure.h"

namespace rheo {

/// The first plot in space of a figure; null: it has none.
const Plot3D* plotInSpace(const Figure& figure);

/// A figure with fewer paths in space.
struct ThinnedFigure {
    Figure figure;
    std::int64_t drawn = 0, of = 0;  ///< paths of the sets that were thinned; both 0 where none was
};
/// `figure` with about `mostVertices` vertices in space at most: of sets of many paths or markers as many are
/// left as there is room for, evenly spaced and at least one; sets of up to 64 paths, like means and the path
/// that is selected, stay whole. Cost: a copy of the figure.
ThinnedFigure thinnedFigure(const Figure& figure, std::size_t mostVertices);

/// A plot in space as the JSON that resources/report/space.js draws, in ASCII and without `<`, `>` and `&`,
/// so that it can stand in an element of a page. Coordinates are integers, c = origin + step i, the step
/// 1/20,000 of the longest side of the box, so that each is off by half of that at most; paths are cut where
/// they are not finite. Values along paths are steps of the colour scale, 0 to 63, or -1 for those that are
/// missing. What is hidden is left out. `aspect`: width by height of the picture that the camera is for.
/// `pointNames`: of the points of depth, if the longest paths have one vertex each; or empty. Cost: linear,
/// about 15 bytes a vertex.
std::string sceneJson(const Plot3D& plot, const Theme& theme, double aspect,
                      const std::vector<std::string>& pointNames);

}  // namespace rheo
