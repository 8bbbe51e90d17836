#pragma once

#include <memory>

#include "core/base/final_norm.h"
#include "core/trace/trace.h"

namespace rheo {

/// The states of another trace as the unembedding would see them: each put through the final norm of a model,
/// in float64, as it is read. Its info and digest are those of the other.
class NormedTrace final : public Trace {
public:
    /// Throws Error(Mismatch) where the widths differ.
    NormedTrace(std::shared_ptr<const Trace> trace, FinalNorm norm);

    const TraceInfo& info() const override { return m_trace->info(); }
    void readRows(RowIndex first, std::int64_t count, float* out) const override;
    void readPoint(PointIndex point, RowIndex first, std::int64_t count, float* out) const override;
    void readUnits(UnitIndex first, std::int64_t count, float* out) const override;
    /// The states as they are.
    const std::shared_ptr<const Trace>& source() const { return m_trace; }
    std::string sourceHash() const override { return m_trace->sourceHash(); }

private:
    void normalise(float* states, std::int64_t count) const;

    std::shared_ptr<const Trace> m_trace;
    FinalNorm m_norm;
};

}  // namespace rheo
