#include "widgets/viewmodels/workspace.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QUndoCommand>
#include <algorithm>
#include <array>
#include <map>
#include <new>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "core/capture/prompts.h"
#include "core/checkpoint/model_cache.h"
#include "core/dynamics/teleport.h"
#include "core/results/results_file.h"
#include "core/results/teleport_file.h"
#include "core/session/attach_model.h"
#include "core/session/opened_results.h"
#include "core/statistics/density.h"
#include "core/trace/joined_trace.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/model_jobs.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

/// Scores of all rows are held in memory: of very many rows only as many components as are drawn.
constexpr std::int64_t scoreBytes = std::int64_t{512} << 20;
/// Undo keeps states until they would hold more than this.
constexpr std::int64_t undoBytes = std::int64_t{1} << 30;
/// Rows written to a trace file at a time.
constexpr std::int64_t writeBytes = std::int64_t{32} << 20;
constexpr int shownTokens = 6;

fs::path toPath(const QString& path) {
    return fs::path(path.toStdString());
}

Failure toFailure(const Error& error) {
    return {error.code(), QString::fromUtf8(error.what()), QString::fromStdString(error.context())};
}

std::int64_t bytesOf(const Trace& trace) {
    return trace.rows() * trace.points() * trace.units() * static_cast<std::int64_t>(sizeof(float));
}

int componentsFor(const Trace& trace) {
    const std::int64_t each = trace.rows() * trace.points() * static_cast<std::int64_t>(sizeof(float));
    return each * 10 <= scoreBytes ? 10 : 3;
}

QString textOf(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

QString joined(const std::vector<std::string>& words) {
    QStringList list;
    for (const auto& word : words) list << QString::fromStdString(word);
    return list.join(", ");
}

QString shortened(const QString& text) {
    const QString line = text.simplified();
    return line.size() <= 40 ? line : line.left(39) + QChar(0x2026);
}

/// Calls `see(part)` for the trace that really holds each row.
template <class See>
void forEachSource(const std::shared_ptr<const Trace>& trace, See see) {
    if (!trace) return;
    if (const auto* joined = dynamic_cast<const JoinedTrace*>(trace.get())) {
        for (const PickedRow& row : joined->picked())
            see(joined->parts()[static_cast<std::size_t>(row.part)]);
        return;
    }
    for (std::int64_t n = 0; n < trace->rows(); ++n) see(trace);
}

PcaResult fitOn(const std::shared_ptr<const Trace>& trace, Progress& progress) {
    PcaOptions options;
    options.components = componentsFor(*trace);
    return pca(TraceView{.trace = trace}, options, progress);
}

DocumentState withFit(const DocumentState& state, const std::shared_ptr<const Trace>& trace,
                      PcaResult result) {
    return withBasis(state, std::make_shared<const PcaBasis>(std::move(result.basis)), trace,
                     std::make_shared<const Array3F>(std::move(result.scores)),
                     std::make_shared<const MatrixD>(std::move(result.perPointExplained)));
}

DocumentState withDensity(DocumentState state, const std::shared_ptr<const Trace>& trace,
                          DensityResult result) {
    state.density = std::make_shared<const DensityResult>(std::move(result));
    state.densityTrace = trace;
    return state;
}

IfExists ifExists(bool replace) {
    return replace ? IfExists::Replace : IfExists::Refuse;
}

void writeTrace(const Trace& trace, const fs::path& path, IfExists exists, Progress& progress) {
    progress.setStage("writing " + path.filename().string());
    OutputFile output(path, exists);
    TraceWriter writer = TraceWriter::createIn(output, trace.info());
    const std::int64_t perRow = trace.points() * trace.units();
    const std::int64_t atOnce =
        std::clamp<std::int64_t>(writeBytes / (perRow * static_cast<std::int64_t>(sizeof(float))), 1,
                                 std::max<std::int64_t>(1, trace.rows()));
    std::vector<float> states(static_cast<std::size_t>(atOnce * perRow));
    for (std::int64_t first = 0; first < trace.rows(); first += atOnce) {
        progress.check();
        const std::int64_t count = std::min(atOnce, trace.rows() - first);
        trace.readRows(RowIndex{first}, count, states.data());
        writer.writeRows(RowIndex{first}, count, states.data());
        progress.report(static_cast<double>(first + count), static_cast<double>(trace.rows()));
    }
    writer.close();
    output.commit();
}

// Why something is missing, as a sentence; empty: it is there.

QString noModel(const Workspace& w) {
    if (w.model()) return {};
    return w.state()->rows() > 0
               ? Workspace::tr(
                     "This needs the model that made the trace: attach it with File > Attach Model.")
               : Workspace::tr("This needs a model: open a model folder, or the demo.");
}

QString noTokenizer(const Workspace& w) {
    if (w.model()->tokenizer) return {};
    return Workspace::tr(
               "The model in %1 has no tokenizer that can be read, so text cannot be turned into tokens.")
        .arg(w.modelFolder());
}

QString noRows(const Workspace& w) {
    return w.state()->rows() > 0
               ? QString()
               : Workspace::tr("There are no trajectories yet: open a trace or the demo, or add a prompt.");
}

QString noPrompt(const Workspace& w) {
    return w.state()->rows() > 0 ? QString() : Workspace::tr("There is no prompt.");
}

QString noRowsForModel(const Workspace& w) {
    return w.state()->rows() > 0
               ? QString()
               : Workspace::tr("There are no rows to attach a model to; open it by itself.");
}

QString noBasisToMoveIn(const Workspace& w) {
    return w.state()->basis
               ? QString()
               : Workspace::tr("A state is moved along principal components: fit the PCA first.");
}

QString noResults(const Workspace& w) {
    return w.state()->basis || w.state()->results
               ? QString()
               : Workspace::tr("There are no results yet: compute some with the menu Analysis.");
}

QString nothingComputed(const Workspace& w) {
    return w.state()->basis ? QString() : Workspace::tr("Nothing was computed yet: fit the PCA first.");
}

/// What has to be there for a feature; the first that is missing is named.
struct Need {
    Feature feature;
    std::array<QString (*)(const Workspace&), 3> checks;
};
constexpr std::array needs{
    Need{Feature::AddPrompt, {noModel, noTokenizer}},
    Need{Feature::EditPrompt, {noModel, noTokenizer}},
    Need{Feature::TokenTexts, {noModel, noTokenizer}},
    Need{Feature::RemovePrompt, {noPrompt}},
    Need{Feature::CaptureToken, {noModel}},
    Need{Feature::NextTokens, {noModel}},
    Need{Feature::FitBasis, {noRows}},
    Need{Feature::Density, {noRows}},
    Need{Feature::SaveTrace, {noRows}},
    Need{Feature::Teleport, {noModel, noRows, noBasisToMoveIn}},
    Need{Feature::SaveResults, {noRows, noResults}},
    Need{Feature::AttachModel, {noRowsForModel}},
    Need{Feature::CopyCommand, {noRows, nothingComputed}},
};

/// Whether a trace shows all rows of the file it comes from.
bool holdsWholeFile(const Trace& trace) {
    const auto* joined = dynamic_cast<const JoinedTrace*>(&trace);
    return joined == nullptr || (joined->parts().size() == 1 && joined->parts()[0]->rows() == trace.rows());
}

}  // namespace

