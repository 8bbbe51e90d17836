#include "core/trace/trace.h"

#include <fmt/format.h>

#include <cstring>

#include "core/base/error.h"
#include "core/base/hash.h"

namespace rheo {

namespace {

void checkRange(std::int64_t first, std::int64_t count, std::int64_t size, const char* what) {
    if (first < 0 || count < 0 || first > size - count)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{}s {} to {} are asked for, and the trace has {}", what, first,
                                first + count - 1, size));
}

}  // namespace

std::string captureDifference(const TraceInfo& one, const TraceInfo& other) {
    if (one.points != other.points) return "points";
    if (one.units != other.units) return "number of units";
    if (one.bfloat16 != other.bfloat16) return "encoding";
    if (one.model.has_value() != other.model.has_value()) return "model";
    if (one.model) {
        if (one.model->tokenizerSha256 != other.model->tokenizerSha256) return "tokenizer";
        if (!one.model->sameModel(*other.model)) return "model";
        if (one.model->dtype != other.model->dtype) return "compute dtype";
    }
    return one.samples != other.samples ? "prompts" : "";
}

void Trace::readUnitsOfRows(UnitIndex firstUnit, std::int64_t unitCount, RowIndex first, std::int64_t count,
                            float* out) const {
    checkRange(firstUnit.value(), unitCount, units(), "unit");
    std::vector<float> row(static_cast<std::size_t>(points() * units()));
    for (std::int64_t n = 0; n < count; ++n) {
        readRows(RowIndex{first.value() + n}, 1, row.data());
        for (std::int64_t p = 0; p < points(); ++p)
            std::memcpy(out + (n * points() + p) * unitCount, row.data() + p * units() + firstUnit.value(),
                        static_cast<std::size_t>(unitCount) * sizeof(float));
    }
}

MemoryTrace::MemoryTrace(TraceInfo info, Array3F states)
    : m_info(std::move(info)), m_states(std::move(states)) {
    if (m_states.n0 != rows() || m_states.n1 != points() || m_states.n2 != units())
        throw Error(ErrorCode::Mismatch,
                    fmt::format("states of shape [{}, {}, {}] where [{}, {}, {}] was expected", m_states.n0,
                                m_states.n1, m_states.n2, rows(), points(), units()));
}

void MemoryTrace::readRows(RowIndex first, std::int64_t count, float* out) const {
    checkRange(first.value(), count, rows(), "row");
    const auto values = static_cast<std::size_t>(points() * units());
    std::memcpy(out, m_states.data.data() + static_cast<std::size_t>(first.value()) * values,
                static_cast<std::size_t>(count) * values * sizeof(float));
}

void MemoryTrace::readPoint(PointIndex point, RowIndex first, std::int64_t count, float* out) const {
    checkRange(point.value(), 1, points(), "point");
    checkRange(first.value(), count, rows(), "row");
    for (std::int64_t n = 0; n < count; ++n)
        std::memcpy(out + n * units(), m_states.at(first.value() + n, point.value()),
                    static_cast<std::size_t>(units()) * sizeof(float));
}

void MemoryTrace::readUnits(UnitIndex first, std::int64_t count, float* out) const {
    readUnitsOfRows(first, count, RowIndex{0}, rows(), out);
}

void MemoryTrace::readUnitsOfRows(UnitIndex firstUnit, std::int64_t unitCount, RowIndex first,
                                  std::int64_t count, float* out) const {
    checkRange(firstUnit.value(), unitCount, units(), "unit");
    checkRange(first.value(), count, rows(), "row");
    for (std::int64_t n = 0; n < count; ++n)
        for (std::int64_t p = 0; p < points(); ++p)
            std::memcpy(out + (n * points() + p) * unitCount,
                        m_states.at(first.value() + n, p) + firstUnit.value(),
                        static_cast<std::size_t>(unitCount) * sizeof(float));
}

std::string MemoryTrace::sourceHash() const {
    Sha256 hash;
    hash.update(std::to_string(rows()) + "," + std::to_string(points()) + "," + std::to_string(units()));
    hash.update(std::as_bytes(std::span(m_states.data)));
    return hash.hex();
}

}  // namespace rheo
