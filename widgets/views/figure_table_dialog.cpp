#include "widgets/views/figure_table_dialog.h"

#include <QApplication>
#include <QClipboard>
#include <QDialogButtonBox>
#include <QHeaderView>
#include <QPushButton>
#include <QShortcut>
#include <QTabWidget>
#include <QTableView>
#include <QVBoxLayout>

namespace rheo {

namespace {
constexpr int digits = 6;
/// Rows and columns that set the width of columns: a heatmap has thousands.
constexpr int measuredRows = 60;
}  // namespace

FigureTableModel::FigureTableModel(FigureTable table, QObject* parent)
    : QAbstractTableModel(parent), m_table(std::move(table)) {}

int FigureTableModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(std::min(m_table.rows, mostRows));
}

int FigureTableModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_table.columns.size());
}

QVariant FigureTableModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || (role != Qt::DisplayRole && role != Qt::TextAlignmentRole)) return {};
    const TableCell cell = m_table.cell(index.row(), index.column());
    const auto* value = std::get_if<double>(&cell);
    if (role == Qt::TextAlignmentRole)
        return QVariant::fromValue(
            Qt::Alignment(Qt::AlignVCenter | (value ? Qt::AlignRight : Qt::AlignLeft)));
    if (value != nullptr) return QString::fromStdString(formatNumber(*value, digits));
    const auto* text = std::get_if<std::string>(&cell);
    return text != nullptr ? QString::fromStdString(*text) : QString();
}

QVariant FigureTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (role != Qt::DisplayRole) return {};
    if (orientation == Qt::Vertical) return section + 1;
    return section < columnCount()
               ? QString::fromStdString(m_table.columns[static_cast<std::size_t>(section)])
               : QVariant();
}

FigureTableDialog::FigureTableDialog(const QString& title, const std::shared_ptr<const Figure>& figure,
                                     QWidget* parent)
    : QDialog(parent), m_pages(new QTabWidget) {
    setAttribute(Qt::WA_DeleteOnClose);
    setWindowTitle(tr("%1: table").arg(title));
    for (FigureTable& table : tablesOf(figure)) {
        auto* view = new QTableView;
        const QString name = table.title.empty() ? title : QString::fromStdString(table.title);
        view->setModel(new FigureTableModel(std::move(table), view));
        view->setAccessibleName(tr("Numbers of %1").arg(name));
        view->setTabKeyNavigation(false);
        view->setWordWrap(false);
        view->horizontalHeader()->setResizeContentsPrecision(measuredRows);
        view->horizontalHeader()->setDefaultSectionSize(96);
        if (view->model()->columnCount() <= measuredRows) view->resizeColumnsToContents();
        const std::int64_t rows = static_cast<const FigureTableModel*>(view->model())->table().rows;
        if (rows > FigureTableModel::mostRows)
            view->setToolTip(
                tr("The first %L1 of %L2 rows; the file has all.").arg(FigureTableModel::mostRows).arg(rows));
        m_pages->addTab(view, name);
    }
    m_pages->tabBar()->setVisible(m_pages->count() > 1);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
    auto* copyButton = buttons->addButton(tr("&Copy"), QDialogButtonBox::ActionRole);
    copyButton->setToolTip(tr("Copy the selected cells, or all, for a spreadsheet"));
    connect(copyButton, &QPushButton::clicked, this, &FigureTableDialog::copy);
    auto* save = buttons->addButton(tr("&Save as CSV…"), QDialogButtonBox::ActionRole);
    save->setToolTip(tr("Save the whole table, with all digits"));
    connect(save, &QPushButton::clicked, this, &FigureTableDialog::saveRequested);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(new QShortcut(QKeySequence::Copy, this), &QShortcut::activated, this, &FigureTableDialog::copy);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(m_pages, 1);
    layout->addWidget(buttons);
    resize(760, 480);
}

QTableView* FigureTableDialog::table() const {
    return qobject_cast<QTableView*>(m_pages->currentWidget());
}

const FigureTable& FigureTableDialog::shown() const {
    return static_cast<const FigureTableModel*>(table()->model())->table();
}

void FigureTableDialog::copy() {
    if (table() == nullptr) return;
    const QAbstractItemModel& model = *table()->model();
    QItemSelection chosen = table()->selectionModel()->selection();
    if (table()->selectionModel()->selectedIndexes().size() < 2)
        chosen =
            QItemSelection(model.index(0, 0), model.index(model.rowCount() - 1, model.columnCount() - 1));
    QString text;
    for (const QItemSelectionRange& range : chosen) {
        QStringList line;
        for (int j = range.left(); j <= range.right(); ++j)
            line << model.headerData(j, Qt::Horizontal, Qt::DisplayRole).toString();
        text += line.join('\t') + '\n';
        for (int i = range.top(); i <= range.bottom(); ++i) {
            line.clear();
            for (int j = range.left(); j <= range.right(); ++j)
                line << model.index(i, j).data().toString().replace('\t', ' ').replace('\n', ' ');
            text += line.join('\t') + '\n';
        }
    }
    QApplication::clipboard()->setText(text);
}

}  // namespace rheo
