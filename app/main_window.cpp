#include "app/main_window.h"

#include <QActionGroup>
#include <QApplication>
#include <QClipboard>
#include <QCloseEvent>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QJsonDocument>
#include <QLabel>
#include <QMenuBar>
#include <QMessageBox>
#include <QMimeData>
#include <QMouseEvent>
#include <QPushButton>
#include <QScrollArea>
#include <QSettings>
#include <QStackedWidget>
#include <QStatusBar>
#include <QStyle>
#include <QStyleFactory>
#include <QTabBar>
#include <QTimer>
#include <QToolBar>
#include <QUndoView>
#include <QVBoxLayout>
#include <algorithm>

#include "app/command_palette.h"
#include "app/export_actions.h"
#include "app/manual_window.h"
#include "app/menu_keys.h"
#include "app/open_model_dialog.h"
#include "app/preferences_dialog.h"
#include "app/resource_paths.h"
#include "app/session_actions.h"
#include "app/start_page.h"
#include "app/tour.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/checkpoint/adapter.h"
#include "core/checkpoint/model_cache.h"
#include "core/session/describe_system.h"
#include "core/session/recipe_figure.h"
#include "widgets/paint/text_metrics.h"
#include "widgets/viewmodels/counted.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/feature.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/fit_rows.h"
#include "widgets/viewmodels/open_document.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/views/analysis_dialog.h"
#include "widgets/views/banner.h"
#include "widgets/views/compare_dialog.h"
#include "widgets/views/depth_bar.h"
#include "widgets/views/jobs_panel.h"
#include "widgets/views/laboratory_panel.h"
#include "widgets/views/option_bar.h"
#include "widgets/views/palette.h"
#include "widgets/views/path_options.h"
#include "widgets/views/result_bar.h"
#include "widgets/views/source_panel.h"
#include "widgets/views/teleport_panel.h"
#include "widgets/views/view.h"
#include "widgets/views/view_table.h"
#include "widgets/views/view_tabs.h"

namespace rheo {

namespace {

template <class Receiver, class Act>
QAction* add(QMenu* menu, const QString& text, const QKeySequence& key, Receiver* receiver, Act act) {
    auto* action = menu->addAction(text);
    action->setShortcut(key);
    QObject::connect(action, &QAction::triggered, receiver, act);
    return action;
}

/// Name of the areas at the sides.
constexpr const char* panelArea = "panelArea";

/// Scrolls up and down alone: never narrower than what is in it, which may come later.
class PanelArea : public QScrollArea {
public:
    void fit() { setMinimumWidth(needed()); }

protected:
    bool eventFilter(QObject* watched, QEvent* event) override {
        if (watched == widget() && event->type() == QEvent::LayoutRequest && needed() > minimumWidth()) fit();
        return QScrollArea::eventFilter(watched, event);
    }

private:
    int needed() const {
        return widget()->minimumSizeHint().width() + style()->pixelMetric(QStyle::PM_ScrollBarExtent);
    }
};

/// What an analysis may hold beside its results [bytes].
std::size_t memoryOf(const Preferences& preferences) {
    return static_cast<std::size_t>(preferences.memoryMiB) << 20;
}

/// Of all texts [points]; 0: the desktop's. Whether that changed something. Titles of panels take it when
/// they are made.
bool useFontSize(int points) {
    static const QFont desktop = QApplication::font();
    QFont font = desktop;
    if (points > 0) font.setPointSize(points);
    if (font == QApplication::font()) return false;
    QApplication::setFont(font);
    for (const char* own : {"QTabBar", "QDockWidgetTitle"}) QApplication::setFont(font, own);
    return true;
}

/// Of a model in the Hugging Face cache; empty: it is not there.
std::filesystem::path folderOfModel(const char* name) {
    try {
        return locateModel(name);
    } catch (const Error&) {
        return {};
    }
}

}  // namespace

MainWindow::MainWindow(QWidget* parent)
    : QMainWindow(parent),
      m_workspace(m_jobs),
      m_analyses(m_workspace),
      m_files(m_workspace),
      m_selection(m_workspace),
      m_history(m_workspace, m_selection),
      m_teleport(m_workspace, m_selection),
      m_held(m_workspace, m_teleport),
      m_comparison(m_workspace),
      m_laboratory(m_workspace, m_selection),
      m_messages(m_workspace),
      m_sessions(m_workspace),
      m_pages(new QStackedWidget),
      m_start(new StartPage),
      m_source(new SourcePanel(m_workspace, m_selection)),
      m_teleportPanel(new TeleportPanel(m_workspace, m_teleport, m_held, m_comparison)),
      m_laboratoryPanel(new LaboratoryPanel(m_workspace, m_selection, m_teleport, m_laboratory)),
      m_depth(new DepthBar(m_workspace, m_selection)) {
    useFontSize(readPreferences().fontSize);
    setAcceptDrops(true);
    setDockOptions(AnimatedDocks | AllowNestedDocks | AllowTabbedDocks);
    m_exports = new ExportActions(*this, m_comparison);
    buildViews();
    m_files.setConfirm(
        [this](const QString& doing, const QString& question) { return confirm(doing, question); });
    m_sessionActions = new SessionActions(*this, m_sessions);
    m_pages->addWidget(m_start);
    m_start->setTourStep(Tour::leftAt());
    connect(m_start, &StartPage::tourRequested, this, &MainWindow::takeTour);
    connect(m_start, &StartPage::demoRequested, this, [this] { openDemo(); });
    connect(m_start, &StartPage::publishedRequested, this, &MainWindow::openPublished);
    connect(m_start, &StartPage::modelRequested, this, [this] { askOpenModel(false); });
    connect(m_start, &StartPage::fileRequested, this, &MainWindow::askOpenFile);
    connect(m_start, &StartPage::pathRequested, this, &MainWindow::openPath);
    connect(m_start, &StartPage::recoverRequested, m_sessionActions, &SessionActions::recover);
    connect(m_start, &StartPage::discardRequested, this, [this](const QString& folder) {
        m_sessions.discard(folder);
        m_start->setLost(m_sessions.lost());
    });
    m_start->setLost(m_sessions.lost());
    auto* viewPage = new QWidget;
    auto* viewLayout = new QVBoxLayout(viewPage);
    viewLayout->setContentsMargins(0, 0, 0, 0);
    viewLayout->setSpacing(0);
    viewLayout->addWidget(m_resultBar);
    viewLayout->addWidget(m_viewTabs, 1);
    m_pages->addWidget(viewPage);
    m_pages->setMinimumWidth(370);  // with both docks that is half of a screen
    auto* modelPage = new ModelPage;
    connect(modelPage, &ModelPage::promptRequested, m_source, &SourcePanel::addPrompt);
    connect(modelPage, &ModelPage::fileRequested, this, &MainWindow::askPromptsFile);
    connect(modelPage, &ModelPage::shippedRequested, this, &MainWindow::addShippedPrompts);
    m_pages->addWidget(modelPage);

    auto* centre = new QWidget;
    auto* layout = new QVBoxLayout(centre);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_pages, 1);
    layout->addWidget(m_depth);
    m_banner = new Banner(m_pages);
    // In the order of the Tab key: from the left to the right.
    const auto dock = [&](QWidget* widget, const QString& title, const char* name, Qt::DockWidgetArea area) {
        auto* d = new QDockWidget(title, this);
        d->setObjectName(name);
        d->setWidget(widget);
        addDockWidget(area, d);
        return d;
    };
    auto* left = dock(m_source, tr("Source"), "source", Qt::LeftDockWidgetArea);
    setCentralWidget(centre);

