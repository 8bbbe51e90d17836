#pragma once

#include <span>

namespace rheo {

/// (h . v) / (v . v): how much of v is in h. `vector` is not zero.
inline double alongVector(std::span<const double> state, std::span<const float> vector) {
    double product = 0, square = 0;
    for (std::size_t i = 0; i < state.size(); ++i) {
        const auto v = static_cast<double>(vector[i]);
        product += state[i] * v;
        square += v * v;
    }
    return product / square;
}

}  // namespace rheo
