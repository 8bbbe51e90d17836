// ATen first: the header of this file needs it.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/model/block_stack.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <utility>

#include "core/model/first_position.h"
#include "core/model/kernels.h"

namespace rheo {

namespace {

/// Floating-point operations between two checks for a stop: tens of milliseconds on two cores.
constexpr double maxWork = 4e9;

at::Tensor indexTensor(const std::vector<std::int64_t>& rows, at::Device device) {
    return at::tensor(rows, at::kLong).to(device);
}

AttentionRows attentionRows(const Walk& walk, bool gather) {
    AttentionRows rows;
    rows.start = walk.start;
    std::int64_t first = 0;
    std::size_t wanted = 0;
    for (const std::int64_t tokens : walk.lengths) {
        AttentionRows::Sequence sequence{first, tokens, static_cast<std::int64_t>(rows.queryToken.size()), 0};
        for (std::int64_t token = 0; token < tokens; ++token) {
            rows.rowToken.push_back(token);
            if (!gather) rows.queryToken.push_back(token);
        }
        if (gather)
            for (; wanted < walk.wanted.size() && walk.wanted[wanted] < first + tokens; ++wanted)
                rows.queryToken.push_back(walk.wanted[wanted] - first);
        sequence.queries = static_cast<std::int64_t>(rows.queryToken.size()) - sequence.firstQuery;
        rows.sequences.push_back(sequence);
        first += tokens;
    }
    return rows;
}

}  // namespace

BlockStack::BlockStack(const ModelConfig& config, Weights weights, at::Device device, at::ScalarType dtype,
                       KernelChoice kernels)
    : m_config(config),
      m_weights(std::move(weights)),
      m_device(device),
      m_dtype(dtype),
      m_plainLoops(device.is_cpu() && kernels == KernelChoice::ByDevice) {}

std::int64_t BlockStack::pointCount() const {
    return m_config.parallelBlocks ? m_config.layers + 1 : 2 * m_config.layers + 1;
}

KeyValueCache BlockStack::makeCache(std::int64_t capacity) const {
    KeyValueCache cache;
    const auto options = at::TensorOptions().device(m_device).dtype(m_plainLoops ? at::kFloat : m_dtype);
    for (std::int64_t layer = 0; layer < m_config.layers; ++layer)
        cache.blocks.push_back(at::empty({capacity, 2 * m_config.kvHeads * m_config.headDim}, options));
    return cache;
}

at::Tensor BlockStack::embed(const at::Tensor& ids, std::int64_t start,
                             const std::vector<std::int64_t>& lengths) const {
    at::Tensor state = m_weights.embedding.index_select(0, ids.to(m_device));
    // The factor is rounded to the compute dtype first, as the reference does.
    if (m_config.embeddingScale != 1)
        state = state * at::scalar_tensor(m_config.embeddingScale, state.options());
    if (!m_config.learnedPositions) return state;
    std::vector<std::int64_t> positions;
    for (const std::int64_t tokens : lengths)
        for (std::int64_t token = 0; token < tokens; ++token)
            positions.push_back(start + token + m_config.positionOffset);
    return state + m_weights.positions.index_select(0, indexTensor(positions, m_device));
}

at::Tensor BlockStack::norm(const at::Tensor& x, const NormWeights& weights) const {
    if (!m_plainLoops) return normTensors(x, weights, m_config.norm, m_config.normEpsilon);
    at::Tensor result = at::empty_like(x);
    const std::int64_t n = x.size(1);
    const auto epsilon = static_cast<float>(m_config.normEpsilon);
    const float* const weight = weights.weight.data_ptr<float>();
    const float* const bias = weights.bias.defined() ? weights.bias.data_ptr<float>() : nullptr;
    const auto row = [&](const float* from, float* to) {
        if (bias != nullptr)
            kernels::layerNormRow(from, weight, bias, epsilon, n, to);
        else
            kernels::rmsNormRow(from, weight, epsilon, n, to);
    };
    const std::int64_t grain = std::max<std::int64_t>(1, 32768 / n);
    if (x.scalar_type() == at::kFloat) {
        const float* const from = x.data_ptr<float>();
        float* const to = result.data_ptr<float>();
        at::parallel_for(0, x.size(0), grain, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) row(from + i * n, to + i * n);
        });
    } else {
        const auto* const from = x.data_ptr<at::BFloat16>();
        auto* const to = result.data_ptr<at::BFloat16>();
        at::parallel_for(0, x.size(0), grain, [&](std::int64_t begin, std::int64_t end) {
            std::vector<float> wide(static_cast<std::size_t>(n));
            for (std::int64_t i = begin; i < end; ++i) {
                std::copy_n(from + i * n, n, wide.begin());
                row(wide.data(), wide.data());
                std::copy_n(wide.begin(), n, to + i * n);
            }
        });
    }
    return result;
}

