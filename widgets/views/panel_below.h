#pragma once

#include <QScreen>
#include <QWidget>
#include <algorithm>

namespace rheo {

/// Opens a panel (a popup) below the button that it belongs to, inside the screen.
inline void showBelow(QWidget* panel, const QWidget* button) {
    panel->adjustSize();
    const QRect screen = button->screen()->availableGeometry();
    QPoint at = button->mapToGlobal(QPoint(0, button->height()));
    at.setX(std::clamp(at.x(), screen.left(), std::max(screen.left(), screen.right() - panel->width())));
    at.setY(std::clamp(at.y(), screen.top(), std::max(screen.top(), screen.bottom() - panel->height())));
    panel->move(at);
    panel->show();
}

}  // namespace rheo
