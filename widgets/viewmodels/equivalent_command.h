#pragma once

#include <QString>
#include <QStringList>
#include <memory>
#include <string>
#include <vector>

#include "core/session/document.h"
#include "core/session/opened_results.h"
#include "widgets/viewmodels/loaded_model.h"

namespace rheo {

class Workspace;
struct FigureView;

/// Which files hold what a document is made of. A plain value.
struct DocumentFiles {
    QString traceFile;                             ///< opened or saved; empty: neither
    std::shared_ptr<const Trace> fileTrace;        ///< what traceFile holds
    QString promptsFile;                           ///< of `promptsTrace`
    int limit = 0;                                 ///< prompts read of it at most; 0: all
    std::shared_ptr<const Trace> promptsTrace;     ///< what capturing promptsFile gives
    QString resultsFile;                           ///< saved; empty: none was
    std::shared_ptr<const PcaBasis> resultsBasis;  ///< the PCA that resultsFile holds
};

// The lines of `rheo` that make what the window shows, joined by " &&". Nothing is run.

/// Words that name a model as it was opened: `--model FOLDER --dtype ...`.
std::vector<std::string> modelWordsOf(const LoadedModel& model);

/// The PCA of the document and its trajectories, or a teleport: capture if no file holds the rows, analyze,
/// then figure or teleport. Empty if there is no such teleport. `teleport` 0: none.
QString commandOfDocument(const DocumentFiles& files, const DocumentState& state, const LoadedModel* model,
                          std::int64_t teleport);
/// Why there is none, as a sentence; empty if there is one.
QString whyNoCommandOfDocument(const DocumentFiles& files, const DocumentState& state, bool hasModel);

/// Results that were computed or opened here, and their figure `view`: each analysis that made them, added to
/// the results before it. Empty where whyNoCommandOfResults says why.
QString commandOfResults(const DocumentFiles& files, const HeldResults& held, const LoadedModel* model,
                         const QString& view);
QString whyNoCommandOfResults(const DocumentFiles& files, const HeldResults& held, bool hasModel);

/// One analysis of the rows `trace`, to a results file beside it. Rows that no file holds and no prompts give
/// stand as `trace.rheo.h5`.
QString commandOfAnalysis(const DocumentFiles& files, const std::shared_ptr<const Trace>& trace,
                          const LoadedModel* model, const AnalysisChoice& choice);

/// One analysis of `trace`, to `out`: `rheo analyze TRACE --stat ... --out F`.
QString analyzeLine(const QString& trace, const AnalysisChoice& choice, const LoadedModel* model, bool add,
                    const QString& out);

// Of what is open in a window.

/// The PCA, trajectories and teleport that are shown. Empty where whyNot(Feature::CopyCommand) says why.
QString commandOf(const Workspace& workspace, std::int64_t teleport = 0);
/// What a view shows: the results that it draws, else as above. Empty where whyNoCommand() says why.
QString commandOf(const Workspace& workspace, const FigureView& view, std::int64_t teleport);
QString whyNoCommand(const Workspace& workspace, const FigureView& view);
/// The edits of the laboratory, saved as edits.json, and a prompt: `rheo intervene`. Empty without a model or
/// the prompt's tokens.
QString commandOfEdits(const Workspace& workspace, PromptId prompt);
/// One analysis of the rows that are open, after the line that captures them where no file holds them.
QString commandOf(const Workspace& workspace, const AnalysisChoice& choice);

}  // namespace rheo