at::Tensor BlockStack::linear(const at::Tensor& x, const LinearWeights& weights,
                              const Progress& progress) const {
    const std::int64_t rows = x.size(0);
    const std::int64_t in = weights.weight.size(1);
    const std::int64_t out = weights.weight.size(0);
    if (m_plainLoops && rows == 1) return vectorProduct(x, weights);

    constexpr std::int64_t fewRows = 8;  // for fewer, widening the weights takes longer than it saves
    const bool bias = weights.bias.defined();
    const auto piece = static_cast<std::int64_t>(
        std::max(64.0, maxWork / (2.0 * static_cast<double>(in) * static_cast<double>(out))));
    at::Tensor result = at::empty({rows, out}, x.options());
    for (std::int64_t begin = 0; begin < rows; begin += piece) {
        progress.check();
        const std::int64_t count = std::min(piece, rows - begin);
        at::Tensor part = result.narrow(0, begin, count);
        const at::Tensor some = x.narrow(0, begin, count);
        if (m_plainLoops && x.scalar_type() == at::kFloat) {
            auto* const y = part.data_ptr<float>();
            if (bias)
                for (std::int64_t row = 0; row < count; ++row)
                    std::copy_n(weights.bias.data_ptr<float>(), out, y + row * out);
            kernels::product(true, count, out, in, some.data_ptr<float>(), some.stride(0),
                             weights.weight.data_ptr<float>(), in, bias, y, out);
        } else if (m_plainLoops && count >= fewRows && !kernels::multipliesBFloat16()) {
            widenedProduct(some, weights, part);
        } else if (bias) {
            at::addmm_out(part, weights.bias, some, weights.weight.t());
        } else {
            at::mm_out(part, some, weights.weight.t());
        }
    }
    return result;
}

/// bfloat16 rows by way of float products, rounded once at the end. The weights are widened some rows at a
/// time, so that they are still in the cache when they are used.
void BlockStack::widenedProduct(const at::Tensor& x, const LinearWeights& weights, at::Tensor& out) const {
    const std::int64_t in = weights.weight.size(1);
    const std::int64_t slab = std::max<std::int64_t>(64, (std::int64_t{1} << 20) / in);
    const at::Tensor wide = x.to(at::kFloat).contiguous();
    for (std::int64_t begin = 0; begin < out.size(1); begin += slab) {
        const std::int64_t count = std::min(slab, out.size(1) - begin);
        const at::Tensor some = weights.weight.narrow(0, begin, count).to(at::kFloat);
        at::Tensor y = at::empty({x.size(0), count}, at::kFloat);
        const bool bias = weights.bias.defined();
        if (bias) y.copy_(weights.bias.narrow(0, begin, count).expand({x.size(0), count}));
        kernels::product(true, x.size(0), count, in, wide.data_ptr<float>(), in, some.data_ptr<float>(), in,
                         bias, y.data_ptr<float>(), count);
        out.narrow(1, begin, count).copy_(y);
    }
}

/// One row: bound by reading the weights, so they are read once, in order.
at::Tensor BlockStack::vectorProduct(const at::Tensor& x, const LinearWeights& weights) const {
    const std::int64_t in = weights.weight.size(1);
    const std::int64_t out = weights.weight.size(0);
    const at::Tensor wide = x.to(at::kFloat);
    const at::Tensor bias = weights.bias.defined() ? weights.bias.to(at::kFloat) : at::Tensor();
    at::Tensor result = at::empty({1, out}, at::kFloat);
    const auto* const vector = wide.data_ptr<float>();
    const auto* const shift = bias.defined() ? bias.data_ptr<float>() : nullptr;
    auto* const y = result.data_ptr<float>();
    const std::int64_t grain = std::max<std::int64_t>(64, (std::int64_t{1} << 18) / in);
    at::parallel_for(0, out, grain, [&](std::int64_t begin, std::int64_t end) {
        const float* const part = shift == nullptr ? nullptr : shift + begin;
        if (m_dtype == at::kFloat)
            kernels::matrixVector(weights.weight.data_ptr<float>() + begin * in, vector, part, end - begin,
                                  in, y + begin);
        else
            kernels::matrixVector(
                reinterpret_cast<const std::uint16_t*>(weights.weight.data_ptr<at::BFloat16>()) + begin * in,
                vector, part, end - begin, in, y + begin);
    });
    return m_dtype == at::kFloat ? result : result.to(m_dtype);
}

