#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/tokenizer/component.h"
#include "core/tokenizer/regex.h"
#include "core/tokenizer/tokenizer_file.h"

namespace rheo {

/// The pieces of a vocabulary and their ids.
class Vocabulary {
public:
    /// Ids in 0 .. kMaxTokenIds-1. Throws Error(Format) for a piece or an id that occurs twice.
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

/// Memory that encoding reuses from word to word. One a call.
struct SubwordScratch {
    explicit SubwordScratch(const MatchScratch& deadline) : time(deadline) {}

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
    struct PathEnd {
        double score;
        std::int32_t begin;  ///< of the last piece of the best path; -1 where no path ends
        std::int32_t id;     ///< of that piece
    };

    const MatchScratch& time;
    std::vector<Symbol> symbols;   ///< BPE
    std::vector<Candidate> queue;  ///< BPE: a heap, best merge first
    std::string spelling;
    std::vector<PathEnd> paths;  ///< Unigram: [bytes + 1]
};

/// What turns a word into ids of its vocabulary. Immutable.
class SubwordModel {
public:
    virtual ~SubwordModel() = default;
    virtual const Vocabulary& vocabulary() const = 0;

    /// Appends the ids of one word (valid UTF-8, not empty). Throws Error(Format) when the unknown token is
    /// needed and the file has none, and past the deadline of `scratch`.
    virtual void encode(std::string_view word, std::vector<std::int32_t>& ids,
                        SubwordScratch& scratch) const = 0;
};

/// From the "model" of a tokenizer.json, whose vocabulary and merges are in `file` (and are moved from
/// there). Throws Error(Format) for a damaged one, Error(Unsupported) for WordPiece, WordLevel, dropout, and
/// settings that are not understood.
std::unique_ptr<const SubwordModel> makeSubwordModel(TokenizerFile& file, const Place& place);

}  // namespace rheo
