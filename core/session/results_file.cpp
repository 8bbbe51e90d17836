#include "core/session/results_file.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <span>
#include <utility>

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

/// Sizes of what was analysed: N rows, P points, D units.
struct Sizes {
    std::int64_t rows = 0, points = 0, units = 0;
};
constexpr std::int64_t anySize = -1;

/// Of an autoencoder that is read.
constexpr std::int64_t mostLayers = 64, mostWeights = std::int64_t{1} << 28;

/// Writes the datasets of one group. What is empty is left out.
class GroupWriter {
public:
    GroupWriter(Hdf5File& file, std::string group) : m_file(file), m_group(std::move(group)) {}

    void matrix(const char* name, const MatrixD& values, std::int64_t, std::int64_t) {
        if (values.size() > 0) put(name, values.data(), {values.rows(), values.cols()});
    }
    void optional(const char* name, const MatrixD& values, std::int64_t rows, std::int64_t columns) {
        matrix(name, values, rows, columns);
    }
    void vector(const char* name, const VectorD& values, std::int64_t) {
        if (values.size() > 0) put(name, values.data(), {values.size()});
    }
    void number(const char* name, const double& value) { put(name, &value, {}); }
    void counts(const char* name, const std::vector<std::int64_t>& values, std::int64_t size) {
        m_file.write<std::int64_t>(path(name), values, {size});
    }
    void bases(const char* name, const Array3<double>& values, const Sizes&, std::int64_t) {
        put(name, values.data.data(), {values.n0, values.n1, values.n2});
    }
    void scores(const char* name, const Array3F& values, const Sizes&, std::int64_t) {
        m_file.write<float>(path(name), values.data, {values.n0, values.n1, values.n2});
    }
    void examples(const std::vector<std::int64_t>& rows, const Array3F& paths, const Sizes&) {
        if (rows.empty()) return;
        counts("example_rows", rows, static_cast<std::int64_t>(rows.size()));
        m_file.write<float>(path("example_paths"), paths.data, {paths.n0, paths.n1, paths.n2});
    }
    void ids(const char* name, const Array3<std::int32_t>& values, const Sizes&) {
        m_file.write<std::int32_t>(path(name), values.data, {values.n0, values.n1, values.n2});
    }
    void histogram(const std::string& name, const Histogram& histogram) {
        vector((name + "_histogram").c_str(), histogram.counts, 0);
        vector((name + "_edges").c_str(), histogram.edges(), 0);
    }
    void rows(const char* name, const std::vector<std::int64_t>& values, const Sizes&) {
        if (!values.empty()) counts(name, values, static_cast<std::int64_t>(values.size()));
    }
    void layers(const Autoencoder& model) {
        attribute("layers", static_cast<std::int64_t>(model.weights.size()));
        for (std::size_t l = 0; l < model.weights.size(); ++l) {
            const MatrixF& w = model.weights[l];
            const VectorF& b = model.biases[l];
            m_file.write<float>(path(fmt::format("weights/weight_{}", l).c_str()),
                                std::span(w.data(), static_cast<std::size_t>(w.size())),
                                {w.rows(), w.cols()});
            m_file.write<float>(path(fmt::format("weights/bias_{}", l).c_str()),
                                std::span(b.data(), static_cast<std::size_t>(b.size())), {b.size()});
        }
    }
    void attribute(const char* name, const std::int64_t& value) { m_file.setAttribute(m_group, name, value); }
    void flag(const char* name, const bool& value) { attribute(name, value ? 1 : 0); }

private:
    std::string path(const char* name) const { return m_group + "/" + name; }
    void put(const char* name, const double* values, const std::vector<std::int64_t>& shape) {
        std::size_t count = 1;
        for (const auto n : shape) count *= static_cast<std::size_t>(n);
        m_file.write<double>(path(name), std::span(values, count), shape);
    }

    Hdf5File& m_file;
    std::string m_group;
};

/// Reads them again, and checks their shapes. A vector of any size need not be there.
class GroupReader {
public:
    GroupReader(const Hdf5File& file, std::string group) : m_file(file), m_group(std::move(group)) {}

