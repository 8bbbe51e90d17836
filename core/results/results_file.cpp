#include "core/results/results_file.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "core/base/copy_file.h"
#include "core/base/error.h"
#include "core/findings/derivative_verdicts.h"
#include "core/results/jacobian_group.h"
#include "core/results/results_datasets.h"
#include "core/results/source_group.h"
#include "core/results/verdict_json.h"
#include "core/trace/file_parts.h"
#include "core/trace/hdf5_file.h"

namespace rheo {

namespace {

using namespace results;
using Json = nlohmann::ordered_json;

constexpr const char* formatName = "rheograph-results";
/// 1: strings of variable length, no seal. 2: as resources/help/trace_format.md says.
constexpr std::int64_t formatVersion = 2;
constexpr std::int64_t definitionVersion = 1;

std::string rangeOf(const std::vector<ResidualPoint>& points) {
    return points.size() == 1 ? pointName(points.front())
                              : pointName(points.front()) + ":" + pointName(points.back());
}

void writeHead(Hdf5File& file, const ResultsSource& source) {
    file.setAttribute("/", "format", std::string(formatName));
    file.setAttribute("/", "version", formatVersion);
    file.setAttribute("/", "program", std::string("Rheograph " RHEO_VERSION));
    writeSource(file, "/source", source);
}

/// Throws unless the file holds results that this version can read.
void checkFormat(const Hdf5File& file) {
    const std::string path = file.path().string();
    const auto format = file.textAttribute("/", "format");
    if (!format || *format != formatName)
        throw Error(ErrorCode::Format,
                    fmt::format("{} does not hold results of rheo analyze: its attribute format is {}", path,
                                format ? "\"" + *format + "\"" : "missing"),
                    path);
    const auto version = file.integerAttribute("/", "version").value_or(0);
    if (version > formatVersion)
        throw Error(
            ErrorCode::Unsupported,
            fmt::format(
                "{} holds results of version {}, and this program reads version {}; use a newer Rheograph",
                path, version, formatVersion),
            path);
}

ResultsSource readHead(const Hdf5File& file) {
    checkFormat(file);
    return readSource(file, "/source");
}

std::string versionOf(const StatisticRecord& record) {
    return record.version.empty() ? std::string(RHEO_VERSION) : record.version;
}

void writeRecord(Hdf5File& file, const std::string& group, const ResultsSource& source,
                 const StatisticRecord& record) {
    file.setAttribute(group, "definition_version", definitionVersion);
    file.setAttribute(group, "options", record.options);
    file.setAttribute(group, "seed", static_cast<std::int64_t>(record.seed));
    file.setAttribute(group, "scaling", std::string(scalingName(record.scaling)));
    file.setAttribute(group, "points", rangeOf(source.info.points));
    file.setAttribute(group, "source_hash", source.hash);
    file.setAttribute(group, "time",
                      record.time.empty()
                          ? fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))
                          : record.time);
    file.setAttribute(group, "program_version", versionOf(record));
    if (!record.maskedUnits.empty())
        file.write<std::int64_t>(group + "/masked_units", record.maskedUnits,
                                 {static_cast<std::int64_t>(record.maskedUnits.size())});
}

Scaling readScaling(const Hdf5File& file, const std::string& group) {
    const std::string scaling = file.textAttribute(group, "scaling").value_or("raw");
    for (const Scaling known : {Scaling::Raw, Scaling::Rms, Scaling::FinalNorm})
        if (scaling == scalingName(known)) return known;
    refuse(file, group, fmt::format("its scaling is \"{}\", which this version does not know", scaling));
}

StatisticRecord readRecord(const Hdf5File& file, const std::string& group) {
    StatisticRecord record;
    record.options = file.textAttribute(group, "options").value_or("{}");
    record.seed = static_cast<std::uint64_t>(file.integerAttribute(group, "seed").value_or(0));
    record.scaling = readScaling(file, group);
    record.version = file.textAttribute(group, "program_version").value_or("unknown");
    record.time = file.textAttribute(group, "time").value_or("");
    if (file.exists(group + "/masked_units"))
        record.maskedUnits = file.read<std::int64_t>(group + "/masked_units");
    // Of another definition it is what no computation of today gives.
    if (file.integerAttribute(group, "definition_version").value_or(-1) != definitionVersion)
        record.version += " (another definition)";
    return record;
}

