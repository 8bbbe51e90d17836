#include "widgets/views/selection_bar.h"

#include <QAction>
#include <QLabel>
#include <QLocale>
#include <QToolBar>
#include <QToolButton>

#include "widgets/viewmodels/fit_rows.h"
#include "widgets/views/kept_menu.h"

namespace rheo {

namespace {

QString tr(const char* text) {
    return QObject::tr(text);
}

/// Adds an action to `bar` and `view`; its tool tip names the shortcut.
QAction* addAction(QToolBar* bar, QWidget* view, const QString& text, const QString& tip,
                   const QKeySequence& key, const std::function<void(bool)>& act) {
    auto* action = bar->addAction(text);
    action->setToolTip(
        key.isEmpty() ? tip : QStringLiteral("%1 (%2)").arg(tip, key.toString(QKeySequence::NativeText)));
    action->setShortcut(key);
    action->setShortcutContext(Qt::WidgetWithChildrenShortcut);
    view->addAction(action);
    QObject::connect(action, &QAction::triggered, view, act);
    return action;
}

QString number(qsizetype n) {
    return QLocale().toString(qlonglong(n));
}

std::vector<std::int64_t> toRows(const QList<qint64>& rows) {
    return {rows.begin(), rows.end()};
}

}  // namespace

QToolBar* makeSelectionBar(Workspace& workspace, Selection& selection, QWidget* view,
                           const std::function<void()>& frame) {
    auto* bar = new QToolBar;
    bar->setObjectName("selection");
    bar->setToolButtonStyle(Qt::ToolButtonTextOnly);
    auto* count = new QLabel;
    count->setObjectName("selectionCount");
    count->setContentsMargins(8, 0, 8, 0);
    count->setMinimumWidth(count->fontMetrics().horizontalAdvance(tr("%1 selected").arg("0,000")) + 16);
    bar->addWidget(count);
    const auto add = [&](const QString& text, const QString& tip, const char* key, auto act) {
        return addAction(bar, view, text, tip, QKeySequence(key), act);
    };
    auto* hide = add(tr("Hide"), tr("Do not draw the selected rows"), "H",
                     [&selection](bool) { selection.hideSelected(); });
    auto* isolate = add(tr("Isolate"), tr("Draw the selected rows only"), "I",
                        [&selection](bool) { selection.isolateSelected(); });
    auto* fit = add(tr("Fit on these"), tr("Fit the PCA to the selected rows; all rows are drawn in it"), "",
                    [&](bool) { fitBasisOn(workspace, {toRows(selection.rows())}); });
    auto* mean = add(tr("Mean"), tr("Draw the mean of the selected rows"), "M",
                     [&selection](bool on) { selection.setShowsMean(on); });
    mean->setCheckable(true);
    add(tr("Frame"), tr("Zoom to the selected rows; to all rows if none is selected"), "F",
        [frame](bool) { frame(); });
    auto* clear = add(tr("Clear"), tr("Select only the row that is followed"), "Ctrl+Shift+A",
                      [&selection](bool) { selection.keepFollowed(); });
    auto* all = add(tr("Select all"), tr("Select all rows that are drawn"), "Ctrl+A", [&](bool) {
        QList<qint64> rows;
        for (std::int64_t n = 0; n < workspace.state()->rows(); ++n)
            if (!selection.isHidden(n)) rows << n;
        selection.selectRows(rows);
    });
    bar->removeAction(all);  // the key is enough: the bar is as wide as half of a small window
    auto* show = add(tr("Show all"), tr("Draw the hidden rows again"), "Shift+H",
                     [&selection](bool) { selection.showAllRows(); });
    auto* kept = new QToolButton;
    kept->setText(tr("Kept"));
    kept->setToolTip(tr("Selections that were kept under a name"));
    kept->setPopupMode(QToolButton::InstantPopup);
    kept->setMenu(makeKeptMenu(workspace, selection, kept));
    bar->addWidget(kept);
    auto* keep = add(tr("Keep…"), tr("Keep the selection under a name"), "Ctrl+G",
                     [&, view](bool) { askToKeep(workspace, selection, view); });
    bar->removeAction(keep);  // it stands in the menu
    const auto update = [=, &workspace, &selection] {
        const auto selected = selection.rows().size(), hidden = selection.hiddenRows().size();
        const auto rows = workspace.state()->rows();
        count->setText(tr("%1 selected").arg(number(selected)));
        hide->setEnabled(selected > 0 && selected + hidden < rows);
        isolate->setEnabled(selected > 0 && selected + hidden < rows);
        fit->setEnabled(selected > 0);
        mean->setEnabled(selected > 1);
        mean->setChecked(selection.showsMean());
        clear->setEnabled(selected > 1);
        all->setEnabled(rows > 0);
        show->setEnabled(hidden > 0);
        show->setText(hidden > 0 ? tr("Show all (%1 hidden)").arg(number(hidden)) : tr("Show all"));
    };
    QObject::connect(&selection, &Selection::rowsChanged, bar, update);
    QObject::connect(&selection, &Selection::shownChanged, bar, update);
    QObject::connect(&workspace, &Workspace::stateChanged, bar, update);
    update();
    return bar;
}

}  // namespace rheo