    void matrix(const char* name, MatrixD& values, std::int64_t rows, std::int64_t columns) {
        if (rows * columns == 0) return;
        const auto shape = m_file.info(path(name)).shape;
        if (shape.size() != 2 || (rows >= 0 && shape[0] != rows) || (columns >= 0 && shape[1] != columns))
            refuseShape(name, shape);
        values = Eigen::Map<const MatrixD>(m_file.read<double>(path(name)).data(), shape[0], shape[1]);
    }
    void optional(const char* name, MatrixD& values, std::int64_t rows, std::int64_t columns) {
        if (m_file.exists(path(name))) matrix(name, values, rows, columns);
    }
    void vector(const char* name, VectorD& values, std::int64_t size) {
        if (size == 0 || (size == anySize && !m_file.exists(path(name)))) return;
        const auto shape = m_file.info(path(name)).shape;
        if (shape.size() != 1 || (size >= 0 && shape[0] != size)) refuseShape(name, shape);
        values = Eigen::Map<const VectorD>(m_file.read<double>(path(name)).data(), shape[0]);
    }
    void number(const char* name, double& value) {
        const auto info = m_file.info(path(name));
        if (info.count() != 1) refuseShape(name, info.shape);
        value = m_file.read<double>(path(name)).front();
    }
    void counts(const char* name, std::vector<std::int64_t>& values, std::int64_t size) {
        values = m_file.read<std::int64_t>(path(name));
        if (static_cast<std::int64_t>(values.size()) != size)
            refuseShape(name, m_file.info(path(name)).shape);
    }
    void bases(const char* name, Array3<double>& values, const Sizes& sizes, std::int64_t components) {
        const auto shape = m_file.info(path(name)).shape;
        if (shape != std::vector<std::int64_t>{sizes.points, components, sizes.units})
            refuseShape(name, shape);
        values = {};
        values.n0 = shape[0];
        values.n1 = shape[1];
        values.n2 = shape[2];
        values.data = m_file.read<double>(path(name));
    }
    void scores(const char* name, Array3F& values, const Sizes& sizes, std::int64_t components) {
        const auto shape = m_file.info(path(name)).shape;
        if (shape != std::vector<std::int64_t>{sizes.rows, sizes.points, components})
            refuseShape(name, shape);
        values = {};
        values.n0 = shape[0];
        values.n1 = shape[1];
        values.n2 = shape[2];
        values.data = m_file.read<float>(path(name));
    }
    void examples(std::vector<std::int64_t>& rows, Array3F& paths, const Sizes& sizes) {
        if (!m_file.exists(path("example_rows"))) return;
        rows = m_file.read<std::int64_t>(path("example_rows"));
        for (const auto row : rows)
            if (row < 0 || row >= sizes.rows)
                refuse(m_file, path("example_rows"),
                       fmt::format("it names row {}, and there are {}", row, sizes.rows));
        const auto shape = m_file.info(path("example_paths")).shape;
        if (shape !=
            std::vector<std::int64_t>{static_cast<std::int64_t>(rows.size()), sizes.points, sizes.units})
            refuseShape("example_paths", shape);
        paths = {};
        paths.n0 = shape[0];
        paths.n1 = shape[1];
        paths.n2 = shape[2];
        paths.data = m_file.read<float>(path("example_paths"));
    }
    void ids(const char* name, Array3<std::int32_t>& values, const Sizes& sizes) {
        const auto shape = m_file.info(path(name)).shape;
        if (shape.size() != 3 || shape[0] != sizes.rows || shape[1] != sizes.points || shape[2] < 1)
            refuseShape(name, shape);
        values = {};
        values.n0 = shape[0];
        values.n1 = shape[1];
        values.n2 = shape[2];
        values.data = m_file.read<std::int32_t>(path(name));
    }
    void histogram(const std::string& name, Histogram& histogram) {
        VectorD edges;
        vector((name + "_histogram").c_str(), histogram.counts, histogram.counts.size());
        vector((name + "_edges").c_str(), edges, histogram.counts.size() + 1);
        histogram.halfWidth = edges[edges.size() - 1];
    }
    void rows(const char* name, std::vector<std::int64_t>& values, const Sizes& sizes) {
        if (!m_file.exists(path(name))) return;
        const auto shape = m_file.info(path(name)).shape;
        if (shape.size() != 1 || shape[0] > sizes.rows) refuseShape(name, shape);
        values = m_file.read<std::int64_t>(path(name));
        std::int64_t last = -1;
        for (const auto row : values) {
            if (row <= last || row >= sizes.rows)
                refuse(m_file, path(name),
                       fmt::format("row {} is out of order, or not among the {}", row, sizes.rows));
            last = row;
        }
    }
    void layers(Autoencoder& model) {
        std::int64_t count = 0;
        attribute("layers", count);
        if (count < 0 || count > mostLayers)
            refuse(m_file, m_group,
                   fmt::format("it has {} layers, where at most {} are read", count, mostLayers));
        for (std::int64_t l = 0; l < count; ++l) {
            const std::string weight = fmt::format("weights/weight_{}", l),
                              bias = fmt::format("weights/bias_{}", l);
            const auto shape = m_file.info(path(weight.c_str())).shape,
                       length = m_file.info(path(bias.c_str())).shape;
            if (shape.size() != 2) refuseShape(weight.c_str(), shape);
            if (length.size() != 1 || length[0] != shape[0]) refuseShape(bias.c_str(), length);
            model.weights.push_back(Eigen::Map<const MatrixF>(
                m_file.read<float>(path(weight.c_str()), mostWeights).data(), shape[0], shape[1]));
            model.biases.push_back(Eigen::Map<const VectorF>(
                m_file.read<float>(path(bias.c_str()), mostWeights).data(), shape[0]));
        }
        model.maskedUnits.clear();
        if (m_file.exists(path("masked_units")))
            model.maskedUnits = m_file.read<std::int64_t>(path("masked_units"));
        try {
            checkAutoencoder(model);
        } catch (const Error& e) {
            refuse(m_file, m_group, e.what());
        }
    }
    void attribute(const char* name, std::int64_t& value) {
        value = m_file.integerAttribute(m_group, name).value_or(0);
    }
    void flag(const char* name, bool& value) {
        value = m_file.integerAttribute(m_group, name).value_or(0) != 0;
    }

private:
    std::string path(const char* name) const { return m_group + "/" + name; }
    [[noreturn]] void refuseShape(const char* name, const std::vector<std::int64_t>& shape) const {
        refuse(m_file, path(name),
               fmt::format("its shape is [{}], which does not fit the rest of the file",
                           fmt::join(shape, ", ")));
    }

