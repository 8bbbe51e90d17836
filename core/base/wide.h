#pragma once

#include <cstdint>
#include <cstring>

// One program runs on every x86-64, and uses the wide registers where there are some: a function marked
// RHEO_WIDE is compiled once for each, and the loader chooses (which sanitizers cannot follow).
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define RHEO_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define RHEO_WIDE
#endif
/// For what a RHEO_WIDE function calls: only inside of it is it compiled for the wide registers.
#define RHEO_INSIDE [[gnu::always_inline]] inline

namespace rheo {

/// Eight doubles, and eight whole numbers or masks (0 or -1), that are computed with side by side:
/// arithmetic, comparison and `mask ? a : b` work on each. A register of AVX-512; two or four of a narrower
/// one.
using Lanes = double __attribute__((vector_size(64)));
using LaneBits = std::int64_t __attribute__((vector_size(64)));
using LaneWords = std::uint64_t __attribute__((vector_size(64)));
constexpr int laneCount = 8;

RHEO_INSIDE void loadLanes(const double* from, Lanes& to) {
    std::memcpy(&to, from, sizeof to);
}
RHEO_INSIDE void storeLanes(const Lanes& from, double* to) {
    std::memcpy(to, &from, sizeof from);
}

}  // namespace rheo
