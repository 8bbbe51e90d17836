#include "core/session/results_file.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>

#include "core/base/error.h"
#include "core/trace/hdf5_file.h"

namespace rheo {

namespace {

constexpr const char* formatName = "rheograph-results";
constexpr std::int64_t formatVersion = 1;
constexpr std::int64_t definitionVersion = 1;

[[noreturn]] void refuse(const Hdf5File& file, const std::string& dataset, const std::string& why) {
    throw Error(ErrorCode::Format, fmt::format("{}, {}: {}", file.path().string(), dataset, why),
                file.path().string());
}

void put(Hdf5File& file, const std::string& name, const MatrixD& matrix) {
    file.write<double>(name, std::span(matrix.data(), static_cast<std::size_t>(matrix.size())),
                       {matrix.rows(), matrix.cols()});
}
void put(Hdf5File& file, const std::string& name, const VectorD& vector) {
    file.write<double>(name, std::span(vector.data(), static_cast<std::size_t>(vector.size())),
                       {vector.size()});
}

MatrixD getMatrix(const Hdf5File& file, const std::string& name, std::int64_t rows, std::int64_t columns) {
    const auto shape = file.info(name).shape;
    if (shape.size() != 2 || (rows >= 0 && shape[0] != rows) || (columns >= 0 && shape[1] != columns))
        refuse(file, name,
               fmt::format("its shape is [{}], which does not fit the rest of the file",
                           fmt::join(shape, ", ")));
    const auto values = file.read<double>(name);
    return Eigen::Map<const MatrixD>(values.data(), shape[0], shape[1]);
}
VectorD getVector(const Hdf5File& file, const std::string& name, std::int64_t size) {
    const auto shape = file.info(name).shape;
    if (shape.size() != 1 || (size >= 0 && shape[0] != size))
        refuse(file, name,
               fmt::format("its shape is [{}], which does not fit the rest of the file",
                           fmt::join(shape, ", ")));
    const auto values = file.read<double>(name);
    return Eigen::Map<const VectorD>(values.data(), shape[0]);
}

std::string rangeOf(const std::vector<ResidualPoint>& points) {
    return points.size() == 1 ? pointName(points.front())
                              : pointName(points.front()) + ":" + pointName(points.back());
}

void writeSource(Hdf5File& file, const ResultsSource& source) {
    file.setAttribute("/", "format", std::string(formatName));
    file.setAttribute("/", "version", formatVersion);
    file.setAttribute("/", "program", std::string("Rheograph " RHEO_VERSION));
    file.makeGroup("/source");
    file.setAttribute("/source", "hash", source.hash);
    file.setAttribute("/source", "path", source.path);
    file.setAttribute("/source", "units", source.info.units);
    if (source.info.model) {
        file.setAttribute("/source", "architecture", source.info.model->architecture);
        file.setAttribute("/source", "dtype", source.info.model->dtype);
        file.setAttribute("/source", "weights_sha256", source.info.model->weightsSha256);
    }
    std::vector<std::int32_t> blocks, samples, positions, tokens, ids;
    std::vector<std::string> sites, texts;
    std::vector<std::int64_t> first{0};
    for (const auto& point : source.info.points) {
        blocks.push_back(point.block);
        sites.emplace_back(siteName(point.site));
    }
    for (const auto& row : source.info.rows) {
        samples.push_back(row.sample);
        positions.push_back(row.position);
        tokens.push_back(row.tokenId);
    }
    for (const auto& sample : source.info.samples) {
        texts.push_back(sample.text);
        ids.insert(ids.end(), sample.tokenIds.begin(), sample.tokenIds.end());
        first.push_back(static_cast<std::int64_t>(ids.size()));
    }
    const auto list = [&](const char* name, const auto& values) {
        using T = typename std::decay_t<decltype(values)>::value_type;
        file.write<T>(name, values, {static_cast<std::int64_t>(values.size())});
    };
    list("/source/points/block", blocks);
    file.writeStrings("/source/points/site", sites);
    list("/source/rows/sample", samples);
    list("/source/rows/position", positions);
    list("/source/rows/token_id", tokens);
    file.writeStrings("/source/samples/text", texts);
    list("/source/samples/token_ids", ids);
    list("/source/samples/first_token", first);
}

ResultsSource readSource(const Hdf5File& file) {
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
    ResultsSource source;
    source.hash = file.textAttribute("/source", "hash").value_or("");
    source.path = file.textAttribute("/source", "path").value_or("");
    source.info.units = file.integerAttribute("/source", "units").value_or(0);
    if (const auto architecture = file.textAttribute("/source", "architecture")) {
        source.info.model.emplace();
        source.info.model->architecture = *architecture;
        source.info.model->dtype = file.textAttribute("/source", "dtype").value_or("");
        source.info.model->weightsSha256 = file.textAttribute("/source", "weights_sha256").value_or("");
    }
    const auto blocks = file.read<std::int32_t>("/source/points/block");
    const auto sites = file.readStrings("/source/points/site");
    const auto samples = file.read<std::int32_t>("/source/rows/sample");
    const auto positions = file.read<std::int32_t>("/source/rows/position");
    const auto tokens = file.read<std::int32_t>("/source/rows/token_id");
    const auto texts = file.readStrings("/source/samples/text");
    const auto ids = file.read<std::int32_t>("/source/samples/token_ids");
    const auto first = file.read<std::int64_t>("/source/samples/first_token");
    if (blocks.empty() || blocks.size() != sites.size() || samples.size() != positions.size() ||
        samples.size() != tokens.size() || first.size() != texts.size() + 1)
        refuse(file, "/source", "lists that belong together differ in length");
    for (std::size_t p = 0; p < blocks.size(); ++p) {
        const auto site = parseSite(sites[p]);
        if (!site)
            refuse(file, "/source/points/site",
                   fmt::format("\"{}\" is no site of a residual point", sites[p]));
        source.info.points.push_back({blocks[p], *site});
    }
    for (std::size_t n = 0; n < samples.size(); ++n)
        source.info.rows.push_back({samples[n], positions[n], tokens[n]});
    for (std::size_t s = 0; s < texts.size(); ++s) {
        if (first[s] < 0 || first[s + 1] < first[s] || first[s + 1] > static_cast<std::int64_t>(ids.size()))
            refuse(file, "/source/samples/first_token", "an entry points outside of token_ids");
        source.info.samples.push_back({texts[s], {ids.begin() + first[s], ids.begin() + first[s + 1]}});
    }
    for (const auto& row : source.info.rows)
        if (row.sample < 0 || (!texts.empty() && static_cast<std::size_t>(row.sample) >= texts.size()))
            refuse(file, "/source/rows/sample",
                   fmt::format("a row belongs to sample {}, and there are {}", row.sample, texts.size()));
    return source;
}

void writeRecord(Hdf5File& file, const std::string& group, const ResultsSource& source,
                 const StatisticRecord& record, std::int64_t excluded) {
    file.setAttribute(group, "definition_version", definitionVersion);
    file.setAttribute(group, "options", record.options);
    file.setAttribute(group, "seed", static_cast<std::int64_t>(record.seed));
    file.setAttribute(group, "scaling", std::string(scalingName(record.scaling)));
    file.setAttribute(group, "points", rangeOf(source.info.points));
    file.setAttribute(group, "source_hash", source.hash);
    file.setAttribute(group, "time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))));
    file.setAttribute(group, "program_version", std::string(RHEO_VERSION));
    file.setAttribute(group, "excluded_rows", excluded);
    if (!record.maskedUnits.empty())
        file.write<std::int64_t>(group + "/masked_units", record.maskedUnits,
                                 {static_cast<std::int64_t>(record.maskedUnits.size())});
}

void writeNull(Hdf5File& file, const std::string& statistic, const std::string& dataset,
               const NamedNull& null) {
    const std::string group = fmt::format("{}/null/{}/{}", statistic, null.name, dataset);
    const NullSummary& s = null.summary;
    put(file, group + "/mean", s.mean);
    put(file, group + "/low", s.low);
    put(file, group + "/high", s.high);
    put(file, group + "/z", s.z);
    put(file, group + "/p_upper", s.pUpper);
    put(file, group + "/p_lower", s.pLower);
    put(file, group + "/p", s.p);
    file.setAttribute(group, "repeats", static_cast<std::int64_t>(s.repeats));
    file.setAttribute(group, "seed", static_cast<std::int64_t>(s.seed));
}

NullSummary readNull(const Hdf5File& file, const std::string& group, std::int64_t size) {
    NullSummary s;
    s.mean = getVector(file, group + "/mean", size);
    s.low = getVector(file, group + "/low", size);
    s.high = getVector(file, group + "/high", size);
    s.z = getVector(file, group + "/z", size);
    s.pUpper = getVector(file, group + "/p_upper", size);
    s.pLower = getVector(file, group + "/p_lower", size);
    s.p = getVector(file, group + "/p", size);
    s.repeats = static_cast<int>(file.integerAttribute(group, "repeats").value_or(0));
    s.seed = static_cast<std::uint64_t>(file.integerAttribute(group, "seed").value_or(0));
    return s;
}

PcaBasis readBasis(const Hdf5File& file) {
    if (!file.exists("/pca/components"))
        throw Error(
            ErrorCode::NotFound,
            fmt::format("{} holds no PCA; make one with rheo analyze --stat pca", file.path().string()),
            file.path().string());
    PcaBasis basis;
    basis.components = getMatrix(file, "/pca/components", -1, -1);
    basis.mean = getVector(file, "/pca/mean", basis.components.cols());
    basis.variance = getVector(file, "/pca/variance", basis.components.rows());
    basis.explained = getVector(file, "/pca/explained", basis.components.rows());
    const std::string scaling = file.textAttribute("/pca", "scaling").value_or("raw");
    basis.scaling = scaling == "raw" ? Scaling::Raw : scaling == "rms" ? Scaling::Rms : Scaling::FinalNorm;
    return basis;
}

StoredPca readPca(const Hdf5File& file, const ResultsSource& source) {
    StoredPca stored;
    PcaResult& result = stored.result;
    result.basis = readBasis(file);
    const auto k = result.basis.components.rows();
    const auto shape = file.info("/pca/scores").shape;
    const auto rows = static_cast<std::int64_t>(source.info.rows.size()),
               points = static_cast<std::int64_t>(source.info.points.size());
    if (shape != std::vector<std::int64_t>{rows, points, k})
        refuse(file, "/pca/scores",
               fmt::format("its shape is [{}] where [{}, {}, {}] was expected", fmt::join(shape, ", "), rows,
                           points, k));
    result.scores.n0 = rows;
    result.scores.n1 = points;
    result.scores.n2 = k;
    result.scores.data = file.read<float>("/pca/scores");
    if (file.exists("/pca/per_point_explained"))
        result.perPointExplained = getMatrix(file, "/pca/per_point_explained", points, -1);
    result.excludedRows = file.integerAttribute("/pca", "excluded_rows").value_or(0);
    if (file.exists("/pca/null"))
        for (const auto& name : file.children("/pca/null"))
            stored.nullsOfExplained.push_back({name, readNull(file, "/pca/null/" + name + "/explained", k)});
    return stored;
}

DensityResult readDensity(const Hdf5File& file, const ResultsSource& source) {
    const auto points = static_cast<std::int64_t>(source.info.points.size());
    const std::int64_t units = source.info.units;
    DensityResult result;
    result.mean = getMatrix(file, "/density/mean", points, units);
    result.meanAbs = getMatrix(file, "/density/mean_abs", points, units);
    result.rms = getMatrix(file, "/density/rms", points, units);
    result.activeFraction = getMatrix(file, "/density/active_fraction", points, units);
    result.trevesRolls = getVector(file, "/density/treves_rolls", points);
    result.hoyer = getVector(file, "/density/hoyer", points);
    result.kurtosis = getVector(file, "/density/kurtosis", points);
    result.participationRatio = getVector(file, "/density/participation_ratio", points);
    result.excludedRows = file.integerAttribute("/density", "excluded_rows").value_or(0);
    return result;
}

}  // namespace

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

