#include "core/analysis/null_table.h"

namespace rheo {

namespace {

StepOrigins drawRows(const NullInput& input, std::int64_t repeat) {
    StepOrigins origins;
    for (std::int64_t p = 0; p + 1 < input.points; ++p) {
        RandomStream random(input.seed, static_cast<std::uint64_t>(repeat * input.points + p));
        origins.push_back(random.permutation(static_cast<std::int32_t>(input.rows.view().rowCount())));
    }
    return origins;
}

void takeSteps(const NullInput& input, const BlockPlace& place, const StepOrigins& origins, MatrixD& paths,
               const Progress& progress) {
    MatrixF here(1, input.units), next(1, input.units);
    for (std::int64_t n = 0; n < place.count; ++n) {
        progress.check();
        const std::int64_t row = place.first + n, start = n * input.points;
        input.rows.readState(row, 0, here.data());
        paths.row(start) = here.cast<double>();
        for (std::int64_t p = 0; p + 1 < input.points; ++p) {
            const std::int64_t from = origins[static_cast<std::size_t>(p)][static_cast<std::size_t>(row)];
            input.rows.readState(from, p, here.data());
            input.rows.readState(from, p + 1, next.data());
            paths.row(start + p + 1) = paths.row(start + p) + (next.cast<double>() - here.cast<double>());
        }
    }
}

}  // namespace

constinit const NullSpec null_specs::RowShuffle{
    .name = "row_shuffle",
    .shows = "a permutation of the rows for each step, shared by all units",
    .inWords = "paths whose steps each come from another row",
    .series = 5,
    .nanoseconds = 3,
    .leastRows = 2,
    .makeBlock = takeSteps,
    .drawOrigins = drawRows,
    .statesPerRow = [](std::int64_t points) { return 2 * points - 1; },
};

}  // namespace rheo
