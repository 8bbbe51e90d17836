#include "widgets/views/results_view.h"

#include <QStackedLayout>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/figure/ranges.h"
#include "widgets/viewmodels/analyses.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

namespace {

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

}  // namespace

ResultsView::ResultsView(const FigureView& figure, Workspace& workspace, Selection& selection,
                         Analyses& analyses)
    : View(figure),
      m_workspace(workspace),
      m_selection(selection),
      m_analyses(analyses),
      m_state(std::make_shared<const DocumentState>()),
      m_theme(lightTheme()),
      m_pages(new QStackedLayout(this)),
      m_bar(new OptionBar(figure)),
      m_colors(new ColorRangeButton),
      m_widget(new FigureWidget(workspace.jobs())),
      m_missing(new MissingPage(figure, analyses)) {
    auto* drawn = new QWidget;
    auto* layout = new QVBoxLayout(drawn);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_bar);
    layout->addWidget(m_widget, 1);
    m_pages->addWidget(m_missing);
    m_pages->addWidget(drawn);
    m_widget->setAccessibleName(text(figure.title));
    connect(m_widget, &FigureWidget::hovered, this, &View::hovered);
    connect(m_widget, &FigureWidget::idClicked, this, &ResultsView::select);
    m_bar->append(m_colors);
    m_colors->setAutomatic(std::nullopt);
    connect(m_widget, &FigureWidget::stateClicked, this, &ResultsView::selectState);
    connect(&m_selection, &Selection::rowChanged, this, &ResultsView::mark);
    connect(m_bar, &OptionBar::changed, this, &ResultsView::invalidate);
    connect(m_colors, &ColorRangeButton::changed, this, &ResultsView::invalidate);
    connect(&m_selection, &Selection::pointChanged, this, &ResultsView::mark);
    connect(&m_selection, &Selection::unitChanged, this, &ResultsView::mark);
    connect(m_missing, &MissingPage::optionsRequested, this, &View::optionsRequested);
    // What is missing is explained anew; figures change with the document alone.
    connect(&m_analyses, &Analyses::changed, this, [this] {
        if (m_built && m_widget->figure() == nullptr) invalidate();
    });
    connect(&m_analyses, &Analyses::choiceChanged, this, [this] {
        if (m_built && m_widget->figure() == nullptr) invalidate();
    });
}

void ResultsView::setDocument(std::shared_ptr<const DocumentState> state) {
    m_state = std::move(state);
    const auto results = resultsWith(*m_state, figureView().statistic).opened;
    const bool sameResults = std::exchange(m_results, results) == results;
    // Rows that come and go leave results as they are.
    if (!sameResults || !hasFigure()) invalidate();
}

void ResultsView::setTheme(const Theme& theme) {
    m_theme = theme;
    invalidate();
}

bool ResultsView::hasFigure() const {
    return m_results && hasView(m_results->results, figureView().name);
}

void ResultsView::invalidate() {
    m_built = false;
    if (isVisible()) build();
}

void ResultsView::showEvent(QShowEvent* event) {
    View::showEvent(event);
    build();
}

void ResultsView::build() {
    if (std::exchange(m_built, true)) return;
    std::shared_ptr<const Figure> made;
    QString trouble;
    if (m_results) try {
            Figure figure = figureOfResults(m_results->results, defaultRecipe());
            m_colors->setAutomatic(colorsOf(figure));
            if (m_colors->chosen() && colorsOf(figure)) showColors(figure, *m_colors->chosen());
            made = std::make_shared<const Figure>(std::move(figure));
        } catch (const Error& error) {
            trouble = QString::fromUtf8(error.what());
        }
    if (!made) m_missing->explain(*m_state, hasFigure() ? trouble : QString());
    m_widget->setFigure(std::move(made));
    m_pages->setCurrentIndex(m_widget->figure() != nullptr ? 1 : 0);
    mark();
}

/// The selection counts the points of the rows that are open, which may be others than those of the results.
void ResultsView::select(AxisKind kind, qint64 id) {
    if (kind == AxisKind::Units) m_selection.selectUnit(UnitIndex{id});
    if (kind != AxisKind::Points || !m_results) return;
    const auto& own = m_results->results.source.info.points;
    const auto& open = m_workspace.points();
    if (open.empty() || id >= static_cast<qint64>(own.size())) return;
    const auto place = std::find(open.begin(), open.end(), own[static_cast<std::size_t>(id)]);
    if (place != open.end()) m_selection.selectPoint(PointIndex{place - open.begin()});
}

/// Whether a row of the results is the same row of the document.
bool ResultsView::isOfOpenRows() const {
    const HeldResults held = resultsWith(*m_state, figureView().statistic);
    return m_state->trace != nullptr && held.trace == m_state->trace;
}

void ResultsView::selectState(qint64 row, int point) {
    if (isOfOpenRows()) m_selection.selectRow(RowIndex{row});
    select(AxisKind::Points, point);
}

void ResultsView::mark() {
    // A view that is not in front may still hold the figure of results that are gone.
    if (!m_built || !m_results || m_widget->figure() == nullptr) return;
    const auto& own = m_results->results.source.info.points;
    const auto& open = m_workspace.points();
    const auto selected = static_cast<std::size_t>(m_selection.point().value());
    std::map<AxisKind, std::int64_t> marks{{AxisKind::Units, m_selection.unit().value()}};
    if (selected < open.size())
        if (const auto place = std::find(own.begin(), own.end(), open[selected]); place != own.end())
            marks[AxisKind::Points] = place - own.begin();
    m_widget->setMarks(std::move(marks));
    m_widget->setMarkedRow(isOfOpenRows() && m_selection.row() ? std::optional(m_selection.row()->value())
                                                               : std::nullopt);
}

std::shared_ptr<const Figure> ResultsView::figure() const {
    if (!hasFigure()) return nullptr;
    if (m_built && m_widget->figure() != nullptr) return std::make_shared<const Figure>(m_widget->shown());
    return std::make_shared<const Figure>(figureOfResults(m_results->results, defaultRecipe()));
}

Recipe ResultsView::defaultRecipe() const {
    Recipe recipe = recipeOf(figureView(), m_theme, m_results.get());
    recipe.options = m_bar->options();
    return recipe;
}

Recipe ResultsView::recipe() const {
    Recipe recipe = defaultRecipe();
    if (const auto shown = figure(); shown && m_colors->chosen() && colorsOf(*shown))
        recipe.colors = m_colors->chosen();
    if (m_built && m_widget->figure() != nullptr)
        recipe.ranges = rangesShown(*m_widget->figure(), m_widget->shown());
    return recipe;
}

}  // namespace rheo
