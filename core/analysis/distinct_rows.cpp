#include "core/analysis/distinct_rows.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_map>

#include "core/base/hash.h"
#include "core/base/parallel.h"

namespace rheo {

namespace {

constexpr std::size_t blockBytes = std::size_t{32} << 20;

/// 128 bits.
using Digest = std::array<std::uint64_t, 2>;

Digest digestOf(std::span<const std::byte> bytes) {
    Sha256 hash;
    hash.update(bytes);
    const std::string hex = hash.hex();
    return {std::stoull(hex.substr(0, 16), nullptr, 16), std::stoull(hex.substr(16, 16), nullptr, 16)};
}

std::vector<Digest> digestsOfStates(const TraceView& view, int threads, Progress& progress) {
    const std::int64_t rows = view.rowCount(), values = view.pointCount() * view.unitCount();
    const std::int64_t block = rowsPerBlock(view, blockBytes);
    std::vector<float> states(static_cast<std::size_t>(block * values));
    std::vector<Digest> digests(static_cast<std::size_t>(rows));
    for (std::int64_t first = 0; first < rows; first += block) {
        progress.check();
        const std::int64_t count = std::min(block, rows - first);
        readView(view, first, count, states.data());
        parallelFor(count, 1, threads, progress, [&](std::int64_t n, std::int64_t) {
            const std::span<const float> row(states.data() + n * values, static_cast<std::size_t>(values));
            digests[static_cast<std::size_t>(first + n)] = digestOf(std::as_bytes(row));
        });
        progress.report(static_cast<double>(first + count), static_cast<double>(rows));
    }
    return digests;
}

/// For each row of the view a number that rows with the same tokens up to theirs share; -1 where the trace
/// does not say them.
std::vector<std::int64_t> prefixes(const TraceView& view) {
    const TraceInfo& info = view.trace->info();
    // Prefixes are numbered as nodes of a tree: one more token leads to a child.
    std::map<std::pair<std::int64_t, std::int32_t>, std::int64_t> children;
    std::unordered_map<std::int32_t, std::vector<std::int64_t>> nodesOf;
    std::vector<std::int64_t> found;
    for (std::int64_t n = 0; n < view.rowCount(); ++n) {
        const TraceRow& row = info.rows[static_cast<std::size_t>(view.traceRow(n))];
        const auto sample = static_cast<std::size_t>(row.sample);
        if (sample >= info.samples.size() || row.position < 0 ||
            static_cast<std::size_t>(row.position) >= info.samples[sample].tokenIds.size()) {
            found.push_back(-1);
            continue;
        }
        std::vector<std::int64_t>& nodes = nodesOf[row.sample];
        while (nodes.size() <= static_cast<std::size_t>(row.position)) {
            const std::int64_t parent = nodes.empty() ? 0 : nodes.back();
            const std::int32_t token = info.samples[sample].tokenIds[nodes.size()];
            nodes.push_back(
                children.try_emplace({parent, token}, static_cast<std::int64_t>(children.size()) + 1)
                    .first->second);
        }
        found.push_back(nodes[static_cast<std::size_t>(row.position)]);
    }
    return found;
}

}  // namespace

DistinctRows distinctRows(const TraceView& view, int threads, Progress& progress) {
    progress.setStage("looking for rows with the same states");
    const TraceInfo& info = view.trace->info();
    const std::vector<Digest> digests = digestsOfStates(view, threads, progress);
    const std::vector<std::int64_t> prefixOf = prefixes(view);
    DistinctRows distinct;
    std::set<Digest> seen;
    std::unordered_map<std::int64_t, std::int32_t> firstSample;  // of a prefix
    std::unordered_map<std::int64_t, std::int64_t> rowsOf;
    std::set<std::int64_t> shared;
    for (std::int64_t n = 0; n < view.rowCount(); ++n) {
        const auto i = static_cast<std::size_t>(n);
        bool isNew = seen.insert(digests[i]).second;
        if (prefixOf[i] >= 0) {
            const std::int32_t sample = info.rows[static_cast<std::size_t>(view.traceRow(n))].sample;
            const bool first = firstSample.try_emplace(prefixOf[i], sample).second;
            ++rowsOf[prefixOf[i]];
            if (!first && firstSample[prefixOf[i]] != sample) shared.insert(prefixOf[i]);
            if (!first && info.model) isNew = false;
        }
        if (isNew)
            distinct.rows.push_back(n);
        else
            ++distinct.repeated;
    }
    for (const auto prefix : shared) distinct.sharedPrefix += rowsOf[prefix];
    return distinct;
}

}  // namespace rheo
