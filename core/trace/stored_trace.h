#pragma once

#include <cstdint>
#include <vector>

#include "core/trace/hdf5_file.h"
#include "core/trace/trace.h"

namespace rheo {

/// What a trace file says of itself: every row it has room for, complete or not.
struct StoredTrace {
    TraceInfo info;
    std::vector<std::uint8_t> complete;  ///< [row], 1 once the row's states are there
};

/// Reads everything but the states. Throws Error(Format, Unsupported (a newer version)) naming the file, the
/// dataset, what was expected and what was found. Nothing is allocated on the word of a shape alone.
StoredTrace readStoredTrace(const Hdf5File& file);

}  // namespace rheo
