#include "core/session/session_folder.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/hash.h"
#include "core/base/output_file.h"
#include "core/results/basis_file.h"
#include "core/results/identity_json.h"
#include "core/results/intervention_file.h"
#include "core/results/teleport_file.h"
#include "core/session/opened_results.h"
#include "core/trace/joined_trace.h"
#include "core/trace/trace_reader.h"
#include "core/trace/write_trace.h"

namespace rheo {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

constexpr const char* formatName = "rheograph-session";
constexpr int formatVersion = 1;
constexpr std::uintmax_t largestIndex = std::uintmax_t{512} << 20;
constexpr int deepestIndex = 64;

[[noreturn]] void refuse(const fs::path& folder, const std::string& why) {
    throw Error(ErrorCode::Format, fmt::format("{}: {}", (folder / SessionFolder::indexName).string(), why),
                folder.string());
}

/// Parts lie in the folder itself, under plain names.
bool isPartName(const std::string& name) {
    return !name.empty() && name.size() < 100 && name.front() != '.' &&
           std::all_of(name.begin(), name.end(), [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
           });
}

std::string programOf(const Json& index) {
    const Json program = index.value("program", Json());
    return program.is_string() ? program.get<std::string>() : "unknown";
}

Json parseIndex(const std::string& text, const fs::path& folder) {
    Json index;
    try {
        index = Json::parse(text, [&](int depth, Json::parse_event_t, Json&) {
            if (depth > deepestIndex) refuse(folder, "it is nested too deep");
            return true;
        });
    } catch (const Json::exception& failure) {
        refuse(folder, fmt::format("it is not valid JSON: {}", failure.what()));
    }
    if (!index.is_object() || index.value("format", Json()) != formatName)
        refuse(folder, "it is not the index of a session");
    const Json version = index.value("version", Json());
    if (!version.is_number_integer() || version.get<std::int64_t>() < 1)
        refuse(folder, "its version is not a number");
    if (version.get<std::int64_t>() > formatVersion)
        throw Error(
            ErrorCode::Unsupported,
            fmt::format("{} was saved by a newer Rheograph ({}): this one reads version {} of "
                        "session files, and that is version {}",
                        folder.string(), programOf(index), formatVersion, version.get<std::int64_t>()),
            folder.string());
    return index;
}

Json readIndex(const fs::path& folder) {
    return parseIndex(readFile(folder / SessionFolder::indexName, largestIndex), folder);
}

Json pointNames(const std::vector<ResidualPoint>& points) {
    Json names = Json::array();
    for (const auto& point : points) names.push_back(pointName(point));
    return names;
}

Json sampleToJson(const Sample& sample) {
    return {{"text", sample.text},
            {"ids", sample.tokenIds},
            {"group", sample.group},
            {"columns", sample.columns}};
}
Sample sampleFromJson(const Json& json) {
    Sample sample;
    json.at("text").get_to(sample.text);
    json.at("ids").get_to(sample.tokenIds);
    json.at("group").get_to(sample.group);
    json.at("columns").get_to(sample.columns);
    return sample;
}

// ---- writing ------------------------------------------------------------------------------------------

/// Where the rows of one trace lie: which of the files, and from which of its rows and samples on.
struct RowsPlace {
    std::size_t file = 0;
    std::int64_t firstRow = 0, firstSample = 0;
};

/// One write: goes through the document, makes the files that are not there yet, and describes it all.
class Writer {
public:
    Writer(SessionFolder& folder, FilesOutside outside, Progress& progress)
        : m_folder(folder), m_copies(outside == FilesOutside::Copied), m_progress(progress) {}

