#include "core/checkpoint/model_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/error.h"
#include "core/checkpoint/architectures.h"
#include "core/checkpoint/config_keys.h"
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

/// Keys that say nothing about what is computed from token ids: bookkeeping, training, generation
/// settings, other heads. Dropout is off outside training.
constexpr auto harmless = {
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_commit_hash",
    "_from_model_config",
    "_name_or_path",
    "architectures",
    "attention_dropout",
    "attn_implementation",
    "attn_pdrop",
    "auto_map",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token",
    "cache_implementation",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dropout",
    "early_stopping",
    "embd_pdrop",
    "embed_dropout",
    "encoder_no_repeat_ngram_size",
    "eos_token",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "gradient_checkpointing",
    "hidden_dropout",
    "hidden_dropout_prob",
    "id2label",
    "is_decoder",
    "is_llama_config",
    "label2id",
    "layerdrop",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_labels",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "pretraining_tp",
    "prefix",
    "problem_type",
    "remove_invalid_values",
    "repetition_penalty",
    "resid_dropout",
    "resid_pdrop",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torchscript",
    "transformers.js_config",
    "transformers_version",
    "typical_p",
    "unk_token_id",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
};

/// Keys that any model_type may carry.
void readCommonKeys(ConfigKeys& keys, ModelConfig& config) {
    constexpr std::int64_t anyToken = std::int64_t{1} << 40;
    for (const char* key : harmless) keys.ignore(key);

    keys.require("is_encoder_decoder", false);
    keys.require("add_cross_attention", false);
    keys.require("use_bidirectional_attention", false);
    keys.require("rope_interleaved", false);
    keys.require("tie_encoder_decoder", false);
    if (const auto* pruned = keys.findAny("pruned_heads"); pruned != nullptr && !pruned->empty())
        keys.refuse("pruned_heads", "is not empty, and models with pruned heads are not computed here");
    if (keys.has("quantization_config"))
        keys.refuse("quantization_config",
                    "is given: quantised weights are not read here; fetch the float32, float16 or bfloat16 "
                    "version of the model");

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
    for (const RopeConfig& rope : c.ropes)
        if (rope.kind == RopeKind::LongRope &&
            (static_cast<std::int64_t>(rope.longFactor.size()) != c.rotaryDim / 2 ||
             rope.shortFactor.size() != rope.longFactor.size()))
            refuse(fmt::format("long_factor and short_factor need {} numbers each, and have {} and {}",
                               c.rotaryDim / 2, rope.longFactor.size(), rope.shortFactor.size()));
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
    return names;
}

ModelConfig parseModelConfig(std::string_view json, const std::string& file) {
    const nlohmann::json document = parseJsonObject(json, file);
    ConfigKeys keys(document, file);
    const auto type = keys.findText("model_type");
    if (!type)
        throw Error(ErrorCode::Format,
                    fmt::format("{} has no model_type, so it is not the config of a model; choose the "
                                "folder that holds the model's own config.json",
                                file),
                    file);
    const auto known = std::find_if(architectures().begin(), architectures().end(),
                                    [&](const Architecture& a) { return a.modelType == *type; });
    if (known == architectures().end())
        keys.refuse("model_type", fmt::format("is '{}', which is not computed here; known are {}",
                                              type->substr(0, 100), fmt::join(knownArchitectures(), ", ")));

    ModelConfig config;
    config.architecture = *type;
    readCommonKeys(keys, config);
    known->fill(keys, config);
    keys.refuseRest();
    checkConsistency(keys, config);
    return config;
}

std::string blockTensorName(const ModelConfig& config, std::int64_t layer, const std::string& part,
                            std::string_view suffix) {
    std::string name = config.names.prefix + config.names.block;
    name.replace(name.find("{}"), 2, std::to_string(layer));
    return name.append(part).append(suffix);
}

