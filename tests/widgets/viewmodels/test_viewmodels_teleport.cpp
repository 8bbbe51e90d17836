// Taking hold of a state of the demo model: the drag's states, the newest request first, what is exact on
// release, and undo.
#include <QElapsedTimer>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/results/teleport_file.h"
#include "open_demo.h"
#include "tests/test_main.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/fit_rows.h"
#include "widgets/viewmodels/held_facts.h"
#include "widgets/viewmodels/hover_facts.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/teleport_model.h"
#include "widgets/viewmodels/token_context.h"

using namespace rheo;
using namespace rheo::test;

namespace {

constexpr int wait = 30000;
using State = TeleportModel::State;

}  // namespace

class TestViewmodelsTeleport : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void init();

    void idleSaysWhy();
    void readyOnTheNaturalPath();
    void dragIsOneCommand();
    void theHandleMovesAtOnceAndThePathFollows();
    void manyMovesFewRuns();
    void escTakesItBack();
    void takenAndLetGoWithoutAMove();
    void typedAndNudged();
    void takenAgainBeforeItSettled();
    void selectionMovesBeforeItSettled();
    void projectDropsTheRest();
    void theModeIsThatOfWhatIsShown();
    void nextTokensOfTheFollowedToken();
    void atTheLastPointTheNextTokensChange();
    void undoShowsTheNaturalPath();
    void undoInTheMiddleOfADrag();
    void historyIsShownAgain();
    void earlierTokens();
    void laterPointsShareThePrompt();
    void spreadAndWarning();
    void nextTokensBeforeAndAfter();
    void nearestRowsOfTheHeldState();
    void ofManyRowsSomeAreSearched();
    void lensOfTheHeldState();
    void factsOfARow();
    void aTokenAmongItsNeighbours();
    void controlsStandBesideIt();
    void basisRefittedUnderATeleport();
    void savedAsTheCommandLineDoes();
    void commandOfATeleport();
    void stopTakesEffect();
    void playingThroughDepth();

private:
    bool isReady(TeleportModel& model) {
        return QTest::qWaitFor([&] { return model.state() == State::Ready; }, wait);
    }
    VectorD pushed(const TeleportModel& model, double sds, int component = 0) {
        VectorD target = model.target();
        target[component] += sds * model.spread()[component];
        return target;
    }
    bool drag(TeleportModel& model, double sds) {
        if (!model.beginDrag()) return false;
        model.moveTo(pushed(model, sds));
        model.endDrag();
        return isReady(model);
    }

    // One model for all tests: it is opened once, and what was done is undone.
    std::unique_ptr<JobRunner> m_jobs;
    std::unique_ptr<Workspace> m_workspace;
    std::unique_ptr<Selection> m_selection;
    std::unique_ptr<TeleportModel> m_model;
    QTemporaryDir m_folder;
};

void TestViewmodelsTeleport::initTestCase() {
    m_jobs = std::make_unique<JobRunner>();
    m_workspace = std::make_unique<Workspace>(*m_jobs);
    m_selection = std::make_unique<Selection>(*m_workspace);
    m_model = std::make_unique<TeleportModel>(*m_workspace, *m_selection);
    QVERIFY(openDemo(*m_workspace, 30));
}

void TestViewmodelsTeleport::init() {
    m_model->cancelDrag();
    m_workspace->undoStack()->setIndex(0);
    m_model->setMode(TeleportMode::Shift);
    m_model->setControls(0);
    m_selection->selectRow(RowIndex{3});
    m_selection->selectPoint(PointIndex{20});
    QVERIFY(isReady(*m_model));
    QCOMPARE(m_model->shownId(), std::int64_t{0});
    QVERIFY(!m_model->isMoved());
}

void TestViewmodelsTeleport::idleSaysWhy() {
    JobRunner jobs;
    Workspace workspace(jobs);
    Selection selection(workspace);
    TeleportModel model(workspace, selection);
    QCOMPARE(model.state(), State::Idle);
    QVERIFY(model.status().contains("model"));
    QVERIFY(!model.beginDrag());
    model.moveTo(VectorD::Zero(3));
    model.endDrag();
    model.cancelDrag();
    model.nudge(0, 1);
    model.showNatural();
    model.showTeleport(1);
    QCOMPARE(model.state(), State::Idle);
    QVERIFY(model.nextTokens().empty());
    QVERIFY(std::isnan(model.displacement()));
    QVERIFY(model.predictedPath().size() == 0);

    QVERIFY(openDemo(workspace, 3));
    QTRY_COMPARE_WITH_TIMEOUT(model.state(), State::Ready, wait);
    model.setActive(false);
    QCOMPARE(model.state(), State::Idle);
    QVERIFY(model.naturalPath().size() == 0);
    model.setActive(true);
    QTRY_COMPARE_WITH_TIMEOUT(model.state(), State::Ready, wait);
    workspace.closeModel();
    QCOMPARE(model.state(), State::Idle);
    QVERIFY(model.status().contains("attach", Qt::CaseInsensitive));
}

void TestViewmodelsTeleport::readyOnTheNaturalPath() {
    QCOMPARE(m_model->components(), 3);
    QCOMPARE(m_model->point(), PointIndex{20});
    QCOMPARE(m_model->row()->value(), std::int64_t{3});
    QCOMPARE(m_model->naturalPath().rows(), Eigen::Index{45});
    QCOMPARE(m_model->target(), m_model->naturalScores());
    QVERIFY((VectorD(m_model->naturalPath().row(0)) - m_model->naturalScores()).norm() <
            1e-12 * m_model->naturalScores().norm());  // sums in another order
    QVERIFY(m_model->teleportedPath().size() == 0);
    QVERIFY(!m_model->result());
    QVERIFY(!m_model->measures());
    // The ghost is the trajectory that is drawn: within 3e-5 of the RMS, here of states of tens of units.
    const auto scores = m_workspace->state()->scores;
    double scale = m_model->naturalPath().rowwise().norm().maxCoeff();
    for (int q = 0; q < 45; ++q)
        for (int k = 0; k < 3; ++k)
            QVERIFY(std::abs(scores->at(3, 20 + q)[k] - m_model->naturalPath()(q, k)) < 1e-4 * scale);
}

