#include "widgets/scene/camera_control.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace rheo {

namespace {

constexpr double degreesPerPixel = 0.4;

/// The data follow the mouse.
CameraEffect moveCamera(CameraControl& control, const Eigen::Vector2d& by, const ViewArea& area) {
    const CameraFrame frame = cameraFrame(control.camera);
    control.camera.focal += (-by.x() * frame.right + by.y() * frame.up) * unitsPerPixel(control.camera, area);
    control.showsWhole = false;
    return CameraEffect::Changed;
}

}  // namespace

Eigen::Vector2d toScreen(const ViewArea& area, const Eigen::Vector2d& place) {
    const Eigen::Vector2d off = place - area.center;
    return Eigen::Vector2d(off.x(), -off.y()) / area.halfHeight;
}

Eigen::Vector2d toPlace(const ViewArea& area, const Eigen::Vector2d& screen) {
    return area.center + Eigen::Vector2d(screen.x(), -screen.y()) * area.halfHeight;
}

double unitsPerPixel(const Camera& camera, const ViewArea& area) {
    return camera.halfHeight / area.halfHeight;
}

void pressCamera(CameraControl& control, const Eigen::Vector2d& at, bool moves) {
    control.gesture = moves ? CameraControl::Gesture::Move : CameraControl::Gesture::Pressed;
    control.pressed = control.last = at;
}

CameraEffect dragCamera(CameraControl& control, const Eigen::Vector2d& at, const ViewArea& area,
                        double threshold) {
    using Gesture = CameraControl::Gesture;
    if (control.gesture == Gesture::Pressed && (at - control.pressed).lpNorm<1>() >= threshold)
        control.gesture = Gesture::Turn;
    if (control.gesture == Gesture::None || control.gesture == Gesture::Pressed) return CameraEffect::None;
    const Eigen::Vector2d by = at - control.last;
    control.last = at;
    return control.gesture == Gesture::Move
               ? moveCamera(control, by, area)
               : turnCamera(control, -by.x() * degreesPerPixel, by.y() * degreesPerPixel);
}

CameraEffect releaseCamera(CameraControl& control) {
    using Gesture = CameraControl::Gesture;
    const Gesture was = std::exchange(control.gesture, Gesture::None);
    if (was == Gesture::None) return CameraEffect::None;
    return was == Gesture::Pressed ? CameraEffect::Clicked : CameraEffect::Settled;
}

CameraEffect turnCamera(CameraControl& control, double azimuth, double elevation) {
    Camera& camera = control.camera;
    camera.azimuth = std::remainder(camera.azimuth + azimuth, 360.0);
    camera.elevation = std::clamp(camera.elevation + elevation, -90.0, 90.0);
    return CameraEffect::Changed;
}

CameraEffect zoomCamera(CameraControl& control, double factor, const Eigen::Vector2d& at,
                        const ViewArea& area, double dataSize) {
    const Camera& before = control.camera;
    Camera camera = before;
    camera.halfHeight = std::clamp(before.halfHeight / factor, 1e-5 * dataSize, 20 * dataSize);
    if (!std::isfinite(camera.halfHeight) || camera.halfHeight == before.halfHeight)
        return CameraEffect::None;
    const Eigen::Vector2d screen = toScreen(area, at);
    const Eigen::Vector3d under = unprojectToPlane(before, screen.x(), screen.y(), before.focal);
    camera.focal += (under - before.focal) * (1 - camera.halfHeight / before.halfHeight);
    return setCamera(control, camera, false);
}

CameraEffect setCamera(CameraControl& control, const Camera& camera, bool showsWhole) {
    control.camera = camera;
    control.showsWhole = showsWhole;
    return CameraEffect::Changed;
}

}  // namespace rheo
