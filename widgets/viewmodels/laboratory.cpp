#include "widgets/viewmodels/laboratory.h"

#include <QLocale>
#include <algorithm>
#include <limits>
#include <utility>

#include "core/dynamics/teleport.h"
#include "widgets/viewmodels/prompt_queue.h"

namespace rheo {

Laboratory::Laboratory(Workspace& workspace, Selection& selection, QObject* parent)
    : QObject(parent),
      m_workspace(workspace),
      m_selection(selection),
      m_run(workspace.jobs(), {Lane::Model, tr("Running the edits")}, &Laboratory::run,
            [this](quint64, const Request&, Outcome<Answer> outcome) {
                if (const Failure* failure = outcome.failure()) {
                    m_answer.reset();
                    m_trouble = failure->message;
                } else {
                    m_answer = std::move(*outcome.result());
                    m_trouble.clear();
                }
                Q_EMIT pathChanged();
            }) {
    connect(&workspace, &Workspace::stateChanged, this, &Laboratory::follow);
    connect(&workspace, &Workspace::modelChanged, this, &Laboratory::refresh);
    connect(&selection, &Selection::promptChanged, this, [this] {
        m_tried.reset();
        setWritten(nullptr);
        refresh();
    });
    connect(&selection, &Selection::tokenChanged, this, &Laboratory::pathChanged);
}

bool Laboratory::hasEditsOn() const {
    return std::any_of(m_shown.edits.begin(), m_shown.edits.end(), [](const Edit& edit) { return edit.on; });
}

// ---- the edits ------------------------------------------------------------------------------------------

void Laboratory::keep(const QString& what, std::vector<Edit> edits) {
    m_moving.reset();
    DocumentState next = *m_workspace.state();
    next.intervention =
        edits.empty() ? nullptr
                      : std::make_shared<const Intervention>(Intervention{m_shown.name, std::move(edits)});
    m_workspace.change(what, std::move(next));
}

void Laboratory::add(Edit edit) {
    std::vector<Edit> all = m_shown.edits;
    const QString name = QString::fromStdString(edit.name);
    all.push_back(std::move(edit));
    keep(tr("Add the edit “%1”").arg(name), std::move(all));
}

void Laboratory::change(std::size_t place, Edit edit, const QString& what) {
    if (place >= m_shown.edits.size()) return;
    std::vector<Edit> all = m_shown.edits;
    all[place] = std::move(edit);
    keep(what, std::move(all));
}

void Laboratory::remove(std::size_t place) {
    if (place >= m_shown.edits.size()) return;
    std::vector<Edit> all = m_shown.edits;
    const QString name = QString::fromStdString(all[place].name);
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(place));
    keep(tr("Remove the edit “%1”").arg(name), std::move(all));
}

void Laboratory::move(std::size_t from, std::size_t to) {
    if (from >= m_shown.edits.size() || to >= m_shown.edits.size() || from == to) return;
    std::vector<Edit> all = m_shown.edits;
    Edit moved = std::move(all[from]);
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(from));
    all.insert(all.begin() + static_cast<std::ptrdiff_t>(to), std::move(moved));
    keep(tr("Reorder the edits"), std::move(all));
}

void Laboratory::replace(Intervention intervention, const QString& what) {
    m_shown.name = intervention.name;
    keep(what, std::move(intervention.edits));
}

void Laboratory::preview(std::size_t place, double strength) {
    if (place >= m_shown.edits.size() || m_shown.edits[place].strength == strength) return;
    m_moving = place;
    m_shown.edits[place].strength = strength;
    Q_EMIT editsChanged();
    refresh();
}

void Laboratory::settle() {
    if (!m_moving) return;
    const std::size_t place = *m_moving;
    const QString name = QString::fromStdString(m_shown.edits[place].name);
    keep(tr("Set the strength of “%1”").arg(name), m_shown.edits);
}

/// The document is another value: its edits are shown.
void Laboratory::follow() {
    const auto& kept = m_workspace.state()->intervention;
    if (kept == m_kept) return;
    m_kept = kept;
    m_moving.reset();
    m_shown = kept ? *kept : Intervention{};
    Q_EMIT editsChanged();
    refresh();
}

QString Laboratory::strengthText(const Edit& edit) {
    const QString number = QLocale().toString(edit.strength, 'g', 3);
    return edit.unit == StrengthUnit::Rms ? tr("%1 RMS").arg(number) : number;
}

// ---- what they make of the prompt -----------------------------------------------------------------------

Laboratory::Answer Laboratory::run(const Request& request, Progress& progress) {
    const Model& model = *request.loaded->model;
    Answer answer{request.loaded, request.ids, request.context, nullptr, {}, {}};
    if (!answer.context) answer.context = model.prepare(request.ids, progress);
    answer.path = std::make_shared<const IntervenedPath>(
        intervenedPath(model, *answer.context, request.intervention, progress));
    answer.natural = softmax(answer.path->logitsNatural);
    answer.intervened = softmax(answer.path->logitsIntervened);
    return answer;
}

