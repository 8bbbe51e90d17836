#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tokenizer/component.h"

namespace rheo {

/// A table of SentencePiece that replaces characters ("precompiled_charsmap"): the size of a double-array
/// trie in bytes (4 bytes, little endian), the trie (darts-clone), then the replacements, each ended by a
/// null byte.
class Charsmap {
public:
    /// Throws Error(Format) for a table that is cut short, a trie that leads outside of it, and replacements
    /// that are not UTF-8 or not ended.
    Charsmap(std::string_view bytes, const Place& place);

    /// Each extended grapheme cluster (Unicode 15, annex 29) of `text` (valid UTF-8) of less than 6 bytes is
    /// replaced by what the shortest entry that begins it says, and else each of its characters so, as the
    /// reference implementation does. Throws Error(Format) where the result exceeds `maxBytes`. Linear.
    std::string normalize(std::string_view text, std::size_t maxBytes) const;

private:
    std::optional<std::string_view> replacement(std::string_view part) const;

    Place m_place;
    std::vector<std::uint32_t> m_trie;
    std::string m_replacements;
};

/// The bytes that base64 `text` (RFC 4648, padded) stands for; empty optional where it is none.
std::optional<std::string> decodeBase64(std::string_view text);

}  // namespace rheo
