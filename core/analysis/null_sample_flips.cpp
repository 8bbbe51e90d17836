#include "core/analysis/null_persistent.h"
#include "core/analysis/null_table.h"

namespace rheo {

namespace {

void flipSteps(const NullInput& input, const TilePlace& place, const double*, double* path) {
    flipSigns(path, input.points, sampleSigns(input, place, true).data());
}

void flipShared(const NullInput& input, const TilePlace& place, const double* observed, double* path) {
    flipInnovations(input, place, sampleSigns(input, place, true), observed, path);
}

void flipByUnit(const NullInput& input, const TilePlace& place, const double* observed, double* path) {
    flipInnovations(input, place, sampleSigns(input, place, false), observed, path);
}

}  // namespace

constinit const NullSpec null_specs::StepSignFlip{
    .name = "step_sign_flip",
    .shows = "a random sign for each sample and step, shared by the units",
    .inWords = "a random walk whose steps are correlated across units as in the data",
    .nanoseconds = 0.3,
    .usesSamples = true,
    .makeTile = flipSteps,
};

constinit const NullSpec null_specs::PersistentFlip{
    .name = "persistent_flip",
    .shows = "a random sign for each sample and step, shared by the units, of what is new in the step",
    .inWords = "a random walk whose steps are correlated across units and over depth as in the data",
    .series = 6,
    .nanoseconds = 3,
    .moments = StepMomentKind::PersistenceAboutZero,
    .usesSamples = true,
    .makeTile = flipShared,
};

constinit const NullSpec null_specs::PersistentUnitFlip{
    .name = "persistent_unit_flip",
    .shows = "a random sign for each sample, step and unit, of what is new in the step",
    .inWords = "a random walk whose steps are correlated over depth as in the data",
    .series = 6,
    .nanoseconds = 6,
    .moments = StepMomentKind::PersistenceAboutZero,
    .usesSamples = true,
    .makeTile = flipByUnit,
};

}  // namespace rheo
