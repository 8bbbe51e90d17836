#include "widgets/views/option_lists.h"

#include <QComboBox>
#include <QLabel>

namespace rheo {

namespace {

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

}  // namespace

OptionLists::OptionLists(const FigureView& figure) {
    for (const FigureOption& option : figure.options) {
        auto* list = new QComboBox;
        for (const FigureChoice& choice : option.choices) list->addItem(text(choice.label));
        list->setToolTip(text(option.tooltip));
        list->setAccessibleName(text(option.label));
        auto* label = new QLabel(text(option.label));
        label->setBuddy(list);
        m_entries.push_back({&option, list, label});
    }
}

std::string OptionLists::json(const std::vector<std::pair<std::string, std::string>>& more) const {
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

QComboBox* OptionLists::list(std::string_view key) const {
    for (const Entry& entry : m_entries)
        if (entry.option->key == key) return entry.list;
    return nullptr;
}

void OptionLists::choose(std::string_view key, std::string_view value) const {
    for (const Entry& entry : m_entries)
        for (std::size_t i = 0; entry.option->key == key && i < entry.option->choices.size(); ++i)
            if (entry.option->choices[i].value == value) entry.list->setCurrentIndex(static_cast<int>(i));
}

}  // namespace rheo
