#include "widgets/views/hover_card.h"

#include <algorithm>

namespace rheo {

namespace {

constexpr int mostWidth = 320, fromMouse = 16, fromEdge = 4;

}  // namespace

HoverCard::HoverCard(QWidget* parent) : QLabel(parent) {
    setAttribute(Qt::WA_TransparentForMouseEvents);
    setAutoFillBackground(true);
    setBackgroundRole(QPalette::ToolTipBase);
    setForegroundRole(QPalette::ToolTipText);
    setFrameStyle(QFrame::Box | QFrame::Plain);
    setMargin(5);
    setWordWrap(true);
    setTextFormat(Qt::RichText);
    hide();
}

void HoverCard::showText(const QString& html, const QPoint& at) {
    if (html.isEmpty()) return hide();
    if (html != text()) {
        setText(html);
        const int wide = std::min(mostWidth, parentWidget()->width() - 2 * fromEdge);
        resize(wide, heightForWidth(wide));
    }
    moveBeside(at);
    show();
    raise();
}

/// Right of and below the mouse; on the other side where there is too little space.
void HoverCard::moveBeside(const QPoint& at) {
    const auto place = [](int mouse, int size, int space) {
        const int after = mouse + fromMouse;
        const int chosen = after + size + fromEdge <= space ? after : mouse - fromMouse - size;
        return std::clamp(chosen, fromEdge, std::max(fromEdge, space - size - fromEdge));
    };
    move(place(at.x(), width(), parentWidget()->width()), place(at.y(), height(), parentWidget()->height()));
}

}  // namespace rheo
