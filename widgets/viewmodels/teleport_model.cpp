#include "widgets/viewmodels/teleport_model.h"

#include <QElapsedTimer>
#include <QTimer>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/base/error.h"
#include "core/figure/teleport_figure.h"
#include "widgets/jobs/latest_wins.h"
#include "widgets/viewmodels/feature.h"
#include "widgets/viewmodels/prompt_queue.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr int drawnComponents = 3;
constexpr int announcePause = 8;  ///< milliseconds that a handle waits for its path to be shown with it
constexpr int keyPause = 600;     ///< milliseconds without a key after which a nudge is let go

/// Scores of the first token of a path in all components of the basis, [Q, component].
MatrixD pathScores(const PcaBasis& basis, const TeleportPath& path) {
    const MatrixF states = Eigen::Map<const MatrixF>(path.states.data.data(), path.states.n1, path.states.n2);
    return project(basis, states);
}

/// How likely tokens are next, [vocabulary].
struct NextProbabilities {
    VectorD ofPrompt;  ///< after its last token
    VectorD ofToken;   ///< after the first token of the path
};

NextProbabilities nextProbabilities(const Model& model, const TeleportPath& path, Progress& progress) {
    NextProbabilities next;
    next.ofPrompt = softmax(path.logits);
    if (path.states.n0 == 1) {  // the path's first token is the prompt's last
        next.ofToken = next.ofPrompt;
        return next;
    }
    const MatrixF last = Eigen::Map<const MatrixF>(path.states.at(0, path.states.n1 - 1), 1, path.states.n2);
    next.ofToken = softmax(model.unembed(last, progress).row(0).transpose());
    return next;
}

}  // namespace

/// A state that can be taken hold of, with its natural path. What the model lane hands over; immutable.
struct TeleportModel::Held {
    std::shared_ptr<const LoadedModel> loaded;
    std::shared_ptr<const PcaBasis> basis;
    PromptId prompt;
    Sample sample;
    PointIndex point, modelPoint;
    int token = -1;
    int k = 0;

    std::shared_ptr<const PromptContext> context;
    VectorF state;                                ///< h, [unit]
    std::shared_ptr<const TeleportPath> natural;  ///< same call shapes as what is compared with it
    MatrixD path;                                 ///< [Q, component]
    VectorD scores;                               ///< [k]
    NextProbabilities next;

    bool isSame(const Held& other) const {
        return loaded == other.loaded && basis == other.basis && prompt == other.prompt &&
               sample.tokenIds == other.sample.tokenIds && point == other.point && token == other.token;
    }
};

/// A target, and what came of it.
struct TeleportModel::Live {
    VectorD target;  ///< [k]
    TeleportMode mode = TeleportMode::Shift;
    VectorF state;  ///< h', [unit]
    std::shared_ptr<const TeleportPath> path;
    TeleportMeasures measures;
    MatrixD scores;  ///< [Q, component]
    NextProbabilities next;
};

struct TeleportModel::Private {
    struct LiveRequest {
        std::shared_ptr<const Held> held;
        VectorD target;
        TeleportMode mode = TeleportMode::Shift;
        VectorF state;  ///< in mode State
    };

