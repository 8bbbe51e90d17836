// Comparisons of two sources: what is known in closed form, what was planted, and other formulas.
#include <Eigen/QR>
#include <QTest>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/compare/compare.h"
#include "core/compare/verdict_table.h"
#include "tests/core/analysis/planted.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

MatrixD gaussian(Eigen::Index rows, Eigen::Index columns, std::uint64_t seed) {
    RandomStream random(seed, 77);
    MatrixD values(rows, columns);
    for (Eigen::Index i = 0; i < values.size(); ++i) values.data()[i] = random.normal();
    return values;
}

/// An orthogonal matrix: the Q of a Gaussian one.
MatrixD orthogonal(Eigen::Index n, std::uint64_t seed) {
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(gaussian(n, n, seed));
    return MatrixD(Eigen::MatrixXd(qr.householderQ()));
}

/// The unbiased HSIC as Song et al. (2012), equation 4, write it, from whole matrices of products.
double songHsic(const MatrixD& x, const MatrixD& y) {
    const auto n = static_cast<double>(x.rows());
    MatrixD k = x * x.transpose(), l = y * y.transpose();
    k.diagonal().setZero();
    l.diagonal().setZero();
    const VectorD one = VectorD::Ones(x.rows());
    return ((k * l).trace() + (one.dot(k * one) * one.dot(l * one)) / ((n - 1) * (n - 2)) -
            2 / (n - 2) * one.dot(k * (l * one))) /
           (n * (n - 3));
}

double songCka(const MatrixD& x, const MatrixD& y) {
    return songHsic(x, y) / std::sqrt(songHsic(x, x) * songHsic(y, y));
}

/// The biased one of Kornblith et al.
double biasedCka(MatrixD x, MatrixD y) {
    x.rowwise() -= x.colwise().mean().eval();
    y.rowwise() -= y.colwise().mean().eval();
    return (x.transpose() * y).squaredNorm() / ((x.transpose() * x).norm() * (y.transpose() * y).norm());
}

/// Samples of `perSample` tokens each, with ids that tell them apart.
TraceView traceOf(Array3F states, int perSample, std::vector<ResidualPoint> points = {},
                  std::int32_t firstId = 0) {
    TraceInfo info;
    info.units = states.n2;
    info.points = points.empty() ? traces::view(Array3F(1, states.n1, 1)).trace->info().points : points;
    for (std::int64_t n = 0; n < states.n0; ++n) {
        const auto sample = static_cast<std::int32_t>(n / perSample);
        const auto position = static_cast<std::int32_t>(n % perSample);
        info.rows.push_back({sample, position, firstId + sample});
        if (position > 0) continue;
        Sample one;
        one.text = "text " + std::to_string(firstId + sample);
        one.tokenIds.assign(static_cast<std::size_t>(perSample), firstId + sample);
        info.samples.push_back(one);
    }
    TraceView view;
    view.trace = std::make_shared<MemoryTrace>(info, std::move(states));
    return view;
}

MatchedRows matchedOf(const TraceView& a, const TraceView& b) {
    std::vector<std::int64_t> rowsA, rowsB;
    for (std::int64_t n = 0; n < a.rowCount(); ++n) rowsA.push_back(a.traceRow(n));
    for (std::int64_t n = 0; n < b.rowCount(); ++n) rowsB.push_back(b.traceRow(n));
    return matchRows({a.trace->info(), rowsA}, {b.trace->info(), rowsB});
}

Array3F drawn(std::int64_t rows, std::int64_t points, std::int64_t units, std::uint64_t seed) {
    RandomStream random(seed, 5);
    Array3F states(rows, points, units);
    for (auto& x : states.data) x = static_cast<float>(random.normal());
    return states;
}

DifferenceOptions motionAlone(int resamples, std::uint64_t seed) {
    DifferenceOptions options;
    options.statistics.get<Motion>() = Motion::Options();
    options.resamples = resamples;
    options.seed = seed;
    options.threads = 1;
    return options;
}

const DifferenceCurve& curveNamed(const DifferenceResult& result, const std::string& dataset) {
    const auto found = std::find_if(result.curves.begin(), result.curves.end(),
                                    [&](const auto& c) { return c.dataset == dataset; });
    if (found == result.curves.end()) qFatal("no curve %s", dataset.c_str());
    return *found;
}

