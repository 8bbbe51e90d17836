#include "core/tokenizer/tokenizer_classes.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

namespace rheo {

namespace {

using Json = nlohmann::json;

constexpr const char* kEndOfText = "<|endoftext|>";

// Where a setting decides, its name stands between @ signs.
constexpr std::string_view kLlama = R"({
  "model": {"type": "BPE", "fuse_unk": true, "byte_fallback": true},
  "normalizer": null,
  "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "@prepend_scheme@", "split": false},
  "decoder": {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": @strip@, "stop": 0}]}})";

constexpr std::string_view kCodeLlama = R"({
  "model": {"type": "BPE", "fuse_unk": true, "byte_fallback": true, "unk_token": "@unk_token@"},
  "normalizer": null,
  "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "@first_or_never@", "split": false},
  "decoder": {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}})";

constexpr std::string_view kGemma = R"({
  "model": {"type": "BPE", "fuse_unk": true, "byte_fallback": true, "unk_token": "@unk_token@"},
  "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
  "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false},
  "decoder": {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]}})";

constexpr std::string_view kGpt2 = R"({
  "model": {"type": "BPE"},
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": @prefix_space@, "use_regex": true},
  "decoder": {"type": "ByteLevel"}})";

constexpr std::string_view kGptNeoX = R"({
  "model": {"type": "BPE"},
  "normalizer": {"type": "NFC"},
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": @prefix_space@, "use_regex": true},
  "decoder": {"type": "ByteLevel"}})";

constexpr std::string_view kCohere = R"({
  "model": {"type": "BPE"},
  "normalizer": {"type": "NFC"},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Digits", "individual_digits": true},
    {"type": "ByteLevel", "add_prefix_space": @prefix_space@, "use_regex": true}]},
  "decoder": {"type": "ByteLevel"}})";

constexpr std::string_view kQwen2 = R"JSON({
  "model": {"type": "BPE"},
  "normalizer": {"type": "NFC"},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
    {"type": "ByteLevel", "add_prefix_space": @prefix_space@, "use_regex": false}]},
  "decoder": {"type": "ByteLevel"}})JSON";

constexpr std::string_view kQwen35 = R"JSON({
  "model": {"type": "BPE"},
  "normalizer": {"type": "NFC"},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
    {"type": "ByteLevel", "add_prefix_space": @prefix_space@, "use_regex": false}]},
  "decoder": {"type": "ByteLevel"}})JSON";

const std::vector<TokenizerClass>& classes() {
    static const std::vector<TokenizerClass> table{
        {"LlamaTokenizer", kLlama, {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}}},
        {"CodeLlamaTokenizer",
         kCodeLlama,
         {{"bos_token", "<s>"},
          {"eos_token", "</s>"},
          {"unk_token", "<unk>"},
          {"prefix_token", "▁<PRE>"},
          {"middle_token", "▁<MID>"},
          {"suffix_token", "▁<SUF>"},
          {"eot_token", "▁<EOT>"},
          {"fill_token", "<FILL_ME>"}},
         false,
         true},
        {"GemmaTokenizer",
         kGemma,
         {{"bos_token", "<bos>"},
          {"eos_token", "<eos>"},
          {"unk_token", "<unk>"},
          {"pad_token", "<pad>"},
          {"mask_token", "<mask>"}}},
        {"GPT2Tokenizer",
         kGpt2,
         {{"bos_token", kEndOfText}, {"eos_token", kEndOfText}, {"unk_token", kEndOfText}}},
        {"GPTNeoXTokenizer",
         kGptNeoX,
         {{"bos_token", kEndOfText},
          {"eos_token", kEndOfText},
          {"unk_token", kEndOfText},
          {"pad_token", "<|padding|>"}},
         false},
        {"Qwen2Tokenizer",
         kQwen2,
         {{"eos_token", kEndOfText}, {"unk_token", kEndOfText}, {"pad_token", kEndOfText}},
         true,
         false,
         true},
        {"Qwen3_5Tokenizer",
         kQwen35,
         {{"eos_token", kEndOfText}, {"unk_token", kEndOfText}, {"pad_token", kEndOfText}}},
        {"CohereTokenizer",
         kCohere,
         {{"bos_token", "<BOS_TOKEN>"},
          {"eos_token", "<|END_OF_TURN_TOKEN|>"},
          {"unk_token", "<UNK>"},
          {"sep_token", "<SEP>"},
          {"pad_token", "<PAD>"},
          {"cls_token", "<CLS>"},
          {"mask_token", "<MASK_TOKEN>"}}},
    };
    return table;
}

