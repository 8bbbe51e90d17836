// Rotation against independent reference values, curves whose turns are known, random walks, and the
// definition written out step by step.
#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/statistics/rotation.h"
#include "tests/core/analysis/golden.h"
#include "tests/core/analysis/traces.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

RotationResult rotate(const TraceView& view, RotationParameters parameters = {}) {
    Progress progress;
    return rotation(view, parameters, progress);
}

/// Each column of `paths` [point, unit] a unit of a single row.
TraceView oneRow(const MatrixD& paths) {
    Array3F states(1, paths.rows(), paths.cols());
    Eigen::Map<MatrixF>(states.data.data(), paths.rows(), paths.cols()) = paths.cast<float>();
    return traces::view(states);
}

}  // namespace

class TestStatisticsRotation : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalsTheReference_data();
    void equalsTheReference();
    void pathsEqualTheReference();
    void aCosineTurnsAsItShould();
    void randomWalksAndNoise();
    void vectorsAgreeWithTheDefinition_data();
    void vectorsAgreeWithTheDefinition();
    void stepsWithoutDirection();
    void aSpiralGrows();
    void invariances();
    void badRowsAndConstantUnits();
    void histogramsCountEveryPath();
    void blocksAndThreadsDoNotMatter();
    void pathsAreKept();
    void fewPointsAreNaN();
};

void TestStatisticsRotation::equalsTheReference_data() {
    QTest::addColumn<QString>("group");
    QTest::newRow("raw") << "raw";
    QTest::newRow("rms") << "rms";
}

void TestStatisticsRotation::equalsTheReference() {
    QFETCH(QString, group);
    RotationParameters parameters;
    parameters.perRow = true;
    const auto r = rotate(golden::view(group == "raw" ? Scaling::Raw : Scaling::Rms), parameters);
    const std::string at = QString("/%1/rotation/").arg(group).toStdString();
    const auto near = [&](const MatrixD& found, const char* name) {
        const double d = golden::difference(found, golden::matrix(at + name));
        QVERIFY2(d <= 1e-11, qPrintable(QString("%1: %2").arg(name).arg(d)));
    };
    near(r.meanPathTurning.transpose(), "mean_path_turning");
    near(r.meanPathWinding.transpose(), "mean_path_winding");
    near(r.meanPathLogRadiusSlope.transpose(), "mean_path_log_radius_slope");
    near(r.meanPathFixedPoint, "mean_path_fixed_point");
    near(r.turning.transpose(), "turning");
    near(r.winding.transpose(), "winding");
    near(r.logRadiusSlope.transpose(), "log_radius_slope");
    near(r.rowTurning, "row_turning");
}

void TestStatisticsRotation::pathsEqualTheReference() {
    const MatrixD paths = golden::matrix("/paths/path"), turning = golden::matrix("/paths/turning"),
                  winding = golden::matrix("/paths/winding"),
                  slope = golden::matrix("/paths/log_radius_slope"),
                  centre = golden::matrix("/paths/fixed_point");
    for (Eigen::Index i = 0; i < paths.rows(); ++i) {
        const auto r = pathRotation({paths.data() + i * 64, 64});
        QVERIFY(std::abs(r.turning - turning.data()[i]) < 1e-12);
        QVERIFY(std::abs(r.winding - winding.data()[i]) < 1e-12);
        QVERIFY(std::abs(r.logRadiusSlope - slope.data()[i]) < 1e-12);
        QVERIFY(std::abs(r.fixedPoint[0] - centre(i, 0)) < 1e-12 &&
                std::abs(r.fixedPoint[1] - centre(i, 1)) < 1e-12);
    }
}

void TestStatisticsRotation::aCosineTurnsAsItShould() {
    MatrixD path(64, 1);
    for (int p = 0; p < 64; ++p) path(p, 0) = std::cos(2 * std::numbers::pi * 10 * p / 64);
    const auto r = rotate(oneRow(path));
    QVERIFY(std::abs(r.turning[0] + 9.552) < 1e-3);
    QVERIFY(std::abs(r.meanPathTurning[0] + 9.552) < 1e-3);
    QVERIFY(std::abs(r.logRadiusSlope[0]) < 1e-3);
}

