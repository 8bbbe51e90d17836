#include "widgets/views/option_bar.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <algorithm>

namespace rheo {

namespace {

constexpr int leastWidth = 72;  // of a list in a narrow window
constexpr int sideMargin = 8;

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

}  // namespace

OptionBar::OptionBar(const FigureView& figure, QWidget* parent)
    : QWidget(parent),
      m_shows(text(figure.shows)),
      m_line(new QLabel),
      m_both(new QBoxLayout(QBoxLayout::LeftToRight, this)),
      m_options(new QHBoxLayout),
      m_lists(figure) {
    m_both->setContentsMargins(sideMargin, 4, sideMargin, 2);
    m_both->setSpacing(4);
    m_line->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_line->setMinimumWidth(40);
    m_line->setToolTip(m_shows);
    m_both->addWidget(m_line, 1);
    m_both->addLayout(m_options);
    m_options->setSpacing(6);
    for (const auto& [option, list, label] : m_lists.entries()) {
        list->setMinimumWidth(leastWidth);
        list->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
        label->setMinimumWidth(1);
        m_options->addWidget(label);
        m_options->addWidget(list);
        connect(list, &QComboBox::currentIndexChanged, this, &OptionBar::changed);
    }
}

void OptionBar::add(QWidget* list) {
    if (qobject_cast<QComboBox*>(list) != nullptr) list->setMinimumWidth(leastWidth);
    m_options->insertWidget(0, list);
}

void OptionBar::append(QWidget* widget) {
    m_options->addWidget(widget);
}

void OptionBar::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    int wanted = 2 * sideMargin;
    for (int i = 0; i < m_options->count(); ++i)
        if (const QWidget* widget = m_options->itemAt(i)->widget(); widget != nullptr)
            wanted += std::max(widget->sizeHint().width(), widget->minimumWidth()) + m_options->spacing();
    // Where the labels have no room the lists alone say what they are.
    for (const auto& entry : m_lists.entries()) entry.label->setVisible(wanted <= width());
    const QFontMetrics metrics = m_line->fontMetrics();
    const int line = metrics.horizontalAdvance(m_shows);
    const bool beside = m_options->count() == 0 || wanted + (3 * line) / 4 <= width();
    m_both->setDirection(beside ? QBoxLayout::LeftToRight : QBoxLayout::TopToBottom);
    m_line->setText(
        metrics.elidedText(m_shows, Qt::ElideRight, width() - 2 * sideMargin - (beside ? wanted : 0)));
}

}  // namespace rheo
