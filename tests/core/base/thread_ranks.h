// Ranks that are threads of one process: what MPI gives, by queues.
#pragma once

#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/ranks.h"

namespace rheo::tests {

struct Mail {
    std::mutex mutex;
    std::condition_variable came;
    std::map<std::pair<int, int>, std::deque<Bytes>> queues;  ///< [from, to]
    bool broken = false;                                      ///< a rank failed: the others stop
};

inline Ranks threadRank(const std::shared_ptr<Mail>& mail, int rank, int size) {
    Ranks ranks{rank, size};
    ranks.traffic = std::make_shared<RankTraffic>();
    ranks.send = [mail, rank](int to, const void* data, std::size_t bytes) {
        const auto* from = static_cast<const std::byte*>(data);
        const std::lock_guard lock(mail->mutex);
        mail->queues[{rank, to}].emplace_back(from, from + bytes);
        mail->came.notify_all();
    };
    ranks.receive = [mail, rank](int from, void* data, std::size_t bytes) {
        std::unique_lock lock(mail->mutex);
        auto& queue = mail->queues[{from, rank}];
        mail->came.wait(lock, [&] { return mail->broken || !queue.empty(); });
        if (queue.empty()) throw Cancelled{};
        if (queue.front().size() != bytes) throw Error(ErrorCode::Internal, "a message of another size");
        std::memcpy(data, queue.front().data(), bytes);
        queue.pop_front();
    };
    return ranks;
}

/// Runs `use` as each of `size` ranks at once, as the current ranks of its thread. Rethrows the first
/// failure. Throws Error where a message was sent and not taken.
inline void asRanks(int size, const std::function<void(const Ranks&)>& use) {
    const auto mail = std::make_shared<Mail>();
    std::exception_ptr first;
    {
        std::vector<std::jthread> threads;
        for (int rank = 0; rank < size; ++rank)
            threads.emplace_back([&, rank] {
                try {
                    const Ranks ranks = threadRank(mail, rank, size);
                    const RanksScope scope(ranks);
                    use(ranks);
                } catch (...) {
                    const std::lock_guard lock(mail->mutex);
                    if (!first) first = std::current_exception();
                    mail->broken = true;
                    mail->came.notify_all();
                }
            });
    }
    if (first) std::rethrow_exception(first);
    for (const auto& [who, queue] : mail->queues)
        if (!queue.empty()) throw Error(ErrorCode::Internal, "a message was not taken");
}

}  // namespace rheo::tests
