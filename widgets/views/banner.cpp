#include "widgets/views/banner.h"

#include <QApplication>
#include <QClipboard>
#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <algorithm>

namespace rheo {

namespace {
constexpr int margin = 8, mostWidth = 1000;
}

Banner::Banner(QWidget* area, std::optional<int> below)
    : QWidget(area->parentWidget()),
      m_area(area),
      m_below(below),
      m_layout(new QBoxLayout(QBoxLayout::LeftToRight, this)),
      m_buttons(new QHBoxLayout),
      m_text(new QLabel),
      m_copy(new QPushButton(tr("Copy"))),
      m_close(new QPushButton(tr("Dismiss"))) {
    setAutoFillBackground(true);
    m_text->setWordWrap(true);
    m_text->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_text->setTextFormat(Qt::PlainText);
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_layout->setContentsMargins(12, 6, 8, 6);
    m_layout->addWidget(m_text, 1);
    m_layout->addLayout(m_buttons);
    m_buttons->addStretch();
    m_buttons->addWidget(m_copy);
    m_buttons->addWidget(m_close);
    connect(m_close, &QPushButton::clicked, this, [this] {
        hide();
        Q_EMIT dismissed();
    });
    connect(m_copy, &QPushButton::clicked, this, [this] { QApplication::clipboard()->setText(m_message); });
    area->installEventFilter(this);
    hide();
}

/// Over the edge of the area. All of the text is to be seen, whatever height it takes.
void Banner::place() {
    const QRect area = m_area->geometry();
    const int wide = std::min(area.width() - 2 * margin, mostWidth);
    if (wide <= 0) return;
    int buttons = 0;
    for (const QPushButton* button : m_actions + QList{m_copy, m_close})
        if (!button->isHidden()) buttons += button->sizeHint().width() + m_buttons->spacing();
    const QMargins around = m_layout->contentsMargins();
    const int whole = std::max(80, wide - around.left() - around.right());
    const int beside = whole - buttons, twoLines = 2 * m_text->fontMetrics().lineSpacing() + 4;
    const bool isBeside = beside >= 80 && m_text->heightForWidth(beside) <= twoLines;
    m_layout->setDirection(isBeside ? QBoxLayout::LeftToRight : QBoxLayout::TopToBottom);
    m_layout->activate();
    const int buttonHeight = m_close->sizeHint().height();
    const int high = around.top() + around.bottom() +
                     (isBeside ? std::max(m_text->heightForWidth(beside), buttonHeight)
                               : m_text->heightForWidth(whole) + m_layout->spacing() + buttonHeight);
    const int top = m_below ? area.top() + *m_below : area.bottom() - margin - high;
    setGeometry(area.center().x() - wide / 2, top, wide, high);
    raise();
}

bool Banner::eventFilter(QObject* watched, QEvent* event) {
    if (isVisible() && (event->type() == QEvent::Resize || event->type() == QEvent::Move)) place();
    return QWidget::eventFilter(watched, event);
}

void Banner::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::ApplicationPaletteChange) tint();
}

void Banner::tint() {
    QPalette colors = QApplication::palette();
    const bool dark = colors.color(QPalette::Window).lightness() < 128;
    colors.setColor(QPalette::Window, m_error ? (dark ? QColor(0x5a, 0x1f, 0x1a) : QColor(0xfb, 0xe3, 0xdf))
                                              : (dark ? QColor(0x1e, 0x3a, 0x50) : QColor(0xdd, 0xec, 0xf7)));
    setPalette(colors);
}

void Banner::show(const QString& text, bool error, const QList<MessageAction>& actions) {
    m_error = error;
    m_message = text;
    m_text->setText(QString(text).replace('/', QStringLiteral("/\u200b")));  // a long path may be broken
    m_copy->setVisible(error);
    for (QPushButton* button : m_actions) button->deleteLater();
    m_actions.clear();
    for (const MessageAction& action : actions) {
        auto* button = new QPushButton(action.text);
        m_buttons->insertWidget(1 + static_cast<int>(m_actions.size()), button);
        m_actions << button;
        connect(button, &QPushButton::clicked, this, [this, act = action.act] {
            hide();
            if (act) act();
        });
    }
    tint();
    QWidget::show();
    place();
}

void Banner::showError(const QString& text) {
    show(text, true, {});
}

void Banner::showNews(const QString& text, const QList<MessageAction>& actions) {
    show(text, false, actions);
}

}  // namespace rheo
