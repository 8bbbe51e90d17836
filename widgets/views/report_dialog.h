#pragma once

#include <QDialog>
#include <QString>

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
    explicit ReportDialog(Workspace& workspace, QWidget* parent = nullptr);

    QString folder() const;
    int repeats() const;
    /// Whether what is in the folder is replaced; else a report there is gone on with.
    bool replaces() const;

private:
    void refresh();

    Workspace& m_workspace;
    QLineEdit* m_folder;
    QSpinBox* m_repeats;
    QCheckBox* m_replace;
    QLabel *m_state, *m_command;
    QPushButton* m_start;
};

}  // namespace rheo
