#include "widgets/views/orbit_view.h"

#include <fmt/format.h>

#include <QAction>
#include <QHeaderView>
#include <QItemSelectionModel>
#include <QLabel>
#include <QLocale>
#include <QSortFilterProxyModel>
#include <QSplitter>
#include <QStackedLayout>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/figure/depth_curves.h"
#include "core/figure/orbit3_figure.h"
#include "core/figure/orbit_figure.h"
#include "core/figure/rotation_figure.h"
#include "widgets/viewmodels/analyses.h"
#include "widgets/viewmodels/workspace.h"
#include "widgets/views/figure_widget.h"
#include "widgets/views/missing_page.h"
#include "widgets/views/option_bar.h"
#include "widgets/views/trajectory_canvas.h"

namespace rheo {

namespace {

constexpr int frameTime = 33;          // milliseconds
constexpr double degreesAFrame = 0.6;  // once around in 20 seconds

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

std::vector<CurveNull> nullsOf(const Results& results) {
    std::vector<CurveNull> nulls;
    for (const CurveNull& null : results.nulls)
        if (null.statistic == "rotation") nulls.push_back(null);
    return nulls;
}

QTableView* makeTable(QSortFilterProxyModel* model) {
    auto* table = new QTableView;
    table->setModel(model);
    table->setSortingEnabled(true);
    table->setSelectionBehavior(QAbstractItemView::SelectRows);
    table->setSelectionMode(QAbstractItemView::ExtendedSelection);
    table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    table->setAlternatingRowColors(true);
    table->setShowGrid(false);
    table->setTabKeyNavigation(false);
    table->verticalHeader()->hide();
    table->horizontalHeader()->setResizeContentsPrecision(20);  // rows that decide how wide a column is
    table->verticalHeader()->setDefaultSectionSize(table->fontMetrics().height() + 6);
    table->setAccessibleName(OrbitView::tr("Units"));
    return table;
}

}  // namespace

OrbitView::OrbitView(const FigureView& figure, Workspace& workspace, Selection& selection, Analyses& analyses)
    : View(figure),
      m_workspace(workspace),
      m_selection(selection),
      m_analyses(analyses),
      m_state(std::make_shared<const DocumentState>()),
      m_theme(lightTheme()),
      m_pages(new QStackedLayout(this)),
      m_missing(new MissingPage(figure, analyses)),
      m_bar(new OptionBar(figure)),
      m_canvas(new TrajectoryCanvas),
      m_sorted(new QSortFilterProxyModel(this)),
      m_table(makeTable(m_sorted)),
      m_histogram(new FigureWidget(workspace.jobs())),
      m_turn(new QAction(tr("Turn"), this)) {
    m_sorted->setSourceModel(&m_units);
    m_sorted->setSortRole(UnitTableModel::valueRole);
    m_turn->setCheckable(true);
    m_turn->setShortcut(QKeySequence("R"));
    m_turn->setShortcutContext(Qt::WidgetWithChildrenShortcut);
    m_turn->setToolTip(tr("Turn the picture, once around in 20 seconds (R)"));
    addAction(m_turn);
    auto* turn = new QToolButton;
    turn->setDefaultAction(m_turn);
    m_bar->add(turn);

    auto* beside = new QSplitter(Qt::Vertical);
    beside->addWidget(m_table);
    beside->addWidget(m_histogram);
    beside->setStretchFactor(0, 3);
    beside->setStretchFactor(1, 2);
    beside->setChildrenCollapsible(false);
    // Less than its parts ask for, so that a narrow window does not lay the canvas over them.
    m_histogram->setMinimumWidth(120);
    beside->setMinimumWidth(130);
    auto* parts = new QSplitter(Qt::Horizontal);
    parts->addWidget(m_canvas);
    parts->addWidget(beside);
    parts->setStretchFactor(0, 3);
    parts->setStretchFactor(1, 2);
    auto* drawn = new QWidget;
    auto* layout = new QVBoxLayout(drawn);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_bar);
    layout->addWidget(parts, 1);
    m_pages->addWidget(m_missing);
    m_pages->addWidget(drawn);
    m_canvas->setAccessibleName(text(figure.title));

