#include "core/statistics/rotation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/analysis/tile_ranks.h"
#include "core/base/wide.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double pi = std::numbers::pi;
constexpr Eigen::Index bins = 64;
constexpr std::int64_t mostExamples = 8;
constexpr double leastHalfWidth = 0x1p-20;  // all wider ones come from it by doubling

RHEO_WIDE void addTo(double* sum, const double* values, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) sum[i] += values[i];
}

/// Adds what is not NaN, and counts it.
RHEO_WIDE void addDefined(const double* values, double* sum, double* counted) {
    for (std::int64_t u = 0; u < tileUnits; ++u) {
        const bool defined = values[u] == values[u];
        sum[u] += defined ? values[u] : 0;
        counted[u] += defined ? 1 : 0;
    }
}

/// The angle from (x0, y0) to (x1, y1) in [-pi, pi): from their products, not from two rounded angles, so
/// that an exact reversal is one.
double wrappedAngle(double x0, double y0, double x1, double y1) {
    const double cross = x0 * y1 - y0 * x1, along = x0 * x1 + y0 * y1;
    return cross == 0 && along < 0 ? -pi : std::atan2(cross, along);
}

/// Sum of wrapped differences of the angles of (x, y), in turns; NaN if none is defined.
double turnsOf(const std::vector<double>& x, const std::vector<double>& y, std::int64_t& undefined) {
    double sum = 0;
    const std::size_t none = x.size();
    std::size_t last = none;
    for (std::size_t i = 0; i < x.size(); ++i) {
        if (x[i] == 0 && y[i] == 0) {
            ++undefined;
            continue;
        }
        if (last != none) sum += wrappedAngle(x[last], y[last], x[i], y[i]);
        last = i;
    }
    return last == none ? nan : sum / (2 * pi);
}

}  // namespace

void Histogram::add(double value) {
    if (!std::isfinite(value)) return;
    widen(std::abs(value));
    const auto bin = static_cast<Eigen::Index>(std::floor((value / halfWidth + 1) * (bins / 2)));
    counts[std::clamp<Eigen::Index>(bin, 0, bins - 1)] += 1;
}

void Histogram::add(const Histogram& other) {
    if (other.halfWidth == 0) return;
    widen(other.halfWidth / 2);
    Histogram theirs = other;
    theirs.widen(halfWidth / 2);
    counts += theirs.counts;
}

void Histogram::widen(double size) {
    if (halfWidth == 0) halfWidth = leastHalfWidth;
    while (size >= halfWidth) {
        // Twice as wide: two old bins make one new.
        VectorD wider = VectorD::Zero(bins);
        for (Eigen::Index i = 0; i < bins; ++i) wider[i / 2 + bins / 4] += counts[i];
        counts = wider;
        halfWidth *= 2;
    }
}

VectorD Histogram::edges() const {
    return VectorD::LinSpaced(bins + 1, -halfWidth, halfWidth);
}

std::vector<double> depthGradient(std::span<const double> path) {
    const std::size_t n = path.size();
    std::vector<double> gradient(n);
    for (std::size_t p = 0; p < n; ++p)
        gradient[p] = p == 0       ? path[1] - path[0]
                      : p == n - 1 ? path[n - 1] - path[n - 2]
                                   : (path[p + 1] - path[p - 1]) / 2;
    return gradient;
}

PathRotation pathRotation(std::span<const double> path) {
    PathRotation result{nan, nan, nan, {nan, nan}, 0};
    const std::size_t n = path.size();
    if (n < 3) return result;
    std::vector<double> x(path.begin(), path.end()), y = depthGradient(path), dx(n - 1), dy(n - 1);
    double centreX = 0, centreY = 0;
    for (std::size_t p = 0; p < n; ++p) {
        centreX += x[p];
        centreY += y[p];
    }
    centreX /= static_cast<double>(n);
    centreY /= static_cast<double>(n);
    for (std::size_t p = 0; p + 1 < n; ++p) {
        dx[p] = x[p + 1] - x[p];
        dy[p] = y[p + 1] - y[p];
    }
    result.turning = turnsOf(dx, dy, result.undefinedSteps);
    if (std::isnan(result.turning)) return result;  // constant
    result.fixedPoint[0] = centreX - x[0];
    result.fixedPoint[1] = centreY - y[0];
    double slope = 0;
    const double middle = static_cast<double>(n - 1) / 2;
    for (std::size_t p = 0; p < n; ++p) {
        x[p] -= centreX;
        y[p] -= centreY;
        slope += (static_cast<double>(p) - middle) * std::log(std::hypot(x[p], y[p]));
    }
    std::int64_t ignored = 0;
    result.winding = turnsOf(x, y, ignored);
    const auto count = static_cast<double>(n);
    result.logRadiusSlope = std::isfinite(slope) ? slope * 12 / (count * (count * count - 1)) : nan;
    return result;
}

