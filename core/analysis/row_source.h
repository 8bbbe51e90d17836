#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/progress.h"

namespace rheo {

/// The rows of a view that can be used, for computations that go over them more than once: held in memory
/// where they fit, else read anew each time.
class RowSource {
public:
    /// Reads the view once: what is not finite, or has no scale, is left out. Holds the rows if they take
    /// at most `memoryBytes` as float32. Throws as checkView and usableRows.
    RowSource(const TraceView& asked, std::size_t memoryBytes, Progress& progress);

    /// A source of the same shape that has read nothing, for forecasts: all rows count as usable.
    static RowSource unread(const TraceView& asked, std::size_t memoryBytes);

    /// Usable rows only; of a trace in memory where they are held (that asked for, if it is one and usable
    /// whole).
    const TraceView& view() const { return m_view; }
    /// For each of them, its number in the view that was asked for.
    const std::vector<std::int64_t>& askedRows() const { return m_usable.rows; }
    std::int64_t askedCount() const { return m_askedCount; }
    std::int64_t excludedRows() const { return m_usable.excluded; }
    bool held() const { return m_isHeld; }

    /// Raw values of rows first .. first + count - 1, [row, point, unit]: where they are held, or read into
    /// `buffer`, with a look for a stop every few megabytes.
    const float* read(std::int64_t first, std::int64_t count, std::vector<float>& buffer,
                      const Progress& progress) const;
    /// One state of one row, [unit], into `out`.
    void readState(std::int64_t row, std::int64_t point, float* out) const;

private:
    RowSource() = default;

    UsableRows m_usable;
    std::int64_t m_askedCount = 0;
    TraceView m_view;
    bool m_isHeld = false;
    const float* m_held = nullptr;
};

}  // namespace rheo
