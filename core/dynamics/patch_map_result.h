#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/array.h"

namespace rheo {

/// What is measured of the token after a prompt.
enum class PatchOutcome {
    LogitDifference,  ///< logit of `answer` - logit of `foil`
    Probability,      ///< of `answer`, 0 to 1
    Kl,               ///< KL(clean || patched) over the vocabulary, nats; 0 for the clean run
};
/// "logit_difference", "probability", "kl".
std::string_view patchOutcomeName(PatchOutcome outcome);
std::optional<PatchOutcome> parsePatchOutcome(std::string_view name);

struct PatchRequest {
    std::vector<std::int32_t> clean, corrupted;  ///< token ids of both prompts
    PatchOutcome outcome = PatchOutcome::LogitDifference;
    std::int32_t answer = -1;  ///< a token id; -1: none, for Kl
    std::int32_t foil = -1;    ///< for LogitDifference
    /// [corrupted token] the token of the clean prompt whose states are put there; -1: none. Empty: both
    /// prompts are aligned from the end.
    std::vector<std::int32_t> cleanToken = {};
    /// [k, unit] independent directions: only the part of a state in their span is taken from the clean run,
    /// the rest stays that of the corrupted one. Empty: the whole state.
    MatrixD along = {};
};

/// Causal tracing: which states of a clean run bring its outcome back in a corrupted run. T tokens of the
/// corrupted prompt, P residual points.
struct PatchMap {
    PatchRequest request;  ///< cleanToken resolved; `along` orthonormal
    MatrixD effect;        ///< [T, P] outcome of the corrupted run with that one state of the clean run
    MatrixD normalized;    ///< [T, P] (effect - corrupted) / (clean - corrupted); NaN where both are equal
    double clean = 0, corrupted = 0;  ///< outcomes of the runs themselves
};

}  // namespace rheo