    Private(JobRunner& jobs, TeleportModel* model)
        : prepare(
              jobs, {Lane::Model, tr("Running the prompt")},
              [](const Held& asked, Progress& progress) {
                  Held made = asked;
                  const Model& network = *made.loaded->model;
                  if (!made.context) made.context = network.prepare(made.sample.tokenIds, progress);
                  made.state = network.naturalState(*made.context, made.modelPoint, made.token);
                  made.natural = std::make_shared<const TeleportPath>(teleportPath(
                      network, *made.context, made.modelPoint, made.token, made.state, true, progress));
                  made.path = pathScores(*made.basis, *made.natural);
                  made.scores = scoresOf(*made.basis, made.state, made.k);
                  made.next = nextProbabilities(network, *made.natural, progress);
                  return made;
              },
              [model](quint64, const Held&, Outcome<Held> outcome) {
                  if (const Failure* failure = outcome.failure()) {
                      model->m_private->trouble = failure->message;
                      model->forget();
                      Q_EMIT model->m_workspace.failed(TeleportModel::tr("Prepare the teleport"), *failure);
                      return;
                  }
                  model->m_workspace.succeed(TeleportModel::tr("Prepare the teleport"));
                  model->prepared(std::move(*outcome.result()));
              }),
          live(
              jobs, {Lane::Model, tr("Teleport")},
              [](const LiveRequest& request, Progress& progress) {
                  const Held& from = *request.held;
                  Live made;
                  made.target = request.target;
                  made.mode = request.mode;
                  made.state = request.mode == TeleportMode::State
                                   ? request.state
                                   : teleportState(request.mode, from.state, *from.basis, request.target);
                  made.path = std::make_shared<const TeleportPath>(
                      teleportPath(*from.loaded->model, *from.context, from.modelPoint, from.token,
                                   made.state, true, progress));
                  made.measures = measureTeleport(*from.natural, *made.path, from.basis.get(), from.k);
                  made.scores = pathScores(*from.basis, *made.path);
                  made.next = nextProbabilities(*from.loaded->model, *made.path, progress);
                  return made;
              },
              [model](quint64, const LiveRequest&, Outcome<Live> outcome) {
                  if (const Failure* failure = outcome.failure()) {
                      Q_EMIT model->m_workspace.failed(TeleportModel::tr("Teleport"), *failure);
                      model->cancelDrag();
                      return;
                  }
                  model->m_workspace.succeed(TeleportModel::tr("Teleport"));
                  model->liveAnswered(std::move(*outcome.result()));
              }) {}

    LatestWins<Held, Held> prepare;
    LatestWins<LiveRequest, Live> live;
    std::shared_ptr<const Held> wanted;  ///< being prepared
    std::shared_ptr<const Held> held;    ///< prepared
    std::shared_ptr<const Live> answer;  ///< the newest; null: nothing is moved
    VectorD before;                      ///< where the handle was when it was taken
    std::int64_t shownBefore = 0;        ///< the teleport shown then
    bool awaitsPath = false;             ///< let go, and its exact path is not there yet
    bool refreshLater = false;           ///< the selection moved meanwhile
    std::int64_t showNext = 0;           ///< the teleport to show once its state is prepared
    std::shared_ptr<const TeleportResult> result;
    std::vector<std::shared_ptr<const TeleportRecord>>
        seen;  ///< the document's, when they were last looked at
    std::optional<JobId> controlsJob;
    VectorF snap;                ///< [unit] the state that the handle was snapped to; empty: none
    VectorF snapped;             ///< [unit] between the natural one and that
    QString snapName;            ///< whose it is
    QString trouble;             ///< why nothing could be prepared
    std::shared_ptr<Drag> drag;  ///< of what is held
    QElapsedTimer dragTime;
    QTimer keys;
    QTimer announce;  ///< the handle moved, and nobody was told yet
};

TeleportModel::TeleportModel(Workspace& workspace, Selection& selection, QObject* parent)
    : QObject(parent),
      m_workspace(workspace),
      m_selection(selection),
      m_private(std::make_unique<Private>(workspace.jobs(), this)) {
    m_private->keys.setSingleShot(true);
    m_private->keys.setInterval(keyPause);
    connect(&m_private->keys, &QTimer::timeout, this, &TeleportModel::endDrag);
    m_private->announce.setSingleShot(true);
    m_private->announce.setTimerType(Qt::PreciseTimer);
    m_private->announce.setInterval(announcePause);
    connect(&m_private->announce, &QTimer::timeout, this, &TeleportModel::announceMove);
    connect(&selection, &Selection::promptChanged, this, &TeleportModel::refresh);
    connect(&selection, &Selection::tokenChanged, this, &TeleportModel::refresh);
    connect(&selection, &Selection::pointChanged, this, &TeleportModel::refresh);
    connect(&workspace, &Workspace::modelChanged, this, &TeleportModel::refresh);
    connect(&workspace, &Workspace::stateChanged, this, [this] {
        refresh();
        Private& d = *m_private;
        if (d.awaitsPath || !d.held) return;
        measureSpread();
        if (m_state != State::Ready && m_state != State::Settling) return;
        // One that was made is shown; where others were removed or renamed, what is shown stays.
        if (const auto& now = m_workspace.state()->teleports; d.seen != now)
            showLatest(now.size() > d.seen.size() ? 0 : m_shown);
    });
    refresh();
}

