#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/tokenizer/byte_trie.h"
#include "core/tokenizer/component.h"
#include "core/tokenizer/normalizer.h"
#include "core/tokenizer/subword_model.h"

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
    /// tokens that are normalized. Ids are those the reference implementation gives, whatever the file says:
    /// the id of the piece that is spelt alike; else the next after the highest, of the vocabulary's count or
    /// the added tokens. A token that occurs again replaces the settings of the first. Throws Error(Format)
    /// beyond kMaxContentBytes, and for a token of which normalization leaves nothing.
    AddedTokens(const nlohmann::json& value, const Vocabulary& vocabulary, const Normalizer& normalizer,
                const Place& place);

    /// In ascending order of id.
    const std::vector<AddedToken>& tokens() const { return m_tokens; }
    /// Null when no added token has this id.
    const AddedToken* find(std::int32_t id) const;

    /// What a person should know: tokens whose id in the file is another than the one they get.
    const std::vector<std::string>& notes() const { return m_notes; }

    /// Cuts `text` (valid UTF-8, not empty) at the added tokens that are not normalized (`normalized` false)
    /// or at those that are: leftmost first, of those the longest. With `literal`, special tokens are text.
    /// Without overlaps; white space goes to the tokens that strip it. Cost: the length of the text times
    /// that of the longest token that begins like it.
    std::vector<TextSegment> split(std::string_view text, bool normalized, bool literal) const;

private:
    void noteRenumbered(const std::vector<std::string>& renumbered);
    void index(const Normalizer& normalizer, std::size_t contentBytes, const Place& place);

    std::vector<AddedToken> m_tokens;
    std::vector<std::string> m_notes;
    ByteTrie m_raw, m_normalized;  ///< values are ids
};

}  // namespace rheo
