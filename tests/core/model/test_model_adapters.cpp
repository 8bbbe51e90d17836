// Adapters of PEFT, merged as PEFT merges them: weights, states at every residual point, and logits.
// tests/fixtures/adapters/README.md says what is compared and why.
#include <ATen/ATen.h>

#include "core/model/adapter_merge.h"

#include <cstring>
#include <set>

#include "core/checkpoint/adapter.h"
#include "core/checkpoint/safetensors.h"
#include "reference.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;
namespace fs = std::filesystem;

namespace {

constexpr double tolerance = 3e-5;  // of states and logits: tests/fixtures/models/README.md

struct AdapterFixture {
    const char* name;
    const char* base;
    bool exact;  ///< products and sums of its values are exact in float32, in any order
};
constexpr AdapterFixture list[] = {
    {"llama-patterns", "llama-2-style", false},
    {"gpt2", "gpt2", true},
    {"gpt2-embeddings", "gpt2", true},
    {"phi3", "phi3", true},
    {"tied-embedding-bfloat16", "llama-3-style", true},
    {"tied-both", "llama-3-style", true},
    {"qwen3-bfloat16", "qwen3", true},
    {"float16", "llama-3-new-config", true},
    {"saved-modules", "qwen2", true},
    {"saved-head", "llama-3-style", true},
};

fs::path folderOf(const AdapterFixture& fixture) {
    return fs::path(RHEO_FIXTURES) / "adapters" / fixture.name;
}

std::shared_ptr<const Checkpoint> opened(const AdapterFixture& fixture, bool adapted = true) {
    return Checkpoint::open(fs::path(RHEO_FIXTURES) / "models" / fixture.base / "model", {},
                            adapted ? folderOf(fixture) : fs::path());
}

at::ScalarType typeOf(StoredType type) {
    return type == StoredType::F32 ? at::kFloat : type == StoredType::BF16 ? at::kBFloat16 : at::kHalf;
}

at::Tensor tensorOf(const StoredTensor& stored) {
    at::Tensor tensor = at::empty(stored.shape, typeOf(stored.type));
    std::memcpy(tensor.data_ptr(), stored.bytes.data(), stored.bytes.size());
    return tensor;
}

/// A parameter as the checkpoint's adapter makes it.
at::Tensor merged(const Checkpoint& checkpoint, const std::string& name) {
    at::Tensor tensor = tensorOf(*checkpoint.find(name));
    mergeAdapter(checkpoint, name, 0, tensor, Progress());
    return tensor;
}

/// States and logits of every token.
ForwardRequest requestOf(const ReferencePrompt& prompt) {
    ForwardRequest request;
    request.ids = {prompt.ids};
    request.positions.emplace_back();
    for (std::size_t i = 0; i < prompt.ids.size(); ++i)
        request.positions[0].push_back(static_cast<std::int32_t>(i));
    request.logits = true;
    return request;
}

bool sameBits(const at::Tensor& a, const at::Tensor& b) {
    return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
           std::memcmp(a.contiguous().data_ptr(), b.contiguous().data_ptr(), a.nbytes()) == 0;
}

}  // namespace

class TestModelAdapters : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void mergedWeights_data() { addFixtures(); }
    void mergedWeights();
    void rowsAloneGiveTheSameBits_data() { addFixtures(); }
    void rowsAloneGiveTheSameBits();
    void statesAndLogits_data() { addFixtures(); }
    void statesAndLogits();
    void streamedWeightsGiveTheSameBits_data() { addFixtures(); }
    void streamedWeightsGiveTheSameBits();
    void anAdaptedModelIsAnotherModel();

private:
    static void addFixtures() {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < std::size(list); ++i) QTest::newRow(list[i].name) << static_cast<int>(i);
    }
    static const AdapterFixture& fixture() {
        QFETCH(int, index);
        return list[index];
    }
};

void TestModelAdapters::mergedWeights() {
    const AdapterFixture& f = fixture();
    const auto checkpoint = opened(f);
    const auto expected = SafetensorsFile::open(folderOf(f) / "merged.safetensors");
    QVERIFY(!expected->tensors().empty());
    for (const StoredTensor& stored : expected->tensors()) {
        // A tied unembedding is the embedding, and PEFT's merge changes both.
        const bool tied = stored.name == "lm_head.weight" && checkpoint->config().tiedUnembedding;
        const at::Tensor found = merged(*checkpoint, tied ? "model.embed_tokens.weight" : stored.name);
        const at::Tensor wanted = tensorOf(stored);
        if (f.exact) {
            QVERIFY2(sameBits(found, wanted), stored.name.c_str());
            continue;
        }
        // Sums of at most 8 products in another order: 8 roundings of the largest, relative to the weights.
        const double apart = (found - wanted).abs().max().item<double>() / wanted.abs().max().item<double>();
        QVERIFY2(apart <= 8 * 6e-8, qPrintable(QString("%1: %2").arg(stored.name.c_str()).arg(apart)));
    }
}

