#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/analysis/row_source.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/compare/depth_match.h"
#include "core/compare/matched_rows.h"
#include "core/findings/judge.h"
#include "core/statistics/analyze.h"

namespace rheo {

struct DifferenceOptions {
    StatisticOptions statistics = {};  ///< which curves, and how they are made
    int resamples = 100;               ///< halves of the samples
    std::uint64_t seed = 0;
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
};

/// A curve of a statistic of A and of B, and B less A with its 95 % interval.
struct DifferenceCurve {
    std::string statistic, dataset;  ///< "motion", "cosine"
    Along axis = Along::One;         ///< Points, Steps, Bends, Components or One
    VectorD a, b;                    ///< [n] at the places of A's
    VectorD difference, low, high;   ///< [n]; NaN bounds where there are too few samples
};

struct DifferenceResult {
    std::vector<DifferenceCurve> curves;
    bool paired = false;                      ///< the same samples in both, and the same halves of them
    bool relativeDepth = false;               ///< B's curves were read at the relative depths of A
    std::int64_t samplesA = 0, samplesB = 0;  ///< that halves were drawn of
    std::int64_t rowsA = 0, rowsB = 0;
    int resamples = 0;
    std::uint64_t seed = 0;
    std::vector<std::string> left = {};  ///< what was not compared, and why: sentences
};

/// Curves along depth and components, and single numbers, of both sources, on all their rows, or where rows
/// are matched on those pairs; and their differences. Intervals are those of halvesInterval: paired, of the
/// difference on the same random half of the samples in both; else of independent halves, whose variances
/// add. Points of different networks are compared by relative depth (DepthMatch). Curves of units are left
/// out: unit 5 of one network is not unit 5 of another. Throws as analyze. Cost: 2 (1 + resamples) analyses
/// of half of the rows each.
DifferenceResult differenceCurves(const RowSource& a, const RowSource& b, const MatchedRows& matched,
                                  const DifferenceOptions& options, Progress& progress);

/// 95 % interval of the difference of two numbers from independent samples: each has the variance of
/// halvesInterval, and these add; t with one degree of freedom less than the lesser has samples or halves.
Interval independentInterval(double difference, const std::vector<double>& halvesA, std::int64_t samplesA,
                             const std::vector<double>& halvesB, std::int64_t samplesB);

}  // namespace rheo
