// Folders of PEFT's LoRA: what is understood, and what is refused by name.
#include <QTemporaryDir>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/checkpoint/adapter.h"
#include "core/checkpoint/adapter_config.h"
#include "core/checkpoint/checkpoint.h"
#include "expect_error.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path adapters = fs::path(RHEO_FIXTURES) / "adapters";

fs::path base(const std::string& name) {
    return fs::path(RHEO_FIXTURES) / "models" / name / "model";
}

std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

/// A copy of a fixture that can be spoilt.
struct Copy {
    QTemporaryDir own;
    fs::path path = own.path().toStdString();
    std::string fixture;
    json config;
    std::map<std::string, std::pair<json, std::string>> tensors;  ///< {dtype, shape} and bytes, by name

    explicit Copy(std::string name) : fixture(std::move(name)) {
        config = json::parse(read(adapters / fixture / "adapter_config.json"));
        const std::string file = read(adapters / fixture / "adapter_model.safetensors");
        std::size_t length = 0;
        for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<unsigned char>(file[std::size_t(i)]);
        const json header = json::parse(file.substr(8, length));
        for (const auto& [key, entry] : header.items()) {
            if (key == "__metadata__") continue;
            const std::size_t from = entry["data_offsets"][0], to = entry["data_offsets"][1];
            tensors[key] = {{{"dtype", entry["dtype"]}, {"shape", entry["shape"]}},
                            file.substr(8 + length + from, to - from)};
        }
        save();
    }

    std::string weights() const {
        json header = json::object();
        std::string data;
        for (const auto& [name, tensor] : tensors) {
            header[name] = tensor.first;
            header[name]["data_offsets"] = {data.size(), data.size() + tensor.second.size()};
            data += tensor.second;
        }
        const std::string text = header.dump();
        std::string file;
        for (int i = 0; i < 8; ++i) file += static_cast<char>(text.size() >> (8 * i));
        return file + text + data;
    }

    void save() const {
        write(path / "adapter_config.json", config.dump());
        write(path / "adapter_model.safetensors", weights());
    }

    /// Every name with `from` in it has `to` there instead; an empty `to` drops the tensor.
    int rename(const std::string& from, const std::string& to) {
        std::map<std::string, std::pair<json, std::string>> renamed;
        int count = 0;
        for (auto& [name, tensor] : tensors) {
            std::string other = name;
            const auto at = other.find(from);
            if (at != std::string::npos) {
                ++count;
                if (to.empty()) continue;
                other.replace(at, from.size(), to);
            }
            renamed[other] = tensor;
        }
        tensors = std::move(renamed);
        save();
        return count;
    }

    std::shared_ptr<const Checkpoint> open(const std::string& model) const {
        return Checkpoint::open(base(model), {}, path);
    }
};

QString notesOf(const Checkpoint& checkpoint) {
    QStringList notes;
    for (const std::string& note : checkpoint.config().notes) notes << QString::fromStdString(note);
    return notes.join("; ");
}

AdapterConfig parsed(const json& patch) {
    json config = {{"peft_type", "LORA"}, {"r", 4}, {"lora_alpha", 8}, {"target_modules", {"q_proj"}}};
    config.merge_patch(patch);
    return parseAdapterConfig(config.dump(), "adapter_config.json");
}

}  // namespace

class TestCheckpointAdapter : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void saysWhatItIs();
    void patternsAsPeftMatchesThem();
    void theFirstPatternInTheFileCounts();
    void targetsAsPeftChoosesThem();
    void refusesConfigs_data();
    void refusesConfigs();
    void takesConfigs_data();
    void takesConfigs();
    void refusesTensors_data();
    void refusesTensors();
    void refusesFiles();
    void namesWithAnAdapterName();
    void otherPrefixes();
    void anotherBaseIsANote();
    void modulesWithoutTensorsAreANote();
    void ggufIsRefused();
    void unties();
    void adapterFoldersAreKnown();
};

