// The innermost loops give the same whatever the registers are, and their elementary functions are those of
// the standard library.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "core/analysis/lanes.h"
#include "core/base/random.h"

// The text of the loops for registers of each size, as any processor can run them.
#define RHEO_REGISTERS bytes16
#define RHEO_REGISTER_BYTES 16
#include "core/analysis/lane_kernels.h"
#undef RHEO_REGISTERS
#undef RHEO_REGISTER_BYTES
#define RHEO_REGISTERS bytes32
#define RHEO_REGISTER_BYTES 32
#include "core/analysis/lane_kernels.h"
#undef RHEO_REGISTERS
#undef RHEO_REGISTER_BYTES
#define RHEO_REGISTERS bytes64
#define RHEO_REGISTER_BYTES 64
#include "core/analysis/lane_kernels.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

constexpr std::int64_t points = 21, rows = 5;

/// Walks of normal steps, [row, point, 64]; every third unit in whole numbers, with steps that lead nowhere.
std::vector<double> walks() {
    std::vector<double> paths(static_cast<std::size_t>(rows * points * tileUnits));
    RandomStream random(1);
    for (std::size_t i = 0; i < paths.size(); ++i) {
        const bool first = i / tileUnits % points == 0, coarse = i % 3 == 0;
        const double step = coarse ? std::round(random.normal()) : random.normal();
        paths[i] = first ? step : paths[i - tileUnits] + step;
    }
    return paths;
}

std::vector<std::uint64_t> randomBits(std::size_t count) {
    RandomStream random(2);
    std::vector<std::uint64_t> bits(count);
    for (auto& word : bits) word = random();
    return bits;
}

double largest(const std::vector<double>& a, const std::vector<double>& b) {
    double worst = a.size() == b.size() ? 0 : INFINITY;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        if (std::isnan(a[i]) && std::isnan(b[i])) continue;
        worst = std::isnan(a[i]) || std::isnan(b[i]) ? INFINITY : std::max(worst, std::abs(a[i] - b[i]));
    }
    return worst;
}

}  // namespace

class TestAnalysisLanes : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void rotationIsTheSame();
    void correlationsAreTheSame();
    void surrogatesAreTheSame();
    void elementaryFunctions();
};

void TestAnalysisLanes::rotationIsTheSame() {
    const auto paths = walks();
    for (std::int64_t n = 0; n < rows; ++n) {
        TileRotation one, other[3];
        const double* path = paths.data() + n * points * tileUnits;
        rotateTile(path, points, one);
        bytes16::rotateTile(path, points, other[0]);
        bytes32::rotateTile(path, points, other[1]);
        bytes64::rotateTile(path, points, other[2]);
        for (const auto& o : other) {
            for (int u = 0; u < tileUnits; ++u) {
                // Turnings of whole-number paths are exact to the last turn; windings are about a centroid
                // that rounds, and only of other paths.
                QVERIFY(std::abs(one.turning[u] - o.turning[u]) < 1e-12);
                QVERIFY(u % 3 == 0 || std::abs(one.winding[u] - o.winding[u]) < 1e-12);
                QVERIFY(std::abs(one.centreX[u] - o.centreX[u]) < 1e-12);
                QVERIFY(std::isnan(one.slope[u]) == std::isnan(o.slope[u]));
                QVERIFY(std::isnan(one.slope[u]) || std::abs(one.slope[u] - o.slope[u]) < 1e-12);
            }
            QCOMPARE(o.undefined, one.undefined);
        }
    }
}

