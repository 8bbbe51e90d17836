#include "widgets/scene/handle_control.h"

#include <algorithm>
#include <cmath>

#include "widgets/scene/drag3.h"

namespace rheo {

namespace {

// Pixels of the widget.
constexpr double arrowLength = 30;  // of an axis that lies in the screen
constexpr double shortestArrow = 9;
constexpr double arrowReach = 5;  // from an arrow to the mouse that is on it

Eigen::Vector2d placeOf(const Camera& camera, const ViewArea& area, const Eigen::Vector3d& point) {
    return toPlace(area, projectToScreen(camera, point).head<2>());
}

double distanceToSegment(const Eigen::Vector2d& at, const Eigen::Vector2d& from, const Eigen::Vector2d& to) {
    const Eigen::Vector2d along = to - from, there = at - from;
    const double t = there.dot(along) / std::max(along.squaredNorm(), 1e-12);
    return (there - along * std::clamp(t, 0.0, 1.0)).norm();
}

HandleEffects moveHandle(HandleControl& handle, const Eigen::Vector3d& place) {
    handle.place = place;
    return {HandleEffect::Moved};
}

void hold(HandleControl& handle, HandleControl::Hold by, int axis) {
    handle.hold = by;
    handle.before = handle.anchor = *handle.place;
    handle.axis = axis == screenPlane ? handle.lock : axis;
}

}  // namespace

std::vector<HandleArrow> handleArrows(const Camera& camera, const ViewArea& area,
                                      const Eigen::Vector3d& place) {
    std::vector<HandleArrow> arrows;
    const Eigen::Vector2d at = placeOf(camera, area, place);
    for (int axis = 0; axis < 3; ++axis) {
        const Eigen::Vector2d seen = axisOnScreen(camera, place, axis);
        const double length = seen.norm() * arrowLength;
        if (length < shortestArrow) continue;
        const Eigen::Vector2d along = Eigen::Vector2d(seen.x(), -seen.y()) / seen.norm();
        const Eigen::Vector2d from = at + along * (handleRadius + handleArrowGap);
        arrows.push_back({axis, from, from + along * length});
    }
    return arrows;
}

std::optional<int> handlePartAt(const HandleControl& handle, const Camera& camera, const ViewArea& area,
                                const Eigen::Vector2d& at) {
    if (!handle.place) return std::nullopt;
    if ((at - placeOf(camera, area, *handle.place)).norm() <= handleRadius + handleArrowGap)
        return screenPlane;
    for (const HandleArrow& arrow : handleArrows(camera, area, *handle.place))
        if (distanceToSegment(at, arrow.from, arrow.to) <= arrowReach) return arrow.axis;
    return std::nullopt;
}

HandleEffects placeHandle(HandleControl& handle, const std::optional<Eigen::Vector3d>& place) {
    const bool held = handle.isHeld();
    if (held && place) return {};
    handle.hold = HandleControl::Hold::Free;
    handle.place = place;
    if (!place) handle.hovered.reset();
    return held ? HandleEffects{HandleEffect::Cancelled} : HandleEffects{};
}

HandleEffects grabHandle(HandleControl& handle, int part, const Eigen::Vector2d& at, const Camera& camera,
                         const ViewArea& area) {
    hold(handle, HandleControl::Hold::Mouse, part);
    handle.mouse = at;
    handle.grabOffset = placeOf(camera, area, *handle.place) - at;
    return {HandleEffect::Grabbed};
}

HandleEffects dragHandle(HandleControl& handle, const Eigen::Vector2d& at, const Camera& camera,
                         const ViewArea& area) {
    if (handle.hold != HandleControl::Hold::Mouse) return {};
    handle.mouse = at;
    const Eigen::Vector2d screen = toScreen(area, at + handle.grabOffset);
    return moveHandle(handle,
                      handle.axis == screenPlane
                          ? unprojectToPlane(camera, screen.x(), screen.y(), handle.anchor)
                          : unprojectToAxis(camera, screen.x(), screen.y(), handle.anchor, handle.axis));
}

HandleEffects nudgeHandle(HandleControl& handle, const Eigen::Vector3d& direction, double step,
                          const Camera& camera) {
    HandleEffects effects;
    if (!handle.isHeld()) {
        hold(handle, HandleControl::Hold::Keys, screenPlane);
        effects.push_back(HandleEffect::Grabbed);
    }
    const CameraFrame frame = cameraFrame(camera);
    Eigen::Vector3d by =
        step * (direction.x() * frame.right + direction.y() * frame.up + direction.z() * frame.toEye);
    if (handle.axis != screenPlane) {
        const Eigen::Vector3d along = Eigen::Vector3d::Unit(handle.axis);
        by = along * (by.dot(along) >= 0 ? step : -step);
    }
    handle.place = *handle.place + by;
    effects.push_back(HandleEffect::Moved);
    return effects;
}

HandleEffects toggleAxisLock(HandleControl& handle, int axis, const Camera& camera, const ViewArea& area) {
    if (!handle.place) return {};
    const int now = handle.isHeld() ? handle.axis : handle.lock;
    handle.lock = now == axis ? screenPlane : axis;
    if (!handle.isHeld()) return {};
    handle.axis = handle.lock;
    if (handle.hold != HandleControl::Hold::Mouse) return {};
    if (handle.lock == screenPlane) {
        handle.anchor = *handle.place;
        handle.grabOffset = placeOf(camera, area, *handle.place) - handle.mouse;
        return {};
    }
    handle.anchor = handle.before;
    return dragHandle(handle, handle.mouse, camera, area);
}

bool pressAxisKey(AxisKeys& keys, int axis, double time) {
    const auto i = static_cast<std::size_t>(axis);
    const bool isNew = !keys.down[i] && time - keys.released[i] >= shortestRelease;
    keys.down[i] = true;
    return isNew;
}

void releaseAxisKey(AxisKeys& keys, int axis, double time) {
    const auto i = static_cast<std::size_t>(axis);
    keys.down[i] = false;
    keys.released[i] = time;
}

HandleEffects releaseHandle(HandleControl& handle, HandleControl::Hold by) {
    if (!handle.isHeld() || handle.hold != by) return {};
    handle.hold = HandleControl::Hold::Free;
    handle.axis = screenPlane;
    return {HandleEffect::Released};
}

HandleEffects cancelHandle(HandleControl& handle) {
    if (!handle.isHeld()) return {};
    handle.hold = HandleControl::Hold::Free;
    handle.axis = screenPlane;
    handle.place = handle.before;
    return {HandleEffect::Cancelled};
}

}  // namespace rheo
