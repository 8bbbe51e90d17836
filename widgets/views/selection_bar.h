#pragma once

#include <functional>

#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/workspace.h"

class QToolBar;

namespace rheo {

/// How many rows are selected and hidden, with what can be done to them: hide, isolate, fit on these, mean,
/// frame, clear, show all. Its shortcuts work in `view`. `frame` moves the camera. The bar keeps its place
/// while nothing is selected.
QToolBar* makeSelectionBar(Workspace& workspace, Selection& selection, QWidget* view,
                           const std::function<void()>& frame);

}  // namespace rheo
