#pragma once

#include <span>

#include "core/analysis/sweep.h"

namespace rheo {

/// Who is fed, where several ranks share a sweep.
enum class FedBy {
    This,       ///< this rank
    Elsewhere,  ///< another rank; here it counts only where the work is laid out
    Shared,     ///< all ranks; statistics of units get the tiles that the rank takes (tile_ranks.h)
};

/// As sweep, of feeds that several ranks share; sweep itself shares all of them. Every rank gives all of
/// them, so that each lays the work out in the same way (blocks, batches), and so to the same bits, whatever
/// the number of ranks.
void sweepOfRanks(const RowSource& source, std::span<const Feed> feeds, std::span<const FedBy> fedBy,
                  const SweepOptions& options, Progress& progress);

}  // namespace rheo
