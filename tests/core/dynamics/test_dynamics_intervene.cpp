// Interventions: what their texts mean, strengths in units of the RMS norm, and paths beside the natural one.
#include <QtTest>
#include <cmath>

#include "core/base/random.h"
#include "core/dynamics/intervene.h"
#include "core/dynamics/teleport.h"
#include "reference.h"
#include "tests/refused.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;

namespace {

VectorF randomVector(std::uint64_t seed, double size) {
    RandomStream random(seed);
    VectorF v(128);
    for (float& x : v) x = static_cast<float>(size * random.normal());
    return v;
}

}  // namespace

class TestDynamicsIntervene : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() {
        m_demo = loadModel(RHEO_RESOURCES "/demo-model");
        Progress progress;
        m_context = m_demo->prepare(m_ids, progress);
    }
    void tokensAsTexts_data();
    void tokensAsTexts();
    void tokensThatAreNone();
    void rmsIsOfTheRowsButTheFirst();
    void strengthInUnitsOfTheRms();
    void editsThatAreOffAreLeftOut();
    void refusalsNameTheEdit();
    void oneSetIsATeleport();
    void nothingIsTheNaturalPath();
    void strengthZeroIsTheNaturalText();
    void steeringChangesTheText();
    void sweepFollowsTheText();

private:
    Edit edit(std::string operation, double strength, EditTokens tokens = {}) const {
        return {"push",
                true,
                m_demo->points()[4],
                std::move(tokens),
                std::move(operation),
                randomVector(3, 2),
                strength,
                StrengthUnit::Absolute};
    }
    std::shared_ptr<const Model> m_demo;
    std::shared_ptr<const PromptContext> m_context;
    std::vector<std::int32_t> m_ids{5, 80, 33, 400, 12, 7};
};

void TestDynamicsIntervene::tokensAsTexts_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QList<int>>("tokens");  // of those edited at the prompt of 6 and 2 generated ones
    QTest::newRow("last") << "last" << QList<int>{5};
    QTest::newRow("all") << "all" << QList<int>{0, 1, 2, 3, 4, 5, 6, 7};
    QTest::newRow("generated") << "generated" << QList<int>{6, 7};
    QTest::newRow("from") << "3:" << QList<int>{3, 4, 5, 6, 7};
    QTest::newRow("range") << "1:3" << QList<int>{1, 2};
    QTest::newRow("list") << "1,4" << QList<int>{1, 4};
    QTest::newRow("one") << "2" << QList<int>{2};
}

void TestDynamicsIntervene::tokensAsTexts() {
    QFETCH(QString, text);
    QFETCH(QList<int>, tokens);
    const EditTokens parsed = parseEditTokens(text.toStdString());
    QCOMPARE(QString::fromStdString(editTokensText(parsed)), text);
    const auto edits = resolveEdits(*m_demo, *m_context, {"", {edit("add", 1, parsed)}}, 2);
    QList<int> found;
    for (const TokenSpan& span : edits.at(0).tokens)
        for (auto t = span.first; t < std::min<std::int64_t>(span.end, 8); ++t)
            found.push_back(static_cast<int>(t));
    QCOMPARE(found, tokens);
}

void TestDynamicsIntervene::tokensThatAreNone() {
    for (const char* text : {"", "first", "-1", "3:2", "3:3", ":", "1,", "1,x", "99999999999", "1.5"})
        QVERIFY2(refused(ErrorCode::InvalidArgument, [&] { parseEditTokens(text); }), text);
}

void TestDynamicsIntervene::rmsIsOfTheRowsButTheFirst() {
    double sum = 0;
    for (int t = 1; t < 6; ++t)
        sum += m_demo->naturalState(*m_context, PointIndex(4), t).cast<double>().squaredNorm();
    QCOMPARE(rmsNormAt(*m_demo, *m_context, PointIndex(4)), std::sqrt(sum / 5));
    Progress progress;
    const auto one = m_demo->prepare(std::vector<std::int32_t>{5}, progress);
    QCOMPARE(rmsNormAt(*m_demo, *one, PointIndex(4)),
             m_demo->naturalState(*one, PointIndex(4), 0).cast<double>().norm());
}

