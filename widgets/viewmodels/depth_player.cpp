#include "widgets/viewmodels/depth_player.h"

#include <algorithm>

namespace rheo {

DepthPlayer::DepthPlayer(Selection& selection, QObject* parent) : QObject(parent), m_selection(selection) {
    setSpeed(m_speed);
    connect(&m_timer, &QTimer::timeout, this, &DepthPlayer::advance);
}

void DepthPlayer::play() {
    if (isPlaying() || m_selection.pointCount() < 2) return;
    if (m_selection.point().value() >= m_selection.pointCount() - 1) m_selection.selectPoint(PointIndex{0});
    m_timer.start();
    Q_EMIT playingChanged(true);
}

void DepthPlayer::pause() {
    if (!isPlaying()) return;
    m_timer.stop();
    Q_EMIT playingChanged(false);
}

void DepthPlayer::setSpeed(double pointsPerSecond) {
    m_speed = std::clamp(pointsPerSecond, 0.5, 60.0);
    m_timer.setInterval(static_cast<int>(1000 / m_speed));
}

void DepthPlayer::stepForward() {
    m_selection.selectPoint(PointIndex{m_selection.point().value() + 1});
}

void DepthPlayer::stepBack() {
    m_selection.selectPoint(PointIndex{m_selection.point().value() - 1});
}

void DepthPlayer::advance() {
    if (m_selection.point().value() < m_selection.pointCount() - 1)
        stepForward();
    else if (m_loops && m_selection.pointCount() > 1)
        m_selection.selectPoint(PointIndex{0});
    else
        pause();
}

}  // namespace rheo
