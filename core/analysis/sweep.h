#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/analysis/row_source.h"
#include "core/analysis/surrogates.h"
#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

/// Paths of a few rows over the units of one tile, scaled as the view says.
struct TileBatch {
    std::int64_t tile = 0;      ///< its units are tile * 64 and on
    std::int64_t firstRow = 0;  ///< of the source
    std::int64_t rows = 0;
    std::int64_t points = 0;
    const double* paths = nullptr;  ///< [row, point, 64], aligned to 64 bytes; units that are not there are 0
    const double* rms = nullptr;  ///< [row, point] over all used units, scaled; for a statistic that needs it
};

/// A statistic of each unit on its own, summed over rows. Rows of a tile come in order, from one thread at a
/// time; different tiles may come from different threads, so each writes to its own place.
class UnitStatistic {
public:
    virtual ~UnitStatistic() = default;
    virtual void open(std::int64_t tile) = 0;
    virtual void add(const TileBatch& batch) = 0;
    /// All rows came. What takes long here asks `progress` for a stop.
    virtual void close(std::int64_t tile, const Progress& progress) = 0;
    virtual bool needsRms() const { return false; }
    /// Bytes held between open and close of one tile.
    virtual std::size_t tileBytes() const = 0;
    /// How many units of a tile fit into `bytes`, at least 1. Where fewer than all do, a tile is opened, fed
    /// and closed again and again: for units first, first + 1 .. of the 64 after each takeUnits(first,
    /// count).
    virtual std::int64_t unitsWithin(std::size_t /*bytes*/) const { return 64; }
    virtual void takeUnits(std::int64_t /*first*/, std::int64_t /*count*/) {}
};

/// A statistic of whole rows. They come in bands, one after the other; within one in any order and from
/// several threads: each writes to its own place.
class RowStatistic {
public:
    virtual ~RowStatistic() = default;
    virtual void open(std::int64_t /*firstRow*/, std::int64_t /*rows*/) {}
    /// `path` is [point, unit], scaled.
    virtual void add(std::int64_t row, const MatrixD& path) = 0;
    /// All rows of the band came.
    virtual void close() {}
    /// Rows of a band, at most.
    static constexpr std::int64_t bandRows = 256;
};

/// A statistic of all states together. They come in order, from one thread at a time.
class StateStatistic {
public:
    virtual ~StateStatistic() = default;
    /// Makes its room ready, before the first states.
    virtual void open(int threads) = 0;
    /// `states` is [state, unit], scaled: whole rows, point by point. They may be changed.
    virtual void add(Eigen::Ref<MatrixD> states, int threads) = 0;
};

/// Paths that a maker makes, and who is fed them.
struct Feed {
    PathMaker* maker = nullptr;
    std::int64_t repeat = 0;
    std::vector<UnitStatistic*> units = {};
    std::vector<RowStatistic*> rows = {};
    StateStatistic* states = nullptr;
};

struct SweepOptions {
    int threads = 0;
    std::size_t memoryBytes = std::size_t{512} << 20;  ///< for blocks and open tiles, beside a held source
};

/// Feeds all of them. Goes over the source once where the open tiles fit into the memory, else once for as
/// many tiles, or units of one, as do; what is made by block is made alone, and goes over it again. Results
/// do not depend on the number of threads. Throws what reading the trace throws.
void sweep(const RowSource& source, std::span<const Feed> feeds, const SweepOptions& options,
           Progress& progress);

/// Feeds states to a statistic of all states, as often as it is called.
using FeedStates = std::function<void(StateStatistic& statistic, Progress& progress)>;
/// Those of the paths of one maker. The source and the maker must outlive it.
FeedStates feedStatesOf(const RowSource& source, PathMaker& maker, std::int64_t repeat,
                        const SweepOptions& options);

/// How often it goes over a source that is not held, in whole rows, and how many single states it picks.
struct SweepReads {
    std::int64_t rows = 0, states = 0;
};
SweepReads sweepReads(const RowSource& source, std::span<const Feed> feeds, const SweepOptions& options);

}  // namespace rheo