TeleportModel::~TeleportModel() {
    stopControls();
}

// ---- what is wanted, and what there is ------------------------------------------------------------------

void TeleportModel::enter(State state) {
    if (state == m_state) return;
    m_state = state;
    Q_EMIT stateChanged(state);
    Q_EMIT statusChanged();
}

void TeleportModel::setActive(bool active) {
    if (active == m_active) return;
    m_active = active;
    refresh();
}

QString TeleportModel::reasonIdle() const {
    if (!m_active) return tr("Teleport is off.");
    if (const QString why = whyNot(m_workspace, Feature::Teleport); !why.isEmpty()) return why;
    if (m_selection.prompt() == PromptId{}) return tr("Select a trajectory: click a curve, or a prompt.");
    const Sample sample = m_workspace.prompts().sampleOf(m_selection.prompt());
    if (sample.tokenIds.empty())
        return tr("The tokens of this row are not known, so the model cannot run it.");
    if (m_selection.token() < 0 || static_cast<std::size_t>(m_selection.token()) >= sample.tokenIds.size())
        return tr("Select a token of the prompt.");
    if (!m_workspace.modelPoint(m_selection.point())) return tr("The model does not have this point.");
    return {};
}

QString TeleportModel::status() const {
    switch (m_state) {
        case State::Idle: {
            const QString reason = reasonIdle();
            return reason.isEmpty() ? m_private->trouble : reason;
        }
        case State::Preparing: return tr("Running the prompt…");
        case State::Ready:
            return m_shown != 0 ? tr("Drag the handle again, or undo.")
                                : tr("Drag the handle, type coordinates, or use the arrow keys.");
        case State::Dragging:
            return isFarOutside()
                       ? tr("Far outside the data: %1 SDs from their mean.").arg(outlyingness(), 0, 'f', 1)
                   : std::isfinite(displacement())
                       ? tr("Moved by %1 SDs. Release to keep it, Esc to restore it.")
                             .arg(displacement(), 0, 'f', 1)
                       : tr("Release to keep it, Esc to restore it.");
        case State::Settling:
            return m_private->awaitsPath ? tr("Computing the exact path…")
                                         : tr("Computing random directions of the same norm…");
    }
    return {};
}

/// Prepares the selected state unless it is the one there is.
void TeleportModel::refresh() {
    Private& d = *m_private;
    if (d.awaitsPath) {  // what was let go is kept first
        d.refreshLater = true;
        return;
    }
    if (!reasonIdle().isEmpty()) {
        d.trouble.clear();
        forget();
        return;
    }
    Held wanted;
    wanted.loaded = m_workspace.model();
    wanted.basis = m_workspace.state()->basis;
    wanted.prompt = m_selection.prompt();
    wanted.sample = m_workspace.prompts().sampleOf(wanted.prompt);
    wanted.point = m_selection.point();
    wanted.modelPoint = *m_workspace.modelPoint(wanted.point);
    wanted.token = m_selection.token();
    wanted.k = std::min(drawnComponents, static_cast<int>(wanted.basis->components.rows()));
    if (d.wanted && d.wanted->isSame(wanted)) return;
    if (!d.wanted && d.held && d.held->isSame(wanted)) return;

    if (m_state == State::Dragging) cancelDrag();
    stopControls();
    d.live.drop();
    if (d.held && d.held->isSame(wanted)) {  // back to what was there before the newer one came
        d.prepare.drop();
        d.wanted = nullptr;
        enter(State::Ready);
        showLatest(std::exchange(d.showNext, 0));
        return;
    }
    // The same prompt need not be run again.
    if (d.held && d.held->loaded == wanted.loaded && d.held->sample.tokenIds == wanted.sample.tokenIds)
        wanted.context = d.held->context;
    d.wanted = std::make_shared<const Held>(wanted);
    d.prepare.post(std::move(wanted));
    enter(State::Preparing);
}

