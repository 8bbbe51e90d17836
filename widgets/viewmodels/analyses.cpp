#include "widgets/viewmodels/analyses.h"

#include <QLocale>
#include <QSettings>
#include <algorithm>
#include <chrono>
#include <utility>

#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/statistics/pca.h"
#include "widgets/viewmodels/counted.h"
#include "widgets/viewmodels/job_list_model.h"
#include "widgets/viewmodels/model_jobs.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

namespace {

const QString choiceKey = QStringLiteral("analysis/choice");
const QString ratesKey = QStringLiteral("analysis/rates");
constexpr qsizetype mostNamed = 3;

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

bool contains(const std::vector<std::string>& names, const QString& name) {
    return std::find(names.begin(), names.end(), name.toStdString()) != names.end();
}

/// What a job is made of. Values and shared pointers alone: it runs on a thread of its own.
struct Task {
    AnalysisChoice choice;
    std::shared_ptr<const Trace> trace;
    std::string traceFile;
    std::shared_ptr<const LoadedModel> model;
    TokenText textOf;
    std::vector<std::shared_ptr<const OpenedResults>> held;
    Rates rates;
};

/// What is known of the rows that are asked for, and need not be computed again.
Results knownOf(const Task& task, const ResultsSource& source, const Records& records) {
    for (const auto& opened : task.held)
        if (isSameSource(opened->results.source, source)) return resultsMatching(opened->results, records);
    return {};
}

ModelOfTrace modelOf(const std::shared_ptr<const LoadedModel>& loaded) {
    return [loaded](std::optional<std::uint64_t> untrainedSeed, Progress& progress) {
        if (!loaded)
            throw Error(ErrorCode::InvalidArgument,
                        "this needs the model that made the trace: attach it with File > Attach a model to "
                        "this trace");
        if (!untrainedSeed) return loaded->model;
        ModelOptions options = loaded->model->options();
        options.untrainedSeed = untrainedSeed;
        options.adapter.clear();
        return loadModel(loaded->checkpoint->folder(), options, progress)->model;
    };
}

/// The scores of all rows of the document in a basis that was fitted to fewer, as some repeat others; null
/// where the basis is of other states.
std::shared_ptr<const Array3F> scoresOfAllRows(const Task& task, const AnalysisView& made,
                                               const Results& results, Progress& progress) {
    const auto& pca = results.statistics.get<Pca>();
    const bool ofAll = made.selected == task.trace->rows() && made.repeated > 0 && made.view.points.empty() &&
                       made.view.maskedUnits.empty() && made.view.scaling == Scaling::Raw;
    if (!pca || !ofAll) return nullptr;
    return std::make_shared<const Array3F>(project(pca->basis, TraceView{.trace = task.trace}, progress));
}

}  // namespace

/// What a job gives.
struct Analyses::Made {
    ComputedResults computed;
    QStringList notes;
    AnalysisCost cost;  ///< as it was foreseen when it started
    double seconds = 0;
};

Analyses::Analyses(Workspace& workspace, QObject* parent) : QObject(parent), m_workspace(workspace) {
    QSettings settings;
    m_choice = choiceFromJson(settings.value(choiceKey).toString().toStdString());
    if (m_choice.statistics.empty()) m_choice = choicePresets().front().make(false);
    const auto rates = settings.value(ratesKey).toMap();
    for (auto rate = rates.begin(); rate != rates.end(); ++rate)
        if (const double seconds = rate.value().toDouble(); seconds > 0)
            m_rates[rate.key().toStdString()] = seconds;
    connect(&m_workspace, &Workspace::documentReplaced, this, &Analyses::clear);
    connect(&m_workspace, &Workspace::stateChanged, this, &Analyses::changed);
    connect(&m_workspace.jobs(), &JobRunner::jobChanged, this, [this](const JobInfo& job) {
        if (job.id != m_job) return;
        m_progress = job;
        Q_EMIT changed();
    });
}

Analyses::~Analyses() {
    disconnect(&m_workspace.jobs(), nullptr, this, nullptr);
    if (m_job != JobId{}) m_workspace.jobs().cancel(m_job);
}

TokenText Analyses::tokenTexts() const {
    const auto model = m_workspace.model();
    if (!model || !model->tokenizer) return {};
    return [tokenizer = model->tokenizer](std::int32_t id) { return tokenizer->pieceBytes(id); };
}

QString Analyses::titleOf(const AnalysisChoice& choice) {
    QStringList titles;
    for (const auto& statistic : choosableStatistics())
        if (contains(choice.statistics, text(statistic.name))) titles << text(statistic.title);
    if (titles.size() <= mostNamed + 1) return titles.join(", ");
    return tr("%1 and %2 more").arg(titles.mid(0, mostNamed).join(", ")).arg(titles.size() - mostNamed);
}

