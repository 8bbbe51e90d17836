#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numbers>
#include <string>
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

/// A walk by rule: each row starts from N(0, 1), and `step(random, step, previous, next)` draws the step of
/// all units from the one before (0 at first). Rows that should be alike are made so afterwards.
template <class Draw>
rheo::TraceView walkOf(const Size& size, std::uint64_t seed, std::uint64_t stream, Draw draw) {
    rheo::RandomStream random(seed, stream);
    rheo::Array3F states(size.rows, size.points(), size.units);
    std::vector<double> x(static_cast<std::size_t>(size.units)), step(x);
    for (std::int64_t n = 0; n < size.rows; ++n) {
        for (auto& value : x) value = random.normal();
        std::fill(step.begin(), step.end(), 0.0);
        for (std::int64_t p = 0; p < size.points(); ++p) {
            for (std::size_t u = 0; u < x.size(); ++u) states.at(n, p)[u] = static_cast<float>(x[u]);
            draw(random, p == 0, step);
            for (std::size_t u = 0; u < x.size(); ++u) x[u] += step[u];
        }
    }
    return view(std::move(states), size);
}

/// Steps of Student's t with 3 degrees of freedom: a normal over the root of a mean of three squares.
inline rheo::TraceView heavySteps(const Size& size, std::uint64_t seed) {
    return walkOf(size, seed, 6, [](rheo::RandomStream& random, bool, std::vector<double>& step) {
        for (auto& d : step) {
            double squares = 0;
            for (int i = 0; i < 3; ++i) {
                const double g = random.normal();
                squares += g * g;
            }
            d = random.normal() / std::sqrt(squares / 3);
        }
    });
}

/// Steps whose units share one random number, with correlation 0.5: the path is low-dimensional, and nothing
/// else.
inline rheo::TraceView correlatedSteps(const Size& size, std::uint64_t seed) {
    return walkOf(size, seed, 7, [](rheo::RandomStream& random, bool, std::vector<double>& step) {
        const double shared = random.normal();
        for (auto& d : step) d = std::sqrt(0.5) * (shared + random.normal());
    });
}

/// Steps that remember the one before: an autoregressive process of order 1 with coefficient 0.6.
inline rheo::TraceView persistentSteps(const Size& size, std::uint64_t seed) {
    constexpr double kept = 0.6;
    return walkOf(size, seed, 8, [](rheo::RandomStream& random, bool first, std::vector<double>& step) {
        for (auto& d : step)
            d = first ? random.normal() : kept * d + std::sqrt(1 - kept * kept) * random.normal();
    });
}

/// A walk of which some rows are made by `change(random, states of the row, row)`.
template <class Change>
rheo::TraceView changed(const rheo::TraceView& from, std::uint64_t seed, const Size& size, Change change) {
    rheo::RandomStream random(seed, 9);
    rheo::Array3F states(size.rows, size.points(), size.units);
    rheo::readView(from, 0, size.rows, states.data.data());
    for (std::int64_t n = 0; n < size.rows; ++n) change(random, states, n);
    return view(std::move(states), size);
}

/// Every row of a walk `times` times.
inline rheo::TraceView repeated(const Size& size, std::uint64_t seed, std::int64_t times) {
    const Size all{size.rows * times, size.blocks, size.units};
    rheo::Array3F states(all.rows, all.points(), all.units);
    const rheo::TraceView once = walk(size, seed);
    for (std::int64_t n = 0; n < all.rows; ++n) rheo::readView(once, n % size.rows, 1, states.at(n, 0));
    return view(std::move(states), all);
}

/// Groups of four rows that differ by a hundredth of a step; `named`: the samples say their group.
inline rheo::TraceView nearCopies(const Size& size, std::uint64_t seed, bool named) {
    const rheo::TraceView from = walk(size, seed);
    rheo::TraceView made = changed(from, seed, size, [&](auto& random, auto& states, std::int64_t n) {
        for (std::int64_t p = 0; p < size.points(); ++p)
            for (std::int64_t u = 0; u < size.units; ++u)
                states.at(n, p)[u] = states.at(n / 4 * 4, p)[u] + static_cast<float>(0.01 * random.normal());
    });
    if (!named) return made;
    rheo::TraceInfo info = made.trace->info();
    info.samples.resize(info.rows.size());
    for (std::size_t s = 0; s < info.samples.size(); ++s) info.samples[s].group = "g" + std::to_string(s / 4);
    rheo::Array3F states(size.rows, size.points(), size.units);
    rheo::readView(made, 0, size.rows, states.data.data());
    made.trace = std::make_shared<rheo::MemoryTrace>(std::move(info), std::move(states));
    return made;
}

/// One unit that is 3,000 from the third point on, in all rows.
inline rheo::TraceView massiveUnit(const Size& size, std::uint64_t seed) {
    return changed(walk(size, seed), seed, size, [&](auto&, auto& states, std::int64_t n) {
        for (std::int64_t p = 2; p < size.points(); ++p) states.at(n, p)[7] = 3000;
    });
}

/// Attention sinks: a share of the rows is 0 but for one large unit, except at the first two and last two
/// points.
inline rheo::TraceView sinks(const Size& size, std::uint64_t seed, double share) {
    const auto some = static_cast<std::int64_t>(std::ceil(share * static_cast<double>(size.rows)));
    return changed(walk(size, seed), seed, size, [&](auto&, auto& states, std::int64_t n) {
        if (n >= some) return;
        for (std::int64_t p = 2; p + 2 < size.points(); ++p) {
            std::fill_n(states.at(n, p), size.units, 0.0F);
            states.at(n, p)[3] = 9e4F;
        }
    });
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

/// Damped spirals in three random planes, each unit a mixture of them, with noise of a tenth: periods of 5 to
/// 12 points, of which 4 hundredths are lost a point. `shared`: rows have the same phases but for 0.3 rad;
/// else phases of their own, so that the mean path does not turn. No null was chosen by it.
inline rheo::TraceView spirals(const Size& size, std::uint64_t seed, bool shared) {
    constexpr int planes = 3;
    rheo::RandomStream random(seed, 11);
    rheo::Array3F states(size.rows, size.points(), size.units);
    std::vector<double> axes(static_cast<std::size_t>(2 * planes * size.units));
    for (auto& x : axes) x = random.normal() / std::sqrt(planes);
    std::vector<double> speed, phase;
    for (int k = 0; k < planes; ++k) {
        speed.push_back(2 * std::numbers::pi / (5 + 7 * random.uniform()));
        phase.push_back(2 * std::numbers::pi * random.uniform());
    }
    for (std::int64_t n = 0; n < size.rows; ++n) {
        std::vector<double> radius, from;
        for (std::size_t k = 0; k < planes; ++k) {
            radius.push_back(1 + 0.2 * random.normal());
            from.push_back(shared ? phase[k] + 0.3 * random.normal()
                                  : 2 * std::numbers::pi * random.uniform());
        }
        for (std::int64_t p = 0; p < size.points(); ++p)
            for (std::int64_t u = 0; u < size.units; ++u) {
                double x = 0.1 * random.normal();
                for (std::size_t k = 0; k < planes; ++k) {
                    const auto at =
                        static_cast<std::size_t>((2 * static_cast<std::int64_t>(k)) * size.units + u);
                    const auto depth = static_cast<double>(p);
                    const double r = radius[k] * std::pow(0.96, depth), angle = from[k] + speed[k] * depth;
                    x += r * (axes[at] * std::cos(angle) +
                              axes[at + static_cast<std::size_t>(size.units)] * std::sin(angle));
                }
                states.at(n, p)[u] = static_cast<float>(x);
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
