#include "widgets/views/compare_view.h"

#include <QAction>
#include <QCheckBox>
#include <QComboBox>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QJsonArray>
#include <QJsonDocument>
#include <QLabel>
#include <QPushButton>
#include <QSignalBlocker>
#include <QStackedLayout>
#include <QTabBar>
#include <QToolButton>
#include <QTreeWidget>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/base/error.h"
#include "core/compare/depth_match.h"
#include "core/compare/verdict_table.h"
#include "core/figure/comparison_figure.h"
#include "core/session/opened_results.h"
#include "core/session/training_view.h"
#include "core/session/verdict_text.h"
#include "widgets/viewmodels/shell_line.h"
#include "widgets/views/figure_widget.h"
#include "widgets/views/trajectory_canvas.h"

namespace rheo {

namespace {

/// The pages, and the figure that each exports.
struct PageRow {
    const char* label;
    const char* view;
    const char* tooltip;
    Figure (*figure)(const ComparisonFile& file, const Recipe& recipe);
};
constexpr std::array pageRows{
    PageRow{QT_TRANSLATE_NOOP("rheo::CompareView", "Paths"), pathsView,
            QT_TRANSLATE_NOOP("rheo::CompareView", "The paths of all sources side by side"), figureOfPaths},
    PageRow{QT_TRANSLATE_NOOP("rheo::CompareView", "CKA"), ckaView,
            QT_TRANSLATE_NOOP("rheo::CompareView",
                              "How similar the geometry of the rows is, for all pairs of depths"),
            figureOfCka},
    PageRow{QT_TRANSLATE_NOOP("rheo::CompareView", "Differences"), differenceView,
            QT_TRANSLATE_NOOP("rheo::CompareView", "Curves of the other source minus those of the first"),
            figureOfDifference},
    PageRow{QT_TRANSLATE_NOOP("rheo::CompareView", "Verdicts"), comparedVerdictsView,
            QT_TRANSLATE_NOOP("rheo::CompareView", "The published findings of all sources in one table"),
            figureOfComparedVerdicts},
    PageRow{QT_TRANSLATE_NOOP("rheo::CompareView", "Training"), trainingView,
            QT_TRANSLATE_NOOP("rheo::CompareView",
                              "Curves and findings of training checkpoints against their steps"),
            figureOfTraining}};

/// What a file that was chosen holds.
struct Chosen {
    std::optional<OpenedSource> source;
    std::shared_ptr<const ComparisonFile> made;  ///< it is a comparison
};

QComboBox* makeList(const QString& name, const QString& tooltip) {
    auto* list = new QComboBox;
    list->setAccessibleName(name);
    list->setToolTip(tooltip);
    return list;
}

QString verdictCell(const Verdict* verdict) {
    if (verdict == nullptr) return QStringLiteral("–");
    const QString kind = QString::fromStdString(verdictInWords(verdict->verdict));
    if (std::isnan(verdict->observed)) return kind;
    return QStringLiteral("%1, %2 [%3, %4]")
        .arg(kind, QString::fromStdString(numberInWords(verdict->observed)),
             QString::fromStdString(numberInWords(verdict->interval.low)),
             QString::fromStdString(numberInWords(verdict->interval.high)));
}

std::string hashOf(const OpenedSource& source) {
    return source.trace ? source.trace->sourceHash() : source.of ? source.of->hash : std::string();
}

}  // namespace

CompareView::CompareView(const FigureView& figure, const ViewContext& context)
    : View(figure),
      m_workspace(context.workspace),
      m_selection(context.selection),
      m_state(std::make_shared<const DocumentState>()),
      m_theme(lightTheme()),
      m_add(new QAction(tr("Compare &with…"), this)),
      m_tabs(new QTabBar),
      m_sourceRow(new QHBoxLayout),
      m_canvasGrid(new QGridLayout),
      m_alignment(makeList(tr("Coordinates of the paths"),
                           tr("Own: each source in its own components. One: all in the components of the "
                              "first. Pooled: all in the components of all sources together. Procrustes: "
                              "each in its own, rotated onto the first."))),
      m_other(makeList(tr("Compared with the first"), tr("The source that is compared with the first"))),
      m_value(makeList(
          tr("Values of the map"),
          tr("All values; only values above those of shuffled samples; or the values of shuffled samples"))),
      m_statistic(makeList(tr("Statistic"), tr("Whose curves are subtracted"))),
      m_trend(makeList(tr("Against the training step"), tr("What is drawn against the training step"))),
      m_link(new QCheckBox(tr("Link cameras"))),
      m_start(new QPushButton(tr("Compare"))),
      m_text(new QLabel),
      m_note(new QLabel),
      m_canvasPage(new QWidget),
      m_cka(new FigureWidget(m_workspace.jobs())),
      m_difference(new FigureWidget(m_workspace.jobs())),
      m_training(new FigureWidget(m_workspace.jobs())),
      m_verdicts(new QTreeWidget),
      m_pages(new QStackedLayout) {
    m_add->setObjectName("compareWith");
    m_add->setStatusTip(tr("Compare the open data with another trace, results or a report"));
    connect(m_add, &QAction::triggered, this, &CompareView::askSource);
    for (const PageRow& row : pageRows) {
        const int tab = m_tabs->addTab(tr(row.label));
        m_tabs->setTabToolTip(tab, tr(row.tooltip));
    }
    m_tabs->setDrawBase(false);
    m_tabs->setAccessibleName(tr("What is compared"));
    using Choice = std::pair<QString, const char*>;
    const std::array alignments{Choice{tr("Automatic"), ""}, Choice{tr("Each its own basis"), "own"},
                                Choice{tr("One basis"), "one"}, Choice{tr("Pooled basis"), "pooled"},
                                Choice{tr("Procrustes"), "procrustes"}};
    for (const auto& [name, key] : alignments) m_alignment->addItem(name, key);
    const std::array values{Choice{tr("CKA"), "cka"}, Choice{tr("Beyond shuffled samples"), "beyond"},
                            Choice{tr("Shuffled samples, 97.5 %"), "null"}};
    for (const auto& [name, key] : values) m_value->addItem(name, key);
    m_link->setChecked(true);
    m_link->setToolTip(tr("Turn and zoom all pictures together"));
    m_start->setToolTip(tr("Computes paths, CKA, differences and their nulls, in the background"));
    m_text->setWordWrap(true);
    m_text->setAlignment(Qt::AlignCenter);
    m_text->setMargin(30);
    m_note->setWordWrap(true);
    m_note->setMargin(4);
    m_cka->setAccessibleName(tr("Similarity of depths"));
    m_difference->setAccessibleName(tr("Differences by depth"));
    m_training->setAccessibleName(tr("Against the training step"));
    m_verdicts->setAccessibleName(tr("Verdicts of all sources"));
    m_verdicts->setRootIsDecorated(false);
    m_verdicts->setAlternatingRowColors(true);

    auto* add = new QToolButton;
    add->setDefaultAction(m_add);
    add->setToolTip(m_add->statusTip());
    m_sourceRow->setSpacing(4);
    auto* sources = new QHBoxLayout;
    sources->setContentsMargins(8, 4, 8, 0);
    sources->addLayout(m_sourceRow);
    sources->addStretch(1);
    auto* top = new QHBoxLayout;
    top->setSpacing(8);
    top->setContentsMargins(8, 4, 8, 4);
    top->addWidget(add);
    top->addStretch(1);
    top->addWidget(m_alignment);
    top->addWidget(m_start);
    auto* choices = new QHBoxLayout;
    choices->setContentsMargins(8, 0, 8, 2);
    choices->addWidget(m_tabs);
    choices->addStretch(1);
    for (QWidget* widget : std::initializer_list<QWidget*>{m_other, m_value, m_statistic, m_trend, m_link})
        choices->addWidget(widget);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(sources);
    layout->addLayout(top);
    layout->addLayout(choices);
    layout->addLayout(m_pages, 1);
    layout->addWidget(m_note);
    m_canvasGrid->setContentsMargins(0, 0, 0, 0);
    m_canvasGrid->setSpacing(2);
    m_canvasPage->setLayout(m_canvasGrid);
    m_canvasPage->installEventFilter(this);
    for (QWidget* widget :
         std::initializer_list<QWidget*>{m_text, m_canvasPage, m_cka, m_difference, m_verdicts, m_training})
        m_pages->addWidget(widget);

    connect(m_start, &QPushButton::clicked, this, &CompareView::startOrStop);
    connect(m_tabs, &QTabBar::currentChanged, this, &CompareView::refresh);
    for (QComboBox* list : {m_other, m_value, m_statistic, m_trend})
        connect(list, &QComboBox::currentIndexChanged, this, &CompareView::draw);
    connect(m_link, &QCheckBox::toggled, this, [this](bool on) {
        if (on && !m_canvases.empty()) followCamera(m_canvases.front());
    });
    for (FigureWidget* widget : {m_cka, m_difference, m_training})
        connect(widget, &FigureWidget::hovered, this, &View::hovered);
    // A click on the map names the depth of the first source, and then that of the other (drawFigure).
    connect(m_cka, &FigureWidget::idClicked, this, [this](AxisKind kind, qint64 id) {
        if (kind == AxisKind::Points) return clickCka(id, -1);
        m_otherPoint = id;
        draw();
    });
    connect(m_difference, &FigureWidget::idClicked, this, [this](AxisKind kind, qint64 id) {
        if (kind == AxisKind::Points) clickCka(id, -1);
    });
    connect(&m_selection, &Selection::rowsChanged, this, [this] {
        if (page() == Paths) draw();
    });
    connect(&m_selection, &Selection::pointChanged, this, &CompareView::draw);
    connect(&m_workspace, &Workspace::documentReplaced, this, &CompareView::forget);
    listSources();
    refresh();
}

// ---- sources ------------------------------------------------------------------------------------------

OpenedSource CompareView::openDocument() const {
    OpenedSource source;
    source.trace = m_state->trace;
    source.path = source.tracePath = traceFileOf(*m_state);
    source.name = QFileInfo(m_workspace.title()).fileName().toStdString();
    if (source.name.empty()) source.name = tr("what is open").toStdString();
    for (const char* ending : {".h5", ".rheo"})
        if (source.name.ends_with(ending))
            source.name.resize(source.name.size() - std::string(ending).size());
    if (m_state->results) {
        source.verdicts = verdictsOf(m_state->results->results);
        source.of = m_state->results->results.source;
    }
    return source;
}

void CompareView::askSource() {
    const QString path =
        QFileDialog::getOpenFileName(this, tr("Compare with"), QString(),
                                     tr("Traces, results and comparisons (*.h5 *.hdf5);;All files (*)"));
    if (!path.isEmpty()) addSource(path);
}

void CompareView::addSource(const QString& path) {
    const QString title = tr("Open %1").arg(QFileInfo(path).fileName());
    m_opening = m_workspace.jobs().submit(
        {Lane::Io, title},
        [file = path.toStdString()](Progress& progress) {
            Chosen chosen;
            if (isComparisonFile(file))
                chosen.made = std::make_shared<const ComparisonFile>(readComparisonFile(file));
            else
                chosen.source = openSource(file, progress);
            return chosen;
        },
        this,
        [this, title, path](auto outcome) {
            m_opening = {};
            m_workspace.use(title, outcome, [&](Chosen chosen) {
                if (chosen.source) return useSource(std::move(*chosen.source));
                m_others.clear();
                use(std::move(chosen.made), false);
                m_madeFile = path;
            });
        });
}

void CompareView::useSource(OpenedSource source) {
    m_others.push_back(std::move(source));
    m_made = nullptr;
    m_madeFile.clear();
    listSources();
    refresh();
    Q_EMIT statusChanged();
}

void CompareView::removeSource(int i) {
    if (i < 1 || static_cast<std::size_t>(i) > m_others.size()) return;
    m_others.erase(m_others.begin() + i - 1);
    m_made = nullptr;
    listSources();
    refresh();
    Q_EMIT statusChanged();
}

QStringList CompareView::sourceNames() const {
    QStringList names;
    if (m_made && !m_ofOpenRows) {
        for (const auto& source : m_made->sources) names << QString::fromStdString(source.name);
        return names;
    }
    std::vector<OpenedSource> all{openDocument()};
    all.insert(all.end(), m_others.begin(), m_others.end());
    nameApart(all);
    for (const auto& source : all) names << QString::fromStdString(source.name);
    return names;
}

/// A label for each, with a button that takes it away.
void CompareView::listSources() {
    while (QLayoutItem* item = m_sourceRow->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    const QStringList names = sourceNames();
    const bool saved = m_made && !m_ofOpenRows;
    if (!saved && !m_state->trace && m_others.empty()) return;
    for (int i = 0; i < names.size(); ++i) {
        auto* label = new QLabel(i == 0 ? names[i] : tr(" and %1").arg(names[i]));
        label->setMaximumWidth(220);
        m_sourceRow->addWidget(label);
        if (i == 0 || saved) continue;
        auto* remove = new QToolButton;
        remove->setText(QStringLiteral("×"));
        remove->setAutoRaise(true);
        remove->setToolTip(tr("Do not compare with %1").arg(names[i]));
        remove->setAccessibleName(remove->toolTip());
        connect(
            remove, &QToolButton::clicked, this, [this, i] { removeSource(i); }, Qt::QueuedConnection);
        m_sourceRow->addWidget(remove);
    }
}

// ---- computing ----------------------------------------------------------------------------------------

QString CompareView::whyNot() const {
    if (!m_state->trace && !m_state->results) return tr("Open a trace first: it is compared with others.");
    if (m_others.empty()) return tr("Choose what to compare with: “Compare with…” above.");
    return {};
}

/// The cheap ones, and those that the results of the document hold, but for what takes minutes.
QStringList CompareView::statistics() const {
    QStringList names = QString::fromStdString(usualComparedStatistics()).split(',');
    if (m_state->results)
        forEachSwept([&]<class S>() {
            const QString name =
                QString::fromUtf8(S::info.name.data(), static_cast<qsizetype>(S::info.name.size()));
            if (S::info.cost != CostClass::Slow && m_state->results->results.statistics.get<S>() &&
                !names.contains(name))
                names << name;
        });
    return names;
}

void CompareView::startOrStop() {
    if (isRunning()) {
        stop();
        return refresh();
    }
    if (!whyNot().isEmpty()) return;
    std::vector<OpenedSource> sources{openDocument()};
    sources.insert(sources.end(), m_others.begin(), m_others.end());
    nameApart(sources);
    CompareRequest request;
    request.alignment = parseAlignment(m_alignment->currentData().toString().toStdString());
    for (const QString& name : statistics()) request.choice.statistics.push_back(name.toStdString());
    const QString title = tr("Compare %1").arg(sourceNames().join(tr(" and ")));
    const quint64 run = ++m_runs;
    m_job = m_workspace.remember(m_workspace.jobs().submit(
        {Lane::Analysis, title},
        [sources, request](Progress& progress) {
            return std::make_shared<const ComparisonFile>(runComparison(sources, request, progress));
        },
        this,
        [this, run, title](auto outcome) {
            if (run != m_runs) return;
            m_job = {};
            m_workspace.use(title, outcome, [&](auto made) { use(std::move(made), true); });
            refresh();
        }));
    refresh();
}

/// What it still gives is not looked at.
void CompareView::stop() {
    ++m_runs;
    m_workspace.jobs().cancel(std::exchange(m_job, JobId{}));
}

void CompareView::use(std::shared_ptr<const ComparisonFile> made, bool ofOpenRows) {
    m_made = std::move(made);
    m_ofOpenRows = ofOpenRows;
    m_madeFile.clear();
    m_otherPoint = -1;
    for (TrajectoryCanvas* canvas : m_canvases) delete canvas->parentWidget();
    m_canvases.clear();
    const QSignalBlocker quietOther(m_other), quietStatistic(m_statistic), quietTrend(m_trend);
    const QString before = std::exchange(m_wantedStatistic, {}), other = std::exchange(m_wantedOther, {});
    const QString statistic = before.isEmpty() ? m_statistic->currentText() : before;
    const QString trend = m_trend->currentText();
    m_other->clear();
    m_statistic->clear();
    m_trend->clear();
    if (std::any_of(m_made->sources.begin(), m_made->sources.end(),
                    [](const auto& source) { return !source.verdicts.empty(); }))
        m_trend->addItem(tr("verdicts"), "verdicts");
    for (std::size_t i = 1; i < m_made->sources.size(); ++i)
        m_other->addItem(QString::fromStdString(m_made->sources[i].name), static_cast<int>(i));
    if (!m_made->comparison.pairs.empty())
        for (const auto& name : statisticsOf(m_made->comparison.pairs.front().differences))
            for (QComboBox* list : {m_statistic, m_trend})
                list->addItem(QString::fromStdString(name), QString::fromStdString(name));
    m_other->setCurrentIndex(std::max(0, m_other->findText(other)));
    m_statistic->setCurrentIndex(std::max(0, m_statistic->findText(statistic)));
    m_trend->setCurrentIndex(std::max(0, m_trend->findText(trend)));
    listSources();
    fillVerdicts();
    if (!m_made->hasStates()) m_tabs->setCurrentIndex(Verdicts);
    refresh();
    Q_EMIT statusChanged();
}

void CompareView::forget() {
    stop();
    m_others.clear();
    m_missing.clear();
    m_made = nullptr;
    m_madeFile.clear();
    listSources();
    refresh();
}

// ---- what is shown ------------------------------------------------------------------------------------

CompareView::Page CompareView::page() const {
    return static_cast<Page>(std::max(0, m_tabs->currentIndex()));
}

void CompareView::showPage(Page page) {
    m_tabs->setCurrentIndex(page);
}

void CompareView::setDocument(std::shared_ptr<const DocumentState> state) {
    const bool otherRows = m_state->trace != state->trace;
    m_state = std::move(state);
    if (otherRows) {
        // A comparison of the rows there were.
        stop();
        if (m_ofOpenRows) m_made = nullptr;
        listSources();
    }
    refresh();
}

void CompareView::setTheme(const Theme& theme) {
    m_theme = theme;
    draw();
}

void CompareView::showEvent(QShowEvent* event) {
    View::showEvent(event);
    draw();
}

void CompareView::refresh() {
    const QString why = whyNot();
    m_start->setText(isRunning() ? tr("Stop") : tr("Compare"));
    m_start->setEnabled(isRunning() || why.isEmpty());
    const Page shown = page();
    m_other->setVisible(m_made && m_other->count() > 1 && (shown == Cka || shown == Differences));
    m_value->setVisible(m_made && shown == Cka);
    m_statistic->setVisible(m_made && shown == Differences);
    m_trend->setVisible(m_made && shown == Training && m_trend->count() > 0);
    m_link->setVisible(m_made && shown == Paths);
    m_note->hide();
    m_pages->setCurrentIndex(m_made ? 1 + static_cast<int>(shown) : 0);
    if (!m_made) {
        QStringList text{
            tr("Compare two or more sources: trained and untrained, base and instruct, two prompt sets. You "
               "see their paths side by side, how similar the geometry of the rows is for all pairs of "
               "depths (CKA), where their curves differ, and the verdicts of all in one table; each beside "
               "the values for shuffled or resampled samples.")};
        text += m_missing;
        text << (isRunning() ? tr("It is being computed.") : why.isEmpty() ? tr("Press “Compare”.") : why);
        m_text->setText(text.join("\n\n"));
    }
    draw();
}

Recipe CompareView::recipeOf(Page page) const {
    Recipe recipe = rheo::recipeOf(figureView(), m_theme, nullptr);
    recipe.view = pageRows[page].view;
    for (const FigureView& view : figureViewsOfFiles())
        if (view.name == recipe.view) {
            recipe.widthMm = view.widthMm;
            recipe.heightMm = view.heightMm;
        }
    QJsonObject options;
    if (page == Paths) {
        QJsonArray rows, points;
        for (const std::int64_t row : selectedRows()) rows.append(static_cast<qint64>(row));
        for (std::size_t i = 0; m_made && i < m_made->sources.size(); ++i)
            points.append(markedPoint(static_cast<int>(i)));
        if (!rows.isEmpty()) options["rows"] = rows;
        options["points"] = points;
        if (!m_canvases.empty() && m_canvases.front()->figure()) recipe.camera = m_canvases.front()->camera();
    }
    if (page == Cka || page == Differences) options["other"] = std::max(1, m_other->currentData().toInt());
    if (page == Cka) options["value"] = m_value->currentData().toString();
    if (page == Differences && m_statistic->currentIndex() >= 0)
        options["statistic"] = m_statistic->currentText();
    if (page == Training && m_trend->currentIndex() >= 0)
        options["statistic"] = m_trend->currentData().toString();
    recipe.options = QJsonDocument(options).toJson(QJsonDocument::Compact).toStdString();
    if (!m_madeFile.isEmpty()) recipe.sources = {{recipe.view, m_madeFile.toStdString(), ""}};
    return recipe;
}

/// Where depth is marked on the paths of a source: at the selected point of the first, and at the nearest of
/// the others, or that which a click on the map of CKA chose.
qint64 CompareView::markedPoint(int source) const {
    const auto& first = m_made->sources.front().source.info.points;
    const auto& open = m_workspace.points();
    const auto selected = static_cast<std::size_t>(m_selection.point().value());
    if (!m_ofOpenRows || selected >= open.size()) return -1;
    const auto at = std::find(first.begin(), first.end(), open[selected]);
    if (at == first.end()) return -1;
    if (source == 0) return at - first.begin();
    if (m_otherPoint >= 0 && source == std::max(1, m_other->currentData().toInt())) return m_otherPoint;
    const auto& points = m_made->sources[static_cast<std::size_t>(source)].source.info.points;
    return DepthMatch(first, points).nearest()[static_cast<std::size_t>(at - first.begin())];
}

void CompareView::draw() {
    if (!m_made || !isVisible()) return;
    const Page shown = page();
    if (shown == Paths) drawPaths();
    if (shown == Cka) drawFigure(m_cka, recipeOf(Cka));
    if (shown == Differences) drawFigure(m_difference, recipeOf(Differences));
    if (shown == Training) drawFigure(m_training, recipeOf(Training));
}

/// Depths of the other source, across the map, count as tokens on screen, so that they are marked and clicked
/// apart from those of the first.
void CompareView::drawFigure(FigureWidget* widget, const Recipe& recipe) {
    std::shared_ptr<Figure> figure;
    try {
        figure = std::make_shared<Figure>(figureOf(recipe));
    } catch (const Error& error) {
        widget->setEmptyText(QString::fromUtf8(error.what()));
    }
    if (figure && widget == m_cka)
        std::get<HeatmapPlot>(figure->panels.front().plot).x.kind = AxisKind::Tokens;
    widget->setFigure(std::move(figure));
    std::map<AxisKind, std::int64_t> marks;
    if (const qint64 point = markedPoint(0); point >= 0) marks[AxisKind::Points] = point;
    const qint64 other = markedPoint(std::max(1, m_other->currentData().toInt()));
    if (other >= 0 && widget == m_cka) marks[AxisKind::Tokens] = other;
    widget->setMarks(marks);
}

void CompareView::drawPaths() {
    Recipe recipe = recipeOf(Paths);
    recipe.camera.reset();
    Figure whole;
    try {
        whole = figureOfPaths(*m_made, recipe);
    } catch (const Error& error) {
        m_text->setText(QString::fromUtf8(error.what()));
        m_pages->setCurrentIndex(0);
        return;
    }
    const bool isFirst = m_canvases.empty();
    for (std::size_t i = 0; i < whole.panels.size(); ++i) {
        if (isFirst) {
            auto* column = new QWidget;
            auto* layout = new QVBoxLayout(column);
            layout->setContentsMargins(0, 0, 0, 0);
            layout->setSpacing(0);
            auto* title = new QLabel(QString::fromStdString(whole.panels[i].title));
            title->setAlignment(Qt::AlignCenter);
            auto* canvas = new TrajectoryCanvas;
            canvas->setAccessibleName(tr("Paths of %1").arg(title->text()));
            layout->addWidget(title);
            layout->addWidget(canvas, 1);
            m_canvases.push_back(canvas);
            const int source = static_cast<int>(i);
            canvas->setDescriber([this, source](std::int64_t row, std::int32_t point) {
                return describe(source, row, point);
            });
            connect(canvas, &TrajectoryCanvas::cameraChanged, this, [this, canvas] { followCamera(canvas); });
            connect(canvas, &TrajectoryCanvas::rowClicked, this,
                    [this, source](qint64 row, int point, Qt::KeyboardModifiers) {
                        clickRow(source, row, point);
                    });
            connect(canvas, &TrajectoryCanvas::hovered, this, [this, source](qint64 row, int point) {
                Q_EMIT hovered(row < 0 ? QString() : describe(source, row, point));
            });
        }
        Figure one;
        one.theme = whole.theme;
        one.panels.push_back({"", whole.panels[i].plot});
        m_canvases[i]->setFigure(std::make_shared<const Figure>(std::move(one)));
    }
    if (isFirst) arrangeCanvases();
    m_note->setText(QString::fromStdString(whole.note));
    m_note->show();
}

/// In as many columns as make them largest.
void CompareView::arrangeCanvases() {
    const int count = static_cast<int>(m_canvases.size());
    const auto sizeIn = [&](int columns) {
        const int rows = (count + columns - 1) / columns;
        return std::min(m_canvasPage->width() / columns, m_canvasPage->height() * 4 / 3 / rows);
    };
    int columns = 1;
    for (int other = 2; other <= count; ++other)
        if (sizeIn(other) > sizeIn(columns)) columns = other;
    for (int i = 0; i < count; ++i) {
        m_canvasGrid->addWidget(m_canvases[static_cast<std::size_t>(i)]->parentWidget(), i / columns,
                                i % columns);
        m_canvasGrid->setColumnStretch(i, i < columns ? 1 : 0);
        m_canvasGrid->setRowStretch(i, i < (count + columns - 1) / columns ? 1 : 0);
    }
}

bool CompareView::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::Resize && !m_canvases.empty()) arrangeCanvases();
    return View::eventFilter(watched, event);
}

