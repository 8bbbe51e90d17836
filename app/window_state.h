#pragma once

#include <QJsonObject>

namespace rheo {

class MainWindow;

/// What a session keeps of the window: where the views and panels are, how each view is looked at, what is
/// selected and hidden, the depth and the unit.
QJsonObject windowState(const MainWindow& window);
/// Brings it back for the document that is open; what does not fit is passed over.
void restoreWindow(MainWindow& window, const QJsonObject& state);

}  // namespace rheo