struct RotationStatistic::Tile {
    explicit Tile(std::int64_t points) : meanPath(static_cast<std::size_t>(points * tileUnits)) {}
    std::vector<double> meanPath;  ///< [point, 64], a sum until the tile is closed
    double turning[tileUnits] = {}, winding[tileUnits] = {}, slope[tileUnits] = {};
    double counted[tileUnits] = {}, windingCounted[tileUnits] = {}, slopeCounted[tileUnits] = {};
    std::int64_t rows = 0, undefined = 0;
    Histogram turningHistogram, windingHistogram, slopeHistogram;
};

RotationStatistic::RotationStatistic(const RowSource& source, const RotationParameters& parameters,
                                     bool observed)
    : m_source(source),
      m_observed(observed),
      m_tiles(static_cast<std::size_t>(tileCount(source.view().unitCount()))) {
    const std::int64_t units = source.view().unitCount();
    RotationResult& r = m_result;
    for (auto* v : {&r.meanPathTurning, &r.meanPathWinding, &r.meanPathLogRadiusSlope, &r.turning, &r.winding,
                    &r.logRadiusSlope})
        *v = VectorD::Constant(units, nan);
    r.rowsCounted = VectorD::Zero(units);
    r.meanPathFixedPoint = MatrixD::Constant(units, 2, nan);
    if (observed && parameters.perRow) r.rowTurning = MatrixD::Constant(source.askedCount(), units, nan);
    r.excludedRows = source.excludedRows();
    if (!observed) return;
    const std::int64_t points = source.view().pointCount(), rows = source.view().rowCount(),
                       examples = std::min(rows, mostExamples);
    r.meanPath = MatrixD::Constant(points, units, nan);
    r.examplePaths = Array3F(examples, points, units);
    for (std::int64_t k = 0; k < examples; ++k) {
        m_examples.push_back(k * rows / examples);
        r.exampleRows.push_back(source.askedRows()[static_cast<std::size_t>(m_examples.back())]);
    }
}

RotationStatistic::~RotationStatistic() = default;

std::size_t RotationStatistic::tileBytes() const {
    return static_cast<std::size_t>(m_source.view().pointCount() * tileUnits) * sizeof(double) + sizeof(Tile);
}

void RotationStatistic::open(std::int64_t tile) {
    m_tiles[static_cast<std::size_t>(tile)] = std::make_unique<Tile>(m_source.view().pointCount());
}

void RotationStatistic::add(const TileBatch& batch) {
    if (batch.points < 3) return;
    Tile& tile = *m_tiles[static_cast<std::size_t>(batch.tile)];
    const std::int64_t values = batch.points * tileUnits;
    const std::int64_t first = batch.tile * tileUnits,
                       units = std::min(tileUnits, m_source.view().unitCount() - first);
    TileRotation now;
    for (std::int64_t n = 0; n < batch.rows; ++n) {
        const double* path = batch.paths + n * values;
        addTo(tile.meanPath.data(), path, values);
        rotateTile(path, batch.points, now);
        addDefined(now.turning, tile.turning, tile.counted);
        addDefined(now.winding, tile.winding, tile.windingCounted);
        addDefined(now.slope, tile.slope, tile.slopeCounted);
        ++tile.rows;
        if (!m_observed) continue;
        tile.undefined += now.undefined - (tileUnits - units) * (batch.points - 1);
        for (std::int64_t u = 0; u < units; ++u) {
            tile.turningHistogram.add(now.turning[u]);
            tile.windingHistogram.add(now.winding[u]);
            tile.slopeHistogram.add(now.slope[u]);
        }
        const auto example = std::lower_bound(m_examples.begin(), m_examples.end(), batch.firstRow + n);
        if (example != m_examples.end() && *example == batch.firstRow + n)
            for (std::int64_t p = 0; p < batch.points; ++p)
                std::copy(path + p * tileUnits, path + p * tileUnits + units,
                          m_result.examplePaths.at(example - m_examples.begin(), p) + first);
        if (m_result.rowTurning.size() > 0) {
            const auto row = m_source.askedRows()[static_cast<std::size_t>(batch.firstRow + n)];
            std::copy(now.turning, now.turning + units,
                      m_result.rowTurning.data() + row * m_result.rowTurning.cols() + first);
        }
    }
}

