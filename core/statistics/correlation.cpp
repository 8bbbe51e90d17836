#include "core/statistics/correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/analysis/tile_ranks.h"
#include "core/base/parallel.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Rows whose products are added at once. Those of all points with all are more than the second-level cache
/// holds: they come and go as rarely as rows of one register of units stay there.
constexpr std::int64_t rowsOfAllProducts = 32, rowsOfFewProducts = 8;

}  // namespace

struct alignas(64) CorrelationLine {
    double values[8];
};

struct CorrelationStatistic::Tile {
    std::vector<CorrelationLine> shift, sums, products, packed;
    std::int64_t rows = 0, packedRows = 0;

    static double* data(std::vector<CorrelationLine>& lines) { return lines.front().values; }
};

CorrelationStatistic::CorrelationStatistic(const RowSource& source, const CorrelationParameters& parameters)
    : m_source(source),
      m_matrix(parameters.matrix),
      m_points(source.view().pointCount()),
      m_units(source.view().unitCount()),
      m_tiles(static_cast<std::size_t>(tileCount(m_units))),
      m_r(MatrixD::Constant(m_points - 1, m_units, nan)),
      m_sums(m_matrix ? m_tiles.size() : 0),
      m_counts(m_sums.size()) {}

CorrelationStatistic::~CorrelationStatistic() = default;

std::size_t CorrelationStatistic::tileBytes() const {
    return static_cast<std::size_t>(productBlocks(m_points, m_matrix) * blockSize +
                                    mostRows() * blocksOf(m_points) * blockPoints * tileUnits +
                                    2 * m_points * tileUnits) *
           sizeof(double);
}

std::int64_t CorrelationStatistic::mostRows() const {
    return m_matrix ? rowsOfAllProducts : rowsOfFewProducts;
}

void CorrelationStatistic::open(std::int64_t which) {
    auto tile = std::make_unique<Tile>();
    const std::int64_t line = tileUnits / 8;
    tile->sums.resize(static_cast<std::size_t>(m_points * line));
    tile->products.resize(static_cast<std::size_t>(productBlocks(m_points, m_matrix) * blockSize / 8));
    tile->packed.resize(static_cast<std::size_t>(mostRows() * blocksOf(m_points) * blockPoints * line));
    m_tiles[static_cast<std::size_t>(which)] = std::move(tile);
}

void CorrelationStatistic::add(const TileBatch& batch) {
    Tile& tile = *m_tiles[static_cast<std::size_t>(batch.tile)];
    const std::int64_t perPath = m_points * tileUnits;
    if (tile.rows == 0) {
        tile.shift.resize(static_cast<std::size_t>(perPath / 8));
        std::copy(batch.paths, batch.paths + perPath, Tile::data(tile.shift));
    }
    for (std::int64_t n = 0; n < batch.rows;) {
        const std::int64_t count = std::min(batch.rows - n, mostRows() - tile.packedRows);
        packPoints(batch.paths + n * perPath, count, m_points, Tile::data(tile.shift), Tile::data(tile.sums),
                   Tile::data(tile.packed), tile.packedRows, mostRows());
        tile.packedRows += count;
        if (tile.packedRows == mostRows()) addPacked(tile);
        n += count;
    }
    tile.rows += batch.rows;
}

void CorrelationStatistic::addPacked(Tile& tile) const {
    addProducts(Tile::data(tile.packed), tile.packedRows, mostRows(), m_points, m_matrix,
                Tile::data(tile.products));
    tile.packedRows = 0;
}

void CorrelationStatistic::close(std::int64_t which, const Progress&) {
    auto& held = m_tiles[static_cast<std::size_t>(which)];
    Tile& tile = *held;
    addPacked(tile);
    const std::int64_t first = which * tileUnits, units = std::min(tileUnits, m_units - first);
    const std::int64_t side = m_matrix ? m_points : 0;
    MatrixD total = MatrixD::Zero(side, side), counts = total, neighbours(m_points - 1, tileUnits),
            spread(m_points, 8);
    if (tile.rows >= 3) {
        correlateTile(Tile::data(tile.products), Tile::data(tile.sums), tile.rows, m_points, units, m_matrix,
                      spread.data(), neighbours.data(), total.data(), counts.data());
        m_r.middleCols(first, units) = neighbours.leftCols(units);
    }
    if (m_matrix) {
        m_sums[static_cast<std::size_t>(which)] = std::move(total);
        m_counts[static_cast<std::size_t>(which)] = std::move(counts);
    }
    held.reset();
}

