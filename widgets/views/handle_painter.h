#pragma once

#include <QRectF>
#include <QStringList>
#include <array>

#include "core/figure/figure.h"
#include "widgets/scene/handle_control.h"

class QPainter;

namespace rheo {

/// What a handle looks like besides where it is and who holds it.
struct HandleLook {
    Theme theme;
    std::array<QString, 3> axisNames;
    QStringList notes;      ///< lines beside it, the first a heading; or none
    QRectF space;           ///< where the notes may lie
    bool hasFocus = false;  ///< the keys would move it
};

/// Where notes of this size lie beside a handle at `place`: on the side where they cover the least of its
/// arrows, inside `space` if they fit there.
QRectF placeOfNotes(const QSizeF& size, const QPointF& place, const std::vector<HandleArrow>& arrows,
                    const QRectF& space);

/// Paints the handle with its arrows in the colours of the axes, and its notes, in pixels of the widget;
/// while it is held on an axis, that axis as well. Nothing where there is no handle.
void paintHandle(QPainter& painter, const HandleControl& handle, const Camera& camera, const ViewArea& area,
                 const HandleLook& look);

}  // namespace rheo
