// Attribution: parts that add up to the model's own logits, and what an ablation of a write shows.
#include <QtTest>
#include <cmath>

#include "core/dynamics/attribution.h"
#include "core/dynamics/unembedding.h"
#include "reference.h"
#include "tests/refused.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;

namespace {

const std::vector<std::int32_t> ids{5, 80, 33, 12, 7, 61};
const std::vector<std::int32_t> all{0, 1, 2, 3, 4, 5};

double softcapped(const Model& model, double logit) {
    const auto cap = model.config().logitSoftcap;
    return cap ? *cap * std::tanh(logit / *cap) : logit;
}

}  // namespace

class TestDynamicsAttribution : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void addsUpToTheLogits_data() { addFixtures(); }
    void addsUpToTheLogits();
    void addsUpInBFloat16();
    void differenceIsOfTwoLogits();
    void frozenScaleIsThatOfTheFinalState();
    void editsAreCountedApart();
    void refusals();

private:
    static void addFixtures() {
        QTest::addColumn<QString>("folder");
        for (const Fixture& fixture : fixtures())
            QTest::newRow(fixture.name.c_str()) << QString::fromStdString(fixture.folder.string());
    }
};

// 1e-5 of the size of the logits: their own rounding in float32.
void TestDynamicsAttribution::addsUpToTheLogits() {
    QFETCH(QString, folder);
    const auto model = loadModel(folder.toStdString());
    Progress progress;
    const MatrixF logits = model->logits(ids, progress);
    for (const std::int32_t answer : {3, 50}) {
        const Attribution a = attribute(*model, ids, all, answer, -1, {}, progress);
        QCOMPARE(a.contribution.cols() + 1, static_cast<Eigen::Index>(model->points().size()));
        for (int t = 0; t < 6; ++t) {
            const double sum = a.embedding[t] + a.bias[t] + a.contribution.row(t).sum();
            const double size = logits.row(t).cast<double>().cwiseAbs().maxCoeff();
            QCOMPARE(a.edits[t], 0.0);
            QVERIFY(std::abs(sum - a.logit[t]) <= 1e-10 * size);
            QVERIFY2(
                std::abs(softcapped(*model, sum) - double(logits(t, answer))) <= 1e-5 * size,
                qPrintable(QString::number((softcapped(*model, sum) - double(logits(t, answer))) / size)));
        }
    }
}

void TestDynamicsAttribution::addsUpInBFloat16() {
    const auto model = loadModel(RHEO_RESOURCES "/demo-model", DType::BFloat16);
    Progress progress;
    const Attribution a = attribute(*model, ids, all, 3, -1, {}, progress);
    for (int t = 0; t < 6; ++t)
        QVERIFY(std::abs(a.embedding[t] + a.bias[t] + a.contribution.row(t).sum() - a.logit[t]) <=
                1e-10 * a.contribution.row(t).cwiseAbs().sum());
}

void TestDynamicsAttribution::differenceIsOfTwoLogits() {
    const auto model = loadModel(RHEO_FIXTURES "/models/gpt2/model");
    Progress progress;
    const Attribution a = attribute(*model, ids, all, 3, -1, {}, progress);
    const Attribution b = attribute(*model, ids, all, 9, -1, {}, progress);
    const Attribution both = attribute(*model, ids, all, 3, 9, {}, progress);
    QVERIFY((both.contribution - (a.contribution - b.contribution)).cwiseAbs().maxCoeff() < 1e-9);
    QVERIFY((both.embedding - (a.embedding - b.embedding)).cwiseAbs().maxCoeff() < 1e-9);
    QVERIFY((both.logit - (a.logit - b.logit)).cwiseAbs().maxCoeff() < 1e-9);
}

// A write taken out of the final state, at the scale that the norm has there, takes its contribution away.
void TestDynamicsAttribution::frozenScaleIsThatOfTheFinalState() {
    for (const char* name : {"gpt2", "qwen2", "gemma2"}) {
        const auto model = loadModel(std::string(RHEO_FIXTURES "/models/") + name + "/model");
        Progress progress;
        ForwardRequest request;
        request.ids = {ids};
        request.positions = {{5}};
        request.writes = true;
        const ForwardResult run = model->forward(request, progress);
        const Attribution a = attribute(*model, ids, {5}, 3, -1, {}, progress);
        const FinalNorm norm = model->finalNorm();
        const UnembeddingRow row = model->unembeddingRow(3);
        const auto units = run.states.n2;
        const VectorD h =
            Eigen::Map<const VectorF>(run.states.at(0, run.states.n1 - 1), units).cast<double>();
        const double mean = norm.centres ? h.mean() : 0;
        const double scale = 1 / std::sqrt((h.array() - mean).square().mean() + norm.epsilon);
        for (std::int64_t p = 0; p < run.writes.n1; ++p) {
            const VectorD w = Eigen::Map<const VectorF>(run.writes.at(0, p), units).cast<double>();
            const double ofWrite = norm.centres ? w.mean() : 0;
            double expected = 0;
            for (std::int64_t u = 0; u < units; ++u)
                expected += double(row.weight[u]) * double(norm.weight[u]) * (w[u] - ofWrite) * scale;
            // The write as it was added differs by its rounding with the state.
            QVERIFY(std::abs(a.contribution(0, p) - expected) < 1e-5 * std::max(1.0, std::abs(a.logit[0])));
        }
    }
}

void TestDynamicsAttribution::editsAreCountedApart() {
    const auto model = loadModel(RHEO_FIXTURES "/models/qwen2/model");
    Progress progress;
    const VectorF push = VectorF::LinSpaced(model->config().dModel, -1, 2);
    const auto last = static_cast<std::int64_t>(model->points().size()) - 1;
    const StateEdit edit{findOperation("add"), PointIndex{last}, {{4, 6}}, push, 1};
    const Attribution natural = attribute(*model, ids, all, 3, -1, {}, progress);
    const Attribution edited = attribute(*model, ids, all, 3, -1, {edit}, progress);
    for (int t = 0; t < 6; ++t) {
        const double sum = edited.embedding[t] + edited.bias[t] + edited.contribution.row(t).sum();
        QVERIFY(std::abs(sum + edited.edits[t] - edited.logit[t]) <= 1e-9);
        QVERIFY(t < 4 ? edited.edits[t] == 0 && edited.logit[t] == natural.logit[t] : edited.edits[t] != 0);
    }
    ForwardRequest request;
    request.ids = {ids};
    request.positions = {all};
    request.logits = true;
    request.edits = {{edit}};
    const MatrixF logits = model->forward(request, progress).logits;
    for (int t = 0; t < 6; ++t)
        QVERIFY(std::abs(edited.logit[t] - double(logits(t, 3))) <=
                1e-5 * logits.row(t).cwiseAbs().maxCoeff());
}

void TestDynamicsAttribution::refusals() {
    const auto model = loadModel(RHEO_FIXTURES "/models/qwen2/model");
    Progress progress;
    const auto refuses = [&](std::int32_t answer, std::int32_t foil, std::vector<std::int32_t> positions) {
        return refused(ErrorCode::InvalidArgument,
                       [&] { attribute(*model, ids, positions, answer, foil, {}, progress); });
    };
    QVERIFY(!refuses(3, -1, all));
    QVERIFY(refuses(-1, -1, all));
    QVERIFY(refuses(1 << 20, -1, all));
    QVERIFY(refuses(3, 1 << 20, all));
    QVERIFY(refuses(3, -1, {6}));
}

RHEO_TEST(TestDynamicsAttribution)
#include "test_dynamics_attribution.moc"
