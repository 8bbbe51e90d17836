#include "widgets/viewmodels/session_keeper.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <QDir>
#include <QFileInfo>
#include <QJsonDocument>
#include <QStandardPaths>
#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/checkpoint/model_cache.h"
#include "core/trace/joined_trace.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/model_jobs.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds longestWait = std::chrono::minutes(1);
/// Writing takes at most this share of the time.
constexpr qint64 writeShare = 20;
constexpr const char* lockName = ".lock";
constexpr qint64 beingMade = 3600;  // seconds that a folder may be without an index

fs::path toPath(const QString& path) {
    return fs::path(path.toStdString());
}

/// A lock on a folder that goes with the process; -1: another process holds it.
int lockFolder(const fs::path& folder) {
    const int descriptor = ::open((folder / lockName).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor >= 0 && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
    if (descriptor >= 0) ::close(descriptor);
    return -1;
}

/// Its index first: what another process sees half removed is no session that was lost.
void removeSession(const fs::path& folder) {
    std::error_code failed;
    fs::remove(folder / SessionFolder::indexName, failed);
    fs::remove_all(folder, failed);
}

QString usualRoot() {
    return QDir(QStandardPaths::writableLocation(QStandardPaths::AppLocalDataLocation))
        .filePath(QStringLiteral("sessions"));
}

}  // namespace

