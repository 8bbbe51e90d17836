#include "widgets/views/density_view.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include "core/base/error.h"
#include "core/statistics/density.h"

namespace rheo {

DensityView::DensityView(Workspace& workspace, Selection& selection, QWidget* parent)
    : QWidget(parent),
      m_workspace(workspace),
      m_selection(selection),
      m_figure(new FigureWidget),
      m_measure(new QComboBox),
      m_map(new QComboBox),
      m_sorted(new QCheckBox(tr("&Sorted by the last depth"))),
      m_compute(new QPushButton(tr("&Compute"))) {
    m_measure->addItem(tr("Mean"), int(DensityMeasure::Mean));
    m_measure->addItem(tr("Mean magnitude"), int(DensityMeasure::MeanAbs));
    m_measure->addItem(tr("RMS"), int(DensityMeasure::Rms));
    m_measure->addItem(tr("Active fraction"), int(DensityMeasure::ActiveFraction));
    m_map->addItem(tr("Viridis"), int(ColorMap::Viridis));
    m_map->addItem(tr("Cividis"), int(ColorMap::Cividis));
    m_map->setToolTip(
        tr("Colours of measures that are never negative. The mean has its own, from blue below zero to red "
           "above."));
    m_sorted->setChecked(true);
    m_figure->setAccessibleName(tr("Density heatmap"));

    auto* bar = new QHBoxLayout;
    auto* label = new QLabel(tr("&Measure"));
    label->setBuddy(m_measure);
    bar->addWidget(label);
    bar->addWidget(m_measure);
    bar->addWidget(m_map);
    bar->addWidget(m_sorted);
    bar->addWidget(m_compute);
    bar->addStretch();
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(6, 6, 6, 6);
    layout->addLayout(bar);
    layout->addWidget(m_figure, 1);

    connect(m_measure, &QComboBox::currentIndexChanged, this, &DensityView::rebuild);
    connect(m_map, &QComboBox::currentIndexChanged, this, &DensityView::rebuild);
    connect(m_sorted, &QCheckBox::toggled, this, &DensityView::rebuild);
    connect(m_compute, &QPushButton::clicked, this, [this] { m_workspace.computeDensity(); });
    connect(&m_workspace, &Workspace::stateChanged, this, &DensityView::rebuild);
    connect(m_figure, &FigureWidget::cellHovered, this, &DensityView::hovered);
    connect(m_figure, &FigureWidget::cellClicked, this, [this](qint64 row, qint64 column) {
        if (row < 0 || static_cast<std::size_t>(row) >= m_unitOfRow.size()) return;
        m_selection.selectUnit(UnitIndex{m_unitOfRow[static_cast<std::size_t>(row)]});
        m_selection.selectPoint(PointIndex{column});
    });
    m_figure->setCellDescriber([this](qint64 row, qint64 column, float value) {
        const auto& points = m_workspace.points();
        if (row < 0 || static_cast<std::size_t>(row) >= m_unitOfRow.size() || column < 0 ||
            static_cast<std::size_t>(column) >= points.size())
            return QString();
        return tr("unit %1 at %2: %3")
            .arg(m_unitOfRow[static_cast<std::size_t>(row)])
            .arg(QString::fromStdString(pointName(points[static_cast<std::size_t>(column)])),
                 QString::fromStdString(formatNumber(static_cast<double>(value), 4)));
    });
    rebuild();
}

void DensityView::setDark(bool dark) {
    m_dark = dark;
    rebuild();
}

DensityOptions DensityView::options() const {
    DensityOptions options;
    options.theme = m_dark ? darkTheme() : lightTheme();
    options.measure = DensityMeasure(m_measure->currentData().toInt());
    options.map = ColorMap(m_map->currentData().toInt());
    options.sorted = m_sorted->isChecked();
    return options;
}

void DensityView::rebuild() {
    const auto state = m_workspace.state();
    m_map->setEnabled(DensityMeasure(m_measure->currentData().toInt()) != DensityMeasure::Mean);
    m_compute->setVisible(state->rows() > 0 && (!state->density || state->densityIsStale()));
    m_compute->setText(state->density ? tr("&Compute again") : tr("&Compute"));
    if (!state->density) {
        m_unitOfRow.clear();
        m_figure->setFigure(nullptr);
        m_figure->setEmptyText(state->rows() > 0 ? tr("The activity of every unit at every depth.\nPress "
                                                      "Compute to make it from the rows that are open.")
                                                 : m_workspace.whyNot(Feature::Density));
        return;
    }
    DensityFigure made = densityFigure(*state->density, m_workspace.points(), options());
    m_unitOfRow = std::move(made.unitOfRow);
    m_figure->setFigure(std::make_shared<const Figure>(std::move(made.figure)));
}

}  // namespace rheo
