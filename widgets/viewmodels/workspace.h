#pragma once

#include <QObject>
#include <QString>
#include <QUndoStack>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/session/document.h"
#include "widgets/jobs/job_runner.h"
#include "widgets/viewmodels/feature.h"
#include "widgets/viewmodels/job_outcome.h"
#include "widgets/viewmodels/loaded_model.h"

namespace rheo {

class FileKeeper;
class PromptQueue;

/// All that is there after something was opened.
struct OpenedDocument {
    std::shared_ptr<const LoadedModel> model = {};
    DocumentState state = {};
    QString traceFile = {};    ///< that holds state.trace
    QString promptsFile = {};  ///< that state.trace was captured from
    int limit = 0;             ///< prompts read of it at most; 0: all
    QString note = {};
};

/// What is open in the window: an immutable DocumentState that undo brings back, and a model beside it.
/// Commands on the undo stack swap states, so that undo and redo are exact. Its prompts and its files are
/// parts of their own; what opens a document (open_document.h), fits its rows (fit_rows.h), says what is
/// missing (feature.h) or gives its commands (equivalent_command.h) are functions of it.
///
/// Whatever takes time runs as a job. Where something is refused or fails, failed() says so and the document
/// is what it was. Functions that start a job return its id, or JobId{} where there was nothing to start
/// (failed() has then been sent already).
class Workspace : public QObject {
    Q_OBJECT
public:
    explicit Workspace(JobRunner& jobs, QObject* parent = nullptr);
    ~Workspace() override;

    JobRunner& jobs() const { return m_jobs; }
    PromptQueue& prompts() const { return *m_prompts; }
    FileKeeper& files() const { return *m_files; }
    /// Never null.
    std::shared_ptr<const DocumentState> state() const { return m_state; }
    /// Null without a model.
    std::shared_ptr<const LoadedModel> model() const { return m_model; }
    QUndoStack* undoStack() { return &m_undo; }

    /// Of the trace, else of the model, else of the results, else empty.
    const std::vector<ResidualPoint>& points() const;
    /// The same point among those of the model; empty without a model.
    std::optional<PointIndex> modelPoint(PointIndex tracePoint) const;
    /// The open trace or model, for the window's title; empty: nothing is open.
    QString title() const;
    QString modelFolder() const;

    // ---- the document becomes another -------------------------------------------------------------

    /// Makes `next` the document; `text` names the step for undo. Steps of the same `group` (0: none) that
    /// follow each other are undone as one.
    void change(const QString& text, DocumentState next, quint64 group = 0);
    /// Makes `next` the document, as a part of what was done last: no step for undo.
    void amend(DocumentState next);
    /// Replaces everything, and stops the jobs of the document that was open.
    void replace(OpenedDocument opened);
    /// Replaces the document by rows that were read from `traceFile`, or by nothing where there are none. The
    /// model stays if it made them; noted() says so if it did not. Starts nothing.
    void openRows(DocumentState rows, const QString& traceFile);
    void setModel(std::shared_ptr<const LoadedModel> model);
    void closeModel();
    /// Nothing open.
    void clear();

    // ---- teleports --------------------------------------------------------------------------------

    /// Adds a teleport to the document (undoable); `record.id` is given here.
    void addTeleport(TeleportRecord record);
    void removeTeleport(std::int64_t id);
    /// Gives a teleport a name (undoable); empty: its own description.
    void renameTeleport(std::int64_t id, const QString& name);
    /// The teleport with its controls, if they were computed; null else.
    std::shared_ptr<const TeleportResult> fullTeleport(std::int64_t id) const;
    void keepFullTeleport(std::int64_t id, std::shared_ptr<const TeleportResult> result);

    // ---- for its parts: jobs and refusals ----------------------------------------------------------

    /// Counts documents: what was started for an older one is dropped when it ends.
    quint64 documentNumber() const { return m_document; }
    /// A job that is stopped when another document is opened. Returns `id`.
    JobId remember(JobId id);
    /// Sends failed() with the reason if the feature is not possible now; false if it is.
    bool refuse(const QString& what, Feature feature);
    void fail(const QString& what, const Failure& failure) { Q_EMIT failed(what, failure); }
    /// `what` was done: what was said of its last failure is over.
    void succeed(const QString& what) { Q_EMIT succeeded(what); }
    /// Gives the result of a job to `use`; a failure, or an Error from `use`, goes to failed().
    template <class R, class Use>
    void use(const QString& what, Outcome<R>& outcome, Use&& useResult) {
        bool failed = false;
        const bool cancelled = outcome.cancelled();
        useOutcome(outcome, std::forward<Use>(useResult), [&](const Failure& failure) {
            failed = true;
            fail(what, failure);
        });
        if (!failed && !cancelled) succeed(what);
    }

Q_SIGNALS:
    /// The document is another value: rows, basis, scores, results or teleports may differ.
    void stateChanged();
    /// Sent after stateChanged() where everything was replaced (opened, cleared): forget selections.
    void documentReplaced();
    void modelChanged();
    void basisStaleChanged(bool stale);
    /// Something was refused or failed: `what` was tried ("Open the trace"); the document is unchanged.
    void failed(const QString& what, const rheo::Failure& failure);
    /// What failed() may have named before was done.
    void succeeded(const QString& what);
    /// Something worth a line: blank lines were skipped, a prompt is longer than the model was trained on.
    void noted(const QString& note);
    /// For recent files.
    void opened(const QString& path);

private:
    class StateCommand;

    void setState(std::shared_ptr<const DocumentState> state);
    void limitUndo(const DocumentState& state);
    void stopDocumentJobs();

    JobRunner& m_jobs;
    QUndoStack m_undo;
    std::shared_ptr<const DocumentState> m_state;
    std::shared_ptr<const LoadedModel> m_model;
    std::unique_ptr<PromptQueue> m_prompts;
    std::unique_ptr<FileKeeper> m_files;

    std::set<qint64> m_documentJobs;  ///< stopped when another document is opened
    quint64 m_document = 0;
    std::int64_t m_nextTeleport = 1;
    std::map<std::int64_t, std::shared_ptr<const TeleportResult>> m_fullTeleports;
    bool m_stale = false;
};

}  // namespace rheo

Q_DECLARE_METATYPE(rheo::PromptId)
