// Motion along depth against independent reference values, paths whose motion is known, and invariances.
#include <Eigen/QR>
#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/statistics/motion.h"
#include "tests/core/analysis/golden.h"
#include "tests/core/analysis/traces.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

MotionResult move(const TraceView& view, MotionParameters parameters = {}) {
    Progress progress;
    return motion(view, parameters, progress);
}

}  // namespace

class TestStatisticsMotion : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalsTheReference_data();
    void equalsTheReference();
    void aPolygonTurnsByItsAngle();
    void aStraightLine();
    void aRotatedBasisMovesAlike();
    void badRowsAreNaN();
    void stepsWithoutLengthAreLeftOut();
    void blocksAndThreadsDoNotMatter();
};

void TestStatisticsMotion::equalsTheReference_data() {
    QTest::addColumn<QString>("group");
    QTest::newRow("raw") << "raw";
    QTest::newRow("rms") << "rms";
}

void TestStatisticsMotion::equalsTheReference() {
    QFETCH(QString, group);
    const auto m = move(golden::view(group == "raw" ? Scaling::Raw : Scaling::Rms));
    const std::string at = QString("/%1/motion/").arg(group).toStdString();
    // Sums of 24 squares in float64; an angle from its cosine keeps about 1e-14.
    const auto near = [&](const MatrixD& found, const std::string& name) {
        const double d = golden::difference(found, golden::matrix(at + name));
        QVERIFY2(d <= 1e-12, qPrintable(QString("%1: %2").arg(name.c_str()).arg(d)));
    };
    const std::pair<const MotionCurve&, const char*> curves[] = {{m.cosine, "cosine"},
                                                                 {m.speed, "speed"},
                                                                 {m.relativeSpeed, "relative_speed"},
                                                                 {m.acceleration, "acceleration"},
                                                                 {m.turningAngle, "turning_angle"},
                                                                 {m.norm, "norm"}};
    for (const auto& [curve, name] : curves) {
        near(curve.mean.transpose(), name);
        near(curve.quantiles, std::string(name) + "_quantiles");
        QCOMPARE(curve.counted.minCoeff(), 120.0);
    }
    near(MatrixD::Constant(1, 1, m.pathLength), "path_length");
    near(MatrixD::Constant(1, 1, m.straightness), "straightness");
    near(m.pathLengthRows.transpose(), "path_length_rows");
    near(m.straightnessRows.transpose(), "straightness_rows");
}

void TestStatisticsMotion::aPolygonTurnsByItsAngle() {
    // Once round a regular polygon of 12 sides and radius 3: each step turns by 30 degrees, is a chord long,
    // and the path ends where it began. float32 storage: 1e-6.
    Array3F states(1, 13, 5);
    for (int p = 0; p < 13; ++p) {
        states.at(0, p)[1] = static_cast<float>(3 * std::cos(p * std::numbers::pi / 6));
        states.at(0, p)[4] = static_cast<float>(3 * std::sin(p * std::numbers::pi / 6));
    }
    const auto m = move(traces::view(states));
    const double chord = 6 * std::sin(std::numbers::pi / 12);
    for (int p = 0; p < 12; ++p) {
        QVERIFY(std::abs(m.speed.mean[p] - chord) < 1e-6);
        QVERIFY(std::abs(m.cosine.mean[p] - std::cos(std::numbers::pi / 6)) < 1e-6);
        QVERIFY(std::abs(m.relativeSpeed.mean[p] - chord / 3) < 1e-6);
        QVERIFY(p == 11 || std::abs(m.turningAngle.mean[p] - 30) < 1e-4);
        QVERIFY(p == 11 || std::abs(m.acceleration.mean[p]) < 1e-6);
    }
    QVERIFY(std::abs(m.pathLength - 12 * chord) < 1e-5);
    QVERIFY(m.straightness < 1e-6);
}

