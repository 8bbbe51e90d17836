#include "core/tokenizer/tokenizer_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/base/output_file.h"
#include "core/tokenizer/component.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/tokenizer_file.h"

namespace rheo {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::array kRoles{"bos_token", "eos_token", "unk_token", "sep_token",
                            "pad_token", "cls_token", "mask_token"};

/// The object in a file of JSON; an empty one where there is no such file.
Json objectIn(const fs::path& file) {
    std::error_code failed;
    if (!fs::exists(file, failed)) return Json::object();
    Json value = readTokenizerFile(readFile(file, Tokenizer::kMaxFileBytes), file.string()).rest;
    if (!value.is_object()) throw Place{file.string(), ""}.format("expected an object");
    return value;
}

std::optional<bool> flagIn(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_boolean()) return std::nullopt;
    return found->get<bool>();
}

std::string textIn(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool isUsualRole(const std::string& key) {
    return std::find(kRoles.begin(), kRoles.end(), key) != kRoles.end();
}

void setRole(TokenizerSettings& settings, const std::string& name, Json token) {
    const auto found = std::find_if(settings.roles.begin(), settings.roles.end(),
                                    [&](const auto& role) { return role.first == name; });
    if (found != settings.roles.end())
        found->second = std::move(token);
    else
        settings.roles.emplace_back(name, std::move(token));
}

/// The roles and extra tokens that an object names.
void readRoles(const Json& object, TokenizerSettings& settings) {
    for (const char* role : kRoles)
        if (const auto found = object.find(role); found != object.end())
            setRole(settings, role, addedTokenOf(*found, true));
    for (const auto& [key, value] : object.items())
        if (key.ends_with("_token") && !isUsualRole(key) && (value.is_string() || value.is_object()))
            setRole(settings, key, addedTokenOf(value, true));
    for (const char* key : {"extra_special_tokens", "additional_special_tokens"}) {
        const auto found = object.find(key);
        if (found == object.end() || found->empty()) continue;
        if (found->is_object())
            for (const auto& [name, value] : found->items())
                setRole(settings, name, addedTokenOf(value, true));
        else if (found->is_array())
            for (const auto& value : *found)
                if (Json token = addedTokenOf(value, true); !token.is_null())
                    settings.extra.push_back(std::move(token));
        return;  // the first of the two that holds something
    }
}

std::int32_t idOf(const std::string& key, const Place& place) {
    std::int32_t id = -1;
    const auto [end, failed] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (failed != std::errc{} || end != key.data() + key.size() || id < 0 || id >= kMaxTokenIds)
        throw place.format(fmt::format("{} is no token id", inQuotes(key)));
    return id;
}

void readDecoder(const Json& decoder, const Place& place, TokenizerSettings& settings) {
    if (!decoder.is_object()) throw place.format("expected an object");
    settings.hasDecoder = true;
    for (const auto& [key, value] : decoder.items()) {
        Json token = addedTokenOf(value, false);
        if (token.is_null()) throw place.at(inQuotes(key)).format("expected a token");
        settings.added[idOf(key, place)] = std::move(token);
    }
}

/// added_tokens.json: {content: id}. Those that have a role or are named extra are special.
void readAddedTokens(const fs::path& file, TokenizerSettings& settings) {
    const auto isNamed = [&](const std::string& content) {
        const auto matches = [&](const Json& token) {
            return token.is_object() && token["content"] == content;
        };
        return std::any_of(
                   settings.roles.begin(), settings.roles.end(),
                   [&](const auto& role) { return isUsualRole(role.first) && matches(role.second); }) ||
               std::any_of(settings.extra.begin(), settings.extra.end(), matches);
    };
    const Json tokens = objectIn(file);
    for (const auto& [content, id] : tokens.items())
        settings.added[tokenIdOf(id, Place{file.string(), inQuotes(content)})] =
            addedTokenOf(content, isNamed(content));
}

}  // namespace

Json TokenizerSettings::role(const std::string& name) const {
    for (const auto& [key, token] : roles)
        if (key == name) return token;
    return nullptr;
}

Json addedTokenOf(const Json& value, bool special) {
    if (value.is_string()) return {{"content", value}, {"special", special}, {"normalized", !special}};
    if (!value.is_object() || !value.contains("content") || !value["content"].is_string()) return nullptr;
    Json token{{"content", value["content"]}, {"special", special}};
    for (const char* flag : {"single_word", "lstrip", "rstrip", "normalized", "special"})
        if (const auto found = flagIn(value, flag)) token[flag] = *found;
    if (special) token["special"] = true;
    return token;
}

TokenizerSettings readTokenizerSettings(const fs::path& folder) {
    TokenizerSettings settings;
    const Json model = objectIn(folder / "config.json");
    settings.modelType = textIn(model, "model_type");
    settings.modelClass = textIn(model, "tokenizer_class");

    const fs::path file = folder / "tokenizer_config.json";
    const Json config = objectIn(file);
    settings.tokenizerClass = textIn(config, "tokenizer_class");
    settings.addBos = flagIn(config, "add_bos_token");
    settings.addEos = flagIn(config, "add_eos_token");
    settings.addPrefixSpace = flagIn(config, "add_prefix_space");
    settings.legacy = flagIn(config, "legacy");
    settings.specialAsText = flagIn(config, "split_special_tokens").value_or(false);
    readRoles(config, settings);
    if (config.contains("added_tokens_decoder")) {
        readDecoder(config["added_tokens_decoder"], {file.string(), "added_tokens_decoder"}, settings);
    } else {
        readRoles(objectIn(folder / "special_tokens_map.json"), settings);
        readAddedTokens(folder / "added_tokens.json", settings);
    }
    return settings;
}

}  // namespace rheo
