#include "widgets/views/banner.h"

#include <QApplication>
#include <QClipboard>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <algorithm>

namespace rheo {

Banner::Banner(QWidget* parent)
    : QWidget(parent),
      m_text(new QLabel),
      m_action(new QPushButton),
      m_copy(new QPushButton(tr("Copy"))),
      m_close(new QPushButton(tr("Dismiss"))) {
    setAutoFillBackground(true);
    m_text->setWordWrap(true);
    m_text->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_text->setTextFormat(Qt::PlainText);
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(12, 6, 8, 6);
    layout->addWidget(m_text, 1);
    layout->addWidget(m_action);
    layout->addWidget(m_copy);
    layout->addWidget(m_close);
    connect(m_close, &QPushButton::clicked, this, &QWidget::hide);
    connect(m_copy, &QPushButton::clicked, this, [this] { QApplication::clipboard()->setText(m_message); });
    connect(m_action, &QPushButton::clicked, this, [this] {
        hide();
        if (m_act) m_act();
    });
    hide();
}

/// All of the text is to be seen, whatever it takes.
void Banner::fitText() {
    layout()->activate();
    m_text->setMinimumHeight(std::max(0, m_text->heightForWidth(m_text->width())));
}

void Banner::resizeEvent(QResizeEvent*) {
    fitText();
}

void Banner::show(const QString& text, bool error) {
    m_error = error;
    m_message = text;
    m_text->setText(QString(text).replace('/', QStringLiteral("/\u200b")));  // a long path may be broken
    m_copy->setVisible(error);
    const bool dark = palette().color(QPalette::Window).lightness() < 128;
    QPalette colors = QApplication::palette();
    colors.setColor(QPalette::Window, error ? (dark ? QColor(0x5a, 0x1f, 0x1a) : QColor(0xfb, 0xe3, 0xdf))
                                            : (dark ? QColor(0x1e, 0x3a, 0x50) : QColor(0xdd, 0xec, 0xf7)));
    setPalette(colors);
    QWidget::show();
    fitText();
}

void Banner::showError(const QString& text) {
    m_action->hide();
    m_act = {};
    show(text, true);
}

void Banner::showNews(const QString& text, const QString& action, std::function<void()> act) {
    m_action->setVisible(!action.isEmpty());
    m_action->setText(action);
    m_act = std::move(act);
    show(text, false);
}

}  // namespace rheo