    const auto scrolled = [this](QWidget* panel) {  // in a low window
        auto* scroll = new PanelArea;
        scroll->setWidget(panel);
        scroll->setWidgetResizable(true);
        scroll->setFrameShape(QFrame::NoFrame);
        scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
        scroll->setObjectName(panelArea);
        scroll->fit();
        return scroll;
    };
    m_teleportDock = dock(scrolled(m_teleportPanel), tr("Teleport"), "teleport", Qt::RightDockWidgetArea);
    m_laboratoryDock =
        dock(scrolled(m_laboratoryPanel), tr("Laboratory"), "laboratory", Qt::RightDockWidgetArea);
    tabifyDockWidget(m_teleportDock, m_laboratoryDock);
    m_teleportDock->raise();
    auto* steps = new QUndoView(m_workspace.undoStack());
    steps->setEmptyLabel(tr("As it was opened"));
    steps->setAccessibleName(tr("Changes that can be undone"));
    auto* stepsDock = dock(steps, tr("History"), "history", Qt::LeftDockWidgetArea);
    stepsDock->hide();
    m_tour = new Tour(*this);
    m_tourDock = dock(m_tour, tr("Guided tour"), "tour", Qt::BottomDockWidgetArea);
    m_tourDock->hide();
    connect(m_tour, &Tour::ended, this, [this] {
        m_tourDock->hide();
        m_start->setTourStep(Tour::leftAt());
    });
    resizeDocks({left, m_teleportDock}, {270, 350}, Qt::Horizontal);

    buildFileMenu();
    buildEditMenu();
    buildAnalysisMenu();
    buildViewMenu();
    m_viewMenu->addAction(left->toggleViewAction());
    m_viewMenu->addAction(m_teleportDock->toggleViewAction());
    m_viewMenu->addAction(m_laboratoryDock->toggleViewAction());
    m_viewMenu->addAction(stepsDock->toggleViewAction());
    buildHelpMenu();

    connectWorkspace();
    updateActions();
    connect(m_source, &SourcePanel::closeResultsRequested, &m_files, &FileOpener::closeResults);
    connect(m_teleportPanel, &TeleportPanel::saveRequested, this, &MainWindow::saveTeleport);
    connect(m_teleportPanel, &TeleportPanel::copyRequested, this, &MainWindow::copyCommand);
    connect(m_teleportPanel, &TeleportPanel::exportRequested, m_exports, &ExportActions::askTeleports);
    connect(m_teleportPanel, &TeleportPanel::compareRequested, this, &MainWindow::compareTeleports);
    connect(m_laboratoryPanel, &LaboratoryPanel::copyRequested, this,
            [this] { copyText(commandOfEdits(m_workspace, m_selection.prompt())); });
    connect(m_teleportPanel, &TeleportPanel::rowChosen, &m_selection,
            [this](qint64 row) { m_selection.selectRow(RowIndex{row}); });
    connect(&m_theme, &ThemeSource::darkChanged, this, &MainWindow::applyTheme);
    connect(&m_recent, &RecentFiles::changed, this, &MainWindow::rebuildRecent);
    connect(&m_recent, &RecentFiles::changed, this, &MainWindow::lookForRecent);
    connect(&m_recent, &RecentFiles::goneChanged, this, &MainWindow::rebuildRecent);
    rebuildRecent();
    lookForRecent();

    // Of one height, whatever is in it: nothing moves when a message or a job comes or goes.
    statusBar()->setFixedHeight(JobsPanel::lineHeight() + 4);
    statusBar()->addPermanentWidget(new JobsPanel(m_jobs, m_analyses));
    QSettings settings;
    resize(1280, 800);
    restoreGeometry(settings.value("geometry").toByteArray());
    restoreState(settings.value("windowState").toByteArray());
    m_tourDock->hide();  // it is taken when somebody wants it
    if (const auto views = QJsonDocument::fromJson(settings.value("views").toByteArray()); views.isObject())
        m_viewTabs->restore(views.object());
    qApp->installEventFilter(this);
    apply(readPreferences());
    applyTheme(m_theme.isDark());
    updatePage();
}

MainWindow::~MainWindow() {
    m_jobs.shutdown();
    // Widgets go before the document that they show: one that is being edited commits its text as it goes.
    qDeleteAll(findChildren<QDockWidget*>(Qt::FindDirectChildrenOnly));
    delete takeCentralWidget();
}

