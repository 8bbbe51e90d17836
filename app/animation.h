#pragma once

#include <QString>
#include <functional>
#include <memory>
#include <optional>

#include "core/base/progress.h"
#include "core/figure/figure.h"

class QWidget;

namespace rheo {

/// What moves in a view in space.
enum class AnimationMotion {
    Turntable,  ///< the camera goes once around
    Depth,      ///< the paths grow from the first point to the last
    Replay,     ///< what a person did with the mouse
};

/// What a person chooses.
struct AnimationChoice {
    QString path;  ///< a folder for PNG pictures, or a .webm or .mp4
    AnimationMotion motion = AnimationMotion::Turntable;
    double seconds = 8;
    int framesPerSecond = 24;
    int width = 1280, height = 960;  ///< pixels
    int frames() const { return std::max(2, static_cast<int>(seconds * framesPerSecond + 0.5)); }
};

/// Whether ffmpeg is installed, which makes videos of pictures.
bool canMakeVideos();

/// Asks for motion, length, size and file; none where it was cancelled. `canReplay`: there is something to
/// show again.
std::optional<AnimationChoice> askForAnimation(QWidget* parent, bool canReplay);

/// What is seen at a share (0 to 1) of the time.
using FrameAt = std::function<Figure(double share)>;
/// `figure` with its camera or its paths moving; not for a replay, whose frames its view has.
FrameAt framesOf(std::shared_ptr<const Figure> figure, AnimationMotion motion);

/// Paints the frames and writes frame_0001.png, ... into the folder, or a video by way
/// of ffmpeg. For a job. Throws Error(Io, DiskFull) for a picture that cannot be written, Error(Unsupported)
/// without ffmpeg, and with what ffmpeg says where it fails; nothing is left of a video that was stopped.
void writeAnimation(const AnimationChoice& choice, const FrameAt& frameAt, Progress& progress);

}  // namespace rheo