void RotationStatistic::close(std::int64_t which, const Progress&) {
    auto& held = m_tiles[static_cast<std::size_t>(which)];
    Tile& tile = *held;
    const std::int64_t points = m_source.view().pointCount(), first = which * tileUnits,
                       units = std::min(tileUnits, m_source.view().unitCount() - first);
    std::vector<double> path(static_cast<std::size_t>(points));
    for (std::int64_t u = 0; u < units; ++u) {
        const Eigen::Index at = first + u;
        for (std::int64_t p = 0; p < points; ++p)
            path[static_cast<std::size_t>(p)] =
                tile.meanPath[static_cast<std::size_t>(p * tileUnits + u)] / static_cast<double>(tile.rows);
        if (m_observed)
            for (std::int64_t p = 0; p < points; ++p)
                m_result.meanPath(p, at) = path[static_cast<std::size_t>(p)];
        const PathRotation mean = pathRotation(path);
        m_result.meanPathTurning[at] = mean.turning;
        m_result.meanPathWinding[at] = mean.winding;
        m_result.meanPathLogRadiusSlope[at] = mean.logRadiusSlope;
        m_result.meanPathFixedPoint(at, 0) = mean.fixedPoint[0];
        m_result.meanPathFixedPoint(at, 1) = mean.fixedPoint[1];
        // Nothing over nothing is NaN.
        m_result.turning[at] = tile.turning[u] / tile.counted[u];
        m_result.winding[at] = tile.winding[u] / tile.windingCounted[u];
        m_result.logRadiusSlope[at] = tile.slope[u] / tile.slopeCounted[u];
        m_result.rowsCounted[at] = tile.counted[u];
    }
    tile.meanPath = {};
    if (!m_observed) held.reset();
}

namespace {

/// What each rank counted, on all of them.
void joinHistograms(const Ranks& ranks, Histogram& histogram) {
    std::vector<double> own{histogram.halfWidth};
    own.insert(own.end(), histogram.counts.begin(), histogram.counts.end());
    std::vector<double> all(own.size() * static_cast<std::size_t>(ranks.size));
    std::copy(own.begin(), own.end(), all.begin() + ranks.rank * std::ssize(own));
    exchangeRows(ranks, ranks.size, std::ssize(own), all.data());
    histogram = {};
    for (auto from = all.begin(); from != all.end(); from += std::ssize(own)) {
        Histogram one;
        one.halfWidth = *from;
        std::copy(from + 1, from + std::ssize(own), one.counts.begin());
        histogram.add(one);
    }
}

/// Each rank has the units of its tiles; afterwards all have all.
void joinRanks(const Ranks& ranks, RotationResult& r) {
    if (ranks.alone()) return;
    for (auto* values : {&r.meanPathTurning, &r.meanPathWinding, &r.meanPathLogRadiusSlope, &r.turning,
                         &r.winding, &r.logRadiusSlope, &r.rowsCounted})
        joinUnits(ranks, *values);
    joinUnitRows(ranks, r.meanPathFixedPoint);
    for (auto* table : {&r.meanPath, &r.rowTurning}) joinUnitColumns(ranks, *table);
    Eigen::Map<MatrixF> examples(r.examplePaths.data.data(), r.examplePaths.n0 * r.examplePaths.n1,
                                 r.examplePaths.n2);
    MatrixD exact = examples.cast<double>();
    joinUnitColumns(ranks, exact);
    examples = exact.cast<float>();
    for (auto* histogram : {&r.turningHistogram, &r.windingHistogram, &r.logRadiusSlopeHistogram})
        joinHistograms(ranks, *histogram);
    auto undefined = static_cast<double>(r.undefinedSteps);  // whole, and far below 2^53
    sumOverRanks(ranks, {&undefined, 1});
    r.undefinedSteps = static_cast<std::int64_t>(undefined);
}

}  // namespace

RotationResult RotationStatistic::result() const {
    RotationResult result = m_result;
    for (const auto& tile : m_tiles) {
        if (tile == nullptr) continue;
        result.undefinedSteps += tile->undefined;
        result.turningHistogram.add(tile->turningHistogram);
        result.windingHistogram.add(tile->windingHistogram);
        result.logRadiusSlopeHistogram.add(tile->slopeHistogram);
    }
    joinRanks(currentRanks(), result);
    return result;
}

RotationResult rotation(const TraceView& view, const RotationParameters& parameters, Progress& progress) {
    progress.setStage("rotation");
    Progress scan = progress.part(0, 0.2), work = progress.part(0.2, 1);
    const RowSource source(view, parameters.memoryBytes / 2, scan);
    PathMaker maker(source);
    RotationStatistic statistic(source, parameters, true);
    const Feed feed{&maker, 0, {&statistic}};
    sweep(source, {&feed, 1}, {parameters.threads, parameters.memoryBytes / 2}, work);
    return statistic.result();
}

}  // namespace rheo
