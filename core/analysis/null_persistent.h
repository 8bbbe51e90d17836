#pragma once

#include "core/analysis/null.h"

/// Nulls that keep how steps depend on the steps before: a step of a unit is its spread over rows times z,
/// and z[p] = phi z[p-1] + w[p], phi a number for each unit (StepMoments). What is random are the innovations
/// w.
namespace rheo {

/// For each step a word whose bit u is the sign of unit u of 64: random, and where `shared` all units of a
/// step have one. Rows of a sampling unit share their signs. Valid until the next call on this thread.
const std::vector<std::uint64_t>& sampleSigns(const NullInput& input, const TilePlace& place, bool shared);

/// Flips the sign of the innovations where a bit of `signs` [step] is set.
void flipInnovations(const NullInput& input, const TilePlace& place, const std::vector<std::uint64_t>& signs,
                     const double* observed, double* path);

}  // namespace rheo
