// Model folders: whole, sharded, of the cache's layout, and hostile.
#include <sys/resource.h>

#include <QTemporaryDir>
#include <QtTest>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/base/hash.h"
#include "core/checkpoint/checkpoint.h"
#include "expect_error.h"

using namespace rheo;
using namespace rheo::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path models = fs::path(RHEO_FIXTURES) / "models";

void write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A safetensors file of zeros with the tensors of `header` ({name: {dtype, shape}}).
std::string zeros(const json& tensors) {
    json header = json::object();
    std::size_t offset = 0;
    for (const auto& [name, tensor] : tensors.items()) {
        std::size_t bytes = tensor["dtype"] == "F32" || tensor["dtype"] == "I32" ? 4 : 2;
        for (const auto& extent : tensor["shape"]) bytes *= extent.get<std::size_t>();
        header[name] = tensor;
        header[name]["data_offsets"] = {offset, offset + bytes};
        offset += bytes;
    }
    const std::string text = header.dump();
    std::string file;
    for (int i = 0; i < 8; ++i) file += static_cast<char>(text.size() >> (8 * i));
    return file + text + std::string(offset, '\0');
}

/// A llama of one block and two units, and its tensors.
const json tinyConfig = {{"model_type", "llama"},       {"hidden_size", 2},       {"intermediate_size", 3},
                         {"num_attention_heads", 1},    {"num_hidden_layers", 1}, {"vocab_size", 5},
                         {"max_position_embeddings", 8}};
json tinyTensors() {
    const auto tensor = [](std::initializer_list<int> shape) {
        return json{{"dtype", "F32"}, {"shape", shape}};
    };
    json tensors;
    tensors["model.embed_tokens.weight"] = tensor({5, 2});
    tensors["model.norm.weight"] = tensor({2});
    tensors["lm_head.weight"] = tensor({5, 2});
    const std::string block = "model.layers.0.";
    for (const char* name : {"input_layernorm", "post_attention_layernorm"})
        tensors[block + name + ".weight"] = tensor({2});
    for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"})
        tensors[block + "self_attn." + name + ".weight"] = tensor({2, 2});
    for (const char* name : {"gate_proj", "up_proj"})
        tensors[block + "mlp." + name + ".weight"] = tensor({3, 2});
    tensors[block + "mlp.down_proj.weight"] = tensor({2, 3});
    return tensors;
}

/// A folder that is gone when the test is.
struct Folder {
    QTemporaryDir own;
    fs::path path = own.path().toStdString();

    explicit Folder(const json& config = tinyConfig, const json& tensors = tinyTensors()) {
        write(path / "config.json", config.dump());
        if (!tensors.is_null()) write(path / "model.safetensors", zeros(tensors));
    }
};

}  // namespace

class TestCheckpointFolder : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void opensFixtures();
    void opensTiny();
    void namesWithoutPrefix();
    void buffersAreNotSurplus();
    void tiedWithItsOwnUnembedding();
    void shards();
    void refusesTensors_data();
    void refusesTensors();
    void refusesIndexes_data();
    void refusesIndexes();
    void refusesFolders();
    void gigabytesAreNotRead();
    void pathsDoNotLeaveTheFolder();
    void cacheSnapshotsMayLinkToBlobs();
    void identityIsOfTheFiles();
    void identitySamplesLargeFiles();
    void forecasts();
};

void TestCheckpointFolder::opensFixtures() {
    const auto sharded = Checkpoint::open(models / "llama-3-style" / "model");
    QCOMPARE(sharded->tensors().size(), std::size_t{38});
    QVERIFY(sharded->find("model.norm.weight")->type == StoredType::BF16);
    QVERIFY(sharded->weightsMissing().empty());
    QVERIFY(sharded->tokenizerPath().has_value());
    const auto demo = Checkpoint::open(RHEO_RESOURCES "/demo-model");
    QCOMPARE(demo->config().trainedPositions.value_or(0), std::int64_t{128});
    QVERIFY(!sharded->config().trainedPositions);
}

