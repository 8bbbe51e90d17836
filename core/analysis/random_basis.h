#pragma once

#include <cstdint>

#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

/// Multiplies `states` [state, unit] in place by an orthogonal matrix drawn from the Haar measure, named by
/// (seed, stream). The matrix is never made: it is the product of the reflections that a QR decomposition of
/// a Gaussian matrix would find, drawn directly (Stewart 1980), 64 at a time in compact WY form. Costs 2 D^2
/// multiplications a state, in BLAS, and D^2 / 2 normal numbers a call.
void applyRandomBasis(Eigen::Ref<MatrixD> states, std::uint64_t seed, std::uint64_t stream,
                      const Progress& progress);

}  // namespace rheo
