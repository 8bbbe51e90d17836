// Surrogates keep what they promise to keep and break the rest, alike in tiles, rows and blocks.
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "core/analysis/random_basis.h"
#include "core/analysis/surrogates.h"
#include "core/base/random.h"
#include "golden.h"
#include "tests/test_main.h"
#include "traces.h"

using namespace rheo;

namespace {

std::vector<double> sorted(const Eigen::Ref<const VectorD>& v) {
    std::vector<double> values(v.begin(), v.end());
    std::sort(values.begin(), values.end());
    return values;
}

/// Paths of all rows, [row][point, unit].
std::vector<MatrixD> surrogatesOf(const TraceView& view, std::optional<NullKind> kind, std::uint64_t seed,
                                  std::int64_t repeat, std::size_t memory = std::size_t{1} << 30) {
    Progress progress;
    const RowSource source(view, memory, progress);
    PathMaker maker = kind ? PathMaker(source, *kind, seed, 2, progress) : PathMaker(source);
    const std::int64_t rows = view.rowCount(), points = view.pointCount(), units = view.unitCount();
    std::vector<MatrixD> paths;
    if (maker.byBlock()) {
        maker.startRepeat(repeat);
        MatrixD block;
        for (std::int64_t n = 0; n < rows; n += 3) {  // blocks of three rows
            maker.makeBlock(n, std::min<std::int64_t>(3, rows - n), block, progress);
            for (std::int64_t i = 0; i * points < block.rows(); ++i)
                paths.emplace_back(block.middleRows(i * points, points));
        }
        return paths;
    }
    std::vector<float> buffer;
    for (std::int64_t n = 0; n < rows; ++n) {
        MatrixD path(points, units);
        maker.makeRow(source.read(n, 1, buffer, progress), repeat, n, path);
        paths.push_back(path);
    }
    return paths;
}

MatrixD stepsOf(const MatrixD& path) {
    return path.bottomRows(path.rows() - 1) - path.topRows(path.rows() - 1);
}

}  // namespace

class TestAnalysisSurrogates : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void namesThereAndBack();
    void rowsOfTheTableAreWhole();
    void depthShuffleKeepsTheValuesOfEachUnit();
    void depthShuffleIsUniform();
    void incrementShuffleKeepsEndsAndSteps();
    void signFlipKeepsTheSizeOfEachStep();
    void gaussianWalkKeepsVariances();
    void gaussianStepsAreNormal();
    void rowShuffleKeepsEachStepOverRows();
    void stepSignFlipSharesItsSigns();
    void persistentNullsKeepPersistence_data();
    void persistentNullsKeepPersistence();
    void rowsOfAGroupStayAlike_data();
    void rowsOfAGroupStayAlike();
    void phaseShuffleKeepsSpectra();
    void phaseShuffleIsOneMatrixARow();
    void randomBasisKeepsGeometry();
    void randomBasisIsHaar();
    void seedsRepeatsAndMemory();
    void maskedUnitsStayOut();
};

void TestAnalysisSurrogates::namesThereAndBack() {
    QCOMPARE(nullNames().size(), 11u);
    for (const auto name : nullNames()) QVERIFY(nullName(*parseNull(name)) == name);
    QVERIFY(!parseNull("horoscope"));
}

void TestAnalysisSurrogates::rowsOfTheTableAreWhole() {
    for (const auto* null : allNulls()) {
        QVERIFY(findNull(null->name) == null);
        QVERIFY2(null->shows.size() > 20 && null->inWords.size() > 20, null->name.data());
        // One way to be made.
        QVERIFY((null->makeTile != nullptr) != (null->makeBlock != nullptr));
        QVERIFY(null->makeBlock != nullptr ||
                (null->drawOrigins == nullptr && null->statesPerRow == nullptr));
    }
    QVERIFY(findNull("horoscope") == nullptr);
}

