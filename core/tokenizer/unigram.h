#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/tokenizer/byte_trie.h"
#include "core/tokenizer/subword_model.h"

namespace rheo {

/// Unigram language model (Kudo 2018): of all ways to cut a word into pieces, the one whose log probabilities
/// have the largest sum, found exactly by dynamic programming. A character that no piece covers alone counts
/// as an unknown piece, 10 below the least score; unknown pieces that touch become one.
class Unigram : public SubwordModel {
public:
    static constexpr std::size_t kMaxPiecesBytes = std::size_t{16} << 20;  ///< of all pieces together

    /// `model` is the "model" of a tokenizer.json. Throws Error(Format) for an `unk_id` that is no piece's,
    /// an empty piece, a score that is not finite, and beyond kMaxPiecesBytes.
    Unigram(Component& model, TokenizerFile& file);

    const Vocabulary& vocabulary() const override { return *m_vocabulary; }

    /// Cost: the length of the word times that of the longest piece that begins like it.
    void encode(std::string_view word, std::vector<std::int32_t>& ids,
                SubwordScratch& scratch) const override;

private:
    void findBestPath(std::string_view word, SubwordScratch& scratch) const;
    void append(std::string_view piece, std::vector<std::int32_t>& ids) const;
    std::int32_t unknown(std::string_view piece) const;

    Place m_place;
    std::unique_ptr<const Vocabulary> m_vocabulary;
    std::vector<double> m_scores;  ///< by id
    ByteTrie m_pieces;
    std::array<std::int32_t, 256> m_byteIds{};  ///< of "<0x00>" to "<0xFF>", -1 where absent
    std::optional<std::int32_t> m_unknown;
    double m_unknownScore = 0;
    bool m_byteFallback = false;
};

}  // namespace rheo
