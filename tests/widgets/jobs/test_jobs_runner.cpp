// The bridge between threads: lanes and their order, what comes back, stopping, and the end of it all.
#include <QThread>
#include <atomic>
#include <future>
#include <set>

#include "tests/test_main.h"
#include "widgets/jobs/job_runner.h"
#include "widgets/jobs/time_left.h"

using namespace rheo;
using namespace std::chrono_literals;

namespace {

/// A gate that work waits at, heeding its stop token.
struct Gate {
    std::atomic<bool> open{false};
    std::atomic<int> inside{0};
    void pass(Progress& progress) {
        ++inside;
        while (!open) {
            progress.check();
            std::this_thread::sleep_for(1ms);
        }
    }
};

}  // namespace

class TestJobsRunner : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void resultComesBackOnThisThread();
    void workMayReturnNothingOrWhatCanOnlyBeMoved();
    void oneThreadLanesKeepOrder();
    void urgentJobsGoFirst();
    void longJobsLetUrgentOnesThrough();
    void lanesRunBesideEachOther();
    void analysisPoolIsBounded();
    void failuresKeepTheirWords_data();
    void failuresKeepTheirWords();
    void cancelQueued();
    void cancelRunning();
    void aResultThatWasThereAnywayIsDelivered();
    void receiverGone();
    void whatIsCapturedDiesOnItsLane();
    void progressIsReported();
    void infoOfEndedJobs();
    void releaseHappensOnTheLane();
    void shutdownStopsWhatRunsAndForgetsWhatWaits();
    void shutdownLeavesTheDeafBehind();
    void doneMaySubmitAndCancel();
    void timeLeft();
};

void TestJobsRunner::resultComesBackOnThisThread() {
    JobRunner jobs;
    QThread* worker = nullptr;
    QThread* back = nullptr;
    int answer = 0;
    jobs.submit(
        {Lane::Analysis, "sum"},
        [&worker](Progress&) {
            worker = QThread::currentThread();
            return 41 + 1;
        },
        this,
        [&](Outcome<int> outcome) {
            back = QThread::currentThread();
            QVERIFY(outcome.result());
            answer = *outcome.result();
        });
    QCOMPARE(answer, 0);  // never from inside submit()
    QTRY_COMPARE(answer, 42);
    QCOMPARE(back, QThread::currentThread());
    QVERIFY(worker != back);
    QVERIFY(jobs.isIdle());
}

void TestJobsRunner::workMayReturnNothingOrWhatCanOnlyBeMoved() {
    JobRunner jobs;
    bool ran = false;
    std::unique_ptr<int> kept;
    jobs.submit(
        {Lane::Io, "nothing"}, [](Progress&) {}, this,
        [&](Outcome<std::monostate> outcome) { ran = outcome.result() != nullptr; });
    jobs.submit(
        {Lane::Io, "move"},
        [given = std::make_unique<int>(7)](Progress&) mutable { return std::move(given); }, this,
        [&](Outcome<std::unique_ptr<int>> outcome) { kept = std::move(*outcome.result()); });
    QTRY_VERIFY(kept);
    QVERIFY(ran);
    QCOMPARE(*kept, 7);
}

void TestJobsRunner::oneThreadLanesKeepOrder() {
    for (const Lane lane : {Lane::Model, Lane::Io}) {
        JobRunner jobs;
        std::vector<int> order;
        std::set<Qt::HANDLE> threads;
        int back = 0;
        for (int i = 0; i < 50; ++i)
            jobs.submit(
                {lane, QString::number(i)},
                [&, i](Progress&) {
                    order.push_back(i);  // one thread: no lock needed
                    threads.insert(QThread::currentThreadId());
                    return i;
                },
                this, [&back](Outcome<int> outcome) { QCOMPARE(*outcome.result(), back++); });
        QTRY_COMPARE(back, 50);
        QCOMPARE(threads.size(), std::size_t{1});
        for (int i = 0; i < 50; ++i) QCOMPARE(order[static_cast<std::size_t>(i)], i);
    }
}

void TestJobsRunner::urgentJobsGoFirst() {
    JobRunner jobs;
    auto gate = std::make_shared<Gate>();
    QStringList order;
    jobs.submit(
        {Lane::Model, "first"}, [gate](Progress& p) { gate->pass(p); }, this, [](auto) {});
    QTRY_COMPARE(gate->inside.load(), 1);
    const auto add = [&](const QString& name, bool urgent) {
        jobs.submit(
            {Lane::Model, name, true, urgent}, [](Progress&) {}, this,
            [&order, name](auto) { order << name; });
    };
    add("a", false);
    add("u1", true);
    add("b", false);
    add("u2", true);
    gate->open = true;
    QTRY_COMPARE(order.size(), 4);
    QCOMPARE(order, QStringList({"u1", "u2", "a", "b"}));
}