/// What of a group was made otherwise than `record` says, for a person; empty if nothing was.
std::string differenceFrom(const Hdf5File& file, const std::string& group, const StatisticRecord& record) {
    const auto differs = [](const char* what, const std::string& there, const std::string& asked) {
        return there == asked ? std::string()
                              : fmt::format("{} {} where {} is asked for", what, there, asked);
    };
    const auto number = [&](const char* name) {
        return std::to_string(file.integerAttribute(group, name).value_or(-1));
    };
    const auto text = [&](const char* name) { return file.textAttribute(group, name).value_or("(none)"); };
    std::vector<std::int64_t> masked;
    if (file.exists(group + "/masked_units")) masked = file.read<std::int64_t>(group + "/masked_units");
    for (const auto& difference :
         {differs("options", text("options"), record.options),
          differs("seed", number("seed"), std::to_string(static_cast<std::int64_t>(record.seed))),
          differs("scaling", text("scaling"), std::string(scalingName(record.scaling))),
          differs("masked units", fmt::format("[{}]", fmt::join(masked, ",")),
                  fmt::format("[{}]", fmt::join(record.maskedUnits, ","))),
          differs("definition", number("definition_version"), std::to_string(definitionVersion)),
          differs("version", text("program_version"), versionOf(record))})
        if (!difference.empty()) return difference;
    return "";
}

/// Whether a group was made by a computation that was stopped.
bool wasStopped(const Hdf5File& file, const std::string& group) {
    return file.integerAttribute(group, "stopped").value_or(0) != 0;
}

/// The vectors of a null by the names of their datasets.
template <class Summary, class Use>
void forEachVector(Summary& summary, Use use) {
    use("mean", summary.mean);
    use("low", summary.low);
    use("high", summary.high);
    use("z", summary.z);
    use("p_upper", summary.pUpper);
    use("p_lower", summary.pLower);
    use("p", summary.p);
}

std::string groupOfNull(const std::string& statistic, const std::string& null, const std::string& dataset) {
    return fmt::format("/{}/null/{}/{}", statistic, null, dataset);
}

std::string nameOfSamples(const CurveNull& null) {
    return fmt::format("/{}/null_samples/{}/{}", null.statistic, null.null, null.dataset);
}

/// Unless as many repeats of the same seed are there.
void writeNull(Hdf5File& file, const CurveNull& null) {
    const std::string group = groupOfNull(null.statistic, null.null, null.dataset);
    if (file.exists(group)) {
        const bool same =
            file.integerAttribute(group, "seed") == static_cast<std::int64_t>(null.summary.seed);
        if (same && file.integerAttribute(group, "repeats").value_or(0) >= null.summary.repeats) return;
        file.remove(group);
    }
    // A single number is a scalar here as it is there.
    const auto shape = file.info("/" + null.statistic + "/" + null.dataset).shape;
    forEachVector(null.summary, [&](const char* name, const VectorD& values) {
        file.write<double>(group + "/" + name,
                           std::span(values.data(), static_cast<std::size_t>(values.size())), shape);
    });
    file.setAttribute(group, "repeats", static_cast<std::int64_t>(null.summary.repeats));
    file.setAttribute(group, "seed", static_cast<std::int64_t>(null.summary.seed));
    const std::string name = nameOfSamples(null);
    if (file.exists(name)) file.remove(name);
    if (null.samples.size() == 0) return;
    std::vector<std::int64_t> shapes{null.samples.rows()};
    shapes.insert(shapes.end(), shape.begin(), shape.end());
    file.write<double>(name, std::span(null.samples.data(), static_cast<std::size_t>(null.samples.size())),
                       shapes);
}

