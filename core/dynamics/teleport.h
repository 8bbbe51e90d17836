#pragma once

#include <cstdint>
#include <vector>

#include "core/base/progress.h"
#include "core/dynamics/teleport_result.h"
#include "core/model/model.h"
#include "core/statistics/pca.h"

namespace rheo {

/// The state that scores `target` [k] stand for, given the natural state `h` [unit]; k may be less than
/// the basis has, and only the first k components are used then. Shift with a target equal to the
/// scores of h gives h itself, bit for bit. Throws Error(Mismatch) where widths differ,
/// Error(Unsupported) for a basis whose scaling is not raw.
VectorF teleportState(TeleportMode mode, const VectorF& h, const PcaBasis& basis, const VectorD& target);

/// Scores [k] of one state in the first `k` components of `basis`.
VectorD scoresOf(const PcaBasis& basis, const VectorF& h, int k);

/// Runs the rest of the network on `state` [unit], put in place of `token` at `point`. The natural
/// path is this function with the natural state: same call, same shapes, same bits.
TeleportPath teleportPath(const Model& model, const PromptContext& context, PointIndex point, int token,
                          const VectorF& state, bool wantLogits, Progress& progress);

/// Measures between the first token of two paths of the same shape. `basis` may be null; `k` components.
TeleportMeasures measureTeleport(const TeleportPath& natural, const TeleportPath& teleported,
                                 const PcaBasis* basis, int k);

/// One teleport with its natural path, measures and controls. `basis` may be null (mode State).
/// Throws Error(InvalidArgument) for a point, token or state that does not fit, or is not finite.
/// Cost: two continuations of one state, and four of K states with controls (two without a basis).
TeleportResult teleport(const Model& model, const PromptContext& context, const TeleportRequest& request,
                        const PcaBasis* basis, Progress& progress);

/// `count` directions uniform on the sphere of R^n, of norm `length`, [count, n], from one random stream.
MatrixD randomDirections(int count, Eigen::Index n, double length, std::uint64_t seed, std::uint64_t stream);

}  // namespace rheo