void TestStatisticsRotation::randomWalksAndNoise() {
    // Known of 20,000 paths of 64 points: walks -10.95 with SD 1.66, independent values -14.85 with SD 1.67.
    // With 20,000 again the means differ by 0.017 (one SD), the SDs by 0.012.
    const auto moments = [](const TraceView& view) {
        RotationParameters parameters;
        parameters.perRow = true;
        const MatrixD turns = rotate(view, parameters).rowTurning;
        const double mean = turns.mean();
        return std::pair(mean, std::sqrt((turns.array() - mean).square().mean()));
    };
    const auto [walkMean, walkSd] = moments(traces::view(traces::walks(200, 64, 100, 1)));
    QVERIFY2(std::abs(walkMean + 10.95) < 0.06, qPrintable(QString::number(walkMean)));
    QVERIFY2(std::abs(walkSd - 1.66) < 0.05, qPrintable(QString::number(walkSd)));
    const auto [noiseMean, noiseSd] = moments(traces::view(traces::gaussian(200, 64, 100, 2)));
    QVERIFY2(std::abs(noiseMean + 14.85) < 0.06, qPrintable(QString::number(noiseMean)));
    QVERIFY2(std::abs(noiseSd - 1.67) < 0.05, qPrintable(QString::number(noiseSd)));
}

void TestStatisticsRotation::vectorsAgreeWithTheDefinition_data() {
    QTest::addColumn<int>("points");
    QTest::addColumn<bool>("coarse");
    for (const int points : {3, 4, 5, 64, 65, 600, 1300}) {
        QTest::addRow("%d points", points) << points << false;
        QTest::addRow("%d points, coarse", points) << points << true;
    }
}

void TestStatisticsRotation::vectorsAgreeWithTheDefinition() {
    QFETCH(int, points);
    QFETCH(bool, coarse);
    // Coarse values have exact reversals and steps without direction, as few bits of mantissa give.
    auto states = traces::walks(3, points, 70, 9);
    if (coarse)
        for (auto& x : states.data) x = std::round(x / 2);
    RotationParameters parameters;
    parameters.perRow = true;
    const auto r = rotate(traces::view(states), parameters);
    std::vector<double> path(static_cast<std::size_t>(points));
    std::int64_t undefined = 0;
    for (int u = 0; u < 70; ++u) {
        double turning = 0, winding = 0, slope = 0, turned = 0, sloped = 0;
        for (int n = 0; n < 3; ++n) {
            for (int p = 0; p < points; ++p) path[static_cast<std::size_t>(p)] = states.at(n, p)[u];
            const auto one = pathRotation(path);
            undefined += one.undefinedSteps;
            QVERIFY(std::isnan(one.turning) == std::isnan(r.rowTurning(n, u)));
            if (std::isnan(one.turning)) continue;
            QVERIFY2(std::abs(one.turning - r.rowTurning(n, u)) < 1e-10,
                     qPrintable(QString("%1 %2").arg(one.turning).arg(r.rowTurning(n, u))));
            turning += one.turning;
            winding += one.winding;
            ++turned;
            if (std::isnan(one.logRadiusSlope)) continue;
            slope += one.logRadiusSlope;
            ++sloped;
        }
        QCOMPARE(r.rowsCounted[u], turned);
        if (turned == 0) continue;
        QVERIFY(std::abs(r.turning[u] - turning / turned) < 1e-10);
        QVERIFY2(std::abs(r.winding[u] - winding / turned) < 1e-9,
                 qPrintable(QString("unit %1: %2 %3").arg(u).arg(r.winding[u]).arg(winding / turned)));
        if (sloped > 0) QVERIFY(std::abs(r.logRadiusSlope[u] - slope / sloped) < 1e-9);
    }
    QCOMPARE(r.undefinedSteps, undefined);
}

