#include "widgets/views/report_dialog.h"

#include <QCheckBox>
#include <QDialogButtonBox>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QFontDatabase>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>

#include "core/findings/verdicts.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

ReportDialog::ReportDialog(Workspace& workspace, const QString& folder, QWidget* parent)
    : QDialog(parent),
      m_workspace(workspace),
      m_folder(new QLineEdit(folder.isEmpty() ? usualReportFolder(workspace) : folder)),
      m_repeats(new QSpinBox),
      m_derivatives(new QSpinBox),
      m_replace(new QCheckBox(tr("&Start again, and replace the existing report"))),
      m_state(new QLabel),
      m_cost(new QLabel),
      m_command(new QLabel) {
    setWindowTitle(tr("Test the published findings"));
    const int usual = VerdictOptions{}.repeats;
    m_folder->setObjectName("folder");
    m_folder->setToolTip(tr("Where results, figures and the page are written"));
    m_replace->setToolTip(
        tr("If this is off, finished parts in the folder are kept, and only missing parts are computed"));
    m_repeats->setRange(20, 100000);
    m_repeats->setValue(usual);
    m_repeats->setToolTip(
        tr("Number of surrogates of each null. More allow smaller p; with fewer than 39 no p can be below "
           "0.05."));
    m_derivatives->setRange(0, 1000);
    m_derivatives->setSpecialValueText(tr("none"));
    m_derivatives->setSuffix(tr(" rows"));
    m_derivatives->setObjectName("derivatives");
    m_derivatives->setEnabled(workspace.model() != nullptr);
    m_derivatives->setToolTip(tr("Number of rows at which derivatives of all steps are computed, beside an "
                                 "untrained network, to test the findings about them. This needs %1 rows or "
                                 "more and the model, and can take longer than all else.")
                                  .arg(leastSamples));
    auto* browse = new QPushButton(tr("&Browse…"));
    browse->setAutoDefault(false);  // Enter in the field starts the test
    auto* folderRow = new QHBoxLayout;
    folderRow->addWidget(m_folder, 1);
    folderRow->addWidget(browse);
    m_command->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    m_command->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    for (QLabel* label : {m_state, m_cost, m_command}) label->setWordWrap(true);
    m_state->setMinimumHeight(fontMetrics().height() * 2);
    m_cost->setMinimumHeight(fontMetrics().height() * 5);
    m_cost->setAlignment(Qt::AlignTop);

    auto* form = new QFormLayout;
    auto* folderLabel = new QLabel(tr("&Folder:"));
    folderLabel->setBuddy(m_folder);
    form->addRow(folderLabel, folderRow);
    form->addRow(tr("Surrogates of each &null:"), m_repeats);
    form->addRow(tr("&Derivatives about:"), m_derivatives);
    form->addRow(QString(), m_replace);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel);
    m_start = buttons->addButton(tr("&Test"), QDialogButtonBox::AcceptRole);
    auto* layout = new QVBoxLayout(this);
    layout->addLayout(form);
    layout->addWidget(m_state);
    layout->addWidget(m_cost);
    layout->addWidget(m_command);
    layout->addWidget(buttons);
    setMinimumWidth(620);
    m_start->setDefault(true);  // once it is part of the dialog, whose first button Cancel is

    connect(browse, &QPushButton::clicked, this, [this] {
        const QString chosen = QFileDialog::getExistingDirectory(this, tr("Folder of the report"),
                                                                 QFileInfo(m_folder->text()).path());
        if (!chosen.isEmpty()) m_folder->setText(chosen);
    });
    connect(m_folder, &QLineEdit::textChanged, this, &ReportDialog::refresh);
    connect(m_repeats, qOverload<int>(&QSpinBox::valueChanged), this, &ReportDialog::refresh);
    connect(m_repeats, &QSpinBox::editingFinished, this, &ReportDialog::forecast);
    connect(m_derivatives, qOverload<int>(&QSpinBox::valueChanged), this, &ReportDialog::refresh);
    connect(m_derivatives, &QSpinBox::editingFinished, this, &ReportDialog::forecast);
    connect(m_replace, &QCheckBox::toggled, this, &ReportDialog::refresh);
    connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    refresh();
    forecast();
}

ReportDialog::~ReportDialog() {
    m_workspace.jobs().cancel(m_forecast);
}

void ReportDialog::forecast() {
    m_workspace.jobs().cancel(m_forecast);
    m_cost->setText(tr("Estimating the time…"));
    m_forecast = forecastReport(m_workspace, choice(), this,
                                [this](const QString& sentences) { m_cost->setText(sentences); });
}

ReportChoice ReportDialog::choice() const {
    return {folder(), repeats(), replaces(), m_derivatives->isEnabled() ? m_derivatives->value() : 0};
}

QString ReportDialog::folder() const {
    return QDir::cleanPath(m_folder->text().trimmed());
}

int ReportDialog::repeats() const {
    return m_repeats->value() == VerdictOptions{}.repeats ? 0 : m_repeats->value();
}

bool ReportDialog::replaces() const {
    return m_replace->isEnabled() && m_replace->isChecked();
}

void ReportDialog::refresh() {
    const bool there = QFileInfo::exists(QDir(folder()).filePath("results.h5"));
    m_replace->setEnabled(there);
    m_start->setEnabled(!m_folder->text().trimmed().isEmpty());
    m_state->setText(!there       ? tr("The folder will hold results, figures and a page for a browser.")
                     : replaces() ? tr("The report in this folder will be replaced.")
                                  : tr("There is a report in this folder: its finished parts are not "
                                       "computed again. It must be a report of the same rows."));
    m_command->setText(reportCommand(m_workspace, choice()));
}

}  // namespace rheo
