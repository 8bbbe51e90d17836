#include "widgets/viewmodels/held_facts.h"

#include <algorithm>
#include <utility>

#include "core/figure/teleport_figure.h"

namespace rheo {

namespace {

constexpr int dragPause = 30;  // milliseconds between two searches while the handle is dragged
constexpr std::int64_t mostBytes = std::int64_t{256} << 20;

}  // namespace

HeldFacts::HeldFacts(Workspace& workspace, TeleportModel& teleport, QObject* parent)
    : QObject(parent),
      m_workspace(workspace),
      m_teleport(teleport),
      m_search(workspace.jobs(), {Lane::Io, tr("Nearest rows")}, &HeldFacts::search,
               [this](quint64, const NearRequest&, Outcome<NearAnswer> outcome) {
                   if (const Failure* failure = outcome.failure())
                       return m_workspace.fail(tr("Find the nearest rows"), *failure);
                   m_workspace.succeed(tr("Find the nearest rows"));
                   m_among = outcome.result()->among;
                   m_nearest = std::move(outcome.result()->rows);
                   m_searched = static_cast<std::int64_t>(m_among->rows.size());
                   Q_EMIT nearestChanged();
               }),
      m_read(workspace.jobs(), {Lane::Model, tr("Logit lens of the held state")}, &HeldFacts::read,
             [this](quint64, const LensRequest&, Outcome<std::vector<LensToken>> outcome) {
                 if (const Failure* failure = outcome.failure())
                     return m_workspace.fail(tr("Read the held state"), *failure);
                 m_workspace.succeed(tr("Read the held state"));
                 m_lens = std::move(*outcome.result());
                 Q_EMIT lensChanged();
             }) {
    m_soon.setSingleShot(true);
    m_soon.setInterval(dragPause);
    connect(&m_soon, &QTimer::timeout, this, &HeldFacts::refresh);
    connect(&m_teleport, &TeleportModel::naturalChanged, this, &HeldFacts::refresh);
    connect(&m_teleport, &TeleportModel::pathChanged, this, [this] {
        if (m_teleport.state() != TeleportModel::State::Dragging) return refresh();
        if (!m_soon.isActive()) m_soon.start();
    });
    connect(&m_workspace, &Workspace::stateChanged, this, [this] {  // rows came or went
        if (m_among && m_among->trace != m_workspace.state()->trace) refresh();
    });
    refresh();
}

HeldFacts::NearAnswer HeldFacts::search(const NearRequest& request, Progress& progress) {
    NearAnswer answer{request.known, {}};
    if (!answer.among || answer.among->trace != request.trace || answer.among->point != request.point)
        answer.among = std::make_shared<const RowStates>(
            readRowStates(request.trace, request.point, mostBytes, progress));
    answer.rows = nearestRows(*answer.among, request.state, shownRows, request.own);
    return answer;
}

std::vector<LensToken> HeldFacts::read(const LensRequest& request, Progress& progress) {
    const MatrixF state = request.state.transpose();
    const VectorF logits = request.loaded->model->unembed(state, progress).row(0).transpose();
    std::vector<LensToken> tokens;
    for (const TokenProbability& token : topTokens(logits, shownTokens))
        tokens.push_back({request.loaded->tokenizer ? QString::fromStdString(visibleToken(
                                                          request.loaded->tokenizer->pieceText(token.id)))
                                                    : QString::number(token.id),
                          token.probability});
    return tokens;
}

VectorF HeldFacts::stateOf(RowIndex row) const {
    if (!m_among || m_among->point != m_teleport.point()) return {};
    const auto place = std::lower_bound(m_among->rows.begin(), m_among->rows.end(), row);
    if (place == m_among->rows.end() || *place != row) return {};
    return m_among->states.row(place - m_among->rows.begin()).transpose();
}

void HeldFacts::snapToNearest() {
    if (m_nearest.empty()) return m_teleport.endDrag();
    const RowIndex row = m_nearest.front().row;
    const TraceRow& place = m_workspace.state()->trace->info().rows[static_cast<std::size_t>(row.value())];
    m_teleport.snapTo(stateOf(row), tr("sample %1, token %2").arg(place.sample).arg(place.position));
    m_teleport.endDrag();
}

void HeldFacts::clear() {
    m_search.drop();
    m_read.drop();
    m_among = nullptr;
    if (!std::exchange(m_nearest, {}).empty()) Q_EMIT nearestChanged();
    if (!std::exchange(m_lens, {}).empty()) Q_EMIT lensChanged();
}

void HeldFacts::refresh() {
    m_soon.stop();
    const VectorF& state = m_teleport.heldState();
    const auto& trace = m_workspace.state()->trace;
    if (state.size() == 0 || !m_workspace.model() || !trace || m_teleport.point().value() >= trace->points())
        return clear();
    // Rows that were near at another point are not near here.
    const bool elsewhere = m_among && (m_among->trace != trace || m_among->point != m_teleport.point());
    if (elsewhere && !std::exchange(m_nearest, {}).empty()) Q_EMIT nearestChanged();
    m_search.post({trace, m_teleport.point(), m_teleport.row(), state, m_among});
    m_read.post({m_workspace.model(), state});
}

}  // namespace rheo
