// Axes of one's own, variances along directions, and linear probes: closed forms and planted answers.
#include <Eigen/Dense>
#include <QtTest>
#include <cmath>

#include "core/base/random.h"
#include "core/statistics/axes.h"
#include "core/statistics/linear_probe.h"
#include "tests/core/analysis/traces.h"
#include "tests/refused.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

NamedDirection direction(std::string name, std::initializer_list<float> values) {
    NamedDirection made{std::move(name), VectorF(static_cast<Eigen::Index>(values.size()))};
    std::copy(values.begin(), values.end(), made.values.begin());
    return made;
}

bool near(const MatrixD& a, const MatrixD& b, double tolerance) {
    return a.rows() == b.rows() && a.cols() == b.cols() && (a - b).cwiseAbs().maxCoeff() <= tolerance;
}

/// Two groups that differ by `gap` along the first unit; `perSample` rows of each sample.
GroupedStates planted(int samples, int perSample, double gap, std::uint64_t seed, Eigen::Index units = 20) {
    GroupedStates groups;
    groups.states.resize(samples * perSample, units);
    RandomStream random(seed);
    for (int i = 0; i < samples * perSample; ++i) {
        const int sample = i / perSample;
        for (float& x : groups.states.row(i)) x = static_cast<float>(random.normal());
        groups.plus.push_back(static_cast<char>(sample % 2));
        groups.samples.push_back(sample);
        groups.states(i, 0) += static_cast<float>(sample % 2 == 1 ? gap : 0);
    }
    return groups;
}

}  // namespace

class TestStatisticsAxes : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void orthonormalInTheirOrder();
    void skewMovesAlongTheDrawnAxis();
    void dependentDirectionsAreRefused();
    void completedByComponents();
    void angles();
    void varianceBesideSums();
    void probeFindsWhatIsPlanted_data();
    void probeFindsWhatIsPlanted();
    void ridgeIsTheLeastSquares();
    void logisticIsStationary();
    void foldsAreOfSamples();
    void groupsThatAreTooSmall();
};

void TestStatisticsAxes::orthonormalInTheirOrder() {
    const PcaBasis axes =
        axesOf({direction("a", {2, 0, 0, 0}), direction("b", {3, 4, 0, 0})}, AxesFrame::Orthonormal);
    MatrixD expected(2, 4);
    expected << 1, 0, 0, 0, 0, 1, 0, 0;
    QVERIFY(near(axes.components, expected, 1e-15));
    QCOMPARE(axes.dual.size(), 0);
    QCOMPARE(axes.names, (std::vector<std::string>{"a", "b"}));
    QVERIFY(axes.mean.isZero(0));
}

void TestStatisticsAxes::skewMovesAlongTheDrawnAxis() {
    const PcaBasis axes = axesOf({direction("a", {2, 0, 0}), direction("b", {3, 4, 0})}, AxesFrame::Skew);
    MatrixD components(2, 3), dual(2, 3);
    components << 1, 0, 0, 0.6, 0.8, 0;
    dual << 1, -0.75, 0, 0, 1.25, 0;  // by hand: the inverse of [[1, 0], [0.6, 0.8]], transposed
    QVERIFY(near(axes.components, components, 1e-7));
    QVERIFY(near(axes.dual, dual, 1e-7));
    MatrixF state(1, 3);
    state << 5, 2, 9;
    const MatrixD score = project(axes, state);
    // A move of 2 along b alone changes its coordinate by 2, and that of a by nothing.
    state.row(0) += 2 * components.row(1).cast<float>();
    const MatrixD moved = project(axes, state);
    QVERIFY(std::abs(moved(0, 0) - score(0, 0)) < 1e-6);
    QVERIFY(std::abs(moved(0, 1) - score(0, 1) - 2) < 1e-6);
}

void TestStatisticsAxes::dependentDirectionsAreRefused() {
    const auto frame = [](const std::vector<NamedDirection>& directions) {
        return [=] { axesOf(directions, AxesFrame::Skew); };
    };
    QVERIFY(refused(ErrorCode::InvalidArgument, frame({})));
    QVERIFY(refused(ErrorCode::InvalidArgument, frame({direction("zero", {0, 0})})));
    QVERIFY(refused(ErrorCode::InvalidArgument, frame({direction("nan", {std::nanf(""), 0})})));
    QVERIFY(refused(ErrorCode::InvalidArgument, frame({direction("a", {1, 2}), direction("b", {-2, -4})})));
    QVERIFY(refused(ErrorCode::Mismatch, frame({direction("a", {1, 2}), direction("b", {1, 2, 3})})));
}

