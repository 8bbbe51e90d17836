#include "widgets/viewmodels/equivalent_command.h"

#include <QCoreApplication>
#include <algorithm>
#include <thread>
#include <utility>

#include "core/base/parallel.h"
#include "core/checkpoint/adapter.h"
#include "core/checkpoint/ollama_store.h"
#include "core/session/recipe_figure.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/shell_line.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

namespace {

QString tr(const char* text) {
    return QCoreApplication::translate("rheo::Workspace", text);
}

/// Where all use fewer threads than there are cores, or more; 0: one per core, as `rheo` does unasked.
int preferredThreads() {
    const int threads = resolveThreads(0);
    return threads == static_cast<int>(std::max(1U, std::thread::hardware_concurrency())) ? 0 : threads;
}

/// The last bits of sums depend on how many threads made them.
void nameThreads(QStringList& words) {
    if (const int threads = preferredThreads(); threads > 0 && !words.contains("--threads"))
        words << "--threads" << QString::number(threads);
}

QString number(double value) {
    return QString::number(value, 'g', 17);
}

QStringList modelWords(const LoadedModel& model) {
    QStringList words;
    for (const auto& word : modelWordsOf(model)) words << QString::fromStdString(word);
    return words;
}

/// Where results of a trace go: beside it.
QString resultsBeside(QString trace) {
    for (const char* ending : {".h5", ".rheo"})
        if (trace.endsWith(QLatin1String(ending))) trace.chop(static_cast<int>(qstrlen(ending)));
    return trace + QStringLiteral(".results.h5");
}

/// A file, and the lines that make it where it is not there.
struct Lines {
    QString file;
    QStringList lines;
};

bool isOfPrompts(const DocumentFiles& files, const std::shared_ptr<const Trace>& trace) {
    return files.promptsTrace && trace == files.promptsTrace;
}

/// `trace` is what a file holds, or what prompts give.
Lines traceLines(const DocumentFiles& files, const std::shared_ptr<const Trace>& trace,
                 const LoadedModel* model) {
    if (trace == files.fileTrace || model == nullptr) return {files.traceFile, {}};
    const QString file = QStringLiteral("trace.rheo.h5");
    QStringList words{"rheo", "capture"};
    words << modelWords(*model) << "--prompts" << files.promptsFile;
    if (files.limit > 0) words << "--limit" << QString::number(files.limit);
    return {file, {shellLine(words << "--out" << file)}};
}

/// Results that a file holds, or the analyses that make them.
Lines resultsLines(const DocumentFiles& files, const HeldResults& held, const LoadedModel* model) {
    const OpenedResults& opened = *held.opened;
    if (!opened.path.empty()) return {QString::fromStdString(opened.path.string()), {}};
    auto [trace, lines] = traceLines(files, held.trace, model);
    const QString out = resultsBeside(trace);
    if (!opened.base.empty()) lines << shellLine({"cp", QString::fromStdString(opened.base.string()), out});
    bool add = !opened.base.empty();
    for (const auto& choice : opened.made) {
        QString line = analyzeLine(trace, choice, model, add, out);
        if (!opened.base.empty()) line += QStringLiteral(" --force");  // it may hold others of the same name
        lines << line;
        add = true;
    }
    return {out, lines};
}

/// The PCA of the document.
Lines basisLines(const DocumentFiles& files, const DocumentState& state, const LoadedModel* model) {
    if (basisIsOfResults(state)) return resultsLines(files, {state.results, state.resultsTrace}, model);
    if (files.resultsBasis == state.basis) return {files.resultsFile, {}};
    auto [trace, lines] = traceLines(files, state.basisTrace, model);
    const QString results = resultsBeside(trace);
    const bool scaled = state.basis->scaling != Scaling::Raw;
    QStringList words{"rheo",
                      "analyze",
                      trace,
                      "--stat",
                      "pca",
                      "--components",
                      QString::number(state.basis->components.rows())};
    if (scaled) words << "--scaling" << QString::fromUtf8(scalingName(state.basis->scaling).data());
    if (!state.basisRows.empty()) {
        QStringList rows;
        for (const std::int64_t row : state.basisRows) rows << QString::number(row);
        words << "--fit-rows" << rows.join(QLatin1Char(','));
    }
    nameThreads(words);
    lines << shellLine(words << "--out" << results);
    return {results, lines};
}

/// The line that makes a teleport again in the basis of `results`.
QString teleportLine(const TeleportRecord& record, const LoadedModel& model, const QString& results) {
    const TeleportRequest& request = record.result.request;
    QStringList words{"rheo", "teleport"};
    words << modelWords(model);
    const bool asText = model.tokenizer && !record.sample.text.empty() &&
                        model.tokenizer->encode(record.sample.text) == record.sample.tokenIds;
    if (asText) {
        words << "--text=" + QString::fromStdString(record.sample.text);
    } else {
        QStringList ids;
        for (const auto id : record.sample.tokenIds) ids << QString::number(id);
        words << "--ids" << ids.join(QLatin1Char(','));
    }
    QStringList target;
    for (const double z : record.target) target << number(z);
    words << "--point"
          << QString::fromStdString(
                 pointName(model.model->points()[static_cast<std::size_t>(request.point.value())]))
          << "--token" << QString::number(request.token) << "--basis" << results
          << "--to=" + target.join(QLatin1Char(',')) << "--mode"
          << QString::fromUtf8(teleportModeName(request.mode).data()) << "--components"
          << QString::number(record.target.size()) << "--controls" << QString::number(request.controls)
          << "--seed" << QString::number(request.seed) << "--out"
          << "teleport.h5";
    return shellLine(words);
}

QString figureLine(const QString& results, const QString& view) {
    return shellLine({"rheo", "figure", results, "--view", view, "--out", view + ".svg"});
}

const QString between = QStringLiteral(" &&\n");

}  // namespace