void TestViewmodelsTeleport::dragIsOneCommand() {
    QSignalSpy states(m_model.get(), &TeleportModel::stateChanged);
    QVERIFY(m_model->beginDrag());
    QCOMPARE(m_model->state(), State::Dragging);
    for (int i = 1; i <= 5; ++i) m_model->moveTo(pushed(*m_model, 0.3));
    const VectorD target = m_model->target();
    QVERIFY(!m_model->result());
    m_model->endDrag();
    QVERIFY(isReady(*m_model));
    QCOMPARE(m_workspace->undoStack()->index(), 1);
    QCOMPARE(m_workspace->state()->teleports.size(), std::size_t{1});

    // On release it is exact: what the engine gives for that target, bit for bit.
    const TeleportRecord& record = *m_workspace->state()->teleports[0];
    QCOMPARE(record.target, target);
    const auto& network = *m_workspace->model()->model;
    Progress progress;
    const auto context = network.prepare(record.sample.tokenIds, progress);
    const PointIndex point{20};
    const int token = static_cast<int>(record.sample.tokenIds.size()) - 1;
    const VectorF h = network.naturalState(*context, point, token);
    TeleportRequest request;
    request.point = point;
    request.state = teleportState(TeleportMode::Shift, h, *record.basis, target);
    request.controls = 0;
    const TeleportResult direct = teleport(network, *context, request, record.basis.get(), progress);
    QCOMPARE(record.result.request.state, direct.request.state);
    QCOMPARE(record.result.request.token, token);
    QCOMPARE(record.result.teleported.states.data, direct.teleported.states.data);
    QCOMPARE(record.result.teleported.logits, direct.teleported.logits);
    QCOMPARE(record.result.natural.states.data, direct.natural.states.data);
    QCOMPARE(record.result.measures.distance, direct.measures.distance);
    QCOMPARE(record.result.measures.kl, direct.measures.kl);
    QVERIFY(record.result.measures.kl > 0);

    QCOMPARE(m_model->shownId(), record.id);
    QCOMPARE(m_model->pathTarget(), target);
    QCOMPARE(m_model->teleportedPath().rows(), Eigen::Index{45});
    QVERIFY((VectorD(m_model->teleportedPath().row(0)) - target).norm() < 1e-4 * target.norm());
    QCOMPARE(m_model->result()->teleported.states.data, direct.teleported.states.data);
}

void TestViewmodelsTeleport::theHandleMovesAtOnceAndThePathFollows() {
    HeldLane lane(*m_jobs, Lane::Model);
    QSignalSpy moved(m_model.get(), &TeleportModel::handleMoved);
    QSignalSpy path(m_model.get(), &TeleportModel::pathChanged);
    const VectorD target = pushed(*m_model, 1);
    m_model->moveTo(target);  // takes hold of it, too
    QCOMPARE(m_model->state(), State::Dragging);
    QCOMPARE(m_model->target(), target);
    QTRY_COMPARE_WITH_TIMEOUT(moved.size(), 1, wait);
    QCOMPARE(path.size(), 0);
    // Cheap and at once: the natural path moved as a whole.
    const MatrixD predicted = m_model->predictedPath();
    QVERIFY((VectorD(predicted.row(0)) - target).norm() < 1e-9 * target.norm());
    QVERIFY(
        (VectorD(predicted.row(30) - m_model->naturalPath().row(30)) - (target - m_model->naturalScores()))
            .norm() < 1e-9 * target.norm());
    QVERIFY(m_model->teleportedPath().size() == 0);
    lane.letGo();
    QTRY_COMPARE_WITH_TIMEOUT(path.size(), 1, wait);
    QCOMPARE(m_model->pathTarget(), target);
    QCOMPARE(m_model->state(), State::Dragging);
    QVERIFY(m_model->measures()->distance[0] > 0);
    // The network did something about it: not the path moved as a whole.
    QVERIFY((m_model->teleportedPath().row(44) - predicted.row(44)).norm() >
            0.01 * (target - m_model->naturalScores()).norm());
}

void TestViewmodelsTeleport::manyMovesFewRuns() {
    HeldLane lane(*m_jobs, Lane::Model);
    QSignalSpy path(m_model.get(), &TeleportModel::pathChanged);
    for (int i = 0; i < 200; ++i) m_model->moveTo(pushed(*m_model, 0.01));
    const VectorD last = m_model->target();
    lane.letGo();
    QTRY_VERIFY_WITH_TIMEOUT(m_model->pathTarget().size() > 0 && m_model->pathTarget() == last, wait);
    QVERIFY2(path.size() <= 2, "of two hundred requests at most the first and the last are run");
}