std::vector<CurveNull> readNulls(const Hdf5File& file, const Statistics& statistics, bool withSamples) {
    std::vector<CurveNull> nulls;
    for (const auto& curve : curvesOf(statistics)) {
        const std::string all = "/" + curve.statistic + "/null";
        if (!file.exists(all)) continue;
        for (const auto& name : file.children(all)) {
            const std::string group = groupOfNull(curve.statistic, name, curve.dataset);
            if (!file.exists(group)) continue;
            CurveNull null{name, curve.statistic, curve.dataset, {}};
            forEachVector(null.summary, [&](const char* part, VectorD& values) {
                const auto read = file.read<double>(group + "/" + part);
                if (static_cast<Eigen::Index>(read.size()) != curve.values.size())
                    refuse(file, group + "/" + part,
                           fmt::format("it has {} values where {} were expected", read.size(),
                                       curve.values.size()));
                values = Eigen::Map<const VectorD>(read.data(), curve.values.size());
            });
            null.summary.repeats = static_cast<int>(file.integerAttribute(group, "repeats").value_or(0));
            null.summary.seed = static_cast<std::uint64_t>(file.integerAttribute(group, "seed").value_or(0));
            const std::string samples = nameOfSamples(null);
            if (withSamples && file.exists(samples)) {
                const std::int64_t repeats = null.summary.repeats;
                const auto read = file.read<double>(samples);
                if (static_cast<std::int64_t>(read.size()) != repeats * curve.values.size())
                    refuse(file, samples,
                           fmt::format("it has {} values where {} repeats of {} were expected", read.size(),
                                       repeats, curve.values.size()));
                null.samples = Eigen::Map<const MatrixD>(read.data(), repeats, curve.values.size());
            }
            nulls.push_back(std::move(null));
        }
    }
    return nulls;
}

/// Whether the PCA of a file has a basis at each point.
bool isPerPoint(const Hdf5File& file) {
    return file.exists("/pca/components") && file.info("/pca/components").shape.size() == 3;
}

std::string groupOf(std::string_view statistic) {
    return fmt::format("/{}", statistic);
}

constexpr const char* verdictList = "/verdicts/list";

/// The groups of which `wanted(group)` is true.
template <class Wanted>
Results read(const Hdf5File& file, bool withSamples, Wanted wanted) {
    Results results;
    results.source = readHead(file);
    const Sizes sizes = sizesOf(results.source.info);
    const auto use = [&](const std::string& group) { return file.exists(group) && wanted(group); };
    const auto keepRecord = [&](const std::string& name) {
        results.records[name] = readRecord(file, "/" + name);
        return results.scalings[name] = results.records[name].scaling;
    };
    forEachStatistic([&]<class S>() {
        const std::string group = groupOf(S::info.name);
        if (!use(group) || (group == "/pca" && isPerPoint(file))) return;
        GroupReader reader(file, group, sizes);
        auto& result = results.statistics.get<S>().emplace();
        S::visit(reader, result);
        const Scaling scaling = keepRecord(std::string(S::info.name));
        if constexpr (requires { S::setScaling(result, scaling); }) S::setScaling(result, scaling);
    });
    if (isPerPoint(file) && use("/pca")) {
        GroupReader reader(file, "/pca", sizes);
        visitPerPointPca(reader, results.perPointPca.emplace());
        results.perPointPca->scaling = keepRecord("pca");
    }
    if (use("/lens")) {
        GroupReader reader(file, "/lens", sizes);
        visitLens(reader, results.lens.emplace());
        keepRecord("lens");
    }
    if (use("/jacobian")) {
        results.jacobian = readJacobian(file);
        for (const std::int64_t row : results.jacobian->rows)
            if (row < 0 || row >= sizes.rows)
                refuse(file, "/jacobian/rows",
                       fmt::format("it names row {}, and there are {}", row, sizes.rows));
        keepRecord("jacobian");
    }
    if (use("/verdicts")) {
        GroupReader reader(file, "/verdicts", sizes);
        visitEvidence(reader, results.evidence.emplace());
        if (file.exists(verdictList)) results.verdicts = readVerdicts(file, verdictList);
        keepRecord("verdicts");
    }
    results.nulls = readNulls(file, results.statistics, withSamples);
    return results;
}

void refuseOtherSource(const std::filesystem::path& path, const ResultsSource& there,
                       const ResultsSource& source) {
    const char* differs = there.hash != source.hash                 ? "trace"
                          : there.info.points != source.info.points ? "choice of points"
                          : there.info.rows != source.info.rows     ? "choice of rows"
                                                                    : nullptr;
    if (differs != nullptr)
        throw Error(
            ErrorCode::Mismatch,
            fmt::format("results cannot be added to {}: it was made from another {}; choose another file",
                        path.string(), differs),
            path.string());
}

}  // namespace

