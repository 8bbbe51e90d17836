#include "core/session/opened_results.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
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

/// The rows of a document that are in a file of this hash: its trace, or the one part of it that others were
/// added to.
std::shared_ptr<const Trace> rowsInFile(const std::shared_ptr<const Trace>& trace, const std::string& hash) {
    const auto* joined = dynamic_cast<const JoinedTrace*>(trace.get());
    if (joined == nullptr || joined->parts().size() == 1) return trace;
    for (const auto& part : joined->parts())
        if (part->sourceHash() == hash) return part;
    return trace;
}

/// Whether the PCA is of the rows and points of the document, so that its scores are theirs.
bool belongsTo(const PcaResult& pca, const ResultsSource& source, const DocumentState& state) {
    return state.trace && pca.basis.scaling == Scaling::Raw && pca.scores.n0 == state.trace->rows() &&
           pca.scores.n1 == state.trace->points() && source.info.units == state.trace->units() &&
           source.info.points == state.trace->info().points && hasRows(*state.trace, source.info.rows);
}

/// Takes the basis of results: of rows of the document (`scores` where those of the results are of fewer), or
/// to be drawn as they have it.
DocumentState withBasisOf(DocumentState next, const std::shared_ptr<const OpenedResults>& opened,
                          const std::shared_ptr<const Array3F>& scores) {
    const PcaResult* pca = drawnPca(*opened);
    if (pca == nullptr) return next;
    next.basis = nullptr;
    next.basisTrace = nullptr;
    next.basisRows.clear();
    next.scores = nullptr;
    next.pointExplained = nullptr;
    if (scores)
        return withBasis(next, {opened, &pca->basis}, next.trace, scores, {opened, &pca->perPointExplained});
    if (!belongsTo(*pca, opened->results.source, next)) return next;
    // Parts of the results: nothing is copied.
    return withBasis(next, {opened, &pca->basis}, next.trace, {opened, &pca->scores},
                     {opened, &pca->perPointExplained});
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// Drops the statistics of `choice` from others, but for those with nulls of their own that stay, and those
/// that are left without. `stays(name)`: the statistic was made in the same way.
template <class Stays>
void forget(std::vector<AnalysisChoice>& others, const AnalysisChoice& choice, Stays stays) {
    for (auto& other : others) {
        const bool has = std::all_of(other.nulls.begin(), other.nulls.end(),
                                     [&](const auto& null) { return contains(choice.nulls, null); }) &&
                         choice.repeats >= other.repeats;
        std::erase_if(other.statistics, [&](const auto& name) {
            return contains(choice.statistics, name) && (has || !stays(name));
        });
    }
    std::erase_if(others, [](const auto& other) { return other.statistics.empty(); });
}

/// Whether two sets of results hold a statistic that was made in the same way.
bool madeAlike(const Results& a, const Results& b, const std::string& statistic) {
    const auto first = a.records.find(statistic), second = b.records.find(statistic);
    return first != a.records.end() && second != b.records.end() && madeAlike(first->second, second->second);
}

/// Puts what `made` holds in the place of the same in `into`. Nulls of a statistic that was made in the same
/// way stay, unless there are as many repeats of them in `made`.
void mergeResults(Results made, Results& into) {
    const auto alike = [&](const std::string& name) { return madeAlike(into, made, name); };
    std::erase_if(into.nulls, [&](const CurveNull& null) {
        if (!holds(made, null.statistic)) return false;
        if (!alike(null.statistic)) return true;
        return std::any_of(made.nulls.begin(), made.nulls.end(), [&](const CurveNull& other) {
            return other.null == null.null && other.statistic == null.statistic &&
                   other.dataset == null.dataset && other.summary.repeats >= null.summary.repeats;
        });
    });
    for (auto& null : made.nulls) {
        const bool there = std::any_of(into.nulls.begin(), into.nulls.end(), [&](const CurveNull& other) {
            return other.null == null.null && other.statistic == null.statistic &&
                   other.dataset == null.dataset;
        });
        if (!there) into.nulls.push_back(std::move(null));
    }
    forEachStatistic([&]<class S>() {
        auto& result = made.statistics.get<S>();
        if (!result) return;
        into.statistics.get<S>() = std::move(result);
        if (S::info.name == Pca::info.name) into.perPointPca.reset();
    });
    if (made.lens) into.lens = std::move(made.lens);
    if (made.jacobian) into.jacobian = std::move(made.jacobian);
    for (auto& [name, record] : made.records)
        if (holds(into, name)) into.records[name] = std::move(record);
    for (const auto& [name, scaling] : made.scalings)
        if (holds(into, name)) into.scalings[name] = scaling;
}

/// Those of `earlier` that still hold what nothing newer does.
std::vector<HeldResults> neededOf(const DocumentState& state, std::vector<HeldResults> earlier) {
    std::vector<const Results*> newer{&state.results->results};
    std::vector<HeldResults> needed;
    std::vector<std::string_view> names{verdictsGroup};
    for (const auto& statistic : choosableStatistics()) names.push_back(statistic.name);
    for (auto& held : earlier) {
        const bool shown = std::any_of(names.begin(), names.end(), [&](std::string_view name) {
            return holds(held.opened->results, name) &&
                   std::none_of(newer.begin(), newer.end(),
                                [&](const Results* results) { return holds(*results, name); });
        });
        if (!shown) continue;
        newer.push_back(&held.opened->results);
        needed.push_back(std::move(held));
    }
    return needed;
}

/// The rows of a document, each as the trace that holds it and its place there; ascending.
std::vector<std::pair<const Trace*, std::int64_t>> placesOf(const Trace& trace) {
    std::vector<std::pair<const Trace*, std::int64_t>> places;
    const auto* joined = dynamic_cast<const JoinedTrace*>(&trace);
    for (std::int64_t n = 0; n < trace.rows(); ++n) {
        if (joined == nullptr) {
            places.emplace_back(&trace, n);
            continue;
        }
        const PickedRow& picked = joined->picked()[static_cast<std::size_t>(n)];
        places.emplace_back(joined->parts()[static_cast<std::size_t>(picked.part)].get(), picked.row);
    }
    std::sort(places.begin(), places.end());
    return places;
}

}  // namespace

