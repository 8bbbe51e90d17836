#pragma once

#include "core/base/array.h"
#include "core/base/random.h"

namespace rheo {

/// How the next token is chosen from logits.
struct Sampling {
    double temperature = 0;  ///< 0: the likeliest token; else logits are divided by it
    double topP = 1;         ///< above 0, to 1: draw from the fewest likeliest tokens that hold this much
    std::uint64_t seed = 0;
};

/// Throws Error(InvalidArgument) for a temperature or top-p out of range.
void checkSampling(const Sampling& sampling);

/// The next token from `logits` [vocabulary]: the likeliest (the first of equals), or one drawn by `random`
/// (nucleus sampling, arXiv:1904.09751; the token that reaches topP is among those drawn from). Probabilities
/// are float64. Cost: a sort of the vocabulary where topP is below 1.
std::int32_t chooseToken(const VectorF& logits, const Sampling& sampling, RandomStream& random);

}  // namespace rheo
