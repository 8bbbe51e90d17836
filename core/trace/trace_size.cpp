#include "core/trace/trace_size.h"

#include <algorithm>

#include "core/trace/trace_writer.h"

namespace rheo {

std::int64_t traceFileBytes(const TraceInfo& info) {
    const std::int64_t shape[] = {static_cast<std::int64_t>(info.rows.size()),
                                  static_cast<std::int64_t>(info.points.size()), info.units};
    const auto chunk = traceChunk(shape[0], shape[1], shape[2]);
    double chunks = 1, values = 1, digests = 8;  // of each row, those of a group of points and units
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const std::int64_t size = std::max<std::int64_t>(1, chunk[axis]);
        const auto count = static_cast<double>((shape[axis] + size - 1) / size);
        chunks *= count;
        if (axis > 0) digests *= count;
        values *= count * static_cast<double>(size);
    }
    // A node of HDF5's index takes 3 KiB and holds 32 chunks where they come in order.
    constexpr double chunkEntry = 98, rowEntry = 13, sampleEntry = 40, headers = 16 << 10;
    double texts = 0;
    for (const auto& sample : info.samples)
        texts += static_cast<double>(sample.text.size() + 4 * sample.tokenIds.size()) + sampleEntry;
    const double bytes = values * (info.bfloat16 ? 2 : 4) + chunks * chunkEntry +
                         static_cast<double>(shape[0]) * (rowEntry + digests) + texts + headers;
    return static_cast<std::int64_t>(std::min(bytes, 9e18));
}

}  // namespace rheo
