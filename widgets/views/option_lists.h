#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/session/recipe_figure.h"

class QComboBox;
class QLabel;

namespace rheo {

/// The options of a figure as lists to choose from, wherever they stand. The lists belong to their parents.
class OptionLists {
public:
    struct Entry {
        const FigureOption* option;
        QComboBox* list;
        QLabel* label;
    };

    /// A list and a label for each option of `figure`, in its order.
    explicit OptionLists(const FigureView& figure);

    const std::vector<Entry>& entries() const { return m_entries; }
    /// As a recipe keeps them: a JSON object; `more`: further keys with their values in JSON.
    std::string json(const std::vector<std::pair<std::string, std::string>>& more = {}) const;
    /// The list of an option; null: the figure has no such option.
    QComboBox* list(std::string_view key) const;
    /// Chooses `value` (JSON) of an option; nothing where there is no such option or value.
    void choose(std::string_view key, std::string_view value) const;

private:
    std::vector<Entry> m_entries;
};

}  // namespace rheo
