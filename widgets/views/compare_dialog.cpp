#include "widgets/views/compare_dialog.h"

#include <QApplication>
#include <QClipboard>
#include <QDialogButtonBox>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QStyledItemDelegate>
#include <QTableView>
#include <QVBoxLayout>

#include "widgets/paint/readable_text.h"

namespace rheo {

namespace {

class ReadableDelegate : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    QString displayText(const QVariant& value, const QLocale& locale) const override {
        return readable(QStyledItemDelegate::displayText(value, locale), QApplication::font());
    }
};

}  // namespace

CompareDialog::CompareDialog(Workspace& workspace, TeleportComparison& comparison, QWidget* parent)
    : QDialog(parent), m_model(new TeleportTable(workspace, comparison, this)), m_view(new QTableView) {
    setWindowTitle(tr("Compare teleports"));
    auto* hint =
        new QLabel(tr("The teleports that are selected in the list (Ctrl+click selects several); if fewer "
                      "than two are selected, all."));
    hint->setWordWrap(true);
    m_view->setModel(m_model);
    m_view->setItemDelegate(new ReadableDelegate(m_view));
    m_view->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_view->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_view->setWordWrap(false);
    m_view->setTabKeyNavigation(false);
    m_view->setAccessibleName(tr("Teleports compared"));
    m_view->horizontalHeader()->setStretchLastSection(true);
    const auto fit = [this] { m_view->resizeColumnsToContents(); };
    connect(m_model, &QAbstractItemModel::modelReset, this, fit);
    fit();
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
    auto* copy = buttons->addButton(tr("&Copy as CSV"), QDialogButtonBox::ActionRole);
    connect(copy, &QPushButton::clicked, this, &CompareDialog::copyCsv);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(hint);
    layout->addWidget(m_view, 1);
    layout->addWidget(buttons);
    resize(880, 320);
}

void CompareDialog::copyCsv() {
    QApplication::clipboard()->setText(m_model->toCsv());
}

}  // namespace rheo
