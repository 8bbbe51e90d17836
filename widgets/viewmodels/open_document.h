#pragma once

#include <QString>
#include <functional>
#include <memory>

#include "widgets/jobs/job_runner.h"
#include "widgets/viewmodels/loaded_model.h"

namespace rheo {

class Workspace;

/// A model, a trace, or neither (by what is there, not by its name alone).
enum class PathKind {
    Model,
    Trace,    ///< an HDF5 file: a trace or results; reading it tells which (FileOpener)
    Results,  ///< a folder of rheo report or rheo demo
    Session,
    Adapter,  ///< a folder with an adapter and no model
    Nothing,
};
/// Of an entry (below) or another path: looks at the folder, the first bytes of the file, or for ORG/NAME in
/// the Hugging Face cache. Never throws. Not for the window's thread: a disk may be slow, or not answer at
/// all.
PathKind kindOfPath(const QString& path);
/// For a list of what was opened: the path, but ORG/NAME for a model of the cache; "MODEL with ADAPTER" for
/// an entry of both.
QString titleOfPath(const QString& path);

/// A model and its adapter as one entry of a list of paths, and the other way. A path of a model, or of any
/// file, is an entry without an adapter.
struct ModelEntry {
    QString folder;
    QString adapter;  ///< empty: none
};
QString entryOf(const ModelEntry& model);
ModelEntry modelOfEntry(const QString& entry);

// Each starts a job that opens something, and returns the job's id. What fails is said by
// Workspace::failed(), and the document stays what it was; Workspace::opened() names what was opened.

/// Replaces the document by an empty one with this model.
JobId openModel(Workspace& workspace, const QString& folder, const ModelOptions& options);
/// Replaces the document by the rows of a trace file. A model that is attached stays if it made the trace.
/// Fits the PCA at once where the trace is small (isSmall()).
JobId openTrace(Workspace& workspace, const QString& file);
/// Replaces the document by results and the rows they are of, as they are shipped with the program: no step
/// of undo, and no question. The model of `modelFolder` (empty: none) joins them when it is loaded, if it
/// made them.
JobId openShipped(Workspace& workspace, const QString& resultsFile, const QString& modelFolder);
/// Captures the demo anew: model, prompts, states and PCA; `limit` prompts at most.
JobId openDemo(Workspace& workspace, const QString& modelFolder, const QString& promptsFile, int limit,
               const ModelOptions& options = {});
/// Loads a model beside the rows that are open. Refused, naming what differs, if it did not make them;
/// JobId{} where there are no rows.
JobId attachModel(Workspace& workspace, const QString& folder, const ModelOptions& options);
/// A folder as a model, a file as a trace.
JobId openPath(Workspace& workspace, const QString& path, const ModelOptions& options);

using Inspected = std::function<void(std::shared_ptr<const Checkpoint>)>;
/// Reads config and headers only, for the dialog that offers device, dtype and threads. `entry`: of a model,
/// with an adapter or without.
JobId inspectModel(Workspace& workspace, const QString& entry, Inspected inspected);

}  // namespace rheo