DifferenceResult differencesOf(const TraceView& a, const TraceView& b, const MatchedRows& matched,
                               const DifferenceOptions& options) {
    Progress progress;
    const RowSource ofA(a, 1 << 26, progress), ofB(b, 1 << 26, progress);
    return differenceCurves(ofA, ofB, matched, options, progress);
}

}  // namespace

class TestCompareSources : public QObject {
    Q_OBJECT
private Q_SLOTS:
    // The same up to rotation, scale and place is the same, in both ways to compute it. Rounding: 1e-9.
    void ckaOfARotationIsOne() {
        for (const auto& [n, d] : {std::pair<Eigen::Index, Eigen::Index>{30, 7}, {12, 40}}) {
            const MatrixD x = gaussian(n, d, 1);
            MatrixD y = 3.5 * x * orthogonal(d, 2);
            y.rowwise() += gaussian(1, d, 3).row(0);
            QVERIFY(std::abs(debiasedCka(x, y) - 1) < 1e-9);
        }
        QVERIFY(std::isnan(debiasedCka(gaussian(3, 5, 1), gaussian(3, 5, 2))));
        QVERIFY(std::isnan(debiasedCka(MatrixD::Constant(20, 5, 2.5), gaussian(20, 5, 2))));
        QVERIFY(std::isnan(debiasedCka(gaussian(20, 5, 2), MatrixD::Constant(20, 30, 0.1))));
    }

    // Against the formula of the source, for states that are partly alike; widths differ.
    void ckaIsThatOfItsSource() {
        for (const Eigen::Index d : {4, 60}) {
            const MatrixD x = gaussian(25, d, 4);
            MatrixD y = x.leftCols(3) * gaussian(3, 9, 5) + gaussian(25, 9, 6);
            y.array() += 2;
            QVERIFY(std::abs(debiasedCka(x, y) - songCka(x, y)) < 1e-9);
        }
    }

    // Of independent Gaussians the mean over 200 draws is 0 within 4 standard errors; the biased estimate is
    // far from it where units outnumber samples, which is why it is not used.
    void ckaOfNothingInCommonIsNothing() {
        double sum = 0, squares = 0, biased = 0;
        constexpr int draws = 200;
        for (int i = 0; i < draws; ++i) {
            const MatrixD x = gaussian(20, 50, 100 + static_cast<std::uint64_t>(i));
            const MatrixD y = gaussian(20, 50, 900 + static_cast<std::uint64_t>(i));
            const double value = debiasedCka(x, y);
            sum += value;
            squares += value * value;
            biased += biasedCka(x, y);
        }
        const double mean = sum / draws, error = std::sqrt(squares / draws / draws);
        QVERIFY2(std::abs(mean) < 4 * error, qPrintable(QString::number(mean)));
        QVERIFY(biased / draws > 0.5);
    }

    // Both ways give the same for every pair of depths and for the null, which takes the same shuffles.
    void bothWaysGiveTheSame() {
        const TraceView a = traceOf(drawn(24, 3, 6, 1), 2), b = traceOf(drawn(24, 4, 5, 2), 2);
        const MatchedRows matched = matchedOf(a, b);
        Progress progress;
        CkaOptions options{20, 3, 1000, 2, std::size_t{1} << 30};
        const CkaResult byRows = ckaByDepth(a, b, matched, options, progress);
        options.memoryBytes = 1;  // the products of rows do not fit
        const CkaResult byUnits = ckaByDepth(a, b, matched, options, progress);
        QVERIFY((byRows.cka - byUnits.cka).cwiseAbs().maxCoeff() < 1e-10);
        QVERIFY((byRows.nullHigh - byUnits.nullHigh).cwiseAbs().maxCoeff() < 1e-10);
        QCOMPARE(byRows.p, byUnits.p);
        // And each pair is that of the single function.
        MatrixD x(24, 6), y(24, 5);
        Array3F ofA(24, 3, 6), ofB(24, 4, 5);
        readView(a, 0, 24, ofA.data.data());
        readView(b, 0, 24, ofB.data.data());
        for (int n = 0; n < 24; ++n) {
            for (int u = 0; u < 6; ++u) x(n, u) = ofA.at(n, 2)[u];
            for (int u = 0; u < 5; ++u) y(n, u) = ofB.at(n, 1)[u];
        }
        QVERIFY(std::abs(byRows.cka(2, 1) - songCka(x, y)) < 1e-9);
    }

