#include "core/model/routing.h"

#include <algorithm>
#include <numeric>

namespace rheo {

std::vector<std::int32_t> chosenExperts(std::span<const float> probabilities, std::int64_t count) {
    std::vector<std::int32_t> order(probabilities.size());
    std::iota(order.begin(), order.end(), 0);
    const auto end = order.begin() + std::min<std::int64_t>(count, std::ssize(order));
    std::partial_sort(order.begin(), end, order.end(), [&](std::int32_t a, std::int32_t b) {
        const float left = probabilities[static_cast<std::size_t>(a)];
        const float right = probabilities[static_cast<std::size_t>(b)];
        return left != right ? left > right : a < b;
    });
    order.erase(end, order.end());
    return order;
}

}  // namespace rheo
