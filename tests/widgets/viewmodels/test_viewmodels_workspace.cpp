// The document of the window on the real demo model: opening, prompts in the background, undo that is exact,
// files, and what is refused.
#include <QElapsedTimer>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/capture/prompts.h"
#include "core/results/results_file.h"
#include "core/results/teleport_file.h"
#include "core/session/attach_model.h"
#include "core/trace/hdf5_file.h"
#include "core/trace/joined_trace.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"
#include "open_demo.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/feature.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/fit_rows.h"
#include "widgets/viewmodels/open_document.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/selection.h"

using namespace rheo;
using namespace rheo::test;

namespace {

constexpr int wait = 30000;
const QString aPrompt = QStringLiteral("The old man looked at the sea and said nothing of");

/// What failed() said last.
struct Failures {
    explicit Failures(Workspace& workspace) {
        QObject::connect(&workspace, &Workspace::failed, &receiver,
                         [this](const QString& what, const Failure& failure) {
                             ++count;
                             last = failure;
                             qInfo("%s: %s", qPrintable(what), qPrintable(failure.message));
                         });
    }
    QObject receiver;
    int count = 0;
    Failure last;
};

/// Everything of a state that undo must bring back, pointers included: nothing is made anew.
bool identical(const DocumentState& a, const DocumentState& b) {
    return a.trace == b.trace && a.prompts == b.prompts && a.basis == b.basis &&
           a.basisTrace == b.basisTrace && a.scores == b.scores && a.pointExplained == b.pointExplained &&
           a.results == b.results && a.teleports == b.teleports;
}

std::vector<float> rowOf(const DocumentState& state, RowIndex row) {
    std::vector<float> values(static_cast<std::size_t>(state.trace->points() * state.trace->units()));
    state.trace->readRows(row, 1, values.data());
    return values;
}

bool addAndWait(Workspace& workspace, const QString& text) {
    QSignalSpy captured(&workspace.prompts(), &PromptQueue::captured);
    if (workspace.prompts().add(text) == PromptId{}) return false;
    return QTest::qWaitFor([&] { return !captured.isEmpty(); }, wait);
}

}  // namespace

class TestViewmodelsWorkspace : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void nothingOpen();
    void demo();
    void openingKeepsWhatWasThereWhenItFails();
    void promptAddedInTheBackground();
    void promptEdited();
    void promptsRemoved();
    void promptsThatCannotBeRun();
    void promptStoppedWhileItWaits();
    void promptsFromAFile();
    void tokenCapturedOnDemand();
    void basisStaysAndIsRefittedOnRequest();
    void rowsThatComeWhileTheBasisIsFitted();
    void undoAndRedoAreExact();
    void traceSavedAndOpened();
    void traceFromElsewhere();
    void traceOfSomePoints();
    void modelAttached();
    void attachingAnotherModelIsRefused();
    void unsaved();
    void cancelTakesEffect();
    void resultsSaved();
    void commandThatDoesTheSame();
    void kindsOfPath();

private:
    QTemporaryDir m_folder;
};

void TestViewmodelsWorkspace::nothingOpen() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(workspace.state());
    QVERIFY(!workspace.model());
    QCOMPARE(workspace.prompts().count(), 0);
    QVERIFY(workspace.points().empty());
    QVERIFY(!workspace.files().hasUnsaved());
    Failures failures(workspace);
    QCOMPARE(workspace.prompts().add("x"), PromptId{});
    QCOMPARE(fitBasis(workspace), JobId{});
    QCOMPARE(workspace.files().saveTrace(m_folder.filePath("none.rheo.h5"), false), JobId{});
    QCOMPARE(failures.count, 3);
    for (const Feature feature : {Feature::AddPrompt, Feature::Teleport, Feature::FitBasis,
                                  Feature::SaveTrace, Feature::AttachModel, Feature::CopyCommand})
        QVERIFY(whyNot(workspace, feature).endsWith('.'));
    QVERIFY(commandOf(workspace).isEmpty());
    workspace.prompts().remove({PromptId{3}});
    workspace.prompts().captureToken(PromptId{3}, 0);
    QVERIFY(!workspace.prompts().edit(PromptId{3}, "x"));
}

