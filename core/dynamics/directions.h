#pragma once

#include <cstdint>
#include <vector>

#include "core/base/progress.h"
#include "core/model/model.h"

namespace rheo {

/// The mean over prompts of the state of the last token at `point`, [unit], in float64. Throws
/// Error(InvalidArgument) without a prompt, and as Model::forward. Cost: a forward pass up to the point.
VectorD meanLastState(const Model& model, const std::vector<std::vector<std::int32_t>>& prompts,
                      PointIndex point, Progress& progress);

/// The direction in which the logit of a token grows: its row of the unembedding times the weight of the
/// final norm (less its mean where the norm centres states). [unit]
VectorF logitDirection(const Model& model, std::int32_t token);

/// A token, and the logit that a direction gives it.
struct NearToken {
    std::int32_t id = 0;
    double logit = 0;  ///< unembedding row . (final norm's weight * direction), the direction at an RMS of 1
};
/// What a direction means by the unembedding, the final norm folded in.
struct NearTokens {
    std::vector<NearToken> toward;   ///< whose logits it raises most, most first
    std::vector<NearToken> against;  ///< whose logits it lowers most, most first
};
/// For each row of `directions` [k, unit], `count` tokens either way. Biases are left out: the logits of the
/// direction less those of its opposite, halved (and softcapped where the model does that). A zero row has no
/// tokens. Throws Error(InvalidArgument) for another width. Cost: 4 D V operations a direction.
std::vector<NearTokens> nearTokens(const Model& model, const MatrixD& directions, int count,
                                   Progress& progress);

}  // namespace rheo
