#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rheo {

/// The alphabet of byte-level BPE (Radford et al. 2019): every byte has a printable letter of its
/// own. Printable Latin-1 bytes are their own character; the 68 others, in ascending order, are
/// U+0100 and on (a space is U+0120, a line feed U+010A).
///
/// `bytes` in letters, as UTF-8: at most twice as long.
std::string lettersOfBytes(std::string_view bytes);

/// The byte that a letter stands for, if it is one of the 256.
std::optional<std::uint8_t> byteOfLetter(char32_t letter);

/// The bytes that a piece spells; the piece itself when one of its characters is no letter of the
/// alphabet (a special token with a space in it). `piece` is valid UTF-8.
std::string bytesOfPiece(std::string_view piece);

}  // namespace rheo
