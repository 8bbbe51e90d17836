// PCA and density against independent reference values, closed forms and invariances.
#include <Eigen/QR>
#include <Eigen/SVD>
#include <cmath>

#include "core/analysis/covariance.h"
#include "core/analysis/outliers.h"
#include "core/analysis/point_spectra.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/statistics/density.h"
#include "core/statistics/pca.h"
#include "tests/core/analysis/golden.h"
#include "tests/core/analysis/traces.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

PcaResult fit(const TraceView& view, int k) {
    PcaOptions options;
    options.components = k;
    Progress progress;
    return pca(view, options, progress);
}

}  // namespace

class TestStatisticsPca : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void pcaEqualsTheReference_data();
    void pcaEqualsTheReference();
    void densityEqualsTheReference_data();
    void densityEqualsTheReference();
    void plantedSubspaceIsFound();
    void walkInManyUnitsIsLowDimensional();
    void lanczosAgreesWithTheDenseSolution();
    void orderOfRowsAndUnitsDoesNotMatter();
    void rotationOfTheBasisKeepsTheSpectrum();
    void rowsThatAreNotFiniteAreLeftOut();
    void maskedUnitsCountForNothing();
    void blocksDoNotMatter();
    void aStopIsHeeded();
    void degenerateInputIsSaid();
    void eachPointHasItsOwnBasis_data();
    void eachPointHasItsOwnBasis();
    void fittedRowsAndBasesFromElsewhere();
    void massiveUnitsStandOut();
    void fewerStatesThanUnitsEqualNumpy_data();
    void fewerStatesThanUnitsEqualNumpy();
    void allFormsAgree_data();
    void allFormsAgree();
    void identicalStatesHaveABasis();
};

void TestStatisticsPca::fewerStatesThanUnitsEqualNumpy_data() {
    QTest::addColumn<qulonglong>("memory");
    QTest::addColumn<int>("form");
    QTest::newRow("Gram matrix") << (qulonglong{1} << 30) << static_cast<int>(StateSpectrum::Form::Gram);
    QTest::newRow("products alone") << qulonglong{4096} << static_cast<int>(StateSpectrum::Form::Streamed);
}

// Against numpy.linalg.svd of the centred states (numpy 2, float64): 12 states of 40 units, whose values are
// exact in float32. Tolerance: 1e-9 of the largest, the residual that the products may leave and more.
void TestStatisticsPca::fewerStatesThanUnitsEqualNumpy() {
    QFETCH(qulonglong, memory);
    QFETCH(int, form);
    Array3F states(3, 4, 40);
    for (int i = 0; i < 12; ++i)
        for (int u = 0; u < 40; ++u)
            states.at(i / 4, i % 4)[u] =
                static_cast<float>((i * i * 7 + u * u * 3 + i * u * 5) % 101 - 50) / 8;
    const TraceView view = traces::view(std::move(states));
    QCOMPARE(static_cast<int>(StateSpectrum::formOf(12, 40, memory / 4)), form);
    PcaOptions options;
    options.components = 4;
    options.memoryBytes = memory;
    Progress progress;
    const PcaResult found = pca(view, options, progress);
    const double variance[] = {103.34272731996897, 78.30183060451935, 68.99675854754544, 53.29965305524456},
                 total = 540.4926609848485,
                 first[] = {0.10320229879988423, 0.35956270353987124, -0.043065401028873254,
                            0.07245951014557506};
    const double shares[4][2] = {{0.5342795330104517, 0.46572046698954833},
                                 {0.5165292904667904, 0.4834707095332096},
                                 {0.6373330327295594, 0.36266696727044057},
                                 {0.5469699845291564, 0.45303001547084376}};
    for (int i = 0; i < 4; ++i) {
        QVERIFY(std::abs(found.basis.variance[i] - variance[i]) < 1e-9 * variance[0]);
        QVERIFY(std::abs(found.basis.explained[i] - variance[i] / total) < 1e-9);
        QVERIFY(std::abs(found.basis.components(0, i) - first[i]) < 1e-7);
        for (int j = 0; j < 2; ++j) QVERIFY(std::abs(found.perPointExplained(i, j) - shares[i][j]) < 1e-9);
        QVERIFY(std::abs(found.perPointExplained(i, 2)) < 1e-9);  // three rows span a plane
    }
    const MatrixD& c = found.basis.components;
    QVERIFY((c * c.transpose() - MatrixD::Identity(4, 4)).cwiseAbs().maxCoeff() < 1e-12);
}