PathKind kindOfPath(const QString& path) {
    if (QFile file(path); QFileInfo(path).isFile() && file.open(QIODevice::ReadOnly))
        return isHdf5File(path.toStdString()) ? PathKind::Trace : PathKind::Nothing;
    try {
        const fs::path folder = locateModel(path.toStdString());
        if (fs::is_regular_file(folder / "config.json")) return PathKind::Model;
        return resultsFileIn(folder).empty() ? PathKind::Nothing : PathKind::Results;
    } catch (const std::exception&) {
        return PathKind::Nothing;
    }
}

QString titleOfPath(const QString& path) {
    const fs::path folder = toPath(path);
    return fetchCommand(folder).empty() ? path : QString::fromStdString(modelTitle(folder));
}

/// A prompt that waits for the model, is being run, or failed.
struct Workspace::Pending {
    PromptId id;
    QString text;
    bool isEdit = false;  ///< the document has a prompt of this id
    PromptStatus status = PromptStatus::Queued;
    QString reason;
    JobId job;
    quint64 run = 0;  ///< which capture it waits for: an older one is passed over
};

/// All that is there after something was opened.
struct Workspace::Opened {
    std::shared_ptr<const LoadedModel> model;
    DocumentState state;
    QString traceFile;    ///< that holds state.trace
    QString promptsFile;  ///< that state.trace was captured from
    int limit = 0;
    QString note;
};

struct Workspace::Private {
    std::vector<Pending> pending;
    std::set<std::pair<PromptId, int>> capturing;
    std::set<qint64> documentJobs;  ///< stopped when another document is opened
    std::vector<int> rowsOfSample;
    std::int64_t nextPrompt = 1;
    std::int64_t nextTeleport = 1;
    quint64 runs = 0;
    quint64 document = 0;  ///< counts documents: what was started for an older one is passed over

    std::map<std::int64_t, std::shared_ptr<const TeleportResult>> full;
    std::set<std::int64_t> savedTeleports;
    /// Traces in memory that closing may lose: saved, or made by the demo.
    std::set<std::weak_ptr<const Trace>, std::owner_less<>> safe;

    DocumentFiles files;
    /// Computed results that a file holds.
    std::set<std::weak_ptr<const OpenedResults>, std::owner_less<>> savedResults;

    bool stale = false;
    bool unsaved = false;
};

/// Swaps one state for another.
class Workspace::StateCommand : public QUndoCommand {
public:
    StateCommand(Workspace& workspace, const QString& text, std::shared_ptr<const DocumentState> before,
                 std::shared_ptr<const DocumentState> after)
        : QUndoCommand(text),
          m_workspace(workspace),
          m_before(std::move(before)),
          m_after(std::move(after)) {}
    void undo() override { m_workspace.setState(m_before); }
    void redo() override { m_workspace.setState(m_after); }

private:
    Workspace& m_workspace;
    std::shared_ptr<const DocumentState> m_before, m_after;
};

Workspace::Workspace(JobRunner& jobs, QObject* parent)
    : QObject(parent),
      m_jobs(jobs),
      m_state(std::make_shared<const DocumentState>()),
      m_private(std::make_unique<Private>()) {
    qRegisterMetaType<PromptId>();
    qRegisterMetaType<Failure>();
    connect(&m_jobs, &JobRunner::jobChanged, this, [this](const JobInfo& job) {
        if (job.state != JobState::Running) return;
        for (Pending& pending : m_private->pending)
            if (pending.job == job.id && pending.status == PromptStatus::Queued) {
                pending.status = PromptStatus::Running;
                Q_EMIT pendingChanged();
                return;
            }
    });
    connect(&m_jobs, &JobRunner::jobEnded, this,
            [this](const JobInfo& job) { m_private->documentJobs.erase(job.id.value()); });
}

Workspace::~Workspace() {
    disconnect(&m_jobs, nullptr, this, nullptr);
    stopDocumentJobs();
}

// ---- what is there ----------------------------------------------------------------------------------

const std::vector<ResidualPoint>& Workspace::points() const {
    static const std::vector<ResidualPoint> none;
    if (m_state->trace) return m_state->trace->info().points;
    if (m_model) return m_model->model->points();
    return m_state->results ? m_state->results->results.source.info.points : none;
}

std::optional<PointIndex> Workspace::modelPoint(PointIndex tracePoint) const {
    if (!m_model) return std::nullopt;
    const auto first = firstModelPoint(points(), m_model->model->points());
    if (!first) return std::nullopt;
    return PointIndex{first->value() + tracePoint.value()};
}

QString Workspace::traceFile() const {
    return m_private->files.traceFile;
}

QString Workspace::modelFolder() const {
    return m_model ? QString::fromStdString(m_model->checkpoint->folder().string()) : QString();
}