    const Hdf5File& m_file;
    std::string m_group;
};

/// The datasets of each statistic, for writing and for reading. `r` is const or not.
template <class Io, class R>
void datasetsOfBasis(Io& io, R& r, std::int64_t units) {
    io.matrix("components", r.components, anySize, units);
    io.vector("mean", r.mean, r.components.cols());
    io.vector("explained", r.explained, r.components.rows());
    io.vector("variance", r.variance, r.components.rows());
}

template <class Io, class R>
void datasetsOfPca(Io& io, R& r, const Sizes& sizes) {
    datasetsOfBasis(io, r.basis, sizes.units);
    io.scores("scores", r.scores, sizes, r.basis.components.rows());
    io.optional("per_point_explained", r.perPointExplained, sizes.points, anySize);
    io.attribute("excluded_rows", r.excludedRows);
}

template <class Io, class R>
void datasetsOfPerPointPca(Io& io, R& r, const Sizes& sizes) {
    io.matrix("mean", r.mean, sizes.points, sizes.units);
    io.matrix("explained", r.explained, sizes.points, anySize);
    io.matrix("variance", r.variance, sizes.points, r.explained.cols());
    io.bases("components", r.components, sizes, r.explained.cols());
    io.scores("scores", r.scores, sizes, r.explained.cols());
    io.attribute("excluded_rows", r.excludedRows);
}

