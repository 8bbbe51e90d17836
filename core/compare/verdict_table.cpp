#include "core/compare/verdict_table.h"

#include <algorithm>
#include <cmath>

namespace rheo {

namespace {

const Verdict* findVerdict(const std::vector<Verdict>& list, const std::string& key) {
    const auto found = std::find_if(list.begin(), list.end(), [&](const auto& v) { return v.key == key; });
    return found == list.end() ? nullptr : &*found;
}

bool isTested(const Verdict* verdict) {
    return verdict != nullptr && verdict->verdict != VerdictKind::NotTested;
}

/// Not where one has no interval.
bool areApart(const Interval& a, const Interval& b) {
    return a.high < b.low || b.high < a.low;
}

}  // namespace

std::vector<ComparedVerdict> compareVerdicts(std::span<const std::vector<Verdict>* const> sources) {
    std::vector<ComparedVerdict> table;
    for (const auto* source : sources)
        for (const Verdict& verdict : *source) {
            if (std::any_of(table.begin(), table.end(),
                            [&](const auto& row) { return row.key == verdict.key; }))
                continue;
            ComparedVerdict& row = table.emplace_back();
            row.key = verdict.key;
            for (const auto* other : sources) row.of.push_back(findVerdict(*other, verdict.key));
            for (const Verdict* one : row.of)
                for (const Verdict* other : row.of) {
                    if (!isTested(one) || !isTested(other)) continue;
                    row.differ = row.differ || one->verdict != other->verdict;
                    row.apart = row.apart || areApart(one->interval, other->interval);
                }
        }
    return table;
}

}  // namespace rheo