void TestStatisticsPca::allFormsAgree_data() {
    QTest::addColumn<int>("rows");
    QTest::newRow("more states than units") << 60;
    QTest::newRow("fewer states than units") << 8;
}

// The same numbers, however little may be held: pooled, of each point, and the participation ratio.
void TestStatisticsPca::allFormsAgree() {
    QFETCH(int, rows);
    TraceView view = traces::view(traces::gaussian(rows, 3, 50, 5));
    view.maskedUnits = {4, 30};
    Progress progress;
    PcaOptions much, little;
    much.components = little.components = 5;
    little.memoryBytes = 8192;
    QVERIFY(StateSpectrum::formOf(rows * 3, 50, much.memoryBytes) != StateSpectrum::Form::Streamed);
    QVERIFY(StateSpectrum::formOf(rows * 3, 50, little.memoryBytes / 4) == StateSpectrum::Form::Streamed);
    const PcaResult one = pca(view, much, progress), other = pca(view, little, progress);
    QVERIFY((one.basis.variance - other.basis.variance).cwiseAbs().maxCoeff() < 1e-9 * one.basis.variance[0]);
    QVERIFY((one.basis.components - other.basis.components).cwiseAbs().maxCoeff() < 1e-6);
    QVERIFY((one.basis.mean - other.basis.mean).cwiseAbs().maxCoeff() < 1e-12);
    QVERIFY((one.perPointExplained - other.perPointExplained).cwiseAbs().maxCoeff() < 1e-9);
    for (const int unit : {4, 30}) QVERIFY(one.basis.components.col(unit).cwiseAbs().maxCoeff() < 1e-12);
    const PerPointPca each = pcaPerPoint(view, much, progress),
                      streamed = pcaPerPoint(view, little, progress);
    QVERIFY((each.variance - streamed.variance).cwiseAbs().maxCoeff() < 1e-9 * each.variance(0, 0));
    const VectorD ratio = pointSpectra(view, false, 1, much.memoryBytes, progress).participationRatio,
                  again = pointSpectra(view, false, 1, 1024, progress).participationRatio;
    QVERIFY((ratio - again).cwiseAbs().maxCoeff() < 1e-9 * ratio.maxCoeff());
}

// Nothing varies: eigenvalues of 0, and a basis that is orthonormal all the same and leaves masked units out.
void TestStatisticsPca::identicalStatesHaveABasis() {
    Array3F states(4, 1, 20);
    for (int n = 0; n < 4; ++n)
        for (int u = 0; u < 20; ++u) states.at(n, 0)[u] = static_cast<float>(u) / 3;
    TraceView view = traces::view(std::move(states));
    view.maskedUnits = {0};
    const PcaResult found = fit(view, 3);
    QVERIFY(found.basis.variance.cwiseAbs().maxCoeff() < 1e-20);
    const MatrixD& c = found.basis.components;
    QVERIFY((c * c.transpose() - MatrixD::Identity(3, 3)).cwiseAbs().maxCoeff() < 1e-12);
    QVERIFY(c.col(0).cwiseAbs().maxCoeff() < 1e-12);
}

void TestStatisticsPca::eachPointHasItsOwnBasis_data() {
    QTest::addColumn<int>("rows");
    QTest::newRow("more rows than units") << 60;
    QTest::newRow("fewer rows than units") << 12;
}

