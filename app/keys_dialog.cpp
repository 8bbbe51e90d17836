#include "app/keys_dialog.h"

#include <QDialog>
#include <QDialogButtonBox>
#include <QMainWindow>
#include <QMenu>
#include <QMenuBar>
#include <QTextBrowser>
#include <QVBoxLayout>

namespace rheo {

namespace {

QString tr(const char* text) {
    return QObject::tr(text);
}

QString heading(const QString& title) {
    return QStringLiteral("<tr><td colspan=2><b>%1</b></td></tr>").arg(title.toHtmlEscaped());
}

QString line(const QString& keys, const QString& does) {
    return QStringLiteral("<tr><td>%1&nbsp;&nbsp;</td><td>%2</td></tr>")
        .arg(keys.toHtmlEscaped(), does.toHtmlEscaped());
}

/// The actions of a menu and its submenus that have keys.
QString linesOf(const QMenu* menu) {
    QString lines;
    for (const QAction* action : menu->actions()) {
        if (action->menu() != nullptr) lines += linesOf(action->menu());
        QStringList keys;
        for (const auto& key : action->shortcuts()) keys << key.toString(QKeySequence::NativeText);
        if (!keys.isEmpty())
            lines += line(keys.join(tr(" or ")), action->text().remove('&').remove(QChar(0x2026)));
    }
    return lines;
}

/// What the mouse and keys do inside a view, which no menu says.
QString linesOfViews() {
    return line(tr("Drag"), tr("turn; middle button or Shift: move")) +
           line(tr("Wheel, + and -"), tr("zoom; Home or double click: the whole plot")) +
           line(tr("Comma, period"), tr("back and forward through the places it was seen from")) +
           line(tr("Click, Ctrl+click"), tr("select a trajectory; one more")) +
           line(tr("Ctrl+drag"), tr("select more by a box; B: each drag is a box")) +
           line(tr("H, Shift+H, I"), tr("hide the selected rows; show all; show only the selected rows")) +
           line(tr("F, M, Ctrl+A"), tr("frame the selected rows; draw their mean; select all")) +
           line(tr("1, 2, 3, 0, 5"), tr("front; side; top; reset; perspective")) +
           line(tr("Drag the ring"), tr("move the state in the plane of the screen; X, Y or Z: along that "
                                        "axis, until it is pressed again")) +
           line(tr("S"), tr("put the ring on the nearest row; the panel has a slider between both states")) +
           line(tr("Click the legend"), tr("hide or show a kind of rows; double click: this one alone")) +
           line(tr("Arrows, Page Up/Down"), tr("move the ring; Shift: further, Ctrl: finer")) +
           line(tr("Enter, Esc"), tr("keep the new state; put the ring back")) +
           line(tr("Space, [ and ]"), tr("play or pause depth; one point back or on")) +
           line(tr("Ins, F2, Del"), tr("add, edit, remove a prompt")) +
           line(tr("Ctrl+Enter"), tr("run the prompt that is being typed")) + line(tr("?"), tr("this list"));
}

}  // namespace

/// Made from the menus, so that no key is forgotten.
void showKeys(QMainWindow* window) {
    QString lines = heading(tr("In the views")) + linesOfViews();
    for (const QAction* menu : window->menuBar()->actions())
        if (const QString own = menu->menu() != nullptr ? linesOf(menu->menu()) : QString(); !own.isEmpty())
            lines += heading(menu->text().remove('&')) + own;
    QDialog dialog(window);
    dialog.setWindowTitle(tr("Keys and mouse"));
    auto* text = new QTextBrowser;
    text->setHtml("<table>" + lines + "</table>");
    text->setFrameShape(QFrame::NoFrame);
    auto* close = new QDialogButtonBox(QDialogButtonBox::Close);
    auto* layout = new QVBoxLayout(&dialog);
    layout->addWidget(text);
    layout->addWidget(close);
    QObject::connect(close, &QDialogButtonBox::rejected, &dialog, &QDialog::reject);
    dialog.resize(620, 640);
    dialog.exec();
}

}  // namespace rheo
