// One function an architecture: how its config.json is read. The keys, their defaults and the names of
// the tensors are those of the reference implementation of each (Hugging Face transformers).
#include "core/checkpoint/architectures.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace rheo {

namespace {

constexpr std::int64_t maxLayers = 4096;
constexpr std::int64_t maxWidth = std::int64_t{1} << 20;
constexpr std::int64_t maxHeads = std::int64_t{1} << 16;
constexpr std::int64_t maxIntermediate = std::int64_t{1} << 24;
constexpr std::int64_t maxVocabulary = std::int64_t{1} << 26;
constexpr std::int64_t maxPositionCount = std::int64_t{1} << 30;

/// Sizes under the names most architectures give them; the arguments are the defaults.
struct Sizes {
    std::int64_t vocabulary, dModel, intermediate, layers, heads;
    std::optional<std::int64_t> kvHeads;  ///< empty: as many as heads
    std::int64_t positions;
    std::optional<std::int64_t> headDim;  ///< empty: dModel / heads
};

void readSizes(ConfigKeys& keys, ModelConfig& c, const Sizes& defaults) {
    c.vocabulary = keys.integer("vocab_size", defaults.vocabulary, 1, maxVocabulary);
    c.dModel = keys.integer("hidden_size", defaults.dModel, 1, maxWidth);
    c.intermediate = keys.integer("intermediate_size", defaults.intermediate, 1, maxIntermediate);
    c.layers = keys.integer("num_hidden_layers", defaults.layers, 1, maxLayers);
    c.heads = keys.integer("num_attention_heads", defaults.heads, 1, maxHeads);
    c.kvHeads =
        keys.integer("num_key_value_heads",
                     keys.has("num_key_value_heads") ? 1 : defaults.kvHeads.value_or(c.heads), 1, maxHeads);
    c.maxPositions = keys.integer("max_position_embeddings", defaults.positions, 1, maxPositionCount);
    c.headDim = keys.integer("head_dim", defaults.headDim.value_or(c.dModel / c.heads), 1, maxWidth);
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

/// One rope description: `rope_parameters`, or `rope_scaling` beside a `rope_theta` of the config.
RopeConfig readRope(const nlohmann::json& object, const ConfigKeys& config, const std::string& name,
                    double theta) {
    ConfigKeys keys(object, config.file(), name + ".");
    RopeConfig rope;
    rope.theta = keys.number("rope_theta", theta, 1e-3, 1e15);
    const std::string type = keys.text("rope_type", keys.text("type", "default"));
    keys.ignore("type");
    if (type == "default") {
        rope.kind = RopeKind::Default;
    } else if (type == "linear") {
        rope.kind = RopeKind::Linear;
        if (!keys.has("factor")) keys.malformed("factor", "a number");
        rope.factor = keys.number("factor", 1, 1e-6, 1e9);
        keys.ignore("original_max_position_embeddings");
    } else if (type == "llama3") {
        rope.kind = RopeKind::Llama3;
        for (const char* key :
             {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"})
            if (!keys.has(key)) keys.malformed(key, "a number");
        rope.factor = keys.number("factor", 1, 1e-6, 1e9);
        rope.lowFreqFactor = keys.number("low_freq_factor", 1, 1e-6, 1e9);
        rope.highFreqFactor = keys.number("high_freq_factor", 4, 1e-6, 1e9);
        rope.originalMaxPositions = keys.integer("original_max_position_embeddings", 0, 1, maxPositionCount);
        if (rope.highFreqFactor <= rope.lowFreqFactor)
            keys.malformed("high_freq_factor", "a number above low_freq_factor");
    } else {
        keys.refuse("rope_type",
                    fmt::format("is '{}'; known are default, linear and llama3", type.substr(0, 100)));
    }
    keys.refuseRest();
    return rope;
}

/// The one rope of a model, in either spelling, for all blocks.
void readRopes(ConfigKeys& keys, ModelConfig& c, double defaultTheta) {
    const double theta = keys.number("rope_theta", defaultTheta, 1e-3, 1e15);
    const auto* parameters = keys.findObject("rope_parameters");
    const auto* scaling = keys.findObject("rope_scaling");
    const nlohmann::json none = nlohmann::json::object();
    RopeConfig rope;
    if (parameters != nullptr) {
        rope = readRope(*parameters, keys, "rope_parameters", theta);
        if (keys.has("rope_theta") && rope.theta != theta)
            keys.refuse("rope_theta", "and rope_parameters.rope_theta say different things");
        if (scaling != nullptr && !(readRope(*scaling, keys, "rope_scaling", rope.theta) == rope))
            keys.refuse("rope_scaling", "and rope_parameters say different things");
    } else {
        rope = readRope(scaling != nullptr ? *scaling : none, keys, "rope_scaling", theta);
    }
    c.ropes = {std::move(rope)};
    c.rotaryDim = c.headDim;
}

void fillBlocks(ModelConfig& c) {
    BlockConfig block;
    block.attentionScale = 1 / std::sqrt(static_cast<double>(c.headDim));
    c.blocks.assign(static_cast<std::size_t>(c.layers), block);
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
    names.attnOut = "self_attn.o_proj";
    names.gate = "mlp.gate_proj";
    names.up = "mlp.up_proj";
    names.down = "mlp.down_proj";
    names.buffers = {"rotary_emb.inv_freq"};
    return names;
}

void fillLlama(ConfigKeys& keys, ModelConfig& c) {
    readSizes(keys, c, {32000, 4096, 11008, 32, 32, {}, 2048, {}});
    c.normEpsilon = readEpsilon(keys, "rms_norm_eps", 1e-6);
    c.activation = readActivation(keys, "hidden_act", "silu");
    const bool attentionBias = keys.flag("attention_bias", false);
    c.qkvBias = attentionBias;
    c.attnOutBias = attentionBias;
    c.mlpBias = keys.flag("mlp_bias", false);
    c.tiedUnembedding = keys.flag("tie_word_embeddings", false);
    readRopes(keys, c, 10000);
    fillBlocks(c);
    c.names = llamaNames();
}

constexpr std::array<Architecture, 1> table{{
    {"llama", fillLlama},
}};

}  // namespace

std::span<const Architecture> architectures() {
    return table;
}

}  // namespace rheo
