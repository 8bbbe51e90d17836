#pragma once

#include <QToolButton>
#include <optional>

#include "core/figure/ranges.h"

class QDoubleSpinBox;
class QFrame;

namespace rheo {

/// A button that opens the range of a heatmap's colours: its ends, and what is left blank.
class ColorRangeButton : public QToolButton {
    Q_OBJECT
public:
    explicit ColorRangeButton(QWidget* parent = nullptr);

    /// What suits the values of the figure that is shown; none: it has no heatmap, and the button goes.
    void setAutomatic(const std::optional<ColorRange>& range);
    /// What a person chose; none: automatic.
    const std::optional<ColorRange>& chosen() const { return m_chosen; }
    /// As if a person had chosen this; none: automatic.
    void setChosen(const std::optional<ColorRange>& range);

    QDoubleSpinBox* low() const { return m_low; }
    QDoubleSpinBox* high() const { return m_high; }
    QDoubleSpinBox* blankBelow() const { return m_blank; }
    QFrame* panel() const { return m_panel; }

Q_SIGNALS:
    void changed();

private:
    void choose();
    void reset();
    void showRange(const ColorRange& range);

    ColorRange m_automatic;
    std::optional<ColorRange> m_chosen;
    QFrame* m_panel;
    QDoubleSpinBox *m_low, *m_high, *m_blank;
};

}  // namespace rheo
