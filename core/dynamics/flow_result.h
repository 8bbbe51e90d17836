#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/array.h"
#include "core/base/index.h"

namespace rheo {

struct FlowRequest {
    PointIndex point{0};
    int token = -1;                      ///< -1: the last
    std::array<int, 2> axes{0, 1};       ///< of the basis: across, and up
    int columns = 11, rows = 11;         ///< cells across and up, 2 to 201
    std::array<double, 2> extent{0, 0};  ///< half the width of the grid along either axis; 0: flowExtent
    int controls = 8;                    ///< random directions of equal norm for each cell
    std::uint64_t seed = 0;
};

/// A grid of teleports of one state over two axes: what the network makes of each. C cells, row by row from
/// the lowest; Q points from that of the teleports on; coordinates are scores in the two axes.
struct Flow {
    FlowRequest request;  ///< token and extent resolved
    std::array<std::string, 2> axisNames;
    VectorD x, y;           ///< [columns], [rows] coordinates of the cells
    MatrixD natural;        ///< [Q, 2] of the natural path
    Array3<double> scores;  ///< [C, Q, 2]
    MatrixD distance;       ///< [C, Q] norm of h'_q - h_q in all of the space
    MatrixD distanceRms;    ///< [C, Q] of h / RMS(h)
    /// [Q - 1] mean over cells of ln(distance[q + 1] / distance[q]), cells without a push left out; NaN where
    /// there is none.
    VectorD contraction, contractionRms;
    MatrixD controlContraction, controlContractionRms;  ///< [controls, Q - 1] the same of random directions
    std::vector<std::int32_t> likeliest;                ///< [C] the likeliest next token
    VectorD probability;                                ///< [C] of it, 0 to 1
    VectorD kl;                      ///< [C] KL(natural || teleported) of the next token, nats
    std::int32_t naturalToken = -1;  ///< the likeliest next token of the natural path
    double naturalProbability = 0;

    Eigen::Index cells() const { return distance.rows(); }
    Eigen::Index points() const { return distance.cols(); }
};

/// The displacement of each cell, [row, column].
struct FlowField {
    MatrixD across, up;  ///< z'_q - z'_p, less the natural step z_q - z_p if relative
    MatrixD divergence;  ///< d across / d x + d up / d y, by central differences (one-sided at the edges)
};
/// After `steps` steps from the point of the teleports, 0 to Q - 1. Throws Error(InvalidArgument) for others.
FlowField flowField(const Flow& flow, Eigen::Index steps, bool relative);

}  // namespace rheo
