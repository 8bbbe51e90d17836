// What follows the mouse: one request runs, one waits, a newer one takes its place.
#include <atomic>
#include <thread>

#include "tests/test_main.h"
#include "widgets/jobs/latest_wins.h"

using namespace rheo;
using namespace std::chrono_literals;

namespace {

/// Lets work through one piece at a time.
struct Turnstile {
    std::atomic<int> arrived{0};
    std::atomic<int> allowed{0};
    void pass(Progress& progress) {
        const int place = ++arrived;
        while (allowed < place) {
            progress.check();
            std::this_thread::sleep_for(1ms);
        }
    }
};

struct Answered {
    quint64 generation;
    int request;
    int answer;
};

}  // namespace

class TestJobsLatestWins : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void newerReplacesTheOneThatWaits();
    void answersComeInOrderWithTheirGeneration();
    void droppedAnswersNeverCome();
    void failuresComeThrough();
    void destroyedWhileRunning();
    void postFromDone();
};

void TestJobsLatestWins::newerReplacesTheOneThatWaits() {
    JobRunner jobs;
    auto turnstile = std::make_shared<Turnstile>();
    QList<Answered> answers;
    LatestWins<int, int> latest(
        jobs, {Lane::Model, "follow"},
        [turnstile](const int& x, Progress& p) {
            turnstile->pass(p);
            return 10 * x;
        },
        [&](quint64 generation, const int& request, Outcome<int> outcome) {
            answers.append({generation, request, *outcome.result()});
        });
    QCOMPARE(latest.post(1), quint64{1});
    QTRY_COMPARE(turnstile->arrived.load(), 1);
    for (int i = 2; i <= 100; ++i) QCOMPARE(latest.post(i), quint64(i));
    QVERIFY(latest.isBusy());
    turnstile->allowed = 1000;
    QTRY_VERIFY(!latest.isBusy());
    // Of a hundred requests two ran: the first, and the last.
    QCOMPARE(turnstile->arrived.load(), 2);
    QCOMPARE(answers.size(), 2);
    QCOMPARE(answers[0].generation, quint64{1});
    QCOMPARE(answers[0].answer, 10);
    QCOMPARE(answers[1].generation, quint64{100});
    QCOMPARE(answers[1].request, 100);
    QCOMPARE(answers[1].answer, 1000);
}

void TestJobsLatestWins::answersComeInOrderWithTheirGeneration() {
    JobRunner jobs;
    quint64 last = 0;
    bool ordered = true;
    LatestWins<int, int> latest(
        jobs, {Lane::Analysis, "follow"}, [](const int& x, Progress&) { return x; },
        [&](quint64 generation, const int& request, Outcome<int> outcome) {
            ordered &= generation > last && quint64(request) == generation && *outcome.result() == request;
            last = generation;
        });
    for (int i = 1; i <= 500; ++i) {
        latest.post(i);
        if (i % 7 == 0) QCoreApplication::processEvents();
    }
    QTRY_COMPARE(last, quint64{500});
    QVERIFY(ordered);
}

void TestJobsLatestWins::droppedAnswersNeverCome() {
    JobRunner jobs;
    auto turnstile = std::make_shared<Turnstile>();
    QList<quint64> generations;
    LatestWins<int, int> latest(
        jobs, {Lane::Model, "follow"},
        [turnstile](const int& x, Progress&) {
            Progress deaf;  // does not heed the stop: its answer must be dropped all the same
            turnstile->pass(deaf);
            return x;
        },
        [&](quint64 generation, const int&, Outcome<int>) { generations << generation; });
    latest.post(1);
    latest.post(2);
    QTRY_COMPARE(turnstile->arrived.load(), 1);
    latest.drop();
    QVERIFY(!latest.isBusy());
    latest.post(3);
    turnstile->allowed = 1000;
    QTRY_COMPARE(generations, QList<quint64>{3});
    QTRY_VERIFY(jobs.isIdle());
    QCOMPARE(generations, QList<quint64>{3});
    QCOMPARE(turnstile->arrived.load(), 2);
}

void TestJobsLatestWins::failuresComeThrough() {
    JobRunner jobs;
    QString message;
    int good = 0;
    LatestWins<int, int> latest(
        jobs, {Lane::Model, "follow"},
        [](const int& x, Progress&) {
            if (x < 0) throw Error(ErrorCode::InvalidArgument, "below zero");
            return x;
        },
        [&](quint64, const int&, Outcome<int> outcome) {
            if (outcome.failure())
                message = outcome.failure()->message;
            else
                good = *outcome.result();
        });
    latest.post(-1);
    QTRY_COMPARE(message, QString("below zero"));
    latest.post(4);  // and it goes on
    QTRY_COMPARE(good, 4);
}

void TestJobsLatestWins::destroyedWhileRunning() {
    JobRunner jobs;
    auto turnstile = std::make_shared<Turnstile>();
    bool told = false;
    {
        LatestWins<int, int> latest(
            jobs, {Lane::Model, "follow"},
            [turnstile](const int& x, Progress& p) {
                turnstile->pass(p);
                return x;
            },
            [&](quint64, const int&, Outcome<int>) { told = true; });
        latest.post(1);
        latest.post(2);
        QTRY_COMPARE(turnstile->arrived.load(), 1);
    }
    QTRY_VERIFY(jobs.isIdle());  // it was stopped, too
    QVERIFY(!told);
    QCOMPARE(turnstile->arrived.load(), 1);
}

void TestJobsLatestWins::postFromDone() {
    JobRunner jobs;
    QList<int> seen;
    LatestWins<int, int>* self = nullptr;
    LatestWins<int, int> latest(
        jobs, {Lane::Model, "follow"}, [](const int& x, Progress&) { return x; },
        [&](quint64, const int& request, Outcome<int>) {
            seen << request;
            if (request < 3) self->post(request + 1);
        });
    self = &latest;
    latest.post(1);
    QTRY_COMPARE(seen, QList<int>({1, 2, 3}));
}

RHEO_TEST(TestJobsLatestWins)
#include "test_jobs_latest_wins.moc"