QString Workspace::title() const {
    if (!m_private->files.traceFile.isEmpty()) return QFileInfo(m_private->files.traceFile).fileName();
    if (m_state->results && !m_state->trace)
        return m_state->results->path.empty()
                   ? tr("Results")
                   : QString::fromStdString(m_state->results->path.filename().string());
    return m_model ? QString::fromStdString(modelTitle(m_model->checkpoint->folder())) : QString();
}

void Workspace::setState(std::shared_ptr<const DocumentState> state) {
    m_state = std::move(state);
    m_private->rowsOfSample.assign(m_state->prompts.size(), 0);
    if (m_state->trace)
        for (const TraceRow& row : m_state->trace->info().rows)
            ++m_private->rowsOfSample[static_cast<std::size_t>(row.sample)];
    Q_EMIT stateChanged();
    updateFlags();
}

void Workspace::push(const QString& text, DocumentState next) {
    if (m_undo.count() == 0) limitUndo(next);
    m_undo.push(
        new StateCommand(*this, text, m_state, std::make_shared<const DocumentState>(std::move(next))));
}

/// As many steps as may hold scores of their own. The stack takes a limit only while it is empty.
void Workspace::limitUndo(const DocumentState& state) {
    const std::int64_t each =
        state.scores ? static_cast<std::int64_t>(state.scores->data.size() * sizeof(float)) : 0;
    m_undo.setUndoLimit(
        static_cast<int>(std::clamp<std::int64_t>(undoBytes / std::max<std::int64_t>(1, each), 10, 200)));
}

void Workspace::updateFlags() {
    const bool stale = m_state->basisIsStale();
    if (std::exchange(m_private->stale, stale) != stale) Q_EMIT basisStaleChanged(stale);
    const bool unsaved = hasUnsaved();
    if (std::exchange(m_private->unsaved, unsaved) != unsaved) Q_EMIT unsavedChanged(unsaved);
}

void Workspace::fail(const QString& what, const Failure& failure) {
    Q_EMIT failed(what, failure);
}

bool Workspace::refuse(const QString& what, Feature feature) {
    const QString reason = whyNot(feature);
    if (reason.isEmpty()) return false;
    fail(what, {ErrorCode::Unsupported, reason, {}});
    return true;
}

/// Hands a result on; a failure, or an Error from its use, goes to failed().
template <class R, class Use>
void Workspace::use(const QString& what, Outcome<R>& outcome, Use&& useResult) {
    if (outcome.failure() != nullptr) {
        fail(what, *outcome.failure());
        return;
    }
    if (outcome.cancelled()) return;
    try {
        useResult(std::move(*outcome.result()));
    } catch (const Error& error) {
        fail(what, toFailure(error));
    } catch (const std::bad_alloc&) {
        fail(what, {ErrorCode::OutOfMemory, tr("There is not enough memory for this."), {}});
    }
}

/// Pushes the state that `make` gives; false if it throws an Error.
template <class Make>
bool Workspace::edit(const QString& what, const QString& text, Make make) {
    try {
        push(text, make());
        return true;
    } catch (const Error& error) {
        fail(what, toFailure(error));
        return false;
    }
}

JobId Workspace::remember(JobId id) {
    if (id != JobId{}) m_private->documentJobs.insert(id.value());
    return id;
}

void Workspace::stopDocumentJobs() {
    const auto ids = m_private->documentJobs;
    for (const qint64 id : ids) m_jobs.cancel(JobId{id});
}

void Workspace::setModel(std::shared_ptr<const LoadedModel> model) {
    if (m_model == model) return;
    m_jobs.release(Lane::Model, std::exchange(m_model, std::move(model)));
    Q_EMIT modelChanged();
    updateFlags();
}

void Workspace::replaceDocument(Opened opened) {
    stopDocumentJobs();
    Private& d = *m_private;
    ++d.document;
    d.pending.clear();
    d.capturing.clear();
    d.full.clear();
    d.savedTeleports.clear();
    d.safe.clear();
    d.nextPrompt = static_cast<std::int64_t>(opened.state.prompts.size()) + 1;
    d.nextTeleport = 1;
    d.savedResults.clear();
    d.files = {};
    d.files.traceFile = opened.traceFile;
    d.files.fileTrace =
        opened.traceFile.isEmpty() || !holdsWholeFile(*opened.state.trace) ? nullptr : opened.state.trace;
    d.files.promptsFile = opened.promptsFile;
    d.files.limit = opened.limit;
    d.files.promptsTrace = opened.promptsFile.isEmpty() ? nullptr : opened.state.trace;
    forEachSource(opened.state.trace, [&](const auto& part) { d.safe.insert(part); });

    m_undo.clear();
    limitUndo(opened.state);
    setModel(std::move(opened.model));
    setState(std::make_shared<const DocumentState>(std::move(opened.state)));
    Q_EMIT documentReplaced();
    Q_EMIT pendingChanged();
    if (!opened.note.isEmpty()) Q_EMIT noted(opened.note);
}

// ---- opening ------------------------------------------------------------------------------------------

JobId Workspace::openModel(const QString& folder, const ModelOptions& options) {
    const QString what = tr("Open the model");
    return m_jobs.submit(
        {Lane::Model, tr("Opening %1").arg(QString::fromStdString(modelTitle(toPath(folder))))},
        [path = toPath(folder), options](Progress& progress) { return loadModel(path, options, progress); },
        this,
        [this, what, folder](Outcome<std::shared_ptr<const LoadedModel>> outcome) {
            use(what, outcome, [&](std::shared_ptr<const LoadedModel> model) {
                Opened next;
                next.model = std::move(model);
                replaceDocument(std::move(next));
                Q_EMIT opened(folder);
            });
        });
}