QString Analyses::choiceText(const AnalysisChoice& choice, std::int64_t rows) {
    QStringList parts{counted(rows, tr("1 row"), tr("%1 rows"))};
    const auto add = [&](const std::string& value, const char* usual) {
        if (!value.empty() && value != usual) parts << QString::fromStdString(value);
    };
    add(choice.select, "");
    add(choice.points, "all");
    add(choice.scaling, "raw");
    if (!choice.maskUnits.empty())
        parts << tr("without units %1").arg(QString::fromStdString(choice.maskUnits));
    QStringList nulls;
    for (const auto& null : choice.nulls)
        nulls << tr("%1 (%2)")
                     .arg(QString::fromStdString(null))
                     .arg(null == untrainedNull ? choice.untrainedRepeats : choice.repeats);
    if (nulls.size() > mostNamed) nulls = {tr("%1 nulls").arg(nulls.size())};
    if (!nulls.isEmpty()) parts << tr("beside %1").arg(nulls.join(", "));
    return parts.join(", ");
}

QString Analyses::nameOf(const OpenedResults& opened) {
    return opened.path.empty() ? tr("results computed here")
                               : QString::fromStdString(opened.path.filename().string());
}

void Analyses::setChoice(const AnalysisChoice& choice) {
    m_choice = choice;
    QSettings().setValue(choiceKey, QString::fromStdString(choiceToJson(choice)));
    Q_EMIT choiceChanged();
}

AnalysisChoice Analyses::choiceOf(const QString& statistic) const {
    AnalysisChoice choice = m_choice;
    choice.statistics = {statistic.toStdString()};
    for (const auto& known : choosableStatistics())
        if (known.name == choice.statistics.front() && !known.hasNulls) choice.nulls.clear();
    return choice;
}

bool Analyses::hasRows() const {
    return m_workspace.state()->rows() > 0;
}

std::vector<ChoiceProblem> Analyses::problemsOf(const AnalysisChoice& choice) const {
    return rheo::problemsOf(choice, m_workspace.state()->trace, m_workspace.model() != nullptr, tokenTexts());
}

AnalysisChoice Analyses::limited(AnalysisChoice choice) const {
    choice.memoryBytes = m_memoryBytes;
    return choice;
}

std::optional<AnalysisCost> Analyses::costOf(const AnalysisChoice& choice) const {
    const auto state = m_workspace.state();
    if (!state->trace || state->rows() == 0 || !problemsOf(choice).empty()) return std::nullopt;
    try {
        const Results none;
        return rheo::costOf(limited(choice), state->trace, tokenTexts(),
                            state->results ? state->results->results : none, m_rates);
    } catch (const Error&) {  // such as points that leave nothing to compute
        return std::nullopt;
    }
}

QString Analyses::timeText(const std::optional<AnalysisCost>& cost) {
    if (!cost) return {};
    const double s = cost->seconds;
    if (s < 1) return tr("less than a second");
    const QString about = cost->measured ? tr("about %1") : tr("roughly %1");
    if (s < 90) return about.arg(tr("%1 s").arg(qRound(s)));
    if (s < 5400) return about.arg(tr("%1 min").arg(qRound(s / 60)));
    return about.arg(tr("%1 h").arg(s / 3600, 0, 'g', 2));
}

QString Analyses::costText(const std::optional<AnalysisCost>& cost) {
    if (!cost) return {};
    if (cost->seconds == 0 && cost->readBytes == 0) return tr("everything is already computed");
    const auto bytes = [](std::int64_t n) {
        return QString::fromStdString(formatBytes(static_cast<double>(n)));
    };
    return tr("%1, reads %2, uses %3 of memory")
        .arg(timeText(cost), bytes(cost->readBytes), bytes(cost->memoryBytes));
}

QList<QueuedAnalysis> Analyses::queue() const {
    return {m_queue.begin(), m_queue.end()};
}

qint64 Analyses::run(const AnalysisChoice& choice) {
    const QString what = tr("Compute %1").arg(titleOf(choice));
    const auto refuse = [&](const QString& why) {
        Q_EMIT m_workspace.failed(what, {ErrorCode::InvalidArgument, why, {}});
        return 0;
    };
    if (m_workspace.state()->rows() == 0)
        return refuse(tr("there are no rows: open a trace or the demo, or add a prompt"));
    if (const auto problems = problemsOf(choice); !problems.empty())
        return refuse(QString::fromStdString(problems.front().message));
    QueuedAnalysis item{m_nextId++, limited(choice), titleOf(choice), false};
    const qint64 id = item.id;
    m_queue.push_back(std::move(item));
    if (m_queue.size() == 1) startNext();
    Q_EMIT queueChanged();
    Q_EMIT changed();
    return id;
}

qint64 Analyses::compute(const QString& statistic) {
    return run(choiceOf(statistic));
}