/// With shared coordinates the whole camera; in bases of their own only the direction.
void CompareView::followCamera(TrajectoryCanvas* from) {
    if (m_following || !m_link->isChecked() || !m_made) return;
    m_following = true;
    for (TrajectoryCanvas* canvas : m_canvases) {
        if (canvas == from) continue;
        Camera camera = from->camera();
        if (m_made->comparison.alignment == Alignment::Own) {
            camera.focal = canvas->camera().focal;
            camera.halfHeight = canvas->camera().halfHeight;
        }
        canvas->setCamera(camera);
    }
    m_following = false;
}

void CompareView::fillVerdicts() {
    m_verdicts->clear();
    std::vector<const std::vector<Verdict>*> lists;
    QStringList header{tr("Finding")};
    for (const auto& source : m_made->sources) {
        lists.push_back(&source.verdicts);
        header << QString::fromStdString(source.name);
    }
    header << tr("Compared");
    m_verdicts->setHeaderLabels(header);
    for (const ComparedVerdict& row : compareVerdicts(lists)) {
        QStringList cells{QString::fromStdString(nameInWords(row.key))};
        for (const Verdict* verdict : row.of) cells << verdictCell(verdict);
        QStringList marks;
        if (row.differ) marks << tr("verdicts differ");
        if (row.apart) marks << tr("intervals apart");
        cells << marks.join(", ");
        auto* item = new QTreeWidgetItem(m_verdicts, cells);
        QFont font = item->font(0);
        font.setBold(row.differ);
        for (int i = 0; i < cells.size(); ++i) item->setFont(i, font);
    }
    if (m_verdicts->topLevelItemCount() == 0) {
        auto* none = new QTreeWidgetItem(
            m_verdicts, {tr("None of these sources has verdicts: compare the folders of reports.")});
        none->setFirstColumnSpanned(true);
        return;
    }
    for (int i = 0; i < header.size(); ++i) m_verdicts->resizeColumnToContents(i);
}

