#pragma once

#include <cstddef>
#include <vector>

#include "core/figure/camera.h"

namespace rheo {

/// Where a plot was seen from, to go back to and forward again. A plain value.
struct CameraHistory {
    static constexpr std::size_t most = 100;

    std::vector<Camera> places;
    std::size_t at = 0;  ///< the one that is shown
};

/// The camera rests at a place: the newest one from now on. Nothing where it is the one that is shown.
void rememberCamera(CameraHistory& history, const Camera& camera);
/// One place back (-1) or forward (1); null: there is none.
const Camera* stepCamera(CameraHistory& history, int by);

}  // namespace rheo
