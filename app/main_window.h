#pragma once

#include <QMainWindow>
#include <QPointer>
#include <memory>
#include <vector>

#include "widgets/jobs/job_runner.h"
#include "widgets/viewmodels/analyses.h"
#include "widgets/viewmodels/file_opener.h"
#include "widgets/viewmodels/held_facts.h"
#include "widgets/viewmodels/laboratory.h"
#include "widgets/viewmodels/message_board.h"
#include "widgets/viewmodels/preferences.h"
#include "widgets/viewmodels/recent_files.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/selection_history.h"
#include "widgets/viewmodels/session_keeper.h"
#include "widgets/viewmodels/teleport_comparison.h"
#include "widgets/viewmodels/teleport_model.h"
#include "widgets/viewmodels/theme_source.h"
#include "widgets/viewmodels/workspace.h"

class QDockWidget;
class QMenu;
class QStackedWidget;
class QTabBar;
class QToolBar;

namespace rheo {

class AnalysisDialog;
class Banner;
class CompareDialog;
class DepthBar;
class ExportActions;
class LaboratoryPanel;
class ManualWindow;
class OpenModelDialog;
enum class PathKind;
class ResultBar;
class SessionActions;
class SourcePanel;
class StartPage;
class TeleportPanel;
class Tour;
class View;
class ViewTabs;

/// The window: composes the models and the views, and holds the menus. No arithmetic lives here, and no view
/// is known by name: tabs, menus, theme, status line and export go over the table of views.
class MainWindow : public QMainWindow {
    Q_OBJECT
public:
    explicit MainWindow(QWidget* parent = nullptr);
    ~MainWindow() override;

    Workspace& workspace() { return m_workspace; }
    const Workspace& workspace() const { return m_workspace; }
    Analyses& analyses() { return m_analyses; }
    Selection& selection() { return m_selection; }
    const Selection& selection() const { return m_selection; }
    SessionKeeper& sessions() { return m_sessions; }
    SessionActions* sessionActions() const { return m_sessionActions; }
    ExportActions* exports() const { return m_exports; }
    StartPage* startPage() const { return m_start; }
    Tour* tour() const { return m_tour; }
    /// Goes on with the guided tour where it was left.
    void takeTour();
    SelectionHistory& selectionHistory() { return m_history; }
    TeleportModel& teleport() { return m_teleport; }
    HeldFacts& heldFacts() { return m_held; }
    /// All views, in the order of their tabs.
    const std::vector<View*>& views() const { return m_views; }
    View* currentView() const;
    /// Brings `view` to the front.
    void showView(View* view);
    /// Where they are.
    ViewTabs* viewTabs() const { return m_viewTabs; }
    /// The tabs of its first column.
    QTabBar* viewBar() const;
    AnalysisDialog* analysisDialog() const { return m_analysisDialog; }
    ResultBar* resultBar() const { return m_resultBar; }
    CompareDialog* compareDialog() const { return m_compareDialog; }
    TeleportPanel* teleportPanel() const { return m_teleportPanel; }
    Laboratory& laboratory() { return m_laboratory; }
    LaboratoryPanel* laboratoryPanel() const { return m_laboratoryPanel; }
    SourcePanel* sourcePanel() const { return m_source; }
    DepthBar* depthBar() const { return m_depth; }
    Banner* banner() const { return m_banner; }
    /// Null until it is shown.
    ManualWindow* manualWindow() const;

    /// As it is shipped: rows, results and the model. With a `limit`, this many rows captured anew.
    void openDemo(int limit = 0);
    /// A trace of a published model and its results, with the model where its folder is found.
    void openPublished();
    /// A trace file, a results file or the folder of a report, a model folder, or ORG/NAME of a model in the
    /// cache (asks for device, dtype and threads).
    void openPath(const QString& path);
    MessageBoard& messages() { return m_messages; }
    /// Says what the view in front lacks, until it has it or another is in front.
    void saySomethingIsMissing(const QString& text);
    bool isDark() const { return m_theme.isDark(); }
    void setThemeChoice(ThemeChoice choice);
    /// Asks for what is set once, and keeps it.
    void askPreferences();
    /// Whether what is open may be lost: nothing would be, or a person said so.
    bool confirmLosing(const QString& doing);
    /// The manual at this place ("views#motion"); empty: about what has the focus.
    void showManual(QString address = {});

protected:
    void closeEvent(QCloseEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;

private:
    void buildViews();
    void buildFileMenu();
    void buildEditMenu();
    void buildAnalysisMenu();
    void buildViewMenu();
    void buildArrangeMenu();
    void maximizeView(bool on);
    /// Trajectories in the middle, the edits at the right.
    void showLaboratory();
    void buildHelpMenu();
    void connectWorkspace();
    void updateViews();
    void updateTabs();
    void showSomething();
    void updateTitle();
    void updatePage();
    void updateActions();
    void fitFirst();
    void applyTheme(bool dark);
    void apply(const Preferences& preferences);
    void openAs(PathKind kind, const QString& path);
    /// Which of the files opened last are gone: not asked on this thread, as their disk may not answer.
    void lookForRecent();
    void rebuildRecent();
    void askOpenFile();
    void askOpenModel(bool attach);
    void openChosen(OpenModelDialog& dialog, bool attach);
    void compareTeleports();
    void postBasisIsStale();
    void showMessages();
    void askPromptsFile();
    void addShippedPrompts();
    bool mayClose();
    void askSaveTrace();
    void askSaveResults();
    void saveTeleport(qint64 id);
    void copyCommand(qint64 id);
    void copyText(const QString& command);
    void showOptions(const View* view);
    void showAbout();
    bool confirm(const QString& doing, const QString& question);

    JobRunner m_jobs;
    Workspace m_workspace;
    Analyses m_analyses;
    FileOpener m_files;
    Selection m_selection;
    SelectionHistory m_history;
    TeleportModel m_teleport;
    HeldFacts m_held;
    TeleportComparison m_comparison;
    Laboratory m_laboratory;
    MessageBoard m_messages;
    SessionKeeper m_sessions;
    ThemeSource m_theme;
    RecentFiles m_recent;
    Banner* m_banner = nullptr;
    QStackedWidget* m_pages;
    StartPage* m_start;
    SessionActions* m_sessionActions = nullptr;
    ExportActions* m_exports = nullptr;
    Tour* m_tour = nullptr;
    QDockWidget* m_tourDock = nullptr;
    QToolBar* m_viewTools = nullptr;
    ViewTabs* m_viewTabs = nullptr;
    QList<QDockWidget*> m_hiddenDocks;  ///< while a view is maximised
    ResultBar* m_resultBar = nullptr;
    AnalysisDialog* m_analysisDialog = nullptr;
    CompareDialog* m_compareDialog = nullptr;
    QPointer<ManualWindow> m_manual;  ///< goes with the dialog that it was opened over
    std::vector<View*> m_views;
    std::shared_ptr<const DocumentState> m_viewsState;  ///< what the views have
    SourcePanel* m_source;
    TeleportPanel* m_teleportPanel;
    LaboratoryPanel* m_laboratoryPanel;
    QDockWidget *m_teleportDock = nullptr, *m_laboratoryDock = nullptr;
    DepthBar* m_depth;
    QMenu* m_recentMenu = nullptr;
    QMenu* m_viewMenu = nullptr;
    QAction* m_closeResults = nullptr;
    std::vector<std::pair<QAction*, Feature>> m_actions;  ///< that are not always possible
    QString m_colorMap = Preferences().colorMap;          ///< that all views were told last
    JobId m_demo, m_firstFit;
    bool m_closeWhenSaved = false;
};

}  // namespace rheo
