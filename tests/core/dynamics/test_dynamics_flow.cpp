// Flows and responses against size: beside single teleports, and the measures beside closed forms.
#include <QtTest>
#include <cmath>

#include "core/dynamics/flow.h"
#include "core/dynamics/response.h"
#include "core/dynamics/teleport.h"
#include "core/statistics/axes.h"
#include "reference.h"
#include "tests/refused.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;

namespace {

constexpr Eigen::Index units = 128;

VectorF randomVector(std::uint64_t seed) {
    return randomDirections(1, units, 1, seed, 7).row(0).transpose().cast<float>();
}

PcaBasis twoAxes(AxesFrame frame) {
    const VectorF a = randomVector(1), b = a + randomVector(2);
    return axesOf({{"a", a}, {"b", b}}, frame);
}

/// A flow whose scores after step 1 are a linear map of those before.
Flow linearFlow(const Eigen::Matrix2d& map, int columns, int rows) {
    Flow flow;
    flow.x = VectorD::LinSpaced(columns, -2, 4);
    flow.y = VectorD::LinSpaced(rows, 1, 3);
    flow.distance = MatrixD::Ones(columns * rows, 2);
    flow.scores = Array3<double>(columns * rows, 2, 2);
    flow.natural = MatrixD(2, 2);
    flow.natural << 1, 2, 1.5, 1.75;
    for (int i = 0; i < columns * rows; ++i) {
        const Eigen::Vector2d z(flow.x[i % columns], flow.y[i / columns]), after = map * z;
        std::copy(z.begin(), z.end(), flow.scores.at(i, 0));
        std::copy(after.begin(), after.end(), flow.scores.at(i, 1));
    }
    return flow;
}

}  // namespace

class TestDynamicsFlow : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() {
        m_demo = loadModel(RHEO_RESOURCES "/demo-model");
        Progress progress;
        m_context = m_demo->prepare(m_ids, progress);
    }
    void everyCellIsATeleport_data();
    void everyCellIsATeleport();
    void fieldOfALinearMap();
    void relativeTakesTheNaturalStepAway();
    void equalContractionBesideControls();
    void flowsAtSeveralPoints();
    void flowsThatCannotBe();
    void cancelledFlow();
    void responseBesideTeleports();
    void lineEndsInTheOtherState();
    void plateaus();
    void deviationIsOfTheTokensButTheFirst();
    void responsesThatCannotBe();

private:
    std::shared_ptr<const Model> m_demo;
    std::shared_ptr<const PromptContext> m_context;
    std::vector<std::int32_t> m_ids{5, 80, 33, 400, 12, 7};
};

void TestDynamicsFlow::everyCellIsATeleport_data() {
    QTest::addColumn<int>("frame");
    QTest::addColumn<int>("token");
    QTest::newRow("orthonormal, last token") << static_cast<int>(AxesFrame::Orthonormal) << 5;
    QTest::newRow("skew, last token") << static_cast<int>(AxesFrame::Skew) << 5;
    QTest::newRow("skew, an early token") << static_cast<int>(AxesFrame::Skew) << 2;
}