template <class Io, class R>
void datasetsOfDensity(Io& io, R& r, const Sizes& sizes) {
    io.matrix("mean", r.mean, sizes.points, sizes.units);
    io.matrix("mean_abs", r.meanAbs, sizes.points, sizes.units);
    io.matrix("rms", r.rms, sizes.points, sizes.units);
    io.matrix("active_fraction", r.activeFraction, sizes.points, sizes.units);
    io.vector("treves_rolls", r.trevesRolls, sizes.points);
    io.vector("hoyer", r.hoyer, sizes.points);
    io.vector("kurtosis", r.kurtosis, sizes.points);
    io.vector("participation_ratio", r.participationRatio, sizes.points);
    io.attribute("excluded_rows", r.excludedRows);
}

template <class Io, class R>
void datasetsOfCorrelation(Io& io, R& r, const Sizes& sizes) {
    io.matrix("r", r.r, sizes.points - 1, sizes.units);
    io.vector("mean", r.mean, sizes.points - 1);
    io.vector("units_counted", r.unitsCounted, sizes.points - 1);
    io.vector("block_inside", r.blockInside, anySize);
    io.vector("block_across", r.blockAcross, anySize);
    io.optional("matrix", r.matrix, sizes.points, sizes.points);
    io.attribute("excluded_rows", r.excludedRows);
}

template <class Io, class R>
void datasetsOfMotion(Io& io, R& r, const Sizes& sizes) {
    const auto curve = [&](const std::string& name, auto& values, std::int64_t size) {
        io.vector(name.c_str(), values.mean, size);
        io.matrix((name + "_quantiles").c_str(), values.quantiles, 5, size);
        io.vector((name + "_rows_counted").c_str(), values.counted, size);
    };
    curve("cosine", r.cosine, sizes.points - 1);
    curve("speed", r.speed, sizes.points - 1);
    curve("relative_speed", r.relativeSpeed, sizes.points - 1);
    curve("acceleration", r.acceleration, sizes.points - 2);
    curve("turning_angle", r.turningAngle, sizes.points - 2);
    curve("norm", r.norm, sizes.points);
    io.number("path_length", r.pathLength);
    io.number("straightness", r.straightness);
    io.vector("path_length_rows", r.pathLengthRows, sizes.rows);
    io.vector("straightness_rows", r.straightnessRows, sizes.rows);
    io.attribute("excluded_rows", r.excludedRows);
}

template <class Io, class R>
void datasetsOfRotation(Io& io, R& r, const Sizes& sizes) {
    io.vector("mean_path_turning", r.meanPathTurning, sizes.units);
    io.vector("mean_path_winding", r.meanPathWinding, sizes.units);
    io.vector("mean_path_log_radius_slope", r.meanPathLogRadiusSlope, sizes.units);
    io.matrix("mean_path_fixed_point", r.meanPathFixedPoint, sizes.units, 2);
    io.vector("turning", r.turning, sizes.units);
    io.vector("winding", r.winding, sizes.units);
    io.vector("log_radius_slope", r.logRadiusSlope, sizes.units);
    io.vector("rows_counted", r.rowsCounted, sizes.units);
    io.optional("row_turning", r.rowTurning, sizes.rows, sizes.units);
    io.optional("mean_path", r.meanPath, sizes.points, sizes.units);
    io.examples(r.exampleRows, r.examplePaths, sizes);
    io.histogram("turning", r.turningHistogram);
    io.histogram("winding", r.windingHistogram);
    io.histogram("log_radius_slope", r.logRadiusSlopeHistogram);
    io.attribute("undefined_steps", r.undefinedSteps);
    io.attribute("excluded_rows", r.excludedRows);
}

template <class Io, class R>
void datasetsOfMutualInformation(Io& io, R& r, const Sizes& sizes) {
    io.matrix("mi", r.mi, sizes.points - 1, sizes.units);
    io.matrix("gaussian", r.gaussian, sizes.points - 1, sizes.units);
    io.matrix("excess", r.excess, sizes.points - 1, sizes.units);
    io.vector("mean", r.mean, sizes.points - 1);
    io.vector("mean_gaussian", r.meanGaussian, sizes.points - 1);
    io.vector("mean_excess", r.meanExcess, sizes.points - 1);
    io.counts("units_counted", r.units, sizes.points - 1);
    io.attribute("excluded_rows", r.excludedRows);
}

