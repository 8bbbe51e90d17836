#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/trace/trace.h"

namespace rheo {

/// A trace that counts the bytes that were read of it.
class CountingTrace final : public Trace {
public:
    explicit CountingTrace(std::shared_ptr<const Trace> trace) : m_trace(std::move(trace)) {}
    const TraceInfo& info() const override { return m_trace->info(); }
    void readRows(RowIndex first, std::int64_t count, float* out) const override {
        bytes += 4 * count * points() * units();
        m_trace->readRows(first, count, out);
    }
    void readPoint(PointIndex point, RowIndex first, std::int64_t count, float* out) const override {
        bytes += 4 * count * units();
        m_trace->readPoint(point, first, count, out);
    }
    void readUnits(UnitIndex first, std::int64_t count, float* out) const override {
        bytes += 4 * count * points() * rows();
        m_trace->readUnits(first, count, out);
    }
    std::string sourceHash() const override { return m_trace->sourceHash(); }

    mutable std::atomic<std::int64_t> bytes = 0;

private:
    std::shared_ptr<const Trace> m_trace;
};

}  // namespace rheo
