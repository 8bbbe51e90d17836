#include "widgets/viewmodels/row_surprise.h"

#include <algorithm>
#include <utility>

#include "core/session/surprise.h"

namespace rheo {

RowSurprise::RowSurprise(Workspace& workspace, QObject* parent) : QObject(parent), m_workspace(workspace) {}

const std::vector<double>& RowSurprise::values() const {
    static const std::vector<double> none;
    return m_trace && m_trace == m_workspace.state()->trace ? m_values : none;
}

QString RowSurprise::whyNot() const {
    const auto model = m_workspace.model();
    const auto& trace = m_workspace.state()->trace;
    if (!trace) return tr("There are no rows.");
    if (!model) return tr("Attach the model: surprise is computed from its next-token probabilities.");
    const auto last = m_workspace.modelPoint(PointIndex{trace->points() - 1});
    if (!last || last->value() + 1 != static_cast<std::int64_t>(model->model->points().size()))
        return tr("These rows end before the model's last point.");
    const TraceInfo& info = trace->info();
    const bool isFollowed = std::any_of(info.rows.begin(), info.rows.end(), [&](const TraceRow& row) {
        const auto sample = static_cast<std::size_t>(row.sample);
        return sample < info.samples.size() &&
               static_cast<std::size_t>(row.position) + 1 < info.samples[sample].tokenIds.size();
    });
    return isFollowed ? QString()
                      : tr("Every row is the last token of its prompt, and no token follows. Pin other "
                           "tokens, or capture all of them.");
}

void RowSurprise::ask() {
    const auto trace = m_workspace.state()->trace;
    if (m_job || (trace && m_trace == trace) || !whyNot().isEmpty()) return;
    m_job = m_workspace.remember(m_workspace.jobs().submit(
        {Lane::Model, tr("Surprise at the next tokens")},
        [loaded = m_workspace.model(), trace](Progress& progress) {
            return surpriseOfRows(*loaded->model, *trace, progress);
        },
        this,
        [this, trace](Outcome<std::vector<double>> outcome) {
            m_job.reset();
            m_workspace.use(tr("Compute the surprise"), outcome, [&](std::vector<double> values) {
                m_trace = trace;
                m_values = std::move(values);
            });
            Q_EMIT changed();
        }));
}

}  // namespace rheo
