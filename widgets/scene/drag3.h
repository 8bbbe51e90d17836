#pragma once

#include "core/figure/camera.h"

namespace rheo {

/// The point of the line through `from` along axis 0, 1 or 2 that comes nearest to what is seen at screen
/// position (x, y): what dragging along an axis means. x and y in units of half the height of the view, as
/// unprojectToPlane takes them. An axis that points at the eye cannot be followed: then `from` itself.
Eigen::Vector3d unprojectToAxis(const Camera& camera, double x, double y, const Eigen::Vector3d& from,
                                int axis);

/// Where an axis through `at` points on the screen: x and y (up) of its unit vector as seen there, so that
/// its length is 1 for an axis that lies in the screen, and 0 for one that points at the eye.
Eigen::Vector2d axisOnScreen(const Camera& camera, const Eigen::Vector3d& at, int axis);

}  // namespace rheo