/// Which class a type of model has by itself ("": one that takes a file as it is), and whether the class that
/// tokenizer_config.json names is not believed. From transformers 5.24, models/auto/tokenization_auto.py.
struct ModelTokenizer {
    std::string_view modelType, tokenizerClass;
    bool overrides = false;
};
constexpr std::array kModelTokenizers = std::to_array<ModelTokenizer>({
    {"code_llama", "CodeLlamaTokenizer"},
    {"codegen", "GPT2Tokenizer"},
    {"cohere", "CohereTokenizer"},
    {"cohere2", "CohereTokenizer"},
    {"dbrx", "GPT2Tokenizer"},
    {"falcon_mamba", "GPTNeoXTokenizer"},
    {"flex_olmo", ""},
    {"gemma", "GemmaTokenizer"},
    {"gemma2", "GemmaTokenizer"},
    {"gemma3", "GemmaTokenizer"},
    {"gemma3_text", "GemmaTokenizer"},
    {"gemma3n", "GemmaTokenizer"},
    {"gemma3n_text", "GemmaTokenizer"},
    {"glm", ""},
    {"glm4", ""},
    {"gpt2", "GPT2Tokenizer"},
    {"gpt_bigcode", ""},
    {"gpt_neo", "GPT2Tokenizer"},
    {"gpt_neox", "GPTNeoXTokenizer"},
    {"gptj", "GPT2Tokenizer"},
    {"granite", ""},
    {"internlm2", "", true},
    {"internlm3", "", true},
    {"llava", "", true},
    {"llava_next", "", true},
    {"mamba", "GPTNeoXTokenizer"},
    {"mamba2", "GPTNeoXTokenizer"},
    {"minicpm3", "", true},
    {"ministral", ""},
    {"ministral3", ""},
    {"mistral", ""},
    {"mistral3", ""},
    {"mixtral", ""},
    {"mpt", "GPTNeoXTokenizer"},
    {"nemotron", "", true},
    {"olmo", "GPTNeoXTokenizer"},
    {"olmo2", ""},
    {"olmo3", ""},
    {"olmoe", "GPTNeoXTokenizer"},
    {"opt", "GPT2Tokenizer"},
    {"persimmon", ""},
    {"phi", "GPT2Tokenizer"},
    {"phi3", "", true},
    {"phimoe", "", true},
    {"qwen2", "Qwen2Tokenizer", true},
    {"qwen2_5_vl", "Qwen2Tokenizer"},
    {"qwen2_moe", "Qwen2Tokenizer"},
    {"qwen2_vl", "Qwen2Tokenizer"},
    {"qwen3", "Qwen2Tokenizer"},
    {"qwen3_5", "Qwen3_5Tokenizer", true},
    {"qwen3_5_text", "Qwen3_5Tokenizer"},
    {"qwen3_moe", "Qwen2Tokenizer"},
    {"qwen3_next", "Qwen2Tokenizer"},
    {"qwen3_vl", "Qwen2Tokenizer"},
    {"recurrent_gemma", "GemmaTokenizer"},
    {"rwkv", "GPTNeoXTokenizer"},
    {"stablelm", ""},
    {"starcoder2", "GPT2Tokenizer"},
});

// Classes of transformers with components of their own that are not known here.
constexpr std::array<std::string_view, 14> kOtherClasses{
    "AlbertTokenizer",  "BartTokenizer",    "BertTokenizer",  "CamembertTokenizer", "CLIPTokenizer",
    "CodeGenTokenizer", "DebertaTokenizer", "MBartTokenizer", "OpenAIGPTTokenizer", "RobertaTokenizer",
    "T5Tokenizer",      "WhisperTokenizer", "XGLMTokenizer",  "XLMRobertaTokenizer"};

std::string_view withoutFast(std::string_view name) {
    if (name.ends_with("Fast")) name.remove_suffix(4);
    return name;
}

