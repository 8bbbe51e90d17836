// Sessions in the window, by mouse and keys: a day's work saved by one window is there in another, what a
// killed one left is offered, steps are listed, and everything can be found by its name.

#include <QApplication>
#include <QComboBox>
#include <QDir>
#include <QDockWidget>
#include <QElapsedTimer>
#include <QFileDialog>
#include <QFileInfo>
#include <QImage>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMenu>
#include <QMenuBar>
#include <QMessageBox>
#include <QPushButton>
#include <QSettings>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTimer>
#include <QUndoStack>
#include <QUndoView>
#include <filesystem>
#include <set>

#include "app/command_palette.h"
#include "app/export_actions.h"
#include "app/export_page.h"
#include "app/main_window.h"
#include "app/session_actions.h"
#include "app/start_page.h"
#include "app/tour.h"
#include "core/session/held_verdicts.h"
#include "core/session/opened_results.h"
#include "core/session/verdict_text.h"
#include "core/trace/write_trace.h"
#include "tests/app/keep_picture.h"
#include "tests/app/window_test.h"
#include "tests/browser.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/views/banner.h"
#include "widgets/views/color_range_button.h"
#include "widgets/views/laboratory_panel.h"
#include "widgets/views/trajectory_view.h"
#include "widgets/views/view_tabs.h"

using namespace rheo;
namespace fs = std::filesystem;

namespace {

constexpr int wait = 60000;

QString sessionsRoot() {
    return QStandardPaths::writableLocation(QStandardPaths::AppLocalDataLocation) + "/sessions";
}

std::vector<float> statesOf(const DocumentState& state) {
    std::vector<float> states(
        static_cast<std::size_t>(state.rows() * state.trace->points() * state.trace->units()));
    state.trace->readRows(RowIndex{0}, state.rows(), states.data());
    return states;
}

/// Answers the file dialog that comes next.
void chooseFile(QWidget* window, const QString& file) {
    QTimer::singleShot(300, window, [file] {
        auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
        if (dialog == nullptr) return;
        dialog->setDirectory(QFileInfo(file).path());
        dialog->findChild<QLineEdit*>()->setText(file);
        QMetaObject::invokeMethod(dialog, "accept");
    });
}

QPushButton* buttonIn(const QWidget* widget, const QString& text) {
    for (auto* button : widget->findChildren<QPushButton*>())
        if (button->text() == text && button->isVisibleTo(widget)) return button;
    return nullptr;
}

}  // namespace

class TestAppSession : public QObject {
    Q_OBJECT
public:
    static void initMain() { prepareWindowTest(); }

private Q_SLOTS:
    void init();
    void cleanup();
    void everythingComesBackInAnotherWindow();
    void quittingOffersToSave();
    void whatAKilledWindowLeftIsOffered();
    void aDiscardedSessionIsGone();
    void aMovedTraceIsAskedFor();
    void whatWasCapturedStaysWhenTheRestIsStopped();
    void stepsAreListed();
    void theProgramIsFoundByName();
    void theTourShowsTheFindings();
    void allViewsAreExported();
    void aPageHoldsWhatIsOpen();
    void aPageThatCannotBeWritten();
    void animationsAreWritten();

private:
    std::unique_ptr<MainWindow> makeWindow() const {
        auto window = std::make_unique<MainWindow>();
        window->setThemeChoice(ThemeChoice::Light);
        window->resize(1280, 800);
        window->show();
        if (!QTest::qWaitForWindowExposed(window.get())) return nullptr;
        QApplication::setActiveWindow(window.get());
        return window;
    }
    void openDemo() {
        m_window->openDemo(20);
        QTRY_COMPARE_WITH_TIMEOUT(state().rows(), std::int64_t{20}, wait);
        QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, wait);
    }
    const DocumentState& state() const { return *m_window->workspace().state(); }
    QString path(const QString& name) const { return m_dir->filePath(name); }
    TrajectoryView* trajectories() const { return qobject_cast<TrajectoryView*>(m_window->views().front()); }
    void teleport() {
        const VectorD from = m_window->teleport().target();
        m_window->teleport().setCoordinates(from * 0.5);
        QTRY_VERIFY_WITH_TIMEOUT(!state().teleports.empty(), wait);
        QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, wait);
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    std::unique_ptr<MainWindow> m_window;
};