// ---- selection ----------------------------------------------------------------------------------------

/// The rows that are selected in the document, as rows of the first source.
std::vector<std::int64_t> CompareView::selectedRows() const {
    std::vector<std::int64_t> rows;
    if (!m_made || !m_ofOpenRows || !m_state->trace) return rows;
    const auto& open = m_state->trace->info().rows;
    const auto& first = m_made->sources.front().source.info.rows;
    std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> places;
    for (std::size_t n = 0; n < first.size(); ++n)
        places[{first[n].sample, first[n].position}] = static_cast<std::int64_t>(n);
    for (const qint64 row : m_selection.rows()) {
        if (row < 0 || row >= static_cast<qint64>(open.size())) continue;
        const TraceRow& at = open[static_cast<std::size_t>(row)];
        if (const auto found = places.find({at.sample, at.position}); found != places.end())
            rows.push_back(found->second);
    }
    return rows;
}

std::optional<qint64> CompareView::documentRow(qint64 row) const {
    const auto& first = m_made->sources.front().source.info.rows;
    if (!m_ofOpenRows || !m_state->trace || row < 0 || row >= static_cast<qint64>(first.size())) return {};
    const auto& open = m_state->trace->info().rows;
    const TraceRow& at = first[static_cast<std::size_t>(row)];
    for (std::size_t n = 0; n < open.size(); ++n)
        if (open[n].sample == at.sample && open[n].position == at.position) return static_cast<qint64>(n);
    return {};
}

