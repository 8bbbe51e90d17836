#include "core/figure/camera.h"

#include <Eigen/Geometry>
#include <algorithm>
#include <cmath>
#include <numbers>

namespace rheo {
namespace {

constexpr double degree = std::numbers::pi / 180.0;
constexpr double viewAngle = 30.0 * degree;  // from the lower to the upper edge of the view
constexpr double filled = 0.92;              // of the view, by the box that fitted() is given

// Half heights of the view from the focal point to the eye.
const double eyeRatio = 1.0 / std::tan(viewAngle / 2);

/// Screen size of one data unit at depth `z` toward the eye, over that in the focal plane. What is
/// behind the eye has no place on the screen; it is drawn as if a hair's breadth before it.
double perspectiveScale(const Camera& camera, double z) {
    if (!camera.perspective) return 1;
    const double distance = eyeDistance(camera);
    return distance / std::max(distance - z, 1e-6 * distance);
}

/// Sines and cosines without the rounding that would tilt the presets by 1e-17.
Eigen::Vector2d unitCircle(double degrees) {
    const double turn = std::remainder(degrees, 360.0);
    if (turn == 0) return {1, 0};
    if (turn == 90) return {0, 1};
    if (turn == -90) return {0, -1};
    if (std::abs(turn) == 180) return {-1, 0};
    return {std::cos(turn * degree), std::sin(turn * degree)};
}

}  // namespace

CameraFrame cameraFrame(const Camera& camera) {
    const auto azimuth = unitCircle(camera.azimuth);
    const auto elevation = unitCircle(camera.elevation);
    const auto roll = unitCircle(camera.roll);
    CameraFrame frame;
    const Eigen::Vector3d right(azimuth.x(), azimuth.y(), 0);
    frame.toEye = Eigen::Vector3d(azimuth.y() * elevation.x(), -azimuth.x() * elevation.x(), elevation.y());
    const Eigen::Vector3d up = frame.toEye.cross(right);
    frame.right = roll.x() * right - roll.y() * up;
    frame.up = roll.y() * right + roll.x() * up;
    return frame;
}

double eyeDistance(const Camera& camera) {
    return camera.halfHeight * eyeRatio;
}

Eigen::Vector3d projectToScreen(const Camera& camera, const Eigen::Vector3d& point) {
    return projectToScreen(camera, cameraFrame(camera), point);
}

Eigen::Vector3d projectToScreen(const Camera& camera, const CameraFrame& frame,
                                const Eigen::Vector3d& point) {
    const Eigen::Vector3d offset = point - camera.focal;
    const double z = offset.dot(frame.toEye);
    const double scale = perspectiveScale(camera, z) / camera.halfHeight;
    return {offset.dot(frame.right) * scale, offset.dot(frame.up) * scale, z};
}

Eigen::Vector3d unprojectToPlane(const Camera& camera, double x, double y, const Eigen::Vector3d& through) {
    const auto frame = cameraFrame(camera);
    const double z = (through - camera.focal).dot(frame.toEye);
    const double scale = camera.halfHeight / perspectiveScale(camera, z);
    return camera.focal + z * frame.toEye + x * scale * frame.right + y * scale * frame.up;
}

Camera fitted(Camera camera, const Eigen::Vector3d& low, const Eigen::Vector3d& high, double aspect) {
    if (!low.allFinite() || !high.allFinite() || !(aspect > 0)) return camera;
    camera.focal = (low + high) / 2;
    const auto frame = cameraFrame(camera);
    // The box is symmetric about its centre, so the corners bound the view on both sides alike. A corner
    // z nearer to the eye at x from the centre is inside the view of half height H if
    // x * d / (d - z) <= filled * aspect * H with d = eyeRatio * H.
    double half = 0;
    for (int corner = 0; corner < 8; ++corner) {
        Eigen::Vector3d offset;
        for (int axis = 0; axis < 3; ++axis)
            offset[axis] = ((corner >> axis & 1) != 0 ? high[axis] : low[axis]) - camera.focal[axis];
        const double nearer = camera.perspective ? offset.dot(frame.toEye) / eyeRatio : 0.0;
        half = std::max(half, nearer + std::abs(offset.dot(frame.right)) / (filled * aspect));
        half = std::max(half, nearer + std::abs(offset.dot(frame.up)) / filled);
    }
    camera.halfHeight = half > 0 ? half : 1;
    return camera;
}

}  // namespace rheo
