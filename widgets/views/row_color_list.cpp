#include "widgets/views/row_color_list.h"

#include <QSignalBlocker>
#include <algorithm>
#include <utility>

#include "core/figure/row_colors.h"

namespace rheo {

namespace {

constexpr int numberRole = Qt::UserRole + 1;  ///< of a component or direction, from 0

/// An entry of the list.
struct Offered {
    QString text;
    RowColor by = RowColor::Depth;
    int number = -1;
    QString tip = {};
    bool operator==(const Offered&) const = default;
};

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

bool isUsual(RowColor by) {
    return by != RowColor::Column && by != RowColor::Component && by != RowColor::Direction;
}

}  // namespace

RowColorList::RowColorList(QWidget* parent) : QComboBox(parent) {
    setAccessibleName(tr("Colour"));
    setToolTip(tr("What colours a trajectory"));
    setFocusPolicy(Qt::TabFocus);  // the wheel belongs to the view
    setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    setMinimumContentsLength(8);  // the buttons beside it stay in view in a window of 1280 pixels
    for (const auto& entry : rowColorNames())
        if (isUsual(entry.by)) addItem(text(entry.label), static_cast<int>(entry.by));
}

void RowColorList::offer(const TraceInfo* info, const PcaBasis* basis,
                         std::vector<NamedDirection> directions) {
    m_directions = std::move(directions);
    std::vector<Offered> wanted;
    if (info != nullptr)
        for (const std::string& name : columnsOf(*info)) wanted.push_back({text(name), RowColor::Column});
    if (basis != nullptr)
        for (Eigen::Index c = 0; c < basis->components.rows(); ++c)
            wanted.push_back({tr("Score along %1").arg(text(axisName(*basis, c))), RowColor::Component,
                              static_cast<int>(c), text(axisMeaning(*basis, c))});
    for (std::size_t i = 0; i < m_directions.size(); ++i)
        wanted.push_back({tr("Score along the vector of “%1”").arg(text(m_directions[i].name)),
                          RowColor::Direction, static_cast<int>(i)});
    std::vector<Offered> there;
    int usual = 0;
    for (int i = 0; i < count(); ++i) {
        const auto by = static_cast<RowColor>(itemData(i).toInt());
        if (isUsual(by))
            ++usual;
        else
            there.push_back({itemText(i), by, by == RowColor::Column ? -1 : itemData(i, numberRole).toInt(),
                             itemData(i, Qt::ToolTipRole).toString()});
    }
    if (there == wanted) return;
    const QSignalBlocker quiet(this);
    const QString chosen = currentText();
    while (count() > usual) removeItem(count() - 1);
    for (const Offered& entry : wanted) {
        addItem(entry.text, static_cast<int>(entry.by));
        setItemData(count() - 1, entry.number, numberRole);
        if (!entry.tip.isEmpty()) setItemData(count() - 1, entry.tip, Qt::ToolTipRole);
    }
    setCurrentIndex(std::max(0, findText(chosen)));
}

RowColor RowColorList::by() const {
    return static_cast<RowColor>(currentData().toInt());
}

const NamedDirection* RowColorList::direction() const {
    if (by() != RowColor::Direction) return nullptr;
    const auto place = static_cast<std::size_t>(currentData(numberRole).toInt());
    return place < m_directions.size() ? &m_directions[place] : nullptr;
}

void RowColorList::applyTo(TrajectoryOptions& options) const {
    options.colorBy = by();
    if (by() == RowColor::Column) options.column = currentText().toStdString();
    if (by() == RowColor::Component) options.colorComponent = currentData(numberRole).toInt();
    if (const NamedDirection* along = direction()) {
        options.directionName = along->name;
        options.direction = along->values;
    }
}

}  // namespace rheo
