#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/figure/figure.h"

namespace rheo {

/// What an intervention makes of a text.
struct WritingInput {
    std::vector<double> naturalSurprise,
        intervenedSurprise;  ///< [token] generated, nats, of the natural model
    /// A sweep over strengths, all of one length or all empty; probability may be NaN.
    std::vector<double> strength, probability, entropy, perplexity;
    std::string followed;  ///< the token whose probability it is; empty: not known by text
    std::string note;      ///< the texts themselves
};

/// How surprised the natural model is at each generated token (-ln p), with and without the intervention; and
/// with a sweep the probability of a token, the entropy of the token after the prompt and the perplexity of
/// the text by strength. Throws Error(Mismatch) where lengths differ. Linear in the tokens.
Figure writingFigure(const WritingInput& input, const Theme& theme);

}  // namespace rheo
