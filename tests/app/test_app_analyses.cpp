// Analyses in the window: what is computed here is what `rheo analyze` computes, to the last bit; they queue,
// are cancelled, continued and undone; views say what they need and how it stands with their results. Real
// files, real events, a real (virtual) display.
#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QProcess>
#include <QPushButton>

#include <QSettings>
#include <QSignalSpy>
#include <QSpinBox>
#include <QStatusBar>
#include <QTabBar>
#include <QTemporaryDir>
#include <QTextBrowser>
#include <QTimer>
#include <QToolButton>
#include <QTreeWidget>
#include <bit>

#include "app/main_window.h"
#include "app/resource_paths.h"
#include "core/analysis/null_table.h"
#include "core/statistics/table.h"
#include "core/trace/hdf5_file.h"
#include "keep_picture.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/open_document.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/views/analysis_dialog.h"
#include "widgets/views/banner.h"
#include "widgets/views/jobs_panel.h"
#include "widgets/views/report_dialog.h"
#include "widgets/views/result_bar.h"
#include "widgets/views/results_view.h"
#include "widgets/views/verdicts_view.h"
#include "window_test.h"

using namespace rheo;

namespace {

constexpr int wait = 240000;

/// Runs a command line with the rheo of this build; what it said if it failed, else empty.
QString runShell(const QString& command, const QString& folder) {
    QProcess shell;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert("PATH", QString(RHEO_BIN) + ":" + environment.value("PATH"));
    shell.setProcessEnvironment(environment);
    shell.setWorkingDirectory(folder);
    shell.start("sh", {"-c", command});
    if (!shell.waitForFinished(240000)) return "did not end";
    return shell.exitCode() == 0 ? QString() : QString::fromUtf8(shell.readAllStandardError());
}

/// Where two results files differ below `group`: a dataset that one lacks, or a value that is not the same to
/// the last bit (NaN equals NaN). Empty: nowhere. `compared` counts datasets.
std::string difference(const QString& first, const QString& second, const std::string& group, int& compared) {
    const auto a = Hdf5File::openForReading(first.toStdString());
    const auto b = Hdf5File::openForReading(second.toStdString());
    const auto below = [&](const Hdf5File& file) {
        auto paths = file.datasets(100000);
        std::erase_if(paths, [&](const std::string& path) {
            return !path.starts_with(group) || path.starts_with("/source/");
        });
        return paths;
    };
    const auto paths = below(a);
    const auto others = below(b);
    for (const auto& [some, all, file] : {std::tuple(&paths, &others, &first), {&others, &paths, &second}})
        for (const auto& path : *some)
            if (std::find(all->begin(), all->end(), path) == all->end())
                return path + " is in " + file->toStdString() + " alone";
    for (const auto& path : paths) {
        if (a.info(path).typeName == "text") {
            if (a.readStrings(path) != b.readStrings(path)) return path + ": another text";
            ++compared;
            continue;
        }
        const auto x = a.read<double>(path), y = b.read<double>(path);
        if (a.info(path).shape != b.info(path).shape) return path + ": another shape";
        for (std::size_t i = 0; i < x.size(); ++i)
            if (std::bit_cast<std::uint64_t>(x[i]) != std::bit_cast<std::uint64_t>(y[i]) &&
                !(x[i] != x[i] && y[i] != y[i]))
                return path + ": value " + std::to_string(i) + ", " + std::to_string(x[i]) + " and " +
                       std::to_string(y[i]);
        ++compared;
    }
    return "";
}

QByteArray contentsOf(const QString& file) {
    QFile opened(file);
    return opened.open(QIODevice::ReadOnly) ? opened.readAll() : QByteArray("cannot be read");
}

std::vector<std::string> everyStatistic() {
    std::vector<std::string> names;
    for (const auto& info : statisticInfos()) names.emplace_back(info.name);
    return names;
}

}  // namespace

