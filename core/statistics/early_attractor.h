#pragma once

#include <string>

#include "core/base/array.h"

namespace rheo {

/// What pushes near the start of the network do (key early_attractor; core/dynamics measures it).
struct EarlyAttractor {
    VectorD sizes = {};  ///< in units of s
    /// [sample, size], mean `contraction_rms` over the first quarter of steps of pushes along the first
    /// components, less that of pushes of the same norm in random directions.
    MatrixD differences = {};
    std::string reason = {};  ///< why there are none; empty if there are
    /// [half] How far the mean difference of pushes of norm s moves where the components and s are those of a
    /// random half of the samples; empty where this was not measured.
    VectorD basisShifts = {};
};

}  // namespace rheo
