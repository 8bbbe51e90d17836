// The window as a person uses it: the demo opens, the handle is dragged with the mouse, the path and the
// tokens change, undo brings the natural path back, and the view is exported. Real model, real events, a real
// (virtual) display.
#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDir>
#include <QDoubleSpinBox>
#include <QFile>
#include <QInputDialog>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMessageBox>
#include <QProcess>
#include <QPushButton>
#include <QRegularExpression>
#include <QScreen>
#include <QScrollBar>
#include <QSlider>
#include <QStackedWidget>
#include <QTemporaryDir>
#include <QThread>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>
#include <QXmlStreamReader>

#include "app/export_actions.h"
#include "app/main_window.h"
#include "app/resource_paths.h"
#include "core/figure/teleport_figure.h"
#include "keep_picture.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/fit_rows.h"
#include "widgets/viewmodels/open_document.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/views/banner.h"
#include "widgets/views/compare_dialog.h"
#include "widgets/views/depth_bar.h"
#include "widgets/views/handle_painter.h"
#include "widgets/views/hover_card.h"
#include "widgets/views/jobs_panel.h"
#include "widgets/views/lens_map_view.h"
#include "widgets/views/path_options.h"
#include "widgets/views/results_view.h"
#include "widgets/views/source_panel.h"
#include "widgets/views/teleport_panel.h"
#include "widgets/views/trajectory_view.h"
#include "window_test.h"

using namespace rheo;

namespace {

/// An exported SVG but for the time in its recipe; empty where there is no file.
QString withoutTime(const QString& path) {
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) return {};
    QString text = QString::fromUtf8(file.readAll());
    return text.remove(QRegularExpression("&quot;time&quot;: &quot;[^&]*&quot;"));
}

}  // namespace

class TestAppWindow : public QObject {
    Q_OBJECT
public:
    static void initMain() { prepareWindowTest(); }

private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase();
    void theDemoIsThere();
    void drawsOnlyWhenAsked();
    void theBackgroundIsTheThemes();
    void clickSelectsTheTrajectoryUnderTheMouse();
    void severalRowsAreSelectedAndDrawnStrong();
    void selectedRowsAreHiddenIsolatedAndFramed();
    void thePcaIsFittedOnSelectedRows();
    void aRowFarOutIsNamedWithWhatCanBeDone();
    void promptsOfTheListSelectTheirRows();
    void aSearchLeavesTheSelectionAlone();
    void aTokenIsLookedAtUntilItIsPinned();
    void theStripFollowsTheToken();
    void tabGoesThroughTheWindowInOrder();
    void aSmallWindowIsEnough();
    void aJobMovesNothing();
    void theCopiedPictureIsTheDrawing();
    void survivesResizing();
    void survivesAScreenOfAnotherScale();
    void depthSliderMovesTheHandle();
    void aCardAtTheCursorSaysWhatIsThere();
    void theHandleShowsNearestRowsAndTheLens();
    void dragChangesPathAndTokens();
    void undoAndRedoBringBackTheNaturalPathAndTheTeleport();
    void escapeTakesADragBack();
    void arrowKeysMoveTheHandle();
    void anAxisKeyLocksTheHandle();
    void typedCoordinatesTeleport();
    void controlsSayWhatIsShown();
    void theHistoryRevealsRenamesAndRemoves();
    void severalTeleportsAreComparedAndExported();
    void theLastPointShowsNextTokensInsteadOfCurves();
    void rowsAreColouredByTheirToken();
    void theAxesShowOtherComponentsAndDepths();
    void theLegendShowsAndHides();
    void aLassoSelectsAndTheSelectionIsKept();
    void aPromptIsAddedAndTheBasisStays();
    void densityIsComputedOnRequest();
    void theLensMapFollowsPromptAndTeleport();
    void exportsAreVectors();
    void anExportIsMadeAgainFromItsRecipe_data();
    void anExportIsMadeAgainFromItsRecipe();
    void cameraPresetsAndPerspective();
    void survivesAnotherWindow();
    void errorsKeepWhatWasOpen();
    void closingAsksWhenSomethingWouldBeLost();

private:
    template <class T>
    T* view() const {
        for (View* view : m_window->views())
            if (auto* found = qobject_cast<T*>(view)) return found;
        return nullptr;
    }
    TrajectoryView* trajectories() const { return view<TrajectoryView>(); }
    ResultsView* density() const {
        for (View* view : m_window->views())
            if (view->id() == "density") return qobject_cast<ResultsView*>(view);
        return nullptr;
    }
    TrajectoryCanvas* canvas() const { return trajectories()->canvas(); }
    void requireDrawnWhereTheMouseIs(std::int64_t row);
    QPoint placeOf(std::int64_t row, std::int64_t point) const {
        const auto z = m_window->workspace().state()->scores->line(row, point);
        return canvas()->placeOf({z[0], z[1], z[2]}).toPoint();
    }
    const Plot3D& plot() const { return std::get<Plot3D>(canvas()->figure()->panels[0].plot); }
    /// The tags of the lines that are drawn in layer 1 and can be picked: the strong rows.
    std::vector<std::int64_t> strongRows() const {
        for (const auto& set : plot().lines)
            if (set.layer == 1 && set.pickable) return set.tags;
        return {};
    }
    QAction* action(const QString& text) const {
        for (QAction* action : trajectories()->actions())
            if (action->text().startsWith(text)) return action;
        return nullptr;
    }
    QString selectionCount() const { return trajectories()->findChild<QLabel*>("selectionCount")->text(); }
    void clickPrompt(int row, Qt::KeyboardModifiers modifiers) {
        auto* list = m_window->sourcePanel()->promptView();
        const QModelIndex index = list->model()->index(row, 0);
        list->scrollTo(index);
        QTest::mouseClick(list->viewport(), Qt::LeftButton, modifiers, list->visualRect(index).center());
    }
    bool settled() const { return m_window->workspace().jobs().isIdle(); }
    void dragHandle(const QPoint& by) {
        const QPoint from = canvas()->placeOf(*canvas()->handle()).toPoint();
        QTest::mouseMove(canvas(), from);
        QTest::mousePress(canvas(), Qt::LeftButton, {}, from);
        for (int i = 1; i <= 10; ++i) {
            QTest::mouseMove(canvas(), from + by * i / 10);
            QTest::qWait(15);
        }
        QTest::mouseRelease(canvas(), Qt::LeftButton, {}, from + by);
    }
    QTemporaryDir m_dir;
    std::unique_ptr<MainWindow> m_window;
};

void TestAppWindow::initTestCase() {
    m_window = std::make_unique<MainWindow>();
    m_window->setThemeChoice(ThemeChoice::Light);
    m_window->resize(1280, 800);
    m_window->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
    // There is no window manager here to make it the active one; shortcuts need that.
    QApplication::setActiveWindow(m_window.get());
    keepPicture(*m_window, "empty");
    m_window->openDemo(60);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().state()->scores != nullptr, 120000);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 60000);
}

void TestAppWindow::cleanupTestCase() {
    m_window.reset();
}

void TestAppWindow::theDemoIsThere() {
    QCOMPARE(m_window->workspace().state()->rows(), 60);
    QVERIFY(canvas()->figure() != nullptr);
    QVERIFY2(canvas()->trouble().isEmpty(), qPrintable(canvas()->trouble()));
    QTRY_VERIFY(canvas()->frames() > 0);
    // Lines of the data are on screen: the picture holds colours that are neither background nor grey.
    const QImage image = canvas()->picture();
    int coloured = 0;
    for (int y = 0; y < image.height(); y += 2)
        for (int x = 0; x < image.width(); x += 2) coloured += QColor(image.pixel(x, y)).hsvSaturation() > 80;
    QVERIFY2(coloured > 300, qPrintable(QString::number(coloured)));
}

void TestAppWindow::drawsOnlyWhenAsked() {
    QTest::qWait(500);
    const auto before = canvas()->frames();
    QTest::qWait(1000);
    QCOMPARE(canvas()->frames(), before);
    canvas()->requestRender();
    QTRY_COMPARE(canvas()->frames(), before + 1);
}

void TestAppWindow::clickSelectsTheTrajectoryUnderTheMouse() {
    const auto state = m_window->workspace().state();
    const std::int64_t row = 17, point = 64;
    const auto z = state->scores->line(row, point);
    QSignalSpy clicked(canvas(), &TrajectoryCanvas::rowClicked);
    const QPoint at = canvas()->placeOf({z[0], z[1], z[2]}).toPoint();
    QVERIFY(canvas()->rect().contains(at));
    QTest::mouseClick(canvas(), Qt::LeftButton, {}, at);
    QCOMPARE(clicked.size(), 1);
    QVERIFY(m_window->selection().row().has_value());
    QCOMPARE(m_window->selection().row()->value(), clicked[0][0].toLongLong());
    m_window->selection().selectRow(RowIndex{3});
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, 30000);
}

void TestAppWindow::severalRowsAreSelectedAndDrawnStrong() {
    auto& selection = m_window->selection();
    selection.selectRow(RowIndex{3});
    QCOMPARE(selectionCount(), QString("1 selected"));
    QVERIFY(strongRows().empty());
    const auto depth = selection.point();
    // Two more with Ctrl, each at a vertex where the mouse finds it.
    QList<qint64> wanted{3};
    for (std::int64_t row = 20; row < 60 && wanted.size() < 3; ++row) {
        QSignalSpy clicked(canvas(), &TrajectoryCanvas::rowClicked);
        QTest::mouseClick(canvas(), Qt::LeftButton, Qt::ControlModifier, placeOf(row, 64));
        if (clicked.isEmpty()) continue;
        const qint64 hit = clicked[0][0].toLongLong();
        if (!wanted.removeOne(hit)) wanted << hit;
    }
    std::sort(wanted.begin(), wanted.end());
    QCOMPARE(wanted.size(), 3);
    QCOMPARE(selection.rows(), wanted);
    QCOMPARE(selection.row()->value(), std::int64_t{3});
    QCOMPARE(selection.point(), depth);
    QCOMPARE(selectionCount(), QString("3 selected"));
    QCOMPARE(strongRows(), std::vector<std::int64_t>(wanted.begin(), wanted.end()));
    QCOMPARE(plot().lines.front().tags.size(), std::size_t(57));
    QVERIFY2(plot().lines.front().style.color.has_value(), "the others are grey");
    canvas()->setFocus();
    QTest::keyClick(canvas(), Qt::Key_M);
    QVERIFY(std::any_of(plot().lines.begin(), plot().lines.end(),
                        [](const LineSet3& set) { return set.name == "mean of 3 selected"; }));
    QTest::qWait(200);
    keepPicture(*m_window, "three selected");
    m_window->setThemeChoice(ThemeChoice::Dark);
    QTest::qWait(200);
    keepPicture(*m_window, "three selected, dark");
    m_window->setThemeChoice(ThemeChoice::Light);
    QTest::keyClick(canvas(), Qt::Key_M);
    // The same again takes one out.
    action("Clear")->trigger();
    QCOMPARE(selection.rows(), QList<qint64>{3});
    // A box with Ctrl adds, whatever the camera and the handle would do with the mouse.
    const Camera before = canvas()->camera();
    const QPoint corner(2, 60), opposite(canvas()->width() - 2, canvas()->height() - 2);
    QTest::mousePress(canvas(), Qt::LeftButton, Qt::ControlModifier, corner);
    QTest::mouseMove(canvas(), corner + QPoint(60, 60));
    QTest::mouseRelease(canvas(), Qt::LeftButton, Qt::ControlModifier, opposite);
    QCOMPARE(canvas()->camera().azimuth, before.azimuth);
    QCOMPARE(selection.rows().size(), 60);
    QCOMPARE(selection.row()->value(), std::int64_t{3});
    QCOMPARE(selectionCount(), QString("60 selected"));
    QVERIFY2(!action("Hide")->isEnabled(), "something is always drawn");
    action("Clear")->trigger();
    QCOMPARE(selectionCount(), QString("1 selected"));
}

