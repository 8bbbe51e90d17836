#include "core/session/opened_results.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/trace/joined_trace.h"
#include "core/trace/trace_reader.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t drawnComponents = 3;

fs::path wholePath(const fs::path& path) {
    std::error_code failed;
    const fs::path whole = fs::absolute(path, failed);
    return failed ? path : whole.lexically_normal();
}

/// A row of `trace` as the file has it that it comes from: its sample is numbered as there.
TraceRow rowInFile(const Trace& trace, std::int64_t row) {
    const auto* joined = dynamic_cast<const JoinedTrace*>(&trace);
    if (joined == nullptr) return trace.info().rows[static_cast<std::size_t>(row)];
    const PickedRow& picked = joined->picked()[static_cast<std::size_t>(row)];
    return joined->parts()[static_cast<std::size_t>(picked.part)]
        ->info()
        .rows[static_cast<std::size_t>(picked.row)];
}

bool hasRows(const Trace& trace, const std::vector<TraceRow>& rows) {
    if (trace.rows() != static_cast<std::int64_t>(rows.size())) return false;
    for (std::int64_t n = 0; n < trace.rows(); ++n)
        if (!(rowInFile(trace, n) == rows[static_cast<std::size_t>(n)])) return false;
    return true;
}

/// The places of `rows` among those of `trace`; empty if one of them is not there.
std::vector<std::int64_t> placesOf(const std::vector<TraceRow>& rows, const Trace& trace) {
    std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> places;
    for (std::int64_t n = 0; n < trace.rows(); ++n) {
        const TraceRow row = rowInFile(trace, n);
        places.emplace(std::pair(row.sample, row.position), n);
    }
    std::vector<std::int64_t> found;
    for (const TraceRow& row : rows) {
        const auto place = places.find({row.sample, row.position});
        if (place == places.end()) return {};
        found.push_back(place->second);
    }
    return found;
}

/// `places` of `trace` as a trace; its samples are those that have a row.
std::shared_ptr<const Trace> pickRows(const std::shared_ptr<const Trace>& trace,
                                      const std::vector<std::int64_t>& places) {
    std::map<std::int32_t, std::int32_t> numbers;
    for (const std::int64_t n : places)
        numbers.emplace(trace->info().rows[static_cast<std::size_t>(n)].sample, 0);
    std::vector<Sample> samples;
    for (auto& [sample, number] : numbers) {
        number = static_cast<std::int32_t>(samples.size());
        samples.push_back(trace->info().samples[static_cast<std::size_t>(sample)]);
    }
    std::vector<PickedRow> picked;
    picked.reserve(places.size());
    for (const std::int64_t n : places)
        picked.push_back({0, numbers.at(trace->info().rows[static_cast<std::size_t>(n)].sample), n});
    return JoinedTrace::pick({trace}, std::move(picked), std::move(samples));
}

/// Whether the PCA is of the rows and points of the document, so that its scores are theirs.
bool belongsTo(const PcaResult& pca, const ResultsSource& source, const DocumentState& state) {
    return state.trace && pca.basis.scaling == Scaling::Raw && pca.scores.n0 == state.trace->rows() &&
           pca.scores.n1 == state.trace->points() && source.info.units == state.trace->units() &&
           source.info.points == state.trace->info().points && hasRows(*state.trace, source.info.rows);
}

}  // namespace

fs::path resultsFileIn(const fs::path& folder) {
    std::error_code failed;
    const fs::path file = folder / "results.h5";
    return fs::is_regular_file(file, failed) ? file : fs::path();
}

std::shared_ptr<const OpenedResults> openResults(const fs::path& path) {
    return std::make_shared<const OpenedResults>(OpenedResults{wholePath(path), readResults(path)});
}

TraceOfResults traceOfResults(const OpenedResults& opened, Progress& progress) {
    const ResultsSource& source = opened.results.source;
    TraceOfResults found;
    if (source.path.empty()) {
        found.missing = "The results do not name a trace: they were made from states in memory.";
        return found;
    }
    const fs::path named = source.path;
    const fs::path folder = opened.path.parent_path();
    found.missing = fmt::format("Their trace {} is not there.", named.string());
    for (const fs::path& path : std::array{named, folder / named, folder / named.filename()}) {
        progress.check();
        std::error_code failed;
        if (!fs::is_regular_file(path, failed)) continue;
        try {
            auto trace = TraceReader::open(wholePath(path));
            if (trace->sourceHash() == source.hash) return {std::move(trace), wholePath(path), ""};
            found.missing =
                fmt::format("{} is not the trace that they were made from: its states or rows are others.",
                            path.string());
        } catch (const Error& error) {
            found.missing = fmt::format("Their trace cannot be read: {}", error.what());
        }
    }
    return found;
}

bool hasSourceHash(const Trace& trace, const std::string& hash) {
    const auto* joined = dynamic_cast<const JoinedTrace*>(&trace);
    if (joined == nullptr) return trace.sourceHash() == hash;
    return std::any_of(joined->parts().begin(), joined->parts().end(),
                       [&](const auto& part) { return part->sourceHash() == hash; });
}

DocumentState openDocumentOf(const OpenedResults& opened, std::shared_ptr<const Trace> trace,
                             PromptId firstId) {
    DocumentState state = openDocument(std::move(trace), firstId);
    const auto& rows = opened.results.source.info.rows;
    if (hasRows(*state.trace, rows)) return state;
    const auto places = placesOf(rows, *state.trace);
    return places.empty() ? state : openDocument(pickRows(state.trace, places), firstId);
}

DocumentState withResults(const DocumentState& state, std::shared_ptr<const OpenedResults> opened) {
    DocumentState next = state;
    next.results = opened;
    if (densityOf(*opened) != nullptr) {
        next.density = nullptr;
        next.densityTrace = nullptr;
    }
    const PcaResult* pca = drawnPca(*opened);
    if (pca == nullptr) return next;
    next.basis = nullptr;
    next.basisTrace = nullptr;
    next.scores = nullptr;
    next.pointExplained = nullptr;
    if (!belongsTo(*pca, opened->results.source, next)) return next;
    // Parts of the results: nothing is copied.
    return withBasis(next, {opened, &pca->basis}, next.trace, {opened, &pca->scores},
                     {opened, &pca->perPointExplained});
}

DocumentState withoutResults(const DocumentState& state) {
    DocumentState next = state;
    next.results = nullptr;
    return next;
}

const PcaResult* drawnPca(const OpenedResults& opened) {
    const auto& pca = opened.results.statistics.get<Pca>();
    return pca && pca->basis.components.rows() >= static_cast<Eigen::Index>(drawnComponents) ? &*pca
                                                                                             : nullptr;
}

const DensityResult* densityOf(const OpenedResults& opened) {
    const auto& density = opened.results.statistics.get<Density>();
    return density ? &*density : nullptr;
}

std::string traceFileOf(const DocumentState& state) {
    const auto* joined = dynamic_cast<const JoinedTrace*>(state.trace.get());
    const Trace* trace =
        joined != nullptr && joined->parts().size() == 1 ? joined->parts().front().get() : state.trace.get();
    if (const auto* reader = dynamic_cast<const TraceReader*>(trace)) return reader->path().string();
    return state.results && !state.trace ? state.results->results.source.path : "";
}

bool basisIsOfResults(const DocumentState& state) {
    const PcaResult* pca = state.results ? drawnPca(*state.results) : nullptr;
    return pca != nullptr && state.basis.get() == &pca->basis;
}

}  // namespace rheo
