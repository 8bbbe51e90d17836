#include "core/checkpoint/model_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/error.h"
#include "core/checkpoint/architectures.h"
#include "core/checkpoint/config_keys.h"
#include "core/checkpoint/inert_keys.h"
#include "core/checkpoint/json.h"

namespace rheo {

namespace {

struct DTypeRow {
    DType type;
    std::string_view name;
    std::int64_t bytes;
};

constexpr std::array<DTypeRow, 3> dtypes{{
    {DType::Float32, "float32", 4},
    {DType::BFloat16, "bfloat16", 2},
    {DType::Float16, "float16", 2},
}};

/// Keys that any model_type may carry.
void readCommonKeys(ConfigKeys& keys, ModelConfig& config) {
    constexpr std::int64_t anyToken = std::int64_t{1} << 40;
    keys.require("is_encoder_decoder", false);
    keys.require("add_cross_attention", false);
    keys.require("use_bidirectional_attention", false);
    keys.require("rope_interleaved", false);
    keys.require("tie_encoder_decoder", false);
    if (const auto* pruned = keys.findAny("pruned_heads"); pruned != nullptr && !pruned->empty())
        keys.refuse("pruned_heads", "is not empty, and models with pruned heads are not computed here");
    // "torch_dtype" until transformers 4.56, "dtype" from then on.
    config.storedDType = keys.text("dtype", keys.text("torch_dtype", ""));
    config.beginToken = keys.findInteger("bos_token_id", -1, anyToken);
    config.paddingToken = keys.findInteger("pad_token_id", -1, anyToken);
    if (const auto* end = keys.findAny("eos_token_id")) {
        const auto add = [&](const nlohmann::json& id) {
            if (!id.is_number_integer() || id.get<double>() < -1 || id.get<double>() > anyToken)
                keys.malformed("eos_token_id", "a token id or a list of them");
            config.endTokens.push_back(id.get<std::int64_t>());
        };
        if (end->is_array())
            for (const auto& id : *end) add(id);
        else
            add(*end);
    }
}

/// What holds for every decoder, whichever function filled it in.
void checkConsistency(const ConfigKeys& keys, const ModelConfig& c) {
    const auto refuse = [&](const std::string& why) {
        throw Error(ErrorCode::Format, fmt::format("{}: {}", keys.file(), why), keys.file());
    };
    if (c.heads % c.kvHeads != 0)
        refuse(fmt::format("{} query heads cannot share {} key and value heads evenly", c.heads, c.kvHeads));
    if (c.headDim < 1)
        refuse(fmt::format("{} heads are more than the {} units of a state", c.heads, c.dModel));
    if (c.heads * c.headDim > (std::int64_t{1} << 22))
        refuse(fmt::format("{} heads of {} units are more than this program can index", c.heads, c.headDim));
    if (c.rotaryDim < 0 || c.rotaryDim % 2 != 0 || c.rotaryDim > c.headDim)
        refuse(
            fmt::format("{} of the {} units of a head cannot be rotated in pairs", c.rotaryDim, c.headDim));
    if (c.experts && c.layers * c.experts->count > (std::int64_t{1} << 17))
        refuse(fmt::format("{} blocks of {} experts are more than this program can index", c.layers,
                           c.experts->count));
    if (c.experts && static_cast<double>(c.layers * c.experts->count) *
                             static_cast<double>(c.experts->width) * static_cast<double>(c.dModel) >
                         1e15)
        refuse("its experts have more weights than this program can index");
    for (const RopeConfig& rope : c.ropes) {
        if (rope.kind == RopeKind::Dynamic && c.rotaryDim < 4)
            refuse("rope dynamic needs at least 4 rotated units a head");
        if (rope.kind == RopeKind::LongRope &&
            (static_cast<std::int64_t>(rope.longFactor.size()) != c.rotaryDim / 2 ||
             rope.shortFactor.size() != rope.longFactor.size()))
            refuse(fmt::format("long_factor and short_factor need {} numbers each, and have {} and {}",
                               c.rotaryDim / 2, rope.longFactor.size(), rope.shortFactor.size()));
    }
}

}  // namespace

std::string_view dtypeName(DType dtype) {
    return std::find_if(dtypes.begin(), dtypes.end(), [&](const DTypeRow& r) { return r.type == dtype; })
        ->name;
}

std::optional<DType> parseDType(std::string_view name) {
    for (const DTypeRow& row : dtypes)
        if (row.name == name) return row.type;
    return std::nullopt;
}

std::int64_t dtypeBytes(DType dtype) {
    return std::find_if(dtypes.begin(), dtypes.end(), [&](const DTypeRow& r) { return r.type == dtype; })
        ->bytes;
}

std::vector<std::string> knownArchitectures() {
    std::vector<std::string> names;
    for (const Architecture& known : architectures()) names.emplace_back(known.modelType);
    for (const WrappedArchitecture& known : wrappedArchitectures()) names.emplace_back(known.modelType);
    std::sort(names.begin(), names.end());
    return names;
}

std::string listedNames(const std::vector<std::string>& names, std::size_t most) {
    const std::size_t shown = std::min(names.size(), most);
    std::string text =
        fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
    return text;
}

namespace {

const Architecture* findArchitecture(const std::string& type) {
    const auto known = std::find_if(architectures().begin(), architectures().end(),
                                    [&](const Architecture& a) { return a.modelType == type; });
    return known == architectures().end() ? nullptr : &*known;
}

const WrappedArchitecture* findWrapped(const std::string& type) {
    const auto list = wrappedArchitectures();
    const auto known = std::find_if(list.begin(), list.end(),
                                    [&](const WrappedArchitecture& a) { return a.modelType == type; });
    return known == list.end() ? nullptr : &*known;
}

[[noreturn]] void refuseType(const ConfigKeys& keys, const std::string& type) {
    keys.refuse("model_type", fmt::format("is '{}', which is not computed here; known are {}",
                                          type.substr(0, 100), fmt::join(knownArchitectures(), ", ")));
}

/// The decoder that `keys` describe, of a known model_type.
ModelConfig readDecoder(ConfigKeys& keys, const std::string& type) {
    const Architecture* known = findArchitecture(type);
    if (known == nullptr) refuseType(keys, type);
    ModelConfig config;
    config.architecture = type;
    readInertKeys(keys, type);
    readCommonKeys(keys, config);
    config.scaledWeights = readQuantization(keys);
    known->fill(keys, config);
    checkConsistency(keys, config);
    for (const RopeConfig& rope : config.ropes)
        if (rope.kind == RopeKind::Yarn || rope.kind == RopeKind::Dynamic)
            config.maxPositions = std::max(
                config.maxPositions,
                static_cast<std::int64_t>(std::min(
                    rope.factor * static_cast<double>(rope.originalMaxPositions), 1024.0 * 1024 * 1024)));
    return config;
}

/// Keys that stand both beside `text_config` and in it: what is beside it is not read by the reference.
void sortRepeatedKeys(ConfigKeys& keys, const nlohmann::json& whole, const nlohmann::json& text) {
    for (const auto& [key, value] : whole.items()) {
        const auto repeated = text.find(key);
        if (repeated == text.end() || keys.wasRead(key)) continue;
        if (*repeated == value)
            keys.ignore(key);
        else
            keys.inert(key);
    }
}

/// The decoder of a model that reads images too. Early files of Qwen2-VL have no `text_config`: the keys of
/// the decoder stand among the others.
ModelConfig readWrapped(ConfigKeys& keys, const nlohmann::json& document, const WrappedArchitecture& whole) {
    const std::string textType(whole.textType);
    ModelConfig config;
    ignoreWrapperKeys(keys);
    if (const auto* text = keys.findObject("text_config")) {
        ConfigKeys inner = keys.inside(*text, "text_config");
        std::string type = inner.text("model_type", textType);
        if (type == whole.modelType) type = textType;
        ignoreWrapperKeys(inner);  // some files repeat them here
        config = readDecoder(inner, type);
        inner.sortRest();
        ModelConfig beside;
        readInertKeys(keys, whole.modelType);
        readCommonKeys(keys, beside);
        if (auto scaled = readQuantization(keys)) config.scaledWeights = std::move(scaled);
        // The reference ties where either says so; a decoder that does not say follows the whole.
        const auto tied = keys.findFlag("tie_word_embeddings");
        if (tied)
            config.tiedUnembedding = *tied || (inner.has("tie_word_embeddings") && config.tiedUnembedding);
        if (config.storedDType.empty()) config.storedDType = beside.storedDType;
        if (!config.beginToken) config.beginToken = beside.beginToken;
        if (config.endTokens.empty()) config.endTokens = beside.endTokens;
        sortRepeatedKeys(keys, document, *text);
    } else if (whole.textType.ends_with("_vl_text")) {
        config = readDecoder(keys, textType);
    } else {
        keys.refuse("text_config", "is not there, and it would describe the decoder");
    }
    config.notes.push_back(
        fmt::format("this is a {} model: its decoder ({}) is opened, and what reads images is "
                    "left out",
                    whole.modelType, config.architecture));
    config.architecture = whole.modelType;
    return config;
}

/// Throws for unknown keys, and turns the others into notes.
void reportUnread(const ConfigKeys::Source& source, ModelConfig& config) {
    const UnreadKeys& unread = source.unread;
    constexpr std::size_t mostAccepted = 200;
    if (unread.accepted.size() > mostAccepted)
        throw Error(ErrorCode::Unsupported,
                    fmt::format("{} has {} unknown keys, more than the {} a model is opened with",
                                source.file, unread.accepted.size(), mostAccepted),
                    source.file);
    if (!unread.unknown.empty())
        throw Error(
            ErrorCode::Unsupported,
            fmt::format(
                "{}: what these keys mean for the computation is not known here, so the model "
                "is not opened: {}. If you know that they change nothing, open it with "
                "--accept-unknown-config {} (in the window: Open Anyway); what is made from it "
                "says so",
                source.file, listedNames(unread.unknown),
                unread.unknown.size() > 10 ? "all" : fmt::format("{}", fmt::join(unread.unknown, ","))),
            source.file);
    if (!unread.inert.empty())
        config.notes.push_back(fmt::format("keys of config.json that change nothing that is computed: {}",
                                           listedNames(unread.inert, 40)));
    if (!unread.accepted.empty())
        config.notes.push_back(fmt::format(
            "opened although it is not known what these keys of config.json mean for the computation: {}",
            listedNames(unread.accepted)));
    config.acceptedKeys = unread.accepted;
}

}  // namespace

ModelConfig parseModelConfig(std::string_view json, const std::string& file, const AcceptedKeys& accepted) {
    const nlohmann::json document = parseJsonObject(json, file);
    ConfigKeys::Source source{file, accepted, {}};
    ConfigKeys keys(document, source);
    const auto type = keys.findText("model_type");
    if (!type)
        throw Error(ErrorCode::Format,
                    fmt::format("{} has no model_type, so it is not the config of a model; choose the "
                                "folder that holds the model's own config.json",
                                file),
                    file);
    const WrappedArchitecture* wrapped = findWrapped(*type);
    ModelConfig config =
        wrapped != nullptr ? readWrapped(keys, document, *wrapped) : readDecoder(keys, *type);
    keys.sortRest();
    reportUnread(source, config);
    return config;
}

std::int64_t widestHidden(const ModelConfig& c) {
    std::int64_t widest = 0;
    for (const BlockConfig& block : c.blocks)
        widest = std::max(
            widest, block.experts ? std::max(c.experts->width, c.experts->sharedWidth) : c.intermediate);
    return widest;
}

std::int64_t hiddenUnits(const ModelConfig& c) {
    std::int64_t most = 0;
    for (const BlockConfig& block : c.blocks)
        most = std::max(most, block.experts ? c.experts->chosen * c.experts->width + c.experts->sharedWidth
                                            : c.intermediate);
    return most;
}

std::string expertName(const std::string& pattern, std::int64_t expert) {
    std::string name = pattern;
    return name.replace(name.find("{}"), 2, std::to_string(expert));
}

std::string blockTensorName(const ModelConfig& config, std::int64_t layer, const std::string& part,
                            std::string_view suffix) {
    std::string name = config.names.prefix + config.names.block;
    name.replace(name.find("{}"), 2, std::to_string(layer));
    return name.append(part).append(suffix);
}

namespace {

/// The parameters of a model, in the order in which untrained weights are drawn.
class ParameterList {
public:
    explicit ParameterList(const ModelConfig& config) : m_config(config) {}