void TestAppSession::init() {
    m_dir = std::make_unique<QTemporaryDir>();
    m_window = makeWindow();
    QVERIFY(m_window);
}

void TestAppSession::cleanup() {
    m_window.reset();
}

void TestAppSession::everythingComesBackInAnotherWindow() {
    openDemo();
    if (QTest::currentTestFailed()) return;
    teleport();
    if (QTest::currentTestFailed()) return;
    m_window->selection().selectRows({3, 5, 8}, 5);
    m_window->selection().hideRows({1});
    m_window->selection().selectUnit(UnitIndex{17});
    m_window->selection().selectPoint(PointIndex{4});
    trajectories()->lookFrom(123, 12);
    trajectories()->colorList()->setCurrentIndex(2);
    Q_EMIT trajectories()->colorList()->activated(2);
    const QString colour = trajectories()->colorList()->currentText();
    QTRY_VERIFY(!trajectories()->canvas()->legendRect("mean").isEmpty());
    QTest::mouseClick(trajectories()->canvas(), Qt::LeftButton, {},
                      trajectories()->canvas()->legendRect("mean").center().toPoint());
    QTest::qWait(QApplication::doubleClickInterval() + 50);
    QCOMPARE(trajectories()->keptState()["hidden"].toArray(), QJsonArray{"mean"});
    const auto colors = [this] {
        for (View* view : m_window->views())
            if (view->id() == "density") return view->findChild<ColorRangeButton*>();
        return static_cast<ColorRangeButton*>(nullptr);
    };
    colors()->setChosen(ColorRange{-0.5, 2, 0.25});
    m_window->viewTabs()->moveToOtherColumn(m_window->views()[3]);
    m_window->showView(m_window->views().front());
    chooseFile(m_window.get(), path("day.rheo"));
    QTest::keyClick(m_window.get(), Qt::Key_S, Qt::ControlModifier);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->sessions().file(), path("day.rheo"), wait);
    QVERIFY(!m_window->workspace().files().hasUnsaved());
    QVERIFY2(m_window->windowTitle().startsWith("day"), qPrintable(m_window->windowTitle()));

    const auto saved = m_window->workspace().state();
    const auto states = statesOf(*saved);
    const MatrixD bands = m_window->workspace().fullTeleport(saved->teleports[0]->id)->controlDistance;
    QVERIFY(bands.rows() > 0);
    const Camera camera = trajectories()->canvas()->camera();
    m_window.reset();

    m_window = makeWindow();
    m_window->openPath(path("day.rheo"));
    QTRY_COMPARE_WITH_TIMEOUT(state().rows(), std::int64_t{20}, wait);
    QCOMPARE(statesOf(state()), states);
    QCOMPARE(state().scores->data, saved->scores->data);
    QCOMPARE(state().teleports.size(), std::size_t{1});
    QCOMPARE(state().teleports[0]->result.teleported.states.data,
             saved->teleports[0]->result.teleported.states.data);
    QVERIFY(!state().basisIsStale());
    QCOMPARE(m_window->selection().rows(), (QList<qint64>{3, 5, 8}));
    QCOMPARE(m_window->selection().row()->value(), std::int64_t{5});
    QCOMPARE(m_window->selection().hiddenRows(), (QList<qint64>{1}));
    QCOMPARE(m_window->selection().unit().value(), std::int64_t{17});
    QCOMPARE(m_window->selection().point().value(), std::int64_t{4});
    QCOMPARE(trajectories()->canvas()->camera().azimuth, camera.azimuth);
    QCOMPARE(trajectories()->canvas()->camera().halfHeight, camera.halfHeight);
    QCOMPARE(trajectories()->colorList()->currentText(), colour);
    QCOMPARE(trajectories()->keptState()["hidden"].toArray(), QJsonArray{"mean"});
    QVERIFY(colors()->chosen() && colors()->chosen()->low == -0.5 && colors()->chosen()->high == 2 &&
            colors()->chosen()->blankBelow == 0.25);
    QCOMPARE(m_window->viewTabs()->columnOf(m_window->views()[3]), 1);
    QVERIFY(!m_window->workspace().files().hasUnsaved());
    // The model follows in the background, and the teleport can be shown and more can be made.
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().model() != nullptr, wait);
    // Its random directions are drawn again from the same seed.
    const auto id = state().teleports[0]->id;
    m_window->teleport().showTeleport(id);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().fullTeleport(id) != nullptr, wait);
    QVERIFY(m_window->workspace().fullTeleport(id)->controlDistance == bands);
    m_window->workspace().prompts().add("It is a truth");
    QTRY_COMPARE_WITH_TIMEOUT(state().rows(), std::int64_t{21}, wait);
    QVERIFY(m_window->workspace().files().hasUnsaved());
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().jobs().isIdle(), wait);
    keepPicture(*m_window, "session restored");
    // Undo gives back what was saved, which is then nothing to lose.
    m_window->workspace().undoStack()->undo();
    QVERIFY(!m_window->workspace().files().hasUnsaved());
}

