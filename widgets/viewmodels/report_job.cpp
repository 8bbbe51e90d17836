#include "widgets/viewmodels/report_job.h"

#include <QDir>
#include <QFileInfo>
#include <QStandardPaths>
#include <filesystem>
#include <memory>
#include <utility>

#include "core/analysis/outliers.h"
#include "core/base/printable.h"
#include "core/session/forecast.h"
#include "core/session/report_run.h"
#include "core/trace/write_trace.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/feature.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/model_jobs.h"
#include "widgets/viewmodels/shell_line.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

/// The file that holds the rows that are open, and only those; empty: none does.
QString fileOfRows(const Workspace& workspace) {
    const DocumentFiles& known = workspace.files().known();
    return known.fileTrace == workspace.state()->trace ? known.traceFile : QString();
}

QString traceIn(const QString& folder) {
    return QDir(folder).filePath("trace.rheo.h5");
}

ReportRequest requestOf(const Workspace& workspace, const ReportChoice& choice) {
    ReportRequest request;
    request.folder = fs::absolute(choice.folder.toStdString());
    const QString file = fileOfRows(workspace);
    request.trace = (file.isEmpty() ? traceIn(choice.folder) : file).toStdString();
    request.modelName = workspace.modelFolder().toStdString();
    request.inputs = workspace.files().inputs();
    request.replace = choice.replace;
    request.resume = !choice.replace;
    request.view.leaveOutFirstTokens = true;
    request.derivativeRows = workspace.model() ? choice.derivativeRows : 0;
    VerdictOptions& how = request.verdicts;
    if (choice.repeats > 0) how.repeats = how.mostRepeats = choice.repeats;
    how.refits = std::min(how.refits, how.repeats);
    how.keepFinished = true;
    request.command = reportCommand(workspace, choice).toStdString();
    return request;
}

ReportTools toolsOf(const std::shared_ptr<const LoadedModel>& loaded, DrawFigure draw) {
    ReportTools tools;
    tools.openModel = [loaded](Progress&) { return PromptModel{loaded->model, loaded->tokenizer, {}}; };
    tools.openUntrained = [loaded](std::uint64_t seed, Progress& progress) {
        ModelOptions options = loaded->model->options();
        options.untrainedSeed = seed;
        options.adapter.clear();
        return loadModel(loaded->checkpoint->folder(), options, progress)->model;
    };
    tools.draw = std::move(draw);
    tools.commandLine = [](const std::vector<std::string>& words) {
        QStringList line{"rheo"};
        for (const auto& word : words) line << QString::fromStdString(word);
        return shellLine(line).toStdString();
    };
    // What it warns of stands on the page.
    tools.messages = {[](const std::string&) {}, [](const std::string&) {}, [](double) {}};
    tools.versions = {{"rheograph", RHEO_VERSION}, {"qt", qVersion()}};
    return tools;
}

/// "It takes about 12 min: ...", and what is read and held.
QString costSentences(const std::vector<ReportPart>& parts, const Trace& trace, std::size_t memory) {
    const auto bytes = [](double count) { return QString::fromStdString(formatBytes(count)); };
    const double rows = static_cast<double>(trace.rows() * trace.points() * trace.units()) * sizeof(float);
    return Workspace::
        tr("It takes %1.\n"
           "The rows (%2) are read several times; at most %3 of memory is used, not counting the results.")
            .arg(QString::fromStdString(partsText(parts)), bytes(rows), bytes(static_cast<double>(memory)));
}

}  // namespace

JobId makeReport(Workspace& workspace, const ReportChoice& choice, DrawFigure draw,
                 std::function<void(const QString& folder, bool stopped)> ended) {
    const QString what = Workspace::tr("Test the findings");
    if (workspace.refuse(what, Feature::Report)) return {};
    const auto trace = workspace.state()->trace;
    const auto loaded = workspace.model();
    const quint64 document = workspace.documentNumber();
    const bool writesRows = fileOfRows(workspace).isEmpty();
    return workspace.remember(workspace.jobs().submit(
        {loaded ? Lane::Model : Lane::Analysis, Workspace::tr("Testing the findings")},
        [request = requestOf(workspace, choice), tools = toolsOf(loaded, std::move(draw)), trace,
         writesRows](Progress& progress) {
            Progress writing = progress.part(0, 0.02), testing = progress.part(0.02, 1);
            if (writesRows && (request.replace || !fs::exists(request.trace))) {
                fs::create_directories(request.folder);
                writeTrace(*trace, request.trace, IfExists::Replace, writing);
            }
            return runReport(request, tools, testing);
        },
        &workspace,
        [&workspace, what, choice, trace, document, writesRows,
         ended = std::move(ended)](Outcome<ReportOutcome> outcome) {
            workspace.use(what, outcome, [&](const ReportOutcome& report) {
                if (document == workspace.documentNumber() && writesRows)
                    workspace.files().setTraceFile(traceIn(choice.folder), trace);
                if (report.stopped)
                    Q_EMIT workspace.noted(
                        Workspace::tr(
                            "Stopped. %1 holds the finished parts; choose the same folder to continue.")
                            .arg(choice.folder));
                if (document == workspace.documentNumber()) ended(choice.folder, report.stopped);
            });
        }));
}

JobId forecastReport(Workspace& workspace, const ReportChoice& choice, QObject* receiver,
                     std::function<void(const QString& sentences)> told) {
    if (!whyNot(workspace, Feature::Report).isEmpty()) return {};
    ModelOfTrace model;
    if (const auto loaded = workspace.model())
        model = [loaded](std::optional<std::uint64_t>, Progress&) { return loaded->model; };
    return workspace.jobs().submit(
        {workspace.model() ? Lane::Model : Lane::Analysis, Workspace::tr("Estimating the time of the report"),
         false},
        [request = requestOf(workspace, choice), trace = workspace.state()->trace,
         model](Progress& progress) {
            Progress reading = progress.part(0, 0.3), looking = progress.part(0.3, 0.5),
                     measuring = progress.part(0.5, 1);
            const TraceView view = makeAnalysisView(trace, request.view, {}, reading).view;
            const bool outliers = !findOutliers(view, {}, looking).none();
            return costSentences(
                reportParts(view, request.verdicts, model, outliers, request.derivativeRows, measuring),
                *trace, request.verdicts.memoryBytes);
        },
        receiver,
        [told = std::move(told)](Outcome<QString> outcome) {
            if (outcome.result() != nullptr) told(*outcome.result());
        });
}

QString usualReportFolder(const Workspace& workspace) {
    const QString trace = workspace.files().known().traceFile;
    if (!trace.isEmpty()) {
        const QFileInfo file(trace);
        return file.dir().absoluteFilePath(file.fileName().section('.', 0, 0) + "-report");
    }
    return QDir(QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation))
        .absoluteFilePath("rheograph-report");
}

QString reportCommand(const Workspace& workspace, const ReportChoice& choice) {
    const QString file = fileOfRows(workspace);
    QStringList words{"rheo", "report", file.isEmpty() ? traceIn(choice.folder) : file};
    if (workspace.model())
        for (const auto& word : modelWordsOf(*workspace.model())) words << QString::fromStdString(word);
    if (choice.repeats > 0) words << "--repeats" << QString::number(choice.repeats);
    if (workspace.model() && choice.derivativeRows > 0)
        words << "--derivatives" << QString::number(choice.derivativeRows);
    words << "--out" << choice.folder << (choice.replace ? "--force" : "--resume");
    return shellLine(words);
}

}  // namespace rheo
