#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/analysis/lanes.h"
#include "core/analysis/row_source.h"
#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

/// Surrogates of a trace (ANALYSES: Nulls): each keeps some structure and breaks the one under test.
enum class NullKind {
    DepthShuffle,      ///< an independent permutation of the points for each row and unit
    IncrementShuffle,  ///< one permutation of the steps a row, shared by its units
    SignFlip,          ///< an independent sign for each row, step and unit
    GaussianWalk,      ///< independent Gaussian steps of the variance over rows of each step and unit
    RowShuffle,        ///< for each step a permutation of the rows, shared by all units
    RandomBasis,       ///< a control: states times a Haar orthogonal matrix (of the units not masked)
};
std::string_view nullName(NullKind kind);
std::optional<NullKind> parseNull(std::string_view name);
/// Names of all of them, for messages.
std::vector<std::string_view> nullNames();

/// Makes the paths that a statistic sees, as they are or as surrogates: raw, in float64. What it makes
/// depends on (seed, repeat, row) alone, not on blocks, tiles or threads. Const functions may be called
/// from several threads.
class PathMaker {
public:
    /// Paths as they are.
    explicit PathMaker(const RowSource& rows);
    /// Reads all rows once for gaussian_walk.
    PathMaker(const RowSource& rows, NullKind kind, std::uint64_t seed, int threads, Progress& progress);

    std::optional<NullKind> kind() const { return m_kind; }

    /// The units of one tile of a row, raw [point, unit] as the source gives it: [point, 64]; units that are
    /// not there are 0.
    void readTile(const float* raw, std::int64_t tile, double* asItIs) const;
    /// Path of row `row` over the units of one tile, [point, 64], from what readTile gave for it.
    void makeTile(const double* asItIs, std::int64_t repeat, std::int64_t row, std::int64_t tile,
                  double* path) const;
    /// The same over all units of a raw row: [point, unit].
    void makeRow(const float* raw, std::int64_t repeat, std::int64_t row, Eigen::Ref<MatrixD> path) const;

    /// row_shuffle and random_basis mix rows or units, and are made in blocks of whole rows, one repeat after
    /// the other: startRepeat, then makeBlock in place of the two above.
    bool byBlock() const;
    /// Holds a permutation of the rows for each step: rows * points * 4 bytes.
    void startRepeat(std::int64_t repeat);
    /// Paths of rows first .. first + count - 1, [row * point, unit]. row_shuffle reads a state a step and
    /// row from the trace where it is not held. random_basis costs 2 units^2 a state, in BLAS.
    void makeBlock(std::int64_t first, std::int64_t count, MatrixD& paths, const Progress& progress) const;

private:
    void sumSteps(int threads, Progress& progress);
    std::uint64_t streamOf(std::int64_t repeat, std::int64_t row, std::int64_t tile) const;

    const RowSource& m_rows;
    std::optional<NullKind> m_kind;
    std::uint64_t m_seed = 0;
    std::int64_t m_points = 0, m_units = 0, m_tiles = 0;
    MatrixD m_stepSd;  ///< gaussian_walk: [step, unit]
    std::int64_t m_repeat = 0;
    std::vector<std::vector<std::int32_t>> m_order;  ///< row_shuffle: [step][row]
};

}  // namespace rheo
