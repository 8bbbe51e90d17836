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
    : QWidget(parent), m_shows(text(figure.shows)), m_line(new QLabel), m_lists(figure) {
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(sideMargin, 4, sideMargin, 2);
    m_line->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_line->setMinimumWidth(40);
    m_line->setToolTip(m_shows);
    layout->addWidget(m_line, 1);
    for (const auto& [option, list, label] : m_lists.entries()) {
        list->setMinimumWidth(leastWidth);
        list->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
        label->setMinimumWidth(1);
        layout->addWidget(label);
        layout->addWidget(list);
        connect(list, &QComboBox::currentIndexChanged, this, &OptionBar::changed);
    }
}

void OptionBar::add(QWidget* list) {
    if (qobject_cast<QComboBox*>(list) != nullptr) list->setMinimumWidth(leastWidth);
    static_cast<QHBoxLayout*>(layout())->insertWidget(1, list);
}

void OptionBar::append(QWidget* widget) {
    layout()->addWidget(widget);
}

void OptionBar::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    // Where the labels have no room the lists alone say what they are.
    int wanted = 2 * sideMargin + m_line->minimumWidth();
    for (int i = 0; i < layout()->count(); ++i)
        if (const QWidget* widget = layout()->itemAt(i)->widget(); widget != m_line && widget != nullptr)
            wanted += std::max(widget->sizeHint().width(), widget->minimumWidth()) + layout()->spacing();
    for (const auto& entry : m_lists.entries()) entry.label->setVisible(wanted <= width());
    // A few letters of it would say nothing.
    const QString line = m_line->fontMetrics().elidedText(m_shows, Qt::ElideRight, m_line->width());
    m_line->setText(line.size() * 2 > m_shows.size() ? line : QString());
}

}  // namespace rheo
