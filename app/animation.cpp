#include "app/animation.h"

#include <fmt/format.h>

#include <QComboBox>
#include <QDialog>
#include <QDialogButtonBox>
#include <QDir>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QImage>
#include <QLabel>
#include <QPainter>
#include <QProcess>
#include <QSpinBox>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <algorithm>
#include <cmath>
#include <variant>

#include "core/base/copy_file.h"
#include "core/base/error.h"
#include "core/base/output_file.h"
#include "widgets/paint/figure_painter.h"

namespace rheo {

namespace {

constexpr int patience = 600'000;  // milliseconds that ffmpeg may take

QString tr(const char* text) {
    return QObject::tr(text);
}

/// Only the first part of each line, `share` of its steps.
void cut(LineSet3& lines, double share) {
    LineSet3 kept = lines;
    kept.xyz.clear();
    kept.values.clear();
    kept.offsets = {0};
    for (std::size_t line = 0; line + 1 < lines.offsets.size(); ++line) {
        const std::int32_t first = lines.offsets[line], count = lines.offsets[line + 1] - first;
        // A line of two ends is an arrow or a frame, and no path.
        const auto wanted =
            count > 2 ? 1 + static_cast<std::int32_t>(std::lround(share * (count - 1))) : count;
        kept.xyz.insert(kept.xyz.end(), lines.xyz.begin() + 3 * first,
                        lines.xyz.begin() + 3 * (first + wanted));
        if (!lines.values.empty())
            kept.values.insert(kept.values.end(), lines.values.begin() + first,
                               lines.values.begin() + first + wanted);
        kept.offsets.push_back(static_cast<std::int32_t>(kept.xyz.size() / 3));
    }
    lines = std::move(kept);
}

/// `figure` at a share of the motion.
Figure frameOf(const Figure& figure, AnimationMotion motion, double share) {
    Figure frame = figure;
    for (Panel& panel : frame.panels) {
        auto* plot = std::get_if<Plot3D>(&panel.plot);
        if (plot == nullptr) continue;
        plot->fitCamera = false;
        if (motion == AnimationMotion::Turntable)
            plot->camera.azimuth = std::fmod(plot->camera.azimuth + 360 * share, 360);
        if (motion == AnimationMotion::Depth) {
            for (LineSet3& lines : plot->lines) cut(lines, share);
            if (share < 1) plot->markers.clear();  // of points that are not reached yet
        }
    }
    return frame;
}

void writeFrame(const Figure& figure, const AnimationChoice& choice, const QString& file) {
    QImage image(choice.width, choice.height, QImage::Format_RGB32);
    if (image.isNull())
        throw Error(ErrorCode::OutOfMemory, "there is not enough memory for a picture of that size");
    {
        QPainter painter(&image);
        // As large as on a screen of 1280 pixels, so that the text grows with the picture.
        paintFigure(painter, image.rect(), figure, choice.width / 1280.0 * 96 / 72 * 1.25);
    }
    if (!image.save(file))
        throw Error(ErrorCode::Io, file.toStdString() + " cannot be written", file.toStdString());
}

void runFfmpeg(const AnimationChoice& choice, const QString& folder, const QString& to, Progress& progress) {
    QProcess ffmpeg;
    ffmpeg.setProcessChannelMode(QProcess::MergedChannels);
    const bool webm = choice.path.endsWith(".webm", Qt::CaseInsensitive);
    QStringList words{"-y",
                      "-loglevel",
                      "error",
                      "-framerate",
                      QString::number(choice.framesPerSecond),
                      "-i",
                      folder + "/frame_%04d.png",
                      "-pix_fmt",
                      "yuv420p",
                      "-vf",
                      "pad=ceil(iw/2)*2:ceil(ih/2)*2"};
    words << (webm ? QStringList{"-c:v", "libvpx-vp9", "-b:v", "0", "-crf", "24", "-f", "webm"}
                   : QStringList{"-c:v", "libx264", "-crf", "18", "-movflags", "+faststart", "-f", "mp4"});
    ffmpeg.start(QStringLiteral("ffmpeg"), words << to);
    for (int waited = 0; !ffmpeg.waitForFinished(100) && ffmpeg.state() != QProcess::NotRunning;
         waited += 100)
        if (progress.cancelled() || waited > patience) {
            ffmpeg.kill();
            ffmpeg.waitForFinished();
            progress.check();
        }
    if (ffmpeg.exitStatus() != QProcess::NormalExit || ffmpeg.exitCode() != 0)
        throw Error(ErrorCode::Io,
                    fmt::format("ffmpeg could not make {}: {}", choice.path.toStdString(),
                                QString::fromLocal8Bit(ffmpeg.readAll()).simplified().toStdString()),
                    choice.path.toStdString());
}

}  // namespace

bool canMakeVideos() {
    return !QStandardPaths::findExecutable(QStringLiteral("ffmpeg")).isEmpty();
}

std::optional<AnimationChoice> askForAnimation(QWidget* parent, bool canReplay) {
    QDialog dialog(parent);
    dialog.setWindowTitle(tr("Export an animation"));
    auto* form = new QFormLayout(&dialog);
    auto* motion = new QComboBox;
    motion->addItem(tr("Turntable: the camera turns once around the paths"), int(AnimationMotion::Turntable));
    motion->addItem(tr("Depth sweep: the paths grow from the first point to the last"),
                    int(AnimationMotion::Depth));
    if (canReplay)
        motion->addItem(tr("Replay: the last drag of the handle, with the paths that the network computed"),
                        int(AnimationMotion::Replay));
    motion->setToolTip(tr("What moves"));
    auto* seconds = new QDoubleSpinBox;
    seconds->setRange(0.5, 120);
    seconds->setValue(AnimationChoice{}.seconds);
    seconds->setSuffix(tr(" s"));
    seconds->setToolTip(tr("Duration from the first picture to the last"));
    const auto number = [](int low, int high, int value, const QString& unit, const QString& tip) {
        auto* box = new QSpinBox;
        box->setRange(low, high);
        box->setValue(value);
        box->setSuffix(unit);
        box->setToolTip(tip);
        return box;
    };
    auto* rate = number(1, 60, AnimationChoice{}.framesPerSecond, tr(" a second"), tr("Pictures a second"));
    auto* width = number(160, 4096, AnimationChoice{}.width, tr(" px"), tr("Width of each picture"));
    auto* height = number(120, 4096, AnimationChoice{}.height, tr(" px"), tr("Height of each picture"));
    auto* format = new QComboBox;
    format->addItem(tr("PNG pictures in a folder"));
    if (canMakeVideos()) format->addItems({tr("Video: WebM"), tr("Video: MP4")});
    format->setToolTip(tr("Videos need ffmpeg"));
    form->addRow(tr("&Motion"), motion);
    form->addRow(tr("&Length"), seconds);
    form->addRow(tr("&Pictures"), rate);
    form->addRow(tr("&Width"), width);
    form->addRow(tr("&Height"), height);
    form->addRow(tr("&Format"), format);
    if (!canMakeVideos())
        form->addRow(new QLabel(tr("For WebM or MP4, install ffmpeg (apt install ffmpeg).")));
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Save | QDialogButtonBox::Cancel);
    form->addRow(buttons);
    QObject::connect(buttons, &QDialogButtonBox::accepted, &dialog, &QDialog::accept);
    QObject::connect(buttons, &QDialogButtonBox::rejected, &dialog, &QDialog::reject);
    if (dialog.exec() != QDialog::Accepted) return std::nullopt;
    QString path;
    if (format->currentIndex() == 0) {
        path = QFileDialog::getExistingDirectory(parent, tr("A folder for the pictures"));
    } else {
        const QString suffix = format->currentIndex() == 1 ? QStringLiteral("webm") : QStringLiteral("mp4");
        path = QFileDialog::getSaveFileName(parent, tr("Export an animation"), "animation." + suffix,
                                            tr("Video (*.%1)").arg(suffix));
        if (!path.isEmpty() && QFileInfo(path).suffix() != suffix) path += '.' + suffix;
    }
    if (path.isEmpty()) return std::nullopt;
    return AnimationChoice{path,
                           AnimationMotion(motion->currentData().toInt()),
                           seconds->value(),
                           rate->value(),
                           width->value(),
                           height->value()};
}

