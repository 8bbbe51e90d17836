#pragma once
// Internal to this module: include ATen before it.

#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/final_norm.h"
#include "core/base/progress.h"
#include "core/model/attention.h"
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
    class Run;
    at::Tensor norm(const at::Tensor& x, const NormWeights& weights) const;
    at::Tensor linear(const at::Tensor& x, const LinearWeights& weights, const Progress& progress) const;
    void widenedProduct(const at::Tensor& x, const LinearWeights& weights, at::Tensor& out) const;
    at::Tensor vectorProduct(const at::Tensor& x, const LinearWeights& weights) const;
    at::Tensor mlp(const BlockWeights& block, const at::Tensor& normed, const Progress& progress) const;

    const ModelConfig& m_config;
    Weights m_weights;
    at::Device m_device;
    at::ScalarType m_dtype;
    bool m_plainLoops;  ///< the loops of kernels.h, else tensor operations
};

}  // namespace rheo
