#include "widgets/viewmodels/edit_list_model.h"

namespace rheo {

namespace {

QString tokensText(const EditTokens& tokens) {
    using Kind = EditTokens::Kind;
    switch (tokens.kind) {
        case Kind::Last: return EditListModel::tr("last token");
        case Kind::All: return EditListModel::tr("all tokens");
        case Kind::Range: return EditListModel::tr("tokens %1 to %2").arg(tokens.first).arg(tokens.end - 1);
        case Kind::From: return EditListModel::tr("tokens from %1 on").arg(tokens.first);
        case Kind::Generated: return EditListModel::tr("generated tokens");
        case Kind::List: break;
    }
    return tokens.positions.size() == 1
               ? EditListModel::tr("token %1").arg(tokens.positions.front())
               : EditListModel::tr("tokens %1").arg(QString::fromStdString(editTokensText(tokens)));
}

}  // namespace

QString placeText(const Edit& edit) {
    return EditListModel::tr("%1 at %2, %3")
        .arg(QString::fromStdString(edit.operation).replace('_', ' '),
             QString::fromStdString(pointName(edit.point)), tokensText(edit.tokens));
}

EditListModel::EditListModel(Laboratory& laboratory, QObject* parent)
    : QAbstractTableModel(parent),
      m_laboratory(laboratory),
      m_rows(static_cast<int>(laboratory.edits().size())) {
    connect(&laboratory, &Laboratory::editsChanged, this, &EditListModel::update);
}

void EditListModel::update() {
    const int rows = static_cast<int>(m_laboratory.edits().size());
    if (rows > m_rows) {
        beginInsertRows({}, m_rows, rows - 1);
        m_rows = rows;
        endInsertRows();
    } else if (rows < m_rows) {
        beginRemoveRows({}, rows, m_rows - 1);
        m_rows = rows;
        endRemoveRows();
    }
    if (rows > 0) Q_EMIT dataChanged(index(0, 0), index(rows - 1, Columns - 1));
}

int EditListModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : m_rows;
}

int EditListModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : int(Columns);
}

QVariant EditListModel::data(const QModelIndex& index, int role) const {
    const auto& edits = m_laboratory.edits();
    if (!index.isValid() || index.row() >= static_cast<int>(edits.size())) return {};
    const Edit& edit = edits[static_cast<std::size_t>(index.row())];
    if (role == Qt::CheckStateRole && index.column() == Name) return edit.on ? Qt::Checked : Qt::Unchecked;
    if (role == Qt::TextAlignmentRole && index.column() == Strength)
        return int(Qt::AlignRight | Qt::AlignVCenter);
    const EditOperation* operation = findOperation(edit.operation);
    if (role == Qt::ToolTipRole)
        return tr("%1\n%2").arg(placeText(edit),
                                operation == nullptr
                                    ? QString()
                                    : QString::fromUtf8(operation->summary.data(),
                                                        static_cast<qsizetype>(operation->summary.size())));
    if (role != Qt::DisplayRole && role != Qt::EditRole) return {};
    if (index.column() == Strength) return Laboratory::strengthText(edit);
    const QString name = QString::fromStdString(edit.name);
    return role == Qt::EditRole ? name : name + '\n' + placeText(edit);
}

QVariant EditListModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
    const QStringList titles{tr("Edit"), tr("Strength")};
    return titles.value(section);
}

Qt::ItemFlags EditListModel::flags(const QModelIndex& index) const {
    if (!index.isValid()) return Qt::NoItemFlags;
    Qt::ItemFlags flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable;
    if (index.column() == Name) flags |= Qt::ItemIsUserCheckable | Qt::ItemIsEditable;
    return flags;
}

bool EditListModel::setData(const QModelIndex& index, const QVariant& value, int role) {
    const auto place = static_cast<std::size_t>(index.row());
    if (!index.isValid() || index.column() != Name || place >= m_laboratory.edits().size()) return false;
    Edit edit = m_laboratory.edits()[place];
    const QString name = QString::fromStdString(edit.name);
    if (role == Qt::CheckStateRole) {
        edit.on = value.toInt() == Qt::Checked;
        m_laboratory.change(
            place, std::move(edit),
            value.toInt() == Qt::Checked ? tr("Switch on “%1”").arg(name) : tr("Switch off “%1”").arg(name));
        return true;
    }
    if (role != Qt::EditRole || value.toString().trimmed() == name) return false;
    edit.name = value.toString().trimmed().toStdString();
    m_laboratory.change(place, std::move(edit), tr("Rename the edit “%1”").arg(name));
    return true;
}

}  // namespace rheo
