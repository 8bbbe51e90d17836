#include "core/dynamics/teleport.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/statistics/axes.h"

namespace rheo {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

constexpr std::array<std::pair<TeleportMode, std::string_view>, 3> modeNames{{
    {TeleportMode::Shift, "shift"},
    {TeleportMode::Project, "project"},
    {TeleportMode::State, "state"},
}};

void requireRawBasis(const PcaBasis& basis, Eigen::Index units) {
    if (basis.scaling != Scaling::Raw)
        throw Error(
            ErrorCode::Unsupported,
            fmt::format(
                "a teleport needs a basis of raw states, and this one was fitted with {} scaling; fit "
                "the PCA again with raw scaling",
                scalingName(basis.scaling)));
    if (basis.components.cols() != units || basis.mean.size() != units)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("the basis is of states of {} units, and the state has {}",
                                basis.components.cols(), units));
}

int usableComponents(const PcaBasis& basis, Eigen::Index wanted) {
    if (wanted < 1 || wanted > basis.components.rows())
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{} components are asked for, and the basis has {}", wanted,
                                basis.components.rows()));
    return static_cast<int>(wanted);
}

/// The span of the first k components as orthonormal rows, [k, unit].
MatrixD spanOf(const PcaBasis& basis, int k) {
    const MatrixD rows = basis.components.topRows(k);
    return basis.dual.size() == 0 ? rows : orthonormalSpan(rows);
}

/// The first token of a path as float64, [Q, unit].
MatrixD firstToken(const TeleportPath& path) {
    return Eigen::Map<const MatrixF>(path.states.data.data(), path.states.n1, path.states.n2).cast<double>();
}

MatrixD rmsScaled(const MatrixD& states) {
    const VectorD rms = (states.rowwise().squaredNorm() / static_cast<double>(states.cols())).cwiseSqrt();
    return rms.cwiseInverse().asDiagonal() * states;
}

VectorD logRatios(const VectorD& distance) {
    VectorD ratio(std::max<Eigen::Index>(0, distance.size() - 1));
    for (Eigen::Index q = 0; q < ratio.size(); ++q)
        ratio[q] = distance[q] > 0 ? std::log(distance[q + 1] / distance[q]) : nan;
    return ratio;
}

/// Distances of a batch of paths from their natural ones at every point: raw and on RMS-scaled states.
struct ControlDistances {
    MatrixD raw;  ///< [K, Q]
    MatrixD rms;  ///< [K, Q]
};

/// `pushes` [K, unit] added to the natural state, run as one batch, against the natural state run as a
/// batch of the same shape: kernels round differently for other shapes.
ControlDistances controlDistances(const Model& model, const PromptContext& context,
                                  const TeleportRequest& request, const VectorF& h, const MatrixD& pushes,
                                  Progress& progress) {
    const Eigen::Index count = pushes.rows();
    const MatrixF natural = h.transpose().replicate(count, 1);
    const MatrixF pushed = (natural.cast<double>() + pushes).cast<float>();
    const Continuation a = model.resume(context, request.point, request.token, natural, false, progress);
    const Continuation b = model.resume(context, request.point, request.token, pushed, false, progress);

    const std::int64_t points = a.states.front().n1;
    ControlDistances distances{MatrixD(count, points), MatrixD(count, points)};
    for (Eigen::Index i = 0; i < count; ++i) {
        const MatrixD x = firstToken({a.states[static_cast<std::size_t>(i)], {}});
        const MatrixD y = firstToken({b.states[static_cast<std::size_t>(i)], {}});
        distances.raw.row(i) = (y - x).rowwise().norm().transpose();
        distances.rms.row(i) = (rmsScaled(y) - rmsScaled(x)).rowwise().norm().transpose();
    }
    return distances;
}

}  // namespace

MatrixD randomDirections(int count, Eigen::Index n, double length, std::uint64_t seed, std::uint64_t stream) {
    RandomStream random(seed, stream);
    MatrixD directions(count, n);
    for (Eigen::Index i = 0; i < count; ++i) {
        for (Eigen::Index j = 0; j < n; ++j) directions(i, j) = random.normal();
        directions.row(i) *= length / directions.row(i).norm();
    }
    return directions;
}