namespace {

/// Collects options as JSON.
struct OptionRecorder {
    Json json = Json::object();

    void real(const char* name, double value, double, double, const char*) { json[name] = value; }
    void whole(const char* name, std::int64_t value, std::int64_t, std::int64_t, const char*) {
        json[name] = value;
    }
    void flag(const char* name, bool value, const char*) { json[name] = value; }
    template <class E>
    void choice(const char* name, const E& value, const std::vector<std::pair<const char*, E>>& choices,
                const char*) {
        for (const auto& [word, meaning] : choices)
            if (meaning == value) json[name] = word;
    }
    void recorded(const char* name, const auto& value) { json[name] = value; }
    void defined(const char* name, const char* as) { json[name] = as; }
};

template <class S>
std::string optionsAsJson(const OptionsOf<S>& options) {
    OptionRecorder recorder;
    S::visitOptions(recorder, options);
    return recorder.json.dump();
}

}  // namespace

StatisticRecord recordOf(const TraceView& view, const AutoencoderOptions& options) {
    return {optionsAsJson<AutoencoderFit>(options), options.seed, view.scaling, view.maskedUnits};
}

StatisticRecord recordOf(const LensOptions& options, const std::string& model) {
    return {Json{{"top", options.top}, {"model", model}}.dump()};
}

StatisticRecord recordOf(const JacobianOptions& options, const std::string& model,
                         const std::optional<std::uint64_t>& untrained) {
    Json json{{"rows", options.rows}, {"alone", options.alone}, {"values", options.values}, {"model", model}};
    if (untrained) json["untrained"] = *untrained;
    return {json.dump()};
}

Records recordsOf(const TraceView& view, const AnalysisOptions& options) {
    Records records;
    forEachStatistic([&]<class S>() {
        if (const auto& how = options.get<S>())
            records[std::string(S::info.name)] = {optionsAsJson<S>(*how), options.seed, view.scaling,
                                                  view.maskedUnits};
    });
    return records;
}

bool madeAlike(const StatisticRecord& a, const StatisticRecord& b) {
    return a.options == b.options && a.seed == b.seed && a.scaling == b.scaling &&
           a.maskedUnits == b.maskedUnits && versionOf(a) == versionOf(b);
}

bool isSameSource(const ResultsSource& a, const ResultsSource& b) {
    return a.hash == b.hash && a.info.points == b.info.points && a.info.rows == b.info.rows;
}

Results resultsMatching(const Results& results, const Records& records) {
    Results matching;
    matching.source = results.source;
    const auto isKnown = [&](const std::string& name) {
        const auto there = results.records.find(name);
        const auto asked = records.find(name);
        const bool known = there != results.records.end() && asked != records.end() &&
                           madeAlike(there->second, asked->second);
        if (known) matching.records[name] = there->second;
        return known;
    };
    forEachStatistic([&]<class S>() {
        const auto& result = results.statistics.get<S>();
        if (!result || !isKnown(std::string(S::info.name))) return;
        if constexpr (requires { result->stopped; })
            if (result->stopped) return;
        matching.statistics.get<S>() = result;
        for (const auto& null : results.nulls)
            if (null.statistic == S::info.name) matching.nulls.push_back(null);
    });
    const auto keep = [&](const char* name, const auto& from, auto& to) {
        if (from && isKnown(name)) to = from;
    };
    keep("pca", results.perPointPca, matching.perPointPca);
    keep("lens", results.lens, matching.lens);
    keep("jacobian", results.jacobian, matching.jacobian);
    return matching;
}

std::vector<Verdict> verdictsOf(const Results& results) {
    std::vector<Verdict> list = results.verdicts;
    const bool known =
        std::any_of(list.begin(), list.end(), [](const Verdict& v) { return isOfDerivatives(v.key); });
    if (!results.jacobian || known || results.jacobian->untrainedHenriciRows.size() == 0) return list;
    for (Verdict& v : verdictsOf(*results.jacobian, results.source.info)) list.push_back(std::move(v));
    return list;
}

