#include "core/analysis/row_source.h"

#include <algorithm>

namespace rheo {

RowSource::RowSource(const TraceView& asked, std::size_t memoryBytes, Progress& progress)
    : m_askedCount(asked.rowCount()) {
    checkView(asked);
    const std::int64_t values = asked.pointCount() * asked.unitCount();
    const bool fits = static_cast<std::size_t>(asked.rowCount()) <=
                      memoryBytes / sizeof(float) / static_cast<std::size_t>(values);
    if (!fits) {
        m_usable = usableRows(asked, progress);
        m_view = withRows(asked, m_usable.rows);
        return;
    }
    // One reading both finds the rows that can be used and keeps them.
    m_held.resize(static_cast<std::size_t>(asked.rowCount() * values));
    m_usable = usableRows(asked, progress, m_held.data());
    m_view = withRows(asked, m_usable.rows);
    float* to = m_held.data();
    for (const auto n : m_usable.rows) {
        const float* from = m_held.data() + n * values;
        if (from != to) std::copy(from, from + values, to);
        to += values;
    }
    m_held.resize(static_cast<std::size_t>(to - m_held.data()));
}

const float* RowSource::read(std::int64_t first, std::int64_t count, std::vector<float>& buffer) const {
    const std::int64_t values = m_view.pointCount() * m_view.unitCount();
    if (held()) return m_held.data() + first * values;
    buffer.resize(static_cast<std::size_t>(count * values));
    readView(m_view, first, count, buffer.data());
    return buffer.data();
}

void RowSource::readState(std::int64_t row, std::int64_t point, float* out) const {
    const std::int64_t units = m_view.unitCount();
    if (held()) {
        const float* from = m_held.data() + (row * m_view.pointCount() + point) * units;
        std::copy(from, from + units, out);
        return;
    }
    m_view.trace->readPoint(PointIndex{m_view.tracePoint(point)}, RowIndex{m_view.traceRow(row)}, 1, out);
    for (const auto unit : m_view.maskedUnits) out[unit] = 0;
}

}  // namespace rheo