JobId Workspace::openTrace(const QString& file) {
    const QString what = tr("Open the trace");
    return m_jobs.submit(
        {Lane::Io, tr("Opening %1").arg(QFileInfo(file).fileName())},
        [path = toPath(file)](Progress&) { return openDocument(TraceReader::open(path), PromptId{1}); }, this,
        [this, what, file](Outcome<DocumentState> outcome) {
            use(what, outcome, [&](DocumentState state) {
                openRows(std::move(state), file);
                Q_EMIT opened(file);
                if (isSmall()) {
                    fit(true);
                    density(true);
                }
            });
        });
}

void Workspace::openRows(DocumentState rows, const QString& traceFile) {
    Opened next;
    if (m_model) {
        try {
            if (rows.trace)
                checkAttachment(rows.trace->info(), m_model->model->identity(), m_model->model->points(),
                                modelFolder().toStdString());
            next.model = m_model;
        } catch (const Error& error) {
            next.note = tr("The model was closed: %1").arg(QString::fromUtf8(error.what()));
        }
    }
    next.state = std::move(rows);
    next.traceFile = traceFile;
    replaceDocument(std::move(next));
}

bool Workspace::isSmall() const {
    return m_state->rows() > 0 && bytesOf(*m_state->trace) <= autoFitBytes;
}

JobId Workspace::openDemo(const QString& modelFolder, const QString& promptsFile, int limit,
                          const ModelOptions& options) {
    return m_jobs.submit(
        {Lane::Model, tr("Opening the demo")},
        [folder = toPath(modelFolder), prompts = toPath(promptsFile), promptsFile, limit,
         options](Progress& progress) {
            Opened next;
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
            Progress fitting = progress.part(0.8, 0.95);
            next.state = withFit(openDocument(trace, PromptId{1}), trace, fitOn(trace, fitting));
            Progress counting = progress.part(0.95, 1);
            next.state = withDensity(std::move(next.state), trace,
                                     rheo::density(TraceView{.trace = trace}, {}, counting));
            next.promptsFile = promptsFile;
            next.limit = limit;
            return next;
        },
        this,
        [this](Outcome<Opened> outcome) {
            use(tr("Open the demo"), outcome, [&](Opened next) { replaceDocument(std::move(next)); });
        });
}

JobId Workspace::attachModel(const QString& folder, const ModelOptions& options) {
    const QString what = tr("Attach the model");
    if (refuse(what, Feature::AttachModel)) return {};
    using Attached = std::pair<std::shared_ptr<const LoadedModel>, std::string>;
    const auto trace = m_state->trace;
    const quint64 document = m_private->document;
    return remember(m_jobs.submit(
        {Lane::Model, tr("Attaching %1").arg(QString::fromStdString(modelTitle(toPath(folder))))},
        [path = toPath(folder), options, trace](Progress& progress) {
            // Who it is can be told before gigabytes are read.
            const auto checkpoint = Checkpoint::open(path, AcceptedKeys(options.acceptedKeys));
            const auto points = residualPoints(static_cast<int>(checkpoint->config().layers),
                                               checkpoint->config().parallelBlocks);
            std::string note =
                checkAttachment(trace->info(), checkpoint->identity(options.dtype, options.untrainedSeed),
                                points, path.string());
            return Attached(loadModel(path, options, progress), std::move(note));
        },
        this,
        [this, what, folder, document](Outcome<Attached> outcome) {
            if (document != m_private->document) return;
            use(what, outcome, [&](Attached attached) {
                setModel(std::move(attached.first));
                Q_EMIT opened(folder);
                if (!attached.second.empty())
                    Q_EMIT noted(tr("%1: %2").arg(folder, QString::fromStdString(attached.second)));
            });
        }));
}

JobId Workspace::openPath(const QString& path, const ModelOptions& options) {
    if (QFileInfo(path).isDir() || kindOfPath(path) == PathKind::Model) return openModel(path, options);
    return openTrace(path);
}

JobId Workspace::inspectModel(const QString& folder) {
    return m_jobs.submit(
        {Lane::Analysis, tr("Reading %1").arg(folder), false},
        [path = toPath(folder)](Progress&) { return openForReview(path).checkpoint; }, this,
        [this, folder](Outcome<std::shared_ptr<const Checkpoint>> outcome) {
            use(tr("Read the model %1").arg(folder), outcome,
                [&](const std::shared_ptr<const Checkpoint>& checkpoint) {
                    Q_EMIT inspected(folder, checkpoint);
                });
        });
}

void Workspace::closeModel() {
    for (const Pending& pending : m_private->pending) m_jobs.cancel(pending.job);
    setModel(nullptr);
}

void Workspace::clear() {
    replaceDocument({});
}

// ---- prompts --------------------------------------------------------------------------------------------

int Workspace::promptCount() const {
    const auto& pending = m_private->pending;
    return static_cast<int>(m_state->prompts.size()) +
           static_cast<int>(
               std::count_if(pending.begin(), pending.end(), [](const Pending& p) { return !p.isEdit; }));
}

PromptItem Workspace::promptAt(int index) const {
    PromptItem item;
    const auto ready = static_cast<int>(m_state->prompts.size());
    const Pending* pending = nullptr;
    if (index < ready) {
        const auto s = static_cast<std::size_t>(index);
        const Sample& sample = m_state->trace->info().samples[s];
        item.id = m_state->prompts[s];
        item.text = QString::fromStdString(sample.text);
        item.tokens = sample.tokenIds.empty() ? -1 : static_cast<int>(sample.tokenIds.size());
        item.rows = m_private->rowsOfSample[s];
        for (const Pending& p : m_private->pending)
            if (p.id == item.id) pending = &p;
    } else {
        int left = index - ready;
        for (const Pending& p : m_private->pending)
            if (!p.isEdit && left-- == 0) pending = &p;
    }
    if (pending != nullptr) {
        item.id = pending->id;
        item.text = pending->text;
        item.status = pending->status;
        item.reason = pending->reason;
        item.tokens = -1;
    }
    if (item.tokens > 0 && m_model)
        item.note = QString::fromStdString(lengthNote(m_model->model->config(), item.tokens));
    return item;
}

