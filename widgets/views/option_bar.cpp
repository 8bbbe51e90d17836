#include "widgets/views/option_bar.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>

namespace rheo {

namespace {

constexpr int leastWidth = 72;        // of a list in a narrow window
constexpr int widthWithLabels = 520;  // below it the lists stand without their names

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

}  // namespace

OptionBar::OptionBar(const FigureView& figure, QWidget* parent)
    : QWidget(parent), m_shows(text(figure.shows)), m_line(new QLabel) {
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(8, 4, 8, 2);
    m_line->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_line->setMinimumWidth(40);
    m_line->setToolTip(m_shows);
    layout->addWidget(m_line, 1);
    for (const FigureOption& option : figure.options) {
        auto* list = new QComboBox;
        for (const FigureChoice& choice : option.choices) list->addItem(text(choice.label));
        list->setToolTip(text(option.tooltip));
        list->setMinimumWidth(leastWidth);
        list->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
        list->setAccessibleName(text(option.label));
        auto* label = new QLabel(text(option.label));
        label->setBuddy(list);
        label->setMinimumWidth(1);
        layout->addWidget(label);
        layout->addWidget(list);
        m_entries.push_back({&option, list, label});
        connect(list, &QComboBox::currentIndexChanged, this, &OptionBar::changed);
    }
}

std::string OptionBar::options(const std::vector<std::pair<std::string, std::string>>& more) const {
    std::string json;
    const auto put = [&](std::string_view key, std::string_view value) {
        json += json.empty() ? "{\"" : ",\"";
        json += key;
        json += "\":";
        json += value;
    };
    for (const auto& [key, value] : more) put(key, value);
    for (const Entry& entry : m_entries)
        put(entry.option->key,
            entry.option->choices[static_cast<std::size_t>(entry.list->currentIndex())].value);
    return json.empty() ? "{}" : json + "}";
}

void OptionBar::add(QComboBox* list) {
    list->setMinimumWidth(leastWidth);
    static_cast<QHBoxLayout*>(layout())->insertWidget(1, list);
}

QComboBox* OptionBar::list(std::string_view key) const {
    for (const Entry& entry : m_entries)
        if (entry.option->key == key) return entry.list;
    return nullptr;
}

void OptionBar::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    // In a narrow window the lists alone say what they are.
    for (const Entry& entry : m_entries) entry.label->setVisible(width() >= widthWithLabels);
    // A few letters of it would say nothing.
    const QString line = m_line->fontMetrics().elidedText(m_shows, Qt::ElideRight, m_line->width());
    m_line->setText(line.size() * 2 > m_shows.size() ? line : QString());
}

}  // namespace rheo
