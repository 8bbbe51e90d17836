#include "widgets/viewmodels/unit_table_model.h"

#include <QLocale>
#include <cmath>
#include <limits>
#include <utility>

namespace rheo {

void UnitTableModel::setColumns(std::vector<UnitColumn> columns) {
    beginResetModel();
    m_columns = std::move(columns);
    endResetModel();
}

int UnitTableModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() || m_columns.empty() ? 0 : static_cast<int>(m_columns.front().values.size());
}

int UnitTableModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_columns.size()) + 1;
}

QVariant UnitTableModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || index.row() >= rowCount() || index.column() >= columnCount()) return {};
    if (role == Qt::TextAlignmentRole) return int(Qt::AlignRight | Qt::AlignVCenter);
    if (index.column() == 0)
        return role == Qt::DisplayRole || role == valueRole ? QVariant(index.row()) : QVariant();
    const double value = m_columns[static_cast<std::size_t>(index.column() - 1)].values[index.row()];
    if (role == valueRole) return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
    if (role == Qt::DisplayRole) return std::isnan(value) ? tr("–") : QLocale().toString(value, 'g', 3);
    return {};
}

QVariant UnitTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || section < 0 || section >= columnCount()) return {};
    if (role == Qt::TextAlignmentRole) return int(Qt::AlignRight | Qt::AlignVCenter);
    if (role != Qt::DisplayRole && role != Qt::ToolTipRole) return {};
    if (section == 0)
        return role == Qt::DisplayRole ? tr("Unit") : tr("One coordinate of the residual stream");
    const UnitColumn& column = m_columns[static_cast<std::size_t>(section - 1)];
    return QString::fromStdString(role == Qt::DisplayRole ? column.name : column.description);
}

}  // namespace rheo
