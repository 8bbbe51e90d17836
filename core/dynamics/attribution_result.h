#pragma once

#include <cstdint>

#include "core/base/array.h"

namespace rheo {

/// What wrote the logit of a token: direct logit attribution. P residual points; step p is what attention or
/// the MLP wrote between points p and p + 1 (both together in parallel blocks). Logits are those before a
/// softcap.
struct Attribution {
    std::int32_t answer = -1;  ///< a token id
    std::int32_t foil = -1;    ///< its logit is taken away; -1: none
    MatrixD contribution;      ///< [token, P - 1]
    VectorD embedding;         ///< [token] of the state at the first point, edits there included
    VectorD bias;              ///< [token] of the final norm's and the unembedding's biases
    VectorD edits;             ///< [token] contribution of edits at later points
    VectorD logit;             ///< [token] of the answer minus that of the foil: the sum of all of these
};

}  // namespace rheo
