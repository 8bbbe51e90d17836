// Two traces beside each other as a person compares them: chosen with the dialog, computed in the background,
// cameras and selection linked, both depths of a cell of the map, verdicts, export, and what a session keeps.
#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QFileDialog>
#include <QJsonArray>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTabBar>
#include <QTemporaryDir>
#include <QTimer>
#include <QToolButton>
#include <QTreeWidget>
#include <cmath>
#include <set>
#include <string>

#include "app/export_actions.h"
#include "app/main_window.h"
#include "core/session/comparison_views.h"
#include "core/session/recipe_figure.h"
#include "keep_picture.h"
#include "run_rheo.h"
#include "tests/test_main.h"
#include "widgets/views/compare_view.h"
#include "widgets/views/figure_widget.h"
#include "widgets/views/trajectory_canvas.h"
#include "window_test.h"

using namespace rheo;

namespace {
constexpr int wait = 60000;
}

class TestAppCompareWindow : public QObject {
    Q_OBJECT
public:
    static void initMain() { prepareWindowTest(); }

private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase() { m_window.reset(); }
    void theEmptyViewSaysWhatToDo();
    void aSourceIsChosen();
    void itIsComputedAndCanBeStopped();
    void camerasAreLinked();
    void selectionIsLinked();
    void aCellOfTheMapNamesBothDepths();
    void differencesAndVerdictsAreShown();
    void itIsExportedAndMadeAgain();
    void aSessionKeepsTheSources();
    void aSavedComparisonIsOpened();
    void fourSourcesAreCompared();

private:
    CompareView* view() const {
        for (View* view : m_window->views())
            if (auto* found = qobject_cast<CompareView*>(view)) return found;
        return nullptr;
    }
    bool settled() const { return m_window->workspace().jobs().isIdle(); }
    QString path(const QString& name) const { return m_dir.filePath(name); }
    void drag(QWidget* widget, const QPoint& by) const {
        const QPoint from(widget->width() / 2, widget->height() / 3);
        QTest::mousePress(widget, Qt::LeftButton, {}, from);
        for (int i = 1; i <= 4; ++i) {
            const QPointF at = from + by * i / 4;
            QMouseEvent move(QEvent::MouseMove, at, widget->mapToGlobal(at), Qt::NoButton, Qt::LeftButton,
                             {});
            QApplication::sendEvent(widget, &move);
        }
        QTest::mouseRelease(widget, Qt::LeftButton, {}, from + by);
    }
    void clickTab(CompareView::Page page) const {
        QTest::mouseClick(view()->pageBar(), Qt::LeftButton, {}, view()->pageBar()->tabRect(page).center());
    }

    QTemporaryDir m_dir;
    std::unique_ptr<MainWindow> m_window;
};

void TestAppCompareWindow::initTestCase() {
    QByteArray prompts;
    for (int i = 0; i < 12; ++i)
        prompts += (i % 2 == 0 ? "It was the best of times for him " : "She said nothing at all to her ") +
                   QByteArray::number(i) + "\n";
    writeFile(path("prompts.txt"), prompts);
    const QStringList names{"trained", "untrained", "second", "third"};
    for (const QString& name : names) {
        QStringList words{"capture",           "--model", RHEO_RESOURCES "/demo-model", "--prompts",
                          path("prompts.txt"), "--out",   path(name + ".rheo.h5")};
        if (const auto seed = names.indexOf(name); seed > 0) words << "--untrained" << QString::number(seed);
        const auto ran = runRheo(words);
        QVERIFY2(ran.status == 0, ran.err);
    }
    m_window = std::make_unique<MainWindow>();
    m_window->setThemeChoice(ThemeChoice::Light);
    m_window->resize(1280, 800);
    m_window->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
    QApplication::setActiveWindow(m_window.get());
    QVERIFY(view() != nullptr);
}

void TestAppCompareWindow::theEmptyViewSaysWhatToDo() {
    m_window->openPath(path("trained.rheo.h5"));
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().state()->rows() == 12 && settled(), wait);
    m_window->showView(view());
    QVERIFY(view()->isVisible() && !view()->hasFigure());
    QVERIFY(view()->explanation()->text().contains("Compare with"));
    QVERIFY(!view()->startButton()->isEnabled());
    keepPicture(*m_window, "compare empty");
}

