#include "widgets/viewmodels/prompt_queue.h"

#include <QFileInfo>
#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/base/error.h"
#include "core/capture/prompts.h"
#include "widgets/viewmodels/counted.h"
#include "widgets/viewmodels/feature.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/model_jobs.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

namespace {

/// Prompts of a file that become rows together: a person who stops the capture, or a crash, loses no more.
constexpr std::ptrdiff_t promptsAtOnce = 32;

QString shortened(const QString& text) {
    const QString line = text.simplified();
    return line.size() <= 40 ? line : line.left(39) + QChar(0x2026);
}

}  // namespace

/// A prompt that waits for the model, is being run, or failed.
struct PromptQueue::Pending {
    PromptId id;
    QString text;
    bool isEdit = false;  ///< the document has a prompt of this id
    PromptStatus status = PromptStatus::Queued;
    QString reason;
    JobId job;
    quint64 run = 0;  ///< which capture it waits for: an older one is passed over
};

PromptQueue::PromptQueue(Workspace& workspace) : m_workspace(workspace) {
    connect(&workspace.jobs(), &JobRunner::jobChanged, this, [this](const JobInfo& job) {
        if (job.state != JobState::Running) return;
        for (Pending& pending : m_pending)
            if (pending.job == job.id && pending.status == PromptStatus::Queued) {
                pending.status = PromptStatus::Running;
                Q_EMIT changed();
                return;
            }
    });
    // Connected before anything that shows prompts, so that it counts first.
    connect(&workspace, &Workspace::stateChanged, this, &PromptQueue::countRows);
}

PromptQueue::~PromptQueue() = default;

std::shared_ptr<const DocumentState> PromptQueue::state() const {
    return m_workspace.state();
}

std::shared_ptr<const LoadedModel> PromptQueue::model() const {
    return m_workspace.model();
}

void PromptQueue::restart(const DocumentState& opened) {
    m_pending.clear();
    m_capturing.clear();
    m_nextPrompt = 1;
    const auto see = [&](PromptId id) { m_nextPrompt = std::max(m_nextPrompt, id.value() + 1); };
    for (const PromptId id : opened.prompts) see(id);
    for (const auto& record : opened.teleports) see(record->prompt);
    for (const auto& named : opened.named)
        for (const auto& place : named.places) see(place.prompt);
}

QStringList PromptQueue::waiting() const {
    QStringList texts;
    for (const Pending& pending : m_pending)
        if (!pending.isEdit && pending.status != PromptStatus::Failed) texts << pending.text;
    return texts;
}

void PromptQueue::countRows() {
    m_rowsOfSample.assign(state()->prompts.size(), 0);
    if (!state()->trace) return;
    for (const TraceRow& row : state()->trace->info().rows)
        ++m_rowsOfSample[static_cast<std::size_t>(row.sample)];
}

void PromptQueue::cancelAll() {
    for (const Pending& pending : m_pending) m_workspace.jobs().cancel(pending.job);
}

int PromptQueue::count() const {
    const auto& pending = m_pending;
    return static_cast<int>(state()->prompts.size()) +
           static_cast<int>(
               std::count_if(pending.begin(), pending.end(), [](const Pending& p) { return !p.isEdit; }));
}

PromptItem PromptQueue::at(int index) const {
    PromptItem item;
    const auto ready = static_cast<int>(state()->prompts.size());
    const Pending* pending = nullptr;
    if (index < ready) {
        const auto s = static_cast<std::size_t>(index);
        const Sample& sample = state()->trace->info().samples[s];
        item.id = state()->prompts[s];
        item.text = QString::fromStdString(sample.text);
        item.tokens = sample.tokenIds.empty() ? -1 : static_cast<int>(sample.tokenIds.size());
        item.rows = m_rowsOfSample[s];
        for (const Pending& p : m_pending)
            if (p.id == item.id) pending = &p;
    } else {
        int left = index - ready;
        for (const Pending& p : m_pending)
            if (!p.isEdit && left-- == 0) pending = &p;
    }
    if (pending != nullptr) {
        item.id = pending->id;
        item.text = pending->text;
        item.status = pending->status;
        item.reason = pending->reason;
        item.tokens = -1;
    }
    if (item.tokens > 0 && model())
        item.note = QString::fromStdString(lengthNote(model()->model->config(), item.tokens));
    return item;
}