    Json describe(const Session& session) {
        const DocumentState& state = session.state;
        Json index{
            {"format", formatName},
            {"version", formatVersion},
            {"program", "Rheograph " RHEO_VERSION},
            {"saved", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))},
            {"points", pointNames(session.points)},
            {"files",
             {{"trace", m_copies ? fs::path() : session.traceFile},
              {"prompts", session.promptsFile},
              {"limit", session.limit}}},
            {"waiting", session.waiting},
            {"window", Json::parse(session.window, nullptr, false)},
        };
        if (index["window"].is_discarded()) index["window"] = Json::object();
        if (session.model) index["model"] = model(*session.model);
        m_documentBasis = state.basis;
        placeRows(state);
        Json document{{"trace", traceNumber(state.trace)},
                      {"prompts", Json::array()},
                      {"basis", basis(state)},
                      {"results", results(state.results, state.resultsTrace)},
                      {"earlier", Json::array()},
                      {"teleports", Json::array()},
                      {"named", Json::array()}};
        for (const PromptId id : state.prompts) document["prompts"].push_back(id.value());
        for (const HeldResults& held : state.earlier)
            document["earlier"].push_back(results(held.opened, held.trace));
        for (const auto& record : state.teleports) document["teleports"].push_back(teleport(record));
        for (const NamedRows& named : state.named) {
            Json places = Json::array();
            for (const TokenPlace& place : named.places)
                places.push_back({place.prompt.value(), place.position});
            document["named"].push_back({{"name", named.name}, {"places", std::move(places)}});
        }
        if (state.intervention)
            document["intervention"] = Json::parse(interventionToJson(*state.intervention, {}));
        index["rows"] = std::move(m_files);
        index["traces"] = std::move(m_traces);
        index["document"] = std::move(document);
        return index;
    }

    const std::set<std::string>& parts() const { return m_parts; }

