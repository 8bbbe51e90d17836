// Measures of a teleport against closed forms: planted contraction, known angles, known divergence.
#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/dynamics/teleport.h"
#include "core/statistics/axes.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

constexpr int units = 24, points = 6;

TeleportPath randomPath(std::uint64_t seed) {
    RandomStream random(seed);
    TeleportPath path{Array3F(2, points, units), {}};
    for (auto& x : path.states.data) x = static_cast<float>(random.normal());
    return path;
}

VectorD randomUnitVector(std::uint64_t seed) {
    RandomStream random(seed);
    VectorD v(units);
    for (auto& x : v) x = random.normal();
    return v.normalized();
}

/// Orthonormal rows from Gram-Schmidt on random vectors.
PcaBasis randomBasis(int k, std::uint64_t seed) {
    PcaBasis basis;
    basis.mean = 0.3 * randomUnitVector(seed + 100);
    basis.components.resize(k, units);
    for (int i = 0; i < k; ++i) {
        VectorD v = randomUnitVector(seed + static_cast<std::uint64_t>(i));
        for (int j = 0; j < i; ++j) v -= basis.components.row(j).dot(v) * basis.components.row(j).transpose();
        basis.components.row(i) = v.normalized().transpose();
    }
    basis.variance = VectorD::Ones(k);
    basis.explained = VectorD::Ones(k) / units;
    return basis;
}

TeleportPath pushed(const TeleportPath& natural, const VectorD& push, double ratio) {
    TeleportPath path = natural;
    for (int q = 0; q < points; ++q)
        for (int u = 0; u < units; ++u)
            path.states.at(0, q)[u] =
                static_cast<float>(path.states.at(0, q)[u] + push[u] * std::pow(ratio, q));
    return path;
}

// States are stored in float32: differences of numbers near 1 carry errors near 1e-7.
constexpr double rounding = 2e-6;

bool near(double a, double b, double tolerance) {
    return std::abs(a - b) <= tolerance;
}

}  // namespace

class TestDynamicsMeasures : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void plantedContractionComesOut();
    void distanceInTheBasisIsTheProjectedPart();
    void angleOfAKnownRotation_data();
    void angleOfAKnownRotation();
    void scaledStatesHideGrowthOfTheNorm();
    void klOfTwoTokens();
    void zeroPushGivesNoRatios();
    void shiftKeepsWhatIsOutside();
    void shiftToWhereItIsChangesNothing();
    void projectDropsWhatIsOutside();
    void skewAxesMoveAlongOneOfThem();
    void basisOfScaledStatesIsRefused();
    void topTokensAreSorted();
};

void TestDynamicsMeasures::plantedContractionComesOut() {
    const auto natural = randomPath(1);
    const auto moved = pushed(natural, 3 * randomUnitVector(2), 0.5);
    const auto m = measureTeleport(natural, moved, nullptr, 3);
    QCOMPARE(m.distance.size(), points);
    QCOMPARE(m.contraction.size(), points - 1);
    QCOMPARE(m.distancePca.size(), 0);
    for (int q = 0; q < points; ++q) {
        QVERIFY(near(m.distance[q], 3 * std::pow(0.5, q), rounding));
        QVERIFY(near(m.retention[q], std::pow(0.5, q), rounding));
        QVERIFY(near(m.direction[q], 1, 1e-5));
        double norm = 0;
        for (float x : natural.states.line(0, q)) norm += double(x) * x;
        QVERIFY(near(m.relative[q], m.distance[q] / std::sqrt(norm), rounding));
    }
    for (int q = 0; q + 1 < points; ++q) QVERIFY(near(m.contraction[q], std::log(0.5), 5e-5));
}

void TestDynamicsMeasures::distanceInTheBasisIsTheProjectedPart() {
    const auto basis = randomBasis(3, 5);
    const auto natural = randomPath(1);
    VectorD outside = randomUnitVector(9);
    outside -= basis.components.transpose() * (basis.components * outside);
    const VectorD push = 2 * basis.components.row(1).transpose() + 5 * outside.normalized();
    const auto m = measureTeleport(natural, pushed(natural, push, 1), &basis, 3);
    QVERIFY(near(m.distance[0], std::sqrt(29.0), rounding));
    QVERIFY(near(m.distancePca[3], 2, rounding));
    const auto first = measureTeleport(natural, pushed(natural, push, 1), &basis, 1);
    QVERIFY(near(first.distancePca[3], 0, rounding));
}

