#include "widgets/viewmodels/prompt_list_model.h"
#include "widgets/viewmodels/prompt_queue.h"

#include <algorithm>

namespace rheo {

QString promptStatusName(PromptStatus status) {
    switch (status) {
        case PromptStatus::Queued: return QStringLiteral("queued");
        case PromptStatus::Running: return QStringLiteral("running");
        case PromptStatus::Ready: return QStringLiteral("ready");
        case PromptStatus::Failed: return QStringLiteral("failed");
    }
    return {};
}

PromptListModel::PromptListModel(Workspace& workspace, QObject* parent)
    : QAbstractListModel(parent), m_workspace(workspace) {
    connect(&workspace, &Workspace::stateChanged, this, &PromptListModel::update);
    connect(&workspace.prompts(), &PromptQueue::changed, this, &PromptListModel::update);
    connect(&workspace, &Workspace::modelChanged, this, &PromptListModel::update);
    update();
}

int PromptListModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_ids.size());
}

QVariant PromptListModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
    const PromptId id = m_ids[index.row()];
    if (role == IdRole) return static_cast<qlonglong>(id.value());
    PromptItem item;
    if (index.row() < m_workspace.prompts().count()) item = m_workspace.prompts().at(index.row());
    if (item.id != id) {  // the list is a signal behind the workspace
        const int place = m_workspace.prompts().indexOf(id);
        if (place < 0) return {};
        item = m_workspace.prompts().at(place);
    }
    switch (role) {
        case Qt::DisplayRole:
            return item.text.isEmpty() ? tr("Sample %1").arg(id.value()) : item.text.simplified();
        case Qt::EditRole:
        case TextRole: return item.text;
        case Qt::ToolTipRole: {
            QStringList lines{item.text.left(1000)};
            if (!item.reason.isEmpty()) lines << item.reason;
            if (!item.note.isEmpty()) lines << item.note;
            lines.removeAll(QString());
            return lines.join(QStringLiteral("\n\n"));
        }
        case TokensRole: return item.tokens;
        case RowsRole: return item.rows;
        case StatusRole: return static_cast<int>(item.status);
        case ReasonRole: return item.reason;
        case NoteRole: return item.note;
        default: return {};
    }
}

QHash<int, QByteArray> PromptListModel::roleNames() const {
    auto names = QAbstractListModel::roleNames();
    names.insert({{IdRole, "promptId"},
                  {TextRole, "text"},
                  {TokensRole, "tokens"},
                  {RowsRole, "rows"},
                  {StatusRole, "status"},
                  {ReasonRole, "reason"},
                  {NoteRole, "note"}});
    return names;
}

PromptId PromptListModel::idAt(int row) const {
    return row >= 0 && row < m_ids.size() ? m_ids[row] : PromptId{};
}

QModelIndex PromptListModel::indexOf(PromptId id) const {
    const auto row = m_ids.indexOf(id);
    return row < 0 ? QModelIndex() : index(static_cast<int>(row));
}

/// What is the same at both ends stays, so that a view keeps its selection and where it was scrolled to.
void PromptListModel::update() {
    QList<PromptId> now;
    const auto state = m_workspace.state();
    const auto count = m_workspace.prompts().count();
    now.reserve(count);
    for (const PromptId id : state->prompts) now.append(id);
    for (int i = static_cast<int>(now.size()); i < count; ++i) now.append(m_workspace.prompts().at(i).id);

    const auto shorter = std::min(m_ids.size(), now.size());
    qsizetype front = 0;
    while (front < shorter && m_ids[front] == now[front]) ++front;
    qsizetype back = 0;
    while (back < shorter - front && m_ids[m_ids.size() - 1 - back] == now[now.size() - 1 - back]) ++back;

    if (const auto gone = m_ids.size() - front - back; gone > 0) {
        beginRemoveRows({}, static_cast<int>(front), static_cast<int>(front + gone - 1));
        m_ids.remove(front, gone);
        endRemoveRows();
    }
    if (const auto come = now.size() - front - back; come > 0) {
        beginInsertRows({}, static_cast<int>(front), static_cast<int>(front + come - 1));
        m_ids = now;
        endInsertRows();
    }
    if (!m_ids.isEmpty()) Q_EMIT dataChanged(index(0), index(static_cast<int>(m_ids.size()) - 1));
}

}  // namespace rheo
