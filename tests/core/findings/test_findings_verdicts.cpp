#include <QTest>

#include <map>

#include "core/analysis/student_t.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/findings/final_verdicts.h"
#include "core/findings/findings.h"
#include "core/findings/verdicts.h"
#include "tests/core/analysis/planted.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

/// Everything small; all that is fitted or estimated again and again is left to the calibration bench.
VerdictOptions quick(std::uint64_t seed) {
    VerdictOptions options;
    options.repeats = options.mostRepeats = 60;
    options.refits = 0;
    options.resamples = 300;
    options.halves = 20;
    options.mutualUnits = 6;
    options.seed = seed;
    return options;
}

std::map<std::string, Verdict> judged(const TraceView& view, const VerdictOptions& options) {
    Progress progress;
    std::map<std::string, Verdict> byKey;
    for (auto& v : verdicts(view, options, {}, progress).list) byKey[v.key] = v;
    return byKey;
}

QString all(const std::map<std::string, Verdict>& verdicts) {
    QString text;
    for (const auto& [key, v] : verdicts)
        text +=
            QString("%1: %2 %3 [%4, %5] null %6 [%7, %8] p %9\n")
                .arg(QString::fromStdString(key), QString::fromStdString(std::string(verdictName(v.verdict))))
                .arg(v.observed)
                .arg(v.interval.low)
                .arg(v.interval.high)
                .arg(v.nulls.empty() ? NAN : v.nulls.front().mean)
                .arg(v.nulls.empty() ? NAN : v.nulls.front().low)
                .arg(v.nulls.empty() ? NAN : v.nulls.front().high)
                .arg(v.pAdjusted);
    return text;
}

}  // namespace

