#include "core/dynamics/early_attractor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <vector>

#include "core/analysis/covariance.h"
#include "core/analysis/sampling_units.h"
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

/// Directions along the first components, and the length of a push of size 1.
struct Frame {
    MatrixD along;    ///< [6, unit], of unit norm
    double norm = 0;  ///< s
};

/// `point`: of the view, all of whose rows can be used.
Frame frameOf(const TraceView& view, std::int64_t point, const MatrixD& components, Progress& progress) {
    MatrixD states;
    VectorD mean;
    centrePoint(view, point, states, mean, progress);
    Frame frame{MatrixD(2 * pushedComponents, view.unitCount()),
                std::sqrt(states.rowwise().squaredNorm().mean())};
    for (int k = 0; k < pushedComponents; ++k) {
        frame.along.row(2 * k) = components.row(k);
        frame.along.row(2 * k + 1) = -components.row(k);
    }
    return frame;
}

/// Frames of random halves of the sampling units; none where there are too few.
std::vector<Frame> framesOfHalves(const TraceView& view, std::int64_t point,
                                  const EarlyAttractorOptions& options, Progress& progress) {
    const SamplingUnits units = samplingUnits(view);
    std::vector<Frame> frames;
    for (int half = 0; half < options.halves && units.count() >= 4; ++half) {
        const auto drawn = drawHalf(units.count(), options.seed, static_cast<std::uint64_t>(half));
        std::vector<std::int64_t> rows;
        for (std::size_t n = 0; n < units.ofRow.size(); ++n)
            if (drawn[static_cast<std::size_t>(units.ofRow[n])] != 0)
                rows.push_back(static_cast<std::int64_t>(n));
        const TraceView some = withRows(view, rows);
        const double share = 1.0 / options.halves;
        Progress fitting = progress.part(half * share, (half + 1) * share);
        const PcaBasis basis =
            pca(some, {pushedComponents, false, options.threads, options.memoryBytes}, fitting).basis;
        if (basis.components.rows() == pushedComponents)
            frames.push_back(frameOf(some, point, basis.components, progress));
    }
    return frames;
}

/// Pushes of one norm: along six directions, and in others for comparison.
struct Pushes {
    const Frame* frame;
    double size;
};

/// Of one prompt, for each of `pushes`: mean contraction along the frame's directions, minus that along
/// `controls` (rows, of unit norm).
VectorD differencesOf(const Model& model, const std::vector<std::int32_t>& ids, PointIndex point,
                      const std::vector<Pushes>& pushes, const MatrixD& controls, Progress& progress) {
    const auto context = model.prepare(ids, progress);
    const int token = static_cast<int>(ids.size()) - 1;
    const VectorF h = model.naturalState(*context, point, token);
    const Eigen::Index along = 2 * pushedComponents, count = along + controls.rows();
    const auto kinds = static_cast<Eigen::Index>(pushes.size());
    // The natural path runs in the same batch: kernels round differently for other shapes.
    MatrixF batch(1 + kinds * count, h.size());
    batch.row(0) = h.transpose();
    for (Eigen::Index kind = 0; kind < kinds; ++kind) {
        const auto& [frame, size] = pushes[static_cast<std::size_t>(kind)];
        MatrixD directions(count, h.size());
        directions << frame->along, controls;
        batch.middleRows(1 + kind * count, count) =
            ((frame->norm * size * directions).rowwise() + h.cast<double>().transpose()).cast<float>();
    }
    Continuation paths = model.resume(*context, point, token, batch, false, progress);
    const TeleportPath natural{std::move(paths.states[0]), {}};
    VectorD differences(kinds);
    for (Eigen::Index kind = 0; kind < kinds; ++kind) {
        VectorD left(count);
        for (Eigen::Index i = 0; i < count; ++i) {
            const TeleportPath pushed{std::move(paths.states[static_cast<std::size_t>(1 + kind * count + i)]),
                                      {}};
            left[i] = meanEarly(measureTeleport(natural, pushed, nullptr, 0).contractionRms);
        }
        differences[kind] = left.head(along).mean() - left.tail(count - along).mean();
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

    Progress scan = progress.part(0, 0.1), fitting = progress.part(0.1, 0.3), pushing = progress.part(0.3, 1);
    const TraceView used = withRows(view, usableRows(view, scan).rows);
    const Frame whole = frameOf(used, *seen, basis.components, scan);
    const std::vector<Frame> halves = framesOfHalves(used, *seen, options, fitting);
    progress.setStage("pushes in block 1");
    std::vector<Pushes> pushes;
    for (const double size : options.sizes) pushes.push_back({&whole, size});
    std::vector<Pushes> more = pushes;  // of the samples that are pushed along halves' components too
    more.push_back({&whole, 1});
    for (const Frame& half : halves) more.push_back({&half, 1});
    const auto sizes = static_cast<Eigen::Index>(options.sizes.size());
    const std::size_t shifted =
        halves.empty() ? 0 : std::min(samples.size(), static_cast<std::size_t>(options.shiftSamples));
    EarlyAttractor result;
    result.sizes = Eigen::Map<const VectorD>(options.sizes.data(), sizes);
    result.differences.resize(static_cast<Eigen::Index>(samples.size()), sizes);
    result.basisShifts = VectorD::Zero(shifted > 0 ? static_cast<Eigen::Index>(halves.size()) : 0);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        progress.check();
        const auto& ids = view.trace->info().samples[static_cast<std::size_t>(samples[i])].tokenIds;
        const MatrixD controls = randomDirections(options.controls, view.unitCount(), 1, options.seed, i + 1);
        // Every so often, so that samples from the whole trace are among them.
        const bool shifts = shifted > 0 && i * shifted / samples.size() != (i + 1) * shifted / samples.size();
        const VectorD found =
            differencesOf(model, ids, PointIndex{*point}, shifts ? more : pushes, controls, progress);
        result.differences.row(static_cast<Eigen::Index>(i)) = found.head(sizes).transpose();
        if (shifts)
            result.basisShifts += (found.tail(result.basisShifts.size()).array() - found[sizes]).matrix() /
                                  static_cast<double>(shifted);
        pushing.report(static_cast<double>(i + 1), static_cast<double>(samples.size()));
    }
    return result;
}

}  // namespace rheo