void TestJobsRunner::longJobsLetUrgentOnesThrough() {
    JobRunner::letUrgentThrough();  // outside of a job: nothing
    JobRunner jobs;
    auto gate = std::make_shared<Gate>();
    QStringList order;
    jobs.submit(
        {Lane::Model, "long"},
        [gate](Progress& p) {
            gate->pass(p);
            JobRunner::letUrgentThrough();
        },
        this, [&](auto) { order << "long"; });
    QTRY_COMPARE(gate->inside.load(), 1);
    jobs.submit(
        {Lane::Model, "plain"}, [](Progress&) {}, this, [&](auto) { order << "plain"; });
    jobs.submit(
        {Lane::Model, "urgent", true, true}, [](Progress&) { JobRunner::letUrgentThrough(); }, this,
        [&](auto) { order << "urgent"; });
    // What it throws is its own.
    jobs.submit(
        {Lane::Model, "urgent", true, true}, [](Progress&) { throw Cancelled{}; }, this,
        [&](auto outcome) { order << (outcome.cancelled() ? "stopped" : "no"); });
    gate->open = true;
    QTRY_COMPARE(order.size(), 4);
    QCOMPARE(order, QStringList({"urgent", "stopped", "long", "plain"}));
}

void TestJobsRunner::lanesRunBesideEachOther() {
    JobRunner jobs;
    // Each waits for the other: with one thread for both neither would end.
    auto model = std::make_shared<Gate>();
    auto io = std::make_shared<Gate>();
    int back = 0;
    jobs.submit(
        {Lane::Model, "m"},
        [model, io](Progress& p) {
            io->open = true;
            model->pass(p);
        },
        this, [&](auto) { ++back; });
    jobs.submit(
        {Lane::Io, "i"},
        [model, io](Progress& p) {
            model->open = true;
            io->pass(p);
        },
        this, [&](auto) { ++back; });
    QTRY_COMPARE(back, 2);
}

void TestJobsRunner::analysisPoolIsBounded() {
    JobRunner jobs(nullptr, 3);
    auto gate = std::make_shared<Gate>();
    int back = 0;
    for (int i = 0; i < 10; ++i)
        jobs.submit(
            {Lane::Analysis, "wait"}, [gate](Progress& p) { gate->pass(p); }, this, [&](auto) { ++back; });
    QTRY_COMPARE(gate->inside.load(), 3);
    QTest::qWait(50);
    QCOMPARE(gate->inside.load(), 3);
    gate->open = true;
    QTRY_COMPARE(back, 10);
}

void TestJobsRunner::failuresKeepTheirWords_data() {
    QTest::addColumn<int>("kind");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("message");
    QTest::addColumn<QString>("context");
    QTest::newRow("error") << 0 << int(ErrorCode::Format) << "model.safetensors ends early: naïve"
                           << "model.safetensors";
    QTest::newRow("std") << 1 << int(ErrorCode::Internal) << "odd"
                         << "";
    QTest::newRow("memory") << 2 << int(ErrorCode::OutOfMemory) << "memory"
                            << "";
    QTest::newRow("anything") << 3 << int(ErrorCode::Internal) << "unexpected"
                              << "";
}

void TestJobsRunner::failuresKeepTheirWords() {
    QFETCH(int, kind);
    QFETCH(int, code);
    QFETCH(QString, message);
    QFETCH(QString, context);
    JobRunner jobs;
    std::optional<Failure> failure;
    QString listed;
    connect(&jobs, &JobRunner::jobEnded, this, [&](const JobInfo& job) {
        QCOMPARE(job.state, JobState::Failed);
        listed = job.failure;
    });
    jobs.submit(
        {Lane::Io, "fail"},
        [kind](Progress&) -> int {
            if (kind == 0)
                throw Error(ErrorCode::Format, "model.safetensors ends early: naïve", "model.safetensors");
            if (kind == 1) throw std::logic_error("odd");
            if (kind == 2) throw std::bad_alloc();
            throw 3;
        },
        this,
        [&](Outcome<int> outcome) {
            QVERIFY(!outcome.result());
            QVERIFY(!outcome.cancelled());
            failure = *outcome.failure();
        });
    QTRY_VERIFY(failure);
    QCOMPARE(int(failure->code), code);
    QVERIFY2(failure->message.contains(message), qPrintable(failure->message));
    QCOMPARE(failure->context, context);
    QCOMPARE(listed, failure->message);
}