    connect(m_turn, &QAction::toggled, this,
            [this](bool on) { on ? m_frames.start(frameTime) : m_frames.stop(); });
    connect(&m_frames, &QTimer::timeout, this, &OrbitView::turn);
    connect(m_bar, &OptionBar::changed, this, [this] {
        draw();
        m_canvas->fitToData();
    });
    connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, [this] {
        if (m_isSelecting) return;
        const auto chosen = units();
        m_isSelecting = true;
        if (!chosen.empty())
            m_selection.selectUnit(UnitIndex{m_sorted->mapToSource(m_table->currentIndex()).row()});
        m_isSelecting = false;
        draw();
        m_canvas->fitToData();
    });
    connect(&m_selection, &Selection::unitChanged, this, &OrbitView::followSelection);
    connect(&m_selection, &Selection::pointChanged, this, &OrbitView::mark);
    connect(m_canvas, &TrajectoryCanvas::rowClicked, this,
            [this](qint64 unit, int point, Qt::KeyboardModifiers) { select(unit, point); });
    connect(m_canvas, &TrajectoryCanvas::hovered, this,
            [this](qint64 unit, int point) { Q_EMIT hovered(unit < 0 ? QString() : describe(unit, point)); });
    m_canvas->setDescriber([this](std::int64_t unit, std::int32_t point) { return describe(unit, point); });
    connect(m_histogram, &FigureWidget::hovered, this, &View::hovered);
    connect(m_missing, &MissingPage::optionsRequested, this, &View::optionsRequested);
    for (auto signal : {&Analyses::changed, &Analyses::choiceChanged})
        connect(&m_analyses, signal, this, [this] {
            if (m_built && !m_isDrawn) invalidate();
        });
}

void OrbitView::setDocument(std::shared_ptr<const DocumentState> state) {
    m_state = std::move(state);
    const auto results = resultsWith(*m_state, figureView().statistic).opened;
    const bool sameResults = std::exchange(m_results, results) == results;
    if (!sameResults || !hasFigure()) invalidate();
}

void OrbitView::setTheme(const Theme& theme) {
    m_theme = theme;
    invalidate();
}

bool OrbitView::hasFigure() const {
    return m_results && hasView(m_results->results, figureView().name);
}

void OrbitView::invalidate() {
    m_built = false;
    if (isVisible()) build();
}

void OrbitView::showEvent(QShowEvent* event) {
    View::showEvent(event);
    build();
    if (m_turn->isChecked()) m_frames.start(frameTime);
}

void OrbitView::hideEvent(QHideEvent* event) {
    m_frames.stop();
    View::hideEvent(event);
}

/// The table, and the unit least like the null where none is selected.
void OrbitView::build() {
    if (std::exchange(m_built, true)) return;
    m_isSelecting = true;
    m_units.setColumns(hasFigure() ? unitColumns(m_results->results) : std::vector<UnitColumn>{});
    m_table->sortByColumn(0, Qt::AscendingOrder);
    m_table->resizeColumnsToContents();
    if (hasFigure()) {
        const RotationResult& rotation = *m_results->results.statistics.get<Rotation>();
        const auto farthest = mostUnlikeNull(rotation, nullsOf(m_results->results), 1);
        if (!farthest.empty()) selectInTable(farthest[0], true);
    }
    m_isSelecting = false;
    if (!hasFigure() || m_canvas->figure()) return draw();
    // The first frame starts OpenGL: it is empty, and what is drawn comes with the next.
    m_pages->setCurrentIndex(1);
    QTimer::singleShot(0, this, &OrbitView::draw);
}

