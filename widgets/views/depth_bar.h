#pragma once

#include <QWidget>

#include "widgets/viewmodels/depth_player.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/workspace.h"

class QLabel;
class QSlider;
class QToolButton;

namespace rheo {

/// The slider of depth with play; names the point.
class DepthBar : public QWidget {
    Q_OBJECT
public:
    DepthBar(Workspace& workspace, Selection& selection, QWidget* parent = nullptr);
    QSlider* slider() const { return m_slider; }
    DepthPlayer& player() { return m_player; }

protected:
    void changeEvent(QEvent* event) override;

private:
    void update();

    Workspace& m_workspace;
    Selection& m_selection;
    DepthPlayer m_player;
    QToolButton* m_play;
    QSlider* m_slider;
    QLabel* m_name;
};

}  // namespace rheo
