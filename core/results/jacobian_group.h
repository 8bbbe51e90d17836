#pragma once

#include "core/dynamics/jacobian_result.h"
#include "core/trace/hdf5_file.h"

namespace rheo {

/// The group `/jacobian` of results, float64: `singular_values` [row, step, k], `eigenvalues` [row, step, k,
/// 2], `remaining_singular_values` [row, step, k], `lyapunov` [row, k]; `henrici` [row, step] and its mean
/// over rows `non_normality` [step]; `share_complex`, `symmetry`, `effective_rank`,
/// `remaining_effective_rank`, `cumulative_effective_rank` [step] and those of each row, `share_complex_rows`
/// [row, step]; of an untrained network `untrained_non_normality` [step] (likewise of `symmetry`,
/// `share_complex`, `effective_rank`, `cumulative_effective_rank`); `rows` [row] of the results; attribute
/// `alone`. The group must be there.
void writeJacobian(Hdf5File& file, const JacobianResult& result);
/// Throws Error(Format) naming the dataset whose shape does not fit.
JacobianResult readJacobian(const Hdf5File& file);

}  // namespace rheo
