// The lists of the window, each under the eyes of Qt's own model tester, on the demo model.
#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QSortFilterProxyModel>

#include "open_demo.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/counted.h"
#include "widgets/viewmodels/csv.h"
#include "widgets/viewmodels/far_rows.h"
#include "widgets/viewmodels/fit_rows.h"
#include "widgets/viewmodels/job_list_model.h"
#include "widgets/viewmodels/message_board.h"
#include "widgets/viewmodels/named_rows.h"
#include "widgets/viewmodels/prompt_list_model.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/row_surprise.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/selection_history.h"
#include "widgets/viewmodels/teleport_history.h"
#include "widgets/viewmodels/teleport_model.h"
#include "widgets/viewmodels/token_strip_model.h"

using namespace rheo;
using namespace rheo::test;

namespace {
constexpr int wait = 30000;
constexpr auto strict = QAbstractItemModelTester::FailureReportingMode::QtTest;
}  // namespace

class TestViewmodelsLists : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void prompts();
    void promptsKeepTheirPlaces();
    void tokens();
    void jobList();
    void teleports();
    void linkedSelection();
    void selectionOfManyRows();
    void selectionOfPrompts();
    void hiddenRowsStayHidden();
    void selectionsAreKeptUnderAName();
    void theSelectionGoesBackAndForward();
    void surpriseNeedsATokenThatFollows();
    void farRows_data();
    void farRows();
    void theDemoHasNoFarRows();
    void timeLeftInWords();
    void oneAndMany();
    void messagesEndWithTheirCause();
};

void TestViewmodelsLists::prompts() {
    JobRunner jobs;
    Workspace workspace(jobs);
    PromptListModel model(workspace);
    QAbstractItemModelTester tester(&model, strict);
    QSortFilterProxyModel search;
    search.setSourceModel(&model);
    search.setFilterRole(PromptListModel::TextRole);
    search.setFilterCaseSensitivity(Qt::CaseInsensitive);
    QAbstractItemModelTester searchTester(&search, strict);
    QCOMPARE(model.rowCount(), 0);
    QVERIFY(openDemo(workspace, 10));
    QCOMPARE(model.rowCount(), 10);
    QCOMPARE(model.index(0).data().toString(), workspace.prompts().at(0).text.simplified());
    QCOMPARE(model.index(0).data(PromptListModel::StatusRole).toInt(), int(PromptStatus::Ready));
    QCOMPARE(model.index(0).data(PromptListModel::RowsRole).toInt(), 1);
    QVERIFY(model.index(0).data(PromptListModel::TokensRole).toInt() > 3);

    const PromptId id = workspace.prompts().add("A quokka\nsmiled");
    QCOMPARE(model.rowCount(), 11);
    QCOMPARE(model.idAt(10), id);
    QCOMPARE(model.indexOf(id).row(), 10);
    QCOMPARE(model.index(10).data().toString(), QString("A quokka smiled"));
    QCOMPARE(model.index(10).data(PromptListModel::TextRole).toString(), QString("A quokka\nsmiled"));
    QTRY_COMPARE_WITH_TIMEOUT(model.index(10).data(PromptListModel::StatusRole).toInt(),
                              int(PromptStatus::Ready), wait);
    search.setFilterFixedString("QUOKKA");
    QCOMPARE(search.rowCount(), 1);
    QCOMPARE(search.index(0, 0).data(PromptListModel::IdRole).toLongLong(), id.value());

    const PromptId bad = workspace.prompts().add(QString("word ").repeated(1000));
    QTRY_COMPARE_WITH_TIMEOUT(model.indexOf(bad).data(PromptListModel::StatusRole).toInt(),
                              int(PromptStatus::Failed), wait);
    QVERIFY(model.indexOf(bad).data(PromptListModel::ReasonRole).toString().contains("512"));
    QVERIFY(model.indexOf(bad).data(Qt::ToolTipRole).toString().contains("512"));
    workspace.prompts().remove({bad});
    QCOMPARE(model.rowCount(), 11);
    workspace.clear();
    QCOMPARE(model.rowCount(), 0);
    QCOMPARE(promptStatusName(PromptStatus::Running), QString("running"));
    QVERIFY(model.roleNames().values().contains("text"));
}

