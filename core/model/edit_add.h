#pragma once

#include "core/model/state_edit.h"

namespace rheo {

/// The formula below, on the state of one token [unit], in place. `vector` [unit].
void applyAdd(std::span<double> state, std::span<const float> vector, double strength);

/// h' = h + strength v. With unit rms: h + strength r v / norm of v, r the RMS norm of the rows at the point.
inline constexpr EditOperation editAdd{.name = "add",
                                       .summary = "h + strength v: a steering vector",
                                       .acceptsRms = true,
                                       .low = -4,
                                       .high = 4,
                                       .apply = applyAdd};

}  // namespace rheo