void TestViewmodelsWorkspace::demo() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 20));
    const auto state = workspace.state();
    QCOMPARE(state->rows(), std::int64_t{20});
    QCOMPARE(workspace.points().size(), std::size_t{65});
    QCOMPARE(state->scores->n0, std::int64_t{20});
    QCOMPARE(state->scores->n1, std::int64_t{65});
    QVERIFY(!state->basisIsStale());
    QVERIFY(!workspace.files().hasUnsaved());
    QCOMPARE(workspace.undoStack()->count(), 0);
    QCOMPARE(workspace.prompts().count(), 20);
    QFile file(demoPrompts);
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(workspace.prompts().at(0).text, QString::fromUtf8(file.readLine()).chopped(1));
    QCOMPARE(workspace.prompts().at(0).status, PromptStatus::Ready);
    for (const Feature feature : {Feature::AddPrompt, Feature::Teleport, Feature::FitBasis,
                                  Feature::TokenTexts, Feature::SaveTrace, Feature::CopyCommand})
        QCOMPARE(whyNot(workspace, feature), QString());

    // Each row is the last token's: the same as the model gives for that prompt alone, in a batch of its own
    // (3e-5 of the RMS at the point, as everywhere).
    const auto& model = *workspace.model()->model;
    for (const std::int64_t n : {0, 7, 19}) {
        const auto& ids = state->trace->info().samples[static_cast<std::size_t>(n)].tokenIds;
        QCOMPARE(state->trace->info().rows[static_cast<std::size_t>(n)].position, int(ids.size()) - 1);
        ForwardRequest request;
        request.ids = {ids};
        request.positions = {{static_cast<std::int32_t>(ids.size()) - 1}};
        Progress progress;
        const auto alone = model.forward(request, progress);
        const auto row = rowOf(*state, RowIndex{n});
        for (std::int64_t p = 0; p < 65; ++p) {
            double squares = 0, worst = 0;
            for (std::int64_t u = 0; u < 128; ++u) {
                const float x = alone.states.at(0, p)[u];
                squares += double(x) * x;
                worst = std::max(worst, std::abs(double(x) - row[static_cast<std::size_t>(p * 128 + u)]));
            }
            QVERIFY(worst <= 3e-5 * std::sqrt(squares / 128));
        }
    }
}

void TestViewmodelsWorkspace::openingKeepsWhatWasThereWhenItFails() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 4));
    const auto before = *workspace.state();
    const auto model = workspace.model();
    Failures failures(workspace);

    openModel(workspace, m_folder.filePath("no-such-folder"), {});
    QTRY_COMPARE_WITH_TIMEOUT(failures.count, 1, wait);
    QVERIFY(failures.last.message.contains("no-such-folder"));
    openTrace(workspace, demoPrompts);
    QTRY_COMPARE_WITH_TIMEOUT(failures.count, 2, wait);
    QVERIFY(failures.last.message.contains("novels.txt"));

    // A model cut short: its weights end early.
    const QString cut = m_folder.filePath("cut");
    QVERIFY(QDir().mkpath(cut));
    for (const char* name : {"config.json", "tokenizer.json"})
        QVERIFY(QFile::copy(demoModel + "/" + name, cut + "/" + name));
    QFile whole(demoModel + "/model.safetensors"), part(cut + "/model.safetensors");
    QVERIFY(whole.open(QIODevice::ReadOnly) && part.open(QIODevice::WriteOnly));
    part.write(whole.read(whole.size() / 2));
    part.close();
    openModel(workspace, cut, {});
    QTRY_COMPARE_WITH_TIMEOUT(failures.count, 3, wait);
    QVERIFY2(failures.last.message.contains("model.safetensors"), qPrintable(failures.last.message));

    // A config of a type nobody knows.
    QFile config(cut + "/config.json");
    QVERIFY(config.open(QIODevice::ReadOnly));
    QByteArray text = config.readAll().replace("\"model_type\": \"llama\"", "\"model_type\": \"zebra\"");
    config.close();
    QVERIFY(config.open(QIODevice::WriteOnly));
    config.write(text);
    config.close();
    openModel(workspace, cut, {});
    QTRY_COMPARE_WITH_TIMEOUT(failures.count, 4, wait);
    QVERIFY2(failures.last.message.contains("zebra"), qPrintable(failures.last.message));

    openDemo(workspace, demoModel, m_folder.filePath("no-prompts.txt"), 4);
    QTRY_COMPARE_WITH_TIMEOUT(failures.count, 5, wait);
    QVERIFY(identical(*workspace.state(), before));
    QCOMPARE(workspace.model(), model);
}

void TestViewmodelsWorkspace::promptAddedInTheBackground() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 6));
    const auto before = workspace.state();
    HeldLane lane(jobs, Lane::Model);
    const PromptId id = workspace.prompts().add(aPrompt);
    QVERIFY(id != PromptId{});
    QCOMPARE(workspace.prompts().count(), 7);
    QCOMPARE(workspace.prompts().indexOf(id), 6);
    QCOMPARE(workspace.prompts().at(6).status, PromptStatus::Queued);
    QCOMPARE(workspace.prompts().at(6).text, aPrompt);
    QVERIFY(identical(*workspace.state(), *before));  // nothing waits for it

    QSignalSpy captured(&workspace.prompts(), &PromptQueue::captured);
    QSignalSpy stale(&workspace, &Workspace::basisStaleChanged);
    lane.letGo();
    QTRY_COMPARE_WITH_TIMEOUT(captured.size(), 1, wait);
    const auto after = workspace.state();
    QCOMPARE(after->rows(), std::int64_t{7});
    QCOMPARE(after->basis, before->basis);
    QVERIFY(after->basisIsStale());
    QCOMPARE(stale.size(), 1);
    QCOMPARE(workspace.prompts().at(6).status, PromptStatus::Ready);
    QCOMPARE(workspace.prompts().at(6).rows, 1);
    QCOMPARE(workspace.prompts().at(6).tokens, int(after->trace->info().samples[6].tokenIds.size()));
    QCOMPARE(workspace.undoStack()->count(), 1);
    QVERIFY(workspace.files().hasUnsaved());

    // Its scores are those of its states in the basis that stayed.
    MatrixF states(65, 128);
    const auto row = rowOf(*after, RowIndex{6});
    std::copy(row.begin(), row.end(), states.data());
    const MatrixD expected = project(*before->basis, states);
    for (int p = 0; p < 65; ++p)
        for (int k = 0; k < 3; ++k)
            QVERIFY(std::abs(after->scores->at(6, p)[k] - expected(p, k)) <=
                    1e-6 * (1 + expected.row(p).norm()));  // stored as float32
}

