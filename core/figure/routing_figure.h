#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/dynamics/routing_result.h"
#include "core/figure/figure.h"

namespace rheo {

/// What colours the tokens of a prompt.
enum class RoutingShown {
    Probability,  ///< of the likeliest expert
    Entropy,      ///< of the router, 0 sure to 1 undecided
};

struct RoutingInput {
    const RoutingResult& routing;
    const std::vector<std::int32_t>& ids;      ///< [row]
    const std::vector<std::int32_t>& prompts;  ///< [row]
    const std::map<std::int32_t, std::string>& tokenTexts;
    std::int32_t prompt = 0;  ///< whose tokens are drawn
    RoutingShown shown = RoutingShown::Probability;
};

/// By block: the tokens of a prompt with the number of the expert that each finds likeliest; how many rows
/// each expert sees; how undecided the routers are; and how even the experts are used, and what the choice
/// says of the token and of the next block's choice, each beside chance. Throws Error(InvalidArgument) for a
/// prompt that is not there.
Figure routingFigure(const RoutingInput& input, const Theme& theme);

}  // namespace rheo
