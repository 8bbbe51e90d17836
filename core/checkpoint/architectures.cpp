// One function an architecture: how its config.json is read. The keys, their defaults and the names of
// the tensors are those of the reference implementation of each (Hugging Face transformers).
#include "core/checkpoint/architectures.h"

#include <fmt/format.h>

#include <algorithm>
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

/// A number that different versions of a config call by different names. Those given must agree.
double readSynonyms(ConfigKeys& keys, std::initializer_list<const char*> names, double otherwise,
                    double least, double most) {
    std::optional<double> value;
    for (const char* name : names) {
        const auto given = keys.findNumber(name, least, most);
        if (value && given && *given != *value)
            keys.refuse(name, fmt::format("and {} say different things", *names.begin()));
        if (given && !value) value = given;
    }
    return value.value_or(otherwise);
}

/// What rotary embeddings of an architecture are where the config does not say.
struct RopeDefaults {
    double theta = 10000;
    double partial = 1;  ///< share of a head that is rotated
    /// Names of theta and of the share beside "rope_theta" and "partial_rotary_factor".
    const char* thetaName = "rope_theta";
    const char* partialName = "partial_rotary_factor";
    bool takesPartial = false;              ///< the share may be given
    std::int64_t originalMaxPositions = 0;  ///< 0: none
    bool oldLongRopeNames = false;          ///< "su" and "yarn" mean long rope (Phi-3)
    /// Positions are of time, height and width (Qwen2-VL). Those of text are all the same number, so
    /// splitting a head among the three changes nothing.
    bool threeAxes = false;
};

struct Rope {
    RopeConfig config;
    double partial = 1;
};

/// What a rope description is read beside.
struct RopeContext {
    std::int64_t maxPositions;          ///< max_position_embeddings
    std::int64_t originalMaxPositions;  ///< original_max_position_embeddings of the config, 0: not given
};

/// original_max_position_embeddings in the description or in the config beside it; 0 if neither has it.
std::int64_t readOriginalLength(ConfigKeys& keys, const RopeContext& context) {
    const std::string key = "original_max_position_embeddings";
    return keys.integer(key, context.originalMaxPositions, 1, maxPositionCount);
}

double readFactor(ConfigKeys& keys) {
    if (!keys.has("factor")) keys.malformed("factor", "a number");
    return keys.number("factor", 1, 1e-6, 1e9);
}

void readDefaultRope(ConfigKeys& keys, RopeConfig& rope, const RopeContext&) {
    rope.kind = RopeKind::Default;
    keys.ignore("original_max_position_embeddings");
}

void readLinearRope(ConfigKeys& keys, RopeConfig& rope, const RopeContext&) {
    rope.kind = RopeKind::Linear;
    rope.factor = readFactor(keys);
    keys.ignore("original_max_position_embeddings");
}

void readLlama3Rope(ConfigKeys& keys, RopeConfig& rope, const RopeContext&) {
    rope.kind = RopeKind::Llama3;
    for (const char* key : {"low_freq_factor", "high_freq_factor", "original_max_position_embeddings"})
        if (!keys.has(key)) keys.malformed(key, "a number");
    rope.factor = readFactor(keys);
    rope.lowFreqFactor = keys.number("low_freq_factor", 1, 1e-6, 1e9);
    rope.highFreqFactor = keys.number("high_freq_factor", 4, 1e-6, 1e9);
    rope.originalMaxPositions = keys.integer("original_max_position_embeddings", 0, 1, maxPositionCount);
    if (rope.highFreqFactor <= rope.lowFreqFactor)
        keys.malformed("high_freq_factor", "a number above low_freq_factor");
}

