// config.json: both spellings, defaults of keys left out, and refusals by name.
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/model_config.h"
#include "expect_error.h"
#include "tests/test_main.h"

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
    void yarnAndDynamicRope();
    void wrappedModels();
    void endTokens();
    void harmlessKeysPass();
    void publishedKeysOpen();
    void inertKeysAreNoted();
    void refuses_data();
    void refuses();
    void refusesDamagedJson_data();
    void refusesDamagedJson();
    void defaultsDifferByArchitecture();
    void windowsOfQwenAndMistral();
    void layersOfGemma();
    void ropesOfGemma3();
    void longRope();
    void layersOfGptNeo();
    void scalesOfGpt2();
    void expertsByArchitecture();
    void experts();
    void refusesByArchitecture_data();
    void refusesByArchitecture();
    void knownNamesAreSorted();
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

// Expected values by the formulas of the reference, worked out by hand.
void TestCheckpointConfig::yarnAndDynamicRope() {
    const auto rope = [](const json& scaling) {
        json config = llama();
        config["rope_scaling"] = scaling;
        return parse(config).ropes[0];
    };
    const json yarn = {{"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32}};
    const auto with = [&](const json& change) {
        json changed = yarn;
        changed.merge_patch(change);
        return rope(changed);
    };
    QVERIFY(rope(yarn).kind == RopeKind::Yarn);
    QVERIFY(std::abs(rope(yarn).attentionFactor - (0.1 * std::log(4.0) + 1)) < 1e-12);
    QCOMPARE(rope(yarn).betaFast, 32.0);
    QCOMPARE(with({{"attention_factor", 0.7}}).attentionFactor, 0.7);
    QVERIFY(std::abs(with({{"mscale", 2.0}, {"mscale_all_dim", 1.0}}).attentionFactor -
                     (0.2 * std::log(4.0) + 1) / (0.1 * std::log(4.0) + 1)) < 1e-12);
    QVERIFY(with({{"mscale", 2.0}}) == rope(yarn));  // counts with the other only
    QCOMPARE(with({{"beta_fast", 16}, {"beta_slow", 2}}).betaSlow, 2.0);
    QVERIFY(!with({{"truncate", false}}).truncate);
    // Without a factor: that of the lengths; without a length: max_position_embeddings (512).
    QCOMPARE(
        rope(json::parse(R"({"type":"yarn","factor":null,"original_max_position_embeddings":32})")).factor,
        16.0);
    QCOMPARE(rope({{"type", "yarn"}, {"factor", 2.0}}).originalMaxPositions, std::int64_t{512});

    const json dynamic = {{"rope_scaling", {{"type", "dynamic"}, {"factor", 2.0}}}};
    QVERIFY(parse(llama(dynamic)).ropes[0].kind == RopeKind::Dynamic);
    QCOMPARE(parse(llama(dynamic)).ropes[0].originalMaxPositions, std::int64_t{512});
    QCOMPARE(parse(llama(dynamic)).maxPositions, std::int64_t{1024});
    QCOMPARE(parse(llama({{"rope_scaling", {{"type", "yarn"}, {"factor", 4.0}}}})).maxPositions,
             std::int64_t{2048});
    QCOMPARE(parse(llama({{"rope_scaling", yarn}})).maxPositions, std::int64_t{512});
}

void TestCheckpointConfig::wrappedModels() {
    const json text = llama();
    const ModelConfig llava = parse({{"model_type", "llava"},
                                     {"text_config", text},
                                     {"vision_config", {{"hidden_size", 7}}},
                                     {"image_token_index", 5},
                                     {"torch_dtype", "float16"},
                                     {"eos_token_id", 9},
                                     {"hidden_size", 3}});
    QCOMPARE(llava.architecture, std::string("llava"));
    QCOMPARE(llava.dModel, std::int64_t{128});
    QCOMPARE(llava.storedDType, std::string("float16"));
    QVERIFY(llava.endTokens == std::vector<std::int64_t>{9});
    QVERIFY(QString::fromStdString(llava.notes.at(0)).contains("its decoder (llama)"));
    QVERIFY(QString::fromStdString(llava.notes.at(1)).contains("hidden_size"));  // beside, and another one
    QVERIFY(!llava.tiedUnembedding);
    QVERIFY(parse({{"model_type", "llava"}, {"text_config", text}, {"tie_word_embeddings", true}})
                .tiedUnembedding);
    // Early files of Qwen2-VL are flat; positions of three axes are plain for text.
    const json rope = {{"type", "mrope"}, {"mrope_section", {4, 6, 6}}};
    const ModelConfig flat =
        parse({{"model_type", "qwen2_vl"}, {"num_hidden_layers", 3}, {"rope_scaling", rope}});
    const ModelConfig nested = parse(
        {{"model_type", "qwen2_vl"}, {"text_config", {{"num_hidden_layers", 3}, {"rope_scaling", rope}}}});
    QCOMPARE(flat.layers, std::int64_t{3});
    QVERIFY(flat.ropes == nested.ropes);
    QVERIFY(flat.ropes[0].kind == RopeKind::Default && flat.ropes[0].theta == 1e6);
    QCOMPARE(flat.normEpsilon, 1e-5);
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

/// Keys that published files and the reference's own configs carry; tests/fixtures/config_keys.json.
void TestCheckpointConfig::publishedKeysOpen() {
    const json families = read(RHEO_FIXTURES "/config_keys.json");
    int opened = 0;
    for (const auto& [family, configs] : families.items())
        for (const auto& [name, keys] : configs.items()) {
            json config = {{"model_type", family}};
            if (family == "gpt_neo") config["num_layers"] = 24;
            config.update(keys);
            try {
                const ModelConfig c = parse(config);
                QVERIFY2(c.acceptedKeys.empty(), name.c_str());
                ++opened;
            } catch (const Error& error) {
                QFAIL(qPrintable(QString("%1: %2").arg(QString::fromStdString(name), error.what())));
            }
        }
    QVERIFY(opened > 40);
}

void TestCheckpointConfig::inertKeysAreNoted() {
    const auto notes = [](const json& change) {
        QStringList list;
        for (const std::string& note : parse(llama(change)).notes) list << QString::fromStdString(note);
        return list.join("; ");
    };
    QCOMPARE(notes(json::object()), QString());
    QCOMPARE(notes({{"use_cache", true}}), QString());
    json nothing = llama(json::object());
    nothing["new_null"] = nullptr;
    QVERIFY(parse(nothing).notes.at(0).find("new_null") != std::string::npos);
    for (const auto& [key, value] :
         std::initializer_list<std::pair<const char*, json>>{{"_private", 3},
                                                             {"max_sequence_length", 256},
                                                             {"new_false", false},
                                                             {"new_zero", 0},
                                                             {"new_real_zero", 0.0},
                                                             {"new_empty", ""},
                                                             {"new_list", json::array()},
                                                             {"new_object", json::object()},
                                                             {"use_mrope", false},
                                                             {"tie_last_hidden_states", true}})
        QVERIFY2(notes({{key, value}}).contains(key), key);
    QVERIFY(notes({{"rope_scaling", {{"rope_type", "linear"}, {"factor", 2.0}, {"new_zero", 0}}}})
                .contains("rope_scaling.new_zero"));
    const ModelConfig named = parseModelConfig(llama({{"residual_gain", 0.5}}).dump(), "config.json",
                                               AcceptedKeys(std::vector<std::string>{"residual_gain"}));
    QCOMPARE(named.acceptedKeys, std::vector<std::string>{"residual_gain"});
    QVERIFY(QString::fromStdString(named.notes.at(0)).contains("residual_gain"));
    const AcceptedKeys all(std::vector<std::string>{"all"});
    QCOMPARE(parseModelConfig(llama({{"a1", 1}, {"b2", 2}}).dump(), "config.json", all).acceptedKeys.size(),
             std::size_t{2});
    // What is known to change the computation is not opened that way.
    EXPECT_ERROR(ErrorCode::Unsupported, QStringList{"use_mrope"},
                 parseModelConfig(llama({{"use_mrope", true}}).dump(), "config.json", all));
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
    row("two unknown keys", R"({"zz":1,"aa":2})", "aa, zz", false);
    row("how to open it", R"({"zz":1,"aa":2})", "--accept-unknown-config aa,zz", false);
    row("inert at another value", R"({"use_mrope":true})", "use_mrope is true, and only false", false);
    row("bidirectional by another name", R"({"is_causal":false})", "is_causal", false);
    row("quantised for MLX", R"({"quantization":{"bits":4}})", "quantization", false);
    row("yarn that contradicts the config",
        R"({"original_max_position_embeddings":16,"rope_scaling":{"rope_type":"yarn","factor":2.0,"original_max_position_embeddings":32}})",
        "rope_scaling.original_max_position_embeddings", false);
    row("yarn without factor", R"({"rope_scaling":{"rope_type":"yarn"}})", "factor", true);
    row("quantised", R"({"quantization_config":{"bits":4}})", "quantization_config", false);
    row("unknown activation", R"({"hidden_act":"mish"})", "mish", false);
    row("unknown rope", R"({"rope_scaling":{"rope_type":"abc","factor":2.0}})", "abc", false);
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
    row("heads of no unit", R"({"num_attention_heads":500,"num_key_value_heads":1})", "500 heads", true);
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

// Published files leave these out; each architecture means something else by that.
void TestCheckpointConfig::defaultsDifferByArchitecture() {
    for (const std::string& name : knownArchitectures()) {
        const ModelConfig c = parse({{"model_type", name}, {"text_config", json::object()}});
        const bool tied = name.starts_with("gemma") || name == "gpt2" || name == "gpt_neo" || name == "opt";
        QVERIFY2(c.tiedUnembedding == tied, name.c_str());
        QVERIFY2(c.parallelBlocks == (name == "gpt_neox" || name == "gptj"), name.c_str());
        QCOMPARE(static_cast<std::int64_t>(c.blocks.size()), c.layers);
        QVERIFY2(c.embeddingScale == 1 || name.starts_with("gemma"), name.c_str());
    }
    QVERIFY(parse({{"model_type", "gemma"}, {"hidden_act", "gelu"}}).activation == Activation::GeluTanh);
    QVERIFY(parse({{"model_type", "gpt_neox"}, {"hidden_act", "gelu"}}).activation == Activation::Gelu);
    QCOMPARE(parse({{"model_type", "gemma"}}).headDim, std::int64_t{256});
    QCOMPARE(parse({{"model_type", "qwen3"}}).headDim, std::int64_t{128});
    QCOMPARE(parse({{"model_type", "gpt_neox"}}).rotaryDim, std::int64_t{24});  // a quarter of 96
    QCOMPARE(parse({{"model_type", "gpt_neox"}, {"rotary_pct", 1.0}}).rotaryDim, std::int64_t{96});
    QCOMPARE(parse({{"model_type", "mistral"}}).kvHeads, std::int64_t{8});
    QCOMPARE(parse({{"model_type", "mistral"}, {"num_key_value_heads", nullptr}}).kvHeads, std::int64_t{32});
    QCOMPARE(parse({{"model_type", "gemma2"}}).attentionSoftcap.value_or(0), 50.0);
    QVERIFY(!parse({{"model_type", "gemma2"}, {"attn_logit_softcapping", nullptr}}).attentionSoftcap);
    QCOMPARE(parse({{"model_type", "gemma2"}}).blocks[0].attentionScale, 1.0 / 16);
    QCOMPARE(parse({{"model_type", "gpt_neo"}}).blocks[0].attentionScale, 1.0);
    QCOMPARE(parse({{"model_type", "opt"}}).positionOffset, std::int64_t{2});
    QVERIFY(!parse({{"model_type", "olmo2"}}).attnPreNorm);
}

void TestCheckpointConfig::windowsOfQwenAndMistral() {
    const json mistral = {{"model_type", "mistral"}};
    QCOMPARE(parse(mistral).blocks[3].window.value_or(0), std::int64_t{4096});
    json none = mistral;
    none["sliding_window"] = nullptr;
    QVERIFY(!parse(none).blocks[3].window);
    json qwen = {{"model_type", "qwen2"}, {"sliding_window", 100}, {"max_window_layers", 5}};
    QVERIFY(!parse(qwen).blocks[31].window);
    qwen["use_sliding_window"] = true;
    QVERIFY(!parse(qwen).blocks[4].window);
    QCOMPARE(parse(qwen).blocks[5].window.value_or(0), std::int64_t{100});
}

void TestCheckpointConfig::layersOfGemma() {
    const ModelConfig two = parse({{"model_type", "gemma2"}, {"sliding_window", 64}});
    QVERIFY(two.blocks[0].window && !two.blocks[1].window && two.blocks[2].window);
    const ModelConfig three = parse({{"model_type", "gemma3_text"}, {"sliding_window", 64}});
    QVERIFY(three.blocks[4].window && !three.blocks[5].window && three.blocks[6].window);
    const ModelConfig listed = parse({{"model_type", "gemma2"},
                                      {"num_hidden_layers", 2},
                                      {"layer_types", {"full_attention", "sliding_attention"}}});
    QVERIFY(!listed.blocks[0].window && listed.blocks[1].window);
}

void TestCheckpointConfig::ropesOfGemma3() {
    const json base = {{"model_type", "gemma3_text"}};
    json old = base;
    old.update({{"rope_theta", 1e6},
                {"rope_local_base_freq", 12345.0},
                {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}}});
    json fresh = base;
    fresh["rope_parameters"] = {
        {"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 1e6}}},
        {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 12345.0}}}};
    const ModelConfig a = parse(old);
    const ModelConfig b = parse(fresh);
    QCOMPARE(a.ropes.size(), std::size_t{2});
    QVERIFY(a.ropes == b.ropes);
    QVERIFY(a.ropes[0].kind == RopeKind::Linear);
    QCOMPARE(a.ropes[1].theta, 12345.0);
    QCOMPARE(a.blocks[5].rope, 0);
    QCOMPARE(a.blocks[6].rope, 1);
    QCOMPARE(parse(base).ropes[0].theta, 1e6);
    QCOMPARE(parse(base).ropes[1].theta, 1e4);
}

void TestCheckpointConfig::longRope() {
    const std::vector<double> ones(48, 1.0);
    json config = {{"model_type", "phi3"},
                   {"max_position_embeddings", 131072},
                   {"original_max_position_embeddings", 4096},
                   {"rope_scaling", {{"type", "longrope"}, {"short_factor", ones}, {"long_factor", ones}}}};
    const ModelConfig c = parse(config);
    QVERIFY(c.ropes[0].kind == RopeKind::LongRope);
    QCOMPARE(c.ropes[0].originalMaxPositions, std::int64_t{4096});
    QVERIFY(std::abs(c.ropes[0].attentionFactor - std::sqrt(1 + std::log(32.0) / std::log(4096.0))) < 1e-12);
    for (const char* name : {"su", "yarn"}) {
        config["rope_scaling"]["type"] = name;
        QVERIFY(parse(config).ropes == c.ropes);
    }
    config["rope_scaling"]["factor"] = 4.0;
    EXPECT_ERROR(ErrorCode::Unsupported, QStringList{"factor"}, parse(config));
    config["rope_scaling"].erase("factor");
    config["rope_scaling"]["long_factor"] = std::vector<double>(47, 1.0);
    EXPECT_ERROR(ErrorCode::Format, QStringList{"long_factor"}, parse(config));
}

void TestCheckpointConfig::layersOfGptNeo() {
    const json base = {{"model_type", "gpt_neo"}};
    const ModelConfig usual = parse(base);
    QVERIFY(!usual.blocks[0].window);
    QCOMPARE(usual.blocks[1].window.value_or(0), std::int64_t{256});
    json few = base;
    few["num_layers"] = 3;
    EXPECT_ERROR(ErrorCode::Format, QStringList{"attention_types"}, parse(few));
    few["attention_types"] = json::parse(R"([[["global"],2],[["local"],1]])");
    QVERIFY(!parse(few).blocks[1].window && parse(few).blocks[2].window);
    few["attention_types"] = json::parse(R"([[["global"],4000000000]])");
    EXPECT_ERROR(ErrorCode::Format, QStringList{"attention_types"}, parse(few));
    few["attention_types"] = json::parse(R"([[["global"],3]])");
    few["attention_layers"] = {"global", "local", "global"};
    EXPECT_ERROR(ErrorCode::Unsupported, QStringList{"attention_layers"}, parse(few));
}

void TestCheckpointConfig::scalesOfGpt2() {
    json config = {{"model_type", "gpt2"}};
    QCOMPARE(parse(config).blocks[3].attentionScale, 0.125);
    config["scale_attn_by_inverse_layer_idx"] = true;
    QCOMPARE(parse(config).blocks[3].attentionScale, 0.125 / 4);
    config["scale_attn_weights"] = false;
    QCOMPARE(parse(config).blocks[3].attentionScale, 0.25);
    QVERIFY(std::abs(*parse(config).residualInitRange - 0.02 / std::sqrt(24.0)) < 1e-15);
}

// Parameters as transformers counts them in models made from the same configs; those that a token uses, in
// the models' own descriptions: 12.9 B of 46.7 B, 2.7 B of 14.3 B, 3.3 B of 30.5 B, 1.3 B of 6.9 B.
void TestCheckpointConfig::expertsByArchitecture() {
    const json published = read(RHEO_FIXTURES "/config_keys.json");
    struct Row {
        const char *type, *name;
        std::int64_t parameters;
        double used;
    };
    for (const Row& row : {Row{"mixtral", "Mixtral-8x7B-v0.1", 46702792704, 12.9e9},
                           Row{"qwen2_moe", "Qwen1.5-MoE-A2.7B", 14315784192, 2.7e9},
                           Row{"qwen3_moe", "Qwen3-30B-A3B", 30532122624, 3.3e9},
                           Row{"olmoe", "OLMoE-1B-7B-0924", 6919161856, 1.3e9}}) {
        json config = published[row.type][row.name];
        config["model_type"] = row.type;
        const ModelConfig c = parse(config);
        QVERIFY(c.experts && c.blocks.front().experts && c.blocks.back().experts);
        const MemoryForecast forecast = forecastMemory(c, DType::BFloat16, 1, 1);
        QCOMPARE(forecast.parameters, row.parameters);
        QVERIFY2(std::abs(static_cast<double>(forecast.usedParameters) / row.used - 1) < 0.04, row.name);
    }
    QVERIFY(parse({{"model_type", "mixtral"}}).experts->sumsToOne);
    QVERIFY(!parse({{"model_type", "olmoe"}}).experts->sumsToOne);
    QCOMPARE(parse({{"model_type", "qwen2_moe"}}).experts->sharedWidth, std::int64_t{5632});
    QVERIFY(!parse({{"model_type", "llama"}}).experts);
}

void TestCheckpointConfig::experts() {
    const auto blocks = [](const json& change) {
        json config = {{"model_type", "qwen3_moe"}, {"num_hidden_layers", 5}};
        config.update(change);
        std::string found;
        for (const BlockConfig& block : parse(config).blocks) found += block.experts ? 'e' : '-';
        return found;
    };
    QCOMPARE(blocks(json::object()), std::string("eeeee"));
    QCOMPARE(blocks({{"mlp_only_layers", {0, 3, 9}}}), std::string("-ee-e"));
    QCOMPARE(blocks({{"decoder_sparse_step", 2}}), std::string("-e-e-"));
    QCOMPARE(blocks({{"num_experts", 0}}), std::string("-----"));
    QCOMPARE(blocks({{"num_local_experts", 16}}), std::string("eeeee"));
    // Resaved files have a window of 0 where there is none.
    const json resaved = {{"model_type", "qwen2_moe"}, {"sliding_window", 0}, {"use_sliding_window", false}};
    QVERIFY(!parse(resaved).blocks[0].window);
    const json windowed = {
        {"model_type", "qwen2_moe"}, {"use_sliding_window", true}, {"max_window_layers", 3}};
    QCOMPARE(parse(windowed).blocks[2].window.value_or(0), std::int64_t{4096});
    QVERIFY(!parse(windowed).blocks[1].window && !parse(windowed).blocks[4].window);
    const auto refuses = [](ErrorCode code, const char* part, const json& change) {
        json config = {{"model_type", "mixtral"}};
        config.update(change);
        EXPECT_ERROR(code, QStringList{part}, parse(config));
    };
    refuses(ErrorCode::Format, "num_experts_per_tok", {{"num_experts_per_tok", 9}});
    refuses(ErrorCode::Unsupported, "num_local_experts", {{"num_local_experts", 0}});
    refuses(ErrorCode::Unsupported, "num_local_experts", {{"num_local_experts", 8}, {"num_experts", 4}});
    refuses(ErrorCode::Format, "num_local_experts", {{"num_local_experts", 3.5}});
    refuses(ErrorCode::Format, "can index", {{"num_local_experts", 4096}, {"num_hidden_layers", 4096}});
    refuses(ErrorCode::Format, "weights",
            {{"num_local_experts", 1024}, {"hidden_size", 1 << 19}, {"intermediate_size", 1 << 24}});
    refuses(ErrorCode::Unsupported, "clip_qkv", {{"clip_qkv", 8.0}});
}

void TestCheckpointConfig::refusesByArchitecture_data() {
    QTest::addColumn<QString>("config");
    QTest::addColumn<QString>("part");
    QTest::newRow("opt 350m") << R"({"model_type":"opt","do_layer_norm_before":false})"
                              << "do_layer_norm_before";
    QTest::newRow("opt projected") << R"({"model_type":"opt","word_embed_proj_dim":512})"
                                   << "word_embed_proj_dim";
    QTest::newRow("opt without a final norm") << R"({"model_type":"opt","_remove_final_layer_norm":true})"
                                              << "_remove_final_layer_norm";
    QTest::newRow("opt without affine norms")
        << R"({"model_type":"opt","layer_norm_elementwise_affine":false})"
        << "layer_norm_elementwise_affine";
    QTest::newRow("phi3 with biases") << R"({"model_type":"phi3","attention_bias":true})"
                                      << "attention_bias";
    QTest::newRow("gemma that is no gelu") << R"({"model_type":"gemma","hidden_act":"silu"})"
                                           << "hidden_act";
    QTest::newRow("gptj unscaled") << R"({"model_type":"gptj","scale_attn_weights":false})"
                                   << "scale_attn_weights";
    QTest::newRow("gptj without rotary") << R"({"model_type":"gptj","rotary":false})"
                                         << "rotary";
    QTest::newRow("gptj all rotary") << R"({"model_type":"gptj","rotary_dim":null})"
                                     << "rotary_dim";
    QTest::newRow("partial rotary llama")
        << R"({"model_type":"llama","rope_parameters":{"rope_type":"default","partial_rotary_factor":0.5}})"
        << "partial_rotary_factor";
    QTest::newRow("neox names disagree")
        << R"({"model_type":"gpt_neox","rotary_emb_base":1.0,"rope_theta":2.0})"
        << "rope_theta";
    QTest::newRow("unknown layer type")
        << R"({"model_type":"gemma2","num_hidden_layers":1,"layer_types":["chunked_attention"]})"
        << "chunked_attention";
    QTest::newRow("qwen slides without a window")
        << R"({"model_type":"qwen2","num_hidden_layers":1,"layer_types":["sliding_attention"]})"
        << "sliding_window";
    QTest::newRow("cross attention in gpt2") << R"({"model_type":"gpt2","add_cross_attention":true})"
                                             << "add_cross_attention";
    QTest::newRow("a key of another architecture") << R"({"model_type":"llama","query_pre_attn_scalar":4})"
                                                   << "query_pre_attn_scalar";
    QTest::newRow("wrapped without its text") << R"({"model_type":"gemma3"})"
                                              << "text_config";
    QTest::newRow("wrapped, of an unknown text model")
        << R"({"model_type":"llava","text_config":{"model_type":"cohere"}})"
        << "text_config.model_type is 'cohere'";
    QTest::newRow("wrapped, with an unknown key inside")
        << R"({"model_type":"llava","text_config":{"alpha":2}})"
        << "text_config.alpha";
    QTest::newRow("windows of gemma2 disagree")
        << R"({"model_type":"gemma2","sliding_window":64,"sliding_window_size":32})"
        << "sliding_window_size";
    QTest::newRow("phi3 with a bias in its head") << R"({"model_type":"phi3","lm_head_bias":true})"
                                                  << "lm_head_bias";
    QTest::newRow("phi3 with other attention") << R"({"model_type":"phi3","full_attn_mod":2})"
                                               << "full_attn_mod";
}

void TestCheckpointConfig::refusesByArchitecture() {
    QFETCH(QString, config);
    QFETCH(QString, part);
    EXPECT_ERROR(ErrorCode::Unsupported, QStringList{part},
                 parseModelConfig(config.toStdString(), "config.json"));
}

void TestCheckpointConfig::knownNamesAreSorted() {
    const auto names = knownArchitectures();
    QCOMPARE(names.size(), std::size_t{26});
    QVERIFY(std::is_sorted(names.begin(), names.end()));
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

RHEO_TEST(TestCheckpointConfig)
#include "test_checkpoint_config.moc"
