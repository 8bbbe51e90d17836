// One function an architecture: how its config.json is read. The keys, their defaults and the names of
// the tensors are those of the reference implementation of each (Hugging Face transformers).
#include "core/checkpoint/architectures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/checkpoint/rope_keys.h"

namespace rheo {

namespace {

constexpr std::int64_t maxLayers = 4096;
constexpr std::int64_t maxWidth = std::int64_t{1} << 20;
constexpr std::int64_t maxHeads = std::int64_t{1} << 16;
constexpr std::int64_t maxIntermediate = std::int64_t{1} << 24;
constexpr std::int64_t maxExperts = std::int64_t{1} << 12;
constexpr std::int64_t maxVocabulary = std::int64_t{1} << 26;

/// Sizes under the names most architectures give them; the fields are the defaults.
struct Sizes {
    std::int64_t vocabulary, dModel, intermediate, layers, heads;
    std::optional<std::int64_t> kvHeads;  ///< empty: as many as heads
    std::int64_t positions;
    std::optional<std::int64_t> headDim;  ///< empty: dModel / heads
};

std::int64_t evenHeadDim(ConfigKeys& keys, const ModelConfig& c, const std::string& widthKey) {
    if (c.dModel % c.heads != 0)
        keys.malformed(widthKey, fmt::format("a width that {} heads can share evenly", c.heads));
    return c.dModel / c.heads;
}

void readSizes(ConfigKeys& keys, ModelConfig& c, const Sizes& defaults) {
    c.vocabulary = keys.integer("vocab_size", defaults.vocabulary, 1, maxVocabulary);
    c.dModel = keys.integer("hidden_size", defaults.dModel, 1, maxWidth);
    c.intermediate = keys.integer("intermediate_size", defaults.intermediate, 1, maxIntermediate);
    c.layers = keys.integer("num_hidden_layers", defaults.layers, 1, maxLayers);
    c.heads = keys.integer("num_attention_heads", defaults.heads, 1, maxHeads);
    // Null means as many as heads, even where a default says otherwise.
    const bool nullHeads = keys.isNull("num_key_value_heads");
    c.kvHeads = keys.integer("num_key_value_heads", nullHeads ? c.heads : defaults.kvHeads.value_or(c.heads),
                             1, maxHeads);
    c.maxPositions = keys.integer("max_position_embeddings", defaults.positions, 1, maxPositionCount);
    if (const auto given = keys.findInteger("head_dim", 1, maxWidth))
        c.headDim = *given;
    else if (defaults.headDim && !keys.isNull("head_dim"))
        c.headDim = *defaults.headDim;
    else
        c.headDim = evenHeadDim(keys, c, "hidden_size");
    c.initializerRange = keys.number("initializer_range", 0.02, 0, 1e3);
}

double readEpsilon(ConfigKeys& keys, const std::string& key, double otherwise) {
    return keys.number(key, otherwise, 0, 1);
}

Activation readActivation(ConfigKeys& keys, const std::string& key, const std::string& otherwise) {
    const std::string name = keys.text(key, otherwise);
    if (name == "silu" || name == "swish") return Activation::Silu;
    if (name == "gelu") return Activation::Gelu;
    // "gelu_fast" is the same polynomial with its constants rounded to ten digits.
    if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") return Activation::GeluTanh;
    if (name == "relu") return Activation::Relu;
    keys.refuse(key, fmt::format("is '{}'; known are silu, gelu, gelu_new, gelu_pytorch_tanh, relu",
                                 name.substr(0, 100)));
}

void fillBlocks(ModelConfig& c, std::optional<std::int64_t> window = {}) {
    BlockConfig block;
    block.attentionScale = 1 / std::sqrt(static_cast<double>(c.headDim));
    block.window = window;
    c.blocks.assign(static_cast<std::size_t>(c.layers), block);
}

/// A window of attention: `otherwise` where the key is left out, none where it is null.
std::optional<std::int64_t> readWindow(ConfigKeys& keys, std::optional<std::int64_t> otherwise) {
    if (keys.isNull("sliding_window")) otherwise.reset();
    const auto given = keys.findInteger("sliding_window", 1, maxPositionCount);
    return given ? given : otherwise;
}

/// Whether each block attends in a window: `layer_types`, or a rule where it is left out.
template <class Rule>
std::vector<bool> readLayerTypes(ConfigKeys& keys, const ModelConfig& c, Rule isSliding) {
    std::vector<bool> sliding;
    if (!keys.has("layer_types")) {
        keys.ignore("layer_types");
        for (std::int64_t i = 0; i < c.layers; ++i) sliding.push_back(isSliding(i));
        return sliding;
    }
    for (const std::string& type : keys.texts("layer_types")) {
        if (type != "full_attention" && type != "sliding_attention")
            keys.refuse("layer_types",
                        fmt::format("names '{}'; known are full_attention and sliding_attention",
                                    type.substr(0, 100)));
        sliding.push_back(type == "sliding_attention");
    }
    if (static_cast<std::int64_t>(sliding.size()) != c.layers)
        keys.malformed("layer_types", fmt::format("one entry for each of the {} layers", c.layers));
    return sliding;
}

void applyWindows(ConfigKeys& keys, ModelConfig& c, const std::vector<bool>& sliding,
                  std::optional<std::int64_t> window) {
    for (std::size_t i = 0; i < sliding.size(); ++i) {
        if (!sliding[i]) continue;
        if (!window) keys.refuse("layer_types", "names sliding_attention, and there is no sliding_window");
        c.blocks[i].window = window;
    }
}

/// A soft cap: `otherwise` where the key is left out, none where it is null.
std::optional<double> readSoftcap(ConfigKeys& keys, const std::string& key, std::optional<double> otherwise) {
    if (keys.isNull(key)) otherwise.reset();
    const auto given = keys.findNumber(key, 1e-3, 1e9);
    return given ? given : otherwise;
}

/// Names as Llama has them; most families since keep to them.
TensorNames llamaNames() {
    TensorNames names;
    names.prefix = "model.";
    names.embedding = "embed_tokens";
    names.finalNorm = "norm";
    names.unembedding = "lm_head";
    names.block = "layers.{}.";
    names.attnPreNorm = "input_layernorm";
    names.mlpPreNorm = "post_attention_layernorm";
    names.query = "self_attn.q_proj";
    names.key = "self_attn.k_proj";
    names.value = "self_attn.v_proj";
    names.queryNorm = "self_attn.q_norm";
    names.keyNorm = "self_attn.k_norm";
    names.attnOut = "self_attn.o_proj";
    names.gate = "mlp.gate_proj";
    names.up = "mlp.up_proj";
    names.down = "mlp.down_proj";
    names.buffers = {"rotary_emb.inv_freq"};
    return names;
}

void setAttentionBias(ConfigKeys& keys, ModelConfig& c) {
    c.qkvBias = keys.flag("attention_bias", false);
    c.attnOutBias = c.qkvBias;
}

void fillLlama(ConfigKeys& keys, ModelConfig& c) {
    readSizes(keys, c, {32000, 4096, 11008, 32, 32, {}, 2048, {}});
    c.normEpsilon = readEpsilon(keys, "rms_norm_eps", 1e-6);
    c.activation = readActivation(keys, "hidden_act", "silu");
    setAttentionBias(keys, c);
    c.mlpBias = keys.flag("mlp_bias", false);
    c.tiedUnembedding = keys.flag("tie_word_embeddings", false);
    readRopes(keys, c);
    fillBlocks(c);
    c.names = llamaNames();
}

void fillMistral(ConfigKeys& keys, ModelConfig& c) {
    readSizes(keys, c, {32000, 4096, 14336, 32, 32, 8, 131072, {}});
    c.normEpsilon = readEpsilon(keys, "rms_norm_eps", 1e-6);
    c.activation = readActivation(keys, "hidden_act", "silu");
    c.tiedUnembedding = keys.flag("tie_word_embeddings", false);
    readRopes(keys, c);
    fillBlocks(c, readWindow(keys, 4096));
    c.names = llamaNames();
}

/// How many experts there are, under either of its names, and how many see a token. A count of 0 means none.
void readExperts(ConfigKeys& keys, ModelConfig& c, ExpertsConfig experts) {
    std::optional<std::int64_t> count;
    for (const char* name : {"num_local_experts", "num_experts"}) {
        const auto given = keys.findInteger(name, 0, maxExperts);
        if (count && given && *given != *count)
            keys.refuse(name, "and num_local_experts say different things");
        if (given) count = given;
    }
    experts.count = count.value_or(experts.count);
    experts.chosen = keys.integer("num_experts_per_tok", experts.chosen, 1, maxExperts);
    if (experts.count == 0) return;
    if (experts.chosen > experts.count)
        keys.malformed("num_experts_per_tok",
                       fmt::format("at most the number of experts, {}", experts.count));
    c.experts = experts;
}

/// Tensors of experts as Qwen and OLMoE name them.
void nameExperts(TensorNames& names) {
    names.router = "mlp.gate";
    names.expertGate = "mlp.experts.{}.gate_proj";
    names.expertUp = "mlp.experts.{}.up_proj";
    names.expertDown = "mlp.experts.{}.down_proj";
}

void fillMixtral(ConfigKeys& keys, ModelConfig& c) {
    readSizes(keys, c, {32000, 4096, 14336, 32, 32, 8, 131072, {}});
    c.normEpsilon = readEpsilon(keys, "rms_norm_eps", 1e-5);
    c.activation = readActivation(keys, "hidden_act", "silu");
    c.tiedUnembedding = keys.flag("tie_word_embeddings", false);
    readExperts(keys, c, {.count = 8, .chosen = 2, .width = c.intermediate, .sumsToOne = true});
    if (!c.experts) keys.refuse("num_local_experts", "is 0, which no model of this kind has");
    RopeDefaults rope;
    rope.theta = 1e6;
    readRopes(keys, c, rope);
    fillBlocks(c, readWindow(keys, {}));
    for (BlockConfig& block : c.blocks) block.experts = true;
    c.names = llamaNames();
    nameExperts(c.names);
    c.names.router = "block_sparse_moe.gate";
    c.names.expertGate = "block_sparse_moe.experts.{}.w1";
    c.names.expertUp = "block_sparse_moe.experts.{}.w3";
    c.names.expertDown = "block_sparse_moe.experts.{}.w2";
}

void fillOlmoe(ConfigKeys& keys, ModelConfig& c) {
    readSizes(keys, c, {50304, 2048, 2048, 16, 16, {}, 4096, {}});
    c.normEpsilon = readEpsilon(keys, "rms_norm_eps", 1e-5);
    c.activation = readActivation(keys, "hidden_act", "silu");
    setAttentionBias(keys, c);
    c.tiedUnembedding = keys.flag("tie_word_embeddings", false);
    if (!c.paddingToken && !keys.isNull("pad_token_id")) c.paddingToken = 1;
    c.qkNorm = QkNorm::Full;
    readExperts(
        keys, c,
        {.count = 64, .chosen = 8, .width = c.intermediate, .sumsToOne = keys.flag("norm_topk_prob", false)});
    if (!c.experts) keys.refuse("num_experts", "is 0, which no model of this kind has");
    readRopes(keys, c);
    fillBlocks(c);
    for (BlockConfig& block : c.blocks) block.experts = true;
    c.names = llamaNames();
    nameExperts(c.names);
}

/// The experts of Qwen: in every block, but those that `mlp_only_layers` names and those that
/// `decoder_sparse_step` passes over.
void readQwenExperts(ConfigKeys& keys, ModelConfig& c, const ExpertsConfig& defaults) {
    ExpertsConfig experts = defaults;
    experts.width = keys.integer("moe_intermediate_size", experts.width, 1, maxIntermediate);
    experts.sumsToOne = keys.flag("norm_topk_prob", false);
    readExperts(keys, c, experts);
    const std::int64_t step = keys.integer("decoder_sparse_step", 1, 1, maxLayers);
    for (std::int64_t i = 0; i < c.layers; ++i)
        c.blocks[static_cast<std::size_t>(i)].experts = c.experts && (i + 1) % step == 0;
    if (keys.has("mlp_only_layers"))
        for (const double layer : keys.numbers("mlp_only_layers", 0, maxLayers))
            if (layer < static_cast<double>(c.layers))
                c.blocks[static_cast<std::size_t>(layer)].experts = false;
    nameExperts(c.names);
}

void fillQwen2Moe(ConfigKeys& keys, ModelConfig& c) {
    readSizes(keys, c, {151936, 2048, 5632, 24, 16, 16, 32768, {}});
    c.normEpsilon = readEpsilon(keys, "rms_norm_eps", 1e-6);
    c.activation = readActivation(keys, "hidden_act", "silu");
    c.qkvBias = keys.flag("qkv_bias", true);
    c.tiedUnembedding = keys.flag("tie_word_embeddings", false);
    readRopes(keys, c);
    // Every second block before `max_window_layers` has a window, unlike in Qwen2.
    const bool windowed = keys.flag("use_sliding_window", false);
    std::optional<std::int64_t> window;
    if (windowed)
        window = readWindow(keys, 4096);
    else
        keys.ignore("sliding_window");  // resaved files have 0 there
    const std::int64_t end = keys.integer("max_window_layers", 28, 0, maxPositionCount);
    fillBlocks(c);
    applyWindows(keys, c,
                 readLayerTypes(keys, c, [&](std::int64_t i) { return windowed && i % 2 == 0 && i < end; }),
                 window);
    c.names = llamaNames();
    readQwenExperts(
        keys, c,
        {.count = 60,
         .chosen = 4,
         .width = 1408,
         .sharedWidth = keys.integer("shared_expert_intermediate_size", 5632, 1, maxIntermediate)});
    c.names.sharedGate = "mlp.shared_expert.gate_proj";
    c.names.sharedUp = "mlp.shared_expert.up_proj";
    c.names.sharedDown = "mlp.shared_expert.down_proj";
    c.names.sharedScale = "mlp.shared_expert_gate";
}

void fillQwen3Moe(ConfigKeys& keys, ModelConfig& c) {
    readSizes(keys, c, {151936, 2048, 6144, 24, 32, 4, 32768, {}});
    c.normEpsilon = readEpsilon(keys, "rms_norm_eps", 1e-6);
    c.activation = readActivation(keys, "hidden_act", "silu");
    setAttentionBias(keys, c);
    c.qkNorm = QkNorm::PerHead;
    c.tiedUnembedding = keys.flag("tie_word_embeddings", false);
    readRopes(keys, c);
    const bool windowed = keys.flag("use_sliding_window", false);
    if (!windowed) keys.ignore("sliding_window");
    fillBlocks(c, windowed ? readWindow(keys, 4096) : std::nullopt);
    keys.ignore("max_window_layers");  // the reference windows every block or none
    c.names = llamaNames();
    readQwenExperts(keys, c, {.count = 128, .chosen = 8, .width = 768});
}

/// Qwen2 and Qwen3: the window means something only if `use_sliding_window` says so, and only from block
/// `max_window_layers` on.
void fillQwenBlocks(ConfigKeys& keys, ModelConfig& c, std::int64_t firstWindowed = 28) {
    std::optional<std::int64_t> window = readWindow(keys, 4096);
    if (!keys.flag("use_sliding_window", false)) window.reset();
    const std::int64_t first = keys.integer("max_window_layers", firstWindowed, 0, maxPositionCount);
    fillBlocks(c);
    applyWindows(keys, c, readLayerTypes(keys, c, [&](std::int64_t i) { return window && i >= first; }),
                 window);
}

void fillQwen2(ConfigKeys& keys, ModelConfig& c) {
    readSizes(keys, c, {151936, 4096, 22016, 32, 32, 32, 32768, {}});
    c.normEpsilon = readEpsilon(keys, "rms_norm_eps", 1e-6);
    c.activation = readActivation(keys, "hidden_act", "silu");
    c.qkvBias = true;
    c.tiedUnembedding = keys.flag("tie_word_embeddings", false);
    readRopes(keys, c);
    fillQwenBlocks(keys, c);
    c.names = llamaNames();
}

/// The text part of Qwen2-VL and Qwen2.5-VL.
void fillQwen2Vl(ConfigKeys& keys, ModelConfig& c) {
    readSizes(keys, c, {152064, 8192, 29568, 80, 64, 8, 32768, {}});
    c.normEpsilon = readEpsilon(keys, "rms_norm_eps", 1e-5);
    c.activation = readActivation(keys, "hidden_act", "silu");
    c.qkvBias = true;
    c.tiedUnembedding = keys.flag("tie_word_embeddings", false);
    RopeDefaults rope;
    rope.theta = 1e6;
    rope.threeAxes = true;
    readRopes(keys, c, rope);
    fillQwenBlocks(keys, c, 80);
    c.names = llamaNames();
}

void fillQwen3(ConfigKeys& keys, ModelConfig& c) {
    readSizes(keys, c, {151936, 4096, 22016, 32, 32, 32, 32768, 128});
    c.normEpsilon = readEpsilon(keys, "rms_norm_eps", 1e-6);
    c.activation = readActivation(keys, "hidden_act", "silu");
    setAttentionBias(keys, c);
    c.qkNorm = QkNorm::PerHead;
    c.tiedUnembedding = keys.flag("tie_word_embeddings", false);
    readRopes(keys, c);
    fillQwenBlocks(keys, c);
    c.names = llamaNames();
}

/// What all Gemma models share.
void fillAnyGemma(ConfigKeys& keys, ModelConfig& c, const Sizes& sizes) {
    readSizes(keys, c, sizes);
    c.norm = NormKind::RmsOnePlus;
    c.normEpsilon = readEpsilon(keys, "rms_norm_eps", 1e-6);
    setAttentionBias(keys, c);
    c.tiedUnembedding = keys.flag("tie_word_embeddings", true);
    c.embeddingScale = std::sqrt(static_cast<double>(c.dModel));
    if (!c.paddingToken && !keys.isNull("pad_token_id")) c.paddingToken = 0;
    c.names = llamaNames();
}

void fillGemma(ConfigKeys& keys, ModelConfig& c) {
    fillAnyGemma(keys, c, {256000, 3072, 24576, 28, 16, 16, 8192, 256});
    // Published files say "gelu" and mean its tanh form, which the model was trained with.
    if (keys.has("hidden_activation")) {
        c.activation = readActivation(keys, "hidden_activation", "");
        keys.ignore("hidden_act");
    } else {
        if (const auto activation = readActivation(keys, "hidden_act", "gelu_pytorch_tanh");
            activation != Activation::Gelu && activation != Activation::GeluTanh)
            keys.refuse("hidden_act", "is no gelu, and Gemma computes its tanh form whatever it says");
        c.activation = Activation::GeluTanh;
    }
    readRopes(keys, c);
    fillBlocks(c);
}

/// Gemma 2 and 3: norms before and after attention and MLP, scores scaled by a number of their own.
void fillLaterGemma(ConfigKeys& keys, ModelConfig& c, const Sizes& sizes) {
    fillAnyGemma(keys, c, sizes);
    c.activation = readActivation(keys, "hidden_activation", "gelu_pytorch_tanh");
    keys.ignore("hidden_act");  // published files carry it beside hidden_activation, which alone counts
    c.attnPostNorm = true;
    c.mlpPostNorm = true;
    c.names.attnPostNorm = "post_attention_layernorm";
    c.names.mlpPreNorm = "pre_feedforward_layernorm";
    c.names.mlpPostNorm = "post_feedforward_layernorm";
    fillBlocks(c);
    const double scalar = keys.number("query_pre_attn_scalar", 256, 1e-6, 1e9);
    for (BlockConfig& block : c.blocks) block.attentionScale = 1 / std::sqrt(scalar);
}

void fillGemma2(ConfigKeys& keys, ModelConfig& c) {
    fillLaterGemma(keys, c, {256000, 2304, 9216, 26, 8, 4, 8192, 256});
    c.attentionSoftcap = readSoftcap(keys, "attn_logit_softcapping", 50);
    c.logitSoftcap = readSoftcap(keys, "final_logit_softcapping", 30);
    readRopes(keys, c);
    const auto sliding = readLayerTypes(keys, c, [](std::int64_t i) { return i % 2 == 0; });
    const auto window = readWindow(keys, 4096);
    applyWindows(keys, c, sliding, window);
    // Some published files give the window under a second name, which the reference does not read.
    if (keys.findInteger("sliding_window_size", 1, maxPositionCount).value_or(window.value_or(0)) !=
        window.value_or(0))
        keys.refuse("sliding_window_size", "and sliding_window say different things");
}

void fillGemma3(ConfigKeys& keys, ModelConfig& c) {
    fillLaterGemma(keys, c, {262208, 2304, 9216, 26, 8, 4, 131072, 256});
    c.qkNorm = QkNorm::PerHead;
    c.attentionSoftcap = readSoftcap(keys, "attn_logit_softcapping", {});
    c.logitSoftcap = readSoftcap(keys, "final_logit_softcapping", {});
    // Every sixth block sees everything, with a rope of its own; the others see a window.
    const auto pattern = static_cast<std::int64_t>(readSynonyms(
        keys, {"sliding_window_pattern", "_sliding_window_pattern"}, 6, 1, static_cast<double>(maxLayers)));
    const auto sliding = readLayerTypes(keys, c, [&](std::int64_t i) { return (i + 1) % pattern != 0; });
    applyWindows(keys, c, sliding, readWindow(keys, 4096));

    RopeDefaults full;
    full.theta = 1e6;
    RopeDefaults local;
    local.theta = keys.number("rope_local_base_freq", 10000, 1e-3, 1e15);
    const auto* nested = keys.findObject("rope_parameters");
    if (nested != nullptr && (nested->contains("full_attention") || nested->contains("sliding_attention"))) {
        ConfigKeys kinds = keys.inside(*nested, "rope_parameters");
        const nlohmann::json none = nlohmann::json::object();
        const auto read = [&](const char* kind, const RopeDefaults& defaults) {
            const auto* object = kinds.findObject(kind);
            return readRope(object != nullptr ? *object : none, kinds, kind, defaults.theta, 1, defaults,
                            {c.maxPositions, 0})
                .config;
        };
        c.ropes = {read("full_attention", full), read("sliding_attention", local)};
        kinds.sortRest();
        c.rotaryDim = c.headDim;
        // The older spelling beside the newer must say the same.
        for (const auto& [key, rope] :
             {std::pair{"rope_theta", &c.ropes[0]}, {"rope_local_base_freq", &c.ropes[1]}})
            if (keys.number(key, rope->theta, 1e-3, 1e15) != rope->theta)
                keys.refuse(key, "and rope_parameters say different things");
        if (keys.has("rope_scaling")) keys.refuse("rope_scaling", "is given beside rope_parameters");
    } else {
        readRopes(keys, c, full);
        RopeConfig ofWindows;
        ofWindows.theta = local.theta;
        c.ropes.push_back(std::move(ofWindows));
    }
    for (std::size_t i = 0; i < c.blocks.size(); ++i) c.blocks[i].rope = sliding[i] ? 1 : 0;
}

void fillPhi3(ConfigKeys& keys, ModelConfig& c) {
    readSizes(keys, c, {32064, 3072, 8192, 32, 32, {}, 4096, {}});
    c.normEpsilon = readEpsilon(keys, "rms_norm_eps", 1e-5);
    c.activation = readActivation(keys, "hidden_act", "silu");
    keys.require("attention_bias", false);
    c.tiedUnembedding = keys.flag("tie_word_embeddings", false);
    if (!c.paddingToken && !keys.isNull("pad_token_id")) c.paddingToken = 32000;
    RopeDefaults rope;
    rope.takesPartial = true;
    rope.originalMaxPositions = 4096;
    rope.oldLongRopeNames = true;
    readRopes(keys, c, rope);
    fillBlocks(c, readWindow(keys, {}));
    c.names = llamaNames();
    c.names.query.clear();
    c.names.key.clear();
    c.names.value.clear();
    c.names.qkv = "self_attn.qkv_proj";
    c.names.qkvLayout = QkvLayout::Stacked;
    c.names.gate.clear();
    c.names.up.clear();
    c.names.gateUp = "mlp.gate_up_proj";
}

void fillOlmo2(ConfigKeys& keys, ModelConfig& c) {
    readSizes(keys, c, {50304, 4096, 11008, 32, 32, {}, 2048, {}});
    c.normEpsilon = readEpsilon(keys, "rms_norm_eps", 1e-5);
    c.activation = readActivation(keys, "hidden_act", "silu");
    setAttentionBias(keys, c);
    c.tiedUnembedding = keys.flag("tie_word_embeddings", false);
    if (!c.paddingToken && !keys.isNull("pad_token_id")) c.paddingToken = 1;
    c.attnPreNorm = false;
    c.attnPostNorm = true;
    c.mlpPreNorm = false;
    c.mlpPostNorm = true;
    c.qkNorm = QkNorm::Full;
    readRopes(keys, c);
    fillBlocks(c);
    c.names = llamaNames();
    c.names.attnPreNorm.clear();
    c.names.mlpPreNorm.clear();
    c.names.attnPostNorm = "post_attention_layernorm";
    c.names.mlpPostNorm = "post_feedforward_layernorm";
}

/// GPT-2, GPT-J: sizes under their older names.
void readGptSizes(ConfigKeys& keys, ModelConfig& c, const Sizes& defaults) {
    c.vocabulary = keys.integer("vocab_size", defaults.vocabulary, 1, maxVocabulary);
    c.dModel = keys.integer("n_embd", defaults.dModel, 1, maxWidth);
    c.layers = keys.integer("n_layer", defaults.layers, 1, maxLayers);
    c.heads = keys.integer("n_head", defaults.heads, 1, maxHeads);
    c.kvHeads = c.heads;
    c.maxPositions = keys.integer("n_positions", defaults.positions, 1, maxPositionCount);
    c.intermediate = keys.integer("n_inner", 4 * c.dModel, 1, maxIntermediate);
    c.headDim = evenHeadDim(keys, c, "n_embd");
    c.initializerRange = keys.number("initializer_range", 0.02, 0, 1e3);
    c.norm = NormKind::Layer;
    c.normEpsilon = readEpsilon(keys, "layer_norm_epsilon", 1e-5);
    c.activation = readActivation(keys, "activation_function", "gelu_new");
    c.gatedMlp = false;
    c.paddingToken.reset();  // no row of these embeddings is set apart
    for (const char* key : {"n_ctx", "summary_activation", "summary_first_dropout", "summary_proj_to_labels",
                            "summary_type", "summary_use_proj"})
        keys.ignore(key);
}

/// Names that the GPT family shares.
TensorNames gptNames() {
    TensorNames names;
    names.prefix = "transformer.";
    names.embedding = "wte";
    names.positions = "wpe";
    names.finalNorm = "ln_f";
    names.unembedding = "lm_head";
    names.block = "h.{}.";
    names.attnPreNorm = "ln_1";
    names.mlpPreNorm = "ln_2";
    return names;
}

void fillGpt2(ConfigKeys& keys, ModelConfig& c) {
    readGptSizes(keys, c, {50257, 768, 0, 12, 12, {}, 1024, {}});
    keys.ignore("reorder_and_upcast_attn");  // an order of operations for float16, not another result
    c.learnedPositions = true;
    c.qkvBias = true;
    c.attnOutBias = true;
    c.mlpBias = true;
    c.tiedUnembedding = keys.flag("tie_word_embeddings", true);
    // Writes into the stream start smaller, so that its variance does not grow with depth.
    c.residualInitRange = c.initializerRange / std::sqrt(2 * static_cast<double>(c.layers));
    fillBlocks(c);
    const bool scaled = keys.flag("scale_attn_weights", true);
    const bool byLayer = keys.flag("scale_attn_by_inverse_layer_idx", false);
    for (std::size_t i = 0; i < c.blocks.size(); ++i) {
        if (!scaled) c.blocks[i].attentionScale = 1;
        if (byLayer) c.blocks[i].attentionScale /= static_cast<double>(i + 1);
    }
    c.names = gptNames();
    c.names.qkv = "attn.c_attn";
    c.names.qkvLayout = QkvLayout::Stacked;
    c.names.attnOut = "attn.c_proj";
    c.names.up = "mlp.c_fc";
    c.names.down = "mlp.c_proj";
    c.names.transposed = true;
    c.names.buffers = {"attn.bias", "attn.masked_bias"};
}

void fillGptJ(ConfigKeys& keys, ModelConfig& c) {
    readGptSizes(keys, c, {50400, 4096, 0, 28, 16, {}, 2048, {}});
    keys.require("rotary", true);
    keys.require("scale_attn_weights", true);
    if (keys.isNull("rotary_dim")) keys.refuse("rotary_dim", "is null, which no published model has");
    c.rotaryDim = keys.integer("rotary_dim", 64, 2, maxWidth);
    c.rotaryInterleaved = true;
    c.ropes = {RopeConfig{}};
    c.parallelBlocks = true;
    c.sharedNorm = true;
    c.mlpBias = true;
    c.unembeddingBias = true;
    c.tiedUnembedding = keys.flag("tie_word_embeddings", false);
    fillBlocks(c);
    c.names = gptNames();
    c.names.positions.clear();
    c.names.mlpPreNorm.clear();
    c.names.query = "attn.q_proj";
    c.names.key = "attn.k_proj";
    c.names.value = "attn.v_proj";
    c.names.attnOut = "attn.out_proj";
    c.names.up = "mlp.fc_in";
    c.names.down = "mlp.fc_out";
    c.names.buffers = {"attn.bias", "attn.masked_bias"};
}

/// The kind of attention of each block of GPT-Neo: "global" or "local", from `attention_layers`, or from
/// `attention_types`, a list of [[kinds], how often].
std::vector<std::string> readNeoLayers(ConfigKeys& keys, std::int64_t layers) {
    const std::string expected = fmt::format(
        "[[kinds], count] pairs that give each of the {} layers global or local attention", layers);
    std::vector<std::string> expanded;
    const nlohmann::json usual = nlohmann::json::parse(R"([[["global", "local"], 12]])");
    const auto* given = keys.findAny("attention_types");
    const nlohmann::json& types = given != nullptr ? *given : usual;
    if (!types.is_array()) keys.malformed("attention_types", expected);
    for (const auto& entry : types) {
        if (!entry.is_array() || entry.size() != 2 || !entry[0].is_array() ||
            !entry[1].is_number_unsigned() ||
            entry[1].get<std::uint64_t>() > static_cast<std::uint64_t>(layers))
            keys.malformed("attention_types", expected);
        for (std::uint64_t i = 0; i < entry[1].get<std::uint64_t>(); ++i)
            for (const auto& kind : entry[0]) {
                if (!kind.is_string() || static_cast<std::int64_t>(expanded.size()) >= layers)
                    keys.malformed("attention_types", expected);
                expanded.push_back(kind.get<std::string>());
            }
    }
    if (keys.has("attention_layers")) {
        const auto listed = keys.texts("attention_layers");
        if (given != nullptr && listed != expanded)
            keys.refuse("attention_layers", "and attention_types say different things");
        expanded = listed;
    }
    if (static_cast<std::int64_t>(expanded.size()) != layers) keys.malformed("attention_types", expected);
    return expanded;
}

void fillGptNeo(ConfigKeys& keys, ModelConfig& c) {
    c.vocabulary = keys.integer("vocab_size", 50257, 1, maxVocabulary);
    c.dModel = keys.integer("hidden_size", 2048, 1, maxWidth);
    c.layers = keys.integer("num_layers", 24, 1, maxLayers);
    c.heads = keys.integer("num_heads", 16, 1, maxHeads);
    c.kvHeads = c.heads;
    c.headDim = evenHeadDim(keys, c, "hidden_size");
    c.maxPositions = keys.integer("max_position_embeddings", 2048, 1, maxPositionCount);
    c.intermediate = keys.integer("intermediate_size", 4 * c.dModel, 1, maxIntermediate);
    c.initializerRange = keys.number("initializer_range", 0.02, 0, 1e3);
    c.norm = NormKind::Layer;
    c.normEpsilon = readEpsilon(keys, "layer_norm_epsilon", 1e-5);
    c.activation = readActivation(keys, "activation_function", "gelu_new");
    c.gatedMlp = false;
    c.learnedPositions = true;
    c.attnOutBias = true;
    c.mlpBias = true;
    c.tiedUnembedding = keys.flag("tie_word_embeddings", true);
    c.paddingToken.reset();
    for (const char* key : {"summary_activation", "summary_first_dropout", "summary_proj_to_labels",
                            "summary_type", "summary_use_proj"})
        keys.ignore(key);
    fillBlocks(c);
    const std::int64_t window = keys.integer("window_size", 256, 1, maxPositionCount);
    const auto kinds = readNeoLayers(keys, c.layers);
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (kinds[i] != "global" && kinds[i] != "local")
            keys.refuse("attention_layers",
                        fmt::format("names '{}'; known are global and local", kinds[i].substr(0, 100)));
        c.blocks[i].attentionScale = 1;  // its scores are not scaled
        if (kinds[i] == "local") c.blocks[i].window = window;
    }
    c.names = gptNames();
    c.names.query = "attn.attention.q_proj";
    c.names.key = "attn.attention.k_proj";
    c.names.value = "attn.attention.v_proj";
    c.names.attnOut = "attn.attention.out_proj";
    c.names.up = "mlp.c_fc";
    c.names.down = "mlp.c_proj";
    c.names.buffers = {"attn.attention.bias", "attn.attention.masked_bias"};
}

void fillGptNeoX(ConfigKeys& keys, ModelConfig& c) {
    readSizes(keys, c, {50432, 6144, 24576, 44, 64, {}, 2048, {}});
    c.norm = NormKind::Layer;
    c.normEpsilon = readEpsilon(keys, "layer_norm_eps", 1e-5);
    c.activation = readActivation(keys, "hidden_act", "gelu");
    c.gatedMlp = false;
    c.qkvBias = keys.flag("attention_bias", true);
    c.attnOutBias = c.qkvBias;
    c.mlpBias = true;
    c.parallelBlocks = keys.flag("use_parallel_residual", true);
    c.tiedUnembedding = keys.flag("tie_word_embeddings", false);
    c.paddingToken.reset();
    if (c.kvHeads != c.heads)
        keys.refuse("num_key_value_heads",
                    "differs from num_attention_heads, which its fused weights do not allow");
    RopeDefaults rope;
    rope.takesPartial = true;
    rope.partial = 0.25;
    rope.thetaName = "rotary_emb_base";
    rope.partialName = "rotary_pct";
    readRopes(keys, c, rope);
    fillBlocks(c);
    c.names.prefix = "gpt_neox.";
    c.names.embedding = "embed_in";
    c.names.finalNorm = "final_layer_norm";
    c.names.unembedding = "embed_out";
    c.names.block = "layers.{}.";
    c.names.attnPreNorm = "input_layernorm";
    c.names.mlpPreNorm = "post_attention_layernorm";
    c.names.qkv = "attention.query_key_value";
    c.names.qkvLayout = QkvLayout::PerHead;
    c.names.attnOut = "attention.dense";
    c.names.up = "mlp.dense_h_to_4h";
    c.names.down = "mlp.dense_4h_to_h";
    c.names.buffers = {"attention.bias", "attention.masked_bias", "attention.rotary_emb.inv_freq"};
}

void fillOpt(ConfigKeys& keys, ModelConfig& c) {
    c.vocabulary = keys.integer("vocab_size", 50272, 1, maxVocabulary);
    c.dModel = keys.integer("hidden_size", 768, 1, maxWidth);
    c.layers = keys.integer("num_hidden_layers", 12, 1, maxLayers);
    c.heads = keys.integer("num_attention_heads", 12, 1, maxHeads);
    c.kvHeads = c.heads;
    c.headDim = evenHeadDim(keys, c, "hidden_size");
    c.maxPositions = keys.integer("max_position_embeddings", 2048, 1, maxPositionCount);
    c.intermediate = keys.integer("ffn_dim", 3072, 1, maxIntermediate);
    c.initializerRange = keys.number("init_std", 0.02, 0, 1e3);
    if (!keys.flag("do_layer_norm_before", true))
        keys.refuse("do_layer_norm_before",
                    "is false: models normed after the residual addition (opt-350m) are not computed here");
    keys.require("_remove_final_layer_norm", false);
    keys.require("layer_norm_elementwise_affine", true);
    if (keys.integer("word_embed_proj_dim", c.dModel, 1, maxWidth) != c.dModel)
        keys.refuse("word_embed_proj_dim",
                    "differs from hidden_size, and projected embeddings are not computed here");
    c.norm = NormKind::Layer;
    c.normEpsilon = 1e-5;  // not in the config: the default of its LayerNorm
    c.activation = readActivation(keys, "activation_function", "relu");
    c.gatedMlp = false;
    c.learnedPositions = true;
    c.positionOffset = 2;
    const bool bias = keys.flag("enable_bias", true);
    c.qkvBias = bias;
    c.attnOutBias = bias;
    c.mlpBias = bias;
    c.tiedUnembedding = keys.flag("tie_word_embeddings", true);
    if (!c.paddingToken && !keys.isNull("pad_token_id")) c.paddingToken = 1;
    keys.ignore("activation_dropout");
    fillBlocks(c);
    c.names.prefix = "model.decoder.";
    c.names.embedding = "embed_tokens";
    c.names.positions = "embed_positions";
    c.names.finalNorm = "final_layer_norm";
    c.names.unembedding = "lm_head";
    c.names.block = "layers.{}.";
    c.names.attnPreNorm = "self_attn_layer_norm";
    c.names.mlpPreNorm = "final_layer_norm";
    c.names.query = "self_attn.q_proj";
    c.names.key = "self_attn.k_proj";
    c.names.value = "self_attn.v_proj";
    c.names.attnOut = "self_attn.out_proj";
    c.names.up = "fc1";
    c.names.down = "fc2";
}

constexpr std::array<Architecture, 20> table{{
    {"gemma", fillGemma},
    {"gemma2", fillGemma2},
    {"gemma3_text", fillGemma3},
    {"gpt2", fillGpt2},
    {"gpt_neo", fillGptNeo},
    {"gpt_neox", fillGptNeoX},
    {"gptj", fillGptJ},
    {"llama", fillLlama},
    {"mistral", fillMistral},
    {"mixtral", fillMixtral},
    {"olmo2", fillOlmo2},
    {"olmoe", fillOlmoe},
    {"opt", fillOpt},
    {"phi3", fillPhi3},
    {"qwen2", fillQwen2},
    {"qwen2_5_vl_text", fillQwen2Vl},
    {"qwen2_vl_text", fillQwen2Vl},
    {"qwen2_moe", fillQwen2Moe},
    {"qwen3", fillQwen3},
    {"qwen3_moe", fillQwen3Moe},
}};

/// The default text models are those of the reference.
constexpr std::array<WrappedArchitecture, 6> wrappedTable{{
    {"gemma3", "gemma3_text"},
    {"llava", "llama"},
    {"llava_next", "llama"},
    {"mistral3", "mistral"},
    {"qwen2_5_vl", "qwen2_5_vl_text"},
    {"qwen2_vl", "qwen2_vl_text"},
}};

/// Keys beside `text_config` that say how images are read.
constexpr auto wrapperKeys = {
    "boi_token_id",
    "boi_token_index",
    "eoi_token_id",
    "eoi_token_index",
    "image_grid_pinpoints",
    "image_seq_length",
    "image_token_id",
    "image_token_index",
    "initializer_range",
    "mm_tokens_per_image",
    "multimodal_projector_bias",
    "projector_hidden_act",
    "spatial_merge_size",
    "use_image_newline_parameter",
    "video_token_id",
    "vision_config",
    "vision_end_token_id",
    "vision_feature_layer",
    "vision_feature_select_strategy",
    "vision_start_token_id",
    "vision_token_id",
    "vocab_size",
};

}  // namespace

std::span<const Architecture> architectures() {
    return table;
}

std::span<const WrappedArchitecture> wrappedArchitectures() {
    return wrappedTable;
}

void ignoreWrapperKeys(ConfigKeys& keys) {
    for (const char* key : wrapperKeys) keys.ignore(key);
}

}  // namespace rheo