    void addMatrix(const std::string& name, std::int64_t rows, std::int64_t columns,
                   bool isEmbedding = false) {
        m_list.push_back(
            {name + ".weight", {rows, columns}, InitKind::Normal, m_config.initializerRange, isEmbedding});
    }
    void addBias(const std::string& name, std::int64_t width) {
        m_list.push_back({name + ".bias", {width}, InitKind::Zeros, 0, false});
    }
    void addNorm(const std::string& name, std::int64_t width) {
        const auto weight = m_config.norm == NormKind::RmsOnePlus ? InitKind::Zeros : InitKind::Ones;
        m_list.push_back({name + ".weight", {width}, weight, 0, false});
        if (m_config.norm == NormKind::Layer) addBias(name, width);
    }
    void addLinear(const std::string& name, std::int64_t out, std::int64_t in, bool bias, double range) {
        std::vector<std::int64_t> shape{out, in};
        if (m_config.names.transposed) std::swap(shape[0], shape[1]);
        m_list.push_back({name + ".weight", std::move(shape), InitKind::Normal, range, false});
        if (bias) addBias(name, out);
    }
    std::vector<ParameterSpec> take() { return std::move(m_list); }

private:
    const ModelConfig& m_config;
    std::vector<ParameterSpec> m_list;
};

void addAttention(ParameterList& list, const ModelConfig& c, const std::string& block) {
    const TensorNames& names = c.names;
    const std::int64_t queryWidth = c.heads * c.headDim;
    const std::int64_t kvWidth = c.kvHeads * c.headDim;
    if (c.attnPreNorm) list.addNorm(block + names.attnPreNorm, c.dModel);
    if (names.qkvLayout == QkvLayout::Separate) {
        list.addLinear(block + names.query, queryWidth, c.dModel, c.qkvBias, c.initializerRange);
        list.addLinear(block + names.key, kvWidth, c.dModel, c.qkvBias, c.initializerRange);
        list.addLinear(block + names.value, kvWidth, c.dModel, c.qkvBias, c.initializerRange);
    } else {
        list.addLinear(block + names.qkv, queryWidth + 2 * kvWidth, c.dModel, c.qkvBias, c.initializerRange);
    }
    if (c.qkNorm != QkNorm::None) {
        const bool perHead = c.qkNorm == QkNorm::PerHead;
        list.addNorm(block + names.queryNorm, perHead ? c.headDim : queryWidth);
        list.addNorm(block + names.keyNorm, perHead ? c.headDim : kvWidth);
    }
    list.addLinear(block + names.attnOut, c.dModel, queryWidth, c.attnOutBias,
                   c.residualInitRange.value_or(c.initializerRange));
    if (c.attnPostNorm) list.addNorm(block + names.attnPostNorm, c.dModel);
}

void addExperts(ParameterList& list, const ModelConfig& c, const std::string& block) {
    const TensorNames& names = c.names;
    const ExpertsConfig& experts = *c.experts;
    list.addMatrix(block + names.router, experts.count, c.dModel);
    for (std::int64_t expert = 0; expert < experts.count; ++expert) {
        list.addMatrix(block + expertName(names.expertGate, expert), experts.width, c.dModel);
        list.addMatrix(block + expertName(names.expertUp, expert), experts.width, c.dModel);
        list.addMatrix(block + expertName(names.expertDown, expert), c.dModel, experts.width);
    }
    if (experts.sharedWidth == 0) return;
    list.addMatrix(block + names.sharedGate, experts.sharedWidth, c.dModel);
    list.addMatrix(block + names.sharedUp, experts.sharedWidth, c.dModel);
    list.addMatrix(block + names.sharedDown, c.dModel, experts.sharedWidth);
    list.addMatrix(block + names.sharedScale, 1, c.dModel);
}

void addMlp(ParameterList& list, const ModelConfig& c, const std::string& block) {
    const TensorNames& names = c.names;
    if (!names.gateUp.empty()) {
        list.addLinear(block + names.gateUp, 2 * c.intermediate, c.dModel, c.mlpBias, c.initializerRange);
    } else {
        if (c.gatedMlp)
            list.addLinear(block + names.gate, c.intermediate, c.dModel, c.mlpBias, c.initializerRange);
        list.addLinear(block + names.up, c.intermediate, c.dModel, c.mlpBias, c.initializerRange);
    }
    list.addLinear(block + names.down, c.dModel, c.intermediate, c.mlpBias,
                   c.residualInitRange.value_or(c.initializerRange));
}

}  // namespace

std::vector<ParameterSpec> expectedParameters(const ModelConfig& c) {
    const TensorNames& names = c.names;
    ParameterList list(c);
    list.addMatrix(names.prefix + names.embedding, c.vocabulary, c.dModel, true);
    if (c.learnedPositions)
        list.addMatrix(names.prefix + names.positions, c.maxPositions + c.positionOffset, c.dModel);
    for (std::int64_t layer = 0; layer < c.layers; ++layer) {
        const std::string block = blockTensorName(c, layer, "", "");
        addAttention(list, c, block);
        if (c.mlpPreNorm && !c.sharedNorm) list.addNorm(block + names.mlpPreNorm, c.dModel);
        if (c.blocks[static_cast<std::size_t>(layer)].experts)
            addExperts(list, c, block);
        else
            addMlp(list, c, block);
        if (c.mlpPostNorm) list.addNorm(block + names.mlpPostNorm, c.dModel);
    }
    list.addNorm(names.prefix + names.finalNorm, c.dModel);
    if (!c.tiedUnembedding) list.addMatrix(names.unembedding, c.vocabulary, c.dModel);
    if (c.unembeddingBias) list.addBias(names.unembedding, c.vocabulary);
    return list.take();
}

}  // namespace rheo