void TeleportModel::prepared(Held held) {
    Private& d = *m_private;
    if (!d.wanted || !d.wanted->isSame(held)) return;  // a newer one is on its way
    d.wanted = nullptr;
    d.held = std::make_shared<const Held>(std::move(held));
    d.drag = nullptr;
    m_point = d.held->point;
    m_modelPoint = d.held->modelPoint;
    m_token = d.held->token;
    m_naturalScores = d.held->scores;
    m_naturalComponents = d.held->path;
    m_naturalPath = m_naturalComponents.leftCols(d.held->k);
    m_target = m_naturalScores;
    moveFreely();
    clearPath();
    measureSpread();
    enter(State::Ready);
    Q_EMIT naturalChanged();
    showLatest(std::exchange(d.showNext, 0));
}

/// Nothing to take hold of.
void TeleportModel::forget() {
    Private& d = *m_private;
    d.keys.stop();
    d.prepare.drop();
    d.live.drop();
    stopControls();
    d.wanted = nullptr;
    d.awaitsPath = false;
    d.drag = nullptr;
    moveFreely();
    const bool had = d.held != nullptr;
    m_workspace.jobs().release(Lane::Model, std::exchange(d.held, nullptr));
    m_naturalScores = m_target = m_spread = m_mean = {};
    m_naturalPath = m_naturalComponents = {};
    m_token = -1;
    clearPath();
    const bool wasIdle = m_state == State::Idle;
    enter(State::Idle);
    if (wasIdle) Q_EMIT statusChanged();  // the reason may be another
    if (had) {
        Q_EMIT naturalChanged();
        Q_EMIT pathChanged();
        Q_EMIT resultChanged();
    }
}

void TeleportModel::measureSpread() {
    const auto& scores = m_workspace.state()->scores;
    const int k = m_private->held->k;
    m_spread = m_mean = VectorD::Constant(k, nan);
    if (!scores || m_point.value() >= scores->n1 || scores->n2 < k) return;
    std::int64_t count = 0;
    VectorD mean = VectorD::Zero(k);
    VectorD squares = VectorD::Zero(k);
    for (std::int64_t n = 0; n < scores->n0; ++n) {
        const VectorD z = Eigen::Map<const VectorF>(scores->at(n, m_point.value()), k).cast<double>();
        if (!z.allFinite()) continue;
        ++count;  // Welford: the scores of late points are large beside their spread
        const VectorD delta = z - mean;
        mean += delta / static_cast<double>(count);
        squares += delta.cwiseProduct(z - mean);
    }
    if (count < 3) return;
    m_mean = mean;
    m_spread = (squares / static_cast<double>(count - 1)).cwiseSqrt();
}

int TeleportModel::components() const {
    return m_private->held ? m_private->held->k : 0;
}

std::optional<RowIndex> TeleportModel::row() const {
    if (!m_private->held) return std::nullopt;
    return findRow(*m_workspace.state(), m_private->held->prompt, m_token);
}

int TeleportModel::tokenCount() const {
    return m_private->held ? static_cast<int>(m_private->held->sample.tokenIds.size()) : 0;
}

QString TeleportModel::tokenText() const {
    if (!m_private->held || m_token < 0) return {};
    const std::int32_t id = m_private->held->sample.tokenIds[static_cast<std::size_t>(m_token)];
    const auto& tokenizer = m_private->held->loaded->tokenizer;
    return tokenizer ? QString::fromStdString(visibleToken(tokenizer->pieceText(id))) : QString::number(id);
}

// ---- the handle -------------------------------------------------------------------------------------------

void TeleportModel::setMode(TeleportMode mode) {
    if (mode == m_mode || mode == TeleportMode::State) return;
    m_private->snap = m_private->snapped = {};
    m_mode = mode;
    Q_EMIT modeChanged();
    if (m_state == State::Dragging || m_private->awaitsPath)
        post();
    else if (isMoved() && beginDrag())
        settle();
}

void TeleportModel::setFollowsToken(bool on) {
    if (std::exchange(m_followsToken, on) != on) Q_EMIT pathChanged();
}

bool TeleportModel::isAtLastPoint() const {
    return m_private->held && m_private->held->natural->states.n1 == 1;
}

void TeleportModel::setControls(int count) {
    m_controls = std::clamp(count, 0, 4096);
}

