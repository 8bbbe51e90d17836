#pragma once

#include <string>
#include <vector>

#include "core/base/residual_point.h"
#include "core/dynamics/attribution_result.h"
#include "core/figure/figure.h"

namespace rheo {

/// What is drawn of an attribution.
enum class AttributionShown { Intervened, Natural, Difference };

struct AttributionInput {
    const Attribution& attribution;
    const std::vector<ResidualPoint>& points;
    const std::vector<std::string>& pieces;  ///< [token]
    int token = 0;                           ///< whose bars are drawn
    std::string answer, foil;                ///< for people; may be empty
};

/// Direct logit attribution: of one token a bar for each write by depth, and their running sum from the
/// embedding and the biases on; and the writes to all tokens as a map. Throws Error(Mismatch) where the parts
/// do not fit.
Figure attributionFigure(const AttributionInput& input, const Theme& theme);

/// `a` less `b`, all parts. Throws Error(Mismatch) for other shapes.
Attribution difference(const Attribution& a, const Attribution& b);

}  // namespace rheo
