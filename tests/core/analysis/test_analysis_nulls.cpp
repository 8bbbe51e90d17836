// How an observed value lies among surrogates; on data drawn from the null, p-values are uniform.
#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/statistics/analyze.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

MatrixD walk(int points, int units, std::uint64_t seed) {
    RandomStream random(seed);
    MatrixD path(points, units);
    for (int u = 0; u < units; ++u) {
        double x = random.normal();
        for (int p = 0; p < points; ++p, x += random.normal()) path(p, u) = x;
    }
    return path;
}

TraceView viewOf(const std::vector<MatrixD>& paths) {
    Array3F states(static_cast<std::int64_t>(paths.size()), paths[0].rows(), paths[0].cols());
    TraceInfo info;
    info.units = paths[0].cols();
    for (Eigen::Index p = 0; p < paths[0].rows(); ++p)
        info.points.push_back({static_cast<int>(p), Site::Unnamed});
    for (std::size_t n = 0; n < paths.size(); ++n) {
        info.rows.push_back({static_cast<std::int32_t>(n), 0, -1});
        Eigen::Map<MatrixF>(states.at(static_cast<std::int64_t>(n), 0), paths[n].rows(), paths[n].cols()) =
            paths[n].cast<float>();
    }
    TraceView view;
    view.trace = std::make_shared<MemoryTrace>(std::move(info), std::move(states));
    return view;
}

/// Of a null with a tail of this kind: 0 normal, 1 chi-squared with 4, 2 and 3 Student's t with 5 and 3
/// degrees of freedom.
double drawTail(int kind, RandomStream& random) {
    if (kind == 0) return random.normal();
    const int degrees = kind == 1 ? 4 : kind == 2 ? 5 : 3;
    double squares = 0;
    for (int i = 0; i < degrees; ++i) squares += std::pow(random.normal(), 2);
    return kind == 1 ? squares : random.normal() / std::sqrt(squares / degrees);
}

struct Explained {
    VectorD observed;
    MatrixD samples;  ///< [repeat, component]
};

Explained explained(const TraceView& view, NullKind null, int components, int repeats, std::uint64_t seed,
                    int threads = 2, std::size_t memory = std::size_t{1} << 30) {
    AnalysisOptions options;
    options.get<Pca>().emplace();
    options.get<Pca>()->components = components;
    options.get<Pca>()->perPointExplained = false;
    options.nulls = {null};
    options.repeats = repeats;
    options.seed = seed;
    options.threads = threads;
    options.memoryBytes = memory;
    Progress progress;
    const Analysis analysis = analyze(view, options, progress);
    return {analysis.observed.get<Pca>()->basis.explained, analysis.nulls.front().samples};
}

}  // namespace

class TestAnalysisNulls : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void summaryByHand();
    void pValuesAreUniformUnderTheNull();
    void threadsDoNotChangeTheNull();
    void aCurvedPathIsNoWalk();
    void tailByHand();
    void theFittedTailAgreesWithManyRepeats_data();
    void theFittedTailAgreesWithManyRepeats();
    void theFittedTailHoldsItsLevel_data();
    void theFittedTailHoldsItsLevel();
};

void TestAnalysisNulls::summaryByHand() {
    MatrixD samples(4, 2);
    samples << 1, 5, 2, 5, 3, 5, 4, 5;
    VectorD observed(2);
    observed << 3, NAN;
    const auto s = summarizeNull(observed, samples, 9);
    QCOMPARE(s.mean[0], 2.5);
    QCOMPARE(s.pUpper[0], 3.0 / 5);  // 3 and 4 are as large or larger
    QCOMPARE(s.pLower[0], 4.0 / 5);
    QCOMPARE(s.p[0], 1.0);
    QVERIFY(std::abs(s.z[0] - 0.5 / std::sqrt(5.0 / 3)) < 1e-12);
    QVERIFY(std::abs(s.low[0] - 1.075) < 1e-12);
    QVERIFY(std::abs(s.high[0] - 3.925) < 1e-12);
    QVERIFY(std::isnan(s.mean[1]) && std::isnan(s.p[1]));
    observed << 3, 5;
    const auto constant = summarizeNull(observed, samples, 9);
    QVERIFY2(std::isnan(constant.z[1]), "an SD of zero has no z");
    QCOMPARE(constant.p[1], 1.0);
    // Rounding makes no difference.
    samples.col(1) << 5 + 1e-14, 5, 5 + 1e-14, 5 + 2e-14;
    const auto rounded = summarizeNull(observed, samples, 9);
    QVERIFY(std::isnan(rounded.z[1]));
    QCOMPARE(rounded.p[1], 1.0);
}