void TestAppWindow::selectedRowsAreHiddenIsolatedAndFramed() {
    auto& selection = m_window->selection();
    canvas()->fitToData();
    const double whole = canvas()->camera().halfHeight;
    selection.selectRows({5, 9, 11});
    QTest::keyClick(canvas(), Qt::Key_F);
    // The box of the three rows fills what it can: it lies inside the view, and touches near two edges.
    QVERIFY(canvas()->camera().halfHeight < whole);
    QRectF seen;
    const auto scores = m_window->workspace().state()->scores;
    for (const std::int64_t row : {5, 9, 11})
        for (std::int64_t p = 0; p < scores->n1; ++p) {
            const QPointF at = placeOf(row, p);
            QVERIFY2(canvas()->rect().contains(at.toPoint()), "all of them are in view");
            seen = seen.united(QRectF(at - QPointF(1, 1), QSizeF(2, 2)));
        }
    QVERIFY2(seen.width() > canvas()->width() * 0.5 || seen.height() > canvas()->height() * 0.5,
             qPrintable(QString("%1 x %2").arg(seen.width()).arg(seen.height())));
    QTest::keyClick(canvas(), Qt::Key_H);
    QCOMPARE(selection.hiddenRows(), (QList<qint64>{5, 9, 11}));
    QCOMPARE(plot().lines.front().tags.size(), std::size_t(57));
    QVERIFY(std::find(plot().lines.front().tags.begin(), plot().lines.front().tags.end(), 9) ==
            plot().lines.front().tags.end());
    QVERIFY(action("Show all (3 hidden)") != nullptr);
    QCOMPARE(selectionCount(), QString("1 selected"));
    QTest::keyClick(canvas(), Qt::Key_H, Qt::ShiftModifier);
    QVERIFY(selection.hiddenRows().isEmpty());
    selection.selectRows({5, 9, 11});
    QTest::keyClick(canvas(), Qt::Key_I);
    QCOMPARE(selection.hiddenRows().size(), 57);
    QCOMPARE(strongRows(), (std::vector<std::int64_t>{5, 9, 11}));
    QTest::qWait(200);
    keepPicture(*m_window, "isolated");
    // What is exported is what is seen.
    QCOMPARE(trajectories()->options().rows.size(), std::size_t(3));
    action("Show all")->trigger();
    selection.clearRows();
    QTest::keyClick(canvas(), Qt::Key_F);
    QVERIFY(canvas()->showsWhole());
    selection.selectRow(RowIndex{3});
}

void TestAppWindow::thePcaIsFittedOnSelectedRows() {
    auto& workspace = m_window->workspace();
    const auto before = workspace.state();
    m_window->selection().selectRows({3, 5, 9, 11, 20, 33});
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, 30000);
    action("Fit on these")->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(workspace.state()->basis != before->basis, 30000);
    const auto fitted = workspace.state();
    QCOMPARE(fitted->basisRows, (std::vector<std::int64_t>{3, 5, 9, 11, 20, 33}));
    QVERIFY(!fitted->basisIsStale());
    QCOMPARE(fitted->scores->n0, before->rows());
    // Scores of the rows that it was fitted on have mean zero; those of all rows have not.
    double chosen = 0, all = 0, size = 0;
    for (std::int64_t n = 0; n < before->rows(); ++n)
        for (std::int64_t p = 0; p < fitted->scores->n1; ++p) {
            const double z = fitted->scores->at(n, p)[0];
            all += z;
            size = std::max(size, std::abs(z));
            if (std::count(fitted->basisRows.begin(), fitted->basisRows.end(), n) > 0) chosen += z;
        }
    // Six rows of 65 points, each score within float32 of what it should be.
    QVERIFY2(std::abs(chosen) < 390 * size * 1e-6, qPrintable(QString::number(chosen)));
    QVERIFY(std::abs(all) > 1e3 * std::abs(chosen));
    QVERIFY(commandOf(workspace).contains("--fit-rows 3,5,9,11,20,33"));
    QCOMPARE(m_window->selection().rows().size(), 6);
    workspace.undoStack()->undo();
    QVERIFY(workspace.state()->basis == before->basis && workspace.state()->basisRows.empty());
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
}

void TestAppWindow::aRowFarOutIsNamedWithWhatCanBeDone() {
    auto& workspace = m_window->workspace();
    auto& selection = m_window->selection();
    Banner* notice = trajectories()->notice();
    selection.selectRow(RowIndex{3});
    canvas()->fitToData();
    QVERIFY2(!notice->isVisible(), "the demo has none");
    const auto press = [&](const QString& text) {
        for (auto* button : notice->findChildren<QPushButton*>())
            if (button->text() == text && button->isVisible()) {
                QTest::mouseClick(button, Qt::LeftButton);
                return true;
            }
        return false;
    };
    // Row 7 as an attention sink would be: ten times as far out as its own path goes.
    const auto before = workspace.state();
    auto scores = std::make_shared<Array3F>(*before->scores);
    for (std::int64_t p = 5; p < scores->n1; ++p)
        for (int c = 0; c < 3; ++c) scores->at(7, p)[c] *= 30;
    const QRect place = canvas()->geometry();
    workspace.change("far",
                     withBasis(*before, before->basis, before->basisTrace, scores, before->pointExplained));
    QTRY_VERIFY(notice->isVisible());
    QCOMPARE(canvas()->geometry(), place);
    QVERIFY2(notice->text().startsWith("1 row lies "), qPrintable(notice->text()));
    QTest::qWait(200);
    keepPicture(*m_window, "far row");
    const double wide = canvas()->camera().halfHeight;
    QVERIFY(press("Frame the rest"));
    QVERIFY(canvas()->camera().halfHeight < wide / 3);
    QVERIFY(!notice->isVisible());
    QTest::qWait(200);
    keepPicture(*m_window, "far row, the rest framed");
    workspace.undoStack()->undo();
    workspace.undoStack()->redo();
    QTRY_VERIFY(notice->isVisible());
    QVERIFY(press("Hide"));
    QCOMPARE(selection.hiddenRows(), QList<qint64>{7});
    QVERIFY(!notice->isVisible());
    selection.showAllRows();
    QTRY_VERIFY(notice->isVisible());
    QVERIFY(press("Leave out of the fit"));
    QTRY_COMPARE_WITH_TIMEOUT(workspace.state()->basisRows.size(), std::size_t(59), 30000);
    QVERIFY(std::count(workspace.state()->basisRows.begin(), workspace.state()->basisRows.end(), 7) == 0);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    workspace.undoStack()->undo();
    QTRY_VERIFY(notice->isVisible());
    QVERIFY(press("Scale by RMS"));
    QTRY_VERIFY_WITH_TIMEOUT(workspace.state()->basis->scaling == Scaling::Rms, 30000);
    QVERIFY(commandOf(workspace).contains("--scaling rms"));
    QCOMPARE(m_window->teleport().state(), TeleportModel::State::Idle);
    QVERIFY2(m_window->teleport().status().contains("RMS"), qPrintable(m_window->teleport().status()));
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    workspace.undoStack()->undo();
    workspace.undoStack()->undo();
    QVERIFY(workspace.state()->basis == before->basis && !notice->isVisible());
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    canvas()->fitToData();
}

void TestAppWindow::promptsOfTheListSelectTheirRows() {
    auto& selection = m_window->selection();
    auto* list = m_window->sourcePanel()->promptView();
    clickPrompt(2, {});
    QCOMPARE(selection.rows(), QList<qint64>{2});
    for (const int row : {4, 5, 7, 8, 10}) clickPrompt(row, Qt::ControlModifier);
    QCOMPARE(selection.rows(), (QList<qint64>{2, 4, 5, 7, 8, 10}));
    QCOMPARE(selectionCount(), QString("6 selected"));
    QCOMPARE(strongRows().size(), std::size_t(6));
    QCOMPARE(selection.row()->value(), std::int64_t{2});
    keepPicture(*m_window, "six of the list");
    clickPrompt(7, Qt::ControlModifier);
    QCOMPARE(selection.rows(), (QList<qint64>{2, 4, 5, 8, 10}));
    clickPrompt(4, {});
    QCOMPARE(selection.rows(), QList<qint64>{4});
    clickPrompt(8, Qt::ShiftModifier);
    QCOMPARE(selection.rows(), (QList<qint64>{4, 5, 6, 7, 8}));
    clickPrompt(6, Qt::ShiftModifier);
    QCOMPARE(selection.rows(), (QList<qint64>{4, 5, 6}));
    // What is selected in the view is marked in the list.
    selection.selectRows({1, 12});
    QCOMPARE(list->selectionModel()->selectedIndexes().size(), 2);
    QVERIFY(list->selectionModel()->isSelected(list->model()->index(12, 0)));
}

