// Results files in the window: opened by command line, drop and dialog, with and without their trace; every
// figure of the table is shown, hovered, exported and made again by `rheo figure`; a damaged file loses
// nothing. Real files of rheo, real events, a real (virtual) display.
#include <QApplication>
#include <QClipboard>
#include <QDir>
#include <QDockWidget>
#include <QDoubleSpinBox>
#include <QFile>
#include <QFileDialog>
#include <QHeaderView>
#include <QJsonArray>
#include <QLabel>
#include <QLineEdit>
#include <QMenuBar>
#include <QMessageBox>
#include <QMimeData>
#include <QProcess>
#include <QPushButton>
#include <QRegularExpression>
#include <QSettings>
#include <QSlider>
#include <QStackedWidget>
#include <QStatusBar>
#include <QTabBar>
#include <QTableView>
#include <QTemporaryDir>
#include <QTimer>
#include <set>

#include "app/export_actions.h"
#include "app/main_window.h"
#include "app/resource_paths.h"
#include "core/findings/findings.h"
#include "core/results/results_file.h"
#include "core/session/comparison_views.h"
#include "core/session/opened_results.h"
#include "core/session/recipe_figure.h"
#include "core/session/unit_table.h"
#include "core/statistics/table.h"
#include "event_loop_watch.h"
#include "keep_picture.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/views/banner.h"
#include "widgets/views/color_range_button.h"
#include "widgets/views/depth_bar.h"
#include "widgets/views/figure_widget.h"
#include "widgets/views/lens_map_view.h"
#include "widgets/views/missing_page.h"
#include "widgets/views/orbit_view.h"
#include "widgets/views/result_bar.h"
#include "widgets/views/results_view.h"
#include "widgets/views/source_panel.h"
#include "widgets/views/trajectory_canvas.h"
#include "widgets/views/trajectory_view.h"
#include "widgets/views/view_tabs.h"
#include "window_test.h"

using namespace rheo;

namespace {

const QString rheoProgram = RHEO_BIN "/rheo";

/// Runs rheo; what it said if it failed, else empty.
QString runRheo(const QStringList& arguments) {
    QProcess process;
    process.start(rheoProgram, arguments);
    if (!process.waitForFinished(240000)) return "did not end";
    return process.exitCode() == 0 ? QString() : QString::fromUtf8(process.readAllStandardError());
}

QByteArray read(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

QString withoutTime(const QString& path) {
    return QString::fromUtf8(read(path)).remove(QRegularExpression("&quot;time&quot;: &quot;[^&]*&quot;"));
}

}  // namespace

/// For --stat: all of the table, and the lens.
QString everyStatistic() {
    QStringList names;
    for (const auto& info : statisticInfos())
        names << QString::fromLatin1(info.name.data(), static_cast<qsizetype>(info.name.size()));
    return (names << "lens"
                  << "jacobian")
        .join(',');
}

/// Of the prompt that is looked at, of the laboratory, or derivatives, which take minutes: not shipped.
bool isComputedOnRequest(const View& view) {
    return view.id() == "lens_map" || view.id() == "jacobian" || view.figureView().statistic.empty();
}

/// Verdicts as a report keeps them, of every kind; test_app_analyses makes real ones.
void addVerdicts(const QString& file) {
    std::vector<Verdict> verdicts;
    for (const Finding& finding : findings()) {
        Verdict v;
        v.key = finding.key;
        v.direction = finding.direction;
        v.verdict = static_cast<VerdictKind>(verdicts.size() % 7);
        v.observed = 0.1 * static_cast<double>(verdicts.size());
        v.interval = {v.observed - 0.05, v.observed + 0.05};
        v.nulls = {
            {"gaussian_walk", 0.5, 0.4, 0.6, {0.01, PMethod::Empirical}, {0.99, PMethod::Empirical}, 1, 99}};
        verdicts.push_back(v);
    }
    const Results results = readResults(file.toStdString());
    ResultsWriter writer = ResultsWriter::add(file.toStdString(), results.source);
    writer.write(Evidence{}, {});
    writer.write(verdicts);
    writer.commit();
}

class TestAppResults : public QObject {
    Q_OBJECT
public:
    static void initMain() { prepareWindowTest(); }

private Q_SLOTS:
    void initTestCase();
    void init();
    void cleanup();
    void everyFigureOfTheTableIsAView();
    void aResultsFileOpensWithItsTrace();
    void aResultsFileOpensWithoutItsTrace();
    void aLensOfWholeTextsIsAMap();
    void trajectoriesThatAreMissingAreExplained();
    void theDemoOpensAsItIsShipped();
    void theWindowDoesNotFreeze();
    void thePublishedTraceOpensAsItIsShipped();
    void theTraceJoinsResultsThatAreOpen();
    void aFileIsDroppedOnTheWindow();
    void aFolderOfAReportOpens();
    void aFileIsChosenInTheDialog();
    void theProgramTakesAResultsFile();
    void viewsAreSwitchedByKeysAndMouse();
    void viewsStandBesideEachOther();
    void aTabIsDraggedOutAndComesBack();
    void theArrangementIsRemembered();
    void theMouseIsToldWhatIsUnderIt();
    void unitsAreChosenInATableAndTurn();
    void aStateOfTheLatentMapIsChosen();
    void coloursHaveTheRangeThatIsTyped();
    void everyViewIsExportedAndMadeAgain_data();
    void everyViewIsExportedAndMadeAgain();
    void thePictureOnTheClipboardIsTheFigure();
    void themesRepaintEveryView();
    void openingIsUndoneAndRedone();
    void resultsAreClosed();
    void resultsGoWhileAViewIsZoomedOrBehind();
    void whatIsMissingIsExplained();
    void resultsOfSelectedRowsOpenThoseRows();
    void scaledScoresAreNotTheDocumentsBasis();
    void anotherTraceIsAskedFor_data();
    void anotherTraceIsAskedFor();
    void damagedFilesLoseNothing_data();
    void damagedFilesLoseNothing();
    void everyTabIsReachableInASmallWindow();

private:
    QString path(const QString& name) const { return m_dir.filePath(name); }
    bool settled() const { return m_window->workspace().jobs().isIdle(); }
    const DocumentState& state() const { return *m_window->workspace().state(); }
    template <class T = View>
    T* view(const QString& id) const {
        for (View* view : m_window->views())
            if (view->id() == id) return qobject_cast<T*>(view);
        return nullptr;
    }
    void open(const QString& file) {
        m_window->openPath(file);
        QTRY_VERIFY_WITH_TIMEOUT(settled(), 60000);
    }
    /// Answers the next question with `button`, and keeps its text.
    void answer(QMessageBox::StandardButton button) {
        m_asked.clear();
        auto* timer = new QTimer(this);
        connect(timer, &QTimer::timeout, this, [this, button, timer] {
            auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
            if (box == nullptr) return;
            m_asked = box->text();
            box->button(button)->click();
            timer->deleteLater();
        });
        timer->start(20);
    }

