#include "core/analysis/null_persistent.h"

#include <array>

namespace rheo {

const std::vector<std::uint64_t>& sampleSigns(const NullInput& input, const TilePlace& place, bool shared) {
    const std::int64_t sample = input.samples.ofRow[static_cast<std::size_t>(place.row)];
    RandomStream random = shared ? input.sharedRandomOf(place.repeat, sample)
                                 : input.randomOf(place.repeat, sample, place.tile);
    thread_local std::vector<std::uint64_t> signs;
    signs.resize(static_cast<std::size_t>(input.points - 1));
    for (auto& word : signs) {
        word = random();
        if (shared) word = (word >> 63) != 0 ? ~std::uint64_t{0} : 0;
    }
    return signs;
}

void flipInnovations(const NullInput& input, const TilePlace& place, const std::vector<std::uint64_t>& signs,
                     const double* observed, double* path) {
    const MatrixD& spread = input.moments.spread;
    const double* phi = input.moments.persistence.data() + place.firstUnit();
    std::array<double, tileUnits> before{}, flipped{};  // z of the step before, observed and as it is made
    for (std::int64_t p = 0; p + 1 < input.points; ++p) {
        const double* from = observed + p * tileUnits;
        const double* scale = spread.data() + place.firstUnit() + p * spread.cols();
        for (std::int64_t u = 0; u < tileUnits; ++u) {
            const auto i = static_cast<std::size_t>(u);
            const double z = scale[u] > 0 ? (from[tileUnits + u] - from[u]) / scale[u] : 0.0;
            const double innovation = z - phi[u] * before[i];
            const double sign = (signs[static_cast<std::size_t>(p)] >> u & 1) != 0 ? -1.0 : 1.0;
            flipped[i] = phi[u] * flipped[i] + sign * innovation;
            before[i] = z;
            path[(p + 1) * tileUnits + u] = path[p * tileUnits + u] + scale[u] * flipped[i];
        }
    }
}

}  // namespace rheo
