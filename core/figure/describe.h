#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/figure/figure.h"

namespace rheo {

/// A place in a 2D panel of a figure, and how large the panel is drawn.
struct FigurePlace {
    int panel = 0;
    double x = 0, y = 0;           ///< data coordinates
    double width = 1, height = 1;  ///< of the plot, in any unit of length
    double reach = 0.02;           ///< in that unit: a vertex further away is not meant
};

/// What a figure says at a place, as a line for a person: the cell of a heatmap, or the nearest vertex of a
/// curve within reach, with its band. `whole` is the figure, `shown` the same with its axes as they are
/// zoomed. Empty where there is nothing. Cost: one pass over the panel's vertices.
std::string describeAt(const Figure& whole, const Figure& shown, const FigurePlace& place);

/// The state nearest to a place, within reach: of curves whose vertices are states.
struct FigureState {
    std::int64_t row = 0;
    double value = 0;  ///< on the figure's colour scale: the point
};
std::optional<FigureState> stateAt(const Figure& shown, const FigurePlace& place);

/// The point, unit or token that an axis (AxisKind) has at a value, rounded to the nearest; none outside of
/// it.
std::optional<std::int64_t> idAt(const Axis& axis, double value);
/// Where an axis has this point or unit; none where it is of another kind, or shows it not. Linear in the
/// units.
std::optional<double> valueOf(const Axis& axis, AxisKind kind, std::int64_t id);

/// What an axis calls a value: "L05 mlp" on a tick of depth, "L05 mlp to L06" between two, "unit 17" on an
/// axis of units, "0.93" where it has numbers. Of an axis in Fisher's z the correlation.
std::string nameOnAxis(const Axis& axis, double value);

}  // namespace rheo