void TestAnalysisSurrogates::depthShuffleKeepsTheValuesOfEachUnit() {
    const auto view = traces::view(traces::walks(2, 20, 100, 1));
    const auto before = surrogatesOf(view, {}, 0, 0),
               after = surrogatesOf(view, NullKind::DepthShuffle, 2, 0);
    int moved = 0, same = 0;
    for (std::size_t n = 0; n < 2; ++n)
        for (int u = 0; u < 100; ++u) {
            QVERIFY(sorted(before[n].col(u)) == sorted(after[n].col(u)));
            moved += before[n].col(u) != after[n].col(u);
        }
    QCOMPARE(moved, 200);
    // Each unit by a permutation of its own: the order of unit 0 does not sort unit 1 as well.
    for (int p = 0; p < 20; ++p)
        for (int q = 0; q < 20; ++q)
            same += after[0](p, 0) == before[0](q, 0) && after[0](p, 1) == before[0](q, 1);
    QVERIFY(same < 8);
}

void TestAnalysisSurrogates::depthShuffleIsUniform() {
    // Each of the 3! orders of three points as often as the others.
    Array3F states(100, 3, 60);
    for (std::int64_t n = 0; n < 100; ++n)
        for (std::int64_t p = 0; p < 3; ++p)
            for (std::int64_t u = 0; u < 60; ++u) states.at(n, p)[u] = static_cast<float>(p);
    std::vector<int> count(6);
    for (const auto& path : surrogatesOf(traces::view(states), NullKind::DepthShuffle, 4, 0))
        for (int u = 0; u < 60; ++u)
            ++count[static_cast<std::size_t>(path(0, u) * 2 + (path(1, u) > path(2, u) ? 1 : 0))];
    double chi = 0;
    for (const int c : count) chi += (c - 1000.0) * (c - 1000.0) / 1000;
    QVERIFY2(chi < 20.5, "chi-square of 5 degrees of freedom, 0.1 %");
}

void TestAnalysisSurrogates::incrementShuffleKeepsEndsAndSteps() {
    const auto view = traces::view(traces::walks(2, 20, 100, 1));
    const auto before = surrogatesOf(view, {}, 0, 0),
               after = surrogatesOf(view, NullKind::IncrementShuffle, 2, 0);
    for (std::size_t n = 0; n < 2; ++n) {
        QVERIFY(before[n].row(0) == after[n].row(0));
        QVERIFY((before[n].row(19) - after[n].row(19)).cwiseAbs().maxCoeff() < 1e-12);
        // One permutation for all units: step lengths over units are the same multiset.
        const MatrixD a = stepsOf(before[n]), b = stepsOf(after[n]);
        const auto la = sorted(a.rowwise().norm()), lb = sorted(b.rowwise().norm());
        for (std::size_t i = 0; i < la.size(); ++i) QVERIFY(std::abs(la[i] - lb[i]) < 1e-12);
        QVERIFY((a - b).norm() > 1);
    }
}

void TestAnalysisSurrogates::signFlipKeepsTheSizeOfEachStep() {
    const auto view = traces::view(traces::walks(3, 200, 70, 1));
    const auto before = surrogatesOf(view, {}, 0, 0), after = surrogatesOf(view, NullKind::SignFlip, 2, 0);
    double kept = 0, all = 0, alike = 0;
    for (std::size_t n = 0; n < 3; ++n) {
        QVERIFY(before[n].row(0) == after[n].row(0));
        const MatrixD a = stepsOf(before[n]), b = stepsOf(after[n]);
        QVERIFY((a.cwiseAbs() - b.cwiseAbs()).cwiseAbs().maxCoeff() < 1e-12);
        const MatrixD sign = (a.array() * b.array()).sign();
        kept += static_cast<double>((sign.array() > 0).count());
        all += static_cast<double>(sign.size());
        alike += sign.col(0).dot(sign.col(65)) + sign.col(3).dot(sign.col(4));
    }
    QVERIFY2(std::abs(kept - all / 2) < 4 * std::sqrt(all) / 2, "half of the signs are kept");
    QVERIFY2(std::abs(alike) < 4 * std::sqrt(6 * 199.0), "signs of two units are independent");
}