void readLongRope(ConfigKeys& keys, RopeConfig& rope, const RopeContext& context) {
    rope.kind = RopeKind::LongRope;
    rope.shortFactor = keys.numbers("short_factor", 1e-6, 1e9);
    rope.longFactor = keys.numbers("long_factor", 1e-6, 1e9);
    rope.originalMaxPositions = readOriginalLength(keys, context);
    if (rope.originalMaxPositions < 2)
        keys.malformed("original_max_position_embeddings", "the length the model was first trained on");
    const auto original = static_cast<double>(rope.originalMaxPositions);
    const double stretch = static_cast<double>(context.maxPositions) / original;
    const double factor = keys.number("factor", stretch, 1e-6, 1e9);
    // Versions of the reference disagree on which of the two counts.
    if (std::abs(factor - stretch) > 1e-6 * stretch)
        keys.refuse("factor", fmt::format("is {}, and the lengths in the config say {}", factor, stretch));
    const double natural = factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(original));
    rope.attentionFactor = keys.number("attention_factor", natural, 1e-6, 1e6);
}

/// Yarn (arXiv:2309.00071), with the options of the reference: the factor is that of the lengths where it is
/// null; a beta of 0 means its default; the attention factor follows from the factor and the two mscales.
void readYarnRope(ConfigKeys& keys, RopeConfig& rope, const RopeContext& context) {
    rope.kind = RopeKind::Yarn;
    if (rope.theta <= 1) keys.malformed("rope_theta", "a number above 1, which yarn takes the logarithm of");
    rope.originalMaxPositions = readOriginalLength(keys, context);
    if (context.originalMaxPositions > 0 && rope.originalMaxPositions != context.originalMaxPositions)
        keys.refuse("original_max_position_embeddings",
                    "and the key of that name beside it say different things");
    if (rope.originalMaxPositions == 0) rope.originalMaxPositions = context.maxPositions;
    const double stretch =
        static_cast<double>(context.maxPositions) / static_cast<double>(rope.originalMaxPositions);
    rope.factor = keys.isNull("factor") ? keys.number("factor", stretch, 1e-6, 1e9) : readFactor(keys);
    const auto orElse = [](double given, double otherwise) { return given == 0 ? otherwise : given; };
    rope.betaFast = orElse(keys.number("beta_fast", 0, 0, 1e9), 32);
    rope.betaSlow = orElse(keys.number("beta_slow", 0, 0, 1e9), 1);
    rope.truncate = keys.flag("truncate", true);
    const double mscale = keys.number("mscale", 0, 0, 1e6);
    const double mscaleAllDim = keys.number("mscale_all_dim", 0, 0, 1e6);
    const auto scaled = [&](double by) {
        return rope.factor <= 1 ? 1.0 : 0.1 * by * std::log(rope.factor) + 1.0;
    };
    const double natural =
        mscale != 0 && mscaleAllDim != 0 ? scaled(mscale) / scaled(mscaleAllDim) : scaled(1);
    rope.attentionFactor = keys.number("attention_factor", natural, 1e-6, 1e6);
    keys.inert("finetuned");
}

/// "Dynamic NTK": the base grows with sequences longer than max_position_embeddings.
void readDynamicRope(ConfigKeys& keys, RopeConfig& rope, const RopeContext& context) {
    rope.kind = RopeKind::Dynamic;
    rope.factor = readFactor(keys);
    rope.originalMaxPositions = context.maxPositions;  // the reference reads no other length
    keys.inert("original_max_position_embeddings");
}

struct RopeReader {
    std::string_view type;
    void (*read)(ConfigKeys& keys, RopeConfig& rope, const RopeContext& context);
};

constexpr std::array<RopeReader, 6> ropeReaders{{
    {"default", readDefaultRope},
    {"linear", readLinearRope},
    {"llama3", readLlama3Rope},
    {"longrope", readLongRope},
    {"yarn", readYarnRope},
    {"dynamic", readDynamicRope},
}};

/// "su" and "mrope" as the names of today.
std::string ropeType(ConfigKeys& keys, const RopeDefaults& defaults) {
    const std::string type = keys.text("rope_type", keys.text("type", "default"));
    keys.ignore("type");
    if (type == "su" || (defaults.oldLongRopeNames && type == "yarn")) return "longrope";
    if (type == "mrope" && defaults.threeAxes) return "default";
    return type;
}