void TestModelAdapters::rowsAloneGiveTheSameBits() {
    const auto checkpoint = opened(fixture());
    for (const auto& [name, change] : checkpoint->adapter()->changes) {
        const at::Tensor whole = merged(*checkpoint, name);
        const at::Tensor base = tensorOf(*checkpoint->find(name));
        if (base.dim() != 2) continue;
        const std::int64_t rows = base.size(0);
        for (const auto& [first, count] : {std::pair<std::int64_t, std::int64_t>{0, 1},
                                           {rows - 1, 1},
                                           {std::min<std::int64_t>(15, rows - 3), 3},
                                           {rows / 2, rows - rows / 2}}) {
            at::Tensor part = base.narrow(0, first, count).clone();
            mergeAdapter(*checkpoint, name, first, part, Progress());
            QVERIFY2(sameBits(part, whole.narrow(0, first, count)), name.c_str());
        }
    }
}

void TestModelAdapters::statesAndLogits() {
    const AdapterFixture& f = fixture();
    const Reference reference = readReference(folderOf(f) / "reference.h5");
    Progress progress;
    ModelOptions options;
    options.threads = 2;
    const auto model = Model::load(opened(f), options, progress);
    QVERIFY(model->points() == reference.points);
    double worst = 0, worstLogits = 0, moved = 0;
    const auto plain = Model::load(opened(f, false), options, progress);
    for (const ReferencePrompt& prompt : reference.prompts) {
        const ForwardRequest request = requestOf(prompt);
        const ForwardResult found = model->forward(request, progress);
        const Array3F& states = prompt.states;  // [point, token, unit]
        for (std::int64_t p = 0; p < states.n0; ++p) {
            std::vector<float> values;
            for (std::int64_t row = 0; row < found.states.n0; ++row) {
                const auto line = found.states.line(row, p);
                values.insert(values.end(), line.begin(), line.end());
            }
            worst = std::max(worst, relativeError(values.data(), states.at(p, 0), states.n1 * states.n2));
        }
        const auto logits = [&](const ForwardResult& result) {
            const MatrixF last = result.logits.bottomRows(prompt.logits.rows());
            return relativeError(last.data(), prompt.logits.data(), prompt.logits.size());
        };
        worstLogits = std::max(worstLogits, logits(found));
        moved = std::max(moved, logits(plain->forward(request, progress)));
    }
    qInfo("largest error: states %.2g, logits %.2g; without the adapter %.2g", worst, worstLogits, moved);
    QVERIFY(worst < tolerance);
    QVERIFY(worstLogits < tolerance);
    QVERIFY(moved > 0.05);  // or nothing would have been tested
}

void TestModelAdapters::streamedWeightsGiveTheSameBits() {
    const AdapterFixture& f = fixture();
    Progress progress;
    ModelOptions options;
    options.threads = 2;
    const auto whole = Model::load(opened(f), options, progress);
    options.weights = WeightPlace::Stream;
    const auto streamed = Model::load(opened(f), options, progress);
    QVERIFY(streamed->streamed());
    for (const ReferencePrompt& prompt : readReference(folderOf(f) / "reference.h5").prompts) {
        const ForwardResult a = whole->forward(requestOf(prompt), progress);
        const ForwardResult b = streamed->forward(requestOf(prompt), progress);
        QVERIFY(a.states.data == b.states.data);
        QVERIFY(a.logits == b.logits);
    }
}

void TestModelAdapters::anAdaptedModelIsAnotherModel() {
    std::set<std::string> digests;
    for (const AdapterFixture& f : list) {
        const ModelIdentity adapted = opened(f)->identity(DType::Float32, {});
        const ModelIdentity plain = opened(f, false)->identity(DType::Float32, {});
        QVERIFY(!adapted.sameModel(plain));
        QVERIFY(adapted.weightsSha256 != plain.weightsSha256);
        QCOMPARE(adapted.weightsSha256.size(), std::size_t{64});
        QVERIFY(adapted.sameModel(opened(f)->identity(DType::BFloat16, {})));
        QVERIFY(digests.insert(adapted.weightsSha256).second);
        QVERIFY(std::any_of(adapted.notes.begin(), adapted.notes.end(), [&](const std::string& note) {
            return note.find(std::string("the adapter ") + f.name + " is merged") != std::string::npos;
        }));
    }
}

RHEO_TEST(TestModelAdapters)
#include "test_model_adapters.moc"
