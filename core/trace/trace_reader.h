#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/trace/hdf5_file.h"
#include "core/trace/trace.h"

namespace rheo {

/// A trace in a file (`.rheo.h5`), read piece by piece: only what is asked for is in memory.
///
/// Rows of an interrupted capture that are not complete are left out: `info().rows` and all row numbers are
/// of the complete ones. A file from elsewhere with nothing but /residual opens: rows are numbered, points
/// unnamed.
class TraceReader : public Trace {
public:
    /// Throws Error(NotFound, Format, Unsupported (a newer version), Io) naming the file and what is wrong
    /// with it. `cacheBytes`: of what was read, for readers that come again to what lies beside it; 0 for one
    /// that goes over it row by row, or picks single states.
    static std::shared_ptr<const TraceReader> open(const std::filesystem::path& path,
                                                   std::size_t cacheBytes = Hdf5File::usualCacheBytes);

    const TraceInfo& info() const override { return m_info; }
    void readRows(RowIndex first, std::int64_t count, float* out) const override;
    void readPoint(PointIndex point, RowIndex first, std::int64_t count, float* out) const override;
    void readUnits(UnitIndex first, std::int64_t count, float* out) const override;
    void readUnitsOfRows(UnitIndex firstUnit, std::int64_t unitCount, RowIndex first, std::int64_t count,
                         float* out) const override;
    std::string sourceHash() const override;

    const std::filesystem::path& path() const { return m_file.path(); }
    /// Rows the file has room for; more than rows() after an interrupted capture.
    std::int64_t storedRows() const { return m_storedRows; }
    std::int64_t completeRows() const { return rows(); }

private:
    explicit TraceReader(Hdf5File file) : m_file(std::move(file)) {}
    void readBox(std::int64_t row, std::int64_t rowCount, std::int64_t point, std::int64_t pointCount,
                 std::int64_t unit, std::int64_t unitCount, float* out) const;
    /// Calls read(file row, count, first of the `count` rows asked for) for runs of rows that lie together in
    /// the file.
    template <class Read>
    void forEachRun(RowIndex first, std::int64_t count, Read read) const;

    Hdf5File m_file;
    TraceInfo m_info;
    std::int64_t m_storedRows = 0;
    std::vector<std::int64_t> m_fileRow;  ///< of each complete row; empty if all are complete
};

}  // namespace rheo