void MainWindow::connectWorkspace() {
    connect(&m_messages, &MessageBoard::changed, this, &MainWindow::showMessages);
    connect(m_banner, &Banner::dismissed, &m_messages, &MessageBoard::dismiss);
    connect(&m_teleport, &TeleportModel::resultChanged, &m_messages, &MessageBoard::review);
    connect(&m_workspace, &Workspace::noted, this,
            [this](const QString& note) { statusBar()->showMessage(note, 15000); });
    connect(&m_workspace, &Workspace::basisStaleChanged, this, &MainWindow::postBasisIsStale);
    connect(&m_workspace, &Workspace::stateChanged, this, &MainWindow::updateViews);
    connect(&m_workspace, &Workspace::stateChanged, this, &MainWindow::updatePage);
    connect(&m_workspace, &Workspace::stateChanged, this, &MainWindow::updateActions);
    connect(&m_workspace, &Workspace::modelChanged, this, &MainWindow::updateActions);
    // Once the step is on the undo stack.
    connect(&m_workspace, &Workspace::stateChanged, this, &MainWindow::fitFirst, Qt::QueuedConnection);
    connect(&m_workspace.prompts(), &PromptQueue::changed, this, &MainWindow::fitFirst, Qt::QueuedConnection);
    connect(&m_workspace, &Workspace::modelChanged, this, &MainWindow::updatePage);
    connect(&m_workspace.files(), &FileKeeper::unsavedChanged, this, &MainWindow::updateTitle);
    connect(&m_workspace, &Workspace::failed, this, [this] { m_closeWhenSaved = false; });
    connect(&m_workspace, &Workspace::opened, this, [this](const QString& path) {
        m_recent.add(path);
        showSomething();
    });
    connect(&m_sessions, &SessionKeeper::fileChanged, this, &MainWindow::updateTitle);
    connect(&m_sessions, &SessionKeeper::saved, this, [this](const QString& path) {
        statusBar()->showMessage(tr("Saved %1").arg(path), 8000);
        m_recent.add(path);
        if (m_closeWhenSaved) QTimer::singleShot(0, this, [this] { close(); });
    });
    connect(&m_workspace.files(), &FileKeeper::saved, this, [this](const QString& path) {
        statusBar()->showMessage(tr("Saved %1").arg(path), 8000);
        if (path.endsWith(".rheo.h5")) m_recent.add(path);
    });
    connect(&m_workspace, &Workspace::documentReplaced, this, [this] {
        if (m_workspace.state()->rows() > 0) {
            m_selection.selectRow(RowIndex{0});
            m_selection.selectPoint(PointIndex{static_cast<std::int64_t>(m_workspace.points().size()) / 4});
        }
    });
}

void MainWindow::buildViews() {
    (void)figureFont(false);  // is loaded before the first figure needs it
    for (const ViewEntry& entry : viewTable()) {
        View* view = entry.make(
            entry, {m_workspace, m_selection, m_teleport, m_held, m_comparison, m_laboratory, m_analyses});
        m_views.push_back(view);
        setManualPlace(*view, "views#" + view->id());
        connect(view, &View::hovered, this, [this](const QString& text) { statusBar()->showMessage(text); });
        connect(view, &View::optionsRequested, this, [this, view] { showOptions(view); });
        connect(view, &View::statusChanged, this, &MainWindow::updateTabs);
        connect(view, &View::openRequested, &m_files, &FileOpener::open);
        connect(view, &View::viewRequested, this, [this](const QString& id) {
            for (View* other : m_views)
                if (other->id() == id) showView(other);
        });
    }
    setManualPlace(*m_source, "window#source-and-prompts");
    setManualPlace(*m_depth, "window#depth");
    setManualPlace(*m_teleportPanel, "teleport");
    setManualPlace(*m_laboratoryPanel, "laboratory#edits");
    m_viewTabs = new ViewTabs(m_views);
    m_viewTabs->setObjectName("views");
    m_viewTabs->setMinimumWidth(300);
    // Across the whole window, so that all of them are to be seen beside the docks.
    m_viewTools = addToolBar(tr("Views"));
    m_viewTools->setObjectName("views");
    m_viewTools->setMovable(false);
    m_viewTools->toggleViewAction()->setVisible(false);
    m_viewTools->setContextMenuPolicy(Qt::PreventContextMenu);
    m_viewTools->addWidget(m_viewTabs->bar());
    m_resultBar = new ResultBar(m_analyses);
    m_resultBar->showView(m_views.front());
    connect(m_resultBar, &ResultBar::exportRequested, m_exports, &ExportActions::askView);
    connect(m_viewTabs, &ViewTabs::exportRequested, this, [this](View* view) {
        showView(view);
        m_exports->askView();
    });
    connect(m_viewTabs, &ViewTabs::tableRequested, m_exports, &ExportActions::showTable);
    connect(m_resultBar, &ResultBar::optionsRequested, this, [this] { showOptions(currentView()); });
    m_analysisDialog = new AnalysisDialog(m_analyses, m_workspace, this);
    connect(m_analysisDialog, &AnalysisDialog::commandRequested, this, [this](AnalysisChoice choice) {
        choice.memoryBytes = memoryOf(readPreferences());
        copyText(commandOf(m_workspace, choice));
    });
    connect(&m_analyses, &Analyses::changed, this, &MainWindow::updateTabs);
    connect(m_viewTabs, &ViewTabs::currentChanged, this, [this](View* view) {
        m_resultBar->showView(view);
        m_messages.review();
        statusBar()->clearMessage();
    });
}

View* MainWindow::currentView() const {
    return m_viewTabs->current();
}

void MainWindow::showView(View* view) {
    m_viewTabs->show(view);
}

QTabBar* MainWindow::viewBar() const {
    return m_viewTabs->bar();
}

void MainWindow::updateViews() {
    m_viewsState = m_workspace.state();
    for (View* view : m_views) view->setDocument(m_viewsState);
    m_closeResults->setEnabled(m_workspace.state()->results != nullptr);
    m_resultBar->refresh();
    updateTabs();
}