std::vector<std::string> modelWordsOf(const LoadedModel& model) {
    const ModelOptions& options = model.model->options();
    std::vector<std::string> words{"--model", modelArgument(model.checkpoint->folder())};
    const auto add = [&](const char* option, std::string value) {
        words.insert(words.end(), {option, std::move(value)});
    };
    if (const Adapter* adapter = model.checkpoint->adapter())
        add("--adapter", modelArgument(adapter->folder));
    if (options.untrainedSeed) add("--untrained", std::to_string(*options.untrainedSeed));
    std::string keys;
    for (const std::string& key : model.checkpoint->config().acceptedKeys)
        keys += (keys.empty() ? "" : ",") + key;
    if (!keys.empty()) add("--accept-unknown-config", keys);
    if (options.weights != WeightPlace::Automatic)
        add("--weights", std::string(weightPlaceName(options.weights)));
    if (options.device != "cpu") add("--device", options.device);
    if (options.dtype != DType::Float32) add("--dtype", std::string(dtypeName(options.dtype)));
    const int threads = options.threads > 0 ? options.threads : preferredThreads();
    if (threads > 0) add("--threads", std::to_string(threads));
    return words;
}

QString commandOfDocument(const DocumentFiles& files, const DocumentState& state, const LoadedModel* model,
                          std::int64_t teleport) {
    auto [results, lines] = basisLines(files, state, model);
    if (teleport == 0) return (lines << figureLine(results, "trajectories")).join(between);
    const auto record = std::find_if(state.teleports.begin(), state.teleports.end(),
                                     [&](const auto& one) { return one->id == teleport; });
    if (record == state.teleports.end() || model == nullptr) return {};
    return (lines << teleportLine(**record, *model, results)).join(between);
}

QString whyNoCommandOfDocument(const DocumentFiles& files, const DocumentState& state, bool hasModel) {
    if (state.basis && !state.basis->names.empty() && files.resultsBasis != state.basis)
        return tr(
            "The axes are directions of the laboratory: save their vectors there, and use the file with rheo "
            "analyze --stat pca --axes; or save the results first.");
    if (basisIsOfResults(state))
        return whyNoCommandOfResults(files, {state.results, state.resultsTrace}, hasModel);
    if (files.resultsBasis == state.basis || state.basisTrace == files.fileTrace) return {};
    if (hasModel && isOfPrompts(files, state.basisTrace)) return {};
    return tr("The rows that the PCA was fitted on are in no file: save the trace or the results first.");
}

