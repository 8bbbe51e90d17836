#pragma once

#include <QString>
#include <array>

#include "core/figure/figure.h"
#include "widgets/scene/handle_control.h"

class QPainter;

namespace rheo {

/// What a handle looks like besides where it is and who holds it.
struct HandleLook {
    Theme theme;
    std::array<QString, 3> axisNames;
    bool hasFocus = false;  ///< the keys would move it
};

/// Paints the handle with its arrows, in pixels of the widget; while it is held on an axis, that axis as
/// well. Nothing where there is no handle.
void paintHandle(QPainter& painter, const HandleControl& handle, const Camera& camera, const ViewArea& area,
                 const HandleLook& look);

}  // namespace rheo
