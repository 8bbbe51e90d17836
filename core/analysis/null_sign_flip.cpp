#include "core/analysis/null_table.h"

namespace rheo {

namespace {

void flipEach(const NullInput& input, const TilePlace& place, const double*, double* path) {
    RandomStream random = input.randomOf(place.repeat, place.row, place.tile);
    thread_local std::vector<std::uint64_t> signs;
    signs.resize(static_cast<std::size_t>(input.points - 1));
    for (auto& word : signs) word = random();
    flipSigns(path, input.points, signs.data());
}

}  // namespace

constinit const NullSpec null_specs::SignFlip{
    .name = "sign_flip",
    .shows = "a random sign for each row, step and unit",
    .inWords = "a random walk with the same step sizes",
    .series = 2,
    .nanoseconds = 0.3,
    .makeTile = flipEach,
};

}  // namespace rheo
