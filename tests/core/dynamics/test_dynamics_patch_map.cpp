// Patch maps: every cell beside a forward pass of its own, and the cells whose value is known.
#include <Eigen/QR>
#include <QtTest>
#include <cmath>

#include "core/dynamics/patch_map.h"
#include "core/dynamics/teleport_result.h"
#include "core/dynamics/unembedding.h"
#include "reference.h"
#include "tests/refused.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;

namespace {

/// Outcomes of two ways to compute the same cell, in shares of the range between the runs (or of the outcome
/// itself, where that is larger): float32 rounding in other shapes.
constexpr double tolerance = 1e-4;

std::vector<std::int32_t> prompt(const Model& model, int length, int salt) {
    std::vector<std::int32_t> ids;
    for (int i = 0; i < length; ++i)
        ids.push_back(static_cast<std::int32_t>((i * 37 + salt * 101 + 5) % model.config().vocabulary));
    return ids;
}

/// Logits of the token after `ids`, with one state replaced.
VectorF logitsWith(const Model& model, const std::vector<std::int32_t>& ids, std::vector<StateEdit> edits) {
    ForwardRequest request;
    request.ids = {ids};
    request.positions = {{static_cast<std::int32_t>(ids.size()) - 1}};
    request.states = false;
    request.logits = true;
    request.edits = {std::move(edits)};
    Progress progress;
    return model.forward(request, progress).logits.row(0).transpose();
}

double outcomeOf(const PatchRequest& request, const VectorF& clean, const VectorF& logits) {
    switch (request.outcome) {
        case PatchOutcome::Probability: return softmax(logits)[request.answer];
        case PatchOutcome::Kl: return klOfLogits(clean, logits);
        case PatchOutcome::LogitDifference: break;
    }
    return static_cast<double>(logits[request.answer]) - static_cast<double>(logits[request.foil]);
}

/// Two prompts that differ in tokens 2 and 4.
PatchRequest pairOf(const Model& model, PatchOutcome outcome) {
    PatchRequest request;
    request.clean = prompt(model, 8, 1);
    request.corrupted = request.clean;
    request.corrupted[2] = (request.clean[2] + 7) % static_cast<std::int32_t>(model.config().vocabulary);
    request.corrupted[4] = (request.clean[4] + 9) % static_cast<std::int32_t>(model.config().vocabulary);
    request.outcome = outcome;
    request.answer = outcome == PatchOutcome::Kl ? -1 : 3;
    request.foil = outcome == PatchOutcome::LogitDifference ? 8 : -1;
    return request;
}

}  // namespace

class TestDynamicsPatchMap : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() {
        m_demo = loadModel(RHEO_RESOURCES "/demo-model");
        m_small = loadModel(RHEO_FIXTURES "/models/gpt2/model");
        m_last = static_cast<std::int64_t>(m_small->points().size()) - 1;
    }
    void cellsAreRunsOfTheirOwn_data();
    void cellsAreRunsOfTheirOwn();
    void lastTokenAtTheEndIsTheCleanRun_data();
    void lastTokenAtTheEndIsTheCleanRun();
    void sharedPrefixChangesNothing();
    void equalPromptsHaveNoShare();
    void otherLengthsAreAlignedFromTheEnd();
    void alignmentByHand();
    void longPromptsInManyBatches();
    void alongDirectionsAlone();
    void tokenLogitsAreThoseOfTheModel_data() { addFixtures(); }
    void tokenLogitsAreThoseOfTheModel();
    void forecastAndCancel();
    void refusals();

private:
    static void addFixtures() {
        QTest::addColumn<QString>("folder");
        for (const Fixture& fixture : fixtures())
            QTest::newRow(fixture.name.c_str()) << QString::fromStdString(fixture.folder.string());
    }
    void compareCells(const Model& model, const PatchMap& map, const std::vector<std::int32_t>& tokens,
                      const std::vector<std::int64_t>& points) const;
    std::shared_ptr<const Model> m_demo, m_small;
    std::int64_t m_last = 0;  ///< the final point of m_small
};

