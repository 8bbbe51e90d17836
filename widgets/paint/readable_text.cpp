#include "widgets/paint/readable_text.h"

#include <QGlyphRun>
#include <QHash>
#include <QTextLayout>
#include <algorithm>

#include "widgets/paint/text_metrics.h"

namespace rheo {

namespace {

bool canDraw(char32_t character, const QFont& font) {
    static QHash<QString, QHash<char32_t, bool>> known;
    QHash<char32_t, bool>& ofFont = known[font.family()];
    if (const auto found = ofFont.constFind(character); found != ofFont.constEnd()) return *found;
    QTextLayout layout(QString::fromUcs4(&character, 1), font);
    layout.beginLayout();
    layout.createLine();
    layout.endLayout();
    bool drawn = true;
    for (const QGlyphRun& run : layout.glyphRuns()) drawn = drawn && !run.glyphIndexes().contains(0U);
    return ofFont[character] = drawn;
}

/// A variation selector, a joiner, a tone of skin: nothing by itself.
bool isOnlyAMark(char32_t character) {
    return character == 0x200D || (character >= 0xFE00 && character <= 0xFE0F) ||
           (character >= 0x1F3FB && character <= 0x1F3FF);
}

}  // namespace

QString readable(const QString& text, const QFont& font) {
    if (std::all_of(text.begin(), text.end(), [](QChar c) { return c.unicode() < 0x100; })) return text;
    QString shown;
    bool named = false;  // the character before
    for (const char32_t character : text.toUcs4()) {
        if (named && isOnlyAMark(character)) continue;
        named = character >= 0x100 && !QChar::isSpace(character) && !canDraw(character, font);
        shown += named ? QStringLiteral("<U+%1>").arg(uint(character), 4, 16, QLatin1Char('0')).toUpper()
                       : QString::fromUcs4(&character, 1);
    }
    return shown;
}

QString readable(const std::string& text) {
    return readable(QString::fromStdString(text), figureFont(false));
}

}  // namespace rheo
