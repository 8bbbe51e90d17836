#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/array.h"
#include "core/base/index.h"

namespace rheo {

/// How a target in PCA space becomes a state.
enum class TeleportMode {
    Shift,    ///< h' = h + V^T (z' - z): the part outside the PCA space stays
    Project,  ///< h' = mean + V^T z': all outside the PCA space is dropped
    State,    ///< h' is given
};
std::string_view teleportModeName(TeleportMode mode);
std::optional<TeleportMode> parseTeleportMode(std::string_view name);

/// How the path of one token changes after its state was replaced: from the point of the replacement to the
/// final one.
struct TeleportPath {
    Array3F states;  ///< [token, point, unit]: tokens from the replaced one on, points from p on
    VectorF logits;  ///< [vocabulary] of the prompt's last token; empty if not asked for
};

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

/// A token and how likely it is next.
struct TokenProbability {
    std::int32_t id = 0;
    double probability = 0;
};

/// KL(softmax(p) || softmax(q)) in nats, from logits [vocabulary] of one length, in float64; NaN where they
/// are empty or of different lengths.
double klOfLogits(const VectorF& p, const VectorF& q);
/// Softmax of `logits` [vocabulary], in float64.
VectorD softmax(const VectorF& logits);
/// The `count` most likely tokens, most likely first; ties by id.
std::vector<TokenProbability> topTokens(const VectorF& logits, int count);

}  // namespace rheo