/// Every cell named, by a whole forward pass with one edit, whose state comes from a whole clean pass.
void TestDynamicsPatchMap::compareCells(const Model& model, const PatchMap& map,
                                        const std::vector<std::int32_t>& tokens,
                                        const std::vector<std::int64_t>& points) const {
    Progress progress;
    const PatchRequest& request = map.request;
    const VectorF cleanLogits = logitsWith(model, request.clean, {});
    const VectorF corruptedLogits = logitsWith(model, request.corrupted, {});
    const double clean = outcomeOf(request, cleanLogits, cleanLogits),
                 corrupted = outcomeOf(request, cleanLogits, corruptedLogits);
    const double scale = std::max(std::abs(clean - corrupted), 1e-3 * std::abs(clean));
    QVERIFY(std::abs(map.clean - clean) < tolerance * scale);
    QVERIFY(std::abs(map.corrupted - corrupted) < tolerance * scale);
    const auto context = model.prepare(request.clean, progress);
    for (const std::int32_t t : tokens)
        for (const std::int64_t p : points) {
            const std::int32_t from = request.cleanToken[static_cast<std::size_t>(t)];
            const StateEdit edit =
                setState(PointIndex{p}, t, model.naturalState(*context, PointIndex{p}, from));
            const double effect =
                outcomeOf(request, cleanLogits, logitsWith(model, request.corrupted, {edit}));
            QVERIFY2(std::abs(map.effect(t, p) - effect) < tolerance * scale,
                     qPrintable(QString("token %1, point %2: %3 and %4")
                                    .arg(t)
                                    .arg(p)
                                    .arg(map.effect(t, p))
                                    .arg(effect)));
            QVERIFY(std::abs(map.normalized(t, p) - (effect - corrupted) / (clean - corrupted)) <
                    2 * tolerance * scale / std::abs(clean - corrupted));
        }
}

void TestDynamicsPatchMap::cellsAreRunsOfTheirOwn_data() {
    QTest::addColumn<QString>("folder");
    QTest::addColumn<int>("outcome");
    for (const char* name : {"gpt2", "gpt_neox-parallel", "gemma2", "olmo2"})
        for (int outcome = 0; outcome < 3; ++outcome)
            QTest::addRow("%s %d", name, outcome)
                << QString(RHEO_FIXTURES "/models/%1/model").arg(name) << outcome;
}

void TestDynamicsPatchMap::cellsAreRunsOfTheirOwn() {
    QFETCH(QString, folder);
    QFETCH(int, outcome);
    const auto model = loadModel(folder.toStdString());
    Progress progress;
    const PatchMap map = patchMap(*model, pairOf(*model, static_cast<PatchOutcome>(outcome)), progress);
    std::vector<std::int64_t> points(model->points().size());
    for (std::size_t p = 0; p < points.size(); ++p) points[p] = static_cast<std::int64_t>(p);
    QCOMPARE(map.effect.cols(), static_cast<Eigen::Index>(points.size()));
    compareCells(*model, map, {0, 1, 2, 3, 4, 5, 6, 7}, points);
}

void TestDynamicsPatchMap::lastTokenAtTheEndIsTheCleanRun_data() {
    QTest::addColumn<int>("outcome");
    for (int outcome = 0; outcome < 3; ++outcome) QTest::addRow("%d", outcome) << outcome;
}

void TestDynamicsPatchMap::lastTokenAtTheEndIsTheCleanRun() {
    QFETCH(int, outcome);
    Progress progress;
    const PatchMap map = patchMap(*m_demo, pairOf(*m_demo, static_cast<PatchOutcome>(outcome)), progress);
    const double share = map.normalized(7, map.normalized.cols() - 1);
    QVERIFY2(std::abs(share - 1) <= 1e-6, qPrintable(QString::number(share - 1)));
    // What other tokens hold at the last point reaches nobody.
    for (int t = 0; t < 7; ++t) QVERIFY(std::abs(map.normalized(t, map.normalized.cols() - 1)) <= 1e-6);
}

