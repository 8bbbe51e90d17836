#include "core/trace/trace_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/trace/bfloat16.h"
#include "core/trace/stored_trace.h"
#include "core/trace/trace_format.h"

namespace rheo {

namespace tf = trace_format;

namespace {

/// Values decoded from bfloat16 at a time.
constexpr std::int64_t decodeValues = std::int64_t{1} << 20;
/// Rows whose states go into the digest of a file.
constexpr std::int64_t hashedRows = 64;

}  // namespace

std::shared_ptr<const TraceReader> TraceReader::open(const std::filesystem::path& path,
                                                     std::size_t cacheBytes) {
    auto reader = std::shared_ptr<TraceReader>(new TraceReader(Hdf5File::openForReading(path, cacheBytes)));
    StoredTrace stored = readStoredTrace(reader->m_file);
    // A merged trace shows the states of other files. The library would read what is gone as a fill value.
    for (const std::string& part : reader->m_file.virtualFiles(tf::residual)) {
        const std::filesystem::path shown = path.parent_path() / part;  // as it is, where it is absolute
        std::error_code ignored;
        if (part != "." && !std::filesystem::exists(shown, ignored))
            throw Error(
                ErrorCode::NotFound,
                fmt::format("{} shows the states of {}, which is not there; put it back, or merge the "
                            "shards anew (with --copy they are not needed any more)",
                            path.string(), shown.string()),
                path.string());
    }
    const auto incomplete = std::count(stored.complete.begin(), stored.complete.end(), 0);
    reader->m_storedRows = static_cast<std::int64_t>(stored.complete.size());
    reader->m_info = std::move(stored.info);
    if (incomplete > 0) {
        std::vector<TraceRow> rows;
        for (std::size_t n = 0; n < stored.complete.size(); ++n) {
            if (stored.complete[n] == 0) continue;
            rows.push_back(reader->m_info.rows[n]);
            reader->m_fileRow.push_back(static_cast<std::int64_t>(n));
        }
        reader->m_info.rows = std::move(rows);
    }
    return reader;
}

void TraceReader::readBox(std::int64_t row, std::int64_t rowCount, std::int64_t point,
                          std::int64_t pointCount, std::int64_t unit, std::int64_t unitCount,
                          float* out) const {
    if (!m_info.bfloat16) {
        m_file.readBox(tf::residual, {row, point, unit}, {rowCount, pointCount, unitCount}, out);
        return;
    }
    const std::int64_t perRow = pointCount * unitCount;
    const std::int64_t rowsAtOnce = std::max<std::int64_t>(1, decodeValues / perRow);
    std::vector<std::uint16_t> bits;
    for (std::int64_t n = 0; n < rowCount; n += rowsAtOnce) {
        const std::int64_t count = std::min(rowsAtOnce, rowCount - n);
        bits.resize(static_cast<std::size_t>(count * perRow));
        m_file.readBox(tf::residual, {row + n, point, unit}, {count, pointCount, unitCount}, bits.data());
        std::transform(bits.begin(), bits.end(), out + n * perRow, fromBfloat16);
    }
}

template <class Read>
void TraceReader::forEachRun(RowIndex first, std::int64_t count, Read read) const {
    if (first.value() < 0 || count < 0 || first.value() > rows() - count)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{}: rows {} to {} are asked for, and there are {}", path().string(),
                                first.value(), first.value() + count - 1, rows()),
                    path().string());
    if (rows() == m_storedRows) {
        if (count > 0) read(first.value(), count, std::int64_t{0});
        return;
    }
    for (std::int64_t n = 0; n < count;) {
        const auto at = static_cast<std::size_t>(first.value() + n);
        std::int64_t run = 1;
        while (n + run < count && m_fileRow[at + static_cast<std::size_t>(run)] == m_fileRow[at] + run) ++run;
        read(m_fileRow[at], run, n);
        n += run;
    }
}

void TraceReader::readRows(RowIndex first, std::int64_t count, float* out) const {
    forEachRun(first, count, [&](std::int64_t row, std::int64_t run, std::int64_t n) {
        readBox(row, run, 0, points(), 0, units(), out + n * points() * units());
    });
}

void TraceReader::readPoint(PointIndex point, RowIndex first, std::int64_t count, float* out) const {
    if (point.value() < 0 || point.value() >= points())
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{}: point {} of {}", path().string(), point.value(), points()),
                    path().string());
    forEachRun(first, count, [&](std::int64_t row, std::int64_t run, std::int64_t n) {
        readBox(row, run, point.value(), 1, 0, units(), out + n * units());
    });
}

void TraceReader::readUnits(UnitIndex first, std::int64_t count, float* out) const {
    readUnitsOfRows(first, count, RowIndex{0}, rows(), out);
}

void TraceReader::readUnitsOfRows(UnitIndex firstUnit, std::int64_t unitCount, RowIndex first,
                                  std::int64_t count, float* out) const {
    if (firstUnit.value() < 0 || unitCount < 1 || firstUnit.value() > units() - unitCount)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{}: units {} to {} of {}", path().string(), firstUnit.value(),
                                firstUnit.value() + unitCount - 1, units()),
                    path().string());
    forEachRun(first, count, [&](std::int64_t row, std::int64_t run, std::int64_t n) {
        readBox(row, run, 0, points(), firstUnit.value(), unitCount, out + n * points() * unitCount);
    });
}

std::string TraceReader::sourceHash() const {
    Sha256 hash;
    hash.update(fmt::format("{},{},{},{};", rows(), points(), units(), m_info.bfloat16));
    for (const auto& point : m_info.points) hash.update(pointName(point) + ";");
    for (const auto& row : m_info.rows)
        hash.update(fmt::format("{},{},{};", row.sample, row.position, row.tokenId));
    if (m_info.model)
        hash.update(m_info.model->configSha256 + m_info.model->weightsSha256 + m_info.model->dtype);
    std::vector<float> states(static_cast<std::size_t>(points() * units()));
    const std::int64_t sampled = std::min(hashedRows, rows());
    for (std::int64_t i = 0; i < sampled; ++i) {
        readRows(RowIndex{sampled > 1 ? i * (rows() - 1) / (sampled - 1) : 0}, 1, states.data());
        hash.update(std::as_bytes(std::span(states)));
    }
    return hash.hex();
}

}  // namespace rheo
