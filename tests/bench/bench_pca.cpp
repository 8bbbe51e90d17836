// PCA of [64k states, 1024 units]: the covariance is the cost. Reported beside a plain double-precision GEMM
// of the same size in the same run: `share_of_gemm` is how close it comes, counting the products a symmetric
// update needs.
#define EIGEN_USE_BLAS
#include <benchmark/benchmark.h>

#include <Eigen/Core>
#include <chrono>

#include "core/analysis/analyze.h"
#include "core/base/random.h"

using namespace rheo;

namespace {

TraceView gaussian(std::int64_t rows, std::int64_t points, std::int64_t units) {
    Array3F states(rows, points, units);
    RandomStream random(1);
    for (auto& x : states.data) x = static_cast<float>(random.uniform() - 0.5);
    TraceInfo info;
    info.units = units;
    for (std::int64_t p = 0; p < points; ++p) info.points.push_back({static_cast<int>(p), Site::Unnamed});
    for (std::int64_t n = 0; n < rows; ++n) info.rows.push_back({static_cast<std::int32_t>(n), 0, -1});
    TraceView view;
    view.trace = std::make_shared<MemoryTrace>(std::move(info), std::move(states));
    return view;
}

double gemmFlops() {
    const Eigen::MatrixXd a = Eigen::MatrixXd::Random(2048, 2048), b = Eigen::MatrixXd::Random(2048, 2048);
    Eigen::MatrixXd c(2048, 2048);
    c.noalias() = a * b;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 3; ++i) c.noalias() = a * b;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    benchmark::DoNotOptimize(c.data());
    return 3 * 2.0 * 2048 * 2048 * 2048 / seconds;
}

void pca64kBy1024(benchmark::State& state) {
    const auto view = gaussian(1008, 65, 1024);
    PcaOptions options;
    options.perPointExplained = false;
    const double gemm = gemmFlops();
    double seconds = 0;
    for (auto _ : state) {
        Progress progress;
        const auto start = std::chrono::steady_clock::now();
        benchmark::DoNotOptimize(pca(view, options, progress));
        seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    const double flops =
        1008.0 * 65 * 1024 * 1024 * static_cast<double>(state.iterations());  // half of a full product
    state.counters["GFLOP/s"] = flops / seconds / 1e9;
    state.counters["share_of_gemm"] = flops / seconds / gemm;
}
BENCHMARK(pca64kBy1024)->Unit(benchmark::kMillisecond)->UseRealTime();

void nullOfTheDemo(benchmark::State& state) {
    const auto view = gaussian(1000, 65, 128);
    AnalysisOptions options;
    options.pca.emplace().perPointExplained = false;
    options.nulls = {static_cast<NullKind>(state.range(0))};
    options.repeats = 10;
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
