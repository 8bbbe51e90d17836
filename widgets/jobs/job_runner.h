#pragma once

#include <QList>
#include <QObject>
#include <QPointer>
#include <QString>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <variant>

#include "core/base/index.h"
#include "core/base/progress.h"
#include "widgets/jobs/outcome.h"

namespace rheo {

/// Where a job runs. In a lane of one thread jobs run in the order they were submitted, urgent ones first.
enum class Lane {
    Model,     ///< one thread: every call on a model
    Io,        ///< one thread: every call on an HDF5 file
    Picture,   ///< one thread: what is on screen, drawn into images
    Analysis,  ///< a bounded pool: everything else
};

enum class JobState { Queued, Running, Done, Failed, Cancelled };

/// Names a job; 0 is none.
using JobId = Index<struct JobTag>;

/// What is shown of a job.
struct JobInfo {
    JobId id;
    Lane lane = Lane::Analysis;
    QString title;
    QString stage;  ///< what it is doing just now; may be empty
    JobState state = JobState::Queued;
    std::optional<double> fraction;     ///< 0 to 1; none until it says so
    std::optional<double> secondsLeft;  ///< none until it can be told
    bool stopping = false;              ///< was told to stop and has not yet
    bool listed = true;                 ///< false: too short-lived to be shown in a list
    QString failure;                    ///< why, where it failed
};

struct JobSpec {
    Lane lane = Lane::Analysis;
    QString title;        ///< for a person: "Capturing 'It is a truth...'"
    bool listed = true;   ///< see JobInfo
    bool urgent = false;  ///< somebody's hand waits for it: starts before those that are not
};

/// Runs functions off the window's thread and brings their outcome back to it. The only bridge between
/// threads, and the only place that catches everything.
///
/// Lives on the window's thread, where all its functions are called and all its signals sent. A job
/// captures values and shared pointers to const, never a QObject.
class JobRunner : public QObject {
    Q_OBJECT
public:
    /// `analysisThreads`: size of the pool, 0: one less than the cores, from 2 to 8.
    explicit JobRunner(QObject* parent = nullptr, int analysisThreads = 0);
    /// As shutdown() with its default bound.
    ~JobRunner() override;

    /// Runs `R work(Progress&)` on its lane, then `done(Outcome<R>)` on the window's thread; a work that
    /// returns nothing gives Outcome<std::monostate>. `done` is dropped if `receiver` (which lives on
    /// the window's thread) is gone by then. A job that is told to stop and ends with a result all the
    /// same delivers it. `done` is never called from inside submit() or cancel().
    template <class Work, class Done>
    JobId submit(JobSpec spec, Work work, QObject* receiver, Done done);

    /// Asks a job to stop: a queued one never starts, a running one ends at its next Progress::check().
    void cancel(JobId id);
    void cancelAll();

    /// Jobs that have not ended, in the order they were submitted.
    QList<JobInfo> jobs() const;
    bool isIdle() const;

    /// Drops a reference on a thread of the lane, so that closing a file or freeing a model happens
    /// where it was used. Not shown and not counted as a job.
    void release(Lane lane, std::shared_ptr<const void> object);

    /// Stops everything and waits for the threads, no longer than `bound`; a thread that does not heed
    /// its stop token is left behind. Returns whether all of them ended. Afterwards no job is taken
    /// and nothing more is delivered.
    bool shutdown(std::chrono::milliseconds bound = std::chrono::seconds(5));

    /// For a job: has `call` run on the window's thread, before the job's own outcome is brought there. Does
    /// nothing outside of a job, or after shutdown().
    static void deliver(std::function<void()> call);
    /// What a job brings piece by piece: the function that is returned is called in the job, and `use` with
    /// what it was given on the window's thread, unless `receiver` is gone by then.
    template <class Part, class Use>
    static std::function<void(Part)> partsTo(QObject* receiver, Use use) {
        return [alive = QPointer<QObject>(receiver), use = std::move(use)](Part part) {
            auto kept = std::make_shared<Part>(std::move(part));
            deliver([alive, use, kept] {
                if (alive) use(std::move(*kept));
            });
        };
    }

    /// For a long job, between two pieces of its work: runs the urgent jobs that wait on its lane, here and
    /// now, so that a hand that drags does not wait for it. Does nothing outside of a job.
    static void letUrgentThrough();

Q_SIGNALS:
    void jobAdded(const rheo::JobInfo& job);
    /// At most 20 times a second for each job.
    void jobChanged(const rheo::JobInfo& job);
    /// After `done` was called; job.state says how it ended.
    void jobEnded(const rheo::JobInfo& job);
    /// No job is left.
    void becameIdle();

private:
    /// What a job leaves behind for the window's thread: how it ended, and who is to be told.
    struct Ended {
        JobState state = JobState::Done;
        QString failure;
        std::function<void()> deliver;
    };
    using Task = std::function<Ended(Progress&)>;
    struct Shared;

    /// `task` runs on the lane; `dropped` on the window's thread, if the job is stopped before it starts.
    JobId enqueue(JobSpec spec, Task task, std::function<void()> dropped);
    /// Runs `call` and turns whatever it throws into a state and a failure.
    static Ended guard(const std::function<void()>& call, Failure& failure);
    Q_INVOKABLE void takeEnded();
    void jobEndedOnLane(qint64 id, const std::shared_ptr<Ended>& ended);
    void tick();

    std::shared_ptr<Shared> m_shared;
    struct Private;
    std::unique_ptr<Private> m_private;
};

template <class Work, class Done>
JobId JobRunner::submit(JobSpec spec, Work work, QObject* receiver, Done done) {
    using Raw = std::invoke_result_t<Work&, Progress&>;
    using R = std::conditional_t<std::is_void_v<Raw>, std::monostate, Raw>;
    const QPointer<QObject> alive(receiver);
    // Both halves share `done`, and only one of them runs.
    auto finish = std::make_shared<std::function<void(Outcome<R>)>>(
        [alive, done = std::move(done)](Outcome<R> outcome) mutable {
            if (alive) done(std::move(outcome));
        });
    // std::function wants what can be copied, and a work may hold what can only be moved.
    auto kept = std::make_shared<Work>(std::move(work));
    // The task alone holds it: a quick job may be over before this function is.
    Task task = [finish, kept = std::move(kept)](Progress& progress) mutable {
        std::optional<R> result;
        Failure failure;
        Ended ended = guard(
            [&] {
                progress.check();
                if constexpr (std::is_void_v<Raw>) {
                    (*kept)(progress);
                    result.emplace();
                } else {
                    result.emplace((*kept)(progress));
                }
            },
            failure);
        kept.reset();  // what it captured dies on its lane
        auto outcome = std::make_shared<Outcome<R>>(
            result ? Outcome<R>(std::move(*result))
                   : (ended.state == JobState::Cancelled ? Outcome<R>(Cancelled{}) : Outcome<R>(failure)));
        ended.deliver = [finish, outcome] { (*finish)(std::move(*outcome)); };
        return ended;
    };
    return enqueue(std::move(spec), std::move(task), [finish] { (*finish)(Outcome<R>(Cancelled{})); });
}

}  // namespace rheo

Q_DECLARE_METATYPE(rheo::JobInfo)