void TestViewmodelsLists::promptsKeepTheirPlaces() {
    // A view's selection hangs on persistent indexes: edits elsewhere leave them alone.
    JobRunner jobs;
    Workspace workspace(jobs);
    PromptListModel model(workspace);
    QAbstractItemModelTester tester(&model, strict);
    QVERIFY(openDemo(workspace, 10));
    const auto ids = workspace.state()->prompts;
    const QPersistentModelIndex kept = model.index(6);
    QSignalSpy reset(&model, &QAbstractItemModel::modelReset);
    QSignalSpy removed(&model, &QAbstractItemModel::rowsRemoved);
    workspace.prompts().remove({ids[2]});
    QCOMPARE(kept.row(), 5);
    QCOMPARE(kept.data(PromptListModel::IdRole).toLongLong(), ids[6].value());
    QCOMPARE(removed.size(), 1);
    workspace.undoStack()->undo();
    QCOMPARE(kept.row(), 6);
    workspace.prompts().remove({ids[1], ids[8]});
    QCOMPARE(model.rowCount(), 8);
    workspace.undoStack()->undo();
    QCOMPARE(model.rowCount(), 10);
    for (int i = 0; i < 10; ++i) QCOMPARE(model.idAt(i), ids[static_cast<std::size_t>(i)]);
    QCOMPARE(reset.size(), 0);
}

void TestViewmodelsLists::tokens() {
    JobRunner jobs;
    Workspace workspace(jobs);
    Selection selection(workspace);
    TokenStripModel model(workspace, selection);
    QAbstractItemModelTester tester(&model, strict);
    QCOMPARE(model.rowCount(), 0);
    QVERIFY(openDemo(workspace, 5));
    selection.selectPrompt(workspace.state()->prompts[1]);
    const Sample sample = workspace.prompts().sampleOf(selection.prompt());
    const int count = static_cast<int>(sample.tokenIds.size());
    QCOMPARE(model.rowCount(), count);
    // Together the tokens are the text.
    QString text;
    for (int t = 0; t < count; ++t)
        if (!model.index(t).data(TokenStripModel::SpecialRole).toBool())
            text += model.index(t).data().toString();
    QCOMPARE(text, QString::fromStdString(sample.text));
    QVERIFY(model.index(count - 1).data(TokenStripModel::CapturedRole).toBool());
    QVERIFY(model.index(count - 1).data(TokenStripModel::SelectedRole).toBool());
    QVERIFY(!model.index(2).data(TokenStripModel::CapturedRole).toBool());

    selection.selectToken(2);
    QVERIFY(model.index(2).data(TokenStripModel::SelectedRole).toBool());
    QVERIFY(model.index(2).data(TokenStripModel::CapturingRole).toBool());
    QTRY_VERIFY_WITH_TIMEOUT(selection.looked() != nullptr, wait);
    QVERIFY(!model.index(2).data(TokenStripModel::CapturingRole).toBool());
    QVERIFY(!model.index(2).data(TokenStripModel::CapturedRole).toBool());
    selection.pin();
    QVERIFY(model.index(2).data(TokenStripModel::CapturingRole).toBool());
    QTRY_VERIFY_WITH_TIMEOUT(model.index(2).data(TokenStripModel::CapturedRole).toBool(), wait);
    QVERIFY(!model.index(2).data(TokenStripModel::CapturingRole).toBool());
    QCOMPARE(model.index(2).data(TokenStripModel::TokenIdRole).toInt(), sample.tokenIds[2]);

    // Without a tokenizer there are ids.
    workspace.closeModel();
    QCOMPARE(model.index(2).data().toString(), QString::number(sample.tokenIds[2]));
    selection.selectToken(1);
    QVERIFY(!model.index(1).data(TokenStripModel::CapturingRole).toBool());
    selection.selectPrompt(workspace.state()->prompts[0]);
    QCOMPARE(model.rowCount(),
             static_cast<int>(workspace.prompts().sampleOf(workspace.state()->prompts[0]).tokenIds.size()));
    workspace.clear();
    QCOMPARE(model.rowCount(), 0);
}

