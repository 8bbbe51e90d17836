#pragma once
// Internal to this module: include ATen before it.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/final_norm.h"
#include "core/base/progress.h"
#include "core/model/attention.h"
#include "core/model/experts.h"
#include "core/model/first_position.h"
#include "core/model/model.h"
#include "core/model/row_step.h"
#include "core/model/state_edit.h"
#include "core/model/weights.h"

namespace rheo {

/// An edit of packed rows.
struct RowEdit {
    const StateEdit* edit = nullptr;
    std::vector<std::int64_t> rows;  ///< ascending
};

/// The decoder over sequences packed one after another, from one residual point to another.
/// There is no padding: a sequence is computed as if it were alone.
struct ForwardPass {
    at::Tensor state;                       ///< [row, unit] at firstPoint, in the compute dtype
    std::vector<std::int64_t> lengths;      ///< tokens of each sequence; they add up to the rows
    std::int64_t start = 0;                 ///< position of each sequence's first token
    const KeyValueCache* before = nullptr;  ///< keys and values of the `start` tokens that all share
    KeyValueCache* store = nullptr;         ///< one sequence: receives its keys and values at start ..
    std::int64_t firstPoint = 0;
    std::int64_t lastPoint = 0;
    /// Rows that matter at lastPoint, ascending; empty: all. Others are left out where nothing needs them:
    /// from the queries of the last attention on.
    std::vector<std::int64_t> wanted;
    /// Applied in this order at their points, before onPoint and before anything reads the state.
    std::vector<RowEdit> edits;
    /// Called at every point from firstPoint to lastPoint, and with what is added between two of them
    /// (`point` is the one before). `wantedOnly`: the tensor has only the wanted rows.
    std::function<void(std::int64_t point, const at::Tensor& state, bool wantedOnly)> onPoint;
    std::function<void(std::int64_t point, const at::Tensor& write, bool wantedOnly)> onWrite;
    /// Called in blocks with experts, with the router's probabilities [row, expert] float32.
    std::function<void(std::int64_t block, const at::Tensor& probabilities, bool wantedOnly)> onRouting;
};

/// The decoder that a ModelConfig describes, on tensors.
class BlockStack {
public:
    BlockStack(const ModelConfig& config, Weights weights, at::Device device, at::ScalarType dtype,
               KernelChoice kernels = KernelChoice::ByDevice);

    std::int64_t pointCount() const;
    /// The state at point 0, [token, unit], of tokens at positions start ..; `ids` is int64 on the CPU.
    at::Tensor embed(const at::Tensor& ids, std::int64_t start,
                     const std::vector<std::int64_t>& lengths) const;
    /// Returns the state at lastPoint, of the wanted rows only if there are any. Checks for a stop at
    /// least once a block.
    at::Tensor run(const ForwardPass& pass, const Progress& progress) const;
    /// Whether weights are read while the network runs. Then several passes should be taken through a block
    /// together (Run), and only Run is for several threads at once.
    bool streams() const { return m_weights.reader != nullptr; }
    /// Whether any weights lie in files while the network runs.
    bool readsFiles() const { return streams() || m_weights.mapped; }
    /// The weights of a block; those read from a file should be let go of before the next are asked for.
    std::shared_ptr<const BlockWeights> block(std::int64_t layer) const;
    /// The blocks firstBlock .. endBlock - 1 take a pass from its first point to its last.
    std::int64_t firstBlock(const ForwardPass& pass) const { return pass.firstPoint / stepsPerBlock(); }
    std::int64_t endBlock(const ForwardPass& pass) const {
        return (pass.lastPoint + stepsPerBlock() - 1) / stepsPerBlock();
    }
    class Run;
    /// Final norm and unembedding of states at the final point [row, unit]: [row, vocabulary] float32, on
    /// the CPU, into `out`.
    void unembed(const at::Tensor& state, float* out, const Progress& progress) const;
    /// The derivative of the step from `point` to the next for one row, RowStep::jacobian: of the token at
    /// `position` of `tokens`, after those of `before` (null: a lone token).
    at::Tensor stepJacobian(std::int64_t point, const at::Tensor& state, const KeyValueCache* before,
                            std::int64_t position, std::int64_t tokens, const Progress& progress) const;
    /// That step as a function of the row.
    RowStep rowStep(std::int64_t point, const KeyValueCache* before, std::int64_t position,
                    std::int64_t tokens) const;
    FinalNorm finalNorm() const;
    UnembeddingRow unembeddingRow(std::int64_t id) const;
    /// Buffers for `capacity` tokens in every block.
    KeyValueCache makeCache(std::int64_t capacity) const;