// Tokens 0 and 1 are the same in both prompts, so their states are too: patched with themselves.
void TestDynamicsPatchMap::sharedPrefixChangesNothing() {
    Progress progress;
    for (int outcome = 0; outcome < 3; ++outcome) {
        const PatchMap map =
            patchMap(*m_small, pairOf(*m_small, static_cast<PatchOutcome>(outcome)), progress);
        for (int t = 0; t < 2; ++t)
            for (Eigen::Index p = 0; p < map.effect.cols(); ++p) {
                QCOMPARE(map.normalized(t, p), 0.0);
                QVERIFY(map.effect(t, p) == map.corrupted);
            }
    }
}

void TestDynamicsPatchMap::equalPromptsHaveNoShare() {
    Progress progress;
    PatchRequest request = pairOf(*m_small, PatchOutcome::Probability);
    request.corrupted = request.clean;
    const PatchMap map = patchMap(*m_small, request, progress);
    QVERIFY((map.effect.array() == map.corrupted).all());
    QCOMPARE(map.clean, map.corrupted);
    QVERIFY(map.normalized.array().isNaN().all());
}

void TestDynamicsPatchMap::otherLengthsAreAlignedFromTheEnd() {
    QVERIFY((alignedFromEnd(3, 5) == std::vector<std::int32_t>{-1, -1, 0, 1, 2}));
    QVERIFY((alignedFromEnd(5, 3) == std::vector<std::int32_t>{2, 3, 4}));
    Progress progress;
    PatchRequest request = pairOf(*m_small, PatchOutcome::LogitDifference);
    request.clean.erase(request.clean.begin());
    PatchMap map = patchMap(*m_small, request, progress);
    QVERIFY(map.effect.row(0).array().isNaN().all());
    compareCells(*m_small, map, {1, 4, 7}, {0, 1, 3, m_last});
    request.clean.insert(request.clean.begin(), {9, 10, 11});
    map = patchMap(*m_small, request, progress);
    compareCells(*m_small, map, {0, 4, 7}, {0, 1, 3, m_last});
}

void TestDynamicsPatchMap::alignmentByHand() {
    Progress progress;
    PatchRequest request = pairOf(*m_small, PatchOutcome::LogitDifference);
    request.cleanToken = {-1, 0, 5, -1, 4, 7, -1, 2};
    const PatchMap map = patchMap(*m_small, request, progress);
    for (const int t : {0, 3, 6}) QVERIFY(map.effect.row(t).array().isNaN().all());
    compareCells(*m_small, map, {1, 2, 4, 5, 7}, {0, 2, m_last});
}

void TestDynamicsPatchMap::longPromptsInManyBatches() {
    Progress progress;
    PatchRequest request = pairOf(*m_small, PatchOutcome::LogitDifference);
    request.clean = prompt(*m_small, 50, 1);
    request.corrupted = prompt(*m_small, 50, 2);
    request.corrupted[0] = request.clean[0];
    const PatchMap map = patchMap(*m_small, request, progress);
    compareCells(*m_small, map, {1, 25, 49}, {0, 3, m_last});
}

