#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/trace/trace.h"

namespace rheo {

/// By what the samples of two traces were found to be the same.
enum class MatchedBy {
    Nothing,   ///< they have other prompts: only what needs no pairs can be compared
    TokenIds,  ///< the same token ids: every row pairs with the row of its position
    Texts,     ///< the same text in other tokens: the last rows pair, if they are of the last token
    Numbers,   ///< neither trace says what its samples are: the same sample number and position
};
/// "nothing", "token ids", "texts", "sample numbers".
std::string_view matchedByName(MatchedBy by);

/// Rows of two traces that are of the same token of the same prompt.
struct MatchedRows {
    MatchedBy by = MatchedBy::Nothing;
    std::vector<std::int64_t> a, b;       ///< [pair] places among the rows that were given; `a` ascends
    std::vector<std::int32_t> sample;     ///< [pair] of A, numbered from 0 without gaps
    std::vector<std::int32_t> unit;       ///< [pair] what is drawn as one in resampling: sample or group
    std::vector<std::int32_t> position;   ///< [pair] of the token
    std::int64_t samples = 0, units = 0;  ///< how many there are
    std::int64_t count() const { return static_cast<std::int64_t>(a.size()); }
};

/// Some rows of a trace, by number, ascending.
struct RowsOfTrace {
    const TraceInfo& info;
    std::span<const std::int64_t> rows;
};

/// Pairs rows. Samples pair by their token ids, where both traces have them and any agree; else by their
/// texts; else, where neither says ids nor texts, by number. A prompt that comes more than once pairs in
/// order. Cost: n log n in rows and samples.
MatchedRows matchRows(const RowsOfTrace& a, const RowsOfTrace& b);

/// At most about `most` pairs, evenly: whole samples are left out while 100 remain, and then tokens, the same
/// positions in every sample. Numbered anew.
MatchedRows thinned(const MatchedRows& matched, std::int64_t most);

/// Those pairs alone, whose places are `keep`, ascending; numbered anew.
MatchedRows pickPairs(const MatchedRows& matched, std::span<const std::int64_t> keep);

/// For each pair, the pair whose row of B stands in its place in shuffle `repeat` of `seed`: of another
/// sample, and there the first, second, ... row as it is here, so that what a place alone has in common (that
/// of a first token) is kept and what a sample has is broken. Samples stand in a random order, those of a
/// group together, and each takes the place of the one that is so many samples on as the largest group holds.
/// Tokens of a sample go together, as far as both samples are as long; a row at a place that no other group
/// has stays, which makes the null greater. A bijection.
std::vector<std::int32_t> shuffledPairs(const MatchedRows& matched, std::uint64_t seed, std::uint64_t repeat);

}  // namespace rheo
