#include "widgets/viewmodels/shell_line.h"

#include "core/base/shell_word.h"

namespace rheo {

QString shellLine(const QStringList& words) {
    QStringList quoted;
    for (const QString& word : words) quoted << QString::fromStdString(shellWord(word.toStdString()));
    return quoted.join(QLatin1Char(' '));
}

}  // namespace rheo