void TestStatisticsMotion::aStraightLine() {
    Array3F states(2, 4, 3);
    for (int n = 0; n < 2; ++n)
        for (int p = 0; p < 4; ++p)
            for (int u = 0; u < 3; ++u) states.at(n, p)[u] = static_cast<float>((n + 1) * (p + 1) * (u + 1));
    const auto m = move(traces::view(states));
    QVERIFY(std::abs(m.straightness - 1) < 1e-14);
    QVERIFY(std::abs(m.cosine.mean[0] - 1) < 1e-14);
    QVERIFY(m.turningAngle.mean[0] < 1e-5);
    QVERIFY(std::abs(m.pathLengthRows[1] / m.pathLengthRows[0] - 2) < 1e-14);
    // Two rows: the quantiles lie between them in proportion.
    const double low = m.speed.quantiles(0, 0), high = m.speed.quantiles(4, 0), one = std::sqrt(14.0);
    QVERIFY(std::abs(low - 1.025 * one) < 1e-13 && std::abs(high - 1.975 * one) < 1e-13);
}

void TestStatisticsMotion::aRotatedBasisMovesAlike() {
    const auto states = traces::walks(20, 6, 30, 1);
    const MatrixD random = MatrixD::Random(30, 30);
    const MatrixD q = Eigen::HouseholderQR<MatrixD>(random).householderQ();
    Array3F turned(20, 6, 30);
    Eigen::Map<MatrixF>(turned.data.data(), 120, 30) =
        (Eigen::Map<const MatrixF>(states.data.data(), 120, 30).cast<double>() * q).cast<float>();
    const auto a = move(traces::view(states)), b = move(traces::view(turned));
    QVERIFY((a.speed.mean - b.speed.mean).cwiseAbs().maxCoeff() < 1e-5);  // float32 storage
    QVERIFY((a.cosine.mean - b.cosine.mean).cwiseAbs().maxCoeff() < 1e-6);
    QVERIFY((a.turningAngle.mean - b.turningAngle.mean).cwiseAbs().maxCoeff() < 1e-4);
}

void TestStatisticsMotion::badRowsAreNaN() {
    auto states = traces::walks(10, 4, 6, 2);
    states.at(4, 2)[1] = NAN;
    const auto m = move(traces::view(states));
    QCOMPARE(m.excludedRows, 1);
    QVERIFY(std::isnan(m.pathLengthRows[4]) && std::isnan(m.straightnessRows[4]));
    QVERIFY(std::isfinite(m.pathLengthRows[5]) && std::isfinite(m.pathLength));
    QCOMPARE(m.norm.counted[0], 9.0);
}

void TestStatisticsMotion::stepsWithoutLengthAreLeftOut() {
    auto states = traces::walks(3, 4, 6, 3);
    for (int u = 0; u < 6; ++u) states.at(1, 2)[u] = states.at(1, 1)[u];
    for (int p = 0; p < 4; ++p)
        for (int u = 0; u < 6; ++u) states.at(2, p)[u] = 1;
    const auto m = move(traces::view(states));
    QCOMPARE(m.turningAngle.counted[0],
             1.0);  // of three rows, one does not move at all and one not in this step
    QCOMPARE(m.speed.counted[1], 3.0);
    QVERIFY(std::isnan(m.straightnessRows[2]));
    QVERIFY(std::isfinite(m.straightness));
    for (int p = 0; p < 4; ++p)
        for (int u = 0; u < 6; ++u) states.at(0, p)[u] = 0;
    QCOMPARE(move(traces::view(states)).cosine.counted[0], 2.0);
}

void TestStatisticsMotion::blocksAndThreadsDoNotMatter() {
    const auto view = traces::view(traces::walks(30, 5, 100, 4));
    MotionParameters one{1, std::size_t{1} << 30}, streaming{3, 1};
    const auto a = move(view, one), b = move(view, streaming);
    QVERIFY(a.cosine.mean == b.cosine.mean && a.turningAngle.quantiles == b.turningAngle.quantiles);
    QVERIFY(a.straightness == b.straightness);
}

RHEO_TEST(TestStatisticsMotion)
#include "test_statistics_motion.moc"
