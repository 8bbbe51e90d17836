#pragma once

#include "core/model/state_edit.h"

namespace rheo {

/// The formula below, on the state of one token [unit], in place. `vector` [unit].
void applyKeepOnly(std::span<double> state, std::span<const float> vector, double strength);

/// Keeps the component along v alone: h' = h + strength ((h . u) u - h), u = v / norm of v.
inline constexpr EditOperation editKeepOnly{
    .name = "keep_only",
    .summary = "h + strength ((h . u) u - h) with u = v / norm of v: nothing but its component along v",
    .needsLength = true,
    .apply = applyKeepOnly};

}  // namespace rheo