// Against the singular values of each point's centred states: another way to the same. Tolerance: 1e-9 of the
// largest, as squares are taken on one side; scores are float32.
void TestStatisticsPca::eachPointHasItsOwnBasis() {
    QFETCH(int, rows);
    constexpr int points = 3, units = 20, k = 4;
    TraceView view = traces::view(traces::gaussian(rows + 1, points, units, 8));
    view.maskedUnits = {6};
    auto states = std::static_pointer_cast<const MemoryTrace>(view.trace)->states();
    states.at(2, 1)[0] = std::numeric_limits<float>::quiet_NaN();
    view.trace = std::make_shared<MemoryTrace>(view.trace->info(), states);
    Progress progress;
    PcaOptions options;
    options.components = k;
    const PerPointPca found = pcaPerPoint(view, options, progress);
    QCOMPARE(found.excludedRows, 1);
    TraceView rest = view;
    for (std::int64_t n = 0; n <= rows; ++n)
        if (n != 2) rest.rows.push_back(n);
    const PcaResult pooled = pca(rest, {1, true}, progress);
    for (int p = 0; p < points; ++p) {
        MatrixD x = readViewPoint(rest, p).cast<double>();
        const Eigen::RowVectorXd mean = x.colwise().mean();
        QVERIFY((found.mean.row(p) - mean).cwiseAbs().maxCoeff() < 1e-12);
        x.rowwise() -= mean;
        const Eigen::JacobiSVD<Eigen::MatrixXd> svd(x, Eigen::ComputeThinU | Eigen::ComputeThinV);
        const Eigen::Map<const MatrixD> components(found.components.at(p, 0), k, units);
        QVERIFY((components * components.transpose() - MatrixD::Identity(k, k)).cwiseAbs().maxCoeff() < 1e-9);
        for (int i = 0; i < k; ++i) {
            const double variance = std::pow(svd.singularValues()[i], 2) / (rows - 1);
            QVERIFY(std::abs(found.variance(p, i) - variance) < 1e-9 * found.variance(p, 0));
            QVERIFY(std::abs(found.explained(p, i) - variance / (x.squaredNorm() / (rows - 1))) < 1e-9);
            QVERIFY(std::abs(std::abs(components.row(i).dot(svd.matrixV().col(i))) - 1) < 1e-7);
            Eigen::Index largest = 0;
            components.row(i).cwiseAbs().maxCoeff(&largest);
            QVERIFY(components(i, largest) > 0);
            for (int n = 0; n < rows; ++n) {
                const auto at = rest.rows[static_cast<std::size_t>(n)];
                QVERIFY(std::abs(found.scores.at(at, p)[i] - x.row(n).dot(components.row(i))) < 1e-5);
            }
        }
        for (int i = 0; i < 3; ++i)
            QVERIFY(std::abs(found.explained(p, i) - pooled.perPointExplained(p, i)) < 1e-10);
        QVERIFY(std::isnan(found.scores.at(2, p)[0]));
    }
}

void TestStatisticsPca::fittedRowsAndBasesFromElsewhere() {
    const TraceView view = traces::view(traces::gaussian(40, 3, 12, 9));
    TraceView some = view;
    some.rows = {1, 5, 6, 20, 31};
    Progress progress;
    PcaOptions options;
    options.components = 3;
    const PcaResult fitted = pcaFittedOn(view, some.rows, options, progress),
                    alone = pca(some, options, progress);
    QVERIFY(fitted.basis.components == alone.basis.components &&
            fitted.basis.explained == alone.basis.explained);
    QCOMPARE(fitted.scores.n0, 40);
    for (std::size_t i = 0; i < some.rows.size(); ++i)
        for (int c = 0; c < 3; ++c)
            QVERIFY(std::abs(fitted.scores.at(some.rows[i], 2)[c] -
                             alone.scores.at(static_cast<std::int64_t>(i), 2)[c]) < 1e-6F);
    QVERIFY(pcaWithBasis(alone.basis, view, progress).scores.data == fitted.scores.data);
    TraceView scaled = view;
    scaled.scaling = Scaling::Rms;
    QVERIFY_EXCEPTION_THROWN(pcaWithBasis(alone.basis, scaled, progress), Error);
    QVERIFY_EXCEPTION_THROWN(pcaWithBasis(alone.basis, traces::view(traces::gaussian(4, 3, 11, 1)), progress),
                             Error);
}

