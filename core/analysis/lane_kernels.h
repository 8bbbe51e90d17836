// Included once for each kind of register (lanes.cpp), so there is no #pragma once. What each does is said in
// lanes.h.

#include "core/analysis/lane_math.h"

namespace rheo::RHEO_REGISTERS {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

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

    RHEO_INLINE void start(const Lanes& nextX, const Lanes& nextY) {
        x = firstX = nextX;
        y = firstY = nextY;
        isBelow(nextX, nextY, below);
        if constexpr (careful) undefined = -((nextX == 0) & (nextY == 0));
    }

    RHEO_INLINE void step(const Lanes& toX, const Lanes& toY) {
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
    RHEO_INLINE void total(Lanes& sum) const {
        Lanes first, last;
        angle(firstX, firstY, first);
        angle(x, y, last);
        sum = (last - first) * (0.5 / pi) + __builtin_convertvector(turns, Lanes);
        if constexpr (careful) sum = ((x == 0) & (y == 0)) ? Lanes{} + nan : sum;
    }

private:
    /// The angle is negative.
    RHEO_INLINE static void isBelow(const Lanes& x, const Lanes& y, LaneBits& result) {
        result = (y < 0) | ((y == 0) & (x < 0));
    }
    RHEO_INLINE static void angle(const Lanes& x, const Lanes& y, Lanes& result) {
        arcTangent(y, x, result);
        result = ((y == 0) & (x < 0)) ? Lanes{} - pi : result;
    }
};

/// Gradient along depth at point p (of `points`, at least 3) of the paths at `a`, [point, 64].
RHEO_INLINE void gradientAt(const double* a, std::int64_t p, std::int64_t points, Lanes& g) {
    Lanes before, after;
    loadLanes(a + std::max<std::int64_t>(p - 1, 0) * tileUnits, before);
    loadLanes(a + std::min(p + 1, points - 1) * tileUnits, after);
    g = (after - before) * (p == 0 || p == points - 1 ? 1.0 : 0.5);
}

/// The paths of one register. Where a step has no direction the quick form is wrong, and says so (returns
/// false).
template <bool careful>
RHEO_INLINE bool rotateLanes(const double* a, std::int64_t points, TileRotation& out, std::int64_t lane) {
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
    logarithm(product, logProduct);
    logarithm(partial, logPartial);
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
inline void rotateTile(const double* path, std::int64_t points, TileRotation& out) {
    out.undefined = 0;
    for (std::int64_t lane = 0; lane < tileUnits; lane += laneCount)
        if (!rotateLanes<false>(path + lane, points, out, lane))
            rotateLanes<true>(path + lane, points, out, lane);
}

/// Adds products over `rows` of points 4 i and on with points 4 j and on of the units of one register; `x` is
/// [row, point, lane], `sums` [4, 4, lane].
RHEO_INLINE void addBlock(const double* x, std::int64_t rows, std::int64_t rowStride, std::int64_t i,
                          std::int64_t j, double* sums) {
    Lanes s[blockPoints][blockPoints];
    for (int a = 0; a < blockPoints; ++a)
        for (int b = 0; b < blockPoints; ++b) loadLanes(sums + (a * blockPoints + b) * laneCount, s[a][b]);
    for (std::int64_t n = 0; n < rows; ++n) {
        const double* left = x + n * rowStride + i * blockPoints * laneCount;
        const double* right = x + n * rowStride + j * blockPoints * laneCount;
        Lanes l[blockPoints], r[blockPoints];
        for (int a = 0; a < blockPoints; ++a) loadLanes(left + a * laneCount, l[a]);
        for (int b = 0; b < blockPoints; ++b) loadLanes(right + b * laneCount, r[b]);
        for (int a = 0; a < blockPoints; ++a)
            for (int b = 0; b < blockPoints; ++b) s[a][b] += l[a] * r[b];
    }
    for (int a = 0; a < blockPoints; ++a)
        for (int b = 0; b < blockPoints; ++b) storeLanes(s[a][b], sums + (a * blockPoints + b) * laneCount);
}

/// `packed` is [register, row, 4 * blocks, lane], with room for mostRows.
inline void packPoints(const double* paths, std::int64_t rows, std::int64_t points, const double* shift,
                       double* sums, double* packed, std::int64_t firstRow, std::int64_t mostRows) {
    const std::int64_t rowStride = blocksOf(points) * blockPoints * laneCount;
    for (std::int64_t lane = 0; lane < tileUnits; lane += laneCount) {
        double* to = packed + (lane / laneCount * mostRows + firstRow) * rowStride;
        for (std::int64_t p = 0; p < points; ++p) {
            Lanes middle, sum;
            loadLanes(shift + p * tileUnits + lane, middle);
            loadLanes(sums + p * tileUnits + lane, sum);
            for (std::int64_t n = 0; n < rows; ++n) {
                Lanes x;
                loadLanes(paths + (n * points + p) * tileUnits + lane, x);
                x -= middle;
                sum += x;
                storeLanes(x, to + n * rowStride + p * laneCount);
            }
            storeLanes(sum, sums + p * tileUnits + lane);
        }
    }
}

/// `products` is [register, block, 4, 4, lane].
inline void addProducts(const double* packed, std::int64_t rows, std::int64_t mostRows, std::int64_t points,
                        bool all, double* products) {
    const std::int64_t blocks = blocksOf(points), rowStride = blocks * blockPoints * laneCount;
    for (std::int64_t lane = 0; lane < tileUnits; lane += laneCount) {
        const double* x = packed + lane / laneCount * mostRows * rowStride;
        double* sums = products + lane * productBlocks(points, all) * blockPoints * blockPoints;
        for (std::int64_t j = 0; j < blocks; ++j)
            for (std::int64_t i = all ? 0 : std::max<std::int64_t>(0, j - 1); i <= j; ++i)
                addBlock(x, rows, rowStride, i, j,
                         sums + blockAt(i, j, all) * blockPoints * blockPoints * laneCount);
    }
}

/// `spread`: 1 over the root of the sum of squares about the mean; NaN where nothing varies.
inline void correlateTile(const double* products, const double* sums, std::int64_t rows, std::int64_t points,
                          std::int64_t units, bool all, double* spread, double* neighbours, double* total,
                          double* counts) {
    const auto n = static_cast<double>(rows);
    const double perRow = 1 / n;
    for (std::int64_t lane = 0; lane < tileUnits; lane += laneCount) {
        const double* of = products + lane * productBlocks(points, all) * blockPoints * blockPoints;
        LaneBits there;
        for (int i = 0; i < laneCount; ++i) there[i] = lane + i < units ? -1 : 0;
        const auto about = [&](std::int64_t p, std::int64_t q, const Lanes& sum, Lanes& product)
            __attribute__((always_inline)) {
            Lanes other;
            loadLanes(of + (blockAt(p / blockPoints, q / blockPoints, all) * blockPoints * blockPoints +
                            p % blockPoints * blockPoints + q % blockPoints) *
                               laneCount,
                      product);
            loadLanes(sums + q * tileUnits + lane, other);
            product -= sum * other * perRow;
        };
        for (std::int64_t p = 0; p < points; ++p) {
            Lanes sum, squares;
            loadLanes(sums + p * tileUnits + lane, sum);
            about(p, p, sum, squares);
            // What is left of the squares when their mean is taken off is rounding where nothing varies.
            const LaneBits varies = (squares > 1e-13 * (sum * sum * perRow)) & there;
            for (int i = 0; i < laneCount; ++i) squares[i] = 1 / std::sqrt(squares[i]);
            storeLanes(varies ? squares : Lanes{} + nan, spread + p * laneCount);
        }
        for (std::int64_t p = 0; p < points; ++p) {
            Lanes sum, own;
            loadLanes(sums + p * tileUnits + lane, sum);
            loadLanes(spread + p * laneCount, own);
            const std::int64_t end = all ? points : std::min(points, p + 2);
            for (std::int64_t q = p; q < end; ++q) {
                Lanes r, other;
                about(p, q, sum, r);
                loadLanes(spread + q * laneCount, other);
                r = r * own * other;
                const LaneBits known = r == r;
                r = r > 1.0 ? Lanes{} + 1.0 : r;
                r = r < -1.0 ? Lanes{} - 1.0 : r;
                if (q == p + 1) storeLanes(r, neighbours + p * tileUnits + lane);
                if (!all) continue;
                r = known ? r : Lanes{};
                double sumOfLanes = 0;
                std::int64_t count = 0;
                for (int i = 0; i < laneCount; ++i) {
                    sumOfLanes += r[i];
                    count -= known[i];
                }
                total[p * points + q] += sumOfLanes;
                counts[p * points + q] += static_cast<double>(count);
            }
        }
    }
}

/// `bits` [point - 1]: bit u set turns the step of unit u round.
inline void flipSigns(double* path, std::int64_t points, const std::uint64_t* bits) {
    for (int lane = 0; lane < tileUnits; lane += laneCount) {
        // Bit lane + i goes to the sign of lane i.
        LaneWords shift;
        for (int i = 0; i < laneCount; ++i) shift[i] = static_cast<std::uint64_t>(63 - lane - i);
        Lanes before, now, sum;
        loadLanes(path + lane, before);
        sum = before;
        for (std::int64_t p = 1; p < points; ++p) {
            double* at = path + p * tileUnits + lane;
            loadLanes(at, now);
            const Lanes step = now - before;
            before = now;
            LaneWords word;
            std::memcpy(&word, &step, sizeof word);
            word ^= (bits[p - 1] << shift) & 0x8000000000000000ULL;
            Lanes turned;
            std::memcpy(&turned, &word, sizeof turned);
            sum += turned;
            storeLanes(sum, at);
        }
    }
}

/// A walk from the first point with steps of the standard deviations `sd` [step, stride], from uniform bits
/// [step, 64] by the transform of Box and Muller: two uniform numbers give two normal ones.
inline void walkGaussian(double* path, std::int64_t points, std::int64_t units, const double* sd,
                         std::int64_t stride, const std::uint64_t* bits) {
    for (std::int64_t p = 1; p < points; ++p) {
        alignas(64) double normal[tileUnits];
        for (std::int64_t u = 0; u < tileUnits / 2; u += laneCount) {
            LaneWords a, b;
            std::memcpy(&a, bits + (p - 1) * tileUnits + u, sizeof a);
            std::memcpy(&b, bits + (p - 1) * tileUnits + tileUnits / 2 + u, sizeof b);
            a = (a >> 12) | 0x3ff0000000000000ULL;
            b = (b >> 12) | 0x3ff0000000000000ULL;
            Lanes x, y;
            std::memcpy(&x, &a, sizeof x);
            std::memcpy(&y, &b, sizeof y);
            Lanes log, sine, cosine;
            logarithm(2.0 - x, log);  // of (0, 1]
            sineCosine(y - 1.0, sine, cosine);
            Lanes radius = -2.0 * log;
            for (int i = 0; i < laneCount; ++i) radius[i] = std::sqrt(radius[i]);
            storeLanes(radius * cosine, normal + u);
            storeLanes(radius * sine, normal + tileUnits / 2 + u);
        }
        const double* here = path + (p - 1) * tileUnits;
        double* next = path + p * tileUnits;
        for (std::int64_t u = 0; u < units; ++u) next[u] = here[u] + sd[(p - 1) * stride + u] * normal[u];
    }
}

/// Whether the mask holds in any lane.
RHEO_INLINE bool anyLane(const LaneBits& mask) {
#if RHEO_REGISTER_BYTES == 64
    return _mm512_movepi64_mask(reinterpret_cast<__m512i>(mask)) != 0;
#elif RHEO_REGISTER_BYTES == 32
    return _mm256_movemask_pd(reinterpret_cast<__m256d>(mask)) != 0;
#else
    return (mask[0] | mask[1]) != 0;
#endif
}

/// How far the values at `from` and on, which are the larger ones (or the smaller), are from `centre`.
template <bool right>
RHEO_INLINE void distancesTo(const Lanes& centre, const double* from, Lanes& distances) {
    loadLanes(from, distances);
    distances = right ? distances - centre : centre - distances;
}

/// Adds to `count` how many of a block of values, from those at `from` and on outwards, are closer than
/// `distance`; `last` says whether the last ones are.
template <bool right, int block>
RHEO_INLINE void countBlock(const double* from, const Lanes& centre, const Lanes& distance, LaneBits& count,
                            LaneBits& last) {
    for (int i = 0; i < block; ++i) {
        Lanes d;
        distancesTo<right>(centre, right ? from + i : from - i, d);
        last = d < distance;
        count -= last;
    }
}

/// One count a lane, to `to` [laneCount].
RHEO_INLINE void storeCounts(const LaneBits& count, std::int32_t* to) {
    for (int i = 0; i < laneCount; ++i) to[i] = static_cast<std::int32_t>(count[i]);
}

/// Samples looked at together; with the lanes beside them they stay within the margin.
constexpr int sampleBlock = 8;
static_assert(sampleBlock + laneCount <= sampleMargin);

/// Each lane a sample: the k smallest distances found so far.
template <int most>
struct Nearest {
    Lanes x, y;
    Lanes smallest[most];  ///< ascending

    /// Samples at (fromX, fromY) and on, one for each lane.
    template <bool right>
    RHEO_INLINE void look(const double* fromX, const double* fromY, int k) {
        Lanes dx, dy;
        distancesTo<right>(x, fromX, dx);
        distancesTo<right>(y, fromY, dy);
        LaneWords bits;
        std::memcpy(&bits, &dy, sizeof bits);
        bits &= 0x7fffffffffffffffULL;
        std::memcpy(&dy, &bits, sizeof dy);
        const Lanes d = dx > dy ? dx : dy;
        // Each place takes the smaller of itself, and the larger of d and the one before it.
        for (int i = k - 1; i > 0; --i) {
            const Lanes larger = smallest[i - 1] > d ? smallest[i - 1] : d;
            smallest[i] = smallest[i] < larger ? smallest[i] : larger;
        }
        smallest[0] = smallest[0] < d ? smallest[0] : d;
    }
};

/// As nearestNeighbours, for one `k` up to `most`, which the compiler knows.
template <int most>
RHEO_INLINE void lookOutwards(const double* x, const double* y, std::int64_t first, std::int64_t end, int k,
                              double* distance, std::int32_t* closer) {
    for (std::int64_t s = first; s < end; s += laneCount) {
        Nearest<most> nearest;
        loadLanes(x + s, nearest.x);
        loadLanes(y + s, nearest.y);
        Lanes& farthest = nearest.smallest[k - 1];
        for (int i = 0; i < k; ++i) nearest.smallest[i] = Lanes{} + std::numeric_limits<double>::infinity();
        std::int64_t left = s - 1, right = s + 1;  // looked at: between them
        bool goLeft = true, goRight = true;
        do {
            if (goRight)
                for (int i = 0; i < sampleBlock; ++i, ++right)
                    nearest.template look<true>(x + right, y + right, k);
            if (goLeft)
                for (int i = 0; i < sampleBlock; ++i, --left)
                    nearest.template look<false>(x + left, y + left, k);
            Lanes toLeft, toRight;
            distancesTo<false>(nearest.x, x + left, toLeft);
            distancesTo<true>(nearest.x, x + right, toRight);
            goLeft = anyLane(toLeft < farthest);
            goRight = anyLane(toRight < farthest);
        } while (goLeft || goRight);
        LaneBits count = {}, last;
        for (std::int64_t j = s + 1; j < right; j += sampleBlock)
            countBlock<true, sampleBlock>(x + j, nearest.x, farthest, count, last);
        for (std::int64_t j = s - 1; j > left; j -= sampleBlock)
            countBlock<false, sampleBlock>(x + j, nearest.x, farthest, count, last);
        storeLanes(farthest, distance + s);
        storeCounts(count, closer + s);
    }
}

/// See lanes.h.
inline void nearestNeighbours(const double* x, const double* y, std::int64_t first, std::int64_t end, int k,
                              double* distance, std::int32_t* closer) {
    if (k == 3)
        lookOutwards<3>(x, y, first, end, 3, distance, closer);
    else
        lookOutwards<32>(x, y, first, end, k, distance, closer);
}

/// Adds to `count` how many of the N sorted values on one side of those at s and on are closer.
template <bool right>
RHEO_INLINE void countSide(const double* sorted, std::int64_t n, std::int64_t s, const Lanes& centre,
                           const Lanes& distance, LaneBits& count) {
    constexpr int block = 16, blocks = 8, side = right ? 1 : -1;
    static_assert(block + laneCount <= sampleMargin);
    std::int64_t next = s + side;
    LaneBits open;
    for (int b = 0; b < blocks; ++b, next += side * block) {
        countBlock<right, block>(sorted + next, centre, distance, count, open);
        if (!anyLane(open)) return;
    }
    // Few have as many: halving, one by one.
    for (int i = 0; i < laneCount; ++i) {
        if (open[i] == 0) continue;
        std::int64_t closer = 0, unknown = right ? n - (next + i) : next + i + 1;
        while (unknown > 0) {
            const std::int64_t half = unknown / 2;
            const double value = sorted[next + i + side * (closer + half)];
            const bool isCloser = (right ? value - centre[i] : centre[i] - value) < distance[i];
            closer += isCloser ? half + 1 : 0;
            unknown = isCloser ? unknown - half - 1 : half;
        }
        count[i] += closer;
    }
}

/// See lanes.h.
inline void countCloser(const double* sorted, std::int64_t n, const double* distance, std::int64_t first,
                        std::int64_t end, std::int32_t* closer) {
    for (std::int64_t s = first; s < end; s += laneCount) {
        Lanes centre, d;
        LaneBits count = {};
        loadLanes(sorted + s, centre);
        loadLanes(distance + s, d);
        countSide<true>(sorted, n, s, centre, d, count);
        countSide<false>(sorted, n, s, centre, d, count);
        storeCounts(count, closer + s);
    }
}

}  // namespace rheo::RHEO_REGISTERS