/// Views with nothing to show are greyed; they can be looked at all the same, and say what they need. A mark
/// says that a result is being computed, was stopped half-way, or is out of date.
void MainWindow::updateTabs() {
    if (m_viewsState && m_viewsState != m_workspace.state()) return;  // updateViews() is about to come
    const QPalette palette = QApplication::palette();
    const auto entries = viewTable();
    for (std::size_t i = 0; i < m_views.size(); ++i) {
        const std::string_view statistic = m_views[i]->figureView().statistic;
        const QString name = QString::fromUtf8(statistic.data(), static_cast<qsizetype>(statistic.size()));
        const ResultState state =
            m_views[i]->status().value_or(m_analyses.stateOf(name, m_views[i]->showsRows()));
        const QPixmap mark = markOf(state.status, palette, devicePixelRatioF());
        const bool says = !mark.isNull() && !state.line.isEmpty();
        m_viewTabs->setLook(
            m_views[i],
            palette.color(m_views[i]->hasFigure() ? QPalette::WindowText : QPalette::PlaceholderText),
            mark.isNull() ? QIcon() : QIcon(mark),
            says ? entries[i].shows + '\n' + state.line : entries[i].shows);
    }
}

/// What was just opened may hold nothing for the view in front.
void MainWindow::showSomething() {
    if (currentView()->hasFigure()) return;
    const auto full =
        std::find_if(m_views.begin(), m_views.end(), [](const View* view) { return view->hasFigure(); });
    if (full != m_views.end()) showView(*full);
}

void MainWindow::buildFileMenu() {
    auto* file = menuBar()->addMenu(tr("&File"));
    add(file, tr("Open &model…"), QKeySequence("Ctrl+M"), this, [this] { askOpenModel(false); });
    add(file, tr("&Open a session, a trace or results…"), QKeySequence::Open, this,
        [this] { askOpenFile(); });
    add(file, tr("Open the &demo"), QKeySequence("Ctrl+D"), this, [this] {
        if (confirmLosing(tr("Open the demo"))) openDemo();
    });
    add(file, tr("Open the published model's &trace"), {}, this, [this] {
        if (confirmLosing(tr("Open the published model's trace"))) openPublished();
    });
    m_recentMenu = file->addMenu(tr("Open &recent"));
    auto* attach = add(file, tr("&Attach a model to this trace…"), {}, this, [this] {
        if (!m_workspace.refuse(tr("Attach a model"), Feature::AttachModel)) askOpenModel(true);
    });
    auto* prompts = add(file, tr("Add prompts from a &file…"), {}, this, [this] { askPromptsFile(); });
    m_closeResults = add(file, tr("&Close the results"), {}, &m_files, [this] { m_files.closeResults(); });
    m_closeResults->setEnabled(false);
    for (View* view : m_views)
        for (QAction* action : view->analyses())
            if (action->objectName() == "compareWith") file->addAction(action);
    file->addSeparator();
    m_sessionActions->addTo(file);
    auto* parts = file->addMenu(tr("Save a &part"));
    auto* trace = add(parts, tr("The t&race…"), {}, this, [this] { askSaveTrace(); });
    auto* results = add(parts, tr("The re&sults…"), {}, this, [this] { askSaveResults(); });
    auto* teleport =
        add(parts, tr("The &teleport…"), {}, this, [this] { saveTeleport(m_teleport.shownId()); });
    m_actions = {{attach, Feature::AttachModel},
                 {prompts, Feature::AddPrompt},
                 {trace, Feature::SaveTrace},
                 {results, Feature::SaveResults},
                 {teleport, Feature::Teleport}};
    m_exports->addTo(file);
    file->addSeparator();
    add(file, tr("&Quit"), QKeySequence::Quit, this, [this] { close(); });
}

void MainWindow::buildEditMenu() {
    auto* edit = menuBar()->addMenu(tr("&Edit"));
    auto* undo = m_workspace.undoStack()->createUndoAction(this, tr("&Undo"));
    undo->setShortcut(QKeySequence::Undo);
    edit->addAction(undo);
    auto* redo = m_workspace.undoStack()->createRedoAction(this, tr("&Redo"));
    redo->setShortcuts({QKeySequence::Redo, QKeySequence("Ctrl+Y")});
    edit->addAction(redo);
    edit->addSeparator();
    auto* back = add(edit, tr("Select what was selected &before"), QKeySequence("Ctrl+["), this,
                     [this] { m_history.goBack(); });
    auto* forward = add(edit, tr("Select what was selected &after"), QKeySequence("Ctrl+]"), this,
                        [this] { m_history.goForward(); });
    const auto update = [this, back, forward] {
        back->setEnabled(m_history.canGoBack());
        forward->setEnabled(m_history.canGoForward());
    };
    connect(&m_history, &SelectionHistory::changed, this, update);
    update();
    edit->addSeparator();
    m_actions.push_back(
        {add(edit, tr("Add a &prompt…"), QKeySequence("Ctrl+N"), m_source, [this] { m_source->addPrompt(); }),
         Feature::AddPrompt});
    add(edit, tr("&Find anything…"), QKeySequence("Ctrl+K"), this, [this] { CommandPalette(*this).exec(); });
    add(edit, tr("Copy as &command"), QKeySequence("Ctrl+Shift+C"), this,
        [this] { copyCommand(m_teleport.shownId()); });
    add(edit, tr("Copy &picture"), QKeySequence("Ctrl+Alt+C"), this, [this] { m_exports->copyPicture(); });
    edit->addSeparator();
    add(edit, tr("Pre&ferences…"), QKeySequence("Ctrl+,"), this, [this] {
        askPreferences();
    })->setMenuRole(QAction::PreferencesRole);
}