void TestViewmodelsWorkspace::promptEdited() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 5));
    const auto before = workspace.state();
    const PromptId second = before->prompts[1];
    {
        HeldLane lane(jobs, Lane::Model);
        QVERIFY(workspace.prompts().edit(second, "Something else"));
        QVERIFY(workspace.prompts().edit(second, aPrompt));  // thought again before it was run
        QCOMPARE(workspace.prompts().count(), 5);
        QCOMPARE(workspace.prompts().at(1).text, aPrompt);
        QCOMPARE(workspace.prompts().at(1).status, PromptStatus::Queued);
        QVERIFY(identical(*workspace.state(), *before));
    }
    QSignalSpy captured(&workspace.prompts(), &PromptQueue::captured);
    QTRY_COMPARE_WITH_TIMEOUT(captured.size(), 1, wait);
    QTRY_VERIFY(jobs.isIdle());
    QCOMPARE(captured.size(), 1);
    const auto after = workspace.state();
    QCOMPARE(after->prompts, before->prompts);
    QCOMPARE(after->rows(), std::int64_t{5});
    QCOMPARE(QString::fromStdString(after->trace->info().samples[1].text), aPrompt);
    QVERIFY(rowOf(*after, RowIndex{1}) != rowOf(*before, RowIndex{1}));
    QCOMPARE(rowOf(*after, RowIndex{2}), rowOf(*before, RowIndex{2}));
    QCOMPARE(workspace.undoStack()->count(), 1);
    workspace.undoStack()->undo();
    QVERIFY(identical(*workspace.state(), *before));

    // Removed while it is run: what comes is not wanted any more.
    HeldLane lane(jobs, Lane::Model);
    QVERIFY(workspace.prompts().edit(second, aPrompt));
    workspace.prompts().remove({second});
    lane.letGo();
    QTRY_VERIFY_WITH_TIMEOUT(jobs.isIdle(), wait);
    QCOMPARE(workspace.prompts().count(), 4);
    QCOMPARE(workspace.prompts().indexOf(second), -1);
}

void TestViewmodelsWorkspace::promptsRemoved() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 5));
    const auto before = workspace.state();
    const auto ids = before->prompts;
    workspace.prompts().remove({ids[0], ids[3]});
    QCOMPARE(workspace.state()->prompts, (std::vector<PromptId>{ids[1], ids[2], ids[4]}));
    QCOMPARE(workspace.state()->rows(), std::int64_t{3});
    QCOMPARE(rowOf(*workspace.state(), RowIndex{2}), rowOf(*before, RowIndex{4}));
    QVERIFY(workspace.state()->basisIsStale());
    QVERIFY(!workspace.files().hasUnsaved());  // nothing was captured
    workspace.undoStack()->undo();
    QVERIFY(identical(*workspace.state(), *before));
    workspace.prompts().remove(QList<PromptId>(ids.begin(), ids.end()));
    QCOMPARE(workspace.state()->rows(), std::int64_t{0});
    QVERIFY(!workspace.state()->trace);
    QVERIFY(addAndWait(workspace, aPrompt));
    QCOMPARE(workspace.state()->rows(), std::int64_t{1});
    QVERIFY(workspace.state()->scores);
}

void TestViewmodelsWorkspace::promptsThatCannotBeRun() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 3));
    const auto before = workspace.state();
    const PromptId tooLong = workspace.prompts().add(QString("word and ").repeated(400));
    QTRY_COMPARE_WITH_TIMEOUT(workspace.prompts().at(3).status, PromptStatus::Failed, wait);
    QVERIFY2(workspace.prompts().at(3).reason.contains("512"), qPrintable(workspace.prompts().at(3).reason));
    QVERIFY(identical(*workspace.state(), *before));
    QCOMPARE(workspace.undoStack()->count(), 0);

    // It can be mended; past the length the model was trained on (128) a note says so.
    QSignalSpy noted(&workspace, &Workspace::noted);
    QVERIFY(workspace.prompts().edit(tooLong, QString("word and ").repeated(100)));
    QTRY_COMPARE_WITH_TIMEOUT(workspace.prompts().at(3).status, PromptStatus::Ready, wait);
    QCOMPARE(workspace.prompts().at(3).id, tooLong);
    QVERIFY2(workspace.prompts().at(3).note.contains("128"), qPrintable(workspace.prompts().at(3).note));
    QTRY_COMPARE_WITH_TIMEOUT(noted.size(), 1, wait);
    QCOMPARE(workspace.undoStack()->count(), 1);

    const PromptId another = workspace.prompts().add(QString("word and ").repeated(400));
    QTRY_COMPARE_WITH_TIMEOUT(workspace.prompts().at(4).status, PromptStatus::Failed, wait);
    workspace.prompts().remove({another});
    QCOMPARE(workspace.prompts().count(), 4);
}

