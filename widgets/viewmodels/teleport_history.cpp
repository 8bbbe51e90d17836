#include "widgets/viewmodels/teleport_history.h"

#include <QLocale>

#include "core/figure/teleport_figure.h"

namespace rheo {

namespace {

/// 'token 44 “␣else” at L08.attn_in'
QString placeOf(const TeleportRecord& record, const LoadedModel* model) {
    const auto token = static_cast<std::size_t>(record.result.request.token);
    QString text = TeleportHistory::tr("token %1").arg(token);
    if (model != nullptr && model->tokenizer && token < record.sample.tokenIds.size())
        text += QStringLiteral(" “%1”").arg(
            QString::fromStdString(visibleToken(model->tokenizer->pieceText(record.sample.tokenIds[token]))));
    return TeleportHistory::tr("%1 at %2").arg(text, pointOf(record));
}

}  // namespace

QString pointOf(const TeleportRecord& record) {
    const auto point = static_cast<std::size_t>(record.result.request.point.value());
    return point < record.points.size() ? QString::fromStdString(pointName(record.points[point]))
                                        : TeleportHistory::tr("point %1").arg(point);
}

QString shortNameOf(const TeleportRecord& record, const LoadedModel* model) {
    return record.name.empty() ? placeOf(record, model) : QString::fromStdString(record.name);
}

TeleportHistory::TeleportHistory(Workspace& workspace, QObject* parent)
    : QAbstractListModel(parent), m_workspace(workspace) {
    connect(&workspace, &Workspace::stateChanged, this, &TeleportHistory::update);
    connect(&workspace, &Workspace::modelChanged, this, &TeleportHistory::update);
    update();
}

int TeleportHistory::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_records.size());
}

/// 'token 44 “␣else” at L08.attn_in, shift to 87.7, 51.1, 25.3'
QString TeleportHistory::describe(const TeleportRecord& record) const {
    QStringList target;
    for (const double z : record.target) target << QLocale().toString(z, 'g', 3);
    return tr("%1, %2 to %3")
        .arg(placeOf(record, m_workspace.model().get()),
             QString::fromUtf8(teleportModeName(record.result.request.mode).data()),
             target.join(QStringLiteral(", ")));
}

QVariant TeleportHistory::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
    const TeleportRecord& record = *m_records[index.row()];
    const TeleportRequest& request = record.result.request;
    const TeleportMeasures& measures = record.result.measures;
    const QString prompt = QString::fromStdString(record.sample.text),
                  name = QString::fromStdString(record.name);
    const auto last = measures.distance.size() - 1;
    switch (role) {
        case Qt::DisplayRole:
            return (name.isEmpty() ? describe(record) : name) + '\n' + prompt.simplified().left(80);
        case Qt::EditRole: return name;
        case Qt::ToolTipRole:
            return last < 0
                       ? describe(record)
                       : tr("%1\nMoved by %2 in the residual stream; distance %3 at the last point\n\n%4")
                             .arg(describe(record))
                             .arg(measures.distance[0], 0, 'g', 3)
                             .arg(measures.distance[last], 0, 'g', 3)
                             .arg(prompt);
        case PromptRole: return prompt;
        case IdRole: return static_cast<qlonglong>(record.id);
        case PointRole: return pointOf(record);
        case TokenRole: return request.token;
        case ModeRole: return QString::fromUtf8(teleportModeName(request.mode).data());
        case PushRole: return last >= 0 ? measures.distance[0] : 0.0;
        case RetentionRole: return last >= 0 ? measures.retention[last] : 0.0;
        case KlRole: return measures.kl;
        default: return {};
    }
}

Qt::ItemFlags TeleportHistory::flags(const QModelIndex& index) const {
    const Qt::ItemFlags flags = QAbstractListModel::flags(index);
    return index.isValid() ? flags | Qt::ItemIsEditable : flags;
}

bool TeleportHistory::setData(const QModelIndex& index, const QVariant& value, int role) {
    if (role != Qt::EditRole || !checkIndex(index, CheckIndexOption::IndexIsValid)) return false;
    m_workspace.renameTeleport(m_records[index.row()]->id, value.toString().simplified());
    return true;
}

QModelIndex TeleportHistory::indexOf(std::int64_t id) const {
    for (int row = 0; row < rowCount(); ++row)
        if (m_records[row]->id == id) return index(row);
    return {};
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

/// Where ids are the same from the start, rows stay; a renamed one has another record.
void TeleportHistory::update() {
    const auto& now = m_workspace.state()->teleports;
    qsizetype same = 0;
    while (same < m_records.size() && same < static_cast<qsizetype>(now.size()) &&
           m_records[same]->id == now[static_cast<std::size_t>(same)]->id) {
        m_records[same] = now[static_cast<std::size_t>(same)];
        ++same;
    }
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
