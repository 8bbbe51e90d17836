#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rheo {

/// A character of a text and how many bytes it takes there (1 to 4).
struct CodePoint {
    char32_t value = 0;
    std::size_t length = 0;
};

/// The character that starts at `offset` (< text.size()) of valid UTF-8.
CodePoint codePointAt(std::string_view text, std::size_t offset);

/// The character that ends at `offset` (> 0, on a character boundary) of valid UTF-8.
CodePoint codePointBefore(std::string_view text, std::size_t offset);

/// Appends a character (a Unicode scalar value) as UTF-8.
void appendUtf8(std::string& text, char32_t character);

/// What stands at `offset` (< bytes.size()): a whole UTF-8 sequence, or a part of one that is cut
/// short or wrong ("maximal subpart" of Unicode 15, section 3.9), at least one byte.
struct Utf8Sequence {
    std::size_t length = 0;
    bool valid = false;
};
Utf8Sequence utf8SequenceAt(std::string_view bytes, std::size_t offset);

/// `bytes` with every maximal subpart that is no character replaced by U+FFFD. Linear.
std::string lossyUtf8(std::string_view bytes);

/// Unicode property White_Space.
bool isWhiteSpace(char32_t character);
/// General categories Nd, Nl and No.
bool isNumeric(char32_t character);
/// General categories M*.
bool isMark(char32_t character);
/// General categories P*, and the ASCII symbols ($+<=>^`|~).
bool isPunctuation(char32_t character);
/// A word character by UTS #18, annex C: Alphabetic, marks, decimal digits, connectors, joiners.
bool isWordCharacter(char32_t character);

}  // namespace rheo