void TestAppWindow::aSearchLeavesTheSelectionAlone() {
    auto& selection = m_window->selection();
    auto* panel = m_window->sourcePanel();
    auto* list = panel->promptView();
    selection.selectRows({3, 5, 9});
    QSignalSpy rows(&selection, &Selection::rowsChanged), row(&selection, &Selection::rowChanged);
    QSignalSpy points(&selection, &Selection::pointChanged), prompts(&selection, &Selection::promptChanged);
    panel->searchField()->setFocus();
    QTest::keyClicks(panel->searchField(), "zzqx");
    QCOMPARE(panel->matches()->text(), QString("no match"));
    QCOMPARE(list->model()->rowCount(), 0);
    QTest::keyClick(panel->searchField(), Qt::Key_Escape);
    QVERIFY(panel->searchField()->text().isEmpty() && panel->matches()->text().isEmpty());
    QCOMPARE(list->model()->rowCount(), 60);
    QCOMPARE(list->selectionModel()->selectedIndexes().size(), 3);
    // A word of the tenth prompt: the others go from the list, not from the selection.
    const QString text = m_window->workspace().prompts().at(9).text;
    QTest::keyClicks(panel->searchField(), text.left(30));
    QCOMPARE(panel->matches()->text(), QString("%1 of 60").arg(list->model()->rowCount()));
    QVERIFY(list->model()->rowCount() >= 1 && list->model()->rowCount() < 10);
    keepPicture(*m_window, "search");
    QTest::keyClick(panel->searchField(), Qt::Key_Escape);
    QCOMPARE(rows.size() + row.size() + points.size() + prompts.size(), 0);
    QCOMPARE(selection.rows(), (QList<qint64>{3, 5, 9}));
    // With Ctrl, what is chosen under a filter joins what it does not show.
    QTest::keyClicks(panel->searchField(), m_window->workspace().prompts().at(20).text.left(40));
    QCOMPARE(list->model()->rowCount(), 1);
    clickPrompt(0, Qt::ControlModifier);
    QCOMPARE(selection.rows(), (QList<qint64>{3, 5, 9, 20}));
    clickPrompt(0, Qt::ControlModifier);
    QCOMPARE(selection.rows(), (QList<qint64>{3, 5, 9}));
    QTest::keyClick(panel->searchField(), Qt::Key_Escape);
    selection.selectRow(RowIndex{3});
    selection.selectPoint(PointIndex{16});
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, 30000);
}

void TestAppWindow::aTokenIsLookedAtUntilItIsPinned() {
    auto& workspace = m_window->workspace();
    auto* panel = m_window->sourcePanel();
    auto* strip = panel->tokenView();
    m_window->selection().selectRow(RowIndex{3});
    const auto before = workspace.state();
    const QRect place = canvas()->geometry();
    const Camera camera = canvas()->camera();
    const QModelIndex token = strip->model()->index(5, 0);
    QVERIFY(!panel->pinButton()->isEnabled());
    QTest::mouseClick(strip->viewport(), Qt::LeftButton, {}, strip->visualRect(token).center());
    const auto isDrawn = [&] {
        return std::any_of(plot().lines.begin(), plot().lines.end(),
                           [](const LineSet3& set) { return set.name == "token 5, followed"; });
    };
    QTRY_VERIFY_WITH_TIMEOUT(isDrawn(), 20000);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    // Nothing is edited, and nothing moves.
    QVERIFY(workspace.state() == before);
    QVERIFY(!m_window->isWindowModified());
    QCOMPARE(canvas()->geometry(), place);
    QCOMPARE(canvas()->camera().halfHeight, camera.halfHeight);
    keepPicture(*m_window, "token looked at");
    QTest::mouseClick(panel->pinButton(), Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(workspace.state()->rows(), before->rows() + 1, 20000);
    QVERIFY(!isDrawn() && !panel->pinButton()->isEnabled());
    // The message that the rows have changed lies over what is there.
    QTRY_VERIFY(m_window->banner()->isVisible());
    QTRY_COMPARE(canvas()->geometry(), place);  // the line of the job goes
    keepPicture(*m_window, "token pinned");
    workspace.undoStack()->undo();
    QVERIFY(workspace.state() == before);
    m_window->selection().selectRow(RowIndex{3});
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
}

void TestAppWindow::theStripFollowsTheToken() {
    auto& selection = m_window->selection();
    auto* strip = m_window->sourcePanel()->tokenView();
    // The longest prompt, in a strip that does not hold all of it.
    const auto& samples = m_window->workspace().state()->trace->info().samples;
    const auto longest = std::max_element(
        samples.begin(), samples.end(),
        [](const Sample& a, const Sample& b) { return a.tokenIds.size() < b.tokenIds.size(); });
    m_window->resize(1280, 660);
    selection.selectRow(RowIndex{longest - samples.begin()});
    QTRY_VERIFY(strip->verticalScrollBar()->maximum() > 0);
    const auto isInView = [&](int token) {
        return strip->viewport()->rect().contains(
            strip->visualRect(strip->model()->index(token, 0)).center());
    };
    const int last = static_cast<int>(longest->tokenIds.size()) - 1;
    QTRY_VERIFY(isInView(last) && !isInView(0));
    selection.selectToken(0);
    QTRY_VERIFY(isInView(0) && !isInView(last));
    QCOMPARE(strip->currentIndex().row(), 0);
    // The keys move on from the followed token, which can be seen, and Enter follows another.
    strip->setFocus();
    const QImage before = strip->viewport()->grab().toImage();
    QTest::keyClick(strip, Qt::Key_Right);
    QCOMPARE(strip->currentIndex().row(), 1);
    QVERIFY(strip->viewport()->grab().toImage() != before);
    keepPicture(*m_window, "focus on the strip");
    QTest::keyClick(strip, Qt::Key_Return);
    QTRY_COMPARE(selection.token(), 1);
    m_window->resize(1280, 800);
    selection.selectRow(RowIndex{3});
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
}

void TestAppWindow::tabGoesThroughTheWindowInOrder() {
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, 30000);
    auto* source = m_window->sourcePanel();
    auto* panel = m_window->teleportPanel();
    const QList<QWidget*> stops{
        source->searchField(),          source->promptView(), source->tokenView(),  canvas(),
        m_window->depthBar()->slider(), panel->modeBox(),     panel->coordinate(0), panel->coordinate(1),
        panel->coordinate(2),           panel->curves(),      panel->tokens(),      panel->history()};
    source->searchField()->setFocus();
    QList<QWidget*> visited{QApplication::focusWidget()};
    for (int i = 0; i < 80; ++i) {
        QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab);
        if (QApplication::focusWidget() == visited.front()) break;
        visited << QApplication::focusWidget();
    }
    QStringList names;
    for (const auto* widget : visited)
        names << QString("%1 (%2)").arg(widget->accessibleName(), widget->metaObject()->className());
    qsizetype place = -1;
    for (auto* stop : stops) {
        const auto next = visited.indexOf(stop);
        QVERIFY2(next > place, qPrintable(stop->accessibleName() + " is out of order: " + names.join(", ")));
        place = next;
    }
}

void TestAppWindow::aSmallWindowIsEnough() {
    // Half of a screen of 1920 pixels.
    const QSize least = m_window->minimumSizeHint();
    QVERIFY2(least.width() <= 960 && least.height() <= 640,
             qPrintable(QString("%1 x %2").arg(least.width()).arg(least.height())));
    m_window->resize(960, 640);
    QTRY_COMPARE(m_window->size(), QSize(960, 640));
    QVERIFY(canvas()->width() >= 240 && canvas()->height() >= 180);
    QTest::qWait(200);
    keepPicture(*m_window, "small");
    m_window->resize(1280, 800);
    QTRY_COMPARE(m_window->size(), QSize(1280, 800));
}

void TestAppWindow::aJobMovesNothing() {
    auto& jobs = m_window->workspace().jobs();
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    QTest::qWait(100);
    const QRect place(canvas()->mapTo(m_window.get(), QPoint()), canvas()->size());
    int seen = 0;
    QStringList moved;
    const auto look = [&] {
        QCoreApplication::sendPostedEvents(nullptr, QEvent::LayoutRequest);
        const QRect now(canvas()->mapTo(m_window.get(), QPoint()), canvas()->size());
        if (now != place) moved << QString("%1 x %2").arg(now.width()).arg(now.height());
        ++seen;
    };
    for (int i = 0; i < 3; ++i)
        jobs.submit(
            {Lane::Analysis, QString("Job %1 of three").arg(i + 1)},
            [](Progress& progress) {
                for (int step = 0; step < 30; ++step) {
                    progress.check();
                    progress.report(step, 30);
                    QThread::msleep(10);
                }
            },
            m_window.get(), [](auto) {});
    auto* panel = m_window->findChild<JobsPanel*>();
    QVERIFY(panel != nullptr && panel->isVisible());
    QVERIFY(panel->moreButton()->isVisible());
    for (int i = 0; i < 5; ++i) {
        QTest::qWait(20);
        look();
    }
    keepPicture(*m_window, "jobs");
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    look();
    QVERIFY(!panel->isVisible());
    QVERIFY2(moved.isEmpty(), qPrintable(moved.join(", ")));
}

void TestAppWindow::theCopiedPictureIsTheDrawing() {
    QTest::keyClick(m_window.get(), Qt::Key_C, Qt::ControlModifier | Qt::AltModifier);
    const QImage copied = QApplication::clipboard()->image();
    QCOMPARE(copied.size(), canvas()->size() * 2);  // without what lies around the drawing
    QVERIFY(canvas()->handle().has_value());
    QCOMPARE(copied.convertToFormat(QImage::Format_ARGB32),
             pictureOf(*trajectories()->figure(), canvas()->size()).convertToFormat(QImage::Format_ARGB32));
    // No handle: nothing of its colour where it is on screen.
    const QColor ring =
        QColor::fromRgbF(lightTheme().teleported.r, lightTheme().teleported.g, lightTheme().teleported.b);
    const QPoint at = canvas()->placeOf(*canvas()->handle()).toPoint() * 2;
    for (int y = -24; y <= 24; ++y)
        for (int x = -24; x <= 24; ++x)
            if (copied.rect().contains(at + QPoint(x, y)))
                QVERIFY(copied.pixelColor(at + QPoint(x, y)) != ring);
}