void MainWindow::buildAnalysisMenu() {
    auto* analysis = menuBar()->addMenu(tr("&Analysis"));
    add(analysis, tr("&Compute statistics…"), QKeySequence("Ctrl+T"), this,
        [this] { m_analysisDialog->openFor({}); });
    for (View* view : m_views)
        for (QAction* action : view->analyses()) {
            analysis->addAction(action);
            connect(action, &QAction::triggered, this, [this, view] { showView(view); });
        }
    add(analysis, tr("Cancel &all jobs"), QKeySequence("Ctrl+."), this, [this] { m_jobs.cancelAll(); });
}

void MainWindow::buildViewMenu() {
    m_viewMenu = menuBar()->addMenu(tr("&View"));
    auto* group = new QActionGroup(this);
    int key = 0;
    for (View* view : m_views) {
        // The first nine have a digit.
        auto* action = add(m_viewMenu, view->title(),
                           key < 9 ? QKeySequence(Qt::CTRL | Qt::Key(Qt::Key_1 + key)) : QKeySequence(), this,
                           [this, view] { showView(view); });
        ++key;
        action->setStatusTip(QString::fromUtf8(view->figureView().shows.data(),
                                               static_cast<qsizetype>(view->figureView().shows.size())));
        action->setCheckable(true);
        action->setChecked(view == currentView());
        group->addAction(action);
        connect(m_viewTabs, &ViewTabs::currentChanged, action, [action, view](View* now) {
            if (now == view) action->setChecked(true);
        });
    }
    m_viewMenu->addSeparator();
    add(m_viewMenu, tr("&Next view"), QKeySequence("Ctrl+PgDown"), this, [this] { m_viewTabs->step(1); });
    add(m_viewMenu, tr("Pre&vious view"), QKeySequence("Ctrl+PgUp"), this, [this] { m_viewTabs->step(-1); });
    buildArrangeMenu();
    add(m_viewMenu, tr("N&umbers as a table"), QKeySequence("Ctrl+Shift+N"), this,
        [this] { m_exports->showTable(currentView()); });
    m_viewMenu->addSeparator();
    auto* themes = m_viewMenu->addMenu(tr("T&heme"));
    auto* oneOf = new QActionGroup(themes);
    const auto theme = [&](const QString& text, ThemeChoice choice) {
        auto* action = add(themes, text, {}, this, [this, choice] { setThemeChoice(choice); });
        action->setCheckable(true);
        oneOf->addAction(action);
        // Preferences choose it too.
        connect(themes, &QMenu::aboutToShow, action,
                [action, choice] { action->setChecked(readPreferences().theme == choice); });
    };
    theme(tr("As the &system"), ThemeChoice::System);
    theme(tr("&Light"), ThemeChoice::Light);
    theme(tr("&Dark"), ThemeChoice::Dark);
    add(m_viewMenu, tr("&Full screen"), QKeySequence("F11"), this,
        [this] { setWindowState(windowState() ^ Qt::WindowFullScreen); });
    m_viewMenu->addSeparator();
}

/// Where the view in front is.
void MainWindow::buildArrangeMenu() {
    auto* menu = m_viewMenu->addMenu(tr("&Arrange"));
    auto* beside = add(menu, tr("Move the view &beside the others, or back"), QKeySequence("Ctrl+\\"), this,
                       [this] { m_viewTabs->moveToOtherColumn(currentView()); });
    auto* window = add(menu, tr("Show the view in its own &window"), QKeySequence("Ctrl+Shift+W"), this,
                       [this] { m_viewTabs->moveToWindow(currentView()); });
    auto* close = add(menu, tr("&Close the view"), QKeySequence("Ctrl+W"), this,
                      [this] { m_viewTabs->close(currentView()); });
    auto* reopen = add(menu, tr("&Reopen the last closed view"), QKeySequence("Ctrl+Shift+T"), this,
                       [this] { m_viewTabs->reopen(); });
    menu->addSeparator();
    add(menu, tr("&Laboratory: trajectories beside the edits"), QKeySequence("Ctrl+L"), this,
        [this] { showLaboratory(); });
    auto* whole = add(menu, tr("&Maximise the view"), QKeySequence("Ctrl+Shift+M"), this, [] {});
    whole->setCheckable(true);
    connect(whole, &QAction::toggled, this, &MainWindow::maximizeView);
    add(menu, tr("All views as &tabs again"), {}, this, [this] { m_viewTabs->reset(); });
    const auto update = [=, this] {
        for (QAction* action : {beside, window, close}) action->setEnabled(m_viewTabs->mayGo(currentView()));
        reopen->setEnabled(m_viewTabs->hasClosed());
    };
    connect(m_viewTabs, &ViewTabs::arranged, this, update);
    connect(m_viewTabs, &ViewTabs::currentChanged, this, update);
    update();
}

void MainWindow::showLaboratory() {
    m_viewTabs->setMaximized(false);
    showView(m_views.front());
    m_laboratoryDock->show();
    m_laboratoryDock->raise();
}

/// Without the panels at the sides, until it is said again.
void MainWindow::maximizeView(bool on) {
    m_viewTabs->setMaximized(on);
    if (on) {
        m_hiddenDocks.clear();
        for (auto* dock : findChildren<QDockWidget*>())
            if (dock->isVisible() && !dock->isFloating()) m_hiddenDocks << dock;
        // Of panels in one place the one that is shown last comes to the front.
        std::stable_sort(m_hiddenDocks.begin(), m_hiddenDocks.end(),
                         [](const QDockWidget* a, const QDockWidget* b) {
                             return a->visibleRegion().isEmpty() && !b->visibleRegion().isEmpty();
                         });
    }
    for (QDockWidget* dock : m_hiddenDocks) {
        dock->setVisible(!on);
        if (!on) dock->raise();
    }
}

void MainWindow::buildHelpMenu() {
    auto* help = menuBar()->addMenu(tr("&Help"));
    add(help, tr("&Manual"), QKeySequence("F1"), this, [this] { showManual(); });
    add(help, tr("Guided &tour"), {}, this, [this] { takeTour(); });
    add(help, tr("&Getting started"), {}, this, [this] { showManual("getting_started"); });
    add(help, tr("&Keys and mouse"), {}, this, [this] { showManual("keys"); });
    add(help, tr("&About Rheograph"), {}, this, [this] { showAbout(); });
}