void TestViewmodelsTeleport::escTakesItBack() {
    QVERIFY(m_model->beginDrag());
    m_model->moveTo(pushed(*m_model, 2));
    QTRY_VERIFY_WITH_TIMEOUT(m_model->teleportedPath().size() > 0, wait);
    m_model->moveTo(pushed(*m_model, 1));
    QSignalSpy path(m_model.get(), &TeleportModel::pathChanged);
    m_model->cancelDrag();
    QCOMPARE(m_model->state(), State::Ready);
    QCOMPARE(m_model->target(), m_model->naturalScores());
    QVERIFY(m_model->teleportedPath().size() == 0);
    QCOMPARE(m_workspace->undoStack()->index(), 0);
    QTRY_VERIFY(m_jobs->isIdle());
    QCOMPARE(path.size(), 1);  // what was on its way did not come

    // From a teleport that is shown, back to it.
    QVERIFY(drag(*m_model, 1));
    const VectorD kept = m_model->target();
    const auto shown = m_model->shownId();
    const MatrixD keptPath = m_model->teleportedPath();
    m_model->moveTo(pushed(*m_model, 1));
    QCOMPARE(m_model->shownId(), std::int64_t{0});
    QTRY_VERIFY_WITH_TIMEOUT(m_model->teleportedPath() != keptPath, wait);
    m_model->cancelDrag();
    QCOMPARE(m_model->target(), kept);
    QCOMPARE(m_model->shownId(), shown);
    QCOMPARE(m_model->teleportedPath(), keptPath);
    QCOMPARE(m_workspace->undoStack()->index(), 1);
}

void TestViewmodelsTeleport::takenAndLetGoWithoutAMove() {
    QVERIFY(m_model->beginDrag());
    m_model->endDrag();
    QCOMPARE(m_model->state(), State::Ready);
    // There and back again by hand: nothing was done either.
    m_model->moveTo(pushed(*m_model, 1));
    m_model->moveTo(m_model->naturalScores());
    m_model->endDrag();
    QVERIFY(isReady(*m_model));
    QCOMPARE(m_workspace->undoStack()->index(), 0);
    QVERIFY(!m_model->isMoved());
    // What is no place is not gone to.
    VectorD wrong = m_model->target();
    wrong[1] = std::nan("");
    m_model->moveTo(wrong);
    m_model->moveTo(VectorD::Zero(2));
    QCOMPARE(m_model->state(), State::Ready);
}

void TestViewmodelsTeleport::typedAndNudged() {
    const VectorD target = pushed(*m_model, 1, 2);
    m_model->setCoordinates(target);
    QVERIFY(isReady(*m_model));
    QCOMPARE(m_workspace->undoStack()->index(), 1);
    QCOMPARE(m_workspace->state()->teleports[0]->target, target);
    m_model->setCoordinates(target);  // there already
    QCOMPARE(m_workspace->undoStack()->index(), 1);

    // Keys: each a tenth of the spread; one command once they rest.
    m_model->nudge(1, 1);
    m_model->nudge(1, 1);
    m_model->nudge(1, -4);
    QCOMPARE(m_model->state(), State::Dragging);
    QVERIFY(std::abs(m_model->target()[1] - (target[1] - 0.2 * m_model->spread()[1])) <
            1e-9 * m_model->spread()[1]);
    QTRY_COMPARE_WITH_TIMEOUT(m_workspace->undoStack()->index(), 2, wait);
    QVERIFY(isReady(*m_model));
    m_model->nudge(7, 1);
    QCOMPARE(m_model->state(), State::Ready);
}

void TestViewmodelsTeleport::takenAgainBeforeItSettled() {
    HeldLane lane(*m_jobs, Lane::Model);
    m_model->moveTo(pushed(*m_model, 1));
    m_model->endDrag();
    QCOMPARE(m_model->state(), State::Settling);
    QVERIFY(m_model->beginDrag());
    QCOMPARE(m_model->state(), State::Dragging);
    m_model->moveTo(pushed(*m_model, 1));
    const VectorD target = m_model->target();
    m_model->endDrag();
    lane.letGo();
    QVERIFY(isReady(*m_model));
    QCOMPARE(m_workspace->undoStack()->index(), 1);
    QCOMPARE(m_workspace->state()->teleports[0]->target, target);
}

void TestViewmodelsTeleport::selectionMovesBeforeItSettled() {
    HeldLane lane(*m_jobs, Lane::Model);
    m_model->moveTo(pushed(*m_model, 1));
    const VectorD target = m_model->target();
    m_model->endDrag();
    m_selection->selectRow(RowIndex{5});
    lane.letGo();
    QTRY_COMPARE_WITH_TIMEOUT(m_workspace->state()->teleports.size(), std::size_t{1}, wait);
    QCOMPARE(m_workspace->state()->teleports[0]->target, target);
    QCOMPARE(m_workspace->state()->teleports[0]->prompt, m_workspace->state()->prompts[3]);
    QTRY_VERIFY_WITH_TIMEOUT(m_model->row() && m_model->row()->value() == 5, wait);
    QVERIFY(isReady(*m_model));
    QVERIFY(!m_model->isMoved());
    // In the middle of a drag: it is given up.
    m_model->moveTo(pushed(*m_model, 1));
    m_selection->selectRow(RowIndex{3});
    QVERIFY(isReady(*m_model));
    QCOMPARE(m_workspace->undoStack()->index(), 1);
    // And the first row shows its teleport again.
    QTRY_COMPARE_WITH_TIMEOUT(m_model->target(), target, wait);
}

void TestViewmodelsTeleport::projectDropsTheRest() {
    QVERIFY(drag(*m_model, 1));
    const VectorF shifted = m_workspace->state()->teleports[0]->result.request.state;
    m_workspace->undoStack()->undo();
    m_model->setMode(TeleportMode::Project);
    QVERIFY(drag(*m_model, 1));
    const TeleportRequest& request = m_workspace->state()->teleports[0]->result.request;
    QCOMPARE(request.mode, TeleportMode::Project);
    // Outside of the three components nothing but the mean is left.
    const PcaBasis& basis = *m_workspace->state()->basis;
    const VectorD rest = request.state.cast<double>() - basis.mean;
    const MatrixD v = basis.components.topRows(3);
    QVERIFY((rest - v.transpose() * (v * rest)).norm() < 1e-5 * rest.norm());
    QVERIFY((shifted - request.state).norm() > 1e-3f);
    m_model->setMode(TeleportMode::State);  // not one that can be dragged
    QCOMPARE(m_model->mode(), TeleportMode::Project);
}