class TestAppAnalyses : public QObject {
    Q_OBJECT
public:
    static void initMain() { prepareWindowTest(); }

private Q_SLOTS:
    void initTestCase();
    void init();
    void cleanup();
    void numbersAreThoseOfTheCommandLine_data();
    void numbersAreThoseOfTheCommandLine();
    void oneButtonComputesAView();
    void analysesQueueAndAreCancelled();
    void aStoppedAnalysisIsContinued();
    void resultsOfChangedRowsAreOutOfDate();
    void resultsOfAFileAreAddedTo();
    void whatCannotBeComputedSaysWhy();
    void findingsAreTestedInTheWindow();
    void aStoppedReportGoesOn();
    void theFormOffersEveryRowOfTheTables();
    void theFormIsFilledByKeys();
    void presetsFillTheForm();

private:
    QString path(const QString& name) const { return m_dir.filePath(name); }
    bool settled() const {
        return m_window->workspace().jobs().isIdle() && m_window->analyses().queue().isEmpty();
    }
    const DocumentState& state() const { return *m_window->workspace().state(); }
    Analyses& analyses() { return m_window->analyses(); }
    ResultsView* view(const QString& id) const {
        for (View* view : m_window->views())
            if (view->id() == id) return qobject_cast<ResultsView*>(view);
        return nullptr;
    }
    VerdictsView* findings() const {
        for (View* view : m_window->views())
            if (auto* verdicts = qobject_cast<VerdictsView*>(view)) return verdicts;
        return nullptr;
    }
    int tabOf(const View* view) const {
        const auto& views = m_window->views();
        return static_cast<int>(std::find(views.begin(), views.end(), view) - views.begin());
    }
    void open(const QString& file) {
        m_window->openPath(file);
        QTRY_VERIFY_WITH_TIMEOUT(settled() && state().rows() > 0, 60000);
    }
    void save(const QString& file) {
        QSignalSpy saved(&m_window->workspace().files(), &FileKeeper::saved);
        m_window->workspace().files().saveResults(file, true);
        QTRY_COMPARE_WITH_TIMEOUT(saved.size(), 1, 60000);
    }
    /// Copies the view in front as a command, by its key.
    QString copiedCommand() {
        QApplication::clipboard()->clear();
        QTest::keyClick(m_window.get(), Qt::Key_C, Qt::ControlModifier | Qt::ShiftModifier);
        return QApplication::clipboard()->text();
    }

    QTemporaryDir m_dir;
    std::unique_ptr<MainWindow> m_window;
};

void TestAppAnalyses::initTestCase() {
    QCOMPARE(runShell("rheo capture --model '" + QString::fromStdString(demoModelFolder().string()) +
                          "' --prompts '" + QString::fromStdString(demoPromptsFile().string()) +
                          "' --limit 24 --out t.rheo.h5",
                      m_dir.path()),
             QString());
    QCOMPARE(runShell("rheo capture --model '" + QString::fromStdString(demoModelFolder().string()) +
                          "' --prompts '" + QString::fromStdString(demoPromptsFile().string()) +
                          "' --limit 8 --rows all --out tokens.rheo.h5",
                      m_dir.path()),
             QString());
}

void TestAppAnalyses::init() {
    QSettings().clear();
    m_window = std::make_unique<MainWindow>();
    m_window->setThemeChoice(ThemeChoice::Light);
    m_window->resize(1280, 800);
    m_window->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
    QApplication::setActiveWindow(m_window.get());
}

void TestAppAnalyses::cleanup() {
    m_window.reset();
}

void TestAppAnalyses::numbersAreThoseOfTheCommandLine_data() {
    QTest::addColumn<QString>("how");
    QTest::addRow("every statistic") << "every";
    QTest::addRow("chosen rows, points, units and options") << "chosen";
    QTest::addRow("the lens, and untrained networks") << "lens";
    QTest::addRow("states after the final norm, rows chosen by their tokens") << "tokens";
}

