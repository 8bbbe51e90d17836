#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/tokenizer/component.h"
#include "core/tokenizer/regex.h"

namespace rheo {

/// Pieces back to text, as the "decoder" of a tokenizer.json says. Immutable.
class Decoder {
public:
    /// Throws Error(InvalidArgument) beyond Tokenizer::kMaxDecodedBytes.
    static void checkSize(std::size_t bytes);

    /// From the value of "decoder"; with null, pieces are joined by spaces, as the reference implementation
    /// does. Known: ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace, BPEDecoder, Sequence. Throws
    /// Error(Unsupported) for another, by name.
    Decoder(const nlohmann::json& value, const Place& place, ComponentBudget& budget);

    /// The text of `pieces` (each valid UTF-8), itself valid UTF-8: bytes that form no character become
    /// U+FFFD. Throws as checkSize() and Pattern do.
    std::string decode(std::vector<std::string> pieces) const;

    /// The bytes that one piece contributes to a text, wherever it stands in it: spaces at its ends are
    /// kept, and the bytes need not be whole characters.
    std::string bytesOf(std::string_view piece) const;

private:
    enum class Kind { ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace, EndOfWord };
    struct Step {
        Kind kind = Kind::Fuse;
        Place place;
        Pattern pattern;      ///< Replace
        std::string content;  ///< Replace: in its place; Strip, Metaspace: the character; EndOfWord: the mark
        std::size_t start = 0;    ///< Strip: at most so many characters at the start
        std::size_t stop = 0;     ///< and at the end
        bool dropsFirst = false;  ///< Metaspace: nothing, rather than spaces, in the first piece
    };

    void read(const nlohmann::json& value, const Place& place, ComponentBudget& budget);
    static void apply(const Step& step, std::vector<std::string>& pieces, MatchScratch& scratch);

    bool m_joinsBySpaces = false;
    std::vector<Step> m_steps;
};

}  // namespace rheo
