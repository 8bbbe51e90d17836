#pragma once

#include <QString>
#include <QStringList>

namespace rheo {

/// The line to type in a shell: words joined by spaces, those with other than plain letters quoted.
QString shellLine(const QStringList& words);

}  // namespace rheo
