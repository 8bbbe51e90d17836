#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/array.h"
#include "core/base/index.h"
#include "core/base/progress.h"
#include "core/trace/trace.h"

namespace rheo {

/// The states of a trace at one point, read once and searched often.
struct RowStates {
    std::shared_ptr<const Trace> trace;
    PointIndex point{0};
    std::vector<RowIndex> rows;  ///< [r] whose states these are, ascending
    MatrixF states;              ///< [r, unit]
    double rms = 0;              ///< root mean square of the norms of those that are finite; NaN: none is
};

/// Reads the states of all rows at `point`; where they take more than `mostBytes`, those of blocks of 64 rows
/// that are spread evenly. Throws Error(Io). Checks for a stop between blocks.
RowStates readRowStates(std::shared_ptr<const Trace> trace, PointIndex point, std::int64_t mostBytes,
                        Progress& progress);

/// A row near a state.
struct NearRow {
    RowIndex row{0};
    double distance = 0;  ///< in the residual stream, over RowStates::rms
};

/// The `count` rows nearest to `state` [unit], nearest first, ties by row; without the row `except`, and
/// without rows that are not finite. Throws Error(Mismatch) for another width. Cost: one pass over the
/// states.
std::vector<NearRow> nearestRows(const RowStates& among, const VectorF& state, std::size_t count,
                                 std::optional<RowIndex> except = std::nullopt);

}  // namespace rheo
