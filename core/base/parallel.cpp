#include "core/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace rheo {

namespace {
std::atomic<int> defaultThreads{0};
}

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
    grain = std::max<std::int64_t>(1, grain);
    const std::int64_t pieces = (count + grain - 1) / grain;
    std::atomic<std::int64_t> next{0};
    std::atomic<bool> failed{false};
    std::exception_ptr first;
    std::mutex firstMutex;

    auto work = [&] {
        for (;;) {
            const std::int64_t piece = next.fetch_add(1);
            if (piece >= pieces || failed) return;
            try {
                progress.check();
                body(piece * grain, std::min(count, (piece + 1) * grain));
            } catch (...) {
                const std::lock_guard lock(firstMutex);
                if (!first) first = std::current_exception();
                failed = true;
            }
        }
    };

    const auto workers = std::min<std::int64_t>(resolveThreads(threads), pieces);
    std::vector<std::jthread> pool;
    try {
        for (std::int64_t i = 1; i < workers; ++i) pool.emplace_back(work);
    } catch (const std::system_error&) {
        // The system gives no more threads: those that are there do the work.
    }
    work();
    pool.clear();  // joins
    if (first) std::rethrow_exception(first);
}

}  // namespace rheo