void TestDynamicsFlow::everyCellIsATeleport() {
    QFETCH(int, frame);
    QFETCH(int, token);
    Progress progress;
    const PcaBasis basis = twoAxes(static_cast<AxesFrame>(frame));
    FlowRequest request;
    request.point = PointIndex{6};
    request.token = token;
    request.columns = 5;
    request.rows = 3;
    request.extent = {8, 6};
    request.controls = 0;
    double forecast = -1;
    const Flow found = flow(*m_demo, *m_context, basis, request, progress, [&](double s) { forecast = s; });
    QVERIFY(forecast >= 0);
    QCOMPARE(found.cells(), 15);
    const VectorF h = m_demo->naturalState(*m_context, request.point, token);
    for (Eigen::Index cell = 0; cell < 15; ++cell) {
        const Eigen::Vector2d z(found.x[cell % 5], found.y[cell / 5]);
        TeleportRequest one;
        one.point = request.point;
        one.token = token;
        one.controls = 0;
        one.state = teleportState(TeleportMode::Shift, h, basis, z);
        const TeleportResult alone = teleport(*m_demo, *m_context, one, &basis, progress);
        const Eigen::Index last = found.points() - 1;
        // Kernels round differently for other shapes: 3e-5 of the RMS of a state, about 1 there.
        QVERIFY(std::abs(found.distance(cell, last) - alone.measures.distance[last]) < 1e-3);
        QVERIFY(std::abs(found.kl[cell] - alone.measures.kl) < 1e-4);
        QCOMPARE(found.likeliest[static_cast<std::size_t>(cell)],
                 topTokens(alone.teleported.logits, 1)[0].id);
        const VectorF end = Eigen::Map<const VectorF>(alone.teleported.states.at(0, last), units);
        const VectorD score = scoresOf(basis, end, 2);
        QVERIFY(std::abs(found.scores.at(cell, last)[0] - score[0]) < 1e-3);
        QVERIFY(std::abs(found.scores.at(cell, last)[1] - score[1]) < 1e-3);
        QVERIFY(std::abs(found.scores.at(cell, 0)[0] - z[0]) < 1e-4);
    }
    // The cell in the middle is the natural state, bit for bit.
    QVERIFY(found.distance.row(7).isZero(0));
    QCOMPARE(found.kl[7], 0.0);
    QCOMPARE(found.likeliest[7], found.naturalToken);
}

void TestDynamicsFlow::fieldOfALinearMap() {
    Eigen::Matrix2d map;
    map << 1.5, 0.25, -0.5, 0.75;
    const Flow flow = linearFlow(map, 7, 4);
    const FlowField field = flowField(flow, 1, false);
    for (Eigen::Index i = 0; i < 4; ++i)
        for (Eigen::Index j = 0; j < 7; ++j) {
            const Eigen::Vector2d z(flow.x[j], flow.y[i]), moved = map * z - z;
            QVERIFY(std::abs(field.across(i, j) - moved[0]) < 1e-12);
            QVERIFY(std::abs(field.up(i, j) - moved[1]) < 1e-12);
            // The trace of map - 1, edges included.
            QVERIFY(std::abs(field.divergence(i, j) - 0.25) < 1e-12);
        }
    QVERIFY(flowField(flow, 0, false).across.isZero(0));
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { flowField(flow, 2, false); }));
}

void TestDynamicsFlow::relativeTakesTheNaturalStepAway() {
    const Flow flow = linearFlow(Eigen::Matrix2d::Identity(), 3, 3);
    const FlowField field = flowField(flow, 1, true);
    QVERIFY((field.across.array() + 0.5).abs().maxCoeff() < 1e-12);
    QVERIFY((field.up.array() - 0.25).abs().maxCoeff() < 1e-12);
}

/// Contraction sums to the ratio of the distances at both ends, and controls are pushes of the same norm.
void TestDynamicsFlow::equalContractionBesideControls() {
    Progress progress;
    FlowRequest request;
    request.point = PointIndex{10};
    request.columns = 3;
    request.rows = 3;
    request.extent = {4, 4};
    request.controls = 3;
    const Flow found = flow(*m_demo, *m_context, twoAxes(AxesFrame::Orthonormal), request, progress);
    double mean = 0;
    for (Eigen::Index cell = 0; cell < 9; ++cell)
        if (cell != 4)
            mean += std::log(found.distance(cell, found.points() - 1) / found.distance(cell, 0)) / 8;
    QVERIFY(std::abs(found.contraction.sum() - mean) < 1e-9);
    QCOMPARE(found.controlContraction.rows(), 3);
    QCOMPARE(found.controlContraction.cols(), found.points() - 1);
    QVERIFY(found.controlContraction.allFinite());
    QVERIFY((found.controlContraction.row(0) - found.controlContraction.row(1)).norm() > 0);
}

