#include "widgets/viewmodels/file_opener.h"

#include <fmt/format.h>

#include <QFileInfo>
#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/base/error.h"
#include "core/checkpoint/model_files.h"
#include "core/results/teleport_file.h"
#include "core/session/describe_file.h"
#include "core/session/opened_results.h"
#include "core/trace/trace_reader.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/fit_rows.h"
#include "widgets/viewmodels/open_document.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

namespace fs = std::filesystem;

/// What a file holds.
struct OpenedFile {
    std::shared_ptr<const OpenedResults> results;  ///< null: it is a trace
    bool ofOpenRows = false;                       ///< results of the trace that is open
    std::string traceMissing;                      ///< why the trace of the results is not there
    QString traceFile;                             ///< of `rows`
    DocumentState rows;                            ///< those of the results; empty: their trace was not found
    std::shared_ptr<const TeleportFile> teleport;  ///< null: it is none
};

namespace {

QString nameOf(const fs::path& path) {
    return QString::fromStdString(path.filename().string());
}

/// What a folder or file stands for. Throws Error(NotFound).
fs::path fileAt(const fs::path& path) {
    std::error_code failed;
    if (!fs::is_directory(path, failed)) return path;
    const fs::path file = resultsFileIn(path);
    if (const std::string foreign = describeForeignModel(path); file.empty() && !foreign.empty())
        throw Error(ErrorCode::NotFound, foreign, path.string());
    if (file.empty())
        throw Error(ErrorCode::NotFound,
                    path.string() +
                        " holds neither a model (config.json) nor results (results.h5, as rheo "
                        "report and rheo demo write it); open a file in it, or another folder",
                    path.string());
    return file;
}

[[noreturn]] void refuse(const fs::path& path, const FileDescription& description) {
    throw Error(ErrorCode::Unsupported,
                path.string() + " is " + description.summary +
                    "; the window opens sessions, model folders, traces, results of rheo analyze and rheo "
                    "report, and teleports" +
                    (description.next.empty() ? "" : ". What you can do with it: " + description.next),
                path.string());
}

/// What the job starts from.
struct Open {
    std::shared_ptr<const Trace> trace;
    fs::path traceFile;  ///< that holds it; empty: none does
    std::shared_ptr<const OpenedResults> results;
};

bool isOfOpenRows(const Open& open, const std::string& hash) {
    if (!open.trace) return false;
    if (hasSourceHash(*open.trace, hash)) return true;
    // Rows that were captured here and then saved are named by the file's own hash in its results.
    std::error_code failed;
    return fs::is_regular_file(open.traceFile, failed) &&
           TraceReader::open(open.traceFile)->sourceHash() == hash;
}

void takeRows(OpenedFile& contents, const TraceOfResults& found) {
    contents.traceMissing = found.missing;
    if (!found.trace) return;
    contents.rows = openDocumentOf(*contents.results, found.trace, PromptId{1});
    contents.traceFile = QString::fromStdString(found.path.string());
}

/// A trace; where results are open without it, it joins them.
OpenedFile readTrace(const fs::path& file, const Open& open) {
    OpenedFile contents;
    if (!open.results) return contents;
    auto trace = TraceReader::open(file);
    if (trace->sourceHash() != open.results->results.source.hash) return contents;
    contents.results = open.results;
    takeRows(contents, {std::move(trace), file, ""});
    return contents;
}

OpenedFile readFile(const fs::path& path, const Open& open, Progress& progress) {
    const fs::path file = fileAt(path);
    progress.setStage("reading " + file.filename().string());
    const FileDescription description = describeFile(file);
    if (description.kind == "trace") return readTrace(file, open);
    if (description.kind == "teleport") {
        OpenedFile contents;
        contents.teleport = std::make_shared<const TeleportFile>(readTeleportFile(file));
        return contents;
    }
    if (description.kind != "results") refuse(file, description);
    OpenedFile contents;
    contents.results = openResults(file);
    progress.report(0.7, 1);
    progress.setStage("looking for the trace");
    contents.ofOpenRows = isOfOpenRows(open, contents.results->results.source.hash);
    if (!contents.ofOpenRows) takeRows(contents, traceOfResults(*contents.results, progress));
    return contents;
}

}  // namespace

FileOpener::FileOpener(Workspace& workspace, QObject* parent) : QObject(parent), m_workspace(workspace) {}

JobId FileOpener::open(const QString& path) {
    const auto state = m_workspace.state();
    Open now{state->trace, m_workspace.files().known().traceFile.toStdString(),
             state->trace ? nullptr : state->results};
    return m_workspace.jobs().submit(
        {Lane::Io, tr("Opening %1").arg(QFileInfo(path).fileName())},
        [path = fs::path(path.toStdString()), now = std::move(now)](Progress& progress) {
            return readFile(path, now, progress);
        },
        this,
        [this, path](Outcome<OpenedFile> outcome) {
            const QString what = tr("Open %1").arg(QFileInfo(path).fileName());
            if (outcome.failure() != nullptr) Q_EMIT m_workspace.failed(what, *outcome.failure());
            if (outcome.result() == nullptr) return;
            try {
                if (outcome.result()->teleport)
                    useTeleport(path, *outcome.result()->teleport);
                else if (outcome.result()->results)
                    useResults(path, *outcome.result());
                else
                    useTrace(path);
            } catch (const Error& error) {
                Q_EMIT m_workspace.failed(what, {error.code(), QString::fromUtf8(error.what()),
                                                 QString::fromStdString(error.context())});
            }
        });
}

