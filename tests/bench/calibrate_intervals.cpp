// How often the interval of each verdict holds what other traces of the same kind give on average, over fixed
// seeds. Arguments: seeds (200), 1 or 0 for the autoencoder (1), units for mutual information (8), rows (40),
// blocks (4), units (8). Fails where an interval does not hold its own estimate, or where fewer than 90 or
// more than 98 % hold the average.
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "core/findings/verdicts.h"
#include "tests/core/analysis/planted.h"

using namespace rheo;

int main(int argc, char** argv) {
    const auto number = [&](int at, int otherwise) { return argc > at ? std::atoi(argv[at]) : otherwise; };
    VerdictOptions how;
    const int seeds = number(1, 200);
    how.repeats = how.mostRepeats = 1;  // nulls have no part in intervals
    how.refits = number(2, 1);
    how.mutualUnits = number(3, 8);
    const planted::Size size{number(4, 40), number(5, 4), number(6, 8)};
    std::map<std::string, std::vector<Verdict>> found;
    for (int seed = 1; seed <= seeds; ++seed) {
        how.seed = static_cast<std::uint64_t>(seed);
        Progress progress;
        for (auto& v : verdicts(planted::correlatedSteps(size, how.seed), how, {}, progress).list)
            if (!std::isnan(v.observed)) found[v.key].push_back(std::move(v));
    }
    bool good = true;
    for (const auto& [key, list] : found) {
        double average = 0;
        for (const auto& v : list) average += v.observed / static_cast<double>(list.size());
        int held = 0, outside = 0;
        for (const auto& v : list) {
            held += v.interval.low <= average && average <= v.interval.high ? 1 : 0;
            outside += v.interval.low <= v.observed && v.observed <= v.interval.high ? 0 : 1;
        }
        const double share = static_cast<double>(held) / static_cast<double>(list.size());
        const bool fails = share < 0.9 || share > 0.98 || outside > 0;
        std::printf("%-28s %5.1f %% of %zu hold %.4g; %d without their estimate%s\n", key.c_str(),
                    100 * share, list.size(), average, outside, fails ? "  FAILS" : "");
        good = good && !fails;
    }
    return good ? 0 : 1;
}
