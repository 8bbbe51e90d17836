#pragma once

#include <QJsonObject>

namespace rheo {

class View;

/// How a view is looked at: the choices in its lists, by their names, the range of its colours, what its
/// legend hides, and where its space is seen from. What a session keeps, and what restoreView() brings back.
QJsonObject viewState(const View& view);
/// Choices that are not there (any more) are passed over.
void restoreView(View& view, const QJsonObject& state);

}  // namespace rheo
