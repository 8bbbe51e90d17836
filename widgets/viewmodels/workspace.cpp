#include "widgets/viewmodels/workspace.h"

#include <QFileInfo>
#include <QUndoCommand>
#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/checkpoint/adapter.h"
#include "core/checkpoint/model_cache.h"
#include "core/dynamics/teleport.h"
#include "core/session/attach_model.h"
#include "core/session/opened_results.h"
#include "core/trace/joined_trace.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/prompt_queue.h"

namespace rheo {

namespace {

/// Undo keeps states until they would hold more than this.
constexpr std::int64_t undoBytes = std::int64_t{1} << 30;

/// Whether a trace shows all rows of the file it comes from.
bool holdsWholeFile(const Trace& trace) {
    const auto* joined = dynamic_cast<const JoinedTrace*>(&trace);
    return joined == nullptr || (joined->parts().size() == 1 && joined->parts()[0]->rows() == trace.rows());
}

/// What is known of the files of a document that was just opened.
DocumentFiles filesOf(const OpenedDocument& opened) {
    const auto& trace = opened.state.trace;
    DocumentFiles files;
    files.traceFile = opened.traceFile;
    files.fileTrace = opened.traceFile.isEmpty() || !holdsWholeFile(*trace) ? nullptr : trace;
    files.promptsFile = opened.promptsFile;
    files.limit = opened.limit;
    files.promptsTrace = opened.promptsFile.isEmpty() ? nullptr : trace;
    return files;
}

}  // namespace

/// Swaps one state for another.
class Workspace::StateCommand : public QUndoCommand {
public:
    StateCommand(Workspace& workspace, const QString& text, std::shared_ptr<const DocumentState> before,
                 std::shared_ptr<const DocumentState> after, quint64 group)
        : QUndoCommand(text),
          m_workspace(workspace),
          m_before(std::move(before)),
          m_after(std::move(after)),
          m_group(group) {}
    int id() const override { return m_group == 0 ? -1 : 1; }
    bool mergeWith(const QUndoCommand* other) override {
        const auto* next = dynamic_cast<const StateCommand*>(other);
        if (next == nullptr || next->m_group != m_group || next->m_before != m_after) return false;
        m_after = next->m_after;
        return true;
    }
    void undo() override { m_workspace.setState(m_before); }
    void redo() override { m_workspace.setState(m_after); }

private:
    Workspace& m_workspace;
    std::shared_ptr<const DocumentState> m_before, m_after;
    quint64 m_group;
};

Workspace::Workspace(JobRunner& jobs, QObject* parent)
    : QObject(parent), m_jobs(jobs), m_state(std::make_shared<const DocumentState>()) {
    qRegisterMetaType<PromptId>();
    qRegisterMetaType<Failure>();
    // Both listen to this document before anything that shows it does.
    m_prompts = std::make_unique<PromptQueue>(*this);
    m_files = std::make_unique<FileKeeper>(*this);
    connect(&m_jobs, &JobRunner::jobEnded, this,
            [this](const JobInfo& job) { m_documentJobs.erase(job.id.value()); });
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

QString Workspace::modelFolder() const {
    return m_model ? QString::fromStdString(m_model->checkpoint->folder().string()) : QString();
}

QString Workspace::title() const {
    if (!m_files->known().traceFile.isEmpty()) return QFileInfo(m_files->known().traceFile).fileName();
    if (m_state->results && !m_state->trace)
        return m_state->results->path.empty()
                   ? tr("Results")
                   : QString::fromStdString(m_state->results->path.filename().string());
    if (!m_model) return {};
    QString model = QString::fromStdString(modelTitle(m_model->checkpoint->folder()));
    if (const Adapter* adapter = m_model->checkpoint->adapter())
        model = tr("%1 with %2").arg(model, QString::fromStdString(adapter->name));
    return m_model->model->options().untrainedSeed ? tr("%1, random weights").arg(model) : model;
}

// ---- the document becomes another -------------------------------------------------------------------

void Workspace::setState(std::shared_ptr<const DocumentState> state) {
    m_state = std::move(state);
    Q_EMIT stateChanged();
    const bool stale = m_state->basisIsStale();
    if (std::exchange(m_stale, stale) != stale) Q_EMIT basisStaleChanged(stale);
}

void Workspace::change(const QString& text, DocumentState next, quint64 group) {
    if (m_undo.count() == 0) limitUndo(next);
    m_undo.push(new StateCommand(*this, text, m_state, std::make_shared<const DocumentState>(std::move(next)),
                                 group));
}

void Workspace::amend(DocumentState next) {
    setState(std::make_shared<const DocumentState>(std::move(next)));
}

/// As many steps as may hold scores of their own. The stack takes a limit only while it is empty.
void Workspace::limitUndo(const DocumentState& state) {
    const std::int64_t each =
        state.scores ? static_cast<std::int64_t>(state.scores->data.size() * sizeof(float)) : 0;
    m_undo.setUndoLimit(
        static_cast<int>(std::clamp<std::int64_t>(undoBytes / std::max<std::int64_t>(1, each), 10, 200)));
}

void Workspace::setModel(std::shared_ptr<const LoadedModel> model) {
    if (m_model == model) return;
    m_jobs.release(Lane::Model, std::exchange(m_model, std::move(model)));
    Q_EMIT modelChanged();
}

void Workspace::replace(OpenedDocument opened) {
    stopDocumentJobs();
    ++m_document;
    m_fullTeleports.clear();
    m_nextTeleport = 1;
    for (const auto& record : opened.state.teleports)
        m_nextTeleport = std::max(m_nextTeleport, record->id + 1);
    m_prompts->restart(opened.state);
    m_files->restart(opened.state.trace, filesOf(opened));
    m_undo.clear();
    limitUndo(opened.state);
    setModel(std::move(opened.model));
    setState(std::make_shared<const DocumentState>(std::move(opened.state)));
    Q_EMIT documentReplaced();
    Q_EMIT m_prompts->changed();
    if (!opened.note.isEmpty()) Q_EMIT noted(opened.note);
}

void Workspace::openRows(DocumentState rows, const QString& traceFile) {
    OpenedDocument next;
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
    replace(std::move(next));
}

void Workspace::closeModel() {
    m_prompts->cancelAll();
    setModel(nullptr);
}

void Workspace::clear() {
    replace({});
}

// ---- teleports --------------------------------------------------------------------------------------------

void Workspace::addTeleport(TeleportRecord record) {
    record.id = m_nextTeleport++;
    if (m_model && record.points.empty()) {
        record.model = m_model->model->identity();
        record.points = m_model->model->points();
    }
    const auto point = static_cast<std::size_t>(record.result.request.point.value());
    const QString text = tr("Teleport at %1")
                             .arg(QString::fromStdString(pointName(
                                 point < record.points.size() ? record.points[point] : ResidualPoint{})));
    DocumentState next = *m_state;
    next.teleports.push_back(std::make_shared<const TeleportRecord>(std::move(record)));
    change(text, std::move(next));
}

void Workspace::removeTeleport(std::int64_t id) {
    DocumentState next = *m_state;
    if (std::erase_if(next.teleports, [&](const auto& record) { return record->id == id; }) > 0)
        change(tr("Remove the teleport"), std::move(next));
}

void Workspace::renameTeleport(std::int64_t id, const QString& name) {
    DocumentState next = *m_state;
    for (auto& record : next.teleports) {
        if (record->id != id || record->name == name.toStdString()) continue;
        auto renamed = std::make_shared<TeleportRecord>(*record);
        renamed->name = name.toStdString();
        record = std::move(renamed);
        return change(tr("Rename the teleport"), std::move(next));
    }
}

std::shared_ptr<const TeleportResult> Workspace::fullTeleport(std::int64_t id) const {
    const auto found = m_fullTeleports.find(id);
    return found == m_fullTeleports.end() ? nullptr : found->second;
}

void Workspace::keepFullTeleport(std::int64_t id, std::shared_ptr<const TeleportResult> result) {
    m_fullTeleports[id] = std::move(result);
}

// ---- for its parts
// ------------------------------------------------------------------------------------------

bool Workspace::refuse(const QString& what, Feature feature) {
    const QString reason = whyNot(*this, feature);
    if (!reason.isEmpty()) fail(what, {ErrorCode::Unsupported, reason, {}});
    return !reason.isEmpty();
}

JobId Workspace::remember(JobId id) {
    if (id != JobId{}) m_documentJobs.insert(id.value());
    return id;
}

void Workspace::stopDocumentJobs() {
    const auto ids = m_documentJobs;
    for (const qint64 id : ids) m_jobs.cancel(JobId{id});
}

}  // namespace rheo
