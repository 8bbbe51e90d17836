#pragma once

#include <string>
#include <vector>

#include "core/base/residual_point.h"
#include "core/figure/figure.h"

namespace rheo {

/// The axis of depth that every figure shares: x is the index of a point, 0 .. P - 1, with half a point
/// of room at both ends. A tick at each block's first point ("L00", "L01", ...; thinned by whoever draws,
/// to what has room), one of rank 1 at its `mlp_in`, and "final". `points` must not be empty.
Axis depthAxis(const std::vector<ResidualPoint>& points);

/// What the ticks of depthAxis mean, for the small print; empty where there is but one kind.
std::string depthNote(const std::vector<ResidualPoint>& points);

/// Depth below a heatmap of steps: column s, from point s to the next, lies between their ticks.
Axis stepAxis(const std::vector<ResidualPoint>& points);

/// As depthAxis, for the points from index `first` on only.
Axis depthAxisFrom(const std::vector<ResidualPoint>& points, int first);

/// Few labelled ticks of depth, about `count` of them at even steps of blocks ("L00", "L08", ...,
/// "final"): for a colour bar.
std::vector<Tick> depthTicks(const std::vector<ResidualPoint>& points, int count = 5);

}  // namespace rheo
