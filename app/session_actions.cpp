#include "app/session_actions.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QMenu>
#include <QMessageBox>
#include <QPushButton>

#include "app/main_window.h"
#include "app/window_state.h"

namespace rheo {

SessionActions::SessionActions(MainWindow& window, SessionKeeper& keeper)
    : QObject(&window), m_window(window), m_keeper(keeper) {
    keeper.setWindowState([&window] { return windowState(window); });
    connect(&keeper, &SessionKeeper::restored, this, [this](const QJsonObject& state) {
        m_moved.clear();
        restoreWindow(m_window, state);
    });
    connect(&keeper, &SessionKeeper::sourceMissing, this, &SessionActions::askForSource);
}

void SessionActions::addTo(QMenu* file) {
    const auto add = [&](const QString& text, const QKeySequence& key, auto act) {
        auto* action = file->addAction(text);
        action->setShortcut(key);
        connect(action, &QAction::triggered, this, act);
        return action;
    };
    auto* save = add(tr("&Save the session"), QKeySequence("Ctrl+S"), [this] { this->save(); });
    auto* as =
        add(tr("Save the session &as…"), QKeySequence("Ctrl+Shift+S"), [this] { saveAs(Packing::Own); });
    auto* whole = add(tr("Save everything in &one file to send…"), {}, [this] { saveAs(Packing::All); });
    whole->setStatusTip(
        tr("With the traces and results that the session uses; only the model stays outside"));
    const auto update = [this, save, as, whole] {
        const auto& workspace = m_window.workspace();
        const bool open = workspace.state()->trace || workspace.state()->results || workspace.model();
        for (QAction* action : {save, as, whole}) {
            action->setEnabled(open);
            if (!open) action->setStatusTip(tr("Nothing is open"));
        }
    };
    connect(&m_window.workspace(), &Workspace::stateChanged, this, update);
    connect(&m_window.workspace(), &Workspace::modelChanged, this, update);
    update();
}

bool SessionActions::save() {
    if (m_keeper.file().isEmpty()) return saveAs(Packing::Own);
    m_keeper.save(m_keeper.file(), Packing::Own, true);
    return true;
}

bool SessionActions::saveAs(Packing packing) {
    const QString suggested = m_keeper.file().isEmpty() ? QStringLiteral("session.rheo") : m_keeper.file();
    QString file = QFileDialog::getSaveFileName(&m_window, tr("Save the session"), suggested,
                                                tr("Rheograph sessions (*.rheo)"));
    if (file.isEmpty()) return false;
    if (QFileInfo(file).suffix() != QStringLiteral("rheo")) file += QStringLiteral(".rheo");
    m_keeper.save(file, packing, true);  // the dialog asked
    return true;
}

void SessionActions::open(const QString& file) {
    m_moved.clear();
    if (m_window.confirmLosing(tr("Open a session"))) m_keeper.open(file);
}

void SessionActions::recover(const QString& folder) {
    m_moved.clear();
    if (m_window.confirmLosing(tr("Recover a session"))) m_keeper.recover(folder);
}

/// A file of the session is not where it was: where is it now?
void SessionActions::askForSource(const QString& session, bool isLost, const QString& source,
                                  const QString& message) {
    QMessageBox box(QMessageBox::Warning, tr("Open the session"), message, QMessageBox::Cancel, &m_window);
    box.setInformativeText(tr("Choose the new place of the file, or open the session without it."));
    auto* locate = box.addButton(tr("Choose the file…"), QMessageBox::AcceptRole);
    auto* without = box.addButton(tr("Open without it"), QMessageBox::DestructiveRole);
    box.setDefaultButton(locate);
    box.exec();
    if (box.clickedButton() == locate) {
        const QString now =
            QFileDialog::getOpenFileName(&m_window, tr("Where is %1?").arg(QFileInfo(source).fileName()), {},
                                         tr("HDF5 files (*.h5);;All files (*)"));
        if (now.isEmpty()) return;
        m_moved[source.toStdString()] = now.toStdString();
    } else if (box.clickedButton() == without) {
        m_moved[source.toStdString()].clear();
    } else {
        return;
    }
    if (isLost)
        m_keeper.recover(session, m_moved);
    else
        m_keeper.open(session, m_moved);
}

}  // namespace rheo
