#pragma once

#include <cstdint>
#include <vector>

#include "core/base/array.h"

namespace rheo {

/// A number for each block beside what chance gives.
struct ChanceCurve {
    VectorD observed;
    VectorD mean, low, high;  ///< of the repeats: 2.5 and 97.5 %
    /// (1 + repeats at least as far out) / (repeats + 1), on the side that the number is about.
    VectorD p;
};

/// What the routers of a mixture of experts make of tokens (ANALYSES: routing). N rows, B blocks with
/// experts, E experts, of which k see a token.
struct RoutingResult {
    std::vector<std::int32_t> blocks;  ///< [B] their numbers, ascending
    Array3F probabilities;             ///< [N, B, E], adding up to 1
    Array3<std::int32_t> chosen;       ///< [N, B, k] the likeliest first, ties by number
    MatrixD usage;                     ///< [B, E] share of the rows that an expert sees; adds up to k
    MatrixD entropy;                   ///< [N, B] of the probabilities, over ln E: 0 sure, 1 undecided
    /// Entropy of the usage over ln E: 1 where all experts see as many rows. Chance: each row picks k experts
    /// at random; `p` of being less even.
    ChanceCurve balance;
    /// Mutual information of a row's token and the expert it finds likeliest, nats. Chance: experts shuffled
    /// among the rows; `p` of as much.
    ChanceCurve token;
    /// [B - 1] the same of the likeliest experts of a block and of the next.
    ChanceCurve next;
    std::int64_t repeats = 0;
    std::uint64_t seed = 0;
};

}  // namespace rheo
