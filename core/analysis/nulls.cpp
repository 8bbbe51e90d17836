#include "core/analysis/nulls.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/analysis/student_t.h"
#include "core/base/quantile.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
/// What a null keeps comes out the same but for rounding: values this much alike, relative to the largest,
/// are.
constexpr double rounding = 1e-11;

constexpr std::size_t leastFitted = 20, leastRepeats = 40;
constexpr std::ptrdiff_t enoughBeyond = 10;
constexpr double leastP = 1e-6;

/// A generalised Pareto distribution of exceedances, ascending and not below 0: P(exceedance > y).
class ParetoTail {
public:
    explicit ParetoTail(std::span<const double> exceedances) {
        const auto n = static_cast<double>(exceedances.size());
        double mean = 0, weighted = 0;  // E[Y], E[Y (1 - F(Y))]
        for (std::size_t i = 0; i < exceedances.size(); ++i) {
            mean += exceedances[i] / n;
            weighted += exceedances[i] * (n - 1 - static_cast<double>(i)) / (n * (n - 1));
        }
        const double estimate = std::max(0.0, 2 - mean / (mean - 2 * weighted));
        m_shape = std::min(mostShape, estimate + std::sqrt(shapeVariance / n));
        m_scale = mean * (1 - m_shape);
    }
    double above(double y) const { return std::pow(1 + m_shape * y / m_scale, -1 / m_shape); }

private:
    /// n times the variance of the estimated shape, where the shape is 0 (Hosking and Wallis 1987, 4.2).
    static constexpr double shapeVariance = 4.0 / 3;
    /// The mean exists below 1.
    static constexpr double mostShape = 0.8;
    double m_shape, m_scale;
};

std::vector<double> mirrored(std::span<const double> values) {
    std::vector<double> negative;
    for (const double x : values) negative.push_back(-x);
    return negative;
}

}  // namespace

std::string_view pMethodName(PMethod method) {
    switch (method) {
        case PMethod::Empirical: return "empirical";
        case PMethod::GeneralizedPareto: return "generalized_pareto";
        case PMethod::StudentT: return "student_t";
        case PMethod::SignFlips: return "sign_flips";
        case PMethod::None: break;
    }
    return "";
}

TailP upperTail(double observed, std::span<const double> repeats) {
    std::vector<double> sorted(repeats.begin(), repeats.end());
    const auto undefined = [](double x) { return std::isnan(x); };
    if (sorted.empty() || undefined(observed) || std::any_of(sorted.begin(), sorted.end(), undefined))
        return {nan, PMethod::None};
    std::sort(sorted.begin(), sorted.end());
    const double same =
        rounding * std::max({std::abs(observed), std::abs(sorted.front()), std::abs(sorted.back())});
    const auto beyond = sorted.end() - std::lower_bound(sorted.begin(), sorted.end(), observed - same);
    const auto count = static_cast<double>(sorted.size());
    const TailP counted{(1 + static_cast<double>(beyond)) / (count + 1), PMethod::Empirical};
    const bool spread = sorted.back() - sorted.front() > same;
    if (beyond >= enoughBeyond || sorted.size() < leastRepeats || !spread) return counted;
    const std::size_t fitted = std::max(leastFitted, sorted.size() / 5);
    const std::size_t first = sorted.size() - fitted;
    const double threshold = 0.5 * (sorted[first - 1] + sorted[first]);
    std::vector<double> exceedances;
    for (std::size_t i = first; i < sorted.size(); ++i) exceedances.push_back(sorted[i] - threshold);
    if (!(exceedances.back() > same) || observed <= threshold) return counted;
    const double p =
        static_cast<double>(fitted) / count * ParetoTail(exceedances).above(observed - threshold);
    return {std::max(leastP, p), PMethod::GeneralizedPareto};
}

TailP lowerTail(double observed, std::span<const double> repeats) {
    return upperTail(-observed, mirrored(repeats));
}

TailP upperTailOfNormal(double observed, std::span<const double> repeats) {
    if (repeats.size() < 2 || std::isnan(observed)) return {nan, PMethod::None};
    const Eigen::Map<const Eigen::ArrayXd> values(repeats.data(), static_cast<Eigen::Index>(repeats.size()));
    const auto count = static_cast<double>(repeats.size());
    const double mean = values.mean();
    const double sd = std::sqrt((values - mean).square().sum() / (count - 1));
    const double same = rounding * std::max(std::abs(observed), values.abs().maxCoeff());
    if (!(sd > same)) return upperTail(observed, repeats);
    return {studentTail((observed - mean) / (sd * std::sqrt(1 + 1 / count)), count - 1), PMethod::StudentT};
}

TailP lowerTailOfNormal(double observed, std::span<const double> repeats) {
    return upperTailOfNormal(-observed, mirrored(repeats));
}

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
