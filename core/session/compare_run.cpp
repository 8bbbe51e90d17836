#include "core/session/compare_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/compare/verdict_table.h"
#include "core/session/opened_results.h"
#include "core/session/verdict_text.h"
#include "core/trace/trace_reader.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::ordered_json;

bool holdsResults(const fs::path& path) {
    return isHdf5File(path) &&
           Hdf5File::openForReading(path).textAttribute("/", "format") == "rheograph-results";
}

/// "trained" of "runs/trained.rheo.h5".
std::string stemOf(const fs::path& path) {
    fs::path name = path.filename().empty() ? path.parent_path().filename() : path.filename();
    for (const char* ending : {".h5", ".hdf5", ".rheo"})
        if (name.extension() == ending) name.replace_extension();
    return name.string();
}

std::vector<std::string> namesOf(const std::vector<OpenedSource>& sources) {
    std::vector<std::string> names;
    for (const auto& source : sources) names.push_back(source.name);
    return names;
}

bool areApart(const std::vector<std::string>& names) {
    std::vector<std::string> sorted = names;
    std::sort(sorted.begin(), sorted.end());
    return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
}

ComparisonFile ofVerdictsAlone(const std::vector<OpenedSource>& sources) {
    ComparisonFile record;
    for (const OpenedSource& source : sources) {
        if (source.verdicts.empty() || !source.of)
            throw Error(
                ErrorCode::NotFound,
                fmt::format(
                    "{} {} Comparing states needs the traces of all; comparing verdicts alone needs a "
                    "report of each",
                    source.missing, source.path),
                source.path);
        record.sources.push_back({source.name, *source.of, source.verdicts});
        if (!source.missing.empty()) record.comparison.remarks.push_back(source.missing);
    }
    record.comparison.remarks.emplace_back("Only verdicts are compared, because there are no traces.");
    return record;
}

CompareOptions optionsOf(const CompareRequest& request) {
    const AnalysisRequest asked = requestOf(request.choice);
    CompareOptions options;
    options.alignment = request.alignment;
    options.basis = request.basis;
    options.components = request.components;
    options.statistics = asked.options;
    options.resamples = request.resamples;
    options.repeats = request.repeats;
    options.mostRows = request.mostRows;
    options.seed = request.choice.seed;
    options.threads = request.choice.threads;
    options.memoryBytes = request.choice.memoryBytes;
    return options;
}

std::string optionsJson(const CompareRequest& request) {
    Json json = Json::parse(choiceToJson(request.choice), nullptr, false);
    if (!json.is_object()) json = Json::object();
    if (request.alignment) json["align"] = alignmentName(*request.alignment);
    if (!request.basisName.empty()) json["basis"] = request.basisName;
    json["components"] = request.components;
    json["resamples"] = request.resamples;
    json["null_repeats"] = request.repeats;
    json["most_rows"] = request.mostRows;
    return json.dump();
}

Json numberOrNull(double value) {
    return std::isfinite(value) ? Json(value) : Json();
}

std::vector<ComparedVerdict> verdictsOfAll(const ComparisonFile& record) {
    std::vector<const std::vector<Verdict>*> lists;
    for (const auto& source : record.sources) lists.push_back(&source.verdicts);
    return compareVerdicts(lists);
}

}  // namespace

OpenedSource openSource(const fs::path& path, Progress& progress) {
    OpenedSource source;
    source.path = path.string();
    source.name = stemOf(path);
    std::error_code failed;
    fs::path file = path;
    if (fs::is_directory(path, failed)) {
        file = resultsFileIn(path);
        if (file.empty())
            throw Error(
                ErrorCode::NotFound,
                fmt::format("{} is a folder without results.h5; give a trace, results of rheo analyze, "
                            "or the folder of rheo report",
                            path.string()),
                path.string());
    }
    if (!fs::exists(file, failed))
        throw Error(ErrorCode::NotFound, fmt::format("there is no file {}", file.string()), file.string());
    if (!holdsResults(file)) {
        source.trace = TraceReader::open(file);
        source.tracePath = source.path;
        return source;
    }
    const auto opened = openResults(file);
    source.of = opened->results.source;
    source.verdicts = verdictsOf(opened->results);
    TraceOfResults found = traceOfResults(*opened, progress);
    source.trace = std::move(found.trace);
    source.tracePath = found.path.string();
    source.missing = std::move(found.missing);
    return source;
}

