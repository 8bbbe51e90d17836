// Mutual information against independent reference values, the definition written out, closed forms and
// invariances.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/statistics/gaussian_reference.h"
#include "core/statistics/mutual_information.h"
#include "core/trace/bfloat16.h"
#include "tests/core/analysis/golden.h"
#include "tests/core/analysis/traces.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

/// A walk: each step is correlated with the last, more so with depth.
Array3F walk(std::int64_t rows, std::int64_t points, std::int64_t units, std::uint64_t seed) {
    Array3F states(rows, points, units);
    RandomStream random(seed);
    for (std::int64_t n = 0; n < rows; ++n)
        for (std::int64_t p = 0; p < points; ++p)
            for (std::int64_t u = 0; u < units; ++u)
                states.at(n, p)[u] =
                    static_cast<float>((p > 0 ? states.at(n, p - 1)[u] : 0) + random.normal());
    return states;
}

MutualInformationResult estimate(const TraceView& view, const MutualInformationOptions& options = {}) {
    Progress progress;
    return mutualInformation(view, options, progress);
}

struct Pair {
    std::vector<double> x, y;
    double ksg(int k = 3, std::uint64_t seed = 0) const {
        return ksgInformation(RankedVariable(x, seed, 1), RankedVariable(y, seed, 2), k);
    }
    double bins() const { return binnedInformation(RankedVariable(x, 0, 1), RankedVariable(y, 0, 2)); }
    double gaussian() const { return gaussianInformation(RankedVariable(x, 0, 1), RankedVariable(y, 0, 2)); }
};

Pair gaussianPair(std::size_t n, double r, std::uint64_t seed) {
    Pair pair;
    RandomStream random(seed);
    for (std::size_t i = 0; i < n; ++i) {
        pair.x.push_back(random.normal());
        pair.y.push_back(r * pair.x.back() + std::sqrt(1 - r * r) * random.normal());
    }
    return pair;
}

/// Digamma at n + 1 by its sum, in the other direction than the estimator's table.
double digammaNext(std::int64_t n) {
    double sum = 0;
    for (std::int64_t i = n; i >= 1; --i) sum += 1.0 / static_cast<double>(i);
    return sum - 0.57721566490153286061;
}

/// Estimator 1 as its paper defines it: all distances, sorted.
double definition(const std::vector<double>& x, const std::vector<double>& y, int k) {
    const std::size_t n = x.size();
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
        std::vector<double> distances;
        for (std::size_t j = 0; j < n; ++j)
            if (j != i) distances.push_back(std::max(std::abs(x[j] - x[i]), std::abs(y[j] - y[i])));
        std::sort(distances.begin(), distances.end());
        const double d = distances[static_cast<std::size_t>(k - 1)];
        std::int64_t nx = 0, ny = 0;
        for (std::size_t j = 0; j < n; ++j) {
            if (j == i) continue;
            nx += std::abs(x[j] - x[i]) < d ? 1 : 0;
            ny += std::abs(y[j] - y[i]) < d ? 1 : 0;
        }
        sum += digammaNext(nx) + digammaNext(ny);
    }
    return digammaNext(static_cast<std::int64_t>(n) - 1) + digammaNext(k - 1) - sum / static_cast<double>(n);
}

/// Values of a variable as the estimator sees them, jitter included.
std::vector<double> seen(const RankedVariable& variable) {
    std::vector<double> values;
    for (std::int64_t n = 0; n < variable.count(); ++n) values.push_back(variable.sorted(variable.rank(n)));
    return values;
}

bool sameNumbers(const MatrixD& a, const MatrixD& b) {
    return golden::difference(a, b) == 0;
}

}  // namespace

