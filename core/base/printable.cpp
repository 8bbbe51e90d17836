#include "core/base/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace rheo {

namespace {

struct Character {
    char32_t code = 0;
    std::size_t bytes = 1;
    bool valid = false;  ///< false: one byte that begins no character
};

/// The character at the start of `text`, which is not empty. Overlong forms, surrogates and codes above
/// U+10FFFF are not valid (Unicode 15, table 3-7).
Character decode(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return {first, 1, true};
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return {first, 1, false};
    char32_t code = first & (0xff >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {first, 1, false};
        code = code << 6 | (byte(i) & 0x3f);
    }
    constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    if (code < least[length] || surrogate || code > 0x10ffff) return {first, 1, false};
    return {code, length, true};
}

bool isControl(char32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/// Characters without a glyph that change the order or the lines of the text around them.
bool isReordering(char32_t c) {
    return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

std::string hex(char32_t value, int digits) {
    std::string out;
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
        out += "0123456789abcdef"[value >> shift & 0xf];
    return out;
}

std::string escaped(const Character& c) {
    if (!c.valid || c.code < 0x80) {
        if (c.valid && c.code == '\n') return "\\n";
        if (c.valid && c.code == '\t') return "\\t";
        if (c.valid && c.code == '\r') return "\\r";
        return "\\x" + hex(c.code, 2);
    }
    return "\\u" + hex(c.code, 4);
}

/// Calls `each(character, its bytes)` for every character of `text`.
template <class Each>
void forEachCharacter(std::string_view text, Each each) {
    while (!text.empty()) {
        const Character c = decode(text);
        each(c, text.substr(0, c.bytes));
        text.remove_prefix(c.bytes);
    }
}

}  // namespace

std::string printable(std::string_view text, Lines lines) {
    std::string out;
    out.reserve(text.size());
    forEachCharacter(text, [&](const Character& c, std::string_view bytes) {
        const bool kept = lines == Lines::Many && c.valid && (c.code == '\n' || c.code == '\t');
        if (kept || (c.valid && !isControl(c.code) && !isReordering(c.code)))
            out += bytes;
        else
            out += escaped(c);
    });
    return out;
}

std::string firstCharacters(std::string_view text, std::size_t columns) {
    std::string out;
    forEachCharacter(text, [&](const Character&, std::string_view bytes) {
        if (columns == 0) return;
        --columns;
        out += bytes;
    });
    return out;
}

std::string printableJson(std::string_view json) {
    std::string out;
    out.reserve(json.size());
    forEachCharacter(json, [&](const Character& c, std::string_view bytes) {
        // Below U+0020 only the line breaks and spaces between values are left in JSON.
        if (c.valid && (c.code < 0x20 || (!isControl(c.code) && !isReordering(c.code))))
            out += bytes;
        else
            out += c.valid ? "\\u" + hex(c.code, 4) : "\\ufffd";
    });
    return out;
}

std::string escapeHtml(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    forEachCharacter(text, [&](const Character& c, std::string_view bytes) {
        const bool noncharacter = c.code == 0xfffe || c.code == 0xffff;
        if (!c.valid || noncharacter || (isControl(c.code) && c.code != '\n' && c.code != '\t'))
            out += "\xef\xbf\xbd";
        else if (c.code == '&')
            out += "&amp;";
        else if (c.code == '<')
            out += "&lt;";
        else if (c.code == '>')
            out += "&gt;";
        else if (c.code == '"')
            out += "&quot;";
        else if (c.code == '\'')
            out += "&#39;";
        else
            out += bytes;
    });
    return out;
}

std::string formatBytes(double bytes) {
    static constexpr const char* units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    int unit = 0;
    while (bytes >= 1024 && unit < 5) {
        bytes /= 1024;
        ++unit;
    }
    return unit == 0 ? fmt::format("{:.0f} {}", bytes, units[unit])
                     : fmt::format("{:.1f} {}", bytes, units[unit]);
}

}  // namespace rheo