void TestAnalysisSurrogates::gaussianWalkKeepsVariances() {
    // Steps with a mean, and an SD that depends on step and unit: the surrogate has that SD and no mean.
    constexpr int rows = 4000, points = 4, units = 66;
    Array3F states = traces::gaussian(rows, points, units, 3);
    const auto sd = [](std::int64_t p, std::int64_t u) { return 0.5 * static_cast<double>(p + u % 5); };
    for (std::int64_t n = 0; n < rows; ++n)
        for (std::int64_t p = 1; p < points; ++p)
            for (std::int64_t u = 0; u < units; ++u)
                states.at(n, p)[u] =
                    static_cast<float>(states.at(n, p - 1)[u] + 10 + sd(p, u) * states.at(n, p)[u]);
    const auto view = traces::view(states);
    const auto before = surrogatesOf(view, {}, 0, 0),
               after = surrogatesOf(view, NullKind::GaussianWalk, 5, 0);
    MatrixD sum = MatrixD::Zero(points - 1, units), squares = sum;
    for (std::size_t n = 0; n < rows; ++n) {
        QVERIFY(before[n].row(0) == after[n].row(0));
        const MatrixD steps = stepsOf(after[n]);
        sum += steps;
        squares += steps.cwiseProduct(steps);
    }
    for (int p = 0; p < points - 1; ++p)
        for (int u = 0; u < units; ++u) {
            // Observed and surrogate SD both err by sd / sqrt(2 rows); 5 of their standard errors.
            const double size = sd(p + 1, u), mean = sum(p, u) / rows;
            QVERIFY(std::abs(mean) <= 5 * size / std::sqrt(rows));
            QVERIFY(std::abs(std::sqrt(squares(p, u) / rows) - size) <= 5 * size / std::sqrt(rows));
        }
}

void TestAnalysisSurrogates::gaussianStepsAreNormal() {
    // Kolmogorov-Smirnov of 65 x 2,000 standardised steps against the normal law; 1.95 / sqrt(n) is the 0.1 %
    // point.
    Array3F states(2000, 2, 65);
    RandomStream random(6);
    for (auto& x : states.data) x = static_cast<float>(random.sign());
    const auto paths = surrogatesOf(traces::view(states), NullKind::GaussianWalk, 7, 0);
    std::vector<VectorD> byUnit(65, VectorD(2000));
    for (Eigen::Index n = 0; n < 2000; ++n)
        for (std::size_t u = 0; u < 65; ++u)
            byUnit[u][n] =
                paths[static_cast<std::size_t>(n)](1, static_cast<Eigen::Index>(u)) - states.at(n, 0)[u];
    std::vector<double> all;
    for (std::size_t u = 0; u < 65; ++u) {
        VectorD steps(2000);
        for (Eigen::Index n = 0; n < 2000; ++n) steps[n] = states.at(n, 1)[u] - states.at(n, 0)[u];
        const double sd = std::sqrt((steps.array() - steps.mean()).square().sum() / 1999);
        for (const double x : byUnit[u]) all.push_back(x / sd);
    }
    std::sort(all.begin(), all.end());
    double worst = 0, fourth = 0;
    const auto n = static_cast<double>(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        worst = std::max(
            worst, std::abs((static_cast<double>(i) + 0.5) / n - 0.5 * std::erfc(-all[i] / std::sqrt(2.0))));
        fourth += std::pow(all[i], 4) / n;
    }
    QVERIFY2(worst < 1.95 / std::sqrt(n), qPrintable(QString::number(worst)));
    QVERIFY(std::abs(fourth - 3) < 4 * std::sqrt(96 / n));
    // Neighbours in the transform come from the same two numbers, and must not be alike.
    const double r = (byUnit[0].array() * byUnit[32].array()).mean() / 4;
    QVERIFY(std::abs(r) < 4 / std::sqrt(2000.0));
}

