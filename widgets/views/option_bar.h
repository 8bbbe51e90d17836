#pragma once

#include <QWidget>
#include <string>
#include <utility>
#include <vector>

#include "widgets/views/option_lists.h"

class QBoxLayout;
class QComboBox;
class QHBoxLayout;
class QLabel;

namespace rheo {

/// Above a figure: one line on what it shows, and the options that a person chooses from lists; in a narrow
/// window one above the other.
class OptionBar : public QWidget {
    Q_OBJECT
public:
    explicit OptionBar(const FigureView& figure, QWidget* parent = nullptr);

    /// As a recipe keeps them: a JSON object; `more`: further keys with their values in JSON.
    std::string options(const std::vector<std::pair<std::string, std::string>>& more = {}) const {
        return m_lists.json(more);
    }
    /// Puts a list or button of a view's own before the others.
    void add(QWidget* list);
    /// Puts it after the others.
    void append(QWidget* widget);
    /// The list of an option; null: the figure has no such option.
    QComboBox* list(std::string_view key) const { return m_lists.list(key); }
    /// Chooses `value` (JSON) of an option; nothing where there is no such option or value.
    void choose(std::string_view key, std::string_view value) const { m_lists.choose(key, value); }

Q_SIGNALS:
    void changed();

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    QString m_shows;
    QLabel* m_line;
    QBoxLayout* m_both;
    QHBoxLayout* m_options;
    OptionLists m_lists;
};

}  // namespace rheo
