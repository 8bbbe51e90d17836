#include "core/model/edit_scale.h"

#include "core/model/along_vector.h"

namespace rheo {

void applyScale(std::span<double> state, std::span<const float> vector, double strength) {
    if (vector.empty()) {
        for (double& h : state) h *= strength;
        return;
    }
    const double along = alongVector(state, vector);
    for (std::size_t i = 0; i < state.size(); ++i)
        state[i] += (strength - 1) * along * static_cast<double>(vector[i]);
}

}  // namespace rheo
