#include "widgets/jobs/job_runner.h"

#include <QTimer>
#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <new>
#include <stop_token>
#include <thread>
#include <vector>

#include "widgets/jobs/time_left.h"

namespace rheo {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto tickEvery = std::chrono::milliseconds(50);
constexpr std::size_t laneCount = 4;

std::size_t indexOf(Lane lane) {
    return static_cast<std::size_t>(lane);
}

/// What a running job said last; written on its lane, read on the window's thread.
struct Meter {
    std::mutex mutex;
    bool started = false;
    Clock::time_point start;
    std::optional<double> fraction;
    std::string stage;
};

}  // namespace

/// What the lanes work on. A thread that is left behind by shutdown() keeps it alive.
struct JobRunner::Shared {
    struct Queued {
        qint64 id = 0;  ///< 0: nobody waits for it
        bool urgent = false;
        Task task;
        std::function<void()> dropped;
        std::stop_token stop;
        std::shared_ptr<Meter> meter;
    };

    std::mutex mutex;
    std::condition_variable work;
    std::condition_variable threadEnded;
    std::array<std::deque<Queued>, laneCount> waiting;
    /// By id, 0 for what a job brings before it ends; an event is posted for each.
    std::deque<std::pair<qint64, std::shared_ptr<Ended>>> ended;
    JobRunner* runner = nullptr;  ///< null once nothing more is delivered
    bool closing = false;
    int threads = 0;  ///< alive

    static void workOn(const std::shared_ptr<Shared>& shared, Lane lane);
    /// Takes the first job that waits and runs it. `lock` is let go meanwhile.
    static void runFirst(const std::shared_ptr<Shared>& shared, Lane lane,
                         std::unique_lock<std::mutex>& lock);
};

namespace {

/// Whose job this thread runs just now.
struct Here {
    std::weak_ptr<void> shared;
    Lane lane = Lane::Analysis;
    int depth = 0;
};
thread_local Here here;

}  // namespace

struct JobRunner::Private {
    struct Entry {
        JobInfo info;
        std::stop_source stop;
        std::shared_ptr<Meter> meter;
        TimeLeft timeLeft;
    };
    std::map<qint64, Entry> entries;  ///< by id: the order they were submitted in
    qint64 lastId = 0;
    std::vector<std::thread> threads;
    QTimer timer;
};

void JobRunner::Shared::runFirst(const std::shared_ptr<Shared>& shared, Lane lane,
                                 std::unique_lock<std::mutex>& lock) {
    auto& waiting = shared->waiting[indexOf(lane)];
    auto queued = std::make_optional(std::move(waiting.front()));
    waiting.pop_front();
    lock.unlock();

    const qint64 id = queued->id;
    const auto meter = queued->meter;
    {
        const std::scoped_lock metering(meter->mutex);
        meter->started = true;
        meter->start = Clock::now();
    }
    Progress progress(queued->stop, [meter](const ProgressReport& report) {
        const std::scoped_lock metering(meter->mutex);
        meter->fraction = report.fraction;
        meter->stage = report.stage;
    });
    auto ended = std::make_shared<Ended>(queued->task(progress));
    queued.reset();

    lock.lock();
    if (id != 0 && shared->runner != nullptr) {
        // Handed over under our own lock: by name, the event itself carries nothing.
        shared->ended.emplace_back(id, std::move(ended));
        QMetaObject::invokeMethod(shared->runner, "takeEnded", Qt::QueuedConnection);
    }
    if (ended) {  // nobody takes it: let it die outside the lock
        lock.unlock();
        ended.reset();
        lock.lock();
    }
}

void JobRunner::Shared::workOn(const std::shared_ptr<Shared>& shared, Lane lane) {
    here = {shared, lane, 0};
    std::unique_lock lock(shared->mutex);
    while (true) {
        shared->work.wait(lock, [&] { return shared->closing || !shared->waiting[indexOf(lane)].empty(); });
        if (shared->closing) break;
        runFirst(shared, lane, lock);
    }
    --shared->threads;
    shared->threadEnded.notify_all();
}

void JobRunner::deliver(std::function<void()> call) {
    const auto shared = std::static_pointer_cast<Shared>(here.shared.lock());
    if (!shared) return;
    auto part = std::make_shared<Ended>();
    part->deliver = std::move(call);
    const std::scoped_lock lock(shared->mutex);
    if (shared->runner == nullptr) return;
    shared->ended.emplace_back(0, std::move(part));
    QMetaObject::invokeMethod(shared->runner, "takeEnded", Qt::QueuedConnection);
}

