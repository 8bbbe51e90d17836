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
    bool keepFinished = false;  ///< a stop gives the evidence so far, and no list
};

/// What the verdicts rest on, as it was measured: plain numbers, which can be stored and gone on with.
struct Evidence {
    Analysis analysis;  ///< the statistics, and the nulls that are used
    /// [half, 2], of random halves of the samples: the numbers of mi_drops_then_climbs and nonlinear_early.
    MatrixD halves;
    /// [1 + 2 refits], the number of late_easier_to_reconstruct: as it is, of each surrogate of sign_flip, of
    /// each of depth_shuffle. NaN where a fit was not made yet.
    VectorD refits;
    VectorD refitInterval;     ///< [2], of the first of them
    MatrixD resamples;         ///< [resample, key], in the order of the definitions; NaN where a key has none
    std::int64_t samples = 0;  ///< that were resampled
    std::int64_t rows = 0;     ///< of these
    EarlyAttractor attractor;  ///< as it was given
    bool stopped = false;      ///< there is less than the verdicts need
};

struct Verdicts {
    std::vector<Verdict> list;  ///< all twelve, in the order of the definitions; empty where it was stopped
    Evidence evidence;
};

/// Puts each published finding to a test on `view`, whose scaling must be raw (Error(InvalidArgument)
/// otherwise). Costs three sweeps with `repeats` surrogates of two nulls each, the resampling of resample.h
/// and 2 `refits` + 1 fits of the autoencoder; nothing of that is done again which `known` holds, the
/// evidence of the same view with the same options (there may be more repeats, refits, halves and resamples
/// than in an earlier call, except that resamples are all drawn again). Throws as analyze; Cancelled unless
/// `keepFinished`.
Verdicts verdicts(const TraceView& view, const VerdictOptions& options, const EarlyAttractor& earlyAttractor,
                  Progress& progress, Evidence known = {});

/// The statistics that verdicts rest on, as they compute them; the nulls differ from one to the other.
AnalysisOptions statisticsOf(const TraceView& view, const VerdictOptions& options);

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
