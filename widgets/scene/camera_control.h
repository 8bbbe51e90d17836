#pragma once

#include "core/figure/camera.h"

namespace rheo {

/// Where a camera's view lies on a widget: pixels of the widget, y down.
struct ViewArea {
    Eigen::Vector2d center = Eigen::Vector2d::Zero();
    double halfHeight = 1;  ///< from the center to the upper edge, > 0
};

/// From a place on the widget (pixels, y down) to the units of projectToScreen(), and back.
Eigen::Vector2d toScreen(const ViewArea& area, const Eigen::Vector2d& place);
Eigen::Vector2d toPlace(const ViewArea& area, const Eigen::Vector2d& screen);
/// Size of a pixel in the focal plane, data units.
double unitsPerPixel(const Camera& camera, const ViewArea& area);

/// The camera in the hands of a user. The functions below are its events: each changes the state, and its
/// value says what else is to be done. Places are in pixels of the widget, y down.
struct CameraControl {
    enum class Gesture {
        None,
        Pressed,  ///< the button is down, and the mouse has not moved far enough to turn the view
        Turn,
        Move
    };
    Camera camera;
    /// The camera shows all data, and is to be fitted again when the data or the size change.
    bool showsWhole = true;
    Gesture gesture = Gesture::None;
    Eigen::Vector2d pressed = Eigen::Vector2d::Zero();  ///< where the gesture began
    Eigen::Vector2d last = Eigen::Vector2d::Zero();     ///< where the mouse was last
};

enum class CameraEffect {
    None,
    Changed,  ///< the camera is another
    Clicked,  ///< the button came up where it went down
    Settled   ///< a gesture that moved the camera ended: draw once more in full quality
};

/// A button goes down at `at`; `moves` selects a gesture that moves the view, else it turns.
void pressCamera(CameraControl& control, const Eigen::Vector2d& at, bool moves);
/// The mouse moves to `at`. A press becomes a turn once it is `threshold` pixels away (the sum of both
/// directions), and turns by all of the way since the press.
CameraEffect dragCamera(CameraControl& control, const Eigen::Vector2d& at, const ViewArea& area,
                        double threshold);
/// The button comes up.
CameraEffect releaseCamera(CameraControl& control);

/// Degrees; the azimuth wraps, the elevation stays within -90 and 90. The whole stays shown.
CameraEffect turnCamera(CameraControl& control, double azimuth, double elevation);
/// Shows `factor` (> 0) times as large what is at `at`, which stays where it is. The view is never less than
/// 1e-5 or more than 20 times as high as `dataSize`, the diagonal of the data. Nothing where that is no
/// change, or not finite.
CameraEffect zoomCamera(CameraControl& control, double factor, const Eigen::Vector2d& at,
                        const ViewArea& area, double dataSize);
CameraEffect setCamera(CameraControl& control, const Camera& camera, bool showsWhole);

}  // namespace rheo
