#include "widgets/viewmodels/open_document.h"

#include <QFile>
#include <QFileInfo>
#include <filesystem>
#include <utility>

#include "core/base/error.h"
#include "core/capture/prompts.h"
#include "core/checkpoint/adapter.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/model_cache.h"
#include "core/checkpoint/ollama_store.h"
#include "core/session/attach_model.h"
#include "core/session/opened_results.h"
#include "core/session/session_file.h"
#include "core/trace/trace_reader.h"
#include "widgets/viewmodels/fit_rows.h"
#include "widgets/viewmodels/model_jobs.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

fs::path toPath(const QString& path) {
    return fs::path(path.toStdString());
}

/// Stands between the two paths of an entry; names of folders hardly have it.
const QChar between = u'\n';

QString entryOf(const QString& folder, const ModelOptions& options) {
    return entryOf(ModelEntry{folder, QString::fromStdString(options.adapter)});
}

}  // namespace

PathKind kindOfPath(const QString& path) {
    if (!modelOfEntry(path).adapter.isEmpty()) return PathKind::Model;
    if (isSessionFile(toPath(path))) return PathKind::Session;
    if (isGgufFile(toPath(path))) return PathKind::Model;
    if (QFile file(path); QFileInfo(path).isFile() && file.open(QIODevice::ReadOnly))
        return isHdf5File(path.toStdString()) ? PathKind::Trace : PathKind::Nothing;
    try {
        const fs::path folder = locateModel(path.toStdString());
        if (isGgufFile(folder)) return PathKind::Model;
        if (fs::is_regular_file(folder / "config.json")) return PathKind::Model;
        if (!resultsFileIn(folder).empty()) return PathKind::Results;
    } catch (const std::exception&) {
        // An adapter may lie in a folder that holds no model.
    }
    return isAdapterFolder(path.toStdString()) ? PathKind::Adapter : PathKind::Nothing;
}

QString entryOf(const ModelEntry& model) {
    return model.adapter.isEmpty() ? model.folder : model.folder + between + model.adapter;
}

ModelEntry modelOfEntry(const QString& entry) {
    return {entry.section(between, 0, 0), entry.section(between, 1)};
}

QString titleOfPath(const QString& path) {
    if (const ModelEntry model = modelOfEntry(path); !model.adapter.isEmpty())
        return Workspace::tr("%1 with %2")
            .arg(titleOfPath(model.folder), QString::fromStdString(modelTitle(toPath(model.adapter))));
    const fs::path folder = toPath(path);
    return QString::fromStdString(fetchCommand(folder).empty() ? modelArgument(folder) : modelTitle(folder));
}

JobId openModel(Workspace& workspace, const QString& folder, const ModelOptions& options) {
    const QString what = Workspace::tr("Open the model");
    return workspace.jobs().submit(
        {Lane::Model, Workspace::tr("Opening %1").arg(QString::fromStdString(modelTitle(toPath(folder))))},
        [path = toPath(folder), options](Progress& progress) { return loadModel(path, options, progress); },
        &workspace,
        [&workspace, what,
         entry = entryOf(folder, options)](Outcome<std::shared_ptr<const LoadedModel>> outcome) {
            workspace.use(what, outcome, [&](std::shared_ptr<const LoadedModel> model) {
                OpenedDocument next;
                next.model = std::move(model);
                workspace.replace(std::move(next));
                Q_EMIT workspace.opened(entry);
            });
        });
}

JobId openTrace(Workspace& workspace, const QString& file) {
    const QString what = Workspace::tr("Open the trace");
    return workspace.jobs().submit(
        {Lane::Io, Workspace::tr("Opening %1").arg(QFileInfo(file).fileName())},
        [path = toPath(file)](Progress&) { return openDocument(TraceReader::open(path), PromptId{1}); },
        &workspace,
        [&workspace, what, file](Outcome<DocumentState> outcome) {
            workspace.use(what, outcome, [&](DocumentState state) {
                workspace.openRows(std::move(state), file);
                Q_EMIT workspace.opened(file);
                if (isSmall(workspace)) fitBasis(workspace, FitStep::Opening);
            });
        });
}

namespace {

struct Shipped {
    OpenedDocument document;
    bool hasModel = false;
};

/// Whether the model of a folder made the trace. False where there is no such folder.
bool isModelOf(const Trace& trace, const fs::path& folder) {
    if (folder.empty()) return false;
    try {
        const auto checkpoint = Checkpoint::open(folder, {});
        const auto points = residualPoints(static_cast<int>(checkpoint->config().layers),
                                           checkpoint->config().parallelBlocks);
        const ModelOptions options;
        checkAttachment(trace.info(), checkpoint->identity(options.dtype, options.untrainedSeed), points,
                        folder.string());
        return true;
    } catch (const Error&) {
        return false;
    }
}

}  // namespace

