#pragma once

#include <cstdint>
#include <optional>

#include "core/analysis/null_table.h"
#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

/// Makes the paths that a statistic sees, as observed or as surrogates: raw, in float64. What it makes
/// depends on (seed, repeat, row) alone, not on blocks, tiles or threads. Const functions may be called
/// from several threads.
class PathMaker {
public:
    /// Observed paths.
    explicit PathMaker(const RowSource& rows);
    /// Surrogates. Reads all rows once where the null needs moments of the steps.
    PathMaker(const RowSource& rows, NullKind kind, std::uint64_t seed, int threads, Progress& progress);
    /// One that has read nothing and makes nothing, for forecasts.
    static PathMaker unread(const RowSource& rows, NullKind kind);

    /// The units of one tile of a row, raw [point, unit] as the source gives it: [point, 64]; units that are
    /// not there are 0.
    void readTile(const float* raw, std::int64_t tile, double* observed) const;
    /// Path of row `row` over the units of one tile, [point, 64], from what readTile gave for it.
    void makeTile(const double* observed, std::int64_t repeat, std::int64_t row, std::int64_t tile,
                  double* path) const;
    /// The same over all units of a raw row: [point, unit].
    void makeRow(const float* raw, std::int64_t repeat, std::int64_t row, Eigen::Ref<MatrixD> path) const;

    /// Nulls that mix rows or units are made in blocks of whole rows, one repeat after the other:
    /// startRepeat, then makeBlock in place of the two above.
    bool byBlock() const { return m_spec != nullptr && m_spec->makeBlock != nullptr; }
    /// Single states that makeBlock reads for each row; 0 where it reads the row as a whole.
    std::int64_t statesPerRow() const;
    /// May hold a row number for each step and row: rows * points * 4 bytes.
    void startRepeat(std::int64_t repeat);
    /// Paths of rows first .. first + count - 1, [row * point, unit].
    void makeBlock(std::int64_t first, std::int64_t count, MatrixD& paths, const Progress& progress) const;

private:
    PathMaker(const RowSource& rows, const NullSpec* spec, std::uint64_t seed);

    const NullSpec* m_spec;  ///< nullptr: observed
    NullInput m_input;
    std::int64_t m_repeat = 0;
    StepOrigins m_origins;  ///< of this repeat
};

}  // namespace rheo