fs::path resultsFileIn(const fs::path& folder) {
    std::error_code failed;
    const fs::path file = folder / "results.h5";
    return fs::is_regular_file(file, failed) ? file : fs::path();
}

std::shared_ptr<const OpenedResults> openResults(const fs::path& path) {
    return std::make_shared<const OpenedResults>(OpenedResults{wholePath(path), readResults(path, true)});
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
            found.missing = fmt::format(
                "{} is not the trace that they were made from: its states or rows differ.", path.string());
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
    next.resultsTrace = rowsInFile(state.trace, opened->results.source.hash);
    next.earlier.clear();
    return withBasisOf(std::move(next), opened, nullptr);
}

DocumentState withComputed(const DocumentState& state, ComputedResults computed) {
    DocumentState next = state;
    auto results = std::make_shared<OpenedResults>();
    const AnalysisChoice& choice = computed.choice;
    if (state.results && isSameSource(state.results->results.source, computed.outcome.results.source)) {
        *results = *state.results;
        if (results->base.empty()) results->base = results->path;
        results->path.clear();
        if (!results->pcaSource) results->pcaSource = state.results;
    } else {
        results->results.source = computed.outcome.results.source;
        if (state.results) next.earlier.insert(next.earlier.begin(), {state.results, state.resultsTrace});
    }
    const bool gavePca = computed.outcome.results.statistics.get<Pca>().has_value();
    forget(results->made, choice, [&](const std::string& name) {
        return madeAlike(results->results, computed.outcome.results, name);
    });
    forget(results->unfinished, choice, [](const std::string&) { return false; });
    mergeResults(std::move(computed.outcome.results), results->results);
    if (gavePca) results->pcaSource = nullptr;
    results->made.push_back(choice);
    if (computed.outcome.stopped) results->unfinished.push_back(choice);
    const std::shared_ptr<const OpenedResults> opened = std::move(results);
    next.results = opened;
    next.resultsTrace = computed.trace;
    next.earlier = neededOf(next, std::move(next.earlier));
    if (!gavePca) return next;
    return withBasisOf(std::move(next), opened, computed.trace == state.trace ? computed.scores : nullptr);
}