void TestAnalysisSurrogates::rowShuffleKeepsEachStepOverRows() {
    const auto view = traces::view(traces::walks(50, 5, 70, 8));
    const auto before = surrogatesOf(view, {}, 0, 0), after = surrogatesOf(view, NullKind::RowShuffle, 9, 3);
    std::vector<VectorD> orders;
    for (int p = 0; p < 4; ++p) {
        VectorD a(50), b(50), from(50);
        for (int n = 0; n < 50; ++n) {
            QVERIFY(before[static_cast<std::size_t>(n)].row(0) == after[static_cast<std::size_t>(n)].row(0));
            const MatrixD step = stepsOf(after[static_cast<std::size_t>(n)]).row(p);
            // Whose step is it? One row's, and in all units.
            from[n] = -1;
            for (int m = 0; m < 50; ++m)
                if ((stepsOf(before[static_cast<std::size_t>(m)]).row(p) - step).cwiseAbs().maxCoeff() <
                    1e-12)
                    from[n] = m;
            QVERIFY(from[n] >= 0);
        }
        const auto all = sorted(from);
        for (int n = 0; n < 50; ++n) QCOMPARE(all[static_cast<std::size_t>(n)], static_cast<double>(n));
        orders.push_back(from);
    }
    QVERIFY2(orders[0] != orders[1] && orders[1] != orders[2], "a permutation for each step");
}

void TestAnalysisSurrogates::stepSignFlipSharesItsSigns() {
    const auto view = traces::view(traces::walks(20, 9, 70, 21));
    const auto before = surrogatesOf(view, {}, 0, 0),
               after = surrogatesOf(view, NullKind::StepSignFlip, 3, 1);
    int flipped = 0;
    for (std::size_t n = 0; n < 20; ++n)
        for (int p = 0; p < 8; ++p) {
            const VectorD was = stepsOf(before[n]).row(p), is = stepsOf(after[n]).row(p);
            const bool same = (was - is).cwiseAbs().maxCoeff() < 1e-12;
            QVERIFY(same || (was + is).cwiseAbs().maxCoeff() < 1e-12);
            flipped += same ? 0 : 1;
        }
    QVERIFY(std::abs(flipped - 80) < 5 * std::sqrt(40.0));
}

void TestAnalysisSurrogates::persistentNullsKeepPersistence_data() {
    QTest::addColumn<QString>("null");
    QTest::addColumn<bool>("sharesUnits");
    QTest::newRow("flip") << "persistent_flip" << true;
    QTest::newRow("unit flip") << "persistent_unit_flip" << false;
    QTest::newRow("walk") << "persistent_walk" << true;
}