/// Cells beside whole forward passes whose edit is projected here with a projector of another make, from a QR
/// of the directions.
void TestDynamicsPatchMap::alongDirectionsAlone() {
    Progress progress;
    PatchRequest request = pairOf(*m_small, PatchOutcome::LogitDifference);
    const auto units = static_cast<Eigen::Index>(m_small->config().dModel);
    const PatchMap whole = patchMap(*m_small, request, progress);
    // All directions together are the whole state.
    request.along = MatrixD::Identity(units, units);
    const double range = std::abs(whole.clean - whole.corrupted);
    QVERIFY((patchMap(*m_small, request, progress).effect - whole.effect).cwiseAbs().maxCoeff() <
            tolerance * range);

    MatrixD directions(2, units);
    for (Eigen::Index i = 0; i < units; ++i)
        directions.col(i) << std::sin(1.0 + 3.0 * i), std::cos(0.5 * i * i);
    directions.row(1) += 3 * directions.row(0);  // not orthogonal
    request.along = directions;
    const PatchMap map = patchMap(*m_small, request, progress);
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(directions.transpose());
    const Eigen::MatrixXd q = qr.householderQ() * Eigen::MatrixXd::Identity(units, 2);
    const auto clean = m_small->prepare(request.clean, progress),
               corrupted = m_small->prepare(request.corrupted, progress);
    int moved = 0;
    for (const std::int32_t t : {2, 4, 7})
        for (std::int64_t p = 0; p <= m_last; ++p) {
            const VectorF own = m_small->naturalState(*corrupted, PointIndex{p}, t),
                          other = m_small->naturalState(*clean, PointIndex{p}, t);
            const Eigen::VectorXd change = q * (q.transpose() * (other - own).cast<double>());
            const VectorF state = own + change.cast<float>();
            const double effect = outcomeOf(
                request, {}, logitsWith(*m_small, request.corrupted, {setState(PointIndex{p}, t, state)}));
            QVERIFY(std::abs(map.effect(t, p) - effect) < tolerance * range);
            moved += std::abs(map.effect(t, p) - whole.effect(t, p)) > 100 * tolerance * range;
        }
    QVERIFY(moved > 3);  // it is another map than that of whole states
    request.along = MatrixD::Ones(1, units + 1);
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { patchMap(*m_small, request, progress); }));
}

void TestDynamicsPatchMap::tokenLogitsAreThoseOfTheModel() {
    QFETCH(QString, folder);
    const auto model = loadModel(folder.toStdString());
    const VectorF all = logitsWith(*model, prompt(*model, 7, 4), {});
    Progress progress;
    const auto context = model->prepare(prompt(*model, 7, 4), progress);
    const VectorF state =
        model->naturalState(*context, PointIndex{static_cast<std::int64_t>(model->points().size()) - 1}, 6);
    const VectorD some = TokenLogits(*model, {0, 3, 11}).of(state);
    const VectorF expected = Eigen::Vector3f(all[0], all[3], all[11]);
    const VectorF found = some.cast<float>();
    const double rms = all.cast<double>().norm() / std::sqrt(static_cast<double>(all.size()));
    QVERIFY((found - expected).cwiseAbs().maxCoeff() < 3e-5 * rms);
}

void TestDynamicsPatchMap::forecastAndCancel() {
    int told = 0;
    double seconds = -1;
    Progress progress;
    patchMap(*m_demo, pairOf(*m_demo, PatchOutcome::LogitDifference), progress, [&](double left) {
        ++told;
        seconds = left;
    });
    QCOMPARE(told, 1);
    QVERIFY(seconds >= 0 && seconds < 600);
    std::stop_source stop;
    double fraction = 0;
    Progress stopped(stop.get_token(), [&](const ProgressReport& report) {
        fraction = report.fraction;
        if (report.fraction > 0.3) stop.request_stop();
    });
    QVERIFY_EXCEPTION_THROWN(patchMap(*m_demo, pairOf(*m_demo, PatchOutcome::Kl), stopped), Cancelled);
    QVERIFY(fraction > 0.3 && fraction < 0.6);
}

void TestDynamicsPatchMap::refusals() {
    Progress progress;
    const auto refuses = [&](auto change) {
        PatchRequest request = pairOf(*m_demo, PatchOutcome::LogitDifference);
        change(request);
        return refused(ErrorCode::InvalidArgument, [&] { patchMap(*m_demo, request, progress); });
    };
    QVERIFY(refuses([](PatchRequest& r) { r.clean.clear(); }));
    QVERIFY(refuses([](PatchRequest& r) { r.corrupted.clear(); }));
    QVERIFY(refuses([](PatchRequest& r) { r.clean[1] = 1 << 20; }));
    QVERIFY(refuses([](PatchRequest& r) { r.answer = -1; }));
    QVERIFY(refuses([](PatchRequest& r) { r.foil = 1 << 20; }));
    QVERIFY(refuses([](PatchRequest& r) { r.cleanToken = {0, 1}; }));
    QVERIFY(refuses([](PatchRequest& r) { r.cleanToken = {0, 1, 2, 3, 4, 5, 6, 8}; }));
}

RHEO_TEST(TestDynamicsPatchMap)
#include "test_dynamics_patch_map.moc"