class TestStatisticsMutualInformation : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalsTheReference_data();
    void equalsTheReference();
    void equalsItsDefinition_data();
    void equalsItsDefinition();
    void gaussiansHaveTheClosedForm_data();
    void gaussiansHaveTheClosedForm();
    void binsCountWhatTheyShould();
    void whatIsNotLinearIsExcess();
    void gaussianPairsHaveNoExcess_data();
    void gaussianPairsHaveNoExcess();
    void orderScaleAndRolesDoNotMatter();
    void tiesAreBrokenBySeed();
    void memoryThreadsAndUnitsDoNotMatter();
    void pointsAndRowsOfAView();
    void degenerateInputIsNotANumber();
    void aStopIsHeeded();
    void wrongOptionsAreRefused();
};

void TestStatisticsMutualInformation::equalsTheReference_data() {
    QTest::addColumn<QString>("group");
    QTest::newRow("raw") << "raw";
    QTest::newRow("rms") << "rms";
}

void TestStatisticsMutualInformation::equalsTheReference() {
    QFETCH(QString, group);
    const auto result = estimate(golden::view(group == "raw" ? Scaling::Raw : Scaling::Rms));
    const std::string at = ("/" + group + "/mutual_information/").toStdString();
    // Both standardise in float64 and count the same neighbours: what is left is the order of sums.
    const auto near = [&](const MatrixD& found, const char* name) {
        const double d = golden::difference(found, golden::matrix(at + name));
        QVERIFY2(d <= 1e-9, qPrintable(QString("%1: %2").arg(name).arg(d)));
    };
    near(result.mi, "mi");
    near(result.gaussian, "gaussian");
    // Excess: against what this estimator gives for Gaussian pairs, tested on its own below.
    const GaussianReference& reference =
        gaussianReference(MutualInformationEstimator::Ksg, 3,
                          golden::view(Scaling::Raw).rowCount() - result.excludedRows, 1, {});
    for (Eigen::Index i = 0; i < result.mi.size(); ++i) {
        const double expected = result.mi.data()[i] - reference.at(result.gaussian.data()[i]);
        QVERIFY(std::isnan(expected) ? std::isnan(result.excess.data()[i])
                                     : std::abs(result.excess.data()[i] - expected) < 1e-12);
    }
    QCOMPARE(result.excessError[0], reference.standardError());
    near(result.mean.transpose(), "mean");
    near(result.meanGaussian.transpose(), "mean_gaussian");
    for (Eigen::Index p = 0; p < result.excess.rows(); ++p) {
        double sum = 0;
        for (const double x : result.excess.row(p))
            if (!std::isnan(x)) sum += x;
        QVERIFY(std::abs(result.meanExcess[p] -
                         sum / static_cast<double>(result.units[static_cast<std::size_t>(p)])) < 1e-12);
    }
    QCOMPARE(result.units.front(), group == "raw" ? 23 : 24);  // unit 7 is constant, unless it is scaled
}

void TestStatisticsMutualInformation::equalsItsDefinition_data() {
    QTest::addColumn<int>("n");
    QTest::addColumn<int>("k");
    QTest::addColumn<double>("r");
    QTest::addColumn<int>("shape");  // 0 Gaussian, 1 long tails, 2 coarse (many ties), 3 one far outlier,
                                     // 4 a lattice (equal distances)
    for (const int n : {4, 5, 9, 16, 17, 100, 700})
        for (const int k : {1, 3, 8, 32})
            for (const double r : {0.0, 0.99})
                for (int shape = 0; shape < 5; ++shape)
                    if (n > k)
                        QTest::addRow("N %d, k %d, r %g, shape %d", n, k, r, shape) << n << k << r << shape;
}

void TestStatisticsMutualInformation::equalsItsDefinition() {
    QFETCH(int, n);
    QFETCH(int, k);
    QFETCH(double, r);
    QFETCH(int, shape);
    Pair pair = gaussianPair(static_cast<std::size_t>(n), r, 7);
    for (auto* values : {&pair.x, &pair.y}) {
        for (auto& v : *values) {
            if (shape == 1) v = v * v * v * v * v;
            if (shape == 2) v = std::round(2 * v);
        }
        if (shape == 3) values->front() = 1e6;
        if (shape == 2) values->front() = 9;  // not all the same
    }
    for (std::size_t i = 0; shape == 4 && i < pair.x.size(); ++i) {
        pair.x[i] = static_cast<double>(i);
        pair.y[i] = static_cast<double>(i * 37 % pair.x.size());
    }
    const RankedVariable x(pair.x, 3, 1), y(pair.y, 3, 2);
    const double found = ksgInformation(x, y, k);
    const double expected = definition(seen(x), seen(y), k);
    QVERIFY2(std::abs(found - expected) < 1e-12, qPrintable(QString("%1 %2").arg(found).arg(expected)));
}