qint64 Analyses::computeAgain(const QString& statistic) {
    const auto state = m_workspace.state();
    const std::string name = statistic.toStdString();
    if (state->results)
        if (const AnalysisChoice* stopped = unfinishedOf(*state->results, name)) return run(*stopped);
    qint64 last = 0;  // more than one where nulls were added later
    if (const HeldResults held = resultsWith(*state, name); held.opened)
        for (const auto& made : held.opened->made)
            if (contains(made.statistics, statistic)) {
                AnalysisChoice again = made;
                again.statistics = {name};
                last = run(again);
            }
    return last != 0 ? last : compute(statistic);
}

void Analyses::startNext() {
    m_progress.reset();
    m_job = {};
    if (m_queue.empty()) return;
    QueuedAnalysis& item = m_queue.front();
    item.running = true;
    const auto state = m_workspace.state();
    Task task{item.choice, state->trace, traceFileOf(*state), m_workspace.model(), tokenTexts(), {}, m_rates};
    if (state->results) task.held.push_back(state->results);
    for (const auto& held : state->earlier) task.held.push_back(held.opened);
    // What runs the model waits for its turn there.
    const Lane lane = needsModel(item.choice) ? Lane::Model : Lane::Analysis;
    m_job = m_workspace.jobs().submit(
        {lane, tr("Computing %1").arg(item.title)},
        [task = std::move(task)](Progress& progress) {
            const auto started = std::chrono::steady_clock::now();
            Progress sizing = progress.part(0, 0.02), working = progress.part(0.02, 0.98),
                     projecting = progress.part(0.98, 1);
            std::optional<FinalNorm> norm;
            if (task.model) norm = task.model->model->finalNorm();
            const AnalysisView view = makeViewOf(task.choice, task.trace, norm, task.textOf, sizing);
            AnalysisRequest request = requestOf(task.choice);
            request.textOf = task.textOf;
            request.traceName = task.traceFile.empty() ? "the trace" : task.traceFile;
            if (task.model) request.modelName = task.model->checkpoint->folder().string();
            ResultsSource source = makeResultsSource(view.view, task.traceFile);
            source.selection = task.choice.select;
            Results known = knownOf(task, source, recordsOf(view.view, request));
            Made made;
            made.cost = rheo::costOf(view.view, request, known, task.rates);
            made.computed.outcome =
                runAnalysis(view.view, request, modelOf(task.model), source, std::move(known), working);
            made.computed.choice = task.choice;
            made.computed.trace = task.trace;
            if (!made.computed.outcome.stopped)
                made.computed.scores = scoresOfAllRows(task, view, made.computed.outcome.results, projecting);
            for (const auto& note : view.notes) made.notes << QString::fromStdString(note);
            made.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
            return made;
        },
        this, [this, id = item.id](Outcome<Made> outcome) { finished(id, std::move(outcome)); });
}

void Analyses::finished(qint64 id, Outcome<Made> outcome) {
    if (m_queue.empty() || m_queue.front().id != id) return;  // of another document
    const QueuedAnalysis item = m_queue.front();
    m_queue.pop_front();
    const QString what = tr("Compute %1").arg(item.title);
    if (outcome.failure() != nullptr)
        Q_EMIT m_workspace.failed(what, *outcome.failure());
    else if (outcome.cancelled())
        Q_EMIT m_workspace.noted(tr("%1: stopped before anything was finished").arg(item.title));
    else
        use(item, std::move(*outcome.result()));
    startNext();
    Q_EMIT queueChanged();
    Q_EMIT changed();
}

void Analyses::use(const QueuedAnalysis& item, Made made) {
    AnalysisOutcome& outcome = made.computed.outcome;
    QStringList notes = made.notes;
    for (const auto& name : item.choice.statistics) m_undefined.remove(QString::fromStdString(name));
    for (const auto& warning : outcome.warnings) notes << QString::fromStdString(warning);
    for (const auto& [name, reason] : outcome.undefined) {
        m_undefined[QString::fromStdString(name)] = QString::fromStdString(reason);
        notes << tr("%1 was not computed: %2")
                     .arg(QString::fromStdString(name), QString::fromStdString(reason));
    }
    if (outcome.excludedRows > 0)
        notes << counted(outcome.excludedRows, tr("1 row was left out: it has values that are not finite"),
                         tr("%1 rows were left out: they have values that are not finite"));
    if (!outcome.stopped) {
        learnRates(m_rates, requestOf(item.choice), made.cost, made.seconds);
        QVariantMap rates;
        for (const auto& [name, seconds] : m_rates) rates[QString::fromStdString(name)] = seconds;
        QSettings().setValue(ratesKey, rates);
    }
    try {
        m_workspace.change(tr("Compute %1").arg(item.title),
                           withComputed(*m_workspace.state(), std::move(made.computed)));
        m_workspace.succeed(tr("Compute %1").arg(item.title));
    } catch (const Error& error) {
        Q_EMIT m_workspace.failed(tr("Compute %1").arg(item.title),
                                  {error.code(), QString::fromUtf8(error.what()), {}});
        return;
    }
    if (!notes.isEmpty()) Q_EMIT m_workspace.noted(notes.join("; "));
}

