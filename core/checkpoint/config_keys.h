#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace rheo {

/// One JSON object of a config, read key by key. It remembers what was asked for, so that whatever
/// nobody understood can be refused at the end. A key whose value is null counts as left out.
///
/// Every getter throws Error(Format) naming file and key if the value is of another kind or outside
/// [least, most].
class ConfigKeys {
public:
    /// `path` stands before key names in messages ("rope_scaling."). The object must outlive this.
    ConfigKeys(const nlohmann::json& object, std::string file, std::string path = {});

    bool has(const std::string& key) const;     ///< given, and not null
    bool isNull(const std::string& key) const;  ///< given as null

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
    /// The key may be given if it says what is computed anyway, else Error(Unsupported).
    void require(const std::string& key, bool value);

    /// Throws Error(Unsupported) that names every key nobody asked for.
    void refuseRest() const;

    /// Error(Unsupported) about a key.
    [[noreturn]] void refuse(const std::string& key, const std::string& why) const;
    /// Error(Format) about a key.
    [[noreturn]] void malformed(const std::string& key, const std::string& expected) const;

    const std::string& file() const { return m_file; }

private:
    const nlohmann::json* value(const std::string& key);

    const nlohmann::json& m_object;
    std::string m_file;
    std::string m_path;
    std::set<std::string> m_understood;
};

}  // namespace rheo
