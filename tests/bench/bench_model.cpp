// Capture in tokens a second, one more token with the cache, and the time from a state put in to its whole
// path: for the demo model, and for a llama of a real size with random weights. For transformers beside it:
// compare_model.py. RHEO_BENCH_THREADS, RHEO_BENCH_DTYPE and RHEO_BENCH_DEVICE choose threads (2),
// dtype (float32) and device (cpu).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "core/model/model.h"

namespace {

using namespace rheo;

constexpr std::int64_t demo = 0, large = 1;

/// 374 million parameters. compare_model.py reads it from here: `bench_model --config`.
constexpr const char* largeConfig = R"({
  "model_type": "llama", "num_hidden_layers": 24, "hidden_size": 1024, "intermediate_size": 2816,
  "num_attention_heads": 16, "num_key_value_heads": 16, "vocab_size": 32000, "max_position_embeddings": 2048,
  "rms_norm_eps": 1e-05, "hidden_act": "silu", "tie_word_embeddings": false
})";

int threadCount() {
    const char* threads = std::getenv("RHEO_BENCH_THREADS");
    return threads != nullptr ? std::atoi(threads) : 2;
}

std::shared_ptr<const Model> load(const std::filesystem::path& folder, bool untrained) {
    Progress progress;
    ModelOptions options;
    const char* dtype = std::getenv("RHEO_BENCH_DTYPE");
    options.threads = threadCount();
    options.dtype = dtype != nullptr ? parseDType(dtype).value_or(DType::Float32) : DType::Float32;
    if (const char* device = std::getenv("RHEO_BENCH_DEVICE")) options.device = device;
    if (untrained) options.untrainedSeed = 1;
    return Model::load(Checkpoint::open(folder), options, progress);
}

/// Loaded when first asked for; benchmarks ask before they time anything.
const Model& model(std::int64_t which) {
    if (which == demo) {
        static const auto model = load(RHEO_RESOURCES "/demo-model", false);
        return *model;
    }
    static const auto model = [] {
        const auto folder = std::filesystem::temp_directory_path() / "rheograph-bench-model";
        std::filesystem::create_directories(folder);
        std::ofstream(folder / "config.json") << largeConfig;
        return load(folder, true);
    }();
    return *model;
}

std::vector<std::int32_t> prompt(std::int64_t length, std::int64_t salt) {
    std::vector<std::int32_t> ids{0};
    for (std::int64_t i = 1; i < length; ++i)
        ids.push_back(static_cast<std::int32_t>(2 + (i * 37 + salt * 101) % 4000));
    return ids;
}

/// All residual points of every token of `batch` prompts of `tokens` tokens.
void captureAll(benchmark::State& state) {
    const Model& m = model(state.range(0));
    Progress progress;
    ForwardRequest request;
    for (std::int64_t i = 0; i < state.range(1); ++i) {
        request.ids.push_back(prompt(state.range(2), i));
        request.positions.emplace_back();
        for (std::int32_t token = 0; token < state.range(2); ++token)
            request.positions.back().push_back(token);
    }
    for (auto _ : state) benchmark::DoNotOptimize(m.forward(request, progress).states.data.data());
    state.counters["tokens/s"] =
        benchmark::Counter(static_cast<double>(state.range(1) * state.range(2) * state.iterations()),
                           benchmark::Counter::kIsRate);
}
BENCHMARK(captureAll)
    ->ArgNames({"model", "batch", "tokens"})
    ->Args({demo, 1, 64})
    ->Args({demo, 16, 64})
    ->Args({large, 1, 128})
    ->Args({large, 8, 128})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

