#pragma once

#include <QObject>
#include <QString>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "widgets/jobs/job_runner.h"

namespace rheo {

/// For what follows the mouse: of the requests posted one runs and one waits, and a newer one takes the
/// place of the one that waits. Every request has a generation number, counted from 1. An answer is
/// delivered while requests go on coming (so that a picture follows a drag that never rests), but
/// never out of order, and never once drop() was called after it was asked for.
///
/// Lives on the window's thread. When it is destroyed nothing more is delivered.
template <class Request, class Answer>
class LatestWins {
public:
    using Generation = quint64;
    using Work = std::function<Answer(const Request&, Progress&)>;
    using Done = std::function<void(Generation, const Request&, Outcome<Answer>)>;

    /// `work` runs on the lane and holds values and shared pointers to const only; `done` runs on the
    /// window's thread, never with Cancelled.
    LatestWins(JobRunner& jobs, JobSpec spec, Work work, Done done)
        : m_jobs(jobs), m_spec(std::move(spec)), m_work(std::move(work)), m_done(std::move(done)) {
        m_spec.listed = false;
        m_spec.urgent = true;
    }
    ~LatestWins() { drop(); }
    LatestWins(const LatestWins&) = delete;
    LatestWins& operator=(const LatestWins&) = delete;

    /// Returns the request's generation.
    Generation post(Request request) {
        m_waiting = std::make_pair(++m_latest, std::make_shared<const Request>(std::move(request)));
        startNext();
        return m_latest;
    }

    /// Forgets what waits, stops what runs, and drops the answers of all that was posted so far.
    void drop() {
        m_waiting.reset();
        m_dropped = m_latest;
        if (m_running) m_jobs.cancel(*m_running);
    }

    /// Something runs or waits whose answer will be delivered.
    bool isBusy() const { return m_waiting.has_value() || (m_running && m_runningGeneration > m_dropped); }
    Generation latest() const { return m_latest; }

private:
    void startNext() {
        if (m_running || !m_waiting) return;
        auto [generation, request] = *std::exchange(m_waiting, std::nullopt);
        m_runningGeneration = generation;
        m_running = m_jobs.submit(
            m_spec, [work = m_work, request](Progress& progress) { return work(*request, progress); },
            &m_guard,
            [this, generation, request](Outcome<Answer> outcome) {
                m_running.reset();
                startNext();
                if (generation > m_dropped && !outcome.cancelled())
                    m_done(generation, *request, std::move(outcome));
            });
    }

    JobRunner& m_jobs;
    JobSpec m_spec;
    Work m_work;
    Done m_done;
    QObject m_guard;  ///< dies with this, and takes what is on its way with it
    std::optional<JobId> m_running;
    Generation m_runningGeneration = 0;
    std::optional<std::pair<Generation, std::shared_ptr<const Request>>> m_waiting;
    Generation m_latest = 0;
    Generation m_dropped = 0;
};

}  // namespace rheo