    // What two networks share is beyond the null at every depth, and what they do not is not: of 40 pairs of
    // independent traces about 2 have p at most 0.05; 7 or more would come up once in 100 runs.
    void nullTellsSharedFromNot() {
        Progress progress;
        const Array3F states = drawn(40, 3, 8, 9);
        Array3F turned(40, 3, 8);
        const MatrixD q = orthogonal(8, 3);
        RandomStream random(1, 2);
        for (std::int64_t n = 0; n < 40; ++n)
            for (std::int64_t p = 0; p < 3; ++p)
                for (int u = 0; u < 8; ++u) {
                    double sum = 0.5 * random.normal();
                    for (int v = 0; v < 8; ++v) sum += states.at(n, p)[v] * q(v, u);
                    turned.at(n, p)[u] = static_cast<float>(sum);
                }
        const TraceView a = traceOf(states, 1), b = traceOf(turned, 1);
        const CkaResult alike = ckaByDepth(a, b, matchedOf(a, b), {99, 1, 1000, 1, 1 << 28}, progress);
        for (int p = 0; p < 3; ++p) {
            QVERIFY(alike.cka(p, p) > 0.7);
            QCOMPARE(alike.p(p, p), 0.01);
            QVERIFY(alike.cka(p, p) > alike.largestByChance);
            QVERIFY(alike.nullLow(p, p) < 0 && alike.nullHigh(p, p) > 0);
            QVERIFY(std::abs(alike.nullMean(p, p)) < 0.05);
        }
        int low = 0;
        for (std::uint64_t seed = 0; seed < 40; ++seed) {
            const TraceView c = traceOf(drawn(30, 1, 8, 500 + seed), 1),
                            d = traceOf(drawn(30, 1, 8, 700 + seed), 1);
            low += ckaByDepth(c, d, matchedOf(c, d), {99, seed, 1000, 1, 1 << 28}, progress).p(0, 0) <= 0.05;
        }
        QVERIFY2(low < 7, qPrintable(QString::number(low)));
    }

    // All first tokens lie far off, and nothing else is shared: the value is high, and so is its null, as the
    // shuffle keeps places. Without that, it would seem to be similarity.
    void nullKeepsWhatAPlaceHasInCommon() {
        Array3F a = drawn(60, 1, 6, 21), b = drawn(60, 1, 6, 22);
        for (std::int64_t n = 0; n < 60; n += 3) a.at(n, 0)[0] += 50, b.at(n, 0)[1] += 50;
        Progress progress;
        const TraceView viewA = traceOf(a, 3), viewB = traceOf(b, 3);
        const CkaResult found =
            ckaByDepth(viewA, viewB, matchedOf(viewA, viewB), {199, 4, 1000, 1, 1 << 28}, progress);
        QVERIFY(found.cka(0, 0) > 0.8);
        QVERIFY(found.nullMean(0, 0) > 0.8);
        QVERIFY(found.p(0, 0) > 0.01);
    }

    void ckaRefusesTooFew() {
        Progress progress;
        const TraceView a = traceOf(drawn(3, 1, 4, 1), 1);
        QVERIFY_THROWS_EXCEPTION(Error, ckaByDepth(a, a, matchedOf(a, a), {}, progress));
    }

