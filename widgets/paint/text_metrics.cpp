#include "widgets/paint/text_metrics.h"

#include <QFontDatabase>
#include <QHash>
#include <QRegularExpression>
#include <algorithm>

#include "core/base/error.h"

namespace rheo {
namespace {

const QString family = "DejaVu Sans";

/// Makes the compiled-in font known to Qt, once. Throws Error(Internal) if Qt cannot read it.
void loadShippedFont() {
    static const bool loaded = [] {
        for (const char* file : {":/rheograph/fonts/DejaVuSans.ttf", ":/rheograph/fonts/DejaVuSans-Bold.ttf"})
            if (QFontDatabase::addApplicationFont(file) < 0) return false;
        return true;
    }();
    if (!loaded) throw Error(ErrorCode::Internal, "Qt cannot load the font that is compiled in.");
}

}  // namespace

QFont figureFont(bool bold) {
    loadShippedFont();
    QFont font(family);
    font.setStyleHint(QFont::SansSerif);
    font.setPixelSize(fontUnits);
    font.setBold(bold);
    font.setHintingPreference(QFont::PreferNoHinting);
    font.setKerning(true);
    return font;
}

QString fontFamilies() {
    return "'" + family + "', Verdana, Arial, Helvetica, sans-serif";
}

TextMetrics::TextMetrics() : m_plain(figureFont(false)), m_bold(figureFont(true)) {}

double TextMetrics::width(const QString& text, double size, bool bold) const {
    // A camera that turns asks for the same few labels with every frame, and shaping them is dear.
    constexpr qsizetype most = 4096;
    thread_local QHash<QString, double> measured[2];
    QHash<QString, double>& known = measured[bold ? 1 : 0];
    auto at = known.constFind(text);
    if (at == known.constEnd()) {
        if (known.size() >= most) known.clear();
        at = known.insert(text, (bold ? m_bold : m_plain).horizontalAdvance(text));
    }
    return *at * size / fontUnits;
}
double TextMetrics::capHeight(double size) const {
    return m_plain.capHeight() * size / fontUnits;
}
double TextMetrics::ascent(double size) const {
    return m_plain.ascent() * size / fontUnits;
}
double TextMetrics::descent(double size) const {
    return m_plain.descent() * size / fontUnits;
}

QString TextMetrics::elided(const QString& text, double size, bool bold, double width) const {
    // What was given just the room it takes is not to lose its end to rounding.
    if (this->width(text, size, bold) <= width + 0.01) return text;
    return (bold ? m_bold : m_plain)
        .elidedText(text, Qt::ElideRight, std::max(width, 0.0) * fontUnits / size);
}

QStringList TextMetrics::wrapped(const QString& text, double size, bool bold, double width, int lines) const {
    QStringList result;
    QString rest = text.simplified();
    while (!rest.isEmpty()) {
        if (result.size() + 1 == lines || this->width(rest, size, bold) <= width) {
            result << elided(rest, size, bold, width);
            break;
        }
        // The last space before the line is full; a word wider than the line stays whole and is elided.
        qsizetype cut = rest.indexOf(' ');
        for (auto next = cut; next > 0; next = rest.indexOf(' ', next + 1)) {
            if (this->width(rest.left(next), size, bold) > width) break;
            cut = next;
        }
        if (cut < 0) cut = rest.size();
        result << elided(rest.left(cut), size, bold, width);
        rest = rest.mid(cut + 1);
    }
    return result;
}

QString typeset(const std::string& label) {
    static const QRegularExpression number("^(-?)([0-9.,]+)(?:e(-?)([0-9]+))?$");
    const QString text = QString::fromStdString(label);
    const auto match = number.match(text);
    if (!match.hasMatch()) return text;
    QString result = (match.captured(1).isEmpty() ? "" : QString(QChar(0x2212))) + match.captured(2);
    if (match.captured(4).isEmpty()) return result;
    if (match.captured(2) == "1")
        result.chop(1);  // a bare power of ten
    else
        result += QChar(0x00d7);
    result += "10";
    if (!match.captured(3).isEmpty()) result += QChar(0x207b);
    static const char16_t raised[] = u"\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079";
    for (const QChar digit : match.captured(4)) result += QChar(raised[digit.digitValue()]);
    return result;
}

}  // namespace rheo