private:
    fs::path pathOf(const std::string& part) const { return m_folder.path() / part; }

    /// The part that holds `value`; written by `write(path)` where none does.
    template <class Write>
    std::string part(std::shared_ptr<const void> value, const char* kind, const char* suffix, Write write) {
        std::string name = m_folder.partOf(value);
        if (name.empty()) {
            m_progress.check();
            name = m_folder.newPart(kind, suffix);
            write(pathOf(name));
            m_folder.hold(std::move(value), name);
        }
        m_parts.insert(name);
        return name;
    }

    static Json model(const SessionModel& model) {
        Json json{{"folder", model.folder},
                  {"device", model.options.device},
                  {"dtype", dtypeName(model.options.dtype)},
                  {"threads", model.options.threads},
                  {"accepted_keys", model.options.acceptedKeys},
                  {"weights", weightPlaceName(model.options.weights)},
                  {"identity", Json::parse(identityToJson(model.identity))}};
        if (!model.options.adapter.empty()) json["adapter"] = model.options.adapter;
        if (model.options.untrainedSeed) json["untrained_seed"] = *model.options.untrainedSeed;
        return json;
    }

    static std::vector<std::shared_ptr<const Trace>> leavesOf(const std::shared_ptr<const Trace>& trace) {
        if (const auto* joined = dynamic_cast<const JoinedTrace*>(trace.get())) return joined->parts();
        return {trace};
    }

    /// Describes every trace of the document, and the files that hold their rows: those of readers as they
    /// are, all that is in memory in one part.
    void placeRows(const DocumentState& state) {
        std::vector<std::shared_ptr<const Trace>> traces{state.trace, state.basisTrace, state.resultsTrace};
        for (const HeldResults& held : state.earlier) traces.push_back(held.trace);
        std::vector<std::shared_ptr<const Trace>> inMemory;
        for (const auto& trace : traces) {
            if (!trace || m_numbers.contains(trace.get())) continue;
            m_numbers.emplace(trace.get(), m_ordered.size());
            m_ordered.push_back(trace);
            for (const auto& leaf : leavesOf(trace)) {
                if (m_places.contains(leaf.get())) continue;
                const auto* reader = dynamic_cast<const TraceReader*>(leaf.get());
                m_places[leaf.get()] = {m_files.size(), 0, 0};
                if (reader == nullptr)
                    inMemory.push_back(leaf);
                else
                    m_files.push_back(fileOf(*reader, leaf));
            }
        }
        if (!inMemory.empty()) placeInMemory(inMemory);
        for (const auto& trace : m_ordered) m_traces.push_back(traceToJson(*trace));
    }

    Json fileOf(const TraceReader& reader, const std::shared_ptr<const Trace>& trace) {
        const fs::path path = fs::absolute(reader.path()).lexically_normal();
        std::error_code failed;
        if (m_copies)
            return partOfRows(part(trace, "rows", ".rheo.h5", [&](const fs::path& to) {
                writeTrace(reader, to, IfExists::Replace, m_progress);
            }));
        if (!fs::equivalent(path.parent_path(), m_folder.path(), failed) || failed)
            return {{"file", path}, {"hash", reader.sourceHash()}};
        m_parts.insert(path.filename().string());
        return partOfRows(path.filename().string());
    }

    static Json partOfRows(const std::string& name) { return {{"part", name}, {"hash", ""}}; }

    void placeInMemory(const std::vector<std::shared_ptr<const Trace>>& traces) {
        std::vector<PickedRow> rows;
        std::vector<Sample> samples;
        for (std::size_t i = 0; i < traces.size(); ++i) {
            const TraceInfo& info = traces[i]->info();
            m_places[traces[i].get()] = {m_files.size(), static_cast<std::int64_t>(rows.size()),
                                         static_cast<std::int64_t>(samples.size())};
            for (std::size_t n = 0; n < info.rows.size(); ++n)
                rows.push_back({static_cast<std::int32_t>(i),
                                static_cast<std::int32_t>(samples.size()) + info.rows[n].sample,
                                static_cast<std::int64_t>(n)});
            samples.insert(samples.end(), info.samples.begin(), info.samples.end());
        }
        auto key = m_folder.rowsHeld();
        if (!key || *key != traces) key = std::make_shared<const SessionFolder::TracesInMemory>(traces);
        const auto all = JoinedTrace::pick(traces, std::move(rows), std::move(samples));
        const std::string name = part(key, "rows", ".rheo.h5", [&](const fs::path& path) {
            writeTrace(*all, path, IfExists::Replace, m_progress);
        });
        m_folder.setRowsHeld(key);
        m_files.push_back(partOfRows(name));
    }

    Json traceToJson(const Trace& trace) const {
        const auto* joined = dynamic_cast<const JoinedTrace*>(&trace);
        if (joined == nullptr) {
            const RowsPlace& place = m_places.at(&trace);
            if (place.firstRow == 0 && dynamic_cast<const TraceReader*>(&trace) != nullptr)
                return {{"whole", place.file}};
        }
        const TraceInfo& info = trace.info();
        Json rows = Json::array(), samples = Json::array();
        std::vector<Json> sampleOf(info.samples.size());
        for (std::size_t n = 0; n < info.rows.size(); ++n) {
            const auto picked = joined != nullptr
                                    ? joined->picked()[n]
                                    : PickedRow{0, info.rows[n].sample, static_cast<std::int64_t>(n)};
            const Trace& leaf =
                joined != nullptr ? *joined->parts()[static_cast<std::size_t>(picked.part)] : trace;
            const RowsPlace& place = m_places.at(&leaf);
            rows.push_back({place.file, place.firstRow + picked.row, picked.sample});
            Json& sample = sampleOf[static_cast<std::size_t>(picked.sample)];
            const auto own =
                static_cast<std::size_t>(leaf.info().rows[static_cast<std::size_t>(picked.row)].sample);
            if (sample.is_null() &&
                leaf.info().samples[own] == info.samples[static_cast<std::size_t>(picked.sample)])
                sample = {place.file, place.firstSample + static_cast<std::int64_t>(own)};
        }
        for (std::size_t s = 0; s < sampleOf.size(); ++s)
            samples.push_back(sampleOf[s].is_null() ? sampleToJson(info.samples[s]) : std::move(sampleOf[s]));
        return {{"rows", std::move(rows)}, {"samples", std::move(samples)}};
    }

    Json traceNumber(const std::shared_ptr<const Trace>& trace) const {
        return trace ? Json(m_numbers.at(trace.get())) : Json();
    }

    std::string basisPart(const std::shared_ptr<const PcaBasis>& basis) {
        return part(basis, "basis", ".h5",
                    [&](const fs::path& path) { writeBasisFile(path, *basis, IfExists::Replace); });
    }

    Json basis(const DocumentState& state) {
        if (!state.basis) return {};
        Json json{{"trace", traceNumber(state.basisTrace)}, {"rows", state.basisRows}};
        const bool ofResults = basisIsOfResults(state);
        if (ofResults && state.results && drawnPca(*state.results) != nullptr)
            json["of_results"] = true;
        else
            json["part"] = basisPart(state.basis);
        if (state.scores)
            json["scores"] = part(state.scores, "scores", ".h5", [&](const fs::path& path) {
                writeScoresFile(path, {state.scores, state.pointExplained}, IfExists::Replace);
            });
        return json;
    }

    static Json choices(const std::vector<AnalysisChoice>& choices) {
        Json list = Json::array();
        for (const auto& choice : choices) list.push_back(Json::parse(choiceToJson(choice)));
        return list;
    }

    Json results(const std::shared_ptr<const OpenedResults>& opened,
                 const std::shared_ptr<const Trace>& trace) {
        if (!opened) return {};
        Json json{{"trace", traceNumber(trace)},
                  {"base", m_copies ? fs::path() : opened->base},
                  {"made", choices(opened->made)},
                  {"unfinished", choices(opened->unfinished)}};
        if (!opened->path.empty() && !m_copies) {
            json["file"] = opened->path;
            json["sha256"] = m_folder.digestOf(opened->path);
        } else {
            json["part"] = part(opened, "results", ".h5", [&](const fs::path& path) {
                ResultsWriter writer = ResultsWriter::create(path, opened->results.source, IfExists::Replace);
                writer.write(opened->results, false);
                writer.commit();
            });
        }
        return json;
    }

    Json teleport(const std::shared_ptr<const TeleportRecord>& record) {
        TeleportFile file;
        file.points = record->points;
        file.text = record->sample.text;
        file.tokenIds = record->sample.tokenIds;
        file.model = record->model;
        file.result = record->result;
        const std::string name = part(record, "teleport", ".h5", [&](const fs::path& path) {
            writeTeleportFile(path, file, IfExists::Replace);
        });
        Json json{{"part", name},
                  {"id", record->id},
                  {"prompt", record->prompt.value()},
                  {"name", record->name},
                  {"sample", sampleToJson(record->sample)},
                  {"target", std::vector<double>(record->target.begin(), record->target.end())}};
        if (record->basis && record->basis == m_documentBasis)
            json["basis"] = nullptr;  // that of the document
        else if (record->basis)
            json["basis"] = basisPart(record->basis);
        return json;
    }

    SessionFolder& m_folder;
    bool m_copies;
    Progress& m_progress;
    Json m_files = Json::array(), m_traces = Json::array();
    std::vector<std::shared_ptr<const Trace>> m_ordered;
    std::map<const Trace*, std::size_t> m_numbers;
    std::map<const Trace*, RowsPlace> m_places;
    std::shared_ptr<const PcaBasis> m_documentBasis;
    std::set<std::string> m_parts;
};

