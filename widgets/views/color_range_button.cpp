#include "widgets/views/color_range_button.h"

#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QFrame>
#include <QPushButton>
#include <QSignalBlocker>
#include <algorithm>
#include <cmath>

#include "widgets/views/panel_below.h"

namespace rheo {

namespace {

QDoubleSpinBox* makeBox(const QString& name, const QString& toolTip) {
    auto* box = new QDoubleSpinBox;
    box->setRange(-1e9, 1e9);
    box->setDecimals(4);
    box->setStepType(QAbstractSpinBox::AdaptiveDecimalStepType);
    box->setKeyboardTracking(false);
    box->setAccessibleName(name);
    box->setToolTip(toolTip);
    return box;
}

}  // namespace

ColorRangeButton::ColorRangeButton(QWidget* parent)
    : QToolButton(parent),
      m_panel(new QFrame(this, Qt::Popup)),
      m_low(makeBox(tr("Colours from"), tr("Lower values have the first colour of the map"))),
      m_high(makeBox(tr("Colours to"), tr("Greater values have the last colour of the map"))),
      m_blank(makeBox(tr("Blank below"), tr("Values nearer to zero than this are left blank"))) {
    setText(tr("Range…"));
    setToolTip(tr("The range of the colours, and what is left blank"));
    setFocusPolicy(Qt::TabFocus);
    m_blank->setMinimum(0);
    m_panel->setFrameStyle(QFrame::StyledPanel | QFrame::Plain);
    auto* form = new QFormLayout(m_panel);
    form->addRow(tr("Colours from"), m_low);
    form->addRow(tr("to"), m_high);
    form->addRow(tr("Blank below"), m_blank);
    auto* automatic = new QPushButton(tr("Automatic"));
    form->addRow(automatic);
    connect(automatic, &QPushButton::clicked, this, &ColorRangeButton::reset);
    for (QDoubleSpinBox* box : {m_low, m_high, m_blank})
        connect(box, &QDoubleSpinBox::valueChanged, this, &ColorRangeButton::choose);
    connect(this, &QToolButton::clicked, this, [this] {
        showBelow(m_panel, this);
        m_low->setFocus();
    });
}

void ColorRangeButton::showRange(const ColorRange& range) {
    const QSignalBlocker quietLow(m_low), quietHigh(m_high), quietBlank(m_blank);
    m_low->setValue(range.low);
    m_high->setValue(range.high);
    m_blank->setValue(range.blankBelow);
}

void ColorRangeButton::setAutomatic(const std::optional<ColorRange>& range) {
    setVisible(range.has_value());
    if (!range) return;
    m_automatic = *range;
    // Three digits of the range, however small the values are.
    const double width = range->high - range->low;
    const int decimals =
        width > 0 ? std::clamp(static_cast<int>(std::ceil(3 - std::log10(width))), 1, 12) : 4;
    for (QDoubleSpinBox* box : {m_low, m_high, m_blank}) {
        const QSignalBlocker quiet(box);
        box->setDecimals(decimals);
    }
    if (!m_chosen) showRange(m_automatic);
}

void ColorRangeButton::choose() {
    const ColorRange range{m_low->value(), m_high->value(), m_blank->value()};
    if (!(range.low < range.high)) return;  // not yet
    m_chosen = range;
    Q_EMIT changed();
}

void ColorRangeButton::reset() {
    setChosen(std::nullopt);
}

void ColorRangeButton::setChosen(const std::optional<ColorRange>& range) {
    m_chosen = range;
    showRange(range.value_or(m_automatic));
    Q_EMIT changed();
}

}  // namespace rheo
