#include "core/model/sampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/base/error.h"

namespace rheo {

void checkSampling(const Sampling& sampling) {
    if (!(sampling.temperature >= 0 && sampling.temperature <= 1e6))
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("a temperature of {} is not a number from 0 to 1e6", sampling.temperature));
    if (!(sampling.topP > 0 && sampling.topP <= 1))
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("a top-p of {} is not above 0 and up to 1", sampling.topP));
}

std::int32_t chooseToken(const VectorF& logits, const Sampling& sampling, RandomStream& random) {
    Eigen::Index best = 0;
    logits.maxCoeff(&best);
    if (sampling.temperature == 0) return static_cast<std::int32_t>(best);
    const VectorD weights =
        ((logits.cast<double>().array() - static_cast<double>(logits[best])) / sampling.temperature).exp();
    std::vector<std::int32_t> order(static_cast<std::size_t>(weights.size()));
    std::iota(order.begin(), order.end(), 0);
    double held = weights.sum();
    if (sampling.topP < 1) {
        std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
            return weights[a] != weights[b] ? weights[a] > weights[b] : a < b;
        });
        const double wanted = sampling.topP * held;
        held = 0;
        std::size_t kept = 0;
        while (kept < order.size() && (kept == 0 || held < wanted)) held += weights[order[kept++]];
        order.resize(kept);
    }
    double left = random.uniform() * held;
    for (const std::int32_t id : order)
        if ((left -= weights[id]) < 0) return id;
    return order.back();
}

}  // namespace rheo
