#pragma once

#include <QString>

#include "widgets/jobs/job_runner.h"

namespace rheo {

class MainWindow;

/// Asks for a file, then writes the page.
void askExportPage(MainWindow& window);

/// Starts to write one HTML page of what the window shows now: every view that is open and has a figure, and
/// the plots of the teleport panel, with note, command and recipe, in the theme of the window; what is in
/// space can be turned; and the table of verdicts where there is one. A figure that cannot be drawn is named
/// in the notes. Its drawing and writing are a job, whole or not at all. With `replace`, over a file that is
/// there. No job where no view has anything to show, and the banner says so.
JobId exportPage(MainWindow& window, const QString& file, bool replace);

}  // namespace rheo
