#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/analysis/lanes.h"
#include "core/analysis/row_source.h"
#include "core/analysis/sampling_units.h"
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
    StepSignFlip,      ///< a sign for each sample and step, shared by the units
    /// The three that keep how steps depend on the steps before: a step of a unit is its RMS over rows times
    /// z, and z[p] = phi z[p-1] + w[p], phi a number for each unit: an autoregressive process of order 1
    /// whose correlations over four lags (or a quarter of the steps) are closest to those of z. What is
    /// random are the innovations w:
    PersistentFlip,      ///< a sign for each sample and step, shared by the units
    PersistentUnitFlip,  ///< a sign for each sample, step and unit
    PersistentWalk,      ///< taken from another sample, drawn anew for each step, shared by the units; about
                         ///< the mean step over rows, which is removed
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
    /// Reads all rows once where the kind needs moments of the steps (needsMoments).
    PathMaker(const RowSource& rows, NullKind kind, std::uint64_t seed, int threads, Progress& progress);
    /// One that has read nothing and makes nothing, for forecasts.
    static PathMaker unread(const RowSource& rows, NullKind kind);
    static bool needsMoments(NullKind kind);

    std::optional<NullKind> kind() const { return m_kind; }

    /// The units of one tile of a row, raw [point, unit] as the source gives it: [point, 64]; units that are
    /// not there are 0.
    void readTile(const float* raw, std::int64_t tile, double* asItIs) const;
    /// Path of row `row` over the units of one tile, [point, 64], from what readTile gave for it.
    void makeTile(const double* asItIs, std::int64_t repeat, std::int64_t row, std::int64_t tile,
                  double* path) const;
    /// The same over all units of a raw row: [point, unit].
    void makeRow(const float* raw, std::int64_t repeat, std::int64_t row, Eigen::Ref<MatrixD> path) const;

    /// row_shuffle, persistent_walk and random_basis mix rows or units, and are made in blocks of whole rows,
    /// one repeat after the other: startRepeat, then makeBlock in place of the two above.
    bool byBlock() const;
    /// Single states that makeBlock reads for each row; 0 where it reads the row as a whole.
    std::int64_t statesPerRow() const;
    /// Holds a permutation of the rows for each step: rows * points * 4 bytes.
    void startRepeat(std::int64_t repeat);
    /// Paths of rows first .. first + count - 1, [row * point, unit]. row_shuffle and persistent_walk read
    /// single states of other rows. random_basis costs 2 units^2 a state, in BLAS.
    void makeBlock(std::int64_t first, std::int64_t count, MatrixD& paths, const Progress& progress) const;

private:
    void sumSteps(int threads, Progress& progress);
    std::uint64_t streamOf(std::int64_t repeat, std::int64_t row, std::int64_t tile) const;
    void flipTile(const double* asItIs, std::int64_t repeat, std::int64_t row, std::int64_t tile,
                  double* path) const;
    void shuffleRows(std::int64_t first, std::int64_t count, MatrixD& paths, const Progress& progress) const;
    void walkPersistently(std::int64_t first, std::int64_t count, MatrixD& paths,
                          const Progress& progress) const;
    void turnBasis(std::int64_t first, std::int64_t count, MatrixD& paths, const Progress& progress) const;

    const RowSource& m_rows;
    std::optional<NullKind> m_kind;
    std::uint64_t m_seed = 0;
    std::int64_t m_points = 0, m_units = 0, m_tiles = 0;
    /// Where needsMoments; unit columns are padded to whole tiles with 0.
    MatrixD m_meanStep;       ///< [step, unit] over rows
    MatrixD m_stepSpread;     ///< [step, unit]: SD over rows about the mean, or RMS for persistent flips
    VectorD m_persistence;    ///< [unit], phi
    SamplingUnits m_sampled;  ///< which rows share their signs, and are exchanged together
    std::int64_t m_repeat = 0;
    std::vector<std::vector<std::int32_t>> m_order;  ///< row_shuffle, persistent_walk: [step][row]
};

}  // namespace rheo
