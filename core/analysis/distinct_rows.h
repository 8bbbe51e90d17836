#pragma once

#include <cstdint>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/progress.h"

namespace rheo {

/// Rows of a view whose states differ. Rows with the same states are one observation, however often they were
/// written: two samples that begin with the same tokens have the same states up to where they part.
struct DistinctRows {
    std::vector<std::int64_t> rows;  ///< of the view, ascending: the first of each that have the same states
    std::int64_t repeated = 0;       ///< the others
    std::int64_t sharedPrefix = 0;  ///< rows whose tokens, up to theirs, are those of a row of another sample
};

/// Reads the view once. States are compared by 128 bits of the SHA-256 of their values at the points used
/// (masked units count as 0). Where the trace says which model it was captured from, rows of samples that
/// share their tokens up to there have the same states as well, up to the rounding that the size of a batch
/// decides, and count as such. Holds 40 bytes a row. Throws what reading the trace throws.
DistinctRows distinctRows(const TraceView& view, int threads, Progress& progress);

}  // namespace rheo