void TestViewmodelsTeleport::theModeIsThatOfWhatIsShown() {
    const auto& teleports = [&]() -> const auto& {
        return m_workspace->state()->teleports;
    };
    QVERIFY(drag(*m_model, 1));
    const VectorD target = m_model->target();
    const MatrixD shifted = m_model->teleportedPath();
    QSignalSpy modes(m_model.get(), &TeleportModel::modeChanged);
    // What is moved is moved in the other way, to the same place: another teleport.
    m_model->setMode(TeleportMode::Project);
    QTRY_COMPARE_WITH_TIMEOUT(teleports().size(), std::size_t(2), wait);
    QVERIFY(isReady(*m_model));
    QCOMPARE(teleports()[1]->result.request.mode, TeleportMode::Project);
    QCOMPARE(m_model->target(), target);
    QVERIFY((m_model->teleportedPath() - shifted).norm() > 1e-3);
    // An old one that is chosen says its own mode, and so does what undo brings back.
    m_model->showTeleport(teleports()[0]->id);
    QCOMPARE(m_model->mode(), TeleportMode::Shift);
    QCOMPARE(m_model->teleportedPath(), shifted);
    m_model->showTeleport(teleports()[1]->id);
    QCOMPARE(m_model->mode(), TeleportMode::Project);
    QVERIFY(isReady(*m_model));
    m_workspace->undoStack()->undo();
    QCOMPARE(m_model->mode(), TeleportMode::Shift);
    QCOMPARE(modes.size(), 4);
    QVERIFY(isReady(*m_model));
    // Changed while the exact path is awaited: the newest mode is kept.
    m_model->beginDrag();
    m_model->moveTo(pushed(*m_model, 1));
    m_model->endDrag();
    m_model->setMode(TeleportMode::Project);
    QTRY_COMPARE_WITH_TIMEOUT(m_workspace->state()->teleports.size(), std::size_t(2), wait);
    QVERIFY(isReady(*m_model));
    QCOMPARE(m_workspace->state()->teleports[1]->result.request.mode, m_model->mode());
}

void TestViewmodelsTeleport::nextTokensOfTheFollowedToken() {
    const auto prompt = m_workspace->state()->prompts[1];
    const Sample sample = m_workspace->prompts().sampleOf(prompt);
    const int token = static_cast<int>(sample.tokenIds.size()) / 2;
    m_selection->selectPrompt(prompt);
    m_selection->selectToken(token);
    QTRY_VERIFY_WITH_TIMEOUT(m_model->token() == token && m_model->state() == State::Ready, wait);
    QVERIFY(!m_model->isLastToken());
    // The prompt cut off behind the token: its end is the token.
    const Model& model = *m_workspace->model()->model;
    Progress progress;
    const std::vector<std::int32_t> cut(sample.tokenIds.begin(), sample.tokenIds.begin() + token + 1);
    const auto expected = topTokens(model.logits(cut, progress).bottomRows(1).transpose(), 1).front();
    m_model->setFollowsToken(true);
    const NextToken likeliest = m_model->nextTokens(1).front();
    QCOMPARE(likeliest.id, expected.id);
    // Float32 states computed in batches of other shapes.
    QVERIFY(std::abs(likeliest.natural - expected.probability) < 1e-4);
    m_model->setFollowsToken(false);
    const auto end = topTokens(model.logits(sample.tokenIds, progress).bottomRows(1).transpose(), 1).front();
    QCOMPARE(m_model->nextTokens(1).front().id, end.id);
    // Moved, both change; chosen again from the history, both are there again.
    QVERIFY(drag(*m_model, 2));
    const double ofPrompt = m_model->nextTokens(1).front().teleported;
    m_model->setFollowsToken(true);
    const double ofToken = m_model->nextTokens(1).front().teleported;
    QVERIFY(std::isfinite(ofPrompt) && std::isfinite(ofToken) && ofPrompt != ofToken);
    m_model->showNatural();
    m_model->showTeleport(m_workspace->state()->teleports.back()->id);
    QTRY_COMPARE_WITH_TIMEOUT(m_model->nextTokens(1).front().teleported, ofToken, wait);
    m_model->setFollowsToken(false);
    QCOMPARE(m_model->nextTokens(1).front().teleported, ofPrompt);
}

void TestViewmodelsTeleport::atTheLastPointTheNextTokensChange() {
    QVERIFY(!m_model->isAtLastPoint());
    m_selection->selectPoint(PointIndex{m_selection->pointCount() - 1});
    QTRY_VERIFY_WITH_TIMEOUT(m_model->isAtLastPoint() && m_model->state() == State::Ready, wait);
    QVERIFY(drag(*m_model, 2));
    QCOMPARE(m_model->teleportedPath().rows(), Eigen::Index(1));
    const NextToken next = m_model->nextTokens(1).front();
    QVERIFY(std::abs(next.natural - next.teleported) > 1e-6);
}

