// Reading a trace by row, by point and by unit range, each against reading the whole: how the chunks fit.
#include <benchmark/benchmark.h>

#include <filesystem>

#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"

using namespace rheo;

namespace {

constexpr std::int64_t rows = 400, units = 2048;

std::shared_ptr<const TraceReader> bigTrace() {
    static const auto path = std::filesystem::temp_directory_path() / "rheograph-bench.rheo.h5";
    static const auto trace = [] {
        TraceInfo info;
        info.points = residualPoints(16, false);
        info.units = units;
        for (int n = 0; n < rows; ++n) {
            info.samples.push_back({"", {0}});
            info.rows.push_back({n, 0, 0});
        }
        auto writer = TraceWriter::create(path, info, IfExists::Replace);
        std::vector<float> states(static_cast<std::size_t>(20 * 33 * units), 1.0f);
        for (std::int64_t n = 0; n < rows; n += 20) writer.writeRows(RowIndex{n}, 20, states.data());
        writer.close();
        return TraceReader::open(path);
    }();
    return trace;
}

void byRow(benchmark::State& state) {
    const auto trace = bigTrace();
    std::vector<float> out(static_cast<std::size_t>(trace->points() * units));
    std::int64_t n = 0;
    for (auto _ : state) trace->readRows(RowIndex{n++ % rows}, 1, out.data());
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(out.size()) * 4);
}
void byPoint(benchmark::State& state) {
    const auto trace = bigTrace();
    std::vector<float> out(static_cast<std::size_t>(rows * units));
    std::int64_t p = 0;
    for (auto _ : state) trace->readPoint(PointIndex{p++ % trace->points()}, RowIndex{0}, rows, out.data());
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(out.size()) * 4);
}
void byUnits(benchmark::State& state) {
    const auto trace = bigTrace();
    std::vector<float> out(static_cast<std::size_t>(rows * trace->points() * 64));
    std::int64_t u = 0;
    for (auto _ : state) trace->readUnits(UnitIndex{64 * (u++ % (units / 64))}, 64, out.data());
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(out.size()) * 4);
}
BENCHMARK(byRow);
BENCHMARK(byPoint)->Unit(benchmark::kMillisecond);
BENCHMARK(byUnits)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
