// A model whose weights are read while it runs gives what one that holds them gives: to the last bit.
#include <QFile>
#include <QTemporaryDir>
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <stop_token>
#include <tuple>

#include "core/base/error.h"
#include "reference.h"
#include "tests/refused.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;

namespace fs = std::filesystem;

namespace {

std::shared_ptr<const Model> load(const fs::path& folder, ModelOptions options, WeightPlace place) {
    Progress progress;
    options.weights = place;
    return Model::load(Checkpoint::open(folder), options, progress);
}

template <class Values>
bool sameBits(const Values& a, const Values& b, std::size_t count) {
    return std::equal(a, a + count, b, [](auto x, auto y) { return std::memcmp(&x, &y, sizeof x) == 0; });
}

bool same(const Array3F& a, const Array3F& b) {
    return a.n0 == b.n0 && a.n1 == b.n1 && a.n2 == b.n2 &&
           sameBits(a.data.data(), b.data.data(), a.data.size());
}

template <class Matrix>
bool same(const Eigen::DenseBase<Matrix>& a, const Eigen::DenseBase<Matrix>& b) {
    return a.rows() == b.rows() && a.cols() == b.cols() &&
           sameBits(a.derived().data(), b.derived().data(), static_cast<std::size_t>(a.size()));
}

std::vector<std::int32_t> prompt(const Model& model, int length, int salt) {
    std::vector<std::int32_t> ids;
    for (int i = 0; i < length; ++i)
        ids.push_back(static_cast<std::int32_t>((i * 37 + salt * 101 + 5) % model.config().vocabulary));
    return ids;
}

/// Prompts of several lengths, long enough that a batch of them is split among threads; of each all tokens,
/// or the last two.
ForwardRequest requestOf(const Model& model, bool all) {
    ForwardRequest request;
    int salt = 0;
    for (const int length : {21, 13, 20, 9, 17, 3}) {
        request.ids.push_back(prompt(model, length, salt++));
        auto& positions = request.positions.emplace_back(static_cast<std::size_t>(all ? length : 2));
        std::iota(positions.begin(), positions.end(), all ? 0 : length - 2);
    }
    return request;
}

ForwardResult run(const Model& model, const ForwardRequest& request) {
    Progress progress;
    return model.forward(request, progress);
}

void compareRuns(const Model& held, const Model& streamed) {
    ForwardRequest all = requestOf(held, true);
    all.logits = all.writes = true;
    all.batchEnds = {2, 6};
    ForwardRequest some = requestOf(held, false);
    some.firstPoint = PointIndex{1};
    some.lastPoint = PointIndex{3};
    for (const ForwardRequest& request : {all, some}) {
        const ForwardResult a = run(held, request), b = run(streamed, request);
        QVERIFY(same(a.states, b.states));
        QVERIFY(same(a.writes, b.writes));
        QVERIFY(same(a.logits, b.logits));
    }
}

void compareTeleports(const Model& held, const Model& streamed) {
    Progress progress;
    const auto ids = prompt(held, 12, 3);
    const auto a = held.prepare(ids, progress), b = streamed.prepare(ids, progress);
    for (const int point : {0, 1, 2, static_cast<int>(held.points().size()) - 1}) {
        QVERIFY(same(held.naturalState(*a, PointIndex{point}, 11),
                     streamed.naturalState(*b, PointIndex{point}, 11)));
        MatrixF states(3, held.config().dModel);
        for (Eigen::Index i = 0; i < states.size(); ++i) states.data()[i] = static_cast<float>(i % 7) - 3;
        const Continuation x = held.resume(*a, PointIndex{point}, 8, states, true, progress);
        const Continuation y = streamed.resume(*b, PointIndex{point}, 8, states, true, progress);
        QVERIFY(same(x.logits, y.logits));
        for (std::size_t i = 0; i < x.states.size(); ++i) QVERIFY(same(x.states[i], y.states[i]));
    }
    QVERIFY(same(held.stepJacobian(*a, PointIndex{1}, 11, false, progress),
                 streamed.stepJacobian(*b, PointIndex{1}, 11, false, progress)));
}

void compareRest(const Model& held, const Model& streamed) {
    Progress progress;
    const auto ids = prompt(held, 6, 1);
    QVERIFY(held.greedy(ids, 4, true, progress) == streamed.greedy(ids, 4, true, progress));
    QVERIFY(same(held.finalNorm().weight, streamed.finalNorm().weight));
    const UnembeddingRow a = held.unembeddingRow(7), b = streamed.unembeddingRow(7);
    QVERIFY(same(a.weight, b.weight));
    QCOMPARE(a.bias, b.bias);
    const MatrixF states = MatrixF::Constant(2, held.config().dModel, 0.5F);
    QVERIFY(same(held.unembed(states, progress), streamed.unembed(states, progress)));
}

void compareModels(const fs::path& folder, const ModelOptions& options) {
    const auto held = load(folder, options, WeightPlace::Memory);
    const auto streamed = load(folder, options, WeightPlace::Stream);
    QVERIFY(!held->streamed());
    QVERIFY(streamed->streamed());
    QVERIFY(held->identity().sameModel(streamed->identity()));
    compareRuns(*held, *streamed);
    compareTeleports(*held, *streamed);
    compareRest(*held, *streamed);
}

}  // namespace