// ---- reading ------------------------------------------------------------------------------------------

/// One read. Whatever JSON holds that it should not ends in an exception of nlohmann, which read() names.
class Reader {
public:
    Reader(SessionFolder& folder, const Json& index, const Relocations& moved, fs::path base,
           Progress& progress)
        : m_folder(folder), m_index(index), m_moved(moved), m_base(std::move(base)), m_progress(progress) {}

    Session read() {
        const Json& document = m_index.at("document");
        const Json& files = m_index.at("files");
        for (const auto& name : m_index.at("points")) m_session.points.push_back(point(name));
        if (m_index.contains("model")) m_session.model = model(m_index.at("model"));
        m_session.window = m_index.at("window").dump();
        m_index.at("waiting").get_to(m_session.waiting);
        m_session.limit = files.at("limit").get<int>();
        m_session.promptsFile = files.at("prompts").get<std::string>();
        openRows();
        DocumentState& state = m_session.state;
        state.trace = trace(document.at("trace"));
        if (state.trace) m_session.traceFile = movedTo(files.at("trace").get<std::string>());
        for (const auto& id : document.at("prompts"))
            if (state.trace) state.prompts.push_back(PromptId{id.get<std::int64_t>()});
        if (state.trace && state.prompts.size() != state.trace->info().samples.size())
            refuse(m_folder.path(), "there is not one prompt a sample");
        m_progress.report(0.3, 1);
        if (HeldResults held = results(document.at("results")); held.opened) {
            state.results = held.opened;
            state.resultsTrace = held.trace;
        }
        for (const auto& json : document.at("earlier"))
            if (HeldResults held = results(json); held.opened) state.earlier.push_back(std::move(held));
        m_progress.report(0.7, 1);
        basis(document.at("basis"));
        for (const auto& json : document.at("teleports")) state.teleports.push_back(teleport(json));
        for (const auto& json : document.at("named")) {
            NamedRows named{json.at("name").get<std::string>(), {}};
            for (const auto& place : json.at("places"))
                named.places.push_back({PromptId{place.at(0).get<std::int64_t>()}, place.at(1).get<int>()});
            std::sort(named.places.begin(), named.places.end());
            state.named.push_back(std::move(named));
        }
        if (document.contains("intervention")) {
            ModelIdentity anyModel;  // of that width: which one was checked when the edits were made
            for (const auto& edit : document.at("intervention").at("edits"))
                if (edit.contains("vector"))
                    anyModel.dModel = static_cast<std::int64_t>(edit.at("vector").size());
            if (state.trace && anyModel.dModel != 0 && anyModel.dModel != state.trace->units())
                refuse(m_folder.path(), "the edits are not of the width of the rows");
            state.intervention = std::make_shared<const Intervention>(interventionFromJson(
                document.at("intervention").dump(), (m_folder.path() / SessionFolder::indexName).string(),
                m_folder.path(), anyModel, m_session.points));
        }
        return std::move(m_session);
    }

private:
    ResidualPoint point(const Json& name) const {
        const auto point = parsePointName(name.get<std::string>());
        if (!point) refuse(m_folder.path(), "\"" + name.get<std::string>() + "\" is no residual point");
        return *point;
    }

