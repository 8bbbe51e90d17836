// ATen first: the header of this file needs it.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/model/block_stack.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <utility>

#include "core/model/kernels.h"

namespace rheo {

namespace {

/// Floating-point operations between two checks for a stop: tens of milliseconds on two cores.
constexpr double maxWork = 4e9;

at::Tensor indexTensor(const std::vector<std::int64_t>& rows, at::Device device) {
    return at::tensor(rows, at::kLong).to(device);
}

AttentionRows attentionRows(const ForwardPass& pass, bool gather) {
    AttentionRows rows;
    rows.start = pass.start;
    std::int64_t first = 0;
    std::size_t wanted = 0;
    for (const std::int64_t tokens : pass.lengths) {
        AttentionRows::Sequence sequence{first, tokens, static_cast<std::int64_t>(rows.queryToken.size()), 0};
        for (std::int64_t token = 0; token < tokens; ++token) {
            rows.rowToken.push_back(token);
            if (!gather) rows.queryToken.push_back(token);
        }
        if (gather)
            for (; wanted < pass.wanted.size() && pass.wanted[wanted] < first + tokens; ++wanted)
                rows.queryToken.push_back(pass.wanted[wanted] - first);
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
    at::Tensor state =
        streams() ? m_weights.reader->embedding(ids) : m_weights.embedding.index_select(0, ids.to(m_device));
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

at::Tensor BlockStack::mlp(const MlpWeights& weights, const at::Tensor& normed,
                           const Progress& progress) const {
    const auto run = [&](const at::Tensor& rows) {
        const at::Tensor wide = linear(rows, weights.gateUp, progress);
        at::Tensor hidden;
        if (m_config.gatedMlp) {
            const std::int64_t width = weights.down.weight.size(1);
            hidden = activated(m_config.activation, wide.narrow(1, 0, width));
            hidden.mul_(wide.narrow(1, width, width));
        } else {
            hidden = activated(m_config.activation, wide);
        }
        return linear(hidden, weights.down, progress);
    };
    // The hidden layer is the widest thing there is: of many rows only a part of it exists at a time.
    constexpr std::int64_t maxHidden = std::int64_t{1} << 25;
    const std::int64_t piece = std::max<std::int64_t>(64, maxHidden / weights.gateUp.weight.size(0));
    if (normed.size(0) <= piece) return run(normed);
    std::vector<at::Tensor> parts;
    for (std::int64_t begin = 0; begin < normed.size(0); begin += piece)
        parts.push_back(run(normed.narrow(0, begin, std::min(piece, normed.size(0) - begin))));
    return at::cat(parts, 0);
}

/// The experts that the routing names, and the shared one. Sums are in float32.
at::Tensor BlockStack::mixture(const BlockWeights& block, const Routing& routing, const at::Tensor& normed,
                               const Progress& progress) const {
    at::Tensor sum = mixExperts(routing, normed, [&](std::int64_t expert, const at::Tensor& rows) {
        return mlp(block.experts[static_cast<std::size_t>(expert)], rows, progress);
    });
    if (block.sharedScale.weight.defined())
        sum.add_(at::sigmoid(linear(normed, block.sharedScale, progress).to(sum.scalar_type())) *
                 mlp(block.mlp, normed, progress));
    return sum.to(m_dtype);
}

BlockStack::Run::Run(const BlockStack& stack, const ForwardPass& pass, const Progress& progress)
    : m_stack(stack),
      m_pass(pass),
      m_progress(progress),
      m_state(pass.state),
      m_point(pass.firstPoint),
      m_allRows(attentionRows(pass, false)) {
    if (config().rotaryDim > 0)
        for (const RopeConfig& rope : config().ropes)
            m_tables.push_back(rotaryTable(rope, config().rotaryDim, pass.start, pass.lengths));
    if (!pass.wanted.empty()) m_wantedRows = attentionRows(pass, true);
    if (stack.m_plainLoops && stack.m_dtype == at::kFloat && pass.start == 0)
        m_first.emplace(config(), m_state, pass.lengths, std::vector<std::int64_t>());
    atPoint();
}

at::Tensor BlockStack::Run::gathered(const at::Tensor& x) const {
    return x.index_select(0, indexTensor(m_pass.wanted, m_stack.m_device));
}

/// Where a packed row is in the state; -1 where it was left out.
std::int64_t BlockStack::Run::indexOf(std::int64_t row) const {
    if (!m_wantedOnly) return row;
    const auto found = std::lower_bound(m_pass.wanted.begin(), m_pass.wanted.end(), row);
    return found == m_pass.wanted.end() || *found != row ? -1 : found - m_pass.wanted.begin();
}

/// Packed rows that are edited at this point and still there, ascending.
std::vector<std::int64_t> BlockStack::Run::editedRows() const {
    std::vector<std::int64_t> rows;
    for (const RowEdit& edit : m_pass.edits)
        if (edit.edit->point.value() == m_point)
            std::copy_if(edit.rows.begin(), edit.rows.end(), std::back_inserter(rows),
                         [&](std::int64_t row) { return indexOf(row) >= 0; });
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    return rows;
}

/// Edits are computed in float64 and rounded to the compute dtype once, after the last of them.
void BlockStack::Run::applyEdits() {
    const std::vector<std::int64_t> rows = editedRows();
    if (rows.empty()) return;
    std::vector<std::int64_t> places;
    for (const std::int64_t row : rows) places.push_back(indexOf(row));
    const at::Tensor index = indexTensor(places, m_stack.m_device);
    const at::Tensor values = m_state.index_select(0, index).to(at::kCPU, at::kDouble).contiguous();
    const auto units = static_cast<std::size_t>(values.size(1));
    for (const auto& [edit, edited] : m_pass.edits) {
        if (edit->point.value() != m_point) continue;
        const std::span<const float> vector(edit->vector.data(),
                                            static_cast<std::size_t>(edit->vector.size()));
        for (const std::int64_t row : edited) {
            const auto found = std::lower_bound(rows.begin(), rows.end(), row);
            if (found == rows.end() || *found != row) continue;
            double* const state = values.data_ptr<double>() + (found - rows.begin()) * values.size(1);
            edit->operation->apply({state, units}, vector, edit->strength);
        }
    }
    m_state = m_state.index_copy(0, index, values.to(at::kFloat).to(m_stack.m_device, m_stack.m_dtype));
    if (m_first && std::any_of(rows.begin(), rows.end(), [&](auto row) { return m_first->holds(row); }))
        m_first.emplace(config(), m_state, m_pass.lengths,
                        m_wantedOnly ? m_pass.wanted : std::vector<std::int64_t>());
}

void BlockStack::Run::atPoint() {
    if (!m_pass.edits.empty()) applyEdits();
    if (m_pass.onPoint) m_pass.onPoint(m_point, m_state, m_wantedOnly);
}

void BlockStack::Run::through(const BlockWeights& weights) {
    m_weights = &weights;
    const auto end =
        std::min(m_pass.lastPoint, (static_cast<std::int64_t>(layer()) + 1) * m_stack.stepsPerBlock());
    while (m_point < end) {
        m_progress.check();
        if (config().parallelBlocks)
            runParallelBlock();
        else if (m_point % 2 == 0)
            runAttention();
        else
            runMlp();
    }
    m_weights = nullptr;
}

at::Tensor BlockStack::Run::result() const {
    return m_pass.wanted.empty() || m_wantedOnly ? m_state : gathered(m_state);
}

/// Whether from this step on only the wanted rows are needed: the last block with attention is reached.
bool BlockStack::Run::leavesRows() const {
    if (m_pass.wanted.empty() || m_wantedOnly) return false;
    return static_cast<std::int64_t>(layer()) == (m_pass.lastPoint - 1) / m_stack.stepsPerBlock();
}

void BlockStack::Run::leaveRows() {
    m_state = gathered(m_state);
    m_wantedOnly = true;
}

void BlockStack::Run::runAttention() {
    const bool leaves = leavesRows();
    const at::Tensor increment = attended(preNormed(config().attnPreNorm, weights().attnPreNorm), leaves);
    if (leaves) leaveRows();
    add(increment, true, false);
}

void BlockStack::Run::runMlp() {
    if (leavesRows()) leaveRows();
    add(fedForward(preNormed(config().mlpPreNorm, weights().mlpPreNorm)), false, true);
}

void BlockStack::Run::runParallelBlock() {
    const bool leaves = leavesRows();
    const at::Tensor normed = preNormed(config().attnPreNorm, weights().attnPreNorm);
    const at::Tensor ofAttention = attended(normed, leaves);
    if (leaves) leaveRows();
    at::Tensor input;
    if (config().sharedNorm)
        input = leaves ? gathered(normed) : normed;
    else
        input = preNormed(config().mlpPreNorm, weights().mlpPreNorm);
    const at::Tensor ofMlp = fedForward(input);
    add(at::add(ofAttention, ofMlp), true, true);
}

/// What attention adds to the states, of the wanted rows only if asked for.
at::Tensor BlockStack::Run::attended(const at::Tensor& normed, bool wantedOnly) const {
    const BlockConfig& block = config().blocks[layer()];
    const auto [queries, keysValues] = projected(normed, wantedOnly);
    const AttentionTask task{
        config(),
        block,
        weights(),
        wantedOnly ? m_wantedRows : m_allRows,
        m_tables.empty() ? nullptr : &m_tables[static_cast<std::size_t>(block.rope)],
        m_pass.before != nullptr && m_pass.start > 0 ? &m_pass.before->blocks[layer()] : nullptr,
        m_pass.store != nullptr ? &m_pass.store->blocks[layer()] : nullptr};
    const at::Tensor mixed = m_stack.m_plainLoops
                                 ? attendPlain(task, queries, keysValues, m_progress).to(m_stack.m_dtype)
                                 : attendTensors(task, queries, keysValues, m_progress);
    const at::Tensor result = m_stack.linear(mixed, weights().attnOut, m_progress);
    return config().attnPostNorm ? m_stack.norm(result, weights().attnPostNorm) : result;
}

/// Queries, and keys with values; the queries of the wanted rows only if asked for.
std::pair<at::Tensor, at::Tensor> BlockStack::Run::projected(const at::Tensor& normed,
                                                             bool wantedOnly) const {
    const std::int64_t queryWidth = config().heads * config().headDim;
    const std::int64_t kvWidth = 2 * config().kvHeads * config().headDim;
    const LinearWeights& qkv = weights().qkv;
    const auto accumulated = [&](const at::Tensor& x) { return m_stack.m_plainLoops ? x.to(at::kFloat) : x; };
    if (!wantedOnly) {
        const at::Tensor all = accumulated(m_stack.linear(normed, qkv, m_progress));
        return {all.narrow(1, 0, queryWidth), all.narrow(1, queryWidth, kvWidth)};
    }
    const auto part = [&](std::int64_t first, std::int64_t count) {
        return LinearWeights{qkv.weight.narrow(0, first, count),
                             qkv.bias.defined() ? qkv.bias.narrow(0, first, count) : at::Tensor()};
    };
    return {accumulated(m_stack.linear(gathered(normed), part(0, queryWidth), m_progress)),
            accumulated(m_stack.linear(normed, part(queryWidth, kvWidth), m_progress))};
}

/// What the MLP or the experts add to the states.
at::Tensor BlockStack::Run::fedForward(const at::Tensor& normed) const {
    at::Tensor result;
    if (weights().experts.empty()) {
        result = m_stack.mlp(weights().mlp, normed, m_progress);
    } else {
        const Routing routing =
            route(*config().experts, m_stack.linear(normed, weights().router, m_progress).to(at::kFloat));
        if (m_pass.onRouting)
            m_pass.onRouting(static_cast<std::int64_t>(layer()), routing.probabilities, m_wantedOnly);
        result = m_stack.mixture(weights(), routing, normed, m_progress);
    }
    return config().mlpPostNorm ? m_stack.norm(result, weights().mlpPostNorm) : result;
}

/// One step: to the next residual point.
void BlockStack::Run::add(at::Tensor increment, bool ofAttention, bool ofMlp) {
    if (m_first)
        m_first->step(weights(), ofAttention, ofMlp,
                      m_wantedOnly ? m_pass.wanted : std::vector<std::int64_t>(), increment);
    if (m_pass.onWrite) m_pass.onWrite(m_point, increment, m_wantedOnly);
    m_state = at::add(m_state, increment);
    ++m_point;
    atPoint();
}

at::Tensor BlockStack::run(const ForwardPass& pass, const Progress& progress) const {
    Run running(*this, pass, progress);
    for (std::int64_t layer = firstBlock(pass); layer < endBlock(pass); ++layer)
        running.through(*block(layer));
    return running.result();
}

std::shared_ptr<const BlockWeights> BlockStack::block(std::int64_t layer) const {
    if (streams()) return m_weights.reader->block(layer);
    // Owned by the stack: nothing is counted.
    return {std::shared_ptr<const BlockWeights>(), &m_weights.blocks[static_cast<std::size_t>(layer)]};
}

RowStep BlockStack::rowStep(std::int64_t point, const KeyValueCache* before, std::int64_t position,
                            std::int64_t tokens) const {
    const bool parallel = m_config.parallelBlocks;
    const auto layer = static_cast<std::size_t>(point / stepsPerBlock());
    const auto weights = block(static_cast<std::int64_t>(layer));
    RowStepTask task{m_config, m_config.blocks[layer], *weights};
    task.attention = parallel || point % 2 == 0;
    task.mlp = parallel || point % 2 == 1;
    task.position = position;
    task.tokens = tokens;
    task.before = before != nullptr ? &before->blocks[layer] : nullptr;
    return RowStep(task);
}

at::Tensor BlockStack::stepJacobian(std::int64_t point, const at::Tensor& state, const KeyValueCache* before,
                                    std::int64_t position, std::int64_t tokens,
                                    const Progress& progress) const {
    return rowStep(point, before, position, tokens).jacobian(state.to(m_device, at::kDouble), progress);
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

LinearWeights BlockStack::unembedding(std::int64_t first, std::int64_t count) const {
    const auto& [weight, bias] = m_weights.unembedding;
    return {streams() ? m_weights.reader->unembedding(first, count) : weight.narrow(0, first, count),
            bias.defined() ? bias.narrow(0, first, count) : at::Tensor()};
}

UnembeddingRow BlockStack::unembeddingRow(std::int64_t id) const {
    const auto [weight, bias] = unembedding(id, 1);
    const at::Tensor row = weight.to(at::kCPU, at::kFloat).contiguous();
    return {Eigen::Map<const VectorF>(row.data_ptr<float>(), row.numel()),
            bias.defined() ? bias.to(at::kCPU, at::kDouble).item<double>() : 0};
}

/// The vocabulary in pieces, so that of weights that are read only one is held; of each all rows, in pieces
/// so that their logits are few.
void BlockStack::unembed(const at::Tensor& state, float* out, const Progress& progress) const {
    constexpr std::int64_t maxValues = std::int64_t{1} << 22;
    const std::int64_t vocabulary = m_config.vocabulary, rows = state.size(0);
    const std::int64_t tokens = std::clamp<std::int64_t>(maxValues / state.size(1), 1, vocabulary);
    const std::int64_t together = std::max<std::int64_t>(1, maxValues / tokens);
    const at::Tensor normed = norm(state, m_weights.finalNorm);
    for (std::int64_t first = 0; first < vocabulary; first += tokens) {
        const std::int64_t some = std::min(tokens, vocabulary - first);
        const LinearWeights weights = unembedding(first, some);
        for (std::int64_t begin = 0; begin < rows; begin += together) {
            progress.check();
            const std::int64_t count = std::min(together, rows - begin);
            at::Tensor logits = linear(normed.narrow(0, begin, count), weights, progress).to(at::kFloat);
            if (m_config.logitSoftcap)
                logits = at::tanh(logits / *m_config.logitSoftcap) * *m_config.logitSoftcap;
            logits = logits.to(at::kCPU).contiguous();
            for (std::int64_t row = 0; row < count; ++row)
                std::copy_n(logits.data_ptr<float>() + row * some, some,
                            out + (begin + row) * vocabulary + first);
        }
    }
}

}  // namespace rheo