/// One rope description: `rope_parameters`, or `rope_scaling` beside a theta of the config.
Rope readRope(const nlohmann::json& object, const ConfigKeys& config, const std::string& name, double theta,
              double partial, const RopeDefaults& defaults, const RopeContext& context) {
    ConfigKeys keys = config.inside(object, name);
    Rope result;
    RopeConfig& rope = result.config;
    rope.theta = keys.number("rope_theta", theta, 1e-3, 1e15);
    result.partial = keys.number("partial_rotary_factor", partial, 0, 1);
    if (!defaults.takesPartial && result.partial != 1)
        keys.refuse("partial_rotary_factor",
                    fmt::format("is {}, and only 1 is computed here", result.partial));
    if (defaults.threeAxes) keys.ignore("mrope_section");
    const std::string type = ropeType(keys, defaults);
    const auto reader = std::find_if(ropeReaders.begin(), ropeReaders.end(),
                                     [&](const RopeReader& known) { return known.type == type; });
    if (reader == ropeReaders.end())
        keys.refuse("rope_type",
                    fmt::format("is '{}'; known are default, linear, dynamic, yarn, llama3 and longrope",
                                type.substr(0, 100)));
    reader->read(keys, rope, context);
    keys.sortRest();
    return result;
}

/// The one rope of a model, in either spelling, for all blocks.
void readRopes(ConfigKeys& keys, ModelConfig& c, const RopeDefaults& defaults = {}) {
    const double theta = readSynonyms(keys, {defaults.thetaName, "rope_theta"}, defaults.theta, 1e-3, 1e15);
    const bool thetaGiven = keys.has(defaults.thetaName) || keys.has("rope_theta");
    double partial = defaults.partial;
    if (defaults.takesPartial)
        partial = readSynonyms(keys, {defaults.partialName, "partial_rotary_factor"}, partial, 0, 1);
    const RopeContext context{
        c.maxPositions,
        keys.integer("original_max_position_embeddings", defaults.originalMaxPositions, 1, maxPositionCount)};
    const auto* parameters = keys.findObject("rope_parameters");
    const auto* scaling = keys.findObject("rope_scaling");
    const nlohmann::json none = nlohmann::json::object();
    const auto read = [&](const nlohmann::json& object, const char* name, double base) {
        return readRope(object, keys, name, base, partial, defaults, context);
    };
    Rope rope;
    if (parameters != nullptr) {
        rope = read(*parameters, "rope_parameters", theta);
        if (thetaGiven && rope.config.theta != theta)
            keys.refuse(defaults.thetaName, "and rope_parameters.rope_theta say different things");
        if (scaling != nullptr && !(read(*scaling, "rope_scaling", rope.config.theta).config == rope.config))
            keys.refuse("rope_scaling", "and rope_parameters say different things");
    } else {
        rope = read(scaling != nullptr ? *scaling : none, "rope_scaling", theta);
    }
    c.ropes = {std::move(rope.config)};
    c.rotaryDim = static_cast<std::int64_t>(static_cast<double>(c.headDim) * rope.partial);
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

constexpr std::array<Architecture, 16> table{{
    {"gemma", fillGemma},
    {"gemma2", fillGemma2},
    {"gemma3_text", fillGemma3},
    {"gpt2", fillGpt2},
    {"gpt_neo", fillGptNeo},
    {"gpt_neox", fillGptNeoX},
    {"gptj", fillGptJ},
    {"llama", fillLlama},
    {"mistral", fillMistral},
    {"olmo2", fillOlmo2},
    {"opt", fillOpt},
    {"phi3", fillPhi3},
    {"qwen2", fillQwen2},
    {"qwen2_5_vl_text", fillQwen2Vl},
    {"qwen2_vl_text", fillQwen2Vl},
    {"qwen3", fillQwen3},
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