ResultsSource makeResultsSource(const TraceView& view, const std::string& path) {
    ResultsSource source;
    const TraceInfo& info = view.trace->info();
    source.info.units = info.units;
    source.info.model = info.model;
    for (std::int64_t p = 0; p < view.pointCount(); ++p)
        source.info.points.push_back(info.points[static_cast<std::size_t>(view.tracePoint(p))]);
    for (std::int64_t n = 0; n < view.rowCount(); ++n)
        source.info.rows.push_back(info.rows[static_cast<std::size_t>(view.traceRow(n))]);
    source.info.samples = info.samples;
    source.hash = view.trace->sourceHash();
    source.path = path;
    return source;
}

struct ResultsWriter::State {
    OutputFile output;
    ResultsSource source;
    std::optional<Hdf5File> file;

    /// Whether such a group is there; throws if it was made otherwise.
    bool holdsMatching(const std::string& group, const StatisticRecord& record) const {
        if (!file->exists(group)) return false;
        const std::string difference = differenceFrom(*file, group, record);
        if (difference.empty()) return !wasStopped(*file, group);
        throw Error(ErrorCode::AlreadyExists,
                    fmt::format("{} already holds {} of {}; allow it to be replaced (--force), or choose "
                                "another file",
                                output.path().string(), group.substr(1), difference),
                    output.path().string());
    }

    /// Whether the group is to be written.
    bool startGroup(const std::string& group, const StatisticRecord& record, bool replace) {
        const bool unlike = file->exists(group) && !differenceFrom(*file, group, record).empty();
        if (!(unlike && replace) && holdsMatching(group, record)) return false;
        if (file->exists(group)) file->remove(group);
        file->makeGroup(group);
        return true;
    }
};

ResultsWriter::ResultsWriter(std::unique_ptr<State> state) : m_state(std::move(state)) {}
ResultsWriter::ResultsWriter(ResultsWriter&&) noexcept = default;
ResultsWriter::~ResultsWriter() = default;

ResultsWriter ResultsWriter::create(const std::filesystem::path& path, const ResultsSource& source,
                                    IfExists ifExists) {
    auto state = std::unique_ptr<State>(new State{OutputFile(path, ifExists), source, std::nullopt});
    state->file = Hdf5File::create(state->output.temporary(), path);
    writeHead(*state->file, source);
    return ResultsWriter(std::move(state));
}

ResultsWriter ResultsWriter::add(const std::filesystem::path& path, const ResultsSource& source) {
    refuseOtherSource(path, readHead(Hdf5File::openForReading(path)), source);
    auto state = std::unique_ptr<State>(new State{OutputFile(path, IfExists::Replace), source, std::nullopt});
    copyInto(path, state->output);
    state->file = Hdf5File::openForWriting(state->output.temporary(), path);
    return ResultsWriter(std::move(state));
}

void ResultsWriter::throwIfRecordsDiffer(const Records& records) const {
    for (const auto& [statistic, record] : records) m_state->holdsMatching("/" + statistic, record);
}

void ResultsWriter::write(const Statistics& statistics, const std::vector<CurveNull>& nulls,
                          const Records& records, bool replace) {
    Hdf5File& file = *m_state->file;
    forEachStatistic([&]<class S>() {
        const auto& result = statistics.get<S>();
        if (!result) return;
        const std::string group = groupOf(S::info.name);
        const auto found = records.find(std::string(S::info.name));
        const StatisticRecord record = found == records.end() ? StatisticRecord{} : found->second;
        if (m_state->startGroup(group, record, replace)) {
            GroupWriter writer(file, group, sizesOf(m_state->source.info));
            S::visit(writer, *result);
            writeRecord(file, group, m_state->source, record);
        }
        for (const auto& null : nulls)
            if (null.statistic == S::info.name) writeNull(file, null);
    });
}

void ResultsWriter::write(const Results& results, bool replace) {
    write(results.statistics, results.nulls, results.records, replace);
    const auto recordOf = [&](const char* name) {
        const auto found = results.records.find(name);
        return found == results.records.end() ? StatisticRecord{} : found->second;
    };
    if (results.perPointPca) write(*results.perPointPca, recordOf("pca"), replace);
    if (results.lens) write(*results.lens, recordOf("lens"), replace);
    if (results.jacobian) write(*results.jacobian, recordOf("jacobian"), replace);
    if (results.evidence) write(*results.evidence, recordOf("verdicts"));
    if (results.evidence && !results.verdicts.empty()) write(results.verdicts);
}

