#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/analysis/trace_view.h"
#include "core/base/random.h"

/// Small traces in memory for tests.
namespace traces {

inline rheo::TraceView view(rheo::Array3F states, std::vector<rheo::ResidualPoint> points = {}) {
    rheo::TraceInfo info;
    info.units = states.n2;
    info.points = std::move(points);
    for (auto p = static_cast<std::int64_t>(info.points.size()); p < states.n1; ++p)
        info.points.push_back({static_cast<int>(p), rheo::Site::Unnamed});
    for (std::int64_t n = 0; n < states.n0; ++n) info.rows.push_back({static_cast<std::int32_t>(n), 0, -1});
    rheo::TraceView view;
    view.trace = std::make_shared<rheo::MemoryTrace>(std::move(info), std::move(states));
    return view;
}

inline rheo::Array3F gaussian(std::int64_t rows, std::int64_t points, std::int64_t units,
                              std::uint64_t seed) {
    rheo::Array3F states(rows, points, units);
    rheo::RandomStream random(seed);
    for (auto& x : states.data) x = static_cast<float>(random.normal());
    return states;
}

/// Every unit of every row a walk of Gaussian steps from a Gaussian start (from 0 if `fromZero`).
inline rheo::Array3F walks(std::int64_t rows, std::int64_t points, std::int64_t units, std::uint64_t seed,
                           bool fromZero = false) {
    rheo::Array3F states = gaussian(rows, points, units, seed);
    for (std::int64_t n = 0; n < rows; ++n)
        for (std::int64_t u = 0; u < units; ++u) {
            if (fromZero) states.at(n, 0)[u] = 0;
            double x = states.at(n, 0)[u];
            for (std::int64_t p = 1; p < points; ++p) {
                x += states.at(n, p)[u];
                states.at(n, p)[u] = static_cast<float>(x);
            }
        }
    return states;
}

/// The same rows and units in another order: row i is rows[i] of `states`, unit i is units[i] of it.
inline rheo::Array3F reordered(const rheo::Array3F& states, const std::vector<std::int32_t>& rows,
                               const std::vector<std::int32_t>& units) {
    rheo::Array3F other(states.n0, states.n1, states.n2);
    for (std::int64_t n = 0; n < states.n0; ++n)
        for (std::int64_t p = 0; p < states.n1; ++p)
            for (std::int64_t u = 0; u < states.n2; ++u)
                other.at(n, p)[u] =
                    states.at(rows[static_cast<std::size_t>(n)], p)[units[static_cast<std::size_t>(u)]];
    return other;
}

}  // namespace traces