void TestDynamicsIntervene::strengthInUnitsOfTheRms() {
    Edit push = edit("add", 0.5);
    push.unit = StrengthUnit::Rms;
    const auto edits = resolveEdits(*m_demo, *m_context, {"", {push}}, 0);
    const double pushed = edits.at(0).strength * push.vector.cast<double>().norm();
    QVERIFY(std::abs(pushed / (0.5 * rmsNormAt(*m_demo, *m_context, PointIndex(4))) - 1) < 1e-12);
}

void TestDynamicsIntervene::editsThatAreOffAreLeftOut() {
    Intervention both{"", {edit("add", 1), edit("set", 1)}};
    both.edits[0].on = false;
    const auto edits = resolveEdits(*m_demo, *m_context, both, 0);
    QCOMPARE(edits.size(), std::size_t{1});
    QCOMPARE(edits[0].operation->name, std::string_view("set"));
}

void TestDynamicsIntervene::refusalsNameTheEdit() {
    const auto refuses = [&](ErrorCode code, auto change) {
        Edit changed = edit("add", 1);
        change(changed);
        try {
            resolveEdits(*m_demo, *m_context, {"", {edit("add", 1), changed}}, 0);
        } catch (const Error& error) {
            return error.code() == code && QString(error.what()).contains("edit 2 (push)");
        }
        return false;
    };
    QVERIFY(refuses(ErrorCode::Unsupported, [](Edit& e) { e.operation = "multiply"; }));
    QVERIFY(refuses(ErrorCode::NotFound, [](Edit& e) { e.point = {50, Site::AttnIn}; }));
    QVERIFY(refuses(ErrorCode::NotFound, [](Edit& e) { e.point = {2, Site::BlockIn}; }));
    QVERIFY(refuses(ErrorCode::InvalidArgument, [](Edit& e) { e.tokens = parseEditTokens("6"); }));
    QVERIFY(refuses(ErrorCode::InvalidArgument, [](Edit& e) { e.vector.resize(64); }));
    QVERIFY(refuses(ErrorCode::InvalidArgument, [](Edit& e) {
        e.operation = "set";
        e.unit = StrengthUnit::Rms;
    }));
    QVERIFY(refuses(ErrorCode::InvalidArgument, [](Edit& e) {
        e.unit = StrengthUnit::Rms;
        e.vector.setZero();
    }));
}

void TestDynamicsIntervene::oneSetIsATeleport() {
    Progress progress;
    const Edit set = edit("set", 1, parseEditTokens("3"));
    const IntervenedPath path = intervenedPath(*m_demo, *m_context, {"", {set}}, progress);
    const TeleportPath teleport =
        teleportPath(*m_demo, *m_context, PointIndex(4), 3, set.vector, true, progress);
    const TeleportPath natural =
        teleportPath(*m_demo, *m_context, PointIndex(4), 3,
                     m_demo->naturalState(*m_context, PointIndex(4), 3), true, progress);
    QCOMPARE(path.point, PointIndex(4));
    QCOMPARE(path.token, 3);
    QVERIFY(path.intervened.data == teleport.states.data);
    QVERIFY(path.natural.data == natural.states.data);
    QVERIFY(path.logitsIntervened == teleport.logits);
    QVERIFY(path.logitsNatural == natural.logits);
    QCOMPARE(path.kl, measureTeleport(natural, teleport, nullptr, 3).kl);
}

void TestDynamicsIntervene::nothingIsTheNaturalPath() {
    Progress progress;
    for (const Intervention& nothing :
         {Intervention{}, Intervention{"", {edit("add", 0, parseEditTokens("2:"))}}}) {
        const IntervenedPath path = intervenedPath(*m_demo, *m_context, nothing, progress);
        QVERIFY(path.natural.data == path.intervened.data);
        QVERIFY(path.logitsNatural == path.logitsIntervened);
        QCOMPARE(path.kl, 0.0);
    }
}

