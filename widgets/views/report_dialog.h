#pragma once

#include <QDialog>
#include <QString>

#include "widgets/jobs/job_runner.h"
#include "widgets/viewmodels/report_job.h"

class QCheckBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace rheo {

class Workspace;

/// Asks for the folder of a report and how thorough it is, and shows the command that does the same.
class ReportDialog : public QDialog {
    Q_OBJECT
public:
    /// `folder`: of a report to go on with; empty: a usual one.
    ReportDialog(Workspace& workspace, const QString& folder, QWidget* parent = nullptr);
    ~ReportDialog() override;

    ReportChoice choice() const;
    QSpinBox* derivativeRows() const { return m_derivatives; }

private:
    QString folder() const;
    int repeats() const;
    bool replaces() const;
    void refresh();
    void forecast();

    Workspace& m_workspace;
    QLineEdit* m_folder;
    QSpinBox *m_repeats, *m_derivatives;
    QCheckBox* m_replace;
    QLabel *m_state, *m_cost, *m_command;
    JobId m_forecast;
    QPushButton* m_start;
};

}  // namespace rheo