void TestViewmodelsWorkspace::promptStoppedWhileItWaits() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 3));
    HeldLane lane(jobs, Lane::Model);
    const PromptId kept = workspace.prompts().add(aPrompt);
    const PromptId gone = workspace.prompts().add("never run");
    workspace.prompts().remove({gone});
    QCOMPARE(workspace.prompts().count(), 4);
    JobId job;
    for (const JobInfo& info : jobs.jobs())
        if (info.listed && !info.stopping) job = info.id;
    jobs.cancel(job);
    QTRY_COMPARE(workspace.prompts().at(3).status, PromptStatus::Failed);
    QVERIFY(!workspace.prompts().at(3).reason.isEmpty());
    lane.letGo();
    QTRY_VERIFY(jobs.isIdle());
    QCOMPARE(workspace.state()->rows(), std::int64_t{3});
    QVERIFY(workspace.prompts().edit(kept, aPrompt));
    QTRY_COMPARE_WITH_TIMEOUT(workspace.state()->rows(), std::int64_t{4}, wait);
}

void TestViewmodelsWorkspace::promptsFromAFile() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QSignalSpy changed(&workspace, &Workspace::modelChanged);
    openModel(workspace, demoModel, {});
    QTRY_COMPARE_WITH_TIMEOUT(changed.size(), 1, wait);
    QCOMPARE(workspace.points().size(), std::size_t{65});
    QSignalSpy noted(&workspace, &Workspace::noted);
    const QString file = m_folder.filePath("prompts.txt");
    QFile out(file);
    QVERIFY(out.open(QIODevice::WriteOnly));
    out.write("One prompt\n\nAnother, longer than the first of them\nThird\n");
    out.close();
    workspace.prompts().addFromFile(file, 0);
    QTRY_COMPARE_WITH_TIMEOUT(workspace.state()->rows(), std::int64_t{3}, wait);
    QCOMPARE(workspace.prompts().at(1).text, QString("Another, longer than the first of them"));
    QTRY_COMPARE_WITH_TIMEOUT(noted.size(), 1, wait);
    QCOMPARE(workspace.undoStack()->count(), 1);
    QVERIFY(workspace.files().hasUnsaved());
    QVERIFY(!workspace.state()->basis);  // nothing heavy starts by itself
    QVERIFY(fitBasis(workspace) != JobId{});
    QTRY_VERIFY_WITH_TIMEOUT(workspace.state()->basis, wait);
    QVERIFY(commandOf(workspace).startsWith("rheo capture --model "));
}

void TestViewmodelsWorkspace::tokenCapturedOnDemand() {
    JobRunner jobs;
    Workspace workspace(jobs);
    Selection selection(workspace);
    QVERIFY(openDemo(workspace, 4));
    const auto before = workspace.state();
    selection.selectPrompt(before->prompts[2]);
    QCOMPARE(selection.row()->value(), std::int64_t{2});
    const auto ids = before->trace->info().samples[2].tokenIds;
    QSignalSpy captured(&workspace.prompts(), &PromptQueue::tokenCaptured);
    selection.selectToken(5);
    QCOMPARE(selection.token(), 5);
    QVERIFY(!selection.row());
    QVERIFY(selection.isLooking(5));
    selection.selectToken(5);  // an impatient second click
    // Looked at: its path is there, and the document is what it was.
    QTRY_VERIFY_WITH_TIMEOUT(selection.looked() != nullptr, wait);
    QVERIFY(!selection.isLooking(5));
    QVERIFY(workspace.state() == before);
    QCOMPARE(workspace.undoStack()->count(), 0);
    QVERIFY(!workspace.files().hasUnsaved());
    const MatrixD looked = selection.looked()->scores;
    QCOMPARE(looked.rows(), Eigen::Index(65));
    selection.pin();
    QVERIFY(workspace.prompts().isCapturing(before->prompts[2], 5));
    QTRY_COMPARE_WITH_TIMEOUT(captured.size(), 1, wait);
    QVERIFY2(!selection.looked(), "it is a row now");
    // The same path, computed twice in the same way.
    for (Eigen::Index p = 0; p < looked.rows(); ++p)
        QCOMPARE(static_cast<float>(looked(p, 0)), workspace.state()->scores->at(3, p)[0]);
    QVERIFY(!workspace.prompts().isCapturing(before->prompts[2], 5));
    const auto after = workspace.state();
    QCOMPARE(after->rows(), std::int64_t{5});
    QCOMPARE(selection.row()->value(), std::int64_t{3});  // it follows the prompt's own row
    QCOMPARE(after->trace->info().rows[3].position, 5);
    QCOMPARE(after->trace->info().rows[3].tokenId, ids[5]);

    // Causal: the path of token 5 is that of the last token of the prompt cut there.
    ForwardRequest request;
    request.ids = {std::vector<std::int32_t>(ids.begin(), ids.begin() + 6)};
    request.positions = {{5}};
    Progress progress;
    const auto alone = workspace.model()->model->forward(request, progress);
    const auto row = rowOf(*after, RowIndex{3});
    for (std::int64_t p = 0; p < 65; ++p) {
        double squares = 0, worst = 0;
        for (std::int64_t u = 0; u < 128; ++u) {
            const float x = alone.states.at(0, p)[u];
            squares += double(x) * x;
            worst = std::max(worst, std::abs(double(x) - row[static_cast<std::size_t>(p * 128 + u)]));
        }
        QVERIFY(worst <= 3e-5 * std::sqrt(squares / 128));
    }

    selection.selectToken(5);  // there already
    QCOMPARE(workspace.undoStack()->count(), 1);
    workspace.undoStack()->undo();
    QVERIFY(identical(*workspace.state(), *before));
    QVERIFY(!selection.row());
    QCOMPARE(selection.token(), 5);
    workspace.undoStack()->redo();
    QCOMPARE(selection.row()->value(), std::int64_t{3});

    // What is looked at follows the basis, and goes when something else is selected.
    selection.selectToken(2);
    QTRY_VERIFY_WITH_TIMEOUT(selection.looked() != nullptr, wait);
    const MatrixD inOld = selection.looked()->scores;
    fitBasisOn(workspace, {{0, 1, 2}});
    QTRY_VERIFY_WITH_TIMEOUT(selection.looked()->basis != before->basis, wait);
    QVERIFY((selection.looked()->scores - inOld).norm() > 1e-3);
    selection.selectRow(RowIndex{0});
    QVERIFY(!selection.looked());
}