// Steps of 400 rows, autoregressive with 0.6, two units of which correlate with 0.5: the surrogates have the
// same spread and the same correlation with the step before, and that of units unless each is drawn alone.
// Tolerances: four standard errors of a correlation over 400 rows and 15 steps (0.013) and its estimate.
void TestAnalysisSurrogates::persistentNullsKeepPersistence() {
    QFETCH(QString, null);
    QFETCH(bool, sharesUnits);
    constexpr int rows = 400, points = 17;
    Array3F states(rows, points, 2);
    RandomStream random(31);
    for (int n = 0; n < rows; ++n) {
        double step[2] = {}, x[2] = {random.normal(), random.normal()};
        for (int p = 0; p < points; ++p) {
            const double shared = random.normal();
            for (int u = 0; u < 2; ++u) {
                states.at(n, p)[u] = static_cast<float>(x[u]);
                const double drawn = std::sqrt(0.5) * (shared + random.normal());
                step[u] = p == 0 ? drawn : 0.6 * step[u] + 0.8 * drawn;
                x[u] += (1 + u) * step[u];
            }
        }
    }
    const auto view = traces::view(states);
    const auto before = surrogatesOf(view, {}, 0, 0),
               after = surrogatesOf(view, parseNull(null.toStdString()), 5, 2);
    double squares[2] = {}, lagged = 0, across = 0;
    for (int n = 0; n < rows; ++n) {
        QVERIFY(before[static_cast<std::size_t>(n)].row(0) == after[static_cast<std::size_t>(n)].row(0));
        const MatrixD steps = stepsOf(after[static_cast<std::size_t>(n)]);
        for (int u = 0; u < 2; ++u) squares[u] += steps.col(u).squaredNorm() / (rows * 16);
        lagged += steps.col(0).head(15).dot(steps.col(0).tail(15)) / (rows * 15);
        across += steps.col(0).dot(steps.col(1)) / (rows * 16);
    }
    QVERIFY2(std::abs(squares[0] - 1) < 0.1, qPrintable(QString::number(squares[0])));
    QVERIFY2(std::abs(squares[1] - 4) < 0.4, qPrintable(QString::number(squares[1])));
    QVERIFY2(std::abs(lagged / squares[0] - 0.6) < 0.06, qPrintable(QString::number(lagged / squares[0])));
    const double r = across / std::sqrt(squares[0] * squares[1]);
    QVERIFY2(std::abs(r - (sharesUnits ? 0.5 : 0.0)) < 0.06, qPrintable(QString::number(r)));
}

void TestAnalysisSurrogates::rowsOfAGroupStayAlike_data() {
    QTest::addColumn<QString>("null");
    for (const char* null : {"step_sign_flip", "persistent_flip", "persistent_unit_flip", "persistent_walk"})
        QTest::newRow(null) << null;
}

// Two rows with the same states, in samples of one group: their surrogates are the same as well.
void TestAnalysisSurrogates::rowsOfAGroupStayAlike() {
    QFETCH(QString, null);
    Array3F states = traces::walks(10, 9, 6, 22);
    for (int n = 1; n < 10; n += 2) std::copy_n(states.at(n - 1, 0), 9 * 6, states.at(n, 0));
    TraceInfo info = traces::view(states).trace->info();
    for (int n = 0; n < 10; ++n) info.samples.push_back({"", {}, "g" + std::to_string(n / 2)});
    TraceView view;
    view.trace = std::make_shared<MemoryTrace>(info, states);
    const auto paths = surrogatesOf(view, parseNull(null.toStdString()), 6, 0);
    for (std::size_t n = 0; n < 10; n += 2) QVERIFY(paths[n] == paths[n + 1]);
    for (auto& sample : info.samples) sample.group.clear();
    view.trace = std::make_shared<MemoryTrace>(info, states);
    const auto alone = surrogatesOf(view, parseNull(null.toStdString()), 6, 0);
    int alike = 0;
    for (std::size_t n = 0; n < 10; n += 2) alike += alone[n] == alone[n + 1] ? 1 : 0;
    QVERIFY(alike < 5);
}

