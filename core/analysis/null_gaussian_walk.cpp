#include <algorithm>

#include "core/analysis/null_table.h"

namespace rheo {

namespace {

void walk(const NullInput& input, const TilePlace& place, const double*, double* path) {
    RandomStream random = input.randomOf(place.repeat, place.row, place.tile);
    thread_local std::vector<std::uint64_t> bits;
    bits.resize(static_cast<std::size_t>((input.points - 1) * tileUnits));
    for (auto& word : bits) word = random();
    const MatrixD& spread = input.moments.spread;
    walkGaussian(path, input.points, std::min(tileUnits, input.units - place.firstUnit()),
                 spread.data() + place.firstUnit(), spread.cols(), bits.data());
}

}  // namespace

constinit const NullSpec null_specs::GaussianWalk{
    .name = "gaussian_walk",
    .shows = "normal steps of mean 0, and of the variance over rows of each step and unit",
    .inWords = "a random walk with the same step sizes",
    .series = 4,
    .nanoseconds = 3.5,
    .leastRows = 2,
    .moments = StepMomentKind::Spread,
    .makeTile = walk,
};

}  // namespace rheo
