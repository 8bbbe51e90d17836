#pragma once

#include <QWidget>

#include "core/session/recipe_figure.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/teleport_model.h"
#include "widgets/viewmodels/workspace.h"
#include "widgets/views/trajectory_canvas.h"

class QAction;
class QLabel;

namespace rheo {

/// The 3D view of the document: its trajectories, the selection, and the handle of the teleport.
class TrajectoryView : public QWidget {
    Q_OBJECT
public:
    TrajectoryView(Workspace& workspace, Selection& selection, TeleportModel& teleport,
                   QWidget* parent = nullptr);

    TrajectoryCanvas* canvas() const { return m_canvas; }
    void setDark(bool dark);
    /// What is shown, with the teleport drawn in: what an export paints. Null without trajectories.
    std::shared_ptr<const Figure> shownFigure() const;
    TrajectoryOptions options() const;
    /// The teleport that is shown, if one is.
    std::optional<TeleportOverlay> overlay() const;

public Q_SLOTS:
    void lookFrom(double azimuth, double elevation);
    void resetCamera();
    void setPerspective(bool on);

Q_SIGNALS:
    void hovered(const QString& description);

private:
    void rebuild();
    void updateHandle();
    void updateOverlay();
    QString describe(std::int64_t row, std::int32_t point) const;

    Workspace& m_workspace;
    Selection& m_selection;
    TeleportModel& m_teleport;
    TrajectoryCanvas* m_canvas;
    QAction* m_perspective;
    QLabel* m_hint;
    std::shared_ptr<const PcaBasis> m_basis;  ///< of what is shown
    bool m_dark = false;
};

}  // namespace rheo
