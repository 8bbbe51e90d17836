#pragma once
// Internal to this module: include ATen before it.

#include <cstdint>
#include <functional>

#include "core/checkpoint/model_config.h"

namespace rheo {

/// Which experts see which rows, and how much each counts.
struct Routing {
    at::Tensor probabilities;  ///< [row, expert], adding up to 1
    at::Tensor chosen;         ///< [row, place] int64: the likeliest first
    at::Tensor weights;        ///< [row, place]: their probabilities, or these divided by their sum
};

/// From the router's logits [row, expert], in their dtype. Which of equal experts is chosen is not defined.
Routing route(const ExpertsConfig& experts, const at::Tensor& logits);

/// The sum over the chosen experts of weight times `run(expert, rows)`, [row, unit] in the dtype of the
/// weights: `run` is called once for each expert that was chosen, in ascending order, with the rows of `x`
/// that chose it. Differentiable where `run` is.
at::Tensor mixExperts(const Routing& routing, const at::Tensor& x,
                      const std::function<at::Tensor(std::int64_t expert, const at::Tensor& rows)>& run);

}  // namespace rheo
