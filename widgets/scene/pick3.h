#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/figure/figure.h"
#include "widgets/scene/scene3.h"

namespace rheo {

/// What is under the mouse.
struct Picked {
    std::int64_t tag = 0;     ///< of the line: the row
    std::int32_t vertex = 0;  ///< along the line: the point
    double distance = 0;      ///< pixels
};

/// The vertices of a plot's pickable lines where the camera shows them: picking is exact and needs no
/// graphics. What lies behind the eye, or is not finite, is not there. Cost: one projection a vertex to make,
/// one distance a segment to ask (65,000 of them: a third of a millisecond).
class Projected3 {
public:
    Projected3() = default;
    /// `view` in pixels, y up, as Scene3::setView takes it.
    Projected3(const Plot3D& plot, const Camera& camera, const PixelRect& view);

    /// The line nearest to (x, y), if within `tolerance` pixels, and its vertex nearest on the screen. Of
    /// lines less than half a pixel farther than the nearest: the one of the highest layer, and of those the
    /// one nearest to the eye, as the eye would choose.
    std::optional<Picked> pick(double x, double y, double tolerance) const;
    /// Tags of lines with a vertex inside `box`, each once, ascending.
    std::vector<std::int64_t> inside(const PixelRect& box) const;
    /// The same of a closed outline in pixels, y up; where it crosses itself, what it goes around twice is
    /// outside.
    std::vector<std::int64_t> insideOutline(const std::vector<Eigen::Vector2d>& outline) const;

private:
    template <class IsInside>
    std::vector<std::int64_t> tagsWhere(IsInside&& isInside) const;

    struct Line {
        std::int64_t tag;
        std::size_t begin, end;
        int layer;
    };
    std::vector<Line> m_lines;
    std::vector<Eigen::Vector3f> m_places;  ///< x and y in pixels, z toward the eye; NaN: not seen
};

}  // namespace rheo
