// config.json: both spellings, defaults of keys left out, and refusals by name.
#include <QtTest>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/checkpoint/model_config.h"
#include "expect_error.h"

using namespace rheo;
using namespace rheo::test;
using nlohmann::json;

namespace {

ModelConfig parse(const json& config) {
    return parseModelConfig(config.dump(), "config.json");
}

/// A llama config of the demo model's shape, changed by `change`.
json llama(const json& change = json::object()) {
    json config = {{"model_type", "llama"},          {"hidden_size", 128},      {"intermediate_size", 352},
                   {"num_attention_heads", 4},       {"num_hidden_layers", 32}, {"num_key_value_heads", 2},
                   {"max_position_embeddings", 512}, {"vocab_size", 4096}};
    config.merge_patch(change);
    return config;
}

json read(const std::string& path) {
    std::ifstream in(path);
    return json::parse(in);
}

}  // namespace

class TestCheckpointConfig : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void readsTheDemoModel();
    void defaultsOfLlama();
    void spellingsAgree();
    void ropeKinds();
    void endTokens();
    void harmlessKeysPass();
    void refuses_data();
    void refuses();
    void refusesDamagedJson_data();
    void refusesDamagedJson();
    void parametersAreCountedOnce();
};

void TestCheckpointConfig::readsTheDemoModel() {
    const ModelConfig c = parse(read(RHEO_RESOURCES "/demo-model/config.json"));
    QCOMPARE(c.architecture, std::string("llama"));
    QCOMPARE(c.layers, std::int64_t{32});
    QCOMPARE(c.dModel, std::int64_t{128});
    QCOMPARE(c.heads, std::int64_t{4});
    QCOMPARE(c.kvHeads, std::int64_t{2});
    QCOMPARE(c.headDim, std::int64_t{32});
    QCOMPARE(c.intermediate, std::int64_t{352});
    QCOMPARE(c.vocabulary, std::int64_t{4096});
    QCOMPARE(c.maxPositions, std::int64_t{512});
    QCOMPARE(c.normEpsilon, 1e-5);
    QVERIFY(c.tiedUnembedding);
    QVERIFY(!c.qkvBias && !c.attnOutBias && !c.mlpBias);
    QCOMPARE(c.storedDType, std::string("bfloat16"));
    QVERIFY(c.endTokens == std::vector<std::int64_t>{1});
    QCOMPARE(c.blocks.size(), std::size_t{32});
    QVERIFY(!c.blocks[0].window);
    QVERIFY(!c.parallelBlocks);
}

// LlamaConfig of the reference implementation.
void TestCheckpointConfig::defaultsOfLlama() {
    const ModelConfig c = parse({{"model_type", "llama"}});
    QCOMPARE(c.vocabulary, std::int64_t{32000});
    QCOMPARE(c.dModel, std::int64_t{4096});
    QCOMPARE(c.intermediate, std::int64_t{11008});
    QCOMPARE(c.layers, std::int64_t{32});
    QCOMPARE(c.heads, std::int64_t{32});
    QCOMPARE(c.kvHeads, std::int64_t{32});
    QCOMPARE(c.headDim, std::int64_t{128});
    QCOMPARE(c.maxPositions, std::int64_t{2048});
    QCOMPARE(c.normEpsilon, 1e-6);
    QCOMPARE(c.initializerRange, 0.02);
    QVERIFY(!c.tiedUnembedding);
    QVERIFY(c.activation == Activation::Silu);
    QVERIFY(c.ropes == std::vector<RopeConfig>{RopeConfig{}});
    QCOMPARE(parse({{"model_type", "llama"}, {"num_attention_heads", 8}}).kvHeads, std::int64_t{8});
    QCOMPARE(parse({{"model_type", "llama"}, {"num_key_value_heads", nullptr}}).kvHeads, std::int64_t{32});
    QCOMPARE(parse({{"model_type", "llama"}, {"head_dim", 64}}).headDim, std::int64_t{64});
}

