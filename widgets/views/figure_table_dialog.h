#pragma once

#include <QAbstractTableModel>
#include <QDialog>

#include "core/figure/figure_table.h"

class QTableView;
class QTabWidget;

namespace rheo {

/// The numbers behind a plot, read where they are shown.
class FigureTableModel : public QAbstractTableModel {
    Q_OBJECT
public:
    FigureTableModel(FigureTable table, QObject* parent);

    /// The first of them, where a table has more rows than a list can show.
    static constexpr std::int64_t mostRows = 1'000'000;
    const FigureTable& table() const { return m_table; }
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    FigureTable m_table;
};

/// The tables behind the figure of a view, as it was when it was asked for: to be read, by a screen reader
/// too, copied and saved. It can stay open beside the window.
class FigureTableDialog : public QDialog {
    Q_OBJECT
public:
    /// `title`: of the view.
    FigureTableDialog(const QString& title, const std::shared_ptr<const Figure>& figure, QWidget* parent);

    QTabWidget* pages() const { return m_pages; }
    /// The table in front.
    QTableView* table() const;
    /// What is in front, whole.
    const FigureTable& shown() const;
    /// Puts the cells that are selected on the clipboard, as text with tabs, as spreadsheets take it; all of
    /// the table where fewer than two are.
    void copy();

Q_SIGNALS:
    /// The table in front is to be saved.
    void saveRequested();

private:
    QTabWidget* m_pages;
};

}  // namespace rheo
