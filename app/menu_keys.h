#pragma once

#include <QString>

class QMenuBar;

namespace rheo {

/// The shortcuts of all actions of a menu bar, as Markdown: a heading for each menu, and lines "- `Ctrl+E`:
/// Export". Made from the menus, so that no key is forgotten.
QString keysOfMenus(const QMenuBar& menus);

}  // namespace rheo
