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

/// Throws Error(Format) naming file and dataset.
[[noreturn]] inline void refuse(const Hdf5File& file, const std::string& dataset, const std::string& why) {
    throw Error(ErrorCode::Format, fmt::format("{}, {}: {}", file.path().string(), dataset, why),
                file.path().string());
}

/// Of an autoencoder that is read.
constexpr std::int64_t mostLayers = 64, mostWeights = std::int64_t{1} << 28;

/// Writes the datasets of one group. What is empty is left out.
class GroupWriter {
public:
    GroupWriter(Hdf5File& file, std::string group, const Sizes& asked)
        : sizes(asked), m_file(file), m_group(std::move(group)) {}

    const Sizes sizes;

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
    void curve(const char* name, const VectorD& values, Along, std::int64_t = asLongAsAxis) {
        vector(name, values, 0);
    }
    void curveWithoutNull(const char* name, const VectorD& values, Along) { vector(name, values, 0); }
    void curveOfOne(const char* name, const double& value) { number(name, value); }
    void counts(const char* name, const std::vector<std::int64_t>& values, std::int64_t size) {
        m_file.write<std::int64_t>(path(name), values, {size});
    }
    void bases(const char* name, const Array3<double>& values, std::int64_t) {
        put(name, values.data.data(), {values.n0, values.n1, values.n2});
    }
    void scores(const char* name, const Array3F& values, std::int64_t) {
        m_file.write<float>(path(name), values.data, {values.n0, values.n1, values.n2});
    }
    void examples(const std::vector<std::int64_t>& rows, const Array3F& paths) {
        if (rows.empty()) return;
        counts("example_rows", rows, static_cast<std::int64_t>(rows.size()));
        m_file.write<float>(path("example_paths"), paths.data, {paths.n0, paths.n1, paths.n2});
    }
    void texts(const std::map<std::int32_t, std::string>& texts) {
        if (texts.empty()) return;
        std::vector<std::int32_t> ids;
        std::vector<std::string> words;
        for (const auto& [id, text] : texts) {
            ids.push_back(id);
            words.push_back(text);
        }
        m_file.write<std::int32_t>(path("token_ids"), ids, {static_cast<std::int64_t>(ids.size())});
        m_file.writeStrings(path("token_texts"), words);
    }
    void names(const char* name, const std::vector<std::string>& values, std::int64_t) {
        if (!values.empty()) m_file.writeStrings(path(name), values);
    }
    void ids(const char* name, const Array3<std::int32_t>& values) {
        m_file.write<std::int32_t>(path(name), values.data, {values.n0, values.n1, values.n2});
    }
    void histogram(const std::string& name, const Histogram& histogram) {
        vector((name + "_histogram").c_str(), histogram.counts, 0);
        vector((name + "_edges").c_str(), histogram.edges(), 0);
    }
    void rows(const char* name, const std::vector<std::int64_t>& values) {
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
    GroupReader(const Hdf5File& file, std::string group, const Sizes& asked)
        : sizes(asked), m_file(file), m_group(std::move(group)) {}

    const Sizes sizes;

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
    void curve(const char* name, VectorD& values, Along axis, std::int64_t size = asLongAsAxis) {
        const std::int64_t along = lengthAlong(axis, sizes);
        vector(name, values, size == asLongAsAxis ? along : size);
        // One that may be absent is as long as its axis where it is there.
        if (size == anySize && along != anySize && values.size() != 0 && values.size() != along)
            refuseShape(name, {values.size()});
    }
    void curveWithoutNull(const char* name, VectorD& values, Along axis) { curve(name, values, axis); }
    void curveOfOne(const char* name, double& value) { number(name, value); }
    void counts(const char* name, std::vector<std::int64_t>& values, std::int64_t size) {
        values = m_file.read<std::int64_t>(path(name));
        if (static_cast<std::int64_t>(values.size()) != size)
            refuseShape(name, m_file.info(path(name)).shape);
    }
    void bases(const char* name, Array3<double>& values, std::int64_t components) {
        const auto shape = m_file.info(path(name)).shape;
        if (shape != std::vector<std::int64_t>{sizes.points, components, sizes.units})
            refuseShape(name, shape);
        values = {};
        values.n0 = shape[0];
        values.n1 = shape[1];
        values.n2 = shape[2];
        values.data = m_file.read<double>(path(name));
    }
    void scores(const char* name, Array3F& values, std::int64_t components) {
        const auto shape = m_file.info(path(name)).shape;
        if (shape != std::vector<std::int64_t>{sizes.rows, sizes.points, components})
            refuseShape(name, shape);
        values = {};
        values.n0 = shape[0];
        values.n1 = shape[1];
        values.n2 = shape[2];
        values.data = m_file.read<float>(path(name));
    }
    void examples(std::vector<std::int64_t>& rows, Array3F& paths) {
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
    void texts(std::map<std::int32_t, std::string>& texts) {
        texts.clear();
        if (!m_file.exists(path("token_ids")))
            return;  // made without a tokenizer, or before there were texts
        const auto ids = m_file.read<std::int32_t>(path("token_ids"));
        const auto words = m_file.readStrings(path("token_texts"));
        if (ids.size() != words.size()) refuseShape("token_texts", m_file.info(path("token_ids")).shape);
        for (std::size_t i = 0; i < ids.size(); ++i) texts[ids[i]] = words[i];
    }
    void names(const char* name, std::vector<std::string>& values, std::int64_t size) {
        values.clear();
        if (!m_file.exists(path(name))) return;
        values = m_file.readStrings(path(name));
        if (static_cast<std::int64_t>(values.size()) != size)
            refuseShape(name, m_file.info(path(name)).shape);
    }
    void ids(const char* name, Array3<std::int32_t>& values) {
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
    void rows(const char* name, std::vector<std::int64_t>& values) {
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

// The datasets of results that are not in the table of statistics, for writing and for reading; `r` is const
// or not.

/// A basis a point.
template <class Io, class R>
void visitPerPointPca(Io& io, R& r) {
    io.matrix("mean", r.mean, io.sizes.points, io.sizes.units);
    io.matrix("explained", r.explained, io.sizes.points, anySize);
    io.matrix("variance", r.variance, io.sizes.points, r.explained.cols());
    io.bases("components", r.components, r.explained.cols());
    io.scores("scores", r.scores, r.explained.cols());
    io.attribute("excluded_rows", r.excludedRows);
}

/// The logit lens of the rows.
template <class Io, class R>
void visitLens(Io& io, R& r) {
    io.ids("top_ids", r.topIds);
    io.scores("top_probabilities", r.topProbabilities, r.topIds.n2);
    io.matrix("entropy", r.entropy, io.sizes.rows, io.sizes.points);
    io.optional("kl_to_final", r.klToFinal, io.sizes.rows, io.sizes.points);
    io.vector("mean_entropy", r.meanEntropy, io.sizes.points);
    io.vector("mean_kl_to_final", r.meanKlToFinal, r.klToFinal.cols());
    io.optional("rank", r.rank, io.sizes.rows, io.sizes.points);
    io.attribute("ranked_token", r.rankedToken);
    io.attribute("excluded_rows", r.excludedRows);
    io.texts(r.texts);
}

/// What a report rests on and need not compute again.
template <class Io, class R>
void visitEvidence(Io& io, R& r) {
    io.optional("mi_halves", r.halves, anySize, 2);
    io.vector("refits", r.reconstruction.differences, anySize);
    io.vector("refit_interval", r.reconstruction.interval, anySize);
    io.optional("resamples", r.resamples, anySize, anySize);
    io.vector("push_sizes", r.attractor.sizes, anySize);
    io.optional("push_differences", r.attractor.differences, anySize, r.attractor.sizes.size());
    io.vector("push_basis_shifts", r.attractor.basisShifts, anySize);
    io.attribute("samples", r.samples);
    io.attribute("rows", r.rows);
}

/// How many rows, points and units a trace has.
inline Sizes sizesOf(const TraceInfo& info) {
    return {static_cast<std::int64_t>(info.rows.size()), static_cast<std::int64_t>(info.points.size()),
            info.units};
}

}  // namespace rheo::results
