#pragma once

#include <QIcon>

namespace rheo {

/// The program's own line drawings.
enum class Icon {
    Add,
    Attach,
    Box,
    Cancel,
    Close,
    Copy,
    Demo,
    Density,
    Edit,
    Error,
    Export,
    Folder,
    Information,
    Model,
    Natural,
    Pause,
    Play,
    Refit,
    Remove,
    Save,
    Search,
    StepBack,
    StepForward,
    Trace,
    Trajectories,
    Warning,
};

/// Drawn at whatever size is asked for, in the text colour of the palette of the moment: follows a change
/// of theme by itself. Needs a QGuiApplication.
QIcon icon(Icon which);

}  // namespace rheo