CorrelationResult CorrelationStatistic::result() const {
    CorrelationResult result;
    result.excludedRows = m_source.excludedRows();
    result.r = m_r;
    joinUnitColumns(currentRanks(), result.r);
    const std::int64_t steps = m_points - 1;
    result.mean = VectorD::Constant(steps, nan);
    result.unitsCounted = VectorD::Zero(steps);
    std::vector<double> inside, across;
    for (std::int64_t p = 0; p < steps; ++p) {
        double sum = 0;
        for (std::int64_t u = 0; u < m_units; ++u)
            if (!std::isnan(result.r(p, u))) {
                sum += result.r(p, u);
                ++result.unitsCounted[p];
            }
        result.mean[p] = sum / result.unitsCounted[p];  // NaN if there is none
        const auto& points = m_source.view().trace->info().points;
        const auto& from = points[static_cast<std::size_t>(m_source.view().tracePoint(p))];
        const auto& to = points[static_cast<std::size_t>(m_source.view().tracePoint(p + 1))];
        if (from.site == Site::AttnIn && to.site == Site::MlpIn && to.block == from.block)
            inside.push_back(result.mean[p]);
        if (from.site == Site::MlpIn && to.site == Site::AttnIn && to.block == from.block + 1)
            across.push_back(result.mean[p]);
    }
    result.blockInside = Eigen::Map<const VectorD>(inside.data(), static_cast<Eigen::Index>(inside.size()));
    result.blockAcross = Eigen::Map<const VectorD>(across.data(), static_cast<Eigen::Index>(across.size()));
    if (m_matrix) {
        MatrixD sum = MatrixD::Zero(m_points, m_points), count = sum;
        for (std::size_t t = 0; t < m_sums.size(); ++t) {
            if (!takesTile(currentRanks(), static_cast<std::int64_t>(t))) continue;
            sum += m_sums[t];
            count += m_counts[t];
        }
        for (auto* m : {&sum, &count})
            sumOverRanks(currentRanks(), {m->data(), static_cast<std::size_t>(m->size())});
        result.matrix.resize(m_points, m_points);
        for (std::int64_t p = 0; p < m_points; ++p)
            for (std::int64_t q = p; q < m_points; ++q)
                result.matrix(p, q) = result.matrix(q, p) = sum(p, q) / count(p, q);
    }
    return result;
}

std::size_t CorrelationStatistic::matrixBytes(const RowSource& source, int threads) {
    const std::int64_t points = source.view().pointCount(), tiles = tileCount(source.view().unitCount());
    const std::int64_t ofTile = productBlocks(points, true) * blockSize;
    return static_cast<std::size_t>(ofTile * std::min<std::int64_t>(tiles, resolveThreads(threads)) +
                                    2 * points * points * tiles) *
           sizeof(double);
}

namespace {

/// Sums and squares of each point and unit about the first state there, [point, unit].
class PointMoments final : public StateStatistic {
public:
    PointMoments(std::int64_t points, std::int64_t units)
        : sums(MatrixD::Zero(points, units)), squares(sums) {}
    void open(int) override {}
    void add(Eigen::Ref<MatrixD> states, int) override {
        if (rows == 0) shift = states.topRows(sums.rows());
        for (Eigen::Index first = 0; first < states.rows(); first += sums.rows()) {
            auto path = states.middleRows(first, sums.rows());
            path -= shift;
            sums += path;
            squares += path.cwiseAbs2();
            ++rows;
        }
    }
    MatrixD sums, squares, shift;
    std::int64_t rows = 0;
};

/// Products of standardised points, summed over rows and units, [point, point].
class PointProducts final : public StateStatistic {
public:
    PointProducts(const MatrixD& mean, const MatrixD& factor)
        : m_mean(mean), m_factor(factor), products(MatrixD::Zero(mean.rows(), mean.rows())) {}
    void open(int) override {}
    void add(Eigen::Ref<MatrixD> states, int) override {
        for (Eigen::Index first = 0; first < states.rows(); first += m_mean.rows()) {
            auto path = states.middleRows(first, m_mean.rows());
            path = (path - m_mean).cwiseProduct(m_factor).eval();
            products.selfadjointView<Eigen::Upper>().rankUpdate(path);
        }
    }

private:
    const MatrixD& m_mean;
    const MatrixD& m_factor;

public:
    MatrixD products;
};

}  // namespace

