#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/residual_point.h"
#include "core/dynamics/response_result.h"
#include "core/figure/figure.h"

namespace rheo {

/// What a response is drawn from, beside the response itself.
struct ResponseInput {
    const Response& response;
    const std::vector<ResidualPoint>& points;               ///< all of the model
    std::string along;                                      ///< "direction pc1"
    std::string unit;                                       ///< "SD"; of a line it is not used
    const std::map<std::int32_t, std::string>& tokenTexts;  ///< may be empty
};

/// Distance at the final point and KL of the next token against the size of a push, each with random
/// directions of the same size: their mean, and the band of 95 % of them. The note says where the response is
/// flat and where it is steepest. Throws Error(Mismatch) for parts that do not fit.
Figure responseFigure(const ResponseInput& input, const Theme& theme);

/// "flat to 2.1 SD (1.4 of an even rise), steepest at 4.3 SD (2.2)": one side of a response.
std::string plateauText(const ResponseSide& side, const std::string& unit);

}  // namespace rheo
