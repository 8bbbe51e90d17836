#pragma once

#include <filesystem>
#include <vector>

#include "core/base/output_file.h"
#include "core/trace/hdf5_file.h"
#include "core/trace/residual_source.h"
#include "core/trace/trace.h"

namespace rheo {

/// Writes a trace file that survives being killed at any moment.
///
/// create() lays the whole file out under a temporary name: every dataset at its full size, all strings and
/// attributes; takes its space on the disk; seals it; gives it its name. From then on only raw data are
/// written: a block of rows and its digests, flushed, then their marks in /rows/complete, flushed. All else
/// never changes again, so a reader always finds a sound file.
class TraceWriter {
public:
    /// Throws Error(AlreadyExists, NotFound) as OutputFile does, and Error(DiskFull) before anything is left
    /// behind.
    static TraceWriter create(const std::filesystem::path& path, const TraceInfo& info, IfExists ifExists);
    /// Lays the file out in `output`, for a trace that is to appear when it is whole: close(), then
    /// output.commit().
    static TraceWriter createIn(const OutputFile& output, const TraceInfo& info);
    /// Goes on with an interrupted file. Throws Error(Mismatch) naming what differs: points, units, rows,
    /// prompts, model, tokenizer, encoding.
    static TraceWriter resume(const std::filesystem::path& path, const TraceInfo& info);

    /// 1 for each row that is complete, as it was when the file was opened.
    const std::vector<std::uint8_t>& complete() const { return m_complete; }

    /// Rows first .. first + count - 1, [row, point, unit]. On return they are complete. Values are rounded
    /// to bfloat16 where the file holds that. Throws Error(Io).
    void writeRows(RowIndex first, std::int64_t count, const float* states);
    /// For states that come in another order than row by row: a box of them, [row, point, unit], and, once
    /// rows are whole, their marks. Boxes must begin and end where chunks do (traceChunk) along points and
    /// units; throws Error(InvalidArgument) where they do not.
    void writeBox(const TraceBox& box, const float* states);
    void markComplete(RowIndex first, std::int64_t count);
    void close();

private:
    TraceWriter(Hdf5File file, const TraceInfo& info);
    void writeDigests(const TraceBox& box, const std::byte* values);
    Hdf5File m_file;
    std::int64_t m_points, m_units;
    ResidualPieces m_pieces;
    bool m_hasDigests;
    bool m_bfloat16;
    std::vector<std::uint8_t> m_complete;
};

/// Writes all of a trace but /residual, which may be a view of other files, and /rows/complete.
void writeTraceHeader(Hdf5File& file, const TraceInfo& info);

/// The chunk of /residual for a trace of this shape: as few as hold at most 16 rows, 8 points and 512 units,
/// evenly divided, as the last chunk along each axis takes the space of a whole one.
std::vector<std::int64_t> traceChunk(std::int64_t rows, std::int64_t points, std::int64_t units);

}  // namespace rheo