void Laboratory::refresh() {
    const auto model = m_workspace.model();
    const Sample sample = this->sample();
    m_trouble = edits().empty()           ? QString()
                : !model                  ? tr("Edits need the model: open or attach it (File menu).")
                : sample.tokenIds.empty() ? tr("Choose a prompt in the list on the left.")
                : !hasEditsOn()           ? tr("All edits are off.")
                                          : QString();
    if (edits().empty() || !m_trouble.isEmpty()) {
        m_run.drop();
        const bool was = m_answer.has_value();
        m_answer.reset();
        if (was || !m_trouble.isEmpty()) Q_EMIT pathChanged();
        return;
    }
    const bool known = m_answer && m_answer->loaded == model && m_answer->ids == sample.tokenIds;
    if (!known && m_answer) {  // of another prompt
        m_answer.reset();
        Q_EMIT pathChanged();
    }
    m_run.post({model, sample.tokenIds, known ? m_answer->context : nullptr, m_shown});
}

void Laboratory::tryOn(Sample sample) {
    m_tried = std::move(sample);
    refresh();
}

Sample Laboratory::sample() const {
    return m_tried ? *m_tried : m_workspace.prompts().sampleOf(m_selection.prompt());
}

double Laboratory::kl() const {
    return m_answer ? m_answer->path->kl : std::numeric_limits<double>::quiet_NaN();
}

std::vector<NextToken> Laboratory::nextTokens(int count) const {
    std::vector<NextToken> tokens;
    if (!m_answer) return tokens;
    const VectorD& natural = m_answer->natural;
    const VectorD& intervened = m_answer->intervened;
    const VectorF likeliest = natural.cwiseMax(intervened).cwiseMax(1e-30).array().log().cast<float>();
    const auto& tokenizer = m_answer->loaded->tokenizer;
    for (const TokenProbability& token : topTokens(likeliest, count))
        tokens.push_back(
            {token.id,
             tokenizer ? QString::fromStdString(tokenizer->pieceText(token.id)) : QString::number(token.id),
             natural[token.id], intervened[token.id]});
    return tokens;
}

std::optional<TeleportOverlay> Laboratory::overlay() const {
    const auto state = m_workspace.state();
    const auto first = m_workspace.modelPoint(PointIndex{0});
    if (!m_answer || !state->basis || !state->scores || !first) return std::nullopt;
    const IntervenedPath& path = *m_answer->path;
    const auto tokens = static_cast<int>(m_answer->ids.size());
    const int wanted =
        m_tried || m_selection.token() < 0 ? tokens - 1 : std::min(m_selection.token(), tokens - 1);
    if (wanted < path.token) return std::nullopt;  // before the first edit: nothing changes
    // The document may begin at a later point than the model, and end before it.
    const std::int64_t offset = std::max<std::int64_t>(0, first->value() - path.point.value());
    const std::int64_t begin = path.point.value() - first->value() + offset;
    const std::int64_t points = std::min(path.natural.n1 - offset, state->scores->n1 - begin);
    if (points < 1 || state->basis->mean.size() != path.natural.n2) return std::nullopt;
    const auto scoresOfToken = [&](const Array3F& states) {
        const float* from = states.at(wanted - path.token, offset);
        return project(*state->basis, Eigen::Map<const MatrixF>(from, points, states.n2));
    };
    TeleportOverlay overlay;
    overlay.point = PointIndex{begin};
    overlay.natural = scoresOfToken(path.natural);
    overlay.teleported = scoresOfToken(path.intervened);
    overlay.extendAxes = false;
    overlay.name = tr("with the edits").toStdString();
    return overlay;
}

std::optional<PlaneArrows> Laboratory::arrows() const {
    if (!m_arrowBasis || m_arrowBasis != m_workspace.state()->basis) return std::nullopt;
    return m_arrows;
}

void Laboratory::setArrows(std::shared_ptr<const PcaBasis> basis, PlaneArrows arrows) {
    if (!basis && !m_arrowBasis) return;
    m_arrowBasis = std::move(basis);
    m_arrows = std::move(arrows);
    Q_EMIT arrowsChanged();
}

void Laboratory::setWritten(std::shared_ptr<const InterveneResult> result) {
    if (std::exchange(m_written, std::move(result)) != m_written) Q_EMIT writtenChanged();
}

std::vector<MorePaths> Laboratory::written() const {
    const auto state = m_workspace.state();
    const auto first = m_workspace.modelPoint(PointIndex{0});
    if (!m_written || !state->basis || !state->scores || !first ||
        state->basis->mean.size() != m_written->natural.n2 ||
        first->value() + state->scores->n1 > m_written->natural.n1)
        return {};
    const auto pathsOf = [&](const Array3F& states, std::size_t generated) {
        std::vector<MatrixD> paths;
        for (std::int64_t t = states.n0 - static_cast<std::int64_t>(generated); t < states.n0; ++t)
            paths.push_back(project(*state->basis, Eigen::Map<const MatrixF>(states.at(t, first->value()),
                                                                             state->scores->n1, states.n2)));
        return paths;
    };
    return {
        {tr("natural text").toStdString(), false, pathsOf(m_written->natural, m_written->naturalIds.size())},
        {tr("text with the edits").toStdString(), true,
         pathsOf(m_written->intervened, m_written->intervenedIds.size())}};
}

}  // namespace rheo