std::string_view teleportModeName(TeleportMode mode) {
    for (const auto& [key, name] : modeNames)
        if (key == mode) return name;
    return "state";
}

std::optional<TeleportMode> parseTeleportMode(std::string_view name) {
    for (const auto& [key, known] : modeNames)
        if (known == name) return key;
    return std::nullopt;
}

VectorD scoresOf(const PcaBasis& basis, const VectorF& h, int k) {
    requireRawBasis(basis, h.size());
    return scoreRows(basis).topRows(usableComponents(basis, k)) * (h.cast<double>() - basis.mean);
}

VectorF teleportState(TeleportMode mode, const VectorF& h, const PcaBasis& basis, const VectorD& target) {
    requireRawBasis(basis, h.size());
    const int k = usableComponents(basis, target.size());
    if (!target.allFinite())
        throw Error(ErrorCode::InvalidArgument, "a coordinate of the target is not finite");
    const auto components = basis.components.topRows(k);
    if (mode == TeleportMode::Project) return (basis.mean + components.transpose() * target).cast<float>();
    if (mode == TeleportMode::State)
        throw Error(ErrorCode::InvalidArgument,
                    "mode 'state' takes a state of its own, not coordinates in a basis");
    const VectorD push = target - scoresOf(basis, h, k);
    if (push.isZero(0)) return h;
    return (h.cast<double>() + components.transpose() * push).cast<float>();
}

TeleportPath teleportPath(const Model& model, const PromptContext& context, PointIndex point, int token,
                          const VectorF& state, bool wantLogits, Progress& progress) {
    Continuation run = model.resume(context, point, token, state.transpose(), wantLogits, progress);
    TeleportPath path{std::move(run.states.front()), {}};
    if (wantLogits) path.logits = run.logits.row(0).transpose();
    return path;
}

TeleportMeasures measureTeleport(const TeleportPath& natural, const TeleportPath& teleported,
                                 const PcaBasis* basis, int k) {
    if (natural.states.n1 != teleported.states.n1 || natural.states.n2 != teleported.states.n2 ||
        natural.states.n0 < 1)
        throw Error(ErrorCode::Mismatch,
                    "the natural and the teleported path do not have the same points and units");
    const MatrixD h = firstToken(natural);
    const MatrixD moved = firstToken(teleported);
    const MatrixD push = moved - h;

    TeleportMeasures m;
    m.distance = push.rowwise().norm();
    if (basis != nullptr) {
        requireRawBasis(*basis, h.cols());
        m.distancePca = (push * spanOf(*basis, usableComponents(*basis, k)).transpose()).rowwise().norm();
    }
    m.relative = m.distance.cwiseQuotient(h.rowwise().norm());
    m.contraction = logRatios(m.distance);
    m.distanceRms = (rmsScaled(moved) - rmsScaled(h)).rowwise().norm();
    m.contractionRms = logRatios(m.distanceRms);

    const Eigen::Index points = h.rows();
    m.retention.resize(points);
    m.angle.resize(points);
    m.direction.resize(points);
    for (Eigen::Index q = 0; q < points; ++q) {
        m.retention[q] = m.distance[0] > 0 ? m.distance[q] / m.distance[0] : nan;
        // Kahan's form: exact for small angles, where acos of a cosine loses half the digits.
        const Eigen::RowVectorXd a = h.row(q).normalized();
        const Eigen::RowVectorXd b = moved.row(q).normalized();
        const bool defined = h.row(q).norm() > 0 && moved.row(q).norm() > 0;
        m.angle[q] = defined ? 2 * std::atan2((a - b).norm(), (a + b).norm()) * 180 / M_PI : nan;
        const double lengths = m.distance[q] * m.distance[0];
        m.direction[q] = lengths > 0 ? push.row(q).dot(push.row(0)) / lengths : nan;
    }
    m.kl = klOfLogits(natural.logits, teleported.logits);
    return m;
}

