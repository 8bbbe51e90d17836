// PCA of [65k states, 4096 units]: the covariance is the cost. Reported beside what BLAS does in the same
// run: `share_of_gemm` counts the products that a symmetric update needs beside a plain double-precision
// product, `share_of_syrk` beside dsyrk of matrices that are there already. Threads: those of BLAS
// (OPENBLAS_NUM_THREADS), and RHEO_THREADS, or one a core.
#define EIGEN_USE_BLAS
#include <cmath>

#include "core/base/random.h"
#include "core/statistics/analyze.h"
#include "tests/bench/machine.h"

using namespace rheo;

namespace {

/// Unit u is uniform with a standard deviation in proportion to 1 / sqrt(u + 1): the spectrum falls, as that
/// of a residual stream does.
TraceView noise(std::int64_t rows, std::int64_t points, std::int64_t units) {
    Array3F states(rows, points, units);
    std::vector<float> scale;
    for (std::int64_t u = 0; u < units; ++u) scale.push_back(1 / std::sqrt(static_cast<float>(u + 1)));
    RandomStream random(1);
    for (std::size_t i = 0; i < states.data.size(); ++i)
        states.data[i] = static_cast<float>(random.uniform() - 0.5) * scale[i % scale.size()];
    TraceInfo info;
    info.units = units;
    for (std::int64_t p = 0; p < points; ++p) info.points.push_back({static_cast<int>(p), Site::Unnamed});
    for (std::int64_t n = 0; n < rows; ++n) info.rows.push_back({static_cast<std::int32_t>(n), 0, -1});
    TraceView view;
    view.trace = std::make_shared<MemoryTrace>(std::move(info), std::move(states));
    return view;
}

constexpr std::int64_t rows = 1008, points = 65;

void countShares(benchmark::State& state, double gemm, double syrk, double seconds) {
    const auto units = static_cast<double>(state.range(0));
    const double flops = static_cast<double>(rows * points * state.iterations()) * units * units;
    state.counters["GFLOP/s"] = flops / seconds / 1e9;
    state.counters["share_of_gemm"] = flops / seconds / gemm;
    state.counters["share_of_syrk"] = flops / seconds / syrk;
}

/// Of rows that are in memory.
void covariance(benchmark::State& state) {
    Progress progress;
    const RowSource source(noise(rows, points, state.range(0)), std::size_t{4} << 30, progress);
    const double gemm = gemmFlops(), syrk = syrkFlops(state.range(0));
    double seconds = 0;
    for (auto _ : state) {
        const auto start = std::chrono::steady_clock::now();
        PathMaker maker(source);
        CovarianceSum sum(state.range(0));
        const Feed feed{&maker, 0, {}, {}, &sum};
        sweep(source, {&feed, 1}, {benchThreads(), std::size_t{1} << 30}, progress);
        benchmark::DoNotOptimize(sum.trace());
        seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    countShares(state, gemm, syrk, seconds);
}
BENCHMARK(covariance)->ArgName("units")->Arg(1024)->Arg(4096)->Unit(benchmark::kMillisecond)->UseRealTime();

/// All of it: looking for values that are not finite, covariance, ten components, scores.
void pcaOf65kStates(benchmark::State& state) {
    const auto view = noise(rows, points, state.range(0));
    PcaOptions options;
    options.perPointExplained = false;
    options.threads = benchThreads();
    options.memoryBytes = std::size_t{4} << 30;
    const double gemm = gemmFlops(), syrk = syrkFlops(state.range(0));
    double seconds = 0;
    for (auto _ : state) {
        Progress progress;
        const auto start = std::chrono::steady_clock::now();
        benchmark::DoNotOptimize(pca(view, options, progress));
        seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    countShares(state, gemm, syrk, seconds);
}
BENCHMARK(pcaOf65kStates)
    ->ArgName("units")
    ->Arg(1024)
    ->Arg(4096)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void nullOfTheDemo(benchmark::State& state) {
    const auto view = noise(1000, points, 128);
    AnalysisOptions options;
    options.get<Pca>().emplace().perPointExplained = false;
    options.nulls = {static_cast<NullKind>(state.range(0))};
    options.repeats = 10;
    options.threads = benchThreads();
    for (auto _ : state) {
        Progress progress;
        benchmark::DoNotOptimize(analyze(view, options, progress));
    }
    state.counters["repeats/s"] =
        benchmark::Counter(10.0 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(nullOfTheDemo)->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
