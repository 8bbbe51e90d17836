#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/analysis/pca.h"
#include "core/base/array.h"
#include "core/base/index.h"
#include "core/base/progress.h"
#include "core/model/model.h"

namespace rheo {

/// How a target in PCA space becomes a state.
enum class TeleportMode {
    Shift,    ///< h' = h + V^T (z' - z): the part outside the PCA space stays
    Project,  ///< h' = mean + V^T z': all outside the PCA space is dropped
    State,    ///< h' is given
};
std::string_view teleportModeName(TeleportMode mode);
std::optional<TeleportMode> parseTeleportMode(std::string_view name);

/// The state that scores `target` [k] stand for, given the natural state `h` [unit]; k may be less than
/// the basis has, and only the first k components are used then. Shift with a target equal to the
/// scores of h gives h itself, bit for bit. Throws Error(Mismatch) where widths differ,
/// Error(Unsupported) for a basis whose scaling is not raw.
VectorF teleportState(TeleportMode mode, const VectorF& h, const PcaBasis& basis, const VectorD& target);

/// Scores [k] of one state in the first `k` components of `basis`.
VectorD scoresOf(const PcaBasis& basis, const VectorF& h, int k);

/// What happens to one token after a state was put in: from the point it was put at to the final one.
struct TeleportPath {
    Array3F states;  ///< [token, point, unit]: tokens from the replaced one on, points from p on
    VectorF logits;  ///< [vocabulary] of the prompt's last token; empty if not asked for
};

/// Runs the rest of the network on `state` [unit], put in place of `token` at `point`. The natural
/// path is this function with the natural state: same call, same shapes, same bits.
TeleportPath teleportPath(const Model& model, const PromptContext& context, PointIndex point, int token,
                          const VectorF& state, bool wantLogits, Progress& progress);

/// How far two paths of one token are apart; Q points from p on. All in the units of the residual
/// stream unless said. Ratios are NaN for a push of zero.
struct TeleportMeasures {
    VectorD distance;        ///< [Q] norm of h'_q - h_q
    VectorD distancePca;     ///< [Q] norm of V (h'_q - h_q); empty without a basis
    VectorD relative;        ///< [Q] distance / norm of h_q
    VectorD retention;       ///< [Q] distance[q] / distance[p]
    VectorD angle;           ///< [Q] degrees between h'_q and h_q
    VectorD direction;       ///< [Q] cosine of (h'_q - h_q) with the push
    VectorD contraction;     ///< [Q - 1] ln(distance[q + 1] / distance[q])
    VectorD distanceRms;     ///< [Q] distance of h / RMS(h)
    VectorD contractionRms;  ///< [Q - 1]
    double kl = 0;           ///< KL(natural || teleported) over the vocabulary, nats; NaN without logits
};

/// Measures between the first token of two paths of the same shape. `basis` may be null; `k` components.
TeleportMeasures measureTeleport(const TeleportPath& natural, const TeleportPath& teleported,
                                 const PcaBasis* basis, int k);

struct TeleportRequest {
    PointIndex point{0};
    int token = -1;  ///< -1: the last
    TeleportMode mode = TeleportMode::Shift;
    VectorF state;       ///< [unit], h'
    int components = 3;  ///< k of `distancePca` and the controls inside the PCA space
    int controls = 32;   ///< K random directions of the same norm, of each kind; 0: none
    std::uint64_t seed = 0;
};

struct TeleportResult {
    TeleportRequest request;  ///< token resolved
    TeleportPath natural;
    TeleportPath teleported;
    TeleportMeasures measures;
    MatrixD controlDistance;        ///< [K, Q] uniform directions in R^D
    MatrixD controlDistanceRms;     ///< [K, Q]
    MatrixD controlPcaDistance;     ///< [K, Q] uniform directions in span V; empty without a basis
    MatrixD controlPcaDistanceRms;  ///< [K, Q]
};

/// One teleport with its natural path, measures and controls. `basis` may be null (mode State).
/// Throws Error(InvalidArgument) for a point, token or state that does not fit, or is not finite.
/// Cost: two continuations of one state, and four of K states with controls (two without a basis).
TeleportResult teleport(const Model& model, const PromptContext& context, const TeleportRequest& request,
                        const PcaBasis* basis, Progress& progress);

/// `count` directions uniform on the sphere of R^n, of norm `length`, [count, n], from one random stream.
MatrixD randomDirections(int count, Eigen::Index n, double length, std::uint64_t seed, std::uint64_t stream);

/// A token and how likely it is next.
struct TokenProbability {
    std::int32_t id = 0;
    double probability = 0;
};

/// Softmax of `logits` [vocabulary], in float64.
VectorD softmax(const VectorF& logits);
/// The `count` most likely tokens, most likely first; ties by id.
std::vector<TokenProbability> topTokens(const VectorF& logits, int count);

}  // namespace rheo
