#pragma once

#include <cstdint>
#include <vector>

#include "core/base/progress.h"
#include "core/dynamics/routing_result.h"
#include "core/model/model.h"

namespace rheo {

struct RoutingOptions {
    std::int64_t repeats = 200;  ///< of what chance gives, 0 to 10,000
    std::uint64_t seed = 0;
    int threads = 0;          ///< of the repeats; the model has its own
    std::int64_t batch = 32;  ///< prompts that the model runs at once
};

/// Runs `prompts` (token ids) and keeps what the routers say of every token: rows prompt by prompt. Throws
/// Error(InvalidArgument) for a model without experts, no prompt, or ids out of range; Error(OutOfMemory)
/// where N B E numbers would not fit into what is free. Cost: a forward pass of each prompt, and
/// repeats N B (k + 2) operations.
RoutingResult routePrompts(const Model& model, const std::vector<std::vector<std::int32_t>>& prompts,
                           const RoutingOptions& options, Progress& progress);

/// The numbers of a RoutingResult from its probabilities and blocks; `ids` [N] are the rows' tokens.
void measureRouting(RoutingResult& result, const std::vector<std::int32_t>& ids, std::int64_t chosen,
                    const RoutingOptions& options, Progress& progress);

/// Mutual information of two labels of the same rows, nats: that of the table of their counts, without a
/// correction for how few they are. 0 without rows.
double mutualInformation(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b);

}  // namespace rheo
