#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/tokenizer/bpe.h"
#include "core/tokenizer/component.h"
#include "core/tokenizer/normalizer.h"

namespace rheo {

/// A token that is found in the text before it is cut into words.
struct AddedToken {
    std::int32_t id = 0;
    std::string content;
    std::string spelling;     ///< what decoding starts from: the content, normalized if the token is
    bool singleWord = false;  ///< only where no word character touches it
    bool lstrip = false;      ///< takes the white space on its left with it
    bool rstrip = false;      ///< and on its right
    bool normalized = false;  ///< looked for in the normalized text rather than the given one
    bool special = false;     ///< left out of decoded text unless asked for
};

/// A stretch of text: an added token, or what stands between.
struct TextSegment {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::int32_t id = -1;  ///< of the token; -1 between
};

/// The added tokens of a file and how to find them. Immutable.
class AddedTokens {
public:
    static constexpr std::size_t kMaxContentBytes = std::size_t{4} << 20;  ///< of all tokens together

    /// From the value of "added_tokens" (a list, or null). `normalizer` is applied to the content of the
    /// tokens that are normalized. Throws Error(Format) for an id that is another piece's, for a token whose
    /// id in the vocabulary is another, for one that is numbered out of turn (new tokens are numbered on from
    /// the vocabulary, in order of the file: any other number would disagree with what the reference
    /// implementation gives), and beyond kMaxContentBytes.
    AddedTokens(const nlohmann::json& value, const Vocabulary& vocabulary, const Normalizer& normalizer,
                const Place& place);

    /// In ascending order of id.
    const std::vector<AddedToken>& tokens() const { return m_tokens; }
    /// Null when no added token has this id.
    const AddedToken* find(std::int32_t id) const;

    /// Cuts `text` (valid UTF-8, not empty) at the added tokens that are not normalized (`normalized` false)
    /// or at those that are: leftmost first, of those the longest. Without overlaps; white space goes to the
    /// tokens that strip it. Cost: the length of the text times that of the longest token that
    /// begins like it.
    std::vector<TextSegment> split(std::string_view text, bool normalized) const;

private:
    /// Prefix tree over bytes.
    class Trie {
    public:
        Trie();
        void add(std::string_view content, std::int32_t token);
        struct Match {
            std::size_t length = 0;
            std::int32_t token = -1;
        };
        /// The longest content that stands at `offset`.
        Match longest(std::string_view text, std::size_t offset) const;
        bool empty() const { return m_nodes.empty(); }

    private:
        struct Node {
            std::int32_t child = -1, sibling = -1;
            std::int32_t token = -1;
            char byte = 0;
        };
        std::array<std::int32_t, 256> m_roots;
        std::vector<Node> m_nodes;
    };

    std::vector<AddedToken> m_tokens;
    Trie m_raw, m_normalized;
};

}  // namespace rheo
