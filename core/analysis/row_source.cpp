#include "core/analysis/row_source.h"

#include <algorithm>

namespace rheo {

namespace {

/// Read at a time while looking for values that are not finite.
constexpr std::size_t scanBytes = std::size_t{32} << 20;
/// Read between two looks for a stop, counted as rowsPerBlock does: a band of chunks of a large model's
/// trace.
constexpr std::size_t pieceBytes = std::size_t{64} << 20;

bool fitsInto(const TraceView& view, std::size_t memoryBytes) {
    const auto values = static_cast<std::size_t>(view.pointCount() * view.unitCount());
    return static_cast<std::size_t>(view.rowCount()) <= memoryBytes / sizeof(float) / values;
}

}  // namespace

RowSource RowSource::unread(const TraceView& asked, std::size_t memoryBytes) {
    checkView(asked);
    RowSource source;
    source.m_askedCount = asked.rowCount();
    for (std::int64_t n = 0; n < asked.rowCount(); ++n) source.m_usable.rows.push_back(n);
    source.m_view = asked;
    source.m_isHeld = fitsInto(asked, memoryBytes);
    return source;
}

RowSource::RowSource(const TraceView& asked, std::size_t memoryBytes, Progress& progress)
    : m_askedCount(asked.rowCount()) {
    checkView(asked);
    const std::int64_t points = asked.pointCount(), units = asked.unitCount();
    if (!fitsInto(asked, memoryBytes)) {
        m_usable = usableRows(asked, progress, nullptr, std::min(scanBytes, memoryBytes));
        m_view = withRows(asked, m_usable.rows);
        return;
    }
    const auto* const inMemory = dynamic_cast<const MemoryTrace*>(asked.trace.get());
    if (inMemory != nullptr && asked.rows.empty() && asked.points.empty() && asked.maskedUnits.empty()) {
        m_usable = usableRows(asked, progress, nullptr, std::min(scanBytes, memoryBytes));
        if (m_usable.excluded == 0) {
            m_view = asked;
            m_held = inMemory->states().data.data();
            m_isHeld = true;
            return;
        }
    }
    // One reading both finds the rows that can be used and keeps them.
    Array3F states;
    m_usable = usableRows(asked, progress, &states.data);
    states.n0 = static_cast<std::int64_t>(m_usable.rows.size());
    states.n1 = points;
    states.n2 = units;
    const TraceInfo& info = asked.trace->info();
    TraceInfo held;
    held.units = units;
    for (std::int64_t p = 0; p < points; ++p)
        held.points.push_back(info.points[static_cast<std::size_t>(asked.tracePoint(p))]);
    for (const auto n : m_usable.rows)
        held.rows.push_back(info.rows[static_cast<std::size_t>(asked.traceRow(n))]);
    for (const auto& sample : info.samples) held.samples.push_back({{}, {}, sample.group});
    const auto trace = std::make_shared<const MemoryTrace>(std::move(held), std::move(states));
    m_held = trace->states().data.data();
    m_isHeld = true;
    m_view.trace = trace;
    m_view.maskedUnits = asked.maskedUnits;
    m_view.scaling = asked.scaling;
}

const float* RowSource::read(std::int64_t first, std::int64_t count, std::vector<float>& buffer,
                             const Progress& progress) const {
    const std::int64_t values = m_view.pointCount() * m_view.unitCount();
    if (held()) return m_held + first * values;
    buffer.reserve(static_cast<std::size_t>(count * values));
    const std::int64_t piece = rowsPerBlock(m_view, pieceBytes);
    for (std::int64_t n = 0; n < count; n += piece) {
        progress.check();
        const std::int64_t some = std::min(piece, count - n);
        // Made use of piece by piece: to fill it at once takes long.
        buffer.resize(std::max(buffer.size(), static_cast<std::size_t>((n + some) * values)));
        readView(m_view, first + n, some, buffer.data() + n * values);
    }
    return buffer.data();
}

void RowSource::readState(std::int64_t row, std::int64_t point, float* out) const {
    m_view.trace->readPoint(PointIndex{m_view.tracePoint(point)}, RowIndex{m_view.traceRow(row)}, 1, out);
    for (const auto unit : m_view.maskedUnits) out[unit] = 0;
}

}  // namespace rheo
