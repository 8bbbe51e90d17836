#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
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
    /// model.vocab: absent, {piece: id}, or a list as Unigram has (which is then skipped).
    enum class Vocabulary { Absent, Pieces, List } kind = Vocabulary::Absent;
    /// In order of the file; ids are in range, and may stand twice.
    std::vector<std::pair<std::string, std::int32_t>> vocabulary;
    bool hasMerges = false;
    MergeList merges;
};

/// Parses `json`; `name` stands for the file in messages. Throws Error(Format) with the place of what
/// is wrong: not JSON, a key twice, an id outside 0 .. kMaxTokenIds-1, a merge that is no pair, or any
/// of the limits above. Memory stays within about 10 times the text. Linear.
TokenizerFile readTokenizerFile(std::string_view json, const std::string& name);

}  // namespace rheo