    void startGroup(const std::string& group, bool replace) {
        if (file->exists(group)) {
            if (!replace)
                throw Error(
                    ErrorCode::AlreadyExists,
                    fmt::format(
                        "{} already holds {}; allow it to be replaced (--force), or choose another file",
                        output.path().string(), group.substr(1)),
                    output.path().string());
            file->remove(group);
        }
        file->makeGroup(group);
    }
};

ResultsWriter::ResultsWriter(std::unique_ptr<State> state) : m_state(std::move(state)) {}
ResultsWriter::ResultsWriter(ResultsWriter&&) noexcept = default;
ResultsWriter::~ResultsWriter() = default;

ResultsWriter ResultsWriter::create(const std::filesystem::path& path, const ResultsSource& source,
                                    IfExists ifExists) {
    auto state = std::unique_ptr<State>(new State{OutputFile(path, ifExists), source, std::nullopt});
    state->file = Hdf5File::create(state->output.temporary());
    writeSource(*state->file, source);
    return ResultsWriter(std::move(state));
}

ResultsWriter ResultsWriter::add(const std::filesystem::path& path, const ResultsSource& source) {
    {
        const ResultsSource there = readSource(Hdf5File::openForReading(path));
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
    auto state = std::unique_ptr<State>(new State{OutputFile(path, IfExists::Replace), source, std::nullopt});
    std::error_code failed;
    std::filesystem::copy_file(path, state->output.temporary(),
                               std::filesystem::copy_options::overwrite_existing, failed);
    if (failed)
        throw Error(ErrorCode::Io, fmt::format("{} cannot be copied: {}", path.string(), failed.message()),
                    path.string());
    state->file = Hdf5File::openForWriting(state->output.temporary());
    return ResultsWriter(std::move(state));
}

void ResultsWriter::write(const PcaResult& result, const std::vector<NamedNull>& nullsOfExplained,
                          const StatisticRecord& record, bool replace) {
    m_state->startGroup("/pca", replace);
    Hdf5File& file = *m_state->file;
    put(file, "/pca/mean", result.basis.mean);
    put(file, "/pca/components", result.basis.components);
    put(file, "/pca/explained", result.basis.explained);
    put(file, "/pca/variance", result.basis.variance);
    file.write<float>("/pca/scores", result.scores.data,
                      {result.scores.n0, result.scores.n1, result.scores.n2});
    if (result.perPointExplained.size() > 0) put(file, "/pca/per_point_explained", result.perPointExplained);
    for (const auto& null : nullsOfExplained) writeNull(file, "/pca", "explained", null);
    writeRecord(file, "/pca", m_state->source, record, result.excludedRows);
}

void ResultsWriter::write(const DensityResult& result, const StatisticRecord& record, bool replace) {
    m_state->startGroup("/density", replace);
    Hdf5File& file = *m_state->file;
    put(file, "/density/mean", result.mean);
    put(file, "/density/mean_abs", result.meanAbs);
    put(file, "/density/rms", result.rms);
    put(file, "/density/active_fraction", result.activeFraction);
    put(file, "/density/treves_rolls", result.trevesRolls);
    put(file, "/density/hoyer", result.hoyer);
    put(file, "/density/kurtosis", result.kurtosis);
    put(file, "/density/participation_ratio", result.participationRatio);
    writeRecord(file, "/density", m_state->source, record, result.excludedRows);
}

void ResultsWriter::commit() {
    m_state->file->close();
    m_state->file.reset();
    m_state->output.commit();
}

Results readResults(const std::filesystem::path& path) {
    const Hdf5File file = Hdf5File::openForReading(path);
    Results results;
    results.source = readSource(file);
    if (file.exists("/pca")) results.pca = readPca(file, results.source);
    if (file.exists("/density")) results.density = readDensity(file, results.source);
    return results;
}

PcaBasis readPcaBasis(const std::filesystem::path& path) {
    return readBasis(Hdf5File::openForReading(path));
}

}  // namespace rheo
