#include "widgets/views/density_view.h"

#include <QAction>
#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QVBoxLayout>

#include "core/base/error.h"
#include "core/figure/ranges.h"
#include "core/session/opened_results.h"
#include "core/session/recipe_figure.h"
#include "core/statistics/density.h"
#include "widgets/viewmodels/analyses.h"
#include "widgets/viewmodels/feature.h"
#include "widgets/viewmodels/fit_rows.h"
#include "widgets/views/missing_page.h"

namespace rheo {

DensityView::DensityView(const FigureView& figure, Workspace& workspace, Selection& selection)
    : View(figure),
      m_workspace(workspace),
      m_selection(selection),
      m_state(workspace.state()),
      m_figure(new FigureWidget),
      m_measure(new QComboBox),
      m_map(new QComboBox),
      m_sorted(new QCheckBox(tr("&Sorted by the last depth"))),
      m_computeAction(new QAction(tr("Compute &density"), this)),
      m_theme(lightTheme()) {
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
    bar->addStretch();
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(6, 6, 6, 6);
    layout->addLayout(bar);
    layout->addWidget(m_figure, 1);

    connect(m_measure, &QComboBox::currentIndexChanged, this, &DensityView::rebuild);
    connect(m_map, &QComboBox::currentIndexChanged, this, &DensityView::rebuild);
    connect(m_sorted, &QCheckBox::toggled, this, &DensityView::rebuild);
    connect(m_computeAction, &QAction::triggered, this, [this] { computeDensity(m_workspace); });
    connect(m_figure, &FigureWidget::hovered, this, &View::hovered);
    connect(m_figure, &FigureWidget::cellClicked, this, [this](qint64 row, qint64 column) {
        if (row < 0 || static_cast<std::size_t>(row) >= m_unitOfRow.size()) return;
        m_selection.selectUnit(UnitIndex{m_unitOfRow[static_cast<std::size_t>(row)]});
        m_selection.selectPoint(PointIndex{column});
    });
    m_figure->setCellDescriber(
        [this](qint64 row, qint64 column, float value) { return describe(row, column, value); });
    rebuild();
}

void DensityView::setDocument(std::shared_ptr<const DocumentState> state) {
    m_state = std::move(state);
    rebuild();
}

void DensityView::setTheme(const Theme& theme) {
    m_theme = theme;
    rebuild();
}

std::shared_ptr<const Figure> DensityView::figure() const {
    return hasFigure() ? std::make_shared<const Figure>(m_figure->shown()) : nullptr;
}

Recipe DensityView::recipe() const {
    Recipe recipe;
    recipe.view = id().toStdString();
    recipe.options = recipeOptions(options());
    if (hasFigure()) recipe.ranges = rangesShown(*m_figure->figure(), m_figure->shown());
    const auto results = resultsWith(*m_state, figureView().statistic).opened;
    if (!m_state->density && results && !results->path.empty())
        recipe.sources = {{"results", results->path.string(), ""}};
    return recipe;
}

QString DensityView::describe(qint64 row, qint64 column, float value) const {
    if (row < 0 || static_cast<std::size_t>(row) >= m_unitOfRow.size() || column < 0 ||
        static_cast<std::size_t>(column) >= m_points.size())
        return {};
    return tr("unit %1 at %2: %3")
        .arg(m_unitOfRow[static_cast<std::size_t>(row)])
        .arg(QString::fromStdString(pointName(m_points[static_cast<std::size_t>(column)])),
             QString::fromStdString(formatNumber(static_cast<double>(value), 4)));
}

DensityOptions DensityView::options() const {
    DensityOptions options;
    options.theme = m_theme;
    options.measure = DensityMeasure(m_measure->currentData().toInt());
    options.map = ColorMap(m_map->currentData().toInt());
    options.sorted = m_sorted->isChecked();
    return options;
}

QString DensityView::emptyText() const {
    if (m_state->rows() > 0)
        return tr(
            "The activity of every unit at every depth.\nPress Compute above to make it from the rows that "
            "are open.");
    if (m_state->results)
        return tr("%1 does not hold the density. This command computes it:\n\n%2\n\nThen open the results "
                  "again.")
            .arg(Analyses::nameOf(*m_state->results), analyzeCommand(figureView(), *m_state));
    return whyNot(m_workspace, Feature::Density);
}

void DensityView::rebuild() {
    m_map->setEnabled(DensityMeasure(m_measure->currentData().toInt()) != DensityMeasure::Mean);
    const auto results = resultsWith(*m_state, figureView().statistic).opened;
    const DensityResult* ofResults = results ? densityOf(*results) : nullptr;
    m_unitOfRow.clear();
    if (!m_state->density && ofResults == nullptr) {
        m_figure->setFigure(nullptr);
        m_figure->setEmptyText(emptyText());
        return;
    }
    DensityOptions how = options();
    if (!m_state->density) how.scaling = scalingOf(results->results, "density");
    m_points = m_state->density ? m_workspace.points() : results->results.source.info.points;
    try {
        DensityFigure made = densityFigure(m_state->density ? *m_state->density : *ofResults, m_points, how);
        m_unitOfRow = std::move(made.unitOfRow);
        m_figure->setFigure(std::make_shared<const Figure>(std::move(made.figure)));
    } catch (const Error& error) {  // results whose parts do not fit together
        m_figure->setFigure(nullptr);
        m_figure->setEmptyText(QString::fromUtf8(error.what()));
    }
}

}  // namespace rheo
