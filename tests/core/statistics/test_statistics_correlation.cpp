// Correlation from point to point against independent reference values, the closed form of an AR(1) process,
// and invariances.
#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/statistics/correlation.h"
#include "tests/core/analysis/golden.h"
#include "tests/core/analysis/traces.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

CorrelationResult correlate(const TraceView& view, CorrelationParameters parameters = {}) {
    Progress progress;
    return correlation(view, parameters, progress);
}

double largest(const MatrixD& a, const MatrixD& b) {
    return (a - b).cwiseAbs().maxCoeff();
}

}  // namespace

class TestStatisticsCorrelation : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalsTheReference_data();
    void equalsTheReference();
    void anAutoregressionHasItsCoefficient();
    void orderAndScaleDoNotMatter();
    void aLargeMeanCostsNoDigits();
    void badRowsAndConstantUnitsAreLeftOut();
    void maskedUnitsAreLeftOut();
    void blocksTilesAndThreadsDoNotMatter();
    void degenerateInputIsNaN();
    void aStopIsHeeded();
};

void TestStatisticsCorrelation::equalsTheReference_data() {
    QTest::addColumn<QString>("group");
    QTest::newRow("raw") << "raw";
    QTest::newRow("rms") << "rms";
}

void TestStatisticsCorrelation::equalsTheReference() {
    QFETCH(QString, group);
    const auto result = correlate(golden::view(group == "raw" ? Scaling::Raw : Scaling::Rms));
    const std::string at = QString("/%1/correlation/").arg(group).toStdString();
    // Both sum in float64; 120 rows.
    const auto near = [&](const MatrixD& found, const char* name) {
        const double d = golden::difference(found, golden::matrix(at + name));
        QVERIFY2(d <= 1e-12, qPrintable(QString("%1: %2").arg(name).arg(d)));
    };
    near(result.r, "r");
    near(result.mean.transpose(), "mean");
    near(result.blockInside.transpose(), "block_inside");
    near(result.blockAcross.transpose(), "block_across");
    near(result.matrix, "matrix");
    QCOMPARE(result.unitsCounted.minCoeff(), group == "raw" ? 23.0 : 24.0);
}

void TestStatisticsCorrelation::anAutoregressionHasItsCoefficient() {
    // x_{p+1} = a x_p + sqrt(1 - a^2) noise, stationary: r between points p and q is a^|p - q|. The mean of
    // 100 units over 2,000 rows has a standard error of (1 - a^2) / sqrt(2e5) = 0.002 at most.
    constexpr double a = 0.8;
    Array3F states = traces::gaussian(2000, 5, 100, 1);
    for (std::int64_t n = 0; n < 2000; ++n)
        for (std::int64_t p = 1; p < 5; ++p)
            for (std::int64_t u = 0; u < 100; ++u)
                states.at(n, p)[u] = static_cast<float>(a * states.at(n, p - 1)[u] +
                                                        std::sqrt(1 - a * a) * states.at(n, p)[u]);
    const auto result = correlate(traces::view(states));
    for (Eigen::Index p = 0; p < 5; ++p)
        for (Eigen::Index q = 0; q < 5; ++q)
            QVERIFY(std::abs(result.matrix(p, q) - std::pow(a, std::abs(static_cast<double>(p - q)))) <
                    0.008);
    QVERIFY(result.blockInside.size() == 0 && result.blockAcross.size() == 0);
}

void TestStatisticsCorrelation::orderAndScaleDoNotMatter() {
    const auto states = traces::walks(60, 6, 150, 2);
    RandomStream random(3);
    const auto rows = random.permutation(60), units = random.permutation(150);
    auto other = traces::reordered(states, rows, units);
    for (std::size_t i = 0; i < other.data.size(); ++i)
        other.data[i] *= 8;  // exact, so that all that differs is the order of sums
    const auto a = correlate(traces::view(states)), b = correlate(traces::view(other));
    for (Eigen::Index p = 0; p < 5; ++p)
        for (Eigen::Index u = 0; u < 150; ++u)
            QVERIFY(std::abs(a.r(p, units[static_cast<std::size_t>(u)]) - b.r(p, u)) < 1e-12);
    QVERIFY(largest(a.mean, b.mean) < 1e-13);
    QVERIFY(largest(a.matrix, b.matrix) < 1e-13);
}

