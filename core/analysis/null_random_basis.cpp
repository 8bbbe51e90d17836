#include <algorithm>

#include "core/analysis/null_table.h"
#include "core/analysis/random_basis.h"

namespace rheo {

namespace {

void rotate(const NullInput& input, const BlockPlace& place, const StepOrigins&, MatrixD& paths,
            const Progress& progress) {
    std::vector<float> buffer;
    const float* raw = input.rows.read(place.first, place.count, buffer, progress);
    for (std::int64_t n = 0; n < place.count; ++n) {
        progress.check();
        paths.middleRows(n * input.points, input.points) =
            Eigen::Map<const MatrixF>(raw + n * input.points * input.units, input.points, input.units)
                .cast<double>();
    }
    const auto stream = static_cast<std::uint64_t>(place.repeat);
    const auto& masked = input.rows.view().maskedUnits;
    if (masked.empty()) {
        applyRandomBasis(paths, input.seed, stream, progress);
        return;
    }
    std::vector<Eigen::Index> used;
    for (Eigen::Index u = 0; u < input.units; ++u)
        if (!std::binary_search(masked.begin(), masked.end(), u)) used.push_back(u);
    MatrixD packed = paths(Eigen::all, used);
    applyRandomBasis(packed, input.seed, stream, progress);
    paths(Eigen::all, used) = packed;
}

}  // namespace

/// Costs 2 units^2 multiplications a state, in BLAS.
constinit const NullSpec null_specs::RandomBasis{
    .name = "random_basis",
    .shows = "a control: states times a random orthogonal matrix (of the units not masked)",
    .inWords = "the same paths in a random basis",
    .nanoseconds = 45,
    .leastPoints = 1,
    .makeBlock = rotate,
};

}  // namespace rheo