    QTemporaryDir m_dir;
    std::unique_ptr<MainWindow> m_window;
    QString m_asked;
};

void TestAppResults::initTestCase() {
    const QString model = QString::fromStdString(demoModelFolder().string());
    const QString prompts = QString::fromStdString(demoPromptsFile().string());
    const auto capture = [&](const QString& out, const QStringList& more) {
        return runRheo(QStringList{"capture", "--model", model, "--prompts", prompts, "--out", path(out)} +
                       more);
    };
    QCOMPARE(capture("t.rheo.h5", {"--limit", "30"}), QString());
    QCOMPARE(capture("other.rheo.h5", {"--limit", "12"}), QString());
    QCOMPARE(
        runRheo({"analyze", path("t.rheo.h5"), "--stat", everyStatistic(), "--model", model, "--null",
                 "sign_flip", "--repeats", "20", "--epochs", "2", "--rows", "1", "--out", path("all.h5")}),
        QString());
    addVerdicts(path("all.h5"));
    QCOMPARE(runRheo({"analyze", path("t.rheo.h5"), "--stat", "motion", "--out", path("motion.h5")}),
             QString());
    QCOMPARE(runRheo({"analyze", path("t.rheo.h5"), "--stat", "pca,density", "--scaling", "rms", "--out",
                      path("rms.h5")}),
             QString());
    QCOMPARE(runRheo({"analyze", path("t.rheo.h5"), "--stat", "pca", "--select", "sample>=10", "--out",
                      path("selected.h5")}),
             QString());
    QCOMPARE(runRheo({"analyze", path("other.rheo.h5"), "--stat", "pca,density", "--out", path("other.h5")}),
             QString());
    // Without their traces: the file alone, in a folder of its own, its trace gone.
    QDir().mkpath(path("alone"));
    QCOMPARE(capture("gone.rheo.h5", {"--limit", "8"}), QString());
    QCOMPARE(runRheo({"analyze", path("gone.rheo.h5"), "--stat", "pca,density,motion", "--out",
                      path("alone/alone.h5")}),
             QString());
    QCOMPARE(runRheo({"analyze", path("gone.rheo.h5"), "--stat", "motion", "--out", path("alone/motion.h5")}),
             QString());
    QVERIFY(QFile::rename(path("gone.rheo.h5"), path("alone/renamed.rheo.h5")));
    QCOMPARE(capture("texts.rheo.h5", {"--limit", "2", "--rows", "all"}), QString());
    QCOMPARE(runRheo({"analyze", path("texts.rheo.h5"), "--stat", "lens", "--model",
                      QString::fromStdString(demoModelFolder().string()), "--out", path("texts.h5")}),
             QString());
    QDir().mkpath(path("report"));
    QVERIFY(QFile::copy(path("all.h5"), path("report/results.h5")));
}

void TestAppResults::init() {
    QSettings().clear();
    m_window = std::make_unique<MainWindow>();
    m_window->setThemeChoice(ThemeChoice::Light);
    m_window->resize(1280, 800);
    m_window->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
    QApplication::setActiveWindow(m_window.get());
}

void TestAppResults::cleanup() {
    m_window.reset();
}

void TestAppResults::everyFigureOfTheTableIsAView() {
    std::set<std::string> views;
    for (const View* view : m_window->views()) views.insert(view->id().toStdString());
    QCOMPARE(views.size(), m_window->views().size());
    std::set<std::string> figures;
    for (const FigureView& figure : figureViewsOfResults()) figures.emplace(figure.name);
    // Those of files of their own, but for the teleport, which has a panel, and the pages of a comparison,
    // which are in one view.
    for (const FigureView& figure : figureViewsOfFiles())
        if (figure.name != "teleport" && (figure.name == pathsView || !figure.name.starts_with("compare_")))
            figures.emplace(figure.name);
    QVERIFY(views == figures);
    for (const FigureView& figure : figureViewsOfResults()) {
        QVERIFY(!figure.label.empty() && !figure.shows.empty() && !figure.statistic.empty());
        QVERIFY2(figure.shows.ends_with('.'), figure.shows.data());
    }
    QCOMPARE(m_window->viewBar()->count(), static_cast<int>(figures.size()));
}

void TestAppResults::aResultsFileOpensWithItsTrace() {
    open(path("all.h5"));
    QVERIFY2(!m_window->banner()->isError(), qPrintable(m_window->banner()->text()));
    QVERIFY(state().results && state().trace);
    QCOMPARE(state().rows(), 30);
    QCOMPARE(QFileInfo(m_window->workspace().files().known().traceFile).fileName(), QString("t.rheo.h5"));
    // The scores are the file's own, so that what is seen is what was computed.
    QVERIFY(basisIsOfResults(state()));
    QVERIFY(state().scores.get() == &drawnPca(*state().results)->scores);
    QVERIFY(!state().basisIsStale());
    for (View* view : m_window->views()) {
        if (view->id() == "lens_map") continue;              // these rows are last tokens, and no text
        if (view->figureView().statistic.empty()) continue;  // computed with a model, and of no results
        QVERIFY2(view->hasFigure(), qPrintable(view->id()));
        m_window->showView(view);
        QTRY_VERIFY(view->isVisible());
        QTest::qWait(30);
        const auto figure = view->figure();
        QVERIFY2(figure && !figure->panels.empty(), qPrintable(view->id()));
        if (auto* results = qobject_cast<ResultsView*>(view)) {
            QVERIFY2(results->figureWidget()->isVisible(), qPrintable(view->id()));
            QVERIFY2(results->figureWidget()->painter().plotRect(0).width() > 60, qPrintable(view->id()));
        }
        keepPicture(*m_window, "results " + view->id());
    }
    QVERIFY(m_window->sourcePanel()->findChild<QLabel*>()->text().contains("all.h5"));
}

void TestAppResults::aResultsFileOpensWithoutItsTrace() {
    open(path("alone/alone.h5"));
    QVERIFY2(!m_window->banner()->isError(), qPrintable(m_window->banner()->text()));
    QVERIFY(state().results && !state().trace);
    QCOMPARE(m_window->windowTitle(), QString("alone.h5[*] – Rheograph"));
    QVERIFY2(m_window->statusBar()->currentMessage().contains("gone.rheo.h5"),
             qPrintable(m_window->statusBar()->currentMessage()));
    auto* trajectories = view<TrajectoryView>("trajectories");
    QVERIFY(trajectories->isVisible() && trajectories->hasFigure());
    QVERIFY(view("density")->hasFigure() && view("motion")->hasFigure());
    QVERIFY(!view("rotation")->hasFigure());
    // A click names and selects a path of the results.
    auto* canvas = trajectories->canvas();
    QTRY_VERIFY(canvas->frames() > 0);
    QTest::qWait(200);  // until the window has its final layout
    const auto z = drawnPca(*state().results)->scores.line(3, 30);
    const QPoint at = canvas->placeOf({z[0], z[1], z[2]}).toPoint();
    QSignalSpy hovered(trajectories, &View::hovered);
    QTest::mouseMove(canvas, at - QPoint(2, 0));
    QTest::mouseMove(canvas, at);
    QTRY_VERIFY(!hovered.isEmpty() && hovered.last()[0].toString().startsWith("sample "));
    QVERIFY(!trajectories->options().selected);
    QTest::mouseClick(canvas, Qt::LeftButton, {}, at);
    QTRY_VERIFY(trajectories->options().selected.has_value());
    // Points of depth are those of the results.
    QCOMPARE(m_window->depthBar()->slider()->maximum(), 64);
    keepPicture(*m_window, "results alone");
}

/// The trajectories say so as every other view does.
/// Without the model, and as rheo figure draws it.
void TestAppResults::aLensOfWholeTextsIsAMap() {
    open(path("texts.h5"));
    auto* map = view<LensMapView>("lens_map");
    m_window->showView(map);
    QTRY_VERIFY(map->isVisible());
    QVERIFY(map->hasFigure() && !m_window->workspace().model());
    const auto plot = [&] {
        return std::get<HeatmapPlot>(map->figureWidget()->figure()->panels.front().plot);
    };
    const auto tokens = [&](std::size_t sample) {
        return static_cast<Eigen::Index>(state().trace->info().samples[sample].tokenIds.size());
    };
    QCOMPARE(plot().values.rows(), tokens(0));
    // Another text is selected, and shown.
    const auto& rows = state().trace->info().rows;
    const auto second =
        std::find_if(rows.begin(), rows.end(), [](const TraceRow& row) { return row.sample == 1; });
    m_window->selection().selectRow(RowIndex{second - rows.begin()});
    // Its first token has the state of the first one's first token, and rows with the same states count once.
    QCOMPARE(plot().values.rows(), tokens(1) - 1);
    QCOMPARE(plot().y.ids.back(), std::int64_t{1});
    const QString first = path("lens.svg"), again = path("lens-again.svg");
    QVERIFY(m_window->exports()->exportView(first, 190, 130, 100, false, false));
    QCOMPARE(runRheo({"figure", "--recipe", first, "--out", again}), QString());
    QVERIFY(QFileInfo(again).size() > 10000);
    QCOMPARE(runRheo({"figure", path("texts.h5"), "--view", "lens_map", "--sample", "1", "--depth", "blocks",
                      "--color", "entropy", "--out", path("lens.png")}),
             QString());
    keepPicture(*m_window, "lens map of results");
}

void TestAppResults::trajectoriesThatAreMissingAreExplained() {
    open(path("alone/motion.h5"));
    auto* trajectories = view<TrajectoryView>("trajectories");
    m_window->showView(trajectories);
    QTRY_VERIFY(trajectories->missingPage()->isVisible() && !trajectories->canvas()->isVisible());
    QVERIFY2(trajectories->missingPage()->reason().contains("motion.h5 does not contain it"),
             qPrintable(trajectories->missingPage()->reason()));
    QVERIFY(trajectories->missingPage()->command().contains("--stat pca"));
    QVERIFY(!m_window->resultBar()->isVisible());
    keepPicture(*m_window, "trajectories missing");
}

/// Every view has something to show at once, and the model joins.
void TestAppResults::theDemoOpensAsItIsShipped() {
    m_window->openDemo();
    QTRY_COMPARE_WITH_TIMEOUT(state().rows(), std::int64_t{300}, 60000);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().model() && settled(), 60000);
    QVERIFY2(!m_window->banner()->isError(), qPrintable(m_window->banner()->text()));
    for (const View* view : m_window->views())
        QVERIFY2(view->hasFigure() || isComputedOnRequest(*view), qPrintable(view->id()));
    QCOMPARE(m_window->workspace().undoStack()->count(), 0);
    QVERIFY(!m_window->workspace().files().hasUnsaved());
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, 60000);
}