void TestStatisticsMutualInformation::gaussiansHaveTheClosedForm_data() {
    QTest::addColumn<double>("r");
    for (const double r : {0.0, 0.3, -0.6, 0.9, 0.99}) QTest::addRow("r = %g", r) << r;
}

void TestStatisticsMutualInformation::gaussiansHaveTheClosedForm() {
    QFETCH(double, r);
    const double expected = -0.5 * std::log(1 - r * r);
    // Means of 40 estimates on 2,000 samples. One has an SD of about 0.025 (KSG) and 0.03 (r at most); their
    // mean is held to four standard errors, and KSG's bias at r = 0.99, which the paper plots, to 0.01.
    double ksg = 0, gaussian = 0, bins = 0;
    for (std::uint64_t i = 0; i < 40; ++i) {
        const Pair pair = gaussianPair(2000, r, 100 + i);
        ksg += pair.ksg() / 40;
        gaussian += pair.gaussian() / 40;
        bins += pair.bins() / 40;
    }
    QVERIFY2(std::abs(ksg - expected) < 0.02, qPrintable(QString::number(ksg - expected)));
    QVERIFY2(std::abs(gaussian - expected) < 0.02, qPrintable(QString::number(gaussian - expected)));
    // Twenty bins lose information where the joint density is finer than they are: a little up to r = 0.9.
    if (std::abs(r) <= 0.6) QVERIFY2(std::abs(bins - expected) < 0.02, qPrintable(QString::number(bins)));
    QVERIFY(bins < expected + 0.02);
}

void TestStatisticsMutualInformation::binsCountWhatTheyShould() {
    // 500 samples make 10 bins of 50. A variable tells all about itself: ln 10, and the correction
    // is (10 - 10 - 10 + 1) / 1000.
    Pair pair = gaussianPair(500, 0, 1);
    pair.y = pair.x;
    QVERIFY(std::abs(pair.bins() - (std::log(10) + 9.0 / 1000)) < 1e-12);
    // In a grid of 10 by 10, each cell with 5 samples, nothing is told: 0 - (100 - 20 + 1) / 1000.
    for (std::size_t i = 0; i < 500; ++i) {
        pair.x[i] = static_cast<double>(i);
        pair.y[i] = static_cast<double>(i % 10 * 1000 + i / 10);
    }
    QVERIFY(std::abs(pair.bins() + 81.0 / 1000) < 1e-12);
    // Two bins at least: 6 samples.
    pair.x = {1, 2, 3, 4, 5, 6};
    pair.y = {10, 11, 12, -1, -2, -3};
    QVERIFY(std::abs(pair.bins() - (std::log(2) + 1.0 / 12)) < 1e-12);
}

void TestStatisticsMutualInformation::whatIsNotLinearIsExcess() {
    Array3F states(1500, 2, 2);
    RandomStream random(4);
    for (std::int64_t n = 0; n < 1500; ++n)
        for (int u = 0; u < 2; ++u) {
            const double x = random.normal();
            states.at(n, 0)[u] = static_cast<float>(x);
            states.at(n, 1)[u] = static_cast<float>((u == 0 ? x : x * x) + 0.3 * random.normal());
        }
    const auto result = estimate(traces::view(std::move(states)));
    QVERIFY(std::abs(result.excess(0, 0)) < 0.1);
    QVERIFY(result.gaussian(0, 1) < 0.02);
    QVERIFY(result.excess(0, 1) > 0.8);
    QVERIFY(std::abs(result.mean[0] - result.mi.row(0).mean()) < 1e-14);
}