void TestJobsRunner::cancelQueued() {
    JobRunner jobs;
    auto gate = std::make_shared<Gate>();
    auto started = std::make_shared<std::atomic<bool>>(false);
    bool cancelled = false;
    jobs.submit(
        {Lane::Model, "first"}, [gate](Progress& p) { gate->pass(p); }, this, [](auto) {});
    const JobId second = jobs.submit(
        {Lane::Model, "second"}, [started](Progress&) { *started = true; }, this,
        [&](auto outcome) { cancelled = outcome.cancelled(); });
    jobs.cancel(second);
    QVERIFY(!cancelled);  // never from inside cancel()
    QTRY_VERIFY(cancelled);
    QCOMPARE(jobs.jobs().size(), 1);  // while the first still runs
    gate->open = true;
    QTRY_VERIFY(jobs.isIdle());
    QVERIFY(!*started);
}

void TestJobsRunner::cancelRunning() {
    JobRunner jobs;
    auto gate = std::make_shared<Gate>();
    bool cancelled = false;
    const JobId id = jobs.submit(
        {Lane::Model, "wait"}, [gate](Progress& p) { gate->pass(p); }, this,
        [&](auto outcome) { cancelled = outcome.cancelled(); });
    QTRY_COMPARE(gate->inside.load(), 1);
    QSignalSpy changed(&jobs, &JobRunner::jobChanged);
    jobs.cancel(id);
    QCOMPARE(changed.size(), 1);
    QVERIFY(changed[0][0].value<JobInfo>().stopping);
    jobs.cancel(id);  // again: nothing
    jobs.cancel(JobId{12345});
    QCOMPARE(changed.size(), 1);
    QTRY_VERIFY(cancelled);
}

void TestJobsRunner::aResultThatWasThereAnywayIsDelivered() {
    JobRunner jobs;
    auto gate = std::make_shared<Gate>();
    int answer = 0;
    const JobId id = jobs.submit(
        {Lane::Io, "save"},
        [gate](Progress&) {
            Progress deaf;
            gate->pass(deaf);
            return 5;
        },
        this, [&](Outcome<int> outcome) { answer = outcome.result() ? *outcome.result() : -1; });
    QTRY_COMPARE(gate->inside.load(), 1);
    jobs.cancel(id);
    gate->open = true;
    QTRY_COMPARE(answer, 5);
}

void TestJobsRunner::receiverGone() {
    JobRunner jobs;
    auto gate = std::make_shared<Gate>();
    auto told = std::make_shared<bool>(false);
    auto* receiver = new QObject;
    jobs.submit(
        {Lane::Io, "late"}, [gate](Progress& p) { gate->pass(p); }, receiver, [told](auto) { *told = true; });
    QTRY_COMPARE(gate->inside.load(), 1);
    delete receiver;
    QSignalSpy ended(&jobs, &JobRunner::jobEnded);
    gate->open = true;
    QTRY_COMPARE(ended.size(), 1);
    QVERIFY(!*told);
}

void TestJobsRunner::whatIsCapturedDiesOnItsLane() {
    JobRunner jobs;
    Qt::HANDLE lane = nullptr;
    Qt::HANDLE died = nullptr;
    bool back = false;
    auto big = std::shared_ptr<int>(new int(1), [&died](int* p) {
        died = QThread::currentThreadId();
        delete p;
    });
    jobs.submit(
        {Lane::Model, "hold"},
        [&lane, held = std::move(big)](Progress&) { lane = QThread::currentThreadId(); }, this,
        [&](auto) {
            QVERIFY(died != nullptr);  // before the answer is here
            back = true;
        });
    QTRY_VERIFY(back);
    QCOMPARE(died, lane);
}

void TestJobsRunner::progressIsReported() {
    JobRunner jobs;
    auto gate = std::make_shared<Gate>();
    QList<JobInfo> seen;
    connect(&jobs, &JobRunner::jobChanged, this, [&](const JobInfo& job) { seen << job; });
    jobs.submit(
        {Lane::Model, "capture"},
        [gate](Progress& p) {
            p.setStage("capturing");
            for (int i = 1; i <= 10000; ++i) p.report(i, 20000);
            gate->pass(p);
        },
        this, [](auto) {});
    QTRY_VERIFY(!seen.isEmpty() && seen.last().fraction > 0.499);
    QCOMPARE(seen.last().state, JobState::Running);
    QCOMPARE(seen.last().stage, QString("capturing"));
    QVERIFY2(seen.size() <= 5, "reports are thinned out on their way to the window");
    QTRY_VERIFY(seen.last().secondsLeft.has_value());
    gate->open = true;
    QTRY_VERIFY(jobs.isIdle());
}