void ResultsWriter::write(const LensResult& lens, const StatisticRecord& record, bool replace) {
    if (!m_state->startGroup("/lens", record, replace)) return;
    GroupWriter writer(*m_state->file, "/lens", sizesOf(m_state->source.info));
    visitLens(writer, lens);
    writeRecord(*m_state->file, "/lens", m_state->source, record);
}

void ResultsWriter::write(const JacobianResult& jacobian, const StatisticRecord& record, bool replace) {
    if (!m_state->startGroup("/jacobian", record, replace)) return;
    writeJacobian(*m_state->file, jacobian, verdictsOf(jacobian, m_state->source.info));
    writeRecord(*m_state->file, "/jacobian", m_state->source, record);
}

void ResultsWriter::write(const PerPointPca& pca, const StatisticRecord& record, bool replace) {
    if (!m_state->startGroup("/pca", record, replace)) return;
    GroupWriter writer(*m_state->file, "/pca", sizesOf(m_state->source.info));
    visitPerPointPca(writer, pca);
    writeRecord(*m_state->file, "/pca", m_state->source, record);
}

void ResultsWriter::write(const Evidence& evidence, const StatisticRecord& record) {
    Hdf5File& file = *m_state->file;
    if (file.exists("/verdicts")) file.remove("/verdicts");
    file.makeGroup("/verdicts");
    GroupWriter writer(file, "/verdicts", sizesOf(m_state->source.info));
    visitEvidence(writer, evidence);
    writeRecord(file, "/verdicts", m_state->source, record);
}

void ResultsWriter::write(const std::vector<Verdict>& verdicts) {
    Hdf5File& file = *m_state->file;
    if (file.exists(verdictList)) file.remove(verdictList);
    std::vector<std::string> list;
    for (const auto& verdict : verdicts) list.push_back(verdictToJson(verdict));
    file.writeStrings(verdictList, list);
}

void ResultsWriter::commit() {
    m_state->file->close();
    m_state->file.reset();
    m_state->output.commit();
}

Results readResults(const std::filesystem::path& path, bool withSamples) {
    return read(Hdf5File::openForReading(path), withSamples, [](const std::string&) { return true; });
}

Results readMatching(const std::filesystem::path& path, const ResultsSource& source, const Records& records) {
    const Hdf5File file = Hdf5File::openForReading(path);
    refuseOtherSource(path, readHead(file), source);
    return read(file, true, [&](const std::string& group) {
        const auto record = records.find(group.substr(1));
        return record != records.end() && differenceFrom(file, group, record->second).empty() &&
               !wasStopped(file, group);
    });
}

PcaBasis readPcaBasis(const std::filesystem::path& path) {
    const Hdf5File file = Hdf5File::openForReading(path);
    if (isPerPoint(file))
        throw Error(
            ErrorCode::NotFound,
            fmt::format("{} holds a PCA of each point alone, and a basis for all points is needed; make one "
                        "with rheo analyze --stat pca",
                        path.string()),
            path.string());
    if (!file.exists("/pca/components"))
        throw Error(ErrorCode::NotFound,
                    fmt::format("{} holds no PCA; make one with rheo analyze --stat pca", path.string()),
                    path.string());
    PcaBasis basis;
    GroupReader reader(file, "/pca", {});
    Pca::visitBasis(reader, basis, anySize);
    basis.scaling = readScaling(file, "/pca");
    return basis;
}

Autoencoder readAutoencoder(const std::filesystem::path& path) {
    const Hdf5File file = Hdf5File::openForReading(path);
    if (!file.exists("/autoencoder/unit_mean"))
        throw Error(ErrorCode::NotFound,
                    fmt::format("{} holds no autoencoder; train one with rheo analyze --stat autoencoder",
                                path.string()),
                    path.string());
    Autoencoder model;
    GroupReader reader(file, "/autoencoder", {});
    AutoencoderFit::visitModel(reader, model, anySize);
    model.scaling = readScaling(file, "/autoencoder");
    return model;
}

}  // namespace rheo