/// The demo opened, every view looked at in both themes, hovered and zoomed, rows selected, a state moved:
/// nothing holds the event loop for more than 100 ms of the processor.
void TestAppResults::theWindowDoesNotFreeze() {
    const double before = EventLoopWatch::slowness();
    EventLoopWatch watch;
    for (const char* step : {"open the demo", "open the demo again"}) {
        watch.setStep(step);
        m_window->openDemo();
        QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().model() && settled(), 60000);
        QTRY_VERIFY(view<TrajectoryView>("trajectories")->canvas()->frames() > 0);
        QTest::qWait(300);
    }
    for (const ThemeChoice theme : {ThemeChoice::Light, ThemeChoice::Dark}) {
        watch.setStep("theme");
        m_window->setThemeChoice(theme);
        QTest::qWait(300);
        for (View* view : m_window->views()) {
            watch.setStep(view->id());
            m_window->showView(view);
            QTest::qWait(150);
            for (const QPoint& by : {QPoint(0, 0), QPoint(30, 20), QPoint(-60, 35)}) {
                QTest::mouseMove(view, view->rect().center() + by);
                QTest::qWait(30);
            }
            if (auto* results = qobject_cast<ResultsView*>(view))
                QTest::keyClick(results->figureWidget(), Qt::Key_Plus);
            QTest::qWait(60);
        }
    }
    watch.setStep("select");
    m_window->showView(view<TrajectoryView>("trajectories"));
    for (const int row : {7, 80, 211}) {
        m_window->selection().selectRow(RowIndex{row});
        QTest::qWait(200);
    }
    watch.setStep("teleport");
    auto& teleport = m_window->teleport();
    QTRY_COMPARE_WITH_TIMEOUT(teleport.state(), TeleportModel::State::Ready, 60000);
    teleport.beginDrag();
    for (int i = 1; i <= 20; ++i) {
        VectorD target = teleport.naturalScores();
        target[0] += i;
        teleport.moveTo(target);
        QTest::qWait(20);
    }
    teleport.endDrag();
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 60000);
    qInfo("the longest step took %.0f ms: %s", 1000 * watch.worst(), qPrintable(watch.worstStep()));
    const double slowness = std::max(before, EventLoopWatch::slowness());
    QVERIFY2(watch.worst() < 0.1 * slowness,
             qPrintable(QStringLiteral("%1 s on a machine that is %2 times slower: %3")
                            .arg(watch.worst())
                            .arg(slowness)
                            .arg(watch.worstStep())));
}