/// Each is what a flow at that point alone is, bit for bit: they have the same shapes.
void TestDynamicsFlow::flowsAtSeveralPoints() {
    Progress progress;
    const PcaBasis basis = twoAxes(AxesFrame::Orthonormal);
    FlowRequest request;
    request.columns = request.rows = 3;
    request.extent = {5, 5};
    request.controls = 1;
    int forecasts = 0;
    const std::vector<PointIndex> points{PointIndex{4}, PointIndex{30}, PointIndex{61}};
    const auto flows =
        flowsAt(*m_demo, *m_context, basis, request, points, progress, [&](double) { ++forecasts; });
    QCOMPARE(flows.size(), std::size_t{3});
    QCOMPARE(forecasts, 1);
    for (std::size_t i = 0; i < 3; ++i) {
        request.point = points[i];
        const Flow alone = flow(*m_demo, *m_context, basis, request, progress);
        QCOMPARE(flows[i].request.point, points[i]);
        QCOMPARE(flows[i].scores.data, alone.scores.data);
        QCOMPARE(flows[i].contraction, alone.contraction);
        QCOMPARE(flows[i].controlContraction, alone.controlContraction);
    }
    QVERIFY(refused(ErrorCode::InvalidArgument,
                    [&] { flowsAt(*m_demo, *m_context, basis, request, {}, progress); }));
}

void TestDynamicsFlow::flowsThatCannotBe() {
    Progress progress;
    const PcaBasis basis = twoAxes(AxesFrame::Orthonormal);
    const auto refusedWith = [&](auto change) {
        FlowRequest request;
        change(request);
        return refused(ErrorCode::InvalidArgument,
                       [&] { flow(*m_demo, *m_context, basis, request, progress); });
    };
    QVERIFY(refusedWith([](FlowRequest& r) { r.axes = {0, 2}; }));
    QVERIFY(refusedWith([](FlowRequest& r) { r.axes = {1, 1}; }));
    QVERIFY(refusedWith([](FlowRequest& r) { r.columns = 1; }));
    QVERIFY(refusedWith([](FlowRequest& r) { r.token = 6; }));
    QVERIFY(refusedWith([](FlowRequest& r) { r.point = PointIndex{1000}; }));
    QVERIFY(refusedWith([](FlowRequest& r) { r.extent = {std::nan(""), 1}; }));
    PcaBasis scaled = basis;
    scaled.scaling = Scaling::Rms;
    QVERIFY(refused(ErrorCode::Unsupported, [&] { flow(*m_demo, *m_context, scaled, {}, progress); }));
}

void TestDynamicsFlow::cancelledFlow() {
    std::stop_source stop;
    Progress progress(stop.get_token());
    stop.request_stop();
    QVERIFY_THROWS_EXCEPTION(Cancelled,
                             flow(*m_demo, *m_context, twoAxes(AxesFrame::Skew), FlowRequest(), progress));
}

void TestDynamicsFlow::responseBesideTeleports() {
    Progress progress;
    ResponseRequest request;
    request.point = PointIndex{8};
    request.token = 3;
    request.direction = 5 * randomVector(4);
    request.unit = 2;
    request.largest = 3;
    request.steps = 2;
    request.controls = 2;
    const Response found = response(*m_demo, *m_context, request, progress);
    QVERIFY((found.sizes - Eigen::VectorXd::LinSpaced(5, -3, 3)).norm() < 1e-12);
    QVERIFY(std::abs(found.length - 2) < 1e-12);
    QCOMPARE(found.distance[2], 0.0);  // a push of 0 is the natural path
    QCOMPARE(found.kl[2], 0.0);
    QVERIFY(std::isnan(found.relative[2]) && found.controlDistance.col(2).isZero(0));
    const VectorF h = m_demo->naturalState(*m_context, request.point, 3);
    for (const Eigen::Index i : {0, 1, 3, 4}) {
        TeleportRequest one;
        one.point = request.point;
        one.token = 3;
        one.controls = 0;
        one.state = (h.cast<double>() + found.sizes[i] * 2 * request.direction.cast<double>().normalized())
                        .cast<float>();
        const auto alone = teleport(*m_demo, *m_context, one, nullptr, progress).measures;
        const double distance = alone.distance[alone.distance.size() - 1];
        QVERIFY(std::abs(found.distance[i] - distance) < 1e-3);
        QVERIFY(std::abs(found.relative[i] - distance / (2 * std::abs(found.sizes[i]))) < 1e-3);
        QVERIFY(std::abs(found.kl[i] - alone.kl) < 1e-4);
    }
    QCOMPARE(found.sides.size(), std::size_t{2});
    QCOMPARE(found.sides[0].name, std::string("+"));
    QCOMPARE(found.sides[1].controls.size(), std::size_t{2});
}