class TestModelStreaming : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void bitsAreThoseOfHeldWeights_data();
    void bitsAreThoseOfHeldWeights();
    void untrainedWeightsAreDrawnAlike();
    void batchesAreAsRequestsOfTheirOwn();
    void aStoppedRunCanBeRepeated();
    void filesThatAreCutOffAreNoticed();
    void filesThatAreWrittenAreNoticed_data();
    void filesThatAreWrittenAreNoticed();
    void whatFitsIsMapped();
    void placesHaveNames();
};

void TestModelStreaming::bitsAreThoseOfHeldWeights_data() {
    QTest::addColumn<QString>("path");
    QTest::addColumn<int>("dtype");
    QTest::addColumn<int>("threads");
    const auto row = [](const std::string& name, const fs::path& path, DType dtype, int threads) {
        QTest::addRow("%s %s, %d threads", name.c_str(), dtypeName(dtype).data(), threads)
            << QString::fromStdString(path.string()) << int(dtype) << threads;
    };
    for (const Fixture& fixture : fixtures()) row(fixture.name, fixture.folder, DType::Float32, 2);
    row("demo", RHEO_RESOURCES "/demo-model", DType::Float32, 1);
    row("demo", RHEO_RESOURCES "/demo-model", DType::BFloat16, 2);
    // Quantised blocks, with the heads of llama permuted.
    for (const char* name : {"llama", "gemma2", "gpt2", "phi3"})
        row(std::string("gguf ") + name, fs::path(RHEO_FIXTURES) / "gguf/models" / name / "model.gguf",
            DType::Float32, 2);
}

void TestModelStreaming::bitsAreThoseOfHeldWeights() {
    QFETCH(const QString, path);
    QFETCH(const int, dtype);
    QFETCH(const int, threads);
    ModelOptions options;
    options.dtype = DType(dtype);
    options.threads = threads;
    compareModels(path.toStdString(), options);
}

void TestModelStreaming::untrainedWeightsAreDrawnAlike() {
    ModelOptions options;
    options.threads = 2;
    options.untrainedSeed = 5;
    compareModels(RHEO_RESOURCES "/demo-model", options);
    const auto model = load(RHEO_RESOURCES "/demo-model", options, WeightPlace::Stream);
    const auto trained = load(RHEO_RESOURCES "/demo-model", {}, WeightPlace::Stream);
    QVERIFY(
        !same(run(*model, requestOf(*model, true)).states, run(*trained, requestOf(*trained, true)).states));
}

