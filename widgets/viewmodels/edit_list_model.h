#pragma once

#include <QAbstractTableModel>

#include "widgets/viewmodels/laboratory.h"

namespace rheo {

/// The edits of the laboratory, a line each: a check mark, the name (both can be changed), where it acts,
/// what it does and how strongly.
class EditListModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Name, Strength, Columns };
    explicit EditListModel(Laboratory& laboratory, QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;
    Qt::ItemFlags flags(const QModelIndex& index) const override;
    bool setData(const QModelIndex& index, const QVariant& value, int role = Qt::EditRole) override;

private:
    void update();

    Laboratory& m_laboratory;
    int m_rows = 0;
};

/// "add at L08.attn_in, last token", "project out at final, tokens 3 to 6".
QString placeText(const Edit& edit);

}  // namespace rheo