void TestStatisticsMutualInformation::gaussianPairsHaveNoExcess_data() {
    QTest::addColumn<int>("estimator");
    QTest::addColumn<int>("n");
    QTest::addColumn<double>("left");  // sqrt(1 - r^2)
    for (const int n : {40, 200})
        for (const double left : {1.0, 0.5, 0.0447, 0.00447, 1e-4}) {
            QTest::addRow("ksg %d %g", n, left) << 0 << n << left;
            QTest::addRow("bins %d %g", n, left) << 1 << n << left;
        }
}

// Pairs drawn with population correlation r, not made to have it: the mean of estimate minus reference is 0
// within four standard errors, its own and that of the reference. At sqrt(1 - r^2) = 0.0447 and 200 pairs the
// estimate is 0.18 nats below -0.5 ln(1 - r^2).
void TestStatisticsMutualInformation::gaussianPairsHaveNoExcess() {
    QFETCH(int, estimator);
    QFETCH(int, n);
    QFETCH(double, left);
    const auto kind = estimator == 0 ? MutualInformationEstimator::Ksg : MutualInformationEstimator::Bins;
    const GaussianReference& reference = gaussianReference(kind, 3, n, 2, {});
    QVERIFY(reference.standardError() < 0.01);
    constexpr int pairs = 300;
    double sum = 0, squares = 0, bias = 0;
    for (int i = 0; i < pairs; ++i) {
        RandomStream random(77, static_cast<std::uint64_t>(i));
        std::vector<double> x(static_cast<std::size_t>(n)), y(x);
        for (std::size_t j = 0; j < x.size(); ++j) {
            x[j] = random.normal();
            y[j] = std::sqrt(1 - left * left) * x[j] + left * random.normal();
        }
        const RankedVariable a(x, 1, 1), b(y, 1, 2);
        const double mi = estimator == 0 ? ksgInformation(a, b, 3) : binnedInformation(a, b);
        const double excess = mi - reference.at(gaussianInformation(a, b));
        bias += (mi - gaussianInformation(a, b)) / pairs;
        sum += excess / pairs;
        squares += excess * excess / pairs;
    }
    const double error = std::sqrt((squares - sum * sum) / pairs);
    QVERIFY2(std::abs(sum) < 4 * std::hypot(error, reference.standardError()),
             qPrintable(QString("%1 +- %2, without the reference %3").arg(sum).arg(error).arg(bias)));
    if (estimator == 0 && n == 200 && left == 0.0447)
        QVERIFY2(std::abs(bias + 0.18) < 0.03, qPrintable(QString::number(bias)));
}

void TestStatisticsMutualInformation::orderScaleAndRolesDoNotMatter() {
    const Pair pair = gaussianPair(600, 0.7, 9);
    for (const int k : {1, 3, 10}) {
        const double value = pair.ksg(k);
        Pair turned;
        RandomStream random(2);
        for (const auto i : random.permutation(600)) {
            turned.x.push_back(pair.x[static_cast<std::size_t>(i)]);
            turned.y.push_back(pair.y[static_cast<std::size_t>(i)]);
        }
        QVERIFY(std::abs(turned.ksg(k) - value) < 1e-12);
        QVERIFY(std::abs(turned.gaussian() - pair.gaussian()) < 1e-12);
        QVERIFY(std::abs(turned.bins() - pair.bins()) < 1e-12);
        Pair scaled = pair;
        for (auto& v : scaled.x) v = 1024 * v + 5;
        for (auto& v : scaled.y) v *= -0.25;
        QVERIFY(std::abs(scaled.ksg(k) - value) < 1e-9);
        const Pair swapped{pair.y, pair.x};
        QVERIFY(std::abs(swapped.ksg(k) - value) < 1e-12);
    }
    // Units and rows of a trace.
    const Array3F states = walk(200, 5, 6, 3);
    Array3F turned(200, 5, 6);
    for (std::int64_t n = 0; n < 200; ++n)
        for (std::int64_t p = 0; p < 5; ++p)
            for (std::int64_t u = 0; u < 6; ++u) turned.at(199 - n, p)[(u + 2) % 6] = states.at(n, p)[u];
    const auto a = estimate(traces::view(states)), b = estimate(traces::view(turned));
    for (Eigen::Index p = 0; p < 4; ++p)
        for (Eigen::Index u = 0; u < 6; ++u) QVERIFY(std::abs(a.mi(p, u) - b.mi(p, (u + 2) % 6)) < 1e-12);
}

