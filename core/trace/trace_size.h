#pragma once

#include <cstdint>

#include "core/trace/trace.h"

namespace rheo {

/// Forecast of the size of a trace file, bytes: the states with what fills their last chunks, the index of
/// chunks, rows, tokens and texts. Within 5 % of what TraceWriter makes. Linear in the samples.
std::int64_t traceFileBytes(const TraceInfo& info);

}  // namespace rheo
