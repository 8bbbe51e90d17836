#pragma once

#include <QDateTime>
#include <QElapsedTimer>
#include <QJsonObject>
#include <QList>
#include <QObject>
#include <QString>
#include <QTimer>
#include <chrono>
#include <functional>
#include <memory>

#include "core/session/session_file.h"
#include "widgets/jobs/job_runner.h"

namespace rheo {

class WorkingFolder;
class Workspace;

/// A session that a process left behind when it was killed.
struct LostSession {
    QString folder;
    QDateTime saved;
    std::int64_t rows = 0, teleports = 0;  ///< rows -1: all of a trace file
    QString title;                         ///< of its trace, prompts or model; may be empty
};

/// Keeps the document as a session: saves it to a file and opens that again, and all the while writes what is
/// new to a folder of its own, so that little is lost where the process is killed. The folder goes when the
/// document does. Workspace::failed() says what failed.
class SessionKeeper : public QObject {
    Q_OBJECT
public:
    /// `root`: where the folders are; empty: with the program's own data.
    explicit SessionKeeper(Workspace& workspace, const QString& root = {}, QObject* parent = nullptr);
    ~SessionKeeper() override;

    /// Asked for what the window keeps of itself whenever the session is written.
    void setWindowState(std::function<QJsonObject()> state) { m_windowState = std::move(state); }
    /// How long what is new may wait to be written, at least. It waits longer where writing takes long, but
    /// never more than a minute.
    void setInterval(std::chrono::milliseconds shortest) { m_interval = shortest; }

    /// The file that holds the session; empty: none does yet.
    const QString& file() const { return m_file; }
    /// Writes the session. With `replace`, over a file that is there: asking first is up to the caller.
    JobId save(const QString& file, Packing packing, bool replace);
    /// Replaces the document by a session; `moved` says where its files are now.
    JobId open(const QString& file, const Relocations& moved = {});
    /// Writes what is new now, instead of soon.
    void writeNow();

    /// What earlier processes left behind, newest first. Reads their indices.
    QList<LostSession> lost() const;
    /// Replaces the document by one of them. It is unsaved then.
    JobId recover(const QString& folder, const Relocations& moved = {});
    void discard(const QString& folder);

Q_SIGNALS:
    void saved(const QString& file);
    /// A session is open; `window` is what setWindowState's function gave when it was saved.
    void restored(const QJsonObject& window);
    /// A file of the session is gone or was changed: open() or recover() again, with its new place.
    void sourceMissing(const QString& session, bool isLost, const QString& source, const QString& message);
    /// file() is another.
    void fileChanged();

private:
    struct Opened;

    Session gather() const;
    void schedule();
    void write();
    void restart();
    JobId openFrom(const QString& path, bool isLost, const Relocations& moved);
    void use(Opened opened, const QString& path, bool isLost);
    void loadModel(const SessionModel& model, const std::vector<std::string>& waiting);
    std::shared_ptr<WorkingFolder> folder();

    Workspace& m_workspace;
    QString m_root, m_file;
    std::function<QJsonObject()> m_windowState;
    std::shared_ptr<WorkingFolder> m_folder;  ///< null until something is written
    std::chrono::milliseconds m_interval{2000};
    QTimer m_soon;
    QTimer m_minute;
    QElapsedTimer m_writing;
    qint64 m_lastTook = 0;  ///< milliseconds
    bool m_isWriting = false, m_isNew = false, m_isOpening = false;
};

}  // namespace rheo
