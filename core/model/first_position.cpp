// ATen first: the header of this file needs it.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/model/first_position.h"

#include <algorithm>
#include <cstring>

#include "core/model/experts.h"
#include "core/model/kernels.h"

namespace rheo {

namespace {

/// x [row, in] float64 times `weights` rows [first, first + count): [row, count] float64.
at::Tensor productInDouble(const at::Tensor& x, const LinearWeights& weights, std::int64_t first,
                           std::int64_t count) {
    const std::int64_t in = weights.weight.size(1);
    const std::int64_t rows = x.size(0);
    const float* const matrix = weights.weight.data_ptr<float>() + first * in;
    const double* const from = x.data_ptr<double>();
    at::Tensor result = at::empty({rows, count}, at::kDouble);
    double* const to = result.data_ptr<double>();
    const std::int64_t grain = std::max<std::int64_t>(16, (std::int64_t{1} << 18) / (in * rows));
    at::parallel_for(0, count, grain, [&](std::int64_t begin, std::int64_t end) {
        kernels::productInDouble(rows, end - begin, in, from, matrix + begin * in, to + begin, count);
    });
    return weights.bias.defined() ? result + weights.bias.narrow(0, first, count).to(at::kDouble) : result;
}

at::Tensor productInDouble(const at::Tensor& x, const LinearWeights& weights) {
    return productInDouble(x, weights, 0, weights.weight.size(0));
}

/// The identity where the block has no such norm.
at::Tensor normed(const at::Tensor& x, const NormWeights& weights, const ModelConfig& config) {
    if (!weights.weight.defined()) return x;
    const bool layer = config.norm == NormKind::Layer;
    const at::Tensor centred = layer ? x - x.mean(-1, true) : x;
    const at::Tensor scaled = centred * at::rsqrt(centred.square().mean(-1, true) + config.normEpsilon);
    return layer ? scaled * weights.weight.to(at::kDouble) + weights.bias.to(at::kDouble)
                 : scaled * weights.weight.to(at::kDouble);
}

/// Where packed row `row` is among the `wanted` ones, or among all if these are empty; -1 where it is not.
std::int64_t placeOf(std::int64_t row, const std::vector<std::int64_t>& wanted) {
    if (wanted.empty()) return row;
    const auto found = std::lower_bound(wanted.begin(), wanted.end(), row);
    return found == wanted.end() || *found != row ? -1 : found - wanted.begin();
}

}  // namespace

at::Tensor activated(Activation activation, const at::Tensor& x) {
    switch (activation) {
        case Activation::Silu: return at::silu(x);
        case Activation::Gelu: return at::gelu(x);
        case Activation::GeluTanh: return at::gelu(x, "tanh");
        case Activation::Relu: return at::relu(x);
    }
    return x;
}

FirstPosition::FirstPosition(const ModelConfig& config, const at::Tensor& state,
                             const std::vector<std::int64_t>& lengths,
                             const std::vector<std::int64_t>& wanted)
    : m_config(config) {
    const std::int64_t units = state.size(1);
    const at::Tensor rows = state.contiguous();
    const float* const values = rows.data_ptr<float>();
    std::vector<const float*> distinct;
    std::int64_t row = 0;
    for (const std::int64_t tokens : lengths) {
        if (const std::int64_t place = tokens > 0 ? placeOf(row, wanted) : -1; place >= 0) {
            const float* const first = values + place * units;
            const auto found = std::find_if(distinct.begin(), distinct.end(), [&](const float* other) {
                return std::memcmp(first, other, static_cast<std::size_t>(units) * sizeof(float)) == 0;
            });
            m_row.push_back(row);
            m_distinct.push_back(found - distinct.begin());
            if (found == distinct.end()) distinct.push_back(first);
        }
        row += tokens;
    }
    m_state = at::empty({static_cast<std::int64_t>(distinct.size()), units}, at::kFloat);
    for (std::size_t i = 0; i < distinct.size(); ++i)
        std::copy_n(distinct[i], units, m_state.data_ptr<float>() + static_cast<std::int64_t>(i) * units);
}

bool FirstPosition::holds(std::int64_t row) const {
    return std::binary_search(m_row.begin(), m_row.end(), row);
}

at::Tensor FirstPosition::attention(const BlockWeights& block) const {
    const std::int64_t rows = m_state.size(0);
    const std::int64_t width = m_config.headDim;
    const at::Tensor x = normed(m_state.to(at::kDouble), block.attnPreNorm, m_config);
    const at::Tensor values =
        productInDouble(x, block.qkv, (m_config.heads + m_config.kvHeads) * width, m_config.kvHeads * width);
    const at::Tensor heads = values.view({rows, m_config.kvHeads, 1, width})
                                 .expand({rows, m_config.kvHeads, m_config.heads / m_config.kvHeads, width})
                                 .reshape({rows, m_config.heads * width});
    return normed(productInDouble(heads, block.attnOut), block.attnPostNorm, m_config);
}

at::Tensor FirstPosition::mlp(const BlockWeights& block) const {
    const NormWeights& norm = m_config.sharedNorm ? block.attnPreNorm : block.mlpPreNorm;
    const at::Tensor x = normed(m_state.to(at::kDouble), norm, m_config);
    const auto run = [&](const MlpWeights& weights, const at::Tensor& rows) {
        const at::Tensor wide = productInDouble(rows, weights.gateUp);
        const std::int64_t width = weights.down.weight.size(1);
        at::Tensor hidden = activated(m_config.activation, wide.narrow(1, 0, width));
        if (m_config.gatedMlp) hidden = hidden * wide.narrow(1, width, width);
        return productInDouble(hidden.contiguous(), weights.down);
    };
    if (block.experts.empty()) return normed(run(block.mlp, x), block.mlpPostNorm, m_config);
    const Routing routing = route(*m_config.experts, productInDouble(x, block.router));
    at::Tensor sum = mixExperts(routing, x, [&](std::int64_t expert, const at::Tensor& rows) {
        return run(block.experts[static_cast<std::size_t>(expert)], rows);
    });
    if (block.sharedScale.weight.defined())
        sum = sum + at::sigmoid(productInDouble(x, block.sharedScale)) * run(block.mlp, x);
    return normed(sum, block.mlpPostNorm, m_config);
}

void FirstPosition::step(const BlockWeights& block, bool attention, bool mlp,
                         const std::vector<std::int64_t>& wanted, at::Tensor& increment) {
    at::Tensor write = attention ? this->attention(block) : this->mlp(block);
    if (attention && mlp) write = write + this->mlp(block);
    const at::Tensor rounded = write.to(at::kFloat);
    for (std::size_t i = 0; i < m_row.size(); ++i) {
        const std::int64_t row = placeOf(m_row[i], wanted);
        if (row >= 0) increment.select(0, row).copy_(rounded.select(0, m_distinct[i]));
    }
    m_state = m_state + rounded;
}

}  // namespace rheo
