#include "core/dynamics/unembedding.h"

#include <cmath>

namespace rheo {

namespace {

VectorD centredState(const FinalNorm& norm, const VectorF& state) {
    const VectorD h = state.cast<double>();
    if (!norm.centres) return h;
    return h.array() - h.mean();
}

}  // namespace

double finalScale(const FinalNorm& norm, const VectorF& state) {
    const VectorD h = centredState(norm, state);
    return 1 / std::sqrt(h.squaredNorm() / static_cast<double>(h.size()) + norm.epsilon);
}

VectorD finalNormed(const FinalNorm& norm, const VectorF& state) {
    VectorD h = centredState(norm, state) * finalScale(norm, state);
    h = h.cwiseProduct(norm.weight.cast<double>());
    if (norm.bias.size() > 0) h += norm.bias.cast<double>();
    return h;
}

TokenLogits::TokenLogits(const Model& model, const std::vector<std::int32_t>& ids)
    : m_norm(model.finalNorm()), m_softcap(model.config().logitSoftcap) {
    for (const std::int32_t id : ids) m_rows.push_back(model.unembeddingRow(id));
}

VectorD TokenLogits::of(const VectorF& state) const {
    const VectorD normed = finalNormed(m_norm, state);
    VectorD logits(static_cast<Eigen::Index>(m_rows.size()));
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        const double logit = m_rows[i].weight.cast<double>().dot(normed) + m_rows[i].bias;
        logits[static_cast<Eigen::Index>(i)] = m_softcap ? *m_softcap * std::tanh(logit / *m_softcap) : logit;
    }
    return logits;
}

}  // namespace rheo
