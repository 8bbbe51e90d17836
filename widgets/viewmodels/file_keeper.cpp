#include "widgets/viewmodels/file_keeper.h"

#include <QFileInfo>
#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/dynamics/teleport.h"
#include "core/results/results_file.h"
#include "core/results/teleport_file.h"
#include "core/session/opened_results.h"
#include "core/trace/joined_trace.h"
#include "core/trace/trace_reader.h"
#include "core/trace/write_trace.h"
#include "widgets/viewmodels/counted.h"
#include "widgets/viewmodels/feature.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr int shownTokens = 6;

fs::path toPath(const QString& path) {
    return fs::path(path.toStdString());
}

QString joined(const std::vector<std::string>& words) {
    QStringList list;
    for (const auto& word : words) list << QString::fromStdString(word);
    return list.join(", ");
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

IfExists ifExists(bool replace) {
    return replace ? IfExists::Replace : IfExists::Refuse;
}

}  // namespace

TeleportFile teleportFileOf(const TeleportRecord& record, const LoadedModel& loaded,
                            const TeleportResult& result) {
    TeleportFile out;
    out.points = record.points;
    out.text = record.sample.text;
    out.tokenIds = record.sample.tokenIds;
    out.model = record.model;
    out.result = result;
    for (const auto* side : {&result.natural, &result.teleported})
        for (const auto& token : topTokens(side->logits, shownTokens)) {
            if (std::find(out.shownIds.begin(), out.shownIds.end(), token.id) != out.shownIds.end()) continue;
            out.shownIds.push_back(token.id);
            out.shownTexts.push_back(loaded.tokenizer ? loaded.tokenizer->pieceText(token.id)
                                                      : std::to_string(token.id));
        }
    return out;
}

FileKeeper::FileKeeper(Workspace& workspace) : m_workspace(workspace) {
    connect(&workspace, &Workspace::stateChanged, this, &FileKeeper::updateUnsaved);
}

void FileKeeper::restart(const std::shared_ptr<const Trace>& trace, DocumentFiles known) {
    m_known = std::move(known);
    m_savedTeleports.clear();
    m_savedResults.clear();
    m_safe.clear();
    m_sessionState.reset();
    m_isRecovered = false;
    forEachSource(trace, [&](const auto& part) { m_safe.insert(part); });
}

void FileKeeper::setTraceFile(const QString& file, std::shared_ptr<const Trace> trace) {
    forEachSource(trace, [&](const auto& part) { m_safe.insert(part); });
    m_known.traceFile = file;
    m_known.fileTrace = std::move(trace);
    updateUnsaved();
}

void FileKeeper::setPrompts(const QString& file, int limit, std::shared_ptr<const Trace> trace) {
    m_known.promptsFile = file;
    m_known.limit = limit;
    m_known.promptsTrace = std::move(trace);
}

void FileKeeper::setSession(std::shared_ptr<const DocumentState> saved) {
    m_sessionState = std::move(saved);
    m_isRecovered = false;
    updateUnsaved();
}

void FileKeeper::setRecovered() {
    m_isRecovered = true;
    updateUnsaved();
}

void FileKeeper::updateUnsaved() {
    const bool unsaved = hasUnsaved();
    if (std::exchange(m_unsaved, unsaved) != unsaved) Q_EMIT unsavedChanged(unsaved);
}

std::vector<fs::path> FileKeeper::inputs() const {
    std::vector<fs::path> files;
    if (m_workspace.model()) files.push_back(m_workspace.model()->checkpoint->folder());
    if (m_workspace.state()->results && !m_workspace.state()->results->path.empty())
        files.push_back(m_workspace.state()->results->path);
    const auto* joined = dynamic_cast<const JoinedTrace*>(m_workspace.state()->trace.get());
    for (const auto& part : joined != nullptr ? joined->parts() : std::vector{m_workspace.state()->trace})
        if (const auto* reader = dynamic_cast<const TraceReader*>(part.get()))
            files.push_back(reader->path());
    return files;
}

