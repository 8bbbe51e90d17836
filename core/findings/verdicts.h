#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/analysis/nulls.h"
#include "core/analysis/trace_view.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/findings/findings.h"
#include "core/findings/judge.h"
#include "core/findings/reconstruction.h"
#include "core/statistics/analyze.h"
#include "core/statistics/early_attractor.h"

namespace rheo {

/// What pushes of one size do (early_attractor): mean and 95 % interval of the difference, one-sided p for
/// below zero.
struct PushResponse {
    double size;  ///< in units of s, the RMS distance of states from their mean
    double mean, low, high, p;
};

/// The result of testing a finding, as numbers; NaN for a number that does not exist. Sentences:
/// core/session/verdict_text.h.
struct Verdict {
    std::string key;    ///< "density_rises"
    int direction = 0;  ///< +1 or -1 as published, 0 where the number has no sign
    double observed = std::numeric_limits<double>::quiet_NaN();
    Interval interval{observed, observed};
    std::vector<NullComparison> nulls = {};  ///< all must be exceeded; the one that comes closest first
    /// The largest p of the nulls, in the published direction. Without a direction: two-sided, beyond all
    /// nulls on the same side, or on either side if each null gives nearly all of the value.
    double p = std::numeric_limits<double>::quiet_NaN();
    PMethod pMethod = PMethod::None;
    double pAdjusted = std::numeric_limits<double>::quiet_NaN();  ///< Holm, over the findings tested
    double pAway = std::numeric_limits<double>::quiet_NaN();      ///< against the published direction
    double pAwayAdjusted = std::numeric_limits<double>::quiet_NaN();
    std::int64_t samples = 0, rows = 0;
    double depthShuffleMean = std::numeric_limits<double>::quiet_NaN();  ///< what the paper's control says
    double depthShuffleP = std::numeric_limits<double>::quiet_NaN();
    std::vector<PushResponse> responses = {};  ///< early_attractor
    VerdictKind verdict = VerdictKind::NotTested;
    std::string reason = {};  ///< why it was not tested, or why it is NotSeen in spite of its numbers
    /// RestsOnOutliers: the verdicts with everything and with the outliers left out, and their names.
    VerdictKind withAll = VerdictKind::NotTested, withoutOutliers = VerdictKind::NotTested;
    /// The number and the mean of the null that comes closest, with the outliers left out.
    double observedWithoutOutliers = std::numeric_limits<double>::quiet_NaN();
    double nullWithoutOutliers = std::numeric_limits<double>::quiet_NaN();
    std::string outliers = {};
};

struct VerdictOptions {
    int repeats = 200;       ///< of each null
    int mostRepeats = 1000;  ///< where more than `repeats` take about a second (small views)
    int refits = 20;         ///< of the autoencoder on surrogates of each null; 0: its finding is not tested
    int resamples = 400;     ///< halves of the samples, for intervals
    int halves = 100;        ///< the same for mutual information
    int splits = 20;         ///< into training and validation samples, for the interval of the autoencoder's
    int mutualUnits = 256;   ///< for mutual information, at most, drawn by seed; 0: not tested
    int components = 10;     ///< of the PCA in the result
    std::uint64_t seed = 0;
    int threads = 0;
    std::size_t memoryBytes = std::size_t{1} << 30;
    bool keepFinished = false;  ///< when cancelled: return the evidence so far and an empty list
};

/// The measured numbers that verdicts are computed from. They can be stored, and completed later.
struct Evidence {
    Analysis analysis;  ///< the statistics, and the nulls that are used
    /// [half, finding], of random halves of the samples: those with source Sweep. NaN for the others.
    MatrixD resamples;
    MatrixD halves;                 ///< [half, 2], the same of mi_drops_then_climbs and nonlinear_early
    Reconstruction reconstruction;  ///< late_easier_to_reconstruct
    std::int64_t samples = 0;       ///< that halves were drawn from
    std::int64_t rows = 0;          ///< of these
    EarlyAttractor attractor;       ///< as it was given
    bool stopped = false;           ///< cancelled: parts that the verdicts need are missing
};

struct Verdicts {
    /// All twelve, in the order of findings(), and what was measured elsewhere; empty where it was stopped.
    std::vector<Verdict> list;
    Evidence evidence;
};

/// Fewest samples and points on which anything is tested.
constexpr std::int64_t leastSamples = 20, leastPoints = 8;

/// Tests each published finding on `view`, raw unless another scaling was asked for. Rows with the same
/// states must be in it once (distinct_rows.h). Cost: three sweeps with `repeats` or more surrogates of three
/// nulls each, 2 * `halves` estimates of mutual information, and the fits of reconstruction.h of the
/// autoencoder. What `known` holds is not computed again: evidence of the same view with the same options
/// (this call may ask for more repeats, refits and halves than the earlier one). With fewer than
/// `leastSamples` samples or `leastPoints` points nothing is computed, and all are NotTested. `others` are
/// findings that were measured elsewhere (derivative_verdicts.h): they end the list, and are judged with it.
/// Throws as analyze; Cancelled unless `keepFinished`.
Verdicts verdicts(const TraceView& view, const VerdictOptions& options, const EarlyAttractor& earlyAttractor,
                  Progress& progress, Evidence known = {}, const std::vector<Verdict>& others = {});

/// Adjusts p for the number of findings tested, and sets each verdict by the adjusted p. Findings with a
/// reason stay NotTested.
void judgeAll(std::vector<Verdict>& list);

/// The statistics that verdicts rest on, as they compute them; the nulls differ from one to the other.
AnalysisOptions statisticsOf(const TraceView& view, const VerdictOptions& options);
/// The analyses that the findings from one source (Sweep or Information) rest on: statistics that need the
/// same nulls together.
std::vector<AnalysisOptions> sweepsOf(const TraceView& view, const VerdictOptions& options,
                                      FindingSource source);

/// The list `withAll`, with RestsOnOutliers for each verdict that differs in `without`: the verdicts of the
/// same view without its outlying units and rows, in the same order. A verdict that cannot be tested without
/// them (too few samples are left) is RestsOnOutliers too. `outliers` names the outliers in words. NotTested
/// stays, and so do verdicts on pushes and those that were measured elsewhere: they are not measured again.
std::vector<Verdict> compareWithoutOutliers(std::vector<Verdict> withAll, const std::vector<Verdict>& without,
                                            const std::string& outliers);

}  // namespace rheo