/// The canvas has as many pixels as the screen has for it, and a vertex is drawn where the mouse finds it.
void TestAppWindow::requireDrawnWhereTheMouseIs(std::int64_t row) {
    const double scale = canvas()->devicePixelRatioF();
    QTRY_COMPARE(canvas()->picture().size(), canvas()->size() * scale);
    const QImage image = canvas()->picture();
    const auto z = m_window->workspace().state()->scores->line(row, 64);
    const QPointF at = canvas()->placeOf({z[0], z[1], z[2]});
    QVERIFY(canvas()->rect().contains(at.toPoint()));
    // The colour there is not the background's.
    const QPoint pixel = (at * scale).toPoint();
    int found = 0;
    for (int y = -3; y <= 3; ++y)
        for (int x = -3; x <= 3; ++x) found += QColor(image.pixel(pixel + QPoint(x, y))).hsvSaturation() > 60;
    QVERIFY2(found > 0, qPrintable(QString("nothing at %1, %2").arg(pixel.x()).arg(pixel.y())));
    QSignalSpy clicked(canvas(), &TrajectoryCanvas::rowClicked);
    QTest::mouseClick(canvas(), Qt::LeftButton, {}, at.toPoint());
    QCOMPARE(clicked.size(), 1);
}

void TestAppWindow::survivesResizing() {
    std::int64_t row = 17;
    for (const QSize& size : {QSize(1000, 660), QSize(1220, 760), QSize(1280, 800)}) {
        row += 7;  // the handle comes to the one that was clicked
        m_window->resize(size);
        QTRY_COMPARE(m_window->size(), size);
        QTest::qWait(100);
        requireDrawnWhereTheMouseIs(row);
        if (QTest::currentTestFailed()) return;
    }
    m_window->selection().selectRow(RowIndex{3});
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, 30000);
}

void TestAppWindow::survivesAScreenOfAnotherScale() {
    const auto screens = QGuiApplication::screens();
    if (screens.size() < 2 || screens[0]->devicePixelRatio() == screens[1]->devicePixelRatio())
        QSKIP("all screens have one scale; see tests/with_mixed_scale");
    std::int64_t row = 40;
    for (QScreen* screen : {screens[1], screens[0], screens[1]}) {
        row += 7;
        m_window->move(screen->geometry().topLeft() + QPoint(20, 20));
        QTRY_COMPARE(m_window->screen(), screen);
        QTRY_COMPARE(canvas()->devicePixelRatioF(), screen->devicePixelRatio());
        m_window->resize(1280, 760);
        QTest::qWait(300);
        keepPicture(*m_window, QString("scale %1").arg(screen->devicePixelRatio()));
        requireDrawnWhereTheMouseIs(row);
        if (QTest::currentTestFailed()) return;
        m_window->showView(density());  // a flat one
        QTest::qWait(300);
        keepPicture(*m_window, QString("scale %1 flat").arg(screen->devicePixelRatio()));
        m_window->showView(trajectories());
    }
    m_window->move(0, 0);
    m_window->resize(1280, 800);
}

void TestAppWindow::depthSliderMovesTheHandle() {
    m_window->selection().selectPoint(PointIndex{10});
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().point().value(), 10, 10000);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, 30000);
    QTRY_VERIFY(canvas()->handle().has_value());
    const auto z = m_window->workspace().state()->scores->line(3, 10);
    // The handle stands where the trajectory is: the same state, computed in another shape of batch.
    for (int c = 0; c < 3; ++c)
        QVERIFY(std::abs((*canvas()->handle())[c] - double(z[static_cast<std::size_t>(c)])) < 1e-2);
    QTest::keyClick(m_window->depthBar()->slider(), Qt::Key_Right);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().point().value(), 11, 10000);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, 30000);
}

void TestAppWindow::aCardAtTheCursorSaysWhatIsThere() {
    canvas()->fitToData();
    QTest::mouseMove(canvas(), QPoint(3, canvas()->height() - 3));
    QTRY_VERIFY(!canvas()->card()->isVisible());
    const QPoint at = placeOf(30, 64);
    QSignalSpy hovered(canvas(), &TrajectoryCanvas::hovered);
    QTest::mouseMove(canvas(), at - QPoint(1, 1));
    QTest::mouseMove(canvas(), at);
    QTRY_VERIFY(canvas()->card()->isVisible());
    const auto row = hovered.last()[0].toLongLong();
    const int point = hovered.last()[1].toInt();
    QTRY_VERIFY_WITH_TIMEOUT(canvas()->card()->text().contains("likeliest next token: "), 20000);
    const QString text = canvas()->card()->text();
    const auto state = m_window->workspace().state();
    QVERIFY2(QRegularExpression("<b>[^<]+</b>").match(text).hasMatch(), qPrintable(text));
    QVERIFY(text.contains("PC1 ") && text.contains("PC3 "));
    VectorF there(state->trace->units());
    state->trace->readPoint(PointIndex{point}, RowIndex{row}, 1, there.data());
    QVERIFY2(text.contains("norm " + QLocale().toString(there.cast<double>().norm(), 'g', 4)),
             qPrintable(text));
    QVERIFY(canvas()->rect().contains(canvas()->card()->geometry()));
    QVERIFY(!canvas()->card()->geometry().contains(at));
    keepPicture(*m_window, "card");
    m_window->setThemeChoice(ThemeChoice::Dark);
    QTest::mouseMove(canvas(), at - QPoint(1, 1));
    QTest::mouseMove(canvas(), at);
    QTRY_VERIFY(canvas()->card()->isVisible());
    keepPicture(*m_window, "card, dark");
    m_window->setThemeChoice(ThemeChoice::Light);
    // It is not in the way of a press.
    QTest::mousePress(canvas(), Qt::LeftButton, {}, at);
    QVERIFY(!canvas()->card()->isVisible());
    QTest::mouseRelease(canvas(), Qt::LeftButton, {}, at);
    QTest::mouseMove(canvas(), QPoint(3, canvas()->height() - 3));
    m_window->selection().selectRow(RowIndex{3});
    m_window->selection().selectPoint(PointIndex{11});
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, 30000);
}

void TestAppWindow::theHandleShowsNearestRowsAndTheLens() {
    QTRY_COMPARE_WITH_TIMEOUT(canvas()->handleNotes().size(), 4, 20000);
    const QStringList early = canvas()->handleNotes();
    QVERIFY(early[1].endsWith(" %"));
    // The lens follows the depth slider.
    m_window->depthBar()->slider()->setFocus();
    QTest::keyClick(m_window->depthBar()->slider(), Qt::Key_End);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().point().value(), 64, 10000);
    QTRY_VERIFY_WITH_TIMEOUT(canvas()->handleNotes().size() == 4 && canvas()->handleNotes() != early, 20000);
    // At the last point the lens is the next token itself.
    const auto next = m_window->teleport().nextTokens(1);
    QTRY_VERIFY_WITH_TIMEOUT(
        canvas()->handleNotes()[1] ==
            tokenAndProbability(QString::fromStdString(visibleToken(next[0].text.toStdString())),
                                next[0].natural),
        20000);
    keepPicture(*m_window, "lens at the handle");
    m_window->selection().selectPoint(PointIndex{11});
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, 30000);
    // The nearest rows are named, follow the drag, and can be clicked.
    auto* nearest = m_window->teleportPanel()->nearest();
    QTRY_VERIFY_WITH_TIMEOUT(nearest->isVisible() && nearest->text().count("<a href") == 3, 20000);
    const QString natural = nearest->text();
    const QPoint from = canvas()->placeOf(*canvas()->handle()).toPoint();
    QTest::mousePress(canvas(), Qt::LeftButton, {}, from);
    QTest::mouseMove(canvas(), from + QPoint(90, -60));
    QTRY_VERIFY_WITH_TIMEOUT(nearest->text() != natural, 20000);
    keepPicture(*m_window, "nearest rows");
    QTest::keyClick(canvas(), Qt::Key_Escape);
    QTest::mouseRelease(canvas(), Qt::LeftButton, {}, from + QPoint(90, -60));
    QTRY_COMPARE_WITH_TIMEOUT(nearest->text(), natural, 20000);
    const auto near = m_window->heldFacts().nearest().front().row;
    Q_EMIT nearest->linkActivated(QString::number(near.value()));
    QCOMPARE(m_window->selection().row(), near);
    m_window->selection().selectRow(RowIndex{3});
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, 30000);
    // The notes lie beside the handle, where they cover no arrow and all of them is in view.
    const std::vector<HandleArrow> arrows{{0, {112, 100}, {160, 100}}, {1, {100, 88}, {100, 40}}};
    const QRectF space(0, 0, 200, 200);
    const QRectF notes = placeOfNotes({60, 40}, {100, 100}, arrows, space);
    QVERIFY(space.contains(notes) && !notes.contains(QPointF(130, 100)) && !notes.contains(QPointF(100, 60)));
    QVERIFY(space.contains(placeOfNotes({60, 40}, {190, 190}, {}, space)));
}

void TestAppWindow::dragChangesPathAndTokens() {
    auto& teleport = m_window->teleport();
    canvas()->fitToData();
    QTRY_VERIFY(canvas()->handle().has_value());
    const MatrixD natural = teleport.naturalPath();
    QSignalSpy paths(&teleport, &TeleportModel::pathChanged);
    const int made = static_cast<int>(m_window->workspace().state()->teleports.size());
    dragHandle({160, -90});
    QTRY_VERIFY_WITH_TIMEOUT(teleport.result() != nullptr, 30000);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    QVERIFY2(paths.size() >= 2, "the path followed while the handle was dragged");
    QVERIFY(teleport.isMoved());
    QCOMPARE(teleport.teleportedPath().rows(), natural.rows());
    QVERIFY((teleport.teleportedPath() - natural).norm() > 1);
    QCOMPARE(static_cast<int>(m_window->workspace().state()->teleports.size()), made + 1);
    // The first point of the path is where the handle was let go.
    QVERIFY((teleport.teleportedPath().row(0).transpose() - teleport.target()).norm() < 1e-2);
    bool changed = false;
    for (const auto& token : teleport.nextTokens(8))
        changed |= std::abs(token.natural - token.teleported) > 1e-6;
    QVERIFY2(changed, "the next tokens are others");
    QTRY_VERIFY_WITH_TIMEOUT(teleport.result() && teleport.result()->controlDistance.rows() == 32, 30000);
    QVERIFY(m_window->teleportPanel()->curves()->figure() != nullptr);
    keepPicture(*m_window, "teleported");
}