/// Its model is not shipped: without it in the cache everything but the teleport is there.
void TestAppResults::thePublishedTraceOpensAsItIsShipped() {
    m_window->openPublished();
    QTRY_COMPARE_WITH_TIMEOUT(state().rows(), std::int64_t{100}, 60000);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 60000);
    QVERIFY2(!m_window->banner()->isError(), qPrintable(m_window->banner()->text()));
    for (const View* view : m_window->views())
        QVERIFY2(view->hasFigure() || isComputedOnRequest(*view) || view->id() == "verdicts",
                 qPrintable(view->id()));
    QCOMPARE(m_window->workspace().points().size(), std::size_t{61});
    QVERIFY(view<TrajectoryView>("trajectories")->isVisible());
}

void TestAppResults::theTraceJoinsResultsThatAreOpen() {
    open(path("alone/alone.h5"));
    QVERIFY(state().results && !state().trace);
    open(path("alone/renamed.rheo.h5"));
    QVERIFY(state().results && state().trace);
    QCOMPARE(state().rows(), 8);
    QVERIFY(basisIsOfResults(state()));
}

void TestAppResults::aFileIsDroppedOnTheWindow() {
    QMimeData data;
    data.setUrls({QUrl::fromLocalFile(path("all.h5"))});
    const QPoint middle = m_window->rect().center();
    QDragEnterEvent enter(middle, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(m_window.get(), &enter);
    QVERIFY(enter.isAccepted());
    QDropEvent drop(middle, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(m_window.get(), &drop);
    QTRY_VERIFY_WITH_TIMEOUT(state().results != nullptr, 60000);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 60000);
    QCOMPARE(QString::fromStdString(state().results->path.filename().string()), QString("all.h5"));
}

void TestAppResults::aFolderOfAReportOpens() {
    open(path("report"));
    QVERIFY(state().results && state().trace);
    QCOMPARE(QString::fromStdString(state().results->path.string()), path("report/results.h5"));
    QDir().mkpath(path("empty"));
    open(path("empty"));
    QVERIFY(m_window->banner()->isError());
    QVERIFY2(m_window->banner()->text().contains(path("empty")) &&
                 m_window->banner()->text().contains("results.h5"),
             qPrintable(m_window->banner()->text()));
    QVERIFY(state().results && state().trace);
}

void TestAppResults::aFileIsChosenInTheDialog() {
    QApplication::setAttribute(Qt::AA_DontUseNativeDialogs);
    QTimer::singleShot(300, this, [this] {
        auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
        QVERIFY(dialog != nullptr);
        auto* name = dialog->findChild<QLineEdit*>("fileNameEdit");
        QVERIFY(name != nullptr);
        name->setText(path("motion.h5"));
        QTest::keyClick(name, Qt::Key_Return);
    });
    QTest::keyClick(m_window.get(), Qt::Key_O, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(state().results != nullptr, 60000);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 60000);
    // No PCA in the file: that of the trace was fitted, as when it is opened by itself.
    QVERIFY(state().scores != nullptr);
    QVERIFY(view("motion")->hasFigure() && !view("correlation")->hasFigure());
}

void TestAppResults::theProgramTakesAResultsFile() {
    QProcess program;
    program.start(RHEO_BIN "/rheograph",
                  {"--theme", "dark", "--screenshot", path("shot.png"), path("all.h5")});
    QVERIFY(program.waitForFinished(120000));
    QVERIFY2(program.exitCode() == 0, program.readAllStandardError().constData());
    const QImage shot(path("shot.png"));
    QVERIFY(!shot.isNull());
    int coloured = 0;
    for (int y = 0; y < shot.height(); y += 2)
        for (int x = 0; x < shot.width(); x += 2) coloured += QColor(shot.pixel(x, y)).hsvSaturation() > 80;
    QVERIFY2(coloured > 300, "its trajectories are on the picture");
}

void TestAppResults::viewsAreSwitchedByKeysAndMouse() {
    open(path("all.h5"));
    auto* bar = m_window->viewBar();
    for (int i = 0; i < 9; ++i) {
        QTest::keyClick(m_window.get(), Qt::Key(Qt::Key_1 + i), Qt::ControlModifier);
        QCOMPARE(bar->currentIndex(), i);
        QTRY_VERIFY(m_window->views()[std::size_t(i)]->isVisible());
    }
    for (int i = 9; i < bar->count(); ++i) {
        QTest::keyClick(m_window.get(), Qt::Key_PageDown, Qt::ControlModifier);
        QCOMPARE(bar->currentIndex(), i);
    }
    QTest::keyClick(m_window.get(), Qt::Key_PageDown, Qt::ControlModifier);
    QCOMPARE(bar->currentIndex(), 0);
    QTest::keyClick(m_window.get(), Qt::Key_PageUp, Qt::ControlModifier);
    QCOMPARE(bar->currentIndex(), bar->count() - 1);
    for (int i = 0; i < bar->count(); ++i) {
        QTest::mouseClick(bar, Qt::LeftButton, {}, bar->tabRect(i).center());
        QCOMPARE(m_window->currentView(), m_window->views()[std::size_t(i)]);
        QTRY_VERIFY(m_window->currentView()->isVisible());
    }
}

void TestAppResults::viewsStandBesideEachOther() {
    open(path("all.h5"));
    ViewTabs* tabs = m_window->viewTabs();
    const auto key = [this](Qt::Key which, Qt::KeyboardModifiers modifiers) {
        QTest::keyClick(m_window.get(), which, modifiers);
    };
    m_window->showView(view("density"));
    key(Qt::Key_Backslash, Qt::ControlModifier);
    QCOMPARE(tabs->columnOf(view("density")), 1);
    QCOMPARE(m_window->currentView(), view("density"));
    m_window->showView(view("motion"));
    QTRY_VERIFY(view("motion")->isVisible() && view("density")->isVisible());
    QVERIFY(view("motion")->geometry().width() > 200);
    QVERIFY2(tabs->bar(0)->isVisible() && tabs->bar(1)->isVisible(), "each column has its tabs");
    keepPicture(*m_window, "two columns");
    // Where the focus is, there the keys go.
    view<ResultsView>("density")->figureWidget()->setFocus();
    QTRY_COMPARE(m_window->currentView(), view("density"));
    const auto inFront = [this] {
        QStringList names;
        for (const auto* dock : m_window->findChildren<QDockWidget*>())
            if (dock->isVisible() && !dock->visibleRegion().isEmpty()) names << dock->objectName();
        return names;
    };
    const QStringList panels = inFront();
    QVERIFY(panels.size() >= 2);
    key(Qt::Key_M, Qt::ControlModifier | Qt::ShiftModifier);
    QVERIFY(view("density")->isVisible() && !view("motion")->isVisible());
    QVERIFY2(!m_window->sourcePanel()->isVisible(), "a view that is maximised has the window");
    key(Qt::Key_M, Qt::ControlModifier | Qt::ShiftModifier);
    QVERIFY(view("motion")->isVisible() && m_window->sourcePanel()->isVisible());
    QTRY_COMPARE(inFront(), panels);
    const int all = tabs->bar(0)->count();
    m_window->showView(view("motion"));
    key(Qt::Key_W, Qt::ControlModifier);
    QVERIFY(!tabs->isOpen(view("motion")) && !view("motion")->isVisible());
    QCOMPARE(tabs->bar(0)->count(), all - 1);
    key(Qt::Key_T, Qt::ControlModifier | Qt::ShiftModifier);
    QVERIFY(view("motion")->isVisible());
    QCOMPARE(m_window->currentView(), view("motion"));
    // The last tab of the first column stays.
    tabs->closeOthers(view("motion"));
    key(Qt::Key_W, Qt::ControlModifier);
    QVERIFY(tabs->isOpen(view("motion")));
    tabs->reset();
    QCOMPARE(tabs->bar(0)->count(), all + 1);
    QVERIFY(!tabs->bar(1)->isVisible());
    for (std::size_t i = 0; i < m_window->views().size(); ++i)
        QCOMPARE(tabs->bar(0)->tabText(static_cast<int>(i)), m_window->views()[i]->title());
}

void TestAppResults::aTabIsDraggedOutAndComesBack() {
    open(path("all.h5"));
    ViewTabs* tabs = m_window->viewTabs();
    auto* motion = view<ResultsView>("motion");
    m_window->showView(motion);
    QTabBar* bar = tabs->bar(0);
    const QPoint at = bar->tabRect(bar->currentIndex()).center();
    QTest::mousePress(bar, Qt::LeftButton, {}, at);
    for (int y = 0; y <= 200; y += 20) {
        QMouseEvent move(QEvent::MouseMove, at + QPoint(5, y), bar->mapToGlobal(at + QPoint(5, y)),
                         Qt::NoButton, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(bar, &move);
    }
    QTest::mouseRelease(bar, Qt::LeftButton, {}, at + QPoint(5, 200));
    QVERIFY(tabs->isInWindow(motion));
    QTRY_VERIFY(motion->isVisible() && motion->window() != m_window.get());
    QVERIFY(motion->window()->windowTitle().startsWith("Motion"));
    QTRY_VERIFY(motion->figureWidget()->painter().plotRect(0).width() > 60);
    QCOMPARE(static_cast<int>(m_window->views().size()), bar->count() + 1);
    // It follows the document and the theme there, and its window gives it back.
    m_window->setThemeChoice(ThemeChoice::Dark);
    QVERIFY(motion->figure()->theme.dark);
    m_window->setThemeChoice(ThemeChoice::Light);
    m_window->showView(motion);
    QCOMPARE(m_window->currentView(), static_cast<View*>(motion));
    motion->window()->close();
    QVERIFY(!tabs->isInWindow(motion) && tabs->columnOf(motion) == 0);
    // So does the view in three dimensions, whose picture needs a context of its own.
    auto* orbits = view<OrbitView>("orbits_3d");
    tabs->moveToWindow(orbits);
    QTRY_VERIFY(orbits->canvas()->isVisible() && orbits->canvas()->figure());
    tabs->close(orbits);
    m_window->showView(orbits);
    QTRY_VERIFY(orbits->canvas()->isVisible());
    tabs->reset();
}

void TestAppResults::theArrangementIsRemembered() {
    ViewTabs* tabs = m_window->viewTabs();
    tabs->moveToOtherColumn(view("rotation"));
    tabs->close(view("lens"));
    tabs->moveToWindow(view("motion"));
    m_window->showView(view("density"));
    const QJsonObject layout = tabs->layout();
    QVERIFY(m_window->close());
    m_window = std::make_unique<MainWindow>();
    m_window->show();
    tabs = m_window->viewTabs();
    QCOMPARE(tabs->layout()["columns"], layout["columns"]);
    QCOMPARE(tabs->columnOf(view("rotation")), 1);
    QVERIFY(tabs->isInWindow(view("motion")) && !tabs->isOpen(view("lens")));
    QVERIFY2(!view("motion")->isVisible(), "an empty view stands beside the start page");
    open(path("all.h5"));
    QTRY_VERIFY(view("motion")->isVisible());
    m_window->showView(view("density"));
    QCOMPARE(tabs->bar(0)->tabText(tabs->bar(0)->currentIndex()), QString("Density"));
    // What a later version no longer has, or has more, harms nothing.
    QJsonObject other = layout;
    other["columns"] = QJsonArray{QJsonArray{"gone", "motion"}, QJsonArray{"gone", "density"}};
    other["windows"] = QJsonArray{QJsonObject{{"view", "gone"}}, 3};
    other["closed"] = "nonsense";
    tabs->restore(other);
    QCOMPARE(tabs->bar(0)->count() + tabs->bar(1)->count(), static_cast<int>(m_window->views().size()));
    QCOMPARE(tabs->bar(0)->tabText(0), QString("Trajectories"));
    tabs->reset();
}

void TestAppResults::theMouseIsToldWhatIsUnderIt() {
    open(path("all.h5"));
    auto* motion = view<ResultsView>("motion");
    m_window->showView(motion);
    QTest::qWait(200);  // until the window has its final layout
    auto* widget = motion->figureWidget();
    QTRY_VERIFY(widget->painter().plotRect(0).width() > 60);
    const auto& plot = std::get<CurvePlot>(widget->figure()->panels[0].plot);
    const Curve* curve = nullptr;
    for (const auto& candidate : plot.curves)
        if (!candidate.name.empty() && candidate.x.size() > 5) curve = curve ? curve : &candidate;
    QVERIFY(curve != nullptr);
    QSignalSpy hovered(motion, &View::hovered);
    std::size_t i = 0;
    while (i + 1 < curve->y.size() && !(curve->y[i] > plot.y.low && curve->y[i] < plot.y.high)) ++i;
    const auto at = widget->painter().placeOf({0, curve->x[i], curve->y[i]});
    QVERIFY(at.has_value());
    QTest::mouseMove(widget, at->toPoint() + QPoint(1, 1));
    QTest::mouseMove(widget, at->toPoint());
    QTRY_VERIFY(!hovered.isEmpty());
    const QString said = hovered.last()[0].toString();
    QVERIFY2(said.contains("Depth (block): L") && said.contains(QString::fromStdString(plot.y.title)),
             qPrintable(said));
    QCOMPARE(m_window->statusBar()->currentMessage(), said);
    auto* correlation = view<ResultsView>("correlation");
    m_window->showView(correlation);
    QTRY_VERIFY(correlation->figureWidget()->painter().plotRect(0).width() > 60);
    QSignalSpy cell(correlation, &View::hovered);
    const QPoint centre = correlation->figureWidget()->painter().plotRect(0).center().toPoint();
    QTest::mouseMove(correlation->figureWidget(), centre - QPoint(4, 4));
    QTest::mouseMove(correlation->figureWidget(), centre);
    QTRY_VERIFY(!cell.isEmpty());
    QVERIFY2(cell.last()[0].toString().contains("Mean r over units: "),
             qPrintable(cell.last()[0].toString()));
}

/// The table of units sorts by its numbers and selects what is drawn, and the selection is that of all views.
void TestAppResults::unitsAreChosenInATableAndTurn() {
    open(path("all.h5"));
    auto* orbits = view<OrbitView>("orbits_3d");
    m_window->showView(orbits);
    QTRY_VERIFY(orbits->canvas()->figure() != nullptr);
    QTableView* table = orbits->table();
    QCOMPARE(orbits->units().size(), std::size_t(1));
    const Results results = readResults(path("all.h5").toStdString());
    const auto columns = unitColumns(results);
    const auto beyond =
        std::find_if(columns.begin(), columns.end(), [](const auto& c) { return c.name == "Beyond"; });
    QVERIFY(beyond != columns.end());
    // Sorted by a click on the head: the least first, then the greatest.
    QHeaderView* head = table->horizontalHeader();
    const int section = 1 + static_cast<int>(beyond - columns.begin());
    table->scrollTo(table->model()->index(0, section));
    const QPoint at(head->sectionViewportPosition(section) + head->sectionSize(section) / 2,
                    head->height() / 2);
    Eigen::Index least = 0, most = 0;
    beyond->values.minCoeff(&least);
    beyond->values.maxCoeff(&most);
    QTest::mouseClick(head->viewport(), Qt::LeftButton, {}, at);
    std::set<qint64> ends{table->model()->index(0, 0).data().toLongLong()};
    QTest::mouseClick(head->viewport(), Qt::LeftButton, {}, at);
    ends.insert(table->model()->index(0, 0).data().toLongLong());
    QCOMPARE(ends, (std::set<qint64>{least, most}));
    // Two rows of it: two units, the last one selected everywhere.
    table->scrollTo(table->model()->index(0, 0));
    const auto rowAt = [&](int row) { return table->visualRect(table->model()->index(row, 0)).center(); };
    QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, rowAt(0));
    QTest::mouseClick(table->viewport(), Qt::LeftButton, Qt::ControlModifier, rowAt(1));
    const auto& plot = std::get<Plot3D>(orbits->canvas()->figure()->panels[0].plot);
    std::set<std::int64_t> drawn;
    for (const LineSet3& lines : plot.lines)
        if (lines.pickable) drawn.insert(lines.tags.begin(), lines.tags.end());
    const auto second = table->model()->index(1, 0).data().toLongLong();
    QCOMPARE(drawn, (std::set<std::int64_t>{table->model()->index(0, 0).data().toLongLong(), second}));
    QCOMPARE(m_window->selection().unit().value(), second);
    QTRY_VERIFY(orbits->histogram()->figure() != nullptr);
    // Selected in another view, it is drawn here.
    UnitIndex other{0};
    while (drawn.contains(other.value())) other = UnitIndex{other.value() + 1};
    m_window->selection().selectUnit(UnitIndex{other.value() + (other.value() == 0 ? 1 : 0)});
    m_window->selection().selectUnit(other);
    QCOMPARE(orbits->units(), std::vector{other});
    keepPicture(*m_window, "orbits");
    const double before = orbits->canvas()->camera().azimuth;
    orbits->canvas()->setFocus();
    QTest::keyClick(orbits->canvas(), Qt::Key_R);
    QTRY_VERIFY(std::abs(orbits->canvas()->camera().azimuth - before) > 2);
    QTest::keyClick(orbits->canvas(), Qt::Key_R);
    QVERIFY(!orbits->turntable()->isChecked());
}

/// A click on a state selects its row and point; the row that is selected is joined by a line.
void TestAppResults::aStateOfTheLatentMapIsChosen() {
    open(path("all.h5"));
    auto* latent = view<ResultsView>("latent");
    m_window->showView(latent);
    auto* widget = latent->figureWidget();
    QTRY_VERIFY(widget->painter().plotRect(0).width() > 60);
    QTest::qWait(200);  // until the window has its final layout
    const Curve& states = std::get<CurvePlot>(widget->figure()->panels[0].plot).curves.front();
    // The state farthest to the right has no other so near.
    const auto i =
        static_cast<std::size_t>(std::max_element(states.x.begin(), states.x.end()) - states.x.begin());
    const auto at = widget->painter().placeOf({0, states.x[i], states.y[i]});
    QVERIFY(at.has_value());
    QTest::mouseClick(widget, Qt::LeftButton, {}, at->toPoint());
    QCOMPARE(m_window->selection().row()->value(), states.rows[i]);
    QCOMPARE(m_window->selection().point().value(), static_cast<std::int64_t>(states.values[i]));
    QVERIFY(!widget->painter().pathsOf(states.rows[i]).isEmpty());
    for (int n = 0; n < 3; ++n) QTest::keyClick(widget, Qt::Key_Plus);
    QVERIFY(widget->painter().isZoomed());
    keepPicture(*m_window, "latent");
}

void TestAppResults::coloursHaveTheRangeThatIsTyped() {
    open(path("all.h5"));
    auto* density = view<ResultsView>("density");
    m_window->showView(density);
    QTRY_VERIFY(density->figureWidget()->figure() != nullptr);
    ColorRangeButton* range = density->colorRange();
    QVERIFY(range->isVisible());
    const auto scale = [density]() -> const ColorScale& {
        return std::get<HeatmapPlot>(density->figureWidget()->figure()->panels[0].plot).colorScale;
    };
    const double automatic = scale().high;
    QTest::mouseClick(range, Qt::LeftButton);
    QTRY_VERIFY(range->panel()->isVisible());
    range->high()->selectAll();
    QTest::keyClicks(range->high(), "0.25");
    QTest::keyClick(range->high(), Qt::Key_Return);
    range->low()->selectAll();
    QTest::keyClicks(range->low(), "-0.25");
    QTest::keyClick(range->low(), Qt::Key_Return);
    QCOMPARE(scale().high, 0.25);
    QCOMPARE(density->recipe().colors->high, 0.25);
    keepPicture(*range->panel(), "range of colours");
    QTest::mouseClick(range->panel()->findChild<QPushButton*>(), Qt::LeftButton);
    QCOMPARE(scale().high, automatic);
    QVERIFY(!density->recipe().colors);
    range->panel()->hide();
    // A figure of curves has no colours to set.
    auto* motion = view<ResultsView>("motion");
    m_window->showView(motion);
    QTRY_VERIFY(motion->figureWidget()->figure() != nullptr);
    QVERIFY(!motion->colorRange()->isVisible());
}

void TestAppResults::everyViewIsExportedAndMadeAgain_data() {
    QTest::addColumn<QString>("id");
    QTest::addColumn<bool>("zoomed");
    for (const FigureView& figure : figureViewsOfResults()) {
        const auto name = QByteArray(figure.name.data(), int(figure.name.size()));
        if (name == "lens_map") continue;  // these rows are last tokens, and no text
        QTest::addRow("%s", name.constData()) << QString(name) << false;
    }
    QTest::addRow("motion, zoomed") << "motion" << true;
}

void TestAppResults::everyViewIsExportedAndMadeAgain() {
    QFETCH(QString, id);
    QFETCH(bool, zoomed);
    open(path("all.h5"));
    m_window->showView(view(id));
    QTRY_VERIFY(view(id)->isVisible());
    if (zoomed) {
        auto* widget = view<ResultsView>(id)->figureWidget();
        QTRY_VERIFY(widget->painter().plotRect(0).width() > 60);
        for (int i = 0; i < 3; ++i) QTest::keyClick(widget, Qt::Key_Plus);
        QVERIFY(widget->painter().isZoomed());
    }
    const QString first = path(id + "-1.svg"), again = path(id + "-2.svg");
    QFile::remove(first);
    QFile::remove(again);
    QVERIFY2(m_window->exports()->exportView(first, 190, 120, 100, false, true),
             qPrintable(m_window->banner()->text()));
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    QVERIFY2(!QFile::exists(first + ".results.h5"), "the results are in a file already");
    QCOMPARE(runRheo({"figure", "--recipe", first, "--out", again}), QString());
    const QString a = withoutTime(first), b = withoutTime(again);
    QVERIFY(a.size() > 2000);
    const QStringList left = a.split('\n'), right = b.split('\n');
    for (qsizetype i = 0; i < std::min(left.size(), right.size()); ++i) QCOMPARE(right[i], left[i]);
    QCOMPARE(right.size(), left.size());
    QVERIFY2(!m_window->exports()->exportView(path("all.h5"), 190, 120, 100, true, false),
             "no input is overwritten");
}

void TestAppResults::thePictureOnTheClipboardIsTheFigure() {
    open(path("all.h5"));
    auto* rotation = view<ResultsView>("rotation");
    m_window->showView(rotation);
    QTest::qWait(100);  // until it has its place
    QTest::keyClick(m_window.get(), Qt::Key_C, Qt::ControlModifier | Qt::AltModifier);
    const QImage picture = QApplication::clipboard()->image();
    QCOMPARE(picture.size(), rotation->figureWidget()->size() * 2);
    QVERIFY2(picture.height() < 2 * rotation->height(), "the options above are not part of it");
}

void TestAppResults::themesRepaintEveryView() {
    open(path("all.h5"));
    for (View* view : m_window->views()) {
        if (view->id() == "lens_map") continue;              // these rows are last tokens, and no text
        if (view->figureView().statistic.empty()) continue;  // computed with a model, and of no results
        m_window->setThemeChoice(ThemeChoice::Light);
        m_window->showView(view);
        QTRY_VERIFY(view->isVisible());
        QVERIFY2(!view->figure()->theme.dark, qPrintable(view->id()));
        m_window->setThemeChoice(ThemeChoice::Dark);
        QVERIFY2(view->figure()->theme.dark, qPrintable(view->id()));
        QTest::qWait(20);
        keepPicture(*m_window, "dark " + view->id());
    }
    m_window->setThemeChoice(ThemeChoice::Light);
}

void TestAppResults::openingIsUndoneAndRedone() {
    open(path("all.h5"));
    QVERIFY(state().results);
    QTest::keyClick(m_window.get(), Qt::Key_Z, Qt::ControlModifier);
    QVERIFY(!state().results);
    QCOMPARE(state().rows(), 30);
    QVERIFY(!view("motion")->hasFigure());
    QTest::keyClick(m_window.get(), Qt::Key_Z, Qt::ControlModifier | Qt::ShiftModifier);
    QVERIFY(state().results && basisIsOfResults(state()));
    QVERIFY(view("motion")->hasFigure());
    // Another file of the same trace takes their place, and undo brings them back.
    open(path("motion.h5"));
    QCOMPARE(QString::fromStdString(state().results->path.filename().string()), QString("motion.h5"));
    QVERIFY2(state().basis != nullptr, "a file without a PCA leaves the document's basis");
    while (QString::fromStdString(state().results->path.filename().string()) != "all.h5" &&
           m_window->workspace().undoStack()->canUndo())
        m_window->workspace().undoStack()->undo();
    QCOMPARE(QString::fromStdString(state().results->path.filename().string()), QString("all.h5"));
    QVERIFY(view("rotation")->hasFigure());
}

void TestAppResults::resultsAreClosed() {
    open(path("alone/alone.h5"));
    auto* stack = m_window->centralWidget()->findChild<QStackedWidget*>();
    QVERIFY(stack != nullptr);
    QVERIFY(m_window->viewBar()->isVisible());
    auto* label = m_window->sourcePanel()->findChild<QLabel*>();
    Q_EMIT label->linkActivated("close");
    QVERIFY(!state().results);
    QTRY_VERIFY2(!m_window->viewBar()->isVisible(), "the start page is back");
    m_window->workspace().undoStack()->undo();
    QVERIFY(state().results);
    QTRY_VERIFY(m_window->viewBar()->isVisible());
}

void TestAppResults::resultsGoWhileAViewIsZoomedOrBehind() {
    m_window->openDemo();
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().model() && settled(), 60000);
    auto* motion = view<ResultsView>("motion");
    m_window->showView(motion);
    QTRY_VERIFY(motion->figureWidget()->isVisible());
    QTest::keyClick(motion->figureWidget(), Qt::Key_Plus);
    auto* label = m_window->sourcePanel()->findChild<QLabel*>();
    Q_EMIT label->linkActivated("close");
    QVERIFY(!state().results && motion->figureWidget()->figure() == nullptr);
    m_window->workspace().undoStack()->undo();
    QTRY_VERIFY(motion->figureWidget()->figure() != nullptr);
    for (const char* behind : {"motion", "orbits_3d"}) {
        m_window->showView(view(behind));
        QTest::qWait(100);
        m_window->showView(view("trajectories"));
        Q_EMIT label->linkActivated("close");
        m_window->selection().selectPoint(PointIndex{3});
        m_window->selection().selectUnit(UnitIndex{5});
        QTest::qWait(100);  // marks come soon, not at once
        QVERIFY(!view(behind)->hasFigure());
        m_window->workspace().undoStack()->undo();
    }
}

