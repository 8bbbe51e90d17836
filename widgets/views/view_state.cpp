#include "widgets/views/view_state.h"

#include <QComboBox>
#include <QJsonArray>
#include <cmath>

#include "widgets/views/color_range_button.h"
#include "widgets/views/keeps_state.h"
#include "widgets/views/trajectory_canvas.h"
#include "widgets/views/view.h"

namespace rheo {

namespace {

QString nameOf(const QComboBox* list) {
    return list->accessibleName().isEmpty() ? list->objectName() : list->accessibleName();
}

QJsonObject cameraState(const Camera& camera) {
    return {{"azimuth", camera.azimuth},
            {"elevation", camera.elevation},
            {"roll", camera.roll},
            {"focal", QJsonArray{camera.focal.x(), camera.focal.y(), camera.focal.z()}},
            {"half_height", camera.halfHeight},
            {"perspective", camera.perspective}};
}

/// Nothing where a number is missing or of no use.
std::optional<Camera> cameraOf(const QJsonObject& state) {
    Camera camera;
    camera.azimuth = state["azimuth"].toDouble(camera.azimuth);
    camera.elevation = state["elevation"].toDouble(camera.elevation);
    camera.roll = state["roll"].toDouble(camera.roll);
    camera.halfHeight = state["half_height"].toDouble(0);
    camera.perspective = state["perspective"].toBool(false);
    const QJsonArray focal = state["focal"].toArray();
    for (int i = 0; i < 3; ++i) camera.focal[i] = focal.at(i).toDouble(std::nan(""));
    if (!camera.focal.allFinite() || !(camera.halfHeight > 0) || std::abs(camera.elevation) > 90) return {};
    return camera;
}

std::optional<ColorRange> rangeOf(const QJsonObject& state) {
    const ColorRange range{state["low"].toDouble(), state["high"].toDouble(),
                           state["blank_below"].toDouble()};
    return range.low < range.high ? std::optional(range) : std::nullopt;
}

}  // namespace

QJsonObject viewState(const View& view) {
    QJsonObject choices;
    for (const auto* list : view.findChildren<QComboBox*>())
        if (!nameOf(list).isEmpty() && list->currentIndex() >= 0) choices[nameOf(list)] = list->currentText();
    QJsonObject state{{"choices", choices}};
    if (const auto* canvas = view.findChild<TrajectoryCanvas*>(); canvas != nullptr && canvas->figure())
        state["camera"] = cameraState(canvas->camera());
    if (const auto* colors = view.findChild<ColorRangeButton*>(); colors != nullptr && colors->chosen())
        state["colors"] = QJsonObject{{"low", colors->chosen()->low},
                                      {"high", colors->chosen()->high},
                                      {"blank_below", colors->chosen()->blankBelow}};
    if (const auto* keeps = dynamic_cast<const KeepsState*>(&view)) state["kept"] = keeps->keptState();
    return state;
}

void restoreView(View& view, const QJsonObject& state) {
    const QJsonObject choices = state["choices"].toObject();
    for (auto* list : view.findChildren<QComboBox*>()) {
        const int place = list->findText(choices[nameOf(list)].toString());
        if (choices.contains(nameOf(list)) && place >= 0 && place != list->currentIndex()) {
            list->setCurrentIndex(place);
            Q_EMIT list->activated(place);
        }
    }
    if (auto* colors = view.findChild<ColorRangeButton*>()) {
        const auto range = rangeOf(state["colors"].toObject());
        if (range || colors->chosen()) colors->setChosen(range);
    }
    // After the choices, which may begin it anew.
    if (auto* keeps = dynamic_cast<KeepsState*>(&view)) keeps->restoreKept(state["kept"].toObject());
    if (auto* canvas = view.findChild<TrajectoryCanvas*>())
        if (const auto camera = cameraOf(state["camera"].toObject())) canvas->setCamera(*camera);
}

}  // namespace rheo
