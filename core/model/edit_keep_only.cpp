#include "core/model/edit_keep_only.h"

#include "core/model/along_vector.h"

namespace rheo {

void applyKeepOnly(std::span<double> state, std::span<const float> vector, double strength) {
    const double along = alongVector(state, vector);
    for (std::size_t i = 0; i < state.size(); ++i)
        state[i] += strength * (along * static_cast<double>(vector[i]) - state[i]);
}

}  // namespace rheo
