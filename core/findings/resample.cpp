// Products of matrices run in BLAS, as in covariance.cpp.
#define EIGEN_USE_BLAS
#include "core/findings/resample.h"

#include <Eigen/Dense>
#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "core/analysis/covariance.h"
#include "core/analysis/lanes.h"
#include "core/analysis/tile_ranks.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/statistics/density.h"
#include "core/statistics/motion.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
/// Rows of a tile whose products with the weights are taken at once.
constexpr std::int64_t batchRows = 64;
/// Resamples that are worked on at once, between two looks for a stop.
constexpr Eigen::Index batchResamples = 128;

/// Sums over rows of `values` [row, column], weighted: [B, column].
MatrixD weightedSums(const HalfWeights& weights, const MatrixD& values, const Progress& progress) {
    MatrixD sums = MatrixD::Zero(weights.totals().size(), values.cols());
    for (Eigen::Index n = 0; n < values.rows(); n += batchRows) {
        progress.check();
        const Eigen::Index count = std::min<Eigen::Index>(batchRows, values.rows() - n);
        sums.noalias() += weights.of(n, count) * values.middleRows(n, count);
    }
    return sums;
}

/// Weighted means over rows, NaN left out.
MatrixD weightedMeans(const HalfWeights& weights, const MatrixD& values, const Progress& progress) {
    const MatrixD zeros = MatrixD::Zero(values.rows(), values.cols());
    const auto undefined = values.array().isNaN();
    return weightedSums(weights, undefined.select(zeros, values), progress).array() /
           weightedSums(weights, undefined.select(zeros, MatrixD::Ones(values.rows(), values.cols())),
                        progress)
               .array();
}

/// What differs from unit to unit, of each resample: correlation from step to step, turns of rows, and turns
/// of the mean path. Sums over rows are products of the weights with batches of rows.
class UnitResampler final : public UnitStatistic {
public:
    UnitResampler(const RowSource& source, const HalfWeights& weights, const Progress& progress)
        : m_source(source),
          m_weights(weights),
          m_progress(progress),
          m_resamples(weights.totals().size()),
          m_points(source.view().pointCount()),
          m_tiles(static_cast<std::size_t>(tileCount(source.view().unitCount()))) {}

    std::size_t tileBytes() const override {
        return static_cast<std::size_t>((m_resamples + batchRows) * columns()) * sizeof(double);
    }

    void open(std::int64_t which) override {
        Tile& tile = m_tiles[static_cast<std::size_t>(which)];
        tile.sums = MatrixD::Zero(m_resamples, columns());
        tile.batch.resize(batchRows, columns());
        tile.shift.clear();
        tile.held = 0;
    }

    void add(const TileBatch& batch) override {
        Tile& tile = m_tiles[static_cast<std::size_t>(batch.tile)];
        const std::int64_t values = m_points * tileUnits, steps = (m_points - 1) * tileUnits;
        if (tile.shift.empty()) tile.shift.assign(batch.paths, batch.paths + values);
        TileRotation turns;
        for (std::int64_t n = 0; n < batch.rows; ++n) {
            if (tile.held == 0) tile.firstRow = batch.firstRow + n;
            const double* path = batch.paths + n * values;
            double* x = tile.batch.row(tile.held).data();
            double* squares = x + values;
            double* products = squares + values;
            for (std::int64_t i = 0; i < values; ++i)
                x[i] = path[i] - tile.shift[static_cast<std::size_t>(i)];
            for (std::int64_t i = 0; i < values; ++i) squares[i] = x[i] * x[i];
            for (std::int64_t i = 0; i < steps; ++i) products[i] = x[i] * x[i + tileUnits];
            double* turning = products + steps;
            rotateTile(path, m_points, turns);
            for (std::int64_t u = 0; u < tileUnits; ++u) {
                const bool defined = !std::isnan(turns.turning[u]);
                turning[u] = defined ? turns.turning[u] : 0;
                turning[tileUnits + u] = defined ? 1 : 0;
            }
            if (++tile.held == batchRows) takeIn(tile);
        }
    }

