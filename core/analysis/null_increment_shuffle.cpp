#include "core/analysis/null_table.h"
#include "core/base/wide.h"

namespace rheo {

namespace {

/// The sum of the steps in the order given, both [point, 64].
RHEO_WIDE void walkInOrder(const double* observed, std::int64_t points, const std::int32_t* order,
                           double* path) {
    for (std::int64_t p = 0; p + 1 < points; ++p) {
        const double* from = observed + order[p] * tileUnits;
        const double* here = path + p * tileUnits;
        double* next = path + (p + 1) * tileUnits;
        for (std::int64_t u = 0; u < tileUnits; ++u) next[u] = here[u] + (from[tileUnits + u] - from[u]);
    }
}

void shuffleSteps(const NullInput& input, const TilePlace& place, const double* observed, double* path) {
    const auto order = input.sharedRandomOf(place.repeat, place.row)
                           .permutation(static_cast<std::int32_t>(input.points - 1));
    walkInOrder(observed, input.points, order.data(), path);
}

}  // namespace

constinit const NullSpec null_specs::IncrementShuffle{
    .name = "increment_shuffle",
    .shows = "a permutation of the steps of each row, shared by its units",
    .inWords = "the same steps in random order",
    .series = 3,
    .nanoseconds = 0.5,
    .makeTile = shuffleSteps,
};

}  // namespace rheo
