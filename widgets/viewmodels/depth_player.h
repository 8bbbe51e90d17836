#pragma once

#include <QObject>
#include <QTimer>

#include "widgets/viewmodels/selection.h"

namespace rheo {

/// Plays depth: moves the selected point on, some points a second.
class DepthPlayer : public QObject {
    Q_OBJECT
public:
    explicit DepthPlayer(Selection& selection, QObject* parent = nullptr);

    bool isPlaying() const { return m_timer.isActive(); }
    /// Starts; from the first point again if it stands at the last.
    void play();
    void pause();
    void toggle() { isPlaying() ? pause() : play(); }
    double speed() const { return m_speed; }
    void setSpeed(double pointsPerSecond);  ///< clamped to 0.5 .. 60
    bool loops() const { return m_loops; }
    void setLoops(bool loops) { m_loops = loops; }
    void stepForward();
    void stepBack();

Q_SIGNALS:
    void playingChanged(bool playing);

private:
    void advance();

    Selection& m_selection;
    QTimer m_timer;
    double m_speed = 12;
    bool m_loops = true;
};

}  // namespace rheo