    void close(std::int64_t which, const Progress& progress) override {
        Tile& tile = m_tiles[static_cast<std::size_t>(which)];
        takeIn(tile);
        const std::int64_t units = std::min(tileUnits, m_source.view().unitCount() - which * tileUnits);
        const std::int64_t values = m_points * tileUnits, steps = m_points - 1;
        tile.correlation = MatrixD::Zero(m_resamples, steps);
        tile.correlated = MatrixD::Zero(m_resamples, steps);
        for (auto* v : {&tile.turning, &tile.turned, &tile.winding, &tile.wound})
            *v = VectorD::Zero(m_resamples);
        struct alignas(64) Line {
            double values[8];
        };
        std::vector<Line> room(static_cast<std::size_t>(values / 8));
        double* const mean = room.front().values;
        VectorD spread(m_points);
        TileRotation turns;
        for (Eigen::Index b = 0; b < m_resamples; ++b) {
            if (b % 16 == 0) progress.check();
            const double n = m_weights.totals()[b];
            const double* sums = tile.sums.row(b).data();
            const double* squares = sums + values;
            const double* products = squares + values;
            const double* turning = products + steps * tileUnits;
            for (std::int64_t i = 0; i < values; ++i)
                mean[i] = tile.shift[static_cast<std::size_t>(i)] + sums[i] / n;
            rotateTile(mean, m_points, turns);
            for (std::int64_t u = 0; u < units; ++u) {
                for (std::int64_t p = 0; p < m_points; ++p) {
                    const std::int64_t at = p * tileUnits + u;
                    // As for the correlation of all rows: rounding where nothing varies.
                    const double left = squares[at] - sums[at] * sums[at] / n;
                    spread[p] = left > 1e-13 * squares[at] ? std::sqrt(left) : nan;
                }
                for (std::int64_t p = 0; p < steps; ++p) {
                    const std::int64_t at = p * tileUnits + u;
                    const double r =
                        (products[at] - sums[at] * sums[at + tileUnits] / n) / (spread[p] * spread[p + 1]);
                    if (std::isnan(r)) continue;
                    tile.correlation(b, p) += std::clamp(r, -1.0, 1.0);
                    tile.correlated(b, p) += 1;
                }
                if (turning[tileUnits + u] > 0) {
                    tile.turning[b] += std::abs(turning[u] / turning[tileUnits + u]);
                    tile.turned[b] += 1;
                }
                if (!std::isnan(turns.winding[u])) {
                    tile.winding[b] += std::abs(turns.winding[u]);
                    tile.wound[b] += 1;
                }
            }
        }
        tile.sums.resize(0, 0);
        tile.batch.resize(0, 0);
    }

    void finish(Resampled& result) const {
        MatrixD correlation = MatrixD::Zero(m_resamples, m_points - 1), correlated = correlation;
        VectorD turning = VectorD::Zero(correlation.rows()), turned = turning, winding = turning,
                wound = turning;
        const Ranks& ranks = currentRanks();
        for (std::size_t t = 0; t < m_tiles.size(); ++t) {
            if (!takesTile(ranks, static_cast<std::int64_t>(t))) continue;
            const Tile& tile = m_tiles[t];
            correlation += tile.correlation;
            correlated += tile.correlated;
            turning += tile.turning;
            turned += tile.turned;
            winding += tile.winding;
            wound += tile.wound;
        }
        for (auto* sums : {&correlation, &correlated})
            sumOverRanks(ranks, {sums->data(), static_cast<std::size_t>(sums->size())});
        for (auto* sums : {&turning, &turned, &winding, &wound})
            sumOverRanks(ranks, {sums->data(), static_cast<std::size_t>(sums->size())});
        result.correlation = correlation.array() / correlated.array();
        result.turning = turning.array() / turned.array();
        result.meanPathWinding = winding.array() / wound.array();
    }

private:
    struct Tile {
        MatrixD sums;   ///< [B, column]: values, squares and products of steps about the shift, turns, counts
        MatrixD batch;  ///< [row, column]
        std::vector<double> shift;  ///< [point, 64]: the first row
        std::int64_t firstRow = 0, held = 0;
        MatrixD correlation, correlated;          ///< [B, P - 1], sums over units
        VectorD turning, turned, winding, wound;  ///< [B]
    };

    std::int64_t columns() const { return (3 * m_points + 1) * tileUnits; }

    void takeIn(Tile& tile) const {
        if (tile.held == 0) return;
        const MatrixD weights = m_weights.of(tile.firstRow, tile.held);
        for (Eigen::Index b = 0; b < m_resamples; b += batchResamples) {
            m_progress.check();
            const Eigen::Index count = std::min(batchResamples, m_resamples - b);
            tile.sums.middleRows(b, count).noalias() +=
                weights.middleRows(b, count) * tile.batch.topRows(tile.held);
        }
        tile.held = 0;
    }

    const RowSource& m_source;
    const HalfWeights& m_weights;
    const Progress& m_progress;
    Eigen::Index m_resamples;
    std::int64_t m_points;
    std::vector<Tile> m_tiles;
};

/// Squares of the states of a row about the mean, summed over points.
class RowSquares final : public RowStatistic {
public:
    RowSquares(const RowSource& source, const VectorD& mean)
        : m_mean(mean), m_squares(source.view().rowCount(), 1) {}
    void add(std::int64_t row, const MatrixD& path) override {
        m_squares(row, 0) = (path.rowwise() - m_mean.transpose()).squaredNorm();
    }
    const MatrixD& squares() const { return m_squares; }

private:
    const VectorD& m_mean;
    MatrixD m_squares;
};

