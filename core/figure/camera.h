#pragma once

#include <Eigen/Core>

namespace rheo {

/// Where a 3D plot is seen from. With azimuth, elevation and roll 0 the eye is on the negative second
/// axis: the first axis points right and the third up (the "front" view). Azimuth turns the eye about
/// the third axis (90: seen from the positive first axis), elevation lifts it (90: seen from above).
struct Camera {
    double azimuth = 30;                              ///< degrees
    double elevation = 25;                            ///< degrees, -90 to 90
    double roll = 0;                                  ///< degrees, counter-clockwise on the screen
    Eigen::Vector3d focal = Eigen::Vector3d::Zero();  ///< shown at the centre, data units
    double halfHeight = 1;     ///< data units from the centre to the upper edge, in the focal plane; > 0
    bool perspective = false;  ///< else parallel; the vertical view angle is 30 degrees
};

/// Screen directions of a camera, unit vectors in data space. right x up = toward the eye.
struct CameraFrame {
    Eigen::Vector3d right, up, toEye;
};
CameraFrame cameraFrame(const Camera& camera);

/// Distance of the eye from the focal point in data units (for perspective; the same for both kinds).
double eyeDistance(const Camera& camera);

/// Where a point is on the screen: x and y in units of half the height of the view (y up, both 0 at the
/// centre), z the depth toward the eye in data units.
Eigen::Vector3d projectToScreen(const Camera& camera, const Eigen::Vector3d& point);
/// The same for many points of one camera, with its frame made once.
Eigen::Vector3d projectToScreen(const Camera& camera, const CameraFrame& frame, const Eigen::Vector3d& point);

/// The point that lies at screen position (x, y) in the plane parallel to the screen through `through`:
/// what dragging in the plane of the screen means.
Eigen::Vector3d unprojectToPlane(const Camera& camera, double x, double y, const Eigen::Vector3d& through);

/// The same view, moved so that the box from `low` to `high` fills it with a margin of 8 %, for
/// a view `aspect` times as wide as high.
Camera fitted(Camera camera, const Eigen::Vector3d& low, const Eigen::Vector3d& high, double aspect);

}  // namespace rheo