void TestDynamicsFlow::lineEndsInTheOtherState() {
    Progress progress;
    const auto other = m_demo->prepare(std::vector<std::int32_t>{9, 44, 71}, progress);
    ResponseRequest request;
    request.point = PointIndex{8};
    request.target = m_demo->naturalState(*other, request.point, 2);
    request.steps = 4;
    request.controls = 0;
    const Response found = response(*m_demo, *m_context, request, progress);
    QVERIFY((found.sizes - Eigen::VectorXd::LinSpaced(5, 0, 1)).norm() < 1e-12);
    const VectorF h = m_demo->naturalState(*m_context, request.point, 5);
    QVERIFY(std::abs(found.length - (request.target - h).cast<double>().norm()) < 1e-6);
    TeleportRequest one;
    one.point = request.point;
    one.controls = 0;
    one.state = request.target;
    const auto end = teleport(*m_demo, *m_context, one, nullptr, progress);
    QVERIFY(std::abs(found.distance[4] - end.measures.distance[end.measures.distance.size() - 1]) < 1e-3);
    QCOMPARE(found.likeliest.back(), topTokens(end.teleported.logits, 1)[0].id);
    request.target = h;
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { response(*m_demo, *m_context, request, progress); }));
}

void TestDynamicsFlow::plateaus() {
    const VectorD sizes = VectorD::LinSpaced(11, 0, 2);
    const Plateau even = plateauOf(sizes, 3 * sizes);
    QVERIFY(std::abs(even.width - 0.2) < 1e-12 && std::abs(even.flatness - 1) < 1e-12);
    QVERIFY(std::abs(even.slope - 1) < 1e-12);
    // Nothing until 1, then all at once: the tenth is reached within the jump from 1 to 1.2.
    VectorD jump = VectorD::Zero(11);
    jump.tail(5).setConstant(4);
    const Plateau steep = plateauOf(sizes, jump);
    QVERIFY(std::abs(steep.width - 1.02) < 1e-12);
    QVERIFY(std::abs(steep.steepest - 1.1) < 1e-12);
    QVERIFY(std::abs(steep.slope - 10) < 1e-12 && std::abs(steep.flatness - 5.1) < 1e-12);
    QVERIFY(std::isnan(plateauOf(sizes, VectorD::Zero(11)).width));
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { plateauOf(sizes, VectorD::Zero(3)); }));
}

void TestDynamicsFlow::deviationIsOfTheTokensButTheFirst() {
    const VectorF direction = randomVector(6);
    VectorD along(5);
    for (int t = 1; t < 6; ++t)
        along[t - 1] = direction.cast<double>().normalized().dot(
            m_demo->naturalState(*m_context, PointIndex{4}, t).cast<double>());
    const double expected = std::sqrt((along.array() - along.mean()).square().sum() / 4);
    QVERIFY(std::abs(deviationAlong(*m_demo, *m_context, PointIndex{4}, 4 * direction) - expected) < 1e-9);
}

void TestDynamicsFlow::responsesThatCannotBe() {
    Progress progress;
    const auto refusedWith = [&](auto change) {
        ResponseRequest request;
        request.direction = randomVector(1);
        change(request);
        return refused(ErrorCode::InvalidArgument, [&] { response(*m_demo, *m_context, request, progress); });
    };
    QVERIFY(refusedWith([](ResponseRequest& r) { r.direction.setZero(); }));
    QVERIFY(refusedWith([](ResponseRequest& r) { r.direction.resize(3); }));
    QVERIFY(refusedWith([](ResponseRequest& r) { r.target = r.direction; }));
    QVERIFY(refusedWith([](ResponseRequest& r) { r.direction.resize(0); }));
    QVERIFY(refusedWith([](ResponseRequest& r) { r.unit = 0; }));
    QVERIFY(refusedWith([](ResponseRequest& r) { r.steps = 1; }));
    QVERIFY(refusedWith([](ResponseRequest& r) { r.token = 6; }));
}

RHEO_TEST(TestDynamicsFlow)
#include "test_dynamics_flow.moc"