void TestViewmodelsLists::jobList() {
    JobRunner jobs;
    JobListModel model(jobs);
    QAbstractItemModelTester tester(&model, strict);
    auto open = std::make_shared<std::atomic<bool>>(false);
    const auto work = [open](Progress& progress) {
        progress.setStage("working");
        progress.report(1, 4);
        while (!*open) {
            progress.check();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    };
    jobs.submit({Lane::Model, "First"}, work, this, [](auto) {});
    jobs.submit({Lane::Model, "Hidden", false}, work, this, [](auto) {});
    jobs.submit({Lane::Model, "Second"}, work, this, [](auto) {});
    QCOMPARE(model.rowCount(), 2);
    QCOMPARE(model.index(1).data().toString(), QString("Second"));
    QCOMPARE(model.index(1).data(JobListModel::FractionRole).toDouble(), -1.0);
    QTRY_COMPARE(model.index(0).data(JobListModel::FractionRole).toDouble(), 0.25);
    QCOMPARE(model.index(0).data(JobListModel::StageRole).toString(), QString("working"));
    QCOMPARE(model.index(0).data(JobListModel::StateRole).toInt(), int(JobState::Running));
    QTRY_VERIFY(model.index(0).data(JobListModel::SecondsLeftRole).toDouble() > 0);
    QVERIFY(model.index(0).data(JobListModel::TimeLeftRole).toString().startsWith("about"));
    QVERIFY(model.index(1).data(JobListModel::CancellableRole).toBool());
    model.cancel(1);
    QVERIFY(!model.index(1).data(JobListModel::CancellableRole).toBool());
    QTRY_COMPARE(model.rowCount(), 1);
    QCOMPARE(model.index(0).data().toString(), QString("First"));
    model.cancel(5);
    *open = true;
    QTRY_COMPARE(model.rowCount(), 0);
    QTRY_VERIFY(jobs.isIdle());
}

void TestViewmodelsLists::teleports() {
    JobRunner jobs;
    Workspace workspace(jobs);
    Selection selection(workspace);
    TeleportModel teleport(workspace, selection);
    teleport.setControls(0);
    TeleportHistory model(workspace);
    QAbstractItemModelTester tester(&model, strict);
    QVERIFY(openDemo(workspace, 12));
    selection.selectPoint(PointIndex{10});
    for (int i = 0; i < 3; ++i) {
        QTRY_VERIFY_WITH_TIMEOUT(
            teleport.state() == TeleportModel::State::Ready && teleport.point() == PointIndex{10}, wait);
        VectorD target = teleport.target();
        target[i] += teleport.spread()[i];
        teleport.setCoordinates(target);
        QTRY_COMPARE_WITH_TIMEOUT(model.rowCount(), i + 1, wait);
    }
    const auto& record = *workspace.state()->teleports[1];
    const auto index = model.index(1);
    QCOMPARE(index.data(TeleportHistory::IdRole).toLongLong(), qlonglong(record.id));
    QCOMPARE(index.data(TeleportHistory::PointRole).toString(), QString("L05.attn_in"));
    QCOMPARE(index.data(TeleportHistory::TokenRole).toInt(), record.result.request.token);
    QCOMPARE(index.data(TeleportHistory::ModeRole).toString(), QString("shift"));
    QCOMPARE(index.data(TeleportHistory::PushRole).toDouble(), record.result.measures.distance[0]);
    QCOMPARE(index.data(TeleportHistory::KlRole).toDouble(), record.result.measures.kl);
    QVERIFY(index.data(TeleportHistory::RetentionRole).toDouble() > 0);
    // An entry names token, point, mode, coordinates and prompt; or the name that it was given.
    const QString entry = index.data().toString();
    for (const QString& part :
         {QString("L05.attn_in"), QString("shift"), QString("token %1").arg(record.result.request.token),
          QLocale().toString(record.target[1], 'g', 3),
          QString::fromStdString(record.sample.text).simplified().left(40)})
        QVERIFY2(entry.contains(part), qPrintable(entry + " lacks " + part));
    const QPersistentModelIndex kept = index;
    const std::int64_t shown = teleport.shownId();
    QVERIFY(model.setData(index, "  the second  "));
    QVERIFY2(kept.isValid() && kept.data().toString().startsWith("the second\n"), "the row stays");
    QCOMPARE(teleport.shownId(), shown);
    QCOMPARE(model.indexOf(2).row(), 1);
    workspace.undoStack()->undo();
    QCOMPARE(index.data().toString(), entry);
    workspace.undoStack()->undo();
    QCOMPARE(model.rowCount(), 2);
    workspace.undoStack()->undo();
    workspace.undoStack()->redo();
    QCOMPARE(model.rowCount(), 2);
    workspace.removeTeleport(1);
    QCOMPARE(model.rowCount(), 1);
    QCOMPARE(model.index(0).data(TeleportHistory::IdRole).toLongLong(), qlonglong{2});
    workspace.clear();
    QCOMPARE(model.rowCount(), 0);
}

void TestViewmodelsLists::linkedSelection() {
    JobRunner jobs;
    Workspace workspace(jobs);
    Selection selection(workspace);
    QVERIFY(openDemo(workspace, 8));
    QCOMPARE(selection.row()->value(), std::int64_t{0});  // something is selected at once
    QSignalSpy rows(&selection, &Selection::rowChanged);
    QSignalSpy prompts(&selection, &Selection::promptChanged);
    QSignalSpy points(&selection, &Selection::pointChanged);
    selection.selectRow(RowIndex{5});
    QCOMPARE(selection.prompt(), workspace.state()->prompts[5]);
    QCOMPARE(selection.token(), workspace.state()->trace->info().rows[5].position);
    QCOMPARE(rows.size(), 1);
    QCOMPARE(prompts.size(), 1);
    selection.selectRow(RowIndex{5});
    selection.selectRow(RowIndex{50});
    QCOMPARE(rows.size(), 1);
    selection.selectPoint(PointIndex{1000});
    QCOMPARE(selection.point(), PointIndex{64});
    selection.selectPoint(PointIndex{-3});
    QCOMPARE(selection.point(), PointIndex{0});
    QCOMPARE(points.size(), 2);
    selection.selectUnit(UnitIndex{4000});
    QCOMPARE(selection.unit(), UnitIndex{127});

    // Rows before it go: it is the same trajectory all the same.
    const PromptId kept = selection.prompt();
    workspace.prompts().remove({workspace.state()->prompts[0], workspace.state()->prompts[2]});
    QCOMPARE(selection.prompt(), kept);
    QCOMPARE(selection.row()->value(), std::int64_t{3});
    QCOMPARE(selection.rows(), QList<qint64>{3});
    workspace.undoStack()->undo();
    QCOMPARE(selection.row()->value(), std::int64_t{5});
    workspace.prompts().remove({kept});
    QVERIFY(!selection.row());
    QCOMPARE(selection.prompt(), PromptId{});
    selection.selectPrompt(workspace.state()->prompts[1]);
    QCOMPARE(selection.row()->value(), std::int64_t{1});

    // An edited prompt stays selected, at its new last token.
    QSignalSpy captured(&workspace.prompts(), &PromptQueue::captured);
    workspace.prompts().edit(selection.prompt(), "Short");
    QTRY_COMPARE_WITH_TIMEOUT(captured.size(), 1, wait);
    QCOMPARE(selection.row()->value(), std::int64_t{1});
    QCOMPARE(selection.token(), workspace.state()->trace->info().rows[1].position);
    // One that waits can be selected, and has its row once it is run.
    const PromptId waiting = workspace.prompts().add("Something that waits");
    selection.selectPrompt(waiting);
    QCOMPARE(selection.prompt(), waiting);
    QVERIFY(!selection.row());
    QTRY_VERIFY_WITH_TIMEOUT(selection.row().has_value(), wait);
    QCOMPARE(selection.row()->value(), workspace.state()->rows() - 1);
}

void TestViewmodelsLists::selectionOfManyRows() {
    JobRunner jobs;
    Workspace workspace(jobs);
    Selection selection(workspace);
    QVERIFY(openDemo(workspace, 8));
    selection.selectRow(RowIndex{3});
    selection.selectRows({6, 3, 1, 3, 99, -1});
    QCOMPARE(selection.rows(), (QList<qint64>{1, 3, 6}));
    QCOMPARE(selection.row()->value(), std::int64_t{3});  // stays where it was
    selection.selectRows({7, 5});
    QCOMPARE(selection.row()->value(), std::int64_t{5});
    workspace.prompts().remove({workspace.state()->prompts[0]});
    QCOMPARE(selection.rows(), (QList<qint64>{4, 6}));
    selection.selectRows({});
    QVERIFY(!selection.row());
    QVERIFY(selection.rows().isEmpty());
}

void TestViewmodelsLists::selectionOfPrompts() {
    JobRunner jobs;
    Workspace workspace(jobs);
    Selection selection(workspace);
    QVERIFY(openDemo(workspace, 8));
    const auto ids = workspace.state()->prompts;
    selection.selectPrompts({ids[5], ids[2], ids[3]});
    QCOMPARE(selection.rows(), (QList<qint64>{2, 3, 5}));
    QCOMPARE(selection.prompts(), (std::set{ids[2], ids[3], ids[5]}));
    selection.changePrompts({ids[7]}, {ids[3]});
    QCOMPARE(selection.rows(), (QList<qint64>{2, 5, 7}));
    QCOMPARE(selection.row()->value(), std::int64_t{2});
    selection.changePrompts({}, {ids[2], ids[5], ids[7]});  // something stays selected
    QCOMPARE(selection.rows().size(), 3);
    selection.toggleRow(RowIndex{2});
    QCOMPARE(selection.rows(), (QList<qint64>{5, 7}));
    QCOMPARE(selection.prompt(), ids[5]);
    selection.selectRows({1, 5, 6}, 6);
    QCOMPARE(selection.row()->value(), std::int64_t{6});
    selection.addRows({0});
    QCOMPARE(selection.rows(), (QList<qint64>{0, 1, 5, 6}));
    QCOMPARE(selection.row()->value(), std::int64_t{6});
    // The prompt of the followed row goes: the others stay selected, and one of them is followed.
    workspace.prompts().remove({ids[6]});
    QCOMPARE(selection.rows(), (QList<qint64>{0, 1, 5}));
    QCOMPARE(selection.prompt(), ids[0]);
    // A click on a prompt of several selects it alone.
    selection.selectPrompt(ids[0]);
    QCOMPARE(selection.rows(), QList<qint64>{0});
    selection.selectRows({0, 1});
    selection.keepFollowed();
    QCOMPARE(selection.rows(), QList<qint64>{0});
}

void TestViewmodelsLists::hiddenRowsStayHidden() {
    JobRunner jobs;
    Workspace workspace(jobs);
    Selection selection(workspace);
    QVERIFY(openDemo(workspace, 8));
    const auto ids = workspace.state()->prompts;
    QSignalSpy shown(&selection, &Selection::shownChanged);
    selection.selectRows({2, 5});
    selection.hideSelected();
    QCOMPARE(selection.hiddenRows(), (QList<qint64>{2, 5}));
    QVERIFY(selection.isHidden(5) && !selection.isHidden(4));
    QCOMPARE(selection.rows(), QList<qint64>{0});  // what is hidden is not selected
    QCOMPARE(shown.size(), 1);
    // The same tokens stay hidden while rows come and go.
    workspace.prompts().remove({ids[0], ids[2]});
    QCOMPARE(selection.hiddenRows(), QList<qint64>{3});
    workspace.undoStack()->undo();
    QCOMPARE(selection.hiddenRows(), (QList<qint64>{2, 5}));
    selection.selectRows({1, 3});
    selection.isolateSelected();
    QCOMPARE(selection.hiddenRows(), (QList<qint64>{0, 2, 4, 5, 6, 7}));
    QCOMPARE(selection.rows(), (QList<qint64>{1, 3}));
    selection.hideSelected();  // nothing would be left
    QCOMPARE(selection.hiddenRows().size(), 6);
    workspace.prompts().remove({ids[1], ids[3]});  // those that were left go: the others are drawn
    QVERIFY(selection.hiddenRows().isEmpty());
    workspace.undoStack()->undo();
    selection.showAllRows();
    QVERIFY(selection.hiddenRows().isEmpty());
    selection.hideRows({1});
    selection.setShowsMean(true);
    QVERIFY(openDemo(workspace, 8));
    QVERIFY2(selection.hiddenRows().isEmpty() && !selection.showsMean(), "another document");
}

void TestViewmodelsLists::selectionsAreKeptUnderAName() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 6));
    keepRows(workspace, " odd ", {5, 1, 3});
    QCOMPARE(workspace.state()->named.size(), std::size_t(1));
    QCOMPARE(QString::fromStdString(workspace.state()->named[0].name), QString("odd"));
    const auto rows = [&] { return rowsOf(*workspace.state(), workspace.state()->named[0]); };
    QCOMPARE(rows(), (QList<qint64>{1, 3, 5}));
    keepRows(workspace, "", {1});
    keepRows(workspace, "nothing", {});
    QCOMPARE(workspace.state()->named.size(), std::size_t(1));
    // Rows have other numbers after a prompt went; they stay what they are.
    workspace.prompts().remove({workspace.state()->prompts[0], workspace.state()->prompts[3]});
    QCOMPARE(rows(), (QList<qint64>{0, 3}));
    workspace.undoStack()->undo();
    QCOMPARE(rows(), (QList<qint64>{1, 3, 5}));
    renameRows(workspace, 0, "uneven");
    QCOMPARE(QString::fromStdString(workspace.state()->named[0].name), QString("uneven"));
    keepRows(workspace, "uneven", {0});  // replaces it
    QCOMPARE(rows(), QList<qint64>{0});
    forgetRows(workspace, 0);
    QVERIFY(workspace.state()->named.empty());
    for (int i = 0; i < 4; ++i) workspace.undoStack()->undo();
    QVERIFY(workspace.state()->named.empty());
    // As a list for other programs.
    const QStringList list = listOfRows(workspace, {2, 0}).split('\n');
    QCOMPARE(list.size(), 4);
    QCOMPARE(list[0], QString("row,sample,token,token_id,token_text,group,prompt"));
    const TraceRow& row = workspace.state()->trace->info().rows[2];
    QVERIFY(list[1].startsWith(QString("2,2,%1,%2,").arg(row.position).arg(row.tokenId)));
    QCOMPARE(csvField("a \"b\", c"), QString("\"a \"\"b\"\", c\""));
}

