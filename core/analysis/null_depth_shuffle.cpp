#include <utility>

#include "core/analysis/null_table.h"

namespace rheo {

namespace {

/// Uniform in 0 .. n-1 for small n, from 32 random bits by multiplication (Lemire 2019); the bias is below n
/// / 2^32.
std::uint32_t belowSmall(std::uint32_t bits, std::uint32_t n) {
    return static_cast<std::uint32_t>((static_cast<std::uint64_t>(bits) * n) >> 32);
}

/// Fisher-Yates down the points, each unit with numbers of its own, two to a draw; row by row, because that
/// is how the path lies in memory.
void shuffleDepth(const NullInput& input, const TilePlace& place, const double*, double* path) {
    RandomStream random = input.randomOf(place.repeat, place.row, place.tile);
    for (std::int64_t p = input.points - 1; p > 0; --p) {
        const auto n = static_cast<std::uint32_t>(p + 1);
        double* const here = path + p * tileUnits;
        for (std::int64_t u = 0; u < tileUnits; u += 2) {
            const std::uint64_t bits = random();
            std::swap(here[u], path[belowSmall(static_cast<std::uint32_t>(bits), n) * tileUnits + u]);
            std::swap(here[u + 1],
                      path[belowSmall(static_cast<std::uint32_t>(bits >> 32), n) * tileUnits + u + 1]);
        }
    }
}

}  // namespace

constinit const NullSpec null_specs::DepthShuffle{
    .name = "depth_shuffle",
    .shows = "a permutation of the points for each row and unit",
    .inWords = "the same states in random order of depth",
    .nanoseconds = 1.5,
    .makeTile = shuffleDepth,
};

}  // namespace rheo