    static SessionModel model(const Json& json) {
        SessionModel model;
        model.folder = json.at("folder").get<std::string>();
        json.at("device").get_to(model.options.device);
        json.at("threads").get_to(model.options.threads);
        json.at("accepted_keys").get_to(model.options.acceptedKeys);
        if (json.contains("weights"))
            model.options.weights = parseWeightPlace(json.at("weights").get<std::string>());
        if (json.contains("adapter")) json.at("adapter").get_to(model.options.adapter);
        if (json.contains("untrained_seed"))
            model.options.untrainedSeed = json.at("untrained_seed").get<std::uint64_t>();
        if (const auto dtype = parseDType(json.at("dtype").get<std::string>())) model.options.dtype = *dtype;
        model.identity = identityFromJson(json.at("identity"), "the session");
        return model;
    }

    fs::path part(const Json& name) const {
        const auto text = name.get<std::string>();
        if (!isPartName(text)) refuse(m_folder.path(), "\"" + text + "\" is no name of a part");
        return m_folder.path() / text;
    }

    fs::path movedTo(const std::string& path) const {
        const auto found = m_moved.find(path);
        return found == m_moved.end() ? fs::path(path) : found->second;
    }

    /// Where a file outside is now; empty: it is to be left out. `is(path)` tells whether it is the one.
    template <class Is>
    fs::path outside(const Json& json, const char* what, Is is) {
        const auto named = json.at("file").get<std::string>();
        const auto moved = m_moved.find(named);
        if (moved != m_moved.end() && moved->second.empty()) {
            m_session.notes.push_back(fmt::format("{} was left out", named));
            return {};
        }
        std::vector<fs::path> places;
        if (moved != m_moved.end())
            places.push_back(moved->second);
        else if (json.contains("relative") && !m_base.empty())
            places.push_back((m_base / json.at("relative").get<std::string>()).lexically_normal());
        if (moved == m_moved.end()) places.emplace_back(named);
        std::string found;
        for (const auto& place : places) {
            std::error_code failed;
            if (!fs::is_regular_file(place, failed)) continue;
            if (is(place)) return place;
            found = place.string();
        }
        if (!found.empty())
            throw SessionSourceError(
                ErrorCode::Mismatch,
                fmt::format("{} is not the {} that the session was made with: it was changed or replaced",
                            found, what),
                named);
        throw SessionSourceError(ErrorCode::NotFound,
                                 fmt::format("The {} of the session is not there any more: {}", what, named),
                                 named);
    }

