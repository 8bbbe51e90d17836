#pragma once

#include <QAbstractListModel>
#include <QList>

#include "widgets/viewmodels/workspace.h"

namespace rheo {

/// "L05.attn_in": where the state was put in; "point 10" without a model.
QString pointOf(const TeleportRecord& record);
/// Its name, else 'token 44 "␣else" at L08.attn_in'.
QString shortNameOf(const TeleportRecord& record, const LoadedModel* model);

/// The teleports of the document, in the order they were made. DisplayRole: its name, or token, point, mode
/// and coordinates; below it the prompt. EditRole: the name, which can be set.
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
    Qt::ItemFlags flags(const QModelIndex& index) const override;
    bool setData(const QModelIndex& index, const QVariant& value, int role = Qt::EditRole) override;
    QHash<int, QByteArray> roleNames() const override;
    QModelIndex indexOf(std::int64_t id) const;

private:
    void update();
    QString describe(const TeleportRecord& record) const;

    Workspace& m_workspace;
    QList<std::shared_ptr<const TeleportRecord>> m_records;
};

}  // namespace rheo