void TestAppAnalyses::numbersAreThoseOfTheCommandLine() {
    QFETCH(QString, how);
    const QString trace = how == "tokens" ? "tokens" : "t";
    open(path(trace + ".rheo.h5"));
    AnalysisChoice choice;
    choice.statistics = everyStatistic();
    choice.nulls = {"sign_flip"};
    choice.repeats = 3;
    choice.seed = 7;
    choice.options.get<AutoencoderFit>()->epochs = 2;
    if (how == "chosen") {
        choice.statistics = {"motion", "density", "pca"};
        choice.scaling = "rms";
        choice.points = "paper";
        choice.select = "sample>=4";
        choice.maskUnits = "3,17";
        choice.nulls = {"increment_shuffle", "depth_shuffle"};
        choice.options.get<Density>()->epsilon = 0.25;
        choice.options.get<Pca>()->components = 4;
    } else if (how == "lens") {
        choice.statistics = {"motion", "density", "pca", "lens"};
        choice.nulls = {"untrained", "sign_flip"};
        choice.untrainedRepeats = choice.repeats;  // as the form and --repeats mean it
        choice.top = 3;
    } else if (how == "tokens") {
        choice.statistics = {"motion", "pca"};
        choice.scaling = "final_norm";
        choice.select = "token=\" the\"";
    }
    if (needsModel(choice)) {
        attachModel(m_window->workspace(), QString::fromStdString(demoModelFolder().string()), {});
        QTRY_VERIFY_WITH_TIMEOUT(m_window->workspace().model() != nullptr, 60000);
    }
    QVERIFY(analyses().run(choice) > 0);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QVERIFY2(!m_window->banner()->isError(), qPrintable(m_window->banner()->text()));
    save(path("window.h5"));

    m_window->showView(view("motion"));
    const QString command = copiedCommand();
    QVERIFY2(command.startsWith("rheo analyze "), qPrintable(command));
    const QString made = path(trace + ".results.h5");
    for (const QString& file : {made, path("motion.svg")}) QFile::remove(file);
    QCOMPARE(runShell(command, m_dir.path()), QString());
    QVERIFY(QFile::exists(path("motion.svg")));
    const auto window = Hdf5File::openForReading(path("window.h5").toStdString());
    const auto line = Hdf5File::openForReading(made.toStdString());
    int datasets = 0;
    const std::string differs = difference(path("window.h5"), made, "/", datasets);
    QVERIFY2(differs.empty(), differs.c_str());
    QVERIFY2(datasets > (how == "tokens" ? 10 : 30), "it compared what there is");
    for (const auto& name : choice.statistics)
        for (const char* attribute : {"options", "scaling", "points", "source_hash"})
            QCOMPARE(window.textAttribute("/" + name, attribute), line.textAttribute("/" + name, attribute));
    if (needsModel(choice)) return;
    // And so the command line takes it as its own: there is nothing to compute again.
    QCOMPARE(runShell("rheo analyze t.rheo.h5 --stat motion --seed 7 --scaling rms --points paper --select "
                      "'sample>=4' --mask-units 3,17 --add --out window.h5",
                      m_dir.path())
                 .isEmpty(),
             how == "chosen");
}

