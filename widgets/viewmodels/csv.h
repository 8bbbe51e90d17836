#pragma once

#include <QString>

namespace rheo {

/// A field of a CSV table (RFC 4180): in quotes where it needs them.
inline QString csvField(QString text) {
    if (!text.contains('"') && !text.contains(',') && !text.contains('\n') && !text.contains('\r'))
        return text;
    return '"' + text.replace('"', QStringLiteral("\"\"")) + '"';
}

}  // namespace rheo