void CompareView::clickRow(int source, qint64 row, int point) {
    qint64 ofFirst = source == 0 ? row : -1;
    for (const PairComparison& pair : m_made->comparison.pairs) {
        if (pair.other != source) continue;
        const auto at = std::find(pair.matched.b.begin(), pair.matched.b.end(), row);
        if (at != pair.matched.b.end())
            ofFirst = pair.matched.a[static_cast<std::size_t>(at - pair.matched.b.begin())];
    }
    if (const auto found = documentRow(ofFirst)) m_selection.selectRow(RowIndex{*found});
    if (source == 0 && point >= 0) clickCka(point, -1);
}

/// Selects the depth of the first source, and marks that of the other.
void CompareView::clickCka(qint64 first, qint64 second) {
    m_otherPoint = second;
    const auto& points = m_made->sources.front().source.info.points;
    const auto& open = m_workspace.points();
    if (first >= 0 && first < static_cast<qint64>(points.size()) && m_ofOpenRows) {
        const auto at = std::find(open.begin(), open.end(), points[static_cast<std::size_t>(first)]);
        if (at != open.end()) m_selection.selectPoint(PointIndex{at - open.begin()});
    }
    draw();
}

QString CompareView::describe(int source, qint64 row, int point) const {
    const auto& info = m_made->sources[static_cast<std::size_t>(source)].source.info;
    if (row < 0 || row >= static_cast<qint64>(info.rows.size())) return {};
    const TraceRow& at = info.rows[static_cast<std::size_t>(row)];
    const QString where =
        point >= 0 && point < static_cast<int>(info.points.size())
            ? QString::fromStdString(pointName(info.points[static_cast<std::size_t>(point)]))
            : QString();
    return tr("%1: sample %2, token %3 %4")
        .arg(QString::fromStdString(m_made->sources[static_cast<std::size_t>(source)].name))
        .arg(at.sample)
        .arg(at.position)
        .arg(where)
        .trimmed();
}

