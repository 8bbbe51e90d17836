#include "widgets/viewmodels/selection_history.h"

#include <algorithm>
#include <utility>

#include "widgets/viewmodels/named_rows.h"

namespace rheo {

SelectionHistory::SelectionHistory(Workspace& workspace, Selection& selection, QObject* parent)
    : QObject(parent), m_workspace(workspace), m_selection(selection), m_settled(now()) {
    m_wait.setSingleShot(true);
    m_wait.setInterval(pause);
    connect(&m_wait, &QTimer::timeout, this, &SelectionHistory::settle);
    for (auto signal : {&Selection::rowChanged, &Selection::rowsChanged, &Selection::promptChanged,
                        &Selection::tokenChanged, &Selection::pointChanged, &Selection::unitChanged})
        connect(&selection, signal, this, [this] {
            if (m_isRestoring) return;
            m_wait.start();
            Q_EMIT changed();
        });
    connect(&workspace, &Workspace::documentReplaced, this, &SelectionHistory::clear);
}

SelectionHistory::Step SelectionHistory::now() const {
    Step step{m_selection.prompt(), m_selection.token(), {}, m_selection.point(), m_selection.unit()};
    const DocumentState& state = *m_workspace.state();
    for (const qint64 row : m_selection.rows())
        if (row < state.rows()) step.rows.push_back(placeOf(state, RowIndex{row}));
    std::sort(step.rows.begin(), step.rows.end());
    return step;
}

/// What was selected until the last changes is a step to go back to.
void SelectionHistory::settle() {
    m_wait.stop();
    Step step = now();
    if (step == m_settled) return;
    m_back.push_back(std::exchange(m_settled, std::move(step)));
    if (m_back.size() > most) m_back.erase(m_back.begin());
    m_forward.clear();
    Q_EMIT changed();
}

/// Of another document nothing is left; what is selected in it is where its history begins.
void SelectionHistory::clear() {
    m_back.clear();
    m_forward.clear();
    QTimer::singleShot(0, this, [this] {
        m_wait.stop();
        m_settled = now();
        Q_EMIT changed();
    });
}

bool SelectionHistory::canGoBack() const {
    return !m_back.empty() || (m_wait.isActive() && now() != m_settled);
}

void SelectionHistory::goBack() {
    settle();
    if (m_back.empty()) return;
    m_forward.push_back(std::exchange(m_settled, m_back.back()));
    m_back.pop_back();
    restore(m_settled);
}

void SelectionHistory::goForward() {
    settle();
    if (m_forward.empty()) return;
    m_back.push_back(std::exchange(m_settled, m_forward.back()));
    m_forward.pop_back();
    restore(m_settled);
}

/// Rows and prompts that are gone meanwhile are passed over.
void SelectionHistory::restore(const Step& step) {
    m_isRestoring = true;
    const DocumentState& state = *m_workspace.state();
    const QList<qint64> rows = rowsOf(state, {"", step.rows});
    const auto followed = findRow(state, step.prompt, step.token);
    if (!rows.isEmpty())
        m_selection.selectRows(rows, followed ? std::optional(followed->value()) : std::nullopt);
    if (!followed && sampleOf(state, step.prompt)) {
        m_selection.selectPrompt(step.prompt);
        m_selection.selectToken(step.token);
    }
    m_selection.selectPoint(step.point);
    m_selection.selectUnit(step.unit);
    m_isRestoring = false;
    Q_EMIT changed();
}

}  // namespace rheo