namespace {

/// All results that a document keeps, those in front first.
std::vector<std::shared_ptr<const OpenedResults>> allResultsOf(const DocumentState& state) {
    std::vector<std::shared_ptr<const OpenedResults>> all;
    if (state.results) all.push_back(state.results);
    for (const auto& one : state.earlier)
        if (one.opened) all.push_back(one.opened);
    return all;
}

/// The results that are saved for `statistic` (empty: those in front); none where that is the own PCA.
HeldResults heldFor(const DocumentState& state, bool ownPca, std::string_view statistic) {
    if (ownPca && statistic == Pca::info.name) return {};
    if (statistic.empty() && state.results) return {state.results, {}};
    return resultsWith(state, statistic);
}

/// Puts the document's PCA into results of the same rows, with the records that `rheo analyze` would give it.
void addOwnPca(const DocumentState& state, TraceView view, Results& out) {
    PcaResult& pca = out.statistics.get<Pca>().emplace();
    pca.basis = *state.basis;
    pca.scores = *state.scores;
    if (state.pointExplained) pca.perPointExplained = *state.pointExplained;
    out.perPointPca.reset();
    AnalysisRequest request;
    request.options.get<Pca>().emplace().components = static_cast<int>(state.basis->components.rows());
    if (!state.basis->names.empty())
        request.otherBasis = OtherBasis{
            .given = *state.basis, .givenName = fmt::format("axes {}", fmt::join(state.basis->names, ", "))};
    else if (!state.basisRows.empty())
        request.otherBasis = OtherBasis{.fitRows = state.basisRows,
                                        .fitRowsText = fmt::format("{}", fmt::join(state.basisRows, ","))};
    view.scaling = state.basis->scaling;
    for (auto& [name, record] : recordsOf(view, request)) {
        std::erase_if(out.nulls, [&](const CurveNull& null) { return null.statistic == name; });
        out.scalings[name] = record.scaling;
        out.records[name] = record;
    }
    if (state.basisTrace != state.trace)  // not what analyze would compute of these rows
        out.records[std::string(Pca::info.name)].options = "{\"pca\":\"fitted on other rows than these\"}";
}

/// Statistics that one of `all` holds and `out` does not.
std::vector<std::string> leftBehind(const std::vector<std::shared_ptr<const OpenedResults>>& all,
                                    const Results& out) {
    std::vector<std::string> left;
    for (const auto& known : choosableStatistics()) {
        const auto has = [&](const auto& one) { return holds(one->results, known.name); };
        if (!holds(out, known.name) && std::any_of(all.begin(), all.end(), has))
            left.emplace_back(known.name);
    }
    return left;
}

}  // namespace

ResultsToSave resultsToSave(const DocumentState& state, const std::string& traceFile,
                            std::string_view statistic) {
    const bool ownPca = state.basis && state.scores && !basisIsOfResults(state);
    const HeldResults held = heldFor(state, ownPca, statistic);
    ResultsToSave saved;
    Results& out = saved.results;
    TraceView view;
    if (state.trace) {
        view = seenThrough({.trace = state.trace});
        out.source = makeResultsSource(view, traceFile);
    }
    const ResultsSource ofRows = out.source;
    const auto all = allResultsOf(state);
    const ResultsSource& wanted = held.opened ? held.opened->results.source : ofRows;
    const auto same = std::find_if(
        all.begin(), all.end(), [&](const auto& one) { return isSameSource(one->results.source, wanted); });
    if (same != all.end()) out = (*same)->results;
    const bool ofTheseRows = state.trace && isSameSource(out.source, ofRows);
    if (ofTheseRows) {
        if (!traceFile.empty()) out.source.path = traceFile;
        if (ownPca) addOwnPca(state, view, out);
    }
    saved.left = leftBehind(all, out);
    const std::string pca(Pca::info.name);
    if (ownPca && !ofTheseRows && !holds(out, pca) &&
        std::find(saved.left.begin(), saved.left.end(), pca) == saved.left.end())
        saved.left.push_back(pca);
    return saved;
}

