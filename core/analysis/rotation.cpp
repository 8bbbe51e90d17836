#include "core/analysis/rotation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/analysis/lane_math.h"
#include "core/base/wide.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double pi = lanes::pi;
constexpr Eigen::Index bins = 64;
constexpr double leastHalfWidth = 0x1p-20;  // all wider ones come from it by doubling

/// Turns of a direction (x, y) from step to step, each by the shorter way, in [-pi, pi).
///
/// With angles in [-pi, pi), the wrapped difference is the plain one, plus or minus a whole turn where the
/// shorter way crosses the negative x axis; that is read off the signs of y (of x, where y is 0) and of the
/// cross product. The products are compared, never subtracted: rounded alike they agree exactly for an exact
/// reversal, which the definition counts as -pi.
template <bool careful>
struct Turns {
    Lanes x = {}, y = {}, firstX = {}, firstY = {};
    LaneBits below = {}, turns = {}, undefined = {};

    RHEO_INSIDE void start(const Lanes& nextX, const Lanes& nextY) {
        x = firstX = nextX;
        y = firstY = nextY;
        isBelow(nextX, nextY, below);
        if constexpr (careful) undefined = -((nextX == 0) & (nextY == 0));
    }

    RHEO_INSIDE void step(const Lanes& toX, const Lanes& toY) {
        Lanes nextX = toX, nextY = toY;
        if constexpr (careful) {
            // A step without a direction leaves the last one in place; the first that has one is the first.
            const LaneBits none = (nextX == 0) & (nextY == 0), nothingYet = (x == 0) & (y == 0);
            undefined -= none;
            nextX = none ? x : nextX;
            nextY = none ? y : nextY;
            firstX = nothingYet ? nextX : firstX;
            firstY = nothingYet ? nextY : firstY;
        }
        LaneBits nextBelow;
        isBelow(nextX, nextY, nextBelow);
        const LaneBits left = (x * nextY > y * nextX);
        turns -= (nextBelow & ~below & left);
        turns += (below & ~(nextBelow | left));
        x = nextX;
        y = nextY;
        below = nextBelow;
    }

    /// In turns; NaN where no step had a direction.
    RHEO_INSIDE void total(Lanes& sum) const {
        Lanes first, last;
        angle(firstX, firstY, first);
        angle(x, y, last);
        sum = (last - first) * (0.5 / pi) + __builtin_convertvector(turns, Lanes);
        if constexpr (careful) sum = ((x == 0) & (y == 0)) ? Lanes{} + nan : sum;
    }

private:
    /// The angle is negative.
    RHEO_INSIDE static void isBelow(const Lanes& x, const Lanes& y, LaneBits& result) {
        result = (y < 0) | ((y == 0) & (x < 0));
    }
    RHEO_INSIDE static void angle(const Lanes& x, const Lanes& y, Lanes& result) {
        lanes::arcTangent(y, x, result);
        result = ((y == 0) & (x < 0)) ? Lanes{} - pi : result;
    }
};

/// Measures of 64 paths, [unit].
struct alignas(64) TileRotation {
    double turning[tileUnits], winding[tileUnits], slope[tileUnits], centreX[tileUnits], centreY[tileUnits];
    std::int64_t undefined = 0;
};

/// Gradient along depth at point p (of `points`, at least 3) of the paths at `a`, [point, 64].
RHEO_INSIDE void gradientAt(const double* a, std::int64_t p, std::int64_t points, Lanes& g) {
    Lanes before, after;
    loadLanes(a + std::max<std::int64_t>(p - 1, 0) * tileUnits, before);
    loadLanes(a + std::min(p + 1, points - 1) * tileUnits, after);
    g = (after - before) * (p == 0 || p == points - 1 ? 1.0 : 0.5);
}