void TestStatisticsPca::massiveUnitsStandOut() {
    Array3F states = traces::gaussian(50, 4, 200, 10);
    for (std::int64_t i = 0; i < 50 * 4; ++i) {
        states.data[static_cast<std::size_t>(i * 200 + 17)] *= 300;
        states.data[static_cast<std::size_t>(i * 200 + 88)] += 50;
        states.data[static_cast<std::size_t>(i * 200 + 3)] = 0;
        states.data[static_cast<std::size_t>(i * 200 + 4)] *= 0.001F;  // small is not large
    }
    const TraceView view = traces::view(std::move(states));
    Progress progress;
    QCOMPARE(outlierUnits(view, 6, progress), (std::vector<std::int64_t>{17, 88}));
    QVERIFY(outlierUnits(traces::view(traces::gaussian(50, 4, 200, 11)), 6, progress).empty());
    QVERIFY(outlierUnits(traces::view(Array3F(3, 2, 5)), 6, progress).empty());
    QVERIFY_EXCEPTION_THROWN(outlierUnits(view, 0, progress), Error);
    QVERIFY_EXCEPTION_THROWN(outlierUnits(view, std::nan(""), progress), Error);
}

void TestStatisticsPca::pcaEqualsTheReference_data() {
    QTest::addColumn<QString>("group");
    QTest::newRow("raw") << "raw";
    QTest::newRow("rms") << "rms";
}

void TestStatisticsPca::pcaEqualsTheReference() {
    QFETCH(QString, group);
    const auto result = fit(golden::view(group == "raw" ? Scaling::Raw : Scaling::Rms), 6);
    const std::string at = QString("/%1/pca/").arg(group).toStdString();
    const auto near = [&](const MatrixD& found, const char* name, double tolerance) {
        const double d = golden::difference(found, golden::matrix(at + name));
        QVERIFY2(d <= tolerance, qPrintable(QString("%1: %2").arg(name).arg(d)));
    };
    // Both are float64 throughout; components are as well conditioned as the gaps between eigenvalues.
    near(result.basis.mean.transpose(), "mean", 1e-12);
    near(result.basis.variance.transpose(), "variance", 1e-11);
    near(result.basis.explained.transpose(), "explained", 1e-11);
    near(result.basis.components, "components", 1e-8);
    near(result.perPointExplained, "per_point_explained", 1e-10);
    // Scores are kept as float32.
    const MatrixD scores = Eigen::Map<const MatrixF>(result.scores.data.data(), 120, 13 * 6).cast<double>();
    near(scores, "scores", 1e-6);
}

void TestStatisticsPca::densityEqualsTheReference_data() {
    pcaEqualsTheReference_data();
}

void TestStatisticsPca::densityEqualsTheReference() {
    QFETCH(QString, group);
    Progress progress;
    const auto d = density(golden::view(group == "raw" ? Scaling::Raw : Scaling::Rms), {}, progress);
    const std::string at = QString("/%1/density/").arg(group).toStdString();
    const auto near = [&](const MatrixD& found, const char* name) {
        const double difference = golden::difference(found, golden::matrix(at + name));
        QVERIFY2(difference <= 1e-11, qPrintable(QString("%1: %2").arg(name).arg(difference)));
    };
    near(d.mean, "mean");
    near(d.meanAbs, "mean_abs");
    near(d.rms, "rms");
    near(d.activeFraction, "active_fraction");
    near(d.trevesRolls.transpose(), "treves_rolls");
    near(d.hoyer.transpose(), "hoyer");
    near(d.kurtosis.transpose(), "kurtosis");
    near(d.participationRatio.transpose(), "participation_ratio");
}

void TestStatisticsPca::plantedSubspaceIsFound() {
    // Two orthogonal directions of variance 9 and 4 in 40 units, noise of variance 1e-6.
    Array3F states(300, 5, 40);
    RandomStream random(1);
    for (std::int64_t n = 0; n < 300; ++n)
        for (std::int64_t p = 0; p < 5; ++p) {
            const double a = 3 * random.normal(), b = 2 * random.normal();
            for (std::int64_t u = 0; u < 40; ++u)
                states.at(n, p)[u] =
                    static_cast<float>((u == 7 ? a : 0) + (u == 30 ? -b : 0) + 1e-3 * random.normal());
        }
    const auto result = fit(traces::view(std::move(states)), 3);
    QVERIFY(result.basis.components(0, 7) > 0.999);
    QVERIFY(result.basis.components(1, 30) > 0.999);  // the sign is fixed: the largest entry is positive
    // 1,500 draws: the SD of a sample variance is its value times sqrt(2 / 1500).
    QVERIFY(std::abs(result.basis.variance[0] - 9) < 5 * 9 * std::sqrt(2.0 / 1500));
    QVERIFY(std::abs(result.basis.variance[1] - 4) < 5 * 4 * std::sqrt(2.0 / 1500));
    QVERIFY(result.basis.explained.head(2).sum() > 0.9999);
    QCOMPARE(result.excludedRows, 0);
}

