#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rheo {

/// What the files beside a tokenizer say of it: tokenizer_config.json, the older special_tokens_map.json and
/// added_tokens.json, and config.json. Tokens are objects as in the "added_tokens" of a tokenizer.json,
/// without an id.
struct TokenizerSettings {
    std::string tokenizerClass;  ///< "tokenizer_class" of tokenizer_config.json; empty: none
    std::string modelClass;      ///< the same of config.json
    std::string modelType;       ///< "model_type" of config.json; empty: none
    std::optional<bool> addBos, addEos, addPrefixSpace, legacy;
    bool specialAsText = false;  ///< "split_special_tokens"
    /// By role ("bos_token", ...), in order: the usual roles, then those of this model. Null: said to be
    /// none.
    std::vector<std::pair<std::string, nlohmann::json>> roles;
    std::vector<nlohmann::json> extra;  ///< "extra_special_tokens" or "additional_special_tokens"
    /// "added_tokens_decoder", or else added_tokens.json; by id.
    std::map<std::int32_t, nlohmann::json> added;
    bool hasDecoder = false;  ///< `added` comes from tokenizer_config.json, and stands for all added tokens

    /// Null when the role is not named, or none.
    nlohmann::json role(const std::string& name) const;
};

/// Reads them from `folder`; a file that is not there says nothing. Throws Error(Format) for a damaged one.
TokenizerSettings readTokenizerSettings(const std::filesystem::path& folder);

/// A token as in "added_tokens", from a text or an object; null from anything else.
nlohmann::json addedTokenOf(const nlohmann::json& value, bool special);

}  // namespace rheo
