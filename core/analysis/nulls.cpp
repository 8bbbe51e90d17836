#include "core/analysis/nulls.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <optional>

#include "core/analysis/covariance.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
/// States whose surrogates are made before they are multiplied: enough for the product to be fast, few enough
/// to check for a stop often.
constexpr std::int64_t statesAtOnce = 2048;

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
    const RowSource source(asked, options.memoryBytes, scan);
    const TraceView& view = source.view();
    const std::int64_t rows = view.rowCount(), points = view.pointCount(), units = view.unitCount();
    const auto k =
        static_cast<int>(std::min<std::int64_t>({components, view.usedUnits(), rows * points - 1}));
    const std::int64_t block = std::clamp<std::int64_t>(statesAtOnce / points, 1, rows);
    PathMaker shared(source, kind, options.seed, options.threads, scan);

    MatrixD explained(options.repeats, k);
    const SerialBlas serial;
    std::mutex mutex;
    std::int64_t done = 0;
    parallelFor(options.repeats, 1, options.threads, progress, [&](std::int64_t repeat, std::int64_t) {
        CovarianceSum sum(units);
        std::vector<float> buffer;
        MatrixD states;
        // What is made by block keeps one repeat at a time.
        std::optional<PathMaker> own;
        if (shared.byBlock()) own.emplace(shared).startRepeat(repeat);
        for (std::int64_t first = 0; first < rows; first += block) {
            progress.check();
            const std::int64_t count = std::min(block, rows - first);
            if (own) {
                own->makeBlock(first, count, states, progress);
            } else {
                const float* raw = source.read(first, count, buffer);
                states.resize(count * points, units);
                for (std::int64_t n = 0; n < count; ++n)
                    shared.makeRow(raw + n * points * units, repeat, first + n,
                                   states.middleRows(n * points, points));
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