void TestCheckpointFolder::opensTiny() {
    const Folder folder;
    const auto checkpoint = Checkpoint::open(folder.path);
    QCOMPARE(checkpoint->tensors().size(), std::size_t{12});
    QVERIFY(!checkpoint->tokenizerPath());
    QVERIFY(checkpoint->find("model.layers.0.mlp.down_proj.weight")->shape ==
            (std::vector<std::int64_t>{2, 3}));
    QVERIFY(checkpoint->find("model.layers.1.mlp.down_proj.weight") == nullptr);
}

void TestCheckpointFolder::namesWithoutPrefix() {
    json bare;
    const json tensors = tinyTensors();
    for (const auto& [name, tensor] : tensors.items())
        bare[name.starts_with("model.") ? name.substr(6) : name] = tensor;
    const Folder folder(tinyConfig, bare);
    const auto checkpoint = Checkpoint::open(folder.path);
    QVERIFY(checkpoint->find("model.norm.weight") != nullptr);
    QCOMPARE(checkpoint->find("model.norm.weight")->name, std::string("norm.weight"));
    QVERIFY(checkpoint->find("lm_head.weight") != nullptr);
}

void TestCheckpointFolder::buffersAreNotSurplus() {
    json tensors = tinyTensors();
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = {{"dtype", "F32"}, {"shape", {1}}};
    const Folder folder(tinyConfig, tensors);
    QCOMPARE(Checkpoint::open(folder.path)->tensors().size(), std::size_t{12});
}

void TestCheckpointFolder::tiedWithItsOwnUnembedding() {
    json config = tinyConfig;
    config["tie_word_embeddings"] = true;
    const Folder with(config);
    QCOMPARE(Checkpoint::open(with.path)->tensors().size(), std::size_t{12});
    json tensors = tinyTensors();
    tensors.erase("lm_head.weight");
    const Folder without(config, tensors);
    QCOMPARE(Checkpoint::open(without.path)->tensors().size(), std::size_t{11});
}

void TestCheckpointFolder::shards() {
    const Folder folder(tinyConfig, json());
    json first;
    json second;
    json map;
    const json tensors = tinyTensors();
    for (const auto& [name, tensor] : tensors.items()) {
        const bool early = name < std::string("model.layers.0.mlp");
        (early ? first : second)[name] = tensor;
        map[name] = early ? "a.safetensors" : "b.safetensors";
    }
    write(folder.path / "a.safetensors", zeros(first));
    write(folder.path / "b.safetensors", zeros(second));
    write(folder.path / "model.safetensors.index.json",
          json{{"metadata", {{"total_size", 1}}}, {"weight_map", map}}.dump());
    QCOMPARE(Checkpoint::open(folder.path)->tensors().size(), std::size_t{12});
}

void TestCheckpointFolder::refusesTensors_data() {
    QTest::addColumn<QString>("patch");
    QTest::addColumn<QString>("part");
    QTest::addColumn<bool>("unsupported");
    QTest::newRow("missing") << R"({"model.norm.weight":null})"
                             << "missing: model.norm.weight" << false;
    QTest::newRow("missing unembedding") << R"({"lm_head.weight":null})"
                                         << "lm_head.weight" << false;
    QTest::newRow("surplus") << R"({"model.layers.1.x.weight":{"dtype":"F32","shape":[1]}})"
                             << "model.layers.1.x.weight" << false;
    QTest::newRow("surplus bias") << R"({"model.layers.0.self_attn.q_proj.bias":{"dtype":"F32","shape":[2]}})"
                                  << "q_proj.bias" << false;
    QTest::newRow("misshapen") << R"({"model.norm.weight":{"dtype":"F32","shape":[3]}})"
                               << "model.norm.weight is [3] where the config says [2]" << false;
    QTest::newRow("transposed") << R"({"model.layers.0.mlp.down_proj.weight":{"dtype":"F32","shape":[3,2]}})"
                                << "down_proj" << false;
    QTest::newRow("integers") << R"({"model.norm.weight":{"dtype":"I32","shape":[2]}})"
                              << "I32" << true;
}

