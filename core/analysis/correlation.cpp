#include "core/analysis/correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
}  // namespace

struct alignas(64) CorrelationLine {
    double values[8];
};

struct CorrelationStatistic::Tile {
    std::vector<CorrelationLine> shift, sums, products, packed;
    std::int64_t rows = 0;

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
                                    3 * m_points * tileUnits) *
           sizeof(double);
}

void CorrelationStatistic::open(std::int64_t which) {
    auto tile = std::make_unique<Tile>();
    const std::int64_t line = tileUnits / 8;
    tile->sums.resize(static_cast<std::size_t>(m_points * line));
    tile->products.resize(static_cast<std::size_t>(productBlocks(m_points, m_matrix) * blockSize / 8));
    m_tiles[static_cast<std::size_t>(which)] = std::move(tile);
}

void CorrelationStatistic::add(const TileBatch& batch) {
    Tile& tile = *m_tiles[static_cast<std::size_t>(batch.tile)];
    const std::int64_t perPath = m_points * tileUnits;
    if (tile.rows == 0) {
        tile.shift.resize(static_cast<std::size_t>(perPath / 8));
        std::copy(batch.paths, batch.paths + perPath, Tile::data(tile.shift));
    }
    // Points that only fill up a block stay 0.
    tile.packed.resize(std::max(tile.packed.size(),
                                static_cast<std::size_t>(batch.rows * blocksOf(m_points) * blockPoints)));
    addProducts(batch.paths, batch.rows, m_points, m_matrix, Tile::data(tile.shift), Tile::data(tile.sums),
                Tile::data(tile.products), Tile::data(tile.packed));
    tile.rows += batch.rows;
}

void CorrelationStatistic::close(std::int64_t which, const Progress&) {
    auto& held = m_tiles[static_cast<std::size_t>(which)];
    Tile& tile = *held;
    const std::int64_t first = which * tileUnits, units = std::min(tileUnits, m_units - first);
    const auto n = static_cast<double>(tile.rows);
    const double* sums = Tile::data(tile.sums);
    const double* products = Tile::data(tile.products);
    const auto product = [&](std::int64_t p, std::int64_t q, std::int64_t u) {
        return products[blockAt(p / blockPoints, q / blockPoints, m_matrix) * blockSize +
                        (p % blockPoints * blockPoints + q % blockPoints) * tileUnits + u] -
               sums[p * tileUnits + u] * sums[q * tileUnits + u] / n;
    };
    MatrixD total = MatrixD::Zero(m_points, m_points), counts = total;
    VectorD spread(m_points);
    for (std::int64_t u = 0; u < units && tile.rows >= 3; ++u) {
        for (std::int64_t p = 0; p < m_points; ++p) {
            // What is left of the squares when their mean is taken off is rounding where nothing varies.
            const double squares = product(p, p, u), sum = sums[p * tileUnits + u];
            spread[p] = squares > 1e-13 * (sum * sum / n) ? std::sqrt(squares) : nan;
        }
        for (std::int64_t p = 0; p < m_points; ++p)
            for (std::int64_t q = p; q < (m_matrix ? m_points : std::min(m_points, p + 2)); ++q) {
                const double r = std::clamp(product(p, q, u) / (spread[p] * spread[q]), -1.0, 1.0);
                if (q == p + 1) m_r(p, first + u) = r;
                if (std::isnan(r)) continue;
                total(p, q) += r;
                counts(p, q) += 1;
            }
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
