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
    std::size_t repeated = 0;  ///< hook_resid_post left out: the next block's hook_resid_pre is the same
    std::size_t others = 0;    ///< names that are no states of the residual stream
};

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
