#pragma once

#include "core/model/state_edit.h"

namespace rheo {

/// The formula below, on the state of one token [unit], in place. `vector` [unit].
void applySet(std::span<double> state, std::span<const float> vector, double strength);

/// h' = v at strength 1; between the state and v at others (0: the state itself).
inline constexpr EditOperation editSet{
    .name = "set", .summary = "h + strength (v - h): the vector itself at strength 1", .apply = applySet};

}  // namespace rheo
