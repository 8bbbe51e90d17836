#include "core/tokenizer/byte_letters.h"

#include <array>

#include "core/tokenizer/unicode.h"

namespace rheo {

namespace {

constexpr int kLetters = 256 + 68;  // letters are below this code point

struct Alphabet {
    std::array<std::string, 256> letters;
    std::array<std::int16_t, kLetters> bytes;

    Alphabet() {
        bytes.fill(-1);
        int next = 256;
        for (int byte = 0; byte < 256; ++byte) {
            const bool printable =
                (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
            const int letter = printable ? byte : next++;
            appendUtf8(letters[byte], static_cast<char32_t>(letter));
            bytes[letter] = static_cast<std::int16_t>(byte);
        }
    }
};

const Alphabet& alphabet() {
    static const Alphabet instance;
    return instance;
}

}  // namespace

std::string lettersOfBytes(std::string_view bytes) {
    const auto& letters = alphabet().letters;
    std::string text;
    text.reserve(bytes.size() + bytes.size() / 4);
    for (const char byte : bytes) text += letters[static_cast<std::uint8_t>(byte)];
    return text;
}

std::optional<std::uint8_t> byteOfLetter(char32_t letter) {
    if (letter >= kLetters || alphabet().bytes[letter] < 0) return std::nullopt;
    return static_cast<std::uint8_t>(alphabet().bytes[letter]);
}

std::string bytesOfPiece(std::string_view piece) {
    std::string bytes;
    bytes.reserve(piece.size());
    for (std::size_t offset = 0; offset < piece.size();) {
        const CodePoint letter = codePointAt(piece, offset);
        const auto byte = byteOfLetter(letter.value);
        if (!byte) return std::string(piece);
        bytes.push_back(static_cast<char>(*byte));
        offset += letter.length;
    }
    return bytes;
}

}  // namespace rheo
