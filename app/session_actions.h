#pragma once

#include <QObject>
#include <QString>

#include "widgets/viewmodels/session_keeper.h"

class QMenu;

namespace rheo {

class MainWindow;

/// What a person does with sessions: the entries of the file menu and the questions that come with them.
class SessionActions : public QObject {
    Q_OBJECT
public:
    SessionActions(MainWindow& window, SessionKeeper& keeper);

    void addTo(QMenu* file);
    /// To the file that holds it, else asks for one. False if nothing was saved.
    bool save();
    bool saveAs(Packing packing);
    void open(const QString& file);
    void recover(const QString& folder);

private:
    void askForSource(const QString& session, bool isLost, const QString& source, const QString& message);

    MainWindow& m_window;
    SessionKeeper& m_keeper;
    Relocations m_moved;  ///< told so far, of the session that is being opened
};

}  // namespace rheo
