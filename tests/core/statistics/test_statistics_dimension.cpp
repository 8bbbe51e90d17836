// Intrinsic dimension against values from scikit-learn and NumPy, rows whose dimension is known, and
// invariances.
#include <cmath>
#include <numbers>

#include "core/base/random.h"
#include "core/statistics/analyze.h"
#include "core/statistics/dimension.h"
#include "tests/core/analysis/golden.h"
#include "tests/core/analysis/traces.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

DimensionResult dimensionOf(const TraceView& view, DimensionOptions options = {}) {
    Progress progress;
    return dimension(view, options, progress);
}

}  // namespace

class TestStatisticsDimension : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalsTheReference_data();
    void equalsTheReference();
    void aCurvedSheetHasTwoDimensions();
    void repeatedRowsCountOnce();
    void memoryDoesNotMatter();
    void itHasNulls();
};

/// Of the golden trace, in float64: TwoNN from the distances of sklearn.neighbors.NearestNeighbors (brute),
/// and the participation ratio from numpy.linalg.eigvalsh(numpy.cov).
void TestStatisticsDimension::equalsTheReference_data() {
    QTest::addColumn<int>("scaling");
    QTest::addColumn<QList<double>>("twoNn");
    QTest::addColumn<QList<double>>("ratio");
    QTest::newRow("raw") << static_cast<int>(Scaling::Raw)
                         << QList<double>{16.303929877129868, 15.750948562523698, 16.927128344029526,
                                          15.210404316628608, 15.95121432808604,  14.55724035967251,
                                          13.285326835455066, 10.385501245937558, 12.121120223809614,
                                          13.88677308579231,  14.959326004045044, 12.407026032899717,
                                          12.738596293217327}
                         << QList<double>{18.983517422910204, 18.616596512056226, 17.658794418504264,
                                          16.937763369336054, 16.667884645923387, 15.843720966639339,
                                          15.00891955366879,  14.187542289988098, 12.992352961131923,
                                          11.686962499499678, 10.557549367741158, 9.343076216174175,
                                          8.514853510153038};
    QTest::newRow("rms") << static_cast<int>(Scaling::Rms)
                         << QList<double>{16.48648732451636,  15.310514708840797, 16.389794328118953,
                                          15.155405674345975, 15.728406019699781, 14.657177847603565,
                                          12.526973269600521, 10.247240848744195, 11.50927578939006,
                                          13.304531932837222, 14.082561255589129, 12.214447191022916,
                                          12.692078002534}
                         << QList<double>{18.671075389570483, 18.309646415349533, 17.40853154178816,
                                          16.706372514758353, 16.448286696326846, 15.662693587299614,
                                          14.898728036964782, 14.120454635027459, 12.96064234882988,
                                          11.719958466469771, 10.70458835821809,  9.57069488715706,
                                          8.839137460295573};
}

void TestStatisticsDimension::equalsTheReference() {
    QFETCH(int, scaling);
    QFETCH(QList<double>, twoNn);
    QFETCH(QList<double>, ratio);
    const DimensionResult d = dimensionOf(golden::view(static_cast<Scaling>(scaling)));
    QCOMPARE(d.twoNn.size(), twoNn.size());
    // Distances from products keep ten digits; a logarithm of a ratio near 1 loses two or three of them.
    for (Eigen::Index p = 0; p < d.twoNn.size(); ++p) {
        QVERIFY2(std::abs(d.twoNn[p] / twoNn[p] - 1) < 1e-7,
                 qPrintable(QString::number(d.twoNn[p], 'g', 17)));
        QVERIFY(std::abs(d.participationRatio[p] / ratio[p] - 1) < 1e-10);
    }
}

void TestStatisticsDimension::aCurvedSheetHasTwoDimensions() {
    // Rows on a rolled-up sheet in 12 units: two dimensions, though it fills three linear ones.
    Array3F states = traces::gaussian(1500, 1, 12, 1);
    RandomStream random(2);
    for (std::int64_t n = 0; n < states.n0; ++n) {
        const double angle = 3 * std::numbers::pi * (0.5 + random.uniform()), height = 20 * random.uniform();
        auto* const state = &states.at(n, 0)[0];
        std::fill(state, state + 12, 0.0F);
        state[0] = static_cast<float>(angle * std::cos(angle));
        state[5] = static_cast<float>(height);
        state[9] = static_cast<float>(angle * std::sin(angle));
    }
    const DimensionResult d = dimensionOf(traces::view(states));
    QVERIFY2(std::abs(d.twoNn[0] - 2) < 0.2, qPrintable(QString::number(d.twoNn[0])));
    QVERIFY2(d.participationRatio[0] > 2.5, qPrintable(QString::number(d.participationRatio[0])));
}

void TestStatisticsDimension::repeatedRowsCountOnce() {
    Array3F once = traces::gaussian(80, 3, 6, 4), twice = traces::gaussian(160, 3, 6, 4);
    for (std::int64_t n = 0; n < 160; ++n)
        for (std::int64_t p = 0; p < 3; ++p) std::copy_n(&once.at(n / 2, p)[0], 6, &twice.at(n, p)[0]);
    const DimensionResult one = dimensionOf(traces::view(once)), two = dimensionOf(traces::view(twice));
    // The same distances, but for the rounding of the mean that is taken off.
    for (Eigen::Index p = 0; p < 3; ++p) QVERIFY(std::abs(one.twoNn[p] / two.twoNn[p] - 1) < 1e-9);
    Array3F same = traces::gaussian(20, 2, 6, 5);
    for (std::int64_t n = 1; n < 20; ++n) std::copy_n(&same.at(0, 0)[0], 6, &same.at(n, 0)[0]);
    const DimensionResult none = dimensionOf(traces::view(same));
    QVERIFY(std::isnan(none.twoNn[0]) && std::isnan(none.participationRatio[0]));
    QVERIFY(std::isfinite(none.twoNn[1]));
}

void TestStatisticsDimension::memoryDoesNotMatter() {
    const TraceView view = traces::view(traces::walks(200, 7, 70, 3));
    DimensionOptions little;
    little.memoryBytes = 8 * 2 * 200 * 70 * sizeof(double);  // two points in a pass
    little.threads = 1;
    QVERIFY(dimensionOf(view).twoNn == dimensionOf(view, little).twoNn);
}

void TestStatisticsDimension::itHasNulls() {
    AnalysisOptions options;
    options.get<Dimension>().emplace();
    options.nulls = {NullKind::RandomBasis, NullKind::SignFlip};
    options.repeats = 20;
    Progress progress;
    const TraceView view = traces::view(traces::walks(60, 9, 16, 5));
    const Analysis analysis = analyze(view, options, progress);
    QCOMPARE(analysis.nulls.size(), 4U);
    // A rotation of the basis changes no distance.
    const VectorD& observed = analysis.observed.get<Dimension>()->twoNn;
    for (const auto& null : analysis.nulls)
        if (null.null == "random_basis" && null.dataset == "two_nn")
            for (Eigen::Index p = 1; p < 9; ++p)
                QVERIFY(std::abs(null.summary.mean[p] / observed[p] - 1) < 1e-6);
}

RHEO_TEST(TestStatisticsDimension)
#include "test_statistics_dimension.moc"
