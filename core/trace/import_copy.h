#pragma once

#include <vector>

#include "core/trace/import_plan.h"
#include "core/trace/trace_writer.h"

namespace rheo {

/// The states of `box` of the trace to be, [row, point, unit], from the arrays of the plan, which are
/// prepared. Throws as the source does, and Cancelled.
void readBox(ImportPlan& plan, const TraceBox& box, float* out, Progress& progress);

/// One array a part (arrays[p] of part p, which hold one point each) for rows row .. row + rows - 1,
/// [row, unit].
void readPoint(ImportPlan& plan, const std::vector<std::size_t>& arrays, std::int64_t row, std::int64_t rows,
               float* out);

}  // namespace rheo