void TestViewmodelsWorkspace::basisStaysAndIsRefittedOnRequest() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 8));
    QVERIFY(addAndWait(workspace, aPrompt));
    const auto stale = workspace.state();
    QVERIFY(stale->basisIsStale());
    fitBasis(workspace);
    QTRY_VERIFY_WITH_TIMEOUT(!workspace.state()->basisIsStale(), wait);
    const auto fitted = workspace.state();
    QVERIFY(fitted->basis != stale->basis);
    QCOMPARE(fitted->trace, stale->trace);
    // As pca() itself gives on those rows.
    Progress progress;
    const PcaResult direct = pca({.trace = fitted->trace}, {}, progress);
    QCOMPARE(fitted->basis->components, direct.basis.components);
    QCOMPARE(fitted->scores->data, direct.scores.data);

    workspace.undoStack()->undo();
    QVERIFY(identical(*workspace.state(), *stale));
    workspace.undoStack()->undo();
    QVERIFY(!workspace.state()->basisIsStale());
}

void TestViewmodelsWorkspace::rowsThatComeWhileTheBasisIsFitted() {
    JobRunner jobs(nullptr, 1);
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 6));
    const auto opened = workspace.state()->trace;
    HeldLane lane(jobs, Lane::Analysis);
    fitBasis(workspace);
    QVERIFY(addAndWait(workspace, aPrompt));
    const auto before = workspace.state();
    lane.letGo();
    QTRY_VERIFY_WITH_TIMEOUT(workspace.state()->basis != before->basis, wait);
    const auto after = workspace.state();
    QCOMPARE(after->rows(), std::int64_t{7});
    QCOMPARE(after->scores->n0, std::int64_t{7});
    QCOMPARE(after->basisTrace, opened);
    QVERIFY(after->basisIsStale());
    Progress progress;
    QCOMPARE(after->scores->data, project(*after->basis, TraceView{.trace = after->trace}, progress).data);
}

void TestViewmodelsWorkspace::undoAndRedoAreExact() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 6));
    std::vector<DocumentState> states{*workspace.state()};
    const auto keep = [&] { states.push_back(*workspace.state()); };
    QVERIFY(addAndWait(workspace, aPrompt));
    keep();
    workspace.prompts().remove({states[0].prompts[0]});
    keep();
    fitBasis(workspace);
    QTRY_VERIFY_WITH_TIMEOUT(!workspace.state()->basisIsStale(), wait);
    keep();
    QSignalSpy captured(&workspace.prompts(), &PromptQueue::tokenCaptured);
    workspace.prompts().captureToken(states[0].prompts[3], 2);
    QTRY_COMPARE_WITH_TIMEOUT(captured.size(), 1, wait);
    keep();
    workspace.prompts().edit(states[0].prompts[4], "Quite another beginning");
    QTRY_COMPARE_WITH_TIMEOUT(workspace.undoStack()->count(), 5, wait);
    keep();

    for (int round = 0; round < 3; ++round) {
        for (int i = 4; i >= 0; --i) {
            workspace.undoStack()->undo();
            QVERIFY(identical(*workspace.state(), states[static_cast<std::size_t>(i)]));
        }
        for (std::size_t i = 1; i <= 5; ++i) {
            workspace.undoStack()->redo();
            QVERIFY(identical(*workspace.state(), states[i]));
        }
    }
    // Another edit after undo: what was undone is gone, the rest stays exact.
    workspace.undoStack()->undo();
    workspace.undoStack()->undo();
    workspace.prompts().remove({states[0].prompts[5]});
    workspace.undoStack()->undo();
    QVERIFY(identical(*workspace.state(), states[3]));
}