int Workspace::promptIndex(PromptId id) const {
    if (const auto sample = sampleOf(*m_state, id)) return static_cast<int>(*sample);
    int index = static_cast<int>(m_state->prompts.size());
    for (const Pending& pending : m_private->pending) {
        if (pending.isEdit) continue;
        if (pending.id == id) return index;
        ++index;
    }
    return -1;
}

Sample Workspace::sampleOfPrompt(PromptId id) const {
    const auto sample = sampleOf(*m_state, id);
    return sample ? m_state->trace->info().samples[static_cast<std::size_t>(*sample)] : Sample{};
}

PromptId Workspace::addPrompt(const QString& text) {
    if (refuse(tr("Add a prompt"), Feature::AddPrompt)) return {};
    Pending pending;
    pending.id = PromptId{m_private->nextPrompt++};
    pending.text = text;
    startCapture(m_private->pending.emplace_back(std::move(pending)));
    return m_private->pending.back().id;
}

bool Workspace::editPrompt(PromptId id, const QString& text) {
    if (promptIndex(id) < 0 || refuse(tr("Edit the prompt"), Feature::EditPrompt)) return false;
    auto& all = m_private->pending;
    auto place = std::find_if(all.begin(), all.end(), [&](const Pending& p) { return p.id == id; });
    if (place == all.end()) {
        Pending pending;
        pending.id = id;
        pending.isEdit = true;
        place = all.insert(all.end(), std::move(pending));
    } else {
        m_jobs.cancel(place->job);
    }
    place->text = text;
    startCapture(*place);
    return true;
}

void Workspace::startCapture(Pending& pending) {
    pending.status = PromptStatus::Queued;
    pending.reason.clear();
    pending.run = ++m_private->runs;
    const PointIndex first = modelPoint(PointIndex{0}).value_or(PointIndex{0});
    const PointIndex last{first.value() + static_cast<std::int64_t>(points().size()) - 1};
    pending.job = remember(m_jobs.submit(
        {Lane::Model, tr("Running \"%1\"").arg(shortened(pending.text))},
        [loaded = m_model, text = pending.text.toStdString(), basis = m_state->basis, first,
         last](Progress& progress) {
            const Sample sample =
                makeSample(text, *loaded->tokenizer, loaded->model->config(), std::nullopt, "the prompt");
            const auto position = static_cast<std::int32_t>(sample.tokenIds.size()) - 1;
            return projected(captureTokens(*loaded->model, sample, {position}, first, last, progress), basis,
                             progress);
        },
        this,
        [this, id = pending.id, run = pending.run](Outcome<CapturedRows> outcome) {
            capturedPrompt(id, run, std::move(outcome));
        }));
    Q_EMIT pendingChanged();
}

void Workspace::capturedPrompt(PromptId id, quint64 run, Outcome<CapturedRows> outcome) {
    auto& all = m_private->pending;
    const auto place =
        std::find_if(all.begin(), all.end(), [&](const Pending& p) { return p.id == id && p.run == run; });
    if (place == all.end()) return;
    const auto failedWith = [&](const QString& reason) {
        place->status = PromptStatus::Failed;
        place->reason = reason;
        Q_EMIT pendingChanged();
    };
    if (outcome.failure() != nullptr) return failedWith(outcome.failure()->message);
    if (outcome.cancelled()) return failedWith(tr("Stopped before it was run."));

    const CapturedRows captured = std::move(*outcome.result());
    const QString title = shortened(place->text);
    const bool isEdit = sampleOf(*m_state, id).has_value();
    if (place->isEdit && !isEdit) {  // removed, by undo, while it was run
        all.erase(place);
        Q_EMIT pendingChanged();
        return;
    }
    try {
        DocumentState next =
            isEdit ? replacePrompt(*m_state, id, captured) : addPrompts(*m_state, {id}, captured);
        all.erase(place);
        push(isEdit ? tr("Edit \"%1\"").arg(title) : tr("Add \"%1\"").arg(title), std::move(next));
    } catch (const Error& error) {
        return failedWith(QString::fromUtf8(error.what()));
    }
    Q_EMIT pendingChanged();
    const auto& sample = captured.trace->info().samples.front();
    const std::string note =
        m_model ? lengthNote(m_model->model->config(), static_cast<std::int64_t>(sample.tokenIds.size()))
                : std::string();
    if (!note.empty()) Q_EMIT noted(tr("\"%1\": %2").arg(title, QString::fromStdString(note)));
    Q_EMIT promptCaptured(id);
}

JobId Workspace::addPromptsFromFile(const QString& file, int limit) {
    const QString what = tr("Add the prompts");
    // A file may give token ids, so a tokenizer is not needed; the reader says so where it is.
    if (!m_model) {
        refuse(what, Feature::AddPrompt);
        return {};
    }
    struct Read {
        CapturedRows rows;
        std::int64_t blank = 0;
    };
    const PointIndex first = modelPoint(PointIndex{0}).value_or(PointIndex{0});
    const PointIndex last{first.value() + static_cast<std::int64_t>(points().size()) - 1};
    const bool intoNothing = !m_state->trace;
    const quint64 document = m_private->document;
    return remember(m_jobs.submit(
        {Lane::Model, tr("Running the prompts of %1").arg(QFileInfo(file).fileName())},
        [loaded = m_model, path = toPath(file), basis = m_state->basis, first, last,
         limit](Progress& progress) {
            PromptOptions options;
            if (limit > 0) options.limit = limit;
            Progress reading = progress.part(0, 0.05);
            auto list = readPrompts(path, loaded->tokenizer.get(), loaded->model->config(), options, reading);
            Progress capturing = progress.part(0.05, 0.98);
            capturing.setStage("capturing");
            const auto trace =
                captureLastTokens(*loaded->model, std::move(list.samples), first, last, capturing);
            Progress projecting = progress.part(0.98, 1);
            return Read{projected(trace, basis, projecting), list.blankLines};
        },
        this,
        [this, what, file, limit, intoNothing, document](Outcome<Read> outcome) {
            if (document != m_private->document) return;
            use(what, outcome, [&](const Read& read) {
                std::vector<PromptId> ids;
                for (std::size_t i = 0; i < read.rows.trace->info().samples.size(); ++i)
                    ids.emplace_back(m_private->nextPrompt++);
                push(tr("Add %n prompt(s)", nullptr, static_cast<int>(ids.size())),
                     addPrompts(*m_state, ids, read.rows));
                if (intoNothing && static_cast<std::size_t>(m_state->rows()) == ids.size()) {
                    m_private->files.promptsFile = file;
                    m_private->files.limit = limit;
                    m_private->files.promptsTrace = m_state->trace;
                }
                if (read.blank > 0)
                    Q_EMIT noted(tr("%n blank line(s) were skipped.", nullptr, static_cast<int>(read.blank)));
            });
        }));
}