void JobRunner::letUrgentThrough() {
    if (here.depth > 0) return;  // an urgent job lets nobody through
    const auto shared = std::static_pointer_cast<Shared>(here.shared.lock());
    if (!shared) return;
    ++here.depth;
    {
        std::unique_lock lock(shared->mutex);
        const auto& waiting = shared->waiting[indexOf(here.lane)];
        while (!shared->closing && !waiting.empty() && waiting.front().urgent)
            Shared::runFirst(shared, here.lane, lock);
    }
    --here.depth;
}

JobRunner::JobRunner(QObject* parent, int analysisThreads)
    : QObject(parent), m_shared(std::make_shared<Shared>()), m_private(std::make_unique<Private>()) {
    qRegisterMetaType<JobInfo>();
    m_shared->runner = this;
    m_private->timer.setInterval(tickEvery);
    connect(&m_private->timer, &QTimer::timeout, this, &JobRunner::tick);

    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    if (analysisThreads <= 0) analysisThreads = std::clamp(cores - 1, 2, 8);
    std::vector<Lane> lanes{Lane::Model, Lane::Io, Lane::Picture};
    lanes.insert(lanes.end(), static_cast<std::size_t>(analysisThreads), Lane::Analysis);
    for (const Lane lane : lanes) {
        {
            const std::scoped_lock lock(m_shared->mutex);
            ++m_shared->threads;
        }
        m_private->threads.emplace_back([shared = m_shared, lane] { Shared::workOn(shared, lane); });
    }
}

JobRunner::~JobRunner() {
    shutdown();
}

JobRunner::Ended JobRunner::guard(const std::function<void()>& call, Failure& failure) {
    Ended ended;
    try {
        call();
        return ended;
    } catch (const Cancelled&) {
        ended.state = JobState::Cancelled;
        return ended;
    } catch (const Error& error) {
        failure = {error.code(), QString::fromUtf8(error.what()), QString::fromStdString(error.context())};
    } catch (const std::bad_alloc&) {
        failure = {
            ErrorCode::OutOfMemory,
            QStringLiteral(
                "There is not enough memory for this; close other programs or views, or choose fewer rows."),
            {}};
    } catch (const std::exception& error) {
        failure = {
            ErrorCode::Internal, QStringLiteral("Unexpected: %1").arg(QString::fromUtf8(error.what())), {}};
    } catch (...) {
        failure = {ErrorCode::Internal, QStringLiteral("An unexpected error occurred."), {}};
    }
    ended.state = JobState::Failed;
    ended.failure = failure.message;
    return ended;
}

JobId JobRunner::enqueue(JobSpec spec, Task task, std::function<void()> dropped) {
    Private::Entry entry;
    const qint64 id = ++m_private->lastId;
    entry.info.id = JobId{id};
    entry.info.lane = spec.lane;
    entry.info.title = std::move(spec.title);
    entry.info.listed = spec.listed;
    entry.meter = std::make_shared<Meter>();
    {
        const std::scoped_lock lock(m_shared->mutex);
        if (m_shared->closing) return {};
        auto& waiting = m_shared->waiting[indexOf(spec.lane)];
        auto place = waiting.end();
        if (spec.urgent)
            place = std::find_if(waiting.begin(), waiting.end(), [](const auto& q) { return !q.urgent; });
        waiting.insert(place, {id, spec.urgent, std::move(task), std::move(dropped), entry.stop.get_token(),
                               entry.meter});
    }
    m_shared->work.notify_all();
    const JobInfo info = entry.info;
    m_private->entries.emplace(id, std::move(entry));
    if (!m_private->timer.isActive()) m_private->timer.start();
    Q_EMIT jobAdded(info);
    return info.id;
}

void JobRunner::cancel(JobId id) {
    const auto found = m_private->entries.find(id.value());
    if (found == m_private->entries.end() || found->second.info.stopping) return;
    found->second.info.stopping = true;
    found->second.stop.request_stop();

    std::function<void()> dropped;
    {
        const std::scoped_lock lock(m_shared->mutex);
        auto& waiting = m_shared->waiting[indexOf(found->second.info.lane)];
        const auto place =
            std::find_if(waiting.begin(), waiting.end(), [&](const auto& q) { return q.id == id.value(); });
        if (place != waiting.end()) {
            dropped = std::move(place->dropped);
            waiting.erase(place);
        }
    }
    if (dropped) {
        auto ended = std::make_shared<Ended>();
        ended->state = JobState::Cancelled;
        ended->deliver = std::move(dropped);
        QMetaObject::invokeMethod(
            this, [this, id, ended] { jobEndedOnLane(id.value(), ended); }, Qt::QueuedConnection);
    }
    Q_EMIT jobChanged(JobInfo(found->second.info));
}

