#pragma once

#include <QString>
#include <vector>

#include "core/session/recipe_figure.h"

namespace rheo {

class Analyses;
class HeldFacts;
class Laboratory;
class Selection;
class TeleportComparison;
class TeleportModel;
class View;
class Workspace;

/// What views are made with.
struct ViewContext {
    Workspace& workspace;
    Selection& selection;
    TeleportModel& teleport;
    HeldFacts& held;
    TeleportComparison& comparison;
    Laboratory& laboratory;
    Analyses& analyses;
};

/// A view of the window.
struct ViewEntry {
    QString id;     ///< as a recipe names its figure
    QString title;  ///< of its tab
    QString shows;  ///< one sentence: what can be seen in it
    FigureView figure;
    View* (*make)(const ViewEntry& entry, const ViewContext& context);
};

/// All views, in the order of their tabs: those with a widget of their own, then every other figure of
/// results that core/session makes.
std::vector<ViewEntry> viewTable();

}  // namespace rheo
