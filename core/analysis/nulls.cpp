#include "core/analysis/nulls.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
/// What a null keeps comes out the same but for rounding: values this much alike, relative to the largest,
/// are.
constexpr double rounding = 1e-11;

double quantile(std::vector<double>& sorted, double q) {
    const double at = q * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const auto above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

NullSummary summarizeNull(const VectorD& observed, const MatrixD& samples, std::uint64_t seed) {
    const Eigen::Index n = observed.size();
    const auto repeats = static_cast<double>(samples.rows());
    NullSummary summary;
    summary.repeats = static_cast<int>(samples.rows());
    summary.seed = seed;
    for (auto* v : {&summary.mean, &summary.low, &summary.high, &summary.z, &summary.pUpper, &summary.pLower,
                    &summary.p})
        *v = VectorD::Constant(n, nan);
    for (Eigen::Index i = 0; i < n; ++i) {
        const auto column = samples.col(i);
        if (std::isnan(observed[i]) || samples.rows() < 1 || !column.allFinite()) continue;
        std::vector<double> sorted(column.begin(), column.end());
        std::sort(sorted.begin(), sorted.end());
        summary.mean[i] = column.mean();
        summary.low[i] = quantile(sorted, 0.025);
        summary.high[i] = quantile(sorted, 0.975);
        const double same = rounding * std::max(std::abs(observed[i]), column.cwiseAbs().maxCoeff());
        if (samples.rows() > 1) {
            const double sd = std::sqrt((column.array() - summary.mean[i]).square().sum() / (repeats - 1));
            if (sd > same) summary.z[i] = (observed[i] - summary.mean[i]) / sd;
        }
        const auto above = static_cast<double>((column.array() >= observed[i] - same).count());
        const auto below = static_cast<double>((column.array() <= observed[i] + same).count());
        summary.pUpper[i] = (1 + above) / (repeats + 1);
        summary.pLower[i] = (1 + below) / (repeats + 1);
        summary.p[i] = std::min(1.0, 2 * std::min(summary.pUpper[i], summary.pLower[i]));
    }
    return summary;
}

}  // namespace rheo