void TestViewmodelsTeleport::undoShowsTheNaturalPath() {
    QVERIFY(drag(*m_model, 1));
    const VectorD first = m_model->target();
    const MatrixD firstPath = m_model->teleportedPath();
    QVERIFY(drag(*m_model, 1));
    const VectorD second = m_model->target();
    QSignalSpy path(m_model.get(), &TeleportModel::pathChanged);
    m_workspace->undoStack()->undo();
    QCOMPARE(m_model->target(), first);
    QCOMPARE(m_model->teleportedPath(), firstPath);
    m_workspace->undoStack()->undo();
    QCOMPARE(m_model->target(), m_model->naturalScores());
    QVERIFY(m_model->teleportedPath().size() == 0);
    QVERIFY(!m_model->result());
    QCOMPARE(path.size(), 2);
    m_workspace->undoStack()->redo();
    m_workspace->undoStack()->redo();
    QCOMPARE(m_model->target(), second);
    QCOMPARE(m_model->state(), State::Ready);
}

void TestViewmodelsTeleport::undoInTheMiddleOfADrag() {
    QVERIFY(drag(*m_model, 1));
    m_model->moveTo(pushed(*m_model, 1));
    m_workspace->undoStack()->undo();
    QCOMPARE(m_model->state(), State::Dragging);  // the hand has it
    m_model->cancelDrag();
    QCOMPARE(m_model->target(), m_model->naturalScores());  // what it came from is gone
    QCOMPARE(m_model->state(), State::Ready);
}

void TestViewmodelsTeleport::historyIsShownAgain() {
    QVERIFY(drag(*m_model, 1));
    const VectorD first = m_model->target();
    const auto id = m_model->shownId();
    QVERIFY(drag(*m_model, 1));
    m_selection->selectRow(RowIndex{8});
    m_selection->selectPoint(PointIndex{40});
    QVERIFY(isReady(*m_model));
    QVERIFY(!m_model->isMoved());
    m_model->showTeleport(id);
    QTRY_COMPARE_WITH_TIMEOUT(m_model->shownId(), id, wait);
    QVERIFY(isReady(*m_model));
    QCOMPARE(m_model->target(), first);
    QCOMPARE(m_selection->row()->value(), std::int64_t{3});
    QCOMPARE(m_selection->point(), PointIndex{20});
    m_model->showNatural();
    QVERIFY(!m_model->isMoved());
    QCOMPARE(m_workspace->state()->teleports.size(), std::size_t{2});
    m_model->showTeleport(id);  // without anything to prepare
    QCOMPARE(m_model->shownId(), id);
    // Another edit of the document does not take it away.
    m_workspace->prompts().remove({m_workspace->state()->prompts[9]});
    QCOMPARE(m_model->shownId(), id);
}

void TestViewmodelsTeleport::earlierTokens() {
    m_selection->selectToken(4);
    QTRY_VERIFY_WITH_TIMEOUT(m_model->token() == 4 && m_model->state() == State::Ready, wait);
    QVERIFY(drag(*m_model, 2));
    const TeleportRecord& record = *m_workspace->state()->teleports.back();
    QCOMPARE(record.result.request.token, 4);
    const auto tokens = static_cast<std::int64_t>(record.sample.tokenIds.size());
    QCOMPARE(record.result.teleported.states.n0, tokens - 4);  // all that come after are carried on
    QCOMPARE(record.result.natural.states.n0, tokens - 4);
    QVERIFY(record.result.measures.kl > 0);  // and what is next changes, too
    QCOMPARE(m_model->teleportedPath().rows(), Eigen::Index{45});
}

void TestViewmodelsTeleport::laterPointsShareThePrompt() {
    // The last point of all: nothing is left to run but the unembedding.
    m_selection->selectPoint(PointIndex{64});
    QTRY_VERIFY_WITH_TIMEOUT(m_model->point() == PointIndex{64} && m_model->state() == State::Ready, wait);
    QCOMPARE(m_model->naturalPath().rows(), Eigen::Index{1});
    QVERIFY(drag(*m_model, 1));
    QCOMPARE(m_model->teleportedPath().rows(), Eigen::Index{1});
    m_workspace->undoStack()->undo();
    m_selection->selectPoint(PointIndex{0});
    QTRY_VERIFY_WITH_TIMEOUT(m_model->point() == PointIndex{0} && m_model->state() == State::Ready, wait);
    QCOMPARE(m_model->naturalPath().rows(), Eigen::Index{65});
    QVERIFY(drag(*m_model, 1));
}

void TestViewmodelsTeleport::spreadAndWarning() {
    // SDs over the rows at this point, straight from the definition.
    const auto& scores = *m_workspace->state()->scores;
    for (int k = 0; k < 3; ++k) {
        double mean = 0, squares = 0;
        for (std::int64_t n = 0; n < 30; ++n) mean += scores.at(n, 20)[k] / 30.0;
        for (std::int64_t n = 0; n < 30; ++n) squares += std::pow(scores.at(n, 20)[k] - mean, 2);
        const double sd = std::sqrt(squares / 29);
        QVERIFY(std::abs(m_model->spread()[k] - sd) < 1e-9 * sd);
    }
    QCOMPARE(m_model->displacement(), 0.0);
    m_model->moveTo(pushed(*m_model, 3));
    QVERIFY(std::abs(m_model->displacement() - 3) < 1e-9);
    m_model->moveTo(pushed(*m_model, 4, 1));
    QVERIFY(std::abs(m_model->displacement() - 5) < 1e-9);
    m_model->moveTo(pushed(*m_model, 20));
    QVERIFY(m_model->isFarOutside());
    QVERIFY(m_model->status().contains("outside"));
    m_model->cancelDrag();
    QVERIFY(!m_model->isFarOutside());
}