void TestViewmodelsLists::theSelectionGoesBackAndForward() {
    JobRunner jobs;
    Workspace workspace(jobs);
    Selection selection(workspace);
    SelectionHistory history(workspace, selection);
    QVERIFY(openDemo(workspace, 6));
    QTRY_VERIFY(!history.canGoBack());
    const auto settle = [] { QTest::qWait(SelectionHistory::pause + 100); };
    settle();
    selection.selectRow(RowIndex{2});
    selection.selectPoint(PointIndex{7});
    settle();
    selection.selectRows({1, 4});
    settle();
    for (int p = 8; p < 20; ++p) selection.selectPoint(PointIndex{p});  // played: one step
    QVERIFY(history.canGoBack());
    history.goBack();
    QCOMPARE(selection.point(), PointIndex{7});
    QCOMPARE(selection.rows(), (QList<qint64>{1, 4}));
    history.goBack();
    QCOMPARE(selection.rows(), QList<qint64>{2});
    history.goForward();
    history.goForward();
    QCOMPARE(selection.point(), PointIndex{19});
    QVERIFY(!history.canGoForward());
    // What is gone is passed over, and something new ends the way forward.
    history.goBack();
    workspace.prompts().remove({workspace.state()->prompts[4]});
    history.goBack();
    history.goForward();
    QCOMPARE(selection.rows(), QList<qint64>{1});
    selection.selectRow(RowIndex{0});
    settle();
    QVERIFY(!history.canGoForward());
}