void TestJobsRunner::infoOfEndedJobs() {
    JobRunner jobs;
    QSignalSpy added(&jobs, &JobRunner::jobAdded);
    QSignalSpy ended(&jobs, &JobRunner::jobEnded);
    QSignalSpy idle(&jobs, &JobRunner::becameIdle);
    bool before = false;
    const JobId id = jobs.submit(
        {Lane::Io, "one"}, [](Progress&) {}, this, [&](auto) { before = ended.isEmpty(); });
    QCOMPARE(added.size(), 1);
    QCOMPARE(jobs.jobs().size(), 1);
    QCOMPARE(jobs.jobs()[0].title, QString("one"));
    QTRY_COMPARE(idle.size(), 1);
    QVERIFY(before);
    QCOMPARE(ended.size(), 1);
    const auto info = ended[0][0].value<JobInfo>();
    QCOMPARE(info.id, id);
    QCOMPARE(info.state, JobState::Done);
    QCOMPARE(info.fraction, std::optional<double>(1.0));
}

void TestJobsRunner::releaseHappensOnTheLane() {
    JobRunner jobs;
    Qt::HANDLE lane = nullptr;
    std::atomic<Qt::HANDLE> died = nullptr;
    jobs.submit(
        {Lane::Io, "where"}, [&lane](Progress&) { lane = QThread::currentThreadId(); }, this, [](auto) {});
    jobs.release(Lane::Io, std::shared_ptr<int>(new int(1), [&died](int* p) {
                     died = QThread::currentThreadId();
                     delete p;
                 }));
    QTRY_VERIFY(died.load() != nullptr);
    QCOMPARE(died.load(), lane);
}

void TestJobsRunner::shutdownStopsWhatRunsAndForgetsWhatWaits() {
    auto gate = std::make_shared<Gate>();
    bool told = false;
    {
        JobRunner jobs;
        for (int i = 0; i < 5; ++i)
            jobs.submit(
                {Lane::Model, "wait"}, [gate](Progress& p) { gate->pass(p); }, this,
                [&](auto) { told = true; });
        QTRY_COMPARE(gate->inside.load(), 1);
        QVERIFY(jobs.shutdown());
        QVERIFY(jobs.isIdle());
        QCOMPARE(jobs.submit(
                     {Lane::Io, "too late"}, [](Progress&) {}, this, [](auto) {}),
                 JobId{});
        QTest::qWait(20);
    }
    QTest::qWait(20);
    QCOMPARE(gate->inside.load(), 1);
    QVERIFY(!told);
}

void TestJobsRunner::shutdownLeavesTheDeafBehind() {
    auto gate = std::make_shared<Gate>();
    auto ended = std::make_shared<std::atomic<bool>>(false);
    bool told = false;
    auto jobs = std::make_unique<JobRunner>();
    jobs->submit(
        {Lane::Model, "deaf"},
        [gate, ended](Progress&) {
            Progress deaf;
            gate->pass(deaf);
            *ended = true;
        },
        this, [&](auto) { told = true; });
    QTRY_COMPARE(gate->inside.load(), 1);
    QVERIFY(!jobs->shutdown(50ms));
    jobs.reset();
    gate->open = true;  // and it comes to its end with nobody there
    QTRY_VERIFY(*ended);
    QTest::qWait(50);
    QVERIFY(!told);
}

void TestJobsRunner::doneMaySubmitAndCancel() {
    JobRunner jobs;
    auto gate = std::make_shared<Gate>();
    QStringList seen;
    const JobId other = jobs.submit(
        {Lane::Io, "other"}, [gate](Progress& p) { gate->pass(p); }, this,
        [&](auto outcome) { seen << (outcome.cancelled() ? "stopped" : "no"); });
    jobs.submit(
        {Lane::Model, "first"}, [](Progress&) {}, this,
        [&](auto) {
            seen << "first";
            jobs.cancel(other);
            jobs.submit(
                {Lane::Model, "second"}, [](Progress&) {}, this, [&](auto) { seen << "second"; });
        });
    QTRY_COMPARE(seen.size(), 3);
    QCOMPARE(seen[0], QString("first"));
    QVERIFY(seen.contains("second") && seen.contains("stopped"));
}

void TestJobsRunner::timeLeft() {
    TimeLeft steady;  // a tenth a second
    QVERIFY(!steady.update(0.1, 0.01));
    QCOMPARE(*steady.update(1, 0.1), 9.0);
    QCOMPARE(*steady.update(5, 0.5), 5.0);
    QCOMPARE(*steady.update(10, 1), 0.0);

    TimeLeft slowStart;  // 10 s for the first tenth, then a tenth a second
    slowStart.update(10, 0.1);
    std::optional<double> left;
    for (int s = 11; s <= 16; ++s) left = slowStart.update(s, 0.1 * (s - 9));
    // 3 tenths to go; its pace as a whole says 6.9 s, of late 3.
    QVERIFY(*left > 3 && *left < 6.9);

    TimeLeft stalled;
    stalled.update(1, 0.1);
    QVERIFY(*stalled.update(20, 0.1) > 9);
    TimeLeft never;
    QVERIFY(!never.update(10, 0));
}

RHEO_TEST(TestJobsRunner)
#include "test_jobs_runner.moc"
