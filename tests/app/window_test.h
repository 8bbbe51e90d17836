// What rheograph's main does before its window, for the programs that test the window.
#pragma once

#include <QApplication>
#include <QStyleFactory>
#include <QTemporaryDir>

#include "widgets/views/vtk_viewport.h"

/// Call it in initMain(). Settings and sessions lie in a folder of this process alone, which goes with it:
/// what a killed test left behind would be offered by the start page of the next one.
inline void prepareWindowTest() {
    static const QTemporaryDir home;
    for (const char* kept : {"XDG_CONFIG_HOME", "XDG_DATA_HOME"}) qputenv(kept, home.path().toLocal8Bit());
    rheo::VtkViewport::setDefaultSurfaceFormat();
    QApplication::setApplicationName("Rheograph test");
    QApplication::setOrganizationName("Rheograph test");
    QApplication::setStyle(QStyleFactory::create("Fusion"));
}
