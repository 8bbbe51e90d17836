// Verdicts on derivatives: planted ones, and what is not tested.
#include <QtTest>
#include <cmath>

#include "core/base/random.h"
#include "core/findings/derivative_verdicts.h"
#include "tests/core/analysis/planted.h"
#include "tests/refused.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

/// Departures that change by `change` from the first quarter of 16 steps to the last, and ranks that end at
/// `rank` of 100; `noise` is the SD of each row.
void plant(MatrixD& henrici, MatrixD& ranks, int rows, double change, double rank, std::uint64_t seed) {
    RandomStream random(seed);
    henrici = MatrixD::Constant(rows, 16, 0.5);
    ranks = MatrixD::Constant(rows, 16, 100);
    for (int i = 0; i < rows; ++i) {
        henrici.row(i).tail(4).array() += change + 0.02 * random.normal();
        ranks(i, 15) = rank * std::exp(0.02 * random.normal());
    }
}

DerivativeEvidence plantedEvidence(int rows, double change, double untrainedChange, double rank,
                                   double untrainedRank) {
    DerivativeEvidence evidence;
    plant(evidence.henrici, evidence.cumulativeRank, rows, change, rank, 1);
    plant(evidence.untrainedHenrici, evidence.untrainedCumulativeRank, rows, untrainedChange, untrainedRank,
          2);
    for (int i = 0; i < rows; ++i) evidence.samples.push_back(i);
    evidence.units = 100;
    return evidence;
}

}  // namespace

class TestFindingsDerivatives : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void plantedFindingsAreSupported();
    void asInTheUntrainedNetwork();
    void theOtherWayRound();
    void whatIsNotTested();
    void rowsOfASampleCountOnce();
    void judgedWithTheOthers();
};

void TestFindingsDerivatives::plantedFindingsAreSupported() {
    const auto list = derivativeVerdicts(plantedEvidence(25, -0.2, 0, 20, 90), 0);
    QCOMPARE(list.size(), std::size_t{2});
    QCOMPARE(list[0].key, std::string("non_normality_falls"));
    QVERIFY(std::abs(list[0].observed + 0.2) < 0.02);
    QVERIFY(list[0].interval.low < list[0].observed && list[0].interval.high < 0);
    QCOMPARE(list[0].verdict, VerdictKind::Supported);
    QCOMPARE(list[1].key, std::string("low_rank_bottleneck"));
    QVERIFY(std::abs(list[1].observed - std::log(0.2)) < 0.02);
    QVERIFY(std::abs(list[1].nulls[0].mean - std::log(0.9)) < 0.02);
    QCOMPARE(list[1].verdict, VerdictKind::Supported);
    QVERIFY(list[1].pAdjusted >= list[1].p);
}

void TestFindingsDerivatives::asInTheUntrainedNetwork() {
    const auto list = derivativeVerdicts(plantedEvidence(25, -0.2, -0.2, 20, 20), 0);
    for (const Verdict& v : list)
        QVERIFY(v.verdict == VerdictKind::ExplainedByNull || v.verdict == VerdictKind::MostlyNull);
}

void TestFindingsDerivatives::theOtherWayRound() {
    const auto list = derivativeVerdicts(plantedEvidence(25, 0.2, 0, 90, 20), 0);
    QCOMPARE(list[0].verdict, VerdictKind::Opposite);
    QVERIFY(list[1].verdict != VerdictKind::Supported);
}

void TestFindingsDerivatives::whatIsNotTested() {
    DerivativeEvidence evidence = plantedEvidence(19, -0.2, 0, 20, 90);
    for (const Verdict& v : derivativeVerdicts(evidence, 0)) {
        QCOMPARE(v.verdict, VerdictKind::NotTested);
        QVERIFY(v.reason.find("19") != std::string::npos);
    }
    evidence = plantedEvidence(25, -0.2, 0, 20, 90);
    evidence.untrainedHenrici.resize(0, 0);
    const auto list = derivativeVerdicts(evidence, 0);
    QVERIFY(list[0].reason.find("untrained") != std::string::npos);
    QCOMPARE(list[1].verdict, VerdictKind::Supported);
    evidence = plantedEvidence(25, -0.2, 0, 20, 90);
    evidence.henrici.setConstant(std::nan(""));
    QCOMPARE(derivativeVerdicts(evidence, 0)[0].verdict, VerdictKind::NotTested);
    evidence.samples.pop_back();
    QVERIFY(refused(ErrorCode::Mismatch, [&] { derivativeVerdicts(evidence, 0); }));
}

void TestFindingsDerivatives::rowsOfASampleCountOnce() {
    DerivativeEvidence evidence = plantedEvidence(40, -0.2, 0, 20, 90);
    for (std::size_t i = 0; i < 40; ++i) evidence.samples[i] = static_cast<std::int64_t>(i / 4);
    const auto list = derivativeVerdicts(evidence, 0);
    QCOMPARE(list[0].samples, std::int64_t{10});
    QCOMPARE(list[0].rows, std::int64_t{40});
    QCOMPARE(list[0].verdict, VerdictKind::NotTested);
}

/// In one list with the twelve: Holm's adjustment counts all that are tested.
void TestFindingsDerivatives::judgedWithTheOthers() {
    VerdictOptions options;
    options.repeats = options.mostRepeats = 20;
    options.resamples = 20;
    options.refits = options.mutualUnits = 0;
    Progress progress;
    const auto measured = measuredDerivatives(plantedEvidence(25, -0.2, 0, 20, 90), 0);
    for (const Verdict& v : measured) QVERIFY(std::isnan(v.pAdjusted) && v.reason.empty());
    const TraceView view = planted::walk({24, 9, 16}, 1);
    const auto alone = verdicts(view, options, {}, progress).list;
    const auto together = verdicts(view, options, {}, progress, {}, measured).list;
    QCOMPARE(alone.size(), std::size_t{12});
    QCOMPARE(together.size(), std::size_t{14});
    std::vector<double> p;
    for (const Verdict& v : together) p.push_back(v.reason.empty() ? v.p : std::nan(""));
    const auto adjusted = holmAdjusted(p);
    for (std::size_t i = 0; i < together.size(); ++i) {
        if (!together[i].reason.empty()) continue;
        QCOMPARE(together[i].pAdjusted, adjusted[i]);
        if (i < alone.size()) QVERIFY(together[i].pAdjusted >= alone[i].pAdjusted);
    }
    QCOMPARE(together[12].key, std::string("non_normality_falls"));
    QCOMPARE(together[13].verdict, VerdictKind::Supported);
    QVERIFY(isOfDerivatives(together[12].key) && !isOfDerivatives(together[0].key));
    // They stay where outliers are left out: they are not measured again.
    auto without = together;
    without[13].verdict = VerdictKind::NotSeen;
    without[0].verdict = VerdictKind::Opposite;
    const auto compared = compareWithoutOutliers(together, without, "unit 3");
    QCOMPARE(compared[13].verdict, VerdictKind::Supported);
}

RHEO_TEST(TestFindingsDerivatives)
#include "test_findings_derivatives.moc"