template <class Io, class R>
void datasetsOfModel(Io& io, R& r, std::int64_t units) {
    io.vector("unit_mean", r.mean, units);
    io.vector("unit_sd", r.sd, units == anySize ? r.mean.size() : units);
    io.layers(r);
}

template <class Io, class R>
void datasetsOfAutoencoder(Io& io, R& r, const Sizes& sizes) {
    datasetsOfModel(io, r.model, sizes.units);
    io.scores("latent", r.latent, sizes, 2);
    io.vector("r2", r.r2, sizes.points);
    io.vector("mse", r.mse, sizes.points);
    io.vector("pca_r2", r.pcaR2, anySize);
    io.optional("loss", r.loss, anySize, 2);
    io.attribute("best_epoch", r.bestEpoch);
    io.flag("stopped", r.stopped);
    io.rows("train_rows", r.trainRows, sizes);
    io.rows("validation_rows", r.validationRows, sizes);
    io.attribute("excluded_rows", r.excludedRows);
}

template <class Io, class R>
void datasetsOfLens(Io& io, R& r, const Sizes& sizes) {
    io.ids("top_ids", r.topIds, sizes);
    io.scores("top_probabilities", r.topProbabilities, sizes, r.topIds.n2);
    io.matrix("entropy", r.entropy, sizes.rows, sizes.points);
    io.optional("kl_to_final", r.klToFinal, sizes.rows, sizes.points);
    io.vector("mean_entropy", r.meanEntropy, sizes.points);
    io.vector("mean_kl_to_final", r.meanKlToFinal, r.klToFinal.cols());
    io.attribute("excluded_rows", r.excludedRows);
}

/// Calls `use(name, result, datasets)` for each statistic: a member of `statistics`, and what visits its
/// datasets.
template <class S, class Use>
void forEachStatistic(S& statistics, Use use) {
    use("density", statistics.density,
        [](auto& io, auto& r, const Sizes& s) { datasetsOfDensity(io, r, s); });
    use("correlation", statistics.correlation,
        [](auto& io, auto& r, const Sizes& s) { datasetsOfCorrelation(io, r, s); });
    use("motion", statistics.motion, [](auto& io, auto& r, const Sizes& s) { datasetsOfMotion(io, r, s); });
    use("mutual_information", statistics.mutualInformation,
        [](auto& io, auto& r, const Sizes& s) { datasetsOfMutualInformation(io, r, s); });
    use("rotation", statistics.rotation,
        [](auto& io, auto& r, const Sizes& s) { datasetsOfRotation(io, r, s); });
    use("pca", statistics.pca, [](auto& io, auto& r, const Sizes& s) { datasetsOfPca(io, r, s); });
    use("autoencoder", statistics.autoencoder,
        [](auto& io, auto& r, const Sizes& s) { datasetsOfAutoencoder(io, r, s); });
}

Sizes sizesOf(const TraceInfo& info) {
    return {static_cast<std::int64_t>(info.rows.size()), static_cast<std::int64_t>(info.points.size()),
            info.units};
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
                 const StatisticRecord& record) {
    const auto options = record.options.find(group.substr(1));
    file.setAttribute(group, "definition_version", definitionVersion);
    file.setAttribute(group, "options", options == record.options.end() ? "{}" : options->second);
    file.setAttribute(group, "seed", static_cast<std::int64_t>(record.seed));
    file.setAttribute(group, "scaling", std::string(scalingName(record.scaling)));
    file.setAttribute(group, "points", rangeOf(source.info.points));
    file.setAttribute(group, "source_hash", source.hash);
    file.setAttribute(group, "time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))));
    file.setAttribute(group, "program_version", std::string(RHEO_VERSION));
    if (!record.maskedUnits.empty())
        file.write<std::int64_t>(group + "/masked_units", record.maskedUnits,
                                 {static_cast<std::int64_t>(record.maskedUnits.size())});
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

void writeNull(Hdf5File& file, const CurveNull& null) {
    const std::string group = groupOfNull(null.statistic, null.null, null.dataset);
    // A single number is a scalar here as it is there.
    const auto shape = file.info("/" + null.statistic + "/" + null.dataset).shape;
    forEachVector(null.summary, [&](const char* name, const VectorD& values) {
        file.write<double>(group + "/" + name,
                           std::span(values.data(), static_cast<std::size_t>(values.size())), shape);
    });
    file.setAttribute(group, "repeats", static_cast<std::int64_t>(null.summary.repeats));
    file.setAttribute(group, "seed", static_cast<std::int64_t>(null.summary.seed));
}

std::vector<CurveNull> readNulls(const Hdf5File& file, const Statistics& statistics) {
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
            nulls.push_back(std::move(null));
        }
    }
    return nulls;
}

