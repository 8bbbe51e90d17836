#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/base/array.h"

namespace rheo {

struct LensOptions {
    int top = 10;  ///< k, the likeliest tokens kept; at most the vocabulary
    /// The token whose place among all is kept for each state; none: the one that follows in the text.
    std::optional<std::int32_t> rankOf = {};
    int threads = 0;                                 ///< of the probabilities; the model has its own
    std::size_t memoryBytes = std::size_t{1} << 30;  ///< bound on what is held beside the result
};

/// What the unembedding would say of each state (ANALYSES: lens). N rows, P points, V tokens.
struct LensResult {
    Array3<std::int32_t> topIds;  ///< [N, P, k], likeliest first, ties by id; -1 in an excluded row
    Array3F topProbabilities;     ///< [N, P, k], 0 to 1; NaN in an excluded row, as all below
    MatrixD entropy;              ///< [N, P] nats, 0 to ln V
    /// [N, P] nats: KL(p_final || p), the divergence of what the model says at last from what the lens says
    /// at this point; 0 at the final one. Empty where the trace has no final point.
    MatrixD klToFinal;
    VectorD meanEntropy;    ///< [P], over the rows that are not excluded
    VectorD meanKlToFinal;  ///< [P] likewise, or empty
    /// [N, P] place of the ranked token by likelihood, 1 the likeliest, ties by id; NaN where no token
    /// follows and in an excluded row. Empty: not kept.
    MatrixD rank;
    std::int64_t rankedToken = -1;  ///< an id; -1: the token that follows each row in its text
    std::int64_t excludedRows = 0;
    /// Of the tokens in topIds and of the rows, UTF-8; empty where no tokenizer was at hand.
    std::map<std::int32_t, std::string> texts = {};
};

}  // namespace rheo