ManualWindow* MainWindow::manualWindow() const {
    return m_manual;
}

/// A dialog that has to be answered first keeps keys from the menus; the manual opens over it all the same.
bool MainWindow::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() != QEvent::KeyPress || static_cast<QKeyEvent*>(event)->key() != Qt::Key_F1 ||
        !watched->isWidgetType() || QApplication::activeModalWidget() == nullptr)
        return QMainWindow::eventFilter(watched, event);
    showManual();
    return true;
}

void MainWindow::showManual(QString address) {
    QWidget* modal = QApplication::activeModalWidget();
    QWidget* owner = modal != nullptr ? modal : this;
    if (m_manual != nullptr && m_manual->parentWidget() != owner) delete m_manual;
    const bool shows = m_pages->currentIndex() == 1;
    if (address.isEmpty() && (shows || modal != nullptr))
        address = manualPlaceOf(QApplication::focusWidget());
    if (address.isEmpty()) address = shows ? manualPlaceOf(currentView()) : QStringLiteral("getting_started");
    try {
        if (m_manual == nullptr)
            m_manual = new ManualWindow(
                readManual(resourceFolder() / "help"),
                [this](const QString& topic) {
                    return topic == "keys" ? keysOfMenus(*menuBar()) : QString();
                },
                owner);
    } catch (const Error& e) {
        return m_messages.fail(tr("Open the manual"), QString::fromUtf8(e.what()));
    }
    m_manual->showPlace(address);
    m_manual->show();
    m_manual->raise();
    m_manual->activateWindow();
}

void MainWindow::keyPressEvent(QKeyEvent* event) {
    switch (event->key()) {
        case Qt::Key_Space: m_depth->player().toggle(); break;
        case Qt::Key_BracketLeft: m_depth->player().stepBack(); break;
        case Qt::Key_BracketRight: m_depth->player().stepForward(); break;
        case Qt::Key_Question: showManual("keys"); break;
        default: QMainWindow::keyPressEvent(event);
    }
}

/// The side buttons of a mouse go through the selections, as in a browser.
void MainWindow::mouseReleaseEvent(QMouseEvent* event) {
    if (event->button() == Qt::BackButton) return m_history.goBack();
    if (event->button() == Qt::ForwardButton) return m_history.goForward();
    QMainWindow::mouseReleaseEvent(event);
}

void MainWindow::openDemo(int limit) {
    const auto running = m_jobs.jobs();
    if (std::any_of(running.begin(), running.end(), [&](const JobInfo& job) { return job.id == m_demo; }))
        return;  // it is on its way
    try {
        const QString model = QString::fromStdString(demoModelFolder().string());
        m_demo = limit > 0
                     ? rheo::openDemo(m_workspace, model, QString::fromStdString(demoPromptsFile().string()),
                                      limit)
                     : openShipped(m_workspace, QString::fromStdString(demoResultsFile().string()), model);
    } catch (const Error& e) {
        m_messages.fail(tr("Open the demo"), QString::fromUtf8(e.what()));
    }
}

void MainWindow::takeTour() {
    m_tourDock->show();
    m_tour->start(Tour::leftAt());
}

void MainWindow::openPublished() {
    try {
        m_demo = openShipped(m_workspace, QString::fromStdString(publishedResultsFile().string()),
                             QString::fromStdString(folderOfModel(publishedModelName).string()));
    } catch (const Error& e) {
        m_messages.fail(tr("Open the demo"), QString::fromUtf8(e.what()));
    }
}

void MainWindow::openPath(const QString& path) {
    m_jobs.submit(
        {Lane::Analysis, tr("Looking at %1").arg(titleOfPath(path)), false, true},
        [path](Progress&) { return kindOfPath(path); }, this,
        [this, path](Outcome<PathKind> kind) {
            if (kind.result()) openAs(*kind.result(), path);
        });
}

void MainWindow::openAs(PathKind kind, const QString& path) {
    if (kind == PathKind::Session) return m_sessionActions->open(path);
    if (kind == PathKind::Adapter) {
        OpenModelDialog dialog(m_jobs, path, this);
        return openChosen(dialog, false);
    }
    if (kind == PathKind::Model) {
        inspectModel(m_workspace, path, [this](std::shared_ptr<const Checkpoint> checkpoint) {
            OpenModelDialog dialog(m_jobs, std::move(checkpoint), this);
            openChosen(dialog, false);
        });
        return;
    }
    m_files.open(path);
}

void MainWindow::askOpenFile() {
    const QString file = QFileDialog::getOpenFileName(
        this, tr("Open a session, a trace, results or a GGUF model"), {},
        tr("Sessions, traces, results and GGUF models (*.rheo *.h5 *.gguf);;All files (*)"));
    if (!file.isEmpty()) openPath(file);
}

void MainWindow::askOpenModel(bool attach) {
    OpenModelDialog dialog(m_jobs, this);
    openChosen(dialog, attach);
}

void MainWindow::openChosen(OpenModelDialog& dialog, bool attach) {
    if (dialog.exec() != QDialog::Accepted) return;
    const QString folder = QString::fromStdString(dialog.checkpoint()->folder().string());
    if (attach)
        attachModel(m_workspace, folder, dialog.options());
    else if (confirmLosing(tr("Open another model")))
        openModel(m_workspace, folder, dialog.options());
}

void MainWindow::updatePage() {
    const bool open = m_workspace.state()->rows() > 0 || m_workspace.state()->results ||
                      m_workspace.model() || m_workspace.prompts().count() > 0;
    const bool onlyModel =
        m_workspace.model() && !m_workspace.state()->results && m_workspace.state()->rows() == 0;
    m_pages->setCurrentIndex(onlyModel ? 2 : open ? 1 : 0);
    m_viewTabs->showWindows(open && !onlyModel);
    m_viewTools->setVisible(open);
    updateTitle();
}