void TestAppResults::whatIsMissingIsExplained() {
    open(path("motion.h5"));
    auto* rotation = view<ResultsView>("rotation");
    m_window->showView(rotation);
    QTRY_VERIFY(rotation->missingPage()->isVisible());
    QVERIFY(rotation->missingPage()->reason().contains("motion.h5"));
    QTest::qWait(50);
    keepPicture(*m_window, "results missing");
    // The command is what it says: run, and the file opened again, it gives the figure.
    QString command = rotation->missingPage()->command();
    QVERIFY2(command.startsWith("rheo analyze "), qPrintable(command));
    QProcess shell;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert("PATH", QString(RHEO_BIN) + ":" + environment.value("PATH"));
    shell.setProcessEnvironment(environment);
    shell.start("sh", {"-c", command});
    QVERIFY(shell.waitForFinished(120000));
    QVERIFY2(shell.exitCode() == 0, shell.readAllStandardError().constData());
    open(path("motion.h5"));
    QVERIFY(rotation->hasFigure() && rotation->figureWidget()->isVisible());
    auto* lens = view<ResultsView>("lens");
    m_window->showView(lens);
    QTRY_VERIFY(lens->missingPage()->isVisible());
    QVERIFY(lens->missingPage()->command().contains("--model"));
    QVERIFY2(!m_window->exports()->exportView(path("none.svg"), 160, 120, 300, false, false),
             "nothing to export");
}

