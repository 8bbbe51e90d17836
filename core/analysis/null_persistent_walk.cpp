#include <cmath>

#include "core/analysis/null_table.h"

namespace rheo {

namespace {

/// A permutation of the samples for each step: rows of a sampling unit take the steps of rows of one other,
/// so that they stay alike.
StepOrigins drawSamples(const NullInput& input, std::int64_t repeat) {
    const auto& units = input.samples.rows;
    StepOrigins origins;
    for (std::int64_t p = 0; p + 1 < input.points; ++p) {
        RandomStream random(input.seed, static_cast<std::uint64_t>(repeat * input.points + p));
        const auto order = random.permutation(static_cast<std::int32_t>(input.samples.count()));
        auto& from = origins.emplace_back(static_cast<std::size_t>(input.rows.view().rowCount()));
        for (std::size_t unit = 0; unit < units.size(); ++unit) {
            const auto& here = units[unit];
            const auto& there = units[static_cast<std::size_t>(order[unit])];
            for (std::size_t i = 0; i < here.size(); ++i)
                from[static_cast<std::size_t>(here[i])] = static_cast<std::int32_t>(there[i % there.size()]);
        }
    }
    return origins;
}

void walk(const NullInput& input, const BlockPlace& place, const StepOrigins& origins, MatrixD& paths,
          const Progress& progress) {
    using Row = Eigen::Array<double, 1, Eigen::Dynamic>;
    const std::int64_t units = input.units;
    const auto samples = static_cast<double>(input.samples.count());
    // The mean step that is removed was measured on these rows, and took a part of their spread with it.
    const double whole = samples > 1 ? std::sqrt(samples / (samples - 1)) : 0.0;
    const Row phi = input.moments.persistence.head(units).transpose().array();
    MatrixF before(1, units), here(1, units), next(1, units);
    const auto standardized = [&](const MatrixF& from, const MatrixF& to, std::int64_t p) -> Row {
        const Row spread = input.moments.spread.row(p).head(units).array();
        const Row step = (to.cast<double>() - from.cast<double>()).array().row(0) -
                         input.moments.mean.row(p).head(units).array();
        return (spread > 0).select(step / spread, 0.0);
    };
    for (std::int64_t n = 0; n < place.count; ++n) {
        progress.check();
        const std::int64_t row = place.first + n, start = n * input.points;
        input.rows.readState(row, 0, here.data());
        paths.row(start) = here.cast<double>();
        Row z = Row::Zero(units);
        for (std::int64_t p = 0; p + 1 < input.points; ++p) {
            const std::int64_t from = origins[static_cast<std::size_t>(p)][static_cast<std::size_t>(row)];
            input.rows.readState(from, p, here.data());
            input.rows.readState(from, p + 1, next.data());
            Row innovation = standardized(here, next, p);
            if (p > 0) {
                input.rows.readState(from, p - 1, before.data());
                innovation -= phi * standardized(before, here, p - 1);
            }
            z = phi * z + whole * innovation;
            paths.row(start + p + 1).array() =
                paths.row(start + p).array() + input.moments.spread.row(p).head(units).array() * z;
        }
    }
}

}  // namespace

constinit const NullSpec null_specs::PersistentWalk{
    .name = "persistent_walk",
    .shows =
        "what is new in each step from another sample, drawn anew for each step and shared by the "
        "units; without the mean step",
    .inWords = "a random walk whose steps are correlated across units and over depth as in the data",
    .series = 6,
    .nanoseconds = 9,
    .leastRows = 2,
    .moments = StepMomentKind::Persistence,
    .usesSamples = true,
    .makeBlock = walk,
    .drawOrigins = drawSamples,
    .statesPerRow = [](std::int64_t points) { return 3 * points - 3; },
};

}  // namespace rheo
