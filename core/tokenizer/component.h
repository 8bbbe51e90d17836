#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace rheo {

/// Where in a tokenizer.json something stands, for messages ("t.json: pre_tokenizer.pretokenizers[1]").
struct Place {
    std::string file;
    std::string path;  ///< keys and indices from the top of the file

    Place at(std::string_view key) const;
    Place at(std::size_t index) const;

    /// Errors to throw: the place, then `message`.
    Error format(const std::string& message) const;
    Error unsupported(const std::string& message) const;
};

/// `text` in quotation marks for a message, cut after `longest` bytes; always valid UTF-8.
std::string inQuotes(std::string_view text, std::size_t longest = 60);

/// Whole numbers used as token ids are below this (the largest published vocabularies are near 10^6).
inline constexpr std::int64_t kMaxTokenIds = std::int64_t{1} << 22;

/// The id that `value` holds. Throws Error(Format) unless it is a whole number in 0 .. kMaxTokenIds-1.
std::int32_t tokenIdOf(const nlohmann::json& value, const Place& place);

/// How many components (normalizers, pre-tokenizers, decoders, post-processors) one file may have:
/// each costs a pass over every text, and published files have at most a dozen.
class ComponentBudget {
public:
    /// Throws Error(Format) at the 257th.
    void spend(const Place& place);

private:
    int m_left = 256;
};

/// A JSON object read strictly: a key that nobody asked for is refused by `done()`, because a setting
/// that is ignored would make ids wrong without a word.
///
/// Every getter throws Error(Format) for a value of another kind than asked for, and where there is no
/// default, for one that is missing. The JSON must outlive this.
class Component {
public:
    Component(const nlohmann::json& value, Place place);
    /// The same, counted.
    Component(const nlohmann::json& value, Place place, ComponentBudget& budget);

    const Place& place() const { return m_place; }
    /// Null and absent are the same everywhere in these files.
    bool has(const std::string& key);
    /// A value that may be anything, for the caller to look into; null when absent.
    const nlohmann::json& value(const std::string& key);

    /// The key "type"; empty when absent.
    std::string type();
    bool flag(const std::string& key);
    bool flag(const std::string& key, bool otherwise);
    std::string text(const std::string& key);
    std::string text(const std::string& key, const std::string& otherwise);
    /// A whole number in 0 .. 2^31-1.
    std::int64_t count(const std::string& key);
    const nlohmann::json& list(const std::string& key);
    /// The single character that a text of one character holds.
    char32_t character(const std::string& key, char32_t otherwise);

    /// Asked for and of no consequence here: what such a key holds changes no id and no text.
    void ignore(const std::string& key) { m_asked.insert(key); }

    /// Throws Error(Unsupported) if the object has a key that was never asked for.
    void done() const;

    /// Error(Unsupported) for a type that is not among `known` ("A, B, C").
    Error unknownType(std::string_view known);

private:
    const nlohmann::json* find(const std::string& key);
    const nlohmann::json& need(const std::string& key, const char* kind);

    const nlohmann::json& m_value;
    Place m_place;
    std::set<std::string> m_asked;
};

}  // namespace rheo
