#pragma once

class QMenu;
class QWidget;

namespace rheo {

class Selection;
class Workspace;

/// The selections that were kept under a name: to select, add, hide or export them, to fit the PCA on them,
/// and to rename or forget them; and to keep or export the rows that are selected now. Filled when it opens.
QMenu* makeKeptMenu(Workspace& workspace, Selection& selection, QWidget* parent);

/// Asks for a name, and keeps the selected rows under it. Nothing without rows.
void askToKeep(Workspace& workspace, Selection& selection, QWidget* parent);

}  // namespace rheo
