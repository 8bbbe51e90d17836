// How often the interval of each verdict holds what other traces of the same kind give on average, over fixed
// seeds. Arguments: seeds (200), 1 or 0 for the autoencoder (1), units for mutual information (8), rows (40),
// blocks (4), units (8). Or, for the pushes, which need a network: seeds, "pushes", a model's folder, a trace
// of it, rows (60): each seed draws so many of the trace's rows. Fails where an interval does not hold its
// own estimate, or where fewer than 90 or more than 98 % hold the average.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/dynamics/early_attractor.h"
#include "core/findings/verdicts.h"
#include "core/model/model.h"
#include "core/statistics/pca.h"
#include "core/trace/trace_reader.h"
#include "tests/core/analysis/planted.h"

using namespace rheo;

namespace {

using Found = std::map<std::string, std::vector<Verdict>>;

void keep(Found& found, Verdicts all) {
    for (auto& v : all.list)
        if (!std::isnan(v.observed)) found[v.key].push_back(std::move(v));
}

Found ofPlantedSteps(int seeds, VerdictOptions how, const planted::Size& size) {
    Found found;
    for (int seed = 1; seed <= seeds; ++seed) {
        how.seed = static_cast<std::uint64_t>(seed);
        Progress progress;
        keep(found, verdicts(planted::correlatedSteps(size, how.seed), how, {}, progress));
    }
    return found;
}

/// Each seed draws rows of the trace, and fits and pushes as a report does.
Found ofPushes(int seeds, VerdictOptions how, const std::string& folder, const std::string& trace,
               std::int64_t rows) {
    Progress progress;
    const auto model = Model::load(Checkpoint::open(folder), {}, progress);
    TraceView whole;
    whole.trace = TraceReader::open(trace);
    Found found;
    for (int seed = 1; seed <= seeds; ++seed) {
        how.seed = static_cast<std::uint64_t>(seed);
        auto order = RandomStream(how.seed, 0).permutation(static_cast<std::int32_t>(whole.rowCount()));
        order.resize(static_cast<std::size_t>(rows));
        std::sort(order.begin(), order.end());
        TraceView view = withRows(whole, {order.begin(), order.end()});
        const PcaResult basis = pca(view, {3, false}, progress);
        EarlyAttractorOptions options;
        options.seed = how.seed;
        options.sizes = {1};
        EarlyAttractor pushes = measureEarlyAttractor(*model, view, basis.basis, options, progress);
        for (std::int64_t p = 0; p < leastPoints; ++p) view.points.push_back(p);  // the others are not asked
        Verdicts all = verdicts(view, how, pushes, progress);
        std::erase_if(all.list, [](const Verdict& v) { return v.key != "early_attractor"; });
        keep(found, std::move(all));
    }
    return found;
}

bool print(const std::string& key, const std::vector<Verdict>& list) {
    double average = 0;
    for (const auto& v : list) average += v.observed / static_cast<double>(list.size());
    int held = 0, outside = 0;
    for (const auto& v : list) {
        held += v.interval.low <= average && average <= v.interval.high ? 1 : 0;
        outside += v.interval.low <= v.observed && v.observed <= v.interval.high ? 0 : 1;
    }
    const double share = static_cast<double>(held) / static_cast<double>(list.size());
    const bool good = share >= 0.9 && share <= 0.98 && outside == 0;
    std::printf("%-28s %5.1f %% of %zu hold %.4g; %d without their estimate%s\n", key.c_str(), 100 * share,
                list.size(), average, outside, good ? "" : "  FAILS");
    return good;
}

}  // namespace

int main(int argc, char** argv) {
    const auto number = [&](int at, int otherwise) { return argc > at ? std::atoi(argv[at]) : otherwise; };
    const bool pushes = argc > 4 && std::string(argv[2]) == "pushes";
    VerdictOptions how;
    const int seeds = number(1, 200);
    how.repeats = how.mostRepeats = 1;  // nulls have no part in intervals
    how.refits = pushes ? 0 : number(2, 1);
    how.mutualUnits = pushes ? 0 : number(3, 8);
    const Found found = pushes ? ofPushes(seeds, how, argv[3], argv[4], number(5, 60))
                               : ofPlantedSteps(seeds, how, {number(4, 40), number(5, 4), number(6, 8)});
    bool good = !found.empty();
    for (const auto& [key, list] : found) good = print(key, list) && good;
    return good ? 0 : 1;
}