void TestAppResults::resultsOfSelectedRowsOpenThoseRows() {
    open(path("selected.h5"));
    QVERIFY(state().results && state().trace);
    QCOMPARE(state().rows(), 20);
    QCOMPARE(state().prompts.size(), std::size_t(20));
    QVERIFY2(basisIsOfResults(state()), "the document has the rows of the results");
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
}

void TestAppResults::scaledScoresAreNotTheDocumentsBasis() {
    open(path("rms.h5"));
    QVERIFY(state().results && state().trace);
    QVERIFY2(!state().basis, "a raw state cannot be moved in a basis of scaled ones");
    QVERIFY(view("trajectories")->hasFigure());
    const Recipe recipe = view("trajectories")->recipe();
    QCOMPARE(recipe.sources.size(), std::size_t(1));
    QVERIFY(recipe.sources[0].path.ends_with("rms.h5"));
    keepPicture(*m_window, "results scaled");
    QTest::keyClick(m_window.get(), Qt::Key_R, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(state().basis != nullptr, 60000);
    QVERIFY(view("trajectories")->recipe().sources.empty());
}

void TestAppResults::anotherTraceIsAskedFor_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<int>("rows");
    QTest::addRow("with its trace") << "other.h5" << 12;
    QTest::addRow("without") << "alone/alone.h5" << 0;
}

