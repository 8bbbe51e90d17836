#pragma once

#include <optional>

#include "core/base/array.h"
#include "core/base/final_norm.h"
#include "core/model/model.h"

namespace rheo {

/// The scale of the final norm at `state` [unit]: 1 / sqrt(mean square + epsilon), of the centred state where
/// the norm centres. Float64.
double finalScale(const FinalNorm& norm, const VectorF& state);
/// The final norm of `state` [unit], in float64.
VectorD finalNormed(const FinalNorm& norm, const VectorF& state);

/// The logits of a few tokens, from states at the final point: 2 D operations a token and state, instead of a
/// whole unembedding.
class TokenLogits {
public:
    /// Throws Error(InvalidArgument) for an id outside the vocabulary.
    TokenLogits(const Model& model, const std::vector<std::int32_t>& ids);
    /// [token] in float64, softcapped where the model does that.
    VectorD of(const VectorF& state) const;

private:
    FinalNorm m_norm;
    std::vector<UnembeddingRow> m_rows;
    std::optional<double> m_softcap;
};

}  // namespace rheo
