// Edits of states: each operation against its formula, in a batch and alone, with the cache and without; and
// how tokens are drawn.
#include <QtTest>
#include <bit>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/model/edit_table.h"
#include "reference.h"
#include "tests/refused.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;

namespace {

/// Rows run in other shapes round differently; nothing else may differ.
constexpr double tolerance = 1.5e-5;
constexpr std::int64_t endless = std::numeric_limits<std::int64_t>::max();

std::vector<std::int32_t> prompt(const Model& model, int length, int salt) {
    std::vector<std::int32_t> ids;
    for (int i = 0; i < length; ++i)
        ids.push_back(static_cast<std::int32_t>((i * 37 + salt * 101 + 5) % model.config().vocabulary));
    return ids;
}

VectorF randomVector(std::int64_t units, std::uint64_t seed, double size) {
    RandomStream random(seed);
    VectorF v(units);
    for (float& x : v) x = static_cast<float>(size * random.normal());
    return v;
}

ForwardResult runEdited(const Model& model, const std::vector<std::vector<std::int32_t>>& prompts,
                        const std::vector<std::vector<StateEdit>>& edits) {
    ForwardRequest request;
    request.ids = prompts;
    for (const auto& ids : prompts) {
        request.positions.emplace_back();
        for (std::size_t i = 0; i < ids.size(); ++i)
            request.positions.back().push_back(static_cast<std::int32_t>(i));
    }
    request.logits = true;
    request.edits = edits;
    Progress progress;
    return model.forward(request, progress);
}

bool sameBits(std::span<const float> a, std::span<const float> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
        return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
    });
}

double worst(const Array3F& a, std::int64_t row, const Array3F& b, std::int64_t other, std::int64_t from) {
    double error = 0;
    for (std::int64_t p = from; p < b.n1; ++p)
        error = std::max(error, relativeError(a.at(row, p), b.at(other, p), b.n2));
    return error;
}

/// What an operation should give, written down anew, with Eigen.
VectorD expected(const std::string& operation, const VectorD& h, const VectorD& v, double s) {
    if (operation == "set") return h + s * (v - h);
    if (operation == "add") return h + s * v;
    if (operation == "scale" && v.size() == 0) return s * h;
    const VectorD u = v.normalized();
    if (operation == "project_out") return h - s * h.dot(u) * u;
    if (operation == "keep_only") return (1 - s) * h + s * h.dot(u) * u;
    return h + (s - 1) * h.dot(u) * u;  // scale
}

}  // namespace

class TestModelEdits : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { m_demo = loadModel(RHEO_RESOURCES "/demo-model"); }
    void operationsAreTheirFormulas_data() { addFixtures(); }
    void operationsAreTheirFormulas();
    void neutralStrengthChangesNoBit_data();
    void neutralStrengthChangesNoBit();
    void batchDoesNotChangeRows_data() { addFixtures(); }
    void batchDoesNotChangeRows();
    void editsOfOnePointFollowEachOther();
    void leftOutRowsChangeNothing();
    void setIsATeleport();
    void cacheDoesNotChangeTokens_data() { addFixtures(); }
    void cacheDoesNotChangeTokens();
    void bfloat16IsRoundedOnce();
    void lastStatesWithoutAllStates();
    void refusals();
    void samplingFollowsTheProbabilities();
    void topPKeepsTheFewestTokens();

private:
    static void addFixtures() {
        QTest::addColumn<QString>("folder");
        for (const Fixture& fixture : fixtures())
            QTest::newRow(fixture.name.c_str()) << QString::fromStdString(fixture.folder.string());
    }
    static std::shared_ptr<const Model> fetched() {
        QFETCH(QString, folder);
        return loadModel(folder.toStdString());
    }
    std::shared_ptr<const Model> m_demo;
};