void TeleportModel::setSeed(quint64 seed) {
    m_seed = seed;
}

bool TeleportModel::beginDrag() {
    Private& d = *m_private;
    if (m_state == State::Dragging) return true;
    if (m_state != State::Ready && m_state != State::Settling) return false;
    stopControls();
    if (std::exchange(d.awaitsPath, false)) {
        enter(State::Dragging);  // taken again before it settled: the same drag goes on
        return true;
    }
    d.before = m_target;
    d.shownBefore = std::exchange(m_shown, 0);
    d.drag = std::make_shared<Drag>(
        Drag{m_point, m_naturalComponents, {{0, d.answer ? m_teleportedComponents : m_naturalComponents}}});
    d.dragTime.start();
    enter(State::Dragging);
    return true;
}

/// Keeps the newest path as a step of the drag.
void TeleportModel::recordStep() {
    Private& d = *m_private;
    if (!d.drag) return;
    auto& steps = d.drag->steps;
    steps.push_back({1e-3 * static_cast<double>(d.dragTime.elapsed()), m_teleportedComponents});
    if (steps.size() < Drag::mostSteps) return;
    for (std::size_t i = 0; 2 * i < steps.size(); ++i) std::swap(steps[i], steps[2 * i]);
    steps.resize((steps.size() + 1) / 2);
}

std::shared_ptr<const Drag> TeleportModel::lastDrag() const {
    const auto& drag = m_private->drag;
    return drag ? std::make_shared<const Drag>(*drag) : nullptr;  // it may go on
}

void TeleportModel::moveTo(const VectorD& target) {
    if (target.size() != components() || !target.allFinite() || !beginDrag()) return;
    if (target == m_target) return;
    moveFreely();
    m_target = target;
    post();
    if (!m_private->announce.isActive()) m_private->announce.start();
}

/// What shows the handle is drawn with its path where that comes at once: to draw the window takes longer
/// than the path of a small model, which would have to wait.
void TeleportModel::announceMove() {
    m_private->announce.stop();
    Q_EMIT handleMoved();
    Q_EMIT statusChanged();
}

void TeleportModel::post() {
    m_private->live.post({m_private->held, m_target, m_mode, m_private->snapped});
}

/// A handle that is moved by its coordinates leaves the state that it was snapped to.
void TeleportModel::moveFreely() {
    m_private->snap = m_private->snapped = {};
    if (m_mode != TeleportMode::State) return;
    m_mode = TeleportMode::Shift;
    Q_EMIT modeChanged();
}

void TeleportModel::snapTo(const VectorF& state, const QString& name) {
    const Private& d = *m_private;
    if (!d.held || state.size() != d.held->state.size() || !state.allFinite() || !beginDrag()) return;
    m_private->snap = state;
    m_private->snapName = name;
    setMix(1);
}

bool TeleportModel::isSnapped() const {
    return m_private->snap.size() > 0;
}

QString TeleportModel::snappedTo() const {
    return isSnapped() ? m_private->snapName : QString();
}

void TeleportModel::setMix(double share) {
    Private& d = *m_private;
    if (!isSnapped() || !d.held || !beginDrag()) return;
    m_mix = std::clamp(share, 0.0, 1.0);
    const VectorF& natural = d.held->state;
    d.snapped = m_mix == 0   ? natural
                : m_mix == 1 ? d.snap
                             : VectorF(natural + static_cast<float>(m_mix) * (d.snap - natural));
    m_target = scoresOf(*d.held->basis, d.snapped, d.held->k);
    if (std::exchange(m_mode, TeleportMode::State) != TeleportMode::State) Q_EMIT modeChanged();
    post();
    if (!d.announce.isActive()) d.announce.start();
}

void TeleportModel::liveAnswered(Live live) {
    Private& d = *m_private;
    if (m_state != State::Dragging && m_state != State::Settling) return;
    d.answer = std::make_shared<const Live>(std::move(live));
    m_teleportedComponents = d.answer->scores;
    m_teleportedPath = m_teleportedComponents.leftCols(d.held->k);
    m_pathTarget = d.answer->target;
    recordStep();
    if (d.announce.isActive()) announceMove();
    Q_EMIT pathChanged();
    if (d.awaitsPath && d.answer->target == m_target && d.answer->mode == m_mode) commit();
}

