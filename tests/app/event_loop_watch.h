#pragma once

#include <execinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include <QImage>
#include <QPainter>
#include <QPolygonF>
#include <QString>
#include <QTimer>
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

namespace rheo {

/// How long the window's thread worked without coming back to its event loop. Counted is the time of the
/// processor that this thread took, which a busy machine does not make longer; a thread that waits for a disk
/// or a lock is not seen. To be made on the window's thread; measures while events are handled.
/// With RHEO_STALL_STACKS=MS the stack is printed of what has worked for so many milliseconds: addresses that
/// addr2line turns into names.
class EventLoopWatch {
public:
    EventLoopWatch() {
        const int stall = qEnvironmentVariableIntValue("RHEO_STALL_STACKS");
        if (stall > 0) printStacksAfter(stall);
        QObject::connect(&m_timer, &QTimer::timeout, [this] { tick(); });
        m_timer.start(1);
        m_last = threadSeconds();
    }
    ~EventLoopWatch() {
        if (m_stallTimer) timer_delete(*m_stallTimer);
    }
    EventLoopWatch(const EventLoopWatch&) = delete;
    EventLoopWatch& operator=(const EventLoopWatch&) = delete;
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
    void printStacksAfter(int milliseconds) {
        // The first call loads libgcc, which a signal handler must not do.
        std::array<void*, 64> frames{};
        backtrace(frames.data(), 1);
        std::signal(SIGPROF, [](int) {
            std::array<void*, 64> stack{};
            const int count = backtrace(stack.data(), static_cast<int>(stack.size()));
            backtrace_symbols_fd(stack.data(), count, STDERR_FILENO);
        });
        sigevent event{};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = SIGPROF;
        event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
        timer_t timer{};
        if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) != 0) return;
        m_stallTimer = timer;
        m_stall.it_value.tv_sec = milliseconds / 1000;
        m_stall.it_value.tv_nsec = 1000000L * (milliseconds % 1000);
    }
    void tick() {
        if (m_stallTimer) timer_settime(*m_stallTimer, 0, &m_stall, nullptr);
        const double now = threadSeconds(), took = now - std::exchange(m_last, now);
        if (took > notable)
            qInfo("the window's thread worked for %.0f ms: %s", 1000 * took, qPrintable(m_step));
        if (took <= m_worst) return;
        m_worst = took;
        m_worstStep = m_step;
    }

    static constexpr double notable = 0.05;  ///< [s]

    QTimer m_timer;
    std::optional<timer_t> m_stallTimer;
    itimerspec m_stall{};
    double m_last = 0, m_worst = 0;
    QString m_step, m_worstStep;
};

}  // namespace rheo