// At the edited token and point: the formula. Before it nothing changes; after it the network carries on what
// was put there, which a teleport of the expected state shows.
void TestModelEdits::operationsAreTheirFormulas() {
    const auto model = fetched();
    Progress progress;
    const auto ids = prompt(*model, 9, 1);
    const auto units = model->config().dModel;
    const auto points = static_cast<std::int64_t>(model->points().size());
    const ForwardResult natural = runEdited(*model, {ids}, {});
    const auto context = model->prepare(ids, progress);
    for (const EditOperation& operation : editOperations())
        for (const auto& [token, p] :
             {std::pair<int, std::int64_t>{4, points / 2}, {0, 1}, {8, points - 1}}) {
            const Eigen::Map<const VectorF> h(natural.states.at(token, p), units);
            const double size = h.cast<double>().norm() / std::sqrt(static_cast<double>(units));
            StateEdit edit{
                &operation, PointIndex(p), {{token, token + 1}}, randomVector(units, 3, size), 0.7};
            if (operation.vector == VectorUse::Optional && token == 4) edit.vector.resize(0);
            const VectorF wanted =
                expected(std::string(operation.name), h.cast<double>(), edit.vector.cast<double>(), 0.7)
                    .cast<float>();
            const ForwardResult edited = runEdited(*model, {ids}, {{edit}});
            const Eigen::Map<const VectorF> found(edited.states.at(token, p), units);
            QVERIFY2((found - wanted).cwiseAbs().maxCoeff() <= 1e-6 * size, operation.name.data());
            for (std::int64_t t = 0; t < token; ++t)
                for (std::int64_t q = 0; q < points; ++q)
                    // An expert multiplies the rows that chose it together: of more or fewer, other last
                    // bits.
                    QVERIFY(model->config().experts
                                ? relativeError(edited.states.at(t, q), natural.states.at(t, q), units) <
                                      tolerance
                                : sameBits(edited.states.line(t, q), natural.states.line(t, q)));
            const Continuation teleport =
                model->resume(*context, PointIndex(p), token, wanted.transpose(), true, progress);
            for (std::int64_t t = token; t < 9; ++t)
                for (std::int64_t q = p; q < points; ++q)
                    QVERIFY2(relativeError(edited.states.at(t, q), teleport.states[0].at(t - token, q - p),
                                           units) < tolerance,
                             operation.name.data());
        }
}

void TestModelEdits::neutralStrengthChangesNoBit_data() {
    QTest::addColumn<QString>("operation");
    for (const EditOperation& operation : editOperations())
        QTest::newRow(operation.name.data()) << QString::fromUtf8(operation.name.data());
}

void TestModelEdits::neutralStrengthChangesNoBit() {
    QFETCH(QString, operation);
    const EditOperation* found = findOperation(operation.toStdString());
    QVERIFY(found != nullptr);
    const auto ids = prompt(*m_demo, 12, 2);
    const StateEdit edit{found, PointIndex(3), {{0, endless}}, randomVector(128, 5, 10), found->neutral};
    const ForwardResult natural = runEdited(*m_demo, {ids}, {});
    const ForwardResult edited = runEdited(*m_demo, {ids}, {{edit}});
    QVERIFY(sameBits(natural.states.data, edited.states.data));
    QVERIFY(natural.logits == edited.logits);
}

void TestModelEdits::batchDoesNotChangeRows() {
    const auto model = fetched();
    const auto units = model->config().dModel;
    std::vector<std::vector<std::int32_t>> prompts;
    std::vector<std::vector<StateEdit>> edits;
    for (const int length : {7, 1, 12, 7, 3}) {
        prompts.push_back(prompt(*model, length, length));
        const auto n = static_cast<std::uint64_t>(edits.size());
        // The first token of some, all of others, none of one.
        edits.emplace_back();
        if (n != 2)
            edits.back().push_back({findOperation(n % 2 == 0 ? "add" : "set"),
                                    PointIndex(1),
                                    {{0, n == 0 ? 1 : endless}},
                                    randomVector(units, n, 1),
                                    1});
        edits.back().push_back({findOperation("project_out"),
                                PointIndex(2),
                                {{length - 1, endless}},
                                randomVector(units, n + 10, 1),
                                1});
    }
    const ForwardResult batch = runEdited(*model, prompts, edits);
    std::int64_t first = 0;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        const ForwardResult alone = runEdited(*model, {prompts[i]}, {edits[i]});
        for (std::int64_t row = 0; row < alone.states.n0; ++row)
            QVERIFY(worst(batch.states, first + row, alone.states, row, 0) < tolerance);
        first += alone.states.n0;
    }
}

void TestModelEdits::editsOfOnePointFollowEachOther() {
    const auto ids = prompt(*m_demo, 6, 3);
    const VectorF a = randomVector(128, 1, 2), b = randomVector(128, 2, 2);
    const StateEdit set = setState(PointIndex(4), 3, a);
    const StateEdit add{findOperation("add"), PointIndex(4), {{0, endless}}, b, 2};
    const ForwardResult after = runEdited(*m_demo, {ids}, {{set, add}});
    const ForwardResult before = runEdited(*m_demo, {ids}, {{add, set}});
    const Eigen::Map<const VectorF> sum(after.states.at(3, 4), 128), alone(before.states.at(3, 4), 128);
    QVERIFY((sum - (a + 2 * b)).cwiseAbs().maxCoeff() < 1e-5);
    QVERIFY(alone == a);
}