void TestAnalysisSurrogates::phaseShuffleKeepsSpectra() {
    // Of row 0 of the golden trace: numpy.fft.rfft(numpy.diff(states, axis=0), axis=0) of units 0 and 1, in
    // absolute value, and the one times the conjugate of the other.
    using Complex = std::complex<double>;
    const std::vector<double> first{1.9015523195266724, 11.648001378353007, 3.836644690974805,
                                    3.1244456157835803, 2.094059593570436,  1.1428120547337453,
                                    2.257842540740967},
        second{8.514844417572021, 16.688619939791565, 2.781288951028892, 1.4427450962757629,
               2.423494111671921, 1.3253315492170001, 0.7368278503417969};
    const std::vector<Complex> cross{{-16.191422152642815, 0},
                                     {-87.90927640125338, 173.37551414322368},
                                     {-4.955336178601753, 9.450449154401477},
                                     {-3.065439673486864, 3.3050185221047457},
                                     {-4.360654672107253, -2.5960966745011116},
                                     {-0.39691713072418017, 1.4616718874241152},
                                     {1.6636412657044275, 0}};
    const auto view = golden::view(Scaling::Raw);
    const auto before = surrogatesOf(view, {}, 0, 0),
               after = surrogatesOf(view, NullKind::PhaseShuffle, 2, 1);
    const MatrixD steps = stepsOf(after[0]);
    const auto transform = [&](int unit, std::size_t k) {
        Complex sum = 0;
        for (int p = 0; p < 12; ++p)
            sum += steps(p, unit) * std::polar(1.0, -2 * std::numbers::pi * p * static_cast<double>(k) / 12);
        return sum;
    };
    // Rounding: sums of twelve numbers of at most 12.
    for (std::size_t k = 0; k < first.size(); ++k) {
        QVERIFY(std::abs(std::abs(transform(0, k)) / first[k] - 1) < 1e-12);
        QVERIFY(std::abs(std::abs(transform(1, k)) / second[k] - 1) < 1e-12);
        QVERIFY(std::abs(transform(0, k) * std::conj(transform(1, k)) - cross[k]) <
                1e-12 * std::abs(cross[k]));
    }
    for (std::size_t n = 0; n < after.size(); ++n) {
        QVERIFY(before[n].row(0) == after[n].row(0));
        QVERIFY((before[n].row(12) - after[n].row(12)).cwiseAbs().maxCoeff() < 1e-12);
        QVERIFY((before[n] - after[n]).norm() > 1);
        // Correlations of steps across units are as they were.
        const MatrixD a = stepsOf(before[n]), b = stepsOf(after[n]);
        QVERIFY((a.transpose() * a - b.transpose() * b).cwiseAbs().maxCoeff() < 1e-11);
    }
}

void TestAnalysisSurrogates::phaseShuffleIsOneMatrixARow() {
    // Each of the 100 units steps at one point only: what becomes of that is a column of the matrix, which is
    // the one before it turned down by one, is orthogonal to it, and differs from row to row. 100 units are
    // in two tiles; 10 and 11 steps are even and odd.
    for (const int steps : {10, 11}) {
        Array3F states(2, steps + 1, 100);
        for (std::int64_t n = 0; n < 2; ++n)
            for (std::int64_t p = 0; p <= steps; ++p)
                for (std::int64_t u = 0; u < 100; ++u) states.at(n, p)[u] = p > u % steps ? 1.0F : 0.0F;
        const auto after = surrogatesOf(traces::view(states), NullKind::PhaseShuffle, 3, 0);
        for (const auto& path : after) {
            const MatrixD matrix = stepsOf(path).leftCols(steps);
            QVERIFY((matrix.transpose() * matrix - MatrixD::Identity(steps, steps)).cwiseAbs().maxCoeff() <
                    1e-14);
            QVERIFY((matrix.colwise().sum().array() - 1).abs().maxCoeff() < 1e-14);
            for (int p = 0; p < steps; ++p)
                for (int q = 0; q + 1 < steps; ++q)
                    QVERIFY(std::abs(matrix(p, q) - matrix((p + 1) % steps, q + 1)) < 1e-14);
            QVERIFY((stepsOf(path).col(90) - matrix.col(90 % steps)).cwiseAbs().maxCoeff() < 1e-14);
        }
        QVERIFY((after[0] - after[1]).cwiseAbs().maxCoeff() > 0.1);
    }
}

void TestAnalysisSurrogates::randomBasisKeepsGeometry() {
    const auto view = traces::view(traces::walks(4, 3, 150, 10));
    const auto before = surrogatesOf(view, {}, 0, 0),
               after = surrogatesOf(view, NullKind::RandomBasis, 11, 0);
    MatrixD a(12, 150), b(12, 150);
    for (std::size_t n = 0; n < 4; ++n) {
        a.middleRows(static_cast<Eigen::Index>(n) * 3, 3) = before[n];
        b.middleRows(static_cast<Eigen::Index>(n) * 3, 3) = after[n];
    }
    QVERIFY((a * a.transpose() - b * b.transpose()).cwiseAbs().maxCoeff() < 1e-10);  // of about 450
    QVERIFY((a - b).cwiseAbs().maxCoeff() > 1);
}