void TestCheckpointConfig::spellingsAgree() {
    const json scaling = {{"factor", 8.0},
                          {"low_freq_factor", 1.0},
                          {"high_freq_factor", 4.0},
                          {"original_max_position_embeddings", 32}};
    json old = scaling;
    old["rope_type"] = "llama3";
    json older = scaling;
    older["type"] = "llama3";
    json fresh = old;
    fresh["rope_theta"] = 500000.0;
    const auto a =
        parse(llama({{"rope_theta", 500000.0}, {"rope_scaling", old}, {"torch_dtype", "float16"}}));
    const auto b = parse(llama({{"rope_theta", 500000.0}, {"rope_scaling", older}, {"dtype", "float16"}}));
    const auto c = parse(llama({{"rope_parameters", fresh}, {"dtype", "float16"}}));
    const auto d =
        parse(llama({{"rope_parameters", fresh}, {"rope_theta", 500000.0}, {"rope_scaling", old}}));
    QVERIFY(a.ropes[0].kind == RopeKind::Llama3);
    QCOMPARE(a.ropes[0].theta, 500000.0);
    QCOMPARE(a.ropes[0].originalMaxPositions, std::int64_t{32});
    QVERIFY(a.ropes == b.ropes);
    QVERIFY(a.ropes == c.ropes);
    QVERIFY(a.ropes == d.ropes);
    QCOMPARE(a.storedDType, b.storedDType);
}

void TestCheckpointConfig::ropeKinds() {
    const auto linear = parse(llama({{"rope_scaling", {{"type", "linear"}, {"factor", 4.0}}}}));
    QVERIFY(linear.ropes[0].kind == RopeKind::Linear);
    QCOMPARE(linear.ropes[0].factor, 4.0);
    QVERIFY(parse(llama({{"rope_scaling", nullptr}})).ropes[0].kind == RopeKind::Default);
    QVERIFY(parse(llama({{"rope_scaling", {{"rope_type", "default"}}}})).ropes[0].kind == RopeKind::Default);
}

void TestCheckpointConfig::endTokens() {
    QVERIFY(parse(llama({{"eos_token_id", 7}})).endTokens == std::vector<std::int64_t>{7});
    QVERIFY(parse(llama({{"eos_token_id", {7, 9}}})).endTokens == (std::vector<std::int64_t>{7, 9}));
    QVERIFY(parse(llama({{"eos_token_id", nullptr}})).endTokens.empty());
    QVERIFY(parse(llama()).endTokens.empty());
}

void TestCheckpointConfig::harmlessKeysPass() {
    parse(llama({{"attention_dropout", 0.1},
                 {"pretraining_tp", 2},
                 {"use_cache", false},
                 {"_name_or_path", "x/y"},
                 {"transformers_version", "4.31.0"},
                 {"rope_interleaved", false},
                 {"is_llama_config", true},
                 {"transformers.js_config", {{"kv_cache_dtype", {{"q4f16", "float16"}}}}},
                 {"id2label", {{"0", "LABEL_0"}}},
                 {"some_new_feature", nullptr}}));
}

void TestCheckpointConfig::refuses_data() {
    QTest::addColumn<QString>("change");
    QTest::addColumn<QString>("part");
    QTest::addColumn<bool>("damaged");
    const auto row = [](const char* name, const char* change, const char* part, bool damaged) {
        QTest::newRow(name) << QString(change) << QString(part) << damaged;
    };
    row("unknown architecture", R"({"model_type":"mamba"})", "mamba", false);
    row("no architecture", R"({"model_type":null})", "model_type", true);
    row("unknown key", R"({"new_attention":true})", "new_attention", false);
    row("two unknown keys", R"({"zz":1,"aa":0})", "aa, zz", false);
    row("quantised", R"({"quantization_config":{"bits":4}})", "quantization_config", false);
    row("unknown activation", R"({"hidden_act":"mish"})", "mish", false);
    row("unknown rope", R"({"rope_scaling":{"rope_type":"yarn","factor":2.0}})", "yarn", false);
    row("unknown rope key", R"({"rope_scaling":{"rope_type":"linear","factor":2.0,"beta":1}})",
        "rope_scaling.beta", false);
    row("factor of default rope", R"({"rope_scaling":{"rope_type":"default","factor":2.0}})",
        "rope_scaling.factor", false);
    row("thetas differ", R"({"rope_theta":1.0,"rope_parameters":{"rope_type":"default","rope_theta":2.0}})",
        "rope_theta", false);
    row("ropes differ",
        R"({"rope_scaling":{"rope_type":"linear","factor":2.0},"rope_parameters":{"rope_type":"default"}})",
        "rope_scaling", false);
    row("interleaved rope", R"({"rope_interleaved":true})", "rope_interleaved", false);
    row("bidirectional", R"({"use_bidirectional_attention":true})", "use_bidirectional_attention", false);
    row("cross attention", R"({"add_cross_attention":true})", "add_cross_attention", false);
    row("pruned heads", R"({"pruned_heads":{"0":[1]}})", "pruned_heads", false);
    row("llama with a window", R"({"sliding_window":128})", "sliding_window", false);
    row("a billion layers", R"({"num_hidden_layers":1000000000})", "num_hidden_layers", true);
    row("layers beyond integers", R"({"num_hidden_layers":1e300})", "num_hidden_layers", true);
    row("no layers", R"({"num_hidden_layers":0})", "num_hidden_layers", true);
    row("fractional heads", R"({"num_attention_heads":3.5})", "num_attention_heads", true);
    row("negative vocabulary", R"({"vocab_size":-1})", "vocab_size", true);
    row("huge vocabulary", R"({"vocab_size":100000000000})", "vocab_size", true);
    row("huge width", R"({"hidden_size":10000000})", "hidden_size", true);
    row("text for a number", R"({"hidden_size":"128"})", "hidden_size", true);
    row("number for a flag", R"({"attention_bias":1})", "attention_bias", true);
    row("uneven heads", R"({"num_attention_heads":5})", "evenly", true);
    row("odd head width", R"({"head_dim":33})", "pairs", true);
    row("linear without factor", R"({"rope_scaling":{"rope_type":"linear"}})", "factor", true);
    row("llama3 without its keys", R"({"rope_scaling":{"rope_type":"llama3","factor":8}})", "low_freq_factor",
        true);
    row("llama3 with equal factors",
        R"({"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,"original_max_position_embeddings":32}})",
        "high_freq_factor", true);
    row("zero factor", R"({"rope_scaling":{"rope_type":"linear","factor":0}})", "factor", true);
    row("rope that is a list", R"({"rope_scaling":[1]})", "rope_scaling", true);
    row("end token that is text", R"({"eos_token_id":["x"]})", "eos_token_id", true);
    row("negative epsilon", R"({"rms_norm_eps":-1e-5})", "rms_norm_eps", true);
}