TeleportResult teleport(const Model& model, const PromptContext& context, const TeleportRequest& asked,
                        const PcaBasis* basis, Progress& progress) {
    TeleportResult result;
    result.request = asked;
    TeleportRequest& request = result.request;
    if (request.token < 0) request.token = static_cast<int>(context.ids().size()) - 1;
    if (request.controls < 0 || request.controls > 4096)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{} controls are asked for; from 0 to 4096 can be run", request.controls));
    const VectorF h = model.naturalState(context, request.point, request.token);
    if (request.state.size() != h.size())
        throw Error(ErrorCode::Mismatch, fmt::format("the state to put in has {} units, and the model {}",
                                                     request.state.size(), h.size()));
    if (!request.state.allFinite())
        throw Error(ErrorCode::InvalidArgument, "the state to put in holds a value that is not finite");
    if (basis != nullptr) requireRawBasis(*basis, h.size());

    progress.setStage("natural path");
    result.natural = teleportPath(model, context, request.point, request.token, h, true, progress);
    progress.report(1, 6);
    progress.setStage("teleported path");
    result.teleported =
        teleportPath(model, context, request.point, request.token, request.state, true, progress);
    progress.report(2, 6);
    const int k = basis != nullptr
                      ? std::min<int>(request.components, static_cast<int>(basis->components.rows()))
                      : request.components;
    result.measures = measureTeleport(result.natural, result.teleported, basis, k);

    const double length = result.measures.distance[0];
    if (request.controls > 0 && length > 0) {
        progress.setStage("random directions of the same norm");
        const MatrixD pushes = randomDirections(request.controls, h.size(), length, request.seed, 1);
        ControlDistances distances = controlDistances(model, context, request, h, pushes, progress);
        result.controlDistance = std::move(distances.raw);
        result.controlDistanceRms = std::move(distances.rms);
        progress.report(4, 6);
        if (basis != nullptr) {
            progress.setStage("random directions in the PCA space");
            const MatrixD inside = randomDirections(request.controls, k, length, request.seed, 2);
            distances = controlDistances(model, context, request, h, inside * spanOf(*basis, k), progress);
            result.controlPcaDistance = std::move(distances.raw);
            result.controlPcaDistanceRms = std::move(distances.rms);
        }
    }
    progress.report(1, 1);
    return result;
}

double klOfLogits(const VectorF& p, const VectorF& q) {
    if (p.size() == 0 || p.size() != q.size()) return nan;
    const VectorD a = p.cast<double>();
    const VectorD b = q.cast<double>();
    const double logNormA = a.maxCoeff() + std::log((a.array() - a.maxCoeff()).exp().sum());
    const double logNormB = b.maxCoeff() + std::log((b.array() - b.maxCoeff()).exp().sum());
    const Eigen::ArrayXd logA = a.array() - logNormA;
    const Eigen::ArrayXd logB = b.array() - logNormB;
    // A probability that underflows to zero adds nothing, whatever the other side says.
    return std::max(0.0, (logA > -700).select(logA.exp() * (logA - logB), 0.0).sum());
}

VectorD softmax(const VectorF& logits) {
    if (logits.size() == 0) return {};
    const VectorD x = logits.cast<double>();
    VectorD p = (x.array() - x.maxCoeff()).exp();
    return p / p.sum();
}

std::vector<TokenProbability> topTokens(const VectorF& logits, int count) {
    const VectorD p = softmax(logits);
    std::vector<std::int32_t> order(static_cast<std::size_t>(p.size()));
    std::iota(order.begin(), order.end(), 0);
    const auto kept = std::min<std::ptrdiff_t>(std::max(0, count), static_cast<std::ptrdiff_t>(order.size()));
    std::partial_sort(order.begin(), order.begin() + kept, order.end(),
                      [&](std::int32_t a, std::int32_t b) { return p[a] != p[b] ? p[a] > p[b] : a < b; });
    std::vector<TokenProbability> top;
    for (std::ptrdiff_t i = 0; i < kept; ++i)
        top.push_back({order[static_cast<std::size_t>(i)], p[order[static_cast<std::size_t>(i)]]});
    return top;
}

}  // namespace rheo
