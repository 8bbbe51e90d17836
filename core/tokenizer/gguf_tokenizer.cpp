#include "core/tokenizer/gguf_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <unordered_map>

#include "core/checkpoint/gguf.h"
#include "core/tokenizer/component.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/tokenizer_classes.h"
#include "core/tokenizer/tokenizer_settings.h"
#include "core/tokenizer/unicode.h"

namespace rheo {

namespace {

using Json = nlohmann::json;

/// Kinds of tokens (`tokenizer.ggml.token_type`).
enum TokenKind : int { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 };

/// What cuts text into words before BPE, whatever name a file has for it.
struct Cut {
    const char* split = nullptr;  ///< regular expression of words; null: that of GPT-2
    bool wholeWords = false;      ///< a word that is a piece is not merged from its parts
    bool addsBos = false;         ///< unless the file says otherwise
    bool composes = false;        ///< to NFC
    const char* note = nullptr;   ///< what a person should know of it
};
constexpr Cut gpt2Cut{};
constexpr Cut unsaidCut{
    .note =
        "the file does not say how text is cut into words before its tokens are found: it is cut as GPT-2's"};
// transformers passes over the cut at digits, and ids are to be those of transformers.
constexpr Cut smollmCut{
    .note =
        "text is cut into words as transformers cuts it for this GGUF file; the model's own "
        "tokenizer.json cuts off each digit first, so that numbers after two spaces, and "
        "numerals beyond 0 to 9, get other ids there"};
constexpr const char* llama3Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr Cut llama3Cut{.split = llama3Words, .wholeWords = true, .addsBos = true};
constexpr Cut cl100kCut{.split = llama3Words};
constexpr Cut qwen2Cut{
    .split =
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    .composes = true};
// Letters in capitals, then small ones; and the other way round.
constexpr Cut tekkenCut{
    .split =
        R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    .wholeWords = true,
    .addsBos = true};
constexpr Cut o200kCut{
    .split =
        R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};

/// Names of `tokenizer.ggml.pre`, in alphabetical order. From llama.cpp (src/llama-vocab.cpp).
struct NamedCut {
    std::string_view name;
    const Cut& cut;
};
constexpr std::array namedCuts{std::to_array<NamedCut>({
    {"dbrx", cl100kCut},      {"deepseek-r1-qwen", qwen2Cut},
    {"default", unsaidCut},   {"falcon3", llama3Cut},
    {"gpt-2", gpt2Cut},       {"gpt-4o", o200kCut},
    {"jais", gpt2Cut},        {"llama-bpe", llama3Cut},
    {"llama-v3", llama3Cut},  {"llama3", llama3Cut},
    {"megrez", qwen2Cut},     {"mpt", gpt2Cut},
    {"olmo", gpt2Cut},        {"phi-2", gpt2Cut},
    {"pixtral", llama3Cut},   {"qwen2", qwen2Cut},
    {"smaug-bpe", cl100kCut}, {"smollm", smollmCut},
    {"tekken", tekkenCut},
})};

/// The vocabulary of the file, checked, and what it says of tokens.
struct Source {
    Place place;
    std::string architecture, model, pre;
    std::vector<std::string> tokens;  ///< by id
    std::vector<int> kinds;           ///< by id
    std::vector<double> scores;       ///< by id; empty: none
    std::optional<std::vector<std::string_view>> merges;
    std::map<std::string, std::int32_t> roles;  ///< "bos_token" and so on, to their ids
    std::optional<bool> addBos, addEos, addSpace;
};

/// Throws Error(Format) naming element `index` of the list `key` unless it is UTF-8 and no longer than a
/// piece.
void requireText(std::string_view text, const Place& place, const char* key, std::size_t index) {
    if (firstInvalidUtf8(text))
        throw place.at(key).at(index).format("a text that is not UTF-8; the file is damaged");
    if (text.size() > TokenizerFile::kMaxPieceBytes)
        throw place.at(key).at(index).format(
            fmt::format("a piece of more than {} bytes", TokenizerFile::kMaxPieceBytes));
}

void readRoles(const GgufFile& file, Source& source) {
    for (const auto& [role, key] : {std::pair{"bos_token", "tokenizer.ggml.bos_token_id"},
                                    {"eos_token", "tokenizer.ggml.eos_token_id"},
                                    {"unk_token", "tokenizer.ggml.unknown_token_id"},
                                    {"pad_token", "tokenizer.ggml.padding_token_id"}}) {
        const auto id = file.integer(key);
        if (id && *id >= 0 && *id < static_cast<std::int64_t>(source.tokens.size()))
            source.roles[role] = static_cast<std::int32_t>(*id);
    }
}

Source readSource(const GgufFile& file) {
    Source source;
    source.place = {file.path().string(), "tokenizer.ggml"};
    const auto tokens = file.texts("tokenizer.ggml.tokens");
    if (!tokens)
        throw Error(ErrorCode::NotFound,
                    fmt::format("{} has no tokenizer (tokenizer.ggml.tokens)", file.path().string()),
                    file.path().string());
    if (tokens->size() > static_cast<std::size_t>(kMaxTokenIds))
        throw source.place.format(fmt::format("more than {} tokens", kMaxTokenIds));
    source.architecture = file.text("general.architecture").value_or("");
    source.model = file.text("tokenizer.ggml.model").value_or("");
    source.pre = file.text("tokenizer.ggml.pre").value_or("");
    for (const std::string_view token : *tokens) {
        requireText(token, source.place, "tokens", source.tokens.size());
        source.tokens.emplace_back(token);
    }
    source.kinds.assign(source.tokens.size(), Normal);
    const auto sameLength = [&](std::size_t length, const char* key) {
        if (length != source.tokens.size())
            throw source.place.at(key).format(
                fmt::format("{} elements for {} tokens; the file is damaged", length, source.tokens.size()));
    };
    if (const auto kinds = file.numbers("tokenizer.ggml.token_type")) {
        sameLength(kinds->size(), "token_type");
        std::transform(kinds->begin(), kinds->end(), source.kinds.begin(), [](double kind) {
            return kind >= 0 && kind <= 100 ? static_cast<int>(kind) : static_cast<int>(Normal);
        });
    }
    if (const auto scores = file.numbers("tokenizer.ggml.scores")) {
        sameLength(scores->size(), "scores");
        source.scores = *scores;
    }
    source.merges = file.texts("tokenizer.ggml.merges");
    source.addBos = file.flag("tokenizer.ggml.add_bos_token");
    source.addEos = file.flag("tokenizer.ggml.add_eos_token");
    source.addSpace = file.flag("tokenizer.ggml.add_space_prefix");
    readRoles(file, source);
    return source;
}

/// Pieces and ids; of a piece that stands twice the last id counts.
void addVocabulary(const std::vector<std::string>& tokens, TokenizerFile& file) {
    std::unordered_map<std::string_view, std::size_t> last;
    for (std::size_t i = 0; i < tokens.size(); ++i) last[tokens[i]] = i;
    file.kind = TokenizerFile::Vocabulary::Pieces;
    for (std::size_t i = 0; i < tokens.size(); ++i)
        if (last[tokens[i]] == i) file.vocabulary.emplace_back(tokens[i], static_cast<std::int32_t>(i));
}

void addStoredMerges(const Source& source, TokenizerFile& file) {
    file.hasMerges = true;
    const Place place = source.place.at("merges");
    if (source.merges->size() > TokenizerFile::kMaxMerges)
        throw place.format(fmt::format("more than {} merges", TokenizerFile::kMaxMerges));
    for (std::size_t i = 0; i < source.merges->size(); ++i) {
        const std::string_view merge = (*source.merges)[i];
        requireText(merge, source.place, "merges", i);
        const auto space = merge.find(' ');
        if (space == std::string_view::npos || space == 0 || space + 1 == merge.size())
            throw place.at(i).format("expected two pieces with one space between, and found " +
                                     inQuotes(merge));
        file.merges.add(merge.substr(0, space), merge.substr(space + 1));
    }
}

/// A way to make a piece of two others.
struct Join {
    double score;
    std::string_view left, right;
    std::int64_t leftLength;  ///< characters
};

/// Merges from the vocabulary, best score first; of the same piece the longest left part first, as
/// transformers sorts them.
void addScoredMerges(const std::vector<std::string>& tokens, const std::vector<double>& scores,
                     const Place& place, TokenizerFile& file) {
    std::unordered_map<std::string_view, std::size_t> last;
    for (std::size_t i = 0; i < tokens.size(); ++i) last[tokens[i]] = i;
    std::vector<Join> joins;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const std::string_view token = tokens[i];
        if (last[token] != i || token.empty()) continue;
        if (!std::isfinite(scores[i])) throw place.at("scores").at(i).format("a score that is not finite");
        std::int64_t length = 1;
        for (std::size_t cut = codePointAt(token, 0).length; cut < token.size();
             cut += codePointAt(token, cut).length, ++length)
            if (last.contains(token.substr(0, cut)) && last.contains(token.substr(cut)))
                joins.push_back({scores[i], token.substr(0, cut), token.substr(cut), length});
        if (joins.size() > TokenizerFile::kMaxMerges)
            throw place.format(fmt::format("more than {} merges", TokenizerFile::kMaxMerges));
    }
    std::stable_sort(joins.begin(), joins.end(), [](const Join& a, const Join& b) {
        return a.score != b.score ? a.score > b.score : a.leftLength > b.leftLength;
    });
    for (const Join& join : joins) file.merges.add(join.left, join.right);
    file.hasMerges = true;
}

/// The settings that the class is built with: the roles that the file names and no others, and its added
/// tokens: control tokens are special, those that users defined are found in a text too.
TokenizerSettings settingsOf(const Source& source, const TokenizerClass& type,
                             const std::vector<std::string>& tokens) {
    TokenizerSettings settings;
    settings.addBos = source.addBos;
    settings.addEos = source.addEos;
    settings.hasDecoder = true;
    const auto named = [&](const std::string& content, bool special) {
        return Json{{"content", content}, {"special", special}, {"normalized", false}};
    };
    for (const auto& [role, content] : type.roles) {
        const auto given = source.roles.find(role);
        const auto usual = std::find(source.tokens.begin(), source.tokens.end(), content);
        if (given == source.roles.end() && usual == source.tokens.end())
            settings.roles.emplace_back(role, nullptr);
        else if (given == source.roles.end() &&
                 source.kinds[static_cast<std::size_t>(usual - source.tokens.begin())] == Normal)
            settings.roles.emplace_back(role, nullptr);
    }
    for (const auto& [role, id] : source.roles)
        settings.roles.emplace_back(role, named(source.tokens[static_cast<std::size_t>(id)], true));
    for (std::size_t i = 0; i < source.tokens.size(); ++i) {
        const int kind = source.kinds[i];
        const bool isControl = kind == Control, isOwn = kind == UserDefined;
        // A token that is spelt otherwise in the vocabulary is one of its pieces.
        if ((!isControl && !isOwn) || source.tokens[i].empty() || tokens[i] != source.tokens[i]) continue;
        settings.added[static_cast<std::int32_t>(i)] = named(source.tokens[i], isControl);
    }
    return settings;
}

const TokenizerClass& classNamed(std::string_view name) {
    return *findTokenizerClass(name);
}

Json splitStep(const char* pattern) {
    return {
        {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
}

void applyCut(const Cut& cut, TokenizerFile& file) {
    Json steps = Json::array();
    if (cut.split != nullptr) steps.push_back(splitStep(cut.split));
    steps.push_back(
        {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", cut.split == nullptr}});
    file.rest["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
    if (cut.composes) file.rest["normalizer"] = {{"type", "NFC"}};
    if (cut.wholeWords) file.rest["model"]["ignore_merges"] = true;
}

TokenizerFile byteLevel(const Source& source, std::vector<std::string>& notes) {
    const std::string pre = source.pre.empty() ? "default" : source.pre;
    const auto known = std::find_if(namedCuts.begin(), namedCuts.end(),
                                    [&](const NamedCut& named) { return named.name == pre; });
    if (known == namedCuts.end()) {
        std::vector<std::string_view> names;
        for (const NamedCut& named : namedCuts) names.push_back(named.name);
        throw source.place.at("pre").unsupported(fmt::format(
            "how {} cuts text into words is not known here; known are {}. The model can still be run "
            "by token ids",
            inQuotes(pre), fmt::join(names, ", ")));
    }
    if (known->cut.note != nullptr) notes.emplace_back(known->cut.note);
    if (!source.merges)
        throw source.place.format("\"merges\" is missing, which byte-level BPE needs; the file is damaged");
    TokenizerFile file;
    addVocabulary(source.tokens, file);
    addStoredMerges(source, file);
    file.rest = {{"model", Json::object()}};
    const TokenizerClass& type = classNamed("GPT2Tokenizer");
    TokenizerSettings settings = settingsOf(source, type, source.tokens);
    if (!settings.addBos) settings.addBos = known->cut.addsBos;
    applyTokenizerSettings(settings, &type, TokenizerSource::SentencePiece, file);
    applyCut(known->cut, file);
    return file;
}

/// Phi-3 puts the mark of a space before each stretch of text, whether it begins with one or not.
void applyPhi3(TokenizerFile& file) {
    file.rest["normalizer"] = {
        {"type", "Sequence"},
        {"normalizers",
         Json::array({{{"type", "Prepend"}, {"prepend", "▁"}},
                      {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}})}};
    file.rest["pre_tokenizer"] = nullptr;
}

/// Pieces of two or more spaces are stored as spaces, and found as their marks.
std::vector<std::string> markedSpaces(const std::vector<std::string>& tokens) {
    std::vector<std::string> marked = tokens;
    for (std::string& token : marked)
        if (!token.empty() && token.find_first_not_of(' ') == std::string::npos) {
            const std::size_t count = token.size();
            token.clear();
            for (std::size_t i = 0; i < count; ++i) token += "▁";
        }
    return marked;
}

TokenizerFile sentencePiece(const Source& source, std::vector<std::string>&) {
    const bool gemma = source.architecture.starts_with("gemma");
    const TokenizerClass& type = classNamed(gemma ? "GemmaTokenizer" : "LlamaTokenizer");
    const std::vector<std::string> tokens = gemma ? markedSpaces(source.tokens) : source.tokens;
    std::vector<double> scores = source.scores;
    if (gemma) {
        // Gemma's scores do not follow the order in which pieces merge; their ids do.
        scores.resize(tokens.size());
        for (std::size_t i = 0; i < tokens.size(); ++i) scores[i] = -static_cast<double>(i);
    }
    TokenizerFile file;
    addVocabulary(tokens, file);
    if (source.merges)
        addStoredMerges(source, file);
    else if (scores.size() == tokens.size())
        addScoredMerges(tokens, scores, source.place, file);
    else
        throw source.place.format("neither \"scores\" nor \"merges\" is there; the file is damaged");
    file.rest = {{"model", Json::object()}};
    TokenizerSettings settings = settingsOf(source, type, tokens);
    if (!settings.addBos) settings.addBos = true;  // as llama.cpp, where old files do not say
    if (!gemma) settings.addPrefixSpace = source.addSpace;
    applyTokenizerSettings(settings, &type, TokenizerSource::SentencePiece, file);
    if (source.architecture == "phi3") applyPhi3(file);
    return file;
}

/// A kind of tokenizer (`tokenizer.ggml.model`).
struct Kind {
    std::string_view name;
    TokenizerFile (*read)(const Source& source, std::vector<std::string>& notes);
};
constexpr std::array<Kind, 2> kinds{{{"gpt2", byteLevel}, {"llama", sentencePiece}}};

}  // namespace

TokenizerFolder readGgufTokenizer(const std::filesystem::path& path) {
    const auto file = openGgufModel(path).front();
    const Source source = readSource(*file);
    const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                   [&](const Kind& known) { return known.name == source.model; });
    if (kind == kinds.end())
        throw source.place.at("model").unsupported(
            fmt::format("tokenizers of the kind {} are not supported, only gpt2 (byte-level BPE) and llama "
                        "(SentencePiece) are; the model can still be run by token ids",
                        inQuotes(source.model)));
    TokenizerFolder made;
    made.name = path.string();
    made.file = kind->read(source, made.notes);
    if (const auto bos = source.roles.find("bos_token"); bos != source.roles.end())
        made.bos = source.tokens[static_cast<std::size_t>(bos->second)];
    file->requireWhole();
    return made;
}

}  // namespace rheo
