// Statistics and surrogates that ranks share, with threads in their place, against one rank alone: surrogates
// to the same bits, and the observed within 1e-12 (float64 sums in another order).
#include <cmath>
#include <cstring>
#include <mutex>
#include <vector>

#include "core/analysis/covariance.h"
#include "core/analysis/null_table.h"
#include "core/analysis/point_spectra.h"
#include "core/base/residual_point.h"
#include "core/statistics/analyze.h"
#include "core/statistics/other_traces.h"
#include "tests/core/analysis/golden.h"
#include "tests/core/analysis/traces.h"
#include "tests/core/base/thread_ranks.h"
#include "tests/test_main.h"

using namespace rheo;
using rheo::tests::asRanks;

namespace {

AnalysisOptions everything(std::size_t memoryBytes) {
    AnalysisOptions options;
    options.get<Density>().emplace();
    options.get<Correlation>().emplace();
    options.get<Motion>().emplace();
    options.get<Divergence>().emplace();
    options.get<Dimension>().emplace();
    options.get<Rotation>().emplace();
    options.get<MutualInformation>().emplace();
    options.get<Pca>().emplace();
    options.threads = 2;
    options.repeats = 5;
    options.seed = 7;
    options.memoryBytes = memoryBytes;
    for (const auto* null : allNulls()) options.nulls.push_back(*parseNull(null->name));
    return options;
}

TraceView smallView() {
    return traces::view(traces::walks(40, 7, 70, 3), residualPoints(3, false));
}

bool sameBits(const MatrixD& a, const MatrixD& b) {
    return a.rows() == b.rows() && a.cols() == b.cols() &&
           std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(double)) == 0;
}

/// What differs: surrogates by a bit, curves of the observed by more than 1e-12.
QStringList differences(const Analysis& alone, const Analysis& shared) {
    QStringList names;
    const auto one = curvesOf(alone.observed), other = curvesOf(shared.observed);
    if (one.size() != other.size() || alone.nulls.size() != shared.nulls.size()) return {"what is there"};
    for (std::size_t i = 0; i < one.size(); ++i)
        if (!(golden::difference(one[i].values, other[i].values) <= 1e-12))
            names << QString::fromStdString(one[i].statistic + "/" + one[i].dataset);
    for (std::size_t i = 0; i < alone.nulls.size(); ++i)
        if (!sameBits(alone.nulls[i].samples, shared.nulls[i].samples))
            names << QString::fromStdString(alone.nulls[i].null + " of " + alone.nulls[i].dataset);
    return names;
}

}  // namespace

class TestStatisticsRanks : public QObject {
    Q_OBJECT
    // Threads share the number of threads of BLAS, on which the last bit of products depends; processes do
    // not.
    const SerialBlas m_serial;
private Q_SLOTS:
    void surrogatesHaveTheSameBits_data() {
        QTest::addColumn<int>("ranks");
        QTest::addColumn<int>("kibibytes");
        for (const int ranks : {2, 3, 7})
            for (const int kibibytes : {1 << 20, 90})  // rows that are held, and rows that are read anew
                QTest::addRow("%d ranks, %d KiB", ranks, kibibytes) << ranks << kibibytes;
    }
    void surrogatesHaveTheSameBits() {
        QFETCH(int, ranks);
        QFETCH(int, kibibytes);
        const TraceView view = smallView();
        AnalysisOptions options = everything(std::size_t(kibibytes) << 10);
        const auto undefined = undefinedOf(view, options);
        options = withoutUndefined(options, undefined);
        Progress progress;
        const Analysis alone = analyze(view, options, progress);
        QVERIFY(alone.nulls.size() > 40);
        std::mutex mutex;
        QStringList wrong;
        asRanks(ranks, [&](const Ranks& own) {
            Progress silent;
            const Analysis shared = analyze(view, options, silent);
            const std::lock_guard lock(mutex);
            for (const QString& name : differences(alone, shared))
                wrong << QString("rank %1: %2").arg(own.rank).arg(name);
        });
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong.join("\n")));
    }

    // What one rank began, three go on with.
    void goesOnWithWhatIsKnown() {
        const TraceView view = smallView();
        AnalysisOptions options = everything(std::size_t{1} << 30);
        Progress progress;
        const Analysis whole = analyze(view, options, progress);
        options.repeats = 2;
        const Analysis known = analyze(view, options, progress);
        options.repeats = 5;
        std::mutex mutex;
        QStringList wrong;
        asRanks(3, [&](const Ranks&) {
            Progress silent;
            const Analysis shared = analyze(view, options, silent, known);
            const std::lock_guard lock(mutex);
            wrong << differences(whole, shared);
        });
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong.join("\n")));
    }

    void spectraOfPointsHaveTheSameBits() {
        const TraceView view = smallView();
        Progress progress;
        const PointSpectra alone = pointSpectra(view, true, 1, std::size_t{1} << 30, progress);
        std::atomic<int> same{0};
        asRanks(3, [&](const Ranks& ranks) {
            Progress silent;
            const PointSpectra shared = pointSpectra(view, true, 1, std::size_t{1} << 30, silent);
            same += sameBits(shared.participationRatio, alone.participationRatio) &&
                            sameBits(shared.explained, alone.explained)
                        ? 1
                        : 0;
            // Sums of two tables up and down a tree: no more than that is sent.
            if (ranks.traffic->bytes > 4 * 7 * sizeof(double) * 2)
                throw Error(ErrorCode::Internal, "it sends more than its results");
        });
        QCOMPARE(same.load(), 3);
    }

    // As untrained networks are: other traces, one a repeat.
    void otherTracesAreShared() {
        const TraceView view = smallView();
        AnalysisOptions options;
        options.get<Density>().emplace();
        options.get<Motion>().emplace();
        Progress progress;
        const Statistics observed = analyze(view, options, progress).observed;
        const TraceOfRepeat made = [](int repeat, Progress&) {
            return traces::view(traces::walks(40, 7, 70, 100 + static_cast<std::uint64_t>(repeat)),
                                residualPoints(3, false));
        };
        const auto alone = compareWithTraces("untrained", observed, options, 4, 1, made, {}, progress);
        std::atomic<int> same{0};
        asRanks(3, [&](const Ranks&) {
            Progress silent;
            const auto shared = compareWithTraces("untrained", observed, options, 4, 1, made, {}, silent);
            bool all = shared.size() == alone.size() && !alone.empty();
            for (std::size_t i = 0; i < alone.size() && all; ++i)
                all = sameBits(shared[i].samples, alone[i].samples) && shared[i].samples.rows() == 4;
            same += all ? 1 : 0;
        });
        QCOMPARE(same.load(), 3);
    }

    void aStopEndsAllRanks() {
        const TraceView view = smallView();
        const AnalysisOptions options = everything(std::size_t{1} << 30);
        QVERIFY_EXCEPTION_THROWN(
            asRanks(2,
                    [&](const Ranks& ranks) {
                        std::stop_source source;
                        Progress progress(source.get_token(), [&](const ProgressReport& report) {
                            if (ranks.rank == 1 && report.stage.starts_with("surrogates"))
                                source.request_stop();
                        });
                        analyze(view, options, progress);
                    }),
            Cancelled);
    }
};

RHEO_TEST(TestStatisticsRanks)
#include "test_statistics_ranks.moc"
