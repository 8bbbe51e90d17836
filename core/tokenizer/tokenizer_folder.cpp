#include "core/tokenizer/tokenizer_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/checkpoint/gguf.h"
#include "core/tokenizer/component.h"
#include "core/tokenizer/gguf_tokenizer.h"
#include "core/tokenizer/sentencepiece_file.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/tokenizer_classes.h"
#include "core/tokenizer/tokenizer_settings.h"

namespace rheo {

namespace {

namespace fs = std::filesystem;

bool hasByteLevel(const nlohmann::json& component) {
    if (component.is_object()) {
        const auto type = component.find("type");
        if (type != component.end() && *type == "ByteLevel") return true;
    }
    if (!component.is_structured()) return false;
    for (const auto& part : component)
        if (hasByteLevel(part)) return true;
    return false;
}

/// A tokenizer before its settings are applied.
struct Loaded {
    TokenizerFile file;
    TokenizerSource source = TokenizerSource::TokenizerJson;
    const TokenizerClass* type = nullptr;
    std::vector<std::string> notes;
};

std::string contents(const fs::path& file) {
    return readFile(file, Tokenizer::kMaxFileBytes);
}

Loaded loadJson(const fs::path& path, const TokenizerSettings& settings) {
    Loaded loaded;
    loaded.file = readTokenizerFile(contents(path), path.string());
    if (!loaded.file.rest.is_object()) throw Place{path.string(), ""}.format("expected an object");
    const auto usesByteLevel = [&rest = loaded.file.rest](const char* key) {
        return rest.contains(key) && hasByteLevel(rest[key]);
    };
    loaded.type = tokenizerClassOf(settings, usesByteLevel("pre_tokenizer") || usesByteLevel("decoder"));
    if (loaded.type != nullptr && loaded.file.kind == TokenizerFile::Vocabulary::List) {
        loaded.notes.push_back(fmt::format(
            "the tokenizer is a Unigram model, and {} builds BPE: tokenizer.json is taken as it is",
            loaded.type->name));
        loaded.type = nullptr;
    }
    if (const std::string other = unknownTokenizerClass(settings); !other.empty())
        loaded.notes.push_back(fmt::format(
            "transformers rebuilds a tokenizer of class {}; here tokenizer.json is taken as it is", other));
    if (settings.addBos || settings.addEos)
        loaded.notes.push_back(
            "add_bos_token and add_eos_token in tokenizer_config.json have no effect beside a "
            "tokenizer.json, as in "
            "transformers 5: its post-processor decides");
    return loaded;
}

Loaded loadVocabulary(const fs::path& path, const TokenizerSettings& settings) {
    Loaded loaded;
    loaded.source = TokenizerSource::VocabularyAndMerges;
    loaded.file = readVocabularyFile(contents(path), path.string());
    const fs::path merges = path.parent_path() / "merges.txt";
    readMergesText(contents(merges), merges.string(), loaded.file);
    loaded.file.rest = {{"model", nlohmann::json::object()}};
    loaded.type = tokenizerClassOf(settings, false);
    if (loaded.type == nullptr) {
        loaded.type = findTokenizerClass("GPT2Tokenizer");
        loaded.notes.push_back(
            "the settings name no class for vocab.json and merges.txt: they are read as byte-level BPE of "
            "GPT-2");
    }
    return loaded;
}

/// What a SentencePiece model says of special tokens, where the settings say nothing.
void addSentencePieceTokens(const SentencePieceFile& model, bool userDefined, TokenizerSettings& settings) {
    using Type = SentencePieceFile::Type;
    for (const auto& piece : model.pieces) {
        if (piece.type != Type::Control && !(userDefined && piece.type == Type::UserDefined)) continue;
        nlohmann::json token = addedTokenOf(piece.text, piece.type == Type::Control);
        token["normalized"] = false;
        settings.extra.push_back(std::move(token));
    }
}

void addSentencePieceRoles(const SentencePieceFile& model, TokenizerSettings& settings) {
    struct Role {
        const char* name;
        std::int32_t id;
        const std::string& content;
    };
    for (const Role& role :
         {Role{"bos_token", model.bosId, model.bos}, Role{"eos_token", model.eosId, model.eos},
          Role{"unk_token", model.unknownId, model.unknown}}) {
        const bool named = std::any_of(settings.roles.begin(), settings.roles.end(),
                                       [&](const auto& other) { return other.first == role.name; });
        if (!named && role.id >= 0 && !role.content.empty())
            settings.roles.emplace_back(role.name, addedTokenOf(role.content, true));
    }
}

/// Gives pieces the names that tokenizer_config.json has for their ids, unless another piece has that name.
void renamePieces(const TokenizerSettings& settings, SentencePieceFile& model) {
    std::set<std::string, std::less<>> kept;
    for (std::size_t i = 0; i < model.pieces.size(); ++i)
        if (!settings.added.contains(static_cast<std::int32_t>(i))) kept.insert(model.pieces[i].text);
    for (const auto& [id, token] : settings.added) {
        if (static_cast<std::size_t>(id) >= model.pieces.size()) continue;
        const std::string name = token["content"];
        if (!name.empty() && !kept.contains(name)) model.pieces[static_cast<std::size_t>(id)].text = name;
    }
}

Loaded loadSentencePiece(const fs::path& path, TokenizerSettings& settings) {
    SentencePieceFile model = readSentencePiece(contents(path), path.string());
    Loaded loaded;
    loaded.source = TokenizerSource::SentencePiece;
    loaded.type = tokenizerClassOf(settings, false);
    addSentencePieceTokens(model, loaded.type != nullptr, settings);
    if (loaded.type != nullptr) {
        loaded.file = rankedFileOf(model);
        return loaded;
    }
    renamePieces(settings, model);
    addSentencePieceRoles(model, settings);
    // Added tokens are found in the given text, so that each chunk between them gets its own prefix.
    if (model.dummyPrefix)
        for (auto& [id, token] : settings.added) token["normalized"] = false;
    loaded.file = tokenizerFileOf(model, settings.legacy.value_or(true));
    return loaded;
}

Loaded load(const fs::path& path, TokenizerSettings& settings) {
    if (path.filename() == "tokenizer.json") return loadJson(path, settings);
    if (path.filename() == "vocab.json") return loadVocabulary(path, settings);
    return loadSentencePiece(path, settings);
}

}  // namespace

std::optional<fs::path> findTokenizerFile(const fs::path& folder) {
    std::error_code failed;
    if (fs::is_regular_file(folder, failed)) return isGgufFile(folder) ? std::optional(folder) : std::nullopt;
    const auto exists = [&](const char* name) { return fs::exists(folder / name, failed); };
    if (exists("tokenizer.json")) return folder / "tokenizer.json";
    if (exists("vocab.json") && exists("merges.txt")) return folder / "vocab.json";
    if (exists("tokenizer.model")) return folder / "tokenizer.model";
    return std::nullopt;
}

TokenizerFolder readTokenizerFolder(const fs::path& folder) {
    const auto path = findTokenizerFile(folder);
    if (!path)
        throw Error(ErrorCode::NotFound, fmt::format("{} has no {}", folder.string(), kTokenizerFiles),
                    folder.string());
    if (*path == folder) return readGgufTokenizer(folder);
    TokenizerSettings settings = readTokenizerSettings(folder);
    Loaded loaded = load(*path, settings);
    applyTokenizerSettings(settings, loaded.type, loaded.source, loaded.file);

    TokenizerFolder made;
    made.name = path->string();
    made.file = std::move(loaded.file);
    made.specialAsText = settings.specialAsText;
    if (const auto bos = settings.role("bos_token"); bos.is_object()) made.bos = bos["content"];
    made.notes = std::move(loaded.notes);
    if (made.specialAsText)
        made.notes.push_back(
            "special tokens are read as text: tokenizer_config.json sets split_special_tokens");
    return made;
}

}  // namespace rheo
