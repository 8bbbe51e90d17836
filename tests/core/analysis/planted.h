#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/random.h"
#include "core/base/residual_point.h"
#include "tests/core/analysis/traces.h"

/// Traces that hold one known effect, or none, drawn by seed: what verdicts are tried on. [row, point, unit],
/// each row a sample of its own, the points those of a sequential model.
namespace planted {

struct Size {
    std::int64_t rows = 60;
    int blocks = 8;  ///< 2 blocks + 1 points
    std::int64_t units = 24;
    std::int64_t points() const { return 2 * blocks + 1; }
};

inline rheo::TraceView view(rheo::Array3F states, const Size& size) {
    return traces::view(std::move(states), rheo::residualPoints(size.blocks, false));
}

/// Gaussian steps from a Gaussian start; the spread of a step differs from unit to unit.
inline rheo::TraceView walk(const Size& size, std::uint64_t seed) {
    rheo::RandomStream random(seed, 1);
    rheo::Array3F states(size.rows, size.points(), size.units);
    std::vector<double> spread;
    for (std::int64_t u = 0; u < size.units; ++u) spread.push_back(0.5 + random.uniform());
    for (std::int64_t n = 0; n < size.rows; ++n)
        for (std::int64_t u = 0; u < size.units; ++u) {
            double x = random.normal();
            for (std::int64_t p = 0; p < size.points(); ++p) {
                states.at(n, p)[u] = static_cast<float>(x);
                x += spread[static_cast<std::size_t>(u)] * random.normal();
            }
        }
    return view(std::move(states), size);
}

/// Each unit on a circle of its own phase, shared by all rows, two turns from the first point to the last.
inline rheo::TraceView orbits(const Size& size, std::uint64_t seed) {
    rheo::RandomStream random(seed, 2);
    rheo::Array3F states(size.rows, size.points(), size.units);
    std::vector<double> phase;
    for (std::int64_t u = 0; u < size.units; ++u) phase.push_back(2 * std::numbers::pi * random.uniform());
    for (std::int64_t n = 0; n < size.rows; ++n)
        for (std::int64_t u = 0; u < size.units; ++u) {
            const double radius = 1 + 0.2 * random.normal(), centre = 0.3 * random.normal();
            for (std::int64_t p = 0; p < size.points(); ++p) {
                const double turn = 2.0 * static_cast<double>(p) / static_cast<double>(size.points() - 1);
                const double angle = 2 * std::numbers::pi * turn + phase[static_cast<std::size_t>(u)];
                states.at(n, p)[u] =
                    static_cast<float>(centre + radius * std::cos(angle) + 0.05 * random.normal());
            }
        }
    return view(std::move(states), size);
}

/// At first a few units carry a row, others in each; from the middle on all carry the same.
inline rheo::TraceView sparseToDense(const Size& size, std::uint64_t seed) {
    rheo::RandomStream random(seed, 3);
    rheo::Array3F states(size.rows, size.points(), size.units);
    for (std::int64_t n = 0; n < size.rows; ++n)
        for (std::int64_t u = 0; u < size.units; ++u) {
            const bool carries = random.uniform() < 0.1;
            const double sign = random.sign();
            for (std::int64_t p = 0; p < size.points(); ++p) {
                const bool late = 2 * p >= size.points();
                states.at(n, p)[u] =
                    static_cast<float>((late || carries ? sign : 0.0) + 0.05 * random.normal());
            }
        }
    return view(std::move(states), size);
}

/// A state that hardly changes from attention to MLP, and is mostly forgotten from block to block.
inline rheo::TraceView insideBlocks(const Size& size, std::uint64_t seed) {
    rheo::RandomStream random(seed, 4);
    rheo::Array3F states(size.rows, size.points(), size.units);
    for (std::int64_t n = 0; n < size.rows; ++n)
        for (std::int64_t u = 0; u < size.units; ++u) {
            double x = random.normal();
            for (std::int64_t p = 0; p < size.points(); ++p) {
                states.at(n, p)[u] = static_cast<float>(x);
                const double kept = p % 2 == 0 ? 0.98 : 0.2;
                x = kept * x + std::sqrt(1 - kept * kept) * random.normal();
            }
        }
    return view(std::move(states), size);
}

/// Every row falls on one state, the same for all: a step takes off three tenths of what is left.
inline rheo::TraceView fixedPoint(const Size& size, std::uint64_t seed) {
    rheo::RandomStream random(seed, 5);
    rheo::Array3F states(size.rows, size.points(), size.units);
    std::vector<double> target;
    for (std::int64_t u = 0; u < size.units; ++u) target.push_back(3 * random.normal());
    for (std::int64_t n = 0; n < size.rows; ++n)
        for (std::int64_t u = 0; u < size.units; ++u) {
            double x = random.normal();
            for (std::int64_t p = 0; p < size.points(); ++p) {
                states.at(n, p)[u] = static_cast<float>(x + 0.02 * random.normal());
                x += 0.3 * (target[static_cast<std::size_t>(u)] - x);
            }
        }
    return view(std::move(states), size);
}

}  // namespace planted