void TestModelStreaming::batchesAreAsRequestsOfTheirOwn() {
    const auto model = load(RHEO_RESOURCES "/demo-model", {}, WeightPlace::Stream);
    ForwardRequest request = requestOf(*model, true);
    request.batchEnds = {2, 3, 6};
    const ForwardResult whole = run(*model, request);
    std::int64_t row = 0, begin = 0;
    for (const std::int64_t end : request.batchEnds) {
        ForwardRequest part;
        part.ids.assign(request.ids.begin() + begin, request.ids.begin() + end);
        part.positions.assign(request.positions.begin() + begin, request.positions.begin() + end);
        const ForwardResult alone = run(*model, part);
        QVERIFY(sameBits(whole.states.at(row, 0), alone.states.at(0, 0), alone.states.data.size()));
        row += alone.states.n0;
        begin = end;
    }
    QCOMPARE(row, whole.states.n0);
    for (const std::vector<std::int64_t>& ends : {std::vector<std::int64_t>{2, 2, 6}, {2, 5}, {0, 6}}) {
        request.batchEnds = ends;
        QVERIFY_EXCEPTION_THROWN(run(*model, request), Error);
    }
}

void TestModelStreaming::aStoppedRunCanBeRepeated() {
    const auto model = load(RHEO_RESOURCES "/demo-model", {}, WeightPlace::Stream);
    const ForwardRequest request = requestOf(*model, true);
    const ForwardResult before = run(*model, request);
    std::stop_source stop;
    Progress watched(stop.get_token(), [&](const ProgressReport& report) {
        if (report.fraction > 0.3) stop.request_stop();
    });
    QVERIFY_EXCEPTION_THROWN(model->forward(request, watched), Cancelled);
    QVERIFY(same(before.states, run(*model, request).states));
}

void TestModelStreaming::filesThatAreCutOffAreNoticed() {
    const QTemporaryDir dir;
    const fs::path folder = fs::path(dir.path().toStdString()) / "model";
    fs::copy(RHEO_RESOURCES "/demo-model", folder, fs::copy_options::recursive);
    const auto model = load(folder, {}, WeightPlace::Stream);
    const ForwardRequest request = requestOf(*model, true);
    run(*model, request);
    const fs::path weights = folder / "model.safetensors";
    fs::resize_file(weights, fs::file_size(weights) / 4);
    try {
        run(*model, request);
        QFAIL("nothing was thrown");
    } catch (const Error& error) {
        QCOMPARE(errorCodeName(error.code()).data(), errorCodeName(ErrorCode::Io).data());
        QVERIFY2(QString::fromUtf8(error.what()).contains("model.safetensors"), error.what());
    }
}

void TestModelStreaming::filesThatAreWrittenAreNoticed_data() {
    QTest::addColumn<QString>("fixture");
    QTest::addColumn<int>("place");
    QTest::newRow("streamed") << "mixtral" << int(WeightPlace::Stream);
    QTest::newRow("mapped") << "mixtral" << int(WeightPlace::Memory);
}

/// Numbers of a file that is written while the model is open are refused. Another file in its place is not
/// looked at: the one that was opened stays.
void TestModelStreaming::filesThatAreWrittenAreNoticed() {
    QFETCH(const QString, fixture);
    QFETCH(const int, place);
    const QTemporaryDir dir;
    const fs::path folder = fs::path(dir.path().toStdString()) / "model";
    fs::copy(fs::path(RHEO_FIXTURES) / "models" / fixture.toStdString() / "model", folder,
             fs::copy_options::recursive);
    const auto model = load(folder, {}, WeightPlace(place));
    const ForwardRequest request = requestOf(*model, true);
    const ForwardResult before = run(*model, request);
    fs::path weights;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().extension() == ".safetensors") weights = entry.path();
    fs::copy_file(weights, folder / "again");
    fs::rename(weights, folder / "moved");
    fs::rename(folder / "again", weights);
    QVERIFY(same(before.states, run(*model, request).states));
    QFile file(QString::fromStdString((folder / "moved").string()));
    QVERIFY(file.open(QIODevice::ReadWrite) && file.seek(file.size() - 2));
    QCOMPARE(file.write("x"), qint64(1));
    file.close();
    QVERIFY(refused(ErrorCode::Io, [&] { run(*model, request); }));
}

