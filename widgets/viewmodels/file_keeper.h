#pragma once

#include <QObject>
#include <QString>
#include <filesystem>
#include <memory>
#include <set>
#include <vector>

#include "core/base/output_file.h"
#include "core/results/teleport_file.h"
#include "core/session/document.h"
#include "widgets/jobs/job_runner.h"
#include "widgets/viewmodels/equivalent_command.h"

namespace rheo {

class Workspace;
struct LoadedModel;
struct Results;

/// A teleport of the document as a file holds it; `result` with its controls, if they are to be in it.
TeleportFile teleportFileOf(const TeleportRecord& record, const LoadedModel& loaded,
                            const TeleportResult& result);

/// Which files hold the rows, teleports and results of the document; writes them, and knows what would be
/// lost. Workspace::failed() says what was refused or failed.
class FileKeeper : public QObject {
    Q_OBJECT
public:
    explicit FileKeeper(Workspace& workspace);

    const DocumentFiles& known() const { return m_known; }
    /// The document is another one: its rows are in `known.traceFile`, or come from `known.promptsFile`.
    void restart(const std::shared_ptr<const Trace>& trace, DocumentFiles known);
    /// `file` holds `trace` from now on.
    void setTraceFile(const QString& file, std::shared_ptr<const Trace> trace);
    /// `trace` is what capturing `limit` prompts of a file gives.
    void setPrompts(const QString& file, int limit, std::shared_ptr<const Trace> trace);

    /// A session file holds the document `saved`: closing loses nothing while it is that one.
    void setSession(std::shared_ptr<const DocumentState> saved);
    /// The document comes from a session that was never saved: closing would lose it.
    void setRecovered();

    /// Files that the document is made of: none of them may be an output.
    std::vector<std::filesystem::path> inputs() const;
    /// Writes all rows as a trace file. With `replace`, over a file that is there: asking first is up to the
    /// caller.
    JobId saveTrace(const QString& file, bool replace);
    /// Writes a teleport as `rheo teleport --out` does, with controls (computed now if need be).
    JobId saveTeleport(std::int64_t id, const QString& file, bool replace);
    /// Writes the results as `rheo analyze --out` does: all that are of the same rows as those of `statistic`
    /// (empty: as the newest), with the PCA of the document. noted() names those of other rows.
    JobId saveResults(const QString& file, bool replace, const QString& statistic = {});

    /// Writes results that are no part of the document.
    /// Writes what has a file of its own; `what` for a person ("Save the patch map").
    JobId saveWith(const QString& what, std::function<void(const std::filesystem::path&, IfExists)> write,
                   const QString& file, bool replace);
    JobId saveOther(std::shared_ptr<const Results> results, const QString& file, bool replace);

    /// Captures, teleports or computed results that closing would lose.
    bool hasUnsaved() const;
    std::int64_t unsavedRows() const;
    std::int64_t unsavedResults() const;                 ///< statistics that were computed here
    std::vector<std::int64_t> unsavedTeleports() const;  ///< by id
    /// What they are, for the question when closing: "3 captured rows and 1 teleport".
    QString unsavedSummary() const;

Q_SIGNALS:
    void saved(const QString& path);
    void unsavedChanged(bool unsaved);

private:
    void updateUnsaved();

    Workspace& m_workspace;
    DocumentFiles m_known;
    std::set<std::int64_t> m_savedTeleports;
    /// Traces in memory that closing does not lose: saved, or made by the demo.
    std::set<std::weak_ptr<const Trace>, std::owner_less<>> m_safe;
    /// Computed results that a file holds.
    std::set<std::weak_ptr<const OpenedResults>, std::owner_less<>> m_savedResults;
    std::shared_ptr<const DocumentState>
        m_sessionState;  ///< that the session file holds; null: there is none
    bool m_isRecovered = false;
    bool m_unsaved = false;
};

}  // namespace rheo
