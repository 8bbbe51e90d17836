#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/dynamics/lens_result.h"
#include "core/findings/verdicts.h"
#include "core/statistics/analyze.h"
#include "core/trace/hdf5_file.h"
#include "core/trace/trace.h"

/// What a results file holds of each statistic: one list of datasets, for writing and for reading.
namespace rheo::results {

[[noreturn]] inline void refuse(const Hdf5File& file, const std::string& dataset, const std::string& why) {
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
    io.vector("excess_standard_error", r.excessError, anySize);
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

template <class Io, class R>
void datasetsOfEvidence(Io& io, R& r) {
    io.optional("mi_halves", r.halves, anySize, 2);
    io.vector("refits", r.reconstruction.differences, anySize);
    io.vector("refit_interval", r.reconstruction.interval, anySize);
    io.optional("resamples", r.resamples, anySize, anySize);
    io.vector("push_sizes", r.attractor.sizes, anySize);
    io.optional("push_differences", r.attractor.differences, anySize, anySize);
    io.attribute("samples", r.samples);
    io.attribute("rows", r.rows);
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

inline Sizes sizesOf(const TraceInfo& info) {
    return {static_cast<std::int64_t>(info.rows.size()), static_cast<std::int64_t>(info.points.size()),
            info.units};
}

}  // namespace rheo::results
