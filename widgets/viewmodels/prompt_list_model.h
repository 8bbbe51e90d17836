#pragma once

#include <QAbstractListModel>
#include <QList>

#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

/// The prompts of a workspace: those with rows, then those that wait, run or failed. To search, put a
/// QSortFilterProxyModel on TextRole.
class PromptListModel : public QAbstractListModel {
    Q_OBJECT
public:
    enum Role {
        IdRole = Qt::UserRole + 1,  ///< qlonglong, of PromptId
        TextRole,                   ///< QString, the whole text (DisplayRole: one line of it)
        TokensRole,                 ///< int, -1: not known
        RowsRole,                   ///< int, captured
        StatusRole,                 ///< int, of PromptStatus
        ReasonRole,                 ///< QString, why it failed
        NoteRole,                   ///< QString
    };

    explicit PromptListModel(Workspace& workspace, QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QHash<int, QByteArray> roleNames() const override;

    PromptId idAt(int row) const;
    QModelIndex indexOf(PromptId id) const;

private:
    void update();

    Workspace& m_workspace;
    QList<PromptId> m_ids;
};

/// "queued", "running", "ready", "failed".
QString promptStatusName(PromptStatus status);

}  // namespace rheo
