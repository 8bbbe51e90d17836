// Rotation, correlation, motion and density of the size of a 7B model's trace. Reported beside what the
// machine can do in the same run: a double-precision matrix product and memcpy; rotation as time a value.
// Threads: RHEO_THREADS, or one a core (of BLAS: OPENBLAS_NUM_THREADS).
#define EIGEN_USE_BLAS
#include <cmath>

#include "core/base/random.h"
#include "core/statistics/analyze.h"
#include "tests/bench/machine.h"

using namespace rheo;

namespace {

/// Random walks; `coarse` ones keep 8 bits of mantissa, as bfloat16 traces do.
TraceView walks(std::int64_t rows, std::int64_t points, std::int64_t units, bool coarse = false) {
    Array3F states(rows, points, units);
    RandomStream random(1);
    for (auto& x : states.data) x = static_cast<float>(random.uniform() - 0.5);
    for (std::int64_t n = 0; n < rows; ++n)
        for (std::int64_t p = 0; p < points; ++p)
            for (std::int64_t u = 0; u < units; ++u) {
                float& x = states.at(n, p)[u];
                if (p > 0) x += states.at(n, p - 1)[u];
                int exponent = 0;
                if (coarse && x != 0) {
                    const float fraction = std::frexp(x, &exponent);
                    x = std::ldexp(std::round(fraction * 256) / 256, exponent);
                }
            }
    TraceInfo info;
    info.units = units;
    for (std::int64_t p = 0; p < points; ++p) info.points.push_back({static_cast<int>(p), Site::Unnamed});
    for (std::int64_t n = 0; n < rows; ++n) info.rows.push_back({static_cast<std::int32_t>(n), 0, -1});
    TraceView view;
    view.trace = std::make_shared<MemoryTrace>(std::move(info), std::move(states));
    return view;
}

/// Runs the analysis as often as the benchmark asks; seconds of one.
double timeAnalysis(benchmark::State& state, const TraceView& view, AnalysisOptions options) {
    options.threads = benchThreads();
    options.memoryBytes = std::size_t{4} << 30;
    double seconds = 0;
    for (auto _ : state) {
        Progress progress;
        const auto start = std::chrono::steady_clock::now();
        benchmark::DoNotOptimize(analyze(view, options, progress));
        seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    return seconds / static_cast<double>(state.iterations());
}

/// Rotation beside `repeats` surrogates.
void rotation(benchmark::State& state, std::int64_t points, std::int64_t units, int repeats, NullKind null,
              bool coarse) {
    const auto view = walks(1000, points, units, coarse);
    AnalysisOptions options;
    options.get<Rotation>().emplace();
    options.nulls = {null};
    options.repeats = repeats;
    const double seconds = timeAnalysis(state, view, options);
    state.counters["ns_a_value"] =
        seconds * 1e9 / (1000.0 * static_cast<double>(points * units) * (repeats + 1));
}
BENCHMARK_CAPTURE(rotation, wide_sign_flip_200, 65, 4096, 200, NullKind::SignFlip, false)
    ->Iterations(1)
    ->Unit(benchmark::kSecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(rotation, sign_flip, 65, 1024, 10, NullKind::SignFlip, false)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(rotation, sign_flip_coarse, 65, 1024, 10, NullKind::SignFlip, true)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(rotation, depth_shuffle, 65, 1024, 10, NullKind::DepthShuffle, false)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(rotation, gaussian_walk, 65, 1024, 10, NullKind::GaussianWalk, false)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(rotation, few_units, 9, 5, 10, NullKind::SignFlip, false)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

/// Beside what the machine allows: the matrix products the analysis needs, and reading the trace twice (for
/// values that are not finite, and for what is computed) at the speed of memcpy.
void countShares(benchmark::State& state, const TraceView& view, const AnalysisOptions& options,
                 double flops) {
    const double gemm = gemmFlops(), copy = copyBytes(), seconds = timeAnalysis(state, view, options);
    const double bytes =
        static_cast<double>(view.rowCount() * view.pointCount() * view.unitCount()) * sizeof(float);
    state.counters["GB/s"] = bytes / seconds / 1e9;
    state.counters["share_of_gemm"] = flops / seconds / gemm;
    state.counters["share_of_floor"] = (flops / gemm + 2 * bytes / copy) / seconds;
}

/// Of all pairs of points.
void correlation(benchmark::State& state) {
    AnalysisOptions options;
    options.get<Correlation>().emplace();
    const auto view = walks(1000, 65, state.range(0));
    countShares(state, view, options, 1000.0 * static_cast<double>(state.range(0)) * 65 * 66);
}
BENCHMARK(correlation)->ArgName("units")->Arg(1024)->Arg(4096)->Unit(benchmark::kMillisecond)->UseRealTime();

void motion(benchmark::State& state) {
    AnalysisOptions options;
    options.get<Motion>().emplace();
    countShares(state, walks(1000, 65, 1024), options, 0);
}
BENCHMARK(motion)->Unit(benchmark::kMillisecond)->UseRealTime();

/// The participation ratio needs the products of rows with rows at each point.
void density(benchmark::State& state) {
    AnalysisOptions options;
    options.get<Density>().emplace();
    countShares(state, walks(1000, 65, 1024), options, 65.0 * 1000 * 1000 * 1024);
}
BENCHMARK(density)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
