#pragma once

#include "core/dynamics/jacobian_result.h"
#include "core/trace/hdf5_file.h"

namespace rheo {

/// The group `/jacobian` of results, float64: `singular_values` [row, step, k], `eigenvalues` [row, step, k,
/// 2], `remaining_singular_values` [row, step, k], `lyapunov` [row, k]; `effective_rank`, `henrici`,
/// `complex_share`, `symmetric_share`, `remaining_effective_rank`, `cumulative_effective_rank` [row, step],
/// each with its mean over rows, `mean_henrici` [step], and of an untrained network `untrained_henrici`
/// [step] (of `henrici`, `symmetric_share`, `complex_share`, `effective_rank`, `cumulative_effective_rank`);
/// `rows` [row] of the results; attribute `alone`. The group must be there.
void writeJacobian(Hdf5File& file, const JacobianResult& result);
/// Throws Error(Format) naming the dataset whose shape does not fit.
JacobianResult readJacobian(const Hdf5File& file);

}  // namespace rheo
