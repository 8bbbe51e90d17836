#include "widgets/viewmodels/teleport_history.h"

namespace rheo {

TeleportHistory::TeleportHistory(Workspace& workspace, QObject* parent)
    : QAbstractListModel(parent), m_workspace(workspace) {
    connect(&workspace, &Workspace::stateChanged, this, &TeleportHistory::update);
    connect(&workspace, &Workspace::modelChanged, this, &TeleportHistory::update);
    update();
}

int TeleportHistory::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_records.size());
}

QVariant TeleportHistory::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
    const TeleportRecord& record = *m_records[index.row()];
    const TeleportRequest& request = record.result.request;
    const TeleportMeasures& measures = record.result.measures;
    const auto point = [&] {
        const auto model = m_workspace.model();
        const auto p = static_cast<std::size_t>(request.point.value());
        return model && p < model->model->points().size()
                   ? QString::fromStdString(pointName(model->model->points()[p]))
                   : tr("point %1").arg(request.point.value());
    };
    switch (role) {
        case Qt::DisplayRole: {
            const auto last = measures.distance.size() - 1;
            return last < 0 ? tr("%1, token %2").arg(point()).arg(request.token)
                            : tr("%1, token %2: pushed by %3, %4 at the end")
                                  .arg(point())
                                  .arg(request.token)
                                  .arg(measures.distance[0], 0, 'g', 3)
                                  .arg(measures.distance[last], 0, 'g', 3);
        }
        case Qt::ToolTipRole:
        case PromptRole: return QString::fromStdString(record.sample.text);
        case IdRole: return static_cast<qlonglong>(record.id);
        case PointRole: return point();
        case TokenRole: return request.token;
        case ModeRole: return QString::fromUtf8(teleportModeName(request.mode).data());
        case PushRole: return measures.distance.size() > 0 ? measures.distance[0] : 0.0;
        case RetentionRole:
            return measures.retention.size() > 0 ? measures.retention[measures.retention.size() - 1] : 0.0;
        case KlRole: return measures.kl;
        default: return {};
    }
}

QHash<int, QByteArray> TeleportHistory::roleNames() const {
    auto names = QAbstractListModel::roleNames();
    names.insert({{IdRole, "teleportId"},
                  {PointRole, "point"},
                  {TokenRole, "token"},
                  {PromptRole, "prompt"},
                  {ModeRole, "mode"},
                  {PushRole, "push"},
                  {RetentionRole, "retention"},
                  {KlRole, "kl"}});
    return names;
}

/// Teleports come and go at the end, by undo: what stands before stays.
void TeleportHistory::update() {
    const auto& now = m_workspace.state()->teleports;
    qsizetype same = 0;
    while (same < m_records.size() && same < static_cast<qsizetype>(now.size()) &&
           m_records[same] == now[static_cast<std::size_t>(same)])
        ++same;
    if (same < m_records.size()) {
        beginRemoveRows({}, static_cast<int>(same), rowCount() - 1);
        m_records.resize(same);
        endRemoveRows();
    }
    if (same < static_cast<qsizetype>(now.size())) {
        beginInsertRows({}, static_cast<int>(same), static_cast<int>(now.size()) - 1);
        m_records.append(QList<std::shared_ptr<const TeleportRecord>>(now.begin() + same, now.end()));
        endInsertRows();
    }
    if (same > 0) Q_EMIT dataChanged(index(0), index(static_cast<int>(same) - 1));
}

}  // namespace rheo