    void rowsMatchByIdsTextsAndNumbers() {
        const TraceView a = traceOf(drawn(6, 1, 2, 1), 2);
        TraceInfo other = a.trace->info();
        // The same prompts in another order, and one that is not there.
        std::swap(other.samples[0], other.samples[2]);
        other.samples[1].tokenIds = {9, 9};
        std::vector<std::int64_t> rows{0, 1, 2, 3, 4, 5};
        const MatchedRows byIds = matchRows({a.trace->info(), rows}, {other, rows});
        QCOMPARE(byIds.by, MatchedBy::TokenIds);
        QCOMPARE(byIds.a, (std::vector<std::int64_t>{0, 1, 4, 5}));
        QCOMPARE(byIds.b, (std::vector<std::int64_t>{4, 5, 0, 1}));
        QCOMPARE(byIds.samples, 2);
        // Other tokens: last rows alone.
        for (auto& sample : other.samples) sample.tokenIds = {100, 101};
        const MatchedRows byText = matchRows({a.trace->info(), rows}, {other, rows});
        QCOMPARE(byText.by, MatchedBy::Texts);
        QCOMPARE(byText.a, (std::vector<std::int64_t>{1, 3, 5}));
        QCOMPARE(byText.b, (std::vector<std::int64_t>{5, 3, 1}));
        // Nothing is said of either.
        TraceInfo mute = a.trace->info();
        for (auto& sample : mute.samples) sample = {};
        const std::vector<std::int64_t> some{2, 3, 5};
        const MatchedRows byNumber = matchRows({mute, rows}, {mute, some});
        QCOMPARE(byNumber.by, MatchedBy::Numbers);
        QCOMPARE(byNumber.a, some);
        QCOMPARE(byNumber.b, (std::vector<std::int64_t>{0, 1, 2}));
        // One says, one does not.
        QCOMPARE(matchRows({a.trace->info(), rows}, {mute, rows}).by, MatchedBy::Nothing);
    }

    // A prompt twice in one and once in the other pairs once.
    void repeatedPromptsPairInOrder() {
        const TraceView a = traceOf(drawn(4, 1, 2, 1), 1);
        TraceInfo twice = a.trace->info();
        twice.samples[3] = twice.samples[0];
        const std::vector<std::int64_t> rows{0, 1, 2, 3};
        const MatchedRows matched = matchRows({twice, rows}, {a.trace->info(), rows});
        QCOMPARE(matched.a, (std::vector<std::int64_t>{0, 1, 2}));
        const MatchedRows both = matchRows({twice, rows}, {twice, rows});
        QCOMPARE(both.b, rows);
    }

    void shufflesMoveSamplesAndKeepPlaces() {
        TraceView view = traceOf(drawn(12, 1, 2, 1), 2);
        TraceInfo grouped = view.trace->info();
        grouped.samples[0].group = grouped.samples[1].group = "one text";
        const std::vector<std::int64_t> rows{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
        const MatchedRows matched = matchRows({grouped, rows}, {grouped, rows});
        QCOMPARE(matched.units, 5);
        QCOMPARE(matched.samples, 6);
        std::set<std::vector<std::int32_t>> seen;
        for (std::uint64_t repeat = 0; repeat < 50; ++repeat) {
            const auto from = shuffledPairs(matched, 1, repeat);
            seen.insert(from);
            QCOMPARE(std::set<std::int32_t>(from.begin(), from.end()).size(), std::size_t{12});
            for (std::size_t i = 0; i < 12; ++i) {
                const auto j = static_cast<std::size_t>(from[i]);
                QCOMPARE(matched.position[j], matched.position[i]);
                QVERIFY(matched.unit[j] != matched.unit[i]);
                // Both tokens of a sample go together.
                if (matched.position[i] == 0) QCOMPARE(from[i + 1], from[i] + 1);
            }
        }
        QVERIFY(seen.size() > 20);
        QCOMPARE(shuffledPairs(matched, 1, 3), shuffledPairs(matched, 1, 3));
    }

    // Last tokens of prompts of many lengths: each is the first row of its sample, and all are shuffled.
    void lastTokensOfAllLengthsAreShuffled() {
        TraceView view = traceOf(drawn(8, 1, 2, 1), 1);
        TraceInfo info = view.trace->info();
        for (int n = 0; n < 8; ++n) info.rows[static_cast<std::size_t>(n)].position = 3 * n;
        const std::vector<std::int64_t> rows{0, 1, 2, 3, 4, 5, 6, 7};
        const auto from = shuffledPairs(matchRows({info, rows}, {info, rows}), 2, 0);
        for (std::int32_t i = 0; i < 8; ++i) QVERIFY(from[static_cast<std::size_t>(i)] != i);
    }

    void manyRowsAreThinned() {
        const TraceView a = traceOf(drawn(1200, 1, 1, 1), 4);  // 300 samples
        const MatchedRows some = thinned(matchedOf(a, a), 400);
        QCOMPARE(some.samples, 100);
        QCOMPARE(some.count(), 400);
        const MatchedRows fewer = thinned(matchedOf(a, a), 200);
        QCOMPARE(fewer.samples, 100);
        QCOMPARE(fewer.count(), 200);
        for (std::size_t i = 0; i < 200; ++i) QCOMPARE(fewer.position[i] % 2, 1);
    }

    // A rotation by 30 degrees, half the size, moved: each part is found, to rounding.
    void procrustesFindsWhatWasPlanted() {
        const MatrixD x = gaussian(40, 2, 8);
        const double angle = std::numbers::pi / 6;
        MatrixD turn(2, 2);
        turn << std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle);
        // y is x turned by the inverse, halved and moved; the map brings it back.
        MatrixD y = 0.5 * x * turn.transpose();
        y.rowwise() += Eigen::RowVector2d(3, -1);
        const ProcrustesMap map = procrustes(x, y);
        QVERIFY((map.rotation - turn).cwiseAbs().maxCoeff() < 1e-12);
        QVERIFY(std::abs(map.scale - 2) < 1e-12);
        QVERIFY(map.residual < 1e-12);
        QVERIFY((mapped(map, y) - x).cwiseAbs().maxCoeff() < 1e-12);
        // What is left is what the sum of squares says.
        const MatrixD noisy = y + 0.3 * gaussian(40, 2, 9);
        const ProcrustesMap fit = procrustes(x, noisy);
        const MatrixD centred = x.rowwise() - x.colwise().mean();
        const double left = (mapped(fit, noisy) - x).squaredNorm() / centred.squaredNorm();
        QVERIFY(std::abs(fit.residual - left) < 1e-12);
        // And no other angle leaves less.
        for (double other = 0; other < 2 * std::numbers::pi; other += 0.01) {
            MatrixD q(2, 2);
            q << std::cos(other), -std::sin(other), std::sin(other), std::cos(other);
            const MatrixD there = (noisy.rowwise() - noisy.colwise().mean()) * q;
            const double scale = (there.cwiseProduct(centred)).sum() / there.squaredNorm();
            QVERIFY((scale * there - centred).squaredNorm() >= left * centred.squaredNorm() - 1e-9);
        }
        QVERIFY_THROWS_EXCEPTION(Error, procrustes(x, gaussian(39, 2, 1)));
        QVERIFY_THROWS_EXCEPTION(Error, procrustes(gaussian(1, 2, 1), gaussian(1, 2, 2)));
    }