void TestAppAnalyses::oneButtonComputesAView() {
    open(path("t.rheo.h5"));
    auto* motion = view("motion");
    m_window->showView(motion);
    QTRY_VERIFY(motion->missingPage()->isVisible());
    QVERIFY(!m_window->resultBar()->isVisible());
    QString costs;
    for (const QLabel* label : motion->missingPage()->findChildren<QLabel*>())
        if (label->text().contains("reads ") && label->text().contains("of memory")) costs = label->text();
    QVERIFY2(costs.contains("24 rows") && costs.contains("second"),
             "it says what it is of, and what it costs");
    keepPicture(*m_window, "analyses missing");
    // The command beside the button has the options of the form, and makes the same file.
    AnalysisChoice choice = analyses().choice();
    choice.nulls = {"sign_flip"};
    choice.repeats = 3;
    choice.select = "sample<21";
    analyses().setChoice(choice);
    const QString command = motion->missingPage()->command();
    QVERIFY2(command.contains("--stat motion --null sign_flip --repeats 3 --select 'sample<21'"),
             qPrintable(command));
    QCOMPARE(runShell(command, m_dir.path()), QString());
    const Results selected = readResults(path("results.h5").toStdString());
    QVERIFY(selected.source.info.rows.size() == 21 && selected.nulls.front().summary.repeats == 3);
    choice.nulls.clear();
    choice.select.clear();
    analyses().setChoice(choice);
    auto* button = motion->missingPage()->computeButton();
    QTest::mouseClick(button, Qt::LeftButton, {}, button->rect().center());
    QTRY_VERIFY_WITH_TIMEOUT(motion->hasFigure() && settled(), wait);
    QVERIFY(motion->figureWidget()->isVisible());
    QCOMPARE(analyses().stateOf("motion").status, ResultStatus::Done);
    QVERIFY(m_window->resultBar()->isVisible() && m_window->resultBar()->text().contains("24 rows"));
    QVERIFY(m_window->workspace().files().hasUnsaved());
    QTest::qWait(50);
    keepPicture(*m_window, "analyses done");
    m_window->workspace().undoStack()->undo();
    QVERIFY(!motion->hasFigure() && motion->missingPage()->isVisible());
    m_window->workspace().undoStack()->redo();
    QVERIFY(motion->hasFigure());
    save(path("saved.h5"));
    QVERIFY(!m_window->workspace().files().hasUnsaved());
    // Another statistic joins it, and the file holds both.
    QVERIFY(analyses().compute("correlation") > 0);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QVERIFY(motion->hasFigure() && view("correlation")->hasFigure());
    save(path("saved.h5"));
    const Results both = readResults(path("saved.h5").toStdString());
    QVERIFY(both.statistics.get<Motion>() && both.statistics.get<Correlation>() &&
            both.statistics.get<Pca>());
}

void TestAppAnalyses::analysesQueueAndAreCancelled() {
    open(path("t.rheo.h5"));
    AnalysisChoice lengthy;
    lengthy.statistics = {"mutual_information"};
    lengthy.nulls = {"sign_flip"};
    lengthy.repeats = 20000;
    AnalysisChoice quick;
    quick.statistics = {"motion"};
    QVERIFY(analyses().run(lengthy) > 0);
    QVERIFY(analyses().run(quick) > 0);
    quick.statistics = {"correlation"};
    QVERIFY(analyses().run(quick) > 0);
    QCOMPARE(analyses().queue().size(), 3);
    QCOMPARE(analyses().stateOf("motion").status, ResultStatus::Waiting);
    QTRY_COMPARE(analyses().stateOf("mutual_information").status, ResultStatus::Running);
    QVERIFY(!m_window->viewBar()->tabIcon(tabOf(view("motion"))).isNull());
    // One of those that wait is taken out of the queue by its button.
    auto* jobs = m_window->findChild<JobsPanel*>();
    QVERIFY(jobs != nullptr && jobs->isVisible());
    QTest::mouseClick(jobs->moreButton(), Qt::LeftButton);
    QPushButton* cancel = nullptr;
    for (auto* button : jobs->findChildren<QPushButton*>())
        if (button->accessibleName() == "Cancel Motion") cancel = button;
    QVERIFY(cancel != nullptr);
    QTest::qWait(50);
    keepPicture(*m_window, "analyses queue");
    QTest::mouseClick(cancel, Qt::LeftButton, {}, cancel->rect().center());
    QCOMPARE(analyses().queue().size(), 2);
    QCOMPARE(analyses().stateOf("motion").status, ResultStatus::Missing);
    // The next one starts when the one that runs is cancelled.
    analyses().cancel(analyses().queue().front().id);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QVERIFY(view("correlation")->hasFigure() && !view("motion")->hasFigure());
}

