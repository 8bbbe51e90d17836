#include <QTest>

#include <map>

#include "core/analysis/verdicts.h"
#include "core/base/error.h"
#include "tests/core/analysis/planted.h"

using namespace rheo;

namespace {

/// Everything small; all that is fitted or estimated again and again is left to the calibration bench.
VerdictOptions quick(std::uint64_t seed) {
    VerdictOptions options;
    options.repeats = 60;
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
                .arg(v.intervalLow)
                .arg(v.intervalHigh)
                .arg(v.nullMean)
                .arg(v.nullLow)
                .arg(v.nullHigh)
                .arg(v.p);
    return text;
}

}  // namespace

class TestAnalysisVerdicts : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theRule() {
        QCOMPARE(judge(1, 0.1, 0.2, 0.01, 1.0), VerdictKind::Supported);
        QCOMPARE(judge(1, 0.1, 0.2, 0.05, 0.96), VerdictKind::ExplainedByNull);
        QCOMPARE(judge(1, -0.2, -0.1, 1.0, 0.01), VerdictKind::Opposite);
        QCOMPARE(judge(1, -0.2, -0.1, 0.5, 0.5), VerdictKind::NotSeen);
        QCOMPARE(judge(1, -0.1, 0.1, 0.01, 1.0), VerdictKind::NotSeen);
        QCOMPARE(judge(-1, -0.2, -0.1, 1.0, 0.01), VerdictKind::Supported);
        QCOMPARE(judge(-1, -0.2, -0.1, 0.2, 0.8), VerdictKind::ExplainedByNull);
        QCOMPARE(judge(-1, 0.1, 0.2, 0.01, 1.0), VerdictKind::Opposite);
        QCOMPARE(judge(1, std::nan(""), std::nan(""), 0.01, 0.99), VerdictKind::NotSeen);
    }

    // Ten walks: at 5 % each, three or more of ten err with a probability of 1.2 %, and the seeds are fixed.
    void aWalkIsNoFinding() {
        std::map<std::string, int> supported;
        for (std::uint64_t seed = 1; seed <= 10; ++seed)
            for (const auto& [key, v] : judged(planted::walk({}, seed), quick(seed))) {
                if (v.verdict == VerdictKind::Supported && key != "accelerates") ++supported[key];
                if (key == "rotation") QCOMPARE(v.verdict == VerdictKind::Supported, v.p < 0.05);
            }
        for (const auto& [key, count] : supported)
            QVERIFY2(count <= 2, qPrintable(QString("%1: %2").arg(QString::fromStdString(key)).arg(count)));
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
            const auto found = judged(made, quick(seed));
            for (const auto& key : keys)
                QVERIFY2(found.at(key.toStdString()).verdict == VerdictKind::Supported,
                         qPrintable(key + "\n" + all(found)));
            if (effect == "fixed") QCOMPARE(found.at("accelerates").verdict, VerdictKind::Opposite);
        }
    }

    // What a key says in words agrees with its numbers.
    void sentencesSayWhatWasSeen() {
        const auto found = judged(planted::orbits({}, 1), quick(1));
        const Verdict& v = found.at("rotation");
        QVERIFY2(v.sentence.find(v.observed < v.nullMean ? " less than" : " more than") != std::string::npos,
                 v.sentence.c_str());
        QVERIFY(v.sentence.find(v.observed < v.nullMean ? "smoother" : "rougher") != std::string::npos);
        QCOMPARE(v.null, std::string("sign_flip"));
        QCOMPARE(v.repeats, 60);
        QCOMPARE(v.samples, 60);
        QVERIFY(!std::isnan(v.depthShuffleMean));
    }

    void whatCannotBeTestedSaysWhy() {
        const auto few = judged(planted::walk({12, 8, 8}, 1), quick(1));
        for (const auto& [key, v] : few) {
            QCOMPARE(v.verdict, VerdictKind::NotTested);
            QVERIFY(v.reason.find("12 samples") != std::string::npos);
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

    void theSameSeedSaysTheSame() {
        const TraceView view = planted::walk({40, 5, 12}, 4);
        VerdictOptions options = quick(4);
        options.threads = 1;
        const auto one = judged(view, options);
        options.threads = 2;
        const auto two = judged(view, options);
        for (const auto& [key, v] : one) {
            QCOMPARE(v.sentence, two.at(key).sentence);
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

    void scaledStatesAreRefused() {
        TraceView view = planted::walk({30, 4, 8}, 1);
        view.scaling = Scaling::Rms;
        Progress progress;
        QVERIFY_EXCEPTION_THROWN(verdicts(view, {}, {}, progress), Error);
    }
};

QTEST_APPLESS_MAIN(TestAnalysisVerdicts)
#include "test_analysis_verdicts.moc"
