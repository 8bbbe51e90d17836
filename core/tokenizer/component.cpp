#include "core/tokenizer/component.h"

#include <fmt/format.h>

#include "core/tokenizer/unicode.h"

namespace rheo {

namespace {

const nlohmann::json kNull;

std::string kindOf(const nlohmann::json& value) {
    if (value.is_string()) return "the text " + inQuotes(value.get_ref<const std::string&>());
    if (value.is_number() || value.is_boolean()) return value.dump();
    return fmt::format("of kind {}", value.type_name());
}

}  // namespace

std::string inQuotes(std::string_view text, std::size_t longest) {
    return fmt::format("\"{}{}\"", lossyUtf8(text.substr(0, longest)), text.size() > longest ? "..." : "");
}

Place Place::at(std::string_view key) const {
    return {file, path.empty() ? std::string(key) : fmt::format("{}.{}", path, key)};
}

Place Place::at(std::size_t index) const {
    return {file, fmt::format("{}[{}]", path, index)};
}

Error Place::format(const std::string& message) const {
    return Error(ErrorCode::Format, fmt::format("{}: {}{}{}", file, path, path.empty() ? "" : ": ", message),
                 file);
}

Error Place::unsupported(const std::string& message) const {
    return Error(ErrorCode::Unsupported,
                 fmt::format("{}: {}{}{}", file, path, path.empty() ? "" : ": ", message), file);
}

std::int32_t tokenIdOf(const nlohmann::json& value, const Place& place) {
    if (value.is_number_unsigned()) {
        const auto id = value.get<std::uint64_t>();
        if (id < static_cast<std::uint64_t>(kMaxTokenIds)) return static_cast<std::int32_t>(id);
    }
    throw place.format(
        fmt::format("expected a token id, 0 to {}, and found {}", kMaxTokenIds - 1, kindOf(value)));
}

void ComponentBudget::spend(const Place& place) {
    if (--m_left < 0) throw place.format("more than 256 components in one file; it is damaged or hostile");
}

Component::Component(const nlohmann::json& value, Place place) : m_value(value), m_place(std::move(place)) {
    if (!value.is_object()) throw m_place.format("expected an object and found a value " + kindOf(value));
}

Component::Component(const nlohmann::json& value, Place place, ComponentBudget& budget)
    : Component(value, std::move(place)) {
    budget.spend(m_place);
}

const nlohmann::json* Component::find(const std::string& key) {
    m_asked.insert(key);
    const auto found = m_value.find(key);
    return found == m_value.end() || found->is_null() ? nullptr : &*found;
}

const nlohmann::json& Component::need(const std::string& key, const char* kind) {
    const auto* found = find(key);
    if (found == nullptr) throw m_place.format(fmt::format("\"{}\" is missing ({} is expected)", key, kind));
    return *found;
}

bool Component::has(const std::string& key) {
    return find(key) != nullptr;
}

const nlohmann::json& Component::value(const std::string& key) {
    const auto* found = find(key);
    return found == nullptr ? kNull : *found;
}

std::string Component::type() {
    return text("type", "");
}

bool Component::flag(const std::string& key) {
    const auto& found = need(key, "true or false");
    if (!found.is_boolean())
        throw m_place.at(key).format("expected true or false and found " + kindOf(found));
    return found.get<bool>();
}

bool Component::flag(const std::string& key, bool otherwise) {
    return has(key) ? flag(key) : otherwise;
}

std::string Component::text(const std::string& key) {
    const auto& found = need(key, "a text");
    if (!found.is_string())
        throw m_place.at(key).format("expected a text and found a value " + kindOf(found));
    return found.get<std::string>();
}

std::string Component::text(const std::string& key, const std::string& otherwise) {
    return has(key) ? text(key) : otherwise;
}

std::int64_t Component::count(const std::string& key) {
    const auto& found = need(key, "a count");
    if (!found.is_number_unsigned() || found.get<std::uint64_t>() > 0x7FFFFFFF)
        throw m_place.at(key).format("expected a count and found a value " + kindOf(found));
    return found.get<std::int64_t>();
}

const nlohmann::json& Component::list(const std::string& key) {
    const auto& found = need(key, "a list");
    if (!found.is_array()) throw m_place.at(key).format("expected a list and found a value " + kindOf(found));
    return found;
}

char32_t Component::character(const std::string& key, char32_t otherwise) {
    if (!has(key)) return otherwise;
    const std::string found = text(key);
    if (!found.empty()) {
        const CodePoint first = codePointAt(found, 0);
        if (first.length == found.size()) return first.value;
    }
    throw m_place.at(key).format("expected one character and found " + inQuotes(found));
}

void Component::done() const {
    for (const auto& [key, held] : m_value.items())
        if (m_asked.count(key) == 0)
            throw m_place.unsupported(fmt::format(
                "the setting {} = {} is not understood, and leaving it out could change the tokens",
                inQuotes(key), held.is_structured() ? "(structure)" : kindOf(held)));
}

Error Component::unknownType(std::string_view known) {
    const std::string name = type();
    return m_place.unsupported(
        name.empty() ? fmt::format("has no \"type\"; known here: {}", known)
                     : fmt::format("type {} is not supported; known here: {}", inQuotes(name), known));
}

}  // namespace rheo
