#pragma once

#include <cstdint>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/progress.h"

namespace rheo {

/// Rows whose paths differ by so little that they are one observation: a text with a word changed, a
/// recording with noise added. Row n is a near copy of an earlier one if their distance, each unit divided by
/// its SD over rows, is below a tenth of the median distance of rows, at all of three points: a quarter and
/// half of the depth, and the last. [row]: the first row that it is near to; itself where it is none's copy.
/// Two rows of independent normal units are that near with a probability below 1e-6 from eight units on; with
/// fewer units, or more than 4,096 rows (128 MiB of distances), nothing is looked for. Cost: rows^2 units.
/// Throws what reading the trace throws.
std::vector<std::int64_t> nearCopiesOf(const TraceView& view, const Progress& progress);

/// The view with the samples of rows that are near copies put into one group (Sample::group); samples that
/// name a group stay in it, and so do those with several rows.
TraceView withNearCopiesGrouped(const TraceView& view, const Progress& progress);

}  // namespace rheo