void nameApart(std::vector<OpenedSource>& sources) {
    if (areApart(namesOf(sources))) return;
    for (auto& source : sources) {
        const fs::path path(source.path);
        const std::string folder = fs::absolute(path).lexically_normal().parent_path().filename().string();
        if (!folder.empty()) source.name = folder + "/" + source.name;
    }
    if (areApart(namesOf(sources))) return;
    for (std::size_t i = 0; i < sources.size(); ++i) sources[i].name += fmt::format(" ({})", i + 1);
}

std::string usualComparedStatistics() {
    std::string list;
    forEachSwept([&]<class S>() {
        if (S::info.cost == CostClass::Quick && S::info.name != "rotation")
            list += fmt::format("{}{}", list.empty() ? "" : ",", S::info.name);
    });
    return list;
}

ComparisonFile runComparison(const std::vector<OpenedSource>& sources, const CompareRequest& request,
                             Progress& progress) {
    if (sources.size() < 2)
        throw Error(ErrorCode::InvalidArgument, "a comparison needs at least two sources");
    if (std::any_of(sources.begin(), sources.end(), [](const auto& s) { return s.trace == nullptr; }))
        return ofVerdictsAlone(sources);
    ComparisonFile record;
    std::vector<TraceView> views;
    std::vector<std::string> notes;
    Progress looking = progress.part(0, 0.05), comparing = progress.part(0.05, 1);
    for (const OpenedSource& source : sources) {
        AnalysisView made = makeViewOf(request.choice, source.trace, std::nullopt, {}, looking);
        for (const auto& note : made.notes) notes.push_back(fmt::format("{}: {}", source.name, note));
        ComparedSource& compared = record.sources.emplace_back();
        compared.name = source.name;
        compared.source = makeResultsSource(made.view, source.tracePath);
        compared.source.selection = request.choice.select;
        compared.verdicts = source.verdicts;
        views.push_back(std::move(made.view));
    }
    record.comparison = compareSources(views, namesOf(sources), optionsOf(request), comparing);
    record.comparison.remarks.insert(record.comparison.remarks.begin(), notes.begin(), notes.end());
    record.options = optionsJson(request);
    return record;
}

std::string verdictTableText(const ComparisonFile& record) {
    const auto table = verdictsOfAll(record);
    if (table.empty()) return {};
    std::vector<std::vector<std::string>> lines(1);
    lines[0].emplace_back("finding");
    for (const auto& source : record.sources) lines[0].push_back(source.name);
    for (const ComparedVerdict& row : table) {
        auto& line = lines.emplace_back();
        line.push_back(
            fmt::format("{}{} {}", row.differ ? "*" : " ", row.apart ? "|" : " ", nameInWords(row.key)));
        for (const Verdict* verdict : row.of)
            line.push_back(verdict == nullptr ? "-"
                           : std::isnan(verdict->observed)
                               ? verdictInWords(verdict->verdict)
                               : fmt::format("{}, {} [{}, {}]", verdictInWords(verdict->verdict),
                                             numberInWords(verdict->observed),
                                             numberInWords(verdict->interval.low),
                                             numberInWords(verdict->interval.high)));
    }
    lines[0][0] = "   " + lines[0][0];
    std::vector<std::size_t> widths(lines[0].size(), 0);
    for (const auto& line : lines)
        for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
    std::string text;
    for (const auto& line : lines) {
        for (std::size_t i = 0; i + 1 < line.size(); ++i) text += fmt::format("{:<{}}  ", line[i], widths[i]);
        text += line.back() + "\n";
    }
    return text + "*: verdicts differ. |: the 95 % intervals do not overlap.\n";
}

std::string verdictTableJson(const ComparisonFile& record) {
    Json list = Json::array();
    for (const ComparedVerdict& row : verdictsOfAll(record)) {
        Json one{{"key", row.key}, {"differ", row.differ}, {"apart", row.apart}};
        for (std::size_t i = 0; i < row.of.size(); ++i) {
            Json source{{"name", record.sources[i].name}};
            if (const Verdict* verdict = row.of[i]; verdict != nullptr) {
                source["verdict"] = verdictName(verdict->verdict);
                source["observed"] = numberOrNull(verdict->observed);
                source["low"] = numberOrNull(verdict->interval.low);
                source["high"] = numberOrNull(verdict->interval.high);
                source["p"] = numberOrNull(verdict->p);
            }
            one["sources"].push_back(std::move(source));
        }
        list.push_back(std::move(one));
    }
    return list.dump();
}

}  // namespace rheo