/// A folder of this process alone, which goes with it. What it holds is used on the thread of files.
class WorkingFolder {
public:
    /// Takes over one that is there. Throws Error(Io) if another process has it.
    explicit WorkingFolder(const fs::path& path) : folder(path), m_lock(lockFolder(path)) {
        if (m_lock < 0)
            throw Error(ErrorCode::Io, path.string() + " is in use by another window", path.string());
    }
    /// Throws Error(Io) where none can be made.
    static std::shared_ptr<WorkingFolder> makeIn(const fs::path& root) {
        std::error_code failed;
        fs::create_directories(root, failed);
        fs::permissions(root, fs::perms::owner_all, failed);
        std::string name = (root / "session-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw Error(ErrorCode::Io, "no folder can be made in " + root.string(), root.string());
        return std::make_shared<WorkingFolder>(name);
    }
    ~WorkingFolder() {
        if (!keep) removeSession(folder.path());
        ::close(m_lock);
    }
    WorkingFolder(const WorkingFolder&) = delete;
    WorkingFolder& operator=(const WorkingFolder&) = delete;

    SessionFolder folder;
    bool keep = false;  ///< stays behind

private:
    int m_lock;
};

/// What a job read.
struct SessionKeeper::Opened {
    Session session;
    std::shared_ptr<WorkingFolder> folder;
    QString missing, why;  ///< a file that it needs; empty: all of them were there
};

SessionKeeper::SessionKeeper(Workspace& workspace, const QString& root, QObject* parent)
    : QObject(parent), m_workspace(workspace), m_root(root.isEmpty() ? usualRoot() : root) {
    m_soon.setSingleShot(true);
    connect(&m_soon, &QTimer::timeout, this, &SessionKeeper::write);
    // The camera and the layout change without a word.
    m_minute.setInterval(longestWait);
    connect(&m_minute, &QTimer::timeout, this, &SessionKeeper::schedule);
    m_minute.start();
    connect(&workspace, &Workspace::stateChanged, this, &SessionKeeper::schedule);
    connect(&workspace, &Workspace::modelChanged, this, &SessionKeeper::schedule);
    connect(&workspace.prompts(), &PromptQueue::changed, this, &SessionKeeper::schedule);
    connect(&workspace, &Workspace::documentReplaced, this, [this] {
        if (!m_isOpening) restart();
    });
}

SessionKeeper::~SessionKeeper() = default;

std::shared_ptr<WorkingFolder> SessionKeeper::folder() {
    if (!m_folder) m_folder = WorkingFolder::makeIn(toPath(m_root));
    return m_folder;
}

void SessionKeeper::restart() {
    m_workspace.jobs().release(Lane::Io, std::exchange(m_folder, nullptr));
    if (!std::exchange(m_file, QString()).isEmpty()) Q_EMIT fileChanged();
}

Session SessionKeeper::gather() const {
    Session session;
    session.state = *m_workspace.state();
    session.points = m_workspace.points();
    if (const auto model = m_workspace.model()) {
        session.model = {model->checkpoint->folder(), model->model->options(), model->model->identity()};
        session.points = model->model->points();
    }
    const DocumentFiles& known = m_workspace.files().known();
    if (known.fileTrace == session.state.trace) session.traceFile = known.traceFile.toStdString();
    if (known.promptsTrace == session.state.trace) {
        session.promptsFile = known.promptsFile.toStdString();
        session.limit = known.limit;
    }
    for (const QString& text : m_workspace.prompts().waiting()) session.waiting.push_back(text.toStdString());
    if (m_windowState)
        session.window = QJsonDocument(m_windowState()).toJson(QJsonDocument::Compact).toStdString();
    return session;
}

// ---- writing all the while ------------------------------------------------------------------------

void SessionKeeper::schedule() {
    m_isNew = true;
    if (m_isWriting || m_soon.isActive()) return;
    m_soon.start(std::clamp(std::chrono::milliseconds(m_lastTook * writeShare), m_interval, longestWait));
}

void SessionKeeper::writeNow() {
    m_isNew = true;
    m_soon.stop();
    if (!m_isWriting) write();
}

void SessionKeeper::write() {
    const auto state = m_workspace.state();
    if (!state->trace && !state->results && !m_workspace.model()) return;
    const QString what = tr("Save a recovery copy of the session");
    try {
        m_isNew = false;
        m_isWriting = true;
        m_writing.start();
        m_workspace.jobs().submit(
            {Lane::Io, what, false},
            [folder = folder(), session = gather()](Progress& progress) {
                folder->folder.write(session, progress);
            },
            this,
            [this, what](Outcome<std::monostate> outcome) {
                m_isWriting = false;
                m_lastTook = m_writing.elapsed();
                m_workspace.use(what, outcome, [](std::monostate) {});
                if (m_isNew || outcome.result() == nullptr) schedule();
            });
    } catch (const Error& error) {
        m_isWriting = false;
        m_workspace.fail(what, {error.code(), QString::fromUtf8(error.what()), {}});
    }
}

// ---- files --------------------------------------------------------------------------------------------

JobId SessionKeeper::save(const QString& file, Packing packing, bool replace) {
    const QString what = tr("Save the session");
    try {
        const auto state = m_workspace.state();
        const quint64 document = m_workspace.documentNumber();
        return m_workspace.jobs().submit(
            {Lane::Io, tr("Saving %1").arg(QFileInfo(file).fileName())},
            [folder = folder(), session = gather(), path = toPath(file), packing, replace,
             inputs = m_workspace.files().inputs()](Progress& progress) {
                const IfExists exists = replace ? IfExists::Replace : IfExists::Refuse;
                requireOutput(path, exists, inputs);
                writeSessionFile(path, session, folder->folder, packing, exists, progress);
            },
            this,
            [this, what, file, state, document](Outcome<std::monostate> outcome) {
                m_workspace.use(what, outcome, [&](std::monostate) {
                    if (document == m_workspace.documentNumber()) {
                        m_file = file;
                        m_workspace.files().setSession(state);
                        Q_EMIT fileChanged();
                    }
                    Q_EMIT saved(file);
                });
            });
    } catch (const Error& error) {
        m_workspace.fail(what, {error.code(), QString::fromUtf8(error.what()), {}});
        return {};
    }
}

JobId SessionKeeper::open(const QString& file, const Relocations& moved) {
    return openFrom(file, false, moved);
}

JobId SessionKeeper::recover(const QString& folder, const Relocations& moved) {
    return openFrom(folder, true, moved);
}

JobId SessionKeeper::openFrom(const QString& path, bool isLost, const Relocations& moved) {
    const QString what = isLost ? tr("Recover the session") : tr("Open the session");
    return m_workspace.jobs().submit(
        {Lane::Io, isLost ? what : tr("Opening %1").arg(QFileInfo(path).fileName())},
        [path = toPath(path), root = toPath(m_root), isLost, moved](Progress& progress) {
            Opened opened;
            if (isLost) {
                opened.folder = std::make_shared<WorkingFolder>(path);
                // It stays where it is until it was read.
                opened.folder->keep = true;
            } else {
                opened.folder = WorkingFolder::makeIn(root);
            }
            try {
                opened.session = isLost ? opened.folder->folder.read(moved, {}, progress)
                                        : readSessionFile(path, opened.folder->folder, moved, progress);
                opened.folder->keep = false;
            } catch (const SessionSourceError& error) {
                opened.missing = QString::fromStdString(error.context());
                opened.why = QString::fromUtf8(error.what());
                opened.folder.reset();
            }
            return opened;
        },
        this,
        [this, what, path, isLost](Outcome<Opened> outcome) {
            m_workspace.use(what, outcome, [&](Opened opened) {
                if (!opened.missing.isEmpty())
                    Q_EMIT sourceMissing(path, isLost, opened.missing, opened.why);
                else
                    use(std::move(opened), path, isLost);
            });
        });
}

void SessionKeeper::use(Opened opened, const QString& path, bool isLost) {
    Session& session = opened.session;
    OpenedDocument next;
    next.state = std::move(session.state);
    next.traceFile = QString::fromStdString(session.traceFile.string());
    next.promptsFile = QString::fromStdString(session.promptsFile.string());
    next.limit = session.limit;
    QStringList notes;
    for (const auto& note : session.notes) notes << QString::fromStdString(note);
    next.note = notes.join(QStringLiteral("; "));
    m_workspace.jobs().release(Lane::Io, std::exchange(m_folder, std::move(opened.folder)));
    m_file = isLost ? QString() : path;
    m_isOpening = true;
    m_workspace.replace(std::move(next));
    m_isOpening = false;
    if (isLost)
        m_workspace.files().setRecovered();
    else
        m_workspace.files().setSession(m_workspace.state());
    Q_EMIT fileChanged();
    if (!isLost) Q_EMIT m_workspace.opened(path);
    Q_EMIT restored(QJsonDocument::fromJson(QByteArray::fromStdString(session.window)).object());
    if (session.model) loadModel(*session.model, session.waiting);
}

/// The model of a session, in the background: everything else is there to be looked at.
void SessionKeeper::loadModel(const SessionModel& model, const std::vector<std::string>& waiting) {
    const QString what = tr("Open the model of the session");
    const quint64 document = m_workspace.documentNumber();
    m_workspace.remember(m_workspace.jobs().submit(
        {Lane::Model, tr("Opening %1").arg(QString::fromStdString(modelTitle(model.folder)))},
        [model](Progress& progress) {
            auto loaded = rheo::loadModel(model.folder, model.options, progress);
            if (!loaded->model->identity().sameModel(model.identity))
                throw Error(ErrorCode::Mismatch,
                            model.folder.string() +
                                " is not the model of the session: its weights, its configuration or its "
                                "tokenizer changed",
                            model.folder.string());
            return loaded;
        },
        this,
        [this, what, document, waiting](Outcome<std::shared_ptr<const LoadedModel>> outcome) {
            if (document != m_workspace.documentNumber()) return;
            m_workspace.use(what, outcome, [&](std::shared_ptr<const LoadedModel> loaded) {
                m_workspace.setModel(std::move(loaded));
                for (const auto& text : waiting) m_workspace.prompts().add(QString::fromStdString(text));
            });
        }));
}

// ---- what was left behind -------------------------------------------------------------------------

QList<LostSession> SessionKeeper::lost() const {
    QList<LostSession> found;
    for (const QFileInfo& entry : QDir(m_root).entryInfoList(QDir::Dirs | QDir::NoDotAndDotDot)) {
        const fs::path folder = toPath(entry.absoluteFilePath());
        const int lock = lockFolder(folder);
        if (lock < 0) continue;  // of a window that is open
        try {
            const SessionSummary summary = describeSession(folder);
            if (summary.rows != 0 || summary.teleports > 0)
                found.push_back({entry.absoluteFilePath(),
                                 QDateTime::fromString(QString::fromStdString(summary.saved), Qt::ISODate),
                                 summary.rows, summary.teleports, QString::fromStdString(summary.title)});
            else
                removeSession(folder);
        } catch (const std::exception&) {
            // One that cannot be read stays: a newer Rheograph may know it. Without an index it was killed
            // before anything was written; but another window may be making it just now.
            std::error_code failed;
            if (!fs::exists(folder / SessionFolder::indexName, failed) && !failed &&
                entry.lastModified().secsTo(QDateTime::currentDateTime()) > beingMade)
                fs::remove_all(folder, failed);
        }
        ::close(lock);
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.saved > b.saved; });
    return found;
}

void SessionKeeper::discard(const QString& folder) {
    const int lock = lockFolder(toPath(folder));
    if (lock < 0) return;
    removeSession(toPath(folder));
    ::close(lock);
}

}  // namespace rheo
