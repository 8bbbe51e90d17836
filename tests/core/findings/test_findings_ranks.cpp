// Verdicts that ranks share, with threads in their place, against one rank alone: whatever is named by seed
// and number (surrogates, halves, refits) to the same bits.
#include <cstring>
#include <mutex>

#include "core/findings/final_verdicts.h"
#include "core/findings/verdicts.h"
#include "tests/core/analysis/golden.h"
#include "tests/core/analysis/planted.h"
#include "tests/core/base/thread_ranks.h"
#include "tests/test_main.h"

using namespace rheo;
using rheo::tests::asRanks;

namespace {

VerdictOptions quick() {
    VerdictOptions options;
    options.repeats = options.mostRepeats = 11;
    options.refits = options.splits = 3;
    options.resamples = 20;
    options.halves = 5;
    options.mutualUnits = 4;
    options.threads = 1;
    return options;
}

bool sameBits(const MatrixD& a, const MatrixD& b) {
    return a.rows() == b.rows() && a.cols() == b.cols() && a.size() > 0 &&
           std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(double)) == 0;
}

QStringList differences(const Evidence& alone, const Evidence& shared) {
    QStringList names;
    const auto require = [&](bool same, const std::string& name) {
        if (!same) names << QString::fromStdString(name);
    };
    require(sameBits(alone.halves, shared.halves), "halves");
    require(sameBits(alone.reconstruction.differences, shared.reconstruction.differences), "refits");
    require(sameBits(alone.reconstruction.interval, shared.reconstruction.interval), "splits");
    require(golden::difference(alone.resamples, shared.resamples) <= 1e-12, "resamples");
    require(alone.analysis.nulls.size() == shared.analysis.nulls.size(), "the nulls");
    for (std::size_t i = 0; i < alone.analysis.nulls.size() && i < shared.analysis.nulls.size(); ++i)
        require(sameBits(alone.analysis.nulls[i].samples, shared.analysis.nulls[i].samples),
                alone.analysis.nulls[i].null + " of " + alone.analysis.nulls[i].dataset);
    return names;
}

}  // namespace

class TestFindingsRanks : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void verdictsAreThoseOfOneRank_data() {
        QTest::addColumn<int>("ranks");
        QTest::newRow("2") << 2;
        QTest::newRow("3") << 3;
    }
    void verdictsAreThoseOfOneRank() {
        QFETCH(int, ranks);
        const TraceView view = planted::walk({40, 4, 12}, 5);
        Progress progress;
        const FinalVerdicts alone = finalVerdicts(view, quick(), {}, progress);
        QVERIFY(!alone.list.empty());
        std::mutex mutex;
        QStringList wrong;
        asRanks(ranks, [&](const Ranks& own) {
            Progress silent;
            const FinalVerdicts shared = finalVerdicts(view, quick(), {}, silent);
            const std::lock_guard lock(mutex);
            for (const QString& name : differences(alone.evidence, shared.evidence))
                wrong << QString("rank %1: %2").arg(own.rank).arg(name);
            for (std::size_t i = 0; i < alone.list.size(); ++i)
                if (shared.list.size() != alone.list.size() ||
                    shared.list[i].verdict != alone.list[i].verdict)
                    wrong << QString::fromStdString(alone.list[i].key);
        });
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong.join("\n")));
    }
};

RHEO_TEST(TestFindingsRanks)
#include "test_findings_ranks.moc"
