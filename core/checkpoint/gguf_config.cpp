#include "core/checkpoint/gguf_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/checkpoint/gguf_blocks.h"

namespace rheo {

namespace {

using Json = nlohmann::json;

constexpr const char* ropeFreqs = "rope_freqs.weight";
constexpr const char* ropeLong = "rope_factors_long.weight";
constexpr const char* ropeShort = "rope_factors_short.weight";

/// Whether a key without its architecture, or the name of a tensor, is of what reads images beside the
/// decoder: Ollama stores both in one file.
bool readsImages(std::string_view name) {
    return name.starts_with("vision.") || name.starts_with("v.") || name.starts_with("mm.");
}

/// The values of one architecture's keys, and which of them were understood.
class Keys {
public:
    Keys(const GgufModel& model, std::string architecture)
        : m_model(model), m_file(*model.front()), m_prefix(std::move(architecture) + ".") {}

    const GgufFile& file() const { return m_file; }
    std::string name(const std::string& key) const { return m_prefix + key; }
    std::optional<std::int64_t> integer(const std::string& key) { return m_file.integer(read(key)); }
    std::optional<double> number(const std::string& key) { return m_file.number(read(key)); }
    std::optional<std::string_view> text(const std::string& key) { return m_file.text(read(key)); }
    std::optional<bool> flag(const std::string& key) { return m_file.flag(read(key)); }
    std::optional<std::vector<double>> numbers(const std::string& key) { return m_file.numbers(read(key)); }
    void ignore(const std::string& key) { read(key); }
    bool has(const std::string& key) const { return m_file.value(m_prefix + key) != nullptr; }

    std::int64_t needed(const std::string& key) {
        const auto found = integer(key);
        if (!found)
            throw refuse(fmt::format("it has no value '{}', so it does not describe a model", name(key)));
        return *found;
    }

    const StoredTensor* tensor(std::string_view name) const {
        for (const auto& part : m_model)
            for (const StoredTensor& tensor : part->tensors())
                if (tensor.name == name) return &tensor;
        return nullptr;
    }

    Error refuse(const std::string& why, ErrorCode code = ErrorCode::Format) const {
        return {code, fmt::format("{}: {}", m_file.path().string(), why), m_file.path().string()};
    }

    /// Keys of the architecture that nobody asked for, with values that say what they are.
    void addRest(Json& config) const {
        for (const GgufValue& value : m_file.values()) {
            const std::string key(value.key);
            if (!key.starts_with(m_prefix) || m_read.count(key) != 0) continue;
            if (readsImages(std::string_view(key).substr(m_prefix.size()))) continue;
            if (value.type == GgufType::Text)
                config[key] = *m_file.text(key);
            else if (value.type == GgufType::Bool)
                config[key] = *m_file.flag(key);
            else if (value.type == GgufType::Array)
                config[key] = fmt::format("a list of {}", value.count);
            else
                config[key] = *m_file.number(key);
        }
    }

private:
    std::string read(const std::string& key) {
        m_read.insert(m_prefix + key);
        return m_prefix + key;
    }