/// Rows that were just captured are to be seen without a menu. What undo took back stays so.
void MainWindow::fitFirst() {
    const auto state = m_workspace.state();
    const auto* undo = m_workspace.undoStack();
    if (state->basis || state->results || undo->count() == 0 || undo->canRedo() || !isSmall(m_workspace) ||
        m_workspace.prompts().isAddingFile())
        return;
    const auto running = m_jobs.jobs();
    if (std::none_of(running.begin(), running.end(),
                     [&](const JobInfo& job) { return job.id == m_firstFit; }))
        m_firstFit = fitBasis(m_workspace);
}

/// What cannot be done now is greyed, and says why.
void MainWindow::updateActions() {
    for (const auto& [action, feature] : m_actions) {
        const QString why = whyNot(m_workspace, feature);
        action->setEnabled(why.isEmpty());
        action->setStatusTip(why);
        action->setToolTip(why.isEmpty() ? action->text().remove('&') : why);
    }
}

void MainWindow::updateTitle() {
    QString title =
        m_sessions.file().isEmpty() ? m_workspace.title() : QFileInfo(m_sessions.file()).completeBaseName();
    if (title.isEmpty() && m_workspace.state()->rows() > 0) title = tr("Not saved");
    setWindowTitle(title.isEmpty() ? QStringLiteral("Rheograph")
                                   : QStringLiteral("%1[*] – Rheograph").arg(title));
    setWindowModified(m_workspace.files().hasUnsaved() && !title.isEmpty());
}

void MainWindow::postBasisIsStale() {
    const auto isOver = [this] { return !m_workspace.state()->basisIsStale(); };
    if (isOver()) return;
    m_messages.post(
        {"basis",
         tr("The rows have changed since the PCA was fitted: new rows are projected on the old components."),
         false,
         {{tr("Fit again"), [this] { fitBasis(m_workspace); }}},
         isOver});
}

/// The message in front, or none.
void MainWindow::showMessages() {
    if (const Message* message = m_messages.front())
        m_banner->showMessage(*message);
    else
        m_banner->hide();
}

/// Until there is something in the view in front, or another is.
void MainWindow::saySomethingIsMissing(const QString& text) {
    m_messages.post({"view", text, false, {}, [this, view = currentView()] {
                         return view != currentView() || view->hasFigure();
                     }});
}

void MainWindow::compareTeleports() {
    if (m_compareDialog == nullptr) m_compareDialog = new CompareDialog(m_workspace, m_comparison, this);
    m_compareDialog->setTheme(m_theme.isDark() ? darkTheme() : lightTheme());
    m_compareDialog->show();
    m_compareDialog->raise();
}

void MainWindow::askPreferences() {
    const Preferences before = readPreferences();
    PreferencesDialog dialog(before, this);
    connect(&dialog, &PreferencesDialog::changed, this, [this, &dialog] {
        apply(dialog.chosen());
        QTimer::singleShot(0, &dialog, &QWidget::adjustSize);
    });
    if (dialog.exec() == QDialog::Accepted)
        writePreferences(dialog.chosen());
    else
        apply(before);
}

void MainWindow::apply(const Preferences& preferences) {
    m_theme.setChoice(preferences.theme);
    if (useFontSize(preferences.fontSize)) {
        // When all widgets have laid out their texts anew.
        QTimer::singleShot(100, this, [this] {
            for (auto* area : findChildren<QScrollArea*>(panelArea)) static_cast<PanelArea*>(area)->fit();
        });
    }
    setDefaultThreads(preferences.threads);
    m_analyses.setMemory(memoryOf(preferences));
    if (std::exchange(m_colorMap, preferences.colorMap) == preferences.colorMap) return;
    const std::string map = '"' + m_colorMap.toStdString() + '"';
    for (const auto* options : findChildren<OptionBar*>()) options->choose("map", map);
    for (const auto* options : findChildren<PathOptions*>()) options->choose("map", map);
}

void MainWindow::setThemeChoice(ThemeChoice choice) {
    Preferences preferences = readPreferences();
    preferences.theme = choice;
    writePreferences(preferences);
    m_theme.setChoice(choice);  // applies it where it changes anything
}

void MainWindow::applyTheme(bool dark) {
    QApplication::setPalette(paletteFor(dark));
    for (View* view : m_views) view->setTheme(dark ? darkTheme() : lightTheme());
    rebuildRecent();  // buttons with a style sheet keep the colours that they were made with
    updateTabs();
    m_teleportPanel->setDark(dark);
    m_laboratoryPanel->setDark(dark);
    if (m_compareDialog != nullptr) m_compareDialog->setTheme(dark ? darkTheme() : lightTheme());
}

void MainWindow::lookForRecent() {
    m_jobs.submit(
        {Lane::Analysis, tr("Looking for the files opened last"), false},
        [paths = m_recent.all()](Progress&) { return RecentFiles::goneOf(paths); }, this,
        [this](Outcome<QStringList> gone) {
            if (gone.result()) m_recent.setGone(*gone.result());
        });
}

void MainWindow::rebuildRecent() {
    m_recentMenu->clear();
    for (const auto& path : m_recent.paths())
        connect(m_recentMenu->addAction(titleOfPath(path)), &QAction::triggered, this,
                [this, path] { openPath(path); });
    m_recentMenu->setEnabled(!m_recentMenu->isEmpty());
    m_start->setRecent(m_recent.paths());
}

bool MainWindow::confirm(const QString& doing, const QString& question) {
    return QMessageBox::question(this, doing, question, QMessageBox::Discard | QMessageBox::Cancel,
                                 QMessageBox::Cancel) == QMessageBox::Discard;
}

bool MainWindow::confirmLosing(const QString& doing) {
    return !m_workspace.files().hasUnsaved() ||
           confirm(doing, tr("%1 would be lost. Continue?").arg(m_workspace.files().unsavedSummary()));
}

