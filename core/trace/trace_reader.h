#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/trace/hdf5_file.h"
#include "core/trace/residual_source.h"
#include "core/trace/trace.h"

namespace rheo {

/// Row `row` of shard `shard`.
struct ShardRow {
    std::int32_t shard = 0;
    std::int64_t row = 0;
};

/// A trace in a file (`.rheo.h5`), read piece by piece: only what is asked for is in memory.
///
/// Rows of an interrupted capture that are not complete are left out: `info().rows` and all row numbers are
/// of the complete ones. A file from elsewhere with nothing but /residual opens: rows are numbered, points
/// unnamed.
///
/// States are compared with their digests, where the file has them, when they are first read; every read
/// checks that the file was not cut, written or replaced since it was opened. A trace that shows the states
/// of shards (rheo merge) opens them as traces of their own, and requires each to be what was merged.
class TraceReader : public Trace {
public:
    /// Throws Error(NotFound, Format, Unsupported (a newer version, data of other files), Mismatch (another
    /// shard than was merged), Io) naming the file and what is wrong with it. `cacheBytes`: of what was read,
    /// for readers that come again to what lies beside it; 0 for one that goes over it row by row, or picks
    /// single states.
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
    /// A digest of all that the trace holds, 64 hexadecimal digits: names a shard in a merged trace. Of a
    /// file without digests it is sourceHash(). Cost: reads the digests.
    std::string contentDigest() const;
    /// Whether the states are those of other files.
    bool showsShards() const { return !m_shards.empty(); }

private:
    explicit TraceReader(Hdf5File file) : m_file(std::move(file)) {}
    static std::shared_ptr<const TraceReader> open(const std::filesystem::path& path, std::size_t cacheBytes,
                                                   int shardsLeft);
    void openShards(const std::vector<Hdf5Part>& parts, std::size_t cacheBytes, int shardsLeft);
    void keepCompleteRows(const std::vector<std::uint8_t>& complete);
    /// Rows `rows` of the points and units of `box`, from row `box.row` of the trace on.
    void readBox(const TraceBox& box, float* out) const;

    Hdf5File m_file;
    TraceInfo m_info;
    std::unique_ptr<ResidualSource> m_residual;                ///< null where shards hold the states
    std::vector<std::shared_ptr<const TraceReader>> m_shards;  ///< whose states this file shows
    std::vector<ShardRow> m_shardRows;                         ///< [row], where there are shards
    std::int64_t m_storedRows = 0;
    std::vector<std::int64_t> m_fileRow;  ///< of each complete row; empty if all are complete
};

}  // namespace rheo