void TestAppAnalyses::aStoppedAnalysisIsContinued() {
    open(path("t.rheo.h5"));
    auto* motion = view("motion");
    m_window->showView(motion);
    AnalysisChoice choice;
    choice.statistics = {"motion"};
    choice.nulls = {"sign_flip"};
    choice.repeats = 2000;
    QVERIFY(analyses().run(choice) > 0);
    bool begun = false;
    connect(&m_window->workspace().jobs(), &JobRunner::jobChanged, this,
            [&](const JobInfo& job) { begun = begun || job.fraction.value_or(0) > 0.2; });
    QTRY_VERIFY_WITH_TIMEOUT(begun, wait);
    analyses().cancel(analyses().queue().front().id);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QCOMPARE(analyses().stateOf("motion").status, ResultStatus::Stopped);
    QVERIFY2(motion->hasFigure(), "what was finished is kept");
    const int made = state().results->results.nulls.front().summary.repeats;
    QVERIFY(made > 0 && made < 2000);
    QVERIFY(!m_window->viewBar()->tabIcon(tabOf(motion)).isNull());
    auto* button = m_window->resultBar()->button();
    QVERIFY(button->isVisible() && button->text() == "&Continue");
    QTest::qWait(50);
    keepPicture(*m_window, "analyses stopped");
    QTest::mouseClick(button, Qt::LeftButton, {}, button->rect().center());
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QCOMPARE(analyses().stateOf("motion").status, ResultStatus::Done);
    QCOMPARE(state().results->results.nulls.front().summary.repeats, 2000);
    QVERIFY(m_window->viewBar()->tabIcon(tabOf(motion)).isNull());
    // It is what one run gives.
    save(path("continued.h5"));
    QCOMPARE(runShell("rheo analyze t.rheo.h5 --stat motion --null sign_flip --repeats 2000 --force --out "
                      "whole.h5",
                      m_dir.path()),
             QString());
    int datasets = 0;
    QCOMPARE(difference(path("continued.h5"), path("whole.h5"), "/motion", datasets), std::string());
}

void TestAppAnalyses::resultsOfChangedRowsAreOutOfDate() {
    open(path("t.rheo.h5"));
    auto* motion = view("motion");
    m_window->showView(motion);
    analyses().compute("motion");
    analyses().compute("correlation");
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QCOMPARE(analyses().stateOf("motion").status, ResultStatus::Done);
    m_window->workspace().prompts().remove({state().prompts[0], state().prompts[5], state().prompts[9]});
    QCOMPARE(analyses().stateOf("motion").status, ResultStatus::Stale);
    QVERIFY2(m_window->resultBar()->text().contains("3 rows were removed since"),
             qPrintable(m_window->resultBar()->text()));
    QVERIFY(motion->hasFigure());
    QVERIFY(!m_window->viewBar()->tabIcon(tabOf(motion)).isNull());
    QTest::qWait(50);
    keepPicture(*m_window, "analyses stale");
    auto* button = m_window->resultBar()->button();
    QCOMPARE(button->text(), QString("Re&compute"));
    QTest::mouseClick(button, Qt::LeftButton, {}, button->rect().center());
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QCOMPARE(analyses().stateOf("motion").status, ResultStatus::Done);
    QCOMPARE(state().results->results.source.info.rows.size(), std::size_t(21));
    QVERIFY2(view("correlation")->hasFigure(), "what was not computed again is still shown");
    QCOMPARE(analyses().stateOf("correlation").status, ResultStatus::Stale);
    // The rows back again: now that one is as it should be.
    m_window->workspace().undoStack()->undo();
    m_window->workspace().undoStack()->undo();
    QCOMPARE(state().rows(), 24);
    QCOMPARE(analyses().stateOf("motion").status, ResultStatus::Done);
    QCOMPARE(analyses().stateOf("correlation").status, ResultStatus::Done);
}

