#pragma once
// Internal to this module: include ATen before it.

#include <cstdint>
#include <vector>

#include "core/model/weights.h"

namespace rheo {

/// The states at position 0 of packed sequences, carried from point to point with all sums in float64.
///
/// At this position many models write a few units thousands of times as large as any other, and take them
/// away again in the last blocks (massive activations, arXiv:2402.17762). What is left then has the rounding
/// errors of the large numbers. Attention needs no other position there: its one weight is 1, so that it
/// gives the value itself. States stay float32 at the residual points, and what a block writes is rounded to
/// float32 before it is added, as everywhere else.
class FirstPosition {
public:
    /// `state` [row, unit] float32 on the CPU holds sequences of `lengths` tokens that begin at position 0,
    /// or of all their packed rows only those of `wanted`, ascending, if there are any. Equal first rows are
    /// computed once.
    FirstPosition(const ModelConfig& config, const at::Tensor& state,
                  const std::vector<std::int64_t>& lengths, const std::vector<std::int64_t>& wanted = {});

    /// Whether a packed row is the first of a sequence that is carried here.
    bool holds(std::int64_t row) const;

    /// Takes the states one step on. Of the rows of `increment` [row, unit] float32, which holds what
    /// `attention` and `mlp` of the block write together, those at position 0 are replaced. `wanted`: the
    /// packed rows that `increment` has, ascending; empty: all. Costs one pass over the weights, in float64.
    void step(const BlockWeights& block, bool attention, bool mlp, const std::vector<std::int64_t>& wanted,
              at::Tensor& increment);

private:
    at::Tensor attention(const BlockWeights& block) const;
    at::Tensor mlp(const BlockWeights& block) const;

    const ModelConfig& m_config;
    at::Tensor m_state;  ///< [distinct row, unit] float32
    std::vector<std::int64_t>
        m_row;  ///< [sequence that has rows] its first row among all packed rows, ascending
    std::vector<std::int64_t> m_distinct;  ///< [sequence] index into m_state
};

/// The activation of an MLP, in the dtype of `x`.
at::Tensor activated(Activation activation, const at::Tensor& x);

}  // namespace rheo
