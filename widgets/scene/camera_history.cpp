#include "widgets/scene/camera_history.h"

namespace rheo {

namespace {

bool same(const Camera& a, const Camera& b) {
    return a.azimuth == b.azimuth && a.elevation == b.elevation && a.roll == b.roll && a.focal == b.focal &&
           a.halfHeight == b.halfHeight && a.perspective == b.perspective;
}

}  // namespace

void rememberCamera(CameraHistory& history, const Camera& camera) {
    auto& places = history.places;
    if (!places.empty() && same(places[history.at], camera)) return;
    if (!places.empty()) places.resize(history.at + 1);
    places.push_back(camera);
    if (places.size() > CameraHistory::most) places.erase(places.begin());
    history.at = places.size() - 1;
}

const Camera* stepCamera(CameraHistory& history, int by) {
    if (history.places.empty()) return nullptr;
    if (by < 0 ? history.at == 0 : history.at + 1 >= history.places.size()) return nullptr;
    history.at += by < 0 ? std::size_t(-1) : 1;
    return &history.places[history.at];
}

}  // namespace rheo