void TestAppAnalyses::resultsOfAFileAreAddedTo() {
    QCOMPARE(runShell("rheo analyze t.rheo.h5 --stat correlation --null sign_flip --repeats 4 --force --out "
                      "base.h5",
                      m_dir.path()),
             QString());
    open(path("base.h5"));
    AnalysisChoice choice;
    choice.statistics = {"correlation", "motion"};
    choice.nulls = {"sign_flip"};
    choice.repeats = 4;
    const auto before = state().results->results.statistics.get<Correlation>()->mean;
    QVERIFY(analyses().costOf(choice).has_value());
    QVERIFY(analyses().run(choice) > 0);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QVERIFY(view("motion")->hasFigure() && view("correlation")->hasFigure());
    QVERIFY(state().results->results.statistics.get<Correlation>()->mean == before);
    // All of it is there now: a further run has nothing to do.
    QCOMPARE(Analyses::costText(analyses().costOf(choice)), QString("everything is already computed"));
    save(path("both.h5"));
    QCOMPARE(runShell("rheo analyze t.rheo.h5 --stat correlation,motion --null sign_flip --repeats 4 --force "
                      "--out whole.h5",
                      m_dir.path()),
             QString());
    int datasets = 0;
    for (const char* group : {"/correlation", "/motion"})
        QCOMPARE(difference(path("both.h5"), path("whole.h5"), group, datasets), std::string());
    QVERIFY(datasets > 10);
}

void TestAppAnalyses::whatCannotBeComputedSaysWhy() {
    open(path("t.rheo.h5"));
    AnalysisChoice choice;
    choice.statistics = {"rotation", "density"};
    choice.points = "L00.attn_in";  // one point does not turn
    QVERIFY(analyses().run(choice) > 0);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QVERIFY(state().results && state().results->results.statistics.get<Density>());
    QVERIFY2(analyses().stateOf("rotation").line.contains("3 points"),
             qPrintable(analyses().stateOf("rotation").line));
    choice.select = "sample>=1000";
    QCOMPARE(analyses().run(choice), 0);
    QVERIFY(m_window->banner()->isError());
}

/// verdicts.json of a report, and of the same report by its command.
void TestAppAnalyses::findingsAreTestedInTheWindow() {
    open(path("t.rheo.h5"));
    auto* verdicts = findings();
    m_window->showView(verdicts);
    QTRY_VERIFY(verdicts->testButton()->isVisible());
    // Time, bytes and memory are measured while it is looked at.
    QTRY_VERIFY2_WITH_TIMEOUT(verdicts->missingText().contains("It takes about"),
                              qPrintable(verdicts->missingText()), wait);
    QVERIFY(verdicts->missingText().contains("are read several times; at most 1.0 GiB of memory is used"));
    QString command;
    QTimer asked;
    connect(&asked, &QTimer::timeout, this, [&] {
        auto* dialog = qobject_cast<ReportDialog*>(QApplication::activeModalWidget());
        if (dialog == nullptr) return;
        asked.stop();
        auto* folder = dialog->findChild<QLineEdit*>("folder");
        folder->selectAll();
        QTest::keyClicks(folder, path("window"));
        dialog->findChild<QSpinBox*>()->setValue(20);
        for (const auto* label : dialog->findChildren<QLabel*>())
            if (label->text().startsWith("rheo report")) command = label->text();
        keepPicture(*dialog, "test the findings");
        QTest::keyClick(folder, Qt::Key_Return);
    });
    asked.start(50);
    QTest::mouseClick(verdicts->testButton(), Qt::LeftButton);
    QVERIFY2(command.contains("--repeats 20"), qPrintable(command));
    QTRY_VERIFY_WITH_TIMEOUT(verdicts->hasFigure() && settled(), wait);
    QVERIFY2(!m_window->banner()->isError(), qPrintable(m_window->banner()->text()));
    QCOMPARE(verdicts->table()->topLevelItemCount(), 12);
    QCOMPARE(runShell(command.replace(path("window"), path("line")), m_dir.path()), QString());
    QCOMPARE(contentsOf(path("window/verdicts.json")), contentsOf(path("line/verdicts.json")));
    int datasets = 0;
    const std::string differs = difference(path("window/results.h5"), path("line/results.h5"), "/", datasets);
    QVERIFY2(differs.empty(), differs.c_str());
    QVERIFY(QFile::exists(path("window/index.html")));
    // All of its results are open, and a finding leads to what it is about.
    QVERIFY(view("motion")->hasFigure() && state().rows() == 24);
    QTest::keyClick(verdicts->table(), Qt::Key_Down);
    QTest::keyClick(verdicts->table(), Qt::Key_Down);
    QTest::keyClick(verdicts->table(), Qt::Key_Down);
    QVERIFY2(verdicts->sentence()->toPlainText().contains("Successive states"),
             qPrintable(verdicts->sentence()->toPlainText()));
    keepPicture(*m_window, "findings");
    QTest::keyClick(verdicts->table(), Qt::Key_Return);
    QCOMPARE(m_window->currentView()->id(), QString("motion"));
}

