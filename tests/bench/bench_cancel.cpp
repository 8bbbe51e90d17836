// How long an analysis goes on after it was asked to stop. Each is started again and again and stopped at
// times spread over its run; printed are the median and the worst of the waits, in milliseconds. Exit status
// 1 where one took more than 200 ms. Arguments: a part of the names to run, and the number of units (4096).
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>

#include "core/analysis/outliers.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/findings/verdicts.h"
#include "core/statistics/analyze.h"
#include "core/statistics/autoencoder.h"

using namespace rheo;

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t memory = std::size_t{4} << 30;

double millisecondsSince(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

TraceInfo infoOf(std::int64_t rows, std::int64_t points, std::int64_t units) {
    TraceInfo info;
    info.units = units;
    info.points = residualPoints(static_cast<int>(points / 2), false);
    for (std::int64_t n = 0; n < rows; ++n) info.rows.push_back({static_cast<std::int32_t>(n), 0, -1});
    return info;
}

/// Random walks.
TraceView walks(std::int64_t rows, std::int64_t points, std::int64_t units) {
    Array3F states(rows, points, units);
    RandomStream random(1);
    for (std::int64_t n = 0; n < rows; ++n)
        for (std::int64_t p = 0; p < points; ++p)
            for (std::int64_t u = 0; u < units; ++u)
                states.at(n, p)[u] =
                    static_cast<float>((p > 0 ? states.at(n, p - 1)[u] : 0) + random.uniform() - 0.5);
    TraceView view;
    view.trace = std::make_shared<MemoryTrace>(infoOf(rows, points, units), std::move(states));
    return view;
}

using Analysing = std::function<void(Progress&)>;

/// Milliseconds from the wish to stop, after `milliseconds`, to the end; below 0 where it ended by itself.
double waitAfter(double milliseconds, const Analysing& analyse) {
    std::stop_source source;
    Progress progress(source.get_token());
    Clock::time_point asked{};
    std::atomic<bool> ended = false;
    const auto started = Clock::now();
    std::jthread asking([&] {
        while (!ended && millisecondsSince(started) < milliseconds)
            std::this_thread::sleep_for(std::chrono::microseconds(500));
        asked = Clock::now();
        source.request_stop();
    });
    bool stopped = false;
    try {
        analyse(progress);
        stopped = source.stop_requested();
    } catch (const Cancelled&) {
        stopped = true;
    }
    const auto end = Clock::now();
    ended = true;
    asking.join();
    return stopped ? std::chrono::duration<double, std::milli>(end - asked).count() : -1;
}

bool measure(const std::string& name, const Analysing& analyse) {
    std::vector<double> waits;
    double last = 0, worstAt = 0;
    // From 10 ms on, each time half as much later, until the analysis ends first, or for eight seconds.
    for (double at = 10; at < 8000; at *= 1.5) {
        const double wait = waitAfter(at, analyse);
        if (wait < 0) break;
        if (waits.empty() || wait > *std::max_element(waits.begin(), waits.end())) worstAt = at;
        waits.push_back(wait);
        last = at;
    }
    if (waits.empty()) {
        fmt::print("{:<44} ends within 10 ms\n", name);
        return true;
    }
    std::sort(waits.begin(), waits.end());
    fmt::print("{:<44} {:>3} stops within {:>6.0f} ms: median {:>6.1f}, worst {:>6.1f} ms, at {:>5.0f}{}\n",
               name, waits.size(), last, waits[waits.size() / 2], waits.back(), worstAt,
               waits.back() > 200 ? "  TOO LATE" : "");
    std::fflush(stdout);
    return waits.back() <= 200;
}

Analysing analysing(const TraceView& view, std::size_t bytes,
                    const std::function<void(AnalysisOptions&)>& ask) {
    AnalysisOptions options;
    options.memoryBytes = bytes;
    options.keepFinished = true;
    ask(options);
    return [view, options](Progress& progress) { analyze(view, options, progress); };
}

}  // namespace