/// The class by name, before it is known whether it is in the table.
std::string_view chosenClass(const TokenizerSettings& settings, bool byteLevel) {
    const auto own = std::find_if(kModelTokenizers.begin(), kModelTokenizers.end(),
                                  [&](const auto& entry) { return entry.modelType == settings.modelType; });
    const bool registered = own != kModelTokenizers.end();
    const std::string_view named =
        withoutFast(settings.tokenizerClass.empty() ? settings.modelClass : settings.tokenizerClass);
    // Files of Llama 3 name a class whose components are those of Llama 2.
    if (named == "LlamaTokenizer" && byteLevel && !(registered && own->overrides)) return {};
    if (named.empty()) return registered ? own->tokenizerClass : std::string_view();
    if (!registered || own->tokenizerClass == named) return named;
    if (own->tokenizerClass.empty()) return {};
    return own->overrides ? own->tokenizerClass : named;
}

void replaceAll(std::string& text, std::string_view what, std::string_view content) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + content.size()))
        text.replace(at, what.size(), content);
}

std::string_view contentOf(const Json& token) {
    return token.is_object() ? std::string_view(token["content"].get_ref<const std::string&>())
                             : std::string_view();
}

/// The settings with what the class adds where they say nothing, roles in transformers' order.
TokenizerSettings withDefaults(const TokenizerSettings& settings, const TokenizerClass* type) {
    TokenizerSettings full = settings;
    if (type == nullptr) return full;
    const auto isNamed = [&](const char* role) {
        return std::any_of(settings.roles.begin(), settings.roles.end(),
                           [&](const auto& named) { return named.first == role; });
    };
    for (const auto& [role, content] : type->roles)
        if (!isNamed(role)) full.roles.emplace_back(role, addedTokenOf(content, true));
    constexpr std::array<std::string_view, 7> order{"bos_token", "eos_token", "unk_token", "sep_token",
                                                    "pad_token", "cls_token", "mask_token"};
    std::stable_sort(full.roles.begin(), full.roles.end(), [&](const auto& a, const auto& b) {
        const auto rank = [&](const auto& role) {
            return std::find(order.begin(), order.end(), std::string_view(role.first)) - order.begin();
        };
        return rank(a) < rank(b);
    });
    return full;
}

void replaceComponents(const TokenizerSettings& settings, const TokenizerClass& type, TokenizerFile& file) {
    std::string text(type.components);
    const bool prefix = settings.addPrefixSpace.value_or(true);
    const char* scheme = !prefix ? "never" : settings.legacy.value_or(false) ? "always" : "first";
    replaceAll(text, "@prepend_scheme@", scheme);
    replaceAll(text, "@first_or_never@", prefix ? "first" : "never");
    replaceAll(text, "@strip@", prefix ? "1" : "0");
    replaceAll(text, "@prefix_space@", settings.addPrefixSpace.value_or(false) ? "true" : "false");
    const Json unknown = settings.role("unk_token");
    // As in JSON, without its quotation marks. transformers makes a text of None, too.
    const std::string escaped = Json(unknown.is_null() ? "None" : std::string(contentOf(unknown))).dump();
    replaceAll(text, "@unk_token@", std::string_view(escaped).substr(1, escaped.size() - 2));
    file.rest.update(Json::parse(text));
}

/// A list of added tokens that grows as transformers adds them.
class TokenList {
public:
    /// Adds a token unless one with its content was added before.
    void addNew(const Json& token) {
        if (token.is_object() && m_contents.emplace(contentOf(token)).second) m_tokens.push_back(token);
    }
    /// Adds a token; its settings replace those of one with its content.
    void add(const Json& token) {
        if (!token.is_object()) return;
        m_contents.emplace(contentOf(token));
        m_tokens.push_back(token);
    }
    Json take() { return std::move(m_tokens); }

private:
    std::set<std::string, std::less<>> m_contents;
    Json m_tokens = Json::array();
};

/// The added tokens of a tokenizer.json by id, and in its order; empty where the list is damaged, which
/// AddedTokens then refuses.
std::optional<std::vector<Json>> storedTokens(const TokenizerFile& file) {
    std::vector<Json> tokens;
    const auto found = file.rest.find("added_tokens");
    if (found == file.rest.end() || found->is_null()) return tokens;
    if (!found->is_array()) return std::nullopt;
    for (const auto& token : *found) {
        const bool whole = token.is_object() && token.contains("content") && token["content"].is_string() &&
                           token.contains("id") && token["id"].is_number_unsigned();
        if (!whole) return std::nullopt;
        tokens.push_back(token);
    }
    return tokens;
}