void Analyses::cancel(qint64 id) {
    const auto item =
        std::find_if(m_queue.begin(), m_queue.end(), [&](const QueuedAnalysis& q) { return q.id == id; });
    if (item == m_queue.end()) return;
    if (item->running) {
        m_workspace.jobs().cancel(m_job);
        return;
    }
    m_queue.erase(item);
    Q_EMIT queueChanged();
    Q_EMIT changed();
}

/// For another document: nothing of the old one is computed any more.
void Analyses::clear() {
    if (m_job != JobId{}) m_workspace.jobs().cancel(m_job);
    m_job = {};
    m_queue.clear();
    m_progress.reset();
    m_undefined.clear();
    Q_EMIT queueChanged();
    Q_EMIT changed();
}

QString Analyses::progressText() const {
    if (!m_progress) return tr("Computing");
    QStringList parts;
    if (m_progress->stopping) parts << tr("stopping");
    if (!m_progress->stage.isEmpty()) parts << m_progress->stage;
    if (m_progress->fraction) parts << tr("%1 %").arg(qRound(*m_progress->fraction * 100));
    if (const QString left = timeLeftText(m_progress->secondsLeft); !left.isEmpty()) parts << left;
    return parts.isEmpty() ? tr("Computing") : tr("Computing: %1").arg(parts.join(", "));
}

/// "30 rows, raw, beside sign_flip (200)".
QString Analyses::describe(const HeldResults& held, const QString& statistic) const {
    const Results& results = held.opened->results;
    const std::string name = statistic.toStdString();
    const auto rows = static_cast<int>(results.source.info.rows.size());
    QStringList parts{counted(rows, tr("1 row"), tr("%1 rows"))};
    if (!results.source.selection.empty()) parts << QString::fromStdString(results.source.selection);
    if (const auto record = results.records.find(name); record != results.records.end())
        parts << text(scalingName(record->second.scaling));
    QStringList nulls;
    for (const auto& null : results.nulls) {
        const QString one = tr("%1 (%2)").arg(QString::fromStdString(null.null)).arg(null.summary.repeats);
        if (null.statistic == name && !nulls.contains(one)) nulls << one;
    }
    if (!nulls.isEmpty()) parts << tr("beside %1").arg(nulls.join(", "));
    return parts.join(", ");
}

ResultState Analyses::stateOf(const QString& statistic, bool ofRows) const {
    int before = 0;
    for (const QueuedAnalysis& item : m_queue) {
        if (contains(item.choice.statistics, statistic))
            return item.running ? ResultState{ResultStatus::Running, progressText(), item.id}
                                : ResultState{ResultStatus::Waiting,
                                              before == 1 ? tr("Waits for the analysis before it")
                                                          : tr("Waits for %1 analyses before it").arg(before),
                                              item.id};
        ++before;
    }
    const auto state = m_workspace.state();
    const std::string name = statistic.toStdString();
    HeldResults held = resultsWith(*state, name);
    if (ofRows) held = {std::make_shared<const OpenedResults>(), state->basisTrace};
    if (state->results && !ofRows && unfinishedOf(*state->results, name) != nullptr)
        return {ResultStatus::Stopped, held.opened ? tr("Stopped half-way: %1").arg(describe(held, statistic))
                                                   : tr("Stopped before this was finished")};
    if (!held.opened)
        return {ResultStatus::Missing,
                m_undefined.contains(statistic)
                    ? tr("It cannot be computed for these rows: %1").arg(m_undefined.value(statistic))
                    : QString()};
    if (ofRows && state->basis && !state->basis->names.empty()) {
        QStringList names;
        for (const std::string& axis : state->basis->names) names << QString::fromStdString(axis);
        return {ResultStatus::Done, tr("On the axes %1").arg(names.join(QStringLiteral(", ")))};
    }
    if (ofRows && !state->basisRows.empty())
        return {ResultStatus::Done, counted(static_cast<qint64>(state->basisRows.size()),
                                            tr("Fitted on 1 chosen row"), tr("Fitted on %1 chosen rows"))};
    if (const std::string change = changeSince(held, *state); !change.empty())
        return {ResultStatus::Stale, tr("Out of date: %1").arg(QString::fromStdString(change))};
    if (ofRows)
        return {ResultStatus::Done,
                counted(state->rows(), tr("For the open row"), tr("For the %1 open rows"))};
    return {ResultStatus::Done, tr("Of %1").arg(describe(held, statistic))};
}

}  // namespace rheo