void TestStatisticsPca::walkInManyUnitsIsLowDimensional() {
    // Three components of one walk of 65 points in very many units hold 6/pi^2 (1 + 1/4 + 1/9) = 0.827 of the
    // variance (the known limit for long walks in high dimension).
    Array3F states(1, 65, 3000);
    RandomStream random(5);
    for (std::int64_t u = 0; u < 3000; ++u) {
        double x = 0;
        for (std::int64_t p = 0; p < 65; ++p) {
            states.at(0, p)[u] = static_cast<float>(x);
            x += random.normal();
        }
    }
    const auto result = fit(traces::view(std::move(states)), 3);
    const double held = result.basis.explained.sum();
    QVERIFY2(std::abs(held - 0.83) < 0.02, qPrintable(QString::number(held)));
}

void TestStatisticsPca::lanczosAgreesWithTheDenseSolution() {
    // Above 1,024 columns the solver is another; a matrix with a known spectrum decides.
    const Eigen::Index n = 1100;
    MatrixD x = MatrixD::Zero(n, n);
    for (Eigen::Index i = 0; i < n; ++i) x(i, i) = 1.0 / (1.0 + static_cast<double>(i));
    // A Householder reflection keeps the eigenvalues and mixes all columns.
    VectorD v = VectorD::LinSpaced(n, 1, 2).normalized();
    const MatrixD h = MatrixD::Identity(n, n) - 2 * v * v.transpose();
    x = h * x * h;
    MatrixD vectors;
    const VectorD values = largestEigenvalues(x, 5, &vectors, Progress{});
    for (int i = 0; i < 5; ++i) {
        QVERIFY(std::abs(values[i] - 1.0 / (1 + i)) < 1e-10);
        QVERIFY((x * vectors.row(i).transpose() - values[i] * vectors.row(i).transpose()).norm() < 1e-9);
    }
}

void TestStatisticsPca::orderOfRowsAndUnitsDoesNotMatter() {
    const auto states = traces::gaussian(30, 4, 12, 9);
    Array3F turned(30, 4, 12);
    for (std::int64_t n = 0; n < 30; ++n)
        for (std::int64_t p = 0; p < 4; ++p)
            for (std::int64_t u = 0; u < 12; ++u) turned.at(29 - n, p)[11 - u] = states.at(n, p)[u];
    const auto a = fit(traces::view(states), 4), b = fit(traces::view(turned), 4);
    QVERIFY((a.basis.variance - b.basis.variance).cwiseAbs().maxCoeff() < 1e-12);
    Progress progress;
    const auto da = density(traces::view(states), {}, progress),
               db = density(traces::view(turned), {}, progress);
    QVERIFY((da.participationRatio - db.participationRatio).cwiseAbs().maxCoeff() < 1e-10);
    QVERIFY((da.hoyer - db.hoyer).cwiseAbs().maxCoeff() < 1e-12);
    QVERIFY((da.mean - db.mean.rowwise().reverse()).cwiseAbs().maxCoeff() < 1e-12);
}

void TestStatisticsPca::rotationOfTheBasisKeepsTheSpectrum() {
    const auto states = traces::gaussian(40, 3, 16, 2);
    const MatrixD random = MatrixD::Random(16, 16);
    const MatrixD q = Eigen::HouseholderQR<MatrixD>(random).householderQ();
    Array3F turned(40, 3, 16);
    Eigen::Map<MatrixF>(turned.data.data(), 120, 16) =
        (Eigen::Map<const MatrixF>(states.data.data(), 120, 16).cast<double>() * q).cast<float>();
    const auto a = fit(traces::view(states), 5), b = fit(traces::view(turned), 5);
    QVERIFY((a.basis.variance - b.basis.variance).cwiseAbs().maxCoeff() < 1e-6);  // float32 storage
}