void TestAppAnalyses::aStoppedReportGoesOn() {
    open(path("t.rheo.h5"));
    auto* verdicts = findings();
    auto& jobs = m_window->workspace().jobs();
    const auto far = [&] {
        const auto all = jobs.jobs();
        return std::any_of(all.begin(), all.end(),
                           [](const JobInfo& job) { return job.fraction.value_or(0) > 0.3; });
    };
    verdicts->makeReport({path("stopped"), 20, false, 0});
    QVERIFY(verdicts->status() && verdicts->status()->status == ResultStatus::Running);
    QVERIFY(!m_window->viewBar()->tabIcon(tabOf(verdicts)).isNull());
    QTRY_VERIFY_WITH_TIMEOUT(far(), wait);
    QTest::keyClick(m_window.get(), Qt::Key_Period, Qt::ControlModifier);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QVERIFY(!verdicts->hasFigure());
    QVERIFY2(m_window->statusBar()->currentMessage().contains("Stopped"),
             qPrintable(m_window->statusBar()->currentMessage()));
    QCOMPARE(verdicts->status()->status, ResultStatus::Stopped);
    QVERIFY(verdicts->testButton()->text().contains("Go on"));
    verdicts->makeReport({path("stopped"), 20, false, 0});
    QTRY_VERIFY_WITH_TIMEOUT(verdicts->hasFigure() && settled(), wait);
    QCOMPARE(contentsOf(path("stopped/verdicts.json")), contentsOf(path("window/verdicts.json")));
    // Verdicts stay when everything else in the report is computed of other rows.
    AnalysisChoice choice;
    choice.statistics = everyStatistic();
    choice.options.get<AutoencoderFit>()->epochs = 1;
    choice.select = "sample>=4";
    QVERIFY(analyses().run(choice) > 0);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), wait);
    QVERIFY(view("divergence")->hasFigure() && verdicts->hasFigure());
}

void TestAppAnalyses::theFormOffersEveryRowOfTheTables() {
    open(path("t.rheo.h5"));
    QTest::keyClick(m_window.get(), Qt::Key_T, Qt::ControlModifier);
    auto* form = m_window->analysisDialog();
    QTRY_VERIFY(form->isVisible());
    for (const auto& info : statisticInfos()) {
        auto* box = form->findChild<QCheckBox*>(QString::fromUtf8(info.name.data()));
        QVERIFY2(box != nullptr && box->text() == QString::fromUtf8(info.title.data()), info.name.data());
    }
    for (const auto name : nullNames())
        QVERIFY2(form->findChild<QCheckBox*>(QString::fromUtf8(name.data())) != nullptr, name.data());
    // Options show with their statistic, and no sooner.
    auto* density = form->findChild<QCheckBox*>("density");
    density->setChecked(true);
    auto* eps = form->findChild<QDoubleSpinBox*>();
    QVERIFY(eps != nullptr && eps->isVisible());
    eps->setValue(0.3);
    QCOMPARE(form->choice().options.get<Density>()->epsilon, 0.3);
    QVERIFY(Analyses::titleOf(form->choice()).contains("Density"));
    density->setChecked(false);
    QVERIFY(!eps->isVisible());
    QTest::qWait(200);
    keepPicture(*form, "analyses form");
    // Rows, points, units and a model that are not there are named beside their field.
    for (auto* field : form->findChildren<QLineEdit*>()) {
        if (field->placeholderText().contains("position")) field->setText("place>1");
        if (field->placeholderText().contains("z:6")) field->setText("3,100000");
    }
    for (auto* box : form->findChildren<QComboBox*>()) {
        if (box->isEditable()) box->setEditText("L99.attn_in");
        if (box->findText("final_norm") >= 0) box->setCurrentText("final_norm");
    }
    using Field = ChoiceProblem::Field;
    QTRY_VERIFY(!form->problemAt(Field::Rows).isEmpty());
    QVERIFY2(form->problemAt(Field::Rows).contains("place"), qPrintable(form->problemAt(Field::Rows)));
    QVERIFY2(form->problemAt(Field::Points).contains("L99"), qPrintable(form->problemAt(Field::Points)));
    QVERIFY(!form->problemAt(Field::Units).isEmpty());
    QVERIFY2(form->problemAt(Field::Scaled).contains("model"), qPrintable(form->problemAt(Field::Scaled)));
    QVERIFY(!form->computeButton()->isEnabled());
    QTest::qWait(50);
    keepPicture(*form, "analyses form problems");
}

