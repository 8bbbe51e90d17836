#include "widgets/views/trajectory_view.h"

#include <Eigen/Geometry>
#include <QAction>
#include <QJsonArray>
#include <QLabel>
#include <QLocale>
#include <QStackedLayout>
#include <QTimer>
#include <QToolBar>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/figure/row_colors.h"
#include "core/session/capture_run.h"
#include "core/session/opened_results.h"
#include "widgets/paint/readable_text.h"
#include "widgets/viewmodels/analyses.h"
#include "widgets/viewmodels/counted.h"
#include "widgets/viewmodels/far_rows.h"
#include "widgets/viewmodels/fit_rows.h"
#include "widgets/viewmodels/laboratory.h"
#include "widgets/viewmodels/token_context.h"
#include "widgets/views/banner.h"
#include "widgets/views/missing_page.h"
#include "widgets/views/path_options.h"
#include "widgets/views/selection_bar.h"
#include "widgets/views/view_table.h"

namespace rheo {

namespace {

/// The rows that the scores have. The selection is a signal ahead of what is drawn.
std::vector<RowIndex> rowsOf(const QList<qint64>& rows, const Array3F& scores) {
    std::vector<RowIndex> found;
    for (const qint64 row : rows)
        if (row < scores.n0) found.emplace_back(row);
    return found;
}

/// All rows but the hidden ones (ascending); empty where all are shown.
std::vector<RowIndex> shownRows(const QList<qint64>& hidden, const Array3F& scores) {
    std::vector<RowIndex> shown;
    if (hidden.isEmpty()) return shown;
    for (std::int64_t n = 0; n < scores.n0; ++n)
        if (!std::binary_search(hidden.begin(), hidden.end(), n)) shown.emplace_back(n);
    return shown;
}

/// What rows occupy in the components and at the points that are drawn. Empty where none of them is finite.
Eigen::AlignedBox3d boxOfRows(const std::vector<RowIndex>& rows, const Array3F& scores,
                              const TrajectoryOptions& options) {
    Eigen::AlignedBox3d box;
    const auto& axes = options.components;
    const std::int64_t last = options.lastPoint ? options.lastPoint->value() : scores.n1 - 1;
    for (const RowIndex row : rows)
        for (std::int64_t p = options.firstPoint.value(); p <= last; ++p) {
            const float* z = scores.at(row.value(), p);
            const Eigen::Vector3d at(z[axes[0]], z[axes[1]], z[axes[2]]);
            if (at.allFinite()) box.extend(at);
        }
    return box;
}

}  // namespace

TrajectoryView::TrajectoryView(const FigureView& figure, const ViewContext& context)
    : View(figure),
      m_workspace(context.workspace),
      m_selection(context.selection),
      m_teleport(context.teleport),
      m_held(context.held),
      m_comparison(context.comparison),
      m_laboratory(context.laboratory),
      m_facts(context.workspace),
      m_surprise(context.workspace),
      m_along(context.workspace),
      m_pages(new QStackedLayout(this)),
      m_missing(new MissingPage(figure, context.analyses)),
      m_canvas(new TrajectoryCanvas),
      m_fit(new QAction(tr("&Fit the PCA to all rows"), this)),
      m_colors(new RowColorList),
      m_options(new PathOptions(figure)),
      m_hint(new QLabel),
      m_state(context.workspace.state()),
      m_theme(lightTheme()) {
    // While the first file is chosen and read.
    QTimer::singleShot(0, m_canvas, &VtkViewport::getReady);
    m_fit->setShortcut(QKeySequence("Ctrl+R"));
    connect(m_fit, &QAction::triggered, this, [this] { fitBasis(m_workspace); });
    auto* bar = new QToolBar;
    bar->setToolButtonStyle(Qt::ToolButtonTextOnly);
    const auto preset = [&](const QString& text, const QKeySequence& key, auto act) {
        auto* action = bar->addAction(text);
        action->setShortcut(key);
        action->setShortcutContext(Qt::WidgetWithChildrenShortcut);
        action->setToolTip(QStringLiteral("%1 (%2)").arg(text, key.toString(QKeySequence::NativeText)));
        addAction(action);
        connect(action, &QAction::triggered, this, act);
        return action;
    };
    preset(tr("Front"), QKeySequence("1"), [this] { lookFrom(0, 0); });
    preset(tr("Side"), QKeySequence("2"), [this] { lookFrom(90, 0); });
    preset(tr("Top"), QKeySequence("3"), [this] { lookFrom(0, 90); });
    preset(tr("Reset"), QKeySequence("0"), [this] { resetCamera(); });
    bar->addSeparator();
    m_perspective = preset(tr("Perspective"), QKeySequence("5"), [this](bool on) { setPerspective(on); });
    m_perspective->setCheckable(true);
    auto* box = preset(tr("Box"), QKeySequence("B"),
                       [this](bool on) { selectBy(on, TrajectoryCanvas::SelectBy::Box); });
    box->setToolTip(tr("Drag a box around the rows to select (B)"));
    auto* lasso = preset(tr("Lasso"), QKeySequence("L"),
                         [this](bool on) { selectBy(on, TrajectoryCanvas::SelectBy::Lasso); });
    lasso->setToolTip(tr("Draw around the rows to select (L)"));
    m_selectBy = {box, lasso};
    for (QAction* action : m_selectBy) action->setCheckable(true);
    bar->addSeparator();
    connect(m_colors, &QComboBox::currentIndexChanged, this, [this] {
        m_hidden.removeIf([](const QString& key) { return key != QStringLiteral("mean"); });
        rebuild();
    });
    connect(&m_surprise, &RowSurprise::changed, this, &TrajectoryView::rebuild);
    connect(&m_along, &DirectionScores::changed, this, &TrajectoryView::rebuild);
    connect(&m_laboratory, &Laboratory::editsChanged, this, &TrajectoryView::offerColors);
    connect(&m_workspace, &Workspace::modelChanged, this, &TrajectoryView::rebuild);
    bar->addWidget(new QLabel(tr("Colour ")));
    bar->addWidget(m_colors);
    bar->addWidget(m_options);
    connect(m_options, &PathOptions::changed, this, [this] {
        rebuild();
        m_canvas->fitToData();
    });
    m_hint->setWordWrap(true);
    m_hint->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_hint->setContentsMargins(8, 2, 8, 4);
    m_hint->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    auto* drawn = new QWidget;
    auto* layout = new QVBoxLayout(drawn);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(bar);
    layout->addWidget(makeSelectionBar(m_workspace, m_selection, this, [this] { frameSelection(); }));
    layout->addWidget(m_hint);
    layout->addWidget(m_canvas, 1);
    m_pages->addWidget(m_missing);
    m_pages->addWidget(drawn);
    connect(m_missing, &MissingPage::optionsRequested, this, &View::optionsRequested);
    for (auto signal : {&Analyses::changed, &Analyses::choiceChanged})
        connect(&context.analyses, signal, this, [this] {
            if (paths().basis == nullptr) m_missing->explain(*m_state, {});
        });

    m_notice = new Banner(m_canvas, 26);  // below the legend
    connect(&m_selection, &Selection::rowChanged, this, &TrajectoryView::rebuild);
    connect(&m_selection, &Selection::rowsChanged, this, &TrajectoryView::rebuild);
    connect(&m_selection, &Selection::shownChanged, this, &TrajectoryView::rebuild);
    connect(&m_selection, &Selection::lookedChanged, this, &TrajectoryView::rebuild);
    connect(&m_selection, &Selection::pointChanged, this, &TrajectoryView::rebuild);
    for (auto signal :
         {&TeleportModel::naturalChanged, &TeleportModel::handleMoved, &TeleportModel::resultChanged})
        connect(&m_teleport, signal, this, &TrajectoryView::updateHandle);
    for (auto signal :
         {&TeleportModel::naturalChanged, &TeleportModel::pathChanged, &TeleportModel::resultChanged})
        connect(&m_teleport, signal, this, &TrajectoryView::updateOverlay);
    connect(&m_teleport, &TeleportModel::stateChanged, this, [this] { updateHandle(); });
    connect(&m_comparison, &TeleportComparison::changed, this, &TrajectoryView::updateOverlay);
    connect(&m_laboratory, &Laboratory::pathChanged, this, &TrajectoryView::updateOverlay);
    connect(&m_laboratory, &Laboratory::arrowsChanged, this, &TrajectoryView::rebuild);
    connect(&m_laboratory, &Laboratory::writtenChanged, this, &TrajectoryView::rebuild);
    connect(&m_held, &HeldFacts::nearestChanged, this, &TrajectoryView::updateOverlay);
    connect(m_canvas, &TrajectoryCanvas::snapRequested, &m_held, &HeldFacts::snapToNearest);

    // A vertex is a point, counted from the first that is drawn.
    const auto pointAt = [this](int vertex) {
        return vertex + static_cast<int>(m_options->options().firstPoint.value());
    };
    connect(m_canvas, &TrajectoryCanvas::rowClicked, this,
            [this, pointAt](qint64 row, int vertex, Qt::KeyboardModifiers modifiers) {
                select(row, pointAt(vertex), modifiers);
            });
    connect(m_canvas, &TrajectoryCanvas::rowsBoxed, this, [this](const QList<qint64>& rows, bool add) {
        if (!paths().live) return;
        if (add) return m_selection.addRows(rows);
        rows.isEmpty() ? m_selection.keepFollowed() : m_selection.selectRows(rows);
    });
    connect(m_canvas, &TrajectoryCanvas::legendClicked, this,
            [this](const QString& key) { toggle(key, false); });
    connect(m_canvas, &TrajectoryCanvas::legendDoubleClicked, this,
            [this](const QString& key) { toggle(key, true); });
    connect(m_canvas, &TrajectoryCanvas::hovered, this, [this, pointAt](qint64 row, int vertex) {
        Q_EMIT hovered(row < 0 ? QString() : describe(row, pointAt(vertex)));
    });
    m_canvas->setDescriber(
        [this, pointAt](std::int64_t row, std::int32_t vertex) { return card(row, pointAt(vertex)); });
    connect(&m_facts, &HoverFacts::changed, m_canvas, &TrajectoryCanvas::refreshCard);
    connect(&m_held, &HeldFacts::lensChanged, this, &TrajectoryView::updateNotes);
    connect(m_canvas, &TrajectoryCanvas::handleGrabbed, this, [this] { m_teleport.beginDrag(); });
    connect(m_canvas, &TrajectoryCanvas::handleMoved, this, [this](double x, double y, double z) {
        VectorD target = m_teleport.target();
        const double place[] = {x, y, z};
        const auto& axes = m_options->options().components;
        for (std::size_t i = 0; i < 3; ++i)
            if (axes[i] < target.size()) target[axes[i]] = place[i];
        m_teleport.moveTo(target);
    });
    connect(m_canvas, &TrajectoryCanvas::handleReleased, this, [this] { m_teleport.endDrag(); });
    connect(m_canvas, &TrajectoryCanvas::handleCancelled, this, [this] { m_teleport.cancelDrag(); });
    rebuild();
}

void TrajectoryView::setDocument(std::shared_ptr<const DocumentState> state) {
    if (m_state->results != state->results) m_resultsRow.reset();
    m_state = std::move(state);
    rebuild();
}

void TrajectoryView::setTheme(const Theme& theme) {
    m_theme = theme;
    rebuild();
}

TrajectoryView::Paths TrajectoryView::paths() const {
    if (m_state->scores && m_state->basis && m_state->scores->n2 >= 3)
        return {m_state->basis.get(), m_state->scores.get(), &m_state->trace->info(), true};
    const auto results = resultsWith(*m_state, figureView().statistic).opened;
    const PcaResult* pca = results && !m_state->basis ? drawnPca(*results) : nullptr;
    if (pca == nullptr) return {};
    return {&pca->basis, &pca->scores, &results->results.source.info, false};
}

void TrajectoryView::select(qint64 row, int point, Qt::KeyboardModifiers modifiers) {
    if (!paths().live) {
        m_resultsRow = RowIndex{row};
        return rebuild();
    }
    if (modifiers & Qt::ControlModifier) return m_selection.toggleRow(RowIndex{row});
    m_selection.selectRow(RowIndex{row});
    m_selection.selectPoint(PointIndex{point});
}

/// The depth is not highlighted: the handle and the markers of the selected row show it.
TrajectoryOptions TrajectoryView::options() const {
    const Paths shown = paths();
    TrajectoryOptions options = m_options->options();
    options.theme = m_theme;
    m_colors->applyTo(options);
    for (const QString& key : m_hidden) options.hidden.push_back(key.toStdString());
    options.selected = shown.basis != nullptr && !shown.live ? m_resultsRow : m_selection.row();
    if (options.selected && shown.scores != nullptr && options.selected->value() >= shown.scores->n0)
        options.selected.reset();
    if (const auto model = m_workspace.model();
        options.colorBy == RowColor::Token && shown.info != nullptr && model && model->tokenizer)
        options.tokenTexts = textsOfRows(*shown.info, tokenTexts(model->tokenizer));
    if (shown.live) addLive(options, *shown.scores);
    return options;
}

/// What is hidden, selected and followed among the rows that are open.
void TrajectoryView::addLive(TrajectoryOptions& options, const Array3F& scores) const {
    options.rows = shownRows(m_selection.hiddenRows(), scores);
    if (options.colorBy == RowColor::Named)
        for (const NamedRows& named : m_state->named)
            options.namedRows.emplace_back(named.name, rowsAt(*m_state, named.places));
    if (options.colorBy == RowColor::Surprise) options.surprise = m_surprise.values();
    options.more = m_laboratory.written();
    options.arrows = m_laboratory.arrows();
    if (const auto looked = m_selection.looked();
        looked && looked->basis.get() == m_state->basis.get() && looked->scores.rows() == scores.n1) {
        options.followed = looked->scores;
        options.followedName = tr("token %1, followed").arg(looked->position).toStdString();
    }
    if (options.selected && m_selection.isHidden(options.selected->value())) options.selected.reset();
    if (m_selection.rows().size() > 1) {
        options.strong = rowsOf(m_selection.rows(), scores);
        options.strongMean = m_selection.showsMean();
    }
}

QJsonObject TrajectoryView::keptState() const {
    return {{"hidden", QJsonArray::fromStringList(m_hidden)}};
}

void TrajectoryView::restoreKept(const QJsonObject& state) {
    QStringList hidden;
    for (const auto& key : state["hidden"].toArray()) hidden << key.toString();
    if (std::exchange(m_hidden, hidden) != hidden) rebuild();
}

void TrajectoryView::toggle(const QString& key, bool alone) {
    if (!alone) {
        if (!m_hidden.removeAll(key)) m_hidden << key;
        return rebuild();
    }
    // The click before hid it, or showed it.
    const bool isKind = key != QStringLiteral("mean");
    QStringList others;
    for (const LineSet3& set : std::get<Plot3D>(m_canvas->figure()->panels[0].plot).lines) {
        const QString other = QString::fromStdString(set.legendKey);
        if (!other.isEmpty() && other != key && !others.contains(other) &&
            (other != QStringLiteral("mean") || !isKind))
            others << other;
    }
    const bool wasAlone = std::all_of(others.begin(), others.end(),
                                      [this](const QString& other) { return m_hidden.contains(other); });
    m_hidden = wasAlone ? QStringList() : others;
    rebuild();
}

RowColor TrajectoryView::colorBy() const {
    return m_colors->by();
}

/// The columns of the prompts, the components that are shown and the vectors of the edits are among the
/// colours.
void TrajectoryView::offerColors() {
    const Paths shown = paths();
    std::vector<NamedDirection> directions;
    for (const Edit& edit : m_laboratory.edits())
        if (shown.live && edit.vector.size() == shown.basis->mean.size())
            directions.push_back({edit.name, edit.vector});
    const RowColor before = m_colors->by();
    m_colors->offer(shown.info, shown.basis, std::move(directions));
    if (m_colors->by() != before) rebuild();
}

/// Why rows have not the colours that were asked for.
QString TrajectoryView::colorHint() const {
    const RowColor by = colorBy();
    const Paths shown = paths();
    if (shown.basis == nullptr ||
        (by != RowColor::Named && by != RowColor::Surprise && by != RowColor::Direction))
        return {};
    if (by == RowColor::Direction)
        return m_along.isRunning() ? tr("Computing the scores along the direction…") : QString();
    if (!shown.live)
        return tr("These paths come from a results file: open their trace to colour them this way.");
    if (by == RowColor::Named)
        return m_state->named.empty()
                   ? tr("No selection was kept yet: select rows, and keep them under a name (Ctrl+G).")
                   : QString();
    if (m_surprise.isRunning()) return tr("Computing the surprise of the model at each next token…");
    return m_surprise.values().empty() ? m_surprise.whyNot() : QString();
}

QString TrajectoryView::usualHint() const {
    return QString::fromUtf8(figureView().shows.data(), static_cast<qsizetype>(figureView().shows.size()));
}

/// What the view shows takes one line, as above other views; what somebody should know takes as many as it
/// needs.
void TrajectoryView::showHint() {
    const QString text = hint();
    const bool isUsual = text == usualHint();
    m_hint->setWordWrap(!isUsual);
    m_hint->setToolTip(isUsual ? text : QString());
    m_hint->setText(isUsual ? m_hint->fontMetrics().elidedText(text, Qt::ElideRight, width() - 20) : text);
    m_hint->setVisible(!text.isEmpty());
}

void TrajectoryView::resizeEvent(QResizeEvent* event) {
    View::resizeEvent(event);
    showHint();
}

QString TrajectoryView::hint() const {
    const Paths shown = paths();
    const auto& axes = m_options->options().components;
    const QString usual = usualHint();
    if (!m_trouble.isEmpty()) return m_trouble;
    if (const QString why = colorHint(); !why.isEmpty()) return why;
    if (shown.live && std::any_of(axes.begin(), axes.end(), [](int c) { return c > 2; }))
        return tr("A state moves along PC1, PC2 and PC3: show these components to move it.");
    if (shown.live && !shown.basis->names.empty())
        return tr(
            "The axes are directions: a state moves along them. Ctrl+R fits the principal components again.");
    if (shown.basis == nullptr || !m_state->results) return usual;
    const QString file = Analyses::nameOf(*m_state->results);
    if (!shown.live)
        return m_state->rows() > 0 ? tr("From %1. To teleport, fit a PCA to the open rows (Ctrl+R)").arg(file)
                                   : tr("From %1. To teleport, open its trace and the model").arg(file);
    return basisIsOfResults(*m_state) || drawnPca(*m_state->results) == nullptr
               ? usual
               : tr("PCA of the open rows, not of %1").arg(file);
}

Figure TrajectoryView::makeFigure(const Paths& shown) const {
    TrajectoryInput input{*shown.scores, shown.basis->explained, shown.info->points, rowNames(*shown.info)};
    input.axisNames = shown.basis->names;
    for (Eigen::Index i = 0; i < shown.basis->components.rows() && !shown.basis->toward.empty(); ++i)
        input.axisMeanings.push_back(axisMeaning(*shown.basis, i));
    TrajectoryOptions how = options();
    how.camera = hasFigure() ? std::optional(m_canvas->camera()) : std::nullopt;
    colorRows(input, *shown.info, how);
    if (how.colorBy == RowColor::Direction && shown.live) {
        input.stateNumbers = m_along.values(how.direction);
        input.numberTitle = tr("Score along %1").arg(QString::fromStdString(how.directionName)).toStdString();
    }
    how.rows = rowsShown(*shown.info, how);
    how.listHidden = true;
    return trajectoryFigure(input, how);
}

void TrajectoryView::rebuild() {
    offerColors();
    if (colorBy() == RowColor::Surprise) m_surprise.ask();
    if (const NamedDirection* along = m_colors->direction()) m_along.ask(along->values);
    m_trouble.clear();
    showHint();
    const Paths shown = paths();
    m_pages->setCurrentIndex(shown.basis == nullptr ? 0 : 1);
    if (shown.basis == nullptr) {
        m_missing->explain(*m_state, {});
        m_canvas->setFigure(nullptr);
        lookForFarRows();
        updateOverlay();
        return;
    }
    m_options->setChoices(*shown.basis, shown.info->points);
    try {
        m_canvas->setFigure(std::make_shared<const Figure>(makeFigure(shown)));
    } catch (const Error& error) {  // results whose parts do not fit together
        m_canvas->setFigure(nullptr);
        m_trouble = QString::fromUtf8(error.what());
        showHint();
        return updateOverlay();
    }
    // In another space the old place means nothing.
    if (std::exchange(m_basis, shown.basis) != shown.basis) m_canvas->fitToData();
    lookForFarRows();
    updateHandle();
    updateOverlay();
}

void TrajectoryView::updateHandle() {
    const auto state = m_teleport.state();
    const auto& target = m_teleport.target();
    if (state == TeleportModel::State::Idle || state == TeleportModel::State::Preparing ||
        !m_canvas->figure() || !paths().live || !showsHandle())
        return m_canvas->setHandle(std::nullopt);
    const auto& axes = m_options->options().components;
    m_canvas->setHandle(Eigen::Vector3d(target[axes[0]], target[axes[1]], target[axes[2]]));
}

/// A state is moved along the first components, and at its point: where the view shows others, there is
/// nothing to take hold of.
bool TrajectoryView::showsHandle() const {
    const TrajectoryOptions options = m_options->options();
    const auto size = m_teleport.target().size();
    const PointIndex point = m_teleport.point();
    return std::all_of(options.components.begin(), options.components.end(),
                       [&](int c) { return c < size; }) &&
           point >= options.firstPoint && (!options.lastPoint || point <= *options.lastPoint);
}

std::vector<TeleportOverlay> TrajectoryView::overlays() const {
    if (!paths().live) return {};
    if (m_comparison.isActive()) return m_comparison.overlays();
    std::vector<TeleportOverlay> drawn;
    const MatrixD &natural = m_teleport.naturalComponents(), &moved = m_teleport.teleportedComponents();
    if (moved.size() > 0 && natural.rows() == moved.rows() && moved.cols() >= 3)
        drawn.push_back({m_teleport.point(), natural, moved, {}, false});
    if (auto edited = m_laboratory.overlay(); edited && edited->natural.cols() >= 3) {
        if (!drawn.empty()) edited->compared = 1;  // in another colour than the teleport
        drawn.push_back(std::move(*edited));
    }
    return drawn;
}

/// A ring around the nearest row's state at the point of the handle that is dragged: where S puts it.
std::optional<MarkerSet3> TrajectoryView::nearestRing() const {
    const auto& nearest = m_held.nearest();
    const Paths shown = paths();
    const auto point = m_teleport.point().value();
    if (m_teleport.state() != TeleportModel::State::Dragging || nearest.empty() || !shown.live ||
        !showsHandle() || nearest.front().row.value() >= shown.scores->n0 || point >= shown.scores->n1)
        return std::nullopt;
    const float* at = shown.scores->at(nearest.front().row.value(), point);
    MarkerSet3 ring;
    for (const int c : m_options->options().components) ring.xyz.push_back(at[c]);
    ring.tags = {nearest.front().row.value()};
    ring.color = m_theme.foreground;
    ring.shape = MarkerShape::Ring;
    ring.size = 9;
    ring.pickable = false;
    ring.layer = 3;
    return ring;
}

void TrajectoryView::updateOverlay() {
    const auto drawn = overlays();
    const auto ring = nearestRing();
    if ((drawn.empty() && !ring) || !m_canvas->figure()) return m_canvas->setOverlay(nullptr);
    // The exporter's own drawing of a teleport, into an empty plot.
    Figure figure;
    figure.theme = m_canvas->figure()->theme;
    figure.panels.push_back({"", Plot3D{}});
    for (const auto& panel : m_canvas->figure()->panels)
        if (const auto* plot = std::get_if<Plot3D>(&panel.plot)) {
            auto& empty = std::get<Plot3D>(figure.panels[0].plot);
            empty.axes = plot->axes;
            empty.colorScale = plot->colorScale;
        }
    try {
        for (const auto& one : drawn) addTeleport(figure, one, options());
        if (ring) std::get<Plot3D>(figure.panels[0].plot).markers.push_back(*ring);
        m_canvas->setOverlay(std::make_shared<const Plot3D>(std::get<Plot3D>(figure.panels[0].plot)));
    } catch (const Error&) {
        m_canvas->setOverlay(nullptr);  // the path of a basis that was just replaced
    }
}

/// The figure that is drawn, from where it is seen.
Figure TrajectoryView::withoutTeleports() const {
    Figure figure = *m_canvas->figure();
    for (auto& panel : figure.panels)
        if (auto* plot = std::get_if<Plot3D>(&panel.plot)) {
            std::erase_if(plot->lines, [](const LineSet3& set) { return set.hidden; });
            plot->camera = m_canvas->camera();
            plot->fitCamera = false;  // the recipe has this camera
        }
    return figure;
}

std::shared_ptr<const Figure> TrajectoryView::figure() const {
    if (!m_canvas->figure()) return nullptr;
    auto figure = std::make_shared<Figure>(withoutTeleports());
    for (const auto& one : overlays()) addTeleport(*figure, one, options());
    return figure;
}

std::function<Figure(double share)> TrajectoryView::replay() const {
    const auto drag = m_teleport.lastDrag();
    if (!drag || drag->steps.size() < 2 || drag->natural.cols() < 3 || !m_canvas->figure() || !paths().live)
        return {};
    return [drag, figure = withoutTeleports(), options = options()](double share) {
        const double now = share * drag->steps.back().seconds;
        const auto after = std::find_if(drag->steps.begin() + 1, drag->steps.end(),
                                        [now](const Drag::Step& step) { return step.seconds > now; });
        Figure frame = figure;
        addTeleport(frame, {drag->point, drag->natural, std::prev(after)->teleported, {}, false}, options);
        return frame;
    };
}

Recipe TrajectoryView::recipe() const {
    Recipe recipe;
    recipe.view = id().toStdString();
    recipe.options = recipeOptions(options(), overlays());
    recipe.camera = m_canvas->camera();
    const auto results = resultsWith(*m_state, figureView().statistic).opened;
    const PcaResult* pca = results && !results->path.empty() ? drawnPca(*results) : nullptr;
    if (pca != nullptr && paths().scores == &pca->scores)
        recipe.sources = {{"results", results->path.string(), ""}};
    return recipe;
}

QString TrajectoryView::describe(std::int64_t row, std::int32_t point) const {
    const Paths shown = paths();
    if (shown.basis == nullptr || row < 0 || row >= shown.scores->n0 || point < 0 ||
        point >= shown.scores->n1)
        return {};
    const TraceRow& r = shown.info->rows[static_cast<std::size_t>(row)];
    const auto z = shown.scores->line(row, point);
    const auto& components = m_options->options().components;
    const auto& axes = std::get<Plot3D>(m_canvas->figure()->panels[0].plot).axes;
    QStringList scores;
    for (std::size_t c = 0; c < 3; ++c)
        scores << QStringLiteral("%1 %2").arg(
            shortTitle(axes[c]),
            QLocale().toString(double(z[static_cast<std::size_t>(components[c])]), 'g', 4));
    return tr("sample %1, token %2 at %3: %4")
        .arg(r.sample)
        .arg(r.position)
        .arg(QString::fromStdString(pointName(shown.info->points[static_cast<std::size_t>(point)])),
             scores.join(QStringLiteral(", ")));
}

/// The prompt with the token of the row in bold, then what describe() says, the norm of the state and the
/// likeliest next token.
QString TrajectoryView::card(std::int64_t row, std::int32_t point) {
    const Paths shown = paths();
    const QString line = describe(row, point);
    if (line.isEmpty()) return {};
    const TraceRow& r = shown.info->rows[static_cast<std::size_t>(row)];
    const auto sample = static_cast<std::size_t>(r.sample);
    const auto model = m_workspace.model();
    const auto html = [this](const QString& text) {
        return readable(text, m_canvas->font()).toHtmlEscaped();
    };
    QString prompt;
    if (sample < shown.info->samples.size()) {
        const TokenContext context =
            tokenContext(shown.info->samples[sample], r.position, model ? model->tokenizer.get() : nullptr);
        prompt = QStringLiteral("<p>%1<b>%2</b>%3</p>")
                     .arg(html(context.before), html(context.token), html(context.after));
    }
    QStringList facts{html(line)};
    if (shown.live) {
        m_facts.ask(RowIndex{row});
        if (const auto norm = m_facts.norm(RowIndex{row}, PointIndex{point}))
            facts << tr("norm %1").arg(QLocale().toString(*norm, 'g', 4));
        if (const QString next = m_facts.next(RowIndex{row}); !next.isEmpty())
            facts << tr("likeliest next token: %1").arg(html(next));
    }
    return prompt + facts.join(QStringLiteral("<br>"));
}

/// What the logit lens reads from the held state, beside the handle.
void TrajectoryView::updateNotes() {
    QStringList notes;
    for (const LensToken& token : m_held.lens())
        notes << readable(tokenAndProbability(token.text, token.probability).toStdString());
    if (!notes.isEmpty()) notes.prepend(tr("logit lens"));
    m_canvas->setHandleNotes(notes);
}

void TrajectoryView::lookFrom(double azimuth, double elevation) {
    Camera camera = m_canvas->camera();
    camera.azimuth = azimuth;
    camera.elevation = elevation;
    camera.roll = 0;
    m_canvas->setCamera(camera);
    m_canvas->fitToData();
}

void TrajectoryView::resetCamera() {
    const Camera fresh;
    lookFrom(fresh.azimuth, fresh.elevation);
}

void TrajectoryView::frameRows(const std::vector<RowIndex>& rows) {
    const Paths shown = paths();
    if (!shown.live) return m_canvas->fitToData();
    const Eigen::AlignedBox3d box = boxOfRows(rows, *shown.scores, options());
    box.isEmpty() ? m_canvas->fitToData() : m_canvas->frameBox(box.min(), box.max());
}

void TrajectoryView::frameSelection() {
    if (paths().live) return frameRows(rowsOf(m_selection.rows(), *paths().scores));
    m_canvas->fitToData();
}

void TrajectoryView::frameAllBut(const QList<qint64>& rows) {
    QList<qint64> others = m_selection.hiddenRows() + rows;
    std::sort(others.begin(), others.end());
    frameRows(shownRows(others, *m_state->scores));
}

/// Fits the PCA on all rows it is fitted on now, without these.
void TrajectoryView::leaveOut(const QList<qint64>& rows) {
    FitChoice choice;
    const bool chosen = !m_state->basisRows.empty() && m_state->basisTrace == m_state->trace;
    for (std::int64_t n = 0; n < m_state->rows(); ++n)
        if (!rows.contains(n) &&
            (!chosen || std::binary_search(m_state->basisRows.begin(), m_state->basisRows.end(), n)))
            choice.rows.push_back(n);
    fitBasisOn(m_workspace, choice);
}

/// Says which rows lie so far out that the others shrink, and what can be done about it.
void TrajectoryView::lookForFarRows() {
    const auto scores = paths().live ? m_state->scores : nullptr;
    const QList<qint64> hidden = m_selection.hiddenRows();
    if (m_searched == scores && m_searchedHidden == hidden) return;
    m_searched = scores;
    m_searchedHidden = hidden;
    const FarRows far = scores ? findFarRows(*scores, hidden) : FarRows{};
    if (far.rows.isEmpty() || far.rows == m_dismissedRows) return m_notice->hide();
    const bool isFitted = std::any_of(far.rows.begin(), far.rows.end(), [&](qint64 row) {
        return m_state->basisRows.empty() || m_state->basisTrace != m_state->trace ||
               std::binary_search(m_state->basisRows.begin(), m_state->basisRows.end(), row);
    });
    const QString times = QLocale().toString(far.ratio, 'g', far.ratio < 100 ? 2 : 3);
    QList<MessageAction> actions;
    if (isFitted) actions << MessageAction{tr("Leave out of the fit"), [this, far] { leaveOut(far.rows); }};
    actions << MessageAction{tr("Hide"), [this, far] { m_selection.hideRows(far.rows); }};
    if (m_state->basis->scaling == Scaling::Raw)
        actions << MessageAction{tr("Scale by RMS"),
                                 [this] { fitBasisOn(m_workspace, {.scaling = Scaling::Rms}); }};
    actions << MessageAction{tr("Frame the rest"), [this, far] { frameAllBut(far.rows); }};
    m_notice->showNews(counted(far.rows.size(), tr("1 row lies %2 times farther out than the rest."),
                               tr("%1 rows lie up to %2 times farther out than the rest."))
                           .arg(times),
                       actions);
    disconnect(m_notice, &Banner::dismissed, this, nullptr);
    connect(m_notice, &Banner::dismissed, this, [this, far] { m_dismissedRows = far.rows; });
}

void TrajectoryView::selectBy(bool on, TrajectoryCanvas::SelectBy shape) {
    m_canvas->setSelectBy(on ? shape : TrajectoryCanvas::SelectBy::None);
    m_selectBy[0]->setChecked(on && shape == TrajectoryCanvas::SelectBy::Box);
    m_selectBy[1]->setChecked(on && shape == TrajectoryCanvas::SelectBy::Lasso);
}

void TrajectoryView::setPerspective(bool on) {
    const bool whole = m_canvas->showsWhole();
    Camera camera = m_canvas->camera();
    camera.perspective = on;
    m_canvas->setCamera(camera);
    if (whole) m_canvas->fitToData();
    m_perspective->setChecked(on);
}

}  // namespace rheo
