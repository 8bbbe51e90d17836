#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/analysis/null_table.h"
#include "core/base/wide.h"

namespace rheo {

namespace {

/// The first column of a random orthogonal circulant matrix of `steps` columns, twice in a row. A circulant
/// matrix multiplies each frequency k of the Fourier transform by one number; here that is exp(i phase), with
/// a uniform phase for each pair k and steps - k, a random sign at k = steps / 2 where steps is even, and 1
/// at k = 0, which keeps the mean step.
void drawColumn(RandomStream random, std::int64_t steps, std::vector<double>& column) {
    const auto n = static_cast<std::size_t>(steps);
    thread_local std::vector<double> cosines, sines;
    cosines.resize(n);
    sines.resize(n);
    const double turn = 2 * std::numbers::pi / static_cast<double>(steps);
    for (std::size_t j = 0; j < n; ++j) {
        cosines[j] = std::cos(turn * static_cast<double>(j));
        sines[j] = std::sin(turn * static_cast<double>(j));
    }
    column.assign(2 * n, 1.0);
    for (std::size_t k = 1; 2 * k <= n; ++k) {
        const bool alone = 2 * k == n;
        const double phase = 2 * std::numbers::pi * random.uniform(),
                     real = alone ? random.sign() : 2 * std::cos(phase),
                     imaginary = alone ? 0.0 : 2 * std::sin(phase);
        for (std::size_t j = 0; j < n; ++j)
            column[j] += real * cosines[j * k % n] - imaginary * sines[j * k % n];
    }
    for (std::size_t j = 0; j < n; ++j) column[j + n] = column[j] /= static_cast<double>(n);
}

/// The sum of the steps times the circulant matrix, both [point, 64].
RHEO_WIDE void walkMixed(const double* observed, std::int64_t points, const double* column, double* path) {
    const std::int64_t steps = points - 1;
    for (std::int64_t p = 0; p < steps; ++p) {
        double step[tileUnits] = {};
        for (std::int64_t q = 0; q < steps; ++q) {
            const double share = column[steps + p - q];
            const double* from = observed + q * tileUnits;
            for (std::int64_t u = 0; u < tileUnits; ++u) step[u] += share * (from[tileUnits + u] - from[u]);
        }
        const double* here = path + p * tileUnits;
        double* next = path + (p + 1) * tileUnits;
        for (std::int64_t u = 0; u < tileUnits; ++u) next[u] = here[u] + step[u];
    }
}

void shufflePhases(const NullInput& input, const TilePlace& place, const double* observed, double* path) {
    thread_local std::vector<double> column;
    drawColumn(input.sharedRandomOf(place.repeat, place.row), input.points - 1, column);
    walkMixed(observed, input.points, column.data(), path);
}

}  // namespace

/// Theiler et al. 1992 (doi:10.1016/0167-2789(92)90102-S); phases shared by the units as in Prichard and
/// Theiler 1994 (doi:10.1103/PhysRevLett.73.951). Costs steps^2 multiplications a path.
constinit const NullSpec null_specs::PhaseShuffle{
    .name = "phase_shuffle",
    .shows =
        "random phases of the Fourier transform over depth of the steps of each row, shared by its units",
    .inWords = "paths whose steps have the spectrum over depth and the correlations across units of the data",
    .nanoseconds = 2,
    .leastPoints = 3,
    .makeTile = shufflePhases,
};

}  // namespace rheo