void TestAppAnalyses::theFormIsFilledByKeys() {
    open(path("t.rheo.h5"));
    QTest::keyClick(m_window.get(), Qt::Key_T, Qt::ControlModifier);
    auto* form = m_window->analysisDialog();
    QTRY_VERIFY(form->isVisible());
    QApplication::setActiveWindow(form);
    for (const auto& info : statisticInfos()) {
        auto* box = form->findChild<QCheckBox*>(QString::fromUtf8(info.name.data()));
        box->setFocus();
        if (box->isChecked() != (info.name == "motion")) QTest::keyClick(box, Qt::Key_Space);
    }
    QCOMPARE(form->choice().statistics, std::vector<std::string>{"motion"});
    QTest::keyClick(form, Qt::Key_R, Qt::AltModifier);  // Rows
    QTRY_VERIFY(qobject_cast<QLineEdit*>(form->focusWidget()) != nullptr);
    QTest::keyClicks(form->focusWidget(), "sample>=4");
    QTRY_VERIFY(form->computeButton()->isEnabled());
    QTest::keyClick(form->focusWidget(), Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(settled() && state().results, wait);
    QCOMPARE(state().results->results.source.info.rows.size(), std::size_t(20));
    QCOMPARE(state().results->results.source.selection, std::string("sample>=4"));
    QVERIFY2(form->isVisible(), "it stays for the next analysis");
    QTest::keyClick(form, Qt::Key_Escape);
    QTRY_VERIFY(!form->isVisible());
    // It is remembered.
    MainWindow another;
    QCOMPARE(another.analyses().choice().select, std::string("sample>=4"));
    QCOMPARE(another.analyses().choice().statistics, std::vector<std::string>{"motion"});
}

void TestAppAnalyses::presetsFillTheForm() {
    open(path("t.rheo.h5"));
    auto* form = m_window->analysisDialog();
    form->openFor({});
    const auto press = [&](const char* name) {
        for (auto* button : form->findChildren<QPushButton*>())
            if (button->text() == name)
                QTest::mouseClick(button, Qt::LeftButton, {}, button->rect().center());
    };
    press("Paper");
    QCOMPARE(form->choice().points, std::string("paper"));
    QCOMPARE(form->choice().nulls, std::vector<std::string>{"depth_shuffle"});
    press("Everything");
    QCOMPARE(form->choice().points, std::string("all"));
    QCOMPARE(form->choice().nulls.size(), nullNames().size());
    for (const auto& info : statisticInfos())
        QVERIFY(form->findChild<QCheckBox*>(QString::fromUtf8(info.name.data()))->isChecked());
    press("Quick look");
    QVERIFY(form->choice().nulls.empty() && !form->choice().statistics.empty());
    QTRY_VERIFY(form->computeButton()->isEnabled());
}

RHEO_TEST(TestAppAnalyses)
#include "test_app_analyses.moc"
