#include "core/trace/normed_trace.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base/error.h"

namespace rheo {

NormedTrace::NormedTrace(std::shared_ptr<const Trace> trace, FinalNorm norm)
    : m_trace(std::move(trace)), m_norm(std::move(norm)) {
    if (m_norm.weight.size() != units())
        throw Error(
            ErrorCode::Mismatch,
            fmt::format("the final norm of the model is of {} units, and the states of the trace have {}",
                        m_norm.weight.size(), units()));
}

void NormedTrace::readRows(RowIndex first, std::int64_t count, float* out) const {
    m_trace->readRows(first, count, out);
    normalise(out, count * points());
}

void NormedTrace::readPoint(PointIndex point, RowIndex first, std::int64_t count, float* out) const {
    m_trace->readPoint(point, first, count, out);
    normalise(out, count);
}

void NormedTrace::readUnits(UnitIndex first, std::int64_t count, float* out) const {
    readUnitsOfRows(first, count, RowIndex{0}, rows(), out);
}

void NormedTrace::normalise(float* states, std::int64_t count) const {
    const auto n = static_cast<double>(units());
    VectorD h(units());
    for (std::int64_t i = 0; i < count; ++i) {
        Eigen::Map<VectorF> state(states + i * units(), units());
        h = state.cast<double>();
        if (m_norm.centres) h.array() -= h.sum() / n;
        h *= 1 / std::sqrt(h.squaredNorm() / n + m_norm.epsilon);
        h.array() *= m_norm.weight.cast<double>().array();
        if (m_norm.bias.size() > 0) h += m_norm.bias.cast<double>();
        state = h.cast<float>();
    }
}

}  // namespace rheo