void TestStatisticsMutualInformation::tiesAreBrokenBySeed() {
    Array3F states = walk(400, 6, 4, 5);
    const auto smooth = estimate(traces::view(states));
    for (auto& x : states.data) x = fromBfloat16(toBfloat16(x));
    const TraceView coarse = traces::view(states);
    MutualInformationOptions options;
    options.seed = 11;
    const auto once = estimate(coarse, options), again = estimate(coarse, options);
    QVERIFY(sameNumbers(once.mi, again.mi));
    options.seed = 12;
    const auto other = estimate(coarse, options);
    QVERIFY(!sameNumbers(once.mi, other.mi));
    QVERIFY(once.mi.allFinite());
    // Rounding to eight bits tells little less; a jitter that is no more than that changes little.
    QVERIFY2(golden::difference(once.mi, smooth.mi) < 0.1,
             qPrintable(QString::number(golden::difference(once.mi, smooth.mi))));
    QVERIFY(golden::difference(once.mi, other.mi) < 0.05);
    // Without ties there is no jitter, and the seed is of no account.
    const TraceView exact = traces::view(walk(300, 3, 2, 6));
    QVERIFY(sameNumbers(estimate(exact, options).mi, estimate(exact).mi));
}

void TestStatisticsMutualInformation::memoryThreadsAndUnitsDoNotMatter() {
    TraceView view = traces::view(walk(150, 7, 70, 8));
    view.scaling = Scaling::Rms;
    const auto whole = estimate(view);
    MutualInformationOptions options;
    options.memoryBytes = 150 * 7 * 4 * 9;  // nine units at a time
    options.threads = 1;
    const auto pieces = estimate(view, options);
    QVERIFY(sameNumbers(whole.mi, pieces.mi) && sameNumbers(whole.gaussian, pieces.gaussian));
    options.memoryBytes = 1;
    options.threads = 2;
    options.units = {3, 20, 21, 69};
    const auto some = estimate(view, options);
    for (Eigen::Index u = 0; u < 70; ++u)
        for (Eigen::Index p = 0; p < 6; ++p) {
            const bool asked = u == 3 || u == 20 || u == 21 || u == 69;
            QVERIFY(asked ? some.mi(p, u) == whole.mi(p, u) : std::isnan(some.mi(p, u)));
        }
    QCOMPARE(some.units.front(), 4);
    options.estimator = MutualInformationEstimator::Bins;
    QVERIFY(estimate(view, options).mi(0, 3) != some.mi(0, 3));
}

void TestStatisticsMutualInformation::pointsAndRowsOfAView() {
    const Array3F states = walk(120, 5, 8, 2);
    TraceView view = traces::view(states);
    for (std::int64_t n = 1; n < 120; n += 2) view.rows.push_back(n);
    view.points = {0, 1, 4};
    view.maskedUnits = {5};
    view.scaling = Scaling::Rms;
    // The same, taken out and scaled by hand.
    Array3F chosen(60, 3, 8);
    for (std::int64_t n = 0; n < 60; ++n)
        for (std::int64_t p = 0; p < 3; ++p)
            for (std::int64_t u = 0; u < 8; ++u)
                chosen.at(n, p)[u] = states.at(2 * n + 1, view.points[static_cast<std::size_t>(p)])[u];
    const auto result = estimate(view);
    QCOMPARE(result.mi.rows(), 2);
    for (Eigen::Index p = 0; p < 2; ++p)
        for (Eigen::Index u = 0; u < 8; ++u) {
            if (u == 5) {
                QVERIFY(std::isnan(result.mi(p, u)));
                continue;
            }
            Pair pair;
            for (std::int64_t n = 0; n < 60; ++n) {
                const auto scaled = [&](std::int64_t q) {
                    double squares = 0;
                    for (std::int64_t v = 0; v < 8; ++v)
                        if (v != 5) squares += std::pow(static_cast<double>(chosen.at(n, q)[v]), 2);
                    return chosen.at(n, q)[u] / std::sqrt(squares / 7);
                };
                pair.x.push_back(scaled(p));
                pair.y.push_back(scaled(p + 1));
            }
            QVERIFY(std::abs(result.mi(p, u) - pair.ksg()) < 1e-9);
        }
}

