#pragma once

#include <QFont>
#include <QFontMetricsF>
#include <QString>
#include <QStringList>

namespace rheo {

/// Fonts are measured and drawn at this size and scaled, so that a text is as wide on the screen as on
/// the page, whatever the hinting.
inline constexpr int fontUnits = 100;

/// The font of figures, DejaVu Sans as compiled in, at a size of `fontUnits`. Needs a QGuiApplication.
QFont figureFont(bool bold);

/// The `font-family` of an SVG file: the font that was measured, then common ones, the nearest in width
/// first.
QString fontFamilies();

/// Widths of texts in points. Needs a QGuiApplication.
class TextMetrics {
public:
    TextMetrics();
    double width(const QString& text, double size, bool bold = false) const;
    /// Of a capital letter or digit, for centring text on a point.
    double capHeight(double size) const;
    double ascent(double size) const;
    double descent(double size) const;
    double lineHeight(double size) const { return 1.25 * size; }
    /// `text` with an ellipsis where it was cut to be at most `width` wide.
    QString elided(const QString& text, double size, bool bold, double width) const;
    /// `text` in lines of at most `width`, at most `lines` of them, broken at spaces; the last elided.
    QStringList wrapped(const QString& text, double size, bool bold, double width, int lines) const;

private:
    QFontMetricsF m_plain;
    QFontMetricsF m_bold;
};

/// A tick's label as it is set in print: a minus sign for the hyphen, "1.2e-5" as 1.2 x 10^-5.
QString typeset(const std::string& label);

}  // namespace rheo
