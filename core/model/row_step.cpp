// ATen first: the header of this file needs it.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/model/row_step.h"

#include <algorithm>
#include <utility>

#include "core/model/experts.h"
#include "core/model/first_position.h"

namespace rheo {

namespace {

constexpr std::int64_t rowsAtOnce = 128;

at::Tensor wide(const at::Tensor& tensor) {
    return tensor.defined() ? tensor.to(at::kDouble) : tensor;
}
NormWeights wide(const NormWeights& norm) {
    return {wide(norm.weight), wide(norm.bias)};
}
LinearWeights wide(const LinearWeights& linear) {
    return {wide(linear.weight), wide(linear.bias)};
}
MlpWeights wide(const MlpWeights& mlp) {
    return {wide(mlp.gateUp), wide(mlp.down)};
}

/// The identity where there is no such norm.
at::Tensor normed(const at::Tensor& x, const NormWeights& weights, const ModelConfig& config) {
    if (!weights.weight.defined()) return x;
    const bool layer = config.norm == NormKind::Layer;
    const at::Tensor centred = layer ? x - x.mean(-1, true) : x;
    const at::Tensor scaled =
        centred * at::rsqrt(centred.square().mean(-1, true) + config.normEpsilon) * weights.weight;
    return layer ? scaled + weights.bias : scaled;
}

at::Tensor product(const at::Tensor& x, const LinearWeights& weights) {
    const at::Tensor y = at::matmul(x, weights.weight.t());
    return weights.bias.defined() ? y + weights.bias : y;
}

at::Tensor runMlp(const ModelConfig& config, const MlpWeights& weights, const at::Tensor& x) {
    const at::Tensor all = product(x, weights.gateUp);
    const std::int64_t width = weights.down.weight.size(1);
    at::Tensor hidden = activated(config.activation, all.narrow(1, 0, width));
    if (config.gatedMlp) hidden = hidden * all.narrow(1, width, width);
    return product(hidden, weights.down);
}

}  // namespace

RowStep::RowStep(const RowStepTask& task)
    : m_config(task.config), m_block(task.block), m_hasAttention(task.attention), m_hasMlp(task.mlp) {
    const BlockWeights& from = task.weights;
    m_weights.attnPreNorm = wide(from.attnPreNorm);
    if (task.mlp) {
        m_weights.mlpPreNorm = wide(from.mlpPreNorm);
        m_weights.mlpPostNorm = wide(from.mlpPostNorm);
        m_weights.mlp = wide(from.mlp);
        m_weights.router = wide(from.router);
        m_weights.sharedScale = wide(from.sharedScale);
        m_weights.experts = from.experts;  // widened when they are chosen
    }
    if (!task.attention) return;
    m_weights.attnPostNorm = wide(from.attnPostNorm);
    m_weights.queryNorm = wide(from.queryNorm);
    m_weights.keyNorm = wide(from.keyNorm);
    m_weights.qkv = wide(from.qkv);
    m_weights.attnOut = wide(from.attnOut);
    const at::TensorOptions options = m_weights.qkv.weight.options();
    if (m_config.rotaryDim > 0) {
        const RotaryTable table =
            rotaryTable(m_config.ropes[static_cast<std::size_t>(m_block.rope)], m_config.rotaryDim,
                        task.position, {std::max<std::int64_t>(1, task.tokens - task.position)});
        const auto numbers = [&](const std::vector<float>& values) {
            return at::tensor(std::vector<float>(values.begin(), values.begin() + table.half), at::kFloat)
                .to(options);
        };
        m_cosine = numbers(table.sets[0].cosine);
        m_sine = numbers(table.sets[0].sine);
    }
    if (task.before == nullptr || task.position == 0) return;
    const std::int64_t first =
        m_block.window ? std::max<std::int64_t>(0, task.position - *m_block.window + 1) : 0;
    const at::Tensor cached = wide(task.before->narrow(0, first, task.position - first));
    const at::Tensor parts =
        cached.reshape({cached.size(0), 2, m_config.kvHeads, m_config.headDim}).permute({1, 2, 0, 3});
    m_keys = parts.select(0, 0);
    m_values = parts.select(0, 1);
}

/// [row, count, width], normed and rotated.
at::Tensor RowStep::heads(const at::Tensor& rows, const NormWeights& norm, std::int64_t count) const {
    at::Tensor x = rows;
    if (m_config.qkNorm == QkNorm::Full) x = normed(x, norm, m_config);
    x = x.reshape({rows.size(0), count, m_config.headDim});
    if (m_config.qkNorm == QkNorm::PerHead) x = normed(x, norm, m_config);
    if (!m_cosine.defined()) return x;
    const std::int64_t half = m_config.rotaryDim / 2;
    const at::Tensor a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
    return at::cat({a * m_cosine - b * m_sine, b * m_cosine + a * m_sine,
                    x.narrow(2, 2 * half, m_config.headDim - 2 * half)},
                   2);
}

at::Tensor RowStep::attention(const at::Tensor& x) const {
    const std::int64_t rows = x.size(0), width = m_config.headDim, group = m_config.heads / m_config.kvHeads,
                       queryWidth = m_config.heads * width, keyWidth = m_config.kvHeads * width;
    const at::Tensor all = product(normed(x, m_weights.attnPreNorm, m_config), m_weights.qkv);
    const at::Tensor query = heads(all.narrow(1, 0, queryWidth), m_weights.queryNorm, m_config.heads)
                                 .reshape({rows, m_config.kvHeads, group, width});
    const at::Tensor key =
        heads(all.narrow(1, queryWidth, keyWidth), m_weights.keyNorm, m_config.kvHeads).unsqueeze(2);
    const at::Tensor value =
        all.narrow(1, queryWidth + keyWidth, keyWidth).reshape({rows, m_config.kvHeads, 1, width});
    at::Tensor scores = (query * key).sum(-1, true);  // [row, kvHead, member, key]
    if (m_keys.defined()) scores = at::cat({at::matmul(query, m_keys.transpose(1, 2)), scores}, 3);
    scores = scores * m_block.attentionScale;
    if (m_config.attentionSoftcap)
        scores = at::tanh(scores / *m_config.attentionSoftcap) * *m_config.attentionSoftcap;
    const at::Tensor weights = at::softmax(scores, -1);
    const std::int64_t before = scores.size(3) - 1;
    at::Tensor mixed = weights.narrow(3, before, 1) * value;
    if (before > 0) mixed = mixed + at::matmul(weights.narrow(3, 0, before), m_values);
    return normed(product(mixed.reshape({rows, queryWidth}), m_weights.attnOut), m_weights.attnPostNorm,
                  m_config);
}

at::Tensor RowStep::mlp(const at::Tensor& x) const {
    const NormWeights& norm = m_config.sharedNorm ? m_weights.attnPreNorm : m_weights.mlpPreNorm;
    const at::Tensor input = normed(x, norm, m_config);
    if (m_weights.experts.empty())
        return normed(runMlp(m_config, m_weights.mlp, input), m_weights.mlpPostNorm, m_config);
    const Routing routing = route(*m_config.experts, product(input, m_weights.router));
    at::Tensor sum = mixExperts(routing, input, [&](std::int64_t expert, const at::Tensor& rows) {
        return runMlp(m_config, wide(m_weights.experts[static_cast<std::size_t>(expert)]), rows);
    });
    if (m_weights.sharedScale.weight.defined())
        sum =
            sum + at::sigmoid(product(input, m_weights.sharedScale)) * runMlp(m_config, m_weights.mlp, input);
    return normed(sum, m_weights.mlpPostNorm, m_config);
}

at::Tensor RowStep::operator()(const at::Tensor& states) const {
    at::Tensor after = states;
    if (m_hasAttention) after = after + attention(states);
    if (m_hasMlp) after = after + mlp(states);
    return after;
}

at::Tensor RowStep::jacobian(const at::Tensor& state, const Progress& progress) const {
    const c10::AutoGradMode gradients(true);
    const std::int64_t units = state.numel();
    const at::Tensor identity = at::eye(units, state.options());
    std::vector<at::Tensor> rows;
    for (std::int64_t first = 0; first < units; first += rowsAtOnce) {
        progress.check();
        const std::int64_t count = std::min(rowsAtOnce, units - first);
        // Output unit i of copy i alone: one backward pass gives a row of the derivative for each copy.
        at::Tensor copies = state.detach().reshape({1, units}).repeat({count, 1}).requires_grad_(true);
        const at::Tensor after = (*this)(copies);
        rows.push_back(
            torch::autograd::grad({after}, {copies}, {identity.narrow(0, first, count)}).front().detach());
    }
    return at::cat(rows, 0);
}

RowStepProducts::RowStepProducts(const RowStep& step, at::Tensor state)
    : m_step(step), m_state(std::move(state)) {}

const RowStepProducts::Graph& RowStepProducts::graphOf(std::int64_t count) const {
    if (m_graph.before.defined() && m_graph.before.size(0) == count) return m_graph;
    const c10::AutoGradMode gradients(true);
    m_graph.before = m_state.detach().reshape({1, -1}).repeat({count, 1}).requires_grad_(true);
    m_graph.after = m_step(m_graph.before);
    m_graph.weights = at::zeros_like(m_graph.before).requires_grad_(true);
    m_graph.pulled =
        torch::autograd::grad({m_graph.after}, {m_graph.before}, {m_graph.weights}, true, true).front();
    return m_graph;
}

at::Tensor RowStepProducts::times(const at::Tensor& vectors) const {
    const Graph& graph = graphOf(vectors.size(0));
    return torch::autograd::grad({graph.pulled}, {graph.weights}, {vectors}, true).front().detach();
}

at::Tensor RowStepProducts::transposedTimes(const at::Tensor& vectors) const {
    const Graph& graph = graphOf(vectors.size(0));
    return torch::autograd::grad({graph.after}, {graph.before}, {vectors}, true).front().detach();
}

}  // namespace rheo
