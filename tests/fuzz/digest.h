#pragma once

#include <span>
#include <string_view>
#include <type_traits>

#include "core/base/hash.h"
#include "core/base/model_identity.h"
#include "core/base/residual_point.h"
#include "core/trace/trace.h"

namespace rheo {

/// A digest of values of any kind, to the last bit: numbers, texts, matrices, and lists and maps of them. A
/// structure needs a function describe(Digest&, const T&) in this namespace that adds its fields.
class Digest {
public:
    template <class... T>
    Digest& add(const T&... values) {
        (one(values), ...);
        return *this;
    }
    std::string hex() { return m_hash.hex(); }

private:
    template <class T>
    void one(const T& value) {
        if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
            m_hash.update(std::as_bytes(std::span(&value, 1)));
        } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
            const std::string_view text = value;
            add(text.size());
            m_hash.update(std::as_bytes(std::span(text.data(), text.size())));
        } else if constexpr (requires { value.derived(); }) {
            add(value.rows(), value.cols());
            for (Eigen::Index i = 0; i < value.rows(); ++i)
                for (Eigen::Index j = 0; j < value.cols(); ++j) add(value(i, j));
        } else if constexpr (requires { value.has_value(); }) {
            add(value.has_value());
            if (value) add(*value);
        } else if constexpr (requires { value.n2; }) {
            add(value.n0, value.n1, value.n2, value.data);
        } else if constexpr (requires { value.begin(); }) {
            add(value.size());
            for (const auto& element : value) add(element);
        } else if constexpr (requires { value.second; }) {
            add(value.first, value.second);
        } else {
            describe(*this, value);
        }
    }

    Sha256 m_hash;
};

inline void describe(Digest& digest, const ResidualPoint& point) {
    digest.add(pointName(point));
}
inline void describe(Digest& digest, const PointIndex& point) {
    digest.add(point.value());
}
inline void describe(Digest& digest, const ModelIdentity& m) {
    digest.add(m.architecture, m.layers, m.dModel, m.vocabulary, m.dtype, m.untrainedSeed, m.configSha256,
               m.tokenizerSha256, m.weightsSha256, m.notes, m.acceptedKeys);
}
inline void describe(Digest& digest, const TraceRow& row) {
    digest.add(row.sample, row.position, row.tokenId);
}
inline void describe(Digest& digest, const Sample& sample) {
    digest.add(sample.text, sample.tokenIds, sample.group, sample.columns);
}
inline void describe(Digest& digest, const TraceInfo& info) {
    digest.add(info.points, info.units, info.rows, info.samples, info.model, info.bfloat16, info.origin);
}
/// With the states.
inline void describe(Digest& digest, const Trace& trace) {
    std::vector<float> states(static_cast<std::size_t>(trace.rows() * trace.points() * trace.units()));
    trace.readRows(RowIndex{0}, trace.rows(), states.data());
    digest.add(trace.info(), states);
}

template <class... T>
std::string digestOf(const T&... values) {
    return Digest().add(values...).hex();
}

}  // namespace rheo
