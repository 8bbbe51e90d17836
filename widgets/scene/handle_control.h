#pragma once

#include <array>
#include <optional>
#include <vector>

#include "widgets/scene/camera_control.h"

namespace rheo {

// Sizes of the handle on the widget, pixels.
constexpr double handleRadius = 9;
constexpr double handleArrowGap = 3;  ///< from the ring to the arrows

/// Keeps the handle in the plane of the screen through it, where an axis (0, 1, 2) keeps it on a line.
constexpr int screenPlane = -1;

/// One of the handle's arrows on the widget: pixels, y down.
struct HandleArrow {
    int axis = 0;
    Eigen::Vector2d from, to;
};

/// The arrows of a handle at `place` (data units) that are long enough to be seen and taken hold of: not
/// those that point at the eye.
std::vector<HandleArrow> handleArrows(const Camera& camera, const ViewArea& area,
                                      const Eigen::Vector3d& place);

/// A handle that the mouse or the keys move. The functions below are its events: each changes the state and
/// returns what is to be announced, in order. Places on the widget are in pixels, y down.
struct HandleControl {
    enum class Hold { Free, Mouse, Keys };
    std::optional<Eigen::Vector3d> place;  ///< data units; none: there is no handle
    std::optional<int> hovered;  ///< part under the mouse: screenPlane (the ring) or an arrow's axis
    Hold hold = Hold::Free;
    int axis = screenPlane;                            ///< what the handle is kept on while it is held
    int lock = screenPlane;                            ///< what it is kept on when it is grabbed by the ring
    Eigen::Vector3d before = Eigen::Vector3d::Zero();  ///< where it was when it was grabbed
    Eigen::Vector3d anchor = Eigen::Vector3d::Zero();  ///< of the plane or line that it is kept on
    Eigen::Vector2d grabOffset = Eigen::Vector2d::Zero();  ///< from the mouse to the handle
    Eigen::Vector2d mouse = Eigen::Vector2d::Zero();       ///< where the mouse was last

    bool isHeld() const { return hold != Hold::Free; }
};

enum class HandleEffect { Grabbed, Moved, Released, Cancelled };
using HandleEffects = std::vector<HandleEffect>;

/// The part of the handle at `at`: screenPlane for the ring, 0 to 2 for an arrow.
std::optional<int> handlePartAt(const HandleControl& handle, const Camera& camera, const ViewArea& area,
                                const Eigen::Vector2d& at);

/// Puts the handle elsewhere, or takes it away. While it is held, the user decides where it is: a place is
/// ignored, and to take it away cancels.
HandleEffects placeHandle(HandleControl& handle, const std::optional<Eigen::Vector3d>& place);

/// The mouse grabs the `part` under it. There must be a handle.
HandleEffects grabHandle(HandleControl& handle, int part, const Eigen::Vector2d& at, const Camera& camera,
                         const ViewArea& area);
/// The mouse that holds the handle moves. Nothing where it does not hold it.
HandleEffects dragHandle(HandleControl& handle, const Eigen::Vector2d& at, const Camera& camera,
                         const ViewArea& area);
/// The keys move a handle by `step` (data units) toward `direction` on the screen: right, up, toward the eye.
/// On an axis, by one step in the sense that is nearer to `direction`. There must be a handle.
HandleEffects nudgeHandle(HandleControl& handle, const Eigen::Vector3d& direction, double step,
                          const Camera& camera);
/// Keeps the handle on the line along `axis` through where it was grabbed, from now on, held or not; the same
/// axis again frees it. A handle that is freed stays where it is, and follows the mouse from there.
HandleEffects toggleAxisLock(HandleControl& handle, int axis, const Camera& camera, const ViewArea& area);
/// The mouse, or the keys, let go. Nothing where the handle is held by the other, or not at all.
HandleEffects releaseHandle(HandleControl& handle, HandleControl::Hold by);
/// Back to where it was grabbed.
HandleEffects cancelHandle(HandleControl& handle);

/// The keys of the axes as they go down and up, milliseconds of any clock. X11 reports a key that is held as
/// many presses and releases.
struct AxisKeys {
    std::array<bool, 3> down{};
    std::array<double, 3> released{-1e9, -1e9, -1e9};
};
constexpr double shortestRelease = 80;  ///< a shorter one is a repeat
/// Whether the key goes down anew.
bool pressAxisKey(AxisKeys& keys, int axis, double time);
void releaseAxisKey(AxisKeys& keys, int axis, double time);

}  // namespace rheo
