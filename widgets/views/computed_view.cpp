#include "widgets/views/computed_view.h"

#include <QLabel>
#include <QPushButton>
#include <QStackedLayout>
#include <QTimer>
#include <QVBoxLayout>

#include "core/base/error.h"
#include "core/figure/ranges.h"
#include "widgets/views/figure_widget.h"
#include "widgets/views/option_bar.h"

namespace rheo {

std::vector<std::string> piecesOf(const LoadedModel& loaded, const std::vector<std::int32_t>& ids) {
    std::vector<std::string> pieces;
    for (const auto id : ids)
        pieces.push_back(loaded.tokenizer ? loaded.tokenizer->pieceText(id) : '#' + std::to_string(id));
    return pieces;
}

ComputedView::ComputedView(const FigureView& figure, const ViewContext& context, const QString& startText)
    : View(figure),
      m_workspace(context.workspace),
      m_selection(context.selection),
      m_laboratory(context.laboratory),
      m_theme(lightTheme()),
      m_startText(startText),
      m_form(new QVBoxLayout),
      m_bar(new OptionBar(figure)),
      m_start(new QPushButton(startText)),
      m_text(new QLabel),
      m_pages(new QStackedLayout),
      m_widget(new FigureWidget(context.workspace.jobs())) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    m_form->setContentsMargins(8, 0, 8, 6);
    m_form->setSpacing(4);
    m_text->setWordWrap(true);
    m_text->setAlignment(Qt::AlignCenter);
    m_text->setMargin(30);
    m_start->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    m_start->setMinimumWidth(m_start->fontMetrics().horizontalAdvance(startText) + 40);
    m_bar->append(m_start);
    layout->addWidget(m_bar);
    layout->addLayout(m_form);
    layout->addLayout(m_pages, 1);
    m_pages->addWidget(m_text);
    m_pages->addWidget(m_widget);
    m_widget->setAccessibleName(title());
    connect(m_start, &QPushButton::clicked, this, &ComputedView::startOrStop);
    connect(m_bar, &OptionBar::changed, this, &ComputedView::refresh);
    connect(m_widget, &FigureWidget::hovered, this, &View::hovered);
    // A click names both axes, one after the other.
    connect(m_widget, &FigureWidget::idClicked, this, [this](AxisKind kind, qint64 id) {
        if (m_clicked.empty()) QTimer::singleShot(0, this, [this] { clicked(std::exchange(m_clicked, {})); });
        m_clicked[kind] = id;
    });
    for (auto signal : {&Workspace::modelChanged, &Workspace::documentReplaced})
        connect(&m_workspace, signal, this, [this] {
            cancel();
            forget();
            refresh();
        });
}

QString ComputedView::whyNot() const {
    return m_workspace.model()
               ? QString()
               : tr("This needs the model: open its folder (Ctrl+M), or attach it to the trace.");
}

void ComputedView::setDocument(std::shared_ptr<const DocumentState>) {
    refresh();
}

void ComputedView::setTheme(const Theme& theme) {
    m_theme = theme;
    refresh();
}

bool ComputedView::hasFigure() const {
    return m_widget->figure() != nullptr;
}

std::shared_ptr<const Figure> ComputedView::figure() const {
    return hasFigure() ? std::make_shared<const Figure>(m_widget->shown()) : nullptr;
}

QSize ComputedView::pictureSize() const {
    return m_widget->size();
}

Recipe ComputedView::recipe() const {
    Recipe recipe = recipeOf(figureView(), m_theme, nullptr);
    recipe.options = m_bar->options(moreOptions());
    if (m_widget->figure() != nullptr) recipe.ranges = rangesShown(*m_widget->figure(), m_widget->shown());
    return recipe;
}

void ComputedView::startOrStop() {
    if (isRunning()) {
        cancel();
        return refresh();
    }
    if (whyNot().isEmpty()) compute();
}

void ComputedView::cancel() {
    ++m_runs;
    m_workspace.jobs().cancel(std::exchange(m_job, JobId{}));
}

void ComputedView::refresh() {
    const QString why = whyNot();
    m_start->setText(isRunning() ? tr("Stop") : m_startText);
    m_start->setEnabled(isRunning() || why.isEmpty());
    m_text->setText(why.isEmpty() ? QString::fromUtf8(figureView().shows.data(),
                                                      static_cast<qsizetype>(figureView().shows.size()))
                                  : why);
    try {
        m_widget->setFigure(makeFigure(recipe()));
    } catch (const Error& error) {
        m_widget->setFigure(nullptr);
        m_text->setText(QString::fromUtf8(error.what()));
    }
    m_pages->setCurrentIndex(hasFigure() ? 1 : 0);
    if (std::exchange(m_wasDrawn, hasFigure()) != hasFigure()) Q_EMIT statusChanged();
}

}  // namespace rheo
