#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace rheo {

/// The `count` likeliest of a router's probabilities, the likeliest first; of equal ones the lower number.
std::vector<std::int32_t> chosenExperts(std::span<const float> probabilities, std::int64_t count);

}  // namespace rheo
