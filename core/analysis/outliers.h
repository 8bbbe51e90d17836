#pragma once

#include <cstdint>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/progress.h"

namespace rheo {

/// Units that stand out of the others by their size (massive activations: Sun et al. 2024, arXiv 2402.17762):
/// those whose RMS over all usable rows and points, raw, has a robust z above `z`, ascending. The z is of the
/// logarithm, as sizes of units differ by factors: (ln rms - median) / (1.4826 median absolute deviation).
/// Units that are 0 everywhere, or masked already, are left aside. Nothing stands out where all sizes are the
/// same. One pass over the view, in float64. Throws Error(InvalidArgument) for a z that is not above 0, and
/// as usableRows.
std::vector<std::int64_t> outlierUnits(const TraceView& view, double z, Progress& progress);

}  // namespace rheo