void TestViewmodelsWorkspace::traceSavedAndOpened() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 6));
    QVERIFY(addAndWait(workspace, aPrompt));
    workspace.prompts().remove({workspace.state()->prompts[0]});
    const auto state = workspace.state();
    QVERIFY(workspace.files().hasUnsaved());
    QCOMPARE(workspace.files().unsavedSummary(), QString("1 captured row"));

    const QString file = m_folder.filePath("saved.rheo.h5");
    QSignalSpy saved(&workspace.files(), &FileKeeper::saved);
    workspace.files().saveTrace(file, false);
    QTRY_COMPARE_WITH_TIMEOUT(saved.size(), 1, wait);
    QVERIFY(!workspace.files().hasUnsaved());
    QCOMPARE(workspace.title(), QString("saved.rheo.h5"));

    Failures failures(workspace);
    workspace.files().saveTrace(file, false);  // it is there
    QTRY_COMPARE_WITH_TIMEOUT(failures.count, 1, wait);
    QCOMPARE(failures.last.code, ErrorCode::AlreadyExists);
    workspace.files().saveTrace(file, true);
    QTRY_COMPARE_WITH_TIMEOUT(saved.size(), 2, wait);
    workspace.files().saveTrace(m_folder.filePath("no/such/folder.rheo.h5"), true);
    QTRY_COMPARE_WITH_TIMEOUT(failures.count, 2, wait);

    const auto reader = TraceReader::open(file.toStdString());
    QCOMPARE(reader->rows(), std::int64_t{6});
    QCOMPARE(reader->info().samples, state->trace->info().samples);
    QCOMPARE(reader->info().rows, state->trace->info().rows);
    QVERIFY(reader->info().model && reader->info().model->sameModel(workspace.model()->model->identity()));

    JobRunner otherJobs;
    Workspace other(otherJobs);
    QSignalSpy replaced(&other, &Workspace::documentReplaced);
    QSignalSpy opened(&other, &Workspace::opened);
    openPath(other, file, {});
    QTRY_COMPARE_WITH_TIMEOUT(replaced.size(), 1, wait);
    QCOMPARE(opened[0][0].toString(), file);
    // Small enough to be fitted when it is opened, and that is no edit.
    QTRY_VERIFY_WITH_TIMEOUT(other.state()->basis, wait);
    QCOMPARE(other.undoStack()->count(), 0);
    QVERIFY(!other.files().hasUnsaved());
    for (std::int64_t n = 0; n < 6; ++n)
        QCOMPARE(rowOf(*other.state(), RowIndex{n}), rowOf(*state, RowIndex{n}));
    // Without a model it shows what it can, and says why it cannot do the rest.
    QVERIFY(whyNot(other, Feature::AddPrompt).contains("attach", Qt::CaseInsensitive));
    QVERIFY(whyNot(other, Feature::Teleport).contains("attach", Qt::CaseInsensitive));
    QCOMPARE(whyNot(other, Feature::FitBasis), QString());
    QCOMPARE(whyNot(other, Feature::RemovePrompt), QString());
    QCOMPARE(other.prompts().add("x"), PromptId{});
}

void TestViewmodelsWorkspace::traceFromElsewhere() {
    // Nothing but states, as ten lines of Python would write them: no prompts, no points, no model.
    std::vector<float> states(9 * 5 * 7);
    for (std::size_t i = 0; i < states.size(); ++i) states[i] = std::sin(float(i * i % 101));
    const auto path = m_folder.filePath("elsewhere.rheo.h5").toStdString();
    {
        Hdf5File file = Hdf5File::create(path);
        file.write<float>("/residual", states, {9, 5, 7});
        file.setAttribute("/", "format", std::string("rheograph-trace"));
        file.setAttribute("/", "version", std::int64_t{1});
        file.setAttribute("/residual", "encoding", std::string("float32"));
    }
    JobRunner jobs;
    Workspace workspace(jobs);
    Selection selection(workspace);
    Failures failures(workspace);
    openTrace(workspace, QString::fromStdString(path));
    QTRY_VERIFY_WITH_TIMEOUT(workspace.state()->basis, wait);
    QCOMPARE(workspace.prompts().count(), 9);
    selection.selectRow(RowIndex{4});
    QCOMPARE(selection.prompt(), workspace.state()->prompts[4]);
    workspace.prompts().remove({workspace.state()->prompts[0]});
    QCOMPARE(workspace.state()->rows(), std::int64_t{8});
    QCOMPARE(selection.row()->value(), std::int64_t{3});
    // A model of another width did not make it.
    attachModel(workspace, demoModel, {});
    QTRY_COMPARE_WITH_TIMEOUT(failures.count, 1, wait);
    QVERIFY2(failures.last.message.contains("7 units") && failures.last.message.contains("128"),
             qPrintable(failures.last.message));
    QVERIFY(!workspace.model());
}