void TestCheckpointConfig::refuses() {
    QFETCH(QString, change);
    QFETCH(QString, part);
    QFETCH(bool, damaged);
    const json config = llama(json::parse(change.toStdString()));
    EXPECT_ERROR(damaged ? ErrorCode::Format : ErrorCode::Unsupported, (QStringList{"config.json", part}),
                 parse(config));
}

void TestCheckpointConfig::refusesDamagedJson_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("part");
    QTest::newRow("empty") << ""
                           << "not valid JSON";
    QTest::newRow("cut short") << R"({"model_type":"llama")"
                               << "not valid JSON";
    QTest::newRow("a list") << "[]"
                            << "array";
    QTest::newRow("a key twice") << R"({"model_type":"llama","vocab_size":10,"vocab_size":20})"
                                 << "'vocab_size' is given twice";
    QTest::newRow("a nested key twice") << R"({"model_type":"llama","rope_scaling":{"factor":1,"factor":2}})"
                                        << "twice";
    QTest::newRow("deep") << QString("{\"a\":").append(QString("[").repeated(100000)) << "deeper";
}

void TestCheckpointConfig::refusesDamagedJson() {
    QFETCH(QString, text);
    QFETCH(QString, part);
    EXPECT_ERROR(ErrorCode::Format, (QStringList{"config.json", part}),
                 parseModelConfig(text.toStdString(), "config.json"));
}

void TestCheckpointConfig::parametersAreCountedOnce() {
    const auto count = [](const ModelConfig& config) {
        std::int64_t sum = 0;
        for (const ParameterSpec& parameter : expectedParameters(config)) {
            std::int64_t product = 1;
            for (const std::int64_t extent : parameter.shape) product *= extent;
            sum += product;
        }
        return sum;
    };
    const auto demo = parse(read(RHEO_RESOURCES "/demo-model/config.json"));
    // 32 blocks of q, k, v, o, three MLP matrices and two norms; embedding and final norm.
    const std::int64_t block = 128 * 128 * 2 + 128 * 64 * 2 + 3 * 128 * 352 + 2 * 128;
    QCOMPARE(count(demo), 32 * block + 4096 * 128 + 128);
    QCOMPARE(count(parse(llama())), 32 * block + 2 * 4096 * 128 + 128);
    QCOMPARE(count(parse(llama({{"attention_bias", true}, {"mlp_bias", true}}))),
             32 * (block + 128 + 64 + 64 + 128 + 352 + 352 + 128) + 2 * 4096 * 128 + 128);
}

QTEST_APPLESS_MAIN(TestCheckpointConfig)
#include "test_checkpoint_config.moc"
