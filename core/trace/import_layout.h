#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/residual_point.h"

namespace rheo {

/// What an axis of an imported array counts.
enum class ImportAxis { Batch, Row, Point, Unit };

/// "batch,row,unit" as axes. Throws Error(InvalidArgument) for an unknown or repeated axis, or where unit, or
/// both row and batch, are missing.
std::vector<ImportAxis> parseLayout(std::string_view text);
std::string layoutName(const std::vector<ImportAxis>& layout);

/// a < b where numbers within names count as numbers: "resid.2" before "resid.10".
bool naturalLess(std::string_view a, std::string_view b);

/// How the names of arrays were read.
enum class ImportConvention {
    None,
    TransformerLens,  ///< blocks.L.hook_resid_pre, hook_resid_mid, hook_resid_post
    HiddenStates,     ///< a name with "hidden_states" in it, as Hugging Face models return them
};

/// Arrays to be imported, in order of depth.
struct ImportChoice {
    ImportConvention convention = ImportConvention::None;
    std::vector<std::size_t> arrays;    ///< indices of the names given
    std::vector<ResidualPoint> points;  ///< one an array; empty where names do not say
    /// hook_resid_post left out, and the next block's hook_resid_pre, which should be the same.
    struct Repeated {
        std::size_t left, kept;
    };
    std::vector<Repeated> repeated;
    std::vector<std::size_t> others;  ///< names that are no states of the residual stream
    std::vector<int>
        missingBlocks;  ///< between the first and the last, without any array; TransformerLens only
};

/// A name that says which sample an array holds: "prompt_3/layer_12" is sample 3 and the rest "layer_12".
struct SampleName {
    std::string sample;  ///< digits
    std::string rest;    ///< the name without "prompt_3"
};
/// Absent where no part of the name is a word for a sample (sample, prompt, text, sequence, document, batch
/// ...) with a number.
std::optional<SampleName> parseSampleName(std::string_view name);

/// Arrays beside the states that say what their tokens are.
enum class SideRole {
    None,
    Mask,      ///< attention_mask
    Lengths,   ///< lengths, seq_lengths ...
    TokenIds,  ///< input_ids, token_ids
};
/// By the last part of a name ("inputs/attention_mask").
SideRole sideRole(std::string_view name);

/// True if names differ in nothing but one number each ("arr_0", "arr_1").
bool isNumberedSeries(const std::vector<std::string>& names);
/// Numbers that are missing between the least and the greatest of a series, ascending, the first 100,000 at
/// most; empty where names are no series.
std::vector<std::int64_t> missingNumbers(const std::vector<std::string>& names);
/// Points that are missing between the first and the last block, where every block has the sites that any
/// has; about 100,000 at most.
std::vector<ResidualPoint> missingPoints(const std::vector<ResidualPoint>& points);

/// Chooses and orders arrays by their names. With TransformerLens names among them those alone are taken,
/// else with names of hidden states those alone. Where there is one state a block (no hook_resid_mid), points
/// are block_in.
ImportChoice chooseArrays(const std::vector<std::string>& names);

/// Reads `--sites`: names of sites that repeat from block to block ("attn_in,mlp_in", "block_in"), the last
/// point being `final` where "final" ends the list or one point is left over. `count`: points to name.
/// Throws Error(InvalidArgument, Mismatch) with the numbers that do not fit.
std::vector<ResidualPoint> pointsFromSites(std::string_view sites, std::int64_t count);
/// The same from the text of a JSON file: a list of names in order of depth, ["L00.attn_in", ...], or an
/// object with such a list as "points". `file` is for messages.
std::vector<ResidualPoint> pointsFromJson(std::string_view text, const std::string& file, std::int64_t count);

}  // namespace rheo
