#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tokenizer/component.h"
#include "core/tokenizer/normalizer.h"
#include "core/tokenizer/regex.h"

namespace rheo {

/// A stretch of text cut into words, none empty: word i is text[ends[i-1], ends[i]).
struct Words {
    std::string text;  ///< valid UTF-8
    std::vector<std::uint32_t> ends;
    bool startsText = false;  ///< whether the first word begins where the whole text begins

    std::size_t size() const { return ends.size(); }
    std::string_view operator[](std::size_t word) const {
        const std::size_t begin = word == 0 ? 0 : ends[word - 1];
        return std::string_view(text).substr(begin, ends[word] - begin);
    }
    /// Appends a word; an empty one is dropped. Throws Error(Format) beyond kMaxWorkingBytes.
    void add(std::string_view word, const Place& place);
};

/// Cuts each word into words, and may change their characters. Throws Error(Format) as Pattern does,
/// and beyond kMaxWorkingBytes.
using PreTokenizer = std::function<void(Words&, MatchScratch&)>;

/// From the value of "pre_tokenizer"; null gives one that changes nothing.
/// Known: ByteLevel, Split (all behaviours, inverted or not), Digits, Metaspace, Punctuation,
/// Whitespace, WhitespaceSplit, CharDelimiterSplit, Sequence.
/// Throws Error(Unsupported) for another, by name.
PreTokenizer makePreTokenizer(const nlohmann::json& value, const Place& place, ComponentBudget& budget);

}  // namespace rheo
