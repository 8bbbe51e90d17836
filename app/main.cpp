// rheograph: the window.
#include <unistd.h>

#include <QApplication>
#include <QCommandLineParser>
#include <QIcon>
#include <QProcess>
#include <QStyleFactory>
#include <QTimer>
#include <cstdio>

#include "app/main_window.h"
#include "app/resource_paths.h"
#include "app/window_options.h"
#include "core/base/blas_kernels.h"
#include "core/base/error.h"
#include "widgets/viewmodels/preferences.h"
#include "widgets/views/vtk_viewport.h"

int main(int argc, char** argv) {
    // OpenBLAS is loaded by now; other kernels are for a new start.
    if (rheo::fitBlasKernels()) execv("/proc/self/exe", argv);
    rheo::VtkViewport::setDefaultSurfaceFormat();
    QApplication app(argc, argv);
    // The picture of the trajectories needs OpenGL, which these platforms do not have.
    if (const QString platform = QApplication::platformName();
        platform == "offscreen" || platform == "minimal") {
        std::fprintf(
            stderr,
            "rheograph: the window needs a display with OpenGL, and the platform \"%s\" has none; use "
            "xvfb-run rheograph, or rheo figure, which draws without a display\n",
            qPrintable(platform));
        return 1;
    }
    QApplication::setApplicationName("Rheograph");
    QApplication::setOrganizationName("Rheograph");
    QApplication::setApplicationVersion(RHEO_VERSION);
    QApplication::setDesktopFileName("rheograph");
    QApplication::setStyle(QStyleFactory::create("Fusion"));
    try {
        QApplication::setWindowIcon(
            QIcon(QString::fromStdString((rheo::resourceFolder() / "icons" / "rheograph.svg").string())));
    } catch (const rheo::Error&) {
        // Without its shipped files the program can still open what the user has.
    }

    QCommandLineParser parser;
    parser.setApplicationDescription(rheo::windowSummary);
    parser.addHelpOption();
    parser.addVersionOption();
    parser.addPositionalArgument("path", rheo::windowPath, "[path...]");
    for (const rheo::WindowOption& option : rheo::windowOptions)
        parser.addOption({option.name, option.description, option.value});
    parser.process(app);

    rheo::usePreferredCache(rheo::readPreferences());
    rheo::MainWindow window;
    if (parser.isSet("theme"))
        window.setThemeChoice(parser.value("theme") == "dark"    ? rheo::ThemeChoice::Dark
                              : parser.value("theme") == "light" ? rheo::ThemeChoice::Light
                                                                 : rheo::ThemeChoice::System);
    window.show();
    if (parser.isSet("demo"))
        window.openDemo();
    else if (parser.isSet("published"))
        window.openPublished();
    else if (!parser.positionalArguments().isEmpty())
        window.openPath(parser.positionalArguments().front());
    // A window shows one document: others, as a file manager passes them, get windows of their own.
    for (const QString& path : parser.positionalArguments().mid(1))
        QProcess::startDetached(QApplication::applicationFilePath(), {path});

    if (parser.isSet("screenshot")) {
        auto* timer = new QTimer(&window);
        auto* waited = new int(0);
        QObject::connect(timer, &QTimer::timeout, &window,
                         [&window, timer, waited, file = parser.value("screenshot")] {
                             // Until nothing is computed any more; the start page never computes.
                             *waited += 250;
                             if ((!window.workspace().jobs().isIdle() || *waited < 3000) && *waited < 300000)
                                 return;
                             timer->stop();
                             const bool saved = window.grab().save(file);
                             if (!saved)
                                 std::fprintf(stderr, "rheograph: cannot write %s\n", qPrintable(file));
                             delete waited;
                             QApplication::exit(saved ? 0 : 1);
                         });
        timer->start(250);
    }
    return QApplication::exec();
}
