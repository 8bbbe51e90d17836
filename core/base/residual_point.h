#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rheo {

/// Where in a block a residual point lies.
enum class Site {
    AttnIn,   ///< before the attention norm
    MlpIn,    ///< attention added, before the MLP norm
    BlockIn,  ///< before a block whose attention and MLP run in parallel
    Final,    ///< after the last block, before the final norm
    Unnamed,  ///< a trace from elsewhere that does not say
};

/// A place in depth where the state is read. `block` is -1 for Final; for Unnamed it is the
/// number of the point.
struct ResidualPoint {
    int block = -1;
    Site site = Site::Final;
    friend bool operator==(const ResidualPoint&, const ResidualPoint&) = default;
};

/// "attn_in", "mlp_in", "block_in", "final", "unnamed": as stored in trace files.
std::string_view siteName(Site site);
std::optional<Site> parseSite(std::string_view name);

/// "L05.attn_in", "L05.mlp_in", "L05.block_in", "final"; "P07" for an unnamed point.
std::string pointName(const ResidualPoint& point);
/// The inverse of pointName; empty if the name is none. Does not ask whether a model has it.
std::optional<ResidualPoint> parsePointName(std::string_view name);

/// The points of a pre- or post-norm decoder of `layers` blocks in order of depth: 2 * layers + 1,
/// or layers + 1 with parallel blocks.
std::vector<ResidualPoint> residualPoints(int layers, bool parallelBlocks);

}  // namespace rheo