// ---- export and session -------------------------------------------------------------------------------

std::shared_ptr<const Figure> CompareView::figure() const {
    if (!m_made) return nullptr;
    return std::make_shared<const Figure>(figureOf(recipe()));
}

Figure CompareView::figureOf(const Recipe& recipe) const {
    const auto row = std::find_if(pageRows.begin(), pageRows.end(),
                                  [&](const PageRow& known) { return recipe.view == known.view; });
    return row->figure(*m_made, recipe);
}

Recipe CompareView::recipe() const {
    return recipeOf(page());
}

QSize CompareView::pictureSize() const {
    return m_pages->currentWidget()->size();
}

std::optional<OwnFile> CompareView::ownFile() const {
    if (!m_made || !m_madeFile.isEmpty()) return std::nullopt;
    return OwnFile{pageRows[page()].view, QStringLiteral(".comparison.h5"),
                   [made = m_made](const std::filesystem::path& file, IfExists ifExists) {
                       writeComparisonFile(file, *made, ifExists);
                   }};
}

QString CompareView::command() const {
    if (!m_made || !m_ofOpenRows) return {};
    QStringList words{"rheo", "compare"};
    const std::string open = traceFileOf(*m_state);
    words << (open.empty() ? QStringLiteral("trace.rheo.h5") : QString::fromStdString(open));
    for (const OpenedSource& other : m_others) words << QString::fromStdString(other.path);
    words << "--stat" << statistics().join(',');
    if (const QString align = m_alignment->currentData().toString(); !align.isEmpty())
        words << "--align" << align;
    words << "--out"
          << "comparison.h5";
    return shellLine(words) + QStringLiteral(" && rheo figure comparison.h5 --view %1 --out figure.svg")
                                  .arg(QLatin1String(pageRows[page()].view));
}