void JobRunner::cancelAll() {
    for (const JobInfo& job : jobs()) cancel(job.id);
}

QList<JobInfo> JobRunner::jobs() const {
    QList<JobInfo> all;
    for (const auto& [id, entry] : m_private->entries) all.append(entry.info);
    return all;
}

bool JobRunner::isIdle() const {
    return m_private->entries.empty();
}

void JobRunner::release(Lane lane, std::shared_ptr<const void> object) {
    if (!object) return;
    {
        const std::scoped_lock lock(m_shared->mutex);
        if (m_shared->closing) return;
        m_shared->waiting[indexOf(lane)].push_back({0,
                                                    false,
                                                    [kept = std::move(object)](Progress&) mutable {
                                                        kept.reset();
                                                        return Ended{};
                                                    },
                                                    {},
                                                    {},
                                                    std::make_shared<Meter>()});
    }
    m_shared->work.notify_all();
}

void JobRunner::takeEnded() {
    std::pair<qint64, std::shared_ptr<Ended>> next;
    {
        const std::scoped_lock lock(m_shared->mutex);
        if (m_shared->ended.empty()) return;  // shut down meanwhile
        next = std::move(m_shared->ended.front());
        m_shared->ended.pop_front();
    }
    jobEndedOnLane(next.first, next.second);
}

void JobRunner::jobEndedOnLane(qint64 id, const std::shared_ptr<Ended>& ended) {
    if (id == 0) return ended->deliver();  // a piece of what a job brings
    const auto found = m_private->entries.find(id);
    if (found == m_private->entries.end()) return;  // shut down meanwhile
    JobInfo info = std::move(found->second.info);
    m_private->entries.erase(found);
    info.state = ended->state;
    info.failure = ended->failure;
    if (info.state == JobState::Done) info.fraction = 1;
    info.secondsLeft = 0;
    if (m_private->entries.empty()) m_private->timer.stop();
    ended->deliver();
    Q_EMIT jobEnded(info);
    if (m_private->entries.empty()) Q_EMIT becameIdle();
}

void JobRunner::tick() {
    QList<JobInfo> changed;
    for (auto& [id, entry] : m_private->entries) {
        const std::scoped_lock metering(entry.meter->mutex);
        if (!entry.meter->started) continue;
        JobInfo& info = entry.info;
        const JobState before = std::exchange(info.state, JobState::Running);
        const auto fraction = std::exchange(info.fraction, entry.meter->fraction);
        const QString stage = std::exchange(info.stage, QString::fromStdString(entry.meter->stage));
        const auto left = info.secondsLeft;
        if (info.fraction) {
            const double seconds = std::chrono::duration<double>(Clock::now() - entry.meter->start).count();
            info.secondsLeft = entry.timeLeft.update(seconds, *info.fraction);
        }
        // A guess that moved by less than a tenth of a second is no news.
        const bool newGuess = info.secondsLeft.has_value() != left.has_value() ||
                              (left && std::abs(*left - *info.secondsLeft) > 0.1);
        if (before != info.state || fraction != info.fraction || stage != info.stage || newGuess)
            changed.append(info);
    }
    for (const JobInfo& info : changed) Q_EMIT jobChanged(info);
}

bool JobRunner::shutdown(std::chrono::milliseconds bound) {
    if (m_private->threads.empty()) {  // done before; of what was left behind nobody waits twice
        const std::scoped_lock lock(m_shared->mutex);
        return m_shared->threads == 0;
    }
    for (auto& [id, entry] : m_private->entries) entry.stop.request_stop();
    m_private->entries.clear();
    m_private->timer.stop();

    std::array<std::deque<Shared::Queued>, laneCount> never;  // die outside the lock
    decltype(m_shared->ended) undelivered;
    bool all = false;
    {
        std::unique_lock lock(m_shared->mutex);
        m_shared->closing = true;
        m_shared->runner = nullptr;
        never.swap(m_shared->waiting);
        undelivered.swap(m_shared->ended);
        m_shared->work.notify_all();
        all = m_shared->threadEnded.wait_for(lock, bound, [this] { return m_shared->threads == 0; });
    }
    for (auto& thread : m_private->threads) {
        if (all)
            thread.join();
        else
            thread.detach();
    }
    m_private->threads.clear();
    return all;
}

}  // namespace rheo