void TestStatisticsAxes::completedByComponents() {
    Progress progress;
    const PcaBasis found = pca(traces::view(traces::gaussian(60, 3, 8, 1)), {6, false}, progress).basis;
    for (const AxesFrame frame : {AxesFrame::Orthonormal, AxesFrame::Skew}) {
        const PcaBasis axes = completedAxes(
            axesOf({direction("a", {1, 0, 0, 0, 0, 0, 0, 0}), direction("b", {1, 1, 0, 0, 0, 0, 0, 0})},
                   frame),
            found);
        QCOMPARE(axes.components.rows(), 3);
        QCOMPARE(axes.names.back(), std::string("PC1 rest"));
        const VectorD products = axes.components.topRows(2) * axes.components.row(2).transpose();
        QVERIFY(products.cwiseAbs().maxCoeff() < 1e-12);
        QVERIFY(near(scoreRows(axes) * axes.components.transpose(), MatrixD::Identity(3, 3), 1e-12));
    }
}

void TestStatisticsAxes::angles() {
    MatrixD directions(3, 2);
    directions << 3, 0, 1, 1, 0, 0;
    const MatrixD found = anglesBetween(directions);
    QVERIFY(std::abs(found(0, 1) - 45) < 1e-12);
    QCOMPARE(found(0, 0), 0.0);
    QVERIFY(std::isnan(found(0, 2)));
}

void TestStatisticsAxes::varianceBesideSums() {
    Array3F states = traces::gaussian(40, 3, 5, 3);
    for (std::int64_t n = 0; n < states.n0; ++n)
        for (std::int64_t p = 0; p < states.n1; ++p) states.at(n, p)[2] = 100 + 4 * states.at(n, p)[2];
    states.at(7, 1)[0] = std::nanf("");  // a row that is left out
    Progress progress;
    MatrixD directions(2, 5);
    directions << 0, 0, 7, 0, 0, 1, 1, 0, 0, 0;
    const DirectionVariance found = varianceAlong(traces::view(states), directions, progress);
    MatrixD used(39 * 3, 5);
    Eigen::Index at = 0;
    for (std::int64_t n = 0; n < states.n0; ++n)
        for (std::int64_t p = 0; p < states.n1 && n != 7; ++p)
            used.row(at++) = Eigen::Map<const Eigen::RowVectorXf>(states.at(n, p), 5).cast<double>();
    const MatrixD centred = used.rowwise() - used.colwise().mean();
    const MatrixD covariance = centred.transpose() * centred / static_cast<double>(used.rows() - 1);
    QVERIFY(std::abs(found.total - covariance.trace()) < 1e-10);
    QVERIFY(std::abs(found.variance[0] - covariance(2, 2)) < 1e-10);
    const double along = (covariance(0, 0) + 2 * covariance(0, 1) + covariance(1, 1)) / 2;
    QVERIFY(std::abs(found.variance[1] - along) < 1e-10);
    QVERIFY((found.mean - used.colwise().mean().transpose()).cwiseAbs().maxCoeff() < 1e-10);
}

void TestStatisticsAxes::probeFindsWhatIsPlanted_data() {
    QTest::addColumn<int>("kind");
    QTest::newRow("ridge") << static_cast<int>(ProbeKind::Ridge);
    QTest::newRow("logistic") << static_cast<int>(ProbeKind::Logistic);
}

void TestStatisticsAxes::probeFindsWhatIsPlanted() {
    QFETCH(int, kind);
    Progress progress;
    ProbeOptions options;
    options.kind = static_cast<ProbeKind>(kind);
    options.shuffles = 60;
    const ProbeResult found = linearProbe(planted(60, 1, 6, 2), options, progress);
    QVERIFY(found.accuracy > 0.9);
    QCOMPARE(found.folds, 5);
    QVERIFY(std::abs(found.p - 1.0 / 61) < 1e-12);
    QVERIFY(found.shuffledHigh < found.accuracy && std::abs(found.shuffled.mean() - 0.5) < 0.1);
    // It points from the minus group to the plus group, and is about as long as they are apart.
    QVERIFY(found.direction[0] > 0.8 * found.direction.norm());
    QVERIFY(std::abs(found.direction.norm() - 6) < 1.5);
    // Nothing is planted: inside its null, over seeds that are not chosen.
    int beyond = 0;
    for (std::uint64_t seed = 0; seed < 10; ++seed)
        beyond += linearProbe(planted(40, 1, 0, seed), options, progress).p < 0.05 ? 1 : 0;
    QVERIFY(beyond <= 2);
}