    void openRows() {
        for (const auto& json : m_index.at("rows")) {
            const auto hash = json.at("hash").get<std::string>();
            fs::path path;
            if (json.contains("part"))
                path = part(json.at("part"));
            else
                path = outside(json, "trace", [&](const fs::path& place) {
                    return TraceReader::open(place)->sourceHash() == hash;
                });
            m_files.push_back(path.empty() ? nullptr : TraceReader::open(path));
        }
        for (const auto& json : m_index.at("traces")) m_traces.push_back(pick(json));
    }

    std::shared_ptr<const Trace> file(const Json& number) const {
        const auto i = number.get<std::size_t>();
        if (i >= m_files.size()) refuse(m_folder.path(), fmt::format("there is no file of rows {}", i));
        return m_files[i];
    }

    /// A trace of rows in files; null where one of the files was left out.
    std::shared_ptr<const Trace> pick(const Json& json) const {
        if (json.contains("whole")) return file(json.at("whole"));
        std::vector<std::shared_ptr<const Trace>> parts;
        std::vector<std::int32_t> numberOf(m_files.size(), -1);
        const auto partOf = [&](const Json& number) {
            const auto trace = file(number);
            std::int32_t& place = numberOf[number.get<std::size_t>()];
            if (place < 0 && trace) {
                place = static_cast<std::int32_t>(parts.size());
                parts.push_back(trace);
            }
            return place;
        };
        std::vector<PickedRow> rows;
        for (const auto& row : json.at("rows")) {
            const std::int32_t part = partOf(row.at(0));
            if (part < 0) return nullptr;
            rows.push_back({part, row.at(2).get<std::int32_t>(), row.at(1).get<std::int64_t>()});
        }
        std::vector<Sample> samples;
        for (const auto& sample : json.at("samples")) {
            if (sample.is_object()) {
                samples.push_back(sampleFromJson(sample));
                continue;
            }
            const auto trace = file(sample.at(0));
            if (!trace) return nullptr;
            samples.push_back(trace->info().samples.at(sample.at(1).get<std::size_t>()));
        }
        return JoinedTrace::pick(std::move(parts), std::move(rows), std::move(samples));
    }

    std::shared_ptr<const Trace> trace(const Json& number) const {
        return number.is_null() ? nullptr : m_traces.at(number.get<std::size_t>());
    }

    static std::vector<AnalysisChoice> choices(const Json& list) {
        std::vector<AnalysisChoice> choices;
        for (const auto& json : list) choices.push_back(choiceFromJson(json.dump()));
        return choices;
    }

    HeldResults results(const Json& json) {
        if (json.is_null()) return {};
        m_progress.check();
        const bool packed = json.contains("part");
        fs::path path;
        if (packed)
            path = part(json.at("part"));
        else
            path = outside(json, "results file", [&](const fs::path& place) {
                return sha256OfFile(place) == json.at("sha256").get<std::string>();
            });
        if (path.empty()) return {};
        auto opened = std::make_shared<OpenedResults>(*openResults(path));
        opened->base = json.at("base").get<std::string>();
        opened->made = choices(json.at("made"));
        opened->unfinished = choices(json.at("unfinished"));
        if (packed) {
            opened->path.clear();
            m_folder.hold(opened, path.filename().string());
        }
        return {opened, trace(json.at("trace"))};
    }