void TestViewmodelsLists::surpriseNeedsATokenThatFollows() {
    JobRunner jobs;
    Workspace workspace(jobs);
    RowSurprise surprise(workspace);
    QVERIFY(!surprise.whyNot().isEmpty());
    QVERIFY(openDemo(workspace, 3));
    QVERIFY2(surprise.whyNot().contains("last token"), qPrintable(surprise.whyNot()));
    workspace.prompts().captureToken(workspace.state()->prompts[1], 2);
    QTRY_COMPARE_WITH_TIMEOUT(workspace.state()->rows(), 4, wait);
    QCOMPARE(surprise.whyNot(), QString());
    surprise.ask();
    QTRY_COMPARE_WITH_TIMEOUT(surprise.values().size(), std::size_t(4), wait);
    for (std::size_t n = 0; n < 4; ++n) {
        const bool isPinned = workspace.state()->trace->info().rows[n].position == 2;
        QCOMPARE(std::isfinite(surprise.values()[n]), isPinned);
        QVERIFY(!isPinned || surprise.values()[n] > 0);
    }
    workspace.undoStack()->undo();
    QVERIFY2(surprise.values().empty(), "they are of other rows");
}

void TestViewmodelsLists::farRows_data() {
    QTest::addColumn<double>("factor");
    QTest::addColumn<int>("from");  // the point from which the rows are far out
    QTest::addColumn<QList<qint64>>("made");
    QTest::addColumn<QList<qint64>>("hidden");
    QTest::addColumn<QList<qint64>>("found");
    const QList<qint64> none, one{7}, some{0, 7, 99};
    QTest::newRow("none") << 1.0 << 0 << none << none << none;
    QTest::newRow("one row, everywhere") << 40.0 << 0 << one << none << one;
    QTest::newRow("one row, at the last point") << 40.0 << 9 << one << none << one;
    QTest::newRow("three rows") << 40.0 << 3 << some << none << some;
    QTest::newRow("one of them hidden") << 40.0 << 3 << some << one << QList<qint64>{0, 99};
    QTest::newRow("not far enough") << 5.0 << 0 << one << none << none;
}

