#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/session/opened_results.h"
#include "core/session/session_file.h"
#include "core/statistics/density.h"
#include "core/trace/trace_reader.h"
#include "core/trace/write_trace.h"

/// A session with one of everything, for tests of writing and reading it.
namespace examples {

using namespace rheo;
namespace fs = std::filesystem;

constexpr std::int64_t points = 5, units = 6;

inline std::shared_ptr<const Trace> makeTrace(int samples, int rowsEach, std::uint64_t seed) {
    TraceInfo info;
    info.points = residualPoints(2, false);
    info.units = units;
    Array3F states(samples * rowsEach, points, units);
    RandomStream random(seed, 0);
    for (auto& x : states.data) x = static_cast<float>(random.normal());
    for (std::int32_t s = 0; s < samples; ++s) {
        info.samples.push_back({"prompt " + std::to_string(seed) + "." + std::to_string(s),
                                {1, 2, 3, s},
                                s % 2 == 0 ? "even" : "",
                                {{"topic", "art"}}});
        for (std::int32_t t = 0; t < rowsEach; ++t) info.rows.push_back({s, t, t});
    }
    return std::make_shared<MemoryTrace>(info, states);
}

inline TeleportResult makeTeleport() {
    TeleportResult result;
    result.request.point = PointIndex{2};
    result.request.token = 3;
    result.request.state = VectorF::LinSpaced(units, 0.5F, 3.25F);
    result.natural.states = Array3F(1, 3, units);
    result.teleported.states = Array3F(1, 3, units);
    for (std::size_t i = 0; i < result.natural.states.data.size(); ++i) {
        result.natural.states.data[i] = static_cast<float>(i) / 3;
        result.teleported.states.data[i] = static_cast<float>(i) / 7;
    }
    result.natural.logits = VectorF::LinSpaced(9, 0, 1);
    result.teleported.logits = VectorF::LinSpaced(9, 1, 0);
    result.measures.distance = VectorD::LinSpaced(3, 1, 2);
    result.measures.retention = VectorD::LinSpaced(3, 1, 2);
    result.measures.kl = 0.25;
    return result;
}

/// Rows of a file, of which one was removed, and rows that were captured beside them; a basis, results that
/// were computed and results of a file, teleports, groups, edits.
inline Session makeSession(const fs::path& folder) {
    Progress progress;
    const fs::path traceFile = folder / "trace.rheo.h5";
    if (!fs::exists(traceFile)) writeTrace(*makeTrace(4, 2, 1), traceFile, IfExists::Refuse, progress);
    Session session;
    session.points = residualPoints(2, false);
    DocumentState state = openDocument(TraceReader::open(traceFile), PromptId{1});
    state = removePrompts(state, {PromptId{2}});
    const auto fitTrace = state.trace;
    PcaResult pca = rheo::pca({.trace = fitTrace}, {.components = 3}, progress);
    state = withBasis(state, std::make_shared<const PcaBasis>(pca.basis), fitTrace,
                      std::make_shared<const Array3F>(std::move(pca.scores)),
                      std::make_shared<const MatrixD>(pca.perPointExplained));
    state = addPrompts(state, {PromptId{7}, PromptId{9}}, {makeTrace(2, 1, 2)});

    const TraceView view{.trace = state.trace};
    const auto made = [&](std::uint64_t seed) {
        auto opened = std::make_shared<OpenedResults>();
        opened->results.source = makeResultsSource(view, traceFile.string());
        opened->results.statistics.get<Density>() = density(view, {}, progress);
        opened->results.records["density"] = {.seed = seed};
        opened->made = {AnalysisChoice{.statistics = {"density"}, .seed = seed}};
        return opened;
    };
    state.results = made(3);
    state.resultsTrace = state.trace;
    auto older = made(4);
    older->path = folder / "older.h5";
    if (!fs::exists(older->path)) {
        ResultsWriter writer = ResultsWriter::create(older->path, older->results.source, IfExists::Refuse);
        writer.write(older->results, false);
        writer.commit();
    }
    state.earlier = {{older, fitTrace}};

    for (const std::int64_t id : {2, 5}) {
        TeleportRecord record;
        record.id = id;
        record.prompt = PromptId{7};
        record.sample = state.trace->info().samples[3];
        record.basis = id == 2 ? state.basis : std::make_shared<const PcaBasis>(*state.basis);
        record.target = VectorD::LinSpaced(3, -1, 1.0 / 3);
        record.result = makeTeleport();
        record.name = id == 2 ? "north" : "";
        record.points = session.points;
        state.teleports.push_back(std::make_shared<const TeleportRecord>(std::move(record)));
    }
    state.named = {{"mine", {{PromptId{1}, 0}, {PromptId{9}, 0}}}};
    Edit push;
    push.name = "up";
    push.on = false;
    push.point = session.points[1];
    push.vector = VectorF::LinSpaced(units, 0, 1);
    push.strength = 0.1;
    const Intervention edits{"push", {push}};
    state.intervention = std::make_shared<const Intervention>(edits);
    session.state = std::move(state);
    session.promptsFile = "/somewhere/prompts.txt";
    session.limit = 12;
    session.waiting = {"not yet read"};
    session.window = R"({"depth":3})";
    return session;
}

}  // namespace examples
