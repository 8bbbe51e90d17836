#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "core/session/unit_table.h"

namespace rheo {

/// Units as rows of a table, with what results say of them. The first column is the unit.
class UnitTableModel : public QAbstractTableModel {
    Q_OBJECT
public:
    /// The number itself, to sort by; NaN is below all others.
    static constexpr int valueRole = Qt::UserRole;

    using QAbstractTableModel::QAbstractTableModel;

    void setColumns(std::vector<UnitColumn> columns);
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

private:
    std::vector<UnitColumn> m_columns;
};

}  // namespace rheo
