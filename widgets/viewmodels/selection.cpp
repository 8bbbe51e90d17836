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
        m_hiddenPlaces.clear();
        m_showsMean = false;
        updateHidden();
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
    if (newToken || m_row) setLooked(nullptr);
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

Selection::Place Selection::placeOf(const DocumentState& state, qint64 row) const {
    return {promptOf(state, RowIndex{row}), state.trace->info().rows[static_cast<std::size_t>(row)].position};
}

/// Rows of the document at these places, ascending. One pass over all rows.
QList<qint64> Selection::rowsAt(const std::set<Place>& places) const {
    QList<qint64> rows;
    for (std::int64_t n = 0; n < m_seen->rows() && !places.empty(); ++n)
        if (places.contains(placeOf(*m_seen, n))) rows.append(n);
    return rows;
}

void Selection::selectRows(QList<qint64> rows, std::optional<qint64> followed) {
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    rows.removeIf([this](qint64 row) { return row < 0 || row >= m_seen->rows(); });
    if (rows.isEmpty()) {
        clearRows();
        return;
    }
    const auto among = [&](qint64 row) { return std::binary_search(rows.begin(), rows.end(), row); };
    qint64 row = rows.first();
    if (followed && among(*followed))
        row = *followed;
    else if (m_row && among(m_row->value()))
        row = m_row->value();
    const Place at = placeOf(*m_seen, row);
    set(at.first, at.second, RowIndex{row}, std::move(rows));
}

void Selection::toggleRow(RowIndex row) {
    QList<qint64> rows = m_rows;
    if (rows.removeOne(row.value())) return selectRows(std::move(rows));
    addRows({row.value()});
}

void Selection::addRows(const QList<qint64>& rows) {
    if (!rows.isEmpty()) selectRows(m_rows + rows);
}

void Selection::clearRows() {
    set(m_prompt, m_token, std::nullopt, {});
}

void Selection::keepFollowed() {
    set(m_prompt, m_token, m_row, m_row ? QList<qint64>{m_row->value()} : QList<qint64>{});
}

// ---- what is shown ----------------------------------------------------------------------------------------

bool Selection::isHidden(qint64 row) const {
    return std::binary_search(m_hidden.begin(), m_hidden.end(), row);
}

void Selection::updateHidden() {
    QList<qint64> hidden = rowsAt(m_hiddenPlaces);
    if (hidden.size() == m_seen->rows()) hidden.clear();  // prompts went, and nothing would be left
    if (std::exchange(m_hidden, hidden) != hidden) Q_EMIT shownChanged();
}

void Selection::hideRows(const QList<qint64>& rows) {
    for (const qint64 row : rows)
        if (row >= 0 && row < m_seen->rows()) m_hiddenPlaces.insert(placeOf(*m_seen, row));
    updateHidden();
    QList<qint64> selected = m_rows;
    selected.removeIf([this](qint64 row) { return isHidden(row); });
    if (selected == m_rows) return;
    if (selected.isEmpty())  // the first row that is shown takes their place
        for (std::int64_t n = 0; n < m_seen->rows() && selected.isEmpty(); ++n)
            if (!isHidden(n)) selected.append(n);
    selectRows(std::move(selected));
}

void Selection::hideSelected() {
    if (m_rows.size() + m_hidden.size() < m_seen->rows()) hideRows(m_rows);
}

void Selection::isolateSelected() {
    if (m_rows.isEmpty()) return;
    QList<qint64> others;
    for (std::int64_t n = 0; n < m_seen->rows(); ++n)
        if (!std::binary_search(m_rows.begin(), m_rows.end(), n)) others.append(n);
    hideRows(others);
}

void Selection::showAllRows() {
    m_hiddenPlaces.clear();
    updateHidden();
}

void Selection::setShowsMean(bool on) {
    if (std::exchange(m_showsMean, on) != on) Q_EMIT shownChanged();
}

// ---- prompts, tokens, points ------------------------------------------------------------------------------

void Selection::selectPrompt(PromptId prompt) {
    if (prompt == m_prompt && m_row) return keepFollowed();
    if (const auto row = lastRowOf(*m_seen, prompt)) {
        selectRow(*row);
        return;
    }
    const auto tokens = static_cast<int>(m_workspace.prompts().sampleOf(prompt).tokenIds.size());
    set(prompt, tokens - 1, std::nullopt, {});
}

