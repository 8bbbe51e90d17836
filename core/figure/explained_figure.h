#pragma once

#include <string>
#include <vector>

#include "core/base/array.h"
#include "core/base/residual_point.h"
#include "core/figure/figure.h"

namespace rheo {

/// What one null gives for the explained variance: mean and 2.5 to 97.5 % band over its repeats.
struct ExplainedNull {
    std::string name;         ///< "depth_shuffle", "increment_shuffle", "sign_flip"
    VectorD mean, low, high;  ///< [k], shares, 0 to 1
    int repeats = 0;
};

struct NullSummary;
/// Of the summary of a null whose dataset is `explained`.
ExplainedNull explainedNull(std::string name, const NullSummary& summary);

struct ExplainedInput {
    VectorD explained;  ///< [k], share of the variance, 0 to 1
    std::vector<ExplainedNull> nulls;
    MatrixD perPoint;                   ///< [point, component] of each point's own PCA; empty: no such panel
    std::vector<ResidualPoint> points;  ///< [point], read only with `perPoint`
};

/// Explained variance by component beside the bands of its nulls and, with `perPoint`, what the first
/// components of each point's own PCA hold together, by depth. Throws Error(Mismatch) for lengths that
/// do not fit.
Figure explainedFigure(const ExplainedInput& input, const Theme& theme);

}  // namespace rheo