void TestAppSession::quittingOffersToSave() {
    openDemo();
    if (QTest::currentTestFailed()) return;
    teleport();
    if (QTest::currentTestFailed()) return;
    QString asked;
    QTimer::singleShot(300, m_window.get(), [&] {
        auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
        if (box == nullptr) return;
        asked = box->text();
        chooseFile(m_window.get(), path("kept.rheo"));
        box->button(QMessageBox::Save)->click();
    });
    m_window->close();
    QVERIFY2(asked.contains("1 teleport"), qPrintable(asked));
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->isVisible(), wait);
    QVERIFY(isSessionFile(path("kept.rheo").toStdString()));
}

void TestAppSession::whatAKilledWindowLeftIsOffered() {
    openDemo();
    if (QTest::currentTestFailed()) return;
    m_window->workspace().prompts().add("Nothing of this was saved");
    QTRY_COMPARE_WITH_TIMEOUT(state().rows(), std::int64_t{21}, wait);
    const auto states = statesOf(state());
    // It is written soon, without being asked.
    const auto written = [] {
        for (const auto& entry : QDir(sessionsRoot()).entryInfoList(QDir::Dirs | QDir::NoDotAndDotDot))
            if (QFile::exists(entry.filePath() + "/session.json")) {
                QFile index(entry.filePath() + "/session.json");
                if (index.open(QIODevice::ReadOnly) && index.readAll().contains("Nothing of this"))
                    return entry.filePath();
                for (const auto& part : QDir(entry.filePath()).entryInfoList({"rows*"}))
                    if (part.size() > 0 && part.lastModified().secsTo(QDateTime::currentDateTime()) < 20)
                        return entry.filePath();
            }
        return QString();
    };
    QTRY_VERIFY_WITH_TIMEOUT(!written().isEmpty() && m_window->workspace().jobs().isIdle(), wait);
    QTest::qWait(3000);  // the last prompt too
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().jobs().isIdle(), wait);
    // What a killed process leaves is this folder, without anybody who holds its lock.
    const fs::path left = (sessionsRoot() + "/session-killed").toStdString();
    fs::remove_all(left);
    fs::copy(written().toStdString(), left, fs::copy_options::recursive);
    m_window.reset();
    m_window = makeWindow();
    auto* page = m_window->startPage();
    QVERIFY(page->isVisible());
    QPushButton* recover = buttonIn(page, "Recover");
    QVERIFY(recover != nullptr);
    keepPicture(*m_window, "session lost");
    QTest::mouseClick(recover, Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(state().rows(), std::int64_t{21}, wait);
    QCOMPARE(statesOf(state()), states);
    QVERIFY(m_window->workspace().files().hasUnsaved());
    QVERIFY(m_window->isWindowModified());
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().model() != nullptr, wait);
    chooseFile(m_window.get(), path("recovered.rheo"));
    QVERIFY(m_window->sessionActions()->save());
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->workspace().files().hasUnsaved(), wait);
    m_window.reset();
    QVERIFY2(!fs::exists(left), "what was saved is offered no more");
}