void TestCheckpointFolder::refusesTensors() {
    QFETCH(QString, patch);
    QFETCH(QString, part);
    QFETCH(bool, unsupported);
    json tensors = tinyTensors();
    tensors.merge_patch(json::parse(patch.toStdString()));
    const Folder folder(tinyConfig, tensors);
    EXPECT_ERROR(unsupported ? ErrorCode::Unsupported : ErrorCode::Mismatch, QStringList{part},
                 Checkpoint::open(folder.path));
}

void TestCheckpointFolder::refusesIndexes_data() {
    QTest::addColumn<QString>("index");
    QTest::addColumn<QString>("part");
    QTest::newRow("no map") << "{}"
                            << "weight_map";
    QTest::newRow("empty map") << R"({"weight_map":{}})"
                               << "weight_map";
    QTest::newRow("up and out") << R"({"weight_map":{"t":"../../x.safetensors"}})"
                                << "../../x";
    QTest::newRow("up") << R"({"weight_map":{"t":".."}})"
                        << "same folder";
    QTest::newRow("absolute") << R"({"weight_map":{"t":"/etc/x.safetensors"}})"
                              << "/etc/x";
    QTest::newRow("in a subfolder") << R"({"weight_map":{"t":"sub/x.safetensors"}})"
                                    << "sub/x";
    QTest::newRow("a number") << R"({"weight_map":{"t":1}})"
                              << "same folder";
    QTest::newRow("another file") << R"({"weight_map":{"t":"config.json"}})"
                                  << "config.json";
    QTest::newRow("a zero in the name") << R"({"weight_map":{"t":"a\u0000.safetensors"}})"
                                        << "same folder";
    QTest::newRow("a file that is not there") << R"({"weight_map":{"t":"b.safetensors"}})"
                                              << "b.safetensors";
    QTest::newRow("a tensor that is not there") << R"({"weight_map":{"t":"a.safetensors"}})"
                                                << "t (in a.safetensors)";
    QTest::newRow("a tensor it does not name") << R"({"weight_map":{"norm.weight":"a.safetensors"}})"
                                               << "embed.weight";
    QTest::newRow("a tensor twice") << R"({"weight_map":{"t":"a.safetensors","t":"a.safetensors"}})"
                                    << "twice";
}

void TestCheckpointFolder::refusesIndexes() {
    QFETCH(QString, index);
    QFETCH(QString, part);
    const Folder folder(tinyConfig, json());
    write(folder.path / "a.safetensors", zeros({{"norm.weight", {{"dtype", "F32"}, {"shape", {2}}}},
                                                {"embed.weight", {{"dtype", "F32"}, {"shape", {2}}}}}));
    write(folder.path / "model.safetensors.index.json", index.toStdString());
    const QString wrong = [&] {
        QString last;
        for (const ErrorCode code : {ErrorCode::Format, ErrorCode::Mismatch, ErrorCode::NotFound}) {
            last = wrongError(code, {part}, [&] { Checkpoint::open(folder.path); });
            if (last.isEmpty()) break;
        }
        return last;
    }();
    QVERIFY2(wrong.isEmpty(), qPrintable(wrong));
}

void TestCheckpointFolder::refusesFolders() {
    const QTemporaryDir temporary;
    const fs::path folder = temporary.path().toStdString();
    EXPECT_ERROR(ErrorCode::NotFound, QStringList{"no model folder"}, Checkpoint::open(folder / "none"));
    EXPECT_ERROR(ErrorCode::NotFound, QStringList{"config.json"}, Checkpoint::open(folder));
    write(folder / "config.json", tinyConfig.dump());
    const auto bare = Checkpoint::open(folder);
    QVERIFY(QString::fromStdString(bare->weightsMissing()).contains("model.safetensors"));
    write(folder / "pytorch_model.bin", "x");
    QVERIFY(QString::fromStdString(Checkpoint::open(folder)->weightsMissing()).contains("pickle"));
    write(folder / "model.safetensors", zeros(tinyTensors()).substr(0, 900));
    EXPECT_ERROR(ErrorCode::Format, QStringList{"model.safetensors"}, Checkpoint::open(folder));
    write(folder / "config.json", std::string(5 << 20, ' '));
    EXPECT_ERROR(ErrorCode::Format, QStringList{"larger"}, Checkpoint::open(folder));
}

