#include "core/analysis/point_spectra.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <optional>
#include <vector>

#include "core/analysis/covariance.h"
#include "core/base/parallel.h"
#include "core/base/ranks.h"

namespace rheo {

namespace {

/// Values of the states that are fed at once: they are there three times.
constexpr double batchValues = 1 << 18;
/// Multiplications of a covariance with one batch of states: some tens of milliseconds.
constexpr double batchWork = 1e9;

}  // namespace

void feedPoint(const TraceView& view, std::int64_t point, StateStatistic& statistic, int threads,
               const Progress& progress) {
    const std::int64_t rows = view.rowCount();
    const auto units = static_cast<double>(view.unitCount());
    const auto atOnce = static_cast<std::int64_t>(
        std::clamp(std::min(batchWork / (units * units), batchValues / units), 16.0, 2048.0));
    statistic.open(threads);
    MatrixD states;
    for (std::int64_t first = 0; first < rows; first += atOnce) {
        progress.check();
        states = readViewPoint(view, point, first, std::min(atOnce, rows - first)).cast<double>();
        scaleStates(view, states);
        statistic.add(states, threads);
    }
}

PointSpectra pointSpectra(const TraceView& view, bool explained, int threads, std::size_t memoryBytes,
                          Progress& progress) {
    constexpr int shares = 3;
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    const std::int64_t points = view.pointCount(), rows = view.rowCount(), units = view.unitCount();
    const std::size_t bytes = StateSpectrum::bytes(rows, units, memoryBytes);
    const bool streamed = StateSpectrum::formOf(rows, units, memoryBytes) == StateSpectrum::Form::Streamed;
    // Points that are streamed take the whole memory, one after the other, and all threads.
    const auto atOnce = streamed
                            ? 1
                            : static_cast<int>(std::clamp<std::size_t>(
                                  memoryBytes / bytes, 1, static_cast<std::size_t>(resolveThreads(threads))));
    PointSpectra spectra;
    spectra.participationRatio = VectorD::Constant(points, nan);
    if (explained) spectra.explained = MatrixD::Constant(points, shares, nan);
    if (rows < 3) return spectra;
    std::optional<SerialBlas> serial;
    if (atOnce > 1) serial.emplace();
    const int within = atOnce > 1 ? 1 : threads;
    std::mutex mutex;
    std::int64_t done = 0;
    // Ranks take points in turn. Each number is made by one of them, and zero of all others: their sum is it.
    const Ranks& ranks = currentRanks();
    std::vector<std::int64_t> own;
    for (std::int64_t p = 0; p < points; ++p) {
        if (p % ranks.size == ranks.rank) {
            own.push_back(p);
            continue;
        }
        spectra.participationRatio[p] = 0;
        if (explained) spectra.explained.row(p).setZero();
    }
    parallelFor(std::ssize(own), 1, atOnce, progress, [&](std::int64_t i, std::int64_t) {
        const std::int64_t p = own[static_cast<std::size_t>(i)];
        StateSpectrum sum(rows, units, memoryBytes, view.maskedUnits);
        feedPoint(view, p, sum, within, progress);
        Progress silent(progress.stopToken());
        const auto k = std::min<std::int64_t>({shares, rows, units});
        const Spectrum found = sum.solve(
            {explained ? static_cast<int>(k) : 0, false, true},
            [&](StateStatistic& statistic, Progress& part) { feedPoint(view, p, statistic, within, part); },
            silent);
        if (found.squares > 0) spectra.participationRatio[p] = found.trace * found.trace / found.squares;
        if (explained && found.trace > 0)
            spectra.explained.row(p).head(found.variance.size()) = found.variance.transpose() / found.trace;
        const std::lock_guard lock(mutex);
        progress.report(static_cast<double>(++done), static_cast<double>(own.size()));
    });
    sumOverRanks(ranks, {spectra.participationRatio.data(), static_cast<std::size_t>(points)});
    sumOverRanks(ranks, {spectra.explained.data(), static_cast<std::size_t>(spectra.explained.size())});
    return spectra;
}

}  // namespace rheo
