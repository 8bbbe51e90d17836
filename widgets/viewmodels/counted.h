#pragma once

#include <QLocale>
#include <QString>

namespace rheo {

/// "1 row" or "1,200 rows": `one` for a single thing, else `many` with its first place marker filled with the
/// number. Both are whole sentences or phrases, translated by the caller, so that a language can say more
/// than the number differently.
inline QString counted(qint64 count, const QString& one, const QString& many) {
    return count == 1 ? one : many.arg(QLocale().toString(count));
}

}  // namespace rheo