void TestAppWindow::undoAndRedoBringBackTheNaturalPathAndTheTeleport() {
    auto& teleport = m_window->teleport();
    const MatrixD moved = teleport.teleportedPath();
    QTest::keyClick(m_window.get(), Qt::Key_Z, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().state()->teleports.empty(), 5000);
    QTRY_VERIFY_WITH_TIMEOUT(!teleport.isMoved(), 5000);
    QTRY_VERIFY((*canvas()->handle() - Eigen::Vector3d(teleport.naturalScores().head<3>())).norm() < 1e-9);
    QTest::keyClick(m_window.get(), Qt::Key_Z, Qt::ControlModifier | Qt::ShiftModifier);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->workspace().state()->teleports.size(), std::size_t(1), 5000);
    m_window->teleport().showTeleport(m_window->workspace().state()->teleports[0]->id);
    QTRY_VERIFY_WITH_TIMEOUT(
        teleport.teleportedPath().size() == moved.size() && (teleport.teleportedPath() - moved).norm() < 1e-4,
        20000);
    teleport.showNatural();
    QTRY_VERIFY(!teleport.isMoved());
}

void TestAppWindow::escapeTakesADragBack() {
    auto& teleport = m_window->teleport();
    QTRY_COMPARE_WITH_TIMEOUT(teleport.state(), TeleportModel::State::Ready, 20000);
    const auto made = m_window->workspace().state()->teleports.size();
    const QPoint from = canvas()->placeOf(*canvas()->handle()).toPoint();
    canvas()->setFocus();
    QTest::mousePress(canvas(), Qt::LeftButton, {}, from);
    QTest::mouseMove(canvas(), from + QPoint(50, 20));
    QVERIFY(canvas()->isDragging());
    QTest::keyClick(canvas(), Qt::Key_Escape);
    QVERIFY(!canvas()->isDragging());
    QTest::mouseRelease(canvas(), Qt::LeftButton, {}, from + QPoint(50, 20));
    QTRY_VERIFY(!teleport.isMoved());
    QCOMPARE(m_window->workspace().state()->teleports.size(), made);
}

void TestAppWindow::arrowKeysMoveTheHandle() {
    auto& teleport = m_window->teleport();
    QTRY_COMPARE_WITH_TIMEOUT(teleport.state(), TeleportModel::State::Ready, 20000);
    const auto made = m_window->workspace().state()->teleports.size();
    const QPointF before = canvas()->placeOf(*canvas()->handle());
    canvas()->setFocus();
    for (int i = 0; i < 4; ++i) QTest::keyClick(canvas(), Qt::Key_Right);
    const QPointF after = canvas()->placeOf(*canvas()->handle());
    QVERIFY2(std::abs(after.x() - before.x() - 40) < 1 && std::abs(after.y() - before.y()) < 1,
             "ten pixels a key, to the right on the screen");
    QTest::keyClick(canvas(), Qt::Key_Return);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->workspace().state()->teleports.size(), made + 1, 20000);
}

void TestAppWindow::anAxisKeyLocksTheHandle() {
    auto& teleport = m_window->teleport();
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    canvas()->setFocus();
    const Eigen::Vector3d before = *canvas()->handle();
    const QPoint from = canvas()->placeOf(before).toPoint();
    QTest::mousePress(canvas(), Qt::LeftButton, {}, from);
    QTest::keyPress(canvas(), Qt::Key_X);
    QCOMPARE(canvas()->lockedAxis(), 0);
    // As X11 repeats a key: pairs of release and press.
    for (int i = 0; i < 3; ++i) {
        QTest::keyRelease(canvas(), Qt::Key_X);
        QTest::keyPress(canvas(), Qt::Key_X);
    }
    QCOMPARE(canvas()->lockedAxis(), 0);
    QTest::mouseMove(canvas(), from + QPoint(60, 30));
    QTRY_VERIFY((*canvas()->handle() - before).norm() > 1e-3);
    const Eigen::Vector3d moved = *canvas()->handle();
    QVERIFY((moved - before).tail<2>().norm() < 1e-9);
    QTest::keyRelease(canvas(), Qt::Key_X);  // before the button: the handle stays
    QCOMPARE(*canvas()->handle(), moved);
    keepPicture(*m_window, "axis locked");
    QTest::mouseRelease(canvas(), Qt::LeftButton, {}, from + QPoint(60, 30));
    QCOMPARE(*canvas()->handle(), moved);
    QCOMPARE(canvas()->lockedAxis(), 0);
    QTest::qWait(100);
    QTest::keyClick(canvas(), Qt::Key_X);
    QCOMPARE(canvas()->lockedAxis(), screenPlane);
    QTRY_VERIFY_WITH_TIMEOUT(teleport.result() != nullptr, 30000);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
}

void TestAppWindow::typedCoordinatesTeleport() {
    auto& teleport = m_window->teleport();
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    const auto made = m_window->workspace().state()->teleports.size();
    auto* box = m_window->teleportPanel()->coordinate(0);
    const double goal = std::round(teleport.naturalScores()[0]) + 5;
    box->setFocus();
    QTest::keyClick(box, Qt::Key_A, Qt::ControlModifier);
    QTest::keyClicks(box, QLocale().toString(goal, 'f', 3));
    QTest::keyClick(box, Qt::Key_Return);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->workspace().state()->teleports.size(), made + 1, 20000);
    QVERIFY(std::abs(teleport.target()[0] - goal) < 1e-9);
}

void TestAppWindow::controlsSayWhatIsShown() {
    auto& teleport = m_window->teleport();
    auto* panel = m_window->teleportPanel();
    const auto teleports = [&]() -> const auto& {
        return m_window->workspace().state()->teleports;
    };
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    QVERIFY(teleport.isMoved());
    const auto before = teleports().size();
    QCOMPARE(panel->modeBox()->currentData().toInt(), int(TeleportMode::Shift));
    panel->modeBox()->setFocus();
    QTest::keyClick(panel->modeBox(), Qt::Key_Down);  // Project
    QTRY_COMPARE_WITH_TIMEOUT(teleports().size(), before + 1, 20000);
    QCOMPARE(teleports().back()->result.request.mode, TeleportMode::Project);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    teleport.showTeleport(teleports()[before - 1]->id);
    QCOMPARE(panel->modeBox()->currentData().toInt(), int(TeleportMode::Shift));
    teleport.showTeleport(teleports().back()->id);
    QCOMPARE(panel->modeBox()->currentData().toInt(), int(TeleportMode::Project));
    m_window->workspace().undoStack()->undo();
    QCOMPARE(panel->modeBox()->currentData().toInt(), int(TeleportMode::Shift));
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    // A typed coordinate that is undone is not shown any more, although its box has the focus.
    auto* box = panel->coordinate(1);
    const VectorD shown = teleport.target();
    box->setFocus();
    QTest::keyClick(box, Qt::Key_A, Qt::ControlModifier);
    QTest::keyClicks(box, QLocale().toString(123.0, 'f', 3));
    QTest::keyClick(box, Qt::Key_Return);
    QTRY_COMPARE_WITH_TIMEOUT(teleports().size(), before + 1, 20000);
    QCOMPARE(teleport.target()[0], shown[0]);  // the others keep all their digits
    QVERIFY(box->hasFocus());
    m_window->workspace().undoStack()->undo();
    QTRY_VERIFY(std::abs(box->value() - shown[1]) < 1e-3);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
}

void TestAppWindow::theHistoryRevealsRenamesAndRemoves() {
    auto& teleport = m_window->teleport();
    auto* list = m_window->teleportPanel()->history();
    const auto teleports = [&]() -> const auto& {
        return m_window->workspace().state()->teleports;
    };
    const auto before = teleports().size();
    for (int i = 0; i < 4; ++i) {
        VectorD target = teleport.target();
        target[i % 3] += 3;
        teleport.setCoordinates(target);
        QTRY_COMPARE_WITH_TIMEOUT(teleports().size(), before + static_cast<std::size_t>(i) + 1, 20000);
        // The newest is selected and in view.
        const QModelIndex newest = list->model()->index(list->model()->rowCount() - 1, 0);
        QTRY_COMPARE(list->currentIndex(), newest);
        QVERIFY(list->selectionModel()->isSelected(newest));
        QVERIFY(list->viewport()->rect().contains(list->visualRect(newest).center()));
    }
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    keepPicture(*m_window, "history");
    list->setFocus();
    QTest::keyClick(list, Qt::Key_F2);
    auto* editor = list->findChild<QLineEdit*>();
    QVERIFY(editor != nullptr);
    QTest::keyClicks(editor, "far right");
    QTest::keyClick(editor, Qt::Key_Return);
    QTRY_COMPARE(QString::fromStdString(teleports().back()->name), QString("far right"));
    QVERIFY(list->currentIndex().data().toString().startsWith("far right"));
    list->setFocus();
    QTest::keyClick(list, Qt::Key_Delete);
    QCOMPARE(teleports().size(), before + 3);
    for (int i = 0; i < 5; ++i) m_window->workspace().undoStack()->undo();
    QCOMPARE(teleports().size(), before + 1);
    m_window->workspace().undoStack()->undo();
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
}

