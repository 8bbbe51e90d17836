#include "core/statistics/gaussian_reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "core/base/parallel.h"
#include "core/base/random.h"

namespace rheo {

namespace {

constexpr std::uint64_t simulationSeed = 0x6761757373;
constexpr std::int64_t samplesAtEach = 60000, fewestSimulations = 8;

/// -0.5 ln(1 - r^2) of the correlations simulated: close together where estimates bend, and up to where
/// float32 states can no longer differ from a line.
const std::vector<double>& nodes() {
    static const std::vector<double> all = [] {
        std::vector<double> made;
        const auto upTo = [&](double end, double step) {
            while (made.empty() || made.back() + step <= end + 1e-9)
                made.push_back(made.empty() ? 0.0 : made.back() + step);
        };
        upTo(1, 0.125);
        upTo(4, 0.25);
        upTo(9, 0.5);
        upTo(18, 1);
        return made;
    }();
    return all;
}

double estimate(MutualInformationEstimator estimator, int neighbours, const RankedVariable& x,
                const RankedVariable& y, const Progress& progress) {
    return estimator == MutualInformationEstimator::Ksg ? ksgInformation(x, y, neighbours, progress)
                                                        : binnedInformation(x, y);
}

/// Mean 0 and variance 1 over the samples.
Eigen::ArrayXd standardize(const Eigen::ArrayXd& values) {
    const Eigen::ArrayXd centred = values - values.mean();
    return centred / std::sqrt(centred.square().mean());
}

}  // namespace

GaussianReference::GaussianReference(MutualInformationEstimator estimator, int neighbours, std::int64_t count,
                                     int threads, const Progress& progress) {
    const std::int64_t simulations =
        std::max(fewestSimulations, samplesAtEach / std::max<std::int64_t>(1, count));
    const auto size = static_cast<Eigen::Index>(nodes().size());
    MatrixD found(simulations, size);
    parallelFor(simulations, 1, threads, progress, [&](std::int64_t i, std::int64_t) {
        RandomStream random(simulationSeed, static_cast<std::uint64_t>(i));
        Eigen::ArrayXd x(count), rest(count);
        for (auto& value : x) value = random.normal();
        for (auto& value : rest) value = random.normal();
        x = standardize(x);
        rest = standardize(rest);
        rest = standardize(rest - (rest * x).mean() * x);  // uncorrelated with x over these samples
        const RankedVariable first(std::span<const double>(x.data(), static_cast<std::size_t>(count)), 0, 0);
        for (Eigen::Index node = 0; node < size; ++node) {
            const double left = std::exp(-nodes()[static_cast<std::size_t>(node)]);  // sqrt(1 - r^2)
            const Eigen::ArrayXd y = std::sqrt((1 - left) * (1 + left)) * x + left * rest;
            const RankedVariable second(std::span<const double>(y.data(), static_cast<std::size_t>(count)), 0,
                                        1);
            found(i, node) = estimate(estimator, neighbours, first, second, progress);
        }
    });
    m_bias.resize(size);
    m_slope = VectorD::Zero(size);
    for (Eigen::Index node = 0; node < size; ++node) {
        const auto values = found.col(node).array();
        const double mean = values.mean();
        m_bias[node] = mean - nodes()[static_cast<std::size_t>(node)];
        const auto n = static_cast<double>(simulations);
        m_standardError =
            std::max(m_standardError, std::sqrt((values - mean).square().sum() / (n * (n - 1))));
    }
    for (Eigen::Index node = 1; node + 1 < size; ++node) {  // of the parabola through three
        const auto t = [&](Eigen::Index i) { return nodes()[static_cast<std::size_t>(i)]; };
        const double before = t(node) - t(node - 1), after = t(node + 1) - t(node);
        m_slope[node] = ((m_bias[node] - m_bias[node - 1]) / before * after +
                         (m_bias[node + 1] - m_bias[node]) / after * before) /
                        (before + after);
    }
    m_slope[0] = (m_bias[1] - m_bias[0]) / nodes()[1];
    m_slope[size - 1] = -1;  // the estimate no longer grows
}

double GaussianReference::at(double gaussian) const {
    if (std::isnan(gaussian)) return std::numeric_limits<double>::quiet_NaN();
    const auto& t = nodes();
    if (gaussian >= t.back()) return t.back() + m_bias[m_bias.size() - 1];
    const auto above = std::upper_bound(t.begin(), t.end(), gaussian);
    const auto i = std::max<std::ptrdiff_t>(0, above - t.begin() - 1);
    const double width = t[static_cast<std::size_t>(i) + 1] - t[static_cast<std::size_t>(i)];
    const double s = (gaussian - t[static_cast<std::size_t>(i)]) / width;
    // Cubic Hermite interpolation of the bias.
    const double from = (1 + 2 * s) * (1 - s) * (1 - s), to = s * s * (3 - 2 * s);
    return gaussian + from * m_bias[i] + to * m_bias[i + 1] +
           width * s * (1 - s) * ((1 - s) * m_slope[i] - s * m_slope[i + 1]);
}

const GaussianReference& gaussianReference(MutualInformationEstimator estimator, int neighbours,
                                           std::int64_t count, int threads, const Progress& progress) {
    static std::mutex mutex;
    static std::map<std::tuple<MutualInformationEstimator, int, std::int64_t>,
                    std::unique_ptr<const GaussianReference>>
        made;
    const std::lock_guard lock(mutex);
    auto& reference = made[{estimator, neighbours, count}];
    if (!reference)
        reference = std::make_unique<GaussianReference>(estimator, neighbours, count, threads, progress);
    return *reference;
}

}  // namespace rheo