JobId FileKeeper::saveTrace(const QString& file, bool replace) {
    const QString what = tr("Save the trace");
    if (m_workspace.refuse(what, Feature::SaveTrace)) return {};
    const auto trace = m_workspace.state()->trace;
    const quint64 document = m_workspace.documentNumber();
    return m_workspace.jobs().submit(
        {Lane::Io, tr("Saving %1").arg(QFileInfo(file).fileName())},
        [trace, path = toPath(file), replace, inputs = inputs()](Progress& progress) {
            requireOutput(path, ifExists(replace), inputs);
            writeTrace(*trace, path, ifExists(replace), progress);
        },
        this,
        [this, what, file, trace, document](Outcome<std::monostate> outcome) {
            m_workspace.use(what, outcome, [&](std::monostate) {
                if (document == m_workspace.documentNumber()) {
                    setTraceFile(file, trace);
                }
                Q_EMIT saved(file);
            });
        });
}

JobId FileKeeper::saveTeleport(std::int64_t id, const QString& file, bool replace) {
    const QString what = tr("Save the teleport");
    const auto& records = m_workspace.state()->teleports;
    const auto place =
        std::find_if(records.begin(), records.end(), [&](const auto& record) { return record->id == id; });
    if (place == records.end()) {
        m_workspace.fail(what, {ErrorCode::NotFound, tr("This teleport is no longer in the document."), {}});
        return {};
    }
    const auto record = *place;
    const quint64 document = m_workspace.documentNumber();
    const auto write = [this, what, file, replace, record, document](
                           const std::shared_ptr<const LoadedModel>& loaded,
                           const std::shared_ptr<const TeleportResult>& result) {
        return m_workspace.jobs().submit(
            {Lane::Io, tr("Saving %1").arg(QFileInfo(file).fileName())},
            [loaded, result, record, path = toPath(file), replace, inputs = inputs()](Progress&) {
                requireOutput(path, ifExists(replace), inputs);
                writeTeleportFile(path, teleportFileOf(*record, *loaded, *result), ifExists(replace));
            },
            this,
            [this, what, file, record, document](Outcome<std::monostate> outcome) {
                m_workspace.use(what, outcome, [&](std::monostate) {
                    if (document == m_workspace.documentNumber()) {
                        m_savedTeleports.insert(record->id);
                        updateUnsaved();
                    }
                    Q_EMIT saved(file);
                });
            });
    };
    if (!m_workspace.model()) {
        m_workspace.refuse(what, Feature::Teleport);
        return {};
    }
    if (const auto full = m_workspace.fullTeleport(id)) return write(m_workspace.model(), full);
    using Full = std::shared_ptr<const TeleportResult>;
    return m_workspace.jobs().submit(
        {Lane::Model, tr("Random directions for the teleport")},
        [loaded = m_workspace.model(), record](Progress& progress) {
            const auto context = loaded->model->prepare(record->sample.tokenIds, progress);
            return Full(std::make_shared<const TeleportResult>(
                teleport(*loaded->model, *context, record->result.request, record->basis.get(), progress)));
        },
        this,
        [this, what, write, loaded = m_workspace.model(), id, document](Outcome<Full> outcome) {
            m_workspace.use(what, outcome, [&](const Full& full) {
                if (document == m_workspace.documentNumber()) m_workspace.keepFullTeleport(id, full);
                write(loaded, full);
            });
        });
}

JobId FileKeeper::saveResults(const QString& file, bool replace, const QString& statistic) {
    const QString what = tr("Save the results");
    if (m_workspace.refuse(what, Feature::SaveResults)) return {};
    const auto state = m_workspace.state();
    const quint64 document = m_workspace.documentNumber();
    const QString source = m_known.fileTrace == state->trace ? m_known.traceFile : QString();
    return m_workspace.jobs().submit(
        {Lane::Io, tr("Saving %1").arg(QFileInfo(file).fileName())},
        [state, path = toPath(file), source = source.toStdString(), replace,
         statistic = statistic.toStdString(), inputs = inputs()](Progress& progress) {
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
            m_workspace.use(what, outcome, [&](const std::vector<std::string>& left) {
                if (document == m_workspace.documentNumber()) {
                    if (std::find(left.begin(), left.end(), Pca::info.name) == left.end()) {
                        m_known.resultsFile = file;
                        m_known.resultsBasis = state->basis;
                    }
                    if (state->results && state->results->path.empty()) m_savedResults.insert(state->results);
                    updateUnsaved();
                }
                Q_EMIT saved(file);
                if (!left.empty())
                    Q_EMIT m_workspace.noted(
                        tr("Not saved in %1, because they belong to other rows or points: %2")
                            .arg(QFileInfo(file).fileName(), joined(left)));
            });
        });
}

