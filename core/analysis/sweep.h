#pragma once

#include <cstddef>
#include <cstdint>
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
    virtual void close(std::int64_t tile) = 0;
    virtual bool needsRms() const { return false; }
    /// Bytes held between open and close of one tile.
    virtual std::size_t tileBytes() const = 0;
};

/// A statistic of whole rows. Rows come in any order, from several threads: each writes to its own place.
class RowStatistic {
public:
    virtual ~RowStatistic() = default;
    /// `path` is [point, unit], scaled.
    virtual void add(std::int64_t row, const MatrixD& path) = 0;
};

/// What is to be fed the paths of one repeat.
struct Watchers {
    std::vector<UnitStatistic*> units;
    std::vector<RowStatistic*> rows;
};

struct SweepOptions {
    int threads = 0;
    std::size_t memoryBytes = std::size_t{512} << 20;  ///< for blocks and open tiles, beside a held source
};

/// Feeds repeats firstRepeat, firstRepeat + 1, ... that `maker` makes, the i-th to repeats[i]. Goes over the
/// source once where the open tiles fit into the memory, else once for as many tiles as do. Results do not
/// depend on the number of threads. Throws what reading the trace throws.
void sweep(const RowSource& source, PathMaker& maker, std::span<const Watchers> repeats,
           std::int64_t firstRepeat, const SweepOptions& options, Progress& progress);

}  // namespace rheo
