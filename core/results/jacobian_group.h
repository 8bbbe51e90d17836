#pragma once

#include "core/dynamics/jacobian_result.h"
#include "core/findings/verdicts.h"
#include "core/trace/hdf5_file.h"
#include "core/trace/trace.h"

namespace rheo {

/// The group `/jacobian` of results, float64: `singular_values` [row, step, k], `eigenvalues` [row, step, k,
/// 2], `remaining_singular_values` [row, step, k], `lyapunov` [row, k]; `henrici` [row, step] and its mean
/// over rows `non_normality` [step]; `share_complex`, `symmetry`, `effective_rank`,
/// `remaining_effective_rank`, `cumulative_effective_rank` [step] and those of each row, `share_complex_rows`
/// [row, step]; of an untrained network `untrained_non_normality` [step] (likewise of `symmetry`,
/// `share_complex`, `effective_rank`, `cumulative_effective_rank`); `rows` [row] of the results; attribute
/// `alone`. The group must be there.
/// `untrained_henrici` and `untrained_cumulative_effective_rank_rows` [row, step] are its values for each
/// row. `verdicts`: the findings of derivativeVerdicts as JSON objects, one string each.
void writeJacobian(Hdf5File& file, const JacobianResult& result, const std::vector<Verdict>& verdicts);
/// What these derivatives say of the published findings; `info` is of the results they are in.
std::vector<Verdict> verdictsOf(const JacobianResult& result, const TraceInfo& info);
/// The same, not yet judged (measuredDerivatives).
std::vector<Verdict> measuredVerdictsOf(const JacobianResult& result, const TraceInfo& info);
/// Throws Error(Format) naming the dataset whose shape does not fit.
JacobianResult readJacobian(const Hdf5File& file);

}  // namespace rheo