void Workspace::removePrompts(const QList<PromptId>& ids) {
    auto& all = m_private->pending;
    bool anyPending = false;
    std::vector<PromptId> ready;
    for (const PromptId id : ids) {
        const auto place = std::find_if(all.begin(), all.end(), [&](const Pending& p) { return p.id == id; });
        if (place != all.end()) {
            m_jobs.cancel(place->job);
            all.erase(place);
            anyPending = true;
        }
        if (sampleOf(*m_state, id)) ready.push_back(id);
    }
    if (!ready.empty())
        edit(tr("Remove prompts"),
             ready.size() == 1
                 ? tr("Remove \"%1\"").arg(shortened(QString::fromStdString(sampleOfPrompt(ready[0]).text)))
                 : tr("Remove %n prompt(s)", nullptr, static_cast<int>(ready.size())),
             [&] { return rheo::removePrompts(*m_state, ready); });
    if (anyPending) Q_EMIT pendingChanged();
}

bool Workspace::isCapturing(PromptId id, int position) const {
    return m_private->capturing.contains({id, position});
}

void Workspace::captureToken(PromptId id, int position) {
    if (findRow(*m_state, id, position)) {
        Q_EMIT tokenCaptured(id, position);
        return;
    }
    const QString what = tr("Capture the token");
    if (refuse(what, Feature::CaptureToken)) return;
    const Sample sample = sampleOfPrompt(id);
    if (position < 0 || static_cast<std::size_t>(position) >= sample.tokenIds.size() ||
        !m_private->capturing.emplace(id, position).second)
        return;
    const PointIndex first = modelPoint(PointIndex{0}).value_or(PointIndex{0});
    const PointIndex last{first.value() + static_cast<std::int64_t>(points().size()) - 1};
    const quint64 document = m_private->document;
    remember(m_jobs.submit(
        {Lane::Model, tr("Capturing token %1").arg(position), true, true},
        [loaded = m_model, sample, position, basis = m_state->basis, first, last](Progress& progress) {
            return projected(captureTokens(*loaded->model, sample, {position}, first, last, progress), basis,
                             progress);
        },
        this,
        [this, what, id, position, document](Outcome<CapturedRows> outcome) {
            if (document != m_private->document) return;
            m_private->capturing.erase({id, position});
            Q_EMIT pendingChanged();
            // A prompt that went meanwhile needs no path.
            if (!sampleOf(*m_state, id)) return;
            use(what, outcome, [&](const CapturedRows& captured) {
                push(tr("Capture token %1").arg(position), addToken(*m_state, id, captured));
                Q_EMIT tokenCaptured(id, position);
            });
        }));
    Q_EMIT pendingChanged();
}

// ---- analyses ---------------------------------------------------------------------------------------------

JobId Workspace::fitBasis() {
    if (refuse(tr("Fit the PCA"), Feature::FitBasis)) return {};
    return fit(false);
}

JobId Workspace::fit(bool opening) {
    const auto trace = m_state->trace;
    const quint64 document = m_private->document;
    return remember(m_jobs.submit(
        {Lane::Analysis, tr("Fitting the PCA")},
        [trace](Progress& progress) { return fitOn(trace, progress); }, this,
        [this, trace, document, opening](Outcome<PcaResult> outcome) {
            if (document != m_private->document) return;
            use(tr("Fit the PCA"), outcome, [&](PcaResult result) {
                if (result.excludedRows > 0)
                    Q_EMIT noted(tr("%n row(s) hold values that are not finite, and are left out.", nullptr,
                                    static_cast<int>(result.excludedRows)));
                const QString text = tr("Fit the PCA");
                if (m_state->trace != trace) {
                    projectAndPush(text, std::make_shared<const PcaBasis>(std::move(result.basis)), trace,
                                   std::make_shared<const MatrixD>(std::move(result.perPointExplained)));
                    return;
                }
                DocumentState next = withFit(*m_state, trace, std::move(result));
                if (opening && m_undo.count() == 0)
                    setState(std::make_shared<const DocumentState>(std::move(next)));
                else
                    push(text, std::move(next));
            });
        }));
}

/// Rows came or went while the basis was fitted: those there are now are projected on it.
JobId Workspace::projectAndPush(const QString& text, std::shared_ptr<const PcaBasis> basis,
                                std::shared_ptr<const Trace> fittedOn,
                                std::shared_ptr<const MatrixD> pointExplained) {
    const auto trace = m_state->trace;
    if (!trace) return {};
    const quint64 document = m_private->document;
    return remember(m_jobs.submit(
        {Lane::Analysis, tr("Projecting")},
        [trace, basis](Progress& progress) { return project(*basis, TraceView{.trace = trace}, progress); },
        this,
        [this, text, trace, basis, fittedOn, pointExplained, document](Outcome<Array3F> outcome) {
            if (document != m_private->document) return;
            use(text, outcome, [&](Array3F scores) {
                if (m_state->trace != trace)
                    projectAndPush(text, basis, fittedOn, pointExplained);
                else
                    push(text, withBasis(*m_state, basis, fittedOn,
                                         std::make_shared<const Array3F>(std::move(scores)), pointExplained));
            });
        }));
}

JobId Workspace::computeDensity() {
    if (refuse(tr("Compute the density"), Feature::Density)) return {};
    return density(false);
}

