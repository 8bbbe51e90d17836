#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/checkpoint/accepted_keys.h"

namespace rheo {

/// Keys of a config that nothing reads, by what became of them, as messages spell them
/// ("rope_scaling.factor").
struct UnreadKeys {
    std::vector<std::string> inert;     ///< change nothing that is computed: known so, private, or off
    std::vector<std::string> accepted;  ///< unknown, and the caller opens the model anyway
    std::vector<std::string> unknown;   ///< the rest, each with its value
};

/// One JSON object of a config, read key by key. It remembers what was asked for, so that whatever
/// nobody understood can be reported at the end. A key whose value is null counts as left out.
///
/// Every getter throws Error(Format) naming file and key if the value is of another kind or outside
/// [least, most].
class ConfigKeys {
public:
    /// What ConfigKeys of one file share.
    struct Source {
        std::string file;
        AcceptedKeys accepted;
        UnreadKeys unread;
    };

    /// `path` stands before key names in messages ("rope_scaling."). The arguments must outlive this.
    ConfigKeys(const nlohmann::json& object, Source& source, std::string path = {});
    /// An object inside this one, under `name`.
    ConfigKeys inside(const nlohmann::json& object, const std::string& name) const {
        return {object, m_source, m_path + name + "."};
    }

    bool has(const std::string& key) const;     ///< given, and not null
    bool isNull(const std::string& key) const;  ///< given as null
    bool wasRead(const std::string& key) const { return m_understood.count(key) != 0; }

    std::optional<std::int64_t> findInteger(const std::string& key, std::int64_t least, std::int64_t most);
    std::optional<double> findNumber(const std::string& key, double least, double most);
    std::optional<bool> findFlag(const std::string& key);
    std::optional<std::string> findText(const std::string& key);
    std::vector<double> numbers(const std::string& key, double least, double most);
    std::vector<std::string> texts(const std::string& key);
    /// An object inside this one; null if there is none.
    const nlohmann::json* findObject(const std::string& key);
    /// Any value, null if left out. The caller checks it.
    const nlohmann::json* findAny(const std::string& key);

    std::int64_t integer(const std::string& key, std::int64_t otherwise, std::int64_t least,
                         std::int64_t most) {
        return findInteger(key, least, most).value_or(otherwise);
    }
    double number(const std::string& key, double otherwise, double least, double most) {
        return findNumber(key, least, most).value_or(otherwise);
    }
    bool flag(const std::string& key, bool otherwise) { return findFlag(key).value_or(otherwise); }
    std::string text(const std::string& key, const std::string& otherwise) {
        return findText(key).value_or(otherwise);
    }

    /// The key may be given, whatever it says: nothing computed here depends on it.
    void ignore(const std::string& key) { m_understood.insert(key); }
    /// The same, and if the key is given it is listed in UnreadKeys::inert.
    void inert(const std::string& key);
    /// Listed likewise if it has this value, else Error(Unsupported): another value changes what is computed.
    void inertAt(const std::string& key, const nlohmann::json& value);
    /// The key may be given if it says what is computed anyway, else Error(Unsupported).
    void require(const std::string& key, bool value);

    /// Sorts the keys that nobody asked for into UnreadKeys. Inert are those that begin with "_", which the
    /// reference keeps for its own bookkeeping, and those whose value means "off": false, 0, "", [] or {}.
    /// Null is not even listed.
    void sortRest();

    /// Error(Unsupported) about a key.
    [[noreturn]] void refuse(const std::string& key, const std::string& why) const;
    /// Error(Format) about a key.
    [[noreturn]] void malformed(const std::string& key, const std::string& expected) const;

    const std::string& file() const { return m_source.file; }

private:
    const nlohmann::json* value(const std::string& key);
    std::string nameOf(const std::string& key) const { return m_path + key.substr(0, 100); }

    const nlohmann::json& m_object;
    Source& m_source;
    std::string m_path;
    std::set<std::string> m_understood;
};

}  // namespace rheo