void TestAppSession::aDiscardedSessionIsGone() {
    const fs::path left = (sessionsRoot() + "/session-old").toStdString();
    fs::create_directories(left);
    {
        Session session;
        openDemo();
        if (QTest::currentTestFailed()) return;
        session.state = state();
        session.state.results = nullptr;
        Progress progress;
        SessionFolder(left).write(session, progress);
    }
    m_window.reset();
    m_window = makeWindow();
    QPushButton* discard = buttonIn(m_window->startPage(), "Discard");
    QVERIFY(discard != nullptr);
    QVERIFY2(m_window->startPage()->minimumSizeHint().height() < 300, "it scrolls in a low window");
    QTest::mouseClick(discard, Qt::LeftButton);
    QVERIFY(!fs::exists(left));
    QVERIFY(buttonIn(m_window->startPage(), "Recover") == nullptr);
    // One of a newer version is neither offered nor deleted.
    fs::create_directories(left);
    writeFile(left / SessionFolder::indexName, R"({"format":"rheograph-session","version":99})",
              IfExists::Refuse);
    QVERIFY(m_window->sessions().lost().isEmpty());
    QVERIFY(fs::exists(left / SessionFolder::indexName));
    fs::remove_all(left);
}

void TestAppSession::aMovedTraceIsAskedFor() {
    openDemo();
    if (QTest::currentTestFailed()) return;
    const QString trace = path("trace.rheo.h5");
    m_window->workspace().files().saveTrace(trace, false);
    QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(trace) && m_window->workspace().jobs().isIdle(), wait);
    m_window->openPath(trace);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().files().known().traceFile == trace &&
                                 m_window->workspace().jobs().isIdle() && state().basis,
                             wait);
    m_window->sessions().save(path("day.rheo"), Packing::Own, false);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->sessions().file(), path("day.rheo"), wait);
    m_window.reset();
    QVERIFY(QDir(m_dir->path()).mkdir("away"));
    QVERIFY(QFile::rename(trace, path("away/moved.h5")));
    m_window = makeWindow();
    QString said;
    QTimer answer;
    answer.setInterval(200);
    connect(&answer, &QTimer::timeout, this, [&] {
        auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
        if (box == nullptr) return;
        answer.stop();
        said = box->text();
        chooseFile(m_window.get(), path("away/moved.h5"));
        for (QAbstractButton* button : box->buttons())
            if (button->text().startsWith("Choose the file")) button->click();
    });
    answer.start();
    m_window->openPath(path("day.rheo"));
    QTRY_COMPARE_WITH_TIMEOUT(state().rows(), std::int64_t{20}, wait);
    QVERIFY2(said.contains("trace.rheo.h5"), qPrintable(said));
}

void TestAppSession::whatWasCapturedStaysWhenTheRestIsStopped() {
    openDemo();
    if (QTest::currentTestFailed()) return;
    QFile prompts(path("prompts.txt"));
    QVERIFY(prompts.open(QIODevice::WriteOnly));
    for (int i = 0; i < 400; ++i)
        prompts.write(QString("Passage %1 of a book that nobody has read, with enough words to take a while, "
                              "and then some more of them\n")
                          .arg(i)
                          .toUtf8());
    prompts.close();
    const JobId job = m_window->workspace().prompts().addFromFile(prompts.fileName(), 0);
    QTRY_VERIFY_WITH_TIMEOUT(state().rows() > 20, wait);
    m_window->workspace().jobs().cancel(job);
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->workspace().prompts().isAddingFile(), wait);
    QVERIFY(state().rows() > 20 && state().rows() < 420);
    QCOMPARE((state().rows() - 20) % 32, std::int64_t{0});
    // One step, whatever came of it.
    QCOMPARE(m_window->workspace().undoStack()->undoText(), QString("Add 400 prompts"));
    m_window->workspace().undoStack()->undo();
    QCOMPARE(state().rows(), std::int64_t{20});
    m_window->workspace().undoStack()->redo();
    QVERIFY(state().rows() > 20);
}

