#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/array.h"
#include "core/base/progress.h"

namespace rheo {

enum class ProbeKind {
    Ridge,     ///< least squares on +1 and -1
    Logistic,  ///< logistic regression
};
/// "ridge", "logistic".
std::string_view probeKindName(ProbeKind kind);
std::optional<ProbeKind> parseProbeKind(std::string_view name);

struct ProbeOptions {
    ProbeKind kind = ProbeKind::Ridge;
    double penalty = 0.1;  ///< of the squared weights, in units of the mean squared norm of a centred state
    int folds = 5;         ///< at most; no more than the smaller group has samples
    int shuffles = 200;    ///< of the labels, for the null
    std::uint64_t seed = 0;
};

/// States of two groups. N rows, D units.
struct GroupedStates {
    MatrixF states;                     ///< [N, D]
    std::vector<char> plus;             ///< [N] 1: of the group the direction points to
    std::vector<std::int64_t> samples;  ///< [N] rows with the same number are never in two folds
};

/// A linear probe between two groups.
struct ProbeResult {
    VectorD direction;    ///< [D] the weights, as long as the distance along them between the group means
    double accuracy = 0;  ///< cross-validated, balanced: the mean of both groups' share of rows found, 0 to 1
    VectorD shuffled;     ///< [shuffles] the same with shuffled labels
    double shuffledLow = 0, shuffledHigh = 0;  ///< the middle 95 % of those; NaN without any
    double p = 0;                              ///< (1 + those at least as accurate) / (1 + shuffles)
    int folds = 0;
    std::int64_t samples = 0;
};

/// Fits the probe with an intercept, and tests it: folds are of samples, as even as can be in either group,
/// drawn by seed; a row is said to be of the group on whose side of the midpoint between the training means
/// it lies. Labels are shuffled over samples where each is in one group alone, else over the rows of each
/// sample. Solved in the space of rows: cost folds * (N^3 / 3 + shuffles * N^2) for ridge, folds * shuffles *
/// 8 * N^3 / 3 for logistic. Throws Error(InvalidArgument) for a group of fewer than 2 samples, values that
/// are not finite, or more than 4,096 rows.
ProbeResult linearProbe(const GroupedStates& groups, const ProbeOptions& options, Progress& progress);

}  // namespace rheo