std::vector<ParameterSpec> expectedParameters(const ModelConfig& c) {
    const TensorNames& names = c.names;
    std::vector<ParameterSpec> list;
    const std::int64_t queryWidth = c.heads * c.headDim;
    const std::int64_t kvWidth = c.kvHeads * c.headDim;

    const auto addNorm = [&](const std::string& base, std::int64_t width) {
        const auto weight = c.norm == NormKind::RmsOnePlus ? InitKind::Zeros : InitKind::Ones;
        list.push_back({base + ".weight", {width}, weight, 0, false});
        if (c.norm == NormKind::Layer) list.push_back({base + ".bias", {width}, InitKind::Zeros, 0, false});
    };
    const auto addLinear = [&](const std::string& base, std::int64_t out, std::int64_t in, bool bias,
                               double range) {
        std::vector<std::int64_t> shape{out, in};
        if (names.transposed) std::swap(shape[0], shape[1]);
        list.push_back({base + ".weight", std::move(shape), InitKind::Normal, range, false});
        if (bias) list.push_back({base + ".bias", {out}, InitKind::Zeros, 0, false});
    };

    list.push_back({names.prefix + names.embedding + ".weight",
                    {c.vocabulary, c.dModel},
                    InitKind::Normal,
                    c.initializerRange,
                    true});
    if (c.learnedPositions)
        list.push_back({names.prefix + names.positions + ".weight",
                        {c.maxPositions + c.positionOffset, c.dModel},
                        InitKind::Normal,
                        c.initializerRange,
                        false});
    const double residualRange = c.residualInitRange.value_or(c.initializerRange);
    for (std::int64_t layer = 0; layer < c.layers; ++layer) {
        const std::string block = blockTensorName(c, layer, "", "");
        if (c.attnPreNorm) addNorm(block + names.attnPreNorm, c.dModel);
        if (names.qkvLayout == QkvLayout::Separate) {
            addLinear(block + names.query, queryWidth, c.dModel, c.qkvBias, c.initializerRange);
            addLinear(block + names.key, kvWidth, c.dModel, c.qkvBias, c.initializerRange);
            addLinear(block + names.value, kvWidth, c.dModel, c.qkvBias, c.initializerRange);
        } else {
            addLinear(block + names.qkv, queryWidth + 2 * kvWidth, c.dModel, c.qkvBias, c.initializerRange);
        }
        if (c.qkNorm != QkNorm::None) {
            addNorm(block + names.queryNorm, c.qkNorm == QkNorm::PerHead ? c.headDim : queryWidth);
            addNorm(block + names.keyNorm, c.qkNorm == QkNorm::PerHead ? c.headDim : kvWidth);
        }
        addLinear(block + names.attnOut, c.dModel, queryWidth, c.attnOutBias, residualRange);
        if (c.attnPostNorm) addNorm(block + names.attnPostNorm, c.dModel);
        if (c.mlpPreNorm && !c.sharedNorm) addNorm(block + names.mlpPreNorm, c.dModel);
        if (!names.gateUp.empty()) {
            addLinear(block + names.gateUp, 2 * c.intermediate, c.dModel, c.mlpBias, c.initializerRange);
        } else {
            if (c.gatedMlp)
                addLinear(block + names.gate, c.intermediate, c.dModel, c.mlpBias, c.initializerRange);
            addLinear(block + names.up, c.intermediate, c.dModel, c.mlpBias, c.initializerRange);
        }
        addLinear(block + names.down, c.dModel, c.intermediate, c.mlpBias, residualRange);
        if (c.mlpPostNorm) addNorm(block + names.mlpPostNorm, c.dModel);
    }
    addNorm(names.prefix + names.finalNorm, c.dModel);
    if (!c.tiedUnembedding)
        list.push_back({names.unembedding + ".weight",
                        {c.vocabulary, c.dModel},
                        InitKind::Normal,
                        c.initializerRange,
                        false});
    if (c.unembeddingBias)
        list.push_back({names.unembedding + ".bias", {c.vocabulary}, InitKind::Zeros, 0, false});
    return list;
}

}  // namespace rheo