void TestStatisticsMutualInformation::degenerateInputIsNotANumber() {
    Array3F states = walk(50, 4, 3, 1);
    for (std::int64_t n = 0; n < 50; ++n) {
        states.at(n, 1)[0] = 0.1F;                    // constant at one point
        states.at(n, 3)[1] = 2 * states.at(n, 2)[1];  // a linear function of the point before
    }
    states.at(17, 2)[2] = NAN;
    states.at(30, 0)[1] = INFINITY;
    const auto result = estimate(traces::view(states));
    QCOMPARE(result.excludedRows, 2);
    for (const auto* m : {&result.mi, &result.gaussian, &result.excess}) {
        QVERIFY(std::isnan((*m)(0, 0)) && std::isnan((*m)(1, 0)));
        QVERIFY(std::isfinite((*m)(2, 0)) && std::isfinite((*m)(0, 1)) && std::isfinite((*m)(1, 2)));
    }
    QVERIFY(std::isfinite(result.mi(2, 1)));
    QVERIFY(std::isnan(result.gaussian(2, 1)) && std::isnan(result.excess(2, 1)));
    QVERIFY((result.units == std::vector<std::int64_t>{2, 2, 3}));
    QVERIFY(std::abs(result.mean[0] - (result.mi(0, 1) + result.mi(0, 2)) / 2) < 1e-14);
    // Squares beyond a double's range leave no standard deviation.
    Pair pair = gaussianPair(20, 0, 1);
    for (const double scale : {1e200, 1e-200}) {
        Pair extreme = pair;
        for (auto& v : extreme.x) v *= scale;
        QVERIFY(std::isnan(extreme.ksg()) && std::isnan(extreme.bins()) && std::isnan(extreme.gaussian()));
    }
    // Too few rows, or points.
    QVERIFY(std::isnan(estimate(traces::view(walk(3, 2, 2, 1))).mi(0, 0)));
    QVERIFY(std::isfinite(estimate(traces::view(walk(4, 2, 2, 1))).mi(0, 0)));
    QVERIFY(std::isnan(estimate(traces::view(walk(2, 2, 2, 1))).gaussian(0, 0)));
    QCOMPARE(estimate(traces::view(walk(9, 1, 2, 1))).mi.rows(), 0);
}

void TestStatisticsMutualInformation::aStopIsHeeded() {
    std::stop_source source;
    Progress progress(source.get_token(), [&](const ProgressReport& report) {
        if (report.fraction > 0.2) source.request_stop();
    });
    QVERIFY_EXCEPTION_THROWN(mutualInformation(traces::view(walk(200, 9, 200, 1)), {}, progress), Cancelled);
}

void TestStatisticsMutualInformation::wrongOptionsAreRefused() {
    const TraceView view = traces::view(walk(20, 3, 4, 1));
    MutualInformationOptions options;
    options.neighbours = 0;
    QVERIFY_EXCEPTION_THROWN(estimate(view, options), Error);
    options.neighbours = 33;
    QVERIFY_EXCEPTION_THROWN(estimate(view, options), Error);
    options.neighbours = 3;
    options.units = {2, 1};
    QVERIFY_EXCEPTION_THROWN(estimate(view, options), Error);
    options.units = {4};
    QVERIFY_EXCEPTION_THROWN(estimate(view, options), Error);
}

RHEO_TEST(TestStatisticsMutualInformation)
#include "test_statistics_mutual_information.moc"
