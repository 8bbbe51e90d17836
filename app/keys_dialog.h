#pragma once

class QMainWindow;

namespace rheo {

/// Shows all keys of the menus of `window`, and what mouse and keys do inside its views.
void showKeys(QMainWindow* window);

}  // namespace rheo
