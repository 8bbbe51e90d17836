#pragma once

#include <QObject>
#include <QString>
#include <functional>

#include "widgets/jobs/job_runner.h"

namespace rheo {

class Workspace;
struct OpenedFile;
struct TeleportFile;

/// Opens what a file holds: a trace, or results of `rheo analyze` and `rheo report` with their trace beside
/// them if it can be found. What a file is, and all that is in it, is read by a job.
///
/// Results are a part of the document: opening and closing them can be undone. Rows that are read with them
/// replace those that are open, as opening a trace does, which cannot.
/// Workspace::failed(), noted() and opened() say what came of it; a failure leaves the document as it was.
class FileOpener : public QObject {
    Q_OBJECT
public:
    explicit FileOpener(Workspace& workspace, QObject* parent = nullptr);

    /// Asked before anything that is open is replaced by something else: what is to be done, and what that
    /// costs. Without it the answer is yes.
    using Confirm = std::function<bool(const QString& doing, const QString& question)>;
    void setConfirm(Confirm confirm) { m_confirm = std::move(confirm); }

    /// A trace file, a results file, a folder with results.h5 in it, or a teleport of the model that is open.
    /// Results of the trace that is open join it; those of another trace replace it, after a question.
    JobId open(const QString& path);
    /// Closes the results (undoable); nothing happens without them.
    void closeResults();

private:
    void useTrace(const QString& path);
    void useResults(const QString& path, const OpenedFile& read);
    void useTeleport(const QString& path, const TeleportFile& file);
    bool mayReplace(const QString& path, const OpenedFile& read);
    bool confirm(const QString& doing, const QString& question) const;

    Workspace& m_workspace;
    Confirm m_confirm;
};

}  // namespace rheo
