// Loops and progress: every index once, first exception out, a stop is noticed, reports only rise.
#include <atomic>
#include <stdexcept>
#include <vector>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/progress.h"
#include "tests/test_main.h"

using namespace rheo;

class TestBaseParallel : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void visitsEachIndexOnce_data();
    void visitsEachIndexOnce();
    void rethrowsTheFirstException();
    void stopsWhenAsked();
    void reportsRiseToOne();
    void partsFillTheirShare();
};

void TestBaseParallel::visitsEachIndexOnce_data() {
    QTest::addColumn<int>("count");
    QTest::addColumn<int>("grain");
    QTest::addColumn<int>("threads");
    QTest::newRow("nothing") << 0 << 4 << 2;
    QTest::newRow("one") << 1 << 4 << 2;
    QTest::newRow("ragged") << 1001 << 7 << 3;
    QTest::newRow("one thread") << 100 << 1 << 1;
    QTest::newRow("grain of zero") << 10 << 0 << 2;
}

void TestBaseParallel::visitsEachIndexOnce() {
    QFETCH(int, count);
    QFETCH(int, grain);
    QFETCH(int, threads);
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
    parallelFor(count, grain, threads, Progress{}, [&](std::int64_t begin, std::int64_t end) {
        for (auto i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
    });
    for (const auto& s : seen) QCOMPARE(s.load(), 1);
}

void TestBaseParallel::rethrowsTheFirstException() {
    // More pieces than the other thread gets through while the exception is on its way, on any machine.
    constexpr std::int64_t count = 1'000'000'000;
    std::atomic<std::int64_t> pieces{0};
    auto body = [&](std::int64_t begin, std::int64_t) {
        ++pieces;
        if (begin == 3) throw Error(ErrorCode::Io, "piece three");
    };
    QVERIFY_EXCEPTION_THROWN(parallelFor(count, 1, 2, Progress{}, body), Error);
    QVERIFY(pieces < count);
}

void TestBaseParallel::stopsWhenAsked() {
    std::stop_source source;
    const Progress progress(source.get_token());
    std::atomic<int> pieces{0};
    auto body = [&](std::int64_t, std::int64_t) {
        if (++pieces == 5) source.request_stop();
    };
    QVERIFY_EXCEPTION_THROWN(parallelFor(100000, 1, 2, progress, body), Cancelled);
    QVERIFY(pieces < 10);
}

void TestBaseParallel::reportsRiseToOne() {
    std::vector<double> seen;
    Progress progress({}, [&](const ProgressReport& r) { seen.push_back(r.fraction); });
    for (int i = 0; i <= 100000; ++i) progress.report(i, 100000);
    QVERIFY(seen.size() > 100);
    QVERIFY2(seen.size() <= 1002, "no more than one report for each 0.1 %");
    QVERIFY(std::is_sorted(seen.begin(), seen.end()));
    QCOMPARE(seen.back(), 1.0);
}

void TestBaseParallel::partsFillTheirShare() {
    ProgressReport last;
    Progress progress({}, [&](const ProgressReport& r) { last = r; });
    Progress second = progress.part(0.5, 1).part(0, 0.5);
    second.setStage("second");
    second.report(1, 2);
    QCOMPARE(last.fraction, 0.625);
    QCOMPARE(last.stage, std::string("second"));
    progress.report(0.1, 1);  // an earlier place never takes the bar back
    QCOMPARE(last.fraction, 0.625);
}

RHEO_TEST(TestBaseParallel)
#include "test_base_parallel.moc"
