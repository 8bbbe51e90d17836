#include "widgets/views/path_options.h"

#include <QComboBox>
#include <QFormLayout>
#include <QFrame>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QSignalBlocker>
#include <algorithm>

#include "core/statistics/axes.h"
#include "widgets/views/panel_below.h"

namespace rheo {

namespace {

QWidget* inARow(std::initializer_list<QWidget*> widgets) {
    auto* row = new QWidget;
    auto* layout = new QHBoxLayout(row);
    layout->setContentsMargins(0, 0, 0, 0);
    for (QWidget* widget : widgets) layout->addWidget(widget);
    layout->addStretch(1);
    return row;
}

void fill(QComboBox* list, const QStringList& texts, int chosen) {
    const QSignalBlocker quiet(list);
    list->clear();
    list->addItems(texts);
    list->setCurrentIndex(chosen);
}

QStringList textsOf(const QComboBox* list) {
    QStringList texts;
    for (int i = 0; i < list->count(); ++i) texts << list->itemText(i);
    return texts;
}

}  // namespace

PathOptions::PathOptions(const FigureView& figure, QWidget* parent)
    : QToolButton(parent),
      m_lists(figure),
      m_first(new QComboBox),
      m_last(new QComboBox),
      m_panel(new QFrame(this, Qt::Popup)) {
    setText(tr("Display…"));
    setToolTip(tr("Components, depth range, means, limits of the axes, and what is hidden"));
    setFocusPolicy(Qt::TabFocus);
    connect(this, &QToolButton::clicked, this, &PathOptions::open);
    m_panel->setFrameStyle(QFrame::StyledPanel | QFrame::Plain);
    auto* form = new QFormLayout(m_panel);
    for (int i = 0; i < 3; ++i) {
        auto* list = m_axes[static_cast<std::size_t>(i)] = new QComboBox;
        list->setAccessibleName(tr("Component of axis %1").arg(i + 1));
        list->setToolTip(tr("Which principal component this axis shows"));
        connect(list, &QComboBox::currentIndexChanged, this, [this, i] { chooseAxis(i); });
    }
    form->addRow(tr("Components"), inARow({m_axes[0], m_axes[1], m_axes[2]}));
    m_first->setAccessibleName(tr("First point"));
    m_last->setAccessibleName(tr("Last point"));
    for (QComboBox* list : {m_first, m_last}) {
        list->setToolTip(tr("Paths are drawn from the first to the last point"));
        connect(list, &QComboBox::currentIndexChanged, this, [this, list] { choosePoints(list == m_first); });
    }
    form->addRow(tr("Depth from"), inARow({m_first, new QLabel(tr("to")), m_last}));
    for (const auto& [option, list, label] : m_lists.entries()) {
        form->addRow(label, list);
        connect(list, &QComboBox::currentIndexChanged, this, &PathOptions::changed);
    }
    auto* back = new QPushButton(tr("Defaults"));
    connect(back, &QPushButton::clicked, this, &PathOptions::reset);
    form->addRow(inARow({back}));
}

void PathOptions::setChoices(const PcaBasis& basis, const std::vector<ResidualPoint>& points) {
    const auto components = static_cast<int>(basis.components.rows());
    QStringList axes, names;
    for (int c = 0; c < components; ++c) axes << QString::fromStdString(axisName(basis, c));
    for (const ResidualPoint& point : points) names << QString::fromStdString(pointName(point));
    if (axes != textsOf(m_axes[0])) {
        if (std::any_of(m_components.begin(), m_components.end(), [&](int c) { return c >= components; }))
            m_components = {0, 1, 2};
        for (std::size_t i = 0; i < 3; ++i) fill(m_axes[i], axes, m_components[i]);
    }
    for (QComboBox* list : m_axes)
        for (int c = 0; c < components; ++c)
            list->setItemData(c, QString::fromStdString(axisMeaning(basis, c)), Qt::ToolTipRole);
    if (names != textsOf(m_first)) {
        fill(m_first, names, 0);
        fill(m_last, names, static_cast<int>(names.size()) - 1);
    }
}

TrajectoryOptions PathOptions::options() const {
    Recipe recipe;
    recipe.view = "trajectories";
    recipe.options = m_lists.json();
    TrajectoryOptions options = trajectoryOptions(recipe);
    options.components = m_components;
    if (m_first->count() == 0) return options;
    options.firstPoint = PointIndex{m_first->currentIndex()};
    if (m_last->currentIndex() < m_last->count() - 1) options.lastPoint = PointIndex{m_last->currentIndex()};
    return options;
}

/// A component that another axis shows changes places with it.
void PathOptions::chooseAxis(int i) {
    const auto place = static_cast<std::size_t>(i);
    const int chosen = m_axes[place]->currentIndex();
    const auto other = std::find(m_components.begin(), m_components.end(), chosen);
    if (other != m_components.end()) {
        *other = m_components[place];
        const QSignalBlocker quiet(m_axes[static_cast<std::size_t>(other - m_components.begin())]);
        m_axes[static_cast<std::size_t>(other - m_components.begin())]->setCurrentIndex(*other);
    }
    m_components[place] = chosen;
    Q_EMIT changed();
}

/// A path has two points at least: the other end makes room.
void PathOptions::choosePoints(bool isFirst) {
    const int first = m_first->currentIndex(), last = m_last->currentIndex(), count = m_first->count();
    if (first >= last && count > 1) {
        const QSignalBlocker quietFirst(m_first), quietLast(m_last);
        if (isFirst) {
            m_first->setCurrentIndex(std::min(first, count - 2));
            m_last->setCurrentIndex(m_first->currentIndex() + 1);
        } else {
            m_last->setCurrentIndex(std::max(last, 1));
            m_first->setCurrentIndex(m_last->currentIndex() - 1);
        }
    }
    Q_EMIT changed();
}

void PathOptions::reset() {
    const QSignalBlocker quiet(this);
    m_components = {0, 1, 2};
    for (std::size_t i = 0; i < 3; ++i) {
        const QSignalBlocker quietAxis(m_axes[i]);
        m_axes[i]->setCurrentIndex(static_cast<int>(i));
    }
    m_first->setCurrentIndex(0);
    m_last->setCurrentIndex(m_last->count() - 1);
    for (const auto& entry : m_lists.entries()) entry.list->setCurrentIndex(0);
    blockSignals(false);
    Q_EMIT changed();
}

void PathOptions::open() {
    showBelow(m_panel, this);
    m_axes[0]->setFocus();
}

}  // namespace rheo