/// The tokens that the folder's files add, in order of id: those of tokenizer_config.json alone, or those of
/// added_tokens.json and the tokenizer.json.
std::map<std::int64_t, Json> declaredTokens(const TokenizerSettings& settings,
                                            const std::vector<Json>& stored) {
    std::map<std::int64_t, Json> declared;
    for (const auto& [id, token] : settings.added) {
        declared[id] = token;
        declared[id]["id"] = static_cast<std::uint32_t>(id);
    }
    if (!settings.hasDecoder)
        for (const Json& token : stored) declared[token["id"].get<std::int64_t>()] = token;
    return declared;
}

Json addedTokens(const TokenizerSettings& settings, const TokenizerClass* type, TokenizerFile& file) {
    const auto stored = storedTokens(file);
    if (!stored) return file.rest["added_tokens"];
    TokenList list;
    if (type == nullptr)
        for (const Json& token : *stored) list.add(token);

    std::set<std::string, std::less<>> roles;
    for (const auto& [role, token] : settings.roles) roles.emplace(contentOf(token));
    std::map<std::string, Json, std::less<>> byContent;
    for (auto& [id, token] : declaredTokens(settings, *stored)) {
        const bool isNew = type != nullptr || settings.hasDecoder;
        if (isNew && roles.contains(contentOf(token))) token["special"] = true;
        byContent.emplace(contentOf(token), token);
        if (isNew)
            list.add(token);
        else
            list.addNew(token);
    }
    for (const auto& [role, token] : settings.roles) {
        const auto known = byContent.find(contentOf(token));
        list.addNew(known == byContent.end() ? token : known->second);
    }
    for (const Json& token : settings.extra) list.addNew(token);
    if (type != nullptr && type->readdsSpecial) {
        for (const auto& [role, token] : settings.roles)
            if (token.is_object()) list.add(addedTokenOf(token["content"], true));
        for (const Json& token : settings.extra) list.add(addedTokenOf(token["content"], true));
    }
    return list.take();
}

}  // namespace

const TokenizerClass* findTokenizerClass(std::string_view name) {
    const auto& table = classes();
    const auto found =
        std::find_if(table.begin(), table.end(), [&](const auto& entry) { return entry.name == name; });
    return found == table.end() ? nullptr : &*found;
}

const TokenizerClass* tokenizerClassOf(const TokenizerSettings& settings, bool byteLevel) {
    return findTokenizerClass(chosenClass(settings, byteLevel));
}

std::string unknownTokenizerClass(const TokenizerSettings& settings) {
    const std::string_view name = chosenClass(settings, false);
    const bool other = std::find(kOtherClasses.begin(), kOtherClasses.end(), name) != kOtherClasses.end();
    return other ? std::string(name) : std::string();
}

void applyTokenizerSettings(const TokenizerSettings& given, const TokenizerClass* type,
                            TokenizerSource source, TokenizerFile& file) {
    const TokenizerSettings settings = withDefaults(given, type);
    if (type != nullptr) replaceComponents(settings, *type, file);
    file.rest["added_tokens"] = addedTokens(settings, type, file);

    const bool fromJson = source == TokenizerSource::TokenizerJson;
    const bool hasPostProcessor =
        file.rest.contains("post_processor") && !file.rest["post_processor"].is_null();
    if (hasPostProcessor && (type == nullptr || type->keepsPostProcessor)) return;
    // A tokenizer.json without a post-processor adds nothing, whatever tokenizer_config.json says.
    const bool addBos =
        (fromJson ? std::nullopt : settings.addBos).value_or(type != nullptr && type->addsBos);
    const bool addEos = (fromJson ? std::nullopt : settings.addEos).value_or(false);
    TokenizerFile::Around around;
    if (const Json bos = settings.role("bos_token"); addBos && bos.is_object())
        around.before.emplace_back(contentOf(bos));
    if (const Json eos = settings.role("eos_token"); addEos && eos.is_object())
        around.after.emplace_back(contentOf(eos));
    file.rest["post_processor"] = nullptr;
    file.around = std::move(around);
}

}  // namespace rheo