    /// Where the trace is not there, nothing asks for its rows.
    void requireRowsOf(const std::shared_ptr<const Trace>& trace,
                       const std::vector<std::int64_t>& rows) const {
        std::int64_t last = -1;
        for (const std::int64_t row : rows) {
            if (row <= last || (trace && row >= trace->rows()))
                refuse(m_folder.path(),
                       fmt::format("the basis is said to be of row {}, which is out of order "
                                   "or not there",
                                   row));
            last = row;
        }
    }

    std::shared_ptr<const PcaBasis> basisIn(const Json& name) {
        const fs::path path = part(name);
        auto& basis = m_bases[path.filename().string()];
        if (!basis) {
            basis = std::make_shared<const PcaBasis>(readBasisFile(path));
            m_folder.hold(basis, path.filename().string());
        }
        return basis;
    }

    void basis(const Json& json) {
        DocumentState& state = m_session.state;
        if (json.is_null() || !state.trace) return;
        if (json.contains("of_results")) {
            const PcaResult* pca = state.results ? drawnPca(*state.results) : nullptr;
            if (pca == nullptr) return;
            state.basis = {state.results, &pca->basis};
        } else {
            state.basis = basisIn(json.at("part"));
        }
        state.basisTrace = trace(json.at("trace"));
        json.at("rows").get_to(state.basisRows);
        requireRowsOf(state.basisTrace, state.basisRows);
        if (state.basis->components.cols() != state.trace->units())
            refuse(m_folder.path(), "the basis is not of the width of the rows");
        if (!json.contains("scores")) return;
        const fs::path path = part(json.at("scores"));
        const ScoresFile read = readScoresFile(path);
        if (read.scores->n0 != state.trace->rows() || read.scores->n1 != state.trace->points() ||
            read.scores->n2 != state.basis->components.rows())
            refuse(m_folder.path(), "the scores are not of the rows and points of the document");
        if (read.pointExplained && read.pointExplained->rows() != state.trace->points())
            refuse(m_folder.path(), "what the basis explains is not of the points of the document");
        state.scores = read.scores;
        state.pointExplained = read.pointExplained;
        m_folder.hold(state.scores, path.filename().string());
    }

    std::shared_ptr<const TeleportRecord> teleport(const Json& json) {
        const fs::path path = part(json.at("part"));
        TeleportFile file = readTeleportFile(path);
        auto record = std::make_shared<TeleportRecord>();
        record->id = json.at("id").get<std::int64_t>();
        record->prompt = PromptId{json.at("prompt").get<std::int64_t>()};
        record->name = json.at("name").get<std::string>();
        record->sample = sampleFromJson(json.at("sample"));
        const auto target = json.at("target").get<std::vector<double>>();
        record->target = Eigen::Map<const VectorD>(target.data(), static_cast<Eigen::Index>(target.size()));
        if (json.contains("basis"))
            record->basis = json.at("basis").is_null() ? m_session.state.basis : basisIn(json.at("basis"));
        record->result = std::move(file.result);
        record->model = std::move(file.model);
        record->points = std::move(file.points);
        m_folder.hold(record, path.filename().string());
        return record;
    }

    SessionFolder& m_folder;
    const Json& m_index;
    const Relocations& m_moved;
    fs::path m_base;
    Progress& m_progress;
    Session m_session;
    std::vector<std::shared_ptr<const Trace>> m_files, m_traces;
    std::map<std::string, std::shared_ptr<const PcaBasis>> m_bases;
};

/// Calls `see(object)` for each object of an index that names a part or a file.
template <class See>
void forEachReference(Json& index, See see) {
    if (index.is_object() && (index.contains("part") || index.contains("file") || index.contains("scores")))
        see(index);
    for (const char* key : {"rows", "document", "results", "earlier", "teleports", "basis"})
        if (index.is_object() && index.contains(key) && index[key].is_structured())
            forEachReference(index[key], see);
    if (index.is_array())
        for (auto& element : index)
            if (element.is_object()) forEachReference(element, see);
}

}  // namespace