void TestAppWindow::severalTeleportsAreComparedAndExported() {
    auto& teleport = m_window->teleport();
    auto* panel = m_window->teleportPanel();
    auto* list = panel->history();
    const auto before = m_window->workspace().state()->teleports.size();
    const auto depth = m_window->selection().point();
    QTRY_VERIFY_WITH_TIMEOUT(settled() && teleport.state() == TeleportModel::State::Ready, 30000);
    for (const int point : {11, 20, 32}) {
        m_window->selection().selectPoint(PointIndex{point});
        QTRY_VERIFY_WITH_TIMEOUT(
            teleport.point().value() == point && teleport.state() == TeleportModel::State::Ready, 30000);
        VectorD target = teleport.naturalScores();
        target[0] += 2 * teleport.spread()[0];
        teleport.setCoordinates(target);
        QTRY_VERIFY_WITH_TIMEOUT(teleport.result() && teleport.result()->controlDistance.rows() == 32, 30000);
        QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    }
    QVERIFY(list->horizontalScrollBar()->maximum() == 0 && !list->horizontalScrollBar()->isVisible());
    const auto click = [&](std::size_t entry, Qt::KeyboardModifiers modifiers) {
        const QModelIndex index = list->model()->index(static_cast<int>(entry), 0);
        list->scrollTo(index);
        QTest::mouseClick(list->viewport(), Qt::LeftButton, modifiers, list->visualRect(index).center());
    };
    click(before, {});
    QTRY_COMPARE_WITH_TIMEOUT(
        teleport.shownId(),
        list->model()->index(static_cast<int>(before), 0).data(TeleportHistory::IdRole).toLongLong(), 20000);
    click(before + 1, Qt::ControlModifier);
    click(before + 2, Qt::ControlModifier);
    // All three are drawn, each in a colour of its own, and named.
    const auto overlays = trajectories()->overlays();
    QCOMPARE(overlays.size(), std::size_t(3));
    QCOMPARE(overlays[0].point, PointIndex{11});
    QCOMPARE(overlays[2].point, PointIndex{32});
    QVERIFY(overlays[0].name.starts_with("1: token ") && overlays[2].name.ends_with(" at L16.attn_in"));
    const auto curves = panel->curves()->figure();
    QVERIFY(curves != nullptr);
    const auto& distance = std::get<CurvePlot>(curves->panels[0].plot);
    QCOMPARE(distance.curves.size(), std::size_t(3));
    QCOMPARE(distance.curves[1].name, overlays[1].name);
    QTest::qWait(200);
    keepPicture(*m_window, "teleports compared");
    m_window->setThemeChoice(ThemeChoice::Dark);
    QTest::qWait(200);
    keepPicture(*m_window, "teleports compared, dark");
    m_window->setThemeChoice(ThemeChoice::Light);

    // The table, and its CSV.
    for (auto* button : panel->findChildren<QPushButton*>())
        if (button->text().startsWith("Com&pare")) QTest::mouseClick(button, Qt::LeftButton);
    QVERIFY(m_window->compareDialog() != nullptr && m_window->compareDialog()->isVisible());
    auto* table = m_window->compareDialog()->table();
    QCOMPARE(table->rowCount(), 3);
    keepPicture(*m_window->compareDialog(), "compare table");
    m_window->compareDialog()->copyCsv();
    const QStringList lines = QApplication::clipboard()->text().split("\r\n");
    QCOMPARE(lines.size(), 5);  // titles, three teleports, and what follows the last line end
    QVERIFY(lines[0].startsWith("Teleport,Point,Mode,Displacement,Push left,KL (nats),Next token before,"));
    const auto& record = *m_window->workspace().state()->teleports[before + 1];
    QVERIFY2(lines[2].contains(",L10.attn_in,shift," +
                               QLocale::c().toString(record.result.measures.distance[0], 'g', 9)),
             qPrintable(lines[2]));
    m_window->compareDialog()->hide();

    // The plots are exported, and made again from their recipe: of several, and of one.
    QProcess rheo;
    for (const bool several : {true, false}) {
        if (!several) click(before + 1, {});
        QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
        const QString first = m_dir.filePath(several ? "several-1.svg" : "single-1.svg");
        const QString again = m_dir.filePath(several ? "several-2.svg" : "single-2.svg");
        const FigureToExport what = m_window->exports()->ofTeleports();
        QCOMPARE(what.toSave.size(), std::size_t(several ? 3 : 1));
        QVERIFY(m_window->exports()->exportFigure(what, {first, 160, 100, 100, false, true}));
        QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
        for (const SourceToSave& source : what.toSave) QVERIFY(QFile::exists(first + source.suffix));
        rheo.start(QApplication::applicationDirPath() + "/../bin/rheo",
                   {"figure", "--recipe", first, "--out", again});
        QVERIFY(rheo.waitForFinished(60000));
        QVERIFY2(rheo.exitCode() == 0, rheo.readAllStandardError().constData());
        QCOMPARE(withoutTime(again), withoutTime(first));
    }

    // What is dragged is shown alone.
    click(before, {});
    click(before + 2, Qt::ControlModifier);
    QCOMPARE(trajectories()->overlays().size(), std::size_t(2));
    QTRY_COMPARE_WITH_TIMEOUT(teleport.state(), TeleportModel::State::Ready, 30000);
    QVERIFY(teleport.beginDrag());
    QVERIFY(trajectories()->overlays().size() <= 1);
    teleport.cancelDrag();
    // Both are removed in one step, which undo takes back.
    click(before, {});
    click(before + 2, Qt::ControlModifier);
    list->setFocus();
    QTest::keyClick(list, Qt::Key_Delete);
    QCOMPARE(m_window->workspace().state()->teleports.size(), before + 1);
    m_window->workspace().undoStack()->undo();
    QCOMPARE(m_window->workspace().state()->teleports.size(), before + 3);
    for (int i = 0; i < 3; ++i) m_window->workspace().undoStack()->undo();
    QCOMPARE(m_window->workspace().state()->teleports.size(), before);
    m_window->selection().selectPoint(depth);
    QTRY_VERIFY_WITH_TIMEOUT(settled() && teleport.state() == TeleportModel::State::Ready, 30000);
}

void TestAppWindow::theLastPointShowsNextTokensInsteadOfCurves() {
    auto& teleport = m_window->teleport();
    auto* panel = m_window->teleportPanel();
    const auto depth = m_window->selection().point();
    m_window->selection().selectPoint(PointIndex{64});
    QTRY_VERIFY_WITH_TIMEOUT(teleport.isAtLastPoint() && teleport.state() == TeleportModel::State::Ready,
                             20000);
    VectorD target = teleport.naturalScores();
    target[0] += 30;
    teleport.setCoordinates(target);
    QTRY_VERIFY_WITH_TIMEOUT(teleport.result() != nullptr, 20000);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    QVERIFY2(panel->curves()->figure() == nullptr, "no empty axes");
    QVERIFY(panel->tokens()->figure() != nullptr);
    QVERIFY(panel->nextOfBox()->currentText().contains(QString("token %1").arg(teleport.token())));
    keepPicture(*m_window, "last point");
    m_window->workspace().undoStack()->undo();
    m_window->selection().selectPoint(depth);
    QTRY_COMPARE_WITH_TIMEOUT(teleport.state(), TeleportModel::State::Ready, 20000);
}

/// By the last token of each prompt: a colour for each, named in the legend with their number.
void TestAppWindow::rowsAreColouredByTheirToken() {
    auto* list = trajectories()->colorList();
    QVERIFY(list->isVisible());
    list->setFocus();
    while (list->currentText() != "Token") QTest::keyClick(list, Qt::Key_Down);
    std::int64_t rows = 0;
    for (const auto& set : plot().lines)
        if (set.pickable && set.layer == 0 && set.style.color) rows += std::ssize(set.tags);
    QCOMPARE(rows, m_window->workspace().state()->rows());
    QVERIFY(!plot().colorScale);
    const auto& sets = plot().lines;
    QVERIFY(std::any_of(sets.begin(), sets.end(),
                        [](const LineSet3& set) { return set.name.starts_with("\u201c"); }));
    keepPicture(*m_window, "coloured by token");
    while (list->currentText() != "Depth") QTest::keyClick(list, Qt::Key_Up);
    QVERIFY(plot().colorScale.has_value());
}

/// Other components and a part of the depth, from the list that a button opens; the recipe has them.
void TestAppWindow::theAxesShowOtherComponentsAndDepths() {
    PathOptions* options = trajectories()->pathOptions();
    QTRY_VERIFY(canvas()->handle().has_value());
    QTest::mouseClick(options, Qt::LeftButton);
    QTRY_VERIFY(options->panel()->isVisible());
    keepPicture(*options->panel(), "options of the trajectories");
    const auto choose = [](QComboBox* list, const QString& text) {
        list->setFocus();
        QTest::qWait(QApplication::keyboardInputInterval() + 50);  // what was typed before is over
        QTest::keyClicks(list, text);
    };
    choose(options->axis(0), "PC4");
    QVERIFY(plot().axes[0].title.starts_with("PC4"));
    QVERIFY2(!canvas()->handle(), "a state is moved along the first three");
    choose(options->axis(1), "PC4");  // changes places with the first
    QCOMPARE(options->axis(0)->currentText(), QString("PC2"));
    QTest::keyClick(options->axis(1), Qt::Key_Home);  // PC1
    QTRY_VERIFY(canvas()->handle().has_value());
    QVERIFY((canvas()->handle()->head<2>() -
             Eigen::Vector2d(m_window->teleport().target()[1], m_window->teleport().target()[0]))
                .norm() < 1e-9);
    options->firstPoint()->setFocus();
    for (int i = 0; i < 4; ++i) QTest::keyClick(options->firstPoint(), Qt::Key_Down);
    QCOMPARE(plot().lines[0].values[0], 4.0F);
    QCOMPARE(plot().colorScale->low, 4.0);
    const TrajectoryOptions kept = trajectoryOptions(trajectories()->recipe());
    QCOMPARE(kept.components, (std::array{1, 0, 2}));
    QCOMPARE(kept.firstPoint.value(), std::int64_t{4});
    QVERIFY(!kept.lastPoint);
    QTest::keyClick(options->panel(), Qt::Key_Escape);
    QTRY_VERIFY(!options->panel()->isVisible());
    QTest::mouseClick(options, Qt::LeftButton);
    QTest::mouseClick(options->panel()->findChild<QPushButton*>(), Qt::LeftButton);
    QCOMPARE(options->axis(0)->currentText(), QString("PC1"));
    QCOMPARE(plot().colorScale->low, 0.0);
    QTest::keyClick(options->panel(), Qt::Key_Escape);
    QTRY_VERIFY(!options->panel()->isVisible());
    canvas()->fitToData();
}

