#include "core/checkpoint/config_keys.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base/error.h"

namespace rheo {

namespace {

/// A value as messages show it.
std::string shown(const nlohmann::json& value) {
    std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (text.size() > 60) text = text.substr(0, 57) + "...";
    return text;
}

bool isOff(const nlohmann::json& value) {
    if (value.is_boolean()) return !value.get<bool>();
    if (value.is_number()) return value.get<double>() == 0;
    return value.is_string() ? value.get_ref<const std::string&>().empty() : value.empty();
}

}  // namespace

ConfigKeys::ConfigKeys(const nlohmann::json& object, Source& source, std::string path)
    : m_object(object), m_source(source), m_path(std::move(path)) {}

void ConfigKeys::refuse(const std::string& key, const std::string& why) const {
    throw Error(ErrorCode::Unsupported, fmt::format("{}: {}{} {}", file(), m_path, key, why), file());
}

void ConfigKeys::malformed(const std::string& key, const std::string& expected) const {
    const auto found = m_object.find(key);
    throw Error(ErrorCode::Format,
                fmt::format("{}: {}{} is {}, where {} is expected", file(), m_path, key,
                            found == m_object.end() ? "nothing" : shown(*found), expected),
                file());
}

const nlohmann::json* ConfigKeys::value(const std::string& key) {
    m_understood.insert(key);
    const auto found = m_object.find(key);
    return found == m_object.end() || found->is_null() ? nullptr : &*found;
}

bool ConfigKeys::has(const std::string& key) const {
    const auto found = m_object.find(key);
    return found != m_object.end() && !found->is_null();
}

bool ConfigKeys::isNull(const std::string& key) const {
    const auto found = m_object.find(key);
    return found != m_object.end() && found->is_null();
}

std::optional<std::int64_t> ConfigKeys::findInteger(const std::string& key, std::int64_t least,
                                                    std::int64_t most) {
    const auto* given = value(key);
    if (given == nullptr) return std::nullopt;
    const auto expected = fmt::format("a whole number from {} to {}", least, most);
    if (!given->is_number()) malformed(key, expected);
    // Some exporters write 4096.0; compared as a double first, because a cast could overflow.
    const double approximate = given->get<double>();
    if (!(approximate >= static_cast<double>(least) && approximate <= static_cast<double>(most)) ||
        approximate != std::floor(approximate))
        malformed(key, expected);
    return given->is_number_float() ? static_cast<std::int64_t>(approximate) : given->get<std::int64_t>();
}

std::optional<double> ConfigKeys::findNumber(const std::string& key, double least, double most) {
    const auto* given = value(key);
    if (given == nullptr) return std::nullopt;
    if (!given->is_number() || !(given->get<double>() >= least && given->get<double>() <= most))
        malformed(key, fmt::format("a number from {} to {}", least, most));
    return given->get<double>();
}

std::optional<bool> ConfigKeys::findFlag(const std::string& key) {
    const auto* given = value(key);
    if (given == nullptr) return std::nullopt;
    if (!given->is_boolean()) malformed(key, "true or false");
    return given->get<bool>();
}

std::optional<std::string> ConfigKeys::findText(const std::string& key) {
    const auto* given = value(key);
    if (given == nullptr) return std::nullopt;
    if (!given->is_string()) malformed(key, "a string");
    return given->get<std::string>();
}

std::vector<double> ConfigKeys::numbers(const std::string& key, double least, double most) {
    const auto* given = value(key);
    const auto expected = fmt::format("a list of numbers from {} to {}", least, most);
    if (given == nullptr || !given->is_array()) malformed(key, expected);
    std::vector<double> list;
    for (const auto& item : *given) {
        if (!item.is_number() || !(item.get<double>() >= least && item.get<double>() <= most))
            malformed(key, expected);
        list.push_back(item.get<double>());
    }
    return list;
}

std::vector<std::string> ConfigKeys::texts(const std::string& key) {
    const auto* given = value(key);
    if (given == nullptr || !given->is_array()) malformed(key, "a list of strings");
    std::vector<std::string> list;
    for (const auto& item : *given) {
        if (!item.is_string()) malformed(key, "a list of strings");
        list.push_back(item.get<std::string>());
    }
    return list;
}

const nlohmann::json* ConfigKeys::findObject(const std::string& key) {
    const auto* given = value(key);
    if (given != nullptr && !given->is_object()) malformed(key, "an object");
    return given;
}

const nlohmann::json* ConfigKeys::findAny(const std::string& key) {
    return value(key);
}

void ConfigKeys::require(const std::string& key, bool expected) {
    const auto given = findFlag(key);
    if (given && *given != expected)
        refuse(key, fmt::format("is {}, and only {} is computed here", *given, expected));
}

void ConfigKeys::inert(const std::string& key) {
    if (value(key) != nullptr) m_source.unread.inert.push_back(nameOf(key));
}

void ConfigKeys::inertAt(const std::string& key, const nlohmann::json& expected) {
    const auto* given = value(key);
    if (given != nullptr && *given != expected)
        refuse(key, fmt::format("is {}, and only {} is computed here", shown(*given), shown(expected)));
    inert(key);
}

void ConfigKeys::sortRest() {
    UnreadKeys& unread = m_source.unread;
    for (const auto& [key, given] : m_object.items()) {
        if (m_understood.count(key) != 0) continue;
        const std::string name = nameOf(key);
        if (key.starts_with('_') || isOff(given))
            unread.inert.push_back(name);
        else if (m_source.accepted.contain(name))
            unread.accepted.push_back(name);
        else
            unread.unknown.push_back(name);
    }
}

}  // namespace rheo