/// Memory of the process that is no file's, KiB.
std::int64_t ownMemory() {
    QFile status("/proc/self/status");
    if (!status.open(QIODevice::ReadOnly)) return -1;
    for (const QByteArray& line : status.readAll().split('\n'))
        if (line.startsWith("RssAnon:")) return line.mid(8).trimmed().split(' ').front().toLongLong();
    return -1;
}

/// An embedding of 60,000 tokens by 512 units, 117 MiB in float32, is not copied in that dtype.
void TestModelStreaming::whatFitsIsMapped() {
    const QTemporaryDir dir;
    const fs::path folder = dir.path().toStdString();
    const auto parts = [](const char* kind, int rows, int columns) {
        return std::tuple(std::string(kind), rows, columns);
    };
    std::string header = "{", gap;
    std::int64_t offset = 0;
    const auto add = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
        std::int64_t values = 1;
        std::string extents;
        for (const std::int64_t extent : shape) {
            values *= extent;
            extents += (extents.empty() ? "" : ",") + std::to_string(extent);
        }
        header += gap + '"' + name + R"(":{"dtype":"F32","shape":[)" + extents + R"(],"data_offsets":[)" +
                  std::to_string(offset) + ',' + std::to_string(offset + 4 * values) + "]}";
        offset += 4 * values;
        gap = ",";
    };
    add("model.embed_tokens.weight", {60000, 512});
    for (const auto& [name, rows, columns] :
         {parts("self_attn.q_proj", 512, 512), parts("self_attn.k_proj", 512, 512),
          parts("self_attn.v_proj", 512, 512), parts("self_attn.o_proj", 512, 512),
          parts("mlp.gate_proj", 64, 512), parts("mlp.up_proj", 64, 512), parts("mlp.down_proj", 512, 64)})
        add("model.layers.0." + name + ".weight", {rows, columns});
    for (const char* name : {"layers.0.input_layernorm", "layers.0.post_attention_layernorm", "norm"})
        add(std::string("model.") + name + ".weight", {512});
    header += "}";
    header.append((8 - header.size() % 8) % 8, ' ');
    const auto length = static_cast<std::uint64_t>(header.size());
    std::ofstream(folder / "model.safetensors", std::ios::binary)
        .write(reinterpret_cast<const char*>(&length), 8)
        .write(header.data(), std::ssize(header));
    fs::resize_file(folder / "model.safetensors", 8 + length + static_cast<std::uint64_t>(offset));
    std::ofstream(folder / "config.json")
        << R"({"model_type": "llama", "vocab_size": 60000, "hidden_size": 512, "intermediate_size": 64,
               "num_hidden_layers": 1, "num_attention_heads": 4, "tie_word_embeddings": true})";
    const auto grown = [&](DType dtype) {
        ModelOptions options;
        options.dtype = dtype;
        const std::int64_t before = ownMemory();
        const auto model = load(folder, options, WeightPlace::Memory);
        const ForwardResult result = run(*model, requestOf(*model, true));
        if (result.states.empty()) return std::int64_t{-1};
        return ownMemory() - before;
    };
    const std::int64_t copied = grown(DType::BFloat16), mapped = grown(DType::Float32);
    qInfo("own memory: %d MiB with a copy in bfloat16, %d MiB mapped", int(copied / 1024),
          int(mapped / 1024));
    QVERIFY(copied > 55 * 1024);
    QVERIFY(mapped < 40 * 1024);
}

void TestModelStreaming::placesHaveNames() {
    for (const WeightPlace place : {WeightPlace::Automatic, WeightPlace::Memory, WeightPlace::Stream})
        QVERIFY(parseWeightPlace(weightPlaceName(place)) == place);
    QVERIFY_EXCEPTION_THROWN(parseWeightPlace("disk"), Error);
}

RHEO_TEST(TestModelStreaming)
#include "test_model_streaming.moc"