void TeleportModel::endDrag() {
    Private& d = *m_private;
    d.keys.stop();
    if (d.announce.isActive()) announceMove();
    if (m_state != State::Dragging) return;
    if (m_target == d.before) {
        cancelDrag();
        return;
    }
    const bool isExact = m_mode == TeleportMode::Shift || (isSnapped() && m_mix == 0);
    if (m_target == m_naturalScores && isExact) {  // put back by hand
        showNatural();
        return;
    }
    settle();
}

/// Let go: waits for the exact path of where the handle is, which becomes a command.
void TeleportModel::settle() {
    Private& d = *m_private;
    d.awaitsPath = true;
    enter(State::Settling);
    if (d.answer && d.answer->target == m_target && d.answer->mode == m_mode)
        commit();
    else if (!d.live.isBusy())
        post();
}

void TeleportModel::cancelDrag() {
    Private& d = *m_private;
    d.keys.stop();
    const bool held = m_state == State::Dragging || (m_state == State::Settling && d.awaitsPath);
    if (!held) return;
    d.live.drop();
    d.awaitsPath = false;
    enter(State::Ready);
    if (d.shownBefore != 0)
        showLatest(d.shownBefore);
    else
        showNatural();
    if (std::exchange(d.refreshLater, false)) refresh();
}

void TeleportModel::setCoordinates(const VectorD& target) {
    if (target.size() != components() || target == m_target) return;
    moveTo(target);
    endDrag();
}

void TeleportModel::nudge(int c, double steps) {
    if (c < 0 || c >= components()) return;
    const double spread = std::isfinite(m_spread[c]) && m_spread[c] > 0
                              ? m_spread[c]
                              : std::sqrt(m_private->held->basis->variance[c]);
    VectorD target = m_target;
    target[c] += 0.1 * steps * spread;
    moveTo(target);
    if (m_state == State::Dragging) m_private->keys.start();
}

void TeleportModel::showNatural() {
    Private& d = *m_private;
    if (!d.held) return;
    d.keys.stop();
    d.live.drop();
    d.awaitsPath = false;
    stopControls();
    moveFreely();
    m_target = m_naturalScores;
    clearPath();
    if (m_state == State::Dragging || m_state == State::Settling) enter(State::Ready);
    Q_EMIT handleMoved();
    Q_EMIT pathChanged();
    Q_EMIT resultChanged();
    Q_EMIT statusChanged();
}

void TeleportModel::showTeleport(std::int64_t id) {
    const auto state = m_workspace.state();
    for (const auto& record : state->teleports) {
        if (record->id != id) continue;
        if (m_state == State::Dragging) cancelDrag();
        const auto first = m_workspace.modelPoint(PointIndex{0});
        if (m_workspace.prompts().indexOf(record->prompt) < 0 || !first) return;
        m_private->showNext = id;
        const std::int64_t point = record->result.request.point.value() - first->value();
        if (m_selection.prompt() != record->prompt) m_selection.selectPrompt(record->prompt);
        if (m_selection.token() != record->result.request.token)
            m_selection.selectToken(record->result.request.token);
        m_selection.selectPoint(PointIndex{point});
        if (m_state == State::Ready || m_state == State::Settling)
            showLatest(std::exchange(m_private->showNext, 0));
        return;
    }
}

// ---- what came of it ------------------------------------------------------------------------------------

void TeleportModel::clearPath() {
    m_private->answer = nullptr;
    m_private->result = nullptr;
    m_teleportedPath = m_teleportedComponents = {};
    m_pathTarget = {};
    m_shown = 0;
}

/// Shows the teleport `wanted` of this state, or the last one there is of it; none: the natural path.
void TeleportModel::showLatest(std::int64_t wanted) {
    const Held& held = *m_private->held;
    m_private->seen = m_workspace.state()->teleports;
    const TeleportRecord* found = nullptr;
    for (const auto& record : m_private->seen) {
        const TeleportRequest& request = record->result.request;
        if (record->prompt != held.prompt || record->sample.tokenIds != held.sample.tokenIds ||
            request.point != held.modelPoint || request.token != held.token)
            continue;
        found = record.get();
        if (wanted != 0 && record->id == wanted) break;
    }
    if (found != nullptr) {
        if (found->id != m_shown) showRecord(*found);
    } else if (isMoved() || m_private->answer) {
        showNatural();
    }
}