MatrixD correlationMatrix(const TraceView& view, const FeedStates& feed, Progress& progress) {
    Progress first = progress.part(0, 0.3), second = progress.part(0.3, 1);
    PointMoments moments(view.pointCount(), view.unitCount());
    feed(moments, first);
    const auto n = static_cast<double>(moments.rows);
    if (moments.rows < 3) return MatrixD::Constant(view.pointCount(), view.pointCount(), nan);
    const MatrixD ofMean = moments.sums.cwiseAbs2() / n, spread = moments.squares - ofMean;
    // What is left of the squares when their mean is taken off is rounding where nothing varies.
    const MatrixD defined = (spread.array() > 1e-13 * ofMean.array()).cast<double>();
    const MatrixD factor = (defined.array() > 0).select(spread.array().rsqrt(), 0.0),
                  mean = moments.shift + moments.sums / n;
    PointProducts sum(mean, factor);
    feed(sum, second);
    MatrixD counts = MatrixD::Zero(view.pointCount(), view.pointCount());
    counts.selfadjointView<Eigen::Upper>().rankUpdate(defined);
    MatrixD matrix = (sum.products.array() / counts.array());
    for (Eigen::Index p = 0; p < matrix.rows(); ++p)
        for (Eigen::Index q = 0; q < p; ++q) matrix(p, q) = matrix(q, p);
    return matrix;
}

CorrelationResult correlation(const TraceView& view, const CorrelationParameters& parameters,
                              Progress& progress) {
    progress.setStage("correlation");
    Progress scan = progress.part(0, 0.2), work = progress.part(0.2, 1);
    const RowSource source(view, parameters.memoryBytes / 2, scan);
    PathMaker maker(source);
    const bool apart = parameters.matrix && CorrelationStatistic::matrixBytes(source, parameters.threads) >
                                                parameters.memoryBytes / 4;
    CorrelationParameters neighbours = parameters;
    neighbours.matrix = parameters.matrix && !apart;
    CorrelationStatistic statistic(source, neighbours);
    const Feed feed{&maker, 0, {&statistic}};
    const SweepOptions how{parameters.threads, parameters.memoryBytes / 2};
    sweep(source, {&feed, 1}, how, work);
    CorrelationResult result = statistic.result();
    if (apart)
        result.matrix = correlationMatrix(source.view(), feedStatesOf(source, maker, 0, how), progress);
    return result;
}

bool Correlation::Accumulator::matrixApart(const CorrelationParameters& options, const Computation& all) {
    return options.matrix && all.observed &&
           CorrelationStatistic::matrixBytes(all.source, all.threads) > all.memoryBytes / 4;
}

Correlation::Accumulator::Accumulator(const CorrelationParameters& options, const Computation& all)
    : m_all(all), m_matrixApart(matrixApart(options, all)), m_sums(all.source, [&] {
          CorrelationParameters beside = options;
          beside.matrix = options.matrix && all.observed && !matrixApart(options, all);
          return beside;
      }()) {}

CorrelationResult Correlation::Accumulator::finish(const Again& again, Progress& progress) {
    CorrelationResult result = m_sums.result();
    if (m_matrixApart) {
        Progress silent(progress.stopToken());
        result.matrix = correlationMatrix(m_all.source.view(), again.states(), silent);
    }
    return result;
}

std::size_t Correlation::Accumulator::bytes(const CorrelationParameters&, const Computation& all) {
    const TraceView& view = all.source.view();
    return 2 * sizeof(double) * static_cast<std::size_t>(view.pointCount() * view.unitCount());
}

}  // namespace rheo
