#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/tokenizer/component.h"

namespace rheo {

/// A stretch of a text, in bytes: [begin, end). Small, for there may be one a character.
struct Span {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    bool isMatch = false;
};

/// What matching needs while one text is encoded or decoded: memory for the matcher, and a deadline
/// for all of it together. One a call; not shared between threads.
class MatchScratch {
public:
    /// Time allowed: 10 s, and 1 s for each megabyte of text.
    explicit MatchScratch(std::size_t textBytes);
    ~MatchScratch();
    MatchScratch(const MatchScratch&) = delete;
    MatchScratch& operator=(const MatchScratch&) = delete;

    /// Throws Error(Format) past the deadline, naming `place`.
    void checkTime(const Place& place) const;

    /// Spans of the last split: reused, so that no word costs an allocation.
    std::vector<Span> spans;

private:
    friend class Pattern;
    struct Matcher;
    std::unique_ptr<Matcher> m_matcher;  ///< made at the first match
    std::chrono::steady_clock::time_point m_deadline;
};

/// What a Split or a Replace looks for: a fixed text, or a regular expression. Immutable and cheap to copy.
class Pattern {
public:
    /// `text` itself; the empty text matches between all characters.
    static Pattern literal(std::string text, const Place& place);
    /// In the dialect of tokenizer.json. Throws Error(Unsupported) for what cannot be rewritten for
    /// PCRE2, Error(Format) for what does not compile or is longer than 16 KiB.
    static Pattern regex(std::string_view expression, const Place& place);
    /// From {"String": s} or {"Regex": s}.
    static Pattern fromJson(const nlohmann::json& value, const Place& place);

    /// Cuts `text` (valid UTF-8, below 4 GiB) at its matches, left to right: the spans cover all of it in
    /// order. Only a match can be empty, and never right behind another. An empty text is one span, no match.
    /// Throws Error(Format) when a match needs more than 10^7 steps, more than 64 MiB, or runs past the
    /// deadline. Result in `scratch.spans`.
    void split(std::string_view text, MatchScratch& scratch) const;

private:
    struct Compiled;
    std::string m_literal;
    std::shared_ptr<const Compiled> m_compiled;  ///< null for a fixed text
};

}  // namespace rheo