JobId openShipped(Workspace& workspace, const QString& resultsFile, const QString& modelFolder) {
    return workspace.jobs().submit(
        {Lane::Io, Workspace::tr("Opening %1").arg(QFileInfo(resultsFile).fileName())},
        [path = toPath(resultsFile), model = toPath(modelFolder)](Progress& progress) {
            const auto results = openResults(path);
            const TraceOfResults found = traceOfResults(*results, progress);
            if (!found.trace) throw Error(ErrorCode::NotFound, found.missing, path.string());
            OpenedDocument next;
            next.state = withResults(openDocumentOf(*results, found.trace, PromptId{1}), results);
            next.traceFile = QString::fromStdString(found.path.string());
            return Shipped{std::move(next), isModelOf(*found.trace, model)};
        },
        &workspace,
        [&workspace, resultsFile, modelFolder](Outcome<Shipped> outcome) {
            workspace.use(Workspace::tr("Open the demo"), outcome, [&](Shipped shipped) {
                workspace.replace(std::move(shipped.document));
                Q_EMIT workspace.opened(resultsFile);
                if (shipped.hasModel) attachModel(workspace, modelFolder, {});
            });
        });
}

JobId openDemo(Workspace& workspace, const QString& modelFolder, const QString& promptsFile, int limit,
               const ModelOptions& options) {
    return workspace.jobs().submit(
        {Lane::Model, Workspace::tr("Opening the demo")},
        [folder = toPath(modelFolder), prompts = toPath(promptsFile), promptsFile, limit,
         options](Progress& progress) {
            OpenedDocument next;
            Progress loading = progress.part(0, 0.05);
            next.model = loadModel(folder, options, loading);
            const Model& model = *next.model->model;
            Progress reading = progress.part(0.05, 0.1);
            PromptOptions choice;
            if (limit > 0) choice.limit = limit;
            auto list = readPrompts(prompts, next.model->tokenizer.get(), model.config(), choice, reading);
            Progress capturing = progress.part(0.1, 0.8);
            capturing.setStage("capturing");
            const auto last = PointIndex{static_cast<std::int64_t>(model.points().size()) - 1};
            const auto trace =
                captureLastTokens(model, std::move(list.samples), PointIndex{0}, last, capturing);
            Progress fitting = progress.part(0.8, 1);
            next.state = withPca(openDocument(trace, PromptId{1}), trace, fitting);
            next.promptsFile = promptsFile;
            next.limit = limit;
            return next;
        },
        &workspace,
        [&workspace](Outcome<OpenedDocument> outcome) {
            workspace.use(Workspace::tr("Open the demo"), outcome,
                          [&](OpenedDocument next) { workspace.replace(std::move(next)); });
        });
}

JobId attachModel(Workspace& workspace, const QString& folder, const ModelOptions& options) {
    const QString what = Workspace::tr("Attach the model");
    if (workspace.refuse(what, Feature::AttachModel)) return {};
    using Attached = std::pair<std::shared_ptr<const LoadedModel>, std::string>;
    const auto trace = workspace.state()->trace;
    const quint64 document = workspace.documentNumber();
    return workspace.remember(workspace.jobs().submit(
        {Lane::Model, Workspace::tr("Attaching %1").arg(QString::fromStdString(modelTitle(toPath(folder))))},
        [path = toPath(folder), options, trace](Progress& progress) {
            // Who it is can be told before gigabytes are read.
            const auto checkpoint =
                Checkpoint::open(path, AcceptedKeys(options.acceptedKeys), options.adapter);
            const auto points = residualPoints(static_cast<int>(checkpoint->config().layers),
                                               checkpoint->config().parallelBlocks);
            std::string note =
                checkAttachment(trace->info(), checkpoint->identity(options.dtype, options.untrainedSeed),
                                points, path.string());
            return Attached(loadModel(path, options, progress), std::move(note));
        },
        &workspace,
        [&workspace, what, folder, document, entry = entryOf(folder, options)](Outcome<Attached> outcome) {
            if (document != workspace.documentNumber()) return;
            workspace.use(what, outcome, [&](Attached attached) {
                workspace.setModel(std::move(attached.first));
                Q_EMIT workspace.opened(entry);
                if (!attached.second.empty())
                    Q_EMIT workspace.noted(
                        Workspace::tr("%1: %2").arg(folder, QString::fromStdString(attached.second)));
            });
        }));
}

JobId openPath(Workspace& workspace, const QString& path, const ModelOptions& options) {
    if (QFileInfo(path).isDir() || kindOfPath(path) == PathKind::Model)
        return openModel(workspace, path, options);
    return openTrace(workspace, path);
}

JobId inspectModel(Workspace& workspace, const QString& entry, Inspected inspected) {
    const auto [folder, adapter] = modelOfEntry(entry);
    return workspace.jobs().submit(
        {Lane::Analysis, Workspace::tr("Reading %1").arg(folder), false},
        [path = toPath(folder), added = toPath(adapter)](Progress&) {
            return openForReview(path, added).checkpoint;
        },
        &workspace,
        [&workspace, folder = folder,
         inspected = std::move(inspected)](Outcome<std::shared_ptr<const Checkpoint>> outcome) {
            workspace.use(Workspace::tr("Read the model %1").arg(folder), outcome, inspected);
        });
}

}  // namespace rheo