/// Around the middle of the view; the rows get a name, a colour by it, and are selected again by going back.
void TestAppWindow::aLassoSelectsAndTheSelectionIsKept() {
    Selection& selection = m_window->selection();
    canvas()->setFocus();
    QTest::keyClick(canvas(), Qt::Key_L);
    QCOMPARE(canvas()->selectBy(), TrajectoryCanvas::SelectBy::Lasso);
    const QPoint middle = canvas()->rect().center();
    const auto around = [&](double turn, int radius) {
        return middle +
               QPoint(static_cast<int>(radius * std::cos(turn)), static_cast<int>(radius * std::sin(turn)));
    };
    const QPoint far = around(0, canvas()->height() / 3);
    QTest::mousePress(canvas(), Qt::LeftButton, {}, far);
    for (double turn = 0; turn < 6.2; turn += 0.2) {
        const QPointF at = around(turn, canvas()->height() / 3);
        QMouseEvent move(QEvent::MouseMove, at, canvas()->mapToGlobal(at), Qt::NoButton, Qt::LeftButton,
                         Qt::NoModifier);
        QApplication::sendEvent(canvas(), &move);
    }
    keepPicture(*m_window, "lasso");
    QTest::mouseRelease(canvas(), Qt::LeftButton, {}, far);
    const QList<qint64> rows = selection.rows();
    QVERIFY2(rows.size() > 1, qPrintable(QString::number(rows.size())));
    QTest::keyClick(canvas(), Qt::Key_L);
    QCOMPARE(canvas()->selectBy(), TrajectoryCanvas::SelectBy::None);

    QTimer::singleShot(100, m_window.get(), [] {
        auto* dialog = qobject_cast<QInputDialog*>(QApplication::activeModalWidget());
        if (dialog == nullptr) return;
        dialog->setTextValue("the middle");
        dialog->accept();
    });
    QTest::keyClick(canvas(), Qt::Key_G, Qt::ControlModifier);
    QApplication::setActiveWindow(m_window.get());  // no window manager gives it back
    QCOMPARE(m_window->workspace().state()->named.size(), std::size_t(1));
    auto* list = trajectories()->colorList();
    list->setCurrentText("Kept selections");
    QTest::qWait(SelectionHistory::pause + 100);
    selection.selectRow(RowIndex{rows.first()});
    std::set<std::int64_t> named;
    for (const LineSet3& set : plot().lines)
        if (set.name.starts_with("the middle (")) named.insert(set.tags.begin(), set.tags.end());
    QCOMPARE(named, (std::set<std::int64_t>(rows.begin(), rows.end())));
    const TrajectoryOptions kept = trajectoryOptions(trajectories()->recipe());
    QCOMPARE(kept.namedRows.size(), std::size_t(1));
    QCOMPARE(std::ssize(kept.namedRows[0].second), rows.size());
    keepPicture(*m_window, "kept selection");
    list->setCurrentText("Depth");
    QTest::qWait(SelectionHistory::pause + 100);
    QTest::keyClick(m_window.get(), Qt::Key_BracketLeft, Qt::ControlModifier);
    QCOMPARE(selection.rows(), rows);
    QTest::keyClick(m_window.get(), Qt::Key_BracketRight, Qt::ControlModifier);
    QCOMPARE(selection.rows(), QList<qint64>{rows.first()});
    m_window->workspace().undoStack()->undo();
    QVERIFY(m_window->workspace().state()->named.empty());
}

void TestAppWindow::theLegendShowsAndHides() {
    auto* list = trajectories()->colorList();
    list->setCurrentText("Token");
    QStringList keys;
    for (const LineSet3& set : plot().lines)
        if (set.legendKey.starts_with("kind:")) keys << QString::fromStdString(set.legendKey);
    QVERIFY(keys.size() > 2);
    const QString kept = keys[0], others = keys[1];
    const auto drawn = [this](const QString& key) {
        std::size_t lines = 0;
        for (const LineSet3& set : plot().lines)
            if (set.legendKey == key.toStdString()) lines += set.tags.size();
        return lines;
    };
    const auto click = [this](const QString& key, bool twice = false) {
        const QPoint at = canvas()->legendRect(key).center().toPoint();
        QTest::mouseClick(canvas(), Qt::LeftButton, {}, at);
        if (twice) QTest::mouseDClick(canvas(), Qt::LeftButton, {}, at);
    };
    const QList<qint64> selected = m_window->selection().rows();
    QVERIFY(!canvas()->legendRect(others).isEmpty());
    QVERIFY(drawn(others) > 0 && drawn(kept) > 0);
    click(others);
    QCOMPARE(drawn(others), std::size_t(0));
    QVERIFY(drawn(kept) > 0);
    QVERIFY(!canvas()->legendRect(others).isEmpty());  // pale, to bring it back
    keepPicture(*m_window, "hidden in the legend");
    for (const LineSet3& set : std::get<Plot3D>(trajectories()->figure()->panels[0].plot).lines)
        QVERIFY(!set.hidden);  // an export does not name it
    QCOMPARE(trajectoryOptions(trajectories()->recipe()).hidden,
             std::vector<std::string>{others.toStdString()});
    QCOMPARE(m_window->selection().rows(), selected);
    click(others);
    QVERIFY(drawn(others) > 0);
    QTest::qWait(QApplication::doubleClickInterval() + 50);
    click(others, true);
    QVERIFY(drawn(others) > 0);
    QCOMPARE(drawn(kept), std::size_t(0));
    QTest::qWait(QApplication::doubleClickInterval() + 50);
    click(others, true);  // it was alone: all
    QVERIFY(drawn(others) > 0 && drawn(kept) > 0);
    list->setCurrentText("Depth");
}

void TestAppWindow::aPromptIsAddedAndTheBasisStays() {
    const auto before = m_window->workspace().state();
    QVERIFY(m_window->workspace().prompts().add("It was the best of times, it was the worst of").value() > 0);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->workspace().state()->rows(), before->rows() + 1, 30000);
    const auto after = m_window->workspace().state();
    QVERIFY2(after->basis == before->basis, "the basis stays");
    QVERIFY(after->basisIsStale());
    QTRY_VERIFY(m_window->banner()->isVisible() && !m_window->banner()->isError());
    QTRY_VERIFY(after->scores->n0 == before->rows() + 1);
    keepPicture(*m_window, "prompt added");
    fitBasis(m_window->workspace());
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->workspace().state()->basisIsStale(), 30000);
    QVERIFY(m_window->workspace().state()->basis != before->basis);
    m_window->workspace().undoStack()->undo();
    QVERIFY(m_window->workspace().state()->basis == before->basis);
    m_window->workspace().undoStack()->undo();
    QCOMPARE(m_window->workspace().state()->rows(), before->rows());
}