void TestViewmodelsLists::farRows() {
    QFETCH(double, factor);
    QFETCH(int, from);
    QFETCH(QList<qint64>, made);
    QFETCH(QList<qint64>, hidden);
    QFETCH(QList<qint64>, found);
    // 100 rows at distance 1 to 2 of a path that moves much farther; the far ones at `factor` times 1.5.
    Array3F scores(100, 10, 4);
    for (int n = 0; n < 100; ++n)
        for (int p = 0; p < 10; ++p) {
            const bool far = made.contains(n) && p >= from;
            const double distance = far ? factor * 1.5 : 1 + n / 100.0, turn = 2.4 * n;
            float* z = scores.at(n, p);
            z[0] = static_cast<float>(1000 * p + distance * std::cos(turn));
            z[1] = static_cast<float>(distance * std::sin(turn));
            z[2] = 0;
            z[3] = 1e6f * static_cast<float>(n % 2);  // not drawn
        }
    scores.at(50, 3)[0] = std::nanf("");
    const FarRows far = findFarRows(scores, hidden);
    QCOMPARE(far.rows, found);
    // The median distance is 1.5 within the 0.05 that the median path may be off the middle, of 100 rows.
    if (!found.isEmpty())
        QVERIFY2(std::abs(far.ratio / factor - 1) < 0.1, qPrintable(QString::number(far.ratio)));
    QVERIFY(findFarRows(Array3F(0, 0, 0)).rows.isEmpty());
    QVERIFY2(findFarRows(Array3F(100, 4, 3)).rows.isEmpty(), "rows that are all the same");
}

