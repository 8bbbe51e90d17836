// What rheograph's main does before its window, for the programs that test the window.
#pragma once

#include <QApplication>
#include <QStyleFactory>

#include "widgets/views/vtk_viewport.h"

/// Call it in initMain(); `name` keeps the settings of one test apart from those of another.
inline void prepareWindowTest(const char* name) {
    rheo::VtkViewport::setDefaultSurfaceFormat();
    QApplication::setApplicationName(name);
    QApplication::setOrganizationName("Rheograph test");
    QApplication::setStyle(QStyleFactory::create("Fusion"));
}
