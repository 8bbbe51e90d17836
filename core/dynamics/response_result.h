#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/array.h"
#include "core/base/index.h"

namespace rheo {

/// How a distance grows from one end of a line: where it is flat, and where it rises fastest.
struct Plateau {
    /// Size within which the distance stays below a tenth of the largest: linear between the sizes measured.
    double width = 0;
    double flatness = 0;  ///< width over a tenth of the whole line: 1 where the distance grows evenly
    double steepest = 0;  ///< the size at the middle of the interval in which the distance rises most
    double slope = 0;     ///< the rise there over the mean rise: 1 where the distance grows evenly
};
/// Of distances at sizes that grow from 0 (where the distance is 0), at least 2 of each. All NaN where no
/// distance is above 0. Throws Error(InvalidArgument) for other lengths or sizes that do not grow.
Plateau plateauOf(const VectorD& sizes, const VectorD& distance);

struct ResponseRequest {
    PointIndex point{0};
    int token = -1;      ///< -1: the last
    VectorF direction;   ///< [unit] of any length but zero: pushes along it, in both signs
    VectorF target;      ///< [unit] instead: another state, the line to which is walked; empty: none
    double unit = 1;     ///< what a size of 1 is along a direction, in residual units
    double largest = 8;  ///< size, along a direction; along a line sizes are shares of it, 0 to 1
    int steps = 16;      ///< sizes above 0: largest / steps, .., largest
    int controls = 8;    ///< random directions, at the same sizes
    std::uint64_t seed = 0;
};

/// One end of the line and the way that leads from it.
struct ResponseSide {
    std::string name;  ///< "+", "-"; "start", "target" of a line
    Plateau plateau;
    std::vector<Plateau> controls;  ///< [control]
};

/// What the network makes of pushes of growing size. S sizes, ascending.
struct Response {
    ResponseRequest request;              ///< token resolved
    double length = 0;                    ///< norm of a push of size 1
    VectorD sizes;                        ///< [S] of the pushes, negative ones too along a direction
    VectorD distance;                     ///< [S] norm of h'_final - h_final
    VectorD relative;                     ///< [S] that over the norm of the push; NaN at 0
    VectorD kl;                           ///< [S] KL(natural || pushed) of the next token, nats
    MatrixD controlDistance, controlKl;   ///< [controls, S]
    std::vector<std::int32_t> likeliest;  ///< [S] the likeliest next token
    VectorD probability;                  ///< [S] of it
    std::vector<ResponseSide> sides;      ///< two: both signs, or both ends of the line
};

}  // namespace rheo