std::string SessionFolder::partOf(const std::shared_ptr<const void>& value) const {
    const auto found = m_held.find(value);
    return found == m_held.end() ? std::string() : found->second;
}

std::string SessionFolder::newPart(const char* kind, const char* suffix) {
    std::string name;
    do name = fmt::format("{}-{}{}", kind, ++m_last, suffix);
    while (fs::exists(m_folder / name));
    m_own.insert(name);
    return name;
}

const std::string& SessionFolder::digestOf(const fs::path& file) {
    auto& digest = m_digests[file];
    if (digest.empty()) digest = sha256OfFile(file);
    return digest;
}

void SessionFolder::removeAllBut(const std::set<std::string>& parts) {
    std::erase_if(m_held, [&](const auto& held) { return !parts.contains(held.second); });
    std::erase_if(m_own, [&](const std::string& name) {
        std::error_code failed;
        return !parts.contains(name) && (fs::remove(m_folder / name, failed) || !failed);
    });
}

void SessionFolder::write(const Session& session, Progress& progress, FilesOutside outside) {
    Writer writer(*this, outside, progress);
    const Json index = writer.describe(session);
    writeFile(m_folder / indexName, index.dump(-1, ' ', false, Json::error_handler_t::replace),
              IfExists::Replace);
    removeAllBut(writer.parts());
}

Session SessionFolder::read(const Relocations& moved, const fs::path& base, Progress& progress) {
    const Json index = readIndex(m_folder);
    try {
        return Reader(*this, index, moved, base, progress).read();
    } catch (const Json::exception& failure) {
        refuse(m_folder, fmt::format("it is not as a session is: {}", failure.what()));
    } catch (const std::out_of_range&) {
        refuse(m_folder, "it names a trace or a sample that is not there");
    }
}

SessionSummary describeSession(const fs::path& folder) {
    return summaryOfIndex(readFile(folder / SessionFolder::indexName, largestIndex), folder);
}

SessionSummary summaryOfIndex(const std::string& text, const fs::path& folder) {
    const Json index = parseIndex(text, folder);
    SessionSummary summary;
    try {
        const Json& document = index.at("document");
        summary.saved = index.at("saved").get<std::string>();
        summary.teleports = static_cast<std::int64_t>(document.at("teleports").size());
        if (document.at("trace").is_number()) {
            const Json& trace = index.at("traces").at(document.at("trace").get<std::size_t>());
            summary.rows = trace.contains("rows") ? static_cast<std::int64_t>(trace.at("rows").size()) : -1;
        }
        for (const auto& name :
             {index.at("files").at("trace").get<std::string>(),
              index.at("files").at("prompts").get<std::string>(),
              index.contains("model") ? index.at("model").at("folder").get<std::string>() : std::string()})
            if (summary.title.empty()) summary.title = fs::path(name).filename().string();
    } catch (const Json::exception& failure) {
        refuse(folder, fmt::format("it is not as a session is: {}", failure.what()));
    }
    return summary;
}

SessionIndex indexFor(const fs::path& folder, const fs::path& base) {
    Json index = readIndex(folder);
    std::set<std::string> parts;
    forEachReference(index, [&](Json& object) {
        if (object.contains("file") && !object["file"].is_string()) refuse(folder, "a file has no name");
        for (const char* key : {"part", "scores", "basis"})
            if (object.contains(key) && object[key].is_string()) {
                const auto name = object[key].get<std::string>();
                if (!isPartName(name)) refuse(folder, "\"" + name + "\" is no name of a part");
                parts.insert(name);
            }
        if (object.contains("file") && !base.empty())
            object["relative"] = fs::path(object["file"].get<std::string>()).lexically_relative(base);
    });
    return {index.dump(-1, ' ', false, Json::error_handler_t::replace), {parts.begin(), parts.end()}};
}

}  // namespace rheo