void TestViewmodelsTeleport::nextTokensBeforeAndAfter() {
    auto tokens = m_model->nextTokens(10);
    QCOMPARE(tokens.size(), std::size_t{10});
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        QVERIFY(std::isnan(tokens[i].teleported));
        QVERIFY(!tokens[i].text.isEmpty());
        if (i > 0) QVERIFY(tokens[i].natural <= tokens[i - 1].natural);
    }
    // Natural: as the model's own logits say.
    const auto& ids = m_workspace->state()->trace->info().samples[3].tokenIds;
    Progress progress;
    const MatrixF logits = m_workspace->model()->model->logits(ids, progress);
    const VectorD p = softmax(logits.row(logits.rows() - 1).transpose());
    QVERIFY(std::abs(tokens[0].natural - p[tokens[0].id]) < 1e-4);
    QCOMPARE(p.maxCoeff(), p[tokens[0].id]);

    m_selection->selectPoint(PointIndex{60});
    QTRY_VERIFY_WITH_TIMEOUT(m_model->point() == PointIndex{60} && m_model->state() == State::Ready, wait);
    QVERIFY(drag(*m_model, 5));
    tokens = m_model->nextTokens(10);
    const VectorD after = softmax(m_workspace->state()->teleports[0]->result.teleported.logits);
    double change = 0;
    for (const NextToken& token : tokens) {
        QVERIFY(std::abs(token.teleported - after[token.id]) < 1e-12);
        change += std::abs(token.teleported - token.natural);
    }
    QVERIFY(change > 0.01);
    QCOMPARE(m_model->nextTokens(0).size(), std::size_t{0});
    QCOMPARE(m_model->nextTokens(100000).size(), std::size_t{4096});
}

void TestViewmodelsTeleport::nearestRowsOfTheHeldState() {
    HeldFacts facts(*m_workspace, *m_model);
    const auto trace = m_workspace->state()->trace;
    const std::int64_t point = 20;
    MatrixF states(trace->rows(), trace->units());
    trace->readPoint(PointIndex{point}, RowIndex{0}, trace->rows(), states.data());
    const double rms = std::sqrt(states.cast<double>().rowwise().squaredNorm().mean());
    // By hand: the distance of every other row, sorted.
    const auto expected = [&] {
        std::vector<std::pair<double, std::int64_t>> all;
        for (Eigen::Index n = 0; n < states.rows(); ++n)
            if (n != 3)
                all.emplace_back(
                    (states.row(n).cast<double>().transpose() - m_model->heldState().cast<double>()).norm() /
                        rms,
                    n);
        std::sort(all.begin(), all.end());
        return all;
    };
    const auto agrees = [&] {
        const auto all = expected();
        if (facts.nearest().size() != HeldFacts::shownRows) return false;
        for (std::size_t i = 0; i < facts.nearest().size(); ++i)
            if (facts.nearest()[i].row.value() != all[i].second ||
                std::abs(facts.nearest()[i].distance - all[i].first) > 1e-5 * all[i].first)
                return false;  // differences of float32
        return true;
    };
    QTRY_VERIFY_WITH_TIMEOUT(agrees(), wait);
    QCOMPARE(facts.searchedRows(), trace->rows());
    const double before = facts.nearest()[0].distance;
    // Onto another row: that one is nearest, and as near as what the components leave out.
    const auto z = m_workspace->state()->scores->line(11, point);
    QVERIFY(m_model->beginDrag());
    m_model->moveTo(Eigen::Map<const VectorF>(z.data(), 3).cast<double>());
    QTRY_VERIFY_WITH_TIMEOUT(
        m_model->pathTarget().size() == 3 && m_model->pathTarget() == m_model->target() && agrees(), wait);
    QVERIFY(facts.nearest()[0].distance != before);
    m_model->cancelDrag();
    QTRY_VERIFY_WITH_TIMEOUT(agrees(), wait);
    QCOMPARE(facts.nearest()[0].distance, before);
}

void TestViewmodelsTeleport::ofManyRowsSomeAreSearched() {
    TraceInfo info;
    info.points = {ResidualPoint{}};
    info.units = 2;
    info.rows.resize(1000);
    Array3F values(1000, 1, 2);
    for (int n = 0; n < 1000; ++n) values.at(n, 0)[0] = static_cast<float>(n);
    values.at(130, 0)[1] = std::numeric_limits<float>::quiet_NaN();
    const auto trace = std::make_shared<const MemoryTrace>(info, values);
    Progress progress;
    const RowStates all = readRowStates(trace, PointIndex{0}, 1 << 20, progress);
    QCOMPARE(all.rows.size(), std::size_t(1000));
    const auto near = nearestRows(all, Eigen::Vector2f(129.6f, 0), 3, RowIndex{129});
    QCOMPARE(near.size(), std::size_t(3));
    QCOMPARE(near[0].row.value(), std::int64_t{131});  // 130 is not finite, 129 is left out
    QCOMPARE(near[1].row.value(), std::int64_t{128});
    // 8 bytes a row: 2,048 hold four blocks of 64.
    const RowStates some = readRowStates(trace, PointIndex{0}, 2048, progress);
    QCOMPARE(some.rows.size(), std::size_t(256));
    for (std::size_t r = 0; r < some.rows.size(); ++r)
        if (some.rows[r].value() != 130)
            QCOMPARE(some.states(static_cast<Eigen::Index>(r), 0), static_cast<float>(some.rows[r].value()));
    QCOMPARE(some.rows.front().value(), std::int64_t{0});
    QVERIFY(some.rows.back().value() >= 750);
    QVERIFY_THROWS_EXCEPTION(Error, nearestRows(all, VectorF::Zero(3), 1));
}

