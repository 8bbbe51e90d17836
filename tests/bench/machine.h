#pragma once

// What the machine can do, measured in the run that reports a share of it. Define EIGEN_USE_BLAS first.
#ifndef EIGEN_USE_BLAS
#error "the products are to run in BLAS"
#endif
#include <benchmark/benchmark.h>

#include <Eigen/Core>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include "core/base/parallel.h"

namespace rheo {

/// RHEO_THREADS, or 0: one a core. For BLAS the same is said by OPENBLAS_NUM_THREADS.
inline int benchThreads() {
    const char* asked = std::getenv("RHEO_THREADS");
    return asked == nullptr ? 0 : std::atoi(asked);
}

/// Seconds of the fastest of `times` calls of `work`, after one that is not counted.
template <class Work>
double secondsOf(int times, Work work) {
    work();
    double best = std::numeric_limits<double>::infinity();
    for (int i = 0; i < times; ++i) {
        const auto start = std::chrono::steady_clock::now();
        work();
        best =
            std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return best;
}

/// Operations a second of a double-precision product of square matrices.
inline double gemmFlops() {
    constexpr int n = 2048;
    const Eigen::MatrixXd a = Eigen::MatrixXd::Random(n, n), b = Eigen::MatrixXd::Random(n, n);
    Eigen::MatrixXd c(n, n);
    const double seconds = secondsOf(5, [&] { c.noalias() = a * b; });
    benchmark::DoNotOptimize(c.data());
    return 2.0 * n * n * n / seconds;
}

/// Operations a second of dsyrk with matrices of `units` rows and 2,048 columns, which are there already.
inline double syrkFlops(Eigen::Index units) {
    constexpr int states = 2048;
    const Eigen::MatrixXd a = Eigen::MatrixXd::Random(units, states);
    Eigen::MatrixXd c = Eigen::MatrixXd::Zero(units, units);
    const double seconds = secondsOf(3, [&] { c.selfadjointView<Eigen::Lower>().rankUpdate(a); });
    benchmark::DoNotOptimize(c.data());
    return static_cast<double>(units) * static_cast<double>(units) * states / seconds;
}

/// Bytes a second that memcpy copies of arrays larger than any cache.
inline double copyBytes() {
    constexpr std::int64_t bytes = std::int64_t{256} << 20, piece = std::int64_t{1} << 20;
    const std::vector<char> from(bytes, 1);
    std::vector<char> to(bytes);
    const double seconds = secondsOf(5, [&] {
        parallelFor(bytes, piece, benchThreads(), Progress(), [&](std::int64_t begin, std::int64_t end) {
            std::memcpy(to.data() + begin, from.data() + begin, static_cast<std::size_t>(end - begin));
        });
    });
    benchmark::DoNotOptimize(to.data());
    return bytes / seconds;
}

}  // namespace rheo