void TestCheckpointAdapter::saysWhatItIs() {
    const auto checkpoint = Checkpoint::open(base("llama-2-style"), {}, adapters / "llama-patterns");
    const Adapter& adapter = *checkpoint->adapter();
    QCOMPARE(adapter.name, std::string("llama-patterns"));
    QCOMPARE(adapter.base, std::string("fixtures/llama-2-style"));
    QCOMPARE(adapter.matrices, 28);
    QVERIFY((adapter.ranks == std::vector<std::int64_t>{2, 3, 4, 6, 8}));
    QVERIFY((adapter.alphas == std::vector<double>{3, 8, 20}));
    QVERIFY(adapter.rslora);
    QVERIFY((adapter.targets == std::vector<std::string>{"down_proj", "gate_proj", "k_proj", "o_proj",
                                                         "q_proj", "up_proj", "v_proj"}));
    std::int64_t values = 0;
    for (const StoredTensor& tensor : adapter.file->tensors()) values += tensor.shape[0] * tensor.shape[1];
    QCOMPARE(adapter.parameters, values);
    QCOMPARE(digestOf(adapter).size(), std::size_t{64});
    const QString notes = notesOf(*checkpoint);
    QVERIFY2(notes.contains("the adapter llama-patterns is merged into the weights: LoRA of rank 2 to 8"),
             qPrintable(notes));
}

/// Each row as `peft.utils.other.get_pattern_key` has it (tried with PEFT 0.21.2).
void TestCheckpointAdapter::patternsAsPeftMatchesThem() {
    const std::string module = "model.layers.11.self_attn.q_proj";
    for (const auto& [pattern, matches] :
         std::map<std::string, bool>{{"q_proj", true},
                                     {"roj", false},
                                     {"proj", false},
                                     {"self_attn.q_proj", true},
                                     {"attn.q_proj", false},
                                     {"^model.layers.11.self_attn.q_proj", true},
                                     {"^layers.11.self_attn.q_proj", false},
                                     {"layers.1.self_attn.q_proj", false},
                                     {"layers.\\d+.self_attn.q_proj", true},
                                     {"(q|k)_proj", true},
                                     {".*", true},
                                     {"q_proj$", true},
                                     {"model", false},
                                     {".*attn.*", true},
                                     {"Q_PROJ", false},
                                     {"(?i)Q_PROJ", false},
                                     {"layers.(?P<n>1+).self_attn.q_proj", true}}) {
        if (pattern.starts_with("(?i)")) continue;  // Python wants such flags at the start of all
        const AdapterConfig config = parsed({{"rank_pattern", {{pattern, 7}}}});
        QCOMPARE(std::pair(pattern, config.rankOf(module)),
                 std::pair(pattern, std::int64_t(matches ? 7 : 4)));
    }
}

void TestCheckpointAdapter::theFirstPatternInTheFileCounts() {
    const auto rank = [](const std::string& patterns) {
        return parseAdapterConfig(R"({"peft_type": "LORA", "r": 4, "rank_pattern": )" + patterns + "}",
                                  "c.json")
            .rankOf("model.layers.0.self_attn.q_proj");
    };
    QCOMPARE(rank(R"({"z?q_proj": 2, "self_attn.q_proj": 3})"), 2);
    QCOMPARE(rank(R"({"self_attn.q_proj": 3, "q_proj": 2})"), 3);
    QCOMPARE(rank(R"({"q_proj": 2, "self_attn.q_proj": 3})"), 2);
    const AdapterConfig config = parsed({{"rank_pattern", {{"q_proj", 16}}}, {"use_rslora", true}});
    QCOMPARE(config.scalingOf("a.q_proj"), 8.0 / 4.0);
    QCOMPARE(config.scalingOf("a.k_proj"), 8.0 / 2.0);
}