    at::Device device() const { return m_device; }
    at::ScalarType dtype() const { return m_dtype; }

private:
    std::int64_t stepsPerBlock() const { return m_config.parallelBlocks ? 1 : 2; }
    at::Tensor norm(const at::Tensor& x, const NormWeights& weights) const;
    at::Tensor linear(const at::Tensor& x, const LinearWeights& weights, const Progress& progress) const;
    void widenedProduct(const at::Tensor& x, const LinearWeights& weights, at::Tensor& out) const;
    at::Tensor vectorProduct(const at::Tensor& x, const LinearWeights& weights) const;
    LinearWeights unembedding(std::int64_t first, std::int64_t count) const;
    at::Tensor mlp(const MlpWeights& weights, const at::Tensor& normed, const Progress& progress) const;
    at::Tensor mixture(const BlockWeights& block, const Routing& routing, const at::Tensor& normed,
                       const Progress& progress) const;

    const ModelConfig& m_config;
    Weights m_weights;
    at::Device m_device;
    at::ScalarType m_dtype;
    bool m_plainLoops;  ///< the loops of kernels.h, else tensor operations
};

/// A forward pass while it runs: the states of the packed rows, and the residual point they are at.
class BlockStack::Run {
public:
    /// Both outlive the run. Edits at the first point are applied, and it is told.
    Run(const BlockStack& stack, const ForwardPass& pass, const Progress& progress);
    /// Takes the states through the block that they are at, or as far as the last point. `weights` are those
    /// of this block.
    void through(const BlockWeights& weights);
    /// The states at the last point, of the wanted rows only if there are any.
    at::Tensor result() const;

private:
    const ModelConfig& config() const { return m_stack.m_config; }
    std::size_t layer() const { return static_cast<std::size_t>(m_point / m_stack.stepsPerBlock()); }
    const BlockWeights& weights() const { return *m_weights; }
    at::Tensor preNormed(bool norms, const NormWeights& norm) const {
        return norms ? m_stack.norm(m_state, norm) : m_state;
    }
    at::Tensor gathered(const at::Tensor& x) const;
    bool leavesRows() const;
    void leaveRows();
    void atPoint();
    void applyEdits();
    std::vector<std::int64_t> editedRows() const;
    std::int64_t indexOf(std::int64_t row) const;

    void runAttention();
    void runMlp();
    void runParallelBlock();
    at::Tensor attended(const at::Tensor& normed, bool wantedOnly) const;
    std::pair<at::Tensor, at::Tensor> projected(const at::Tensor& normed, bool wantedOnly) const;
    at::Tensor fedForward(const at::Tensor& normed) const;
    void add(at::Tensor increment, bool ofAttention, bool ofMlp);

    const BlockStack& m_stack;
    const ForwardPass& m_pass;
    const Progress& m_progress;
    const BlockWeights* m_weights = nullptr;  ///< of the block that the states go through
    at::Tensor m_state;
    std::int64_t m_point;
    bool m_wantedOnly = false;  ///< the state has only the wanted rows
    std::vector<RotaryTable> m_tables;
    AttentionRows m_allRows, m_wantedRows;
    std::optional<FirstPosition> m_first;
};

}  // namespace rheo
