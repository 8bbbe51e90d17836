#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/tokenizer/component.h"
#include "core/tokenizer/tokenizer_file.h"

namespace rheo {

/// The pieces of a vocabulary and their ids.
class Vocabulary {
public:
    /// Ids in 0 .. kMaxTokenIds-1. Throws Error(Format) for a piece or an id that stands twice.
    Vocabulary(std::vector<std::pair<std::string, std::int32_t>>&& pieces, const Place& place);
    Vocabulary(const Vocabulary&) = delete;
    Vocabulary& operator=(const Vocabulary&) = delete;

    std::optional<std::int32_t> id(std::string_view piece) const;
    /// Null when no piece has this id.
    const std::string* piece(std::int32_t id) const;
    /// How many pieces there are.
    std::size_t count() const { return m_ids.size(); }
    /// Highest id + 1.
    std::int64_t size() const { return static_cast<std::int64_t>(m_byId.size()); }

private:
    std::vector<std::string> m_pieces;
    std::vector<std::int32_t> m_byId;  ///< index into m_pieces, or -1
    std::unordered_map<std::string_view, std::int32_t> m_ids;
};

/// Byte-pair encoding (Sennrich et al. 2016) by a table of ranked merges.
class Bpe {
public:
    /// From the "model" of a tokenizer.json, whose vocabulary and merges are in `file` (and are moved
    /// from there). Throws Error(Format) for a merge of unknown pieces, Error(Unsupported) for
    /// Unigram, WordPiece, WordLevel, dropout, and settings that are not understood.
    Bpe(TokenizerFile& file, const Place& place);

    const Vocabulary& vocabulary() const { return *m_vocabulary; }

    /// Memory that encoding reuses from word to word. One a call.
    struct Scratch {
        struct Symbol {
            std::int32_t id;
            std::int32_t previous, next;  ///< -1 at the ends
            bool removed;
        };
        struct Candidate {
            std::uint32_t rank;
            std::int32_t position;  ///< of the left symbol
            std::int32_t id;        ///< of what the two become
        };
        std::vector<Symbol> symbols;
        std::vector<Candidate> queue;  ///< a heap, best merge first
        std::string spelling;
    };

    /// Appends the ids of one word (valid UTF-8, not empty). A character that the vocabulary cannot
    /// spell becomes its bytes, or the unknown token, or nothing, as the file says. Throws
    /// Error(Format) when the unknown token is needed and is not in the vocabulary.
    /// Cost: O(n log n) in the word's length.
    void encode(std::string_view word, std::vector<std::int32_t>& ids, Scratch& scratch) const;

private:
    struct Merge {
        std::uint32_t rank;
        std::int32_t id;
    };
    struct PairHash {
        std::size_t operator()(std::uint64_t pair) const {
            // Fibonacci hashing with the halves folded: neighbouring ids are the rule.
            pair ^= pair >> 32;
            return static_cast<std::size_t>(pair * 0x9E3779B97F4A7C15u);
        }
    };
    static std::uint64_t pairOf(std::int32_t left, std::int32_t right) {
        return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
               static_cast<std::uint32_t>(right);
    }

    void readMerges(const MergeList& merges, const Place& place);
    void spell(std::string_view word, Scratch& scratch) const;
    void merge(Scratch& scratch) const;
    void consider(std::int32_t left, std::int32_t right, std::int32_t position, Scratch& scratch) const;

    Place m_place;
    std::unique_ptr<const Vocabulary> m_vocabulary;
    std::unordered_map<std::uint64_t, Merge, PairHash> m_merges;
    std::array<std::int32_t, 256> m_byteIds{};  ///< of "<0x00>" to "<0xFF>", -1 where absent
    std::optional<std::string> m_unknown;
    std::string m_prefix;  ///< of pieces that do not begin a word
    std::string m_suffix;  ///< of pieces that end a word
    bool m_fuseUnknown = false;
    bool m_byteFallback = false;
    bool m_ignoreMerges = false;
};

}  // namespace rheo
