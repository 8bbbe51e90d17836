#pragma once

#include <cstdint>
#include <vector>

#include "core/analysis/trace_view.h"

namespace rheo {

/// What is drawn as one in resampling, and keeps its random signs together in surrogates: the rows of a
/// sample, and of all samples of a group, which depend on each other.
struct SamplingUnits {
    std::vector<std::int32_t> ofRow;              ///< for each row of the view, numbered from 0 without gaps
    std::vector<std::vector<std::int64_t>> rows;  ///< of each unit, ascending
    std::int64_t count() const { return static_cast<std::int64_t>(rows.size()); }
};
SamplingUnits samplingUnits(const TraceView& view);

/// Units in the first half of a random order, floor(count / 2) of them: half number `half` of `seed`.
/// [unit], 1 where it is drawn.
std::vector<std::uint8_t> drawHalf(std::int64_t count, std::uint64_t seed, std::uint64_t half);

}  // namespace rheo