/// As `check_target_module_exists` answers (tried with PEFT 0.21.2).
void TestCheckpointAdapter::targetsAsPeftChoosesThem() {
    const std::string q = "model.layers.3.self_attn.q_proj";
    const auto is = [&](const json& patch, const std::string& module, bool linear = true) {
        return parsed(patch).isTarget(module, linear);
    };
    QVERIFY(is({{"target_modules", {"q_proj"}}}, q));
    QVERIFY(!is({{"target_modules", {"proj"}}}, q));
    QVERIFY(is({{"target_modules", {"self_attn.q_proj"}}}, q));
    QVERIFY(is({{"target_modules", "model.*q_proj"}}, q));
    QVERIFY(!is({{"target_modules", "q_proj"}}, q));  // all of the name must match
    QVERIFY(!is({{"target_modules", "model.*q_pro"}}, q));
    QVERIFY(is({{"target_modules", "all-linear"}}, q));
    QVERIFY(!is({{"target_modules", "all-linear"}}, "lm_head", false));
    QVERIFY(!is({{"exclude_modules", {"q_proj"}}}, q));
    QVERIFY(!is({{"exclude_modules", ".*layers.3.*"}}, q));
    QVERIFY(is({{"exclude_modules", ".*layers.2.*"}}, q));
    QVERIFY(!is({{"modules_to_save", {"self_attn"}}}, q));
    QVERIFY(is({{"layers_to_transform", {1, 3}}}, q));
    QVERIFY(!is({{"layers_to_transform", {1, 2}}}, q));
    QVERIFY(is({{"layers_to_transform", 3}, {"layers_pattern", "layers"}}, q));
    QVERIFY(!is({{"layers_to_transform", 3}, {"layers_pattern", "h"}}, q));
    QVERIFY(is({{"layers_to_transform", {1}}, {"target_modules", {q}}}, q));
    QVERIFY(!is({{"layers_to_transform", {0}}}, "lm.q_proj"));
}