void TestAppSession::stepsAreListed() {
    openDemo();
    if (QTest::currentTestFailed()) return;
    m_window->workspace().prompts().add("The first");
    QTRY_COMPARE_WITH_TIMEOUT(state().rows(), std::int64_t{21}, wait);
    m_window->workspace().prompts().add("The second");
    QTRY_COMPARE_WITH_TIMEOUT(state().rows(), std::int64_t{22}, wait);
    auto* steps = m_window->findChild<QUndoView*>();
    QVERIFY(steps != nullptr);
    for (QWidget* widget = steps; widget != nullptr; widget = widget->parentWidget())
        if (auto* dock = qobject_cast<QDockWidget*>(widget)) dock->show();
    QTRY_VERIFY(steps->isVisible());
    QCOMPARE(steps->model()->rowCount(), 3);
    QCOMPARE(steps->model()->index(1, 0).data().toString(), QString("Add \"The first\""));
    // A click on a step goes there.
    QTest::mouseClick(steps->viewport(), Qt::LeftButton, {},
                      steps->visualRect(steps->model()->index(1, 0)).center());
    QCOMPARE(state().rows(), std::int64_t{21});
    keepPicture(*m_window, "session steps");
}

void TestAppSession::theProgramIsFoundByName() {
    openDemo();
    if (QTest::currentTestFailed()) return;
    const auto run = [&](const QString& text, const std::function<void(CommandPalette*)>& look = {}) {
        bool shown = false;
        QApplication::setActiveWindow(m_window.get());
        QTimer::singleShot(200, m_window.get(), [&] {
            auto* palette = qobject_cast<CommandPalette*>(QApplication::activeModalWidget());
            if (palette == nullptr) return;
            shown = true;
            QTest::keyClicks(palette->field(), text);
            if (look) look(palette);
            QTest::keyClick(palette->field(), look ? Qt::Key_Escape : Qt::Key_Return);
        });
        QTest::keyClick(m_window.get(), Qt::Key_K, Qt::ControlModifier);
        return shown;
    };
    QVERIFY(run("density"));
    QTRY_COMPARE(m_window->currentView()->id(), QString("density"));
    QVERIFY(run("unit 9"));
    QTRY_COMPARE(m_window->selection().unit().value(), std::int64_t{9});
    QVERIFY(run("L02.mlp"));
    QTRY_COMPARE(m_window->selection().point().value(), std::int64_t{5});
    const QString words = QString::fromStdString(state().trace->info().samples[7].text).simplified().left(24);
    QVERIFY(run(words));
    QTRY_COMPARE(m_window->selection().prompt(), state().prompts[7]);
    QStringList found;
    QVERIFY(run("theme dark", [&](CommandPalette* palette) {
        for (int i = 0; i < palette->list()->count(); ++i) found << palette->list()->item(i)->text();
        keepPicture(*palette, "palette");
    }));
    QCOMPARE(found, QStringList{"Theme: Dark"});
    QVERIFY(run("no such thing at all",
                [&](CommandPalette* palette) { found = {palette->list()->item(0)->text()}; }));
    QCOMPARE(found, QStringList{"Nothing has this name"});
}

void TestAppSession::theTourShowsTheFindings() {
    QSettings().remove("tour/step");
    auto* page = m_window->startPage();
    QPushButton* take = buttonIn(page, "Take the guided tour");
    QVERIFY(take != nullptr);
    QTest::mouseClick(take, Qt::LeftButton);
    Tour* tour = m_window->tour();
    QTRY_VERIFY_WITH_TIMEOUT(tour->isVisible() && tour->text().contains("1 of 10"), wait);
    std::set<std::string> told;
    for (int i = 0; i < static_cast<int>(tourSteps().size()); ++i) {
        const TourStep& step = tourSteps()[static_cast<std::size_t>(i)];
        QCOMPARE(tour->step(), i);
        QCOMPARE(m_window->currentView()->id(), QString(step.view));
        QVERIFY2(m_window->currentView()->hasFigure(), step.view);
        // The verdict that the demo was shipped with, in words.
        for (const char* key : step.findings) {
            if (key == nullptr) continue;
            told.insert(key);
            for (const Verdict& verdict : state().results->results.verdicts)
                if (verdict.key == key)
                    QVERIFY2(
                        tour->text().contains(QString::fromStdString(sentenceOf(verdict)).toHtmlEscaped()),
                        key);
        }
        if (QString(step.title).startsWith("Move a state"))
            QTRY_VERIFY_WITH_TIMEOUT(!state().teleports.empty(), wait);
        QTest::qWait(300);
        keepPicture(*m_window, QString("tour %1").arg(i + 1));
        if (i == 4) {  // left here, and gone on with by the next window
            QTest::mouseClick(tour->leave(), Qt::LeftButton);
            QVERIFY(!tour->isVisible());
            QCOMPARE(Tour::leftAt(), 4);
            m_window->takeTour();
            QTRY_VERIFY(tour->isVisible() && tour->step() == 4);
        }
        if (i + 1 < static_cast<int>(tourSteps().size())) QTest::mouseClick(tour->next(), Qt::LeftButton);
    }
    // Every verdict that the demo holds is told.
    for (const Verdict& verdict : state().results->results.verdicts)
        QVERIFY2(told.contains(verdict.key), verdict.key.c_str());
    QTest::mouseClick(tour->next(), Qt::LeftButton);
    QVERIFY(!tour->isVisible());
    QCOMPARE(Tour::leftAt(), 0);
}

