// The demo model: capture in tokens a second, and the time from a state put in to its whole path.
// RHEO_BENCH_THREADS and RHEO_BENCH_DTYPE choose threads (2) and dtype (float32).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "core/model/model.h"

namespace {

using namespace rheo;

const Model& demoModel() {
    static const std::shared_ptr<const Model> model = [] {
        Progress progress;
        ModelOptions options;
        const char* threads = std::getenv("RHEO_BENCH_THREADS");
        const char* dtype = std::getenv("RHEO_BENCH_DTYPE");
        options.threads = threads != nullptr ? std::atoi(threads) : 2;
        options.dtype = dtype != nullptr ? parseDType(dtype).value_or(DType::Float32) : DType::Float32;
        return Model::load(Checkpoint::open(RHEO_RESOURCES "/demo-model"), options, progress);
    }();
    return *model;
}

std::vector<std::int32_t> prompt(std::int64_t length, std::int64_t salt) {
    std::vector<std::int32_t> ids{0};
    for (std::int64_t i = 1; i < length; ++i)
        ids.push_back(static_cast<std::int32_t>(2 + (i * 37 + salt * 101) % 4000));
    return ids;
}

/// Capture as `rheo capture` does it: prompts of 40 to 100 tokens, the last token of each, all points.
void capture(benchmark::State& state) {
    Progress progress;
    ForwardRequest request;
    std::int64_t tokens = 0;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        request.ids.push_back(prompt(40 + i * 61 % 61, i));
        request.positions.push_back({static_cast<std::int32_t>(request.ids.back().size()) - 1});
        tokens += static_cast<std::int64_t>(request.ids.back().size());
    }
    for (auto _ : state) benchmark::DoNotOptimize(demoModel().forward(request, progress));
    state.counters["tokens/s"] =
        benchmark::Counter(static_cast<double>(tokens * state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(capture)->Arg(1)->Arg(8)->Arg(32)->Unit(benchmark::kMillisecond)->UseRealTime();

/// Resume at the first point of a prompt of 64 tokens, with logits: `states` at once, at the last token or
/// `back` tokens before it.
void resume(benchmark::State& state) {
    Progress progress;
    const auto context = demoModel().prepare(prompt(64, 7), progress);
    const int token = 63 - static_cast<int>(state.range(1));
    const VectorF h = demoModel().naturalState(*context, PointIndex(0), token);
    const MatrixF states = h.transpose().replicate(state.range(0), 1);
    for (auto _ : state)
        benchmark::DoNotOptimize(demoModel().resume(*context, PointIndex(0), token, states, true, progress));
}
BENCHMARK(resume)
    ->Args({1, 0})
    ->Args({33, 0})
    ->Args({121, 0})
    ->Args({1, 32})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

/// One more token with the cache.
void nextToken(benchmark::State& state) {
    Progress progress;
    const auto ids = prompt(64, 3);
    for (auto _ : state) benchmark::DoNotOptimize(demoModel().greedy(ids, 33, true, progress));
    state.counters["tokens/s"] =
        benchmark::Counter(static_cast<double>(33 * state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(nextToken)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    demoModel();  // loaded before anything is timed
    benchmark::RunSpecifiedBenchmarks();
}