/// As `rheo capture` does it by default: prompts of 40 to 100 tokens, the last token of each, all points.
void captureLast(benchmark::State& state) {
    const Model& m = model(demo);
    Progress progress;
    ForwardRequest request;
    std::int64_t tokens = 0;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        request.ids.push_back(prompt(40 + i * 61 % 61, i));
        request.positions.push_back({static_cast<std::int32_t>(request.ids.back().size()) - 1});
        tokens += static_cast<std::int64_t>(request.ids.back().size());
    }
    for (auto _ : state) benchmark::DoNotOptimize(m.forward(request, progress).states.data.data());
    state.counters["tokens/s"] =
        benchmark::Counter(static_cast<double>(tokens * state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(captureLast)->Arg(1)->Arg(8)->Arg(32)->Unit(benchmark::kMillisecond)->UseRealTime();

/// Resume at the first point of a prompt of 64 tokens, with logits: `states` at once, at the last token or
/// `back` tokens before it.
void resume(benchmark::State& state) {
    const Model& m = model(demo);
    Progress progress;
    const auto context = m.prepare(prompt(64, 7), progress);
    const int token = 63 - static_cast<int>(state.range(1));
    const VectorF h = m.naturalState(*context, PointIndex(0), token);
    const MatrixF states = h.transpose().replicate(state.range(0), 1);
    for (auto _ : state)
        benchmark::DoNotOptimize(m.resume(*context, PointIndex(0), token, states, true, progress));
}
BENCHMARK(resume)
    ->ArgNames({"states", "back"})
    ->Args({1, 0})
    ->Args({33, 0})
    ->Args({121, 0})
    ->Args({1, 32})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

double seconds(std::chrono::steady_clock::time_point since) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

/// Bytes of weights that one token needs: all but the rows of the embedding that are not its own.
std::size_t bytesOfAToken(const Model& m) {
    const MemoryForecast forecast = forecastMemory(m.config(), m.options().dtype, 1, 1);
    const std::int64_t embedding = m.config().tiedUnembedding ? 0
                                                              : m.config().vocabulary * m.config().dModel *
                                                                    dtypeBytes(m.options().dtype);
    return static_cast<std::size_t>(forecast.loadBytes - embedding);
}

/// Reads as many bytes as one token needs, each thread its part in four streams: nothing that reads them from
/// memory can be much faster.
void readMemory(benchmark::State& state) {
    constexpr int passes = 8;  // a new thread takes a while to get a core of its own
    const std::size_t bytes = bytesOfAToken(model(state.range(0)));
    const auto threads = static_cast<std::size_t>(threadCount());
    const std::size_t quarter = bytes / sizeof(std::uint64_t) / threads / 4;
    const std::vector<std::uint64_t> memory(quarter * 4 * threads, 1);
    for (auto _ : state) {
        std::vector<std::vector<double>> took(threads, std::vector<double>(passes));
        std::barrier together(static_cast<std::ptrdiff_t>(threads));
        std::vector<std::jthread> running;
        for (std::size_t t = 0; t < threads; ++t)
            running.emplace_back([&, t] {
                const std::uint64_t* const part = memory.data() + t * 4 * quarter;
                for (double& time : took[t]) {
                    together.arrive_and_wait();
                    const auto start = std::chrono::steady_clock::now();
                    std::uint64_t sum = 0;
                    for (std::size_t i = 0; i < quarter; ++i)
                        sum += part[i] ^ part[i + quarter] ^ part[i + 2 * quarter] ^ part[i + 3 * quarter];
                    benchmark::DoNotOptimize(sum);
                    together.arrive_and_wait();
                    time = seconds(start);
                }
            });
        running.clear();
        state.SetIterationTime(*std::min_element(took[0].begin(), took[0].end()));
    }
    state.counters["GB/s"] =
        benchmark::Counter(static_cast<double>(bytes) * static_cast<double>(state.iterations()) / 1e9,
                           benchmark::Counter::kIsRate);
}
BENCHMARK(readMemory)
    ->ArgName("model")
    ->Arg(demo)
    ->Arg(large)
    ->Unit(benchmark::kMillisecond)
    ->UseManualTime();

/// One more token with the cache, after a prompt of 64: what 16 more take than none, shared among them.
void nextToken(benchmark::State& state) {
    const Model& m = model(state.range(0));
    Progress progress;
    const auto ids = prompt(64, 3);
    const auto time = [&](int count) {
        const auto start = std::chrono::steady_clock::now();
        benchmark::DoNotOptimize(m.greedy(ids, count, true, progress));
        return seconds(start);
    };
    for (auto _ : state) {
        const double one = time(1);
        state.SetIterationTime(std::max(1e-9, (time(17) - one) / 16));
    }
}
BENCHMARK(nextToken)->ArgName("model")->Arg(demo)->Arg(large)->Unit(benchmark::kMillisecond)->UseManualTime();

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string(argv[1]) == "--config") {
        std::puts(largeConfig);
        return 0;
    }
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
}