/// The rows that stand for prompts. One pass over all rows.
QList<qint64> Selection::lastRowsOf(const QList<PromptId>& prompts) const {
    const std::set<PromptId> wanted(prompts.begin(), prompts.end());
    std::map<PromptId, std::pair<std::int32_t, qint64>> last;
    for (std::int64_t n = 0; n < m_seen->rows(); ++n) {
        const auto [prompt, position] = placeOf(*m_seen, n);
        if (!wanted.contains(prompt)) continue;
        const auto [place, isNew] = last.try_emplace(prompt, position, n);
        if (!isNew && position > place->second.first) place->second = {position, n};
    }
    QList<qint64> rows;
    for (const auto& [prompt, row] : last) rows << row.second;
    return rows;
}

void Selection::selectPrompts(const QList<PromptId>& prompts) {
    if (const auto rows = lastRowsOf(prompts); !rows.isEmpty()) selectRows(rows);
}

void Selection::changePrompts(const QList<PromptId>& added, const QList<PromptId>& removed) {
    const std::set<PromptId> gone(removed.begin(), removed.end());
    QList<qint64> rows = m_rows;
    rows.removeIf([&](qint64 row) { return gone.contains(placeOf(*m_seen, row).first); });
    rows += lastRowsOf(added);
    if (!rows.isEmpty()) selectRows(rows);
}

std::set<PromptId> Selection::prompts() const {
    std::set<PromptId> found{m_prompt};
    for (const qint64 row : m_rows) found.insert(placeOf(*m_seen, row).first);
    return found;
}

void Selection::selectToken(int position) {
    if (m_prompt == PromptId{} || position < 0) return;
    const auto row = findRow(*m_seen, m_prompt, position);
    set(m_prompt, position, row, row ? QList<qint64>{row->value()} : QList<qint64>{});
    look();
}

/// Asks for the path of the selected token, if it is no row and is not there yet.
void Selection::look() {
    const auto& tokens = m_workspace.prompts().sampleOf(m_prompt).tokenIds;
    const bool isThere = m_looked && m_looked->prompt == m_prompt && m_looked->position == m_token;
    if (m_row || isThere || m_lookJob || m_token < 0 || static_cast<std::size_t>(m_token) >= tokens.size() ||
        !whyNot(m_workspace, Feature::CaptureToken).isEmpty())
        return;
    m_lookJob = lookAt(m_workspace, m_prompt, m_token, this,
                       [this, prompt = m_prompt, token = m_token](std::shared_ptr<const LookedPath> path) {
                           if (prompt != m_prompt || token != m_token || m_row) return;
                           m_lookJob.reset();
                           if (path && path->basis != m_seen->basis) path = inBasis(*path, m_seen->basis);
                           m_looked = std::move(path);
                           Q_EMIT lookedChanged();
                       });
    Q_EMIT lookedChanged();
}

void Selection::setLooked(std::shared_ptr<const LookedPath> path) {
    const bool wasBusy = m_lookJob.has_value();
    if (!path && m_lookJob) m_workspace.jobs().cancel(*std::exchange(m_lookJob, std::nullopt));
    if (std::exchange(m_looked, std::move(path)) != m_looked || wasBusy) Q_EMIT lookedChanged();
}

void Selection::pin() {
    if (!m_row && m_prompt != PromptId{} && m_token >= 0)
        m_workspace.prompts().captureToken(m_prompt, m_token);
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
    if (m_looked && m_looked->basis != m_seen->basis) setLooked(inBasis(*m_looked, m_seen->basis));
    if (before->trace == m_seen->trace) return;
    selectPoint(m_point);
    updateHidden();
    std::set<Place> places;
    if (before->trace)
        for (const qint64 row : m_rows) places.insert(placeOf(*before, row));
    QList<qint64> rows = rowsAt(places);
    if (m_workspace.prompts().indexOf(m_prompt) < 0) {
        set({}, -1, std::nullopt, {});
        if (!rows.isEmpty()) selectRows(std::move(rows));
        return;
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
