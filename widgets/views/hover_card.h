#pragma once

#include <QLabel>

namespace rheo {

/// A card of a few lines beside the mouse, inside its parent. The mouse goes through it.
class HoverCard : public QLabel {
    Q_OBJECT
public:
    explicit HoverCard(QWidget* parent);

    /// Shows `html` beside `at` (of the parent); empty: hides it.
    void showText(const QString& html, const QPoint& at);
    /// Follows the mouse while it is shown.
    void moveBeside(const QPoint& at);
};

}  // namespace rheo