JobId FileKeeper::saveOther(std::shared_ptr<const Results> results, const QString& file, bool replace) {
    return m_workspace.jobs().submit(
        {Lane::Io, tr("Saving %1").arg(QFileInfo(file).fileName())},
        [results = std::move(results), path = toPath(file), replace, inputs = inputs()](Progress& progress) {
            requireOutput(path, ifExists(replace), inputs);
            ResultsWriter writer = ResultsWriter::create(path, results->source, ifExists(replace));
            writer.write(*results, false);
            progress.check();
            writer.commit();
        },
        this,
        [this, file](Outcome<std::monostate> outcome) {
            m_workspace.use(tr("Save the results"), outcome, [&](std::monostate) { Q_EMIT saved(file); });
        });
}

JobId FileKeeper::saveWith(const QString& what,
                           std::function<void(const std::filesystem::path&, IfExists)> write,
                           const QString& file, bool replace) {
    return m_workspace.jobs().submit(
        {Lane::Io, tr("Saving %1").arg(QFileInfo(file).fileName())},
        [write = std::move(write), path = toPath(file), replace, inputs = inputs()](Progress&) {
            requireOutput(path, ifExists(replace), inputs);
            write(path, ifExists(replace));
        },
        this,
        [this, what, file](Outcome<std::monostate> outcome) {
            m_workspace.use(what, outcome, [&](std::monostate) { Q_EMIT saved(file); });
        });
}

std::int64_t FileKeeper::unsavedRows() const {
    std::int64_t rows = 0;
    std::shared_ptr<const Trace> last;
    bool lost = false;
    forEachSource(m_workspace.state()->trace, [&](const std::shared_ptr<const Trace>& part) {
        if (part != last) {
            last = part;
            lost = dynamic_cast<const MemoryTrace*>(part.get()) != nullptr && !m_safe.contains(part);
        }
        rows += lost ? 1 : 0;
    });
    return rows;
}

std::vector<std::int64_t> FileKeeper::unsavedTeleports() const {
    std::vector<std::int64_t> ids;
    for (const auto& record : m_workspace.state()->teleports)
        if (!m_savedTeleports.contains(record->id)) ids.push_back(record->id);
    return ids;
}

/// Statistics that were computed here, and that no file holds.
std::int64_t FileKeeper::unsavedResults() const {
    const auto& results = m_workspace.state()->results;
    if (!results || !results->path.empty() || m_savedResults.contains(results)) return 0;
    std::set<std::string> names;
    for (const auto& choice : results->made)
        for (const auto& name : choice.statistics)
            if (holds(results->results, name)) names.insert(name);
    return static_cast<std::int64_t>(names.size());
}

bool FileKeeper::hasUnsaved() const {
    if (m_isRecovered) return true;
    if (m_sessionState) return m_sessionState != m_workspace.state();
    return unsavedRows() > 0 || !unsavedTeleports().empty() || unsavedResults() > 0;
}

QString FileKeeper::unsavedSummary() const {
    if (m_isRecovered) return tr("the session that was recovered");
    if (m_sessionState) return tr("unsaved changes of the session");
    QStringList parts;
    if (const auto rows = static_cast<int>(unsavedRows()); rows > 0)
        parts << counted(rows, tr("1 captured row"), tr("%1 captured rows"));
    if (const auto teleports = static_cast<int>(unsavedTeleports().size()); teleports > 0)
        parts << counted(teleports, tr("1 teleport"), tr("%1 teleports"));
    if (const auto results = static_cast<int>(unsavedResults()); results > 0)
        parts << counted(results, tr("1 computed statistic"), tr("%1 computed statistics"));
    if (parts.size() > 2) parts = {parts.mid(0, parts.size() - 1).join(", "), parts.back()};
    return parts.join(tr(" and "));
}

}  // namespace rheo
