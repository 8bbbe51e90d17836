#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"

namespace rheo {

/// What a rank has handed to others, for who measures.
struct RankTraffic {
    std::atomic<std::uint64_t> bytes{0}, messages{0};
};

/// Processes that run the same computation side by side, and how they talk. A plain value, cheap to copy. As
/// made here: one rank, alone, which never talks.
///
/// All ranks of a computation take the same steps in the same order; what they do not share, each does for
/// itself. The functions below are called by all of them, from one thread of each, at the same step.
struct Ranks {
    int rank = 0;  ///< this one, 0 .. size - 1
    int size = 1;
    /// Hands bytes to another rank, or takes as many from it; messages between two ranks keep their order.
    /// Both return when that is done, and throw Cancelled once a stop was requested. Empty for one rank
    /// alone.
    std::function<void(int to, const void* data, std::size_t bytes)> send = {};
    std::function<void(int from, void* data, std::size_t bytes)> receive = {};
    std::shared_ptr<RankTraffic> traffic = {};  ///< counted by the functions below; may be null

    bool first() const { return rank == 0; }
    bool alone() const { return size == 1; }
};

/// A failure that all ranks have come to know together, and throw: each then ends by itself.
class SharedError : public Error {
public:
    using Error::Error;
};

using Bytes = std::vector<std::byte>;

/// What rank 0 has, on all ranks.
Bytes broadcast(const Ranks& ranks, Bytes bytes);
std::string broadcast(const Ranks& ranks, const std::string& text);
/// What each rank has, by rank, on rank 0; nothing on the others. Memory: all of it.
std::vector<Bytes> gatherToFirst(const Ranks& ranks, const Bytes& own);
/// The same on all ranks.
std::vector<Bytes> gather(const Ranks& ranks, const Bytes& own);
/// Sums over ranks of each value, on all of them, to the same bits: pairs of ranks are added in an order that
/// follows from their number alone. Sends 2 (size - 1) times the values; memory: the values once more.
void sumOverRanks(const Ranks& ranks, std::span<double> values);
/// Returns when all ranks have come here.
void barrier(const Ranks& ranks);

/// Part `part` of `count` things cut into `parts` runs of nearly equal length.
struct Share {
    std::int64_t first = 0, count = 0;
};
Share shareOf(std::int64_t count, int part, int parts);

/// Rows of a table [count, width], where rank r made those whose number leaves r when divided by the number
/// of ranks, and all ranks get all. `values` is row-major.
void exchangeRows(const Ranks& ranks, std::int64_t count, std::int64_t width, double* values);

/// Text as bytes, and back.
Bytes bytesOf(const std::string& text);
std::string textOf(const Bytes& bytes);

/// The ranks that computations on this thread share their work with: one alone, unless a RanksScope says
/// others. Like the number of threads (setDefaultThreads) it says who computes and changes no result beyond
/// rounding; so it is no option of each computation. Threads that a computation starts are alone.
const Ranks& currentRanks();

/// While it lives, this thread shares with `ranks`. Scopes may be nested: Ranks() within another computes
/// alone what all ranks do for themselves, or what one does.
class RanksScope {
public:
    explicit RanksScope(Ranks ranks);
    ~RanksScope();
    RanksScope(const RanksScope&) = delete;
    RanksScope& operator=(const RanksScope&) = delete;

private:
    Ranks m_ranks;
    const Ranks* m_before;
};

}  // namespace rheo
