#pragma once

#include "core/model/state_edit.h"

namespace rheo {

/// The formula below, on the state of one token [unit], in place. `vector` [unit].
void applyProjectOut(std::span<double> state, std::span<const float> vector, double strength);

/// Takes the component along v away: h' = h - strength (h . u) u, u = v / norm of v.
inline constexpr EditOperation editProjectOut{
    .name = "project_out",
    .summary = "h - strength (h . u) u with u = v / norm of v: without its component along v",
    .needsLength = true,
    .apply = applyProjectOut};

}  // namespace rheo
