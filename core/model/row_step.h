#pragma once
// Internal to this module: include ATen before it.

#include <cstdint>

#include "core/base/progress.h"
#include "core/model/attention.h"

namespace rheo {

/// Where in the network a step is, and what it sees.
struct RowStepTask {
    const ModelConfig& config;
    const BlockConfig& block;
    const BlockWeights& weights;
    bool attention = true, mlp = true;   ///< what the step adds; both in parallel blocks
    std::int64_t position = 0;           ///< of the row
    std::int64_t tokens = 1;             ///< of the whole sequence, which some rotary frequencies depend on
    const at::Tensor* before = nullptr;  ///< cache of the block, tokens 0 .. position - 1; null: a lone token
};

/// One step of the network as a function of the state of one row, the keys and values of earlier tokens
/// fixed, in float64 on the device of the weights: differentiable, where the forward pass is fast. Experts
/// are those that the state chooses: the derivative is that of the step while the choice stays.
class RowStep {
public:
    /// Holds float64 copies of the weights of the step.
    explicit RowStep(const RowStepTask& task);
    /// The states after the step, [row, unit]; each row of `states` is a run of its own.
    at::Tensor operator()(const at::Tensor& states) const;
    /// The derivative of each unit after the step (rows) by each unit before it, [unit, unit], by reverse
    /// mode: exact to rounding. Cost: three times the step for `unit` rows. Checks for a stop every 128 rows.
    at::Tensor jacobian(const at::Tensor& state, const Progress& progress) const;

private:
    at::Tensor attention(const at::Tensor& x) const;
    at::Tensor mlp(const at::Tensor& x) const;
    at::Tensor heads(const at::Tensor& rows, const NormWeights& norm, std::int64_t count) const;

    const ModelConfig& m_config;
    const BlockConfig& m_block;
    bool m_hasAttention, m_hasMlp;
    BlockWeights m_weights;       ///< float64
    at::Tensor m_keys, m_values;  ///< [kvHead, key, width] of earlier tokens inside the window
    at::Tensor m_cosine, m_sine;  ///< [rotaryDim / 2], undefined without rotary positions
};

/// The derivative of a step about one state by its products with vectors, exact to rounding; it is never
/// formed. Not for two threads at once.
class RowStepProducts {
public:
    /// `state` [1, unit]; `step` lives as long as this.
    RowStepProducts(const RowStep& step, at::Tensor state);
    /// The derivative times each row of `vectors` [vector, unit]. Reverse mode twice: what it pulls back is
    /// linear in what is pulled back, and the derivative of that is the transpose of the transpose.
    at::Tensor times(const at::Tensor& vectors) const;
    /// Its transpose times each row, by reverse mode.
    at::Tensor transposedTimes(const at::Tensor& vectors) const;

private:
    /// What autograd remembers of one run of as many copies of the state as there are vectors.
    struct Graph {
        at::Tensor before, after, weights, pulled;
    };
    const Graph& graphOf(std::int64_t count) const;

    const RowStep& m_step;
    at::Tensor m_state;
    mutable Graph m_graph;
};

}  // namespace rheo
