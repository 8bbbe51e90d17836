#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/feature.h"
#include "widgets/viewmodels/prompt_queue.h"

#include <algorithm>
#include <map>
#include <utility>

namespace rheo {

Selection::Selection(Workspace& workspace, QObject* parent)
    : QObject(parent), m_workspace(workspace), m_seen(workspace.state()) {
    connect(&workspace, &Workspace::documentReplaced, this, [this] {
        set({}, -1, std::nullopt, {});
        selectPoint(PointIndex{0});
        selectUnit(UnitIndex{0});
        if (m_seen->rows() > 0) selectRow(RowIndex{0});
    });
    connect(&workspace, &Workspace::stateChanged, this, &Selection::follow);
    connect(&workspace, &Workspace::modelChanged, this, [this] { selectPoint(m_point); });
}

int Selection::pointCount() const {
    return static_cast<int>(m_workspace.points().size());
}

void Selection::set(PromptId prompt, int token, std::optional<RowIndex> row, QList<qint64> rows) {
    const bool newPrompt = prompt != m_prompt;
    const bool newToken = token != m_token || newPrompt;
    const bool newRow = row != m_row;
    const bool newRows = rows != m_rows;
    m_prompt = prompt;
    m_token = token;
    m_row = row;
    m_rows = std::move(rows);
    // All of it is there before the first of the signals.
    if (newPrompt) Q_EMIT promptChanged();
    if (newToken) Q_EMIT tokenChanged();
    if (newRow) Q_EMIT rowChanged();
    if (newRows) Q_EMIT rowsChanged();
}

void Selection::selectRow(RowIndex row) {
    if (row.value() < 0 || row.value() >= m_seen->rows()) return;
    const TraceRow& at = m_seen->trace->info().rows[static_cast<std::size_t>(row.value())];
    set(m_seen->prompts[static_cast<std::size_t>(at.sample)], at.position, row, {row.value()});
}

void Selection::selectRows(QList<qint64> rows) {
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    rows.removeIf([this](qint64 row) { return row < 0 || row >= m_seen->rows(); });
    if (rows.isEmpty()) {
        clearRows();
        return;
    }
    const bool keeps = m_row && rows.contains(m_row->value());
    const RowIndex row = keeps ? *m_row : RowIndex{rows.first()};
    const TraceRow& at = m_seen->trace->info().rows[static_cast<std::size_t>(row.value())];
    set(m_seen->prompts[static_cast<std::size_t>(at.sample)], at.position, row, std::move(rows));
}

void Selection::clearRows() {
    set(m_prompt, m_token, std::nullopt, {});
}

void Selection::selectPrompt(PromptId prompt) {
    if (prompt == m_prompt && m_row) return;
    if (const auto row = lastRowOf(*m_seen, prompt)) {
        selectRow(*row);
        return;
    }
    const auto tokens = static_cast<int>(m_workspace.prompts().sampleOf(prompt).tokenIds.size());
    set(prompt, tokens - 1, std::nullopt, {});
}

void Selection::selectToken(int position) {
    if (m_prompt == PromptId{} || position < 0) return;
    const auto row = findRow(*m_seen, m_prompt, position);
    set(m_prompt, position, row, row ? QList<qint64>{row->value()} : QList<qint64>{});
    if (!row && whyNot(m_workspace, Feature::CaptureToken).isEmpty())
        m_workspace.prompts().captureToken(m_prompt, position);
}

void Selection::selectPoint(PointIndex point) {
    const PointIndex clamped{std::clamp<std::int64_t>(point.value(), 0, std::max(0, pointCount() - 1))};
    if (clamped == m_point) return;
    m_point = clamped;
    Q_EMIT pointChanged();
}

void Selection::selectUnit(UnitIndex unit) {
    const std::int64_t units = m_seen->trace ? m_seen->trace->units() : 1;
    const UnitIndex clamped{std::clamp<std::int64_t>(unit.value(), 0, units - 1)};
    if (clamped == m_unit) return;
    m_unit = clamped;
    Q_EMIT unitChanged();
}

/// Rows have other numbers now: finds those of the prompts and tokens that were selected.
void Selection::follow() {
    const auto before = std::exchange(m_seen, m_workspace.state());
    if (before->trace == m_seen->trace) return;
    selectPoint(m_point);
    if (m_workspace.prompts().indexOf(m_prompt) < 0) {
        set({}, -1, std::nullopt, {});
        return;
    }
    QList<qint64> rows;
    if (before->trace && m_seen->trace && !m_rows.isEmpty()) {
        // Many rows may be picked: one pass over all of them instead of a search for each.
        std::map<std::pair<PromptId, std::int32_t>, qint64> now;
        const auto& after = m_seen->trace->info().rows;
        for (std::size_t n = 0; n < after.size(); ++n)
            now.emplace(
                std::pair(m_seen->prompts[static_cast<std::size_t>(after[n].sample)], after[n].position),
                static_cast<qint64>(n));
        for (const qint64 picked : m_rows) {
            const TraceRow& at = before->trace->info().rows[static_cast<std::size_t>(picked)];
            const auto place = now.find({before->prompts[static_cast<std::size_t>(at.sample)], at.position});
            if (place != now.end()) rows.append(place->second);
        }
    }
    auto row = findRow(*m_seen, m_prompt, m_token);
    int token = m_token;
    // An edited prompt has other tokens: its last one stands for it.
    const bool edited =
        before->trace && sampleOf(*before, m_prompt) && sampleOf(*m_seen, m_prompt) &&
        before->trace->info().samples[static_cast<std::size_t>(*sampleOf(*before, m_prompt))] !=
            m_seen->trace->info().samples[static_cast<std::size_t>(*sampleOf(*m_seen, m_prompt))];
    if (edited || (!row && m_token < 0)) {
        row = lastRowOf(*m_seen, m_prompt);
        if (row) token = m_seen->trace->info().rows[static_cast<std::size_t>(row->value())].position;
    }
    if (row && !rows.contains(row->value())) rows.append(row->value());
    std::sort(rows.begin(), rows.end());
    set(m_prompt, token, row, std::move(rows));
}

}  // namespace rheo