JobId Workspace::density(bool opening) {
    const auto trace = m_state->trace;
    const quint64 document = m_private->document;
    return remember(m_jobs.submit(
        {Lane::Analysis, tr("Computing the density")},
        [trace](Progress& progress) { return rheo::density(TraceView{.trace = trace}, {}, progress); }, this,
        [this, trace, document, opening](Outcome<DensityResult> outcome) {
            if (document != m_private->document) return;
            use(tr("Compute the density"), outcome, [&](DensityResult result) {
                DocumentState next = withDensity(*m_state, trace, std::move(result));
                if (opening && m_undo.count() == 0)
                    setState(std::make_shared<const DocumentState>(std::move(next)));
                else
                    push(tr("Compute the density"), std::move(next));
            });
        }));
}

// ---- teleports --------------------------------------------------------------------------------------------

void Workspace::addTeleport(TeleportRecord record) {
    record.id = m_private->nextTeleport++;
    const QString text =
        tr("Teleport at %1")
            .arg(QString::fromStdString(pointName(
                m_model
                    ? m_model->model->points()[static_cast<std::size_t>(record.result.request.point.value())]
                    : ResidualPoint{})));
    DocumentState next = *m_state;
    next.teleports.push_back(std::make_shared<const TeleportRecord>(std::move(record)));
    push(text, std::move(next));
}

void Workspace::removeTeleport(std::int64_t id) {
    DocumentState next = *m_state;
    if (std::erase_if(next.teleports, [&](const auto& record) { return record->id == id; }) > 0)
        push(tr("Remove the teleport"), std::move(next));
}

std::shared_ptr<const TeleportResult> Workspace::fullTeleport(std::int64_t id) const {
    const auto found = m_private->full.find(id);
    return found == m_private->full.end() ? nullptr : found->second;
}

void Workspace::keepFullTeleport(std::int64_t id, std::shared_ptr<const TeleportResult> result) {
    m_private->full[id] = std::move(result);
}

// ---- files ------------------------------------------------------------------------------------------------

std::vector<fs::path> Workspace::inputFiles() const {
    std::vector<fs::path> files;
    if (m_model) files.push_back(m_model->checkpoint->folder());
    if (m_state->results && !m_state->results->path.empty()) files.push_back(m_state->results->path);
    const auto* joined = dynamic_cast<const JoinedTrace*>(m_state->trace.get());
    for (const auto& part : joined != nullptr ? joined->parts() : std::vector{m_state->trace})
        if (const auto* reader = dynamic_cast<const TraceReader*>(part.get()))
            files.push_back(reader->path());
    return files;
}

JobId Workspace::saveTraceAs(const QString& file, bool replace) {
    const QString what = tr("Save the trace");
    if (refuse(what, Feature::SaveTrace)) return {};
    const auto trace = m_state->trace;
    const quint64 document = m_private->document;
    return m_jobs.submit(
        {Lane::Io, tr("Saving %1").arg(QFileInfo(file).fileName())},
        [trace, path = toPath(file), replace, inputs = inputFiles()](Progress& progress) {
            requireOutput(path, ifExists(replace), inputs);
            writeTrace(*trace, path, ifExists(replace), progress);
        },
        this,
        [this, what, file, trace, document](Outcome<std::monostate> outcome) {
            use(what, outcome, [&](std::monostate) {
                if (document == m_private->document) {
                    m_private->files.traceFile = file;
                    m_private->files.fileTrace = trace;
                    forEachSource(trace, [&](const auto& part) { m_private->safe.insert(part); });
                    updateFlags();
                }
                Q_EMIT saved(file);
            });
        });
}

JobId Workspace::saveTeleport(std::int64_t id, const QString& file, bool replace) {
    const QString what = tr("Save the teleport");
    const auto& records = m_state->teleports;
    const auto place =
        std::find_if(records.begin(), records.end(), [&](const auto& record) { return record->id == id; });
    if (place == records.end()) {
        fail(what, {ErrorCode::NotFound, tr("This teleport is not in the document any more."), {}});
        return {};
    }
    const auto record = *place;
    const quint64 document = m_private->document;
    const auto write = [this, what, file, replace, record, document](
                           const std::shared_ptr<const LoadedModel>& loaded,
                           const std::shared_ptr<const TeleportResult>& result) {
        return m_jobs.submit(
            {Lane::Io, tr("Saving %1").arg(QFileInfo(file).fileName())},
            [loaded, result, record, path = toPath(file), replace, inputs = inputFiles()](Progress&) {
                requireOutput(path, ifExists(replace), inputs);
                TeleportFile out;
                out.points = loaded->model->points();
                out.text = record->sample.text;
                out.tokenIds = record->sample.tokenIds;
                out.model = loaded->model->identity();
                out.result = *result;
                for (const auto* side : {&result->natural, &result->teleported})
                    for (const auto& token : topTokens(side->logits, shownTokens)) {
                        if (std::find(out.shownIds.begin(), out.shownIds.end(), token.id) !=
                            out.shownIds.end())
                            continue;
                        out.shownIds.push_back(token.id);
                        out.shownTexts.push_back(loaded->tokenizer ? loaded->tokenizer->pieceText(token.id)
                                                                   : std::to_string(token.id));
                    }
                writeTeleportFile(path, out, ifExists(replace));
            },
            this,
            [this, what, file, record, document](Outcome<std::monostate> outcome) {
                use(what, outcome, [&](std::monostate) {
                    if (document == m_private->document) {
                        m_private->savedTeleports.insert(record->id);
                        updateFlags();
                    }
                    Q_EMIT saved(file);
                });
            });
    };
    if (!m_model) {
        refuse(what, Feature::Teleport);
        return {};
    }
    if (const auto full = fullTeleport(id)) return write(m_model, full);
    using Full = std::shared_ptr<const TeleportResult>;
    return m_jobs.submit(
        {Lane::Model, tr("Random directions for the teleport")},
        [loaded = m_model, record](Progress& progress) {
            const auto context = loaded->model->prepare(record->sample.tokenIds, progress);
            return Full(std::make_shared<const TeleportResult>(
                teleport(*loaded->model, *context, record->result.request, record->basis.get(), progress)));
        },
        this,
        [this, what, write, loaded = m_model, id, document](Outcome<Full> outcome) {
            use(what, outcome, [&](const Full& full) {
                if (document == m_private->document) keepFullTeleport(id, full);
                write(loaded, full);
            });
        });
}

