#include "core/session/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "core/base/error.h"
#include "core/trace/joined_trace.h"

namespace rheo {

namespace {

std::int64_t indexOf(const DocumentState& state, PromptId id) {
    const auto index = sampleOf(state, id);
    if (!index)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("prompt {} is no longer in the document", id.value()));
    return *index;
}

bool sameRows(const Trace& a, const Trace& b) {
    const auto* x = dynamic_cast<const JoinedTrace*>(&a);
    const auto* y = dynamic_cast<const JoinedTrace*>(&b);
    return x != nullptr && y != nullptr && x->parts() == y->parts() && x->picked() == y->picked() &&
           x->info().samples == y->info().samples;
}

/// Where a state has rows already that are these, its own object is used, so that "stale" means what it says.
std::shared_ptr<const Trace> known(const DocumentState& state, std::shared_ptr<const Trace> trace) {
    std::vector others{state.trace, state.basisTrace, state.resultsTrace};
    for (const HeldResults& held : state.earlier) others.push_back(held.trace);
    for (const auto& other : others)
        if (trace && other && sameRows(*trace, *other)) return other;
    return trace;
}

/// A row of the next document: `from` is its row in the old one, or -1 and `captured` its row there.
struct NextRow {
    std::int64_t from = -1;
    std::int64_t captured = -1;
    std::int32_t sample = 0;
};

/// `state` with other rows and samples; those that stay keep their scores, new ones are projected.
DocumentState withRows(const DocumentState& state, const CapturedRows* captured,
                       const std::vector<NextRow>& rows, std::vector<Sample> samples,
                       std::vector<PromptId> prompts) {
    DocumentState next = state;
    next.prompts = std::move(prompts);
    if (rows.empty() && samples.empty()) {
        next.trace = nullptr;
        next.scores = nullptr;
        return next;
    }

    std::vector<std::shared_ptr<const Trace>> parts;
    if (state.trace) parts.push_back(state.trace);
    const auto capturedPart = static_cast<std::int32_t>(parts.size());
    if (captured != nullptr) parts.push_back(captured->trace);
    std::vector<PickedRow> picked;
    picked.reserve(rows.size());
    for (const NextRow& row : rows)
        picked.push_back(row.from >= 0 ? PickedRow{0, row.sample, row.from}
                                       : PickedRow{capturedPart, row.sample, row.captured});
    next.trace = known(state, JoinedTrace::pick(std::move(parts), std::move(picked), std::move(samples)));

    next.scores = nullptr;
    if (!state.basis || (state.trace && !state.scores)) return next;
    const Array3F* fresh = nullptr;
    Array3F made;
    if (captured != nullptr && captured->basis == state.basis) {
        fresh = &captured->scores;
    } else if (captured != nullptr) {
        Progress progress;
        made = project(*state.basis, TraceView{.trace = captured->trace}, progress);
        fresh = &made;
    }
    Array3F scores(static_cast<std::int64_t>(rows.size()), next.trace->points(),
                   state.basis->components.rows());
    for (std::size_t n = 0; n < rows.size(); ++n) {
        const float* source =
            rows[n].from >= 0 ? state.scores->at(rows[n].from, 0) : fresh->at(rows[n].captured, 0);
        std::copy_n(source, scores.n1 * scores.n2, scores.at(static_cast<std::int64_t>(n), 0));
    }
    next.scores = std::make_shared<const Array3F>(std::move(scores));
    return next;
}

std::vector<NextRow> allRows(const DocumentState& state) {
    std::vector<NextRow> rows;
    rows.reserve(static_cast<std::size_t>(state.rows()));
    for (std::int64_t n = 0; n < state.rows(); ++n)
        rows.push_back({n, -1, state.trace->info().rows[static_cast<std::size_t>(n)].sample});
    return rows;
}

void requireSamples(const Trace& captured, std::size_t count) {
    if (captured.info().samples.size() != count || captured.rows() < static_cast<std::int64_t>(count))
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("rows of {} prompts were expected, and {} of {} came", count, captured.rows(),
                                captured.info().samples.size()));
}

}  // namespace

