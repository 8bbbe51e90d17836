#include "core/dynamics/early_attractor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <vector>

#include "core/analysis/covariance.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/dynamics/teleport.h"

namespace rheo {

namespace {

constexpr int pushedComponents = 3;

/// Where block 1 begins, as a point of the model.
std::optional<std::int64_t> startOfBlockOne(const std::vector<ResidualPoint>& points) {
    for (std::size_t p = 0; p < points.size(); ++p)
        if (points[p].block == 1 && (points[p].site == Site::AttnIn || points[p].site == Site::BlockIn))
            return static_cast<std::int64_t>(p);
    return std::nullopt;
}

std::optional<std::int64_t> pointOfView(const TraceView& view, const ResidualPoint& wanted) {
    for (std::int64_t p = 0; p < view.pointCount(); ++p)
        if (view.trace->info().points[static_cast<std::size_t>(view.tracePoint(p))] == wanted) return p;
    return std::nullopt;
}

/// Samples of the view's rows whose tokens are known: at most `count`, by seed, ascending.
std::vector<std::int32_t> drawSamples(const TraceView& view, int count, std::uint64_t seed) {
    const TraceInfo& info = view.trace->info();
    std::set<std::int32_t> known;
    for (std::int64_t n = 0; n < view.rowCount(); ++n) {
        const auto sample = info.rows[static_cast<std::size_t>(view.traceRow(n))].sample;
        if (!info.samples[static_cast<std::size_t>(sample)].tokenIds.empty()) known.insert(sample);
    }
    std::vector<std::int32_t> samples(known.begin(), known.end());
    RandomStream random(seed, 0);
    const auto kept = std::min(static_cast<std::size_t>(count), samples.size());
    for (std::size_t i = 0; i < kept; ++i)
        std::swap(samples[i], samples[i + random.below(samples.size() - i)]);
    samples.resize(kept);
    std::sort(samples.begin(), samples.end());
    return samples;
}

double meanEarly(const VectorD& contraction) {
    return contraction.head(std::max<Eigen::Index>(1, contraction.size() / 4)).mean();
}

/// Of one prompt, for each norm: mean contraction of pushes along the first six directions (rows, of unit
/// norm), minus that along the others.
VectorD differencesOf(const Model& model, const std::vector<std::int32_t>& ids, PointIndex point,
                      const MatrixD& directions, const VectorD& norms, Progress& progress) {
    const auto context = model.prepare(ids, progress);
    const int token = static_cast<int>(ids.size()) - 1;
    const VectorF h = model.naturalState(*context, point, token);
    const Eigen::Index count = directions.rows(), along = 2 * pushedComponents;
    // The natural path runs in the same batch: kernels round differently for other shapes.
    MatrixF batch(1 + norms.size() * count, h.size());
    batch.row(0) = h.transpose();
    for (Eigen::Index size = 0; size < norms.size(); ++size)
        batch.middleRows(1 + size * count, count) =
            ((norms[size] * directions).rowwise() + h.cast<double>().transpose()).cast<float>();
    Continuation paths = model.resume(*context, point, token, batch, false, progress);
    const TeleportPath natural{std::move(paths.states[0]), {}};
    VectorD differences(norms.size());
    for (Eigen::Index size = 0; size < norms.size(); ++size) {
        VectorD left(count);
        for (Eigen::Index i = 0; i < count; ++i) {
            const TeleportPath pushed{std::move(paths.states[static_cast<std::size_t>(1 + size * count + i)]),
                                      {}};
            left[i] = meanEarly(measureTeleport(natural, pushed, nullptr, 0).contractionRms);
        }
        differences[size] = left.head(along).mean() - left.tail(count - along).mean();
    }
    return differences;
}

}  // namespace

EarlyAttractor measureEarlyAttractor(const Model& model, const TraceView& view, const PcaBasis& basis,
                                     const EarlyAttractorOptions& options, Progress& progress) {
    if (model.identity().dModel != view.unitCount())
        throw Error(ErrorCode::Mismatch, fmt::format("the trace has {} units, and the model {}",
                                                     view.unitCount(), model.identity().dModel));
    progress.setStage("pushes in block 1");
    const auto point = startOfBlockOne(model.points());
    if (!point) return {{}, {}, "the model has one block"};
    const ResidualPoint& where = model.points()[static_cast<std::size_t>(*point)];
    const auto seen = pointOfView(view, where);
    if (!seen)
        return {{}, {}, fmt::format("the point {} is not among those that were analysed", pointName(where))};
    if (basis.components.rows() < pushedComponents) return {{}, {}, "the basis has fewer than 3 components"};
    const std::vector<std::int32_t> samples = drawSamples(view, options.samples, options.seed);
    if (samples.empty()) return {{}, {}, "the trace does not say the tokens of its samples"};

    Progress scan = progress.part(0, 0.1);
    MatrixD states;
    VectorD mean;
    centrePoint(withRows(view, usableRows(view, scan).rows), *seen, states, mean, progress);
    const double norm = std::sqrt(states.rowwise().squaredNorm().mean());
    // Of unit norm; the controls change from sample to sample.
    MatrixD directions(2 * pushedComponents + options.controls, view.unitCount());
    for (int k = 0; k < pushedComponents; ++k) {
        directions.row(2 * k) = basis.components.row(k);
        directions.row(2 * k + 1) = -basis.components.row(k);
    }
    const auto sizes = static_cast<Eigen::Index>(options.sizes.size());
    EarlyAttractor result;
    result.sizes = Eigen::Map<const VectorD>(options.sizes.data(), sizes);
    result.differences.resize(static_cast<Eigen::Index>(samples.size()), sizes);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        progress.check();
        const auto& ids = view.trace->info().samples[static_cast<std::size_t>(samples[i])].tokenIds;
        directions.bottomRows(options.controls) =
            randomDirections(options.controls, directions.cols(), 1, options.seed, i + 1);
        result.differences.row(static_cast<Eigen::Index>(i)) =
            differencesOf(model, ids, PointIndex{*point}, directions, norm * result.sizes, progress)
                .transpose();
        progress.report(static_cast<double>(i + 1), static_cast<double>(samples.size()));
    }
    return result;
}

}  // namespace rheo