void TestAnalysisNulls::pValuesAreUniformUnderTheNull() {
    // Random walks with symmetric steps are what sign_flip makes: the p-value of their explained variance is
    // uniform.
    constexpr int trials = 120, repeats = 39;
    std::vector<double> ps;
    for (int trial = 0; trial < trials; ++trial) {
        std::vector<MatrixD> paths;
        for (int n = 0; n < 6; ++n) {
            // From zero, because the null keeps where a path starts.
            MatrixD path = walk(10, 5, static_cast<std::uint64_t>(1000 + trial * 6 + n));
            path.rowwise() -= Eigen::RowVectorXd(path.row(0));
            paths.push_back(path);
        }
        const auto view = viewOf(paths);
        const auto e = explained(view, NullKind::SignFlip, 2, repeats, static_cast<std::uint64_t>(trial));
        ps.push_back(summarizeNull(e.observed, e.samples, 0).pUpper[0]);
    }
    std::sort(ps.begin(), ps.end());
    // Kolmogorov-Smirnov against the uniform law on 1/40 .. 40/40; 1.63 / sqrt(n) is its 1 % point, 1/40 the
    // grain of the p-values.
    double worst = 0;
    for (int i = 0; i < trials; ++i)
        worst = std::max(worst, std::abs((i + 1.0) / trials - ps[static_cast<std::size_t>(i)]));
    QVERIFY2(worst < 1.63 / std::sqrt(double(trials)) + 1.0 / (repeats + 1),
             qPrintable(QString::number(worst)));
}

void TestAnalysisNulls::threadsDoNotChangeTheNull() {
    std::vector<MatrixD> paths;
    for (int n = 0; n < 8; ++n) paths.push_back(walk(12, 6, static_cast<std::uint64_t>(n)));
    const auto view = viewOf(paths);
    for (const auto name : nullNames()) {
        const NullKind kind = *parseNull(name);
        const auto one = explained(view, kind, 3, 10, 5, 1);
        QVERIFY(one.samples == explained(view, kind, 3, 10, 5, 3).samples);
        // Without memory rows are read anew one by one, and sums are made in other pieces.
        const auto streaming = explained(view, kind, 3, 10, 5, 2, 0);
        QVERIFY((one.samples - streaming.samples).cwiseAbs().maxCoeff() < 1e-13);
        QVERIFY((one.observed - streaming.observed).cwiseAbs().maxCoeff() < 1e-13);
    }
    QVERIFY_EXCEPTION_THROWN(explained(view, NullKind::SignFlip, 3, 0, 5), Error);
}

void TestAnalysisNulls::aCurvedPathIsNoWalk() {
    // All rows follow one plane curve: three components hold far more than in surrogates with random signs.
    std::vector<MatrixD> paths;
    RandomStream random(3);
    VectorD a = VectorD::Random(20).normalized(), b = VectorD::Random(20).normalized();
    for (int n = 0; n < 10; ++n) {
        MatrixD path(16, 20);
        for (int p = 0; p < 16; ++p) {
            path.row(p) = (std::cos(p * 0.3) * a + std::sin(p * 0.3) * b).transpose() * 5;
            for (int u = 0; u < 20; ++u) path(p, u) += 0.2 * random.normal();
        }
        paths.push_back(path);
    }
    const auto view = viewOf(paths);
    const auto e = explained(view, NullKind::SignFlip, 2, 99, 1);
    QCOMPARE(summarizeNull(e.observed, e.samples, 1).pUpper[0], 0.01);
}

