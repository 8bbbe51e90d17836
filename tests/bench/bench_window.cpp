// What a hand feels: frames a second of the trajectories while the camera turns, and the time from a move of
// the handle to the path of the real network. The whole demo in the real window; needs a display, as
//   tests/with_display build/release/bin/bench_window
#include <benchmark/benchmark.h>

#include <QApplication>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QMouseEvent>
#include <QTimer>
#include <cstdio>
#include <memory>

#include "app/main_window.h"
#include "tests/app/window_test.h"
#include "widgets/views/trajectory_view.h"

namespace {

using namespace rheo;

std::unique_ptr<MainWindow> window;

/// Handles events until `done`, or for two minutes; sleeps between them.
template <class Done>
bool waitFor(Done done) {
    QElapsedTimer timer;
    QTimer wake;
    wake.start(50);
    for (timer.start(); timer.elapsed() < 120000;) {
        if (done()) return true;
        QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
    }
    return false;
}

void trajectoryFrame(benchmark::State& state) {
    TrajectoryCanvas* canvas = window->findChild<TrajectoryView*>()->canvas();
    QPointF at(40, canvas->height() - 40);  // where nothing is drawn
    const auto mouse = [&](QEvent::Type type, Qt::MouseButton button, Qt::MouseButtons buttons) {
        QMouseEvent event(type, at, canvas->mapToGlobal(at), button, buttons, {});
        QCoreApplication::sendEvent(canvas, &event);
    };
    mouse(QEvent::MouseButtonPress, Qt::LeftButton, Qt::LeftButton);
    at.rx() += 20;  // a click becomes a drag
    mouse(QEvent::MouseMove, Qt::NoButton, Qt::LeftButton);
    for (auto _ : state) {
        at.rx() += 4;
        const auto before = canvas->frames();
        mouse(QEvent::MouseMove, Qt::NoButton, Qt::LeftButton);
        canvas->repaint();
        if (canvas->frames() == before && !waitFor([&] { return canvas->frames() > before; })) {
            state.SkipWithError("no frame came");
            break;
        }
    }
    mouse(QEvent::MouseButtonRelease, Qt::LeftButton, {});
    state.counters["frames/s"] =
        benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
    state.counters["rows"] = static_cast<double>(window->workspace().state()->rows());
}
BENCHMARK(trajectoryFrame)->Unit(benchmark::kMillisecond)->UseRealTime();

/// From the point that is this many points before the last.
void handleToPath(benchmark::State& state) {
    auto& teleport = window->teleport();
    const auto points = static_cast<std::int64_t>(window->workspace().points().size());
    const PointIndex point{points - 1 - state.range(0)};
    window->selection().selectPoint(point);
    waitFor([&] { return teleport.point() == point && teleport.state() == TeleportModel::State::Ready; });
    VectorD target = teleport.naturalScores();
    if (!teleport.beginDrag()) return state.SkipWithError("there is nothing to take hold of");
    for (auto _ : state) {
        target[0] += 0.01;
        teleport.moveTo(target);
        if (!waitFor([&] { return teleport.pathTarget().size() > 0 && teleport.pathTarget() == target; })) {
            state.SkipWithError("no path came");
            break;
        }
    }
    teleport.cancelDrag();
    waitFor([] { return window->workspace().jobs().isIdle(); });
}
BENCHMARK(handleToPath)
    ->ArgName("steps")
    ->Arg(64)
    ->Arg(32)
    ->Arg(8)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace

int main(int argc, char** argv) {
    if (qEnvironmentVariableIsEmpty("DISPLAY") && qEnvironmentVariableIsEmpty("WAYLAND_DISPLAY")) {
        std::puts("bench_window: skipped, there is no display (see tests/with_display)");
        return 0;
    }
    prepareWindowTest();
    QApplication app(argc, argv);
    window = std::make_unique<MainWindow>();
    window->resize(1280, 800);
    window->show();
    window->openDemo(1000);
    if (!waitFor([] { return window->workspace().state()->scores && window->workspace().jobs().isIdle(); })) {
        std::fputs("bench_window: the demo did not open\n", stderr);
        return 1;
    }
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    window.reset();
    return 0;
}
