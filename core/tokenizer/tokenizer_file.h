#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rheo {

/// The merges of a BPE model in order of rank, kept compactly: they are half of a large file.
class MergeList {
public:
    std::size_t size() const { return m_parts.size(); }
    /// The two pieces that merge `rank` joins; valid while the list is unchanged.
    std::pair<std::string_view, std::string_view> operator[](std::size_t rank) const;
    void add(std::string_view left, std::string_view right);

private:
    struct Part {
        std::size_t begin;
        std::uint32_t left, right;  ///< bytes
    };
    std::string m_text;
    std::vector<Part> m_parts;
};

/// A tokenizer.json taken apart: the two parts that grow with the vocabulary as plain lists, the
/// small rest as JSON.
struct TokenizerFile {  // NOLINT(bugprone-exception-escape): json's move may only assert
    static constexpr std::size_t kMaxMerges = std::size_t{1} << 23;
    static constexpr std::size_t kMaxPieceBytes = std::size_t{1} << 16;
    static constexpr std::size_t kMaxValues = 2'000'000;  ///< in `rest`, keys apart
    static constexpr std::size_t kMaxDepth = 64;          ///< of `rest`

    nlohmann::json rest;  ///< the file without model.vocab and model.merges
    /// model.vocab: absent, {piece: id}, or as Unigram has it, a list of [piece, score].
    enum class Vocabulary { Absent, Pieces, List } kind = Vocabulary::Absent;
    /// In order of the file; ids are in range, and may occur twice. In a list, the id is the index.
    std::vector<std::pair<std::string, std::int32_t>> vocabulary;
    std::vector<double> scores;  ///< of a list: log probabilities, finite
    bool hasMerges = false;
    MergeList merges;

    /// Contents of added tokens that are put around a text.
    struct Around {
        std::vector<std::string> before, after;
    };
    std::optional<Around> around;  ///< in place of a post-processor
};

/// Parses `json`; `name` stands for the file in messages. Throws Error(Format) with the place of what
/// is wrong: not JSON, a key twice, an id outside 0 .. kMaxTokenIds-1, a merge that is no pair, or any
/// of the limits above. Memory stays within about 10 times the text. Linear.
TokenizerFile readTokenizerFile(std::string_view json, const std::string& name);

/// The same for a vocab.json, which holds {piece: id} and nothing else: fills `vocabulary`.
TokenizerFile readVocabularyFile(std::string_view json, const std::string& name);

/// Adds the merges of a merges.txt, one a line, two pieces with a space between; a line that begins with
/// "#version" and blank lines are skipped. Throws Error(Format) naming the line.
void readMergesText(std::string_view text, const std::string& name, TokenizerFile& file);

}  // namespace rheo
