#include "core/model/edit_set.h"

namespace rheo {

void applySet(std::span<double> state, std::span<const float> vector, double strength) {
    for (std::size_t i = 0; i < state.size(); ++i) {
        const double v = static_cast<double>(vector[i]);
        state[i] = strength == 1 ? v : state[i] + strength * (v - state[i]);
    }
}

}  // namespace rheo
