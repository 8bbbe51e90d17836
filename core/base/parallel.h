#pragma once

#include <cstdint>
#include <functional>

#include "core/base/progress.h"

namespace rheo {

/// Number of threads to use where the caller asked for `requested` (0: as setDefaultThreads says).
int resolveThreads(int requested);
/// What all get that ask for no number of their own, from now on; 0, as at first: one per core.
void setDefaultThreads(int threads);

/// Calls `body(begin, end)` over [0, count) in pieces of at most `grain` on `threads` threads (0: one
/// per core), the caller's included. Pieces are handed out in order; which thread runs one is not
/// fixed, so a body whose result depends on order must write to its own place. Checks `progress`
/// for a stop before each piece and reports nothing. The first exception is rethrown after all
/// threads ended; no further piece is started after it.
///
/// Bodies may call this again, and any number of threads may, also in a forked child: a caller never waits
/// for a thread to come, only for pieces that run. The threads stay, asleep, for later calls, as many as one
/// call asked for at most; so a body that sets something of its thread puts it back.
void parallelFor(std::int64_t count, std::int64_t grain, int threads, const Progress& progress,
                 const std::function<void(std::int64_t begin, std::int64_t end)>& body);

}  // namespace rheo
