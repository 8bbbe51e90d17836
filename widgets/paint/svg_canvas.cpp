#include "widgets/paint/svg_canvas.h"

#include <QBuffer>
#include <algorithm>
#include <cmath>

#include "widgets/paint/text_metrics.h"

namespace rheo {
namespace {

/// Hundredths of a point (3.5 micrometres), without superfluous digits.
void appendNumber(QByteArray& out, double value) {
    const auto hundredths = static_cast<qint64>(std::llround(std::clamp(value, -1e9, 1e9) * 100));
    const qint64 size = std::abs(hundredths);
    if (hundredths < 0) out += '-';
    out += QByteArray::number(size / 100);
    if (size % 100 != 0) {
        out += '.';
        out += static_cast<char>('0' + size % 100 / 10);
        if (size % 10 != 0) out += static_cast<char>('0' + size % 10);
    }
}

QByteArray number(double value) {
    QByteArray out;
    appendNumber(out, value);
    return out;
}

void appendPath(QByteArray& out, const Polylines& lines, bool closed) {
    out += "<path d=\"";
    for (const auto& line : lines) {
        char command = 'M';
        for (const auto& point : line) {
            // After M, pairs without a letter are lines.
            if (command != 0)
                out += command;
            else
                out += ' ';
            command = 0;
            appendNumber(out, point.x());
            out += ' ';
            appendNumber(out, point.y());
        }
        if (closed) out += 'Z';
    }
    out += '"';
}

}  // namespace

QByteArray escapeXml(const QString& text) {
    QString clean;
    clean.reserve(text.size());
    for (qsizetype i = 0; i < text.size(); ++i) {
        const QChar c = text[i];
        const bool pair = c.isHighSurrogate() && i + 1 < text.size() && text[i + 1].isLowSurrogate();
        const bool control = c.unicode() < 0x20 && c != '\t' && c != '\n' && c != '\r';
        if (pair) {
            clean += c;
            clean += text[++i];
        } else if (control || c.isSurrogate() || c.unicode() >= 0xfffe) {
            clean += QChar(0xfffd);
        } else {
            clean += c;
        }
    }
    // A carriage return would be read back as a line feed.
    return clean.toHtmlEscaped().replace('\r', "&#13;").toUtf8();
}

SvgCanvas::SvgCanvas(const QSizeF& size, double unit, const QString& title, const QString& metadata) {
    constexpr double millimetres = 25.4 / 72;
    const auto width = number(size.width() / unit);
    const auto height = number(size.height() / unit);
    m_out +=
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
        "xmlns:xlink=\"http://www.w3.org/1999/xlink\" version=\"1.1\" width=\"" +
        number(size.width() * millimetres) + "mm\" height=\"" + number(size.height() * millimetres) +
        "mm\" viewBox=\"0 0 " + width + ' ' + height + "\">\n";
    if (!title.isEmpty()) m_out += "<title>" + escapeXml(title) + "</title>\n";
    if (!metadata.isEmpty()) m_out += "<metadata>" + escapeXml(metadata) + "</metadata>\n";
    m_out +=
        "<g font-family=\"" + escapeXml(fontFamilies()) + "\" fill=\"none\" stroke-linejoin=\"round\">\n";
}

QByteArray SvgCanvas::finish() {
    m_out += "</g>\n</svg>\n";
    return m_out;
}

void SvgCanvas::paint(const char* attribute, const QColor& color) {
    m_out += ' ';
    m_out += attribute;
    m_out += "=\"" + color.name(QColor::HexRgb).toLatin1() + '"';
    if (color.alpha() < 255) {
        m_out += ' ';
        m_out += attribute;
        m_out += "-opacity=\"" + number(color.alphaF()) + '"';
    }
}

void SvgCanvas::beginGroup(const QString& name) {
    m_out += "<g";
    if (!name.isEmpty()) m_out += " class=\"" + escapeXml(name) + '"';
    m_out += ">\n";
}

void SvgCanvas::endGroup() {
    m_out += "</g>\n";
}

void SvgCanvas::beginClip(const QRectF& rect) {
    // Named by what it is: several figures put into one page cannot mean different clips by one name.
    QByteArray id = "clip";
    for (const double value : {rect.x(), rect.y(), rect.width(), rect.height()}) id += '_' + number(value);
    if (!m_clips.contains(id)) {
        m_clips.insert(id);
        m_out += "<clipPath id=\"" + id + "\"><rect x=\"" + number(rect.x()) + "\" y=\"" + number(rect.y()) +
                 "\" width=\"" + number(rect.width()) + "\" height=\"" + number(rect.height()) +
                 "\"/></clipPath>\n";
    }
    m_out += "<g clip-path=\"url(#" + id + ")\">\n";
}

void SvgCanvas::endClip() {
    m_out += "</g>\n";
}

void SvgCanvas::lines(const Polylines& lines, const Stroke& stroke) {
    appendPath(m_out, lines, false);
    paint("stroke", stroke.color);
    m_out += " stroke-width=\"" + number(stroke.width) + '"';
    if (stroke.roundCaps) m_out += " stroke-linecap=\"round\"";
    if (const auto lengths = dashLengths(stroke.dash, stroke.width); !lengths.empty()) {
        m_out += " stroke-dasharray=\"";
        for (const double length : lengths) m_out += number(length) + ' ';
        m_out.chop(1);
        m_out += '"';
    }
    m_out += "/>\n";
}

void SvgCanvas::polygons(const Polylines& polygons, const QColor& fill) {
    appendPath(m_out, polygons, true);
    paint("fill", fill);
    m_out += "/>\n";
}

void SvgCanvas::rectangle(const QRectF& rect, const QColor& fill) {
    m_out += "<rect x=\"" + number(rect.x()) + "\" y=\"" + number(rect.y()) + "\" width=\"" +
             number(rect.width()) + "\" height=\"" + number(rect.height()) + '"';
    paint("fill", fill);
    m_out += "/>\n";
}

void SvgCanvas::marker(MarkerShape shape, const QPointF& centre, double diameter, const QColor& color) {
    const double r = diameter / 2;
    switch (shape) {
        case MarkerShape::Disc:
        case MarkerShape::Ring:
            m_out += "<circle cx=\"" + number(centre.x()) + "\" cy=\"" + number(centre.y()) + "\" r=\"" +
                     number(r) + '"';
            if (shape == MarkerShape::Disc) {
                paint("fill", color);
            } else {
                paint("stroke", color);
                m_out += " stroke-width=\"" + number(diameter / 6) + '"';
            }
            m_out += "/>\n";
            break;
        case MarkerShape::Diamond:
            polygons({{{centre + QPointF(0, -r), centre + QPointF(r, 0), centre + QPointF(0, r),
                        centre + QPointF(-r, 0)}}},
                     color);
            break;
        case MarkerShape::Square:
            rectangle(QRectF(centre.x() - r, centre.y() - r, diameter, diameter), color);
            break;
    }
}

void SvgCanvas::text(const QPointF& at, const QString& text, const TextStyle& style) {
    m_out += "<text x=\"" + number(at.x()) + "\" y=\"" + number(at.y()) + "\" font-size=\"" +
             number(style.size) + '"';
    if (style.bold) m_out += " font-weight=\"bold\"";
    if (style.anchor == Anchor::Middle) m_out += " text-anchor=\"middle\"";
    if (style.anchor == Anchor::End) m_out += " text-anchor=\"end\"";
    if (style.angle != 0)
        m_out += " transform=\"rotate(" + number(-style.angle) + ' ' + number(at.x()) + ' ' + number(at.y()) +
                 ")\"";
    paint("fill", style.color);
    m_out += '>' + escapeXml(text) + "</text>\n";
}

void SvgCanvas::image(const QRectF& rect, const QImage& image) {
    QByteArray png;
    QBuffer buffer(&png);
    buffer.open(QIODevice::WriteOnly);
    image.save(&buffer, "PNG", 0);  // quality 0: the strongest compression, lossless as ever
    m_out += "<image x=\"" + number(rect.x()) + "\" y=\"" + number(rect.y()) + "\" width=\"" +
             number(rect.width()) + "\" height=\"" + number(rect.height()) +
             "\" preserveAspectRatio=\"none\" image-rendering=\"optimizeSpeed\" "
             "style=\"image-rendering:pixelated\" xlink:href=\"data:image/png;base64," +
             png.toBase64() + "\"/>\n";
}

}  // namespace rheo