void TeleportModel::showRecord(const TeleportRecord& record) {
    Private& d = *m_private;
    const Held& held = *d.held;
    stopControls();
    d.live.drop();
    auto live = std::make_shared<Live>();
    live->mode = record.result.request.mode;
    live->state = record.result.request.state;
    live->target = record.basis == held.basis && record.target.size() == held.k
                       ? record.target
                       : scoresOf(*held.basis, live->state, held.k);
    live->path = std::make_shared<const TeleportPath>(record.result.teleported);
    live->measures = measureTeleport(record.result.natural, *live->path, held.basis.get(), held.k);
    live->scores = pathScores(*held.basis, *live->path);
    const bool isKnown = d.answer && d.answer->state == live->state;
    if (isKnown)
        live->next = d.answer->next;
    else
        live->next.ofPrompt = softmax(live->path->logits);
    d.answer = live;
    m_target = live->target;
    m_pathTarget = live->target;
    m_teleportedComponents = live->scores;
    m_teleportedPath = m_teleportedComponents.leftCols(held.k);
    m_shown = record.id;
    if (std::exchange(m_mode, live->mode) != live->mode) Q_EMIT modeChanged();
    if (!isKnown) computeNextOfToken();
    d.result = m_workspace.fullTeleport(record.id);
    if (!d.result) {
        // Of a session that was saved: it keeps no random directions, and the same seed draws the same.
        auto result = std::make_shared<TeleportResult>(record.result);
        if (result->request.controls <= 0) result->request.controls = m_controls;
        d.result = std::move(result);
        startControls();
    } else {
        enter(State::Ready);
    }
    Q_EMIT handleMoved();
    Q_EMIT pathChanged();
    Q_EMIT resultChanged();
    Q_EMIT statusChanged();
}

/// The document keeps what follows the end of the prompt; what follows the token needs the model.
void TeleportModel::computeNextOfToken() {
    m_workspace.remember(m_workspace.jobs().submit(
        {Lane::Model, tr("Next tokens after the followed token"), false},
        [loaded = m_private->held->loaded, path = m_private->answer->path](Progress& progress) {
            return nextProbabilities(*loaded->model, *path, progress);
        },
        this,
        [this, shown = m_private->answer](Outcome<NextProbabilities> outcome) {
            if (outcome.result() == nullptr || m_private->answer != shown) return;
            auto complete = std::make_shared<Live>(*shown);
            complete->next = std::move(*outcome.result());
            m_private->answer = std::move(complete);
            Q_EMIT pathChanged();
        }));
}

/// The exact path of where it was let go is there: one command.
void TeleportModel::commit() {
    Private& d = *m_private;
    const Held& held = *d.held;
    TeleportRecord record;
    record.prompt = held.prompt;
    record.sample = held.sample;
    record.basis = held.basis;
    record.target = d.answer->target;
    TeleportResult& result = record.result;
    result.request.point = held.modelPoint;
    result.request.token = held.token;
    result.request.mode = d.answer->mode;
    result.request.state = d.answer->state;
    result.request.components = held.k;
    result.request.controls = m_controls;
    result.request.seed = m_seed;
    result.natural = *held.natural;
    result.teleported = *d.answer->path;
    result.measures = d.answer->measures;
    d.awaitsPath = false;
    m_workspace.addTeleport(std::move(record));  // stateChanged() shows it, and starts its controls
    if (std::exchange(d.refreshLater, false)) refresh();
}