    void alignedScoresLieBesideTheirNull() {
        Array3F a = drawn(50, 4, 3, 31), b(50, 4, 3);
        const MatrixD q = orthogonal(3, 5);
        for (std::int64_t n = 0; n < 50; ++n)
            for (std::int64_t p = 0; p < 4; ++p)
                for (int c = 0; c < 3; ++c) {
                    double sum = 0;
                    for (int k = 0; k < 3; ++k) sum += 4 * a.at(n, p)[k] * q(k, c);
                    b.at(n, p)[c] = static_cast<float>(sum);
                }
        const TraceView view = traceOf(drawn(50, 4, 3, 1), 1);
        const MatchedRows matched = matchedOf(view, view);
        const DepthMatch depth(view.trace->info().points, view.trace->info().points);
        Progress progress;
        const ProcrustesResult fit = alignScores(a, b, matched, depth, {50, 7}, progress);
        QVERIFY(fit.map.residual < 1e-6);  // float scores
        QVERIFY(fit.nullLow > 0.8);        // nothing in common: three of 3 x 50 numbers can be fitted
        QCOMPARE(fit.p, 1.0 / 51);
        for (int p = 0; p < 4; ++p) QVERIFY(fit.residual[p] < 1e-6 && fit.depthNullLow[p] > 0.5);
        const Array3F there = mapped(fit.map, b);
        for (std::size_t i = 0; i < a.data.size(); ++i) QVERIFY(std::abs(there.data[i] - a.data[i]) < 1e-3);
    }

