#pragma once

#include <QString>
#include <functional>
#include <string>

#include "core/session/recipe.h"
#include "widgets/jobs/job_runner.h"

namespace rheo {

class Workspace;
struct Figure;

/// A report as a person asks for it.
struct ReportChoice {
    QString folder;          ///< of all that is written; made where it is not there
    int repeats = 0;         ///< surrogates of each null; 0: as many as `rheo report` takes
    bool replace = false;    ///< what is in the folder; else an interrupted report there is gone on with
    int derivativeRows = 0;  ///< that derivatives are taken about, with the model; 0: none
};

/// Draws a figure as SVG, with its recipe in it. Called on the job's thread.
using DrawFigure = std::function<std::string(const Figure&, const Recipe&)>;

/// Tests the published findings on the rows that are open, as `rheo report` does (runReport), with the model
/// where one is attached: a job, with progress, that leaves results.h5, verdicts.json and index.html in the
/// folder. Rows that no file holds are written there first. `ended` is told whether it was stopped; what
/// fails is said by Workspace::failed(), and a report that was cancelled is gone on with by the same call.
JobId makeReport(Workspace& workspace, const ReportChoice& choice, DrawFigure draw,
                 std::function<void(const QString& folder, bool stopped)> ended);

/// What the report will take, in sentences: the time with its parts, measured on a few of the rows
/// (reportParts), what is read and what is held. A job of a second or two. `told` is called unless `receiver`
/// is gone by then.
JobId forecastReport(Workspace& workspace, const ReportChoice& choice, QObject* receiver,
                     std::function<void(const QString& sentences)> told);

/// Where a report goes unless another folder is chosen: beside the trace, named after it, or among the
/// documents.
QString usualReportFolder(const Workspace& workspace);

/// The `rheo report` line that does the same.
QString reportCommand(const Workspace& workspace, const ReportChoice& choice);

}  // namespace rheo