void TestStatisticsRotation::stepsWithoutDirection() {
    // A path that stands still for a while turns as one that does not, where it stands still with gradient
    // and all. And an exact reversal is half a turn, clockwise.
    const std::vector<double> still{0, 0, 0, 0, 1, 3, 2, 2, 2, 2, 2, 5, 1};
    const auto r = pathRotation(still);
    QCOMPARE(r.undefinedSteps, 4);
    MatrixD path(13, 1);
    for (int p = 0; p < 13; ++p) path(p, 0) = still[static_cast<std::size_t>(p)];
    const auto vectors = rotate(oneRow(path));
    QVERIFY(std::abs(vectors.turning[0] - r.turning) < 1e-14);
    QCOMPARE(vectors.undefinedSteps, 4);
    const std::vector<double> straight{0, 1, 2, 3, 4, 5};
    QVERIFY(std::abs(pathRotation(straight).turning) < 1e-14);
    QVERIFY(std::abs(pathRotation(straight).winding + 0.5) < 1e-14);
}

void TestStatisticsRotation::aSpiralGrows() {
    // exp((s + i w) p) is a logarithmic spiral in the plane of value and derivative; many points a turn, so
    // that the gradient is the derivative, and many turns, so that the centroid is its centre.
    MatrixD paths(600, 2);
    for (int p = 0; p < 600; ++p) {
        paths(p, 0) = std::exp(0.004 * p) * std::cos(0.2 * p);
        paths(p, 1) = std::exp(-0.004 * p) * std::cos(0.2 * p);
    }
    const auto r = rotate(oneRow(paths));
    QVERIFY2(std::abs(r.logRadiusSlope[0] - 0.004) < 6e-4, qPrintable(QString::number(r.logRadiusSlope[0])));
    QVERIFY2(std::abs(r.logRadiusSlope[1] + 0.004) < 6e-4, qPrintable(QString::number(r.logRadiusSlope[1])));
    QVERIFY(std::abs(r.turning[0] + 600 * 0.2 / (2 * std::numbers::pi)) < 0.5);
}

void TestStatisticsRotation::invariances() {
    const auto states = traces::walks(30, 20, 90, 3);
    RandomStream random(4);
    const auto rows = random.permutation(30), units = random.permutation(90);
    auto other = traces::reordered(states, rows, units);
    for (auto& x : other.data) x = 4 * x;  // exact; scale and shift of a path do not turn it
    const auto a = rotate(traces::view(states)), b = rotate(traces::view(other));
    for (int u = 0; u < 90; ++u) {
        const auto v = units[static_cast<std::size_t>(u)];
        QVERIFY(std::abs(a.turning[v] - b.turning[u]) < 1e-12);
        QVERIFY(std::abs(a.winding[v] - b.winding[u]) < 1e-12);
        QVERIFY(std::abs(a.logRadiusSlope[v] - b.logRadiusSlope[u]) < 1e-12);
        QVERIFY(std::abs(a.meanPathTurning[v] - b.meanPathTurning[u]) < 1e-12);
        QVERIFY(std::abs(4 * a.meanPathFixedPoint(v, 1) - b.meanPathFixedPoint(u, 1)) < 1e-12);
    }
    // Turned over, a path turns the same way: (x, y) becomes (-x, -y).
    for (auto& x : other.data) x = -x;
    const auto c = rotate(traces::view(other));
    QVERIFY((b.turning - c.turning).cwiseAbs().maxCoeff() < 1e-12);
}

void TestStatisticsRotation::badRowsAndConstantUnits() {
    auto states = traces::walks(12, 10, 66, 5);
    for (int n = 0; n < 12; ++n)
        for (int p = 0; p < 10; ++p) states.at(n, p)[65] = 0.3F;
    states.at(7, 3)[0] = NAN;
    RotationParameters parameters;
    parameters.perRow = true;
    const auto r = rotate(traces::view(states), parameters);
    QCOMPARE(r.excludedRows, 1);
    QCOMPARE(r.rowTurning.rows(), 12);
    QVERIFY(std::isnan(r.rowTurning(7, 1)) && std::isfinite(r.rowTurning(8, 1)));
    QCOMPARE(r.rowsCounted[1], 11.0);
    for (const auto* v : {&r.turning, &r.winding, &r.logRadiusSlope, &r.meanPathTurning, &r.meanPathWinding,
                          &r.meanPathLogRadiusSlope})
        QVERIFY(std::isnan((*v)[65]) && std::isfinite((*v)[64]));
    QVERIFY(std::isnan(r.meanPathFixedPoint(65, 0)));
    QCOMPARE(r.undefinedSteps, 11 * 9);
}

