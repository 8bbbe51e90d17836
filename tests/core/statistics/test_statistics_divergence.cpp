// Divergence against values from SciPy, paths whose divergence is known, and invariances.
#include <cmath>

#include "core/base/random.h"
#include "core/statistics/analyze.h"
#include "core/statistics/divergence.h"
#include "tests/core/analysis/golden.h"
#include "tests/core/analysis/traces.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

DivergenceResult diverge(const TraceView& view, DivergenceOptions options = {}) {
    Progress progress;
    return divergence(view, options, progress);
}

}  // namespace

class TestStatisticsDivergence : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalsSciPy_data();
    void equalsSciPy();
    void pathsThatSpreadHaveTheirRate();
    void nearRowsKeepTheirDigits();
    void memoryAndThreadsDoNotMatter();
    void itHasNulls();
    void manyRowsAreDrawn();
};

/// scipy.spatial.distance.pdist(states at the point, in float64).mean(), of the golden trace.
void TestStatisticsDivergence::equalsSciPy_data() {
    QTest::addColumn<int>("scaling");
    QTest::addColumn<QList<double>>("expected");
    QTest::newRow("raw") << static_cast<int>(Scaling::Raw)
                         << QList<double>{3.320634327796511,  4.368643246379447,  5.529910758774185,
                                          6.8553807707623085, 8.377003918664077,  10.01800684924566,
                                          11.91886737007684,  14.029280539225757, 16.26818147384612,
                                          18.766965725683097, 21.761541035303757, 25.148265254043206,
                                          29.194218578488545};
    QTest::newRow("rms") << static_cast<int>(Scaling::Rms)
                         << QList<double>{0.4036924095690773, 0.5302576925183854, 0.6708412919345965,
                                          0.8300516387024794, 1.009418885156922,  1.198993803635008,
                                          1.4117163323539694, 1.6440898243931426, 1.8882512632299142,
                                          2.1536405825133333, 2.4626445332101263, 2.788430195760505,
                                          3.1436027265246933};
}

void TestStatisticsDivergence::equalsSciPy() {
    QFETCH(int, scaling);
    QFETCH(QList<double>, expected);
    const DivergenceResult d = diverge(golden::view(static_cast<Scaling>(scaling)));
    QCOMPARE(d.meanDistance.size(), expected.size());
    // Squares from products of centred rows keep ten digits or more.
    for (Eigen::Index p = 0; p < d.meanDistance.size(); ++p)
        QVERIFY2(std::abs(d.meanDistance[p] / expected[p] - 1) < 1e-10, qPrintable(QString::number(p)));
    for (Eigen::Index p = 0; p < d.rate.size(); ++p)
        QVERIFY(std::abs(d.rate[p] - std::log(expected[p + 1] / expected[p])) < 1e-9);
}

void TestStatisticsDivergence::pathsThatSpreadHaveTheirRate() {
    // Each state is the first one times 1.5^p, which float32 holds to 24 bits.
    Array3F states = traces::gaussian(30, 6, 8, 1);
    for (std::int64_t n = 0; n < states.n0; ++n)
        for (std::int64_t p = 1; p < states.n1; ++p)
            for (std::int64_t u = 0; u < states.n2; ++u) states.at(n, p)[u] = 1.5F * states.at(n, p - 1)[u];
    const DivergenceResult d = diverge(traces::view(states));
    for (const double rate : d.rate) QVERIFY(std::abs(rate - std::log(1.5)) < 1e-6);
}

void TestStatisticsDivergence::nearRowsKeepTheirDigits() {
    // Two rows 1e-4 apart beside others at 1e3: from products alone their distance would have lost all
    // digits.
    MatrixD states = MatrixD::Random(12, 16) * 1e3;
    states.row(5) = states.row(4);
    states(5, 3) += 1e-4;
    const double apart = states(5, 3) - states(4, 3);
    double found = 0;
    compareRows(states, [&](const RowBlock& block) { found = std::sqrt(block.squares(5, 4)); });
    QVERIFY(std::abs(found / apart - 1) < 1e-6);  // centring rounds the states themselves
}

void TestStatisticsDivergence::memoryAndThreadsDoNotMatter() {
    const TraceView view = traces::view(traces::walks(40, 9, 70, 3));
    const DivergenceResult all = diverge(view);
    DivergenceOptions little;
    little.memoryBytes = 8 * 2 * 40 * 70 * sizeof(double);  // two points in a pass, and five passes
    little.threads = 1;
    const DivergenceResult again = diverge(view, little);
    QVERIFY(all.meanDistance == again.meanDistance);
    QVERIFY(all.rate.size() == 8 && all.rate == again.rate);
}

void TestStatisticsDivergence::itHasNulls() {
    // A walk of independent steps: the mean distance grows as the root of the number of steps, and random
    // signs of the steps leave it so.
    AnalysisOptions options;
    options.get<Divergence>().emplace();
    options.nulls = {NullKind::SignFlip, NullKind::DepthShuffle};
    options.repeats = 39;
    Progress progress;
    const TraceView view = traces::view(traces::walks(60, 17, 32, 5));
    const Analysis analysis = analyze(view, options, progress);
    QCOMPARE(analysis.nulls.size(), 4U);
    QVERIFY(analysis.observed.get<Divergence>()->meanDistance == diverge(view).meanDistance);
    for (const auto& null : analysis.nulls) {
        QCOMPARE(null.samples.rows(), 39);
        if (null.dataset != "mean_distance") continue;
        const double last = null.summary.mean[16] / analysis.observed.get<Divergence>()->meanDistance[16];
        if (null.null == "sign_flip")
            QVERIFY(std::abs(last - 1) < 0.05);
        else
            QVERIFY(last < 0.9);  // shuffled depths: the spread is that of an average point
    }
}

void TestStatisticsDivergence::manyRowsAreDrawn() {
    // 2,400 rows of independent Gaussians: pairs drawn by seed agree with the expected distance, which is
    // 2 Gamma((D + 1) / 2) / Gamma(D / 2), within five standard errors of 10^6 pairs.
    const TraceView view = traces::view(traces::gaussian(2400, 1, 8, 7));
    const double expected = 2 * std::exp(std::lgamma(4.5) - std::lgamma(4.0));
    const double found = diverge(view).meanDistance[0];
    QVERIFY2(std::abs(found / expected - 1) < 0.02, qPrintable(QString::number(found)));
    QCOMPARE(diverge(view).meanDistance[0], found);
    DivergenceOptions other;
    other.seed = 1;
    QVERIFY(diverge(view, other).meanDistance[0] != found);
}

RHEO_TEST(TestStatisticsDivergence)
#include "test_statistics_divergence.moc"
