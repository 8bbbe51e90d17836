// Model folders: whole, sharded, of the cache's layout, and hostile.
#include <sys/resource.h>

#include <QTemporaryDir>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/base/hash.h"
#include "core/checkpoint/checkpoint.h"
#include "expect_error.h"
#include "tests/test_main.h"

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

/// All that is noted about a model.
QString noteOf(const fs::path& folder) {
    const auto checkpoint = Checkpoint::open(folder);
    QStringList notes;
    for (const std::string& note : checkpoint->config().notes) notes << QString::fromStdString(note);
    return notes.join("; ");
}

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
    void linksAreFollowed();
    void findsWeightsWithoutIndex();
    void namesWhatIsNoModel_data();
    void namesWhatIsNoModel();
    void namesFilesGivenAsModels();
    void prefixes_data();
    void prefixes();
    void twoDecodersAreRefused();
    void tensorsBesideTheDecoder();
    void tiesAsTheFilesDo();
    void identityIsOfTheFiles();
    void identitySamplesLargeFiles();
    void forecasts();
};

void TestCheckpointFolder::opensFixtures() {
    const auto sharded = Checkpoint::open(models / "llama-3-style" / "model");
    QCOMPARE(sharded->storedParameters(), std::size_t{38});
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
    QCOMPARE(checkpoint->storedParameters(), std::size_t{12});
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
    QCOMPARE(Checkpoint::open(folder.path)->storedParameters(), std::size_t{12});
}

void TestCheckpointFolder::tiedWithItsOwnUnembedding() {
    json config = tinyConfig;
    config["tie_word_embeddings"] = true;
    const Folder with(config);
    QCOMPARE(Checkpoint::open(with.path)->storedParameters(), std::size_t{11});  // both are zeros
    QVERIFY(Checkpoint::open(with.path)->config().notes.empty());
    json tensors = tinyTensors();
    tensors.erase("lm_head.weight");
    const Folder without(config, tensors);
    QCOMPARE(Checkpoint::open(without.path)->storedParameters(), std::size_t{11});
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
    QCOMPARE(Checkpoint::open(folder.path)->storedParameters(), std::size_t{12});
}