void TestStatisticsRotation::histogramsCountEveryPath() {
    RotationParameters parameters;
    parameters.perRow = true;
    const auto r = rotate(traces::view(traces::walks(40, 30, 70, 6)), parameters);
    QCOMPARE(r.turningHistogram.counts.sum(), 40.0 * 70);
    QCOMPARE(r.logRadiusSlopeHistogram.counts.sum(), 40.0 * 70);
    const VectorD edges = r.turningHistogram.edges();
    QCOMPARE(edges.size(), 65);
    for (int i = 0; i < 64; ++i) {
        const auto inside = (r.rowTurning.array() >= edges[i] && r.rowTurning.array() < edges[i + 1]).count();
        QCOMPARE(r.turningHistogram.counts[i], static_cast<double>(inside));
    }
    QVERIFY(r.rowTurning.cwiseAbs().maxCoeff() >= edges[64] / 2);
}

void TestStatisticsRotation::blocksAndThreadsDoNotMatter() {
    const auto view = traces::view(traces::walks(50, 12, 130, 7));
    RotationParameters one;
    one.threads = 1;
    const auto a = rotate(view, one);
    for (const std::size_t memory : {std::size_t{1}, std::size_t{100000}, std::size_t{1} << 30}) {
        RotationParameters other;
        other.threads = 3;
        other.memoryBytes = memory;
        const auto b = rotate(view, other);
        QVERIFY(a.turning == b.turning && a.winding == b.winding && a.logRadiusSlope == b.logRadiusSlope);
        QVERIFY(a.meanPathTurning == b.meanPathTurning);
        QVERIFY(a.windingHistogram.counts == b.windingHistogram.counts);
    }
}

void TestStatisticsRotation::pathsAreKept() {
    constexpr std::int64_t rows = 21, points = 5, units = 70;  // more units than a tile
    Array3F states = traces::gaussian(rows, points, units, 8);
    states.at(0, 2)[1] = NAN;  // row 0 is left out
    const auto r = rotate(traces::view(states));
    // Twenty rows are left: each 2.5th of them, from row 1 on.
    QCOMPARE(r.exampleRows, (std::vector<std::int64_t>{1, 3, 6, 8, 11, 13, 16, 18}));
    QCOMPARE(r.examplePaths.n0, 8);
    for (std::int64_t k = 0; k < 8; ++k)
        for (std::int64_t p = 0; p < points; ++p)
            for (std::int64_t u = 0; u < units; ++u)
                QCOMPARE(r.examplePaths.at(k, p)[u],
                         states.at(r.exampleRows[static_cast<std::size_t>(k)], p)[u]);
    QCOMPARE(r.meanPath.rows(), points);
    QCOMPARE(r.meanPath.cols(), units);
    for (std::int64_t p = 0; p < points; ++p)
        for (std::int64_t u = 0; u < units; ++u) {
            double sum = 0;
            for (std::int64_t n = 1; n < rows; ++n) sum += static_cast<double>(states.at(n, p)[u]);
            QVERIFY(std::abs(r.meanPath(p, u) - sum / 20) < 1e-14);  // rounding of sums of 20
        }
    const auto few = rotate(traces::view(traces::gaussian(3, points, 2, 9)));
    QCOMPARE(few.exampleRows, (std::vector<std::int64_t>{0, 1, 2}));
}

void TestStatisticsRotation::fewPointsAreNaN() {
    for (const int points : {1, 2}) {
        const auto r = rotate(traces::view(traces::walks(5, points, 4, 8)));
        QVERIFY(std::isnan(r.turning[0]) && std::isnan(r.winding[0]) && std::isnan(r.meanPathTurning[0]));
    }
}

RHEO_TEST(TestStatisticsRotation)
#include "test_statistics_rotation.moc"
