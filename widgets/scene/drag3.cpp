#include "widgets/scene/drag3.h"

#include <algorithm>
#include <cmath>

namespace rheo {

namespace {

/// From the eye toward what is seen in the direction of `point`.
Eigen::Vector3d sightOf(const Camera& camera, const CameraFrame& frame, const Eigen::Vector3d& point) {
    if (!camera.perspective) return -frame.toEye;
    return (point - camera.focal - eyeDistance(camera) * frame.toEye).normalized();
}

}  // namespace

Eigen::Vector3d unprojectToAxis(const Camera& camera, double x, double y, const Eigen::Vector3d& from,
                                int axis) {
    const Eigen::Vector3d seen = unprojectToPlane(camera, x, y, from);
    const Eigen::Vector3d sight = sightOf(camera, cameraFrame(camera), seen);
    const Eigen::Vector3d along = Eigen::Vector3d::Unit(axis);
    // The nearest points of two lines: from + t along, seen + s sight.
    const double cosine = along.dot(sight), sine2 = 1 - cosine * cosine;
    if (sine2 < 1e-3) return from;
    const Eigen::Vector3d between = seen - from;
    return from + (between.dot(along) - cosine * between.dot(sight)) / sine2 * along;
}

Eigen::Vector2d axisOnScreen(const Camera& camera, const Eigen::Vector3d& at, int axis) {
    const CameraFrame frame = cameraFrame(camera);
    const Eigen::Vector3d along = Eigen::Vector3d::Unit(axis);
    const Eigen::Vector3d step = 1e-4 * camera.halfHeight * along;
    const Eigen::Vector2d direction =
        (projectToScreen(camera, frame, at + step) - projectToScreen(camera, frame, at - step)).head<2>();
    // What of the axis is along the line of sight is not seen.
    const double cosine = along.dot(sightOf(camera, frame, at));
    const double seen = std::sqrt(std::max(0.0, 1 - cosine * cosine));
    const double length = direction.norm();
    return length > 0 && seen > 1e-6 ? Eigen::Vector2d(direction * (seen / length)) : Eigen::Vector2d(0, 0);
}

}  // namespace rheo
