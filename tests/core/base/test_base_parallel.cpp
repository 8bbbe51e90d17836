// Loops and progress: every index once, first exception out, a stop is noticed, reports only rise; also in
// calls within calls, from many threads, and after a fork.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
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
    void callsWithinCalls();
    void exceptionsOfCallsWithinCalls();
    void threadsAreUsedAgain();
    void asManyAsAskedFor();
    void manyCallers();
    void afterAFork();
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

namespace {

/// The number of indices that were visited in loops within loops: width to the power of depth.
std::int64_t visited(int depth, std::int64_t width) {
    if (depth == 0) return 1;
    std::atomic<std::int64_t> sum{0};
    parallelFor(width, 1, 4, Progress{},
                [&](std::int64_t, std::int64_t) { sum += visited(depth - 1, width); });
    return sum;
}

}  // namespace

void TestBaseParallel::callsWithinCalls() {
    for (int i = 0; i < 20; ++i) QCOMPARE(visited(4, 6), std::int64_t{6 * 6 * 6 * 6});
}

/// Each inner loop fails, is caught, and leaves the outer one as it was; one that is not caught ends both.
void TestBaseParallel::exceptionsOfCallsWithinCalls() {
    const auto failing = [] {
        parallelFor(100, 1, 3, Progress{}, [](std::int64_t begin, std::int64_t) {
            if (begin == 7) throw Error(ErrorCode::Io, "piece seven");
        });
    };
    std::atomic<int> caught{0};
    parallelFor(50, 1, 3, Progress{}, [&](std::int64_t, std::int64_t) {
        try {
            failing();
        } catch (const Error& e) {
            caught += e.code() == ErrorCode::Io ? 1 : 100;
        }
    });
    QCOMPARE(caught.load(), 50);
    QVERIFY_EXCEPTION_THROWN(
        parallelFor(50, 1, 3, Progress{}, [&](std::int64_t, std::int64_t) { failing(); }), Error);
}

/// A loop does not start threads of its own: over many calls there are no more than one asks for.
void TestBaseParallel::threadsAreUsedAgain() {
    std::mutex mutex;
    std::set<std::thread::id> seen;
    for (int i = 0; i < 200; ++i)
        parallelFor(8, 1, 3, Progress{}, [&](std::int64_t, std::int64_t) {
            std::this_thread::sleep_for(std::chrono::microseconds(50));
            const std::lock_guard lock(mutex);
            seen.insert(std::this_thread::get_id());
        });
    QVERIFY(seen.contains(std::this_thread::get_id()));
    // The others may be of those that earlier tests asked for, at most three.
    QVERIFY2(seen.size() > 1 && seen.size() <= 4, qPrintable(QString::number(seen.size())));
}

/// Bodies that wait for each other: the threads that were asked for do come.
void TestBaseParallel::asManyAsAskedFor() {
    std::atomic<int> there{0};
    parallelFor(5, 1, 5, Progress{}, [&](std::int64_t, std::int64_t) {
        ++there;
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (there < 5 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
        if (there < 5) throw Error(ErrorCode::Internal, "a body waited in vain");
    });
    QCOMPARE(there.load(), 5);
}

void TestBaseParallel::manyCallers() {
    std::vector<std::future<std::int64_t>> callers;
    for (int caller = 0; caller < 16; ++caller)
        callers.push_back(std::async(std::launch::async, [caller] {
            std::int64_t right = 0;
            for (int call = 0; call < 200; ++call) {
                std::atomic<std::int64_t> sum{0};
                const std::int64_t count = 1 + (caller * 31 + call) % 40;
                parallelFor(count, 3, 1 + call % 4, Progress{}, [&](std::int64_t begin, std::int64_t end) {
                    for (auto i = begin; i < end; ++i) sum += i + 1;
                });
                right += sum == count * (count + 1) / 2 ? 1 : 0;
            }
            return right;
        }));
    for (auto& caller : callers) QCOMPARE(caller.get(), std::int64_t{200});
}

/// A child has none of its parent's threads, and the parent's loops may be under way.
void TestBaseParallel::afterAFork() {
#ifdef __SANITIZE_THREAD__
    QSKIP("the thread sanitizer does not let a forked child start threads");
#endif
    QCOMPARE(visited(2, 6), std::int64_t{36});
    std::atomic<bool> end{false};
    const auto busy = std::async(std::launch::async, [&] {
        while (!end) visited(2, 6);
    });
    int failed = 0;
    for (int i = 0; i < 20; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            ::alarm(30);
            ::_exit(visited(3, 5) == 125 ? 0 : 1);
        }
        int status = -1;
        if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) ++failed;
    }
    end = true;
    busy.wait();
    QCOMPARE(failed, 0);
    QCOMPARE(visited(2, 6), std::int64_t{36});
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
