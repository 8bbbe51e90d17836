#pragma once

#include <QList>
#include <QObject>
#include <QString>
#include <QStringList>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "core/session/document.h"
#include "widgets/jobs/job_runner.h"

namespace rheo {

class Workspace;
struct LoadedModel;

enum class PromptStatus {
    Queued,   ///< waits for the model
    Running,  ///< the model runs it
    Ready,    ///< its rows are in the document
    Failed,   ///< `reason` says why; the text can be edited or removed
};

/// A prompt as the list shows it.
struct PromptItem {
    PromptId id;
    QString text;     ///< may be empty in a trace from elsewhere
    int tokens = -1;  ///< -1: not known
    int rows = 0;     ///< captured
    PromptStatus status = PromptStatus::Ready;
    QString reason;  ///< why it failed
    QString note;    ///< such as: longer than the sequences the model was trained on
};

/// The prompts of the document, and those that wait for the model: runs them in the background, then makes
/// their rows part of the document. Workspace::failed() says what was refused or failed.
class PromptQueue : public QObject {
    Q_OBJECT
public:
    explicit PromptQueue(Workspace& workspace);
    ~PromptQueue() override;

    /// Ready prompts in document order, then those that wait or failed.
    int count() const;
    PromptItem at(int index) const;
    int indexOf(PromptId id) const;  ///< -1 if there is none
    /// Text and token ids; empty where a trace from elsewhere does not say.
    Sample sampleOf(PromptId id) const;

    /// The model runs `text` in the background; then its last token is a row (undoable). Returns the
    /// prompt's id at once: it is in the list, queued. PromptId{} where it was refused.
    PromptId add(const QString& text);
    /// Runs a prompt whose token ids are known; then these tokens of it are rows (undoable).
    JobId addTokens(Sample sample, std::vector<std::int32_t> positions);
    /// One prompt for each line of a file, as `rheo capture` reads them. They become rows as they are
    /// captured, some at a time, as one step of undo; those that were stay if the rest is stopped.
    JobId addFromFile(const QString& file, int limit);
    /// Runs the new text, then replaces the prompt's rows (undoable). The old rows stay until then, and
    /// if it fails.
    bool edit(PromptId id, const QString& text);
    /// Undoable; stops what still waits.
    void remove(const QList<PromptId>& ids);
    /// Captures the path of a token that is no row yet (undoable), and sends tokenCaptured(); at once if
    /// it is there.
    void captureToken(PromptId id, int position);
    bool isCapturing(PromptId id, int position) const;
    /// The prompts of a file are being captured: more rows will come.
    bool isAddingFile() const { return m_files > 0; }

    /// Forgets what waits, for another document: its prompts keep their numbers.
    void restart(const DocumentState& opened);
    /// The texts that wait for the model or are being run.
    QStringList waiting() const;
    /// Stops what waits for the model or is being run; it stays in the list, as failed.
    void cancelAll();

Q_SIGNALS:
    /// A prompt that waits, runs or failed came, changed or went.
    void changed();
    /// A prompt's rows are in the document.
    void captured(rheo::PromptId id);
    void tokenCaptured(rheo::PromptId id, int position);

private:
    struct Pending;
    struct FilePart;

    std::shared_ptr<const DocumentState> state() const;
    std::shared_ptr<const LoadedModel> model() const;
    void countRows();
    void startCapture(Pending& pending);
    void addPart(const FilePart& part, quint64 run);
    void capturedPrompt(PromptId id, quint64 run, Outcome<CapturedRows> outcome);

    Workspace& m_workspace;
    std::vector<Pending> m_pending;
    std::set<std::pair<PromptId, int>> m_capturing;
    std::vector<int> m_rowsOfSample;
    std::int64_t m_nextPrompt = 1;
    quint64 m_runs = 0;
    int m_files = 0;  ///< that are being captured
};

}  // namespace rheo
