#pragma once

#include <QHash>
#include <QList>
#include <QObject>
#include <QString>
#include <QStringList>
#include <QUndoStack>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/session/document.h"
#include "core/session/recipe_figure.h"
#include "widgets/jobs/job_runner.h"
#include "widgets/viewmodels/loaded_model.h"

namespace rheo {

struct AnalysisChoice;

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

/// What may not be possible just now; see Workspace::whyNot().
enum class Feature {
    AddPrompt,
    EditPrompt,
    RemovePrompt,
    CaptureToken,  ///< the path of a token that is no row yet
    FitBasis,
    Density,
    Teleport,
    NextTokens,  ///< probabilities of what comes next
    TokenTexts,  ///< the text of single tokens
    SaveTrace,
    SaveResults,
    AttachModel,
    CopyCommand,
};

/// A model, a trace, or neither (by what is there, not by its name alone).
enum class PathKind {
    Model,
    Trace,    ///< an HDF5 file: a trace or results; reading it tells which (FileOpener)
    Results,  ///< a folder of rheo report or rheo demo
    Nothing,
};
/// Looks at the folder, the first bytes of the file, or for ORG/NAME in the Hugging Face cache. Never throws.
PathKind kindOfPath(const QString& path);
/// For a list of what was opened: the path, but ORG/NAME for a model of the cache.
QString titleOfPath(const QString& path);

/// What is open in the window. The part that undo brings back is one immutable DocumentState; commands on
/// the undo stack swap states, so that undo and redo are exact. Model and tokenizer are attached beside it.
///
/// Everything dear runs as a job. Where something is refused or fails, failed() says so and the document is
/// what it was. Functions that start a job return its id, or JobId{} where there was nothing to start
/// (failed() has then been sent already).
class Workspace : public QObject {
    Q_OBJECT
public:
    explicit Workspace(JobRunner& jobs, QObject* parent = nullptr);
    ~Workspace() override;

    JobRunner& jobs() const { return m_jobs; }
    /// Never null.
    std::shared_ptr<const DocumentState> state() const { return m_state; }
    /// Null without a model.
    std::shared_ptr<const LoadedModel> model() const { return m_model; }
    QUndoStack* undoStack() { return &m_undo; }

    /// Of the trace, else of the model, else of the results, else empty.
    const std::vector<ResidualPoint>& points() const;
    /// The same point among those of the model; empty without a model.
    std::optional<PointIndex> modelPoint(PointIndex tracePoint) const;

    // ---- opening ----------------------------------------------------------------------------------

    /// Replaces the document by an empty one with this model.
    JobId openModel(const QString& folder, const ModelOptions& options);
    /// Replaces the document by the rows of a trace file. A model that is attached stays if it made the
    /// trace. Fits a PCA at once where the trace is small (see autoFitBytes).
    JobId openTrace(const QString& file);
    /// Model, prompts, states and PCA of the built-in demo; `limit` prompts at most.
    JobId openDemo(const QString& modelFolder, const QString& promptsFile, int limit,
                   const ModelOptions& options = {});
    /// Loads a model beside the rows that are open. Refused, naming what differs, if it did not make them.
    JobId attachModel(const QString& folder, const ModelOptions& options);
    /// A folder as a model, a file as a trace.
    JobId openPath(const QString& path, const ModelOptions& options);
    /// Replaces the document by rows that were read from `traceFile`, or by nothing where there are none. The
    /// model stays if it made them; noted() says so if it did not. Starts nothing.
    void openRows(DocumentState rows, const QString& traceFile);
    /// Makes `next` the document; `text` names the step for undo.
    void change(const QString& text, DocumentState next) { push(text, std::move(next)); }
    /// Reads config and headers only, for the dialog that offers device, dtype and threads;
    /// inspected() brings the answer.
    JobId inspectModel(const QString& folder);
    void closeModel();
    /// Nothing open.
    void clear();

    // ---- prompts ----------------------------------------------------------------------------------

    /// Ready prompts in document order, then those that wait or failed.
    int promptCount() const;
    PromptItem promptAt(int index) const;
    int promptIndex(PromptId id) const;  ///< -1 if there is none
    /// Text and token ids; empty where a trace from elsewhere does not say.
    Sample sampleOfPrompt(PromptId id) const;

    /// The model runs `text` in the background; then its last token is a row (undoable). Returns the
    /// prompt's id at once: it is in the list, queued. PromptId{} where it was refused.
    PromptId addPrompt(const QString& text);
    /// One prompt for each line of a file, as `rheo capture` reads them.
    JobId addPromptsFromFile(const QString& file, int limit);
    /// Runs the new text, then replaces the prompt's rows (undoable). The old rows stay until then, and
    /// if it fails.
    bool editPrompt(PromptId id, const QString& text);
    /// Undoable; stops what still waits.
    void removePrompts(const QList<PromptId>& ids);
    /// Captures the path of a token that is no row yet (undoable), and sends tokenCaptured(); at once if
    /// it is there.
    void captureToken(PromptId id, int position);
    bool isCapturing(PromptId id, int position) const;

    // ---- analyses ---------------------------------------------------------------------------------

