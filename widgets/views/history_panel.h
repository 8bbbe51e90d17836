#pragma once

#include <QWidget>

#include "widgets/models/teleport_history.h"
#include "widgets/models/teleport_model.h"
#include "widgets/models/workspace.h"

class QListView;
class QToolButton;
class QUndoView;

namespace rheo {

/// What was done: the teleports that were made, each to be looked at again, saved or copied as a command; and
/// every step that can be undone, to go back and forth among them.
class HistoryPanel : public QWidget {
    Q_OBJECT
public:
    HistoryPanel(Workspace& workspace, TeleportModel& teleport, QWidget* parent = nullptr);

    QListView* teleports() const { return m_teleports; }
    QUndoView* steps() const { return m_steps; }

Q_SIGNALS:
    void saveRequested(qint64 teleport);
    void copyRequested(qint64 teleport);

private:
    void update();
    void showCurrent();
    std::int64_t chosen() const;

    Workspace& m_workspace;
    TeleportModel& m_teleport;
    TeleportHistory* m_model;
    QListView* m_teleports;
    QUndoView* m_steps;
    QToolButton *m_save, *m_copy, *m_remove;
};

}  // namespace rheo