void TestAppSession::allViewsAreExported() {
    m_window->openDemo();
    QTRY_VERIFY_WITH_TIMEOUT(state().results && m_window->workspace().model(), wait);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().jobs().isIdle(), wait);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, wait);
    teleport();
    if (QTest::currentTestFailed()) return;
    const int written = m_window->exports()->exportAll(m_dir->path());
    const auto files = QDir(m_dir->path()).entryList({"*.svg"});
    QCOMPARE(files.size(), written);
    QVERIFY2(written >= 16 && files.contains("teleport.svg"), qPrintable(files.join(", ")));
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().jobs().isIdle(), wait);
    for (const QString& file : files) {
        QFile svg(path(file));
        QVERIFY(svg.open(QIODevice::ReadOnly));
        QVERIFY2(svg.readAll().contains("rheograph_recipe"), qPrintable(file));
    }
}

/// Opens the file menu by a click, and goes down to an entry by keys.
void chooseInFileMenu(MainWindow& window, const QString& words) {
    QMenuBar* bar = window.menuBar();
    QTest::mouseClick(bar, Qt::LeftButton, {}, bar->actionGeometry(bar->actions().front()).center());
    QMenu* menu = bar->actions().front()->menu();
    QTRY_VERIFY(menu->isVisible());
    const auto chosen = [&] {
        return menu->activeAction() != nullptr && menu->activeAction()->text().remove('&').startsWith(words);
    };
    for (qsizetype i = 0; i < menu->actions().size() && !chosen(); ++i) QTest::keyClick(menu, Qt::Key_Down);
    QVERIFY(chosen());
    QTest::keyClick(menu, Qt::Key_Return);
}

/// Where pictures are kept, the page too.
void keepPage(const QString& file, const QString& name) {
    const QString folder = qEnvironmentVariable("RHEO_TEST_PICTURES");
    if (!folder.isEmpty() && QDir().mkpath(folder)) QFile::copy(file, folder + '/' + name);
}