class TestFindingsVerdicts : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theRule() {
        const double none = std::nan("");
        const Interval above{0.1, 0.2}, below{-0.2, -0.1}, across{-0.1, 0.1}, undefined{none, none};
        QCOMPARE(judge(1, above, 0.01, 1.0, none), VerdictKind::Supported);
        QCOMPARE(judge(1, above, 0.05, 0.96, 0.2), VerdictKind::ExplainedByNull);
        QCOMPARE(judge(1, above, 0.01, 1.0, 0.89), VerdictKind::Supported);
        QCOMPARE(judge(1, above, 0.01, 1.0, 0.9), VerdictKind::MostlyNull);
        QCOMPARE(judge(1, above, 0.05, 1.0, 0.99), VerdictKind::ExplainedByNull);
        QCOMPARE(judge(1, below, 1.0, 0.01, 0.1), VerdictKind::Opposite);
        QCOMPARE(judge(1, below, 0.5, 0.5, 0.1), VerdictKind::NotSeen);
        QCOMPARE(judge(1, across, 0.01, 1.0, 0.1), VerdictKind::NotSeen);
        QCOMPARE(judge(-1, below, 0.01, 1.0, 0.1), VerdictKind::Supported);
        QCOMPARE(judge(-1, below, 0.2, 0.8, 0.1), VerdictKind::ExplainedByNull);
        QCOMPARE(judge(-1, above, 1.0, 0.01, 0.1), VerdictKind::Opposite);
        QCOMPARE(judge(1, undefined, 0.01, 0.99, none), VerdictKind::NotSeen);
        // Without a sign the interval does not matter; fewer turns than the null have a share above 1.
        QCOMPARE(judge(0, across, 0.01, none, 1.3), VerdictKind::Supported);
        QCOMPARE(judge(0, across, 0.01, none, 1.05), VerdictKind::MostlyNull);
        QCOMPARE(judge(0, across, 0.06, none, 1.3), VerdictKind::ExplainedByNull);
    }

    // Worked by hand: 0.01 * 4, 0.02 * 3, 0.03 * 2, and 0.05 * 1 is not below the one before.
    // Beside several nulls the greatest p counts. Without a direction a number between two nulls is beyond
    // both only where each gives nearly all of it.
    void pBesideSeveralNulls() {
        const auto null = [](double upper, double lower, double share) {
            return NullComparison{"",    0,  0, 0, {upper, PMethod::Empirical}, {lower, PMethod::Empirical},
                                  share, 200};
        };
        const NullComparison above = null(0.001, 1, 0.5), furtherAbove = null(0.0001, 1, 0.5),
                             below = null(1, 0.002, 1.5);
        const auto p = [](int direction, std::vector<NullComparison> nulls) {
            return towardsAll(direction, nulls).p;
        };
        QCOMPARE(p(1, {above, furtherAbove}), 0.001);
        QCOMPARE(p(-1, {above, furtherAbove}), 1.0);
        QCOMPARE(p(0, {above, furtherAbove}), 0.002);
        QCOMPARE(p(1, {above, below}), 1.0);
        QCOMPARE(p(0, {above, below}), 1.0);
        QCOMPARE(p(0, {null(0.001, 1, 0.98), null(1, 0.002, 1.01)}), 0.004);
        QCOMPARE(p(0, {null(0.001, 1, 0.98), null(1, 0.002, 1.5)}), 1.0);
    }

    /// A share measured on the validation samples of one split: the interval holds the average of other data
    /// as often as it says, where that share is a mean over the validation samples. 500 sets of data: 95 %
    /// and three standard errors are 92.1 to 97.9.
    void splitsHoldTheAverage() {
        constexpr int sets = 500, samples = 100, validation = 20, splits = 20;
        int held = 0;
        for (std::uint64_t set = 1; set <= sets; ++set) {
            RandomStream random(set, 3);
            std::vector<double> values;
            for (int n = 0; n < samples; ++n) values.push_back(random.normal());
            const auto draw = [&] {
                const auto order = random.permutation(samples);
                double mean = 0;
                for (int i = 0; i < validation; ++i)
                    mean += values[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] / validation;
                return mean;
            };
            const double observed = draw();
            std::vector<double> others;
            for (int i = 0; i < splits; ++i) others.push_back(draw());
            const Interval interval = splitsInterval(observed, others, 0.8);
            QVERIFY(interval.low <= observed && observed <= interval.high);
            held += interval.low <= 0 && 0 <= interval.high ? 1 : 0;
        }
        QVERIFY2(held >= 460 && held <= 490, qPrintable(QString::number(held)));
        QVERIFY(std::isnan(splitsInterval(1, std::vector{1.0, std::nan("")}, 0.8).low));
    }

    void holmByHand() {
        const auto adjusted = holmAdjusted(std::vector{0.03, 0.01, std::nan(""), 0.05, 0.02});
        const std::vector expected{0.06, 0.04, std::nan(""), 0.06, 0.06};
        for (std::size_t i = 0; i < expected.size(); ++i)
            QVERIFY(std::isnan(expected[i]) ? std::isnan(adjusted[i])
                                            : std::abs(adjusted[i] - expected[i]) < 1e-15);
        QCOMPARE(holmAdjusted(std::vector{0.6, 0.7}), (std::vector{1.0, 1.0}));
    }

    // scipy.stats.t: sf(2.0, 5), sf(-1.0, 3), sf(8.0, 19), isf(0.025, 9), isf(0.025, 59).
    void studentsT() {
        QVERIFY(std::abs(studentTail(2.0, 5) / 0.050969739414929174 - 1) < 1e-10);
        QVERIFY(std::abs(studentTail(-1.0, 3) / 0.80449889052211 - 1) < 1e-10);
        QVERIFY(std::abs(studentTail(8.0, 19) / 8.379773441409066e-08 - 1) < 1e-8);
        QVERIFY(std::abs(studentQuantile(0.025, 9) / 2.262157162798205 - 1) < 1e-9);
        QVERIFY(std::abs(studentQuantile(0.025, 59) / 2.0009953780882674 - 1) < 1e-9);
    }

    // What is rounding in float32 states is no difference: the terms here are near 1.
    void differencesWithinRoundingAreZero() {
        QCOMPARE(differenceOf(1.0, 1.0 + 1e-8), 0.0);
        QCOMPARE(differenceOf(1e-20, 2e-20), -1e-20);
        VectorD curve = VectorD::Constant(12, 0.3);
        curve[11] += 1e-9;
        QCOMPARE(lateLessEarly(curve), 0.0);
        QCOMPARE(earlyLessRest(curve), 0.0);
        QCOMPARE(dropsThenClimbs(curve), 0.0);
        curve[11] += 0.1;
        QVERIFY(std::abs(lateLessEarly(curve) - 0.1 / 3) < 1e-9);
    }

    // The lowest step lies between the ends; a curve that only climbs has a fall below zero.
    void dropsAndClimbsByHand() {
        const auto of = [](std::vector<double> curve) {
            return dropsThenClimbs(
                Eigen::Map<VectorD>(curve.data(), static_cast<Eigen::Index>(curve.size())));
        };
        QCOMPARE(of({5, 2, 1, 4}), 3.0);
        QCOMPARE(of({1, 2, 3, 4}), -1.0);
        QCOMPARE(of({4, 3, 2, 1}), -1.0);
        QVERIFY(std::isnan(of({1, 2})) && std::isnan(of({1, NAN, 0, 2})));
        VectorD r2(8);
        r2 << -3, -3, 0.1, 0.1, 0.1, 0.1, 0.5, 0.3;
        QCOMPARE(lateLessEarlyShare(r2), 0.4);
    }

    void outliersDecideWhereVerdictsDiffer() {
        Verdict v;
        v.key = "density_rises";
        v.verdict = VerdictKind::Supported;
        Verdict other = v;
        QCOMPARE(compareWithoutOutliers({v}, {other}, "unit 7").front().verdict, VerdictKind::Supported);
        other.verdict = VerdictKind::NotSeen;
        const Verdict rests = compareWithoutOutliers({v}, {other}, "unit 7").front();
        QCOMPARE(rests.verdict, VerdictKind::RestsOnOutliers);
        QCOMPARE(rests.withAll, VerdictKind::Supported);
        QCOMPARE(rests.withoutOutliers, VerdictKind::NotSeen);
        QCOMPARE(rests.outliers, std::string("unit 7"));
        // What cannot be tested without them rests on them; what was not tested stays so.
        other.verdict = VerdictKind::NotTested;
        other.reason = "there are 19 distinct samples";
        QCOMPARE(compareWithoutOutliers({v}, {other}, "3 rows").front().verdict,
                 VerdictKind::RestsOnOutliers);
        QCOMPARE(compareWithoutOutliers({v}, {other}, "3 rows").front().reason, other.reason);
        QCOMPARE(compareWithoutOutliers({other}, {v}, "3 rows").front().verdict, VerdictKind::NotTested);
    }

    // What a user gets: rows that are repeated change nothing, and are not samples of their own.
    void repeatedRowsCountOnce() {
        Progress progress;
        const auto final = [&](const TraceView& view) {
            VerdictOptions options = quick(3);
            options.mutualUnits = 0;
            return finalVerdicts(view, options, {}, progress);
        };
        const FinalVerdicts once = final(planted::walk({30, 5, 12}, 3)),
                            often = final(planted::repeated({30, 5, 12}, 3, 3));
        QCOMPARE(often.view.rowCount(), 30);
        for (std::size_t i = 0; i < once.list.size(); ++i) {
            QCOMPARE(often.list[i].verdict, once.list[i].verdict);
            QCOMPARE(often.list[i].samples, once.list[i].samples);
            if (!std::isnan(once.list[i].p)) QCOMPARE(often.list[i].p, once.list[i].p);
        }
        for (const auto& v : final(planted::repeated({1, 5, 12}, 3, 40)).list)
            QCOMPARE(v.verdict, VerdictKind::NotTested);
    }

    // One massive unit makes a walk accelerate; that is said to rest on it.
    void aMassiveUnitSupportsNothing() {
        Progress progress;
        VerdictOptions options = quick(1);
        options.mutualUnits = 0;
        int saved = 0;
        EvidenceStore store;
        store.save = [&](const TraceView&, const Evidence& evidence) {
            ++saved;
            QVERIFY(evidence.resamples.rows() > 0);
        };
        const FinalVerdicts found = finalVerdicts(planted::massiveUnit({}, 1), options, {}, progress, store);
        QCOMPARE(saved, 2);
        QCOMPARE(found.outliers.units.size(), 1u);
        QCOMPARE(found.outliers.units.front().index, 7);
        int resting = 0;
        for (const auto& v : found.list) {
            QVERIFY(v.verdict != VerdictKind::Supported && v.verdict != VerdictKind::Opposite);
            if (v.verdict != VerdictKind::RestsOnOutliers) continue;
            ++resting;
            QVERIFY(v.outliers.starts_with("unit 7 ("));
        }
        QVERIFY(resting > 0);
    }

    // Ten walks: at 5 % each, three or more of ten err with a probability of 1.2 %, and the seeds are fixed.
    void aWalkIsNoFinding() {
        std::map<std::string, int> supported;
        for (std::uint64_t seed = 1; seed <= 10; ++seed)
            for (const auto& [key, v] : judged(planted::walk({}, seed), quick(seed))) {
                if (v.verdict == VerdictKind::Supported && key != "accelerates") ++supported[key];
                if (key == "rotation") QVERIFY(v.verdict != VerdictKind::Supported || v.pAdjusted < 0.05);
            }
        for (const auto& [key, count] : supported)
            QVERIFY2(count <= 2, qPrintable(QString("%1: %2").arg(QString::fromStdString(key)).arg(count)));
    }

    /// Of 4 units the fourth moves in one row alone, so how much three components explain hangs on that row:
    /// a symmetric interval would pass 1.
    void intervalsEndWhereTheNumberDoes() {
        const planted::Size size{30, 8, 4};
        Array3F states = traces::walks(size.rows, size.points(), size.units, 3);
        for (std::int64_t n = 0; n < size.rows; ++n)
            for (std::int64_t p = 0; p < size.points(); ++p)
                states.at(n, p)[3] = n == 0 ? 6.0F * static_cast<float>(p % 3) : 0.0F;
        VerdictOptions options = quick(1);
        options.mutualUnits = 0;
        const Verdict v = judged(planted::view(std::move(states), size), options).at("path_low_dimensional");
        QVERIFY2(v.observed > 0.9 && v.observed < 0.999, qPrintable(QString::number(v.observed)));
        QVERIFY(v.interval.low > 0 && v.interval.low < v.observed);
        QCOMPARE(v.interval.high, 1.0);
    }

    void plantedEffectsAreFound_data() {
        QTest::addColumn<QString>("effect");
        QTest::addColumn<QStringList>("keys");
        QTest::newRow("orbits") << "orbits" << QStringList{"rotation", "rotation_coherent"};
        QTest::newRow("sparse to dense") << "dense" << QStringList{"density_rises"};
        QTest::newRow("inside blocks") << "inside" << QStringList{"inside_exceeds_across"};
        QTest::newRow("fixed point") << "fixed" << QStringList{"cosine_rises", "path_low_dimensional"};
    }
    void plantedEffectsAreFound() {
        QFETCH(QString, effect);
        QFETCH(QStringList, keys);
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            const auto made = effect == "orbits"  ? planted::orbits({}, seed)
                              : effect == "dense" ? planted::sparseToDense({}, seed)
                              : effect == "fixed" ? planted::fixedPoint({}, seed)
                                                  : planted::insideBlocks({}, seed);
            VerdictOptions options = quick(seed);
            options.repeats = options.mostRepeats = 200;  // 60 leave too little of a tail to fit
            options.mutualUnits = 0;
            const auto found = judged(made, options);
            for (const auto& key : keys)
                QVERIFY2(found.at(key.toStdString()).verdict == VerdictKind::Supported,
                         qPrintable(key + "\n" + all(found)));
            if (effect == "fixed") QCOMPARE(found.at("accelerates").verdict, VerdictKind::Opposite);
        }
    }

    void whatCannotBeTestedSaysWhy() {
        const auto few = judged(planted::walk({12, 8, 8}, 1), quick(1));
        for (const auto& [key, v] : few) {
            QCOMPARE(v.verdict, VerdictKind::NotTested);
            QVERIFY(v.reason.find("12 distinct samples") != std::string::npos);
        }
        for (const auto& [key, v] : judged(planted::walk({30, 3, 8}, 1), quick(1)))
            QVERIFY(v.reason.find("7 points") != std::string::npos);
        // Points without names, or of parallel blocks, have no inside.
        Array3F states = traces::walks(30, 9, 8, 1);
        const auto unnamed = judged(traces::view(std::move(states)), quick(1));
        QCOMPARE(unnamed.at("inside_exceeds_across").verdict, VerdictKind::NotTested);
        QVERIFY(unnamed.at("density_rises").verdict != VerdictKind::NotTested);
        QCOMPARE(unnamed.at("early_attractor").verdict, VerdictKind::NotTested);
        QVERIFY(unnamed.at("early_attractor").reason.find("model") != std::string::npos);
    }

    // Of the mean of n = 40 differences, and of 8 shifts of it by other directions, in closed form: alone
    // each is Student's t of its own degrees of freedom (t.ppf(0.975, 39) and t.ppf(0.975, 7) in SciPy).
    void pushesVaryWithTheirDirections() {
        EarlyAttractor pushes;
        pushes.sizes = VectorD::Ones(1);
        VerdictOptions options = quick(1);
        options.mutualUnits = options.refits = 0;
        const auto width = [&] {
            Progress progress;
            for (const Verdict& v : verdicts(planted::walk({20, 4, 8}, 1), options, pushes, progress).list)
                if (v.key == "early_attractor") return (v.interval.high - v.interval.low) / 2;
            return std::nan("");
        };
        pushes.differences = MatrixD::Constant(40, 1, -0.5);
        QCOMPARE(width(), 0.0);
        pushes.basisShifts = (VectorD(8) << 1, -1, 1, -1, 1, -1, 1, -1).finished();
        QVERIFY(std::abs(width() - 2.364624 * std::sqrt(8.0 / 7)) < 1e-5);
        for (int i = 0; i < 40; ++i) pushes.differences(i, 0) = i % 2 == 0 ? -2.5 : 1.5;
        const double both = width();
        pushes.basisShifts = {};
        const double alone = width();
        QVERIFY(std::abs(alone - 2.022691 * 2 / std::sqrt(39.0)) < 1e-5);
        QVERIFY(both > alone && both > 2.364624 && both < alone + 2.364624 * std::sqrt(8.0 / 7));
    }

    void theSameSeedSaysTheSame() {
        const TraceView view = planted::walk({40, 5, 12}, 4);
        VerdictOptions options = quick(4);
        options.threads = 1;
        const auto one = judged(view, options);
        options.threads = 2;
        const auto two = judged(view, options);
        for (const auto& [key, v] : one) {
            QCOMPARE(v.verdict, two.at(key).verdict);
            if (!std::isnan(v.p)) QCOMPARE(v.p, two.at(key).p);
            if (!std::isnan(v.observed)) QCOMPARE(v.observed, two.at(key).observed);
        }
    }

    // Under the null of no difference the test of flipped signs is uniform: Kolmogorov-Smirnov at 1 % for 200
    // draws is 1.63 / sqrt(200).
    void flippedSignsAreUniform() {
        std::vector<double> p;
        for (std::uint64_t i = 0; i < 200; ++i) {
            RandomStream random(11, i);
            VectorD x(50);
            for (auto& value : x) value = random.normal();
            p.push_back(flipSignsOfDifferences(x, i).pLower);
        }
        std::sort(p.begin(), p.end());
        double most = 0;
        for (std::size_t i = 0; i < p.size(); ++i)
            most = std::max({most, std::abs(p[i] - static_cast<double>(i) / 200),
                             std::abs(p[i] - static_cast<double>(i + 1) / 200)});
        QVERIFY2(most < 1.63 / std::sqrt(200.0), qPrintable(QString::number(most)));
        QVERIFY(flipSignsOfDifferences(VectorD::Constant(50, -1), 1).pLower < 0.001);
    }
};

RHEO_TEST(TestFindingsVerdicts)
#include "test_findings_verdicts.moc"