    /// Fits the PCA on the rows there are (undoable).
    JobId fitBasis();
    JobId refitBasis() { return fitBasis(); }
    /// Density of the rows there are (undoable).
    JobId computeDensity();
    /// Whether the rows that are open are few enough to be analysed without being asked.
    bool isSmall() const;
    /// Traces up to this size are fitted when they are opened; nothing heavy starts by itself.
    static constexpr std::int64_t autoFitBytes = std::int64_t{256} << 20;

    // ---- teleports --------------------------------------------------------------------------------

    /// Adds a teleport to the document (undoable); `record.id` is given here.
    void addTeleport(TeleportRecord record);
    void removeTeleport(std::int64_t id);
    /// The teleport with its controls, if they were computed; null else.
    std::shared_ptr<const TeleportResult> fullTeleport(std::int64_t id) const;
    void keepFullTeleport(std::int64_t id, std::shared_ptr<const TeleportResult> result);

    // ---- files ------------------------------------------------------------------------------------

    /// Writes all rows as a trace file. Asked whether to replace is the caller's part: `replace`.
    /// Files that the document is made of: none of them may be an output.
    std::vector<std::filesystem::path> inputFiles() const;
    JobId saveTraceAs(const QString& file, bool replace);
    /// Writes a teleport as `rheo teleport --out` does, with controls (computed now if need be).
    JobId saveTeleport(std::int64_t id, const QString& file, bool replace);
    /// Writes the results as `rheo analyze --out` does: all that are of the same rows as those of `statistic`
    /// (empty: as the newest), with the PCA and density of the document. noted() names those of other rows.
    JobId saveResults(const QString& file, bool replace, const QString& statistic = {});

    /// Captures, teleports or computed results that closing would lose.
    bool hasUnsaved() const;
    /// What they are, for the question when closing: "3 captured rows and 1 teleport".
    QString unsavedSummary() const;

    /// The lines of `rheo` that make what is shown: capture if no file holds the rows, analyze, and the
    /// teleport `id` if it is not 0. Empty where whyNot(CopyCommand) says why.
    QString copyAsCommand(std::int64_t teleport = 0) const;
    /// Of what a view shows: the results that it draws, else as above. Empty where whyNoCommand() says why.
    QString copyAsCommand(const FigureView& view, std::int64_t teleport) const;
    QString whyNoCommand(const FigureView& view) const;
    /// One analysis of the rows that are open, after the line that captures them where no file holds them. Of
    /// rows that can only be saved, the trace stands as `trace.rheo.h5`.
    QString analyzeCommand(const AnalysisChoice& choice) const;

    /// Why something cannot be done now, as a sentence; empty if it can.
    QString whyNot(Feature feature) const;

    /// The open trace or model, for the window's title; empty: nothing is open.
    QString title() const;
    QString traceFile() const;  ///< opened or saved; empty: neither
    QString modelFolder() const;

Q_SIGNALS:
    /// The document is another value: rows, basis, scores, density or teleports may differ.
    void stateChanged();
    /// Sent after stateChanged() where everything was replaced (opened, cleared): forget selections.
    void documentReplaced();
    void modelChanged();
    /// A prompt that waits, runs or failed came, changed or went.
    void pendingChanged();
    /// A prompt's rows are in the document.
    void promptCaptured(rheo::PromptId id);
    void tokenCaptured(rheo::PromptId id, int position);
    void basisStaleChanged(bool stale);
    void unsavedChanged(bool unsaved);
    /// Something was refused or failed: `what` was tried ("Open the trace"); the document is unchanged.
    void failed(const QString& what, const rheo::Failure& failure);
    /// Something worth a line: blank lines were skipped, a prompt is longer than the model was trained on.
    void noted(const QString& note);
    /// For recent files.
    void opened(const QString& path);
    void saved(const QString& path);
    void inspected(const QString& folder, std::shared_ptr<const rheo::Checkpoint> checkpoint);

private:
    struct Pending;
    struct Opened;
    class StateCommand;
    struct Private;

    void setState(std::shared_ptr<const DocumentState> state);
    void push(const QString& text, DocumentState next);
    void limitUndo(const DocumentState& state);
    void replaceDocument(Opened opened);
    bool refuse(const QString& what, Feature feature);
    void fail(const QString& what, const Failure& failure);
    template <class Make>
    bool edit(const QString& what, const QString& text, Make make);
    template <class R, class Use>
    void use(const QString& what, Outcome<R>& outcome, Use&& use);
    void startCapture(Pending& pending);
    void capturedPrompt(PromptId id, quint64 run, Outcome<CapturedRows> outcome);
    JobId projectAndPush(const QString& text, std::shared_ptr<const PcaBasis> basis,
                         std::shared_ptr<const Trace> fittedOn,
                         std::shared_ptr<const MatrixD> pointExplained);
    JobId fit(bool opening);
    JobId density(bool opening);
    HeldResults resultsShown(const FigureView& view) const;
    void stopDocumentJobs();
    JobId remember(JobId id);
    void setModel(std::shared_ptr<const LoadedModel> model);
    std::int64_t unsavedRows() const;
    std::int64_t unsavedTeleports() const;
    std::int64_t unsavedResults() const;
    void updateFlags();

    JobRunner& m_jobs;
    QUndoStack m_undo;
    std::shared_ptr<const DocumentState> m_state;
    std::shared_ptr<const LoadedModel> m_model;
    std::unique_ptr<Private> m_private;
};

}  // namespace rheo

Q_DECLARE_METATYPE(rheo::PromptId)
