#include "core/analysis/surrogates.h"

#include <algorithm>
#include <vector>

#include "core/base/wide.h"

namespace rheo {

namespace {

/// A tile of a raw row as observed, [point, 64].
RHEO_WIDE void copyTile(const float* raw, std::int64_t stride, std::int64_t points, std::int64_t units,
                        double* path) {
    for (std::int64_t p = 0; p < points; ++p) {
        const float* from = raw + p * stride;
        double* to = path + p * tileUnits;
        if (units == tileUnits) {
            for (std::int64_t u = 0; u < tileUnits; ++u) to[u] = from[u];
        } else {
            for (std::int64_t u = 0; u < units; ++u) to[u] = from[u];
            for (std::int64_t u = units; u < tileUnits; ++u) to[u] = 0;
        }
    }
}

}  // namespace

PathMaker::PathMaker(const RowSource& rows, const NullSpec* spec, std::uint64_t seed)
    : m_spec(spec),
      m_input{rows, seed, rows.view().pointCount(), rows.view().unitCount(),
              tileCount(rows.view().unitCount())} {}

PathMaker::PathMaker(const RowSource& rows) : PathMaker(rows, nullptr, 0) {}

PathMaker::PathMaker(const RowSource& rows, NullKind kind, std::uint64_t seed, int threads,
                     Progress& progress)
    : PathMaker(rows, &nullSpec(kind), seed) {
    m_input.moments = stepMoments(rows, m_spec->moments, threads, progress);
    if (m_spec->usesSamples) m_input.samples = samplingUnits(rows.view());
}

PathMaker PathMaker::unread(const RowSource& rows, NullKind kind) {
    return PathMaker(rows, &nullSpec(kind), 0);
}

void PathMaker::readTile(const float* raw, std::int64_t tile, double* observed) const {
    const std::int64_t first = tile * tileUnits;
    copyTile(raw + first, m_input.units, m_input.points, std::min(tileUnits, m_input.units - first),
             observed);
}

void PathMaker::makeTile(const double* observed, std::int64_t repeat, std::int64_t row, std::int64_t tile,
                         double* path) const {
    std::copy(observed, observed + m_input.points * tileUnits, path);
    if (m_spec != nullptr && m_spec->makeTile != nullptr && m_input.points >= 2)
        m_spec->makeTile(m_input, {repeat, row, tile}, observed, path);
}

void PathMaker::makeRow(const float* raw, std::int64_t repeat, std::int64_t row,
                        Eigen::Ref<MatrixD> path) const {
    thread_local std::vector<double> observed, tile;
    observed.resize(static_cast<std::size_t>(m_input.points * tileUnits));
    tile.resize(observed.size());
    for (std::int64_t t = 0; t < m_input.tiles; ++t) {
        readTile(raw, t, observed.data());
        makeTile(observed.data(), repeat, row, t, tile.data());
        const std::int64_t units = std::min(tileUnits, m_input.units - t * tileUnits);
        path.middleCols(t * tileUnits, units) =
            Eigen::Map<const MatrixD>(tile.data(), m_input.points, tileUnits).leftCols(units);
    }
}

std::int64_t PathMaker::statesPerRow() const {
    const bool single = m_spec != nullptr && m_spec->statesPerRow != nullptr;
    return single ? m_spec->statesPerRow(m_input.points) : 0;
}

void PathMaker::startRepeat(std::int64_t repeat) {
    m_repeat = repeat;
    m_origins.clear();
    if (m_spec != nullptr && m_spec->drawOrigins != nullptr) m_origins = m_spec->drawOrigins(m_input, repeat);
}

void PathMaker::makeBlock(std::int64_t first, std::int64_t count, MatrixD& paths,
                          const Progress& progress) const {
    paths.resize(count * m_input.points, m_input.units);
    m_spec->makeBlock(m_input, {m_repeat, first, count}, m_origins, paths, progress);
}

}  // namespace rheo