void TestDynamicsIntervene::strengthZeroIsTheNaturalText() {
    Progress progress;
    for (const double temperature : {0.0, 0.9}) {
        Edit push = edit("add", 0, parseEditTokens("all"));
        push.unit = StrengthUnit::Rms;
        const InterveneResult result =
            intervene(*m_demo, {m_ids, {"", {push}}, 12, {temperature, 0.95, 4}}, progress);
        QCOMPARE(result.naturalIds.size(), std::size_t{12});
        QVERIFY(result.naturalIds == result.intervenedIds);
        QVERIFY(result.natural.data == result.intervened.data);
        QCOMPARE(result.natural.n0, std::int64_t{18});
        QCOMPARE(result.kl, 0.0);
        if (temperature == 0) QVERIFY(result.naturalIds == m_demo->greedy(m_ids, 12, true, progress));
    }
}

// The states of a text that was written with an intervention are those of that text with it.
void TestDynamicsIntervene::steeringChangesTheText() {
    Progress progress;
    Edit push = edit("add", 3, parseEditTokens("2:"));
    push.unit = StrengthUnit::Rms;
    const InterveneResult result = intervene(*m_demo, {m_ids, {"", {push}}, 6, {}}, progress);
    QVERIFY(result.naturalIds != result.intervenedIds);
    const double norm = 3 * rmsNormAt(*m_demo, *m_context, PointIndex(4));
    for (std::int64_t t = 0; t < 6; ++t) {
        const Eigen::Map<const VectorF> a(result.natural.at(t, 4), 128), b(result.intervened.at(t, 4), 128);
        const double moved = (b - a).cast<double>().norm();
        QVERIFY(t < 2 ? moved == 0 : std::abs(moved / norm - 1) < 1e-5);
    }
    VectorF final = Eigen::Map<const VectorF>(
        result.intervened.at(result.intervened.n0 - 2, result.intervened.n1 - 1), 128);
    Eigen::Index likeliest = 0;
    m_demo->unembed(final.transpose(), progress).row(0).maxCoeff(&likeliest);
    QCOMPARE(static_cast<std::int32_t>(likeliest), result.intervenedIds.back());
}

// Strength 0 is the natural text, whose perplexity and entropy are those of the model's own logits.
void TestDynamicsIntervene::sweepFollowsTheText() {
    Progress progress;
    Edit push = edit("add", 2, parseEditTokens("2:"));
    push.unit = StrengthUnit::Rms;
    const InterveneRequest request{m_ids, {"", {push}}, 5, {}};
    const auto sweep = sweepStrengths(*m_demo, request, {0, 1, 8}, 7, progress);
    QCOMPARE(sweep.size(), std::size_t{3});
    QVERIFY(sweep[0].ids == m_demo->greedy(m_ids, 5, true, progress));
    QVERIFY(sweep[1].ids == intervene(*m_demo, request, progress).intervenedIds);
    for (const SweepStep& step : sweep) {
        std::vector<std::int32_t> whole = m_ids;
        whole.insert(whole.end(), step.ids.begin(), step.ids.end());
        const MatrixF logits = m_demo->logits(whole, progress);
        double product = 1;
        for (std::size_t i = m_ids.size(); i < whole.size(); ++i)
            product *= softmax(logits.row(static_cast<Eigen::Index>(i) - 1).transpose())[whole[i]];
        QVERIFY(std::abs(step.perplexity / std::pow(product, -0.2) - 1) < 1e-4);
    }
    const VectorD p = softmax(m_demo->logits(m_ids, progress).row(5).transpose());
    QVERIFY(std::abs(sweep[0].probability - p[7]) < 1e-5 * p[7]);
    double entropy = 0;
    for (const double one : p) entropy -= one > 0 ? one * std::log(one) : 0;
    QVERIFY(std::abs(sweep[0].entropy - entropy) < 1e-4);
    QVERIFY(sweep[2].perplexity > sweep[0].perplexity);
    QVERIFY(refused(ErrorCode::InvalidArgument,
                    [&] { sweepStrengths(*m_demo, request, {1}, 1 << 20, progress); }));
}

RHEO_TEST(TestDynamicsIntervene)
#include "test_dynamics_intervene.moc"