void TestViewmodelsLists::theDemoHasNoFarRows() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 200));
    QVERIFY(findFarRows(*workspace.state()->scores).rows.isEmpty());
}

void TestViewmodelsLists::timeLeftInWords() {
    QCOMPARE(timeLeftText(std::nullopt), QString());
    QCOMPARE(timeLeftText(0.2), QString("about 1 second left"));
    QCOMPARE(timeLeftText(7.4), QString("about 7 seconds left"));
    QCOMPARE(timeLeftText(43), QString("about 45 seconds left"));
    QCOMPARE(timeLeftText(58), QString("about 1 minute left"));
    QCOMPARE(timeLeftText(200), QString("about 3 minutes left"));
    QCOMPARE(timeLeftText(3600), QString("about 1 hour left"));
    QCOMPARE(timeLeftText(7300), QString("about 2 hours left"));
    QCOMPARE(timeLeftText(std::numeric_limits<double>::infinity()), QString());
}

void TestViewmodelsLists::oneAndMany() {
    const auto rows = [](qint64 n) { return counted(n, "1 row", "%1 rows"); };
    QCOMPARE(rows(1), QString("1 row"));
    QCOMPARE(rows(0), QLocale().toString(0) + " rows");
    QCOMPARE(rows(2000), QLocale().toString(2000) + " rows");
    QCOMPARE(counted(1, "1 row in %2", "%1 rows in %2").arg("a file"), QString("1 row in a file"));
    QCOMPARE(counted(3, "1 row in %2", "%1 rows in %2").arg("a file"), QString("3 rows in a file"));
}

