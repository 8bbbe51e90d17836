#pragma once

#include <QDialog>

#include "widgets/viewmodels/teleport_table.h"

class QTableView;

namespace rheo {

/// Teleports in a table; it can stay open beside the window.
class CompareDialog : public QDialog {
    Q_OBJECT
public:
    CompareDialog(Workspace& workspace, TeleportComparison& comparison, QWidget* parent);

    TeleportTable* table() const { return m_model; }
    void setTheme(const Theme& theme) { m_model->setTheme(theme); }
    /// Puts the table on the clipboard.
    void copyCsv();

private:
    TeleportTable* m_model;
    QTableView* m_view;
};

}  // namespace rheo
