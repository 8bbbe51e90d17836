#include "core/compare/matched_rows.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "core/base/random.h"

namespace rheo {

namespace {

using Ids = std::vector<std::int32_t>;

/// The samples of rows: [sample] the places of its rows, by position.
std::map<std::int32_t, std::vector<std::int64_t>> rowsBySample(const RowsOfTrace& of) {
    std::map<std::int32_t, std::vector<std::int64_t>> rows;
    for (std::size_t n = 0; n < of.rows.size(); ++n)
        rows[of.info.rows[static_cast<std::size_t>(of.rows[n])].sample].push_back(
            static_cast<std::int64_t>(n));
    return rows;
}

const Sample* sampleOf(const TraceInfo& info, std::int32_t sample) {
    const auto at = static_cast<std::size_t>(sample);
    return sample >= 0 && at < info.samples.size() ? &info.samples[at] : nullptr;
}

const TraceRow& rowAt(const RowsOfTrace& of, std::int64_t place) {
    return of.info.rows[static_cast<std::size_t>(of.rows[static_cast<std::size_t>(place)])];
}

struct Pair {
    std::int64_t a, b;
};

void pairByPosition(const RowsOfTrace& a, const std::vector<std::int64_t>& ofA, const RowsOfTrace& b,
                    const std::vector<std::int64_t>& ofB, std::vector<Pair>& pairs) {
    std::map<std::int32_t, std::int64_t> places;
    for (const auto n : ofB) places.emplace(rowAt(b, n).position, n);
    for (const auto n : ofA)
        if (const auto found = places.find(rowAt(a, n).position); found != places.end())
            pairs.push_back({n, found->second});
}

/// The last row of a sample, if it is of the last token; -1 else, or where that is not known.
std::int64_t lastRow(const RowsOfTrace& of, const std::vector<std::int64_t>& rows, const Sample& sample) {
    const auto last = std::max_element(rows.begin(), rows.end(), [&](std::int64_t x, std::int64_t y) {
        return rowAt(of, x).position < rowAt(of, y).position;
    });
    const bool isLast = sample.tokenIds.empty() ||
                        rowAt(of, *last).position + 1 == static_cast<std::int32_t>(sample.tokenIds.size());
    return isLast ? *last : -1;
}

/// Pairs the samples that `keyOf` gives the same key, in order; an empty key pairs with none.
template <class Key, class KeyOf, class Use>
void pairSamples(const RowsOfTrace& a, const RowsOfTrace& b, KeyOf keyOf, Use use) {
    std::map<Key, std::vector<std::int32_t>> ofB;
    const auto rowsOfA = rowsBySample(a), rowsOfB = rowsBySample(b);
    for (const auto& [sample, rows] : rowsOfB)
        if (const Sample* one = sampleOf(b.info, sample); one != nullptr && !keyOf(*one).empty())
            ofB[keyOf(*one)].push_back(sample);
    std::map<Key, std::size_t> used;
    for (const auto& [sample, rows] : rowsOfA) {
        const Sample* one = sampleOf(a.info, sample);
        if (one == nullptr) continue;
        const auto found = ofB.find(keyOf(*one));
        if (found == ofB.end()) continue;
        std::size_t& next = used[found->first];
        if (next == found->second.size()) continue;
        const std::int32_t other = found->second[next++];
        use(rows, *one, rowsOfB.at(other), *sampleOf(b.info, other));
    }
}

bool saysNothing(const RowsOfTrace& of) {
    return std::all_of(of.info.samples.begin(), of.info.samples.end(),
                       [](const Sample& sample) { return sample.tokenIds.empty() && sample.text.empty(); });
}

std::vector<Pair> pairsByNumber(const RowsOfTrace& a, const RowsOfTrace& b) {
    std::vector<Pair> pairs;
    const auto ofB = rowsBySample(b);
    for (const auto& [sample, rows] : rowsBySample(a))
        if (const auto found = ofB.find(sample); found != ofB.end())
            pairByPosition(a, rows, b, found->second, pairs);
    return pairs;
}

template <class Key>
std::vector<std::int32_t> numbered(const std::vector<Key>& keys, std::int64_t& count) {
    std::map<Key, std::int32_t> numbers;
    std::vector<std::int32_t> result;
    for (const Key& key : keys)
        result.push_back(numbers.try_emplace(key, static_cast<std::int32_t>(numbers.size())).first->second);
    count = static_cast<std::int64_t>(numbers.size());
    return result;
}

}  // namespace

std::string_view matchedByName(MatchedBy by) {
    switch (by) {
        case MatchedBy::TokenIds: return "token ids";
        case MatchedBy::Texts: return "texts";
        case MatchedBy::Numbers: return "sample numbers";
        case MatchedBy::Nothing: break;
    }
    return "nothing";
}

MatchedRows matchRows(const RowsOfTrace& a, const RowsOfTrace& b) {
    std::vector<Pair> pairs;
    MatchedRows matched;
    matched.by = MatchedBy::TokenIds;
    pairSamples<Ids>(
        a, b, [](const Sample& s) -> const Ids& { return s.tokenIds; },
        [&](const auto& rowsA, const Sample&, const auto& rowsB, const Sample&) {
            pairByPosition(a, rowsA, b, rowsB, pairs);
        });
    if (pairs.empty()) {
        matched.by = MatchedBy::Texts;
        pairSamples<std::string>(
            a, b, [](const Sample& s) -> const std::string& { return s.text; },
            [&](const auto& rowsA, const Sample& one, const auto& rowsB, const Sample& other) {
                const auto lastA = lastRow(a, rowsA, one), lastB = lastRow(b, rowsB, other);
                if (lastA >= 0 && lastB >= 0) pairs.push_back({lastA, lastB});
            });
    }
    if (pairs.empty() && saysNothing(a) && saysNothing(b)) {
        matched.by = MatchedBy::Numbers;
        pairs = pairsByNumber(a, b);
    }
    if (pairs.empty()) return {};
    std::sort(pairs.begin(), pairs.end(), [](const Pair& x, const Pair& y) { return x.a < y.a; });
    std::vector<std::int32_t> samples;
    std::vector<std::string> groups;
    for (const Pair& pair : pairs) {
        matched.a.push_back(pair.a);
        matched.b.push_back(pair.b);
        const TraceRow& row = rowAt(a, pair.a);
        matched.position.push_back(row.position);
        samples.push_back(row.sample);
        const Sample* one = sampleOf(a.info, row.sample);
        const bool grouped = one != nullptr && !one->group.empty();
        // A group of its own, by a name that no text has.
        groups.push_back(grouped ? one->group : std::string(1, '\0').append(std::to_string(row.sample)));
    }
    matched.sample = numbered(samples, matched.samples);
    matched.unit = numbered(groups, matched.units);
    return matched;
}

MatchedRows pickPairs(const MatchedRows& matched, std::span<const std::int64_t> keep) {
    MatchedRows picked;
    picked.by = matched.by;
    for (const std::int64_t place : keep) {
        const auto i = static_cast<std::size_t>(place);
        picked.a.push_back(matched.a[i]);
        picked.b.push_back(matched.b[i]);
        picked.sample.push_back(matched.sample[i]);
        picked.unit.push_back(matched.unit[i]);
        picked.position.push_back(matched.position[i]);
    }
    picked.sample = numbered(picked.sample, picked.samples);
    picked.unit = numbered(picked.unit, picked.units);
    return picked;
}

MatchedRows thinned(const MatchedRows& matched, std::int64_t most) {
    constexpr std::int64_t leastSamples = 100;
    if (matched.count() <= most || most < 1) return matched;
    const std::int64_t wanted =
        std::min(matched.samples,
                 std::max(leastSamples, matched.samples * most / std::max<std::int64_t>(1, matched.count())));
    std::vector<std::int64_t> keep;
    // Sample s is kept where the even spacing of `wanted` of them has a step.
    const auto isKept = [&](std::int64_t s) {
        return s * wanted / matched.samples != (s + 1) * wanted / matched.samples;
    };
    for (std::int64_t i = 0; i < matched.count(); ++i)
        if (isKept(matched.sample[static_cast<std::size_t>(i)])) keep.push_back(i);
    const std::int64_t every = (static_cast<std::int64_t>(keep.size()) + most - 1) / most;
    if (every > 1)
        std::erase_if(keep, [&](std::int64_t i) {
            return matched.position[static_cast<std::size_t>(i)] % every != every - 1;
        });
    return pickPairs(matched, keep);
}

std::vector<std::int32_t> shuffledPairs(const MatchedRows& matched, std::uint64_t seed,
                                        std::uint64_t repeat) {
    RandomStream random(seed, repeat);
    const auto order = random.permutation(static_cast<std::int32_t>(matched.units));
    // Pairs of each place within their samples, in the random order of their units.
    std::map<std::int32_t, std::vector<std::tuple<std::int32_t, std::int32_t, std::int32_t>>> byPlace;
    std::vector<std::int32_t> seen(static_cast<std::size_t>(matched.samples), 0);
    for (std::size_t i = 0; i < matched.a.size(); ++i) {
        const std::int32_t sample = matched.sample[i];
        byPlace[seen[static_cast<std::size_t>(sample)]++].emplace_back(
            order[static_cast<std::size_t>(matched.unit[i])], sample, static_cast<std::int32_t>(i));
    }
    std::vector<std::int32_t> from(matched.a.size());
    for (auto& [place, pairs] : byPlace) {
        std::sort(pairs.begin(), pairs.end());
        std::size_t largest = 1, run = 0;
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            run = i > 0 && std::get<0>(pairs[i]) == std::get<0>(pairs[i - 1]) ? run + 1 : 1;
            largest = std::max(largest, run);
        }
        for (std::size_t i = 0; i < pairs.size(); ++i)
            from[static_cast<std::size_t>(std::get<2>(pairs[i]))] =
                std::get<2>(pairs[(i + largest) % pairs.size()]);
    }
    return from;
}

}  // namespace rheo
