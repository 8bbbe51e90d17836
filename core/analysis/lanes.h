#pragma once

#include <cstdint>

/// The innermost loops: what is done to the paths of 64 units, or to samples in order, several numbers side
/// by side. One program runs on every x86-64: each loop is compiled for three kinds of registers, and the
/// processor decides which runs.
namespace rheo {

/// Units are worked on in tiles of this many: a path of 65 points over one tile stays in the first cache.
constexpr std::int64_t tileUnits = 64;
inline std::int64_t tileCount(std::int64_t units) {
    return (units + tileUnits - 1) / tileUnits;
}

/// Measures of 64 paths, [unit].
struct alignas(64) TileRotation {
    double turning[tileUnits], winding[tileUnits], slope[tileUnits], centreX[tileUnits], centreY[tileUnits];
    std::int64_t undefined = 0;
};

/// Rotation measures of `path`, [point, 64], at least 3 points.
void rotateTile(const double* path, std::int64_t points, TileRotation& out);

/// Products of four points by four are summed in registers: a block is [4, 4, 64].
constexpr std::int64_t blockPoints = 4;
constexpr std::int64_t blockSize = blockPoints * blockPoints * tileUnits;

/// Fours of points, the last one filled up.
inline std::int64_t blocksOf(std::int64_t points) {
    return (points + blockPoints - 1) / blockPoints;
}

/// The number of the block of products of points 4 i .. 4 i + 3 with 4 j .. 4 j + 3, i <= j; without `all`,
/// there are only those with i >= j - 1.
inline std::int64_t blockAt(std::int64_t i, std::int64_t j, bool all) {
    return all ? j * (j + 1) / 2 + i : j + i;
}

/// How many of them there are.
inline std::int64_t productBlocks(std::int64_t points, bool all) {
    const std::int64_t last = blocksOf(points) - 1;
    return blockAt(last, last, all) + 1;
}

/// Rows first .. first + rows - 1 of at most `mostRows`: `paths` [row, point, 64] less `shift` [point, 64],
/// into `packed`, doubles for [mostRows, 4 * blocksOf(points), 64], which are 0 to begin with; and onto
/// `sums` [point, 64].
void packPoints(const double* paths, std::int64_t rows, std::int64_t points, const double* shift,
                double* sums, double* packed, std::int64_t firstRow, std::int64_t mostRows);

/// Adds the products of points with points over the first `rows` of `packed` to `products`, doubles for
/// [productBlocks, blockSize]; only those next to the diagonal unless `all`.
///
/// Bound by computing as long as a register's worth of `packed` stays in the second-level cache; the products
/// go through it once a call.
void addProducts(const double* packed, std::int64_t rows, std::int64_t mostRows, std::int64_t points,
                 bool all, double* products);

/// Correlations over `rows` rows of points with points, of the first `units` of 64, from their sums and
/// products. `neighbours` [point - 1, 64]: of a point with the next one, NaN where nothing varies; with
/// `all`, `total` and `counts` [point, point], the upper triangle: what those that are not NaN are added to.
/// `spread` is room for [point, 8].
void correlateTile(const double* products, const double* sums, std::int64_t rows, std::int64_t points,
                   std::int64_t units, bool all, double* spread, double* neighbours, double* total,
                   double* counts);

/// Turns steps of `path` [point, 64] round and sums them up again: where bit u of `bits` [point - 1] is set,
/// that of unit u.
void flipSigns(double* path, std::int64_t points, const std::uint64_t* bits);

/// A walk from the first point of `path` [point, 64] with normal steps of the standard deviations `sd` [step,
/// stride], from uniform `bits` [step, 64] by the transform of Box and Muller: two uniform numbers give two
/// normal ones.
void walkGaussian(double* path, std::int64_t points, std::int64_t units, const double* sd,
                  std::int64_t stride, const std::uint64_t* bits);

/// Samples in order are looked at in blocks: arrays of them have this much room before and behind.
constexpr std::int64_t sampleMargin = 24;

/// Of the samples first .. end - 1 of N, in the order of x: the `distance` to the k-th nearest other one, the
/// larger of both coordinates', and how many others are `closer` than that in x. [N] each, N > k, 1 <= k <=
/// 32, with margins: of x, -infinity before and infinity behind; of y, any finite numbers; of results,
/// written up to 7 beyond the end.
///
/// A register of samples looks outwards until what is left is farther from each of them in x alone: at about
/// (k N)^0.5 others, N at worst, and no branch depends on a single one. Bound by computing: for k = 3, nine
/// instructions an other, and four to count.
void nearestNeighbours(const double* x, const double* y, std::int64_t first, std::int64_t end, int k,
                       double* distance, std::int32_t* closer);

/// How many of the N `sorted` values, with margins of -infinity and infinity, are `closer` than `distance` to
/// each of first .. end - 1, itself left out. [N] each, read and written up to 7 beyond the end. Looks at as
/// many as are closer to the one of a register that has most, 128 on either side, and halves beyond.
void countCloser(const double* sorted, std::int64_t n, const double* distance, std::int64_t first,
                 std::int64_t end, std::int32_t* closer);

}  // namespace rheo