void TestAppResults::anotherTraceIsAskedFor() {
    QFETCH(QString, file);
    QFETCH(int, rows);
    open(path("all.h5"));
    const auto before = m_window->workspace().state();
    answer(QMessageBox::Cancel);
    open(path(file));
    QTRY_VERIFY2(m_asked.contains("another trace"), qPrintable(m_asked));
    QVERIFY2(m_window->workspace().state() == before, "Cancel leaves all as it was");
    answer(QMessageBox::Discard);
    open(path(file));
    QTRY_VERIFY(m_asked.contains("another trace"));
    QCOMPARE(state().rows(), rows);
    QCOMPARE(QString::fromStdString(state().results->path.string()), path(file));
}

void TestAppResults::damagedFilesLoseNothing_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("says");
    const QByteArray whole = read(path("all.h5"));
    QTest::addRow("cut") << "cut.h5" << whole.left(whole.size() / 2) << "cut.h5";
    QByteArray flipped = whole;
    for (qsizetype i = flipped.size() / 3; i < flipped.size() / 3 + 4000; ++i) flipped[i] = ~flipped[i];
    QTest::addRow("bytes changed") << "flipped.h5" << flipped << "flipped.h5";
    QTest::addRow("empty") << "empty.h5" << QByteArray() << "empty.h5";
    QTest::addRow("text") << "text.h5" << QByteArray("no results\n") << "text.h5";
}