    // B is A with every step 1.5 times as long: each speed is half as large again, exactly, and both halves
    // of an interval lie about that.
    void differencesAreThoseOfTheCurves() {
        const TraceView a = traceOf(drawn(30, 5, 6, 41), 1);
        Array3F longer(30, 5, 6);
        readView(a, 0, 30, longer.data.data());
        for (auto& x : longer.data) x *= 1.5F;
        const TraceView b = traceOf(longer, 1);
        const DifferenceResult found = differencesOf(a, b, matchedOf(a, b), motionAlone(40, 1));
        QVERIFY(found.paired && !found.relativeDepth);
        QCOMPARE(found.samplesA, 30);
        const DifferenceCurve& speed = curveNamed(found, "speed");
        QCOMPARE(speed.difference.size(), 4);
        for (int i = 0; i < 4; ++i) {
            QVERIFY(std::abs(speed.difference[i] - 0.5 * speed.a[i]) < 1e-5 * speed.a[i]);
            QVERIFY(speed.low[i] < speed.difference[i] && speed.high[i] > speed.difference[i]);
            QVERIFY(speed.low[i] > 0);
        }
        // Directions are the same: nothing differs, and the interval has no width but rounding.
        const DifferenceCurve& cosine = curveNamed(found, "cosine");
        for (int i = 0; i < 4; ++i) QVERIFY(std::abs(cosine.difference[i]) < 1e-6 && cosine.high[i] < 1e-5);
    }

    // Speeds are norms of Gaussian steps, whose means are known: sqrt(2) Gamma((d+1)/2) / Gamma(d/2) of the
    // spread. Of 120 intervals (60 draws, two steps), about 6 miss the true difference; fewer than 16 do but
    // once in a thousand.
    void intervalsHoldThePlantedDifference_data() {
        QTest::addColumn<bool>("paired");
        QTest::newRow("paired") << true;
        QTest::newRow("not paired") << false;
    }
    void intervalsHoldThePlantedDifference() {
        QFETCH(bool, paired);
        constexpr int d = 4;
        const double chi = std::sqrt(2) * std::tgamma((d + 1) / 2.0) / std::tgamma(d / 2.0);
        int missed = 0;
        double width = 0;
        for (std::uint64_t draw = 0; draw < 60; ++draw) {
            const auto steps = [&](double spread, std::uint64_t seed, double shared) {
                RandomStream common(1000 + draw, 1), own(seed, 2);
                Array3F states(40, 3, d);
                for (std::int64_t n = 0; n < 40; ++n)
                    for (int u = 0; u < d; ++u) {
                        double x = 0;
                        for (std::int64_t p = 0; p < 3; ++p) {
                            states.at(n, p)[u] = static_cast<float>(x);
                            const double both = common.normal(), alone = own.normal();
                            x += spread * (shared * both + std::sqrt(1 - shared * shared) * alone);
                        }
                    }
                return states;
            };
            // What both share makes the paired interval narrow.
            const TraceView a = traceOf(steps(1, 2 * draw, 0.9), 1);
            const TraceView b = traceOf(steps(1.2, 2 * draw + 1, 0.9), 1, {}, paired ? 0 : 1000);
            const MatchedRows matched = matchedOf(a, b);
            QCOMPARE(matched.by != MatchedBy::Nothing, paired);
            const DifferenceResult found = differencesOf(a, b, matched, motionAlone(60, draw));
            const DifferenceCurve& speed = curveNamed(found, "speed");
            for (int i = 0; i < 2; ++i) {
                missed += !(speed.low[i] <= 0.2 * chi && 0.2 * chi <= speed.high[i]);
                width += (speed.high[i] - speed.low[i]) / 120;
            }
        }
        QVERIFY2(missed < 16, qPrintable(QString::number(missed)));
        // The spread of a norm is about 0.7: of a difference of means of 40, 4 * 0.7 * 1.1 sqrt(2 / 40) = 0.7
        // wide where nothing is shared, and much less where most is.
        QVERIFY2(paired ? width < 0.5 : width > 0.55, qPrintable(QString::number(width)));
    }

