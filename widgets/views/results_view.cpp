#include "widgets/views/results_view.h"

#include <QStackedLayout>
#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/figure/ranges.h"
#include "widgets/viewmodels/analyses.h"

namespace rheo {

namespace {

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

}  // namespace

ResultsView::ResultsView(const FigureView& figure, Analyses& analyses)
    : View(figure),
      m_analyses(analyses),
      m_state(std::make_shared<const DocumentState>()),
      m_theme(lightTheme()),
      m_pages(new QStackedLayout(this)),
      m_widget(new FigureWidget),
      m_missing(new MissingPage(figure, analyses)) {
    m_pages->addWidget(m_missing);
    m_pages->addWidget(m_widget);
    m_widget->setAccessibleName(text(figure.title));
    connect(m_widget, &FigureWidget::hovered, this, &View::hovered);
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
    if (!m_results) return false;
    const auto there = viewsOf(m_results->results);
    return std::any_of(there.begin(), there.end(),
                       [&](const auto& view) { return view.name == figureView().name; });
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
            made = std::make_shared<const Figure>(figureOfResults(m_results->results, defaultRecipe()));
        } catch (const Error& error) {
            trouble = QString::fromUtf8(error.what());
        }
    if (!made) m_missing->explain(*m_state, hasFigure() ? trouble : QString());
    m_widget->setFigure(std::move(made));
    m_pages->setCurrentIndex(m_widget->figure() != nullptr ? 1 : 0);
}

std::shared_ptr<const Figure> ResultsView::figure() const {
    if (!hasFigure()) return nullptr;
    if (m_built && m_widget->figure() != nullptr) return std::make_shared<const Figure>(m_widget->shown());
    return std::make_shared<const Figure>(figureOfResults(m_results->results, defaultRecipe()));
}

Recipe ResultsView::defaultRecipe() const {
    Recipe recipe;
    recipe.view = figureView().name;
    recipe.theme = m_theme.dark ? "dark" : "light";
    recipe.widthMm = figureView().widthMm;
    recipe.heightMm = figureView().heightMm;
    if (m_results && !m_results->path.empty()) recipe.sources = {{"results", m_results->path.string(), ""}};
    return recipe;
}

Recipe ResultsView::recipe() const {
    Recipe recipe = defaultRecipe();
    if (m_built && m_widget->figure() != nullptr)
        recipe.ranges = rangesShown(*m_widget->figure(), m_widget->shown());
    return recipe;
}

}  // namespace rheo
