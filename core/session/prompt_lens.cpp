#include "core/session/prompt_lens.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/base/error.h"
#include "core/capture/capture.h"
#include "core/dynamics/lens.h"
#include "core/session/analysis_run.h"

namespace rheo {

namespace {

LensOptions optionsFor(const Model& model, std::optional<std::int32_t> rankOf = {}) {
    LensOptions options;
    options.rankOf = rankOf;
    options.top = static_cast<int>(std::min<std::int64_t>(options.top, model.config().vocabulary));
    return options;
}

/// Results that say how they were made.
Results resultsOf(const Model& model, LensResult lens, const std::shared_ptr<const MemoryTrace>& trace,
                  const TokenText& textOf) {
    const TraceView view{.trace = trace};
    if (textOf) nameTokens(lens, view, textOf);
    Results results;
    results.lens = std::move(lens);
    results.source = makeResultsSource(view, "");
    AnalysisRequest request;
    request.lens = optionsFor(model);
    for (auto& [name, record] : recordsOf(view, request)) {
        results.scalings[name] = record.scaling;
        results.records[name] = record;
    }
    return results;
}

/// Rows `first` .. of a lens, in the place of those at `to` .. of another.
void copyRows(const LensResult& from, std::int64_t first, std::int64_t count, LensResult& into,
              std::int64_t to) {
    const std::int64_t points = from.topIds.n1, top = from.topIds.n2;
    std::copy_n(from.topIds.at(first, 0), count * points * top, into.topIds.at(to, 0));
    std::copy_n(from.topProbabilities.at(first, 0), count * points * top, into.topProbabilities.at(to, 0));
    into.rank.middleRows(to, count) = from.rank.middleRows(first, count);
    into.entropy.middleRows(to, count) = from.entropy.middleRows(first, count);
    if (into.klToFinal.size() > 0)
        into.klToFinal.middleRows(to, count) = from.klToFinal.middleRows(first, count);
}

}  // namespace

PromptLens lensOfPrompt(const Model& model, const Sample& prompt, const TokenText& textOf, Progress& progress,
                        std::optional<std::int32_t> rankOf) {
    std::vector<std::int32_t> positions(prompt.tokenIds.size());
    std::iota(positions.begin(), positions.end(), 0);
    const PointIndex last{static_cast<std::int64_t>(model.points().size()) - 1};
    Progress capturing = progress.part(0, 0.3), looking = progress.part(0.3, 1);
    PromptLens made;
    made.trace =
        captureToMemory(model, planTokens(model, prompt, positions, PointIndex{0}, last), {}, capturing);
    made.results =
        resultsOf(model, lens(model, TraceView{.trace = made.trace}, optionsFor(model, rankOf), looking),
                  made.trace, textOf);
    return made;
}

PromptLens withTeleport(const Model& model, const PromptLens& natural, const TeleportResult& teleport,
                        const TokenText& textOf, Progress& progress) {
    const Array3F& moved = teleport.teleported.states;
    const std::int64_t token = teleport.request.token, point = teleport.request.point.value();
    const std::int64_t points = natural.trace->points(), units = natural.trace->units();
    TraceInfo info = natural.trace->info();
    const std::int64_t tokens = std::count_if(info.rows.begin(), info.rows.end(),
                                              [](const TraceRow& row) { return row.sample == 0; });
    if (moved.n0 != tokens - token || moved.n1 != points - point || moved.n2 != units || moved.n0 < 1)
        throw Error(
            ErrorCode::Mismatch,
            fmt::format(
                "the teleport has {} tokens, {} points and {} units from token {} at point {} on, and "
                "the prompt {} tokens, {} points and {} units",
                moved.n0, moved.n1, moved.n2, token, point, tokens, points, units));
    info.samples = {info.samples.front(), info.samples.front()};
    info.rows.resize(static_cast<std::size_t>(tokens));
    for (std::int64_t t = 0; t < tokens; ++t) {
        TraceRow row = info.rows[static_cast<std::size_t>(t)];
        row.sample = 1;
        info.rows.push_back(row);
    }
    Array3F states(2 * tokens, points, units);
    for (const std::int64_t first : {std::int64_t{0}, tokens})
        std::copy_n(natural.trace->states().data.begin(), tokens * points * units, states.at(first, 0));
    for (std::int64_t i = 0; i < moved.n0; ++i)
        std::copy_n(moved.at(i, 0), moved.n1 * units, states.at(tokens + token + i, point));
    PromptLens made;
    made.trace = std::make_shared<const MemoryTrace>(std::move(info), std::move(states));

    TraceView changed{.trace = made.trace};
    for (std::int64_t row = tokens + token; row < 2 * tokens; ++row) changed.rows.push_back(row);
    const LensResult& before = *natural.results.lens;
    const LensResult after =
        lens(model, changed,
             optionsFor(model, before.rankedToken < 0
                                   ? std::nullopt
                                   : std::optional(static_cast<std::int32_t>(before.rankedToken))),
             progress);
    LensResult both;
    both.topIds = Array3<std::int32_t>(2 * tokens, points, before.topIds.n2);
    both.topProbabilities = Array3F(2 * tokens, points, before.topIds.n2);
    both.entropy.resize(2 * tokens, points);
    both.rank.resize(2 * tokens, points);
    both.rankedToken = before.rankedToken;
    if (before.klToFinal.size() > 0) both.klToFinal.resize(2 * tokens, points);
    copyRows(before, 0, tokens, both, 0);
    copyRows(before, 0, tokens, both, tokens);
    copyRows(after, 0, tokens - token, both, tokens + token);
    both.meanEntropy = both.entropy.colwise().mean();
    if (before.klToFinal.size() > 0) both.meanKlToFinal = both.klToFinal.colwise().mean();
    both.excludedRows = before.excludedRows + after.excludedRows;
    made.results = resultsOf(model, std::move(both), made.trace, textOf);
    return made;
}

}  // namespace rheo