Scaling readScaling(const Hdf5File& file, const std::string& group) {
    const std::string scaling = file.textAttribute(group, "scaling").value_or("raw");
    return scaling == "raw" ? Scaling::Raw : scaling == "rms" ? Scaling::Rms : Scaling::FinalNorm;
}

/// Whether the PCA of a file has a basis at each point.
bool isPerPoint(const Hdf5File& file) {
    return file.exists("/pca/components") && file.info("/pca/components").shape.size() == 3;
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

void ResultsWriter::write(const Statistics& statistics, const std::vector<CurveNull>& nulls,
                          const StatisticRecord& record, bool replace) {
    Hdf5File& file = *m_state->file;
    forEachStatistic(statistics, [&](const char* name, const auto& result, auto datasets) {
        if (!result) return;
        const std::string group = std::string("/") + name;
        m_state->startGroup(group, replace);
        GroupWriter writer(file, group);
        datasets(writer, *result, sizesOf(m_state->source.info));
        for (const auto& null : nulls)
            if (null.statistic == name) writeNull(file, null);
        writeRecord(file, group, m_state->source, record);
    });
}

void ResultsWriter::write(const LensResult& lens, const StatisticRecord& record, bool replace) {
    Hdf5File& file = *m_state->file;
    m_state->startGroup("/lens", replace);
    GroupWriter writer(file, "/lens");
    datasetsOfLens(writer, lens, sizesOf(m_state->source.info));
    writeRecord(file, "/lens", m_state->source, record);
}

void ResultsWriter::write(const PerPointPca& pca, const StatisticRecord& record, bool replace) {
    Hdf5File& file = *m_state->file;
    m_state->startGroup("/pca", replace);
    GroupWriter writer(file, "/pca");
    datasetsOfPerPointPca(writer, pca, sizesOf(m_state->source.info));
    writeRecord(file, "/pca", m_state->source, record);
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
    forEachStatistic(results.statistics, [&](const char* name, auto& result, auto datasets) {
        const std::string group = std::string("/") + name;
        if (!file.exists(group) || (group == "/pca" && isPerPoint(file))) return;
        GroupReader reader(file, group);
        datasets(reader, result.emplace(), sizesOf(results.source.info));
        results.scalings[name] = readScaling(file, group);
    });
    if (results.statistics.pca) results.statistics.pca->basis.scaling = results.scalings["pca"];
    if (results.statistics.autoencoder)
        results.statistics.autoencoder->model.scaling = results.scalings["autoencoder"];
    if (isPerPoint(file)) {
        GroupReader reader(file, "/pca");
        datasetsOfPerPointPca(reader, results.perPointPca.emplace(), sizesOf(results.source.info));
        results.perPointPca->scaling = readScaling(file, "/pca");
    }
    if (file.exists("/lens")) {
        GroupReader reader(file, "/lens");
        datasetsOfLens(reader, results.lens.emplace(), sizesOf(results.source.info));
    }
    results.nulls = readNulls(file, results.statistics);
    return results;
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
    GroupReader reader(file, "/pca");
    datasetsOfBasis(reader, basis, anySize);
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
    GroupReader reader(file, "/autoencoder");
    datasetsOfModel(reader, model, anySize);
    model.scaling = readScaling(file, "/autoencoder");
    return model;
}

}  // namespace rheo
