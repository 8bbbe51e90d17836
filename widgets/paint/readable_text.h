#pragma once

#include <QFont>
#include <QString>
#include <string>

namespace rheo {

/// `text` with every character that no font of this machine can draw named by its code point, as
/// "<U+1F355>". Marks that would only change such a character go with it. Needs a QGuiApplication. Cost: one
/// search of the fonts for each character that was not asked for before, beyond Latin-1.
QString readable(const QString& text, const QFont& font);

/// The same for a text of a figure, in the font of figures.
QString readable(const std::string& text);

}  // namespace rheo