void TestDynamicsMeasures::angleOfAKnownRotation_data() {
    QTest::addColumn<double>("degrees");
    for (double d : {0.0, 0.01, 1.0, 45.0, 90.0, 179.0, 180.0}) QTest::addRow("%g degrees", d) << d;
}

void TestDynamicsMeasures::angleOfAKnownRotation() {
    QFETCH(double, degrees);
    TeleportPath natural{Array3F(1, 1, units), {}}, moved = natural;
    natural.states.data[0] = 4;
    moved.states.data[0] = static_cast<float>(std::cos(degrees * M_PI / 180));
    moved.states.data[1] = static_cast<float>(std::sin(degrees * M_PI / 180));
    const auto m = measureTeleport(natural, moved, nullptr, 3);
    QVERIFY2(near(m.angle[0], degrees, 1e-5), qPrintable(QString::number(m.angle[0], 'g', 12)));
}

void TestDynamicsMeasures::scaledStatesHideGrowthOfTheNorm() {
    const auto natural = randomPath(3);
    TeleportPath moved = natural;
    for (auto& x : moved.states.data) x *= 2;
    const auto m = measureTeleport(natural, moved, nullptr, 3);
    QVERIFY(m.distance[0] > 1);
    for (int q = 0; q < points; ++q) QVERIFY(near(m.distanceRms[q], 0, rounding));
    // Two states at a right angle, each of RMS 1, are sqrt(2 D) apart.
    TeleportPath a{Array3F(1, 1, units), {}}, b = a;
    a.states.data[0] = 7;
    b.states.data[1] = 0.1f;
    QVERIFY(near(measureTeleport(a, b, nullptr, 3).distanceRms[0], std::sqrt(2.0 * units), rounding));
}

void TestDynamicsMeasures::klOfTwoTokens() {
    auto natural = randomPath(1), moved = randomPath(2);
    natural.logits = Eigen::Vector2f(std::log(0.8f), std::log(0.2f));
    moved.logits = Eigen::Vector2f(std::log(0.5f) + 3, std::log(0.5f) + 3);
    const double expected = 0.8 * std::log(0.8 / 0.5) + 0.2 * std::log(0.2 / 0.5);
    QVERIFY(near(measureTeleport(natural, moved, nullptr, 3).kl, expected, 1e-6));
    moved.logits = natural.logits;
    QCOMPARE(measureTeleport(natural, moved, nullptr, 3).kl, 0.0);
    moved.logits =
        Eigen::Vector2f(2000, -2000);  // a probability that underflows leaves the other side finite
    natural.logits = Eigen::Vector2f(2000, -2000);
    QCOMPARE(measureTeleport(natural, moved, nullptr, 3).kl, 0.0);
}

void TestDynamicsMeasures::zeroPushGivesNoRatios() {
    const auto natural = randomPath(1);
    const auto m = measureTeleport(natural, natural, nullptr, 3);
    QCOMPARE(m.distance.norm(), 0.0);
    for (int q = 0; q < points; ++q) {
        QVERIFY(std::isnan(m.retention[q]));
        QVERIFY(std::isnan(m.direction[q]));
        QCOMPARE(m.angle[q], 0.0);
    }
    QVERIFY(std::isnan(m.contraction[0]));
    QVERIFY(std::isnan(m.kl));
}

void TestDynamicsMeasures::shiftKeepsWhatIsOutside() {
    const auto basis = randomBasis(4, 5);
    const VectorF h = (2 * randomUnitVector(77)).cast<float>();
    const Eigen::Vector3d target(1, -2, 0.5);
    const VectorF moved = teleportState(TeleportMode::Shift, h, basis, target);
    QVERIFY((scoresOf(basis, moved, 3) - target).norm() < rounding);
    QVERIFY2(near(scoresOf(basis, moved, 4)[3], scoresOf(basis, h, 4)[3], rounding),
             "the fourth score stays");
    const VectorD difference = (moved - h).cast<double>();
    const VectorD outside = difference - basis.components.transpose() * (basis.components * difference);
    QVERIFY(outside.norm() < rounding);
}

