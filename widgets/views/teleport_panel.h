#pragma once

#include <QWidget>
#include <array>
#include <memory>

#include "widgets/viewmodels/teleport_history.h"
#include "widgets/viewmodels/teleport_model.h"
#include "widgets/views/figure_widget.h"

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QListView;
class QPushButton;

namespace rheo {

/// Teleport beside the trajectories: mode, coordinates, how far it is pushed and what comes of it, the next
/// tokens before and after, and the teleports made so far.
class TeleportPanel : public QWidget {
    Q_OBJECT
public:
    TeleportPanel(Workspace& workspace, TeleportModel& teleport, QWidget* parent = nullptr);

    void setDark(bool dark);
    FigureWidget* curves() const { return m_curves; }
    FigureWidget* tokens() const { return m_tokens; }
    QComboBox* modeBox() const { return m_mode; }
    QListView* history() const { return m_history; }
    /// Whose next tokens are shown.
    QComboBox* nextOfBox() const { return m_nextOf; }
    QDoubleSpinBox* coordinate(int component) const {
        return m_coordinates[static_cast<std::size_t>(component)];
    }

Q_SIGNALS:
    void saveRequested(qint64 teleport);
    void copyRequested(qint64 teleport);

private:
    void updateStatus();
    void updateCoordinates();
    void updateTokens();
    QString noCurves() const;
    void connectHistory();
    void showInHistory();
    void updatePath();
    std::int64_t chosen() const;

    Workspace& m_workspace;
    TeleportModel& m_teleport;
    QLabel* m_where;
    QLabel* m_status;
    QComboBox* m_mode;
    std::array<QDoubleSpinBox*, 3> m_coordinates{};
    QLabel* m_displacement;
    QPushButton* m_natural;
    FigureWidget* m_curves;
    QComboBox* m_nextOf;
    FigureWidget* m_tokens;
    QListView* m_history;
    TeleportHistory* m_historyModel;
    QPushButton *m_save, *m_copy;
    bool m_dark = false;
    bool m_updating = false;
};

}  // namespace rheo