/// (X'X + lambda I) w = X'y, solved over units where the probe solves over rows.
void TestStatisticsAxes::ridgeIsTheLeastSquares() {
    Progress progress;
    const GroupedStates groups = planted(30, 1, 2, 5);
    const ProbeResult found = linearProbe(groups, {.penalty = 0.3, .shuffles = 0}, progress);
    Eigen::MatrixXd x = groups.states.cast<double>();
    x.rowwise() -= x.colwise().mean().eval();
    Eigen::VectorXd y(x.rows());
    for (Eigen::Index i = 0; i < y.size(); ++i) y[i] = groups.plus[static_cast<std::size_t>(i)] != 0 ? 1 : -1;
    const double penalty = 0.3 * x.squaredNorm() / static_cast<double>(x.rows());
    const Eigen::MatrixXd normal =
        x.transpose() * x + penalty * Eigen::MatrixXd::Identity(x.cols(), x.cols());
    const Eigen::VectorXd w = normal.ldlt().solve(x.transpose() * y);
    QVERIFY((found.direction.normalized() - w.normalized()).norm() < 1e-10);
    QVERIFY(std::isnan(found.shuffledLow) && found.p == 1);
}

/// At the optimum the gradient of the penalised loss is zero: sum (p - t) x + lambda w = 0.
void TestStatisticsAxes::logisticIsStationary() {
    Progress progress;
    const GroupedStates groups = planted(30, 1, 1, 8);
    const ProbeResult found =
        linearProbe(groups, {.kind = ProbeKind::Logistic, .penalty = 0.2, .shuffles = 0}, progress);
    Eigen::MatrixXd x = groups.states.cast<double>();
    x.rowwise() -= x.colwise().mean().eval();
    const double penalty = 0.2 * x.squaredNorm() / static_cast<double>(x.rows());
    // Scale and intercept are found by Newton steps in those two numbers alone.
    const Eigen::VectorXd along = x * found.direction.normalized();
    Eigen::ArrayXd target(x.rows());
    for (Eigen::Index i = 0; i < target.size(); ++i) target[i] = groups.plus[static_cast<std::size_t>(i)];
    Eigen::Vector2d at(0, 0);
    Eigen::ArrayXd error;
    for (int step = 0; step < 50; ++step) {
        const Eigen::ArrayXd p = 1 / (1 + (-(at[0] * along.array() + at[1])).exp());
        error = p - target;
        const Eigen::ArrayXd weight = p * (1 - p);
        const Eigen::Vector2d gradient(error.matrix().dot(along) + penalty * at[0], error.sum());
        Eigen::Matrix2d hessian;
        hessian << (weight * along.array().square()).sum() + penalty, (weight * along.array()).sum(),
            (weight * along.array()).sum(), weight.sum();
        at -= hessian.inverse() * gradient;
    }
    const Eigen::VectorXd gradient =
        x.transpose() * error.matrix() + penalty * at[0] * found.direction.normalized();
    QVERIFY(gradient.norm() < 1e-6 * (x.transpose() * error.matrix()).norm() + 1e-6);
}

/// Rows of a sample are copies: what is learnt of some of them says the label of the others. Folds of rows
/// would find it, folds of samples do not.
void TestStatisticsAxes::foldsAreOfSamples() {
    Progress progress;
    GroupedStates groups = planted(24, 4, 0, 3, 200);
    for (Eigen::Index i = 0; i < groups.states.rows(); ++i)
        groups.states.row(i) = groups.states.row(i / 4 * 4);
    const ProbeOptions options{.penalty = 1e-3, .shuffles = 40};
    const ProbeResult found = linearProbe(groups, options, progress);
    QVERIFY(found.accuracy < 0.8 && found.p > 0.02);
    QCOMPARE(found.samples, 24);
    for (std::size_t i = 0; i < groups.samples.size(); ++i) groups.samples[i] = static_cast<std::int64_t>(i);
    QVERIFY(linearProbe(groups, options, progress).accuracy > 0.95);
}

void TestStatisticsAxes::groupsThatAreTooSmall() {
    Progress progress;
    GroupedStates groups = planted(3, 2, 1, 1);  // one sample of the plus group
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { linearProbe(groups, {}, progress); }));
    groups = planted(8, 1, 1, 1);
    groups.states.setConstant(2);
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { linearProbe(groups, {}, progress); }));
    groups.states(0, 0) = std::nanf("");
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { linearProbe(groups, {}, progress); }));
}

RHEO_TEST(TestStatisticsAxes)
#include "test_statistics_axes.moc"
