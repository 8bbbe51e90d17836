// Mutual information: one KSG estimate for different kinds of data, and a piece of a large trace. For
// scikit-learn's beside it: compare_mutual_information.py.
#include <benchmark/benchmark.h>

#include <cmath>
#include <memory>

#include "core/base/random.h"
#include "core/statistics/mutual_information.h"

using namespace rheo;

namespace {

/// Gaussian variables, each of correlation `percent` / 100 with the one before; cubed they have long tails.
/// There are many: a processor learns the branches of the first few thousand samples by heart.
void ksgEstimate(benchmark::State& state) {
    const auto n = static_cast<std::size_t>(state.range(0)), pairs = 1 + 100000 / n;
    const double r = static_cast<double>(state.range(1)) / 100;
    std::vector<double> values(n);
    std::vector<RankedVariable> variables;
    RandomStream random(1);
    for (std::size_t p = 0; p <= pairs; ++p) {
        for (auto& v : values) v = r * v + std::sqrt(p == 0 ? 1 : 1 - r * r) * random.normal();
        std::vector<double> shaped = values;
        if (state.range(2) != 0)
            for (auto& v : shaped) v = v * v * v;
        variables.emplace_back(shaped, 0, p);
    }
    std::size_t p = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(ksgInformation(variables[p], variables[p + 1], 3));
        p = (p + 1) % pairs;
    }
}
BENCHMARK(ksgEstimate)
    ->ArgNames({"N", "r", "cubed"})
    ->ArgsProduct({{1000}, {0, 90, 99}, {0, 1}})
    ->Args({500, 90, 0})
    ->Args({10000, 90, 0})
    ->Args({65536, 90, 0})
    ->Unit(benchmark::kMicrosecond);

void prepareVariable(benchmark::State& state) {
    const auto n = static_cast<std::size_t>(state.range(0)), columns = 1 + 100000 / n;
    std::vector<double> values(n * columns);
    RandomStream random(1);
    for (auto& v : values) v = random.normal();
    std::size_t c = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(RankedVariable(std::span(values).subspan(c * n, n), 0, 0).count());
        c = (c + 1) % columns;
    }
}
BENCHMARK(prepareVariable)->Arg(1000)->Arg(65536)->Unit(benchmark::kMicrosecond);

/// 256 units by 64 steps by 1,000 rows: a sixteenth of a large model's trace. The walk gives steps a
/// correlation that grows with depth, as traces have it.
void trace256Units(benchmark::State& state) {
    Array3F states(1000, 65, 256);
    RandomStream random(1);
    for (std::int64_t n = 0; n < states.n0; ++n)
        for (std::int64_t p = 0; p < states.n1; ++p)
            for (std::int64_t u = 0; u < states.n2; ++u)
                states.at(n, p)[u] =
                    static_cast<float>((p > 0 ? states.at(n, p - 1)[u] : 0) + random.normal());
    TraceInfo info;
    info.units = states.n2;
    for (std::int64_t p = 0; p < states.n1; ++p) info.points.push_back({static_cast<int>(p), Site::Unnamed});
    for (std::int64_t n = 0; n < states.n0; ++n) info.rows.push_back({static_cast<std::int32_t>(n), 0, -1});
    TraceView view;
    view.trace = std::make_shared<MemoryTrace>(std::move(info), std::move(states));
    MutualInformationOptions options;
    options.threads = static_cast<int>(state.range(0));
    for (auto _ : state) {
        Progress progress;
        benchmark::DoNotOptimize(mutualInformation(view, options, progress).mean.data());
    }
    state.counters["estimates/s"] =
        benchmark::Counter(256.0 * 64 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(trace256Units)->ArgName("threads")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