/// Share of the variance in the first three components of each resample: eigenvalues of the covariance of its
/// scores, over its whole variance.
VectorD explainedOf(const RowSource& source, const HalfWeights& weights, const PcaResult& pca,
                    const MatrixD& squares, int threads, const Progress& progress) {
    const Eigen::Index resamples = weights.totals().size(), rows = source.view().rowCount(),
                       k = pca.scores.n2;
    const auto points = static_cast<double>(pca.scores.n1);
    // Of each row: sums over its points of scores, and of their products.
    MatrixD sums(rows, k), products(rows, k * (k + 1) / 2);
    parallelFor(rows, 16, threads, progress, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t n = begin; n < end; ++n) {
            const std::int64_t asked = source.askedRows()[static_cast<std::size_t>(n)];
            const MatrixD z =
                Eigen::Map<const MatrixF>(pca.scores.at(asked, 0), pca.scores.n1, k).cast<double>();
            sums.row(n) = z.colwise().sum();
            const MatrixD all = z.transpose() * z;
            Eigen::Index at = 0;
            for (Eigen::Index i = 0; i < k; ++i)
                for (Eigen::Index j = 0; j <= i; ++j) products(n, at++) = all(i, j);
        }
    });
    const MatrixD allSums = weightedSums(weights, sums, progress),
                  allProducts = weightedSums(weights, products, progress),
                  total = weightedSums(weights, squares, progress);
    VectorD explained(resamples);
    parallelFor(resamples, 16, threads, progress, [&](std::int64_t begin, std::int64_t end) {
        for (Eigen::Index b = begin; b < end; ++b) {
            const double n = weights.totals()[b] * points;
            Eigen::MatrixXd scatter(k, k);
            Eigen::Index at = 0;
            for (Eigen::Index i = 0; i < k; ++i)
                for (Eigen::Index j = 0; j <= i; ++j) scatter(i, j) = allProducts(b, at++);
            const VectorD sum = allSums.row(b).transpose();
            scatter.triangularView<Eigen::Lower>() -= sum * (sum / n).transpose();
            const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(scatter, Eigen::EigenvaluesOnly);
            // The scores leave out what the mean does beyond their span: second order of a small number.
            const double whole = total(b, 0) - sum.squaredNorm() / n;
            const Eigen::Index kept = std::min<Eigen::Index>(3, k);
            explained[b] = whole > 0 ? solver.eigenvalues().tail(kept).sum() / whole : nan;
        }
    });
    return explained;
}

}  // namespace

HalfWeights::HalfWeights(const RowSource& source, int halves, std::uint64_t seed, const Progress& progress)
    : m_units(samplingUnits(source.view())), m_totals(VectorD::Zero(halves)) {
    for (Eigen::Index b = 0; b < halves; ++b) {
        progress.check();
        m_drawn.push_back(drawHalf(m_units.count(), seed, static_cast<std::uint64_t>(b)));
        for (const auto unit : m_units.ofRow) m_totals[b] += m_drawn.back()[static_cast<std::size_t>(unit)];
    }
}

MatrixD HalfWeights::of(std::int64_t first, std::int64_t count) const {
    MatrixD weights(m_totals.size(), count);
    for (Eigen::Index b = 0; b < m_totals.size(); ++b)
        for (std::int64_t i = 0; i < count; ++i) {
            const auto unit = static_cast<std::size_t>(m_units.ofRow[static_cast<std::size_t>(first + i)]);
            weights(b, i) = m_drawn[static_cast<std::size_t>(b)][unit];
        }
    return weights;
}

Resampled resample(const RowSource& source, const PcaResult& pca, const ResampleOptions& options,
                   Progress& progress) {
    progress.setStage("halves of the samples");
    const HalfWeights weights(source, options.resamples, options.seed, progress);
    PathMaker asItIs(source);
    DensityStatistic density(source, {}, true);
    MotionStatistic motion(source, true);
    RowSquares squares(source, pca.basis.mean);
    UnitResampler units(source, weights, progress);
    const Feed feed{&asItIs, 0, {&units}, {&density, &motion, &squares}};
    Resampled result;
    {
        const SerialBlas serial;  // tiles are worked on side by side
        Progress part = progress.part(0, 0.8);
        sweep(source, {&feed, 1}, {options.threads, options.memoryBytes}, part);
    }
    units.finish(result);
    result.trevesRolls = weightedMeans(weights, density.trevesRollsRows(), progress);
    result.cosine = weightedMeans(weights, motion.cosineRows(), progress);
    result.speed = weightedMeans(weights, motion.speedRows(), progress);
    result.explained = explainedOf(source, weights, pca, squares.squares(), options.threads, progress);
    result.samples = weights.units();
    progress.report(1, 1);
    return result;
}

}  // namespace rheo