void TestViewmodelsTeleport::lensOfTheHeldState() {
    HeldFacts facts(*m_workspace, *m_model);
    const auto& loaded = *m_workspace->model();
    const auto expected = [&] {
        Progress progress;
        const MatrixF state = m_model->heldState().transpose();
        const VectorD p = softmax(loaded.model->unembed(state, progress).row(0).transpose());
        Eigen::Index best = 0;
        p.maxCoeff(&best);
        return std::pair{loaded.tokenizer->pieceText(static_cast<std::int32_t>(best)), p[best]};
    };
    const auto agrees = [&] {
        const auto [text, probability] = expected();
        return facts.lens().size() == 3 && std::abs(facts.lens()[0].probability - probability) < 1e-12 &&
               facts.lens()[0].text.endsWith(QString::fromStdString(text).trimmed()) &&
               facts.lens()[0].probability >= facts.lens()[1].probability;
    };
    QTRY_VERIFY_WITH_TIMEOUT(agrees(), wait);
    const double before = facts.lens()[0].probability;
    m_selection->selectPoint(PointIndex{40});
    QVERIFY(isReady(*m_model));
    QTRY_VERIFY_WITH_TIMEOUT(agrees(), wait);
    QVERIFY(facts.lens()[0].probability != before);
    m_selection->clearRows();
}

void TestViewmodelsTeleport::factsOfARow() {
    HoverFacts facts(*m_workspace);
    QVERIFY(!facts.norm(RowIndex{5}, PointIndex{7}) && facts.next(RowIndex{5}).isEmpty());
    facts.ask(RowIndex{5});
    QTRY_VERIFY_WITH_TIMEOUT(!facts.next(RowIndex{5}).isEmpty(), wait);
    const auto trace = m_workspace->state()->trace;
    VectorF state(trace->units());
    trace->readPoint(PointIndex{7}, RowIndex{5}, 1, state.data());
    QVERIFY(std::abs(*facts.norm(RowIndex{5}, PointIndex{7}) - state.cast<double>().norm()) < 1e-9);
    QVERIFY(!facts.norm(RowIndex{6}, PointIndex{7}));
    // The row is its prompt's last token: what follows it is what the model says of the whole prompt.
    const auto& loaded = *m_workspace->model();
    Progress progress;
    const auto& ids = trace->info().samples[5].tokenIds;
    const MatrixF logits = loaded.model->logits(ids, progress);
    const auto likeliest = topTokens(logits.row(logits.rows() - 1).transpose(), 1);
    const QString next = facts.next(RowIndex{5});
    QVERIFY2(next.contains(QString::fromStdString(loaded.tokenizer->pieceText(likeliest[0].id)).trimmed()),
             qPrintable(next));
    QVERIFY2(next.endsWith(" %"), qPrintable(next));
}

void TestViewmodelsTeleport::aTokenAmongItsNeighbours() {
    const Tokenizer& tokenizer = *m_workspace->model()->tokenizer;
    Sample sample;
    sample.text = "It was the best of times, it was the worst of times";
    sample.tokenIds = tokenizer.encode(sample.text);
    const auto last = static_cast<std::int32_t>(sample.tokenIds.size()) - 1;
    const TokenContext end = tokenContext(sample, last, &tokenizer);
    QVERIFY(end.after.isEmpty() && !end.token.isEmpty());
    const auto letters = [](QString text) { return text.remove(QChar(0x2423)).remove(' '); };
    QCOMPARE(letters(end.before + end.token), letters(QString::fromStdString(sample.text)));
    const TokenContext middle = tokenContext(sample, last / 2, &tokenizer, 9);
    QVERIFY(middle.before.startsWith(QChar(0x2026)) && middle.before.size() <= 10);
    QVERIFY(middle.after.endsWith(QChar(0x2026)) && middle.after.size() <= 4);
    QVERIFY(tokenInLine(end).endsWith("[" + end.token + "]"));
    // Without a tokenizer: the text alone.
    const TokenContext plain = tokenContext(sample, 3, nullptr, 10);
    QCOMPARE(plain.before, QString("It was the") + QChar(0x2026));
    QCOMPARE(tokenInLine(plain), plain.before);
}

void TestViewmodelsTeleport::controlsStandBesideIt() {
    m_model->setControls(8);
    m_model->setSeed(7);
    QSignalSpy result(m_model.get(), &TeleportModel::resultChanged);
    m_model->moveTo(pushed(*m_model, 2));
    m_model->endDrag();
    // The command is there before its controls are.
    QTRY_COMPARE_WITH_TIMEOUT(m_workspace->undoStack()->index(), 1, wait);
    QVERIFY(isReady(*m_model));
    const auto full = m_model->result();
    QCOMPARE(full->controlDistance.rows(), Eigen::Index{8});
    QCOMPARE(full->controlPcaDistance.rows(), Eigen::Index{8});
    QCOMPARE(full->controlDistance.cols(), Eigen::Index{45});
    // Of the same norm as the push; the record keeps the exact path they stand beside. (Pushes are added in
    // float32 to states of some tens of units.)
    for (int i = 0; i < 8; ++i)
        QVERIFY(std::abs(full->controlDistance(i, 0) / full->measures.distance[0] - 1) < 1e-4);
    const TeleportRecord& record = *m_workspace->state()->teleports[0];
    QCOMPARE(full->teleported.states.data, record.result.teleported.states.data);
    QCOMPARE(m_workspace->fullTeleport(record.id), full);
    // Shown again, they are not computed again.
    m_workspace->undoStack()->undo();
    m_workspace->undoStack()->redo();
    QCOMPARE(m_model->state(), State::Ready);
    QCOMPARE(m_model->result(), full);

    // Taken again while they are computed: they stop, and the teleport stays.
    m_model->setControls(4096);
    m_model->moveTo(pushed(*m_model, 1));
    m_model->endDrag();
    QTRY_COMPARE_WITH_TIMEOUT(m_workspace->undoStack()->index(), 2, wait);
    QCOMPARE(m_model->state(), State::Settling);
    QVERIFY(m_model->beginDrag());
    m_model->cancelDrag();
    QCOMPARE(m_workspace->state()->teleports.size(), std::size_t{2});
    QCOMPARE(m_model->state(), State::Settling);  // and are asked for anew
    m_model->showNatural();
    QCOMPARE(m_model->state(), State::Ready);
}

