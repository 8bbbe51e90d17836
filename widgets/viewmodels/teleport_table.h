#pragma once

#include <QAbstractTableModel>

#include "widgets/viewmodels/teleport_comparison.h"

namespace rheo {

/// Teleports side by side, a line each: those that are compared, in their colours; all of the document where
/// fewer than two are.
class TeleportTable : public QAbstractTableModel {
    Q_OBJECT
public:
    TeleportTable(Workspace& workspace, TeleportComparison& comparison, QObject* parent = nullptr);

    void setTheme(const Theme& theme);

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

    /// The whole table as RFC 4180 has it: a line of titles, numbers with a point and all their digits.
    QString toCsv() const;

private:
    void update();
    QColor colorOf(int row) const;

    Workspace& m_workspace;
    TeleportComparison& m_comparison;
    std::vector<std::shared_ptr<const TeleportRecord>> m_records;
    Theme m_theme;
};

}  // namespace rheo