/// A gigabyte (of nothing: the files take no room) is refused before it is read, whichever file it is.
void TestCheckpointFolder::gigabytesAreNotRead() {
    const QTemporaryDir temporary;
    const fs::path folder = temporary.path().toStdString();
    const auto gigabyte = [&](const char* name) {
        write(folder / name, "{");
        fs::resize_file(folder / name, std::uintmax_t{1} << 30);
    };
    gigabyte("config.json");
    EXPECT_ERROR(ErrorCode::Format, (QStringList{"config.json", "larger"}), Checkpoint::open(folder));
    write(folder / "config.json", tinyConfig.dump());
    gigabyte("model.safetensors.index.json");
    EXPECT_ERROR(ErrorCode::Format, (QStringList{"index.json", "larger"}), Checkpoint::open(folder));
    gigabyte("model.safetensors");  // zeros: a header of so many bytes as a brace stands for
    EXPECT_ERROR(ErrorCode::Format, QStringList{"model.safetensors"}, Checkpoint::open(folder));
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    QVERIFY2(usage.ru_maxrss < 400 * 1024, qPrintable(QString::number(usage.ru_maxrss)));
}

void TestCheckpointFolder::pathsDoNotLeaveTheFolder() {
    const Folder elsewhere;
    for (const char* name : {"model.safetensors", "config.json"}) {
        const Folder folder;
        fs::remove(folder.path / name);
        fs::create_symlink(elsewhere.path / name, folder.path / name);
        EXPECT_ERROR(ErrorCode::Format, (QStringList{name, "leads out of"}), Checkpoint::open(folder.path));
    }
    const Folder folder;
    fs::create_symlink("/etc/passwd", folder.path / "tokenizer.json");
    EXPECT_ERROR(ErrorCode::Format, QStringList{"tokenizer.json"},
                 Checkpoint::open(folder.path)->tokenizerPath());
}

void TestCheckpointFolder::cacheSnapshotsMayLinkToBlobs() {
    const QTemporaryDir temporary;
    const fs::path home = fs::path(temporary.path().toStdString()) / "models--org--name";
    const fs::path snapshot = home / "snapshots" / "0123";
    fs::create_directories(snapshot);
    fs::create_directories(home / "blobs");
    write(home / "blobs" / "aa", tinyConfig.dump());
    write(home / "blobs" / "bb", zeros(tinyTensors()));
    fs::create_symlink("../../blobs/aa", snapshot / "config.json");
    fs::create_symlink("../../blobs/bb", snapshot / "model.safetensors");
    QCOMPARE(Checkpoint::open(snapshot)->tensors().size(), std::size_t{12});
    write(home / "secret", zeros(tinyTensors()));
    fs::remove(snapshot / "model.safetensors");
    fs::create_symlink("../../secret", snapshot / "model.safetensors");
    EXPECT_ERROR(ErrorCode::Format, QStringList{"leads out of"}, Checkpoint::open(snapshot));
}