void TestDynamicsMeasures::shiftToWhereItIsChangesNothing() {
    const auto basis = randomBasis(3, 5);
    const VectorF h = randomUnitVector(77).cast<float>();
    const VectorF same = teleportState(TeleportMode::Shift, h, basis, scoresOf(basis, h, 3));
    QVERIFY(same == h);
}

void TestDynamicsMeasures::projectDropsWhatIsOutside() {
    const auto basis = randomBasis(4, 5);
    const VectorF h = randomUnitVector(77).cast<float>();
    const Eigen::Vector3d target(1, -2, 0.5);
    const VectorF moved = teleportState(TeleportMode::Project, h, basis, target);
    const VectorD expected = basis.mean + basis.components.topRows(3).transpose() * target;
    QVERIFY((moved.cast<double>() - expected).norm() < rounding);
}

/// Where axes are not orthogonal, a change of one coordinate is a move along that axis alone, and the
/// distance in the frame is that of the part in its plane.
void TestDynamicsMeasures::skewAxesMoveAlongOneOfThem() {
    const VectorD a = randomUnitVector(1), b = (a + 0.5 * randomUnitVector(2)).normalized();
    const PcaBasis axes = axesOf({{"a", a.cast<float>()}, {"b", (3 * b).cast<float>()}}, AxesFrame::Skew);
    const VectorF h = (2 * randomUnitVector(77)).cast<float>();
    VectorD target = scoresOf(axes, h, 2);
    target[1] += 1.5;
    const VectorF moved = teleportState(TeleportMode::Shift, h, axes, target);
    QVERIFY(((moved - h).cast<double>() - 1.5 * b).norm() < rounding);
    QVERIFY((scoresOf(axes, moved, 2) - target).norm() < rounding);
    const VectorD push = randomUnitVector(9);
    const auto natural = randomPath(3);
    const auto m = measureTeleport(natural, pushed(natural, push, 1), &axes, 2);
    const VectorD own = (b - a.dot(b) * a).normalized();
    QVERIFY(near(m.distancePca[0], std::hypot(push.dot(a), push.dot(own)), rounding));
    QVERIFY(teleportState(TeleportMode::Shift, h, axes, scoresOf(axes, h, 2)) == h);
}

void TestDynamicsMeasures::basisOfScaledStatesIsRefused() {
    auto basis = randomBasis(3, 5);
    basis.scaling = Scaling::Rms;
    const VectorF h = randomUnitVector(1).cast<float>();
    try {
        scoresOf(basis, h, 3);
        QFAIL("a basis of scaled states was taken");
    } catch (const Error& e) {
        QCOMPARE(e.code(), ErrorCode::Unsupported);
        QVERIFY(QString(e.what()).contains("rms"));
    }
    basis.scaling = Scaling::Raw;
    QVERIFY_EXCEPTION_THROWN(scoresOf(basis, VectorF::Zero(units + 1), 3), Error);
    QVERIFY_EXCEPTION_THROWN(scoresOf(basis, h, 4), Error);
    QVERIFY_EXCEPTION_THROWN(teleportState(TeleportMode::Shift, h, basis, Eigen::Vector3d(0, NAN, 0)), Error);
}

void TestDynamicsMeasures::topTokensAreSorted() {
    const auto top = topTokens(Eigen::Vector4f(0, 2, 2, 1), 3);
    QCOMPARE(top.size(), std::size_t(3));
    QCOMPARE(top[0].id, 1);
    QCOMPARE(top[1].id, 2);
    QCOMPARE(top[2].id, 3);
    const double z = 1 + 2 * std::exp(2.0) + std::exp(1.0);
    QVERIFY(near(top[0].probability, std::exp(2.0) / z, 1e-12));
    QCOMPARE(topTokens(Eigen::Vector4f(0, 2, 2, 1), 9).size(), std::size_t(4));
}

RHEO_TEST(TestDynamicsMeasures)
#include "test_dynamics_measures.moc"
