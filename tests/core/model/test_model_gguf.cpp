// Models as GGUF files against the outputs of the reference implementation with the same, expanded weights:
// states at every residual point, and logits. Tolerance: tests/fixtures/models/README.md.
#include "reference.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;
namespace fs = std::filesystem;

namespace {

constexpr double tolerance = 3e-5;  // float32, max abs difference over the RMS at the point

const fs::path fixtureFolder = RHEO_FIXTURES "/gguf";

/// Values of one point over all tokens.
std::vector<float> atPoint(const Array3F& states, std::int64_t point) {
    std::vector<float> values;
    for (std::int64_t token = 0; token < states.n0; ++token) {
        const auto line = states.line(token, point);
        values.insert(values.end(), line.begin(), line.end());
    }
    return values;
}

}  // namespace

class TestModelGguf : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void statesAndLogits_data();
    void statesAndLogits();
    void partsAreTheWhole();
    void untrainedModelsNeedNoWeights();

private:
    static ForwardResult run(const Model& model, const std::vector<std::int32_t>& ids);
};

ForwardResult TestModelGguf::run(const Model& model, const std::vector<std::int32_t>& ids) {
    Progress progress;
    ForwardRequest request;
    request.ids = {ids};
    request.positions.emplace_back();
    for (std::size_t i = 0; i < ids.size(); ++i) request.positions[0].push_back(static_cast<std::int32_t>(i));
    request.logits = true;
    return model.forward(request, progress);
}

void TestModelGguf::statesAndLogits_data() {
    QTest::addColumn<QString>("name");
    for (const auto& entry : fs::directory_iterator(fixtureFolder / "models")) {
        const std::string name = entry.path().filename().string();
        QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }
}

void TestModelGguf::statesAndLogits() {
    QFETCH(QString, name);
    const fs::path folder = fixtureFolder / "models" / name.toStdString();
    const Reference reference = readReference(folder / "reference.h5");
    const auto model = loadModel(folder / "model.gguf");
    QVERIFY(model->points() == reference.points);
    double worst = 0;
    double worstLogits = 0;
    for (const ReferencePrompt& prompt : reference.prompts) {
        const ForwardResult result = run(*model, prompt.ids);
        for (std::int64_t p = 0; p < prompt.states.n0; ++p) {
            const auto values = atPoint(result.states, p);
            worst = std::max(worst, relativeError(values.data(), prompt.states.at(p, 0),
                                                  prompt.states.n1 * prompt.states.n2));
        }
        const MatrixF last = result.logits.bottomRows(prompt.logits.rows());
        worstLogits =
            std::max(worstLogits, relativeError(last.data(), prompt.logits.data(), prompt.logits.size()));
    }
    qInfo("largest error: states %.2g, logits %.2g (at most %.0e)", worst, worstLogits, tolerance);
    QVERIFY(worst < tolerance);
    QVERIFY(worstLogits < tolerance);
}

void TestModelGguf::partsAreTheWhole() {
    const auto whole = loadModel(fixtureFolder / "models/llama/model.gguf");
    const auto parts = loadModel(fixtureFolder / "split");
    const std::vector<std::int32_t> ids{1, 5, 9, 33, 4};
    const ForwardResult a = run(*whole, ids), b = run(*parts, ids);
    QVERIFY(a.states.data == b.states.data);
    QVERIFY(a.logits == b.logits);
}

void TestModelGguf::untrainedModelsNeedNoWeights() {
    Progress progress;
    ModelOptions options;
    options.untrainedSeed = 3;
    for (const char* name : {"llama", "gemma2", "gpt2"}) {
        const auto model =
            Model::load(Checkpoint::open(fixtureFolder / "models" / name / "model.gguf"), options, progress);
        const ForwardResult result = run(*model, {1, 2, 3});
        QVERIFY(std::all_of(result.logits.data(), result.logits.data() + result.logits.size(),
                            [](float value) { return std::isfinite(value); }));
    }
}

RHEO_TEST(TestModelGguf)
#include "test_model_gguf.moc"