void TestViewmodelsWorkspace::traceOfSomePoints() {
    // A capture of points 4 .. 9 of the model: what is added has the same, and so does a teleport's start.
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 4));
    const auto whole = workspace.state()->trace;
    TraceInfo info = whole->info();
    info.points.assign(info.points.begin() + 4, info.points.begin() + 10);
    const auto path = m_folder.filePath("points.rheo.h5").toStdString();
    {
        TraceWriter writer = TraceWriter::create(path, info, IfExists::Refuse);
        std::vector<float> row(65 * 128);
        for (std::int64_t n = 0; n < 4; ++n) {
            whole->readRows(RowIndex{n}, 1, row.data());
            writer.writeRows(RowIndex{n}, 1, row.data() + 4 * 128);
        }
        writer.close();
    }
    QSignalSpy replaced(&workspace, &Workspace::documentReplaced);
    openTrace(workspace, QString::fromStdString(path));
    QTRY_COMPARE_WITH_TIMEOUT(replaced.size(), 1, wait);
    QVERIFY(workspace.model());  // it made the trace: it stays
    QCOMPARE(workspace.points().size(), std::size_t{6});
    QCOMPARE(workspace.modelPoint(PointIndex{2})->value(), std::int64_t{6});
    QTRY_VERIFY_WITH_TIMEOUT(workspace.state()->basis, wait);
    const QString first = workspace.prompts().at(0).text;
    QVERIFY(addAndWait(workspace, first));
    QCOMPARE(workspace.state()->rows(), std::int64_t{5});
    // The same prompt has the same path.
    const auto a = rowOf(*workspace.state(), RowIndex{0});
    const auto b = rowOf(*workspace.state(), RowIndex{4});
    for (std::size_t i = 0; i < a.size(); ++i)
        QVERIFY(std::abs(a[i] - b[i]) < 1e-3);  // values up to some tens
}

void TestViewmodelsWorkspace::modelAttached() {
    const QString file = m_folder.filePath("to-attach.rheo.h5");
    {
        JobRunner jobs;
        Workspace workspace(jobs);
        QVERIFY(openDemo(workspace, 4));
        QSignalSpy saved(&workspace.files(), &FileKeeper::saved);
        workspace.files().saveTrace(file, false);
        QTRY_COMPARE_WITH_TIMEOUT(saved.size(), 1, wait);
    }
    JobRunner jobs;
    Workspace workspace(jobs);
    openTrace(workspace, file);
    QTRY_VERIFY_WITH_TIMEOUT(workspace.state()->basis, wait);
    const auto before = workspace.state()->trace;
    attachModel(workspace, demoModel, {});
    QTRY_VERIFY_WITH_TIMEOUT(workspace.model(), wait);
    QCOMPARE(workspace.state()->trace, before);
    QCOMPARE(whyNot(workspace, Feature::Teleport), QString());
    QVERIFY(addAndWait(workspace, aPrompt));
    QCOMPARE(workspace.state()->rows(), std::int64_t{5});
    QVERIFY(workspace.files().hasUnsaved());
    workspace.closeModel();
    QVERIFY(!workspace.model());
    QCOMPARE(workspace.state()->rows(), std::int64_t{5});
}

void TestViewmodelsWorkspace::attachingAnotherModelIsRefused() {
    const QString file = m_folder.filePath("of-the-demo.rheo.h5");
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 3));
    QSignalSpy saved(&workspace.files(), &FileKeeper::saved);
    workspace.files().saveTrace(file, false);
    QTRY_COMPARE_WITH_TIMEOUT(saved.size(), 1, wait);
    workspace.clear();
    QVERIFY(!workspace.model());
    openTrace(workspace, file);
    QTRY_VERIFY_WITH_TIMEOUT(workspace.state()->basis, wait);

    Failures failures(workspace);
    attachModel(workspace, RHEO_FIXTURES "/models/llama-3-style/model", {});
    QTRY_COMPARE_WITH_TIMEOUT(failures.count, 1, wait);
    QCOMPARE(failures.last.code, ErrorCode::Mismatch);
    QVERIFY2(failures.last.message.contains("number of blocks (32 in the trace"),
             qPrintable(failures.last.message));
    // The same shape with other weights: told by their digest.
    ModelOptions untrained;
    untrained.untrainedSeed = 1;
    attachModel(workspace, demoModel, untrained);
    QTRY_COMPARE_WITH_TIMEOUT(failures.count, 2, wait);
    QVERIFY2(failures.last.message.contains("untrained with seed 1"), qPrintable(failures.last.message));
    QVERIFY(!workspace.model());
    QCOMPARE(workspace.state()->rows(), std::int64_t{3});

    ModelIdentity a, b;
    a.weightsSha256 = "1111";
    b.weightsSha256 = "2222";
    QVERIFY(identityDifference(a, b).find("weights") != std::string::npos);
    b = a;
    b.dtype = "bfloat16";
    QVERIFY(identityDifference(a, b).empty());
}

void TestViewmodelsWorkspace::unsaved() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 4));
    QSignalSpy changed(&workspace.files(), &FileKeeper::unsavedChanged);
    QVERIFY(addAndWait(workspace, aPrompt));
    QCOMPARE(changed.size(), 1);
    workspace.undoStack()->undo();
    QVERIFY(!workspace.files().hasUnsaved());
    QCOMPARE(changed.size(), 2);
    workspace.undoStack()->redo();
    TeleportRecord record;
    record.prompt = workspace.state()->prompts[0];
    workspace.addTeleport(record);
    workspace.addTeleport(record);
    QCOMPARE(workspace.files().unsavedSummary(), QString("1 captured row and 2 teleports"));
    QCOMPARE(workspace.state()->teleports[1]->id, std::int64_t{2});
    workspace.removeTeleport(1);
    QCOMPARE(workspace.files().unsavedSummary(), QString("1 captured row and 1 teleport"));
    workspace.undoStack()->undo();
    QCOMPARE(workspace.state()->teleports.size(), std::size_t{2});
}