/// A teleport joins the document of the model that made it.
void FileOpener::useTeleport(const QString& path, const TeleportFile& file) {
    const auto state = m_workspace.state();
    std::optional<ModelIdentity> open;
    if (m_workspace.model())
        open = m_workspace.model()->model->identity();
    else if (state->trace)
        open = state->trace->info().model;
    if (!open || open->weightsSha256 != file.model.weightsSha256)
        throw Error(
            ErrorCode::Mismatch,
            fmt::format("{} is a teleport of another model ({}, weights {}), not of the open one; open that "
                        "model or a trace of it first, and then the teleport",
                        path.toStdString(), file.model.architecture, file.model.weightsSha256.substr(0, 12)),
            path.toStdString());
    TeleportRecord record;
    record.sample = {file.text, file.tokenIds};
    for (std::size_t s = 0; s < state->prompts.size(); ++s)
        if (state->trace->info().samples[s].tokenIds == file.tokenIds) {
            record.prompt = state->prompts[s];
            record.sample = state->trace->info().samples[s];
        }
    record.result = file.result;
    record.model = file.model;
    record.points = file.points;
    record.basis = state->basis;
    if (record.basis && record.basis->components.cols() == record.result.request.state.size()) {
        const MatrixF moved = record.result.request.state.transpose();
        record.target = project(*record.basis, moved)
                            .row(0)
                            .head(std::min<Eigen::Index>(record.result.request.components,
                                                         record.basis->components.rows()));
    }
    record.name = QFileInfo(path).completeBaseName().toStdString();
    m_workspace.addTeleport(std::move(record));
    Q_EMIT m_workspace.opened(path);
    if (record.prompt == PromptId{})
        Q_EMIT m_workspace.noted(
            tr("%1 is in the list of teleports; its prompt is not open").arg(QFileInfo(path).fileName()));
}

bool FileOpener::confirm(const QString& doing, const QString& question) const {
    return !m_confirm || m_confirm(doing, question);
}

void FileOpener::useTrace(const QString& path) {
    const bool lost = m_workspace.files().hasUnsaved();
    if (!lost || confirm(tr("Open another trace"),
                         tr("%1 would be lost. Continue?").arg(m_workspace.files().unsavedSummary())))
        openTrace(m_workspace, path);
}

/// Whether the rows that are open may give way to those of the results, or to none.
bool FileOpener::mayReplace(const QString& path, const OpenedFile& read) {
    const auto state = m_workspace.state();
    if (state->rows() == 0 && !m_workspace.files().hasUnsaved()) return true;
    const QString file = QFileInfo(path).fileName();
    QString question;
    if (state->rows() > 0)
        question = read.rows.trace ? tr("%1 was made from another trace, not from the open one. Close the "
                                        "open trace, and open %2 with the results?")
                                         .arg(file, QFileInfo(read.traceFile).fileName())
                                   : tr("%1 was made from another trace, not from the open one. %2 Close the "
                                        "open trace, and show only the results?")
                                         .arg(file, QString::fromStdString(read.traceMissing));
    if (m_workspace.files().hasUnsaved())
        question += (question.isEmpty() ? "" : "\n\n") +
                    tr("%1 would be lost.").arg(m_workspace.files().unsavedSummary());
    return confirm(tr("Open the results of another trace"), question);
}

void FileOpener::useResults(const QString& path, const OpenedFile& read) {
    const bool replaces = !read.ofOpenRows && (read.rows.trace || m_workspace.state()->rows() > 0);
    if (replaces) {
        if (!mayReplace(path, read)) return;
        m_workspace.openRows(read.rows, read.traceFile);
    }
    m_workspace.change(tr("Open %1").arg(nameOf(read.results->path)),
                       withResults(*m_workspace.state(), read.results));
    Q_EMIT m_workspace.opened(path);
    if (!read.traceMissing.empty())
        Q_EMIT m_workspace.noted(
            tr("Results without their trace. %1").arg(QString::fromStdString(read.traceMissing)));
    // As when the trace is opened by itself.
    if (isSmall(m_workspace) && drawnPca(*read.results) == nullptr && !m_workspace.state()->basis)
        fitBasis(m_workspace);
}

void FileOpener::closeResults() {
    const auto state = m_workspace.state();
    if (state->results)
        m_workspace.change(state->results->path.empty() ? tr("Close the results")
                                                        : tr("Close %1").arg(nameOf(state->results->path)),
                           withoutResults(*state));
}

}  // namespace rheo