void TestAnalysisNulls::tailByHand() {
    std::vector<double> repeats;
    for (int i = 1; i <= 199; ++i) repeats.push_back(i);
    // Counted where ten or more reach it: 190 to 199.
    QCOMPARE(upperTail(190, repeats).p, 11.0 / 200);
    QVERIFY(upperTail(190, repeats).method == PMethod::Empirical);
    QCOMPARE(lowerTail(10, repeats).p, 11.0 / 200);
    QVERIFY(upperTail(250, repeats).method == PMethod::GeneralizedPareto);
    QVERIFY(upperTail(250, repeats).p < 1.0 / 200);
    QVERIFY(upperTail(1e9, repeats).p >= 1e-6);
    // With fewer than 40 repeats nothing is fitted, and no two-sided p is below 0.05.
    const std::vector<double> few(repeats.begin(), repeats.begin() + 38);
    QCOMPARE(upperTail(1e9, few).p, 1.0 / 39);
    QVERIFY(2 * upperTail(1e9, few).p > 0.05);
    // A null that keeps the statistic: equal but for rounding.
    const std::vector<double> same(100, 0.3);
    QCOMPARE(upperTail(0.3 + 1e-13, same).p, 1.0);
    QCOMPARE(upperTail(0.4, same).p, 1.0 / 101);
    QVERIFY(std::isnan(upperTail(NAN, repeats).p) && std::isnan(upperTail(1, {}).p));
    // scipy.stats.t.sf((5 - 2) / (1 * sqrt(1 + 1/3)), 2) for repeats 1, 2, 3.
    QVERIFY(std::abs(upperTailOfNormal(5, std::vector{1.0, 2.0, 3.0}).p - 0.06084496717) < 1e-6);
    QVERIFY(std::abs(lowerTailOfNormal(-1, std::vector{1.0, 2.0, 3.0}).p - 0.06084496717) < 1e-6);
}

void TestAnalysisNulls::theFittedTailAgreesWithManyRepeats_data() {
    QTest::addColumn<int>("kind");
    QTest::newRow("normal") << 0;
    QTest::newRow("chi-squared, 4") << 1;
    QTest::newRow("Student t, 5") << 2;
    QTest::newRow("Student t, 3") << 3;
}

// p fitted to 200 repeats, beside the share of 5,000 others that reach the same value, where that is 0.01
// and 0.004 (too few of 200 to count). A fit may err upwards, by a factor of 4 at the median over 100 sets of
// 200; it must not err downwards by more than the 5,000 leave open (a standard error of 22 % at 0.004).
// Single fits scatter by a factor of 10 at most.
void TestAnalysisNulls::theFittedTailAgreesWithManyRepeats() {
    QFETCH(int, kind);
    const auto draw = [&](RandomStream& random) { return drawTail(kind, random); };
    RandomStream random(41, static_cast<std::uint64_t>(kind));
    std::vector<double> many(5000);
    for (auto& x : many) x = draw(random);
    std::sort(many.begin(), many.end(), std::greater<>());
    for (const double share : {0.01, 0.004}) {
        const double value = many[static_cast<std::size_t>(share * 5000) - 1];
        std::vector<double> fitted;
        for (int set = 0; set < 100; ++set) {
            std::vector<double> repeats(200);
            for (auto& x : repeats) x = draw(random);
            fitted.push_back(upperTail(value, repeats).p);
        }
        std::sort(fitted.begin(), fitted.end());
        const QString found =
            QString("%1: %2 %3 %4").arg(share).arg(fitted[5]).arg(fitted[50]).arg(fitted[94]);
        QVERIFY2(fitted[50] < 4 * share && fitted[50] > share / 1.25, qPrintable(found));
        QVERIFY2(fitted[5] > share / 10 && fitted[94] < 10 * share, qPrintable(found));
    }
}

void TestAnalysisNulls::theFittedTailHoldsItsLevel_data() {
    theFittedTailAgreesWithManyRepeats_data();
}

// What a test at 0.05, adjusted for twelve tests, does under the null: a value of the null itself, beside 200
// repeats, has a fitted p below 0.05 / 12 in at most that share of 20,000 draws, and three standard errors
// (0.14 %).
void TestAnalysisNulls::theFittedTailHoldsItsLevel() {
    QFETCH(int, kind);
    constexpr double level = 0.05 / 12;
    constexpr int draws = 20000;
    RandomStream random(43, static_cast<std::uint64_t>(kind));
    std::vector<double> repeats(200);
    int below = 0;
    for (int i = 0; i < draws; ++i) {
        for (auto& x : repeats) x = drawTail(kind, random);
        below += upperTail(drawTail(kind, random), repeats).p < level ? 1 : 0;
    }
    const double share = static_cast<double>(below) / draws;
    QVERIFY2(share < level + 0.0014, qPrintable(QString::number(share)));
}

RHEO_TEST(TestAnalysisNulls)
#include "test_analysis_nulls.moc"
