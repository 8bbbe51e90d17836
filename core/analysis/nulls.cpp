#include "core/analysis/nulls.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <mutex>
#include <utility>

#include "core/analysis/covariance.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
/// States whose surrogates are made before they are multiplied: enough for the product to be fast, few enough
/// to check for a stop often.
constexpr std::int64_t statesAtOnce = 2048;

constexpr std::array<std::pair<NullKind, std::string_view>, 3> names{{
    {NullKind::DepthShuffle, "depth_shuffle"},
    {NullKind::IncrementShuffle, "increment_shuffle"},
    {NullKind::SignFlip, "sign_flip"},
}};

/// Uniform in 0 .. n-1 for small n, from 32 random bits by multiplication (Lemire 2019); the bias is below n
/// / 2^32.
std::uint32_t belowSmall(std::uint32_t bits, std::uint32_t n) {
    return static_cast<std::uint32_t>((static_cast<std::uint64_t>(bits) * n) >> 32);
}

void shuffleDepth(Eigen::Ref<MatrixD> path, RandomStream& random) {
    const Eigen::Index points = path.rows(), units = path.cols();
    // Fisher-Yates down the points, each unit with numbers of its own, two to a draw; row by row, because
    // that is how the path lies in memory.
    for (Eigen::Index p = points - 1; p > 0; --p) {
        const auto n = static_cast<std::uint32_t>(p + 1);
        for (Eigen::Index u = 0; u < units; u += 2) {
            const std::uint64_t bits = random();
            std::swap(path(p, u), path(belowSmall(static_cast<std::uint32_t>(bits), n), u));
            if (u + 1 < units)
                std::swap(path(p, u + 1), path(belowSmall(static_cast<std::uint32_t>(bits >> 32), n), u + 1));
        }
    }
}

void shuffleIncrements(Eigen::Ref<MatrixD> path, RandomStream& random) {
    const MatrixD steps = path.bottomRows(path.rows() - 1) - path.topRows(path.rows() - 1);
    const auto order = random.permutation(static_cast<std::int32_t>(steps.rows()));
    for (Eigen::Index p = 0; p < steps.rows(); ++p)
        path.row(p + 1) = path.row(p) + steps.row(order[static_cast<std::size_t>(p)]);
}

void flipSigns(Eigen::Ref<MatrixD> path, RandomStream& random) {
    const Eigen::Index units = path.cols();
    Eigen::RowVectorXd before = path.row(0);
    for (Eigen::Index p = 1; p < path.rows(); ++p) {
        const Eigen::RowVectorXd steps = path.row(p) - before;
        before = path.row(p);
        std::uint64_t bits = 0;
        for (Eigen::Index u = 0; u < units; ++u) {
            if (u % 64 == 0) bits = random();
            path(p, u) = path(p - 1, u) + ((bits & 1) != 0 ? steps[u] : -steps[u]);
            bits >>= 1;
        }
    }
}

double quantile(std::vector<double>& sorted, double q) {
    const double at = q * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const auto above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::string_view nullName(NullKind kind) {
    for (const auto& [key, name] : names)
        if (key == kind) return name;
    return "";
}

std::optional<NullKind> parseNull(std::string_view name) {
    for (const auto& [key, known] : names)
        if (known == name) return key;
    return std::nullopt;
}

std::vector<std::string_view> nullNames() {
    std::vector<std::string_view> all;
    for (const auto& [key, name] : names) all.push_back(name);
    return all;
}

void makeSurrogate(NullKind kind, Eigen::Ref<MatrixD> path, RandomStream& random) {
    if (path.rows() < 2) return;
    switch (kind) {
        case NullKind::DepthShuffle: return shuffleDepth(path, random);
        case NullKind::IncrementShuffle: return shuffleIncrements(path, random);
        case NullKind::SignFlip: return flipSigns(path, random);
    }
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
        if (samples.rows() > 1) {
            const double sd = std::sqrt((column.array() - summary.mean[i]).square().sum() / (repeats - 1));
            if (sd > 0) summary.z[i] = (observed[i] - summary.mean[i]) / sd;
        }
        summary.pUpper[i] =
            (1 + static_cast<double>((column.array() >= observed[i]).count())) / (repeats + 1);
        summary.pLower[i] =
            (1 + static_cast<double>((column.array() <= observed[i]).count())) / (repeats + 1);
        summary.p[i] = std::min(1.0, 2 * std::min(summary.pUpper[i], summary.pLower[i]));
    }
    return summary;
}

MatrixD pcaExplainedOnSurrogates(const TraceView& asked, NullKind kind, int components,
                                 const NullOptions& options, Progress& progress) {
    checkView(asked);
    if (options.repeats < 1)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{} repeats are asked for; at least 1 is needed", options.repeats));
    progress.setStage(fmt::format("PCA on {} surrogates", nullName(kind)));
    Progress scan = progress.part(0, 0.02);
    const UsableRows usable = usableRows(asked, scan);
    const TraceView view = withRows(asked, usable.rows);
    const std::int64_t rows = view.rowCount(), points = view.pointCount(), units = view.unitCount();
    const auto k =
        static_cast<int>(std::min<std::int64_t>({components, view.usedUnits(), rows * points - 1}));
    const std::int64_t block = std::clamp<std::int64_t>(statesAtOnce / points, 1, rows);

    // Every repeat reads all of the trace: where it fits, once.
    std::vector<float> held;
    if (static_cast<std::size_t>(rows * points * units) * sizeof(float) <= options.memoryBytes) {
        held.resize(static_cast<std::size_t>(rows * points * units));
        readView(view, 0, rows, held.data());
    }

    MatrixD explained(options.repeats, k);
    const SerialBlas serial;
    std::mutex mutex;
    std::int64_t done = 0;
    parallelFor(options.repeats, 1, options.threads, progress, [&](std::int64_t repeat, std::int64_t) {
        CovarianceSum sum(units);
        std::vector<float> raw;
        MatrixD states;
        for (std::int64_t first = 0; first < rows; first += block) {
            progress.check();
            const std::int64_t count = std::min(block, rows - first);
            const float* from = held.data() + first * points * units;
            if (held.empty()) {
                raw.resize(static_cast<std::size_t>(count * points * units));
                readView(view, first, count, raw.data());
                from = raw.data();
            }
            states = Eigen::Map<const MatrixF>(from, count * points, units).cast<double>();
            for (std::int64_t n = 0; n < count; ++n) {
                RandomStream random(options.seed, static_cast<std::uint64_t>(repeat * rows + first + n));
                makeSurrogate(kind, states.middleRows(n * points, points), random);
            }
            scaleStates(view, states);
            sum.add(states);
        }
        const MatrixD covariance = sum.covariance();
        explained.row(repeat) =
            (largestEigenvalues(covariance, k, nullptr, progress) / covariance.trace()).transpose();
        const std::lock_guard lock(mutex);
        progress.report(0.02 + 0.98 * static_cast<double>(++done) / options.repeats, 1);
    });
    return explained;
}

}  // namespace rheo