at::Tensor BlockStack::attention(std::int64_t layer, const at::Tensor& normed, const Walk& walk,
                                 const AttentionRows& rows, const std::vector<RotaryTable>& tables,
                                 bool gather, const Progress& progress) const {
    const auto index = static_cast<std::size_t>(layer);
    const BlockWeights& block = m_weights.blocks[index];
    const BlockConfig& config = m_config.blocks[index];
    const std::int64_t queryWidth = m_config.heads * m_config.headDim;
    const std::int64_t kvWidth = 2 * m_config.kvHeads * m_config.headDim;
    at::Tensor queries;
    at::Tensor keysValues;
    if (gather) {
        const auto part = [&](std::int64_t first, std::int64_t count) {
            return LinearWeights{
                block.qkv.weight.narrow(0, first, count),
                block.qkv.bias.defined() ? block.qkv.bias.narrow(0, first, count) : at::Tensor()};
        };
        const at::Tensor few = normed.index_select(0, indexTensor(walk.wanted, m_device));
        queries = linear(few, part(0, queryWidth), progress);
        keysValues = linear(normed, part(queryWidth, kvWidth), progress);
        if (m_plainLoops) {
            queries = queries.to(at::kFloat);
            keysValues = keysValues.to(at::kFloat);
        }
    } else {
        at::Tensor all = linear(normed, block.qkv, progress);
        if (m_plainLoops) all = all.to(at::kFloat);
        queries = all.narrow(1, 0, queryWidth);
        keysValues = all.narrow(1, queryWidth, kvWidth);
    }
    const AttentionTask task{m_config,
                             config,
                             block,
                             rows,
                             tables.empty() ? nullptr : &tables[static_cast<std::size_t>(config.rope)],
                             walk.before != nullptr && walk.start > 0 ? &walk.before->blocks[index] : nullptr,
                             walk.store != nullptr ? &walk.store->blocks[index] : nullptr};
    const at::Tensor mixed = m_plainLoops ? attendPlain(task, queries, keysValues, progress).to(m_dtype)
                                          : attendTensors(task, queries, keysValues, progress);
    return linear(mixed, block.attnOut, progress);
}

at::Tensor BlockStack::mlp(const BlockWeights& block, const at::Tensor& normed,
                           const Progress& progress) const {
    const auto run = [&](const at::Tensor& rows) {
        const at::Tensor wide = linear(rows, block.gateUp, progress);
        at::Tensor hidden;
        if (m_config.gatedMlp) {
            hidden = activated(m_config.activation, wide.narrow(1, 0, m_config.intermediate));
            hidden.mul_(wide.narrow(1, m_config.intermediate, m_config.intermediate));
        } else {
            hidden = activated(m_config.activation, wide);
        }
        return linear(hidden, block.down, progress);
    };
    // The hidden layer is the widest thing there is: of many rows only a part of it exists at a time.
    constexpr std::int64_t maxHidden = std::int64_t{1} << 25;
    const std::int64_t piece = std::max<std::int64_t>(64, maxHidden / block.gateUp.weight.size(0));
    if (normed.size(0) <= piece) return run(normed);
    std::vector<at::Tensor> parts;
    for (std::int64_t begin = 0; begin < normed.size(0); begin += piece)
        parts.push_back(run(normed.narrow(0, begin, std::min(piece, normed.size(0) - begin))));
    return at::cat(parts, 0);
}