std::optional<std::int64_t> sampleOf(const DocumentState& state, PromptId prompt) {
    const auto place = std::find(state.prompts.begin(), state.prompts.end(), prompt);
    if (place == state.prompts.end()) return std::nullopt;
    return place - state.prompts.begin();
}

PromptId promptOf(const DocumentState& state, RowIndex row) {
    const TraceRow& at = state.trace->info().rows[static_cast<std::size_t>(row.value())];
    return state.prompts[static_cast<std::size_t>(at.sample)];
}

std::optional<RowIndex> findRow(const DocumentState& state, PromptId prompt, std::int32_t position) {
    const auto sample = sampleOf(state, prompt);
    if (!sample || !state.trace) return std::nullopt;
    const auto& rows = state.trace->info().rows;
    for (std::size_t n = 0; n < rows.size(); ++n)
        if (rows[n].sample == *sample && rows[n].position == position)
            return RowIndex{static_cast<std::int64_t>(n)};
    return std::nullopt;
}

std::optional<RowIndex> lastRowOf(const DocumentState& state, PromptId prompt) {
    const auto sample = sampleOf(state, prompt);
    if (!sample || !state.trace) return std::nullopt;
    const auto& rows = state.trace->info().rows;
    std::optional<RowIndex> last;
    for (std::size_t n = 0; n < rows.size(); ++n)
        if (rows[n].sample == *sample &&
            (!last || rows[n].position > rows[static_cast<std::size_t>(last->value())].position))
            last = RowIndex{static_cast<std::int64_t>(n)};
    return last;
}

TokenPlace placeOf(const DocumentState& state, RowIndex row) {
    return {promptOf(state, row), state.trace->info().rows[static_cast<std::size_t>(row.value())].position};
}

std::vector<RowIndex> rowsAt(const DocumentState& state, const std::vector<TokenPlace>& places) {
    std::vector<RowIndex> rows;
    for (std::int64_t n = 0; n < state.rows() && !places.empty(); ++n)
        if (std::binary_search(places.begin(), places.end(), placeOf(state, RowIndex{n})))
            rows.emplace_back(n);
    return rows;
}

DocumentState openDocument(std::shared_ptr<const Trace> trace, PromptId firstId) {
    DocumentState state;
    const TraceInfo& info = trace->info();
    if (info.samples.empty() && !info.rows.empty()) {
        // From elsewhere: the samples are whatever the rows call them.
        std::map<std::int32_t, std::int32_t> numbers;
        for (const TraceRow& row : info.rows) numbers.emplace(row.sample, 0);
        std::int32_t number = 0;
        for (auto& [name, sample] : numbers) sample = number++;
        std::vector<PickedRow> rows;
        rows.reserve(info.rows.size());
        for (std::size_t n = 0; n < info.rows.size(); ++n)
            rows.push_back({0, numbers[info.rows[n].sample], static_cast<std::int64_t>(n)});
        trace = JoinedTrace::pick({trace}, std::move(rows), std::vector<Sample>(numbers.size()));
    }
    state.trace = std::move(trace);
    for (std::size_t s = 0; s < state.trace->info().samples.size(); ++s)
        state.prompts.emplace_back(firstId.value() + static_cast<std::int64_t>(s));
    return state;
}

CapturedRows projected(std::shared_ptr<const Trace> trace, std::shared_ptr<const PcaBasis> basis,
                       Progress& progress) {
    CapturedRows rows;
    if (basis) rows.scores = project(*basis, TraceView{.trace = trace}, progress);
    rows.trace = std::move(trace);
    rows.basis = std::move(basis);
    return rows;
}

DocumentState addPrompts(const DocumentState& state, const std::vector<PromptId>& ids,
                         const CapturedRows& captured) {
    const TraceInfo& info = captured.trace->info();
    requireSamples(*captured.trace, ids.size());
    auto rows = allRows(state);
    auto samples = state.trace ? state.trace->info().samples : std::vector<Sample>{};
    auto prompts = state.prompts;
    const auto before = static_cast<std::int32_t>(samples.size());
    for (std::size_t n = 0; n < info.rows.size(); ++n)
        rows.push_back({-1, static_cast<std::int64_t>(n), before + info.rows[n].sample});
    samples.insert(samples.end(), info.samples.begin(), info.samples.end());
    prompts.insert(prompts.end(), ids.begin(), ids.end());
    return withRows(state, &captured, rows, std::move(samples), std::move(prompts));
}

