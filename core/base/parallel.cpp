#include "core/base/parallel.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace rheo {

namespace {

std::atomic<int> defaultThreads{0};

/// A call of parallelFor(), on the stack of its caller, which other threads may join.
class Loop {
public:
    using Body = std::function<void(std::int64_t, std::int64_t)>;
    Loop(std::int64_t count, std::int64_t grain, const Progress& progress, const Body& body)
        : m_count(count), m_grain(grain), m_progress(progress), m_body(body) {}

    std::int64_t pieces() const { return (m_count + m_grain - 1) / m_grain; }

    /// Runs pieces until none is left. Throws nothing.
    void work() {
        for (;;) {
            const std::int64_t piece = m_next.fetch_add(1);
            if (piece >= pieces() || m_failed) return;
            try {
                m_progress.check();
                m_body(piece * m_grain, std::min(m_count, (piece + 1) * m_grain));
            } catch (...) {
                const std::lock_guard lock(m_firstMutex);
                if (!m_first) m_first = std::current_exception();
                m_failed = true;
            }
        }
    }

    void rethrow() const {
        if (m_first) std::rethrow_exception(m_first);
    }

    // Of Helpers, under its mutex.
    std::int64_t open = 0;  ///< threads that may still join
    int joined = 0;
    std::condition_variable left;

private:
    const std::int64_t m_count, m_grain;
    const Progress& m_progress;
    const Body& m_body;
    std::atomic<std::int64_t> m_next{0};
    std::atomic<bool> m_failed{false};
    std::exception_ptr m_first;
    std::mutex m_firstMutex;
};

/// The threads of a process that sleep until there is a loop to join: one that starts for a loop alone takes
/// longer to come than most pieces take. Nobody waits for one to come: a caller works itself, and then waits
/// for those alone that joined and are at their last piece. So calls within calls cannot wait for each other.
class Helpers {
public:
    /// Runs a loop to its end, with at most loop.open others. There are never more than `most` of them.
    void run(Loop& loop, std::int64_t most) {
        const std::int64_t wanted = loop.open;
        {
            const std::lock_guard lock(m_mutex);
            m_loops.push_back(&loop);
            m_most = std::max(m_most, most);
            startUpTo(wanted);
        }
        for (std::int64_t i = 0; i < wanted; ++i) m_wanted.notify_one();
        loop.work();
        std::unique_lock lock(m_mutex);
        std::erase(m_loops, &loop);
        loop.left.wait(lock, [&] { return loop.joined == 0; });
    }

    const pid_t process = ::getpid();

private:
    void startUpTo(std::int64_t idle) {
        try {
            for (std::int64_t i = m_idle; i < idle && m_threads < m_most; ++i) {
                std::thread([this] { help(); }).detach();
                ++m_threads;
            }
        } catch (const std::exception&) {
            // The system gives no more threads: those that are there do the work.
        }
    }

    [[noreturn]] void help() {
        std::unique_lock lock(m_mutex);
        for (;;) {
            ++m_idle;
            m_wanted.wait(lock, [this] { return !m_loops.empty(); });
            --m_idle;
            Loop& loop = *m_loops.back();  // the innermost, which others wait for
            ++loop.joined;
            if (--loop.open == 0) m_loops.pop_back();
            lock.unlock();
            loop.work();
            lock.lock();
            std::erase(m_loops, &loop);  // has no pieces left
            if (--loop.joined == 0) loop.left.notify_one();
        }
    }

    std::mutex m_mutex;
    std::condition_variable m_wanted;
    std::vector<Loop*> m_loops;  ///< that may be joined
    std::int64_t m_threads = 0, m_idle = 0, m_most = 0;
};

/// Those of this process. They are never destroyed: a program may end while some of them work. After a fork
/// the child has none of its parent's threads, and whatever state the others had left the parent's object in.
Helpers& helpers() {
    static std::atomic<Helpers*> current{nullptr};
    Helpers* all = current.load();
    while (all == nullptr || all->process != ::getpid()) {
        auto made = std::make_unique<Helpers>();
        if (current.compare_exchange_strong(all, made.get())) return *made.release();
    }
    return *all;
}

}  // namespace

void setDefaultThreads(int threads) {
    defaultThreads = std::max(0, threads);
}

int resolveThreads(int requested) {
    if (requested > 0) return requested;
    if (const int all = defaultThreads; all > 0) return all;
    return std::max(1u, std::thread::hardware_concurrency());
}

void parallelFor(std::int64_t count, std::int64_t grain, int threads, const Progress& progress,
                 const std::function<void(std::int64_t, std::int64_t)>& body) {
    Loop loop(count, std::max<std::int64_t>(1, grain), progress, body);
    const std::int64_t most = resolveThreads(threads);
    loop.open = std::min(most, loop.pieces()) - 1;
    if (loop.open > 0)
        helpers().run(loop, most - 1);
    else
        loop.work();
    loop.rethrow();
}

}  // namespace rheo
