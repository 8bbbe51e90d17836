#include "core/tokenizer/unicode.h"

#include <unicode/uchar.h>

#include <cstdint>

namespace rheo {

namespace {

std::uint8_t byteAt(std::string_view bytes, std::size_t offset) {
    return static_cast<std::uint8_t>(bytes[offset]);
}

bool hasCategory(char32_t character, std::uint32_t mask) {
    return (U_MASK(u_charType(static_cast<UChar32>(character))) & mask) != 0;
}

}  // namespace

CodePoint codePointAt(std::string_view text, std::size_t offset) {
    const std::uint8_t lead = byteAt(text, offset);
    if (lead < 0x80) return {lead, 1};
    const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t value = lead & (0x7Fu >> length);
    for (std::size_t i = 1; i < length; ++i) value = (value << 6) | (byteAt(text, offset + i) & 0x3Fu);
    return {value, length};
}

CodePoint codePointBefore(std::string_view text, std::size_t offset) {
    std::size_t start = offset - 1;
    while (start > 0 && (byteAt(text, start) & 0xC0) == 0x80) --start;
    return codePointAt(text, start);
}

void appendUtf8(std::string& text, char32_t character) {
    const auto put = [&text](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
    const auto c = static_cast<std::uint32_t>(character);
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xC0 | (c >> 6));
        put(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        put(0xE0 | (c >> 12));
        put(0x80 | ((c >> 6) & 0x3F));
        put(0x80 | (c & 0x3F));
    } else {
        put(0xF0 | (c >> 18));
        put(0x80 | ((c >> 12) & 0x3F));
        put(0x80 | ((c >> 6) & 0x3F));
        put(0x80 | (c & 0x3F));
    }
}

Utf8Sequence utf8SequenceAt(std::string_view bytes, std::size_t offset) {
    // Unicode 15, table 3-7: only the second byte has bounds that depend on the first.
    const std::uint8_t lead = byteAt(bytes, offset);
    if (lead < 0x80) return {1, true};
    std::size_t length = 0;
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        if (lead == 0xE0) low = 0xA0;
        if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;
    } else {
        return {1, false};
    }
    for (std::size_t i = 1; i < length; ++i) {
        if (offset + i >= bytes.size()) return {i, false};
        const std::uint8_t byte = byteAt(bytes, offset + i);
        if (byte < low || byte > high) return {i, false};
        low = 0x80;
        high = 0xBF;
    }
    return {length, true};
}

std::string lossyUtf8(std::string_view bytes) {
    std::string text;
    text.reserve(bytes.size());
    for (std::size_t offset = 0; offset < bytes.size();) {
        const Utf8Sequence sequence = utf8SequenceAt(bytes, offset);
        if (sequence.valid)
            text.append(bytes.substr(offset, sequence.length));
        else
            text.append("\xEF\xBF\xBD");
        offset += sequence.length;
    }
    return text;
}

bool isWhiteSpace(char32_t character) {
    return u_hasBinaryProperty(static_cast<UChar32>(character), UCHAR_WHITE_SPACE) != 0;
}

bool isNumeric(char32_t character) {
    return hasCategory(character, U_GC_N_MASK);
}

bool isMark(char32_t character) {
    return hasCategory(character, U_GC_M_MASK);
}

bool isPunctuation(char32_t character) {
    constexpr std::u32string_view kAsciiSymbols = U"$+<=>^`|~";
    return hasCategory(character, U_GC_P_MASK) || kAsciiSymbols.find(character) != std::u32string_view::npos;
}

bool isWordCharacter(char32_t character) {
    return hasCategory(character, U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK) ||
           u_hasBinaryProperty(static_cast<UChar32>(character), UCHAR_ALPHABETIC) != 0 ||
           u_hasBinaryProperty(static_cast<UChar32>(character), UCHAR_JOIN_CONTROL) != 0;
}

}  // namespace rheo
