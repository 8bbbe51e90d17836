#pragma once

#include <QWidget>
#include <string>
#include <utility>
#include <vector>

#include "core/session/recipe_figure.h"

class QComboBox;
class QLabel;

namespace rheo {

/// Above a figure: one line on what it shows, and the options that a person chooses from lists.
class OptionBar : public QWidget {
    Q_OBJECT
public:
    explicit OptionBar(const FigureView& figure, QWidget* parent = nullptr);

    /// As a recipe keeps them: a JSON object; `more`: further keys with their values in JSON.
    std::string options(const std::vector<std::pair<std::string, std::string>>& more = {}) const;
    /// Puts a list of a view's own before the others.
    void add(QComboBox* list);
    /// The list of an option; null: the figure has no such option.
    QComboBox* list(std::string_view key) const;

Q_SIGNALS:
    void changed();

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    struct Entry {
        const FigureOption* option;
        QComboBox* list;
        QLabel* label;
    };
    QString m_shows;
    QLabel* m_line;
    std::vector<Entry> m_entries;
};

}  // namespace rheo
