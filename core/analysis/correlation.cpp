#include "core/analysis/correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>

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
    MatrixD total = MatrixD::Zero(m_points, m_points), counts = total, neighbours(m_points - 1, tileUnits),
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
    const std::int64_t steps = m_points - 1;
    result.mean = VectorD::Constant(steps, nan);
    result.unitsCounted = VectorD::Zero(steps);
    std::vector<double> inside, across;
    for (std::int64_t p = 0; p < steps; ++p) {
        double sum = 0;
        for (std::int64_t u = 0; u < m_units; ++u)
            if (!std::isnan(m_r(p, u))) {
                sum += m_r(p, u);
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
            sum += m_sums[t];
            count += m_counts[t];
        }
        result.matrix.resize(m_points, m_points);
        for (std::int64_t p = 0; p < m_points; ++p)
            for (std::int64_t q = p; q < m_points; ++q)
                result.matrix(p, q) = result.matrix(q, p) = sum(p, q) / count(p, q);
    }
    return result;
}

CorrelationResult correlation(const TraceView& view, const CorrelationParameters& parameters,
                              Progress& progress) {
    progress.setStage("correlation");
    Progress scan = progress.part(0, 0.2), work = progress.part(0.2, 1);
    const RowSource source(view, parameters.memoryBytes / 2, scan);
    PathMaker maker(source);
    CorrelationStatistic statistic(source, parameters);
    const Feed feed{&maker, 0, {&statistic}};
    sweep(source, {&feed, 1}, {parameters.threads, parameters.memoryBytes / 2}, work);
    return statistic.result();
}

}  // namespace rheo