void TestCheckpointFolder::identityIsOfTheFiles() {
    const Folder folder;
    write(folder.path / "tokenizer.json", "{}");
    const ModelIdentity a = Checkpoint::open(folder.path)->identity(DType::Float32, {});
    QCOMPARE(a.architecture, std::string("llama"));
    QCOMPARE(a.dModel, std::int64_t{2});
    QCOMPARE(a.dtype, std::string("float32"));
    QCOMPARE(a.configSha256, sha256OfFile(folder.path / "config.json"));
    QCOMPARE(a.tokenizerSha256, sha256OfFile(folder.path / "tokenizer.json"));
    QVERIFY(a.sameModel(Checkpoint::open(folder.path)->identity(DType::BFloat16, {})));
    QVERIFY(!a.sameModel(Checkpoint::open(folder.path)->identity(DType::Float32, 1)));

    // Of a small file: the size, the header, all of the data.
    std::string bytes = read(folder.path / "model.safetensors");
    Sha256 hash;
    std::string size;
    for (int i = 0; i < 8; ++i) size += static_cast<char>(bytes.size() >> (8 * i));
    hash.update(size + bytes.substr(8));
    QCOMPARE(a.weightsSha256, hash.hex());

    bytes.back() = 1;  // a fine-tune: the same header, other values
    write(folder.path / "model.safetensors", bytes);
    QVERIFY(!a.sameModel(Checkpoint::open(folder.path)->identity(DType::Float32, {})));
}

void TestCheckpointFolder::identitySamplesLargeFiles() {
    json config = tinyConfig;
    config["vocab_size"] = 1000000;
    json tensors = tinyTensors();
    for (const char* name : {"model.embed_tokens.weight", "lm_head.weight"})
        tensors[name]["shape"] = {1000000, 2};
    const Folder folder(config, tensors);
    std::string bytes = read(folder.path / "model.safetensors");
    const std::size_t header = 8 + static_cast<std::size_t>(static_cast<unsigned char>(bytes[0])) +
                               256 * static_cast<std::size_t>(static_cast<unsigned char>(bytes[1]));
    for (std::size_t i = header; i < bytes.size(); i += 997) bytes[i] = static_cast<char>(i);
    write(folder.path / "model.safetensors", bytes);
    Sha256 hash;
    std::string size;
    for (int i = 0; i < 8; ++i) size += static_cast<char>(bytes.size() >> (8 * i));
    hash.update(size + bytes.substr(8, header - 8));
    const std::size_t data = bytes.size() - header;
    for (std::size_t i = 0; i < 64; ++i) hash.update(bytes.substr(header + (data - 65536) * i / 63, 65536));
    QCOMPARE(Checkpoint::open(folder.path)->identity(DType::Float32, {}).weightsSha256, hash.hex());
}

void TestCheckpointFolder::forecasts() {
    const auto demo = Checkpoint::open(RHEO_RESOURCES "/demo-model");
    const MemoryForecast f32 = demo->forecast(DType::Float32, 8, 128);
    const MemoryForecast bf16 = demo->forecast(DType::BFloat16, 8, 128);
    QCOMPARE(f32.parameters, std::int64_t{6430848});
    QCOMPARE(f32.loadBytes, 4 * f32.parameters);
    QCOMPARE(bf16.loadBytes, 2 * f32.parameters);
    QVERIFY(f32.peakLoadBytes > f32.loadBytes);
    // At least the states: 8 * 128 tokens, 65 points, 128 units of 4 bytes.
    QVERIFY(f32.captureBytes > f32.loadBytes + 8 * 128 * 65 * 128 * 4);
    QVERIFY(f32.captureBytes < demo->forecast(DType::Float32, 16, 128).captureBytes);
    QVERIFY(availableMemory().value_or(1) > 0);

    // The largest config that is accepted does not overflow.
    json config = tinyConfig;
    config["num_hidden_layers"] = 4096;
    config["hidden_size"] = 1 << 20;
    config["intermediate_size"] = 1 << 24;
    config["num_attention_heads"] = 1 << 12;
    config["head_dim"] = 1 << 10;
    config["vocab_size"] = 1 << 26;
    const Folder folder(config, json());
    const MemoryForecast huge = Checkpoint::open(folder.path)->forecast(DType::Float32, 1 << 20, 1 << 20);
    QVERIFY(huge.parameters > std::int64_t{1} << 56);
    QVERIFY(huge.captureBytes > huge.loadBytes);
}

QTEST_APPLESS_MAIN(TestCheckpointFolder)
#include "test_checkpoint_folder.moc"
