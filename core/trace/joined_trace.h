#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/trace/trace.h"

namespace rheo {

/// A row of one of several traces, and which sample it is of in the trace they make together.
struct PickedRow {
    std::int32_t part = 0;    ///< which trace
    std::int32_t sample = 0;  ///< in the joined trace
    std::int64_t row = 0;     ///< of that part
    friend bool operator==(const PickedRow&, const PickedRow&) = default;
};

/// Rows picked from other traces, in any order: how prompts come to a trace and go from it without a state
/// being copied. Reads go to the parts, neighbours together.
class JoinedTrace : public Trace {
public:
    /// Picks `rows` from `parts`; their samples are numbered anew, into `samples`. Parts that are joined
    /// traces themselves are seen through, and one that is picked whole, in order and with its own samples is
    /// handed back as it is: adding rows and removing them again gives the same object.
    /// Throws Error(Mismatch) where points or units of the parts differ, Error(InvalidArgument) for a part,
    /// row or sample that is not there. Cost: linear in rows and samples; no state is read.
    static std::shared_ptr<const Trace> pick(std::vector<std::shared_ptr<const Trace>> parts,
                                             std::vector<PickedRow> rows, std::vector<Sample> samples);

    const TraceInfo& info() const override { return m_info; }
    const std::vector<std::shared_ptr<const Trace>>& parts() const { return m_parts; }
    /// Where each row of this trace comes from, [row].
    const std::vector<PickedRow>& picked() const { return m_picked; }

    void readRows(RowIndex first, std::int64_t count, float* out) const override;
    void readPoint(PointIndex point, RowIndex first, std::int64_t count, float* out) const override;
    /// Rows of a part that is hardly used are read whole, in blocks; else its units alone.
    void readUnits(UnitIndex first, std::int64_t count, float* out) const override;
    std::string sourceHash() const override;

private:
    JoinedTrace() = default;
    template <class Read>
    void forEachRun(RowIndex first, std::int64_t count, Read read) const;

    std::vector<std::shared_ptr<const Trace>> m_parts;
    std::vector<PickedRow> m_picked;
    TraceInfo m_info;
};

}  // namespace rheo
