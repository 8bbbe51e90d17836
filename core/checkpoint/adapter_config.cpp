#include "core/checkpoint/adapter_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/checkpoint/config_keys.h"
#include "core/checkpoint/json.h"

namespace rheo {

namespace {

constexpr const char* mergeOnce =
    "merge it once with peft: PeftModel.from_pretrained(base, "
    "FOLDER).merge_and_unload().save_pretrained(OUT), "
    "and open OUT";
constexpr const char* cannotMerge = "PEFT cannot merge it into weights either: run it with peft";

/// A key that, where it is on, makes the adapter something else than the sum of base and product.
struct OtherKind {
    const char* key;
    const char* what;
    const char* next;
};
constexpr std::array<OtherKind, 14> otherKinds{{
    {"use_dora", "DoRA (weight-decomposed LoRA)", mergeOnce},
    {"lora_bias", "biases of the B matrices", mergeOnce},
    {"use_qalora", "QALoRA", mergeOnce},
    {"use_bdlora", "block-diagonal LoRA", mergeOnce},
    {"layer_replication", "blocks that are used several times", mergeOnce},
    {"megatron_config", "layers of Megatron", mergeOnce},
    {"alora_invocation_tokens", "activated LoRA, which depends on the prompt", cannotMerge},
    {"arrow_config", "Arrow, which chooses between adapters by token", cannotMerge},
    {"trainable_token_indices", "single rows of the embedding", mergeOnce},
    {"target_parameters", "parameters outside of linear layers", mergeOnce},
    {"kasa_config", "KaSA, which truncates the base weights", mergeOnce},
    {"monteclora_config", "Monte Carlo LoRA, which draws its weights", mergeOnce},
    {"velora_config", "VeLoRA", mergeOnce},
    {"enable_lora", "LoRA of parts of a matrix", mergeOnce},
}};

/// Types of PEFT that add prompts or steps, and have nothing to merge.
constexpr std::array<const char*, 7> promptTypes{"PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING",
                                                 "PREFIX_TUNING", "ADAPTION_PROMPT",         "CPT",
                                                 "CARTRIDGE"};

void readType(ConfigKeys& keys) {
    const auto type = keys.findText("peft_type");
    if (!type) keys.malformed("peft_type", "\"LORA\", as in every file that PEFT wrote");
    if (*type == "LORA") return;
    const bool prompts = std::find(promptTypes.begin(), promptTypes.end(), *type) != promptTypes.end();
    keys.refuse("peft_type", fmt::format("is {}, and only LORA is merged here; {}", type->substr(0, 60),
                                         prompts ? cannotMerge : mergeOnce));
}

/// Some starts change the base weights, and PEFT does so again when it loads the adapter.
void readInit(ConfigKeys& keys) {
    const nlohmann::json* init = keys.findAny("init_lora_weights");
    if (init == nullptr || init->is_boolean()) return;
    if (!init->is_string()) keys.malformed("init_lora_weights", "true, false or a name");
    const auto name = init->get<std::string>();
    if (name == "gaussian" || name == "eva" || name == "orthogonal") return;
    keys.refuse(
        "init_lora_weights",
        fmt::format("is \"{}\", with which the base weights are other ones than the model's; save the "
                    "adapter with path_initial_model_for_weight_conversion, or {}",
                    name.substr(0, 60), mergeOnce));
}

void readBias(ConfigKeys& keys) {
    const std::string bias = keys.text("bias", "none");
    if (bias != "none" && bias != "all" && bias != "lora_only")
        keys.malformed("bias", "\"none\", \"all\" or \"lora_only\"");
}

std::vector<std::string> textsOrNone(ConfigKeys& keys, const std::string& key) {
    return keys.has(key) ? keys.texts(key) : (keys.ignore(key), std::vector<std::string>{});
}

ModuleChoice readChoice(ConfigKeys& keys, const std::string& key) {
    ModuleChoice choice;
    const nlohmann::json* given = keys.findAny(key);
    if (given == nullptr) return choice;
    if (!given->is_string()) {
        choice.names = keys.texts(key);
        return choice;
    }
    const auto text = given->get<std::string>();
    choice.allLinear = key == "target_modules" && (text == "all-linear" || text == "ALL-LINEAR");
    if (!choice.allLinear && !text.empty())
        choice.pattern.emplace("(?:" + text + ")$", fmt::format("{}: {}", keys.file(), key));
    return choice;
}

/// A map of expressions; in the file's order, because the first that matches counts.
template <class Value>
std::vector<AdapterConfig::ByPattern<Value>> readPatterns(ConfigKeys& keys,
                                                          const nlohmann::ordered_json& inOrder,
                                                          const std::string& key, double least, double most) {
    std::vector<AdapterConfig::ByPattern<Value>> list;
    const nlohmann::json* given = keys.findObject(key);
    if (given == nullptr) return list;
    ConfigKeys inside = keys.inside(*given, key);
    for (const auto& [text, ignored] : inOrder.at(key).items()) {
        Value value{};
        if constexpr (std::is_integral_v<Value>)
            value =
                inside.integer(text, 0, static_cast<std::int64_t>(least), static_cast<std::int64_t>(most));
        else
            value = inside.number(text, 0, least, most);
        list.push_back(
            {text, NamePattern("(.*\\.)?(" + text + ")$", fmt::format("{}: {}", keys.file(), key)), value});
    }
    return list;
}

void readLayers(ConfigKeys& keys, AdapterConfig& config) {
    constexpr double most = 1e6;
    if (const nlohmann::json* given = keys.findAny("layers_to_transform"); given != nullptr) {
        if (given->is_array())
            for (const double layer : keys.numbers("layers_to_transform", 0, most))
                config.layers.push_back(static_cast<std::int64_t>(layer));
        else
            config.layers = {*keys.findInteger("layers_to_transform", 0, static_cast<std::int64_t>(most))};
    }
    std::vector<std::string> patterns;
    const nlohmann::json* given = keys.findAny("layers_pattern");
    if (given != nullptr && given->is_string())
        patterns = {given->get<std::string>()};
    else if (given != nullptr)
        patterns = keys.texts("layers_pattern");
    std::erase(patterns, "");
    const std::string where = keys.file() + ": layers_pattern";
    for (const std::string& pattern : patterns)
        config.layerPatterns.emplace_back("(?:^|.*?\\.)" + pattern + "\\.(?P<idx>\\d+)\\.", where);
    if (patterns.empty()) config.layerPatterns.emplace_back(".*?\\.[^.]*\\.(?P<idx>\\d+)\\.", where);
}

/// Refuses what nobody asked for and is not off.
void refuseRest(ConfigKeys& keys, const ConfigKeys::Source& source) {
    keys.sortRest();
    for (const std::string& key : source.unread.unknown) {
        const auto* kind = std::find_if(otherKinds.begin(), otherKinds.end(),
                                        [&](const OtherKind& one) { return key == one.key; });
        if (kind != otherKinds.end())
            keys.refuse(key, fmt::format("is on: {}, which is not merged here; {}", kind->what, kind->next));
        keys.refuse(key, fmt::format("is not known, so it may change what the adapter does; {}", mergeOnce));
    }
}

template <class Value>
Value ofFirst(const std::vector<AdapterConfig::ByPattern<Value>>& patterns, const std::string& module,
              Value otherwise) {
    for (const auto& one : patterns)
        if (one.pattern.matches(module)) return one.value;
    for (const auto& one : patterns)
        if (one.text == module) return one.value;
    return otherwise;
}

bool contains(const ModuleChoice& choice, const std::string& module) {
    if (choice.pattern) return choice.pattern->matches(module);
    return std::any_of(choice.names.begin(), choice.names.end(), [&](const std::string& name) {
        return module == name || module.ends_with("." + name);
    });
}

}  // namespace

std::int64_t AdapterConfig::rankOf(const std::string& module) const {
    return ofFirst(ranks, module, rank);
}

double AdapterConfig::alphaOf(const std::string& module) const {
    return ofFirst(alphas, module, alpha);
}

double AdapterConfig::scalingOf(const std::string& module) const {
    const auto r = static_cast<double>(rankOf(module));
    return alphaOf(module) / (rslora ? std::sqrt(r) : r);
}

bool AdapterConfig::isTarget(const std::string& module, bool linear) const {
    const auto matches = [&](const NamePattern& pattern) { return pattern.matches(module); };
    if (!excluded.empty() && contains(excluded, module)) return false;
    if (std::any_of(savedPatterns.begin(), savedPatterns.end(), matches)) return false;
    if (!targets) return true;
    if (targets->allLinear) return linear;
    if (!contains(*targets, module)) return false;
    // A name that is given in full is taken whatever the layers; so is what one expression matches.
    const bool inFull =
        std::find(targets->names.begin(), targets->names.end(), module) != targets->names.end();
    if (targets->pattern || inFull || layers.empty()) return true;
    std::string number;
    for (const NamePattern& pattern : layerPatterns)
        if (pattern.matches(module, &number)) break;
    return std::any_of(layers.begin(), layers.end(), [&](std::int64_t layer) {
        return number.find_first_not_of('0') == std::string::npos
                   ? layer == 0 && !number.empty()
                   : number.substr(number.find_first_not_of('0')) == std::to_string(layer);
    });
}

bool AdapterConfig::isSaved(std::string_view module) const {
    for (std::string_view part = module; !part.empty();) {
        for (const std::string& name : modulesToSave)
            if (part.ends_with(name)) return true;
        const auto dot = part.rfind('.');
        part = dot == std::string_view::npos ? std::string_view{} : part.substr(0, dot);
    }
    return false;
}

AdapterConfig parseAdapterConfig(const std::string& text, const std::string& file) {
    const nlohmann::json document = parseJsonObject(text, file);
    const auto inOrder = nlohmann::ordered_json::parse(text);
    ConfigKeys::Source source{file, {}, {}};
    ConfigKeys keys(document, source);
    readType(keys);
    readInit(keys);
    readBias(keys);
    AdapterConfig config;
    config.base = keys.text("base_model_name_or_path", "");
    constexpr std::int64_t mostRank = 1 << 20;
    config.rank = keys.integer("r", 8, 1, mostRank);
    constexpr double mostAlpha = 1e9;
    config.alpha = keys.number("lora_alpha", 8, -mostAlpha, mostAlpha);
    config.rslora = keys.flag("use_rslora", false);
    config.ranks = readPatterns<std::int64_t>(keys, inOrder, "rank_pattern", 1, double(mostRank));
    config.alphas = readPatterns<double>(keys, inOrder, "alpha_pattern", -mostAlpha, mostAlpha);
    if (keys.has("target_modules")) config.targets = readChoice(keys, "target_modules");
    config.excluded = readChoice(keys, "exclude_modules");
    config.modulesToSave = textsOrNone(keys, "modules_to_save");
    for (const std::string& name : config.modulesToSave)
        config.savedPatterns.emplace_back("(^|.*\\.)" + name + "($|\\..*)", file + ": modules_to_save");
    readLayers(keys, config);
    keys.ignore("target_modules");
    // Of training, of the start, or of the base. fan_in_fan_out follows the layer in PEFT, whatever it says,
    // and ensure_weight_tying stores what it tied.
    for (const char* key :
         {"task_type", "auto_mapping", "peft_version", "revision", "inference_mode", "lora_dropout",
          "fan_in_fan_out", "megatron_core", "loftq_config", "eva_config", "corda_config", "lora_ga_config",
          "qalora_group_size", "ensure_weight_tying", "runtime_config", "merge_weights"})
        keys.ignore(key);
    refuseRest(keys, source);
    return config;
}

}  // namespace rheo
