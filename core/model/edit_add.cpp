#include "core/model/edit_add.h"

namespace rheo {

void applyAdd(std::span<double> state, std::span<const float> vector, double strength) {
    for (std::size_t i = 0; i < state.size(); ++i) state[i] += strength * static_cast<double>(vector[i]);
}

}  // namespace rheo
