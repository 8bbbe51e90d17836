#pragma once

#include <QMainWindow>
#include <memory>

#include "widgets/jobs/job_runner.h"
#include "widgets/viewmodels/recent_files.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/teleport_model.h"
#include "widgets/viewmodels/theme_source.h"
#include "widgets/viewmodels/workspace.h"

class QLabel;
class QMenu;
class QStackedWidget;
class QTabWidget;

namespace rheo {

class Banner;
class DensityView;
class DepthBar;
class OpenModelDialog;
class SourcePanel;
class TeleportPanel;
class TrajectoryView;

/// The window: composes the models and the views, and holds the menus. No arithmetic lives here.
class MainWindow : public QMainWindow {
    Q_OBJECT
public:
    explicit MainWindow(QWidget* parent = nullptr);
    ~MainWindow() override;

    Workspace& workspace() { return m_workspace; }
    Selection& selection() { return m_selection; }
    TeleportModel& teleport() { return m_teleport; }
    TrajectoryView* trajectories() const { return m_trajectories; }
    DensityView* density() const { return m_density; }
    TeleportPanel* teleportPanel() const { return m_teleportPanel; }
    SourcePanel* sourcePanel() const { return m_source; }
    DepthBar* depthBar() const { return m_depth; }
    Banner* banner() const { return m_banner; }

    /// `limit` prompts at most.
    void openDemo(int limit = 1000);
    /// A trace file, a model folder, or ORG/NAME of a model in the cache (asks for device, dtype and
    /// threads).
    void openPath(const QString& path);
    /// Exports the view in front to a file; its extension is the format. What it is made from is saved beside
    /// it (FILE.results.h5), so that the recipe in the figure can be followed. True if it was written; else
    /// the banner says why.
    bool exportView(const QString& file, double widthMm, double heightMm, double dpi, bool replace,
                    bool saveResults);
    void setThemeChoice(ThemeChoice choice);

protected:
    void closeEvent(QCloseEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    void buildMenus();
    void updateTitle();
    void updateBanner();
    void updatePage();
    void applyTheme(bool dark);
    void rebuildRecent();
    void askOpenModel(bool attach);
    void openChosen(OpenModelDialog& dialog, bool attach);
    void askExport();
    void askSaveTrace();
    void saveTeleport(qint64 id);
    void copyCommand(qint64 id);
    void copyPicture();
    void showShortcuts();
    void showAbout();
    bool confirmLosing(const QString& doing);

    JobRunner m_jobs;
    Workspace m_workspace;
    Selection m_selection;
    TeleportModel m_teleport;
    ThemeSource m_theme;
    RecentFiles m_recent;
    Banner* m_banner;
    QStackedWidget* m_pages;
    QTabWidget* m_tabs;
    TrajectoryView* m_trajectories;
    DensityView* m_density;
    SourcePanel* m_source;
    TeleportPanel* m_teleportPanel;
    DepthBar* m_depth;
    QMenu* m_recentMenu = nullptr;
    QMenu* m_viewMenu = nullptr;
};

}  // namespace rheo