/// Eight paths. Where a step has no direction the quick form is wrong, and says so (returns false).
template <bool careful>
RHEO_INSIDE bool rotateLanes(const double* a, std::int64_t points, TileRotation& out, std::int64_t lane) {
    const auto n = static_cast<double>(points);
    Lanes a0, g0, before, now, after, g, nextG, sumX = {}, sumY = {};
    loadLanes(a, a0);
    gradientAt(a, 0, points, g0);
    LaneBits zero = {};

    // The direction of motion: (steps of the value, steps of the gradient).
    Turns<careful> motion;
    before = now = a0;
    g = g0;
    for (std::int64_t p = 1; p < points; ++p) {
        before = now;
        loadLanes(a + p * tileUnits, now);
        loadLanes(a + std::min(p + 1, points - 1) * tileUnits, after);
        nextG = p + 1 < points ? (after - before) * 0.5 : now - before;
        const Lanes x = now - before, y = nextG - g;
        if constexpr (!careful) zero |= (x == 0) & (y == 0);
        if (p == 1)
            motion.start(x, y);
        else
            motion.step(x, y);
        sumX += now;
        sumY += nextG;
        g = nextG;
    }

    // The position about the centroid; ln of the squared radius, summed as ln of products: `product` and
    // `partial` keep mantissas, the whole numbers the exponents (each 1023 too large).
    const Lanes centreX = (sumX + a0) / n, centreY = (sumY + g0) / n;
    Turns<careful> position;
    Lanes product = Lanes{} + 1.0, partial = product;
    LaneWords exponent = {}, partialExponent = {};
    for (std::int64_t p = 0; p < points; ++p) {
        loadLanes(a + p * tileUnits, now);
        gradientAt(a, p, points, g);
        const Lanes x = now - centreX, y = g - centreY;
        zero |= (x == 0) & (y == 0);
        if (p == 0)
            position.start(x, y);
        else
            position.step(x, y);
        product *= x * x + y * y;
        LaneWords bits;
        std::memcpy(&bits, &product, sizeof bits);
        exponent += bits >> 52;
        bits = (bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL;
        std::memcpy(&product, &bits, sizeof product);
        if (p + 1 == points) break;
        partialExponent += exponent;
        partial *= product;
        if (p % 512 == 511) {  // below 2^513 until here
            std::memcpy(&bits, &partial, sizeof bits);
            partialExponent += (bits >> 52) - 1023;
            bits = (bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL;
            std::memcpy(&partial, &bits, sizeof partial);
        }
    }
    if constexpr (!careful) {
        std::int64_t any = 0;
        for (int i = 0; i < laneCount; ++i) any |= zero[i];
        if (any != 0) return false;
    }

    Lanes turning, winding, logProduct, logPartial;
    motion.total(turning);
    position.total(winding);
    lanes::logarithm(product, logProduct);
    lanes::logarithm(partial, logPartial);
    constexpr double ln2 = 0.69314718055994530942;
    const Lanes sum =
        logProduct + (__builtin_convertvector(exponent, Lanes) - 1023 * n) * ln2;  // of L_p = ln radius^2
    const Lanes earlier =
        logPartial + (__builtin_convertvector(partialExponent, Lanes) - 1023 * n * (n - 1) / 2) *
                         ln2;  // of (n - 1 - p) L_p
    // Least squares: sum of (p - (n - 1) / 2) ln radius over n (n^2 - 1) / 12.
    Lanes slope = ((n - 1) / 2 * sum - earlier) * (6 / (n * (n * n - 1)));
    if constexpr (careful) {
        slope = zero ? Lanes{} + nan : slope;
        const LaneBits constant = (motion.x == 0) & (motion.y == 0);
        winding = constant ? Lanes{} + nan : winding;
        slope = constant ? Lanes{} + nan : slope;
        for (int i = 0; i < laneCount; ++i) out.undefined += motion.undefined[i];
    }
    storeLanes(turning, out.turning + lane);
    storeLanes(winding, out.winding + lane);
    storeLanes(slope, out.slope + lane);
    storeLanes(centreX - a0, out.centreX + lane);
    storeLanes(centreY - g0, out.centreY + lane);
    return true;
}

/// Paths of 64 units, [point, 64], at least 3 points.
RHEO_WIDE void rotateTile(const double* path, std::int64_t points, TileRotation& out) {
    out.undefined = 0;
    for (std::int64_t lane = 0; lane < tileUnits; lane += laneCount)
        if (!rotateLanes<false>(path + lane, points, out, lane))
            rotateLanes<true>(path + lane, points, out, lane);
}

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

PathRotation pathRotation(std::span<const double> path) {
    PathRotation result{nan, nan, nan, {nan, nan}, 0};
    const std::size_t n = path.size();
    if (n < 3) return result;
    std::vector<double> x(n), y(n), dx(n - 1), dy(n - 1);
    for (std::size_t p = 0; p < n; ++p) {
        x[p] = path[p];
        y[p] = p == 0       ? path[1] - path[0]
               : p == n - 1 ? path[n - 1] - path[n - 2]
                            : (path[p + 1] - path[p - 1]) / 2;
    }
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

RotationResult RotationStatistic::result() const {
    RotationResult result = m_result;
    for (const auto& tile : m_tiles) {
        if (tile == nullptr) continue;
        result.undefinedSteps += tile->undefined;
        result.turningHistogram.add(tile->turningHistogram);
        result.windingHistogram.add(tile->windingHistogram);
        result.logRadiusSlopeHistogram.add(tile->slopeHistogram);
    }
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
