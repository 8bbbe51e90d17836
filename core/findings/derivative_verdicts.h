#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/array.h"
#include "core/findings/verdicts.h"

namespace rheo {

/// The measured numbers for the findings of arXiv:2605.14258 on derivatives: N rows, S steps.
struct DerivativeEvidence {
    MatrixD henrici;                    ///< [N, S] departure from normality of each step
    MatrixD cumulativeRank;             ///< [N, S] effective rank of all steps so far together
    MatrixD untrainedHenrici;           ///< [N, S] of the same rows in an untrained network; empty: none
    MatrixD untrainedCumulativeRank;    ///< likewise
    std::vector<std::int64_t> samples;  ///< [N] rows of one sample count as their mean
    std::int64_t units = 0;
};

/// `non_normality_falls`: mean departure from normality over the last quarter of steps - over the first;
/// `low_rank_bottleneck`: ln(effective rank of all steps together / units). Both are published below zero.
/// The interval is that of the mean over samples (Student's t); the null is the untrained network, with the
/// signs of the paired differences flipped over samples, p adjusted for both. NotTested, with the reason,
/// without an untrained network, with fewer than `leastSamples` samples or `leastPoints` - 1 steps, or where
/// the values are not defined. Throws Error(Mismatch) for parts of different shapes.
std::vector<Verdict> derivativeVerdicts(const DerivativeEvidence& evidence, std::uint64_t seed);
/// The same, measured and not yet judged: to be judged together with other findings (verdicts()).
std::vector<Verdict> measuredDerivatives(const DerivativeEvidence& evidence, std::uint64_t seed);
/// Whether a finding is one of these.
bool isOfDerivatives(const std::string& key);

}  // namespace rheo