void TestViewmodelsTeleport::basisRefittedUnderATeleport() {
    QVERIFY(drag(*m_model, 1));
    m_workspace->prompts().remove({m_workspace->state()->prompts[20], m_workspace->state()->prompts[21]});
    const auto old = m_workspace->state()->basis;
    fitBasis(*m_workspace);
    QTRY_VERIFY_WITH_TIMEOUT(m_workspace->state()->basis != old, wait);
    QVERIFY(isReady(*m_model));
    // The same state, in other coordinates.
    const TeleportRecord& record = *m_workspace->state()->teleports[0];
    QCOMPARE(m_model->shownId(), record.id);
    const VectorD expected = scoresOf(*m_workspace->state()->basis, record.result.request.state, 3);
    QCOMPARE(m_model->target(), expected);
    QVERIFY((VectorD(m_model->teleportedPath().row(0)) - expected).norm() < 1e-6 * expected.norm());
}

void TestViewmodelsTeleport::savedAsTheCommandLineDoes() {
    m_model->setControls(5);
    QVERIFY(drag(*m_model, 1));
    const auto id = m_model->shownId();
    QVERIFY(m_workspace->files().hasUnsaved());
    const QString file = m_folder.filePath("teleport.h5");
    QSignalSpy saved(&m_workspace->files(), &FileKeeper::saved);
    m_workspace->files().saveTeleport(id, file, false);
    QTRY_COMPARE_WITH_TIMEOUT(saved.size(), 1, wait);
    QVERIFY(!m_workspace->files().hasUnsaved());
    const TeleportFile stored = readTeleportFile(file.toStdString());
    const auto full = m_model->result();
    QCOMPARE(stored.result.teleported.states.data, full->teleported.states.data);
    QCOMPARE(stored.result.measures.distance, full->measures.distance);
    QCOMPARE(stored.result.controlDistance, full->controlDistance);
    QCOMPARE(stored.tokenIds, m_workspace->state()->teleports.back()->sample.tokenIds);
    QVERIFY(!stored.shownTexts.empty());

    QSignalSpy failed(m_workspace.get(), &Workspace::failed);
    m_workspace->files().saveTeleport(id, file, false);  // it is there
    QTRY_COMPARE_WITH_TIMEOUT(failed.size(), 1, wait);
    m_workspace->files().saveTeleport(999, file, true);
    QCOMPARE(failed.size(), 2);
}

void TestViewmodelsTeleport::commandOfATeleport() {
    QVERIFY(drag(*m_model, 1));
    const TeleportRecord& record = *m_workspace->state()->teleports.back();
    const QString command = commandOf(*m_workspace, record.id);
    const QString line = command.section('\n', -1);
    QVERIFY2(line.startsWith("rheo teleport --model " + demoModel), qPrintable(line));
    QVERIFY(line.contains(" --point L10.attn_in "));
    QVERIFY(line.contains(" --basis trace.results.h5 "));
    // Coordinates that read back as the same numbers.
    const QString numbers = line.section("--to=", 1).section(' ', 0, 0);
    const QStringList parts = numbers.split(',');
    QCOMPARE(parts.size(), 3);
    for (int k = 0; k < 3; ++k) QCOMPARE(parts[k].toDouble(), record.target[k]);
    QCOMPARE(commandOf(*m_workspace, 12345), QString());
}

void TestViewmodelsTeleport::stopTakesEffect() {
    m_model->setControls(4096);
    m_model->moveTo(pushed(*m_model, 1));
    m_model->endDrag();
    QTRY_COMPARE_WITH_TIMEOUT(m_workspace->undoStack()->index(), 1, wait);
    QTest::qWait(100);  // in the middle of it
    QCOMPARE(m_model->state(), State::Settling);
    QElapsedTimer clock;
    clock.start();
    m_jobs->cancelAll();
    QVERIFY(isReady(*m_model));
    qInfo("stopped after %lld ms", clock.elapsed());
    QCOMPARE(m_model->result()->controlDistance.size(), Eigen::Index{0});
}

void TestViewmodelsTeleport::playingThroughDepth() {
    // The selection runs ahead of the model: only what it rests at has to be prepared.
    for (int p = 0; p < 65; ++p) {
        m_selection->selectPoint(PointIndex{p});
        QCoreApplication::processEvents();
    }
    QTRY_VERIFY_WITH_TIMEOUT(m_model->state() == State::Ready && m_model->point() == PointIndex{64}, wait);
    // There and back before anything was prepared.
    HeldLane lane(*m_jobs, Lane::Model);
    m_selection->selectPoint(PointIndex{10});
    QCOMPARE(m_model->state(), State::Preparing);
    m_selection->selectPoint(PointIndex{64});
    QCOMPARE(m_model->state(), State::Ready);
    lane.letGo();
    QTRY_VERIFY(m_jobs->isIdle());
    QCOMPARE(m_model->point(), PointIndex{64});
}

RHEO_TEST(TestViewmodelsTeleport)
#include "test_viewmodels_teleport.moc"