void TestStatisticsPca::rowsThatAreNotFiniteAreLeftOut() {
    auto states = traces::gaussian(20, 3, 6, 4);
    Array3F fewer(18, 3, 6);
    std::copy(states.data.begin() + 2 * 18, states.data.end(), fewer.data.begin());
    states.at(0, 1)[3] = NAN;
    states.at(1, 2)[0] = INFINITY;
    const auto a = fit(traces::view(states), 3), b = fit(traces::view(fewer), 3);
    QCOMPARE(a.excludedRows, 2);
    QVERIFY((a.basis.variance - b.basis.variance).cwiseAbs().maxCoeff() < 1e-13);
    QVERIFY(std::isnan(a.scores.at(0, 0)[0]) && std::isnan(a.scores.at(1, 0)[0]));
    QCOMPARE(a.scores.at(2, 1)[0], b.scores.at(0, 1)[0]);
    auto all = traces::gaussian(2, 3, 6, 4);
    all.at(0, 0)[0] = all.at(1, 0)[0] = NAN;
    QVERIFY_EXCEPTION_THROWN(fit(traces::view(all), 2), Error);
}

void TestStatisticsPca::maskedUnitsCountForNothing() {
    auto states = traces::gaussian(40, 4, 10, 6);
    Array3F without(40, 4, 9);
    for (std::int64_t n = 0; n < 40; ++n)
        for (std::int64_t p = 0; p < 4; ++p) {
            for (std::int64_t u = 0, v = 0; u < 10; ++u)
                if (u != 4) without.at(n, p)[v++] = states.at(n, p)[u];
            states.at(n, p)[4] *= 1000;  // a massive unit
        }
    auto masked = traces::view(states);
    masked.maskedUnits = {4};
    masked.scaling = Scaling::Rms;
    auto plain = traces::view(without);
    plain.scaling = Scaling::Rms;
    QVERIFY((fit(masked, 4).basis.variance - fit(plain, 4).basis.variance).cwiseAbs().maxCoeff() < 1e-12);
    Progress progress;
    const auto a = density(masked, {}, progress), b = density(plain, {}, progress);
    QVERIFY((a.trevesRolls - b.trevesRolls).cwiseAbs().maxCoeff() < 1e-12);
    QVERIFY((a.kurtosis - b.kurtosis).cwiseAbs().maxCoeff() < 1e-11);
    QVERIFY((a.participationRatio - b.participationRatio).cwiseAbs().maxCoeff() < 1e-10);
}

void TestStatisticsPca::blocksDoNotMatter() {
    const auto view = traces::view(traces::gaussian(50, 7, 20, 8));
    PcaOptions small, large;
    small.memoryBytes = 1;  // a row at a time
    Progress progress;
    const auto a = pca(view, small, progress), b = pca(view, large, progress);
    QVERIFY((a.basis.variance - b.basis.variance).cwiseAbs().maxCoeff() < 1e-12);
    QVERIFY(a.scores.data.size() == b.scores.data.size());
}

void TestStatisticsPca::aStopIsHeeded() {
    std::stop_source source;
    source.request_stop();
    Progress stopped(source.get_token());
    const auto view = traces::view(traces::gaussian(20, 3, 6, 4));
    QVERIFY_EXCEPTION_THROWN(pca(view, {}, stopped), Cancelled);
    QVERIFY_EXCEPTION_THROWN(density(view, {}, stopped), Cancelled);
}

void TestStatisticsPca::degenerateInputIsSaid() {
    Array3F constant(10, 3, 5);
    std::fill(constant.data.begin(), constant.data.end(), 2.0f);
    const auto result = fit(traces::view(constant), 2);
    QVERIFY2(std::isnan(result.basis.explained[0]), "nothing varies, so no share of it is explained");
    Progress progress;
    QVERIFY(std::isnan(density(traces::view(constant), {}, progress).kurtosis[0]));
    QVERIFY(
        std::isnan(density(traces::view(traces::gaussian(2, 3, 5, 1)), {}, progress).participationRatio[0]));
    auto view = traces::view(traces::gaussian(10, 3, 5, 1));
    view.points = {2, 1};
    QVERIFY_EXCEPTION_THROWN(fit(view, 2), Error);
    view.points = {0, 3};
    QVERIFY_EXCEPTION_THROWN(fit(view, 2), Error);
}

RHEO_TEST(TestStatisticsPca)
#include "test_statistics_pca.moc"
