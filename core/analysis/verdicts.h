#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/analysis/analyze.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

/// What a test of a finding came to (ANALYSES: Verdicts).
enum class VerdictKind {
    Supported,  ///< the interval excludes zero in the published direction, and the null does not reach it
    ExplainedByNull,  ///< the interval excludes zero in that direction, and so does the null
    Opposite,         ///< as Supported, in the other direction
    NotSeen,
    NotTested,  ///< `reason` says why
};
/// "supported", "explained_by_null", "opposite", "not_seen", "not_tested".
std::string_view verdictName(VerdictKind kind);

/// A published finding, put to a test. Numbers that there are not are NaN.
struct Verdict {
    std::string key;        ///< "density_rises"
    std::string finding;    ///< what was published, in words
    std::string statistic;  ///< the number that stands for it, in words
    double observed, intervalLow, intervalHigh;
    std::string null;  ///< "gaussian_walk"; empty without one
    double nullMean, nullLow, nullHigh;
    double p;  ///< one-sided in the published direction, two-sided where it has none
    int repeats = 0;
    std::int64_t samples = 0, rows = 0;
    double depthShuffleMean, depthShuffleP;  ///< what the control of the paper would say, likewise
    VerdictKind verdict = VerdictKind::NotTested;
    std::string reason;
    std::string sentence;  ///< what came out, for a person
};

/// What pushes near the start of the network do (key early_attractor; core/dynamics measures it).
struct EarlyAttractor {
    /// [sample], mean `contraction_rms` over the first quarter of steps of pushes along the first components,
    /// less that of pushes in random directions.
    VectorD differences;
    std::string reason;  ///< why there are none; empty if there are
};

struct VerdictOptions {
    int repeats = 200;
    int refits = 20;       ///< of the autoencoder on surrogates; 0: its finding is not tested
    int resamples = 1000;  ///< for intervals
    int halves = 100;      ///< for the intervals of mutual information
    int mutualUnits =
        256;              ///< for mutual information, at most, drawn by seed; 0: its findings are not tested
    int components = 10;  ///< of the PCA that is handed out
    std::uint64_t seed = 0;
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
};

struct Verdicts {
    std::vector<Verdict> list;  ///< all twelve, in the order of the definitions
    Analysis analysis;          ///< what they rest on: observed statistics, and the nulls that were used
};

/// Puts each published finding to a test on `view`, whose scaling must be raw (Error(InvalidArgument)
/// otherwise). Costs three sweeps with `repeats` surrogates of two nulls each, the resampling of resample.h
/// and 2 `refits` + 1 fits of the autoencoder. Throws as analyze.
Verdicts verdicts(const TraceView& view, const VerdictOptions& options, const EarlyAttractor& earlyAttractor,
                  Progress& progress);

/// The rule: `direction` is +1 or -1 as published, `pUpper` and `pLower` one-sided against the null.
VerdictKind judge(int direction, double low, double high, double pUpper, double pLower);

/// Share of sign flips of `differences` (10,000 by seed) whose mean is at most the observed one, and the same
/// for at least: (1 + count) / 10,001.
struct SignFlipTest {
    double mean, low, high;  ///< of the flipped means: mean, 2.5 and 97.5 %
    double pUpper, pLower;
};
SignFlipTest flipSignsOfDifferences(const VectorD& differences, std::uint64_t seed);

}  // namespace rheo
