#include "core/checkpoint/json.h"

#include <fmt/format.h>

#include <unordered_set>
#include <vector>

#include "core/base/error.h"

namespace rheo {

nlohmann::json parseJsonObject(std::string_view text, const std::string& file) {
    using nlohmann::json;
    constexpr std::size_t maxDepth = 64;
    std::size_t depth = 0;
    std::vector<std::unordered_set<std::string>> keys;  // of the objects that are open

    const auto watch = [&](int, json::parse_event_t event, json& parsed) {
        switch (event) {
            case json::parse_event_t::object_start: keys.emplace_back(); [[fallthrough]];
            case json::parse_event_t::array_start:
                if (++depth > maxDepth)
                    throw Error(ErrorCode::Format,
                                fmt::format("{}: brackets are nested deeper than {}", file, maxDepth), file);
                break;
            case json::parse_event_t::object_end: keys.pop_back(); [[fallthrough]];
            case json::parse_event_t::array_end: --depth; break;
            case json::parse_event_t::key:
                if (!keys.back().insert(parsed.get<std::string>()).second)
                    throw Error(
                        ErrorCode::Format,
                        fmt::format("{}: the key '{}' is given twice", file, parsed.get<std::string>()),
                        file);
                break;
            case json::parse_event_t::value: break;
        }
        return true;
    };

    json document;
    try {
        document = json::parse(text.begin(), text.end(), watch);
    } catch (const json::exception& failure) {
        throw Error(ErrorCode::Format, fmt::format("{} is not valid JSON: {}", file, failure.what()), file);
    }
    if (!document.is_object())
        throw Error(
            ErrorCode::Format,
            fmt::format("{}: a JSON object was expected, and this is of type {}", file, document.type_name()),
            file);
    return document;
}

}  // namespace rheo
