#include "widgets/viewmodels/direction_scores.h"

#include <utility>

#include "core/statistics/axes.h"

namespace rheo {

DirectionScores::DirectionScores(Workspace& workspace, QObject* parent)
    : QObject(parent), m_workspace(workspace) {}

DirectionScores::Key DirectionScores::keyOf(const VectorF& direction) const {
    const auto state = m_workspace.state();
    return {state->trace, state->basis, direction};
}

const MatrixF& DirectionScores::values(const VectorF& direction) const {
    static const MatrixF none;
    return m_key.trace && m_key == keyOf(direction) ? m_values : none;
}

void DirectionScores::ask(const VectorF& direction) {
    const Key key = keyOf(direction);
    if (!key.trace || !key.basis || m_asked == key) return;
    if (m_job) m_workspace.jobs().cancel(*m_job);
    m_asked = key;
    m_job = m_workspace.remember(m_workspace.jobs().submit(
        {Lane::Analysis, tr("Scores along a direction")},
        [key](Progress& progress) {
            const TraceView view{.trace = key.trace, .scaling = key.basis->scaling};
            return scoresAlong(view, key.direction, key.basis->mean, progress);
        },
        this,
        [this, key](Outcome<MatrixF> outcome) {
            if (!(m_asked == key)) return;  // a newer one runs
            m_job.reset();
            m_workspace.use(tr("Compute the scores"), outcome, [&](MatrixF values) {
                m_key = key;
                m_values = std::move(values);
            });
            Q_EMIT changed();
        }));
}

}  // namespace rheo
