#include "app/export_page.h"

#include <QDateTime>
#include <QFileDialog>
#include <QFileInfo>
#include <QStatusBar>
#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "app/export_actions.h"
#include "app/main_window.h"
#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/session/held_verdicts.h"
#include "core/session/page_scene.h"
#include "core/session/recipe_figure.h"
#include "core/session/session_page.h"
#include "widgets/paint/export_figure.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/views/teleport_panel.h"
#include "widgets/views/view.h"
#include "widgets/views/view_tabs.h"

namespace rheo {

namespace {

constexpr std::size_t largestDrawing = std::size_t{4} << 20;  // of a figure as vectors; beyond, pixels
constexpr double pixelsPerInch = 200;

QString tr(const char* text) {
    return QObject::tr(text);
}

std::string text(std::string_view words) {
    return std::string(words);
}

/// What a view shows, taken on the window's thread; drawn in the job.
struct ShownFigure {
    PageFigure page;
    std::shared_ptr<const Figure> figure;
    double widthMm = 160, heightMm = 120;
};

/// A picture of pixels as an SVG document, for figures that would be too many lines.
std::string pictureSvg(const Figure& figure, const ShownFigure& shown) {
    const QByteArray png =
        encodeFigure(figure, ExportFormat::Png, {"", shown.widthMm, shown.heightMm, pixelsPerInch, {}});
    const QString size = QStringLiteral("%1 %2").arg(shown.widthMm).arg(shown.heightMm);
    return QStringLiteral(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %1\"><image width=\"%2\" "
               "height=\"%3\" href=\"data:image/png;base64,%4\"/></svg>")
        .arg(size, QString::number(shown.widthMm), QString::number(shown.heightMm),
             QString::fromLatin1(png.toBase64()))
        .toStdString();
}

/// Draws it, with as many paths as a page may have.
PageFigure drawn(ShownFigure shown) {
    PageFigure& page = shown.page;
    const ThinnedFigure thinned = thinnedFigure(*shown.figure, mostPageVertices);
    if (thinned.drawn < thinned.of)
        page.notes.push_back(tr("This page draws %L1 of the %L2 paths that the window shows, evenly spaced.")
                                 .arg(thinned.drawn)
                                 .arg(thinned.of)
                                 .toStdString());
    page.svg = encodeFigure(thinned.figure, ExportFormat::Svg, {"", shown.widthMm, shown.heightMm, 300, {}})
                   .toStdString();
    if (page.svg.size() > largestDrawing) page.svg = pictureSvg(thinned.figure, shown);
    if (plotInSpace(thinned.figure) != nullptr) page.inSpace = thinned.figure;
    return page;
}

/// The recipe as an export writes it; a remark where no file holds what it reads.
std::string recipeText(Recipe recipe, const Figure& figure, const QString& time,
                       std::vector<std::string>& remarks) {
    recipe.theme = figure.theme.dark ? "dark" : "light";
    recipe.versions = {{"rheograph", RHEO_VERSION}, {"qt", qVersion()}};
    recipe.time = time.toStdString();
    if (recipe.sources.empty())
        remarks.push_back(tr("When the page was written, the data of this figure were in no file, so its "
                             "recipe names no source.")
                              .toStdString());
    return recipeToJson(recipe);
}

/// What `view` shows now. Throws Error where it cannot be made.
ShownFigure shownBy(const View& view, const MainWindow& window, qint64 teleport, const QString& time) {
    ShownFigure shown;
    shown.figure = view.figure();
    if (!shown.figure || shown.figure->panels.empty())
        throw Error(ErrorCode::NotFound, "there is nothing in it yet");
    const FigureView& about = view.figureView();
    const Recipe recipe = view.recipe();
    shown.widthMm = recipe.widthMm;
    shown.heightMm = recipe.heightMm;
    PageFigure& page = shown.page;
    page.title = text(about.title);
    page.caption = text(about.shows);
    if (plotInSpace(*shown.figure) != nullptr) {
        // The picture says its title and note itself; what takes its place does not.
        for (const std::string& words : {shown.figure->title, shown.figure->note})
            if (!words.empty()) page.notes.push_back(words);
        for (const ResidualPoint& point : window.workspace().points())
            page.pointNames.push_back(pointName(point));
        const QSize size = view.pictureSize();
        page.aspect = std::max(1, size.width()) / static_cast<double>(std::max(1, size.height()));
    }
    const QString own = view.command();
    page.command = (own.isEmpty() ? commandOf(window.workspace(), about, teleport) : own).toStdString();
    if (const QString why = whyNoCommand(window.workspace(), about); page.command.empty() && !why.isEmpty())
        page.remarks.push_back(why.toStdString());
    page.recipe = recipeText(recipe, *shown.figure, time, page.remarks);
    return shown;
}

/// The plots of the teleport panel; none where no teleport is shown.
std::optional<ShownFigure> teleportsShown(MainWindow& window, const QString& time) {
    const FigureToExport what = window.exports()->ofTeleports();
    if (!what.figure) return std::nullopt;
    ShownFigure shown;
    shown.figure = what.figure;
    shown.widthMm = what.recipe.widthMm;
    shown.heightMm = what.recipe.heightMm;
    PageFigure& page = shown.page;
    for (const FigureView& about : figureViewsOfFiles())
        if (about.name == what.recipe.view) {
            page.title = text(about.title);
            page.caption = text(about.shows);
        }
    if (what.toSave.size() == 1)
        page.command = commandOf(window.workspace(), window.teleportPanel()->chosen()).toStdString();
    else
        page.remarks.push_back(tr("Each of these teleports has a command of its own.").toStdString());
    page.recipe = recipeText(what.recipe, *what.figure, time, page.remarks);
    return shown;
}

QString titleOf(const MainWindow& window) {
    QString title = window.windowTitle();
    title.remove(QStringLiteral("[*]"));
    const auto end = title.lastIndexOf(QStringLiteral(" – Rheograph"));
    return end > 0 ? title.left(end) : QObject::tr("A session of Rheograph");
}

SessionPage pageOf(const MainWindow& window, const QString& time) {
    const Workspace& workspace = window.workspace();
    const DocumentFiles& files = workspace.files().known();
    SessionPage page;
    page.title = titleOf(window).toStdString();
    page.summary = pageSummary(*workspace.state());
    page.facts =
        pageFacts(*workspace.state(), {workspace.modelFolder().toStdString(), files.traceFile.toStdString(),
                                       files.promptsFile.toStdString(), RHEO_VERSION, time.toStdString()});
    page.notes = pageNotes(*workspace.state());
    page.verdicts = heldVerdicts(*workspace.state()).verdicts;
    return page;
}

}  // namespace

void askExportPage(MainWindow& window) {
    QString file = QFileDialog::getSaveFileName(&window, tr("Export a page"), "session.html",
                                                tr("Web pages (*.html *.htm)"));
    if (file.isEmpty()) return;
    if (QFileInfo(file).suffix().isEmpty()) file += QStringLiteral(".html");
    exportPage(window, file, true);  // the dialog asked
}

JobId exportPage(MainWindow& window, const QString& file, bool replace) {
    Workspace& workspace = window.workspace();
    const QString what = tr("Export the page");
    const QString time = QDateTime::currentDateTimeUtc().toString(Qt::ISODate);
    SessionPage page = pageOf(window, time);
    std::vector<ShownFigure> figures;
    for (const View* view : window.views()) {
        if (!window.viewTabs()->isOpen(view) || !view->hasFigure()) continue;
        try {
            figures.push_back(shownBy(*view, window, window.teleport().shownId(), time));
        } catch (const Error& error) {
            page.notes.push_back(view->title().toStdString() + " cannot be drawn: " + error.what());
        }
    }
    if (auto teleports = teleportsShown(window, time)) figures.push_back(std::move(*teleports));
    if (figures.empty()) {
        workspace.fail(what, {ErrorCode::NotFound, tr("There is nothing in the views to export yet."), {}});
        return {};
    }
    page.dark = figures.front().figure->theme.dark;
    return workspace.jobs().submit(
        {Lane::Analysis, tr("Writing %1").arg(QFileInfo(file).fileName())},
        [page = std::move(page), figures = std::move(figures),
         path = std::filesystem::path(file.toStdString()), replace,
         inputs = workspace.files().inputs()](Progress& progress) mutable {
            const IfExists ifExists = replace ? IfExists::Replace : IfExists::Refuse;
            requireOutput(path, ifExists, inputs);
            const auto count = static_cast<double>(figures.size());
            for (ShownFigure& figure : figures) {
                progress.check();
                page.figures.push_back(drawn(std::move(figure)));
                progress.report(static_cast<double>(page.figures.size()), count);
            }
            writeFile(path, sessionPage(page), ifExists);
        },
        &window,
        [&window, what, file](Outcome<std::monostate> outcome) {
            window.workspace().use(what, outcome, [&](std::monostate) {
                window.statusBar()->showMessage(tr("The page is in %1").arg(file), 8000);
            });
        });
}

}  // namespace rheo