void TestAppSession::aPageHoldsWhatIsOpen() {
    m_window->openDemo();
    QTRY_VERIFY_WITH_TIMEOUT(state().results && m_window->workspace().model(), wait);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().jobs().isIdle(), wait);
    trajectories()->lookFrom(70, 15);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->teleport().state(), TeleportModel::State::Ready, wait);
    teleport();
    if (QTest::currentTestFailed()) return;
    View* closed = nullptr;
    for (View* view : m_window->views())
        if (view->id() == "density") closed = view;
    QVERIFY(closed != nullptr && closed->hasFigure());
    m_window->viewTabs()->close(closed);
    m_window->showView(m_window->views().front());
    const QString file = path("page.html");
    chooseFile(m_window.get(), file);
    chooseInFileMenu(*m_window, "Export a page");
    QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(file) && m_window->workspace().jobs().isIdle(), wait);
    QFile page(file);
    QVERIFY(page.open(QIODevice::ReadOnly));
    const QByteArray html = page.readAll();
    keepPage(file, "page.html");
    QVERIFY2(html.size() < 20'000'000, qPrintable(QString::number(html.size())));
    // Each figure that an open view shows, in the order of the views, and no other.
    qsizetype at = html.indexOf("</nav>");
    int figures = 0;
    for (const View* view : m_window->views()) {
        const auto title = QString::fromUtf8(view->figureView().title.data(),
                                             static_cast<qsizetype>(view->figureView().title.size()));
        const auto found = html.indexOf('>' + title.toHtmlEscaped().toUtf8() + "</h2>", at);
        if (view == closed || !view->hasFigure()) {
            QVERIFY2(found < 0, qPrintable(title));
            continue;
        }
        QVERIFY2(found > 0, qPrintable(title));
        const auto end = html.indexOf("<h2", found);
        const QByteArray part = html.mid(found, end - found);
        for (const char* must : {"<svg", "<figcaption>", "how to make it again", "rheograph"})
            QVERIFY2(part.contains(must), qPrintable(title + ": " + must));
        at = found;
        ++figures;
    }
    QVERIFY2(figures >= 15, qPrintable(QString::number(figures)));
    // After them the plots of the panel, with the line that makes this teleport.
    const QByteArray panel = html.mid(html.indexOf(">Teleport</h2>", at));
    QVERIFY(panel.startsWith(">Teleport</h2>") && panel.contains("<svg") && panel.contains("rheo teleport "));
    // What the trajectories are, as they are seen.
    const auto begin = html.indexOf("<script type=\"application/json\">") + 32;
    const auto scene =
        QJsonDocument::fromJson(html.mid(begin, html.indexOf("</script>", begin) - begin)).object();
    const auto camera = scene["camera"].toObject();
    QCOMPARE(camera["azimuth"].toDouble(), 70.0);
    QCOMPARE(camera["elevation"].toDouble(), 15.0);
    QCOMPARE(scene["points"].toArray().size(), qsizetype(state().trace->points()));
    const auto rows = scene["lines"].toArray()[0].toObject();
    QCOMPARE(rows["counts"].toArray().size(), qsizetype(state().rows()));
    const auto& scores = *state().scores;
    const auto xyz = rows["xyz"].toArray();
    const double step = scene["step"].toDouble();
    const auto last = scores.n0 - 1, end = scores.n1 - 1;
    for (int axis = 0; axis < 3; ++axis)  // off by half a step, and by the roundings of floats
        QVERIFY(std::abs(scene["origin"].toArray()[axis].toDouble() +
                         step * xyz[xyz.size() - 3 + axis].toInt() - double(scores.at(last, end)[axis])) <
                0.51 * step);
    // The verdicts, what it was made from, and a policy.
    for (const Verdict& verdict : heldVerdicts(state()).verdicts)
        QVERIFY2(html.contains(("<tr id=\"" + verdict.key + "\">").c_str()), verdict.key.c_str());
    QVERIFY(html.contains("id=\"rotation\""));
    for (const char* fact : {"<dt>Model</dt>", "300 tokens of 300 samples", "<dt>Seed",
                             "Rheograph " RHEO_VERSION, "default-src 'none'"})
        QVERIFY2(html.contains(fact), fact);
    // In a dark window it is dark, as its figures are.
    m_window->setThemeChoice(ThemeChoice::Dark);
    const QString night = path("night.html");
    QElapsedTimer gathering;
    gathering.start();
    exportPage(*m_window, night, false);
    const auto took = gathering.elapsed();
    qInfo("%lld ms on the window's thread", static_cast<long long>(took));
    QVERIFY2(took < 1000, "drawing and writing are a job");  // a tenth of that, on a machine at rest
    m_window->setThemeChoice(ThemeChoice::Light);
    QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(night) && m_window->workspace().jobs().isIdle(), wait);
    keepPage(night, "page dark.html");
    QFile dark(night);
    QVERIFY(dark.open(QIODevice::ReadOnly));
    const QByteArray ofDark = dark.readAll();
    QVERIFY(ofDark.contains("content=\"dark\"") && ofDark.contains("\"background\":\"#16181c\""));
    QVERIFY(html.contains("content=\"light\"") && !html.contains("#16181c"));
    if (browser().isEmpty()) QSKIP("the page was not opened: no browser is installed");
    const auto shown = shownBy(browser(), m_dir->path(), html);
    QVERIFY(html.count("<div class=\"space\" data-title") >= 1);
    QCOMPARE(shown.count("<div class=\"space on\""), html.count("<div class=\"space\" data-title"));
    QVERIFY(shown.contains("data-camera=\"70 15 "));
}