void TestCheckpointFolder::refusesTensors_data() {
    QTest::addColumn<QString>("patch");
    QTest::addColumn<QString>("part");
    QTest::addColumn<bool>("unsupported");
    QTest::newRow("missing") << R"({"model.norm.weight":null})"
                             << "missing: model.norm.weight" << false;
    QTest::newRow("missing embedding") << R"({"model.embed_tokens.weight":null})"
                                       << "missing: model.embed_tokens.weight" << false;
    QTest::newRow("beside the blocks") << R"({"model.embed_norm.weight":{"dtype":"F32","shape":[2]}})"
                                       << "model.embed_norm.weight" << false;
    QTest::newRow("surplus bias of the unembedding") << R"({"lm_head.bias":{"dtype":"F32","shape":[5]}})"
                                                     << "lm_head.bias" << false;
    QTest::newRow("adapter that is not merged")
        << R"({"model.layers.0.self_attn.q_proj.lora_A.weight":{"dtype":"F32","shape":[1,2]}})"
        << "merge_and_unload" << false;
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

/// Links are the user's own, and lead where they lead; a name inside an index does not (refusesIndexes).
void TestCheckpointFolder::linksAreFollowed() {
    const Folder elsewhere;
    write(elsewhere.path / "tokenizer.json", "{}");
    const Folder folder;
    for (const char* name : {"model.safetensors", "config.json", "tokenizer.json"}) {
        fs::remove(folder.path / name);
        fs::create_symlink(elsewhere.path / name, folder.path / name);
    }
    QCOMPARE(Checkpoint::open(folder.path)->storedParameters(), std::size_t{12});
    QVERIFY(Checkpoint::open(folder.path)->tokenizerPath().has_value());
    fs::remove(elsewhere.path / "model.safetensors");
    const QString missing = QString::fromStdString(Checkpoint::open(folder.path)->weightsMissing());
    QVERIFY2(
        missing.contains("links to") && missing.contains(QString::fromStdString(elsewhere.path.string())),
        qPrintable(missing));
}

void TestCheckpointFolder::findsWeightsWithoutIndex() {
    const auto renamed = [](std::initializer_list<const char*> names) {
        auto folder = std::make_unique<Folder>(tinyConfig, json());
        const json whole = tinyTensors();
        json first, second;
        for (const auto& [name, tensor] : whole.items())
            (names.size() == 2 && name < std::string("model.layers.0.mlp") ? first : second)[name] = tensor;
        if (names.size() == 2) write(folder->path / *names.begin(), zeros(first));
        write(folder->path / *(names.end() - 1), zeros(second));
        return folder;
    };
    const auto one = renamed({"model-00001-of-00001.safetensors"});
    QCOMPARE(Checkpoint::open(one->path)->storedParameters(), std::size_t{12});
    QVERIFY(noteOf(one->path).contains("model-00001-of-00001.safetensors"));
    const auto other = renamed({"weights.safetensors"});
    QCOMPARE(Checkpoint::open(other->path)->storedParameters(), std::size_t{12});
    const auto two = renamed({"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"});
    QCOMPARE(Checkpoint::open(two->path)->storedParameters(), std::size_t{12});
    fs::remove(two->path / "model-00001-of-00002.safetensors");
    const QString half = QString::fromStdString(Checkpoint::open(two->path)->weightsMissing());
    QVERIFY2(half.contains("1 of the 2 shards") && half.contains("model-00001-of-00002.safetensors"),
             qPrintable(half));
    write(one->path / "more.safetensors", zeros(tinyTensors()));
    QVERIFY(QString::fromStdString(Checkpoint::open(one->path)->weightsMissing())
                .contains("2 safetensors files"));
}

void TestCheckpointFolder::namesWhatIsNoModel_data() {
    QTest::addColumn<QStringList>("files");
    QTest::addColumn<bool>("config");  // beside them
    QTest::addColumn<QStringList>("parts");
    const auto row = [](const char* name, const QStringList& files, bool config, const QStringList& parts) {
        QTest::newRow(name) << files << config << parts;
    };
    row("empty", {}, false, {"is empty", "config.json"});
    row("Mistral's", {"consolidated.safetensors", "params.json"}, false,
        {"Mistral's own layout", "fetch config.json"});
    row("Mistral's with a config", {"consolidated.safetensors"}, true,
        {"Mistral's own layout", "model.safetensors"});
    row("Meta's", {"consolidated.00.pth", "params.json", "tokenizer.model"}, false,
        {"Meta's own layout", "-hf"});
    row("pickled", {"pytorch_model.bin"}, true, {"pickle", "save_pretrained"});
    row("pickled shards", {"pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"}, true,
        {"pickle"});
    row("several GGUF", {"model.Q4_K_M.gguf", "model.Q8_0.gguf"}, false,
        {"several GGUF files", "give the one"});
    row("several GGUF with a config", {"model.Q4_K_M.gguf", "model.Q8_0.gguf"}, true,
        {"several GGUF files", "give the one"});
    row("adapter", {"adapter_config.json", "adapter_model.safetensors"}, false,
        {"adapter", "some/base", "--adapter"});
    row("adapter with a config", {"adapter_config.json", "adapter_model.safetensors"}, true,
        {"adapter", "some/base"});
    row("tokenizer", {"tokenizer.model"}, false, {"a tokenizer", "tokenizer.model", "fetch config.json"});
    row("weights alone", {"model.safetensors"}, false, {"safetensors weights", "fetch config.json"});
    row("a folder in it", {"checkpoint-100/config.json"}, false, {"checkpoint-100", "give that folder"});
    row("something else", {"notes.md"}, false, {"no config.json"});
    row("TensorFlow's", {"tf_model.h5"}, true, {"TensorFlow", "save_pretrained"});
}

void TestCheckpointFolder::namesWhatIsNoModel() {
    QFETCH(QStringList, files);
    QFETCH(bool, config);
    QFETCH(QStringList, parts);
    const QTemporaryDir temporary;
    const fs::path folder = temporary.path().toStdString();
    for (const QString& file : files) {
        fs::create_directories((folder / file.toStdString()).parent_path());
        write(folder / file.toStdString(),
              file == "adapter_config.json" ? R"({"base_model_name_or_path": "some/base"})" : "x");
    }
    if (!config) {
        EXPECT_ERROR(ErrorCode::NotFound, parts, Checkpoint::open(folder));
        return;
    }
    write(folder / "config.json", tinyConfig.dump());
    const QString missing = QString::fromStdString(Checkpoint::open(folder)->weightsMissing());
    for (const QString& part : parts) QVERIFY2(missing.contains(part), qPrintable(missing));
}

void TestCheckpointFolder::namesFilesGivenAsModels() {
    const Folder folder;
    const QTemporaryDir bare;
    const fs::path alone = bare.path().toStdString();
    for (const auto& [path, part] : {std::pair(folder.path / "model.safetensors", folder.path.string()),
                                     {alone / "model.safetensors", "fetch config.json"},
                                     {alone / "pytorch_model.bin", "pickle"},
                                     {alone / "consolidated.00.pth", "Meta's"},
                                     {alone / "adapter_model.safetensors", "--adapter"},
                                     {alone / "notes.txt", "a model is a folder"}}) {
        if (!fs::exists(path)) write(path, "x");
        EXPECT_ERROR(ErrorCode::NotFound, (QStringList{"is a file", QString::fromStdString(part)}),
                     Checkpoint::open(path));
    }
}

void TestCheckpointFolder::prefixes_data() {
    QTest::addColumn<QString>("decoder");  // what stands in place of "model."
    QTest::addColumn<QString>("head");     // what stands before "lm_head."
    for (const auto& [decoder, head] : {std::pair("base_model.model.model.", "base_model.model."),
                                        {"module.model.", "module."},
                                        {"_orig_mod.model.", "_orig_mod."},
                                        {"module._orig_mod.model.", "module._orig_mod."},
                                        {"language_model.model.", "language_model."},
                                        {"model.language_model.", ""},
                                        {"language_model.", ""},
                                        {"language_model.model.", ""},
                                        {"model._orig_mod.", ""},
                                        {"_fsdp_wrapped_module.model.", ""},
                                        {"transformer.", ""},
                                        {"", ""}})
        QTest::newRow(qPrintable(QString("%1 and %2").arg(decoder, head)))
            << QString(decoder) << QString(head);
}

/// Every stored byte tells which tensor it is of, so a mix-up would be seen.
void TestCheckpointFolder::prefixes() {
    QFETCH(QString, decoder);
    QFETCH(QString, head);
    const json whole = tinyTensors();
    json tensors;
    for (const auto& [name, tensor] : whole.items())
        tensors[name.starts_with("model.") ? decoder.toStdString() + name.substr(6)
                                           : head.toStdString() + name] = tensor;
    tensors["vision_tower.layers.0.self_attn.o_proj.weight"] = {{"dtype", "F32"}, {"shape", {1, 1}}};
    const Folder folder(tinyConfig, tensors);
    const auto checkpoint = Checkpoint::open(folder.path);
    QCOMPARE(checkpoint->find("model.layers.0.self_attn.q_proj.weight")->name,
             decoder.toStdString() + "layers.0.self_attn.q_proj.weight");
    QCOMPARE(checkpoint->find("lm_head.weight")->name, head.toStdString() + "lm_head.weight");
    QVERIFY2(noteOf(folder.path).contains("vision_tower.layers.*.self_attn.o_proj.weight"),
             qPrintable(noteOf(folder.path)));
}

void TestCheckpointFolder::twoDecodersAreRefused() {
    const json whole = tinyTensors();
    json tensors;
    for (const auto& [name, tensor] : whole.items())
        for (const char* before : {"policy.", "reference."}) tensors[before + name] = tensor;
    const Folder folder(tinyConfig, tensors);
    EXPECT_ERROR(ErrorCode::Mismatch, (QStringList{"policy.model.", "reference.model."}),
                 Checkpoint::open(folder.path));
}

void TestCheckpointFolder::tensorsBesideTheDecoder() {
    json tensors = tinyTensors();
    const auto add = [&](const char* name) { tensors[name] = {{"dtype", "F32"}, {"shape", {1}}}; };
    for (const char* name :
         {"score.weight", "mtp.norm.weight", "model.layers.0.self_attn.rotary_emb.inv_freq",
          "model.rotary_emb.inv_freq", "model.mtp_layers.0.norm.weight", "v_head.summary.bias",
          "vision_tower.a.1.b", "vision_tower.a.2.b", "multi_modal_projector.bias"})
        add(name);
    const Folder folder(tinyConfig, tensors);
    QCOMPARE(Checkpoint::open(folder.path)->storedParameters(), std::size_t{12});
    const QString note = noteOf(folder.path);
    for (const char* part : {"9 stored tensors", "score.weight", "mtp.norm.weight", "rotary_emb.inv_freq",
                             "vision_tower.a.*.b (2)"})
        QVERIFY2(note.contains(part), qPrintable(note));
}

void TestCheckpointFolder::tiesAsTheFilesDo() {
    json tied = tinyConfig;
    tied["tie_word_embeddings"] = true;
    // A stored unembedding of its own is used, whatever the flag says.
    const Folder differs(tied);
    std::string bytes = read(differs.path / "model.safetensors");
    const std::size_t header = 8 + static_cast<std::size_t>(static_cast<unsigned char>(bytes[0])) +
                               256 * static_cast<std::size_t>(static_cast<unsigned char>(bytes[1]));
    bytes[header + 3] = 0x40;  // lm_head.weight comes first
    write(differs.path / "model.safetensors", bytes);
    const auto own = Checkpoint::open(differs.path);
    QVERIFY(!own->config().tiedUnembedding);
    QVERIFY(own->find("lm_head.weight") != nullptr);
    QVERIFY2(noteOf(differs.path).contains("the stored lm_head.weight is used"),
             qPrintable(noteOf(differs.path)));

    // Without one the model is tied.
    json tensors = tinyTensors();
    tensors.erase("lm_head.weight");
    const Folder without(tinyConfig, tensors);
    QVERIFY(Checkpoint::open(without.path)->config().tiedUnembedding);
    QVERIFY2(noteOf(without.path).contains("there is no lm_head.weight"), qPrintable(noteOf(without.path)));

    // The embedding may be the one that is not stored.
    tensors = tinyTensors();
    tensors.erase("model.embed_tokens.weight");
    const Folder swapped(tied, tensors);
    const auto alias = Checkpoint::open(swapped.path);
    QVERIFY(alias->config().tiedUnembedding);
    QCOMPARE(alias->find("model.embed_tokens.weight")->name, std::string("lm_head.weight"));
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

RHEO_TEST(TestCheckpointFolder)
#include "test_checkpoint_folder.moc"
