#include "core/base/ranks.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace rheo {

namespace {

thread_local const Ranks* current = nullptr;

void sendTo(const Ranks& ranks, int to, const void* data, std::size_t bytes) {
    if (ranks.traffic) {
        ranks.traffic->bytes += bytes;
        ++ranks.traffic->messages;
    }
    ranks.send(to, data, bytes);
}

/// Bytes of any number: their number first.
void sendBytes(const Ranks& ranks, int to, const Bytes& bytes) {
    const std::uint64_t count = bytes.size();
    sendTo(ranks, to, &count, sizeof count);
    if (count > 0) sendTo(ranks, to, bytes.data(), bytes.size());
}

Bytes receiveBytes(const Ranks& ranks, int from) {
    std::uint64_t count = 0;
    ranks.receive(from, &count, sizeof count);
    Bytes bytes(static_cast<std::size_t>(count));
    if (count > 0) ranks.receive(from, bytes.data(), bytes.size());
    return bytes;
}

/// Calls `receiveFrom(rank)` and then `sendTo(rank)` as a tree over the ranks says, rank 0 being its root:
/// each rank is reached after about log2(size) steps.
template <class Receive, class Send>
void downTheTree(const Ranks& ranks, Receive receiveFrom, Send sendToRank) {
    int step = 1;
    while (step < ranks.size && ranks.rank % (2 * step) == 0) step *= 2;
    if (!ranks.first()) receiveFrom(ranks.rank - step);
    for (step /= 2; step > 0; step /= 2)
        if (ranks.rank + step < ranks.size) sendToRank(ranks.rank + step);
}

}  // namespace

Bytes broadcast(const Ranks& ranks, Bytes bytes) {
    downTheTree(
        ranks, [&](int from) { bytes = receiveBytes(ranks, from); },
        [&](int to) { sendBytes(ranks, to, bytes); });
    return bytes;
}

std::string broadcast(const Ranks& ranks, const std::string& text) {
    return textOf(broadcast(ranks, bytesOf(text)));
}

std::vector<Bytes> gatherToFirst(const Ranks& ranks, const Bytes& own) {
    if (!ranks.first()) {
        sendBytes(ranks, 0, own);
        return {};
    }
    std::vector<Bytes> all{own};
    for (int from = 1; from < ranks.size; ++from) all.push_back(receiveBytes(ranks, from));
    return all;
}

std::vector<Bytes> gather(const Ranks& ranks, const Bytes& own) {
    std::vector<Bytes> all = gatherToFirst(ranks, own);
    all.resize(static_cast<std::size_t>(ranks.size));
    for (Bytes& one : all) one = broadcast(ranks, std::move(one));
    return all;
}

void sumOverRanks(const Ranks& ranks, std::span<double> values) {
    if (ranks.alone()) return;
    std::vector<double> others;
    for (int step = 1; step < ranks.size; step *= 2) {
        if (ranks.rank % (2 * step) != 0) {
            sendTo(ranks, ranks.rank - step, values.data(), values.size_bytes());
            break;
        }
        if (ranks.rank + step >= ranks.size) continue;
        others.resize(values.size());
        ranks.receive(ranks.rank + step, others.data(), values.size_bytes());
        for (std::size_t i = 0; i < values.size(); ++i) values[i] += others[i];
    }
    downTheTree(
        ranks, [&](int from) { ranks.receive(from, values.data(), values.size_bytes()); },
        [&](int to) { sendTo(ranks, to, values.data(), values.size_bytes()); });
}

void barrier(const Ranks& ranks) {
    gatherToFirst(ranks, {});
    broadcast(ranks, Bytes());
}

Share shareOf(std::int64_t count, int part, int parts) {
    const std::int64_t each = count / parts, more = count % parts;
    return {part * each + std::min<std::int64_t>(part, more), each + (part < more ? 1 : 0)};
}

void exchangeRows(const Ranks& ranks, std::int64_t count, std::int64_t width, double* values) {
    if (ranks.alone()) return;
    const auto rowBytes = static_cast<std::size_t>(width) * sizeof(double);
    Bytes own;
    for (std::int64_t n = ranks.rank; n < count; n += ranks.size) {
        const auto* from = reinterpret_cast<const std::byte*>(values + n * width);
        own.insert(own.end(), from, from + rowBytes);
    }
    const std::vector<Bytes> all = gather(ranks, own);
    for (int rank = 0; rank < ranks.size; ++rank) {
        std::size_t at = 0;
        for (std::int64_t n = rank; n < count && rowBytes > 0; n += ranks.size, at += rowBytes)
            std::memcpy(values + n * width, all[static_cast<std::size_t>(rank)].data() + at, rowBytes);
    }
}

Bytes bytesOf(const std::string& text) {
    const auto* from = reinterpret_cast<const std::byte*>(text.data());
    return {from, from + text.size()};
}

std::string textOf(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

const Ranks& currentRanks() {
    static const Ranks alone;
    return current == nullptr ? alone : *current;
}

RanksScope::RanksScope(Ranks ranks) : m_ranks(std::move(ranks)), m_before(current) {
    current = &m_ranks;
}

RanksScope::~RanksScope() {
    current = m_before;
}

}  // namespace rheo