void TestAppCompareWindow::aSourceIsChosen() {
    QTimer::singleShot(300, m_window.get(), [this] {
        auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
        if (dialog == nullptr) return;
        dialog->setDirectory(m_dir.path());
        dialog->findChild<QLineEdit*>()->setText(path("untrained.rheo.h5"));
        QMetaObject::invokeMethod(dialog, "accept");
    });
    QAction* action = nullptr;
    for (QAction* one : m_window->findChildren<QAction*>("compareWith")) action = one;
    QVERIFY(action != nullptr);
    action->trigger();
    QApplication::setActiveWindow(m_window.get());
    QTRY_COMPARE_WITH_TIMEOUT(view()->sourceNames().size(), 2, wait);
    QCOMPARE(view()->sourceNames().last(), QString("untrained"));
    QTRY_VERIFY_WITH_TIMEOUT(view()->startButton()->isEnabled() && settled(), wait);
    // One that is not there is told of, and nothing is added.
    view()->addSource(path("nothing.rheo.h5"));
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QCOMPARE(view()->sourceNames().size(), 2);
}

void TestAppCompareWindow::itIsComputedAndCanBeStopped() {
    QTest::mouseClick(view()->startButton(), Qt::LeftButton);
    QVERIFY(view()->isRunning());
    QTest::mouseClick(view()->startButton(), Qt::LeftButton);
    QVERIFY(!view()->isRunning());
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QVERIFY(!view()->hasFigure());
    QTest::mouseClick(view()->startButton(), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(view()->hasFigure(), 4 * wait);
    const auto made = view()->comparison();
    QCOMPARE(made->comparison.alignment, Alignment::Procrustes);
    QCOMPARE(made->comparison.pairs.at(0).matched.count(), 12);
    QTRY_VERIFY_WITH_TIMEOUT(view()->canvases().size() == 2 && view()->canvases()[1]->frames() > 0, wait);
    keepPicture(*m_window, "compare paths light");
    m_window->setThemeChoice(ThemeChoice::Dark);
    QTest::qWait(400);
    keepPicture(*m_window, "compare paths dark");
    m_window->setThemeChoice(ThemeChoice::Light);
}

void TestAppCompareWindow::camerasAreLinked() {
    const auto& canvases = view()->canvases();
    const double before = canvases[1]->camera().azimuth;
    drag(canvases[0], {60, 10});
    QVERIFY(std::abs(canvases[1]->camera().azimuth - before) > 1);
    QCOMPARE(canvases[1]->camera().azimuth, canvases[0]->camera().azimuth);
    QCOMPARE(canvases[1]->camera().halfHeight, canvases[0]->camera().halfHeight);
    // Either leads.
    drag(canvases[1], {-30, 5});
    QCOMPARE(canvases[0]->camera().azimuth, canvases[1]->camera().azimuth);
    // The switch lets go of them.
    QTest::mouseClick(view()->linkBox(), Qt::LeftButton, {}, QPoint(8, view()->linkBox()->height() / 2));
    QVERIFY(!view()->linkBox()->isChecked());
    const double kept = canvases[1]->camera().azimuth;
    drag(canvases[0], {60, 10});
    QCOMPARE(canvases[1]->camera().azimuth, kept);
    QVERIFY(canvases[0]->camera().azimuth != kept);
    QTest::mouseClick(view()->linkBox(), Qt::LeftButton, {}, QPoint(8, view()->linkBox()->height() / 2));
    QCOMPARE(canvases[1]->camera().azimuth, canvases[0]->camera().azimuth);
}

void TestAppCompareWindow::selectionIsLinked() {
    m_window->selection().selectRow(RowIndex{3});
    QTest::qWait(200);
    // Drawn heavier in both: each picture has rows in front and rows behind.
    const auto rowsInFront = [](const TrajectoryCanvas* canvas) {
        std::vector<std::int64_t> rows;
        for (const LineSet3& lines : std::get<Plot3D>(canvas->figure()->panels[0].plot).lines)
            if (lines.layer > 0 && lines.pickable)
                rows.insert(rows.end(), lines.tags.begin(), lines.tags.end());
        return rows;
    };
    const auto& matched = view()->comparison()->comparison.pairs[0].matched;
    QCOMPARE(rowsInFront(view()->canvases()[0]), (std::vector<std::int64_t>{3}));
    QCOMPARE(rowsInFront(view()->canvases()[1]), (std::vector<std::int64_t>{matched.b[3]}));
    keepPicture(*m_window, "compare selected");
    // A click on a path of the other selects its pair here.
    Q_EMIT view()->canvases()[1]->rowClicked(matched.b[7], 4, {});
    QCOMPARE(m_window->selection().row()->value(), std::int64_t{7});
}

void TestAppCompareWindow::aCellOfTheMapNamesBothDepths() {
    clickTab(CompareView::Cka);
    auto* map = view()->ckaWidget();
    QTRY_VERIFY_WITH_TIMEOUT(map->isVisible() && map->figure() != nullptr, wait);
    QTest::qWait(300);
    keepPicture(*m_window, "compare cka light");
    // Where the cell of depths 40 (up) and 10 (across) is.
    std::optional<QPoint> place;
    for (int y = 0; y < map->height() && !place; ++y)
        for (int x = 0; x < map->width() && !place; ++x)
            if (const auto at = map->painter().positionAt(QPointF(x, y));
                at && at->panel == 0 && std::abs(at->x - 10) < 0.3 && std::abs(at->y - 40) < 0.3)
                place = QPoint(x, y);
    QVERIFY(place);
    QString said;
    const auto hovering = connect(view(), &View::hovered, [&](const QString& text) { said = text; });
    QTest::mouseMove(map, *place);
    QTRY_VERIFY(!said.isEmpty());
    disconnect(hovering);
    QTest::mouseClick(map, Qt::LeftButton, {}, *place);
    QCOMPARE(m_window->selection().point().value(), std::int64_t{40});
    // The other depth is marked on the paths of the other.
    clickTab(CompareView::Paths);
    const auto points = QJsonDocument::fromJson(QByteArray::fromStdString(view()->recipe().options))
                            .object()["points"]
                            .toArray();
    QCOMPARE(points, (QJsonArray{40, 10}));
    keepPicture(*m_window, "compare depths");
    m_window->setThemeChoice(ThemeChoice::Dark);
    clickTab(CompareView::Cka);
    QTest::qWait(300);
    keepPicture(*m_window, "compare cka dark");
    m_window->setThemeChoice(ThemeChoice::Light);
}

void TestAppCompareWindow::differencesAndVerdictsAreShown() {
    clickTab(CompareView::Differences);
    QTRY_VERIFY_WITH_TIMEOUT(view()->differenceWidget()->figure() != nullptr, wait);
    QComboBox* statistic = view()->statisticList();
    QVERIFY(statistic->isVisible() && statistic->count() >= 2);
    const auto panels = view()->differenceWidget()->figure()->panels.size();
    statistic->setCurrentIndex(statistic->findText("motion"));
    QTest::qWait(200);
    keepPicture(*m_window, "compare differences");
    QVERIFY(view()->differenceWidget()->figure()->panels.size() != panels ||
            statistic->currentText() == "motion");
    clickTab(CompareView::Verdicts);
    QVERIFY(view()->verdictTable()->isVisible());
    QCOMPARE(view()->verdictTable()->topLevelItemCount(), 1);  // traces hold none, which is said
    keepPicture(*m_window, "compare verdicts");
    clickTab(CompareView::Training);
    QTRY_VERIFY_WITH_TIMEOUT(view()->trainingWidget()->figure() != nullptr, wait);
    QVERIFY(view()->trainingWidget()->isVisible());
    QCOMPARE(view()->recipe().view, std::string("compare_training"));
    QTest::qWait(300);
    keepPicture(*m_window, "compare training");
}

void TestAppCompareWindow::itIsExportedAndMadeAgain() {
    clickTab(CompareView::Cka);
    const QString file = path("cka.svg");
    QVERIFY(m_window->exports()->exportView(file, 240, 80, 100, false, true));
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QVERIFY(QFile::exists(file + ".comparison.h5"));
    Recipe recipe = view()->recipe();
    recipe.sources = {{recipe.view, (file + ".comparison.h5").toStdString(), ""}};
    const Figure again = figureOfRecipe(recipe);
    const auto shown = view()->figure();
    QCOMPARE(again.note, shown->note);
    QCOMPARE(std::get<HeatmapPlot>(again.panels[0].plot).values,
             std::get<HeatmapPlot>(shown->panels[0].plot).values);
    const QString command = view()->command();
    QVERIFY2(command.startsWith("rheo compare ") && command.contains("untrained.rheo.h5"),
             qPrintable(command));
}

void TestAppCompareWindow::aSessionKeepsTheSources() {
    const QJsonObject kept = view()->keptState();
    QCOMPARE(kept["sources"].toArray().size(), 1);
    // Taken away with its button, and back from the session.
    for (QToolButton* button : view()->findChildren<QToolButton*>())
        if (button->text() == QStringLiteral("×")) {
            QTest::mouseClick(button, Qt::LeftButton);
            break;
        }
    QTRY_COMPARE_WITH_TIMEOUT(view()->sourceNames().size(), 1, wait);
    QVERIFY(!view()->hasFigure());
    view()->restoreKept(kept);
    QTRY_COMPARE_WITH_TIMEOUT(view()->sourceNames().size(), 2, wait);
    QVERIFY(!view()->explanation()->text().contains("has changed since"));
    // What was computed is computed again.
    QVERIFY(kept["computed"].toBool());
    QTRY_VERIFY_WITH_TIMEOUT(view()->hasFigure() && m_window->workspace().jobs().isIdle(), wait);
    QCOMPARE(view()->keptState(), kept);
    // One that changed is reported.
    view()->removeSource(1);
    QJsonObject other = kept;
    QJsonObject source = kept["sources"].toArray()[0].toObject();
    source["hash"] = "another";
    other["sources"] = QJsonArray{source};
    view()->restoreKept(other);
    QTRY_VERIFY_WITH_TIMEOUT(view()->explanation()->text().contains("has changed since"), wait);
}

void TestAppCompareWindow::aSavedComparisonIsOpened() {
    view()->addSource(path("cka.svg.comparison.h5"));
    QTRY_VERIFY_WITH_TIMEOUT(view()->hasFigure(), wait);
    QCOMPARE(view()->sourceNames().size(), 2);
    clickTab(CompareView::Paths);
    QTRY_COMPARE_WITH_TIMEOUT(view()->canvases().size(), std::size_t{2}, wait);
    QVERIFY(!view()->ownFile());
    // A session opens the file again.
    const QJsonObject kept = view()->keptState();
    QCOMPARE(kept["file"].toString(), path("cka.svg.comparison.h5"));
    view()->addSource(path("untrained.rheo.h5"));
    QTRY_VERIFY_WITH_TIMEOUT(!view()->hasFigure(), wait);
    view()->restoreKept(kept);
    QTRY_VERIFY_WITH_TIMEOUT(view()->hasFigure(), wait);
}

void TestAppCompareWindow::fourSourcesAreCompared() {
    view()->addSource(path("untrained.rheo.h5"));  // what was opened from a file makes way
    for (const char* name : {"second", "third"}) {
        QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
        view()->addSource(path(QString(name) + ".rheo.h5"));
    }
    QTRY_COMPARE_WITH_TIMEOUT(view()->sourceNames(), (QStringList{"trained", "untrained", "second", "third"}),
                              wait);
    QTRY_VERIFY_WITH_TIMEOUT(view()->startButton()->isEnabled() && settled(), wait);
    QTest::mouseClick(view()->startButton(), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(view()->hasFigure() && settled(), 4 * wait);
    clickTab(CompareView::Paths);
    const auto& canvases = view()->canvases();
    QTRY_VERIFY_WITH_TIMEOUT(canvases.size() == 4 && canvases[3]->frames() > 0, wait);
    drag(canvases[2], {60, 10});
    for (const auto* canvas : canvases) {
        QCOMPARE(canvas->camera().azimuth, canvases[2]->camera().azimuth);
        QVERIFY2(canvas->width() > 100, "each has room");
    }
    QTest::qWait(300);
    keepPicture(*m_window, "compare four");
    m_window->selection().selectRow(RowIndex{5});
    for (std::size_t i = 1; i < 4; ++i)
        QCOMPARE(pairedRows(*view()->comparison(), static_cast<std::int64_t>(i), {5}),
                 (std::vector<std::int64_t>{5}));
    // Similarity and differences are of the first and the one that is chosen.
    for (const auto page : {CompareView::Cka, CompareView::Differences}) {
        clickTab(page);
        QCOMPARE(view()->otherList()->count(), 3);
        std::set<std::string> told;
        for (int i = 0; i < 3; ++i) {
            view()->otherList()->setCurrentIndex(i);
            const auto figure = view()->figure();
            QVERIFY(figure != nullptr);
            const auto* map = std::get_if<HeatmapPlot>(&figure->panels[0].plot);
            told.insert(map != nullptr ? map->x.title : figure->note);
            QVERIFY(QString::fromStdString(view()->recipe().options)
                        .contains(QString("\"other\":%1").arg(i + 1)));
        }
        QCOMPARE(told.size(), std::size_t{3});
    }
    keepPicture(*m_window, "compare four differences");
    QVERIFY(view()->command().count(".rheo.h5") >= 4);
    // A session brings them all back, with the one that was looked at.
    const QJsonObject kept = view()->keptState();
    QCOMPARE(kept["sources"].toArray().size(), 3);
    while (view()->sourceNames().size() > 1) view()->removeSource(1);
    view()->restoreKept(kept);
    QTRY_VERIFY_WITH_TIMEOUT(view()->hasFigure() && settled(), 4 * wait);
    QCOMPARE(view()->keptState(), kept);
    QCOMPARE(view()->otherList()->currentIndex(), 2);
}

RHEO_TEST(TestAppCompareWindow)
#include "test_app_compare_window.moc"
