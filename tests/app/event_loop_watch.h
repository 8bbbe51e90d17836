#pragma once

#include <ctime>

#include <QImage>
#include <QPainter>
#include <QPolygonF>
#include <QString>
#include <QTimer>
#include <algorithm>
#include <cmath>
#include <utility>

namespace rheo {

/// How long the window's thread worked without coming back to its event loop. Counted is the time of the
/// processor that this thread took, which a busy machine does not make longer; a thread that waits for a disk
/// or a lock is not seen. To be made on the window's thread; measures while events are handled.
class EventLoopWatch {
public:
    EventLoopWatch() {
        QObject::connect(&m_timer, &QTimer::timeout, [this] { tick(); });
        m_timer.start(1);
        m_last = threadSeconds();
    }
    /// What is done from now on, for the report.
    void setStep(const QString& step) {
        tick();
        m_step = step;
    }
    /// [s]
    double worst() const { return m_worst; }
    const QString& worstStep() const { return m_worstStep; }
    /// Leaves out what the test itself did since the last event.
    void forget() { m_last = threadSeconds(); }
    /// How much longer this machine takes for some painting, just now, than two quiet cores at 2.0 GHz; at
    /// least 1. Limits in seconds are meant for such a machine.
    static double slowness() {
        constexpr double there = 0.02;  // [s] of this thread
        QImage image(800, 600, QImage::Format_ARGB32_Premultiplied);
        image.fill(Qt::white);
        QPainter painter(&image);
        painter.setRenderHint(QPainter::Antialiasing);
        const double begin = threadSeconds();
        for (int i = 0; i < 200; ++i) {
            QPolygonF line;
            for (int x = 0; x < 130; ++x)
                line << QPointF(6 * x, 300 + i + 150 * std::sin(0.1 * x * (1 + 0.01 * i)));
            painter.drawPolyline(line);
        }
        return std::max(1.0, (threadSeconds() - begin) / there);
    }

private:
    static double threadSeconds() {
        timespec time{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
    }
    void tick() {
        const double now = threadSeconds(), took = now - std::exchange(m_last, now);
        if (took > notable)
            qInfo("the window's thread worked for %.0f ms: %s", 1000 * took, qPrintable(m_step));
        if (took <= m_worst) return;
        m_worst = took;
        m_worstStep = m_step;
    }

    static constexpr double notable = 0.05;  ///< [s]

    QTimer m_timer;
    double m_last = 0, m_worst = 0;
    QString m_step, m_worstStep;
};

}  // namespace rheo