JobId Workspace::saveResults(const QString& file, bool replace, const QString& statistic) {
    const QString what = tr("Save the results");
    if (refuse(what, Feature::SaveResults)) return {};
    const auto state = m_state;
    const quint64 document = m_private->document;
    const QString source =
        m_private->files.fileTrace == state->trace ? m_private->files.traceFile : QString();
    return m_jobs.submit(
        {Lane::Io, tr("Saving %1").arg(QFileInfo(file).fileName())},
        [state, path = toPath(file), source = source.toStdString(), replace,
         statistic = statistic.toStdString(), inputs = inputFiles()](Progress& progress) {
            requireOutput(path, ifExists(replace), inputs);
            progress.setStage("writing " + path.filename().string());
            const ResultsToSave saved = resultsToSave(*state, source, statistic);
            ResultsWriter writer = ResultsWriter::create(path, saved.results.source, ifExists(replace));
            writer.write(saved.results, false);
            progress.check();
            writer.commit();
            return saved.left;
        },
        this,
        [this, what, file, state, document](Outcome<std::vector<std::string>> outcome) {
            use(what, outcome, [&](const std::vector<std::string>& left) {
                if (document == m_private->document) {
                    if (std::find(left.begin(), left.end(), Pca::info.name) == left.end()) {
                        m_private->files.resultsFile = file;
                        m_private->files.resultsBasis = state->basis;
                    }
                    if (state->results && state->results->path.empty())
                        m_private->savedResults.insert(state->results);
                    updateFlags();
                }
                Q_EMIT saved(file);
                if (!left.empty())
                    Q_EMIT noted(tr("Not in %1, as they are of other rows or points: %2")
                                     .arg(QFileInfo(file).fileName(), joined(left)));
            });
        });
}

std::int64_t Workspace::unsavedRows() const {
    std::int64_t rows = 0;
    std::shared_ptr<const Trace> last;
    bool lost = false;
    forEachSource(m_state->trace, [&](const std::shared_ptr<const Trace>& part) {
        if (part != last) {
            last = part;
            lost = dynamic_cast<const MemoryTrace*>(part.get()) != nullptr && !m_private->safe.contains(part);
        }
        rows += lost ? 1 : 0;
    });
    return rows;
}

std::int64_t Workspace::unsavedTeleports() const {
    return std::count_if(m_state->teleports.begin(), m_state->teleports.end(), [this](const auto& record) {
        return !m_private->savedTeleports.contains(record->id);
    });
}

/// Statistics that were computed here, and that no file holds.
std::int64_t Workspace::unsavedResults() const {
    const auto& results = m_state->results;
    if (!results || !results->path.empty() || m_private->savedResults.contains(results)) return 0;
    std::set<std::string> names;
    for (const auto& choice : results->made)
        for (const auto& name : choice.statistics)
            if (holds(results->results, name)) names.insert(name);
    return static_cast<std::int64_t>(names.size());
}

bool Workspace::hasUnsaved() const {
    return unsavedRows() > 0 || unsavedTeleports() > 0 || unsavedResults() > 0;
}

QString Workspace::unsavedSummary() const {
    QStringList parts;
    if (const auto rows = static_cast<int>(unsavedRows()); rows > 0)
        parts << (rows == 1 ? tr("1 captured row") : tr("%1 captured rows").arg(rows));
    if (const auto teleports = static_cast<int>(unsavedTeleports()); teleports > 0)
        parts << (teleports == 1 ? tr("1 teleport") : tr("%1 teleports").arg(teleports));
    if (const auto results = static_cast<int>(unsavedResults()); results > 0)
        parts << (results == 1 ? tr("1 computed statistic") : tr("%1 computed statistics").arg(results));
    if (parts.size() > 2) parts = {parts.mid(0, parts.size() - 1).join(", "), parts.back()};
    return parts.join(tr(" and "));
}

QString Workspace::copyAsCommand(std::int64_t teleport) const {
    if (!whyNot(Feature::CopyCommand).isEmpty()) return {};
    return commandOfDocument(m_private->files, *m_state, m_model.get(), teleport);
}

QString Workspace::copyAsCommand(const FigureView& view, std::int64_t teleport) const {
    const HeldResults held = resultsShown(view);
    if (!held.opened) return copyAsCommand(teleport);
    return commandOfResults(m_private->files, held, m_model.get(), textOf(view.name));
}

QString Workspace::analyzeCommand(const AnalysisChoice& choice) const {
    return commandOfAnalysis(m_private->files, m_state->trace, m_model.get(), choice);
}

QString Workspace::whyNoCommand(const FigureView& view) const {
    const HeldResults held = resultsShown(view);
    return held.opened ? whyNoCommandOfResults(m_private->files, held, m_model != nullptr)
                       : whyNot(Feature::CopyCommand);
}

/// The results that a view shows; none where it shows the PCA or the density of the rows that are open.
HeldResults Workspace::resultsShown(const FigureView& view) const {
    const bool own = (view.statistic == Pca::info.name && m_state->basis && !basisIsOfResults(*m_state)) ||
                     (view.statistic == Density::info.name && m_state->density);
    return own ? HeldResults{} : resultsWith(*m_state, view.statistic);
}

QString Workspace::whyNot(Feature feature) const {
    for (const Need& need : needs) {
        if (need.feature != feature) continue;
        for (const auto missing : need.checks)
            if (const QString why = missing != nullptr ? missing(*this) : QString(); !why.isEmpty())
                return why;
    }
    return feature == Feature::CopyCommand
               ? whyNoCommandOfDocument(m_private->files, *m_state, m_model != nullptr)
               : QString();
}

}  // namespace rheo
