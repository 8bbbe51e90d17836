#include "widgets/views/kept_menu.h"

#include <QFileDialog>
#include <QInputDialog>
#include <QMenu>

#include "core/base/error.h"
#include "widgets/viewmodels/counted.h"
#include "widgets/viewmodels/fit_rows.h"
#include "widgets/viewmodels/named_rows.h"
#include "widgets/viewmodels/selection.h"

namespace rheo {

namespace {

QString tr(const char* text) {
    return QObject::tr(text);
}

void askToExport(Workspace& workspace, const QList<qint64>& rows, QWidget* parent) {
    const QString file =
        QFileDialog::getSaveFileName(parent, tr("Export the rows as a list"), "rows.csv", tr("CSV (*.csv)"));
    if (file.isEmpty()) return;
    const QString what = tr("Export the rows");
    try {
        exportRows(workspace, rows, file.endsWith(".csv") ? file : file + ".csv");
        workspace.succeed(what);
    } catch (const Error& error) {
        workspace.fail(what, {error.code(), QString::fromUtf8(error.what()), {}});
    }
}

void askToRename(Workspace& workspace, std::size_t i, QWidget* parent) {
    bool accepted = false;
    const QString name =
        QInputDialog::getText(parent, tr("Rename the selection"), tr("Name"), QLineEdit::Normal,
                              QString::fromStdString(workspace.state()->named[i].name), &accepted);
    if (accepted) renameRows(workspace, i, name);
}

void addKept(QMenu& menu, Workspace& workspace, Selection& selection, std::size_t i, QWidget* parent) {
    const NamedRows& named = workspace.state()->named[i];
    const QList<qint64> rows = rowsOf(*workspace.state(), named);
    const QString name = QString::fromStdString(named.name).replace('&', QStringLiteral("&&"));
    QMenu* of = menu.addMenu(tr("%1 (%2)").arg(name, counted(rows.size(), tr("1 row"), tr("%1 rows"))));
    const auto add = [&](const QString& text, auto act) {
        QObject::connect(of->addAction(text), &QAction::triggered, parent, act);
    };
    add(tr("&Select"), [&selection, rows] { selection.selectRows(rows); });
    add(tr("&Add to the selection"), [&selection, rows] { selection.addRows(rows); });
    add(tr("&Hide"), [&selection, rows] { selection.hideRows(rows); });
    add(tr("&Fit the PCA on these"), [&workspace, rows] {
        fitBasisOn(workspace, {{rows.begin(), rows.end()}});
    });
    of->addSeparator();
    add(tr("&Export as a list…"), [&workspace, rows, parent] { askToExport(workspace, rows, parent); });
    add(tr("&Rename…"), [&workspace, i, parent] { askToRename(workspace, i, parent); });
    add(tr("F&orget"), [&workspace, i] { forgetRows(workspace, i); });
    of->setEnabled(!rows.isEmpty());
}

}  // namespace

void askToKeep(Workspace& workspace, Selection& selection, QWidget* parent) {
    const QList<qint64> rows = selection.rows();
    if (rows.isEmpty()) return;
    bool accepted = false;
    const QString proposed = tr("Selection %1").arg(workspace.state()->named.size() + 1);
    const QString name =
        QInputDialog::getText(parent, tr("Keep the selection"),
                              counted(rows.size(), tr("Name of this row"), tr("Name of these %1 rows")),
                              QLineEdit::Normal, proposed, &accepted);
    if (accepted) keepRows(workspace, name, rows);
}

QMenu* makeKeptMenu(Workspace& workspace, Selection& selection, QWidget* parent) {
    auto* menu = new QMenu(parent);
    QObject::connect(menu, &QMenu::aboutToShow, parent, [menu, &workspace, &selection, parent] {
        menu->clear();
        const bool any = !selection.rows().isEmpty();
        auto* keep = menu->addAction(tr("&Keep the selected rows…"));
        keep->setShortcut(QKeySequence("Ctrl+G"));
        keep->setEnabled(any);
        QObject::connect(keep, &QAction::triggered, parent,
                         [&workspace, &selection, parent] { askToKeep(workspace, selection, parent); });
        auto* list = menu->addAction(tr("&Export the selected rows as a list…"));
        list->setEnabled(any);
        QObject::connect(list, &QAction::triggered, parent, [&workspace, &selection, parent] {
            askToExport(workspace, selection.rows(), parent);
        });
        menu->addSeparator();
        for (std::size_t i = 0; i < workspace.state()->named.size(); ++i)
            addKept(*menu, workspace, selection, i, parent);
        if (workspace.state()->named.empty())
            menu->addAction(tr("No selection was kept yet"))->setEnabled(false);
    });
    return menu;
}

}  // namespace rheo