void TestAppWindow::densityIsComputedOnRequest() {
    m_window->showView(density());
    QTRY_VERIFY(density()->missingPage()->isVisible());
    QTest::mouseClick(density()->missingPage()->computeButton(), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(density()->hasFigure(), 60000);
    auto* figure = density()->figureWidget();
    QTRY_VERIFY(figure->isVisible() && figure->figure() != nullptr);
    // The line of the job goes and the line of the result comes: what is under the mouse moves until then.
    QTRY_VERIFY(m_window->workspace().jobs().isIdle());
    for (QSize before; before != figure->size(); QTest::qWait(400)) before = figure->size();
    QSignalSpy hovered(figure, &FigureWidget::hovered);
    const QRectF plot = figure->painter().plotRect(0);
    QVERIFY(plot.width() > 100);
    QTest::mouseMove(figure, plot.center().toPoint() - QPoint(3, 3));
    QTest::mouseMove(figure, plot.center().toPoint());
    QTRY_VERIFY(!hovered.isEmpty());
    QVERIFY2(hovered.last()[0].toString().contains("; unit "), qPrintable(hovered.last()[0].toString()));
    keepPicture(*m_window, "density");
    QTest::mouseClick(figure, Qt::LeftButton, {}, plot.center().toPoint());
    // Moves come through the X server, and may arrive after the click.
    QTRY_VERIFY(
        hovered.last()[0].toString().contains(QString("unit %1;").arg(m_window->selection().unit().value())));
    QCOMPARE(m_window->depthBar()->player().isPlaying(), false);
    const auto point = static_cast<std::size_t>(m_window->selection().point().value());
    const QString name = QString::fromStdString(pointName(m_window->workspace().points()[point])).left(3);
    QVERIFY2(hovered.last()[0].toString().contains(name), qPrintable(hovered.last()[0].toString()));

    // Unsorted units stand in their own order: another picture, and a recipe that says so.
    const auto values = [&] { return std::get<HeatmapPlot>(figure->figure()->panels.front().plot).values; };
    const MatrixF sorted = values();
    auto* order = density()->optionBar()->list("sorted");
    QVERIFY(order->isVisible());
    order->setFocus();
    QTest::keyClick(order, Qt::Key_Down);
    QVERIFY(values() != sorted);
    QVERIFY(QString::fromStdString(density()->recipe().options).contains("\"sorted\":false"));
}

/// The likeliest next token of every token at every depth; and what a teleport changes.
void TestAppWindow::theLensMapFollowsPromptAndTeleport() {
    auto* map = view<LensMapView>();
    m_window->selection().selectRow(RowIndex{3});
    m_window->selection().selectPoint(PointIndex{16});
    m_window->showView(map);
    QTRY_VERIFY_WITH_TIMEOUT(map->hasFigure() && settled(), 60000);
    const auto plot = [&] {
        return std::get<HeatmapPlot>(map->figureWidget()->figure()->panels.front().plot);
    };
    const auto tokens =
        m_window->workspace().prompts().sampleOf(m_window->selection().prompt()).tokenIds.size();
    QCOMPARE(plot().values.rows(), static_cast<Eigen::Index>(tokens));
    QCOMPARE(plot().values.cols(), Eigen::Index{65});
    // What is likeliest after the last token at the last point is what the model says next.
    auto& teleport = m_window->teleport();
    QTRY_COMPARE_WITH_TIMEOUT(teleport.state(), TeleportModel::State::Ready, 20000);
    const NextToken next = teleport.nextTokens(1).front();
    QCOMPARE(QString::fromStdString(plot().labels[64]), next.text.trimmed());
    QVERIFY(std::abs(double(plot().values(0, 64)) - next.natural) < 1e-4);
    teleport.showNatural();
    QTRY_VERIFY(!map->shownList()->isEnabled());

    VectorD target = teleport.naturalScores();
    target[0] += 20;
    teleport.setCoordinates(target);
    QTRY_VERIFY_WITH_TIMEOUT(map->shownList()->isEnabled() && settled(), 60000);
    map->shownList()->setFocus();
    QTest::keyClick(map->shownList(), Qt::Key_End);
    const MatrixF change = plot().values;
    // Row 0 is the last token, the one that was moved; those before it do not see it.
    QVERIFY(change.bottomRows(change.rows() - 1).isZero(0));
    QVERIFY(change.row(0).leftCols(16).isZero(0));
    QVERIFY(!change.row(0).isZero(0));
    keepPicture(*m_window, "lens map, change");
    QTest::keyClick(map->shownList(), Qt::Key_Home);

    // A click selects the token and the depth.
    auto* figure = map->figureWidget();
    QTRY_VERIFY(figure->isVisible() && figure->painter().plotRect(0).width() > 100);
    QTest::qWait(300);
    const auto at = figure->painter().placeOf({0, 40, 0});
    QVERIFY(at.has_value());
    QTest::mouseClick(figure, Qt::LeftButton, {}, at->toPoint());
    QCOMPARE(m_window->selection().point().value(), std::int64_t{40});
    QCOMPARE(m_window->selection().token(), static_cast<int>(tokens) - 1);
    keepPicture(*m_window, "lens map");
    teleport.showNatural();
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
}

void TestAppWindow::exportsAreVectors() {
    QTest::keyClick(m_window.get(), Qt::Key_1, Qt::ControlModifier);
    const QString svg = m_dir.filePath("view.svg");
    QVERIFY(m_window->exports()->exportView(svg, 160, 120, 300, false, false));
    QFile file(svg);
    QVERIFY(file.open(QIODevice::ReadOnly));
    QXmlStreamReader xml(&file);
    int paths = 0, texts = 0, images = 0;
    QString metadata;
    while (!xml.atEnd()) {
        xml.readNext();
        if (!xml.isStartElement()) continue;
        paths += xml.name() == QLatin1String("path");
        texts += xml.name() == QLatin1String("text");
        images += xml.name() == QLatin1String("image");
        if (xml.name() == QLatin1String("metadata"))
            metadata = xml.readElementText(QXmlStreamReader::IncludeChildElements);
    }
    QVERIFY2(!xml.hasError(), qPrintable(xml.errorString()));
    QVERIFY2(paths > 50, qPrintable(QString::number(paths)));
    QVERIFY(texts > 8);
    QCOMPARE(images, 0);
    QVERIFY(metadata.contains("trajectories"));
    QVERIFY2(!m_window->exports()->exportView(svg, 160, 120, 300, false, false),
             "an export is not overwritten unasked");
    QVERIFY(m_window->banner()->isVisible() && m_window->banner()->isError());
    QVERIFY(m_window->exports()->exportView(m_dir.filePath("view.pdf"), 160, 120, 300, false, false));
    QVERIFY2(!m_window->banner()->isVisible(), "the export that failed is made up for");
    QVERIFY(m_window->exports()->exportView(m_dir.filePath("view.png"), 80, 60, 100, false, false));
    QCOMPARE(QImage(m_dir.filePath("view.png")).size(), QSize(315, 236));
}

void TestAppWindow::anExportIsMadeAgainFromItsRecipe_data() {
    QTest::addColumn<QString>("view");
    QTest::addColumn<QString>("format");
    for (const char* view : {"trajectories", "teleported", "density", "zoomed density", "stale density",
                             "lens map", "coloured trajectories"})
        for (const char* format : {"svg", "png"}) QTest::addRow("%s, %s", view, format) << view << format;
}

void TestAppWindow::anExportIsMadeAgainFromItsRecipe() {
    QFETCH(QString, view);
    QFETCH(QString, format);
    auto& teleport = m_window->teleport();
    auto* undo = m_window->workspace().undoStack();
    const int steps = undo->index();
    if (view.startsWith("stale")) {  // a token more is a row: the density is shown as it was
        const auto before = m_window->workspace().state()->rows();
        m_window->selection().selectRow(RowIndex{3});
        m_window->selection().selectToken(5);
        QTRY_VERIFY_WITH_TIMEOUT(m_window->selection().looked() != nullptr, 30000);
        m_window->selection().pin();
        QTRY_COMPARE_WITH_TIMEOUT(m_window->workspace().state()->rows(), before + 1, 30000);
    }
    if (view == "lens map") {
        m_window->showView(this->view<LensMapView>());
        QTRY_VERIFY_WITH_TIMEOUT(this->view<LensMapView>()->hasFigure() && settled(), 60000);
    } else if (view.endsWith("density")) {
        m_window->showView(density());
        auto* figure = density()->figureWidget();
        QTRY_VERIFY(figure->isVisible() && figure->painter().plotRect(0).width() > 100);
        QTest::keyClick(figure, Qt::Key_Home);
        if (view.startsWith("zoomed"))
            for (int i = 0; i < 3; ++i) QTest::keyClick(figure, Qt::Key_Plus);
        QCOMPARE(figure->painter().isZoomed(), view.startsWith("zoomed"));
        auto& workspace = m_window->workspace();
        const bool isStale = m_window->analyses().stateOf("density").status == ResultStatus::Stale;
        if (view.startsWith("stale") && !isStale) {  // one row more than it was computed of
            workspace.prompts().add("It was the best of times");
            QTRY_COMPARE_WITH_TIMEOUT(m_window->analyses().stateOf("density").status, ResultStatus::Stale,
                                      30000);
        }
    } else {
        QTest::keyClick(m_window.get(), Qt::Key_1, Qt::ControlModifier);
        teleport.showNatural();
        QTRY_COMPARE_WITH_TIMEOUT(teleport.state(), TeleportModel::State::Ready, 20000);
        if (view == "teleported") {
            VectorD target = teleport.naturalScores();
            target[1] += 12;
            teleport.setCoordinates(target);
            QTRY_VERIFY_WITH_TIMEOUT(teleport.result() != nullptr, 20000);
        }
        trajectories()->lookFrom(view == "teleported" ? 20 : -35, 15);
        trajectories()->colorList()->setCurrentText(view.startsWith("coloured") ? "Token" : "Depth");
    }
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    const QString first = m_dir.filePath(QString(view).replace(' ', '_') + "-1." + format);
    const QString again = m_dir.filePath(QString(view).replace(' ', '_') + "-2." + format);
    QVERIFY(m_window->exports()->exportView(first, 160, 120, 100, false, true));
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    QProcess rheo;
    rheo.start(QApplication::applicationDirPath() + "/../bin/rheo",
               {"figure", "--recipe", first, "--out", again});
    QVERIFY(rheo.waitForFinished(60000));
    QVERIFY2(rheo.exitCode() == 0, rheo.readAllStandardError().constData());
    if (view.startsWith("stale")) {
        while (undo->index() > steps) undo->undo();
        m_window->selection().selectRow(RowIndex{3});
    }
    if (format == "png") {
        QVERIFY(QImage(first).convertToFormat(QImage::Format_ARGB32) ==
                QImage(again).convertToFormat(QImage::Format_ARGB32));
        return;
    }
    const QString a = withoutTime(first), b = withoutTime(again);
    QVERIFY(a.size() > 10000);
    const QStringList left = a.split('\n'), right = b.split('\n');
    for (int i = 0; i < std::min(left.size(), right.size()); ++i) QCOMPARE(right[i], left[i]);
    QCOMPARE(right.size(), left.size());
}

/// Where nothing is drawn.
void TestAppWindow::theBackgroundIsTheThemes() {
    for (const ThemeChoice choice : {ThemeChoice::Dark, ThemeChoice::Light}) {
        m_window->setThemeChoice(choice);
        QTest::qWait(200);
        const Color page = (choice == ThemeChoice::Dark ? darkTheme() : lightTheme()).background;
        const QImage image = canvas()->picture();
        QCOMPARE(image.pixelColor(image.width() - 4, image.height() - 4).rgb(),
                 QColor::fromRgbF(page.r, page.g, page.b).rgb());
    }
}

void TestAppWindow::cameraPresetsAndPerspective() {
    trajectories()->lookFrom(90, 0);
    QCOMPARE(canvas()->camera().azimuth, 90.0);
    trajectories()->setPerspective(true);
    QVERIFY(canvas()->camera().perspective);
    trajectories()->setPerspective(false);
    const double before = canvas()->camera().azimuth;
    const QPoint empty(canvas()->width() / 2, canvas()->height() - 60);
    QTest::mousePress(canvas(), Qt::LeftButton, {}, empty);
    QTest::mouseMove(canvas(), empty + QPoint(40, 0));
    QTest::mouseMove(canvas(), empty + QPoint(80, 0));
    QTest::mouseRelease(canvas(), Qt::LeftButton, {}, empty + QPoint(80, 0));
    QVERIFY(canvas()->camera().azimuth != before);
    trajectories()->resetCamera();
}

void TestAppWindow::survivesAnotherWindow() {
    QTest::qWait(200);
    const QImage before = canvas()->picture();
    QWidget other;
    auto* layout = new QVBoxLayout(&other);
    auto* view = trajectories();
    const QSize size = view->size();
    auto* stack = qobject_cast<QStackedWidget*>(view->parentWidget());
    QVERIFY(stack != nullptr);
    view->setParent(nullptr);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(view);
    other.resize(size);
    other.show();
    view->show();
    QVERIFY(QTest::qWaitForWindowExposed(&other));
    QTest::qWait(300);
    const QImage after = canvas()->picture();
    QCOMPARE(after.size(), before.size());
    qint64 different = 0;
    for (int y = 0; y < after.height(); ++y)
        for (int x = 0; x < after.width(); ++x) different += after.pixel(x, y) != before.pixel(x, y);
    QVERIFY2(different < after.width() * after.height() / 100, qPrintable(QString::number(different)));
    stack->insertWidget(0, view);
    stack->setCurrentIndex(0);
    QTest::qWait(300);
    QVERIFY(canvas()->picture().size().width() > 100);
}

void TestAppWindow::errorsKeepWhatWasOpen() {
    const auto rows = m_window->workspace().state()->rows();
    m_window->workspace().undoStack()->setClean();
    const QString broken = m_dir.filePath("broken.rheo.h5");
    QFile file(broken);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("\x89HDF\r\n\x1a\nnot really");
    file.close();
    openTrace(m_window->workspace(), broken);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->banner()->text().contains("broken.rheo.h5"), 10000);
    QVERIFY(m_window->banner()->isVisible() && m_window->banner()->isError());
    keepPicture(*m_window, "error");
    QCOMPARE(m_window->workspace().state()->rows(), rows);
    QDir().mkpath(m_dir.filePath("empty"));
    openModel(m_window->workspace(), m_dir.filePath("empty"), {});
    QTRY_VERIFY_WITH_TIMEOUT(m_window->banner()->text().contains("empty"), 10000);
    QCOMPARE(m_window->workspace().state()->rows(), rows);
    QVERIFY(m_window->workspace().model() != nullptr);
}

void TestAppWindow::closingAsksWhenSomethingWouldBeLost() {
    QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    if (!m_window->workspace().files().hasUnsaved()) {
        m_window->workspace().prompts().add("One more thing to lose, said the");
        QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().files().hasUnsaved(), 30000);
        QTRY_VERIFY_WITH_TIMEOUT(settled(), 30000);
    }
    QString asked;
    QTimer::singleShot(300, this, [&asked] {
        for (auto* widget : QApplication::topLevelWidgets())
            if (auto* box = qobject_cast<QMessageBox*>(widget)) {
                asked = box->text();
                box->button(QMessageBox::Cancel)->click();
            }
    });
    QVERIFY2(!m_window->close(), "Cancel keeps the window open");
    QVERIFY2(!asked.isEmpty(), "it said what would be lost");
    QVERIFY(m_window->isVisible());
}

RHEO_TEST(TestAppWindow)
#include "test_app_window.moc"