/// Asks about what closing would lose. Where it is saved first, the window closes when that is done.
bool MainWindow::mayClose() {
    QStringList reasons;
    const bool unsaved = m_workspace.files().hasUnsaved();
    if (std::exchange(m_closeWhenSaved, false) && !unsaved) return true;  // that was the answer
    if (unsaved) reasons << tr("Not saved: %1.").arg(m_workspace.files().unsavedSummary());
    const auto all = m_jobs.jobs();
    if (const auto jobs =
            std::count_if(all.begin(), all.end(), [](const JobInfo& job) { return job.listed; });
        jobs > 0)
        reasons << counted(jobs, tr("One job is running."), tr("%1 jobs are running."));
    if (reasons.isEmpty()) return true;
    QMessageBox box(QMessageBox::Question, tr("Close Rheograph"), reasons.join(' '),
                    QMessageBox::Discard | QMessageBox::Cancel, this);
    box.setInformativeText(unsaved ? tr("Save before closing?") : tr("Close anyway?"));
    if (unsaved) box.addButton(QMessageBox::Save);
    box.setDefaultButton(unsaved ? QMessageBox::Save : QMessageBox::Cancel);
    const int answer = box.exec();
    if (answer == QMessageBox::Save) m_closeWhenSaved = m_sessionActions->save();
    return answer == QMessageBox::Discard;
}

void MainWindow::closeEvent(QCloseEvent* event) {
    if (!mayClose()) {
        event->ignore();
        return;
    }
    QSettings settings;
    settings.setValue("geometry", saveGeometry());
    for (QDockWidget* dock : m_hiddenDocks) dock->show();  // of a maximised view
    settings.setValue("windowState", saveState());
    settings.setValue("views", QJsonDocument(m_viewTabs->layout()).toJson(QJsonDocument::Compact));
    m_jobs.cancelAll();
    event->accept();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
    if (event->mimeData()->hasUrls() && event->mimeData()->urls().size() == 1 &&
        event->mimeData()->urls().front().isLocalFile())
        event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
    event->acceptProposedAction();
    openPath(event->mimeData()->urls().front().toLocalFile());
}

void MainWindow::askPromptsFile() {
    const QString path = QFileDialog::getOpenFileName(this, tr("Add prompts, one per line"), {},
                                                      tr("Text (*.txt *.jsonl);;All files (*)"));
    if (!path.isEmpty()) m_workspace.prompts().addFromFile(path, 1000);
}

/// The passages that the demo reads, run by the model that is open.
void MainWindow::addShippedPrompts() {
    try {
        m_workspace.prompts().addFromFile(QString::fromStdString(demoPromptsFile().string()), 200);
    } catch (const Error& e) {
        m_messages.fail(tr("Add the shipped passages"), QString::fromUtf8(e.what()));
    }
}

void MainWindow::askSaveTrace() {
    if (m_workspace.refuse(tr("Save the trace"), Feature::SaveTrace)) return;
    QString file =
        QFileDialog::getSaveFileName(this, tr("Save the trace"), "trace.rheo.h5", tr("Traces (*.rheo.h5)"));
    if (file.isEmpty()) return;
    if (!file.endsWith(".h5")) file += ".rheo.h5";
    m_workspace.files().saveTrace(file, true);  // the dialog asked
}

void MainWindow::askSaveResults() {
    if (m_workspace.refuse(tr("Save the results"), Feature::SaveResults)) return;
    QString file =
        QFileDialog::getSaveFileName(this, tr("Save the results"), "results.h5", tr("Results (*.h5)"));
    if (file.isEmpty()) return;
    if (!file.endsWith(".h5")) file += ".h5";
    m_workspace.files().saveResults(file, true);  // the dialog asked
}

void MainWindow::saveTeleport(qint64 id) {
    if (m_workspace.refuse(tr("Save the teleport"), Feature::Teleport)) return;
    if (id == 0)
        return m_messages.post(
            {"teleport", tr("Choose a teleport in the list on the right first."), false, {}, [this] {
                 return m_teleport.shownId() != 0;
             }});
    const QString file =
        QFileDialog::getSaveFileName(this, tr("Save the teleport"), "teleport.h5", tr("HDF5 (*.h5)"));
    if (!file.isEmpty()) m_workspace.files().saveTeleport(id, file, true);
}

void MainWindow::copyCommand(qint64 id) {
    const View* view = currentView();
    if (const QString own = view->command(); id == 0 && !own.isEmpty()) return copyText(own);
    const QString command = commandOf(m_workspace, view->figureView(), id);
    if (command.isEmpty())
        return m_messages.post(
            {"command", whyNoCommand(m_workspace, view->figureView()), false, {}, [this, view, id] {
                 return view != currentView() || !commandOf(m_workspace, view->figureView(), id).isEmpty();
             }});
    copyText(command);
}

void MainWindow::copyText(const QString& command) {
    QApplication::clipboard()->setText(command);
    statusBar()->showMessage(tr("Copied: %1").arg(command.section('\n', 0, 0)), 8000);
}

void MainWindow::showOptions(const View* view) {
    const auto statistic = view->figureView().statistic;
    m_analysisDialog->openFor(QString::fromUtf8(statistic.data(), static_cast<qsizetype>(statistic.size())));
}

void MainWindow::showAbout() {
    QString device = tr("no model is open");
    if (const auto model = m_workspace.model())
        device = tr("%1, %2").arg(QString::fromStdString(model->model->options().device),
                                  QString::fromUtf8(dtypeName(model->model->options().dtype).data()));
    QMessageBox::about(
        this, tr("About Rheograph"),
        tr("<h3>Rheograph %1</h3><p>The residual stream of a transformer as a dynamical system over "
           "depth.</p><p>It builds on <i>Transformer Dynamics</i> (Fernando and Guitchounts, arXiv "
           "2502.12131).</p><p>Qt %2. Model runs on: %3. Statistics are computed with %4.</p><p>Licence: "
           "Apache-2.0. The demo model and its passages come from books in the public domain.</p>")
            .arg(RHEO_VERSION, qVersion(), device, QString::fromStdString(blasLine())));
}

}  // namespace rheo