void TestCheckpointAdapter::refusesConfigs_data() {
    QTest::addColumn<QString>("patch");
    QTest::addColumn<bool>("unsupported");
    QTest::addColumn<QStringList>("parts");
    const auto refused = [](const char* patch, const QStringList& parts) {
        QTest::newRow(patch) << QString(patch) << true << (QStringList{"adapter_config.json"} + parts);
    };
    const auto malformed = [](const char* patch, const QStringList& parts) {
        QTest::newRow(patch) << QString(patch) << false << (QStringList{"adapter_config.json"} + parts);
    };
    for (const char* type :
         {"IA3", "LOHA", "LOKR", "ADALORA", "OFT", "BOFT", "VERA", "LN_TUNING", "XLORA", "lora"})
        QTest::newRow(type) << QString(R"({"peft_type": "%1"})").arg(type) << true
                            << QStringList{"peft_type is " + QString(type), "only LORA", "merge_and_unload"};
    for (const char* type : {"PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING", "ADAPTION_PROMPT"})
        QTest::newRow(type) << QString(R"({"peft_type": "%1"})").arg(type) << true
                            << QStringList{"peft_type is " + QString(type), "cannot merge",
                                           "run it with peft"};
    refused(R"({"use_dora": true})", {"use_dora", "DoRA", "merge_and_unload"});
    refused(R"({"lora_bias": true})", {"lora_bias", "merge_and_unload"});
    refused(R"({"use_qalora": true})", {"use_qalora", "merge_and_unload"});
    refused(R"({"use_bdlora": {"nblocks": 2}})", {"use_bdlora", "block-diagonal"});
    refused(R"({"layer_replication": [[0, 2], [1, 3]]})", {"layer_replication", "merge_and_unload"});
    refused(R"({"megatron_config": {"a": 1}})", {"megatron_config", "Megatron"});
    refused(R"({"alora_invocation_tokens": [5, 6]})", {"alora_invocation_tokens", "run it with peft"});
    refused(R"({"arrow_config": {"top_k": 2}})", {"arrow_config", "run it with peft"});
    refused(R"({"trainable_token_indices": [1, 2]})", {"trainable_token_indices", "rows"});
    refused(R"({"target_parameters": ["experts.down_proj"]})", {"target_parameters"});
    refused(R"({"kasa_config": {"beta": 1}})", {"kasa_config"});
    refused(R"({"monteclora_config": {"num_samples": 8}})", {"monteclora_config"});
    refused(R"({"velora_config": {"scale": 1.0}})", {"velora_config"});
    for (const char* init : {"pissa", "pissa_niter_4", "olora", "corda", "loftq", "lora_ga", "mica"})
        QTest::newRow(init) << QString(R"({"init_lora_weights": "%1"})").arg(init) << true
                            << QStringList{"init_lora_weights", init,
                                           "path_initial_model_for_weight_conversion"};
    refused(R"({"brand_new_gain": 3})", {"brand_new_gain", "not known", "merge_and_unload"});
    malformed(R"({"peft_type": null})", {"peft_type", "LORA"});
    malformed(R"({"r": 0})", {"r is 0"});
    malformed(R"({"r": "8"})", {"r is"});
    malformed(R"({"lora_alpha": "16"})", {"lora_alpha"});
    malformed(R"({"use_rslora": 1})", {"use_rslora"});
    malformed(R"({"bias": "some"})", {"bias", "lora_only"});
    malformed(R"({"rank_pattern": ["q_proj"]})", {"rank_pattern", "an object"});
    malformed(R"({"rank_pattern": {"q_proj": 0}})", {"rank_pattern.q_proj"});
    malformed(R"({"rank_pattern": {"(q_proj": 2}})", {"rank_pattern", "no regular expression"});
    malformed(R"({"alpha_pattern": {"q_proj": "big"}})", {"alpha_pattern.q_proj"});
    malformed(R"({"target_modules": 5})", {"target_modules"});
    malformed(R"({"target_modules": "(.*"})", {"target_modules", "no regular expression"});
    malformed(R"({"modules_to_save": "lm_head"})", {"modules_to_save"});
    // Backtracks without end: PEFT would not answer either.
    malformed(R"({"rank_pattern": {"((.+)+)+[xy]": 2}})", {"rank_pattern", "steps"});
}

void TestCheckpointAdapter::refusesConfigs() {
    QFETCH(QString, patch);
    QFETCH(bool, unsupported);
    QFETCH(QStringList, parts);
    Copy copy("llama-patterns");
    copy.config.merge_patch(json::parse(patch.toStdString()));
    copy.save();
    EXPECT_ERROR(unsupported ? ErrorCode::Unsupported : ErrorCode::Format, parts, copy.open("llama-2-style"));
}

void TestCheckpointAdapter::takesConfigs_data() {
    QTest::addColumn<QString>("patch");
    for (const char* patch :
         {R"({"use_dora": false, "lora_bias": false, "layer_replication": null, "megatron_config": null})",
          R"({"some_new_flag": false, "some_new_list": [], "some_new_name": ""})", R"({"lora_dropout": 0.1})",
          R"({"init_lora_weights": false})", R"({"init_lora_weights": "gaussian"})",
          R"({"init_lora_weights": "eva", "eva_config": {"rho": 2.0}})", R"({"fan_in_fan_out": true})",
          R"({"bias": "lora_only"})", R"({"task_type": "FEATURE_EXTRACTION", "revision": "main"})",
          R"({"auto_mapping": {"base_model_class": "LlamaForCausalLM"}})", R"({"target_modules": null})",
          R"({"target_modules": "all-linear"})", R"({"loftq_config": {}, "megatron_core": "megatron.core"})",
          R"({"qalora_group_size": 16, "ensure_weight_tying": true})"})
        QTest::newRow(patch) << QString(patch);
}

void TestCheckpointAdapter::takesConfigs() {
    QFETCH(QString, patch);
    Copy copy("llama-patterns");
    copy.config.merge_patch(json::parse(patch.toStdString()));
    copy.save();
    QCOMPARE(copy.open("llama-2-style")->adapter()->matrices, 28);
}

void TestCheckpointAdapter::refusesTensors_data() {
    QTest::addColumn<QString>("fixture");
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("from");
    QTest::addColumn<QString>("to");
    QTest::addColumn<bool>("unsupported");
    QTest::addColumn<QStringList>("parts");
    const auto row = [](const char* name, const char* from, const char* to, const QStringList& parts,
                        bool unsupported = false) {
        QTest::newRow(name) << "llama-patterns"
                            << "llama-2-style" << from << to << unsupported << parts;
    };
    row("A without B", "layers.1.mlp.up_proj.lora_B.weight", "",
        {"layers.1.mlp.up_proj.lora_A.weight", "other half"});
    row("B without A", "layers.1.mlp.up_proj.lora_A.weight", "",
        {"layers.1.mlp.up_proj.lora_B.weight", "other half"});
    row("no such module", "layers.1.mlp.up_proj.", "layers.1.mlp.sideways_proj.",
        {"sideways_proj.lora_A", "fits no parameter", "llama"});
    row("no such layer", "layers.3.", "layers.4.", {"layers.4.", "fits no parameter"});
    row("no LoRA", "layers.1.mlp.up_proj.lora_A.weight", "layers.1.mlp.up_proj.ia3_l",
        {"ia3_l", "fits no parameter"});
    row("a bias that the model lacks", "layers.1.mlp.up_proj.lora_A.weight",
        "layers.1.mlp.up_proj.base_layer.bias", {"up_proj.base_layer.bias", "fits no parameter"});
    row("another shape", "layers.1.mlp.down_proj.", "layers.1.mlp.up_proj.x.", {"fits no parameter"});
    row("shapes of another matrix", "layers.1.self_attn.v_proj.", "layers.1.self_attn.x.",
        {"fits no parameter"});
    row("DoRA", "layers.1.mlp.up_proj.lora_A.weight", "layers.1.mlp.up_proj.lora_magnitude_vector",
        {"lora_magnitude_vector", "DoRA", "merge"}, true);
    row("bias of B", "layers.1.mlp.up_proj.lora_B.weight", "layers.1.mlp.up_proj.lora_B.bias",
        {"lora_B.bias", "merge"}, true);
    row("single rows", "layers.1.mlp.up_proj.lora_A.weight",
        "embed_tokens.token_adapter.trainable_tokens_delta", {"trainable_tokens_delta", "rows"}, true);
    row("an embedding's names for a matrix", "layers.1.mlp.up_proj.lora_A.weight",
        "layers.1.mlp.up_proj.lora_embedding_A", {"second one", "up_proj"});
    row("a norm", "layers.1.mlp.up_proj.", "layers.1.input_layernorm.", {"input_layernorm", "no matrix"});
    row("another tower", "model.layers.1.mlp.up_proj.", "vision.layers.1.mlp.up_proj.",
        {"vision.layers.1.mlp.up_proj", "fit no parameter"});
    row("swapped matrices", "layers.1.mlp.up_proj.lora", "layers.1.mlp.down_proj.xlora",
        {"fits no parameter"});
    QTest::newRow("matrix names for an embedding")
        << "tied-embedding-bfloat16"
        << "llama-3-style"
        << "layers.0.self_attn.q_proj.lora_A"
        << "embed_tokens.lora_A" << false << QStringList{"embed_tokens", "second one"};
    QTest::newRow("another model") << "llama-patterns"
                                   << "qwen2"
                                   << "nothing"
                                   << "x" << false << QStringList{"lora_"};
    QTest::newRow("another architecture")
        << "gpt2"
        << "qwen2"
        << "nothing"
        << "x" << false << QStringList{"fits no parameter", "qwen2", "transformer.h.0"};
}

void TestCheckpointAdapter::refusesTensors() {
    QFETCH(QString, fixture);
    QFETCH(QString, model);
    QFETCH(QString, from);
    QFETCH(QString, to);
    QFETCH(bool, unsupported);
    QFETCH(QStringList, parts);
    Copy copy(fixture.toStdString());
    const int renamed = copy.rename(from.toStdString(), to.toStdString());
    QCOMPARE(renamed > 0, from != "nothing");
    EXPECT_ERROR(unsupported ? ErrorCode::Unsupported : ErrorCode::Mismatch, parts,
                 copy.open(model.toStdString()));
}

void TestCheckpointAdapter::refusesFiles() {
    const auto refuses = [](ErrorCode code, const QStringList& parts, auto spoil) {
        Copy copy("llama-patterns");
        spoil(copy);
        EXPECT_ERROR(code, parts, copy.open("llama-2-style"));
    };
    const auto weights = [](const Copy& copy) { return copy.path / "adapter_model.safetensors"; };
    refuses(ErrorCode::Format, {"adapter_model.safetensors"},
            [&](const Copy& copy) { fs::resize_file(weights(copy), fs::file_size(weights(copy)) - 1); });
    refuses(ErrorCode::Format, {"adapter_model.safetensors"},
            [&](const Copy& copy) { fs::resize_file(weights(copy), 100); });
    refuses(ErrorCode::Format, {"adapter_config.json", "JSON"},
            [&](const Copy& copy) { write(copy.path / "adapter_config.json", R"({"peft_type": )"); });
    refuses(ErrorCode::NotFound, {"adapter_model.safetensors"},
            [&](const Copy& copy) { fs::remove(weights(copy)); });
    refuses(ErrorCode::NotFound, {"adapter_model.bin", "pickle", "save_pretrained"},
            [&](const Copy& copy) { fs::rename(weights(copy), copy.path / "adapter_model.bin"); });
    refuses(ErrorCode::NotFound, {"no adapter_config.json"},
            [&](const Copy& copy) { fs::remove(copy.path / "adapter_config.json"); });
    refuses(ErrorCode::Mismatch, {"holds no tensors"}, [&](Copy& copy) {
        copy.tensors.clear();
        copy.save();
    });
    refuses(ErrorCode::Mismatch, {"up_proj.lora_A.weight is [", "rank 5"}, [&](Copy& copy) {
        copy.config["rank_pattern"]["up_proj"] = 5;
        copy.save();
    });
    refuses(ErrorCode::Mismatch, {"q_proj", "target_modules", "leaves out"}, [&](Copy& copy) {
        copy.config["target_modules"] = {"k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
        copy.save();
    });
    refuses(ErrorCode::Unsupported, {"I64", "lora_A"}, [&](Copy& copy) {
        copy.tensors["base_model.model.model.layers.1.mlp.up_proj.lora_A.weight"] = {
            {{"dtype", "I64"}, {"shape", {1, 1}}}, std::string(8, '\0')};
        copy.save();
    });
    refuses(ErrorCode::Mismatch, {"lm_head.weight is [3, 48]", "vocabulary resized"}, [&](Copy& copy) {
        copy.tensors["base_model.model.lm_head.weight"] = {{{"dtype", "F32"}, {"shape", {3, 48}}},
                                                           std::string(3 * 48 * 4, '\0')};
        copy.save();
    });
    for (const auto& [name, part] :
         {std::pair("layers.1.input_layernorm.base_layer.weight", "is not adapted"),
          {"layers.1.self_attn.q_proj.weight", "is adapted"}})
        refuses(ErrorCode::Mismatch, {name, part}, [&, name = std::string(name)](Copy& copy) {
            const bool norm = name.find("norm") != std::string::npos;
            copy.tensors["base_model.model.model." + name] = {
                {{"dtype", "F32"}, {"shape", norm ? json::array({48}) : json::array({48, 48})}},
                std::string(std::size_t(norm ? 48 : 48 * 48) * 4, '\0')};
            copy.save();
        });
    refuses(ErrorCode::Mismatch, {"other.lm_head"}, [&](Copy& copy) {
        for (const char* head : {"lm_head", "other.lm_head"})
            copy.tensors[std::string("base_model.model.").append(head).append(".weight")] = {
                {{"dtype", "F32"}, {"shape", {880, 48}}}, std::string(880 * 48 * 4, '\0')};
        copy.save();
    });
    EXPECT_ERROR(ErrorCode::NotFound, QStringList{"it is a model"},
                 Checkpoint::open(base("qwen2"), {}, base("qwen2")));
    EXPECT_ERROR(ErrorCode::NotFound, QStringList{"no/such"}, Checkpoint::open(base("qwen2"), {}, "no/such"));
}

void TestCheckpointAdapter::namesWithAnAdapterName() {
    Copy copy("llama-patterns");
    copy.rename("lora_A.weight", "lora_A.default.weight");
    copy.rename("lora_B.weight", "lora_B.default.weight");
    QCOMPARE(copy.open("llama-2-style")->adapter()->matrices, 28);
    copy.rename("layers.0.mlp.up_proj.lora_B.default", "layers.0.mlp.up_proj.lora_B.other");
    EXPECT_ERROR(ErrorCode::Mismatch, QStringList{"second one"}, copy.open("llama-2-style"));
}

/// The same parameters are changed, whatever stands before the modules' names.
void TestCheckpointAdapter::otherPrefixes() {
    Copy copy("llama-patterns");
    const auto checkpoint = copy.open("llama-2-style");
    const auto& usual = checkpoint->adapter()->changes;
    for (const char* prefix : {"model.language_model.", "language_model.model.", ""}) {
        Copy other("llama-patterns");
        other.config.erase("rank_pattern");
        other.config["rank_pattern"] = copy.config["rank_pattern"];
        // A pattern with "^" is on the whole name.
        json patterns = json::object();
        for (const auto& [key, rank] : other.config["rank_pattern"].items())
            patterns[key.starts_with("^model.") ? std::string("^").append(prefix).append(key.substr(7))
                                                : key] = rank;
        other.config["rank_pattern"] = patterns;
        other.config["alpha_pattern"] = json::object();
        other.rename("base_model.model.model.", std::string("base_model.model.").append(prefix));
        const auto adapted = other.open("llama-2-style");
        QCOMPARE(adapted->adapter()->changes.size(), usual.size());
        for (const auto& [name, change] : usual) {
            const auto found = adapted->adapter()->changes.find(name);
            QVERIFY2(found != adapted->adapter()->changes.end(), name.c_str());
            QVERIFY(found->second.deltas.front().a->shape == change.deltas.front().a->shape);
        }
        QVERIFY(notesOf(*adapted).contains("adapter's modules begin with"));
    }
}

void TestCheckpointAdapter::anotherBaseIsANote() {
    Copy copy("llama-patterns");
    copy.config["base_model_name_or_path"] = "meta/Another-7B";
    copy.save();
    QVERIFY(notesOf(*copy.open("llama-2-style")).contains("made for meta/Another-7B"));
    copy.config["base_model_name_or_path"] = base("llama-2-style").string();
    copy.save();
    QVERIFY(!notesOf(*copy.open("llama-2-style")).contains("made for"));
}

void TestCheckpointAdapter::modulesWithoutTensorsAreANote() {
    Copy copy("llama-patterns");
    copy.rename("layers.1.mlp.up_proj.", "");
    const auto checkpoint = copy.open("llama-2-style");
    QCOMPARE(checkpoint->adapter()->matrices, 27);
    const QString notes = notesOf(*checkpoint);
    QVERIFY2(notes.contains("1 modules") && notes.contains("model.layers.1.mlp.up_proj"), qPrintable(notes));
}

void TestCheckpointAdapter::ggufIsRefused() {
    const fs::path file = fs::path(RHEO_FIXTURES) / "gguf" / "models" / "llama" / "model.gguf";
    EXPECT_ERROR(ErrorCode::Unsupported, (QStringList{"GGUF", "safetensors", "fixtures/llama-2-style"}),
                 Checkpoint::open(file, {}, adapters / "llama-patterns"));
}

void TestCheckpointAdapter::unties() {
    const auto tied = Checkpoint::open(base("llama-3-style"), {}, adapters / "tied-embedding-bfloat16");
    QVERIFY(tied->config().tiedUnembedding);
    QVERIFY(notesOf(*tied).contains("changes both"));
    const auto parameters = tied->forecast(DType::Float32, 1, 1).parameters;
    const auto untied = Checkpoint::open(base("llama-3-style"), {}, adapters / "saved-head");
    QVERIFY(!untied->config().tiedUnembedding);
    QVERIFY(notesOf(*untied).contains("unembedding of its own"));
    QCOMPARE(untied->forecast(DType::Float32, 1, 1).parameters,
             parameters + untied->config().vocabulary * untied->config().dModel);
}

void TestCheckpointAdapter::adapterFoldersAreKnown() {
    QVERIFY(isAdapterFolder((adapters / "gpt2").string()));
    QVERIFY(!isAdapterFolder(base("gpt2").string()));
    QVERIFY(!isAdapterFolder("no/such"));
    QCOMPARE(baseOfAdapter(adapters / "gpt2"), std::string("fixtures/gpt2"));
    EXPECT_ERROR(ErrorCode::NotFound, (QStringList{"--model fixtures/gpt2", "--adapter"}),
                 Checkpoint::open(adapters / "gpt2"));
}

RHEO_TEST(TestCheckpointAdapter)
#include "test_checkpoint_adapter.moc"