    // Curves that are the same function of relative depth are the same, with twice the blocks.
    void otherDepthsAreComparedByRelativeDepth() {
        const auto shallow = residualPoints(3, false), deep = residualPoints(6, false);
        const DepthMatch match(shallow, deep);
        QVERIFY(!match.samePoints());
        QCOMPARE(match.nearest().front(), 0);
        QCOMPARE(match.nearest().back(), 12);
        for (std::size_t p = 0; p < shallow.size(); ++p)
            QCOMPARE(deep[static_cast<std::size_t>(match.nearest()[p])].site, shallow[p].site);
        // attn_in and mlp_in points lie on two lines: neither is mixed with the other.
        VectorD values(13);
        for (int q = 0; q < 13; ++q)
            values[q] = q / 12.0 + (deep[static_cast<std::size_t>(q)].site == Site::MlpIn ? 10 : 0);
        const VectorD there = match.atDepthsOfA(values, Along::Points);
        QCOMPARE(there.size(), 7);
        for (int p = 0; p < 7; ++p) {
            const double offset = shallow[static_cast<std::size_t>(p)].site == Site::MlpIn ? 10 : 0;
            QVERIFY2(std::abs(there[p] - offset - p / 6.0) < 1e-9, qPrintable(QString::number(p)));
        }
        QCOMPARE(match.atDepthsOfA(values.head(12), Along::Steps).size(), 6);
        QCOMPARE(DepthMatch(deep, deep).atDepthsOfA(values, Along::Points), values);
    }

    void wholeComparisonOfTwo() {
        Progress progress;
        const TraceView a = traceOf(drawn(40, 5, 6, 51), 2), b = traceOf(drawn(40, 5, 9, 52), 2);
        CompareOptions options;
        options.statistics.get<Motion>() = Motion::Options();
        options.resamples = 10;
        options.repeats = 19;
        options.components = 3;
        const Comparison found = compareSources({a, b}, {"A", "B"}, options, progress);
        QCOMPARE(found.alignment, Alignment::Procrustes);
        QCOMPARE(found.scores.size(), std::size_t{2});
        QCOMPARE(found.scores[1].n2, 3);
        QCOMPARE(found.pairs.size(), std::size_t{1});
        QVERIFY(found.pairs[0].cka && found.pairs[0].procrustes);
        QCOMPARE(found.pairs[0].matched.count(), 40);
        QVERIFY(!found.pairs[0].differences.curves.empty());
        // Units differ: there is no one basis.
        options.alignment = Alignment::One;
        QVERIFY_THROWS_EXCEPTION(Error, compareSources({a, b}, {"A", "B"}, options, progress));
        // Other prompts: no pairs, and none are made up.
        const TraceView c = traceOf(drawn(30, 5, 6, 53), 2, {}, 5000);
        options.alignment.reset();
        const Comparison apart = compareSources({a, c}, {"A", "C"}, options, progress);
        QCOMPARE(apart.alignment, Alignment::Own);
        QVERIFY(!apart.pairs[0].cka && !apart.pairs[0].procrustes);
        QVERIFY(!apart.pairs[0].differences.paired);
        options.alignment = Alignment::Procrustes;
        QVERIFY_THROWS_EXCEPTION(Error, compareSources({a, c}, {"A", "C"}, options, progress));
        // Pooled: the basis is of all states, so scores of both together have mean 0.
        options.alignment = Alignment::Pooled;
        const Comparison pooled = compareSources({a, c}, {"A", "C"}, options, progress);
        double sum = 0;
        for (const auto& scores : pooled.scores)
            for (std::size_t i = 0; i < scores.data.size(); i += 3) sum += scores.data[i];
        QVERIFY(std::abs(sum / (70.0 * 5)) < 1e-5);
        QVERIFY_THROWS_EXCEPTION(Error, compareSources({a}, {"A"}, options, progress));
    }

    void verdictsInOneTable() {
        std::vector<Verdict> one(3), two(2);
        one[0].key = two[1].key = "density_rises";
        one[0].verdict = VerdictKind::Supported;
        two[1].verdict = VerdictKind::NotSeen;
        one[0].interval = {1, 2};
        two[1].interval = {1.5, 3};
        one[1].key = two[0].key = "curved_path";
        one[1].verdict = two[0].verdict = VerdictKind::Supported;
        one[1].interval = {1, 2};
        two[0].interval = {2.5, 3};
        one[2].key = "rotations";
        const std::vector<const std::vector<Verdict>*> lists{&one, &two};
        const auto table = compareVerdicts(lists);
        QCOMPARE(table.size(), std::size_t{3});
        QCOMPARE(table[0].key, std::string("density_rises"));
        QVERIFY(table[0].differ && !table[0].apart);
        QVERIFY(!table[1].differ && table[1].apart);
        QVERIFY(table[2].of[1] == nullptr && !table[2].differ && !table[2].apart);
        QCOMPARE(table[1].of[1], &two[0]);
    }
};

RHEO_TEST(TestCompareSources)
#include "test_compare_sources.moc"
