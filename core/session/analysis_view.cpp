#include "core/session/analysis_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <unordered_set>

#include "core/analysis/distinct_rows.h"
#include "core/analysis/outliers.h"
#include "core/base/error.h"

namespace rheo {

namespace {

template <class T>
T parseNumber(const std::string& word, const std::string& mask) {
    T value{};
    const char* const end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, value);
    if (word.empty() || error != std::errc{} || stop != end)
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("units to mask, \"{}\": \"{}\" is not a number; write units like 3,17, or z:6", mask,
                        word));
    return value;
}

bool hasSeveralRowsASample(const TraceInfo& info) {
    std::unordered_set<std::int32_t> seen;
    return std::any_of(info.rows.begin(), info.rows.end(),
                       [&](const TraceRow& row) { return !seen.insert(row.sample).second; });
}

/// The rows behind position 0; empty where none is.
std::vector<std::int64_t> laterRows(const TraceInfo& info) {
    std::vector<std::int64_t> rows;
    for (std::size_t n = 0; n < info.rows.size(); ++n)
        if (info.rows[n].position > 0) rows.push_back(static_cast<std::int64_t>(n));
    return rows;
}

}  // namespace

UnitMask parseUnitMask(const std::string& text) {
    UnitMask mask;
    if (text.starts_with("z:")) {
        mask.z = parseNumber<double>(text.substr(2), text);
        return mask;
    }
    std::stringstream in(text);
    for (std::string word; std::getline(in, word, ',');)
        mask.units.push_back(parseNumber<std::int64_t>(word, text));
    std::sort(mask.units.begin(), mask.units.end());
    mask.units.erase(std::unique(mask.units.begin(), mask.units.end()), mask.units.end());
    return mask;
}

std::int64_t findPoint(const std::vector<ResidualPoint>& points, const std::string& name) {
    if (const auto wanted = parsePointName(name))
        for (std::size_t i = 0; i < points.size(); ++i)
            if (points[i] == *wanted) return static_cast<std::int64_t>(i);
    throw Error(ErrorCode::NotFound, fmt::format("there is no point {}; points go from {} to {}", name,
                                                 pointName(points.front()), pointName(points.back())));
}

std::vector<std::int64_t> parsePoints(const std::vector<ResidualPoint>& points, const std::string& range) {
    std::int64_t first = 0;
    auto last = static_cast<std::int64_t>(points.size()) - 1;
    if (range == "paper") {
        if (points.back().site == Site::Final) --last;
    } else if (range != "all" && !range.empty()) {
        const auto colon = range.find(':');
        first = findPoint(points, range.substr(0, colon));
        last = colon == std::string::npos ? first : findPoint(points, range.substr(colon + 1));
        if (last < first)
            throw Error(ErrorCode::InvalidArgument, fmt::format("the range {} ends before it begins", range));
    }
    std::vector<std::int64_t> indices;
    for (std::int64_t p = first; p <= last; ++p) indices.push_back(p);
    return indices;
}

AnalysisView makeAnalysisView(std::shared_ptr<const Trace> trace, const ViewRequest& request,
                              const TokenText& textOf, Progress& progress) {
    AnalysisView made;
    TraceView& view = made.view;
    view.trace = std::move(trace);
    if (view.trace->rows() == 0) throw Error(ErrorCode::InvalidArgument, "the trace has no complete row yet");
    view.points = request.points;
    view.scaling = request.scaling;
    view.maskedUnits = request.mask.units;
    checkView(view);

    const TraceInfo& info = view.trace->info();
    if (!request.selection.conditions.empty()) {
        view.rows = selectedRows(info, request.selection, textOf);
        made.notes.push_back(fmt::format("--select {}: {} of {} rows are used", request.selection.source,
                                         view.rowCount(), info.rows.size()));
    } else if (request.leaveOutFirstTokens && hasSeveralRowsASample(info)) {
        view.rows = laterRows(info);
        if (!view.rows.empty() && view.rows.size() < info.rows.size())
            made.notes.push_back(fmt::format(
                "The first token of each sample is left out ({} of {} rows): as an attention sink "
                "its state is often far larger than others. --select 'position>=0' keeps it",
                info.rows.size() - view.rows.size(), info.rows.size()));
    }
    if (view.rows.size() == info.rows.size()) view.rows.clear();
    made.selected = view.rowCount();

    Progress comparing = progress.part(0, 0.6), masking = progress.part(0.6, 1);
    const DistinctRows distinct = distinctRows(view, request.threads, comparing);
    made.repeated = distinct.repeated;
    made.sharedPrefix = distinct.sharedPrefix;
    if (distinct.sharedPrefix > 0)
        made.notes.push_back(fmt::format(
            "{} of {} rows share their tokens up to there with another sample, and so have the same "
            "states",
            distinct.sharedPrefix, made.selected));
    if (distinct.repeated > 0) {
        made.notes.push_back(
            fmt::format("{} of {} rows have the states of another row and are left out: rows with the same "
                        "states count once, which leaves {}",
                        distinct.repeated, made.selected, distinct.rows.size()));
        view = withRows(view, distinct.rows);
    }
    if (request.mask.z) view.maskedUnits = outlierUnits(view, *request.mask.z, masking);
    checkView(view);
    progress.report(1, 1);
    return made;
}

}  // namespace rheo