QJsonObject CompareView::keptState() const {
    const auto absolute = [](const QString& path) { return QDir::current().absoluteFilePath(path); };
    QJsonArray sources;
    for (const OpenedSource& other : m_others)
        sources.append(QJsonObject{{"path", absolute(QString::fromStdString(other.path))},
                                   {"hash", QString::fromStdString(hashOf(other))}});
    QJsonObject state{{"sources", sources},
                      {"page", m_tabs->currentIndex()},
                      {"linked", m_link->isChecked()},
                      {"computed", m_made && m_ofOpenRows},
                      {"other", m_other->currentText()},
                      {"statistic", m_statistic->currentText()}};
    if (m_made && !m_ofOpenRows && !m_madeFile.isEmpty()) state["file"] = absolute(m_madeFile);
    return state;
}

/// A comparison of the open rows is computed again, which gives the same numbers; one from a file is opened.
void CompareView::restoreKept(const QJsonObject& state) {
    if (state.isEmpty()) return;
    m_others.clear();
    m_missing.clear();
    m_made = nullptr;
    m_madeFile.clear();
    m_link->setChecked(state["linked"].toBool(true));
    m_tabs->setCurrentIndex(std::clamp(state["page"].toInt(), 0, m_tabs->count() - 1));
    m_wantedOther = state["other"].toString();
    m_wantedStatistic = state["statistic"].toString();
    for (const auto& value : state["sources"].toArray()) {
        const QJsonObject source = value.toObject();
        if (const QString path = source["path"].toString(); !path.isEmpty())
            restoreSource(path, source["hash"].toString(), state["computed"].toBool());
    }
    if (const QString file = state["file"].toString(); !file.isEmpty()) addSource(file);
}

void CompareView::restoreSource(const QString& path, const QString& hash, bool computed) {
    ++m_awaited;
    m_workspace.jobs().submit(
        {Lane::Io, tr("Open %1").arg(QFileInfo(path).fileName())},
        [file = path.toStdString()](Progress& progress) { return openSource(file, progress); }, this,
        [this, path, hash, computed](auto outcome) {
            --m_awaited;
            useOutcome(
                outcome,
                [&](OpenedSource source) {
                    if (hash.toStdString() != hashOf(source))
                        m_missing << tr("%1 has changed since the session was saved.").arg(path);
                    useSource(std::move(source));
                },
                [&](const Failure& failure) {
                    m_missing << tr("It was compared with %1: %2").arg(path, failure.message);
                    refresh();
                });
            if (m_awaited == 0 && computed && m_missing.isEmpty() && !m_made && !isRunning()) startOrStop();
        });
}

}  // namespace rheo
