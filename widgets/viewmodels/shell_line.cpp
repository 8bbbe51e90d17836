#include "widgets/viewmodels/shell_line.h"

#include <algorithm>

namespace rheo {

QString shellLine(const QStringList& words) {
    const auto plain = [](QChar c) {
        return (c >= QLatin1Char('a') && c <= QLatin1Char('z')) ||
               (c >= QLatin1Char('A') && c <= QLatin1Char('Z')) ||
               (c >= QLatin1Char('0') && c <= QLatin1Char('9')) || QStringLiteral("-_./,:=+").contains(c);
    };
    QStringList quoted;
    for (const QString& word : words) {
        if (!word.isEmpty() && std::all_of(word.begin(), word.end(), plain)) {
            quoted << word;
            continue;
        }
        QString inside = word;
        inside.replace(QLatin1Char('\''), QLatin1String("'\\''"));
        quoted << QLatin1Char('\'') + inside + QLatin1Char('\'');
    }
    return quoted.join(QLatin1Char(' '));
}

}  // namespace rheo