void TestViewmodelsLists::messagesEndWithTheirCause() {
    JobRunner jobs;
    Workspace workspace(jobs);
    MessageBoard board(workspace);
    QSignalSpy changed(&board, &MessageBoard::changed);
    const auto text = [&] { return board.front() != nullptr ? board.front()->text : QString(); };
    QVERIFY(board.front() == nullptr);
    // A refusal ends when what was missing is there.
    fitBasis(workspace);
    QVERIFY2(text().startsWith("Fit the PCA: There are no trajectories yet"), qPrintable(text()));
    QVERIFY(board.front()->isError);
    QVERIFY(openDemo(workspace, 10));
    QVERIFY(board.front() == nullptr);
    // A failure ends when the same succeeds, and not when something else does.
    workspace.fail("Save the trace", {ErrorCode::Io, "the disk is full", {}});
    workspace.succeed("Save the results");
    QCOMPARE(text(), QString("Save the trace: the disk is full"));
    workspace.succeed("Save the trace");
    QVERIFY(board.front() == nullptr);
    // A job that succeeds says so by itself.
    workspace.fail("Fit the PCA", {ErrorCode::Io, "for a test", {}});
    fitBasis(workspace);
    QTRY_VERIFY_WITH_TIMEOUT(board.front() == nullptr, wait);
    // An error stands before other messages, which come back behind it; a later one about the same replaces
    // it.
    bool over = false;
    board.post({"basis", "the rows have changed", false, {}, [&] { return over; }});
    board.fail("Export", "no");
    board.fail("Export", "no, again");
    QCOMPARE(text(), QString("Export: no, again"));
    board.dismiss();
    QCOMPARE(text(), QString("the rows have changed"));
    board.review();
    QCOMPARE(text(), QString("the rows have changed"));
    over = true;
    board.review();
    QVERIFY(board.front() == nullptr);
    // Another document: the errors of the one before are over.
    board.fail("Export", "no");
    workspace.clear();
    QVERIFY(board.front() == nullptr);
    QVERIFY(changed.size() >= 8);
}

RHEO_TEST(TestViewmodelsLists)
#include "test_viewmodels_lists.moc"