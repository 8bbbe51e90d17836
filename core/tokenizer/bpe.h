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
#include "core/tokenizer/subword_model.h"
#include "core/tokenizer/tokenizer_file.h"

namespace rheo {

/// Byte-pair encoding (Sennrich et al. 2016) by a table of ranked merges.
class Bpe : public SubwordModel {
public:
    /// `model` is the "model" of a tokenizer.json. Throws Error(Format) for a merge of unknown pieces,
    /// Error(Unsupported) for dropout and settings that are not understood.
    Bpe(Component& model, TokenizerFile& file);

    const Vocabulary& vocabulary() const override { return *m_vocabulary; }

    /// A character that the vocabulary cannot spell becomes its bytes, or the unknown token, or nothing, as
    /// the file says. Cost: O(n log n) in the word's length.
    void encode(std::string_view word, std::vector<std::int32_t>& ids,
                SubwordScratch& scratch) const override;

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
    void spell(std::string_view word, SubwordScratch& scratch) const;
    void merge(SubwordScratch& scratch) const;
    void consider(std::int32_t left, std::int32_t right, std::int32_t position,
                  SubwordScratch& scratch) const;

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