DocumentState replacePrompt(const DocumentState& state, PromptId id, const CapturedRows& captured) {
    requireSamples(*captured.trace, 1);
    const auto sample = static_cast<std::int32_t>(indexOf(state, id));
    auto samples = state.trace->info().samples;
    samples[static_cast<std::size_t>(sample)] = captured.trace->info().samples.front();
    // The new rows stand where the first of the old ones stood.
    std::vector<NextRow> rows;
    bool placed = false;
    const auto place = [&] {
        for (std::int64_t n = 0; n < captured.trace->rows(); ++n) rows.push_back({-1, n, sample});
        placed = true;
    };
    for (const NextRow& row : allRows(state)) {
        if (row.sample != sample)
            rows.push_back(row);
        else if (!placed)
            place();
    }
    if (!placed) place();
    return withRows(state, &captured, rows, std::move(samples), state.prompts);
}

DocumentState addToken(const DocumentState& state, PromptId id, const CapturedRows& captured) {
    requireSamples(*captured.trace, 1);
    const auto sample = static_cast<std::int32_t>(indexOf(state, id));
    if (captured.trace->info().samples.front().tokenIds !=
        state.trace->info().samples[static_cast<std::size_t>(sample)].tokenIds)
        throw Error(ErrorCode::Mismatch, "the prompt was changed in the meantime");
    auto rows = allRows(state);
    auto after = rows.end();
    for (auto row = rows.begin(); row != rows.end(); ++row)
        if (row->sample == sample) after = row + 1;
    std::vector<NextRow> fresh;
    for (std::int64_t n = 0; n < captured.trace->rows(); ++n) fresh.push_back({-1, n, sample});
    rows.insert(after, fresh.begin(), fresh.end());
    return withRows(state, &captured, rows, state.trace->info().samples, state.prompts);
}

DocumentState removePrompts(const DocumentState& state, const std::vector<PromptId>& ids) {
    const std::set<PromptId> gone(ids.begin(), ids.end());
    std::vector<std::int32_t> number(state.prompts.size(), -1);
    std::vector<Sample> samples;
    std::vector<PromptId> prompts;
    for (std::size_t s = 0; s < state.prompts.size(); ++s) {
        if (gone.contains(state.prompts[s])) continue;
        number[s] = static_cast<std::int32_t>(samples.size());
        samples.push_back(state.trace->info().samples[s]);
        prompts.push_back(state.prompts[s]);
    }
    if (prompts.size() == state.prompts.size()) return state;
    std::vector<NextRow> rows;
    for (NextRow row : allRows(state)) {
        row.sample = number[static_cast<std::size_t>(row.sample)];
        if (row.sample >= 0) rows.push_back(row);
    }
    return withRows(state, nullptr, rows, std::move(samples), std::move(prompts));
}

DocumentState withBasis(const DocumentState& state, std::shared_ptr<const PcaBasis> basis,
                        std::shared_ptr<const Trace> fittedOn, std::shared_ptr<const Array3F> scores,
                        std::shared_ptr<const MatrixD> pointExplained, std::vector<std::int64_t> rows) {
    if (!state.trace || scores->n0 != state.rows() || scores->n1 != state.trace->points() ||
        scores->n2 != basis->components.rows())
        throw Error(ErrorCode::Mismatch,
                    fmt::format("scores of {} rows and {} points do not belong to a document of {} rows",
                                scores->n0, scores->n1, state.rows()));
    DocumentState next = state;
    next.basis = std::move(basis);
    next.basisTrace = std::move(fittedOn);
    next.basisRows = std::move(rows);
    next.scores = std::move(scores);
    next.pointExplained = std::move(pointExplained);
    return next;
}

}  // namespace rheo