bool holds(const Results& results, std::string_view statistic) {
    if (statistic == lensName) return results.lens.has_value();
    if (statistic == jacobianName) return results.jacobian.has_value();
    if (statistic == verdictsGroup) return !results.verdicts.empty();
    if (statistic == Pca::info.name && results.perPointPca) return true;
    bool held = false;
    forEachStatistic([&]<class S>() {
        held = held || (statistic == S::info.name && results.statistics.get<S>().has_value());
    });
    return held;
}

HeldResults resultsWith(const DocumentState& state, std::string_view statistic) {
    if (state.results && holds(state.results->results, statistic)) return {state.results, state.resultsTrace};
    for (const HeldResults& held : state.earlier)
        if (holds(held.opened->results, statistic)) return held;
    return {};
}

const AnalysisChoice* unfinishedOf(const OpenedResults& opened, std::string_view statistic) {
    for (const auto& choice : opened.unfinished)
        if (contains(choice.statistics, statistic)) return &choice;
    return nullptr;
}

RowChange rowChange(const std::shared_ptr<const Trace>& before, const std::shared_ptr<const Trace>& after) {
    if (before == after) return {};
    const auto then = before ? placesOf(*before) : decltype(placesOf(*before)){};
    const auto now = after ? placesOf(*after) : decltype(placesOf(*after)){};
    decltype(placesOf(*before)) kept;
    std::set_intersection(then.begin(), then.end(), now.begin(), now.end(), std::back_inserter(kept));
    return {static_cast<std::int64_t>(now.size() - kept.size()),
            static_cast<std::int64_t>(then.size() - kept.size())};
}

std::string changeSince(const HeldResults& held, const DocumentState& state) {
    if (!held.opened || !held.trace || !state.trace) return "";
    const RowChange change = rowChange(held.trace, state.trace);
    const auto count = [](std::int64_t rows, const char* what) {
        return fmt::format("{} {} {}", rows, rows == 1 ? "row was" : "rows were", what);
    };
    if (change.added == 0 && change.removed == 0) return "";
    if (change.removed == 0) return count(change.added, "added") + " since";
    if (change.added == 0) return count(change.removed, "removed") + " since";
    return fmt::format("{} and {} removed since", count(change.added, "added"), change.removed);
}

DocumentState withoutResults(const DocumentState& state) {
    DocumentState next = state;
    next.results = nullptr;
    next.resultsTrace = nullptr;
    next.earlier.clear();
    return next;
}

const PcaResult* drawnPca(const OpenedResults& opened) {
    const auto& pca = opened.results.statistics.get<Pca>();
    return pca && pca->basis.components.rows() >= static_cast<Eigen::Index>(drawnComponents) ? &*pca
                                                                                             : nullptr;
}

std::string traceFileOf(const DocumentState& state) {
    const auto* joined = dynamic_cast<const JoinedTrace*>(state.trace.get());
    const Trace* trace =
        joined != nullptr && joined->parts().size() == 1 ? joined->parts().front().get() : state.trace.get();
    if (const auto* reader = dynamic_cast<const TraceReader*>(trace)) return reader->path().string();
    return state.results && !state.trace ? state.results->results.source.path : "";
}

bool basisIsOfResults(const DocumentState& state) {
    if (!state.results) return false;
    const OpenedResults& source = state.results->pcaSource ? *state.results->pcaSource : *state.results;
    const PcaResult* pca = drawnPca(source);
    return pca != nullptr && state.basis.get() == &pca->basis;
}

}  // namespace rheo