void TestAppSession::aPageThatCannotBeWritten() {
    QCOMPARE(exportPage(*m_window, path("none.html"), false), JobId{});
    QVERIFY(m_window->banner()->isVisible());
    openDemo();
    if (QTest::currentTestFailed()) return;
    exportPage(*m_window, path("no folder/page.html"), false);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().jobs().isIdle(), wait);
    QTRY_VERIFY2(m_window->banner()->text().contains("no folder"), qPrintable(m_window->banner()->text()));
    // What is there stays as it is where it must not be replaced, and no half of a page is left.
    QFile there(path("there.html"));
    QVERIFY(there.open(QIODevice::WriteOnly));
    there.write("mine");
    there.close();
    exportPage(*m_window, there.fileName(), false);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().jobs().isIdle(), wait);
    QTRY_VERIFY2(m_window->banner()->text().contains("there.html"), qPrintable(m_window->banner()->text()));
    QCOMPARE(QFileInfo(there).size(), qint64(4));
    QCOMPARE(QDir(m_dir->path()).entryList(QDir::Files | QDir::Hidden), QStringList{"there.html"});
}

void TestAppSession::animationsAreWritten() {
    openDemo();
    if (QTest::currentTestFailed()) return;
    const auto write = [&](AnimationMotion motion) {
        const QString folder = path(QString::number(int(motion)));
        QDir().mkpath(folder);
        const JobId job = m_window->exports()->exportAnimation({folder, motion, 0.5, 12, 400, 300});
        [&] { QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().jobs().isIdle() || job == JobId{}, wait); }();
        QList<QImage> frames;
        for (const QString& name : QDir(folder).entryList({"frame_*.png"}))
            frames << QImage(folder + '/' + name);
        return frames;
    };
    QVERIFY(!trajectories()->replay());  // nothing was dragged yet
    auto& teleport = m_window->teleport();
    QVERIFY(teleport.beginDrag());
    for (int i = 1; i <= 12; ++i) {
        VectorD target = teleport.naturalScores();
        target[0] += 4 * i;
        teleport.moveTo(target);
        QTRY_VERIFY_WITH_TIMEOUT(
            teleport.pathTarget().size() == target.size() && teleport.pathTarget() == target, wait);
        QTest::qWait(30);
    }
    teleport.endDrag();
    QTRY_COMPARE_WITH_TIMEOUT(teleport.state(), TeleportModel::State::Ready, wait);
    const auto drag = teleport.lastDrag();
    QVERIFY(drag && drag->steps.size() >= 13 && drag->steps.back().seconds > 0.3);
    QCOMPARE(drag->steps.front().teleported, teleport.naturalComponents());
    QCOMPARE(drag->steps.back().teleported, teleport.teleportedComponents());
    for (const AnimationMotion motion :
         {AnimationMotion::Turntable, AnimationMotion::Depth, AnimationMotion::Replay}) {
        const auto frames = write(motion);
        QCOMPARE(frames.size(), 6);
        for (qsizetype i = 0; i < frames.size(); ++i) {
            QCOMPARE(frames[i].size(), QSize(400, 300));
            if (i > 0) QVERIFY2(frames[i] != frames[i - 1], "something moves from one picture to the next");
        }
    }
    if (!canMakeVideos()) qInfo("no video was made: ffmpeg is not installed");
    if (canMakeVideos()) {
        const JobId job = m_window->exports()->exportAnimation(
            {path("turn.webm"), AnimationMotion::Turntable, 0.5, 12, 320, 240});
        QVERIFY(job != JobId{});
        QTRY_VERIFY_WITH_TIMEOUT(QFileInfo(path("turn.webm")).size() > 500, wait);
    }
}

RHEO_TEST(TestAppSession)
#include "test_app_session.moc"
