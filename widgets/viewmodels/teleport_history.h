#pragma once

#include <QAbstractListModel>
#include <QList>

#include "widgets/viewmodels/workspace.h"

namespace rheo {

/// The teleports of the document, in the order they were made.
class TeleportHistory : public QAbstractListModel {
    Q_OBJECT
public:
    enum Role {
        IdRole = Qt::UserRole + 1,  ///< qlonglong
        PointRole,                  ///< QString: "L05.attn_in"
        TokenRole,                  ///< int, position
        PromptRole,                 ///< QString
        ModeRole,                   ///< QString: "shift", "project"
        PushRole,                   ///< double: its length in the residual stream
        RetentionRole,              ///< double: what is left of it at the last point, 0 to 1 or more
        KlRole,                     ///< double, nats
    };

    explicit TeleportHistory(Workspace& workspace, QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QHash<int, QByteArray> roleNames() const override;

private:
    void update();

    Workspace& m_workspace;
    QList<std::shared_ptr<const TeleportRecord>> m_records;
};

}  // namespace rheo