/// Alone, whatever keys are held.
void OrbitView::selectInTable(UnitIndex unit, bool middle) {
    const QModelIndex index = m_sorted->mapFromSource(m_units.index(static_cast<int>(unit.value()), 0));
    m_table->selectionModel()->setCurrentIndex(
        index, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
    m_table->scrollTo(index, middle ? QAbstractItemView::PositionAtCenter : QAbstractItemView::EnsureVisible);
}

std::vector<UnitIndex> OrbitView::units() const {
    std::vector<int> rows;
    for (const QModelIndex& index : m_table->selectionModel()->selectedRows()) rows.push_back(index.row());
    std::sort(rows.begin(), rows.end());
    std::vector<UnitIndex> units;
    for (const int row : rows) units.emplace_back(m_sorted->mapToSource(m_sorted->index(row, 0)).row());
    if (units.size() > mostUnits) units.resize(mostUnits);
    return units;
}

Recipe OrbitView::figureRecipe() const {
    Recipe recipe = recipeOf(figureView(), m_theme, m_results.get());
    std::vector<std::int64_t> numbers;
    for (const UnitIndex unit : units()) numbers.push_back(unit.value());
    recipe.options = m_bar->options({{"units", fmt::format("[{}]", fmt::join(numbers, ","))}});
    return recipe;
}

void OrbitView::draw() {
    if (!m_built) return;
    std::shared_ptr<const Figure> made;
    m_trouble.clear();
    if (hasFigure()) try {
            Recipe recipe = figureRecipe();
            if (m_canvas->figure()) recipe.camera = m_canvas->camera();
            made = std::make_shared<const Figure>(figureOfResults(m_results->results, recipe));
        } catch (const Error& error) {
            m_trouble = QString::fromUtf8(error.what());
        }
    m_isDrawn = made != nullptr;
    if (!made) m_missing->explain(*m_state, m_trouble);
    m_canvas->setFigure(std::move(made));
    m_pages->setCurrentIndex(m_isDrawn ? 1 : 0);
    if (!m_isDrawn) return;
    mark();
    // In an event of its own, so that the window answers in between.
    QTimer::singleShot(0, this, [this] {
        if (m_isDrawn) drawHistogram();
    });
}

/// A ring on each path at the selected point.
void OrbitView::mark() {
    // A view that is not in front may still hold the figure of results that are gone.
    if (!m_built || !m_results || !m_isDrawn) return m_canvas->setOverlay(nullptr);
    const auto& own = m_results->results.source.info.points;
    const auto& open = m_workspace.points();
    const auto selected = static_cast<std::size_t>(m_selection.point().value());
    const auto place = selected < open.size() ? std::find(own.begin(), own.end(), open[selected]) : own.end();
    const auto& plot = std::get<Plot3D>(m_canvas->figure()->panels.front().plot);
    if (place == own.end()) return m_canvas->setOverlay(nullptr);
    Plot3D overlay;
    overlay.axes = plot.axes;
    for (const LineSet3& lines : plot.lines) {
        if (!lines.pickable) continue;
        MarkerSet3 ring;
        for (std::size_t line = 0; line < lines.tags.size(); ++line) {
            const auto at = lines.xyz.begin() + 3 * (lines.offsets[line] + (place - own.begin()));
            ring.xyz.insert(ring.xyz.end(), at, at + 3);
            ring.tags.push_back(lines.tags[line]);
        }
        ring.color = m_theme.selected;
        ring.shape = MarkerShape::Ring;
        ring.size = lines.tags.size() > 1 ? 5 : 8;
        ring.pickable = false;
        ring.layer = 3;
        overlay.markers.push_back(std::move(ring));
    }
    m_canvas->setOverlay(std::make_shared<const Plot3D>(std::move(overlay)));
}

/// Of the turning of rows, with the units that are drawn as upright lines.
void OrbitView::drawHistogram() {
    const RotationResult& rotation = *m_results->results.statistics.get<Rotation>();
    Figure all = rotationFigure(rotation, nullsOf(m_results->results), m_theme);
    Figure shown;
    shown.theme = m_theme;
    shown.panels.push_back(std::move(all.panels.front()));
    auto& plot = std::get<CurvePlot>(shown.panels.front().plot);
    // In the whole figure another panel has the legend. A dashed line is the mean of a null.
    auto dashed = plot.curves.begin();
    for (const CurveNull& null : nullsOf(m_results->results)) {
        if (null.dataset != "turning") continue;
        dashed = std::find_if(dashed, plot.curves.end(),
                              [](const Curve& curve) { return curve.style.dash == Dash::Dashed; });
        if (dashed != plot.curves.end()) (dashed++)->name = nullLabel(null.null);
    }
    const auto drawn = units();
    for (std::size_t i = 0; i < drawn.size(); ++i) {
        const double turning = rotation.turning[drawn[i].value()];
        Curve line;
        line.name = tr("unit %1").arg(drawn[i].value()).toStdString();
        line.x = {turning, turning};
        line.y = {plot.y.low, plot.y.high};
        line.color = drawn.size() > 1 ? m_theme.series[i % m_theme.series.size()] : m_theme.selected;
        line.style.width = 2;
        if (!std::isnan(turning)) plot.curves.push_back(std::move(line));
    }
    m_histogram->setFigure(std::make_shared<const Figure>(std::move(shown)), false);
}

/// A unit that was selected elsewhere.
void OrbitView::followSelection() {
    const auto unit = m_selection.unit().value();
    if (m_isSelecting || !m_built || !m_isDrawn || unit < 0 || unit >= m_units.rowCount()) return;
    const QModelIndex index = m_sorted->mapFromSource(m_units.index(static_cast<int>(unit), 0));
    if (m_table->selectionModel()->isRowSelected(index.row())) return;
    m_isSelecting = true;
    selectInTable(m_selection.unit(), false);
    m_isSelecting = false;
    draw();
    m_canvas->fitToData();
}

void OrbitView::select(std::int64_t unit, int point) {
    m_isSelecting = true;
    m_selection.selectUnit(UnitIndex{unit});
    m_isSelecting = false;
    const auto& own = m_results->results.source.info.points;
    const auto& open = m_workspace.points();
    if (point < 0 || point >= static_cast<int>(own.size())) return;
    const auto place = std::find(open.begin(), open.end(), own[static_cast<std::size_t>(point)]);
    if (place != open.end()) m_selection.selectPoint(PointIndex{place - open.begin()});
}

QString OrbitView::describe(std::int64_t unit, std::int32_t point) const {
    const auto& points = m_results->results.source.info.points;
    const RotationResult& rotation = *m_results->results.statistics.get<Rotation>();
    if (unit < 0 || unit >= rotation.meanPath.cols() || point < 0 ||
        point >= static_cast<std::int32_t>(points.size()))
        return {};
    const OrbitPath mean = meanOrbit(rotation, UnitIndex{unit});
    const auto at = static_cast<std::size_t>(point);
    const auto number = [](double value) { return QLocale().toString(value, 'g', 4); };
    return tr("unit %1 at %2: mean activation %3, gradient %4")
        .arg(unit)
        .arg(QString::fromStdString(pointName(points[at])), number(mean.activation[at]),
             number(mean.gradient[at]));
}

void OrbitView::turn() {
    if (!m_isDrawn) return;
    Camera camera = m_canvas->camera();
    camera.azimuth = std::fmod(camera.azimuth + degreesAFrame, 360);
    m_canvas->setCamera(camera);
}

std::shared_ptr<const Figure> OrbitView::figure() const {
    if (!hasFigure()) return nullptr;
    Recipe made = recipe();
    return std::make_shared<const Figure>(figureOfResults(m_results->results, made));
}

Recipe OrbitView::recipe() const {
    Recipe recipe = figureRecipe();
    if (m_isDrawn) recipe.camera = m_canvas->camera();
    return recipe;
}

bool OrbitView::explainsItself() const {
    return !m_built || m_pages->currentIndex() == 0;
}

QSize OrbitView::pictureSize() const {
    return m_canvas->size();
}

}  // namespace rheo