int PromptQueue::indexOf(PromptId id) const {
    if (const auto sample = rheo::sampleOf(*state(), id)) return static_cast<int>(*sample);
    int index = static_cast<int>(state()->prompts.size());
    for (const Pending& pending : m_pending) {
        if (pending.isEdit) continue;
        if (pending.id == id) return index;
        ++index;
    }
    return -1;
}

Sample PromptQueue::sampleOf(PromptId id) const {
    const auto sample = rheo::sampleOf(*state(), id);
    return sample ? state()->trace->info().samples[static_cast<std::size_t>(*sample)] : Sample{};
}

PromptId PromptQueue::add(const QString& text) {
    if (m_workspace.refuse(tr("Add a prompt"), Feature::AddPrompt)) return {};
    Pending pending;
    pending.id = PromptId{m_nextPrompt++};
    pending.text = text;
    startCapture(m_pending.emplace_back(std::move(pending)));
    return m_pending.back().id;
}

bool PromptQueue::edit(PromptId id, const QString& text) {
    if (indexOf(id) < 0 || m_workspace.refuse(tr("Edit the prompt"), Feature::EditPrompt)) return false;
    auto& all = m_pending;
    auto place = std::find_if(all.begin(), all.end(), [&](const Pending& p) { return p.id == id; });
    if (place == all.end()) {
        Pending pending;
        pending.id = id;
        pending.isEdit = true;
        place = all.insert(all.end(), std::move(pending));
    } else {
        m_workspace.jobs().cancel(place->job);
    }
    place->text = text;
    startCapture(*place);
    return true;
}