int main(int argc, char** argv) {
    const std::string only = argc > 1 ? argv[1] : "";
    const std::int64_t units = argc > 2 ? std::atoll(argv[2]) : 4096, rows = 600;
    const TraceView view = walks(rows, 65, units);
    bool good = true;
    const auto run = [&](const std::string& name, const Analysing& analyse) {
        if (name.find(only) != std::string::npos) good = measure(name, analyse) && good;
    };
    const auto statistic = [&](const char* name, const std::function<void(AnalysisOptions&)>& ask) {
        run(name, analysing(view, memory, ask));
        run(fmt::format("{}, six nulls", name), analysing(view, memory, [&](AnalysisOptions& options) {
                ask(options);
                for (const auto null : nullNames()) options.nulls.push_back(*parseNull(null));
                options.repeats = 2;
            }));
        run(fmt::format("{}, not held", name),
            analysing(view, std::size_t{256} << 20, [&](AnalysisOptions& options) {
                ask(options);
                options.nulls = {NullKind::RowShuffle, NullKind::SignFlip};
                options.repeats = 2;
            }));
    };
    statistic("density", [](AnalysisOptions& options) { options.get<Density>().emplace(); });
    statistic("correlation", [](AnalysisOptions& options) { options.get<Correlation>().emplace(); });
    statistic("motion", [](AnalysisOptions& options) { options.get<Motion>().emplace(); });
    statistic("rotation", [](AnalysisOptions& options) { options.get<Rotation>().emplace(); });
    statistic("mutual_information",
              [](AnalysisOptions& options) { options.get<MutualInformation>().emplace(); });
    statistic("bins", [](AnalysisOptions& options) {
        options.get<MutualInformation>().emplace().estimator = MutualInformationEstimator::Bins;
    });
    statistic("pca", [](AnalysisOptions& options) { options.get<Pca>().emplace(); });
    for (const auto null : nullNames())
        run(fmt::format("rotation, 40 of {}", null), analysing(view, memory, [&](AnalysisOptions& options) {
                options.get<Rotation>().emplace();
                options.nulls = {*parseNull(null)};
                options.repeats = 40;
            }));
    const PcaOptions few{10, true, 0, memory}, many{600, false, 0, memory};
    const TraceView narrow = walks(rows, 65, 1024);
    run("pca of 1,024 units", [&](Progress& progress) { pca(narrow, few, progress); });
    run("pca of 1,024 units, 600 components", [&](Progress& progress) { pca(narrow, many, progress); });
    run("pca, 600 components", [&](Progress& progress) { pca(view, many, progress); });
    run("pca of each point", [&](Progress& progress) { pcaPerPoint(view, few, progress); });
    std::vector<std::int64_t> half;
    for (std::int64_t n = 0; n < rows; n += 2) half.push_back(n);
    run("pca of some rows", [&](Progress& progress) { pcaFittedOn(view, half, few, progress); });
    run("masked by size", [&](Progress& progress) { outlierUnits(view, 6, progress); });
    const AutoencoderOptions training;
    run("autoencoder", [&](Progress& progress) { fitAutoencoder(view, training, progress); });
    if (std::string("autoencoder, put").find(only) != std::string::npos) {
        AutoencoderOptions once = training;
        once.epochs = 1;
        Progress silent;
        TraceView some = view;
        some.rows = {0, 1, 2, 3, 4, 5};
        const Autoencoder trained = fitAutoencoder(some, once, silent).model;
        run("autoencoder, put",
            [&](Progress& progress) { applyAutoencoder(trained, view, training, progress); });
    }
    VerdictOptions findings;
    findings.keepFinished = true;
    findings.memoryBytes = memory;
    findings.repeats = 3;
    findings.refits = 2;
    findings.halves = 3;
    run("verdicts", [&](Progress& progress) { verdicts(narrow, findings, {}, progress); });
    return good ? 0 : 1;
}