QString commandOfResults(const DocumentFiles& files, const HeldResults& held, const LoadedModel* model,
                         const QString& view) {
    if (!whyNoCommandOfResults(files, held, model != nullptr).isEmpty()) return {};
    auto [results, lines] = resultsLines(files, held, model);
    return (lines << figureLine(results, view)).join(between);
}

QString whyNoCommandOfResults(const DocumentFiles& files, const HeldResults& held, bool hasModel) {
    const OpenedResults& opened = *held.opened;
    if (!opened.path.empty()) return {};
    const bool needs = std::any_of(opened.made.begin(), opened.made.end(), needsModel);
    if (needs && !hasModel)
        return tr("The model that these results were computed with is not open any more: attach it first.");
    if (held.trace && held.trace == files.fileTrace) return {};
    if (hasModel && isOfPrompts(files, held.trace)) return {};
    return tr("The rows of these results are in no file: save the trace first.");
}

QString commandOfAnalysis(const DocumentFiles& files, const std::shared_ptr<const Trace>& trace,
                          const LoadedModel* model, const AnalysisChoice& choice) {
    Lines lines{QStringLiteral("trace.rheo.h5"), {}};
    if (trace && (trace == files.fileTrace || (model != nullptr && isOfPrompts(files, trace))))
        lines = traceLines(files, trace, model);
    return (lines.lines << analyzeLine(lines.file, choice, model, false, resultsBeside(lines.file)))
        .join(between);
}

QString analyzeLine(const QString& trace, const AnalysisChoice& choice, const LoadedModel* model, bool add,
                    const QString& out) {
    const auto known = model != nullptr ? modelWordsOf(*model) : std::vector<std::string>{"--model", "MODEL"};
    QStringList words{"rheo", "analyze", trace};
    for (const auto& word : wordsOf(choice, known)) words << QString::fromStdString(word);
    nameThreads(words);
    if (add) words << "--add";
    return shellLine(words << "--out" << out);
}

namespace {

/// The results that a view shows; none where it shows the PCA of the rows that are open.
HeldResults resultsShown(const DocumentState& state, const FigureView& view) {
    const bool own = view.statistic == Pca::info.name && state.basis && !basisIsOfResults(state);
    return own ? HeldResults{} : resultsWith(state, view.statistic);
}

}  // namespace

QString commandOf(const Workspace& workspace, std::int64_t teleport) {
    if (!whyNot(workspace, Feature::CopyCommand).isEmpty()) return {};
    return commandOfDocument(workspace.files().known(), *workspace.state(), workspace.model().get(),
                             teleport);
}

QString commandOf(const Workspace& workspace, const FigureView& view, std::int64_t teleport) {
    const HeldResults held = resultsShown(*workspace.state(), view);
    if (!held.opened) return commandOf(workspace, teleport);
    return commandOfResults(workspace.files().known(), held, workspace.model().get(),
                            QString::fromUtf8(view.name.data(), static_cast<qsizetype>(view.name.size())));
}

QString whyNoCommand(const Workspace& workspace, const FigureView& view) {
    const HeldResults held = resultsShown(*workspace.state(), view);
    return held.opened ? whyNoCommandOfResults(workspace.files().known(), held, workspace.model() != nullptr)
                       : whyNot(workspace, Feature::CopyCommand);
}

QString commandOf(const Workspace& workspace, const AnalysisChoice& choice) {
    return commandOfAnalysis(workspace.files().known(), workspace.state()->trace, workspace.model().get(),
                             choice);
}

QString commandOfEdits(const Workspace& workspace, PromptId prompt) {
    const auto loaded = workspace.model();
    const Sample sample = workspace.prompts().sampleOf(prompt);
    if (!loaded || sample.tokenIds.empty()) return {};
    QStringList words{"rheo", "intervene"};
    for (const std::string& word : modelWordsOf(*loaded)) words << QString::fromStdString(word);
    QStringList ids;
    for (const auto id : sample.tokenIds) ids << QString::number(id);
    words << "--ids" << ids.join(',') << "--edits"
          << "edits.json"
          << "--out"
          << "intervened.h5";
    return shellLine(words);
}

}  // namespace rheo
