#include "widgets/views/icons.h"

#include <QGuiApplication>
#include <QIconEngine>
#include <QPainter>
#include <QPalette>
#include <QPixmapCache>
#include <QSvgRenderer>

namespace rheo {

namespace {

/// What is inside the <svg> of a drawing of 24 by 24; strokes have the ink's colour.
const char* drawing(Icon which) {
    switch (which) {
        case Icon::Add: return "<path d='M12 5v14M5 12h14'/>";
        case Icon::Attach:
            return "<path d='M9.5 14.5l5-5M8 11l-2.6 2.6a3.9 3.9 0 0 0 5.5 5.5L13.5 16.5M16 "
                   "13l2.6-2.6a3.9 3.9 0 "
                   "0 0-5.5-5.5L10.5 7.5'/>";
        case Icon::Box: return "<path d='M4 4h16v16H4z' stroke-dasharray='3.2 2.6'/>";
        case Icon::Cancel: return "<circle cx='12' cy='12' r='8.5'/><path d='M9 9l6 6M15 9l-6 6'/>";
        case Icon::Close: return "<path d='M6 6l12 12M18 6L6 18'/>";
        case Icon::Copy:
            return "<rect x='8.5' y='8.5' width='11' height='11' rx='2'/>"
                   "<path d='M15.5 5.5v-1h-11v11h1'/>";
        case Icon::Demo: return "<circle cx='12' cy='12' r='9'/><path d='M10 8.3l6 3.7-6 3.7z'/>";
        case Icon::Density: return "<path d='M4 4h16v16H4zM9.3 4v16M14.7 4v16M4 9.3h16M4 14.7h16'/>";
        case Icon::Edit: return "<path d='M4.5 19.5l1-4.5L15.5 5l3.5 3.5L9 18.5zM13.5 7l3.5 3.5'/>";
        case Icon::Error:
            return "<path d='M8.3 3.5h7.4l4.8 4.8v7.4l-4.8 4.8H8.3l-4.8-4.8V8.3z'/><path "
                   "d='M12 7.8v5M12 16.1v.1'/>";
        case Icon::Export: return "<path d='M12 15V4M8 7.5L12 3.7l4 3.8M5 13v6.5h14V13'/>";
        case Icon::Folder: return "<path d='M3.5 6h6l2 2.5h9v10.5h-17z'/>";
        case Icon::Information: return "<circle cx='12' cy='12' r='8.7'/><path d='M12 11v5.2M12 7.8v.1'/>";
        case Icon::Model:
            return "<rect x='4' y='3.7' width='16' height='4.2' rx='1.3'/><rect x='4' y='9.9' width='16' "
                   "height='4.2' rx='1.3'/><rect x='4' y='16.1' width='16' height='4.2' rx='1.3'/>";
        case Icon::Natural: return "<path d='M5 10.5a7.5 7.5 0 1 1 .6 5.5M5 5v5.5h5.5'/>";
        case Icon::Pause: return "<path d='M8.5 5.5v13M15.5 5.5v13' stroke-width='3'/>";
        case Icon::Play: return "<path d='M7.5 5l11 7-11 7z' fill='INK'/>";
        case Icon::Refit:
            return "<path d='M18.8 9.5A7.3 7.3 0 0 0 5.5 8.2M5.2 14.5a7.3 7.3 0 0 0 13.3 1.3M5 "
                   "4v4.5h4.5M19 20v-4.5h-4.5'/>";
        case Icon::Remove: return "<path d='M5 12h14'/>";
        case Icon::Save: return "<path d='M4.5 4.5h12l3 3v12h-15zM8 4.5v5h7v-5M8 19.5v-6h8v6'/>";
        case Icon::Search: return "<circle cx='10.5' cy='10.5' r='6'/><path d='M15 15l5 5'/>";
        case Icon::StepBack: return "<path d='M16.5 6l-8 6 8 6zM6.5 6v12' fill='INK'/>";
        case Icon::StepForward: return "<path d='M7.5 6l8 6-8 6zM17.5 6v12' fill='INK'/>";
        case Icon::Trace:
            return "<path d='M3.5 17c3 0 3-10 6-10s2.5 8 5 8 2.5-5 6-5'/><circle cx='9.5' cy='7' r='1.5' "
                   "fill='INK'/><circle cx='20.2' cy='10' r='1.5' fill='INK'/>";
        case Icon::Trajectories:
            return "<path d='M12 12.5V3.5M12 12.5l-8 6M12 12.5l8 6'/><path d='M6.5 10c3-5 8 3 "
                   "11-4'/>";
        case Icon::Warning: return "<path d='M12 4l9 16H3zM12 10v4.5M12 17.2v.1'/>";
    }
    return "";
}

QPixmap render(Icon which, const QSize& size, const QColor& ink) {
    const QString key =
        QStringLiteral("rheo-icon-%1-%2-%3").arg(int(which)).arg(size.width()).arg(ink.name(QColor::HexArgb));
    QPixmap pixmap;
    if (QPixmapCache::find(key, &pixmap)) return pixmap;
    QByteArray svg =
        QByteArrayLiteral(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='INK' "
            "stroke-opacity='OPACITY' stroke-width='1.7' stroke-linecap='round' stroke-linejoin='round'>") +
        drawing(which) + "</svg>";
    svg.replace("INK", ink.name().toLatin1()).replace("OPACITY", QByteArray::number(ink.alphaF()));
    QSvgRenderer renderer(svg);
    pixmap = QPixmap(size);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    const double side = std::min(size.width(), size.height());
    renderer.render(&painter, QRectF((size.width() - side) / 2, (size.height() - side) / 2, side, side));
    painter.end();
    QPixmapCache::insert(key, pixmap);
    return pixmap;
}

class Engine : public QIconEngine {
public:
    explicit Engine(Icon which) : m_which(which) {}

    void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State) override {
        const double scale = painter->device()->devicePixelRatioF();
        const QPixmap drawn = render(m_which, (QSizeF(rect.size()) * scale).toSize(), ink(mode));
        painter->drawPixmap(rect, drawn);
    }
    QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State) override {
        return render(m_which, size, ink(mode));
    }
    QIconEngine* clone() const override { return new Engine(m_which); }

private:
    static QColor ink(QIcon::Mode mode) {
        const QPalette palette = QGuiApplication::palette();
        switch (mode) {
            case QIcon::Disabled: return palette.color(QPalette::Disabled, QPalette::ButtonText);
            case QIcon::Selected: return palette.color(QPalette::HighlightedText);
            default: return palette.color(QPalette::Active, QPalette::ButtonText);
        }
    }
    Icon m_which;
};

}  // namespace

QIcon icon(Icon which) {
    return QIcon(new Engine(which));
}

}  // namespace rheo