void TestAnalysisLanes::correlationsAreTheSame() {
    const auto paths = walks();
    constexpr std::int64_t units = 61;  // of the 64; the rest is not there
    const auto count = static_cast<std::size_t>(points * points);
    for (const bool all : {true, false}) {
        const auto run = [&](auto pack, auto add, auto correlate) {
            constexpr std::int64_t atOnce = 3, first = 1;
            std::vector<double> sums(static_cast<std::size_t>(points * tileUnits)),
                products(static_cast<std::size_t>(productBlocks(points, all) * blockSize)),
                packed(static_cast<std::size_t>(atOnce * blocksOf(points) * blockPoints * tileUnits)),
                spread(static_cast<std::size_t>(points * 8)),
                neighbours(static_cast<std::size_t>((points - 1) * tileUnits)), total(count), counts(count);
            // In pieces that do not fill the room up.
            for (std::int64_t n = 0; n < rows; n += atOnce) {
                const std::int64_t some = std::min(atOnce, rows - n), one = std::min(first, some);
                const double* from = paths.data() + n * points * tileUnits;
                pack(from, one, points, paths.data(), sums.data(), packed.data(), 0, atOnce);
                pack(from + one * points * tileUnits, some - one, points, paths.data(), sums.data(),
                     packed.data(), one, atOnce);
                add(packed.data(), some, atOnce, points, all, products.data());
            }
            correlate(products.data(), sums.data(), rows, points, units, all, spread.data(),
                      neighbours.data(), total.data(), counts.data());
            std::vector<double> found = total;
            found.insert(found.end(), counts.begin(), counts.end());
            for (std::int64_t p = 0; p + 1 < points; ++p)
                for (std::int64_t u = 0; u < units; ++u)
                    found.push_back(neighbours[static_cast<std::size_t>(p * tileUnits + u)]);
            return found;
        };
        const auto one = run(packPoints, addProducts, correlateTile);
        for (const auto& other : {run(bytes16::packPoints, bytes16::addProducts, bytes16::correlateTile),
                                  run(bytes32::packPoints, bytes32::addProducts, bytes32::correlateTile),
                                  run(bytes64::packPoints, bytes64::addProducts, bytes64::correlateTile)})
            QVERIFY(largest(one, other) < 1e-11);
        // All of them by the definition.
        std::vector<double> expected(one.size());
        for (std::int64_t p = 0; p < points; ++p)
            for (std::int64_t q = p; q < (all ? points : std::min(points, p + 2)); ++q)
                for (std::int64_t u = 0; u < units; ++u) {
                    double x = 0, y = 0, xx = 0, xy = 0, yy = 0;
                    const auto value = [&](std::int64_t n, std::int64_t at) {
                        return paths[static_cast<std::size_t>((n * points + at) * tileUnits + u)];
                    };
                    for (std::int64_t n = 0; n < rows; ++n) {
                        x += value(n, p) / rows;
                        y += value(n, q) / rows;
                    }
                    for (std::int64_t n = 0; n < rows; ++n) {
                        xx += (value(n, p) - x) * (value(n, p) - x);
                        xy += (value(n, p) - x) * (value(n, q) - y);
                        yy += (value(n, q) - y) * (value(n, q) - y);
                    }
                    const double r =
                        xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : std::numeric_limits<double>::quiet_NaN();
                    if (q == p + 1) expected[2 * count + static_cast<std::size_t>(p * units + u)] = r;
                    if (std::isnan(r) || !all) continue;  // sums are of all points alone
                    expected[static_cast<std::size_t>(p * points + q)] += r;
                    expected[count + static_cast<std::size_t>(p * points + q)] += 1;
                }
        QVERIFY(largest(one, expected) < 1e-10);
    }
}

void TestAnalysisLanes::surrogatesAreTheSame() {
    const auto paths = walks();
    const auto bits = randomBits(static_cast<std::size_t>(points * tileUnits));
    const auto flipped = [&](auto flip) {
        auto copy = paths;
        flip(copy.data(), points, bits.data());
        return copy;
    };
    const auto one = flipped(flipSigns);
    QVERIFY(one == flipped(bytes16::flipSigns) && one == flipped(bytes32::flipSigns) &&
            one == flipped(bytes64::flipSigns));
    const std::vector<double> sd(static_cast<std::size_t>(points * tileUnits), 2.0);
    const auto walked = [&](auto walk) {
        auto copy = paths;
        walk(copy.data(), points, tileUnits, sd.data(), tileUnits, bits.data());
        return copy;
    };
    const auto other = walked(walkGaussian);
    QVERIFY(largest(other, walked(bytes16::walkGaussian)) < 1e-12);
    QVERIFY(largest(other, walked(bytes32::walkGaussian)) < 1e-12);
    QVERIFY(largest(other, walked(bytes64::walkGaussian)) < 1e-12);
    QVERIFY(largest(other, paths) > 1);
}

void TestAnalysisLanes::elementaryFunctions() {
    RandomStream random(10);
    double arc = 0, log = 0, wave = 0;
    for (int i = 0; i < 100000; ++i) {
        bytes64::Lanes x, y, u, a, l, s, c;
        for (int j = 0; j < bytes64::laneCount; ++j) {
            x[j] = random.normal() * std::exp2(static_cast<double>(random.below(40)) - 20);
            y[j] = random.normal() * std::exp2(static_cast<double>(random.below(40)) - 20);
            u[j] = random.uniform();
        }
        const bytes64::Lanes positive = x * x + 1e-300;
        bytes64::arcTangent(y, x, a);
        bytes64::logarithm(positive, l);
        bytes64::sineCosine(u, s, c);
        for (int j = 0; j < bytes64::laneCount; ++j) {
            arc = std::max(arc, std::abs(a[j] - std::atan2(y[j], x[j])));
            log = std::max(log, std::abs(l[j] - std::log(positive[j])) / std::max(1.0, std::abs(l[j])));
            wave = std::max(wave, std::abs(s[j] - std::sin(2 * std::numbers::pi * u[j])));
            wave = std::max(wave, std::abs(c[j] - std::cos(2 * std::numbers::pi * u[j])));
        }
    }
    QVERIFY2(arc < 1e-15, qPrintable(QString::number(arc)));
    QVERIFY2(log < 1e-15, qPrintable(QString::number(log)));
    QVERIFY2(wave < 1e-15, qPrintable(QString::number(wave)));  // 2 pi u is itself rounded to 4e-16
    const bytes64::Lanes zero{}, minus = zero - 1.0;
    bytes64::Lanes a;
    bytes64::arcTangent(zero, minus, a);
    QCOMPARE(a[0], std::numbers::pi);
    bytes64::arcTangent(minus, zero, a);
    QCOMPARE(a[0], -std::numbers::pi / 2);
    bytes64::arcTangent(zero, zero, a);
    QCOMPARE(a[0], 0.0);
}

RHEO_TEST(TestAnalysisLanes)
#include "test_analysis_lanes.moc"