// The last block leaves rows out that nothing reads: an edit there must not reach other rows.
void TestModelEdits::leftOutRowsChangeNothing() {
    const auto ids = prompt(*m_demo, 8, 4);
    const auto last = static_cast<std::int64_t>(m_demo->points().size()) - 1;
    for (const std::int64_t p : {last, last - 1, last - 2}) {
        const StateEdit edit{
            findOperation("add"), PointIndex(p), {{0, 2}, {6, endless}}, randomVector(128, 7, 3), 1};
        const ForwardResult all = runEdited(*m_demo, {ids}, {{edit}});
        ForwardRequest request;
        request.ids = {ids};
        request.positions = {{0, 5, 7}};
        request.logits = true;
        request.edits = {{edit}};
        Progress progress;
        const ForwardResult some = m_demo->forward(request, progress);
        for (int i = 0; i < 3; ++i)
            QVERIFY(worst(some.states, i, all.states, request.positions[0][static_cast<std::size_t>(i)], 0) <
                    tolerance);
    }
}

void TestModelEdits::setIsATeleport() {
    Progress progress;
    const auto context = m_demo->prepare(prompt(*m_demo, 10, 5), progress);
    const VectorF state = randomVector(128, 9, 4);
    const Continuation teleport =
        m_demo->resume(*context, PointIndex(5), 6, state.transpose(), true, progress);
    ContinueRequest request;
    request.point = PointIndex(5);
    request.token = 6;
    request.edits = {{setState(PointIndex(5), 6, state)}};
    const Continuation edited = m_demo->continueFrom(*context, request, progress);
    QVERIFY(sameBits(teleport.states[0].data, edited.states[0].data));
    QVERIFY(teleport.logits == edited.logits);
    QVERIFY(sameBits(edited.states[0].line(0, 0), {state.data(), 128}));
}

void TestModelEdits::cacheDoesNotChangeTokens() {
    const auto model = fetched();
    const auto units = model->config().dModel;
    const auto points = static_cast<std::int64_t>(model->points().size());
    Progress progress;
    GenerateRequest request;
    request.ids = prompt(*model, 9, 6);
    request.count = 12;
    const auto natural = model->generate(request, progress);
    const auto context = model->prepare(request.ids, progress);
    const double size = model->naturalState(*context, PointIndex(points / 2), 5).cast<double>().norm() /
                        std::sqrt(static_cast<double>(units));
    int changed = 0;
    for (const TokenSpan span : {TokenSpan{0, endless}, {9, endless}, {8, 9}, {3, endless}, {0, 1}}) {
        request.edits = {
            {findOperation("add"), PointIndex(points / 2), {span}, randomVector(units, 3, 1), 3 * size},
            {findOperation("project_out"), PointIndex(1), {span}, randomVector(units, 4, 1), 1}};
        request.useCache = true;
        const auto cached = model->generate(request, progress);
        request.useCache = false;
        QVERIFY(cached == model->generate(request, progress));
        changed += cached != natural ? 1 : 0;
        request.edits[0].strength = request.edits[1].strength = 0;
        for (const bool useCache : {true, false}) {
            request.useCache = useCache;
            QVERIFY(model->generate(request, progress) == natural);
        }
    }
    QVERIFY(changed >= 1);
}

void TestModelEdits::bfloat16IsRoundedOnce() {
    const auto model = loadModel(RHEO_RESOURCES "/demo-model", DType::BFloat16);
    const auto ids = prompt(*model, 6, 7);
    const VectorF v = randomVector(128, 11, 3);
    const ForwardResult natural = runEdited(*model, {ids}, {});
    const StateEdit edit{findOperation("add"), PointIndex(4), {{0, endless}}, v, 0.5};
    const ForwardResult edited = runEdited(*model, {ids}, {{edit}});
    for (int t = 0; t < 6; ++t)
        for (int u = 0; u < 128; ++u) {
            const auto exact = static_cast<float>(double(natural.states.at(t, 4)[u]) + 0.5 * double(v[u]));
            const auto bits = std::bit_cast<std::uint32_t>(exact);
            QCOMPARE(edited.states.at(t, 4)[u],
                     std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000U));
        }
    GenerateRequest request;
    request.ids = ids;
    request.count = 8;
    request.edits = {edit};
    Progress progress;
    const auto cached = model->generate(request, progress);
    QCOMPARE(cached.size(), std::size_t{8});
}