    const GgufModel& m_model;
    const GgufFile& m_file;
    std::string m_prefix;
    std::set<std::string> m_read;
};

/// The values of a tensor of F32.
std::vector<float> floatsOf(const StoredTensor& tensor, const Keys& keys) {
    if (tensor.type != StoredType::F32 || tensor.blocks != nullptr || tensor.shape.size() != 1)
        throw keys.refuse(fmt::format("tensor '{}' is no list of F32", tensor.name));
    std::vector<float> values(static_cast<std::size_t>(tensor.shape[0]));
    if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    return values;
}

/// A key of a GGUF file, without its architecture, and what config.json calls it.
struct KeyName {
    const char* gguf;
    const char* config;
};
constexpr std::array llamaKeys = std::to_array<KeyName>({
    {"context_length", "max_position_embeddings"},
    {"block_count", "num_hidden_layers"},
    {"embedding_length", "hidden_size"},
    {"feed_forward_length", "intermediate_size"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "num_key_value_heads"},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps"},
    {"rope.freq_base", "rope_theta"},
});
constexpr std::array gpt2Keys = std::to_array<KeyName>({
    {"context_length", "n_positions"},
    {"block_count", "n_layer"},
    {"embedding_length", "n_embd"},
    {"feed_forward_length", "n_inner"},
    {"attention.head_count", "n_head"},
    {"attention.layer_norm_epsilon", "layer_norm_epsilon"},
});
constexpr std::array neoxKeys = std::to_array<KeyName>({
    {"context_length", "max_position_embeddings"},
    {"block_count", "num_hidden_layers"},
    {"embedding_length", "hidden_size"},
    {"feed_forward_length", "intermediate_size"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.layer_norm_epsilon", "layer_norm_eps"},
    {"rope.freq_base", "rotary_emb_base"},
});

/// A number as JSON has it: whole where it is, so that keys that count are whole numbers.
Json numberOf(double value) {
    if (value == std::floor(value) && std::abs(value) < 0x1p53) return static_cast<std::int64_t>(value);
    return value;
}

void copyKeys(Keys& keys, std::span<const KeyName> names, Json& config) {
    for (const KeyName& name : names)
        if (const auto value = keys.number(name.gguf)) config[name.config] = numberOf(*value);
}

std::int64_t headWidth(Keys& keys) {
    if (const auto given = keys.integer("attention.key_length")) return *given;
    const std::int64_t heads = keys.needed("attention.head_count");
    if (heads < 1) throw keys.refuse(fmt::format("'{}' is {}", keys.name("attention.head_count"), heads));
    return keys.needed("embedding_length") / heads;
}

/// Width of the heads. Values must be as wide as keys.
void readHeads(Keys& keys, Json& config) {
    const std::int64_t width = headWidth(keys);
    config["head_dim"] = width;
    if (const auto values = keys.integer("attention.value_length"); values && *values != width)
        throw keys.refuse(
            fmt::format("values of attention are {} wide and keys {}, which is not computed here", *values,
                        width),
            ErrorCode::Unsupported);
}

/// The units of each head that are rotated, all of them unless the file says otherwise.
std::int64_t rotatedUnits(Keys& keys) {
    return keys.integer("rope.dimension_count").value_or(headWidth(keys));
}

void requireWholeRotation(Keys& keys) {
    const std::int64_t rotated = rotatedUnits(keys), width = headWidth(keys);
    if (rotated != width)
        throw keys.refuse(
            fmt::format("'{}' is {} where heads are {} wide, and heads that are rotated in part are "
                        "not computed for this architecture",
                        keys.name("rope.dimension_count"), rotated, width),
            ErrorCode::Unsupported);
}

/// Rope with a divisor for each frequency: `scaling` as Phi-3's config.json has it.
void setFactors(Json& scaling, const std::vector<float>& shorter, const std::vector<float>& longer) {
    scaling["rope_type"] = "longrope";
    scaling["short_factor"] = shorter;
    scaling["long_factor"] = longer;
}

/// Scaled rotary positions, in values or in a tensor of factors.
void readRope(Keys& keys, Json& config) {
    Json scaling = Json::object();
    const std::string type(keys.text("rope.scaling.type").value_or(""));
    auto factor = keys.number("rope.scaling.factor");
    if (const auto old = keys.number("rope.scale_linear"); old && !factor) factor = old;
    const auto original = keys.integer("rope.scaling.original_context_length");
    const auto attention = keys.number("rope.scaling.attn_factor");
    keys.ignore("rope.scaling.finetuned");
    if (const StoredTensor* freqs = keys.tensor(ropeFreqs)) {
        // Llama 3: what its converter makes of the frequencies that "llama3" scales.
        const auto factors = floatsOf(*freqs, keys);
        setFactors(scaling, factors, factors);
        scaling["original_max_position_embeddings"] = keys.needed("context_length");
        scaling["attention_factor"] = 1.0;
    } else if (const StoredTensor* longer = keys.tensor(ropeLong)) {
        const StoredTensor* shorter = keys.tensor(ropeShort);
        if (shorter == nullptr) throw keys.refuse(fmt::format("it has {} and no {}", ropeLong, ropeShort));
        setFactors(scaling, floatsOf(*shorter, keys), floatsOf(*longer, keys));
        scaling["original_max_position_embeddings"] = original.value_or(keys.needed("context_length"));
        if (attention) scaling["attention_factor"] = *attention;
    } else if (!type.empty() && type != "none") {
        scaling["rope_type"] = type;
        if (factor) scaling["factor"] = *factor;
        if (original && *original > 0) scaling["original_max_position_embeddings"] = *original;
        if (attention && *attention != 1) scaling["attention_factor"] = *attention;
    } else if (factor && *factor != 0 && *factor != 1) {
        scaling = {{"rope_type", "linear"}, {"factor", *factor}};
    }
    if (!scaling.empty()) config["rope_scaling"] = std::move(scaling);
}

void fillLlamaKeys(Keys& keys, Json& config) {
    copyKeys(keys, llamaKeys, config);
    // llama.cpp has as many as queries where a file does not say, whatever the architecture's config.json
    // would.
    if (!config.contains("num_key_value_heads"))
        config["num_key_value_heads"] = keys.needed("attention.head_count");
    readHeads(keys, config);
    readRope(keys, config);
}

void fillLlama(Keys& keys, Json& config) {
    fillLlamaKeys(keys, config);
    // Some converters count the heads that are read and not their width here.
    if (!keys.has("attention.key_length") && keys.integer("rope.dimension_count"))
        config["head_dim"] = rotatedUnits(keys);
    else
        requireWholeRotation(keys);
}

void fillWhole(Keys& keys, Json& config) {
    fillLlamaKeys(keys, config);
    requireWholeRotation(keys);
}

/// The scale of the scores of Gemma 2 and 3, which the file leaves to the program: that of the head's width,
/// but of the units a head has of the state in the largest model of either.
void setGemmaScale(Keys& keys, Json& config, std::int64_t layersOfLargest) {
    const bool largest = keys.needed("block_count") == layersOfLargest;
    config["query_pre_attn_scalar"] =
        largest
            ? keys.needed("embedding_length") / std::max<std::int64_t>(1, keys.needed("attention.head_count"))
            : headWidth(keys);
}

void readWindow(Keys& keys, Json& config) {
    const auto window = keys.integer("attention.sliding_window");
    if (window) config["sliding_window"] = *window > 0 ? Json(*window) : Json();
}

/// Which blocks see a window: each but every nth, or a flag for each.
void readPattern(Keys& keys, Json& config) {
    constexpr const char* key = "attention.sliding_window_pattern";
    const GgufValue* pattern = keys.file().value(keys.name(key));
    if (pattern == nullptr) return;
    if (pattern->type != GgufType::Array) {
        config["sliding_window_pattern"] = *keys.integer(key);
        return;
    }
    const auto flags = keys.numbers(key);
    for (const double windowed : *flags)
        config["layer_types"].push_back(windowed != 0 ? "sliding_attention" : "full_attention");
}

void fillGemma2(Keys& keys, Json& config) {
    fillWhole(keys, config);
    readWindow(keys, config);
    setGemmaScale(keys, config, 46);
    for (const char* key : {"attn_logit_softcapping", "final_logit_softcapping"})
        if (const auto cap = keys.number(key)) config[key] = *cap > 0 ? Json(*cap) : Json();
}

void fillGemma3(Keys& keys, Json& config) {
    fillWhole(keys, config);
    readWindow(keys, config);
    setGemmaScale(keys, config, 62);
    // Ollama has names of its own for the bases.
    if (const auto base = keys.number("rope.global.freq_base")) config["rope_theta"] = *base;
    for (const char* key : {"rope.local.freq_base", "rope.freq_base_swa"})
        if (const auto base = keys.number(key)) config["rope_local_base_freq"] = *base;
    for (const char* key : {"attn_logit_softcapping", "final_logit_softcapping"})
        if (const auto cap = keys.number(key); cap && *cap > 0) config[key] = *cap;
    readPattern(keys, config);
}

void fillPhi3(Keys& keys, Json& config) {
    fillLlamaKeys(keys, config);
    readWindow(keys, config);
    const std::int64_t rotated = rotatedUnits(keys), width = headWidth(keys);
    if (rotated != width && width > 0)
        config["partial_rotary_factor"] = static_cast<double>(rotated) / static_cast<double>(width);
}

void fillGpt2(Keys& keys, Json& config) {
    copyKeys(keys, gpt2Keys, config);
}

void fillGptNeoX(Keys& keys, Json& config) {
    copyKeys(keys, neoxKeys, config);
    readRope(keys, config);
    config["rotary_pct"] = static_cast<double>(rotatedUnits(keys)) /
                           static_cast<double>(std::max<std::int64_t>(1, headWidth(keys)));
    config["use_parallel_residual"] = keys.flag("use_parallel_residual").value_or(true);
}

/// An architecture of llama.cpp that is computed here.
struct GgufArchitecture {
    std::string_view name;       ///< general.architecture
    std::string_view modelType;  ///< model_type of config.json
    void (*fill)(Keys& keys, Json& config);
};
constexpr std::array architectures{std::to_array<GgufArchitecture>({
    {"gemma", "gemma", fillWhole},
    {"gemma2", "gemma2", fillGemma2},
    {"gemma3", "gemma3_text", fillGemma3},
    {"gpt2", "gpt2", fillGpt2},
    {"gptneox", "gpt_neox", fillGptNeoX},
    {"llama", "llama", fillLlama},
    {"olmo2", "olmo2", fillWhole},
    {"phi3", "phi3", fillPhi3},
    {"qwen2", "qwen2", fillWhole},
    {"qwen3", "qwen3", fillWhole},
})};

/// Values that any architecture may carry and that change nothing, or that hold what is read elsewhere.
void readCommon(Keys& keys, Json& config) {
    for (const char* key : {"vocab_size", "tensor_data_layout"}) keys.ignore(key);
    if (const auto causal = keys.flag("attention.causal"); causal && !*causal)
        throw keys.refuse("its attention sees what comes after a token, which is not computed here",
                          ErrorCode::Unsupported);
    const GgufFile& file = keys.file();
    for (const auto& [gguf, name] : {std::pair{"tokenizer.ggml.bos_token_id", "bos_token_id"},
                                     {"tokenizer.ggml.eos_token_id", "eos_token_id"},
                                     {"tokenizer.ggml.padding_token_id", "pad_token_id"}})
        if (const auto id = file.integer(gguf); id && *id >= 0 && *id < (std::int64_t{1} << 40))
            config[name] = *id;
    if (!config.contains("pad_token_id")) config["pad_token_id"] = nullptr;
    const StoredTensor* embedding = keys.tensor("token_embd.weight");
    if (embedding == nullptr || embedding->shape.size() != 2)
        throw keys.refuse(
            "it holds no matrix token_embd.weight, so it is not the model itself; take the file that "
            "is",
            ErrorCode::Unsupported);
    config["vocab_size"] = embedding->shape[0];
    config["tie_word_embeddings"] = keys.tensor("output.weight") == nullptr;
}

/// Names of formats with the number of their tensors, the one with the most values first.
std::vector<std::pair<std::string, std::int64_t>> formatsOf(const GgufModel& model) {
    std::map<std::string, std::pair<double, std::int64_t>> found;
    for (const StoredTensor* tensor : ggufParameters(model)) {
        double values = 1;
        for (const std::int64_t extent : tensor->shape) values *= static_cast<double>(extent);
        auto& [sum, count] = found[std::string(storedFormatName(*tensor))];
        sum += values;
        ++count;
    }
    std::vector<std::pair<std::string, std::int64_t>> list;
    for (const auto& [name, counted] : found) list.emplace_back(name, counted.second);
    std::sort(list.begin(), list.end(),
              [&](const auto& a, const auto& b) { return found[a.first].first > found[b.first].first; });
    return list;
}

TensorNames ggufNames(const ModelConfig& c) {
    const TensorNames& usual = c.names;
    TensorNames names;
    names.embedding = "token_embd";
    if (c.learnedPositions) names.positions = "position_embd";
    names.finalNorm = "output_norm";
    names.unembedding = "output";
    names.block = "blk.{}.";
    if (c.attnPreNorm) names.attnPreNorm = "attn_norm";
    if (c.attnPostNorm) names.attnPostNorm = "post_attention_norm";
    if (c.mlpPreNorm) names.mlpPreNorm = "ffn_norm";
    if (c.mlpPostNorm) names.mlpPostNorm = "post_ffw_norm";
    if (c.qkNorm != QkNorm::None) {
        names.queryNorm = "attn_q_norm";
        names.keyNorm = "attn_k_norm";
    }
    if (usual.qkvLayout == QkvLayout::Separate) {
        names.query = "attn_q";
        names.key = "attn_k";
        names.value = "attn_v";
    } else {
        names.qkv = "attn_qkv";
        names.qkvLayout = QkvLayout::Stacked;
    }
    names.attnOut = "attn_output";
    if (usual.gateUp.empty()) {
        if (c.gatedMlp) names.gate = "ffn_gate";
        names.up = "ffn_up";
    } else {
        names.gateUp = "ffn_up";
    }
    names.down = "ffn_down";
    return names;
}

}  // namespace

std::string ggufArchitecture(const GgufFile& file) {
    try {
        return std::string(file.text("general.architecture").value_or("").substr(0, 100));
    } catch (const Error&) {
        return "";
    }
}

std::vector<std::string> knownGgufArchitectures() {
    std::vector<std::string> names;
    for (const GgufArchitecture& known : architectures) names.emplace_back(known.name);
    return names;
}

std::string ggufConfig(const GgufModel& model) {
    const GgufFile& file = *model.front();
    const std::string name = ggufArchitecture(file);
    const auto known = std::find_if(architectures.begin(), architectures.end(),
                                    [&](const GgufArchitecture& a) { return a.name == name; });
    Keys keys(model, name);
    if (name.empty())
        throw keys.refuse("it has no text 'general.architecture', so it does not say what model it is");
    if (known == architectures.end())
        throw keys.refuse(
            fmt::format("its architecture is '{}', which is not read from GGUF files; known are {}. "
                        "The model's own safetensors files may open",
                        name, fmt::join(knownGgufArchitectures(), ", ")),
            ErrorCode::Unsupported);
    Json config = Json::object();
    config["model_type"] = known->modelType;
    known->fill(keys, config);
    readCommon(keys, config);
    keys.addRest(config);
    // Texts of strangers may be no UTF-8.
    return config.dump(1, ' ', false, Json::error_handler_t::replace);
}

void applyGgufLayout(const GgufModel& model, ModelConfig& config) {
    config.names = ggufNames(config);
    if (config.norm == NormKind::RmsOnePlus) config.norm = NormKind::Rms;
    if (config.architecture == "llama") {
        config.rotaryInterleaved = true;
        const Keys keys(model, config.architecture);
        config.qkvBias = keys.tensor("blk.0.attn_q.bias") != nullptr;
        config.attnOutBias = keys.tensor("blk.0.attn_output.bias") != nullptr;
        config.mlpBias = keys.tensor("blk.0.ffn_up.bias") != nullptr;
    }
    const auto formats = formatsOf(model);
    std::vector<std::string> names, counted;
    bool quantised = false;
    for (const auto& [name, count] : formats) {
        names.push_back(name);
        counted.push_back(fmt::format("{} ({})", name, count));
        quantised = quantised || (!name.starts_with("F") && name != "BF16");
    }
    config.storedDType = fmt::format("{}", fmt::join(names, ", "));
    if (quantised)
        config.notes.push_back(
            fmt::format("the weights are quantised, tensors by their kind: {}; they are expanded "
                        "as they are loaded",
                        fmt::join(counted, ", ")));
    std::int64_t images = 0;
    for (const auto& part : model)
        images += std::count_if(part->tensors().begin(), part->tensors().end(),
                                [](const StoredTensor& tensor) { return readsImages(tensor.name); });
    if (images > 0)
        config.notes.push_back(
            fmt::format("the decoder is opened, and what reads images ({} tensors) is left out", images));
}

std::vector<const StoredTensor*> ggufParameters(const GgufModel& model) {
    std::vector<const StoredTensor*> list;
    for (const auto& part : model)
        for (const StoredTensor& tensor : part->tensors())
            if (tensor.name != ropeFreqs && tensor.name != ropeLong && tensor.name != ropeShort &&
                !readsImages(tensor.name))
                list.push_back(&tensor);
    return list;
}

}  // namespace rheo