void TestViewmodelsWorkspace::cancelTakesEffect() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 3));
    const auto before = workspace.state();
    const JobId job = workspace.prompts().addFromFile(demoPrompts, 1000);
    QVERIFY(QTest::qWaitFor(
        [&] {
            for (const JobInfo& info : jobs.jobs())
                if (info.id == job && info.fraction.value_or(0) > 0.06) return true;
            return false;
        },
        wait));
    QElapsedTimer clock;
    clock.start();
    jobs.cancel(job);
    QVERIFY(QTest::qWaitFor([&] { return jobs.isIdle(); }, wait));
    qInfo("cancelled after %lld ms", clock.elapsed());
    // What was captured stays, as one step.
    QCOMPARE((workspace.state()->rows() - before->rows()) % 32, std::int64_t{0});
    QVERIFY(workspace.state()->rows() < 303);
    workspace.undoStack()->undo();
    QVERIFY(identical(*workspace.state(), *before));
}

void TestViewmodelsWorkspace::resultsSaved() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 5));
    const QString file = m_folder.filePath("demo.results.h5");
    QSignalSpy saved(&workspace.files(), &FileKeeper::saved);
    Failures failures(workspace);
    workspace.files().saveResults(file, false);
    QTRY_VERIFY2_WITH_TIMEOUT(saved.size() == 1 || failures.count > 0, "saved or failed", wait);
    QVERIFY2(failures.count == 0, qPrintable(failures.last.message));
    const Statistics results = readResults(file.toStdString()).statistics;
    QVERIFY(results.get<Pca>());
    QCOMPARE(results.get<Pca>()->basis.components, workspace.state()->basis->components);
    QCOMPARE(results.get<Pca>()->scores.data, workspace.state()->scores->data);
    // They say how they were made, so that rheo analyze --add takes them as its own.
    const TraceView view{.trace = workspace.state()->trace};
    AnalysisOptions asked;
    asked.get<Pca>().emplace().components = static_cast<int>(results.get<Pca>()->basis.components.rows());
    const Statistics known =
        readMatching(file.toStdString(), makeResultsSource(view, ""), recordsOf(view, asked)).statistics;
    QVERIFY(known.get<Pca>());
}

void TestViewmodelsWorkspace::commandThatDoesTheSame() {
    JobRunner jobs;
    Workspace workspace(jobs);
    QVERIFY(openDemo(workspace, 5));
    const QString command = commandOf(workspace);
    QVERIFY2(command.startsWith("rheo capture --model " + demoModel + " --prompts " + demoPrompts +
                                " --limit 5 --out trace.rheo.h5 &&\nrheo analyze trace.rheo.h5 --stat "
                                "pca --components 10 --out trace.results.h5"),
             qPrintable(command));
    // With rows that no file holds, and a basis fitted on them, there is no such line.
    QVERIFY(addAndWait(workspace, aPrompt));
    QVERIFY(!commandOf(workspace).isEmpty());  // the basis is still that of the file's prompts
    fitBasis(workspace);
    QTRY_VERIFY_WITH_TIMEOUT(!workspace.state()->basisIsStale(), wait);
    QVERIFY(commandOf(workspace).isEmpty());
    QVERIFY(whyNot(workspace, Feature::CopyCommand).contains("save"));
    QSignalSpy saved(&workspace.files(), &FileKeeper::saved);
    const QString file = m_folder.filePath("command.rheo.h5");
    workspace.files().saveTrace(file, true);
    QTRY_COMPARE_WITH_TIMEOUT(saved.size(), 1, wait);
    QVERIFY(commandOf(workspace).startsWith("rheo analyze " + file));
    const QString results = m_folder.filePath("it's.h5");
    workspace.files().saveResults(results, true);
    QTRY_COMPARE_WITH_TIMEOUT(saved.size(), 2, wait);
    QVERIFY2(commandOf(workspace).startsWith("rheo figure '"), qPrintable(commandOf(workspace)));
    QVERIFY(commandOf(workspace).contains("it'\\''s.h5"));
}

void TestViewmodelsWorkspace::kindsOfPath() {
    QCOMPARE(kindOfPath(demoModel), PathKind::Model);
    QCOMPARE(kindOfPath(demoPrompts), PathKind::Nothing);
    QCOMPARE(kindOfPath(m_folder.path()), PathKind::Nothing);
    Hdf5File::create(m_folder.filePath("any.h5").toStdString());
    QCOMPARE(kindOfPath(m_folder.filePath("any.h5")), PathKind::Trace);
    QCOMPARE(kindOfPath("/no/such/thing"), PathKind::Nothing);
    QCOMPARE(kindOfPath(QString(2000, 'x') + "/y"), PathKind::Nothing);
}

RHEO_TEST(TestViewmodelsWorkspace)
#include "test_viewmodels_workspace.moc"