void TestModelEdits::lastStatesWithoutAllStates() {
    Progress progress;
    const auto context = m_demo->prepare(prompt(*m_demo, 11, 8), progress);
    ContinueRequest request;
    request.point = PointIndex(6);
    request.token = 4;
    for (int t = 4; t < 11; ++t)
        request.edits.push_back(
            {setState(PointIndex(6), t, randomVector(128, static_cast<std::uint64_t>(t), 3))});
    request.lastState = true;
    const Continuation all = m_demo->continueFrom(*context, request, progress);
    request.states = false;
    const Continuation last = m_demo->continueFrom(*context, request, progress);
    QVERIFY(last.states.empty());
    for (std::size_t i = 0; i < request.edits.size(); ++i) {
        const auto row = static_cast<Eigen::Index>(i);
        const Array3F& states = all.states[i];
        QVERIFY(sameBits(states.line(states.n0 - 1, states.n1 - 1), {all.lastState.row(row).data(), 128}));
        QVERIFY(relativeError(last.lastState.row(row).data(), all.lastState.row(row).data(), 128) <
                tolerance);
        QVERIFY(relativeError(last.logits.row(row).data(), all.logits.row(row).data(), all.logits.cols()) <
                tolerance);
    }
}

void TestModelEdits::refusals() {
    const auto ids = prompt(*m_demo, 4, 1);
    const VectorF v = VectorF::Ones(128);
    const StateEdit good{findOperation("add"), PointIndex(2), {{0, 1}}, v, 1};
    const auto refuses = [&](auto change) {
        StateEdit edit = good;
        change(edit);
        return refused(ErrorCode::InvalidArgument, [&] { runEdited(*m_demo, {ids}, {{edit}}); });
    };
    QVERIFY(!refuses([](StateEdit&) {}));
    QVERIFY(refuses([](StateEdit& e) { e.operation = nullptr; }));
    QVERIFY(refuses([](StateEdit& e) { e.point = PointIndex(1000); }));
    QVERIFY(refuses([](StateEdit& e) { e.point = PointIndex(-1); }));
    QVERIFY(refuses([](StateEdit& e) { e.tokens = {{-1, 2}}; }));
    QVERIFY(refuses([](StateEdit& e) { e.tokens = {{3, 2}}; }));
    QVERIFY(refuses([](StateEdit& e) { e.vector.resize(5); }));
    QVERIFY(refuses([](StateEdit& e) { e.vector.resize(0); }));
    QVERIFY(refuses([](StateEdit& e) { e.vector[3] = std::nanf(""); }));
    QVERIFY(refuses([](StateEdit& e) { e.strength = std::nan(""); }));
    QVERIFY(refuses([](StateEdit& e) {
        e.operation = findOperation("project_out");
        e.vector.setZero();
    }));
    QVERIFY(findOperation("multiply") == nullptr);
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { runEdited(*m_demo, {ids}, {{good}, {good}}); }));
    Progress progress;
    const auto context = m_demo->prepare(ids, progress);
    ContinueRequest request;
    request.edits = {{good}};
    request.token = 1;  // after the edit's
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { m_demo->continueFrom(*context, request, progress); }));
    request.token = 0;
    request.point = PointIndex(3);
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { m_demo->continueFrom(*context, request, progress); }));
    QVERIFY(refused(ErrorCode::InvalidArgument, [&] { m_demo->unembeddingRow(-1); }));
}

// 20,000 draws: the share of each token within 5 standard deviations of its probability.
void TestModelEdits::samplingFollowsTheProbabilities() {
    VectorF logits(4);
    logits << 1, 0, -1, 0.5;
    const double temperature = 0.8;
    VectorD p = (logits.cast<double>().array() / temperature).exp();
    p /= p.sum();
    RandomStream random(17);
    VectorD counts = VectorD::Zero(4);
    constexpr int draws = 20000;
    for (int i = 0; i < draws; ++i) counts[chooseToken(logits, {temperature, 1, 0}, random)] += 1;
    for (int i = 0; i < 4; ++i)
        QVERIFY(std::abs(counts[i] / draws - p[i]) < 5 * std::sqrt(p[i] * (1 - p[i]) / draws));
    QCOMPARE(chooseToken(logits, {}, random), 0);
}

void TestModelEdits::topPKeepsTheFewestTokens() {
    VectorF logits(4);
    logits << std::log(0.5F), std::log(0.3F), std::log(0.15F), std::log(0.05F);
    RandomStream random(18);
    const auto drawn = [&](double topP) {
        int most = 0;
        for (int i = 0; i < 500; ++i) most = std::max(most, chooseToken(logits, {1, topP, 0}, random));
        return most;
    };
    QCOMPARE(drawn(0.45), 0);
    QCOMPARE(drawn(0.6), 1);
    QCOMPARE(drawn(0.9), 2);
    QCOMPARE(drawn(1), 3);
    QVERIFY(refused(ErrorCode::InvalidArgument, [] { checkSampling({-1, 1, 0}); }));
    QVERIFY(refused(ErrorCode::InvalidArgument, [] { checkSampling({1, 0, 0}); }));
}

RHEO_TEST(TestModelEdits)
#include "test_model_edits.moc"