void PromptQueue::startCapture(Pending& pending) {
    pending.status = PromptStatus::Queued;
    pending.reason.clear();
    pending.run = ++m_runs;
    const PointIndex first = m_workspace.modelPoint(PointIndex{0}).value_or(PointIndex{0});
    const PointIndex last{first.value() + static_cast<std::int64_t>(m_workspace.points().size()) - 1};
    pending.job = m_workspace.remember(m_workspace.jobs().submit(
        {Lane::Model, tr("Running \"%1\"").arg(shortened(pending.text))},
        [loaded = model(), text = pending.text.toStdString(), basis = state()->basis, first,
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
    Q_EMIT changed();
}

void PromptQueue::capturedPrompt(PromptId id, quint64 run, Outcome<CapturedRows> outcome) {
    auto& all = m_pending;
    const auto place =
        std::find_if(all.begin(), all.end(), [&](const Pending& p) { return p.id == id && p.run == run; });
    if (place == all.end()) return;
    const auto failedWith = [&](const QString& reason) {
        place->status = PromptStatus::Failed;
        place->reason = reason;
        Q_EMIT changed();
    };
    if (outcome.failure() != nullptr) return failedWith(outcome.failure()->message);
    if (outcome.cancelled()) return failedWith(tr("Stopped before it was run."));

    const CapturedRows rows = std::move(*outcome.result());
    const QString title = shortened(place->text);
    const bool isEdit = rheo::sampleOf(*state(), id).has_value();
    if (place->isEdit && !isEdit) {  // removed, by undo, while it was run
        all.erase(place);
        Q_EMIT changed();
        return;
    }
    try {
        DocumentState next = isEdit ? replacePrompt(*state(), id, rows) : addPrompts(*state(), {id}, rows);
        all.erase(place);
        m_workspace.change(isEdit ? tr("Edit \"%1\"").arg(title) : tr("Add \"%1\"").arg(title),
                           std::move(next));
    } catch (const Error& error) {
        return failedWith(QString::fromUtf8(error.what()));
    }
    Q_EMIT changed();
    const auto& sample = rows.trace->info().samples.front();
    const std::string note =
        model() ? lengthNote(model()->model->config(), static_cast<std::int64_t>(sample.tokenIds.size()))
                : std::string();
    if (!note.empty()) Q_EMIT m_workspace.noted(tr("\"%1\": %2").arg(title, QString::fromStdString(note)));
    Q_EMIT captured(id);
}

JobId PromptQueue::addTokens(Sample sample, std::vector<std::int32_t> positions) {
    const QString what = tr("Make rows of the tokens");
    if (m_workspace.refuse(what, Feature::NextTokens) || positions.empty()) return {};
    const PointIndex first = m_workspace.modelPoint(PointIndex{0}).value_or(PointIndex{0});
    const PointIndex last{first.value() + static_cast<std::int64_t>(m_workspace.points().size()) - 1};
    const quint64 document = m_workspace.documentNumber();
    const QString title = shortened(QString::fromStdString(sample.text));
    return m_workspace.remember(m_workspace.jobs().submit(
        {Lane::Model, tr("Running \"%1\"").arg(title)},
        [loaded = model(), sample = std::move(sample), positions = std::move(positions),
         basis = state()->basis, first, last](Progress& progress) {
            return projected(captureTokens(*loaded->model, sample, positions, first, last, progress), basis,
                             progress);
        },
        this,
        [this, what, title, document](Outcome<CapturedRows> outcome) {
            if (document != m_workspace.documentNumber()) return;
            m_workspace.use(what, outcome, [&](const CapturedRows& rows) {
                const PromptId id{m_nextPrompt++};
                m_workspace.change(tr("Add \"%1\"").arg(title), addPrompts(*state(), {id}, rows));
                Q_EMIT changed();
                Q_EMIT captured(id);
            });
        }));
}

/// Rows of some of the prompts of a file.
struct PromptQueue::FilePart {
    CapturedRows rows;
    qint64 total = 0;  ///< prompts of the file
};

namespace {

/// What a file held.
struct FileRead {
    std::int64_t prompts = 0, blank = 0;
};

}  // namespace

JobId PromptQueue::addFromFile(const QString& file, int limit) {
    const QString what = tr("Add the prompts");
    // A file may give token ids, so a tokenizer is not needed; the reader says so where it is.
    if (!model()) {
        m_workspace.refuse(what, Feature::AddPrompt);
        return {};
    }
    const PointIndex first = m_workspace.modelPoint(PointIndex{0}).value_or(PointIndex{0});
    const PointIndex last{first.value() + static_cast<std::int64_t>(m_workspace.points().size()) - 1};
    const bool intoNothing = !state()->trace;
    const quint64 document = m_workspace.documentNumber(), run = ++m_runs;
    const auto give = JobRunner::partsTo<FilePart>(this, [this, document, run](const FilePart& part) {
        if (document == m_workspace.documentNumber()) addPart(part, run);
    });
    ++m_files;
    return m_workspace.remember(m_workspace.jobs().submit(
        {Lane::Model, tr("Running the prompts of %1").arg(QFileInfo(file).fileName())},
        [loaded = model(), path = std::filesystem::path(file.toStdString()), basis = state()->basis, first,
         last, limit, give](Progress& progress) {
            PromptOptions options;
            if (limit > 0) options.limit = limit;
            Progress reading = progress.part(0, 0.05);
            auto list = readPrompts(path, loaded->tokenizer.get(), loaded->model->config(), options, reading);
            const auto total = static_cast<std::ptrdiff_t>(list.samples.size());
            for (std::ptrdiff_t from = 0; from < total; from += promptsAtOnce) {
                const std::ptrdiff_t to = std::min(from + promptsAtOnce, total);
                const auto share = [&](std::ptrdiff_t n) {
                    return 0.05 + 0.95 * static_cast<double>(n) / static_cast<double>(total);
                };
                Progress capturing = progress.part(share(from), share(to));
                capturing.setStage("capturing");
                const auto trace = captureLastTokens(*loaded->model,
                                                     {list.samples.begin() + from, list.samples.begin() + to},
                                                     first, last, capturing);
                Progress projecting;
                give({projected(trace, basis, projecting), total});
            }
            return FileRead{total, list.blankLines};
        },
        this,
        [this, what, file, limit, intoNothing, document](Outcome<FileRead> outcome) {
            --m_files;
            Q_EMIT changed();
            if (document != m_workspace.documentNumber()) return;
            m_workspace.use(what, outcome, [&](const FileRead& read) {
                if (intoNothing && state()->rows() == read.prompts)
                    m_workspace.files().setPrompts(file, limit, state()->trace);
                if (read.blank > 0)
                    Q_EMIT m_workspace.noted(counted(read.blank, tr("1 blank line was skipped."),
                                                     tr("%1 blank lines were skipped.")));
            });
        }));
}

/// What was captured stays, whatever becomes of the rest. All parts of a file are one step of undo.
void PromptQueue::addPart(const FilePart& part, quint64 run) {
    try {
        std::vector<PromptId> ids;
        for (std::size_t i = 0; i < part.rows.trace->info().samples.size(); ++i)
            ids.emplace_back(m_nextPrompt++);
        m_workspace.change(counted(part.total, tr("Add 1 prompt"), tr("Add %1 prompts")),
                           addPrompts(*state(), ids, part.rows), run);
    } catch (const Error& error) {
        m_workspace.fail(tr("Add the prompts"), {error.code(), QString::fromUtf8(error.what()), {}});
    }
}

void PromptQueue::remove(const QList<PromptId>& ids) {
    auto& all = m_pending;
    bool anyPending = false;
    std::vector<PromptId> ready;
    for (const PromptId id : ids) {
        const auto place = std::find_if(all.begin(), all.end(), [&](const Pending& p) { return p.id == id; });
        if (place != all.end()) {
            m_workspace.jobs().cancel(place->job);
            all.erase(place);
            anyPending = true;
        }
        if (rheo::sampleOf(*state(), id)) ready.push_back(id);
    }
    if (!ready.empty()) {
        const QString text =
            ready.size() == 1
                ? tr("Remove \"%1\"").arg(shortened(QString::fromStdString(sampleOf(ready[0]).text)))
                : tr("Remove %1 prompts").arg(ready.size());
        m_workspace.change(text, removePrompts(*state(), ready));
    }
    if (anyPending) Q_EMIT changed();
}

bool PromptQueue::isCapturing(PromptId id, int position) const {
    return m_capturing.contains({id, position});
}

void PromptQueue::captureToken(PromptId id, int position) {
    if (findRow(*state(), id, position)) {
        Q_EMIT tokenCaptured(id, position);
        return;
    }
    const QString what = tr("Capture the token");
    if (m_workspace.refuse(what, Feature::CaptureToken)) return;
    const Sample sample = sampleOf(id);
    if (position < 0 || static_cast<std::size_t>(position) >= sample.tokenIds.size() ||
        !m_capturing.emplace(id, position).second)
        return;
    const PointIndex first = m_workspace.modelPoint(PointIndex{0}).value_or(PointIndex{0});
    const PointIndex last{first.value() + static_cast<std::int64_t>(m_workspace.points().size()) - 1};
    const quint64 document = m_workspace.documentNumber();
    m_workspace.remember(m_workspace.jobs().submit(
        {Lane::Model, tr("Capturing token %1").arg(position), true, true},
        [loaded = model(), sample, position, basis = state()->basis, first, last](Progress& progress) {
            return projected(captureTokens(*loaded->model, sample, {position}, first, last, progress), basis,
                             progress);
        },
        this,
        [this, what, id, position, document](Outcome<CapturedRows> outcome) {
            if (document != m_workspace.documentNumber()) return;
            m_capturing.erase({id, position});
            Q_EMIT changed();
            // A prompt that went meanwhile needs no path.
            if (!rheo::sampleOf(*state(), id)) return;
            m_workspace.use(what, outcome, [&](const CapturedRows& captured) {
                m_workspace.change(tr("Capture token %1").arg(position), addToken(*state(), id, captured));
                Q_EMIT tokenCaptured(id, position);
            });
        }));
    Q_EMIT changed();
}

}  // namespace rheo