void TestStatisticsCorrelation::aLargeMeanCostsNoDigits() {
    // Small differences, exact in float32, on a mean 10^6 times as large.
    Array3F states(50, 3, 4), small(50, 3, 4);
    RandomStream random(4);
    for (std::size_t i = 0; i < states.data.size(); ++i) {
        small.data[i] = static_cast<float>(random.below(64)) / 16;
        states.data[i] = 1e6F + small.data[i];
    }
    QVERIFY(largest(correlate(traces::view(states)).r, correlate(traces::view(small)).r) < 1e-13);
}

void TestStatisticsCorrelation::badRowsAndConstantUnitsAreLeftOut() {
    auto states = traces::walks(40, 4, 70, 5);
    Array3F fewer(38, 4, 70);
    for (std::int64_t n = 0; n < 40; ++n)
        for (std::int64_t p = 0; p < 4; ++p) states.at(n, p)[66] = 0.1F;
    std::copy(states.data.begin() + 2 * 4 * 70, states.data.end(), fewer.data.begin());
    states.at(0, 1)[3] = NAN;
    states.at(1, 3)[69] = -INFINITY;
    const auto a = correlate(traces::view(states)), b = correlate(traces::view(fewer));
    QCOMPARE(a.excludedRows, 2);
    QVERIFY(golden::difference(a.r, b.r) < 1e-14);
    QVERIFY(std::isnan(a.r(0, 66)) && std::isnan(a.r(2, 66)));
    QCOMPARE(a.unitsCounted[0], 69.0);
    QVERIFY(std::isfinite(a.mean[0]) && std::abs(a.matrix(1, 1) - 1) < 1e-12);
}

void TestStatisticsCorrelation::maskedUnitsAreLeftOut() {
    const auto states = traces::walks(40, 4, 10, 6);
    auto view = traces::view(states);
    view.maskedUnits = {2, 7};
    const auto masked = correlate(view), all = correlate(traces::view(states));
    QVERIFY(std::isnan(masked.r(0, 2)) && std::isnan(masked.r(1, 7)));
    QCOMPARE(masked.unitsCounted[0], 8.0);
    QVERIFY(std::abs(masked.mean[0] - (all.mean[0] * 10 - all.r(0, 2) - all.r(0, 7)) / 8) < 1e-13);
}

void TestStatisticsCorrelation::blocksTilesAndThreadsDoNotMatter() {
    const auto view = traces::view(traces::walks(100, 9, 200, 7));
    CorrelationParameters one;
    one.threads = 1;
    const auto a = correlate(view, one);
    for (const std::size_t memory : {std::size_t{1}, std::size_t{400000}, std::size_t{1} << 30}) {
        CorrelationParameters other;
        other.threads = 3;
        other.memoryBytes = memory;
        const auto b = correlate(view, other);
        QVERIFY(largest(a.r, b.r) < 1e-13);  // batches of rows may be cut elsewhere
        QVERIFY(largest(a.matrix, b.matrix) < 1e-13);
    }
    CorrelationParameters plain;
    plain.matrix = false;
    const auto c = correlate(view, plain);
    QCOMPARE(c.matrix.size(), 0);
    QVERIFY(largest(a.r, c.r) == 0);
}

void TestStatisticsCorrelation::degenerateInputIsNaN() {
    QVERIFY(std::isnan(correlate(traces::view(traces::gaussian(2, 3, 5, 1))).mean[0]));
    const auto single = correlate(traces::view(traces::gaussian(9, 1, 5, 1)));
    QCOMPARE(single.r.rows(), 0);
    QVERIFY(std::abs(single.matrix(0, 0) - 1) < 1e-12);
}

void TestStatisticsCorrelation::aStopIsHeeded() {
    std::stop_source source;
    source.request_stop();
    Progress stopped(source.get_token());
    QVERIFY_EXCEPTION_THROWN(correlation(traces::view(traces::gaussian(9, 3, 5, 1)), {}, stopped), Cancelled);
}

RHEO_TEST(TestStatisticsCorrelation)
#include "test_statistics_correlation.moc"
