#include "app/export_actions.h"

#include <QApplication>
#include <QClipboard>
#include <QFileDialog>
#include <QFileInfo>
#include <QMenu>
#include <QStatusBar>
#include <utility>

#include "app/export_page.h"
#include "app/main_window.h"
#include "core/base/error.h"
#include "core/results/curves_file.h"
#include "core/session/recipe_figure.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/views/figure_table_dialog.h"
#include "widgets/views/teleport_panel.h"
#include "widgets/views/view.h"

namespace rheo {

namespace {

QString withSuffix(QString file, const char* suffix) {
    return QFileInfo(file).suffix().isEmpty() ? file + suffix : file;
}

QString textOf(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

}  // namespace

ExportActions::ExportActions(MainWindow& window, TeleportComparison& comparison)
    : QObject(&window), m_window(window), m_comparison(comparison) {}

void ExportActions::addTo(QMenu* file) {
    const auto add = [&](const QString& text, const QKeySequence& key, auto act) {
        auto* action = file->addAction(text);
        action->setShortcut(key);
        connect(action, &QAction::triggered, this, act);
        return action;
    };
    add(tr("&Export the view…"), QKeySequence("Ctrl+E"), [this] { askView(); });
    add(tr("Export an an&imation…"), {}, [this] { askAnimation(); });
    add(tr("Export all &views…"), QKeySequence("Ctrl+Shift+E"), [this] { askAll(); });
    add(tr("Export a pa&ge…"), {}, [this] { askExportPage(m_window); })
        ->setStatusTip(
            tr("One HTML file with all open views, which any browser shows; 3D views can be turned there"));
    add(tr("Export all &curves as CSV…"), {}, [this] { askCurves(); });
}

// ---- what is exported ---------------------------------------------------------------------------------

FigureToExport ExportActions::ofView(View* view) const {
    FigureToExport what{view->id(), view->figure(), {}, view->recipe(), {}};
    what.recipe.theme = m_window.isDark() ? "dark" : "light";
    what.inTheme = [this, view](bool dark) {
        view->setTheme(dark ? darkTheme() : lightTheme());
        auto figure = view->figure();
        view->setTheme(m_window.isDark() ? darkTheme() : lightTheme());
        return figure;
    };
    FileKeeper& files = m_window.workspace().files();
    if (const auto own = view->ownFile()) {
        what.toSave.push_back(
            {own->role, own->suffix, [&files, own, title = view->title()](const QString& file, bool replace) {
                 files.saveWith(tr("Save “%1”").arg(title), own->write, file, replace);
             }});
    } else if (what.recipe.sources.empty()) {
        what.toSave.push_back({"results", ".results.h5",
                               [&files, name = textOf(view->figureView().statistic),
                                own = view->ownResults()](const QString& file, bool replace) {
                                   if (own)
                                       files.saveOther(own, file, replace);
                                   else
                                       files.saveResults(file, replace, name);
                               }});
    }
    return what;
}

FigureToExport ExportActions::ofTeleports() const {
    FigureToExport what{QStringLiteral("teleport"), nullptr, {}, {}, {}};
    what.recipe.view = "teleport";
    what.recipe.theme = m_window.isDark() ? "dark" : "light";
    if (!m_comparison.isActive()) m_comparison.choose({m_window.teleportPanel()->chosen()});
    std::vector<std::string> names;
    for (std::size_t i = 0; i < m_comparison.chosen().size(); ++i) {
        names.push_back(m_comparison.name(i).toStdString());
        what.toSave.push_back(
            {"teleport",
             m_comparison.isActive() ? QStringLiteral(".teleport-%1.h5").arg(i + 1)
                                     : QStringLiteral(".teleport.h5"),
             [&files = m_window.workspace().files(), id = m_comparison.chosen()[i]->id](
                 const QString& file, bool replace) { files.saveTeleport(id, file, replace); }});
    }
    const auto files = m_comparison.files();
    if (files.empty()) return what;
    if (m_comparison.isActive()) {
        what.recipe.options = teleportNames(names);
        what.recipe.heightMm = 80;
    }
    what.figure = std::make_shared<const Figure>(m_comparison.isActive()
                                                     ? figureOfTeleports(files, what.recipe)
                                                     : figureOfTeleport(files.front(), what.recipe));
    return what;
}

// ---- figures ------------------------------------------------------------------------------------------

bool ExportActions::exportFigure(const FigureToExport& what, const ExportChoice& choice) {
    const QString doing = tr("Export");
    try {
        exportTo(what, choice, m_window.workspace().files().inputs());
        m_window.messages().succeed(doing);
        m_window.statusBar()->showMessage(tr("Exported %1").arg(choice.file), 8000);
        return true;
    } catch (const Error& e) {
        m_window.messages().fail(doing, QString::fromUtf8(e.what()));
        return false;
    }
}

bool ExportActions::exportView(const QString& file, double widthMm, double heightMm, double dpi, bool replace,
                               bool saveResults) {
    return exportFigure(ofView(m_window.currentView()),
                        {file, widthMm, heightMm, dpi, replace, saveResults, m_window.isDark(), false});
}

void ExportActions::askAndExport(const FigureToExport& what) {
    if (const auto choice = askForExport(&m_window, what, m_window.isDark())) exportFigure(what, *choice);
}

void ExportActions::askView() {
    if (!m_window.currentView()->hasFigure())
        return m_window.saySomethingIsMissing(tr("There is nothing in this view to export yet."));
    askAndExport(ofView(m_window.currentView()));
}

void ExportActions::askTeleports() {
    if (const FigureToExport what = ofTeleports(); what.figure) askAndExport(what);
}

void ExportActions::askAll() {
    const QString folder = QFileDialog::getExistingDirectory(&m_window, tr("Export all views into a folder"));
    if (!folder.isEmpty()) exportAll(folder);
}

int ExportActions::exportAll(const QString& folder) {
    Workspace& workspace = m_window.workspace();
    const QString results = folder + QStringLiteral("/results.h5");
    int written = 0;
    bool isSaved = false;
    const auto write = [&](const FigureToExport& what) {
        const ExportChoice choice{QStringLiteral("%1/%2.svg").arg(folder, what.name),
                                  what.recipe.widthMm,
                                  what.recipe.heightMm,
                                  what.recipe.dpi,
                                  true,
                                  true,
                                  m_window.isDark(),
                                  false};
        const bool done = exportFigure(what, choice);
        written += done ? 1 : 0;
        return done;
    };
    for (View* view : m_window.views()) {
        if (!view->hasFigure()) continue;
        FigureToExport what = ofView(view);
        // Results that several views are made from are saved once; older ones of other rows by themselves.
        const HeldResults held = resultsWith(*workspace.state(), view->figureView().statistic);
        const bool isNewest =
            !view->ownResults() && (!held.opened || held.opened == workspace.state()->results);
        if (isNewest &&
            std::erase_if(what.toSave, [](const auto& source) { return source.role == "results"; }) > 0) {
            what.recipe.sources.push_back({"results", results.toStdString(), ""});
            if (!std::exchange(isSaved, true)) workspace.files().saveResults(results, true);
        }
        if (!write(what)) return written;
    }
    if (const FigureToExport teleports = ofTeleports(); teleports.figure && !write(teleports)) return written;
    m_window.statusBar()->showMessage(tr("%1 figures are in %2").arg(written).arg(folder), 8000);
    return written;
}

// ---- animations, curves, pictures, tables ---------------------------------------------------------------

void ExportActions::askAnimation() {
    const View* view = m_window.currentView();
    if (!view->hasFigure() || !view->recipe().camera)
        return m_window.saySomethingIsMissing(tr("Only 3D views can be animated: trajectories and orbits."));
    if (const auto choice = askForAnimation(&m_window, view->replay() != nullptr)) exportAnimation(*choice);
}

JobId ExportActions::exportAnimation(const AnimationChoice& choice) {
    const QString what = tr("Export the animation");
    const View* view = m_window.currentView();
    return m_window.workspace().jobs().submit(
        {Lane::Analysis, tr("Painting %1 pictures").arg(choice.frames())},
        [choice, frames = choice.motion == AnimationMotion::Replay ? view->replay()
                                                                   : framesOf(view->figure(), choice.motion)](
            Progress& progress) { writeAnimation(choice, frames, progress); },
        this,
        [this, what, path = choice.path](Outcome<std::monostate> outcome) {
            m_window.workspace().use(what, outcome, [&](std::monostate) {
                m_window.statusBar()->showMessage(tr("The animation is in %1").arg(path), 8000);
            });
        });
}

/// Every curve of the results with its nulls, for a spreadsheet.
void ExportActions::askCurves() {
    Workspace& workspace = m_window.workspace();
    if (!workspace.state()->results)
        return m_window.saySomethingIsMissing(tr("There are no results with curves to save yet."));
    const QString file = QFileDialog::getSaveFileName(&m_window, tr("Save the curves"), "curves.csv",
                                                      tr("Comma-separated values (*.csv)"));
    if (file.isEmpty()) return;
    workspace.files().saveWith(
        tr("Save the curves"),
        [opened = workspace.state()->results](const std::filesystem::path& path, IfExists exists) {
            writeFile(path, curvesCsv(opened->results), exists);
        },
        withSuffix(file, ".csv"), true);
}

void ExportActions::copyPicture() {
    const View* view = m_window.currentView();
    if (!view->hasFigure())
        return m_window.saySomethingIsMissing(tr("There is nothing in this view to copy yet."));
    try {
        QApplication::clipboard()->setImage(pictureOf(*view->figure(), view->pictureSize()));
        m_window.statusBar()->showMessage(tr("The figure is on the clipboard"), 5000);
    } catch (const Error& e) {
        m_window.messages().fail(tr("Copy the picture"), QString::fromUtf8(e.what()));
    }
}

void ExportActions::showTable(const View* view) {
    if (!view->hasFigure())
        return m_window.saySomethingIsMissing(tr("There are no numbers in this view yet."));
    auto* dialog = new FigureTableDialog(view->title(), view->figure(), &m_window);
    connect(dialog, &FigureTableDialog::saveRequested, this, [this, dialog, name = view->id()] {
        const QString file = QFileDialog::getSaveFileName(dialog, tr("Save the table"), name + ".csv",
                                                          tr("Comma-separated values (*.csv)"));
        if (file.isEmpty()) return;
        m_window.workspace().files().saveWith(
            tr("Save the table"),
            [table = dialog->shown()](const std::filesystem::path& path, IfExists exists) {
                writeFile(path, tableCsv(table), exists);
            },
            withSuffix(file, ".csv"), true);
    });
    dialog->show();
}

}  // namespace rheo
