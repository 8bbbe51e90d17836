#include "core/dynamics/intervention.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "core/base/error.h"

namespace rheo {

namespace {

[[noreturn]] void refuseTokens(std::string_view text) {
    throw Error(ErrorCode::InvalidArgument,
                fmt::format("'{}' names no tokens; write last, all, generated, 3: (from token 3 on), 3:7 "
                            "(tokens 3 to 6) or 1,2",
                            text),
                std::string(text));
}

std::int64_t wholeNumber(std::string_view digits, std::string_view text) {
    std::int32_t value = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failed != std::errc{} || end != digits.data() + digits.size() || value < 0) refuseTokens(text);
    return value;
}

EditTokens parseRange(std::string_view text, std::size_t colon) {
    EditTokens tokens;
    tokens.first = wholeNumber(text.substr(0, colon), text);
    tokens.kind = EditTokens::Kind::From;
    if (colon + 1 == text.size()) return tokens;
    tokens.kind = EditTokens::Kind::Range;
    tokens.end = wholeNumber(text.substr(colon + 1), text);
    if (tokens.end <= tokens.first) refuseTokens(text);
    return tokens;
}

}  // namespace

std::string editTokensText(const EditTokens& tokens) {
    switch (tokens.kind) {
        case EditTokens::Kind::Last: return "last";
        case EditTokens::Kind::All: return "all";
        case EditTokens::Kind::Generated: return "generated";
        case EditTokens::Kind::From: return fmt::format("{}:", tokens.first);
        case EditTokens::Kind::Range: return fmt::format("{}:{}", tokens.first, tokens.end);
        case EditTokens::Kind::List: break;
    }
    return fmt::format("{}", fmt::join(tokens.positions, ","));
}

EditTokens parseEditTokens(std::string_view text) {
    EditTokens tokens;
    if (text == "last") return tokens;
    if (text == "all") tokens.kind = EditTokens::Kind::All;
    if (text == "generated") tokens.kind = EditTokens::Kind::Generated;
    if (tokens.kind != EditTokens::Kind::Last) return tokens;
    if (const auto colon = text.find(':'); colon != std::string_view::npos) return parseRange(text, colon);
    tokens.kind = EditTokens::Kind::List;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t comma = std::min(text.find(',', begin), text.size());
        tokens.positions.push_back(
            static_cast<std::int32_t>(wholeNumber(text.substr(begin, comma - begin), text)));
        begin = comma + 1;
    }
    return tokens;
}

std::string_view strengthUnitName(StrengthUnit unit) {
    return unit == StrengthUnit::Rms ? "rms" : "absolute";
}

}  // namespace rheo
