#include "core/trace/write_trace.h"

#include <algorithm>
#include <vector>

#include "core/trace/trace_writer.h"

namespace rheo {

namespace {

/// Rows written at a time.
constexpr std::int64_t writeBytes = std::int64_t{32} << 20;

}  // namespace

void writeTrace(const Trace& trace, const std::filesystem::path& path, IfExists ifExists,
                Progress& progress) {
    progress.setStage("writing " + path.filename().string());
    OutputFile output(path, ifExists);
    TraceWriter writer = TraceWriter::createIn(output, trace.info());
    const std::int64_t perRow = trace.points() * trace.units();
    const std::int64_t atOnce =
        std::clamp<std::int64_t>(writeBytes / (perRow * static_cast<std::int64_t>(sizeof(float))), 1,
                                 std::max<std::int64_t>(1, trace.rows()));
    std::vector<float> states(static_cast<std::size_t>(atOnce * perRow));
    for (std::int64_t first = 0; first < trace.rows(); first += atOnce) {
        progress.check();
        const std::int64_t count = std::min(atOnce, trace.rows() - first);
        trace.readRows(RowIndex{first}, count, states.data());
        writer.writeRows(RowIndex{first}, count, states.data());
        progress.report(static_cast<double>(first + count), static_cast<double>(trace.rows()));
    }
    writer.close();
    output.commit();
}

}  // namespace rheo