void TestAppResults::damagedFilesLoseNothing() {
    QFETCH(QString, name);
    QFETCH(QByteArray, bytes);
    QFETCH(QString, says);
    QFile file(path(name));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(bytes);
    file.close();
    open(path("all.h5"));
    const auto before = m_window->workspace().state();
    open(path(name));
    QTRY_VERIFY_WITH_TIMEOUT(m_window->banner()->isVisible() && m_window->banner()->isError(), 10000);
    QVERIFY2(m_window->banner()->text().contains(says), qPrintable(m_window->banner()->text()));
    QVERIFY(m_window->workspace().state() == before);
    keepPicture(*m_window, "results damaged");
}

void TestAppResults::everyTabIsReachableInASmallWindow() {
    open(path("all.h5"));
    auto* bar = m_window->viewBar();
    // There are more than fit: the one that is chosen comes into view, and five of eight are seen at once.
    int seen = 0;
    for (int i = 0; i < bar->count(); ++i) seen += bar->rect().contains(bar->tabRect(i));
    QVERIFY2(8 * seen >= 5 * bar->count(), qPrintable(QString::number(seen)));
    for (const int width : {1280, 960}) {
        m_window->resize(width, 640);
        for (int i = 0; i < bar->count(); ++i) {
            bar->setCurrentIndex(i);
            QTRY_VERIFY2(bar->rect().contains(bar->tabRect(i).center()),
                         qPrintable(QString("%1 at %2 pixels").arg(bar->tabText(i)).arg(width)));
        }
    }
}

RHEO_TEST(TestAppResults)
#include "test_app_results.moc"