void TestAnalysisSurrogates::randomBasisIsHaar() {
    // Q itself: orthogonal, and its entries have the moments of a Haar matrix of n rows: mean 0, variance 1 /
    // n, fourth moment 3 / (n (n + 2)), trace of mean 0 and variance 1. (A QR without its signs fails at the
    // trace.)
    constexpr int n = 5, draws = 4000;
    double square = 0, fourth = 0, trace = 0, traceSquare = 0, mean = 0, determinant = 0;
    for (int i = 0; i < draws; ++i) {
        MatrixD q = MatrixD::Identity(n, n);
        applyRandomBasis(q, 12, static_cast<std::uint64_t>(i), {});
        QVERIFY((q * q.transpose() - MatrixD::Identity(n, n)).cwiseAbs().maxCoeff() < 1e-14);
        mean += q.sum() / (n * n) / draws;
        square += q(1, 1) * q(1, 1) / draws;
        fourth += std::pow(q(4, 4), 4) / draws;
        trace += q.trace() / draws;
        traceSquare += q.trace() * q.trace() / draws;
        determinant += q.block(0, 0, 2, 2).determinant() / draws;
    }
    // Five standard errors, from the eighth moment of an entry at most.
    QVERIFY(std::abs(mean) < 5 * 0.09 / std::sqrt(draws));
    QVERIFY(std::abs(square - 1.0 / n) < 5 * 0.25 / std::sqrt(draws));
    QVERIFY(std::abs(fourth - 3.0 / (n * (n + 2))) < 5 * 0.17 / std::sqrt(draws));
    QVERIFY2(std::abs(trace) < 5 / std::sqrt(draws), qPrintable(QString::number(trace)));
    QVERIFY2(std::abs(traceSquare - 1) < 5 * 1.4 / std::sqrt(draws),
             qPrintable(QString::number(traceSquare)));
    QVERIFY(std::abs(determinant) < 5 * 0.32 / std::sqrt(draws));
    // Beyond one group of reflections.
    MatrixD large = MatrixD::Identity(200, 200);
    applyRandomBasis(large, 13, 0, {});
    QVERIFY((large * large.transpose() - MatrixD::Identity(200, 200)).cwiseAbs().maxCoeff() < 1e-13);
    QVERIFY(std::abs(large.cwiseAbs2().maxCoeff()) < 0.2);
}

void TestAnalysisSurrogates::seedsRepeatsAndMemory() {
    const auto view = traces::view(traces::walks(7, 9, 80, 14));
    for (const auto name : nullNames()) {
        const auto kind = parseNull(name);
        const auto a = surrogatesOf(view, kind, 1, 0), again = surrogatesOf(view, kind, 1, 0),
                   read = surrogatesOf(view, kind, 1, 0, 0), repeat = surrogatesOf(view, kind, 1, 1),
                   seed = surrogatesOf(view, kind, 2, 0);
        for (std::size_t n = 0; n < 7; ++n) {
            QVERIFY(a[n] == again[n] && a[n] == read[n]);
            QVERIFY(a[n] != repeat[n] && a[n] != seed[n]);
        }
    }
}

void TestAnalysisSurrogates::maskedUnitsStayOut() {
    auto view = traces::view(traces::walks(6, 5, 20, 15));
    view.maskedUnits = {0, 13};
    for (const auto name : nullNames())
        for (const auto& path : surrogatesOf(view, parseNull(name), 1, 0)) {
            QVERIFY(path.col(0).isZero(0) && path.col(13).isZero(0));
            QVERIFY(!path.col(1).isZero(0));
        }
}

RHEO_TEST(TestAnalysisSurrogates)
#include "test_analysis_surrogates.moc"