at::Tensor BlockStack::walk(const Walk& walk, const Progress& progress) const {
    const std::int64_t perBlock = m_config.parallelBlocks ? 1 : 2;
    const bool few = !walk.wanted.empty();
    std::vector<RotaryTable> tables;
    if (m_config.rotaryDim > 0)
        for (const RopeConfig& rope : m_config.ropes)
            tables.push_back(rotaryTable(rope, m_config.rotaryDim, walk.start, walk.lengths));
    const AttentionRows allRows = attentionRows(walk, false);
    const AttentionRows fewRows = few ? attentionRows(walk, true) : AttentionRows{};
    const auto gathered = [&](const at::Tensor& x) {
        return x.index_select(0, indexTensor(walk.wanted, m_device));
    };

    at::Tensor state = walk.state;
    bool isFew = false;
    std::int64_t point = walk.firstPoint;
    std::optional<FirstPosition> first;
    if (m_plainLoops && m_dtype == at::kFloat && walk.start == 0)
        first.emplace(m_config, state, walk.lengths);
    const auto write = [&](at::Tensor increment, bool ofAttention, bool ofMlp) {
        if (first)
            first->step(m_weights.blocks[static_cast<std::size_t>(point / perBlock)], ofAttention, ofMlp,
                        isFew ? walk.wanted : std::vector<std::int64_t>(), increment);
        if (walk.onWrite) walk.onWrite(point, increment, isFew);
        state = at::add(state, increment);
        ++point;
        if (walk.onPoint) walk.onPoint(point, state, isFew);
    };
    if (walk.onPoint) walk.onPoint(point, state, isFew);

    const std::int64_t lastAttention = walk.lastPoint > 0 ? (walk.lastPoint - 1) / perBlock : -1;
    while (point < walk.lastPoint) {
        progress.check();
        const std::int64_t layer = point / perBlock;
        const BlockWeights& block = m_weights.blocks[static_cast<std::size_t>(layer)];
        const bool attends = point % perBlock == 0;
        // From the last attention on, only what the wanted rows need.
        const bool gather = few && !isFew && layer == lastAttention;
        const auto attend = [&](const at::Tensor& normed) {
            at::Tensor result =
                attention(layer, normed, walk, gather ? fewRows : allRows, tables, gather, progress);
            return m_config.attnPostNorm ? norm(result, block.attnPostNorm) : result;
        };
        const auto feedForward = [&](const at::Tensor& normed) {
            at::Tensor result = mlp(block, normed, progress);
            return m_config.mlpPostNorm ? norm(result, block.mlpPostNorm) : result;
        };
        if (m_config.parallelBlocks) {
            const at::Tensor normed = m_config.attnPreNorm ? norm(state, block.attnPreNorm) : state;
            const at::Tensor attended = attend(normed);
            at::Tensor fed;
            if (gather) state = gathered(state);
            isFew = isFew || gather;
            if (m_config.sharedNorm)
                fed = feedForward(gather ? gathered(normed) : normed);
            else
                fed = feedForward(m_config.mlpPreNorm ? norm(state, block.mlpPreNorm) : state);
            write(at::add(attended, fed), true, true);
        } else if (attends) {
            const at::Tensor attended = attend(m_config.attnPreNorm ? norm(state, block.attnPreNorm) : state);
            if (gather) state = gathered(state);
            isFew = isFew || gather;
            write(attended, true, false);
        } else {
            if (gather) state = gathered(state);
            isFew = isFew || gather;
            write(feedForward(m_config.mlpPreNorm ? norm(state, block.mlpPreNorm) : state), false, true);
        }
    }
    return few && !isFew ? gathered(state) : state;
}

FinalNorm BlockStack::finalNorm() const {
    const auto values = [](const at::Tensor& tensor) {
        if (!tensor.defined()) return VectorF();
        const at::Tensor here = tensor.to(at::kCPU, at::kFloat).contiguous();
        return VectorF(Eigen::Map<const VectorF>(here.data_ptr<float>(), here.numel()));
    };
    return {m_config.norm == NormKind::Layer, m_config.normEpsilon, values(m_weights.finalNorm.weight),
            values(m_weights.finalNorm.bias)};
}

void BlockStack::unembed(const at::Tensor& state, float* out, const Progress& progress) const {
    const std::int64_t vocabulary = m_weights.unembedding.weight.size(0);
    const std::int64_t piece = std::max<std::int64_t>(1, (std::int64_t{1} << 24) / vocabulary);
    for (std::int64_t begin = 0; begin < state.size(0); begin += piece) {
        progress.check();
        const std::int64_t count = std::min(piece, state.size(0) - begin);
        const at::Tensor normed = norm(state.narrow(0, begin, count), m_weights.finalNorm);
        at::Tensor logits = linear(normed, m_weights.unembedding, progress).to(at::kFloat);
        if (m_config.logitSoftcap)
            logits = at::tanh(logits / *m_config.logitSoftcap) * *m_config.logitSoftcap;
        logits = logits.to(at::kCPU).contiguous();
        std::memcpy(out + begin * vocabulary, logits.data_ptr<float>(),
                    static_cast<std::size_t>(count * vocabulary) * sizeof(float));
    }
}

}  // namespace rheo