void TeleportModel::startControls() {
    Private& d = *m_private;
    if (d.result->request.controls <= 0 || !(d.result->measures.distance[0] > 0)) {
        enter(State::Ready);
        return;
    }
    using Full = std::shared_ptr<const TeleportResult>;
    const std::int64_t id = m_shown;
    d.controlsJob = m_workspace.jobs().submit(
        {Lane::Model, tr("Random directions of the same norm")},
        [held = d.held, request = d.result->request](Progress& progress) {
            return Full(std::make_shared<const TeleportResult>(
                teleport(*held->loaded->model, *held->context, request, held->basis.get(), progress)));
        },
        this,
        [this, id](Outcome<Full> outcome) {
            if (id != m_shown || !m_private->controlsJob) return;
            m_private->controlsJob.reset();
            if (const Failure* failure = outcome.failure())
                Q_EMIT m_workspace.failed(tr("Compute random directions"), *failure);
            if (outcome.result() != nullptr) {
                m_workspace.succeed(tr("Compute random directions"));
                m_private->result = *outcome.result();
                m_workspace.keepFullTeleport(id, m_private->result);
                Q_EMIT resultChanged();
            }
            if (m_state == State::Settling) enter(State::Ready);
        });
    enter(State::Settling);
}

void TeleportModel::stopControls() {
    if (const auto job = std::exchange(m_private->controlsJob, std::nullopt)) m_workspace.jobs().cancel(*job);
}

const VectorF& TeleportModel::heldState() const {
    static const VectorF none;
    const Private& d = *m_private;
    return d.answer ? d.answer->state : d.held ? d.held->state : none;
}

const VectorF& TeleportModel::naturalState() const {
    static const VectorF none;
    return m_private->held ? m_private->held->state : none;
}

bool TeleportModel::isMoved() const {
    return m_target.size() > 0 && m_target != m_naturalScores;
}

MatrixD TeleportModel::predictedPath() const {
    if (m_naturalPath.size() == 0) return {};
    return m_naturalPath.rowwise() + (m_target - m_naturalScores).transpose();
}

double TeleportModel::displacement() const {
    if (m_target.size() == 0 || m_spread.size() != m_target.size() || !(m_spread.array() > 0).all())
        return nan;
    return (m_target - m_naturalScores).cwiseQuotient(m_spread).norm();
}

double TeleportModel::outlyingness() const {
    if (m_target.size() == 0 || m_spread.size() != m_target.size() || !(m_spread.array() > 0).all())
        return nan;
    return (m_target - m_mean).cwiseQuotient(m_spread).cwiseAbs().maxCoeff();
}

bool TeleportModel::isFarOutside() const {
    return isMoved() && outlyingness() > farOutsideSds;
}

std::vector<NextToken> TeleportModel::nextTokens(int count) const {
    const Private& d = *m_private;
    std::vector<NextToken> tokens;
    if (!d.held || count <= 0) return tokens;
    const auto wanted = m_followsToken ? &NextProbabilities::ofToken : &NextProbabilities::ofPrompt;
    const VectorD& natural = d.held->next.*wanted;
    const VectorD* moved =
        d.answer && (d.answer->next.*wanted).size() == natural.size() ? &(d.answer->next.*wanted) : nullptr;
    const auto likeliest = [&](Eigen::Index id) {
        return moved != nullptr ? std::max(natural[id], (*moved)[id]) : natural[id];
    };
    std::vector<std::int32_t> ids(static_cast<std::size_t>(natural.size()));
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i);
    const auto kept = std::min<std::ptrdiff_t>(count, static_cast<std::ptrdiff_t>(ids.size()));
    std::partial_sort(ids.begin(), ids.begin() + kept, ids.end(), [&](std::int32_t a, std::int32_t b) {
        return likeliest(a) != likeliest(b) ? likeliest(a) > likeliest(b) : a < b;
    });
    const auto& tokenizer = d.held->loaded->tokenizer;
    for (std::ptrdiff_t i = 0; i < kept; ++i) {
        const std::int32_t id = ids[static_cast<std::size_t>(i)];
        tokens.push_back({id,
                          tokenizer ? QString::fromStdString(tokenizer->pieceText(id)) : QString::number(id),
                          natural[id], moved != nullptr ? (*moved)[id] : nan});
    }
    return tokens;
}

const TeleportMeasures* TeleportModel::measures() const {
    return m_private->answer ? &m_private->answer->measures : nullptr;
}

std::shared_ptr<const TeleportResult> TeleportModel::result() const {
    return m_state == State::Dragging ? nullptr : m_private->result;
}

}  // namespace rheo