FrameAt framesOf(std::shared_ptr<const Figure> figure, AnimationMotion motion) {
    return [figure, motion](double share) { return frameOf(*figure, motion, share); };
}

void writeAnimation(const AnimationChoice& choice, const FrameAt& frameAt, Progress& progress) {
    const bool video = !QFileInfo(choice.path).isDir();
    if (video && !canMakeVideos())
        throw Error(ErrorCode::Unsupported,
                    "videos need ffmpeg, which is not installed; install it, or export PNG pictures");
    QTemporaryDir own;
    const QString folder = video ? own.path() : choice.path;
    const int count = choice.frames();
    for (int i = 0; i < count; ++i) {
        progress.check();
        const QString file = QStringLiteral("%1/frame_%2.png").arg(folder).arg(i + 1, 4, 10, QChar('0'));
        // A turntable that is shown again and again has no picture twice.
        const int last = choice.motion == AnimationMotion::Turntable ? count : count - 1;
        writeFrame(frameAt(static_cast<double>(i) / last), choice, file);
        progress.report(i + 1, count + (video ? count / 4 + 1 : 0));
    }
    if (!video) return;
    progress.setStage("ffmpeg");
    OutputFile output(choice.path.toStdString(), IfExists::Replace);  // the dialog asked
    const QString made = own.filePath(QStringLiteral("made"));
    runFfmpeg(choice, folder, made, progress);
    copyInto(made.toStdString(), output);
    output.commit();
}

}  // namespace rheo
